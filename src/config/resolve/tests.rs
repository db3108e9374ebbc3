//! Every complaint with its text, every default, and what depends on the machine.

use super::super::option::Kind;
use super::*;

/// Four allowed cpus, the first of them not 0, as in a container.
fn machine() -> Machine {
    Machine {
        cpus_allowed: vec![2, 3, 4, 7],
        cores_usable: 4,
    }
}

fn settings(typed: &[(&OptionRecord, &[&str])]) -> Settings {
    let mut settings = Settings::default();
    for (option, texts) in typed {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        settings.set(option, Origin::Flag, texts);
    }
    settings
}

fn config(typed: &[(&OptionRecord, &[&str])]) -> ServerConfig {
    settings(typed).resolve(&machine()).unwrap()
}

fn complaints(typed: &[(&OptionRecord, &[&str])]) -> Vec<String> {
    let complaints = settings(typed).resolve(&machine()).unwrap_err();
    complaints.iter().map(Complaint::to_string).collect()
}

#[test]
fn defaults_are_the_documented_ones() {
    let config = config(&[]);
    assert_eq!(config.listen.to_string(), "127.0.0.1:7001");
    assert_eq!(config.shards, 4);
    assert_eq!(config.cpus, Some(vec![2, 3, 4, 7]));
    assert_eq!(config.driver, DriverChoice::Auto);
    assert_eq!(config.handshake.head_bytes_max, 16_384);
    assert_eq!(config.handshake.timeout_ms, 5_000);
    assert_eq!(config.connections_max, None);
    assert_eq!(config.drain_timeout, Duration::from_secs(10));
    assert_eq!(config.log_level, LogLevel::Info);

    let [endpoint] = config.endpoints.as_slice() else {
        panic!("one endpoint");
    };
    assert_eq!(endpoint.path, "/_broadcast");
    assert_eq!(endpoint.dialect, DialectName::Strav);
    assert_eq!(endpoint.app, "/_broadcast");
    assert_eq!(endpoint.rules, Rules::default());
    let expected = ConnLimits {
        message_bytes_max: 65_536,
        backpressure_bytes_max: 1_048_576,
        backpressure_policy: BackpressurePolicy::Close,
        subscriptions_max: 128,
        ping_interval_ms: 30_000,
        idle_timeout_ms: 90_000,
    };
    assert_eq!(endpoint.limits, expected);
}

#[test]
fn each_faulty_value_names_flag_value_and_fix() {
    let cases: [(&OptionRecord, &str, &str); 29] = [
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
            "names a dialect that does not exist: \"pusher\"; the dialects are strav, echo",
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

#[test]
fn shards_follow_the_cores_or_the_list() {
    let shards_and_cpus = |typed: &[(&OptionRecord, &[&str])]| {
        let config = config(typed);
        (config.shards, config.cpus)
    };
    let shards = &options::SHARDS;
    let cpus = &options::CPUS;
    assert_eq!(
        shards_and_cpus(&[(shards, &["2"])]),
        (2, Some(vec![2, 3])),
        "fewer shards than cores are pinned"
    );
    assert_eq!(
        shards_and_cpus(&[(shards, &["5"])]),
        (5, None),
        "more shards than cores are not"
    );
    assert_eq!(
        shards_and_cpus(&[(cpus, &["3,3"])]),
        (2, Some(vec![3, 3])),
        "the list says how many"
    );
    assert_eq!(
        shards_and_cpus(&[(shards, &["8"]), (cpus, &["2-3"])]),
        (8, Some(vec![2, 3])),
        "a list is kept however many shards share it"
    );
    assert_eq!(shards_and_cpus(&[(cpus, &["none"])]), (4, None));
}

#[test]
fn cpu_quota_below_the_allowed_cpus_decides_the_shards() {
    let machine = Machine {
        cpus_allowed: (0..64).collect(),
        cores_usable: 2,
    };
    let config = Settings::default().resolve(&machine).unwrap();
    assert_eq!(config.shards, 2);
    assert_eq!(config.cpus, Some(vec![0, 1]));
}

#[test]
fn machine_larger_than_the_most_shards_still_resolves() {
    let machine = Machine {
        cpus_allowed: (0..512).collect(),
        cores_usable: 512,
    };
    let config = Settings::default().resolve(&machine).unwrap();
    assert_eq!(config.shards, SHARDS_MAX);
}

#[test]
fn dev_echo_adds_an_endpoint_with_limits_of_its_own() {
    let config = config(&[(&options::DEV_ECHO, &["true"])]);
    let [strav, echo] = config.endpoints.as_slice() else {
        panic!("two endpoints");
    };
    assert_eq!(strav.limits.message_bytes_max, 65_536);
    assert_eq!(echo.path, "/echo");
    assert_eq!(echo.dialect, DialectName::Echo);
    assert_eq!(echo.limits.message_bytes_max, 16 << 20);
    assert!(echo.limits.backpressure_bytes_max > 16 << 20);
    assert_eq!(echo.limits.ping_interval_ms, strav.limits.ping_interval_ms);
}

#[test]
fn typed_message_limit_holds_for_echo_too() {
    let config = config(&[
        (&options::DEV_ECHO, &["true"]),
        (&options::MAX_MESSAGE_BYTES, &["1KiB"]),
    ]);
    for endpoint in &config.endpoints {
        assert_eq!(endpoint.limits.message_bytes_max, 1_024);
        assert_eq!(endpoint.limits.backpressure_bytes_max, 1 << 20);
    }
}

#[test]
fn echo_path_is_bound_once() {
    let echo = &options::DEV_ECHO;
    let endpoint = &options::ENDPOINT;
    let explicit = config(&[(echo, &["true"]), (endpoint, &["/echo=echo"])]);
    assert_eq!(explicit.endpoints.len(), 1);
    assert_eq!(
        complaints(&[(echo, &["true"]), (endpoint, &["/echo=strav"])]),
        ["--endpoint: \"/echo=strav\" takes the path that --dev-echo adds; choose another path"]
    );
    assert_eq!(
        complaints(&[(endpoint, &["/a=strav", "/a=strav"])]),
        ["--endpoint: \"/a=strav\" binds a path twice; give each endpoint a path of its own"]
    );
}

#[test]
fn rules_reach_every_endpoint() {
    let config = config(&[
        (&options::ENDPOINT, &["/a=strav", "/b=strav"]),
        (&options::ALLOW_PUBLISH, &["*:client-*", "demo"]),
        (&options::ALLOW_SUBSCRIBE, &["private-team-*"]),
    ]);
    for endpoint in &config.endpoints {
        assert_eq!(endpoint.app, endpoint.path);
        assert!(endpoint.rules.may_publish("x", "client-hi"));
        assert!(endpoint.rules.may_publish("demo", "anything"));
        assert!(!endpoint.rules.may_publish("x", "hi"));
        assert!(endpoint.rules.may_subscribe("private-team-1"));
        assert!(!endpoint.rules.may_subscribe("private-x"));
    }
}
