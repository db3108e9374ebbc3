//! Clients under Node and Python: a small script each, commands on its standard input and events on
//! its standard output, one JSON object per line.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{self, Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use serde_json::{Value, json};

use crate::client::{Command, Driven, Event};

/// Node with `ws`, about to run this script.
pub(crate) fn node(script: &str) -> process::Command {
    let folder = installed("node", "package.json", "installed.json");
    let mut command = process::Command::new("node");
    command.env("NODE_PATH", folder.join("node_modules"));
    command.arg(scripts().join("node").join(script));
    command
}

/// Python with `websockets`, about to run its script.
pub(crate) fn python() -> process::Command {
    let folder = installed("python", "requirements.txt", "installed.txt");
    let mut command = process::Command::new(folder.join("bin/python"));
    command.arg(scripts().join("python/client.py"));
    command
}

/// Runs a client that connects.
pub(crate) fn start(
    mut command: process::Command,
    url: &str,
    subprotocols: &[&str],
) -> (Box<dyn Driven>, Receiver<Event>) {
    let mut child = command
        .arg(url)
        .args(subprotocols)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} cannot run ({error}): {HOW_TO_INSTALL}"));
    let stdin = child.stdin.take().expect("piped");
    let stdout = BufReader::new(child.stdout.take().expect("piped"));
    let (tell, events) = mpsc::channel();
    thread::spawn(move || {
        for line in stdout.lines() {
            let line = line.expect("a pipe of text");
            let event = parse(&line).unwrap_or(Event::Failed(line));
            if tell.send(event).is_err() {
                return;
            }
        }
    });
    (Box::new(Script { child, stdin }), events)
}

struct Script {
    child: Child,
    stdin: ChildStdin,
}

impl Driven for Script {
    fn order(&mut self, command: Command) {
        let command = match command {
            Command::Send(text) => json!({ "send": text }),
            Command::Ping(payload) => json!({ "ping": payload }),
            Command::Close(code) => json!({ "close": code }),
        };
        writeln!(self.stdin, "{command}").expect("the script reads");
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // It may have ended by itself, which is no fault here.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn parse(line: &str) -> Option<Event> {
    let event: Value = serde_json::from_str(line).ok()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (name, value) = event.as_object()?.iter().next()?;
    Some(match name.as_str() {
        "open" => Event::Open {
            subprotocol: text(&value["subprotocol"])?,
            extensions: text(&value["extensions"])?,
        },
        "text" => Event::Text(text(value)?),
        "pong" => Event::Pong(text(value)?),
        "closed" => Event::Closed {
            code: value["code"].as_u64()?.try_into().ok()?,
            reason: text(&value["reason"])?,
        },
        _ => return None,
    })
}

/// The folder below `target` where a language's client is installed, in the version that is wanted.
fn installed(language: &str, wanted: &str, note: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let folder = target.expect("target").join("clients").join(language);
    let wanted = fs::read(scripts().join(language).join(wanted)).expect("a file of this project");
    let noted = fs::read(folder.join(note)).unwrap_or_default();
    assert!(
        noted == wanted,
        "the {language} client is not installed: {HOW_TO_INSTALL}"
    );
    folder
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

pub(crate) const HOW_TO_INSTALL: &str = "run tests/run, which installs what these tests need";
