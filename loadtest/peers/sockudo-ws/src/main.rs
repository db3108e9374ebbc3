//! A peer to measure against: sockudo-ws on compio, which uses io_uring, with the topics that come with it (`PubSub`), as its
//! documentation has them: a queue for each connection, from which its writer sends. Messages are encoded once and shared. It speaks the
//! frames of a strav endpoint: welcome, sub -> ok, unsub, pub -> msg.
//!
//! PORT sets the port; without it 7101. The runtime has one thread.

use std::cell::Cell;
use std::rc::Rc;

use compio::net::{TcpSocket, TcpStream};
use serde::Deserialize;
use serde_json::value::RawValue;
use sockudo_ws::compio::accept_async;
use sockudo_ws::pubsub::{PubSub, SubscriberId};
use sockudo_ws::{Config, Message, Result};
use tokio::sync::mpsc::{self, UnboundedSender};

struct Server {
    topics: PubSub,
    last_id: Cell<u64>,
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
        self.last_id.set(self.last_id.get() + 1);
        format!("{:026}", self.last_id.get())
    }

    async fn serve(self: Rc<Self>, stream: TcpStream) -> Result<()> {
        // Idle clients stay: the harness measures them.
        let config = Config::builder().idle_timeout(0).auto_ping(false).build();
        stream.set_nodelay(true)?;
        let (socket, _) = accept_async(stream, config).await?;
        let (mut reader, mut writer) = socket.split();
        let (sender, mut queue) = mpsc::unbounded_channel();
        let welcome = format!(r#"{{"t":"welcome","id":"{}"}}"#, self.next_id());
        // It fails only when the queue below is gone.
        let _ = sender.send(Message::text(welcome));
        let subscriber = self.topics.create_subscriber(sender.clone());
        compio::runtime::spawn(async move {
            while let Some(message) = queue.recv().await {
                if writer.send(message).await.is_err() {
                    return;
                }
            }
        })
        .detach();
        while let Some(message) = reader.next().await {
            match message {
                Ok(Message::Text(text)) => self.handle(&text, subscriber, &sender),
                Ok(Message::Close(_)) | Err(_) => break,
                Ok(_) => {}
            }
        }
        self.topics.remove_subscriber(subscriber);
        Ok(())
    }

    fn handle(&self, text: &[u8], subscriber: SubscriberId, sender: &UnboundedSender<Message>) {
        let Ok(frame) = serde_json::from_slice::<Frame<'_>>(text) else {
            return;
        };
        let topic = frame.c;
        match (frame.t, frame.e, frame.d) {
            ("pub", Some(event), Some(data)) => {
                let id = self.next_id();
                let text =
                    format!(r#"{{"t":"msg","c":"{topic}","e":"{event}","d":{data},"i":"{id}"}}"#);
                self.topics.publish(topic, Message::text(text));
            }
            ("sub", ..) => {
                self.topics.subscribe(subscriber, topic);
                let ok = format!(r#"{{"t":"ok","c":"{topic}"}}"#);
                let _ = sender.send(Message::text(ok));
            }
            ("unsub", ..) => {
                self.topics.unsubscribe(subscriber, topic);
            }
            _ => {}
        }
    }
}

fn main() -> std::io::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("--version") {
        println!("sockudo-ws 3.1.0");
        return Ok(());
    }
    let port: u16 = match std::env::var("PORT").map(|port| port.parse()) {
        Ok(Ok(port)) => port,
        Ok(Err(error)) => return Err(std::io::Error::other(format!("PORT: {error}"))),
        Err(_) => 7_101,
    };
    compio::runtime::Runtime::new()?.block_on(async {
        let socket = TcpSocket::new_v4().await?;
        socket.set_reuseaddr(true)?;
        socket.bind(([127, 0, 0, 1], port).into()).await?;
        let listener = socket.listen(4_096).await?;
        println!(
            "listening on ws://{}/ pid {}",
            listener.local_addr()?,
            std::process::id()
        );
        let server = Rc::new(Server {
            topics: PubSub::new(),
            last_id: Cell::new(0),
        });
        loop {
            let (stream, _) = listener.accept().await?;
            let server = Rc::clone(&server);
            compio::runtime::spawn(async move {
                // A client that has gone is no error of the server.
                let _ = server.serve(stream).await;
            })
            .detach();
        }
    })
}
