//! Every complaint with its text.

use super::*;
use crate::config::option::Kind;

#[test]
fn each_faulty_value_names_flag_value_and_fix() {
    let cases: [(&OptionRecord, &str, &str); 50] = [
        (
            &options::LISTEN,
            "localhost:7001",
            "is not an address; write an IP address and a port, such as 127.0.0.1:7001 (port 0 picks a free one)",
        ),
        (
            &options::LISTEN,
            "7001",
            "is not an address; write an IP address and a port, such as 127.0.0.1:7001 (port 0 picks a free one)",
        ),
        (
            &options::SHARDS,
            "0",
            "is too small; write a number from 1 to 256, or auto",
        ),
        (
            &options::SHARDS,
            "257",
            "is too large; write a number from 1 to 256, or auto",
        ),
        (
            &options::SHARDS,
            "99999999999999999999999",
            "is too large; write a number from 1 to 256, or auto",
        ),
        (
            &options::SHARDS,
            "+2",
            "is not a whole number; write a number from 1 to 256, or auto",
        ),
        (
            &options::MAX_SUBSCRIPTIONS,
            "auto",
            "is not a whole number; write a number from 1 to 1000000",
        ),
        (
            &options::MAX_CONNECTIONS,
            "-1",
            "is negative; write a number from 1 to 16777216, or auto",
        ),
        (
            &options::CPUS,
            "0,x",
            "is not a list of cpus; write numbers and ranges, such as 0,2-3, or auto, or none",
        ),
        (
            &options::CPUS,
            "2,5",
            "names cpu 5, which this process may not use; choose from 2-4,7",
        ),
        (
            &options::DRIVER,
            "kqueue",
            "is not a choice here; write one of auto, uring, epoll",
        ),
        (
            &options::ENDPOINT,
            "/live",
            "names no dialect; write PATH=DIALECT, such as /_broadcast=strav",
        ),
        (
            &options::ENDPOINT,
            "live=strav",
            "has a path that does not begin with /; write PATH=DIALECT, such as /_broadcast=strav",
        ),
        (
            &options::ENDPOINT,
            "/a?b=strav",
            "has '?' in its path; write the path as it stands in a request, percent-encoded, without a query",
        ),
        (
            &options::ENDPOINT,
            "/\u{e4}=strav",
            "has '\u{e4}' in its path; write the path as it stands in a request, percent-encoded, without a query",
        ),
        (
            &options::ENDPOINT,
            "/live=pusher",
            "names a dialect that does not exist: \"pusher\"; the dialects are strav, shared-websocket, ignis, echo",
        ),
        (
            &options::ENDPOINT,
            "/e=echo",
            "is for development; add --dev-echo to allow it",
        ),
        (
            &options::ALLOW_PUBLISH,
            "",
            "names no channel; write CHANNEL or CHANNEL:EVENT, such as demo:hello or '*:client-*'",
        ),
        (
            &options::ALLOW_PUBLISH,
            "chat:",
            "ends in a colon without an event; write the event behind the colon, or * for any",
        ),
        (
            &options::ALLOW_SUBSCRIBE,
            "",
            "names no channel; write a channel or a prefix that ends in *, such as 'private-team-*'",
        ),
        (
            &options::ALLOW_SUBSCRIBE,
            "a=sometimes",
            "says nothing that is known; write allow, deny, authenticated, claim:/POINTER, webhook or a \
             name with claims such as user.{sub} behind the =; a name that has one itself is written \
             with =allow",
        ),
        (
            &options::ALLOW_SUBSCRIBE,
            "user.{sub}=user.{sub}",
            "has claims before the =, where they stand for themselves; write a prefix that ends in * there, \
             such as 'user.*=user.{sub}'",
        ),
        (
            &options::ALLOW_SUBSCRIBE,
            "a=webhook",
            "leaves it to an app server, and none is named; name it with --webhook-url",
        ),
        (
            &options::ON_MESSAGE,
            "chat",
            "says no action; write EVENT=ACTION with drop, reply, publish:CHANNEL, \
             publish-others:CHANNEL or webhook",
        ),
        (
            &options::ON_MESSAGE,
            "chat=publish:",
            "names no action that there is; write EVENT=ACTION with drop, reply, publish:CHANNEL, \
             publish-others:CHANNEL or webhook",
        ),
        (
            &options::EVENT_NAME,
            "subscribe",
            "names no role; write ROLE=NAME, such as channel-join=subscribe",
        ),
        (
            &options::EVENT_NAME,
            "channel_joins=subscribe",
            "names a role that does not exist: \"channel_joins\"; did you mean channel-join?",
        ),
        (
            &options::EVENT_NAME,
            "error=",
            "gives no name; write ROLE=NAME, such as channel-join=subscribe",
        ),
        (
            &options::EVENT_NAME,
            "channel-join=$auth:login",
            "calls channel-join and auth-login the same; give each a name of its own: their messages \
             could not be told apart",
        ),
        (
            &options::PING_MESSAGE,
            "ping",
            r#"is not JSON; write it as it stands in a message, such as '{"type":"ping"}', or none"#,
        ),
        (
            &options::FRAME_SHAPE,
            "phoenix",
            "is not a choice here; write one of two-keys, flat",
        ),
        (
            &options::IGNIS_DEFAULT_ROOMS,
            "a,,b",
            "has an empty name; write names with one comma between two of them",
        ),
        (
            &options::IGNIS_ENCRYPTION,
            "yes",
            "is not a choice here; write one of off, on, required",
        ),
        (
            &options::IGNIS_ENCRYPTION_INFO,
            "",
            "is empty; write a text, or leave it out",
        ),
        (
            &options::MAX_MESSAGE_BYTES,
            "64Q",
            "is not a size; write bytes or a unit, such as 64KiB",
        ),
        (
            &options::MAX_MESSAGE_BYTES,
            "-5KiB",
            "is negative; write bytes or a unit, such as 64KiB",
        ),
        (
            &options::MAX_MESSAGE_BYTES,
            "0",
            "is too small; write at least 1",
        ),
        (
            &options::MAX_MESSAGE_BYTES,
            "1GiB",
            "is too large; write at most 256MiB",
        ),
        (
            &options::PING_INTERVAL,
            "30",
            "has no unit; write a number with a unit, such as 30s, 500ms or 2m, or 0",
        ),
        (
            &options::PING_INTERVAL,
            "-30s",
            "is negative; write a number with a unit, such as 30s, 500ms or 2m, or 0",
        ),
        (
            &options::IDLE_TIMEOUT,
            "5ms",
            "is too short; write at least 100ms, or 0",
        ),
        (
            &options::HANDSHAKE_TIMEOUT,
            "0",
            "is too short; write at least 100ms",
        ),
        (
            &options::DRAIN_TIMEOUT,
            "2days",
            "is too long; write at most 1day",
        ),
        (
            &options::WEBHOOK_URL,
            "app.example.com/hook",
            "is not a URL; write it whole, such as https://app.example.com/shardcast",
        ),
        (
            &options::WEBHOOK_URL,
            "/hook",
            "does not begin with http:// or https://; write it whole, such as https://app.example.com/shardcast",
        ),
        (
            &options::WEBHOOK_URL,
            "ftp://app/hook",
            "does not begin with http:// or https://; write it whole, such as https://app.example.com/shardcast",
        ),
        (
            &options::WEBHOOK_URL,
            "https://app:/hook",
            "names no host, or half a port; write it whole, such as https://app.example.com/shardcast",
        ),
        (
            &options::WEBHOOK_URL,
            "https://ann@app/hook",
            "holds a user's name; remove what stands before the @; the signature tells the app server who calls",
        ),
        (
            &options::WEBHOOK_URL,
            "https://app/hook#top",
            "has a part that is never sent; remove the # and what follows",
        ),
        (
            &options::WEBHOOK_TIMEOUT,
            "6s",
            "is too long; write at most 5s",
        ),
    ];
    for (option, value, said) in cases {
        let expected = format!("--{}: {value:?} {said}", option.name);
        assert_eq!(complaints(&[(option, &[value])]), [expected]);
    }
}

