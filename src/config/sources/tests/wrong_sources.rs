//! Every complaint about a source itself, with its text.

use super::*;

#[test]
fn each_mistake_in_a_file_names_line_key_and_fix() {
    let cases = [
        (
            "\nmax-mesage-bytes = 5",
            "test.toml:2: max-mesage-bytes is no key of a configuration; did you mean max-message-bytes?",
        ),
        (
            "max_message_bytes = 5",
            "test.toml:1: max_message_bytes is no key of a configuration; did you mean max-message-bytes?",
        ),
        (
            "[redis]\nurl = 1",
            "test.toml:1: redis is no key of a configuration; remove it; shardcast config default shows all keys",
        ),
        (
            "shards = \"0\"",
            "test.toml:1: shards: \"0\" is too small; write a number from 1 to 256, or auto",
        ),
        (
            "shards = 2.5",
            "test.toml:1: shards: \"2.5\" is a fraction; write a whole number",
        ),
        (
            "shards = -1",
            "test.toml:1: shards: \"-1\" is negative; write a number from 1 to 256, or auto",
        ),
        (
            "max-message-bytes = true",
            "test.toml:1: max-message-bytes: \"true\" is true or false; write bytes, or a text such as \"64KiB\"",
        ),
        (
            "dev-echo = \"true\"",
            "test.toml:1: dev-echo: \"true\" is a text; write true or false, without quotes",
        ),
        (
            "ping-interval = 30",
            "test.toml:1: ping-interval: \"30\" has no unit; write a number with a unit, such as 30s, 500ms or 2m, or 0",
        ),
        (
            "ping-interval = 2026-01-01",
            "test.toml:1: ping-interval: \"2026-01-01\" is a date; write a text with a unit, such as \"30s\"",
        ),
        (
            "listen = 7001",
            "test.toml:1: listen: \"7001\" is a whole number; write a text in quotes",
        ),
        (
            "allow-publish = \"demo\"",
            "test.toml:1: allow-publish: \"demo\" is a text; write a list: allow-publish = [\"...\"]",
        ),
        (
            "allow-publish = [\n  \"demo\",\n  5,\n]",
            "test.toml:3: allow-publish: \"5\" is a whole number; write a text in quotes",
        ),
        (
            "allow-publish = [\n  \"demo\",\n  \"demo:\",\n]",
            "test.toml:3: allow-publish: \"demo:\" ends in a colon without an event; write the event behind the colon, or * for any",
        ),
        (
            "shards = 1\nshards = 2",
            "test.toml:2: this line is no TOML (duplicate key); mend it; a text needs quotes, a list needs brackets",
        ),
        (
            "[endpoint]\npath = \"/a\"",
            "test.toml:1: endpoint: \"[endpoint]\" is a table; write a table for each: [[endpoint]], path = \"/live\", dialect = \"strav\"",
        ),
        (
            "endpoint = [5]",
            "test.toml:1: endpoint: \"5\" is a whole number; write a table with path and dialect, or a text such as \"/live=strav\"",
        ),
        (
            "endpoint = [\"/a\"]",
            "test.toml:1: endpoint: \"/a\" names no dialect; write PATH=DIALECT, such as /_broadcast=strav",
        ),
        (
            "\n[[endpoint]]\ndialect = \"strav\"",
            "test.toml:2: this endpoint has no path; add path = \"/live\"",
        ),
        (
            "[[endpoint]]\npath = \"/a\"",
            "test.toml:1: this endpoint has no dialect; add dialect = \"strav\"",
        ),
        (
            "[[endpoint]]\npath = \"a\"\ndialect = \"strav\"",
            "test.toml:1: endpoint: \"a=strav\" has a path that does not begin with /; write PATH=DIALECT, such as /_broadcast=strav",
        ),
        (
            "[[endpoint]]\npath = \"/a\"\ndialect = \"x=strav\"",
            "test.toml:3: dialect: \"x=strav\" does not exist; the dialects are strav, shared-websocket, ignis, echo",
        ),
        (
            "[[endpoint]]\npath = 5\ndialect = \"strav\"",
            "test.toml:2: path: \"5\" is a whole number; write a text in quotes",
        ),
        (
            "[[endpoint]]\npath = \"/a\"\ndialect = \"strav\"\napp = \"\"",
            "test.toml:4: app: \"\" is no name; name the topics that endpoints share, or leave the key out for topics of its own",
        ),
        (
            "[[endpoint]]\npath = \"/a\"\ndialect = \"strav\"\nmax-subscription = 5",
            "test.toml:4: max-subscription is no key of an endpoint; did you mean max-subscriptions?",
        ),
        (
            "[[endpoint]]\npath = \"/a\"\ndialect = \"strav\"\nlog-level = \"debug\"",
            "test.toml:4: log-level is no key of an endpoint; move it above the first [[endpoint]]: it holds for the whole server",
        ),
        (
            "[[endpoint]]\npath = \"/a\"\nignis-encryption = \"on\"\ndialect = \"strav\"",
            "test.toml:3: ignis-encryption means nothing to strav; remove it: only endpoints of ignis have it",
        ),
        (
            "[[endpoint]]\npath = \"/a\"\ndialect = \"strav\"\nmax-subscriptions = 0",
            "test.toml:4: max-subscriptions: \"0\" is too small; write a number from 1 to 1000000",
        ),
        (
            "[[endpoint]]\npath = \"/a\"\ndialect = \"strav\"\nmax-message-bytes = \"2MiB\"",
            "test.toml:4: max-message-bytes: \"2MiB\" does not fit into --backpressure-limit-bytes \
             (1MiB, the default) with its framing; lower it, or raise --backpressure-limit-bytes to \
             at least 2097482",
        ),
        (
            "ping-interval = \"20s\"\n[[endpoint]]\npath = \"/a\"\ndialect = \"strav\"\nidle-timeout = \"10s\"",
            "test.toml:5: idle-timeout: \"10s\" is not longer than ping-interval (20s, test.toml:1); \
             raise it, lower ping-interval, or turn either off with 0",
        ),
    ];
    for (file, expected) in cases {
        let given = Given {
            file,
            ..Given::default()
        };
        assert_eq!(given.complaints(), [expected], "{file}");
    }
}

