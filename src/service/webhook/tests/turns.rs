//! How many requests are under way, and over which connections.

use futures_util::future::join_all;

use super::server::{Answer, AppServer, ok, within};
use super::*;

const YES: &str = r#"{"allow":true}"#;

#[tokio::test]
async fn no_more_requests_are_under_way_than_may_be() {
    let server = AppServer::start(|_, _| Answer::Released(1, YES.to_owned())).await;
    let mut config = config_for(&server);
    config.concurrency = 3;
    let webhook = webhook_with(config);
    let calls = join_all((0..20).map(|_| {
        let webhook = Arc::clone(&webhook);
        tokio::spawn(async move { webhook.subscribe(&ann(), "a").await })
    }));
    server.until_seen(3).await;
    server.release();
    for outcome in within(calls).await {
        assert!(outcome.unwrap().unwrap().allow);
    }
    assert_eq!(server.seen().len(), 20);
    assert_eq!(server.most_at_once(), 3);
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn waiting_for_a_turn_counts_against_the_time() {
    let server = AppServer::start(|_, _| ok(YES)).await;
    let mut config = config_for(&server);
    config.timeout = Duration::from_millis(50);
    let webhook = webhook_with(config.clone());
    let live = webhook.live();
    let all = live.slots.acquire_many(8).await.unwrap();
    let outcome = within(webhook.subscribe(&ann(), "a")).await;
    assert_eq!(error(outcome), WebhookError::NoTurn(config.timeout));
    assert!(server.seen().is_empty());
    let numbers = webhook.numbers(Kind::Subscribe);
    assert_eq!((numbers.timeouts, numbers.retries), (1, 0));
    drop(all);
    assert!(webhook.subscribe(&ann(), "a").await.unwrap().allow);
}

#[tokio::test]
async fn one_connection_serves_calls_that_follow_each_other() {
    let server = AppServer::start(|_, _| ok(YES)).await;
    let webhook = webhook_for(&server);
    for _ in 0..10 {
        assert!(webhook.subscribe(&ann(), "a").await.unwrap().allow);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn notices_leave_half_of_the_turns_to_questions() {
    let server = AppServer::start(|_, seen| match seen.text("type").as_str() {
        "connected" => Answer::Released(1, String::new()),
        _ => ok(YES),
    })
    .await;
    let mut config = config_for(&server);
    config.concurrency = 4;
    let webhook = webhook_with(config);
    let notices = Notices::new(Arc::clone(&webhook), 100);
    for connection in 0..10 {
        let peer = Peer::new(connection.to_string(), None);
        let what = Happened::Connected {};
        notices.post(Notice { peer, what }).unwrap();
    }
    server.until_seen(2).await;
    assert!(webhook.subscribe(&ann(), "a").await.unwrap().allow);
    assert_eq!(server.seen().len(), 3);
    server.release();
    within(notices.told()).await;
    assert_eq!(server.seen().len(), 11);
    assert_eq!(server.most_at_once(), 3);
}