#[test]
fn all_complaints_come_at_once() {
    let all = complaints(&[
        (&options::LISTEN, &["here"]),
        (&options::ENDPOINT, &["/a=strav", "b", "/c"]),
        (&options::SHARDS, &["none"]),
        (&options::CPUS, &["99"]),
        (&options::MAX_MESSAGE_BYTES, &["64Q"]),
        (&options::IDLE_TIMEOUT, &["soon"]),
        (&options::LOG_LEVEL, &["loud"]),
    ]);
    let named: Vec<&str> = all
        .iter()
        .map(|complaint| complaint.split(':').next().unwrap())
        .collect();
    let expected = [
        "--listen",
        "--endpoint",
        "--endpoint",
        "--shards",
        "--cpus",
        "--max-message-bytes",
        "--idle-timeout",
        "--log-level",
    ];
    assert_eq!(named, expected);
}

#[test]
fn every_word_of_a_choice_is_understood() {
    for option in options::ALL {
        if let Kind::Choice(words) = option.kind {
            for word in words {
                config(&[(option, &[word])]);
            }
        }
    }
}

#[test]
fn value_with_control_characters_is_quoted() {
    let all = complaints(&[(&options::SHARDS, &["\u{1b}[31m"])]);
    assert!(all[0].starts_with(r#"--shards: "\u{1b}[31m" is not"#));
}

#[test]
fn backpressure_limit_must_hold_one_message() {
    // 65,536 bytes of message, 64 of bookkeeping, 10 of frame header, 256 of envelope.
    let limit = &options::BACKPRESSURE_LIMIT_BYTES;
    let message = &options::MAX_MESSAGE_BYTES;
    config(&[(limit, &["65866"])]);
    assert_eq!(
        complaints(&[(limit, &["65865"])]),
        [
            "--backpressure-limit-bytes: \"65865\" cannot hold one message of \
            --max-message-bytes (64KiB, the default) with its framing; \
            write at least 65866, or lower --max-message-bytes"
        ]
    );
    assert_eq!(
        complaints(&[(message, &["2MiB"])]),
        [
            "--max-message-bytes: \"2MiB\" does not fit into --backpressure-limit-bytes \
            (1MiB, the default) with its framing; lower it, or raise \
            --backpressure-limit-bytes to at least 2097482"
        ]
    );
}

#[test]
fn idle_timeout_must_exceed_the_ping_interval_unless_one_is_off() {
    let ping = &options::PING_INTERVAL;
    let idle = &options::IDLE_TIMEOUT;
    config(&[(ping, &["0"]), (idle, &["10s"])]);
    config(&[(ping, &["30s"]), (idle, &["0"])]);
    config(&[(ping, &["30s"]), (idle, &["30001ms"])]);
    assert_eq!(
        complaints(&[(idle, &["30s"])]),
        [
            "--idle-timeout: \"30s\" is not longer than --ping-interval (30s, the default); \
            raise it, lower --ping-interval, or turn either off with 0"
        ]
    );
    assert_eq!(
        complaints(&[(ping, &["2m"])]),
        [
            "--ping-interval: \"2m\" is not shorter than --idle-timeout (90s, the default); \
            lower it, raise --idle-timeout, or turn either off with 0"
        ]
    );
}
