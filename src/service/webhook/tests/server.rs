//! An app server on loopback that answers as a test tells it.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Long enough for anything that happens at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Method, path and version.
    pub(super) line: String,
    /// By their names in lower case.
    pub(super) headers: HashMap<String, String>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The text of one key of the body.
    pub(super) fn text(&self, key: &str) -> String {
        self.json()[key].as_str().unwrap_or_default().to_owned()
    }
}

/// How a request is answered.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// With this status, these header lines (each ended by CR LF) and this body; the connection is kept.
    Http(u16, &'static str, String),
    /// With 200 and this body once [`AppServer::release`] has been called so often.
    Released(usize, String),
    /// With these bytes, and then the end of the connection; none: it ends without an answer.
    Bytes(Vec<u8>),
    /// Never.
    Silence,
}

pub(super) fn ok(body: &str) -> Answer {
    Answer::Http(200, "", body.to_owned())
}

pub(super) fn status(status: u16) -> Answer {
    Answer::Http(status, "", String::new())
}

/// Lives as long as the test's runtime.
pub(super) struct AppServer {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

type Script = dyn Fn(usize, &Seen) -> Answer + Send + Sync;

struct Shared {
    script: Box<Script>,
    seen: Mutex<Vec<Seen>>,
    /// How many requests have come; for those who wait for them.
    count: watch::Sender<usize>,
    released: watch::Sender<usize>,
    connections: AtomicUsize,
    /// Requests without an answer yet, and the most there ever were.
    under_way: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl AppServer {
    /// `script` is told how many requests there were before, and this one.
    pub(super) async fn start(
        script: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            seen: Mutex::default(),
            count: watch::Sender::new(0),
            released: watch::Sender::new(0),
            connections: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        });
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepting.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(Arc::clone(&accepting).serve(stream));
            }
        });
        Self { addr, shared }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook?from=shardcast", self.addr)
    }

    /// All requests so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// The most requests that were ever without an answer.
    pub(super) fn most_at_once(&self) -> usize {
        self.shared.most_at_once.load(Ordering::Relaxed)
    }

    /// Waits until there have been so many requests.
    pub(super) async fn until_seen(&self, count: usize) {
        let mut seen = self.shared.count.subscribe();
        within(seen.wait_for(|seen| *seen >= count)).await.unwrap();
    }

    /// Lets one more request of those that wait for it have its answer.
    pub(super) fn release(&self) {
        self.shared.released.send_modify(|released| *released += 1);
    }
}

impl Shared {
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some(seen) = read_request(&mut stream).await {
            let index = {
                let mut all = self.seen.lock().unwrap();
                all.push(seen.clone());
                all.len() - 1
            };
            let under_way = 1 + self.under_way.fetch_add(1, Ordering::Relaxed);
            self.most_at_once.fetch_max(under_way, Ordering::Relaxed);
            self.count.send_modify(|count| *count += 1);
            let bytes = match (self.script)(index, &seen) {
                Answer::Http(status, headers, body) => http(status, headers, &body),
                Answer::Released(needed, body) => {
                    let mut released = self.released.subscribe();
                    released
                        .wait_for(|released| *released >= needed)
                        .await
                        .unwrap();
                    http(200, "", &body)
                }
                Answer::Bytes(bytes) => {
                    stream.write_all(&bytes).await.ok();
                    return;
                }
                Answer::Silence => return std::future::pending().await,
            };
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            // A client that has read enough may be gone.
            if stream.write_all(&bytes).await.is_err() {
                return;
            }
        }
    }
}

fn http(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} \r\nContent-Length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut headers = HashMap::new();
    loop {
        let mut header = String::new();
        if stream.read_line(&mut header).await.ok()? == 0 {
            return None;
        }
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length: usize = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen {
        line: line.trim_end().to_owned(),
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

/// Fails a test that would wait for ever.
pub(super) async fn within<T>(event: impl Future<Output = T>) -> T {
    let patient = tokio::time::timeout(PATIENCE, event);
    patient.await.expect("it happens in time")
}
