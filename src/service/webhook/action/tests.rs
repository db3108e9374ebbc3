use super::*;

fn read(body: &str) -> Vec<Action> {
    actions(StatusCode::OK, body.as_bytes()).unwrap_or_else(|fault| panic!("{body}: {fault}"))
}

fn one(action: &str) -> Action {
    let mut actions = read(&format!(r#"{{"actions":[{action}]}}"#));
    assert_eq!(actions.len(), 1);
    actions.remove(0)
}

fn data(said: &Said) -> Option<&str> {
    said.data.as_deref().map(RawValue::get)
}

#[test]
fn answer_without_actions_asks_for_none() {
    assert!(read("{}").is_empty());
    assert!(read(r#"{"actions":[]}"#).is_empty());
    assert!(actions(StatusCode::NO_CONTENT, b"").unwrap().is_empty());
    assert!(actions(StatusCode::OK, b"").is_err());
}

#[test]
fn data_is_as_it_was_written_and_absent_is_not_null() {
    let cases = [
        (r#"{"type":"reply","event":"e"}"#, None),
        (r#"{"type":"reply","event":"e","data":null}"#, Some("null")),
        (
            r#"{"data":{ "n" : 1.50, "n":2 },"event":"e","type":"reply"}"#,
            Some(r#"{ "n" : 1.50, "n":2 }"#),
        ),
    ];
    for (action, expected) in cases {
        let Action::Reply(said) = one(action) else {
            panic!("{action}")
        };
        assert_eq!(said.event, "e");
        assert_eq!(data(&said), expected, "{action}");
        assert!(!format!("{said:?}").contains("1.50"));
    }
}

#[test]
fn publish_says_where_what_and_to_whom_not() {
    let action =
        r#"{"type":"publish","channel":"c","event":"e","data":1,"exclude":["self","id1"]}"#;
    let Action::Publish {
        channel,
        said,
        exclude,
    } = one(action)
    else {
        panic!("{action}")
    };
    assert_eq!((channel.as_str(), said.event.as_str()), ("c", "e"));
    assert_eq!(data(&said), Some("1"));
    assert_eq!(
        exclude,
        Exclude {
            itself: true,
            connections: vec!["id1".to_owned()]
        }
    );
    let Action::Publish { said, exclude, .. } = one(r#"{"type":"publish","channel":"c"}"#) else {
        panic!("a publish")
    };
    assert_eq!((said.event.as_str(), exclude), ("", Exclude::default()));
}

#[test]
fn send_reaches_each_kind_of_target() {
    let target = |to: &str| match one(&format!(r#"{{"type":"send","to":{to},"event":"e"}}"#)) {
        Action::Send { to, .. } => to,
        other => panic!("{other:?}"),
    };
    let text = || "x".to_owned();
    assert_eq!(target(r#"{"connection":"x"}"#), Target::Connection(text()));
    assert_eq!(target(r#"{"user":"x"}"#), Target::User(text()));
    assert_eq!(target(r#"{"channel":"x"}"#), Target::Channel(text()));
    assert_eq!(target(r#"{"all":true}"#), Target::All(true));
}

#[test]
fn join_leave_and_close_come_in_their_order() {
    let actions = read(
        r#"{"actions":[{"type":"join","channel":"a"},{"type":"leave","channel":"b"},
            {"type":"close"},{"type":"close","code":4001,"reason":"bye"}]}"#,
    );
    let [
        Action::Join { channel: joined },
        Action::Leave { channel: left },
        Action::Close {
            code: usual,
            reason: none,
        },
        Action::Close { code, reason },
    ] = actions.as_slice()
    else {
        panic!("{actions:?}")
    };
    assert_eq!([joined, left], ["a", "b"]);
    assert_eq!((*usual, none.as_str()), (CloseCode::NORMAL, ""));
    assert_eq!((code.0, reason.as_str()), (4001, "bye"));
}

#[test]
fn wrong_actions_are_named_and_none_of_the_others_is_done() {
    let long = "x".repeat(1_025);
    let many_ids = vec!["\"x\""; EXCLUDED_MAX + 1].join(",");
    let cases = [
        (
            r#"{"type":"publish","event":"e"}"#.to_owned(),
            "has no channel",
        ),
        (
            r#"{"type":"join","channel":""}"#.to_owned(),
            "needs a channel of 1 to 1024 bytes",
        ),
        (
            format!(r#"{{"type":"leave","channel":"{long}"}}"#),
            "needs a channel of 1 to 1024 bytes",
        ),
        (
            format!(r#"{{"type":"reply","event":"{long}"}}"#),
            "has an event of more than 1024 bytes",
        ),
        (
            r#"{"type":"reply","channel":"c"}"#.to_owned(),
            "has channel, which reply does not take",
        ),
        (
            r#"{"type":"join","channel":"c","data":null}"#.to_owned(),
            "has data, which join does not take",
        ),
        (r#"{"type":"send"}"#.to_owned(), "does not say to whom"),
        (
            r#"{"type":"send","to":{"all":false}}"#.to_owned(),
            "says all, but false",
        ),
        (
            r#"{"type":"send","to":{"user":""}}"#.to_owned(),
            "needs a user of 1 to 1024 bytes",
        ),
        (
            format!(r#"{{"type":"publish","channel":"c","exclude":[{many_ids}]}}"#),
            "leaves out more than 100 connections",
        ),
        (
            r#"{"type":"close","code":1006}"#.to_owned(),
            "has a code that no Close frame may have",
        ),
    ];
    for (action, problem) in cases {
        let body = format!(r#"{{"actions":[{{"type":"join","channel":"a"}},{action}]}}"#);
        let fault = actions(StatusCode::OK, body.as_bytes()).unwrap_err();
        assert_eq!(fault.0, format!("actions[1] {problem}"), "{action}");
    }
}

#[test]
fn wrong_shapes_tell_nothing_of_what_was_there() {
    for body in [
        r#"{"actions":{}}"#,
        r#"[]"#,
        r#"{"action":["hunter2"]}"#,
        r#"{"actions":[{"type":"hunter2"}]}"#,
        r#"{"actions":[{"channel":"hunter2"}]}"#,
        r#"{"actions":[{"type":"reply","dat":"hunter2"}]}"#,
        r#"{"actions":[{"type":"send","to":"hunter2"}]}"#,
        r#"{"actions":[{"type":"send","to":{"user":"a","all":true}}]}"#,
        r#"{"actions":[{"type":"close","code":"hunter2"}]}"#,
        r#"{"actions":[{"type":"close","code":70000}]}"#,
        r#"{"actions":[{"type":"reply","data":hunter2}]}"#,
    ] {
        let fault = actions(StatusCode::OK, body.as_bytes()).unwrap_err();
        assert!(!fault.0.contains("hunter2"), "{fault}");
    }
}

#[test]
fn more_actions_than_fit_are_refused_as_a_whole() {
    let body = |count| {
        let list = vec![r#"{"type":"reply"}"#; count].join(",");
        format!(r#"{{"actions":[{list}]}}"#)
    };
    assert_eq!(read(&body(ACTIONS_MAX)).len(), ACTIONS_MAX);
    let fault = actions(StatusCode::OK, body(ACTIONS_MAX + 1).as_bytes()).unwrap_err();
    assert_eq!(fault.0, "it has more than 100 actions");
}
