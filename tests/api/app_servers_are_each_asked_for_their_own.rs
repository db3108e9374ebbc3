//! Goal: each endpoint asks and tells its own app server and no other, through reloads as well.
//! Method: a server with three endpoints, two of which have an app server each; its file is rewritten
//! while clients are there.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::api;
use super::support::app_server::AppServer;
use super::support::client::Client;
use super::support::http::get;
use super::support::{Server, wait_until};

/// A file that is gone after its test.
struct ConfigFile(PathBuf);

impl Drop for ConfigFile {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}

impl ConfigFile {
    /// The first endpoint has nobody to ask; the others ask about `ask*`, where they have an app
    /// server, and `subscribe` and `disconnected` are what these hear of.
    fn write(&self, servers: [Option<&AppServer>; 2], events: &str) {
        let mut text = String::from(
            "allow-subscribe = [\"ask*=webhook\"]\n[[endpoint]]\npath = \"/plain\"\ndialect = \
             \"strav\"\nallow-subscribe = [\"*\"]\n",
        );
        for (path, server) in ["/a", "/b"].into_iter().zip(servers) {
            text.push_str(&format!(
                "[[endpoint]]\npath = \"{path}\"\ndialect = \"strav\"\n"
            ));
            match server {
                Some(server) => {
                    let url = server.flag().replace("--webhook-url=", "");
                    text.push_str(&format!(
                        "webhook-url = \"{url}\"\nwebhook-events = [{events}]\n"
                    ));
                }
                None => text.push_str("allow-subscribe = [\"*\"]\n"),
            }
        }
        fs::write(&self.0, text).expect("a place for files");
    }
}

fn open(server: &Server, path: &str) -> Client {
    let mut client = Client::upgrade(server.addr, path);
    assert!(client.text().starts_with(r#"{"t":"welcome""#));
    client
}

fn reload(server: &mut Server) {
    server.signal("HUP");
    server.log_line("SIGHUP: reloaded");
}

const EVENTS: &str = "\"subscribe\", \"connected\", \"disconnected\"";

#[test]
fn app_servers_hear_of_their_own_endpoint_before_and_after_a_reload() {
    let yes = |_: &serde_json::Value| (200, "", json!({"allow": true}));
    let (a, b) = (AppServer::start(yes), AppServer::start(yes));
    let name = format!("shardcast-app-servers-{}.toml", std::process::id());
    let file = ConfigFile(std::env::temp_dir().join(name));
    file.write([Some(&a), None], EVENTS);
    let path = file.0.to_str().expect("a plain name").to_owned();
    let mut server = Server::start_logged(&["--shards=2", "--config", &path]);

    let mut first = open(&server, "/a");
    first.subscribe("ask-1");
    drop(open(&server, "/plain"));
    let told = |of: &AppServer, kind: &str, path: &str, count: usize| {
        let told = of.wait_for(kind, count);
        assert_eq!(told.len(), count, "{kind} {path}");
        assert!(told.iter().all(|call| call["endpoint"] == path));
    };
    told(&a, "subscribe", "/a", 1);
    told(&a, "connected", "/a", 1);

    // Another endpoint gets one: it is asked, told, and counted.
    file.write([Some(&a), Some(&b)], EVENTS);
    reload(&mut server);
    let mut second = open(&server, "/b");
    second.subscribe("ask-2");
    told(&b, "connected", "/b", 1);
    told(&b, "subscribe", "/b", 1);
    let counted = |endpoint| {
        let label = format!("endpoint=\"{endpoint}\",kind=\"subscribe\"");
        server.counter("webhook_calls", &label)
    };
    assert_eq!((counted("/a"), counted("/b")), (1, 1));
    // Who came before the reload goes on as it was.
    first.subscribe("ask-3");
    first.expect_pong();
    drop((first, second));
    told(&a, "disconnected", "/a", 1);
    told(&b, "disconnected", "/b", 1);
    told(&a, "subscribe", "/a", 2);
    told(&a, "connected", "/a", 1);

    // One that is taken away is not asked any more, and has no numbers.
    file.write([None, Some(&b)], EVENTS);
    reload(&mut server);
    open(&server, "/a").subscribe("ask-4");
    told(&a, "subscribe", "/a", 2);
    let metrics = get(api(&server), "/metrics").body;
    assert!(!metrics.contains("endpoint=\"/a\",kind"), "{metrics}");
    assert!(metrics.contains("endpoint=\"/b\",kind"), "{metrics}");
}

/// Ends of connections whose ends nobody wants to hear of are not waited for.
#[test]
fn who_was_there_while_nothing_was_told_takes_no_room() {
    const CLIENTS: usize = 20;
    let app = AppServer::start(|_| (200, "", json!({"allow": true})));
    let name = format!("shardcast-app-server-{}.toml", std::process::id());
    let file = ConfigFile(std::env::temp_dir().join(name));
    file.write([Some(&app), None], EVENTS);
    let path = file.0.to_str().expect("a plain name").to_owned();
    // Room for three notices of each.
    let most = format!("--max-connections={CLIENTS}");
    let mut server = Server::start_logged(&["--shards=1", &most, "--config", &path]);
    for round in 1..=4 {
        let clients: Vec<Client> = (0..CLIENTS).map(|_| open(&server, "/a")).collect();
        app.wait_for("connected", CLIENTS * round);
        file.write([Some(&app), None], "\"subscribe\"");
        reload(&mut server);
        drop(clients);
        wait_until("the end of all", || {
            let stats = get(api(&server), "/v1/stats").ok();
            stats["total"]["connections"] == 0
        });
        file.write([Some(&app), None], EVENTS);
        reload(&mut server);
    }
    drop(open(&server, "/a"));
    app.wait_for("disconnected", 1);
}
