//! Goal: SIGHUP changes what can be changed, at once and for everybody, and costs nobody a connection
//! or a message; a file that is wrong changes nothing.
//! Method: subscribers and a publisher at work on a real server while its file is rewritten; the log
//! says when a reload is over.

use std::fs;
use std::path::PathBuf;

use super::support::client::Client;
use super::support::http::post;
use super::support::strav::{ok, sub};
use super::support::{Server, drivers, wait_until};

/// The server's file, gone after its test.
struct ConfigFile(PathBuf);

impl ConfigFile {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("shardcast-reload-{}-{name}.toml", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(&self.0, text).expect("a place for files");
    }

    fn server(&self, driver: &str, flags: &[&str]) -> Server {
        let path = self.0.to_str().expect("a plain name");
        let own = ["--driver", driver, "--shards", "2", "--config", path];
        Server::start_logged(&[&own, flags].concat())
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}

fn reload(server: &mut Server) {
    server.signal("HUP");
    server.log_line("SIGHUP: reloaded");
}

/// Whether a subscribe is acknowledged.
fn try_subscribe(client: &mut Client, channel: &str) -> bool {
    client.send_text(&sub(channel));
    let answer = client.text();
    assert!(
        answer == ok(channel) || answer.starts_with(r#"{"t":"err""#),
        "{answer}"
    );
    answer == ok(channel)
}

#[test]
fn reload_under_load_applies_and_drops_nothing() {
    for driver in drivers() {
        let file = ConfigFile::new(driver, "allow-publish = [\"load\"]\n");
        let mut server = file.server(driver, &[]);
        let mut subscribers: Vec<Client> = (0..20).map(|_| Client::open(server.addr)).collect();
        for subscriber in &mut subscribers {
            subscriber.subscribe("load");
        }
        let mut publisher = Client::open(server.addr);
        for round in 0..30 {
            file.write(&format!(
                "allow-publish = [\"load\", \"round-{round}\"]\nmax-message-bytes = {}\n\
                 ping-interval = \"{}s\"\n",
                1_000 + round,
                10 + round
            ));
            for number in 0..50 {
                if number == 20 {
                    server.signal("HUP");
                }
                publisher.publish("load", "e", round * 50 + number);
            }
            // Signals that come while one waits are one, so each is waited for.
            server.log_line("SIGHUP: reloaded");
        }
        for subscriber in &mut subscribers {
            for number in 0..1_500 {
                assert_eq!(subscriber.event().number(), number);
            }
            subscriber.expect_pong();
        }
    }
}

#[test]
fn new_rules_and_limits_hold_for_connections_that_are_there() {
    for driver in drivers() {
        let name = format!("new-{driver}");
        let file = ConfigFile::new(&name, "max-subscriptions = 1\n");
        let mut server = file.server(driver, &[]);
        let mut clients: Vec<Client> = (0..6).map(|_| Client::open(server.addr)).collect();
        for client in &mut clients {
            client.subscribe("a");
            assert!(!try_subscribe(client, "b"));
            assert!(!try_subscribe(client, "private-x"));
        }
        file.write(
            "max-subscriptions = 9\nmax-message-bytes = 100\nallow-subscribe = [\"private-*\"]\n",
        );
        reload(&mut server);
        for client in &mut clients {
            // The log line says that the letters are posted; a shard takes them in its next turn.
            wait_until("the new rules", || try_subscribe(client, "private-x"));
            client.subscribe("b");
        }
        let mut client = clients.remove(0);
        let long = "x".repeat(101);
        client.send_text(&long);
        client.expect_close(1009);
        for client in &mut clients {
            client.expect_pong();
        }
    }
}

#[test]
fn new_message_limit_holds_for_the_api_too() {
    let file = ConfigFile::new("api", "max-message-bytes = 100\n");
    let mut server = file.server("auto", &[]);
    let api = server.api.expect("there is one by default");
    let publish = |bytes: usize| {
        let data = "x".repeat(bytes);
        let body = format!(r#"{{"channel":"c","event":"e","data":"{data}"}}"#);
        post(api, "/v1/publish", &body).status
    };
    assert_eq!((publish(90), publish(200)), (200, 413));
    // More than the body of a request could have had before.
    file.write("max-message-bytes = \"16MiB\"\nbackpressure-limit-bytes = \"32MiB\"\n");
    reload(&mut server);
    assert_eq!(publish(8 * 1024 * 1024), 200);
    file.write("max-message-bytes = 50\n");
    reload(&mut server);
    assert_eq!((publish(40), publish(90)), (200, 413));
}

#[test]
fn wrong_file_changes_nothing_and_says_why() {
    for driver in drivers() {
        let name = format!("wrong-{driver}");
        let file = ConfigFile::new(&name, "max-message-bytes = 100\n");
        let mut server = file.server(driver, &[]);
        let mut client = Client::open(server.addr);
        file.write("max-message-bytes = \"2KiB\"\nmax-subscriptions = 0\nno-such = 1\n");
        server.signal("HUP");
        let told = server.log_line("not reloaded");
        assert!(
            told.contains("ERROR") && told.contains("2 settings cannot be used"),
            "{told}"
        );
        server.log_line("no-such is no key");
        server.log_line("max-subscriptions: \"0\" is too small");
        client.expect_pong();
        // The old limit holds.
        client.send_text(&"x".repeat(101));
        client.expect_close(1009);

        fs::remove_file(&file.0).expect("it was there");
        server.signal("HUP");
        server.log_line("not reloaded");
        server.log_line("cannot be read");
        Client::open(server.addr).expect_pong();
    }
}

#[test]
fn what_needs_a_restart_is_named_in_one_warning() {
    let file = ConfigFile::new("restart", "max-message-bytes = 100\n");
    let mut server = file.server("epoll", &["--log-level", "warn"]);
    file.write(
        "shards = 1\nlisten = \"127.0.0.1:1\"\nmax-connections = 5\nlog-format = \"json\"\n\
         drain-timeout = \"1s\"\n[[endpoint]]\npath = \"/new\"\ndialect = \"strav\"\n",
    );
    server.signal("HUP");
    let told = server.log_line("need a restart");
    // The flags of the start still hold: listen and shards have not changed.
    let names = "these changes need a restart: endpoint, max-connections, log-format";
    assert!(told.contains(names), "{told}");
    Client::open(server.addr).expect_pong();
}

#[test]
fn changed_token_is_named_by_the_option_that_gave_it() {
    let token = ConfigFile::new("token", "old\n");
    let token_path = token.0.to_str().expect("a plain name");
    let file = ConfigFile::new("with-token-file", "");
    let mut server = file.server("epoll", &["--api-token-file", token_path]);
    token.write("new\n");
    server.signal("HUP");
    let told = server.log_line("need a restart");
    assert!(told.ends_with("restart: api-token-file\n"), "{told}");

    let file = ConfigFile::new("with-token", "api-token = \"old\"\n");
    let mut server = file.server("epoll", &[]);
    file.write("api-token = \"new\"\n");
    server.signal("HUP");
    let told = server.log_line("need a restart");
    assert!(told.ends_with("restart: api-token\n"), "{told}");
}

#[test]
fn log_level_changes_at_once() {
    let file = ConfigFile::new("level", "log-level = \"error\"\n");
    let mut server = file.server("epoll", &[]);
    file.write("log-level = \"debug\"\n");
    reload(&mut server);
    server.signal("TERM");
    server.log_line("DEBUG");
    assert!(server.wait().success());
}
