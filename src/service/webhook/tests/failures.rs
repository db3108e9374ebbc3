//! App servers that do not answer, or not as they should.

use std::time::Instant;

use http::StatusCode;
use tokio::net::TcpListener;

use super::calls::connect_request;
use super::server::{Answer, AppServer, ok, status, within};
use super::*;

const YES: &str = r#"{"allow":true}"#;

fn closed() -> Answer {
    Answer::Bytes(Vec::new())
}

fn broken_off() -> Answer {
    Answer::Bytes(b"HTTP/1.1 200 \r\nContent-Length: 14\r\n\r\n{\"all".to_vec())
}

#[tokio::test]
async fn what_nobody_answered_is_tried_again_as_the_same_delivery() {
    let misses: [(&str, Answer); 5] = [
        ("closed", closed()),
        ("broken off", broken_off()),
        ("502", status(502)),
        ("503", status(503)),
        ("504", status(504)),
    ];
    for (name, miss) in misses {
        let server =
            AppServer::start(move |index, _| if index < 2 { miss.clone() } else { ok(YES) }).await;
        let webhook = webhook_for(&server);
        let permission = within(webhook.subscribe(&ann(), "a")).await;
        assert!(permission.unwrap().allow, "{name}");

        let seen = server.seen();
        assert_eq!(seen.len(), 3, "{name}");
        for again in &seen[1..] {
            assert_eq!(again.body, seen[0].body, "{name}");
            let id = "shardcast-delivery";
            assert_eq!(again.headers[id], seen[0].headers[id], "{name}");
        }
        let numbers = webhook.numbers(Kind::Subscribe);
        assert_eq!((numbers.calls, numbers.retries), (1, 2), "{name}");
        assert_eq!(numbers.failures, 0, "{name}");
    }
}

