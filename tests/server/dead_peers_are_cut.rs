//! Goal: a peer that gives no sign of life is cut, and one that answers pings, or just sends
//! anything, stays.
//! Method: with short intervals, one client answers pings, one sends words of its own, one reads
//! without ever answering and one does nothing at all, until the server has cut the latter two.

use std::thread;

use super::support::client::{Client, Incoming, PONG};
use super::support::{Server, drivers};

/// A live client has 2.5 s for each answer: enough on a machine that is busy with other tests.
const FLAGS: [&str; 8] = [
    "--shards",
    "2",
    "--allow-publish",
    "*",
    "--ping-interval",
    "500ms",
    "--idle-timeout",
    "3s",
];

#[test]
fn peer_without_a_sign_of_life_is_cut_and_those_who_answer_stay() {
    for driver in drivers() {
        println!("--driver {driver}");
        let server = Server::start(&[&["--driver", driver], FLAGS.as_slice()].concat());
        let before = server.descriptors();
        let mut answering = Client::open(server.addr);
        answering.subscribe("alive");
        let mut talking = Client::open(server.addr);
        let deaf = Client::open(server.addr);
        let gone = Client::open_with_small_buffer(server.addr);

        thread::scope(|scope| {
            let deaf = scope.spawn(move || expect_pings_and_cut(deaf));
            let answers = scope.spawn(|| answer_pings_until_event(&mut answering));
            let talks = scope.spawn(|| talk_until_closed(&mut talking));
            deaf.join().expect("it was cut as it should be");
            // Two are gone, two have stayed.
            server.wait_for_descriptors(before + 2);
            let mut publisher = Client::open(server.addr);
            publisher.publish("alive", "still", 1);
            answers.join().expect("it stayed");
            server.signal("TERM");
            talks.join().expect("it stayed");
        });
        drop(gone);
    }
}

/// Reads and never answers: it is told why it is cut, after pings of both kinds.
fn expect_pings_and_cut(mut client: Client) {
    let (mut texts, mut pings) = (0, 0);
    loop {
        match client.incoming() {
            Incoming::Text(text) => {
                assert_eq!(text, r#"{"t":"ping"}"#);
                texts += 1;
            }
            Incoming::Ping(_) => pings += 1,
            Incoming::Close(code, reason) => {
                assert_eq!((code, &*reason), (Some(1_001), "idle timeout"));
                break;
            }
            other => panic!("{other:?} is no heartbeat"),
        }
    }
    client.answer_close(1_001);
    assert_eq!(texts, pings, "both kinds of ping go together");
    assert!(pings > 0, "no ping came before the end");
}

fn answer_pings_until_event(client: &mut Client) {
    let mut answered = 0;
    loop {
        match client.incoming() {
            Incoming::Ping(payload) => {
                client.send(PONG, &payload);
                answered += 1;
            }
            Incoming::Text(text) if text == r#"{"t":"ping"}"# => {}
            Incoming::Text(text) => {
                assert!(text.contains("still"), "{text}");
                break;
            }
            other => panic!("{other:?} came to a client that answers"),
        }
    }
    assert!(answered > 0, "the server pings");
}

/// Never answers with a Pong: words of its own, which nobody understands, are life enough.
fn talk_until_closed(client: &mut Client) {
    loop {
        match client.incoming() {
            Incoming::Ping(_) => client.send_text("not even JSON"),
            Incoming::Text(_) => {}
            Incoming::Close(code, reason) => {
                assert_eq!((code, &*reason), (Some(1_001), "server shutting down"));
                return client.answer_close(1_001);
            }
            other => panic!("{other:?} came to a client that talks"),
        }
    }
}

#[test]
fn peer_is_neither_pinged_nor_cut_when_both_are_off() {
    for driver in drivers() {
        println!("--driver {driver}");
        let server = Server::start(&[
            "--driver",
            driver,
            "--shards",
            "1",
            "--ping-interval",
            "0",
            "--idle-timeout",
            "0",
            "--handshake-timeout",
            "1s",
        ]);
        let mut silent = Client::open(server.addr);
        // Until another deadline of the same shard has passed.
        let mut late = Client::tcp(server.addr);
        late.send_raw(b"GET / HTTP/1.1\r\n");
        assert_eq!(late.response().status, 408);
        silent.expect_pong();
    }
}
