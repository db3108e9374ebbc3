//! The shard as a whole, driven by hand.

mod addresses;
mod backpressure;
mod bench;
mod deadlines;
mod deflate;
mod directed;
mod door;
mod drain;
mod handshake;
mod identity;
mod mailbox_full;
mod rates;
mod reload;
mod waiting;
mod write_delay;

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use self::bench::*;
use super::actions::{Actions, Publish};
use super::addresses::AddressLimits;
use super::admission::Admission;
use super::decider::{Decider, Handling, Question, Ruling, Verdict};
use super::dialect::{ConnView, Decision, Dialect, DialectState, Message};
use super::disconnect::{Cause, Disconnect};
use super::door::Door;
use super::endpoint::Endpoint;
use super::flush::Sink;
use super::identity::Identity;
use super::interest::Interest;
use super::mailbox::{Inbox, connect};
use super::publication::{AppId, DataKind, Publication};
use super::shard::{Shard, ShardConfig};
use crate::base::ids::{ConnId, IdKey};
use crate::base::io::{Flow, SendOutcome, SocketOp};
use crate::base::limits::{BackpressurePolicy, ConnLimits, HandshakeLimits, ReadRates};
use crate::base::slab::Key;
use crate::base::time::Now;
use crate::codec::ws::{CloseCode, OpCode, write_frame};

#[test]
fn publish_reaches_every_subscriber_once_and_in_one_send() {
    let mut bench = one(LIMITS);
    let clients: Vec<Key> = (0..3).map(|_| bench.connect()).collect();
    for client in &clients {
        bench.say(*client, "sub t");
        bench.say(*client, "sub t");
    }
    for client in &clients {
        let answers = [text("Subscribed t"), text("AlreadySubscribed t")];
        assert_eq!(bench.hears(*client), answers);
    }
    bench.say(clients[0], "pub t e 1");
    bench.say(clients[1], "pub t e 2");
    let sends = bench.sockets.sends;
    bench.flush();
    assert_eq!(bench.sockets.sends, sends + 3);
    assert_eq!(bench.got(clients[2]), [text("t e 1"), text("t e 2")]);
    let own = [text("t e 1"), text("Accepted t"), text("t e 2")];
    assert_eq!(bench.got(clients[0]), own);
    assert_eq!(bench.shard.stats().deliveries, 6);
}

#[test]
fn excluded_publisher_does_not_hear_itself() {
    let mut bench = one(LIMITS);
    let (one, two) = (bench.connect(), bench.connect());
    bench.say(one, "sub t");
    bench.say(two, "sub t");
    bench.say(one, "others t e");
    assert_eq!(bench.hears(one), [text("Subscribed t"), text("Accepted t")]);
    assert_eq!(bench.got(two), [text("Subscribed t"), text("t e ")]);
}

#[test]
fn unsubscribed_connection_hears_nothing_more() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    for words in ["sub t", "unsub t", "unsub never", "has t", "pub t e"] {
        bench.say(client, words);
    }
    let answers = ["Subscribed t", "has false", "Accepted t"].map(text);
    assert_eq!(bench.hears(client), answers);
    assert_eq!(bench.shard.topics().topics(), 0);
}

#[test]
fn subscription_limit_and_long_names_are_refused() {
    let mut bench = one(ConnLimits {
        message_bytes_max: 2_000,
        ..LIMITS
    });
    let client = bench.connect();
    for topic in ["a", "b", "c", "d", "e", "a"] {
        bench.say(client, &format!("sub {topic}"));
    }
    let got = bench.hears(client);
    assert_eq!(got[4], text("LimitReached e"));
    assert_eq!(got[5], text("AlreadySubscribed a"));
}

#[test]
fn public_id_finds_its_connection_while_it_is_open() {
    let mut benches = process(2, 4, LIMITS);
    let key = benches[0].connect();
    let other = benches[0].connect();
    let id = benches[0].shard.conn(key).expect("open").id;
    assert_eq!(benches[0].shard.find(id), Some(key));
    assert_eq!(benches[1].shard.find(id), None);
    let now = benches[0].now;
    benches[0].shard.handle_end(now, key, true);
    assert_eq!(benches[0].shard.find(id), None);
    benches[0].shard.handle_released(key);
    let reused = benches[0].connect();
    assert_eq!(reused.slot, key.slot);
    assert_eq!(benches[0].shard.find(id), None);
    assert_ne!(reused, other);
}

