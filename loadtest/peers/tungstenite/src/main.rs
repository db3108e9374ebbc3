//! A peer to measure against: tokio-tungstenite, as programs on tokio mostly use it: a task for each connection, a broadcast channel
//! for each topic, and whatever a channel holds written in one go. Messages are encoded once and shared. It speaks the
//! frames of a strav endpoint: welcome, sub -> ok, unsub, pub -> msg. A client has one topic, as those of the harness do: a second
//! one takes the place of the first.
//!
//! PORT sets the port; without it 7101. The runtime has one thread.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

/// Publications that a topic keeps for its slowest subscriber; one that is further behind loses some, which the harness counts.
const KEPT: usize = 4_096;

/// What may wait for a slow reader: a burst for it must not be refused.
const WRITE_BYTES_MAX: usize = 16 << 20;

#[derive(Default)]
struct Server {
    topics: RefCell<HashMap<String, Sender<Utf8Bytes>>>,
    last_id: RefCell<u64>,
}

#[derive(Deserialize)]
struct Frame<'a> {
    t: &'a str,
    c: &'a str,
    e: Option<&'a str>,
    #[serde(borrow)]
    d: Option<&'a RawValue>,
}

impl Server {
    /// Ids are as long as those of real servers (26 characters) and as cheap as can be.
    fn next_id(&self) -> String {
        let mut last = self.last_id.borrow_mut();
        *last += 1;
        format!("{last:026}")
    }

    fn subscribe(&self, topic: &str) -> Receiver<Utf8Bytes> {
        let mut topics = self.topics.borrow_mut();
        let sender = topics.entry(topic.to_owned());
        sender
            .or_insert_with(|| broadcast::channel(KEPT).0)
            .subscribe()
    }

    fn publish(&self, frame: &Frame<'_>) {
        let topics = self.topics.borrow();
        let (Some(sender), Some(event), Some(data)) = (topics.get(frame.c), frame.e, frame.d)
        else {
            return;
        };
        let (topic, id) = (frame.c, self.next_id());
        let text = format!(r#"{{"t":"msg","c":"{topic}","e":"{event}","d":{data},"i":"{id}"}}"#);
        // An error says that nobody subscribes any more.
        let _ = sender.send(text.into());
    }

    async fn serve(self: Rc<Self>, stream: TcpStream) -> Result<(), Error> {
        stream.set_nodelay(true)?;
        let config = WebSocketConfig::default().max_write_buffer_size(WRITE_BYTES_MAX);
        let mut socket = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await?;
        let welcome = format!(r#"{{"t":"welcome","id":"{}"}}"#, self.next_id());
        socket.send(Message::text(welcome)).await?;
        let mut topic: Option<Receiver<Utf8Bytes>> = None;
        loop {
            tokio::select! {
                incoming = socket.next() => match incoming {
                    Some(Ok(Message::Text(text))) => self.handle(&text, &mut topic, &mut socket).await?,
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error),
                    None => return Ok(()),
                },
                first = next(&mut topic) => {
                    if let Some(text) = first {
                        socket.feed(Message::Text(text)).await?;
                    }
                    while let Some(Ok(text)) = topic.as_mut().map(Receiver::try_recv) {
                        socket.feed(Message::Text(text)).await?;
                    }
                    socket.flush().await?;
                }
            }
        }
    }

    async fn handle(
        &self,
        text: &str,
        topic: &mut Option<Receiver<Utf8Bytes>>,
        socket: &mut WebSocketStream<TcpStream>,
    ) -> Result<(), Error> {
        let Ok(frame) = serde_json::from_str::<Frame<'_>>(text) else {
            return Ok(());
        };
        match frame.t {
            "pub" => self.publish(&frame),
            "sub" => {
                *topic = Some(self.subscribe(frame.c));
                let ok = format!(r#"{{"t":"ok","c":"{}"}}"#, frame.c);
                socket.send(Message::text(ok)).await?;
            }
            "unsub" => *topic = None,
            _ => {}
        }
        Ok(())
    }
}

/// The next publication of the topic, if there is one; `None` when some were lost.
async fn next(topic: &mut Option<Receiver<Utf8Bytes>>) -> Option<Utf8Bytes> {
    match topic {
        Some(receiver) => receiver.recv().await.ok(),
        None => std::future::pending().await,
    }
}

fn main() -> std::io::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("--version") {
        println!("tokio-tungstenite 0.30.0");
        return Ok(());
    }
    let port: u16 = match std::env::var("PORT").map(|port| port.parse()) {
        Ok(Ok(port)) => port,
        Ok(Err(error)) => return Err(std::io::Error::other(format!("PORT: {error}"))),
        Err(_) => 7_101,
    };
    let tasks = tokio::task::LocalSet::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    tasks.block_on(&runtime, async {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
        let listener = socket.listen(4_096)?;
        println!(
            "listening on ws://{}/ pid {}",
            listener.local_addr()?,
            std::process::id()
        );
        let server = Rc::new(Server::default());
        loop {
            let (stream, _) = listener.accept().await?;
            let server = Rc::clone(&server);
            tokio::task::spawn_local(async move {
                // A client that has gone is no error of the server.
                let _ = server.serve(stream).await;
            });
        }
    })
}