#[tokio::test]
async fn tries_end_with_the_retries() {
    let server = AppServer::start(|_, _| status(503)).await;
    let webhook = webhook_for(&server);
    let unavailable = WebhookError::Status(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(error(webhook.subscribe(&ann(), "a").await), unavailable);
    assert_eq!(server.seen().len(), 3);
    // What it says in the end is relayed all the same.
    let answer = webhook.connect(&ann(), &connect_request()).await;
    assert!(
        matches!(answer, Ok(ConnectAnswer::Refused(_))),
        "{answer:?}"
    );
    assert_eq!(server.seen().len(), 6);
}

#[tokio::test]
async fn what_was_answered_is_not_tried_again() {
    for code in [301, 302, 307, 308, 400, 401, 404, 429, 500, 501, 505] {
        let server = AppServer::start(move |index, _| match index {
            0 => Answer::Http(code, "Location: /elsewhere\r\n", YES.to_owned()),
            _ => ok(YES),
        })
        .await;
        let webhook = webhook_for(&server);
        let answer = webhook.subscribe(&ann(), "a").await;
        let expected = WebhookError::Status(StatusCode::from_u16(code).unwrap());
        assert_eq!(error(answer), expected);
        assert_eq!(server.seen().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn connection_that_is_refused_is_said_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let server = AppServer::start(|_, _| closed()).await;
    let mut config = config_for(&server);
    config.url = format!("http://{addr}/").parse().unwrap();
    let webhook = webhook_with(config);
    let WebhookError::Failed(why) = error(within(webhook.subscribe(&ann(), "a")).await) else {
        panic!("a failed connection")
    };
    assert!(why.contains("Connection refused"), "{why}");
    assert_eq!(webhook.numbers(Kind::Subscribe).retries, 2);
}

#[tokio::test]
async fn try_that_hangs_leaves_time_for_another() {
    let server = AppServer::start(|index, _| match index {
        0 => Answer::Silence,
        _ => ok(YES),
    })
    .await;
    let mut config = config_for(&server);
    config.timeout = Duration::from_millis(1_500);
    let permission = within(webhook_with(config).subscribe(&ann(), "a")).await;
    assert!(permission.unwrap().allow);
}

#[tokio::test]
async fn time_out_holds_for_all_tries_together() {
    let server = AppServer::start(|_, _| Answer::Silence).await;
    let mut config = config_for(&server);
    config.timeout = Duration::from_millis(900);
    config.retries = 10;
    let webhook = webhook_with(config.clone());
    let start = Instant::now();
    let outcome = within(webhook.subscribe(&ann(), "a")).await;
    assert_eq!(error(outcome), WebhookError::TimedOut(config.timeout));
    assert!(start.elapsed() >= config.timeout);
    // 600 ms for the first, and what is left of 900 for the second.
    let tries = server.seen().len();
    assert!((1..=2).contains(&tries), "{tries}");
    let numbers = webhook.numbers(Kind::Subscribe);
    assert_eq!((numbers.failures, numbers.timeouts), (1, 1));
}

#[tokio::test]
async fn answer_may_have_so_many_bytes_and_no_more() {
    let padded = |bytes: usize| format!("{YES}{}", " ".repeat(bytes - YES.len()));
    let server = AppServer::start(move |index, _| ok(&padded(65_536 + index))).await;
    let webhook = webhook_for(&server);
    assert!(webhook.subscribe(&ann(), "a").await.unwrap().allow);
    let outcome = webhook.subscribe(&ann(), "a").await;
    assert_eq!(error(outcome), WebhookError::TooLong(65_536));
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn failures_are_told_one_at_a_time_without_a_word_of_the_call_or_the_answer() {
    let log = Log::start();
    let server = AppServer::start(|_, _| ok(r#"{"allow":"hunter2"}"#)).await;
    let mut config = config_for(&server);
    config.secret = Some(crate::service::Secret::new("hunter2".to_owned()));
    let webhook = webhook_with(config);
    let peer = Peer {
        connection: "c1".into(),
        user: Some("hunter2".into()),
    };
    let data = raw(r#"{"token":"hunter2"}"#);
    for _ in 0..5 {
        error(webhook.authenticate(&peer, &data).await);
        error(
            webhook
                .publish(&peer, "hunter2", "hunter2", Some(&data))
                .await,
        );
    }
    let text = log.text();
    assert_eq!(log.count("a call of the webhook failed"), 1, "{text}");
    assert!(
        text.contains("expected one of `userId`, `metadata`, `expiresAt` at line 1 column 8"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(webhook.numbers(Kind::Publish).failures, 5);
}

#[tokio::test]
async fn app_server_that_does_not_answer_is_left_alone() {
    let log = Log::start();
    let server = AppServer::start(|_, _| closed()).await;
    let mut config = config_for(&server);
    config.retries = 0;
    let webhook = breaking(config.clone(), 3, Duration::from_secs(3_600));
    for _ in 0..3 {
        assert!(!webhook.is_paused());
        let outcome = error(webhook.subscribe(&ann(), "a").await);
        assert!(matches!(outcome, WebhookError::Failed(_)), "{outcome}");
    }
    assert!(webhook.is_paused());
    for _ in 0..5 {
        let outcome = error(webhook.subscribe(&ann(), "a").await);
        assert_eq!(outcome, WebhookError::Paused);
    }
    assert_eq!(server.seen().len(), 3);
    let numbers = webhook.numbers(Kind::Subscribe);
    assert_eq!((numbers.failures, numbers.paused), (8, 5));
    assert_eq!(log.count("does not answer"), 1, "{}", log.text());

    // Another secret is no other app server, another URL is.
    let mut other = config.clone();
    other.secret = Some(crate::service::Secret::new("x".to_owned()));
    webhook.replace(other.clone());
    assert!(webhook.is_paused());
    let answering = AppServer::start(|_, _| ok(YES)).await;
    other.url = answering.url().parse().unwrap();
    webhook.replace(other);
    assert!(webhook.subscribe(&ann(), "a").await.unwrap().allow);
}

#[tokio::test]
async fn app_server_that_is_back_is_found_out_by_a_probe() {
    let log = Log::start();
    let server = AppServer::start(|index, _| if index < 5 { closed() } else { ok(YES) }).await;
    let mut config = config_for(&server);
    config.retries = 0;
    let webhook = breaking(config, 2, Duration::from_millis(1));
    let answered = async {
        while webhook.subscribe(&ann(), "a").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    within(answered).await;
    assert!(!webhook.is_paused());
    assert_eq!(server.seen().len(), 6);
    assert!(webhook.subscribe(&ann(), "a").await.unwrap().allow);
    // Once each, although three probes failed between.
    assert_eq!(log.count("does not answer"), 1, "{}", log.text());
    assert_eq!(log.count("answers again"), 1, "{}", log.text());
}

#[tokio::test]
async fn answers_that_are_errors_do_not_cut_the_app_server_off() {
    let server = AppServer::start(|_, _| status(500)).await;
    let webhook = breaking(config_for(&server), 2, Duration::from_secs(3_600));
    for _ in 0..10 {
        let outcome = error(webhook.subscribe(&ann(), "a").await);
        assert!(matches!(outcome, WebhookError::Status(_)), "{outcome}");
    }
    assert_eq!(server.seen().len(), 10);
}
