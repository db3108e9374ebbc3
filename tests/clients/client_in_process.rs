//! `tokio-tungstenite`, on a thread of its own.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderMap;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::client::{Command, Driven, Event};

/// Connects in the background.
pub(crate) fn start(url: &str, subprotocols: &[&str]) -> (Box<dyn Driven>, Receiver<Event>) {
    let (commands, orders) = unbounded_channel();
    let (tell, events) = mpsc::channel();
    let url = url.to_owned();
    let subprotocols = subprotocols.join(", ");
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .expect("a runtime");
        if let Err(error) = runtime.block_on(run(&url, &subprotocols, orders, &tell)) {
            // Nobody listens any more if the test is over.
            let _ = tell.send(Event::Failed(error.to_string()));
        }
    });
    (Box::new(commands), events)
}

impl Driven for UnboundedSender<Command> {
    fn order(&mut self, command: Command) {
        self.send(command).expect("the client runs");
    }
}

async fn run(
    url: &str,
    subprotocols: &str,
    mut orders: UnboundedReceiver<Command>,
    tell: &Sender<Event>,
) -> Result<(), Error> {
    let mut request = url.into_client_request()?;
    if !subprotocols.is_empty() {
        let offer = subprotocols.parse().expect("a header's text");
        request.headers_mut().insert(SUBPROTOCOL, offer);
    }
    let (mut socket, response) = connect_async(request).await?;
    let _ = tell.send(Event::Open {
        subprotocol: header(response.headers(), SUBPROTOCOL),
        extensions: header(response.headers(), "sec-websocket-extensions"),
    });
    // 1005 stands for a Close frame without a code.
    let mut said = (1005, String::new());
    loop {
        tokio::select! {
            command = orders.recv() => match command {
                Some(Command::Send(text)) => socket.send(Message::text(text)).await?,
                Some(Command::Ping(payload)) => {
                    socket.send(Message::Ping(payload.into())).await?;
                }
                Some(Command::Close(code)) => {
                    let frame = CloseFrame { code: code.into(), reason: "".into() };
                    socket.close(Some(frame)).await?;
                }
                None => return Ok(()),
            },
            message = socket.next() => {
                let event = match message.transpose()? {
                    Some(Message::Text(text)) => Event::Text(text.to_string()),
                    Some(Message::Pong(payload)) => {
                        Event::Pong(String::from_utf8_lossy(&payload).into_owned())
                    }
                    // Read on: the answer goes out then, and the server closes.
                    Some(Message::Close(frame)) => {
                        if let Some(frame) = frame {
                            said = (frame.code.into(), frame.reason.to_string());
                        }
                        continue;
                    }
                    Some(Message::Ping(_)) => continue,
                    Some(Message::Binary(_) | Message::Frame(_)) => {
                        Event::Failed("a message that no strav client expects".to_owned())
                    }
                    None => {
                        let (code, reason) = std::mem::take(&mut said);
                        Event::Closed { code, reason }
                    }
                };
                let is_last = matches!(event, Event::Closed { .. });
                if tell.send(event).is_err() || is_last {
                    return Ok(());
                }
            }
        }
    }
}

fn header(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).map(|value| value.to_str());
    value.unwrap_or(Ok("")).expect("a text").to_owned()
}

const SUBPROTOCOL: &str = "sec-websocket-protocol";