#[test]
fn each_mistake_in_the_environment_names_variable_and_fix() {
    let cases = [
        (
            ("SHARDCAST_MAX_MESAGE_BYTES", "5"),
            "SHARDCAST_MAX_MESAGE_BYTES is no variable of shardcast; did you mean SHARDCAST_MAX_MESSAGE_BYTES?",
        ),
        (
            ("SHARDCAST_CONFI", "x"),
            "SHARDCAST_CONFI is no variable of shardcast; did you mean SHARDCAST_CONFIG?",
        ),
        (
            ("SHARDCAST_REDIS_URL", "redis://:secret@x"),
            "SHARDCAST_REDIS_URL is no variable of shardcast; unset it; shardcast config env lists all variables",
        ),
        (
            ("SHARDCAST_SHARDS", "many"),
            "SHARDCAST_SHARDS: \"many\" is not a whole number; write a number from 1 to 256, or auto",
        ),
        (
            ("SHARDCAST_DEV_ECHO", "yes"),
            "SHARDCAST_DEV_ECHO: \"yes\" is neither on nor off; write true or false",
        ),
        (
            ("SHARDCAST_ENDPOINT", "/a=strav,/a=strav"),
            "SHARDCAST_ENDPOINT: \"/a=strav\" binds a path twice; give each endpoint a path of its own",
        ),
    ];
    for (variable, expected) in cases {
        let given = Given {
            env: &[variable],
            ..Given::default()
        };
        assert_eq!(given.complaints(), [expected]);
    }
}

