//! An app server as a webhook meets one: it keeps what it is asked, and answers as a test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::wait_until;

/// What is answered: status, further header lines, body.
pub(crate) type Reply = (u16, &'static str, Value);

type Script = Arc<dyn Fn(&Value) -> Reply + Send + Sync>;

/// A server on a port of its own; it ends with the test's process.
pub(crate) struct AppServer {
    addr: SocketAddr,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl AppServer {
    pub(crate) fn start(script: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (script, kept): (Script, _) = (Arc::new(script), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (script, kept) = (Arc::clone(&script), Arc::clone(&kept));
                std::thread::spawn(move || serve(&stream, &*script, &kept));
            }
        });
        Self { addr, asked }
    }

    /// The flag of a server that asks this one.
    pub(crate) fn flag(&self) -> String {
        format!("--webhook-url=http://{}/hook", self.addr)
    }

    /// Everything of one type that it was asked or told so far.
    pub(crate) fn asked(&self, kind: &str) -> Vec<Value> {
        let asked = self.asked.lock().expect("nothing panics while it is held");
        let of_kind = asked.iter().filter(|call| call["type"] == kind);
        of_kind.cloned().collect()
    }

    /// Waits until there are so many of one type.
    pub(crate) fn wait_for(&self, kind: &str, count: usize) -> Vec<Value> {
        wait_until(kind, || self.asked(kind).len() >= count);
        self.asked(kind)
    }
}

fn serve(
    stream: &TcpStream,
    script: &(dyn Fn(&Value) -> Reply + Send + Sync),
    asked: &Mutex<Vec<Value>>,
) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().expect("a number");
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let call: Value = serde_json::from_slice(&body).expect("the server sends JSON");
        asked
            .lock()
            .expect("nothing panics while it is held")
            .push(call.clone());
        let (status, headers, answer) = script(&call);
        let answer = answer.to_string();
        let response = format!(
            "HTTP/1.1 {status} X\r\n{headers}Content-Type: application/json\r\nContent-Length: \
             {}\r\n\r\n{answer}",
            answer.len()
        );
        if (&mut &*stream).write_all(response.as_bytes()).is_err() {
            return;
        }
    }
}
