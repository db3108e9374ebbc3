//! A blocking HTTP client that shares no code with the server: one connection for each request, or one
//! that is kept.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::PATIENCE;

/// An answer, read to the end of its connection.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and headers.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    fn new(head: &str, body: &str) -> Self {
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Self {
            status: status.unwrap_or_else(|| panic!("{head:?} has no status")),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// The body, which must be JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{self:?}: {error}"))
    }

    /// The body of an answer that must be 200.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }
}

/// Sends one request; `Host` is the address unless `headers` have one.
pub(crate) fn send(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        head.push_str(&format!("Host: {addr}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));

    let mut stream = TcpStream::connect(addr).expect("the API accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    stream.set_write_timeout(Some(PATIENCE)).expect("not zero");
    stream.write_all(head.as_bytes()).expect("the API reads");
    // The API may have answered before it has read all of it.
    let _gone = stream.write_all(body.as_bytes());
    let mut received = Vec::new();
    match stream.read_to_end(&mut received) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{path}: {error}"),
        _ => {}
    }
    let received = String::from_utf8(received).expect("text");
    let (head, body) = received
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{received:?} is no answer"));
    Answer::new(head, body)
}

/// Asks for a path.
pub(crate) fn get(addr: SocketAddr, path: &str) -> Answer {
    send(addr, "GET", path, &[], "")
}

/// Sends JSON.
pub(crate) fn post(addr: SocketAddr, path: &str, json: &str) -> Answer {
    let headers = [("Content-Type", "application/json")];
    send(addr, "POST", path, &headers, json)
}

/// A connection for any number of requests, one after the other.
pub(crate) struct Kept {
    addr: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Kept {
    /// Connects. That the API has accepted is known when it has answered something.
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("the API listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("not zero");
        Self {
            addr,
            stream: BufReader::new(stream),
        }
    }

    /// Asks for a path, and waits for the answer.
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "");
        self.answer()
    }

    /// Sends a request with JSON, or with nothing.
    pub(crate) fn ask(&mut self, method: &str, path: &str, json: &str) {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{json}",
            self.addr,
            json.len()
        );
        let stream = self.stream.get_mut();
        stream.write_all(request.as_bytes()).expect("the API reads");
    }

    /// Waits for the answer to the request before.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = self.stream.read_line(&mut head).expect("an answer");
            assert!(read > 0, "the API ended the connection after {head:?}");
        }
        let length = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, length)| length.parse().ok());
        let mut body = vec![0; length.unwrap_or_else(|| panic!("{head:?} tells no length"))];
        self.stream.read_exact(&mut body).expect("the whole body");
        Answer::new(head.trim_end(), &String::from_utf8(body).expect("text"))
    }
}