#[test]
fn dialects_close_comes_after_its_replies_and_is_the_last() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "sub t");
    bench.say(client, "close");
    bench.say(client, "sub u");
    let got = bench.hears(client);
    assert_eq!(got[1..], [text("bye"), Got::Close(4000, "asked".into())]);
    assert_eq!(bench.ops(), [(client, SocketOp::ShutdownWrite)]);
    assert_eq!(bench.shard.stats().closed_for(Cause::Dialect), 1);
    assert_eq!(bench.shard.topics().topics(), 0);
    bench.shard.handle_end(bench.now, client, false);
    assert_eq!(bench.ops(), [(client, SocketOp::Close)]);
    bench.shard.handle_released(client);
    assert_eq!(bench.shard.conns(), 0);
}

#[test]
fn frame_errors_close_with_their_codes() {
    for (bytes, code, cause) in [
        (&[0x81, 0x01, b'x'][..], 1002, Cause::ProtocolError),
        (&[0xc1, 0x80, 0, 0, 0, 0][..], 1002, Cause::ProtocolError),
        (
            &[0x81, 0x81, 0, 0, 0, 0, 0xff][..],
            1007,
            Cause::InvalidPayload,
        ),
        (
            &[0x82, 0xfe, 0x03, 0xe9, 0, 0, 0, 0][..],
            1009,
            Cause::MessageTooBig,
        ),
    ] {
        let mut bench = one(LIMITS);
        let client = bench.connect();
        bench.bytes(client, bytes);
        bench.say(client, "sub t");
        let got = bench.hears(client);
        assert!(
            matches!(&got[..], [Got::Close(found, _)] if *found == code),
            "{got:?}"
        );
        assert_eq!(bench.shard.stats().closed_for(cause), 1);
    }
}

#[test]
fn ping_is_answered_and_peers_close_is_echoed() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.bytes(client, &frame(9, b"x"));
    bench.bytes(client, &frame(8, &[0x0f, 0xa1, b'b']));
    assert_eq!(
        bench.hears(client),
        [Got::Pong, Got::Close(4001, String::new())]
    );
    let client = bench.connect();
    bench.bytes(client, &frame(8, b""));
    assert_eq!(bench.hears(client), [Got::Close(1005, String::new())]);
}

#[test]
fn connection_is_closed_as_soon_as_the_peers_close_is_answered() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "sub t");
    bench.bytes(client, &frame(8, b""));
    assert_eq!(bench.ops(), [], "not before it is");
    bench.flush();
    let ops = [SocketOp::ShutdownWrite, SocketOp::Close];
    assert_eq!(bench.ops(), ops.map(|op| (client, op)));
    assert_eq!(bench.say(client, "sub u"), Flow::Stop);
}

#[test]
fn peer_that_closes_with_much_unread_is_given_its_time() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.sockets.room.insert(client, 0);
    bench.say(client, "sub t");
    bench.flush();
    bench.ops();
    bench.bytes(client, &frame(8, b""));
    bench.sockets.room.insert(client, usize::MAX);
    bench.shard.handle_writable(client);
    let got = bench.hears(client);
    assert_eq!(got.last(), Some(&Got::Close(1005, String::new())));
    assert_eq!(bench.ops(), [(client, SocketOp::ShutdownWrite)]);
}

#[test]
fn peer_that_only_finished_sending_is_still_answered() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    bench.say(client, "sub t");
    bench.shard.handle_end(bench.now, client, false);
    assert_eq!(bench.ops(), []);
    assert_eq!(bench.hears(client), [text("Subscribed t")]);
    let ops = [SocketOp::ShutdownWrite, SocketOp::Close];
    assert_eq!(bench.ops(), ops.map(|op| (client, op)));
}
