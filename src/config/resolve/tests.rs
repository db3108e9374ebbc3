//! Every default, what depends on the machine, and what endpoints inherit.

use super::*;
use crate::config::option::OptionRecord;
use crate::config::settings::Origin;
use crate::dialect::DialectName;

mod complaints;

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
    let api = config.api.as_ref().expect("an API by default");
    assert_eq!(api.listen.to_string(), "127.0.0.1:7002");
    assert_eq!((&api.token, &api.hosts), (&None, &Vec::new()));
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
    assert_eq!(endpoint.dialect.name(), DialectName::Strav);
    assert_eq!(endpoint.app, "/_broadcast");
    assert_eq!(endpoint.rules, Rules::default());
    let auth = &endpoint.auth;
    assert_eq!((auth.trusted.len(), auth.leeway.as_secs()), (0, 30));
    assert_eq!((&auth.query_parameter, &auth.cookie), (&None, &None));
    assert!(!auth.token_required);
    let expected = ConnLimits {
        message_bytes_max: 65_536,
        message_frames_max: 131_072,
        read_rates: ReadRates::default(),
        backpressure_bytes_max: 1_048_576,
        backpressure_policy: BackpressurePolicy::Close,
        unproven_bytes_max: 256 * 1024,
        subscriptions_max: 128,
        ping_interval_ms: 30_000,
        idle_timeout_ms: 90_000,
        flush_interval_ms: 0,
    };
    assert_eq!(endpoint.limits, expected);
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
fn cpu_quota_decides_the_shards_and_pins_none() {
    let machine = Machine {
        cpus_allowed: (0..64).collect(),
        cores_usable: 2,
    };
    let config = Settings::default().resolve(&machine).unwrap();
    assert_eq!(config.shards, 2);
    assert_eq!(
        config.cpus, None,
        "the neighbours would all take cpu 0 and 1"
    );
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
    assert_eq!(echo.dialect.name(), DialectName::Echo);
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
        let rules = &endpoint.rules;
        for (deciding, allowed) in [
            (rules.of_publish("x", "client-hi"), true),
            (rules.of_publish("demo", "anything"), true),
            (rules.of_publish("x", "hi"), false),
            (rules.of_subscribe("private-team-1"), true),
            (rules.of_subscribe("private-x"), false),
        ] {
            assert_eq!(deciding.is_open(""), allowed, "{deciding:?}");
        }
    }
}
