//! Goal: `check --explain` tells which rule decides, and why.
//! Method: a configuration with a rule of each kind, and tokens of a known secret.

use std::process::{Command, Output};

use serde_json::{Value, json};

use super::token::{KEY_FLAG, token};

const RULES: [&str; 7] = [
    "--allow-subscribe=open-*=allow",
    "--allow-subscribe=closed=deny",
    "--allow-subscribe=in-*=authenticated",
    "--allow-subscribe=team-*=claim:/teams",
    "--allow-subscribe=user.*=user.{sub}",
    "--allow-publish=*:client-*",
    "--allow-publish=quiet:*=deny",
];

fn explain(with_token: bool, question: &[&str]) -> Output {
    let path = std::env::temp_dir().join(format!("shardcast-explain-{}.jwt", std::process::id()));
    let claims = json!({"sub": "u1", "teams": ["team-a"]});
    std::fs::write(&path, format!("{}\n", token(claims, 600))).expect("room on the disk");
    let mut command = Command::new(env!("CARGO_BIN_EXE_shardcast"));
    command
        .args(["check", "--explain", "--json", KEY_FLAG])
        .args(RULES);
    if with_token {
        command.arg("--as").arg(&path);
    }
    command.args(question).output().expect("the binary runs")
}

#[test]
fn rule_and_reason_are_told_for_each_kind() {
    for (with_token, question, answer, rule, why) in [
        (
            false,
            "subscribe open-x",
            "allowed",
            "open-*=allow",
            "everybody may",
        ),
        (
            false,
            "subscribe closed",
            "denied",
            "closed=deny",
            "nobody may",
        ),
        (
            false,
            "subscribe in-x",
            "denied",
            "in-*=authenticated",
            "it takes a valid token",
        ),
        (
            true,
            "subscribe in-x",
            "allowed",
            "in-*=authenticated",
            "valid token",
        ),
        (
            true,
            "subscribe team-a",
            "allowed",
            "team-*=claim:/teams",
            r#"["team-a"]"#,
        ),
        (
            true,
            "subscribe team-b",
            "denied",
            "team-*=claim:/teams",
            r#"["team-a"]"#,
        ),
        (
            true,
            "subscribe user.u1",
            "allowed",
            "user.*=user.{sub}",
            r#"/sub is "u1""#,
        ),
        (
            true,
            "subscribe user.u2",
            "denied",
            "user.*=user.{sub}",
            r#"/sub is "u1""#,
        ),
        (
            false,
            "subscribe private-x",
            "denied",
            "strav says private-*=deny",
            "nobody may",
        ),
        (
            false,
            "subscribe other",
            "allowed",
            "strav says allow",
            "everybody may",
        ),
        (
            false,
            "publish demo client-x",
            "allowed",
            "*:client-*=allow",
            "everybody may",
        ),
        (
            false,
            "publish quiet client-x",
            "denied",
            "quiet:*=deny",
            "nobody may",
        ),
        (
            false,
            "publish demo x",
            "denied",
            "none is written",
            "no rule allows",
        ),
    ] {
        let words: Vec<&str> = question.split(' ').collect();
        let output = explain(with_token, &words);
        assert!(output.status.success(), "{question}: {output:?}");
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(told["answer"], answer, "{question}: {told}");
        assert!(
            told["rule"].as_str().expect("text").ends_with(rule),
            "{question}: {told}"
        );
        assert!(
            told["why"].as_str().expect("text").contains(why),
            "{question}: {told}"
        );
        assert_eq!(
            told["as"] == "the user u1",
            with_token,
            "{question}: {told}"
        );
    }
}

#[test]
fn what_cannot_be_explained_is_told_with_its_fix() {
    for (question, told) in [
        (&["subscribe"][..], "<CHANNEL>"),
        (&["publish", "demo"], "<EVENT>"),
        (&["listen", "demo"], "subscribe, publish"),
        (
            &["--at", "/nowhere", "subscribe", "x"],
            "there is /_broadcast",
        ),
        (
            &["--as", "/nowhere", "subscribe", "x"],
            "name a file with a token",
        ),
        (
            &["--as", "/dev/null", "subscribe", "x"],
            "the server refuses it",
        ),
    ] {
        let output = explain(false, question);
        assert!(!output.status.success(), "{question:?}");
        let error = String::from_utf8_lossy(&output.stderr);
        let words: Vec<&str> = error.split_whitespace().collect();
        assert!(words.join(" ").contains(told), "{question:?}: {error}");
    }
}
