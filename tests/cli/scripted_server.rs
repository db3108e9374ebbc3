//! A server for one connection that says what a test tells it to.

use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use tungstenite::{Message, WebSocket};

/// The server's end of the connection.
pub(crate) struct Peer {
    socket: WebSocket<TcpStream>,
}

impl Peer {
    /// Sends a frame.
    pub(crate) fn say(&mut self, frame: &str) {
        self.socket.send(Message::text(frame)).unwrap();
    }

    /// Reads a frame and demands that it is this one.
    pub(crate) fn hear(&mut self, frame: &str) {
        assert_eq!(self.next(), frame);
    }

    /// Reads the `sub` of the probe that follows a publish, and gives its channel.
    pub(crate) fn hear_probe(&mut self) -> String {
        let frame = self.next();
        let channel = frame
            .strip_prefix(r#"{"t":"sub","c":""#)
            .and_then(|rest| rest.strip_suffix(r#""}"#));
        channel.expect("a sub frame").to_owned()
    }

    /// Closes with a code, and waits for the other side to go.
    pub(crate) fn close(mut self, code: u16) {
        let frame = tungstenite::protocol::CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        self.socket.close(Some(frame)).unwrap();
        while self.socket.read().is_ok() {}
    }

    /// Waits for the other side to go.
    pub(crate) fn wait_for_end(mut self) {
        while self.socket.read().is_ok() {}
    }

    fn next(&mut self) -> String {
        loop {
            match self.socket.read().unwrap() {
                Message::Text(text) => return text.to_string(),
                Message::Close(_) => panic!("the client left"),
                _ => {}
            }
        }
    }
}

/// Serves one connection by `script`; gives the URL, and the thread that fails if the script does.
pub(crate) fn serve(script: impl FnOnce(Peer) + Send + 'static) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/_broadcast", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        let mut peer = Peer {
            socket: tungstenite::accept(tcp).unwrap(),
        };
        peer.say(r#"{"t":"welcome","id":"01M7W7FG1995BEJN09TH3ZZT04"}"#);
        script(peer);
    });
    (url, thread)
}
