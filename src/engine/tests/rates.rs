//! A connection that sends too fast is read later: it loses nothing, and nobody else waits.

use super::*;
use crate::base::limits::PONGS_PER_RECV;
use crate::engine::decider::Admission;

const TEN_A_SECOND: ConnLimits = ConnLimits {
    read_rates: ReadRates {
        messages_per_s: 10,
        bytes_per_s: 0,
    },
    idle_timeout_ms: 3_000,
    ping_interval_ms: 0,
    ..LIMITS
};

fn questions(count: usize) -> Vec<u8> {
    let each = (0..count).map(|number| frame(1, format!("has {number}").as_bytes()));
    each.flatten().collect()
}

#[test]
fn what_comes_too_fast_is_handled_in_order_as_time_passes() {
    let mut bench = one(TEN_A_SECOND);
    let client = bench.connect();
    let other = bench.connect();
    assert_eq!(bench.bytes(client, &questions(41)), Flow::Pause);
    assert_eq!(bench.hears(client).len(), 11);
    bench.say(other, "has x");
    assert_eq!(bench.hears(other), [text("has false")]);

    let mut heard = 11;
    for _ in 0..29 {
        bench.tick(100);
        let resumed = bench.ops().contains(&(client, SocketOp::Resume));
        assert!(!resumed, "{heard} of 41");
        heard += bench.hears(client).len();
    }
    assert_eq!(heard, 40, "ten a second");
    bench.tick(100);
    assert_eq!(bench.hears(client).len(), 1);
    // The last one was one too many again.
    bench.tick(100);
    assert!(bench.ops().contains(&(client, SocketOp::Resume)));
    assert_eq!(bench.say(client, "has y"), Flow::Pause);
    let closed = bench.shard.stats().closed_for(Cause::Idle);
    assert_eq!(
        closed, 1,
        "the other, which is silent; it is we who did not read this one"
    );
}

/// Who flushes between a client's bytes and obeying what they have led to must ask again: paused for ever,
/// the client's end would lie unread behind what it has sent.
#[test]
fn paused_client_that_a_flush_closes_is_read_on() {
    let mut bench = one(ConnLimits {
        backpressure_bytes_max: 500,
        ..TEN_A_SECOND
    });
    let client = bench.connect();
    bench.say(client, "sub t");
    bench.flush();
    bench.ops();
    bench.sockets.room.insert(client, 0);
    let own = (0..40).flat_map(|number| frame(1, format!("pub t {number:090}").as_bytes()));
    assert_eq!(bench.bytes(client, &own.collect::<Vec<_>>()), Flow::Pause);
    bench.flush();
    assert_eq!(bench.shard.stats().closed_for(Cause::SlowConsumer), 1);
    assert!(bench.ops().contains(&(client, SocketOp::Resume)));
    assert_eq!(bench.shard.flow(client), Flow::Read);
}

/// What waits at a door is handled without being read, so that nobody can be told to pause.
#[test]
fn what_waited_at_the_door_keeps_its_turn() {
    let questions = (0..30).flat_map(|number| frame(1, format!("sub no-{number}").as_bytes()));
    let questions: Vec<u8> = questions.collect();
    let answers: Vec<Got> = std::iter::once(text("hello"))
        .chain((0..30).map(|number| text(&format!("Denied no-{number}"))))
        .collect();
    for ends in [false, true] {
        let mut bench = one(TEN_A_SECOND);
        bench.shard.endpoints[0].door = Door {
            asks_always: true,
            ..Door::default()
        };
        let key = bench.shard.handle_accepted(bench.now, PEER).expect("room");
        let all = [UPGRADE.as_bytes(), &questions].concat();
        // In the middle of a frame.
        let (first, second) = all.split_at(all.len() - 53);
        bench.bytes(key, first);
        let ticket = bench.shard.poll_asked().expect("a question").ticket;
        let admission = Admission::Admit {
            identity: None,
            headers: Vec::new(),
            topics: Vec::new(),
        };
        bench
            .shard
            .handle_admission(bench.now, key, ticket, admission);
        assert_eq!(bench.bytes(key, second), Flow::Pause);
        let mut heard = bench.hears(key);
        assert_eq!(heard.len(), 12);
        if ends {
            bench.shard.handle_end(bench.now, key, false);
            heard.extend(bench.hears(key));
        }
        while !ends && heard.len() < answers.len() {
            bench.tick(100);
            let more = bench.hears(key);
            assert!(more.len() <= 1, "{more:?}");
            heard.extend(more);
        }
        assert_eq!(heard, answers);
    }
}

