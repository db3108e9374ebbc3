//! Goal: a client that others could have written, with WebCrypto, reads what an ignis endpoint encrypts
//! for it, in order, and nobody else's keys are its own.
//! Method: two of them under Node, and the API for what they are sent.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use super::on_each_driver;
use super::support::Server;
use super::support::http::post;
use super::support::token::{KEY_FLAG, token_of};
use crate::client_in_script::node;

const INFO: &str = "tests-v1";

const FLAGS: [&str; 5] = [
    KEY_FLAG,
    "--endpoint=/ws=ignis",
    "--ignis-encryption=required",
    "--ignis-encryption-info=tests-v1",
    "--ignis-default-rooms=news",
];

struct Reader {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    ivs: HashSet<String>,
}

impl Reader {
    /// A client that is connected, and has seen in the clear what it needs for the rest.
    fn connect(server: &Server, user: &str) -> Self {
        let mut child = node("ignis.cjs")
            .arg(format!("ws://{}/ws", server.addr))
            .args([&token_of(user), INFO])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Node runs");
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut reader = Self {
            child,
            stdin,
            stdout,
            ivs: HashSet::new(),
        };
        let event = reader.event();
        let clear = event["clear"].as_str().unwrap_or_else(|| panic!("{event}"));
        let connected: Value = serde_json::from_str(clear).expect("JSON");
        assert_eq!(connected["event"], "connected");
        assert_eq!(connected["data"]["userId"], user);
        reader
    }

    fn event(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a pipe of text");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line:?}"))
    }

    /// The next frame, which must have been encrypted, and under an IV of its own.
    fn encrypted(&mut self) -> String {
        let event = self.event();
        let iv = event["iv"].as_str().unwrap_or_else(|| panic!("{event}"));
        assert!(self.ivs.insert(iv.to_owned()), "an IV twice");
        event["encrypted"].as_str().expect("a text").to_owned()
    }

    fn say(&mut self, text: &str) {
        writeln!(self.stdin, "{text}").expect("the script reads");
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It may have ended by itself, which is no fault here.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn error_frame(message: &str) -> String {
    format!(r#"{{"event":"error","data":{{"message":"{message}"}}}}"#)
}

#[test]
fn node_with_webcrypto() {
    on_each_driver(&FLAGS, |server| {
        let api = server.api.expect("the banner names the API");
        let mut readers = ["u1", "u2"].map(|user| Reader::connect(server, user));
        for number in 0..100 {
            let publish = json!({"channel": "news", "event": "e", "data": {"n": number}});
            let answer = post(api, "/v1/publish", &publish.to_string()).ok();
            assert_eq!(answer["subscribers"], 2, "{answer}");
        }
        for reader in &mut readers {
            for number in 0..100 {
                let expected = format!(r#"{{"event":"e","data":{{"n":{number}}}}}"#);
                assert_eq!(reader.encrypted(), expected);
            }
            reader.say("{");
            assert_eq!(reader.encrypted(), error_frame("Invalid message format"));
        }
    });
}
