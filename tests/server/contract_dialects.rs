//! What a run of the contract suite needs where its clients speak all dialects in one app: the server's
//! configuration, how each client says who it is, and the API that sends to users and to everybody.

use std::net::SocketAddr;
use std::sync::Mutex;

use super::contract_suite::lock;
use super::support::Server;
use super::support::client::{Client, request};
use super::support::http::Kept;
use super::support::token::{KEY_FLAG, token_of};
use crate::contract::{Checked, Checker, Dialect, To, broken, user_name};

/// The rules of the other runs, for every dialect.
const CONFIG: &str = r#"
allow-publish = ["open-*"]
allow-subscribe = ["open-*", "mute", "private-x=deny"]
max-subscriptions = 3
max-message-bytes = "16KiB"
backpressure-limit-bytes = "64MiB"

[[endpoint]]
path = "/_broadcast"
dialect = "strav"
app = "shared"

[[endpoint]]
path = "/ws"
dialect = "ignis"
app = "shared"
ignis-default-rooms = ""

[[endpoint]]
path = "/events"
dialect = "shared-websocket"
app = "shared"
event-name = ["auth-ok=auth.ok"]
"#;

/// Users whom clients speak for, each for several.
const USERS: usize = 3;

/// What the API sends in a run.
const SENDS: usize = 120;

/// Starts a server that speaks all dialects in one app.
pub(crate) fn start(driver: &str, shards: usize) -> Server {
    println!("--driver {driver} --shards {shards}, all dialects");
    let name = format!("shardcast-contract-{}.toml", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, CONFIG).expect("room on the disk");
    let config = format!("--config={}", path.display());
    let shards = shards.to_string();
    let flags = ["--driver", driver, "--shards", &shards, &config, KEY_FLAG];
    let server = Server::start(&flags);
    std::fs::remove_file(path).expect("it is there");
    server
}

/// The dialect of a client, and for whom it speaks.
pub(crate) fn role(index: usize) -> (Dialect, Option<usize>) {
    let dialect = Dialect::ALL[index % Dialect::ALL.len()];
    // One in four is nobody's, where the dialect lets such in.
    let has_user = !index.is_multiple_of(4) || dialect == Dialect::Ignis;
    let user = has_user.then_some(index / Dialect::ALL.len() % USERS);
    (dialect, user)
}

/// Connects a client that says who it is, as its dialect has it.
pub(crate) fn connect(checker: &mut Checker, index: usize, addr: SocketAddr) -> Client {
    let (dialect, user) = role(index);
    let token = user.map(|user| token_of(&user_name(user)));
    let data = token.as_ref().map_or_else(
        || "{}".to_owned(),
        |token| format!(r#"{{"token":"{token}"}}"#),
    );
    let mut client = Client::tcp(addr);
    match dialect {
        Dialect::Strav => client.send_raw(&asking(token.as_deref())),
        Dialect::Ignis => client.send_raw(&request("/ws")),
        Dialect::SharedWebsocket => client.send_raw(&request("/events")),
    }
    client.expect_upgrade();
    match (dialect, user) {
        (Dialect::Strav, Some(user)) => checker.show(index, user),
        (Dialect::Ignis, user) => {
            user.into_iter().for_each(|user| checker.show(index, user));
            client.send_text(&format!(r#"{{"event":"authenticate","data":{data}}}"#));
        }
        (Dialect::SharedWebsocket, Some(user)) => {
            checker.log_in(index, Some(user));
            client.send_text(&format!(r#"{{"event":"$auth:login","data":{data}}}"#));
        }
        (Dialect::Strav | Dialect::SharedWebsocket, None) => {}
    }
    client
}

fn asking(token: Option<&str>) -> Vec<u8> {
    let plain = String::from_utf8(request("/_broadcast")).expect("text");
    let head = plain.strip_suffix("\r\n").expect("an empty line");
    let header = token.map_or_else(String::new, |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    format!("{head}{header}\r\n").into_bytes()
}

/// The API sends to each user and to everybody in turns, one call after the other.
pub(crate) fn send_by_api(api: SocketAddr, checker: &Mutex<Checker>) -> Checked {
    let mut calls = Kept::connect(api);
    for turn in 0..SENDS {
        let to = match turn % (USERS + 1) {
            USERS => To::Everyone,
            user => To::User(user),
        };
        // It is noted before it is sent.
        let (event, data) = {
            let mut checker = lock(checker);
            let number = checker.send(to, &[]);
            checker.send_text(number)
        };
        let to = match to {
            To::User(user) => format!(r#"{{"user":"{}"}}"#, user_name(user)),
            _ => r#"{"all":true}"#.to_owned(),
        };
        let data = data.map_or_else(String::new, |data| format!(r#","data":{data}"#));
        let body = format!(r#"{{"app":"shared","to":{to},"event":"{event}"{data}}}"#);
        calls.ask("POST", "/v1/send", &body);
        let answer = calls.answer();
        if answer.status != 200 {
            return broken("api", format!("{body} is answered by {answer:?}"));
        }
    }
    Ok(())
}