#[test]
fn slow_sender_is_never_paused() {
    let mut bench = one(TEN_A_SECOND);
    let client = bench.connect();
    for _ in 0..200 {
        assert_eq!(bench.say(client, "has x"), Flow::Read);
        bench.tick(100);
    }
    assert_eq!(bench.hears(client).len(), 200);
    assert_eq!(bench.shard.stats().throttled, 0);
}

#[test]
fn bytes_are_counted_as_they_come_however_long_their_message_is() {
    let mut bench = one(ConnLimits {
        read_rates: ReadRates {
            messages_per_s: 0,
            bytes_per_s: 100,
        },
        ..LIMITS
    });
    let client = bench.connect();
    let first_of_many = [0x01, 0xfe, 3, 200, 0, 0, 0, 0];
    assert_eq!(bench.bytes(client, &first_of_many), Flow::Read);
    assert_eq!(bench.bytes(client, &[b' '; 60]), Flow::Read);
    assert_eq!(bench.bytes(client, &[b' '; 60]), Flow::Pause);
    bench.tick(300);
    assert_eq!(bench.ops(), [(client, SocketOp::Resume)]);
}

#[test]
fn connection_that_ends_while_it_waits_leaves_nothing() {
    let mut bench = one(TEN_A_SECOND);
    let client = bench.connect();
    bench.bytes(client, &questions(30));
    bench.hears(client);
    bench.shard.handle_end(bench.now, client, true);
    bench.tick(5_000);
    assert_eq!(bench.ops(), [(client, SocketOp::Close)]);
    bench.shard.handle_released(client);
    assert_eq!(bench.shard.conns(), 0);
}

#[test]
fn loopback_is_not_measured_unless_asked() {
    for (count_loopback, flow) in [(false, Flow::Read), (true, Flow::Pause)] {
        let addresses = AddressLimits {
            count_loopback,
            ..AddressLimits::default()
        };
        let mut bench = guarded_process(1, 4, TEN_A_SECOND, addresses, &[]).remove(0);
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let client = bench.shard.handle_accepted(bench.now, local).expect("room");
        bench.bytes(client, UPGRADE.as_bytes());
        assert_eq!(bench.bytes(client, &questions(30)), flow);
    }
}

#[test]
fn flood_of_pings_is_answered_by_few_pongs_the_last_of_them_for_the_last() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    let flood: Vec<u8> = (0..1_000).flat_map(|_| frame(9, b"?")).collect();
    bench.bytes(client, &[flood, frame(9, b"last")].concat());
    bench.flush();
    let bytes = bench.sockets.received[&client].clone();
    assert!(bytes.ends_with(b"\x8a\x04last"), "{bytes:02x?}");
    assert_eq!(bench.got(client), vec![Got::Pong; PONGS_PER_RECV + 1]);
    // A conformance suite's ten in a row are answered each.
    bench.bytes(client, &frame(9, b"?").repeat(10));
    assert_eq!(bench.hears(client).len(), 10);
}

#[test]
fn message_of_too_many_frames_is_too_big() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    let mut message = vec![0x01, 0x80, 0, 0, 0, 0];
    for _ in 1..LIMITS.message_frames_max {
        message.extend([0x00, 0x80, 0, 0, 0, 0]);
    }
    assert_eq!(bench.bytes(client, &message), Flow::Read);
    assert_eq!(bench.hears(client), []);
    bench.bytes(client, &[0x80, 0x80, 0, 0, 0, 0]);
    assert!(matches!(bench.hears(client)[..], [Got::Close(1009, _)]));
    assert_eq!(bench.shard.stats().closed_for(Cause::MessageTooBig), 1);
}
