//! From the first byte to the 101, or not.

use super::*;

fn answer(bench: &mut Bench, key: Key) -> String {
    bench.flush();
    let bytes = bench.sockets.received.remove(&key).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn ask(request: &str) -> (Bench, Key, String) {
    let mut bench = one(LIMITS);
    let key = bench.shard.handle_accepted(bench.now, PEER).expect("room");
    bench.bytes(key, request.as_bytes());
    let answer = answer(&mut bench, key);
    (bench, key, answer)
}

#[test]
fn accept_key_is_that_of_the_rfc() {
    let (_, _, answer) = ask(UPGRADE);
    assert!(
        answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
        "{answer}"
    );
    assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
}

#[test]
fn request_split_at_every_byte_is_the_same_request() {
    for split in 1..UPGRADE.len() {
        let mut bench = one(LIMITS);
        let key = bench.shard.handle_accepted(bench.now, PEER).expect("room");
        let (first, second) = UPGRADE.as_bytes().split_at(split);
        bench.bytes(key, first);
        assert_eq!(answer(&mut bench, key), "");
        bench.bytes(key, second);
        assert!(answer(&mut bench, key).contains("101"), "split at {split}");
    }
}

#[test]
fn frames_behind_the_request_are_kept() {
    let mut bench = one(LIMITS);
    let key = bench.shard.handle_accepted(bench.now, PEER).expect("room");
    let request = [UPGRADE.as_bytes(), &frame(1, b"sub t")].concat();
    bench.bytes(key, &request);
    assert_eq!(bench.hears(key), ["hello", "Subscribed t"].map(text));
}

#[test]
fn refusals_say_why_and_end_the_connection() {
    let wrong_path = UPGRADE.replace("/words", "/nothing");
    let no_upgrade = "GET /words HTTP/1.1\r\nHost: x\r\n\r\n";
    let long = format!("GET /words HTTP/1.1\r\nHost: {}", "x".repeat(2_000));
    for (request, status) in [
        (wrong_path.as_str(), "404"),
        (no_upgrade, "426"),
        ("nonsense\r\n\r\n", "400"),
        (long.as_str(), "431"),
    ] {
        let (mut bench, key, answer) = ask(request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert_eq!(bench.ops(), [(key, SocketOp::ShutdownWrite)]);
        bench.bytes(key, UPGRADE.as_bytes());
        assert_eq!(bench.hears(key), [], "what follows a refusal is no request");
        assert_eq!(bench.shard.stats().closed_for(Cause::HandshakeRefused), 1);
    }
}

#[test]
fn head_that_does_not_come_in_time_is_refused() {
    let mut bench = one(LIMITS);
    let key = bench.shard.handle_accepted(bench.now, PEER).expect("room");
    bench.bytes(key, b"GET / HT");
    for _ in 0..51 {
        bench.tick(100);
        bench.bytes(key, b"T");
    }
    assert!(answer(&mut bench, key).starts_with("HTTP/1.1 408 "));
    assert_eq!(bench.shard.stats().closed_for(Cause::HandshakeTimeout), 1);
}

#[test]
fn connection_past_the_limit_is_told_so_and_one_far_past_it_is_shut_out() {
    let mut bench = one(LIMITS);
    for _ in 0..100 {
        bench.connect();
    }
    let refused = bench
        .shard
        .handle_accepted(bench.now, PEER)
        .expect("headroom");
    bench.bytes(refused, UPGRADE.as_bytes());
    assert!(answer(&mut bench, refused).starts_with("HTTP/1.1 503 "));
    let shut_out = (0..100).filter(|_| bench.shard.handle_accepted(bench.now, PEER).is_none());
    assert!(shut_out.count() > 50);
    bench.shard.handle_end(bench.now, refused, false);
    bench.shard.handle_released(refused);
    assert!(bench.shard.handle_accepted(bench.now, PEER).is_some());
}