#[test]
fn variables_that_kubernetes_makes_are_nobodys_mistake() {
    let given = Given {
        env: &[
            ("SHARDCAST_SERVICE_HOST", "10.0.0.1"),
            ("SHARDCAST_SERVICE_PORT", "7001"),
            ("SHARDCAST_SERVICE_PORT_WS", "7001"),
            ("SHARDCAST_PORT", "tcp://10.0.0.1:7001"),
            ("SHARDCAST_PORT_7001_TCP", "tcp://10.0.0.1:7001"),
            ("SHARDCAST_PORT_7001_TCP_PROTO", "tcp"),
            ("SHARDCAST_API_SERVICE_HOST", "10.0.0.1"),
        ],
        ..Given::default()
    };
    given.config();
    let given = Given {
        env: &[("SHARDCAST_PORT", "7001")],
        ..Given::default()
    };
    assert_eq!(given.complaints().len(), 1, "somebody wrote that by hand");
}

#[test]
fn mistakes_of_all_sources_come_at_once() {
    let given = Given {
        file: "lisen = 5\ndriver = 7\nlog-level = \"loud\"",
        env: &[("SHARDCAST_SHARD", "2"), ("SHARDCAST_CPUS", "x")],
        flags: &[(&options::DRAIN_TIMEOUT, &["soon"])],
    };
    let complaints = given.complaints();
    let expected = [
        "SHARDCAST_SHARD ",
        "test.toml:1: lisen ",
        "test.toml:2: driver: ",
        "SHARDCAST_CPUS: ",
        "--drain-timeout: ",
        "test.toml:3: log-level: ",
    ];
    assert_eq!(complaints.len(), expected.len(), "{complaints:#?}");
    for (complaint, beginning) in complaints.iter().zip(expected) {
        assert!(complaint.starts_with(beginning), "{complaint}");
    }
}

#[test]
fn value_that_several_endpoints_share_is_complained_about_once() {
    let given = Given {
        flags: &[
            (&options::ENDPOINT, &["/a=strav", "/b=strav"]),
            (&options::MAX_MESSAGE_BYTES, &["64Q"]),
            (&options::IDLE_TIMEOUT, &["1s"]),
        ],
        ..Given::default()
    };
    assert_eq!(given.complaints().len(), 2);
}

#[test]
fn file_that_is_no_toml_is_complained_about_at_each_place() {
    let given = Given {
        file: "listen = 127.0.0.1:1\nshards = 2\nlog-level = debug\nno_such = 1",
        ..Given::default()
    };
    let complaints = given.complaints();
    for (complaint, line) in complaints.iter().zip(["test.toml:1: ", "test.toml:3: "]) {
        assert!(
            complaint.starts_with(&format!("{line}this line is no TOML (")),
            "{complaint}"
        );
    }
    assert!(
        complaints
            .iter()
            .all(|complaint| !complaint.contains("no_such"))
    );
}

#[test]
fn file_that_is_not_there_is_named_with_what_named_it() {
    let sources = Sources {
        config: Some("/no/such/file.toml".into()),
        flags: Vec::new(),
    };
    let by_flag = sources.read([]).complaints;
    assert!(
        by_flag[0].to_string().starts_with(
            "--config: \"/no/such/file.toml\" cannot be read (No such file or directory"
        )
    );
    let env = [(CONFIG_ENV.into(), "/no/such/file.toml".into())];
    let by_env = Sources::default().read(env).complaints;
    assert!(by_env[0].to_string().starts_with("SHARDCAST_CONFIG: "));
}

#[test]
fn too_many_endpoints_are_refused() {
    let listed: Vec<String> = (0..=1_024).map(|n| format!("\"/{n}=strav\"")).collect();
    let file = format!("endpoint = [{}]", listed.join(","));
    let given = Given {
        file: &file,
        ..Given::default()
    };
    assert_eq!(
        given.complaints(),
        [
            "test.toml:1: endpoint: \"/1024=strav\" is one endpoint too many; bind at most 1024; \
             clients of one path can use many channels"
        ]
    );
}
