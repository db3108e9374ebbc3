//! What each call sends, and what its answer comes to.

use bytes::BytesMut;
use http::header;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::server::{Answer, AppServer, ok, within};
use super::*;
use crate::base::ids::Ulid;
use crate::codec::http::{check_upgrade, parse_head};
use crate::codec::ws::CloseCode;
use crate::service::Secret;

/// The parts of a body that every call has, checked, and the rest.
fn detail_of(mut body: Value, kind: &str) -> Value {
    let object = body.as_object_mut().unwrap();
    let mut take = |key| object.remove(key).unwrap();
    assert_eq!(take("type"), kind);
    assert_eq!(take("connection"), "c1");
    assert_eq!(take("user"), "ann");
    assert_eq!(take("endpoint"), "/ws");
    assert_eq!(take("app"), "shop");
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let time = take("time").as_f64().unwrap();
    assert!((now - 60.0..=now + 1.0).contains(&time), "{time} at {now}");
    body
}

#[tokio::test]
async fn connect_is_told_the_request_and_answers_who_it_is() {
    let server = AppServer::start(|_, _| {
        ok(r#"{"allow":true,"userId":"ann","channels":["a"],"setCookie":["s=1"]}"#)
    })
    .await;
    let mut received = BytesMut::from(
        "GET /ws?token=t1 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Authorization: Bearer t2\r\n\r\n",
    );
    let upgrade = check_upgrade(parse_head(&mut received).unwrap()).unwrap();
    let request = ConnectRequest::new(
        &upgrade,
        Some([192, 0, 2, 1].into()),
        &[header::AUTHORIZATION, header::COOKIE],
    );
    let answer = webhook_for(&server).connect(&ann(), &request).await;
    let Ok(ConnectAnswer::Accepted(accepted)) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(accepted.identity.unwrap().user.as_deref(), Some("ann"));
    assert_eq!(
        accepted.headers,
        [("Set-Cookie".to_owned(), "s=1".to_owned())]
    );

    let [seen] = &server.seen()[..] else {
        panic!("one request")
    };
    assert_eq!(seen.line, "POST /hook?from=shardcast HTTP/1.1");
    assert_eq!(
        detail_of(seen.json(), "connect"),
        json!({
            "method": "GET",
            "path": "/ws",
            "query": "token=t1",
            "headers": { "authorization": "Bearer t2" },
            "remoteAddress": "192.0.2.1",
        })
    );
}

#[tokio::test]
async fn refusals_by_status_are_relayed_to_a_client_that_connects_and_to_nobody_else() {
    let server = AppServer::start(|_, _| {
        let headers = "Set-Cookie: s=; Max-Age=0\r\nX-Internal: 1\r\nRetry-After: 7\r\n";
        Answer::Http(429, headers, "later".to_owned())
    })
    .await;
    let webhook = webhook_for(&server);
    let request = connect_request();
    let answer = webhook.connect(&ann(), &request).await;
    let Ok(ConnectAnswer::Refused(refusal)) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(
        (refusal.status.as_u16(), refusal.body.as_ref()),
        (429, "later")
    );
    assert_eq!(refusal.headers.len(), 2);
    assert_eq!(webhook.numbers(Kind::Connect).failures, 0);

    let status = WebhookError::Status(http::StatusCode::TOO_MANY_REQUESTS);
    let answer = webhook.authenticate(&ann(), &raw("{}")).await;
    assert_eq!(error(answer), status);
    assert_eq!(error(webhook.subscribe(&ann(), "a").await), status);
}

pub(super) fn connect_request() -> ConnectRequest {
    let mut received = BytesMut::from(
        "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    let upgrade = check_upgrade(parse_head(&mut received).unwrap()).unwrap();
    ConnectRequest::new(&upgrade, Some([192, 0, 2, 1].into()), &[])
}

#[tokio::test]
async fn questions_carry_what_they_are_about() {
    let server = AppServer::start(|_, seen| {
        ok(match seen.text("type").as_str() {
            "authenticate" => r#"{"userId":"bob"}"#,
            "subscribe" if seen.json()["channels"].is_array() => r#"{"allowed":["b"]}"#,
            "subscribe" => r#"{"allow":true,"cacheFor":30}"#,
            "publish" => r#"{"allow":false}"#,
            _ => r#"{"actions":[{"type":"reply","event":"re","data":[ 1.0 ]}]}"#,
        })
    })
    .await;
    let webhook = webhook_for(&server);
    let data = raw(r#"{ "token": "t" }"#);

    let identity = webhook.authenticate(&ann(), &data).await.unwrap().unwrap();
    assert_eq!(identity.user.as_deref(), Some("bob"));
    let permission = webhook.subscribe(&ann(), "a").await.unwrap();
    assert!(permission.allow);
    assert_eq!(permission.cache_for, Duration::from_secs(30));
    let permissions = webhook
        .subscribe_all(&ann(), &["a", "b"].map(str::to_owned))
        .await
        .unwrap();
    assert_eq!(permissions.allow, [false, true]);
    let permission = webhook
        .publish(&ann(), "a", "e", Some(&data))
        .await
        .unwrap();
    assert!(!permission.allow);
    let actions = webhook.message(&ann(), "e", None).await.unwrap();
    let [Action::Reply(said)] = &actions[..] else {
        panic!("{actions:?}")
    };
    assert_eq!(said.data.as_ref().unwrap().get(), "[ 1.0 ]");

    let seen = server.seen();
    let details: Vec<Value> = [
        "authenticate",
        "subscribe",
        "subscribe",
        "publish",
        "message",
    ]
    .into_iter()
    .zip(&seen)
    .map(|(kind, seen)| detail_of(seen.json(), kind))
    .collect();
    assert_eq!(
        details,
        [
            json!({ "data": { "token": "t" } }),
            json!({ "channel": "a" }),
            json!({ "channels": ["a", "b"] }),
            json!({ "channel": "a", "event": "e", "data": { "token": "t" } }),
            json!({ "event": "e" }),
        ]
    );
    assert!(seen[3].body.ends_with(r#""data":{ "token": "t" }}"#));
}

#[tokio::test]
async fn calls_are_json_with_an_id_of_their_own_and_signed_where_there_is_a_secret() {
    let server = AppServer::start(|_, _| ok(r#"{"allow":true}"#)).await;
    let mut config = config_for(&server);
    let unsigned = webhook_with(config.clone());
    config.secret = Some(Secret::new("whsec".to_owned()));
    let signed = webhook_with(config);
    unsigned.subscribe(&ann(), "a").await.unwrap();
    signed.subscribe(&ann(), "a").await.unwrap();
    signed.subscribe(&ann(), "a").await.unwrap();

    let seen = server.seen();
    let mut ids = Vec::new();
    for call in &seen {
        assert_eq!(call.headers["content-type"], "application/json");
        assert!(call.headers["user-agent"].starts_with("shardcast/"));
        let id = &call.headers["shardcast-delivery"];
        assert!(Ulid::parse(id.as_bytes()).is_some(), "{id}");
        assert!(!ids.contains(id));
        ids.push(id.clone());
    }
    assert!(!seen[0].headers.contains_key("shardcast-signature"));
    let signature = &seen[1].headers["shardcast-signature"];
    let unix_s = seen[1].json()["time"].as_f64().unwrap() as u64;
    let expected = signature::sign(b"whsec", unix_s, seen[1].body.as_bytes());
    assert_eq!(*signature, expected);
}

#[tokio::test]
async fn notices_are_sent_if_the_app_server_wants_them_whatever_it_says_to_them() {
    let server = AppServer::start(|index, _| match index {
        0 => server::status(204),
        _ => ok("thanks"),
    })
    .await;
    let mut config = config_for(&server);
    config.kinds = [Kind::Authenticated, Kind::Disconnected]
        .into_iter()
        .collect();
    let webhook = webhook_with(config);
    let notice = |what| Notice { peer: ann(), what };
    let disconnected = Happened::Disconnected {
        code: CloseCode(1006),
        reason: "".into(),
        was_clean: false,
    };
    webhook
        .notify(&notice(Happened::Connected {}))
        .await
        .unwrap();
    webhook
        .notify(&notice(Happened::Authenticated {}))
        .await
        .unwrap();
    webhook.notify(&notice(disconnected)).await.unwrap();

    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(detail_of(seen[0].json(), "authenticated"), json!({}));
    assert_eq!(
        detail_of(seen[1].json(), "disconnected"),
        json!({ "code": 1006, "reason": "", "wasClean": false })
    );
    assert_eq!(webhook.numbers(Kind::Connected), Numbers::default());
}

#[tokio::test]
async fn another_configuration_holds_from_the_next_call_on() {
    let [first, second] = [
        AppServer::start(|_, _| Answer::Released(1, r#"{"allow":true}"#.to_owned())).await,
        AppServer::start(|_, _| ok(r#"{"allow":false}"#)).await,
    ];
    let webhook = webhook_for(&first);
    let waiting = {
        let webhook = Arc::clone(&webhook);
        tokio::spawn(async move { webhook.subscribe(&ann(), "a").await })
    };
    first.until_seen(1).await;
    let mut config = config_for(&second);
    config.kinds = [Kind::Subscribe].into_iter().collect();
    webhook.replace(config);
    assert!(webhook.asks(Kind::Subscribe) && !webhook.asks(Kind::Connect));
    assert!(!webhook.subscribe(&ann(), "a").await.unwrap().allow);
    first.release();
    assert!(within(waiting).await.unwrap().unwrap().allow);
    assert_eq!(webhook.numbers(Kind::Subscribe).calls, 2);
}

#[tokio::test]
async fn numbers_are_told_for_each_kind_that_is_asked() {
    let server = AppServer::start(|index, _| match index {
        0 => server::status(503),
        _ => ok(r#"{"allow":1}"#),
    })
    .await;
    let mut config = config_for(&server);
    config.kinds = [Kind::Subscribe].into_iter().collect();
    let webhook = webhook_with(config);
    error(webhook.subscribe(&ann(), "a").await);

    let mut registry = Registry::default();
    registry.register_collector(Box::new(WebhookMetrics(vec![webhook])));
    let mut told = String::new();
    text::encode(&mut told, &registry).unwrap();
    let labels = r#"{endpoint="/ws",kind="subscribe"}"#;
    for line in [
        format!("shardcast_webhook_calls_total{labels} 1\n"),
        format!("shardcast_webhook_retries_total{labels} 1\n"),
        format!("shardcast_webhook_failures_total{labels} 1\n"),
        format!("shardcast_webhook_timeouts_total{labels} 0\n"),
        format!("shardcast_webhook_unsent_total{labels} 0\n"),
        "shardcast_webhook_paused{endpoint=\"/ws\"} 0\n".to_owned(),
    ] {
        assert!(told.contains(&line), "{line} in {told}");
    }
    assert!(!told.contains("connect"), "{told}");
}
