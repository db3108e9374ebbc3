//! Goal: what a browser does by itself (origins, pings, Close frames, one process for many tabs) goes
//! together with what pages of the dialect shared-websocket expect.
//! Method: two tabs of a headless Chromium, each with a few sockets, report all that happens to
//! them to a server of this test.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use serde_json::{Value, json};

use super::support::http::post;
use super::support::token::{KEY_FLAG, token_of};
use super::support::{PATIENCE, Server};
use crate::client_in_script::HOW_TO_INSTALL;

/// What Chromium is called by those who package it.
const BROWSERS: [&str; 4] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
];

const PAGE: &str = include_str!("page.html");

const TABS: usize = 2;
/// Of each tab; one more has a wrong token.
const SOCKETS: usize = 3;

/// A browser with a profile of its own, gone after its test.
struct Browser {
    process: Child,
    profile: PathBuf,
    control: SocketAddr,
}

impl Browser {
    fn start() -> Self {
        let profile = format!("shardcast-browser-{}", std::process::id());
        let profile = std::env::temp_dir().join(profile);
        let start = |name: &&str| {
            Command::new(name)
                .args(["--headless", "--disable-gpu", "--no-first-run"])
                // Tabs are opened through the port; the sandbox does not work for root.
                .args(["--remote-debugging-port=0", "--no-sandbox"])
                .arg(format!("--user-data-dir={}", profile.display()))
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .ok()
        };
        let process = BROWSERS.iter().find_map(start);
        let mut process =
            process.unwrap_or_else(|| panic!("there is no Chromium: {HOW_TO_INSTALL}"));
        let said = BufReader::new(process.stderr.take().expect("piped"));
        let mut said = said.lines().map(|line| line.expect("text"));
        let control = said.find_map(|line| {
            let rest = line.strip_prefix("DevTools listening on ws://")?;
            rest.split_once('/')?.0.parse().ok()
        });
        // It blocks once nobody reads what it says.
        thread::spawn(move || said.for_each(drop));
        Self {
            process,
            profile,
            control: control.expect("it says where it is controlled"),
        }
    }

    fn open_tab(&self, url: &str) {
        // Else the address would end there.
        let url = url.replace('&', "%26");
        let mut stream = TcpStream::connect(self.control).expect("the browser accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        let host = self.control;
        write!(
            stream,
            "PUT /json/new?{url} HTTP/1.1\r\nHost: {host}\r\n\r\n"
        )
        .expect("it reads");
        let mut status = String::new();
        let read = BufReader::new(stream).read_line(&mut status);
        read.expect("an answer");
        assert!(status.starts_with("HTTP/1.1 200 "), "{status}");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
        let _gone = fs::remove_dir_all(&self.profile);
    }
}

/// Gives the page to whoever asks, and hands on what it reports.
fn serve_page() -> (SocketAddr, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let (tell, reports) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, tell) = (stream.expect("a browser"), tell.clone());
            thread::spawn(move || answer(&stream, &tell));
        }
    });
    (addr, reports)
}

/// One request. A browser opens connections that it may not use: their end is no fault.
fn answer(stream: &TcpStream, tell: &Sender<Value>) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new(stream);
    let (mut head, mut body_len) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let start = head.len();
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
        let line = head[start..].to_ascii_lowercase();
        if let Some(len) = line.strip_prefix("content-length:") {
            body_len = len.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; body_len];
    reader.read_exact(&mut body).ok()?;
    let page = if head.starts_with("POST /report ") {
        // The test may be over.
        let _over = tell.send(serde_json::from_slice(&body).expect("JSON"));
        ""
    } else {
        PAGE
    };
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length:";
    let mut writer = stream;
    write!(writer, "{head} {}\r\n\r\n{page}", page.len()).ok()
}

/// What the sockets of all tabs report.
struct Reports {
    all: Receiver<Value>,
    /// Tabs whose socket with a wrong token has ended.
    turned_away: usize,
}

impl Reports {
    fn next(&mut self) -> Value {
        self.all.recv_timeout(PATIENCE).expect("a report")
    }

    /// Waits until each socket of each tab has reported each of these, once and nothing else.
    fn expect_of_each(&mut self, expected: &[Value]) {
        let mut seen = HashSet::new();
        while seen.len() < expected.len() * TABS * SOCKETS {
            let mut report = self.next();
            if report["socket"] == SOCKETS {
                self.check_turned_away(&report);
                continue;
            }
            assert!(seen.insert(report.to_string()), "{report} came twice");
            let report = report.as_object_mut().expect("an object");
            report.retain(|key, _| key != "tab" && key != "socket");
            let what = Value::from(std::mem::take(report));
            assert!(expected.contains(&what), "{what}");
        }
    }

    fn check_turned_away(&mut self, report: &Value) {
        assert_eq!(report["code"], 1008);
        self.turned_away += 1;
    }

    /// Waits for the sockets with wrong tokens.
    fn expect_turned_away(&mut self) {
        while self.turned_away < TABS {
            let report = self.next();
            assert_eq!(report["socket"], SOCKETS, "{report}");
            self.check_turned_away(&report);
        }
    }
}

#[test]
fn sockets_of_all_tabs_get_each_event_once_and_end_with_the_servers_code() {
    let (page, all) = serve_page();
    let mut reports = Reports {
        all,
        turned_away: 0,
    };
    let origin = format!("--allow-origin=http://{page}");
    let flags = [
        "--endpoint=/events=shared-websocket",
        "--allow-publish=private:room:answer",
        "--ping-interval=200ms",
        "--shards=2",
        KEY_FLAG,
        &origin,
    ];
    let mut server = Server::start(&flags);
    let browser = Browser::start();
    for tab in 1..=TABS {
        let (token, addr) = (token_of("u1"), server.addr);
        browser.open_tab(&format!(
            "http://{page}/?tab={tab}&token={token}&server=ws://{addr}/events"
        ));
    }
    reports.expect_of_each(&[json!({"frame": {"type": "pong"}})]);
    reports.expect_turned_away();

    let api = server.api.expect("the banner names the API");
    let ask = r#"{"channel":"private:room","event":"ask","data":[1]}"#;
    let reached = post(api, "/v1/publish", ask).ok()["subscribers"].clone();
    assert_eq!(reached, TABS * SOCKETS);
    let asked = json!({"frame": {"event": "private:room:ask", "data": [1]}});
    let from = json!({"from": "the first"});
    let answered = json!({"frame": {"event": "private:room:answer", "data": from}});
    reports.expect_of_each(&[asked, answered]);

    server.signal("TERM");
    reports.expect_of_each(&[json!({"code": 1001})]);
    assert!(server.wait().success());
}
