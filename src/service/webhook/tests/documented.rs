//! What `docs/webhooks.md` says is what happens.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use http::StatusCode;
use serde_json::{Value, json};

use super::calls::connect_request;
use super::server::{AppServer, Seen, ok};
use super::*;
use crate::codec::ws::CloseCode;
use crate::service::Secret;

const PAGE: &str = include_str!("../../../../docs/webhooks.md");

const SECRET: &str = "whsec_documented";

/// The blocks of a language, each with the heading it stands under.
fn blocks(language: &str) -> Vec<(&'static str, &'static str)> {
    let sections = PAGE.split("\n## ").skip(1);
    let found = sections.flat_map(|section| {
        let (heading, text) = section.split_once('\n').unwrap();
        let opening = format!("```{language}\n");
        let blocks: Vec<&str> = text.split(opening.as_str()).skip(1).collect();
        blocks
            .into_iter()
            .map(move |block| (heading, block.split_once("```").unwrap().0))
    });
    found.collect()
}

/// One call of each kind, as it arrives.
async fn calls() -> Vec<Seen> {
    let server = AppServer::start(|_, _| ok("{}")).await;
    let mut config = config_for(&server);
    config.secret = Some(Secret::new(SECRET.to_owned()));
    let webhook = webhook_with(config);
    let (peer, data) = (ann(), raw("{}"));
    webhook.connect(&peer, &connect_request()).await.ok();
    webhook.authenticate(&peer, &data).await.unwrap();
    webhook.subscribe(&peer, "a").await.ok();
    let channels = ["a", "b"].map(str::to_owned);
    webhook.subscribe_all(&peer, &channels).await.ok();
    webhook.publish(&peer, "a", "e", Some(&data)).await.ok();
    webhook.message(&peer, "e", Some(&data)).await.unwrap();
    let disconnected = Happened::Disconnected {
        code: CloseCode::GOING_AWAY,
        reason: "".into(),
        was_clean: true,
    };
    for what in [
        Happened::Connected {},
        Happened::Authenticated {},
        disconnected,
    ] {
        let peer = peer.clone();
        webhook.notify(&Notice { peer, what }).await.unwrap();
    }
    server.seen()
}

fn keys(body: &Value) -> BTreeSet<&str> {
    body.as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn requests_of_the_page_have_the_keys_of_real_ones() {
    let bodies: Vec<Value> = blocks("json")
        .into_iter()
        .map(|(_, block)| serde_json::from_str(block).unwrap())
        .collect();
    let documented: Vec<&Value> = bodies
        .iter()
        .filter(|body| !body["type"].is_null())
        .collect();
    let real: Vec<Value> = calls().await.iter().map(Seen::json).collect();
    assert_eq!(documented.len(), real.len());
    for (documented, real) in documented.into_iter().zip(&real) {
        assert_eq!(documented["type"], real["type"]);
        assert_eq!(keys(documented), keys(real));
    }
}

#[test]
fn answers_of_the_page_are_understood() {
    let mut count = 0;
    for (heading, block) in blocks("json") {
        let json: Value = serde_json::from_str(block).unwrap();
        if !json["type"].is_null() {
            continue;
        }
        count += 1;
        let body = block.as_bytes();
        match heading.trim_matches('`') {
            "connect" => match answer::connect(body).unwrap() {
                ConnectAnswer::Accepted(accepted) => {
                    assert_eq!(accepted.identity.unwrap().user.as_deref(), Some("ann"));
                }
                ConnectAnswer::Refused(refusal) => assert_eq!(refusal.status, 401),
            },
            "authenticate" => {
                let identity = answer::authenticate(body).unwrap();
                assert_eq!(identity.is_none(), json.is_null());
            }
            "subscribe" if json["allowed"].is_array() => {
                let answer =
                    answer::permissions(&["orders", "payroll"].map(str::to_owned), body).unwrap();
                assert_eq!(answer.allow, [true, false]);
            }
            "subscribe" | "publish" => {
                let answer = answer::permission(body).unwrap();
                assert_eq!(json!(answer.allow), json["allow"]);
            }
            "message" => {
                let actions = action::actions(StatusCode::OK, body).unwrap();
                assert_eq!(actions.len(), 9);
            }
            other => panic!("an answer under {other}"),
        }
    }
    assert_eq!(count, 8);
}

/// Of which headers and bodies the page's own code says that they are ours.
fn judge(program: &str, flag: &str, code: &str, cases: &[(&str, &str)]) -> Vec<bool> {
    let mut child = Command::new(program)
        .args([flag, code, SECRET])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; tests/run installs it"));
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(json!(cases).to_string().as_bytes())
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn signatures_are_checked_by_the_code_of_the_page() {
    let call = calls().await.remove(4);
    let header = call.headers["shardcast-signature"].as_str();
    let [(_, python)] = blocks("python")[..] else {
        panic!("one block of Python")
    };
    let [(_, js)] = blocks("js")[..] else {
        panic!("one block of JavaScript")
    };
    let python = format!(
        "{python}\nimport json, sys\nsecret = sys.argv[1].encode()\n\
         judged = [is_from_shardcast(secret, h, b.encode()) for h, b in json.load(sys.stdin)]\n\
         print(json.dumps(judged))"
    );
    let js = format!(
        "{js}\nconst secret = process.argv[1];\n\
         const cases = JSON.parse(require('node:fs').readFileSync(0));\n\
         const judged = cases.map(([h, b]) => isFromShardcast(secret, h, Buffer.from(b)));\n\
         console.log(JSON.stringify(judged));"
    );
    let (stamp, shown) = header.split_once(",v1=").unwrap();
    let body = call.body.as_str();
    let other_body = body.replace("ann", "eve");
    let old = signature::sign(SECRET.as_bytes(), 1_000, body.as_bytes());
    let stranger = signature::sign(b"another secret", unix_of(stamp), body.as_bytes());
    let empty = format!("{stamp},v1=");
    let zeros = format!("{stamp},v1={}", "0".repeat(shown.len()));
    let cases = [
        (header, body),
        (header, other_body.as_str()),
        (old.as_str(), body),
        (stranger.as_str(), body),
        (stamp, body),
        (empty.as_str(), body),
        (zeros.as_str(), body),
        ("nothing", body),
    ];
    let mut expected = [false; 8];
    expected[0] = true;
    for (program, flag, code) in [("python3", "-c", &python), ("node", "-e", &js)] {
        assert_eq!(judge(program, flag, code, &cases), expected, "{program}");
    }
}

fn unix_of(stamp: &str) -> u64 {
    stamp.strip_prefix("t=").unwrap().parse().unwrap()
}
