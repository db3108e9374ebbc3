//! Heartbeats of clients, and what becomes of those who send nothing.

use super::*;

#[test]
fn silent_client_is_closed_with_4002_between_90_and_120_s() {
    let mut bench = Bench::new(config());
    let (client, _) = bench.known();
    for _ in 0..450 {
        bench.wait(200);
    }
    assert_eq!(bench.hears(client), [], "after 90 s");
    for _ in 0..151 {
        bench.wait(200);
    }
    assert_eq!(bench.hears(client), [close(4002, "Heartbeat timeout")]);
}

#[test]
fn any_message_is_a_sign_of_life_and_a_control_frame_is_none() {
    let mut bench = Bench::new(config());
    let messages = [
        r#"{"event":"heartbeat"}"#,
        "nope",
        "null",
        r#"{"event":"chat"}"#,
    ];
    let (client, _) = bench.known();
    let (ponging, _) = bench.known();
    for message in messages {
        bench.wait(80_000);
        bench.say(client, message);
        bench.send(ponging, OpCode::Pong, b"");
        bench.wait(1);
    }
    bench.wait(80_000);
    assert_eq!(bench.hears(client), [error("Invalid message format")]);
    assert_eq!(bench.hears(ponging), [close(4002, "Heartbeat timeout")]);
}

#[test]
fn clients_that_are_not_known_are_swept_by_the_other_timer_only() {
    let mut bench = Bench::new(IgnisConfig {
        heartbeat_interval_ms: 1_000,
        heartbeat_timeout_ms: 1_000,
        ..config()
    });
    let client = bench.connect();
    for _ in 0..24 {
        bench.wait(200);
    }
    assert_eq!(bench.hears(client), []);
    bench.wait(400);
    assert_eq!(bench.hears(client), [close(4001, "Authentication timeout")]);
}

#[test]
fn nobody_is_swept_when_that_is_off() {
    let mut bench = Bench::new(IgnisConfig {
        heartbeat_interval_ms: 0,
        ..config()
    });
    let (client, _) = bench.known();
    bench.wait(10_000_000);
    assert_eq!(bench.hears(client), []);
}
