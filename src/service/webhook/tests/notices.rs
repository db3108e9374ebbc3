//! The order of notices, and what happens when there are too many.

use super::server::{Answer, AppServer, ok, status, within};
use super::*;
use crate::codec::ws::CloseCode;

fn notice(connection: &str, what: Happened) -> Notice {
    Notice {
        peer: Peer::new(connection, None),
        what,
    }
}

fn connected(connection: &str) -> Notice {
    notice(connection, Happened::Connected {})
}

fn disconnected(connection: &str) -> Notice {
    let what = Happened::Disconnected {
        code: CloseCode::NORMAL,
        reason: "".into(),
        was_clean: true,
    };
    notice(connection, what)
}

/// Connection and kind of each request.
fn told(server: &AppServer) -> Vec<(String, String)> {
    let seen = server.seen();
    seen.iter()
        .map(|seen| (seen.text("connection"), seen.text("type")))
        .collect()
}

fn named(names: &[(&str, &str)]) -> Vec<(String, String)> {
    names
        .iter()
        .map(|(connection, kind)| ((*connection).to_owned(), (*kind).to_owned()))
        .collect()
}

#[tokio::test]
async fn one_connections_notices_follow_each_other_and_others_do_not_wait() {
    let server = AppServer::start(|_, seen| match seen.text("connection").as_str() {
        "slow" => Answer::Released(1, String::new()),
        _ => ok(""),
    })
    .await;
    let notices = Notices::new(webhook_for(&server), 10);
    notices.post(connected("slow")).unwrap();
    notices
        .post(notice("slow", Happened::Authenticated {}))
        .unwrap();
    notices.post(disconnected("slow")).unwrap();
    notices.post(connected("quick")).unwrap();
    notices.post(disconnected("quick")).unwrap();
    server.until_seen(3).await;
    let of = |connection: &str| {
        let mut told = told(&server);
        told.retain(|(of, _)| of == connection);
        told
    };
    assert_eq!(of("slow"), named(&[("slow", "connected")]));
    let quick = [("quick", "connected"), ("quick", "disconnected")];
    assert_eq!(of("quick"), named(&quick));

    server.release();
    within(notices.told()).await;
    let slow = [
        ("slow", "connected"),
        ("slow", "authenticated"),
        ("slow", "disconnected"),
    ];
    assert_eq!(of("slow"), named(&slow));
}

/// Whoever logs in without end takes room for one that is under way, one that waits, and the end.
#[tokio::test]
async fn of_the_changes_of_who_it_is_that_wait_only_the_last_is_told() {
    let server = AppServer::start(|_, _| Answer::Released(1, String::new())).await;
    let notices = Notices::new(webhook_for(&server), 5);
    let for_the_end = notices.reserve().unwrap();
    notices.post(connected("a")).unwrap();
    for number in 0..1_000 {
        let mut notice = notice("a", Happened::Authenticated {});
        notice.peer.user = Some(format!("u{number}").into());
        notices.post(notice).unwrap();
    }
    let _room = notices.reserve().unwrap();
    for_the_end.post(disconnected("a"));
    server.release();
    within(notices.told()).await;
    let all = [
        ("a", "connected"),
        ("a", "authenticated"),
        ("a", "disconnected"),
    ];
    assert_eq!(told(&server), named(&all));
    assert_eq!(server.seen()[1].text("user"), "u999");
    drop([(); 4].map(|()| notices.reserve().unwrap()));
}

#[tokio::test]
async fn room_is_bounded_can_be_kept_and_comes_back() {
    let server = AppServer::start(|_, _| Answer::Released(1, String::new())).await;
    let notices = Notices::new(webhook_for(&server), 3);
    let for_the_end = notices.reserve().unwrap();
    notices.post(connected("a")).unwrap();
    notices.post(connected("a")).unwrap();
    assert_eq!(notices.post(connected("b")), Err(Full));
    assert!(notices.reserve().is_err());

    // Whoever kept room needs no other.
    for_the_end.post(disconnected("b"));
    assert_eq!(notices.post(connected("c")), Err(Full));
    server.release();
    within(notices.told()).await;
    assert_eq!(server.seen().len(), 3);

    let rooms = [(); 3].map(|()| notices.reserve().unwrap());
    assert!(notices.reserve().is_err());
    // What is only kept keeps nobody waiting.
    within(notices.told()).await;
    drop(rooms);
    notices.post(connected("c")).unwrap();
    within(notices.told()).await;
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn notice_that_fails_is_dropped_and_those_behind_it_go_on() {
    let log = Log::start();
    let server = AppServer::start(|_, seen| match seen.text("type").as_str() {
        "connected" => status(502),
        _ => ok(""),
    })
    .await;
    let webhook = webhook_for(&server);
    let notices = Notices::new(Arc::clone(&webhook), 2);
    notices.post(connected("a")).unwrap();
    notices.post(disconnected("a")).unwrap();
    within(notices.told()).await;
    assert_eq!(
        told(&server),
        named(&[
            ("a", "connected"),
            ("a", "connected"),
            ("a", "connected"),
            ("a", "disconnected"),
        ])
    );
    assert_eq!(webhook.numbers(Kind::Connected).failures, 1);
    assert_eq!(webhook.numbers(Kind::Disconnected).failures, 0);
    assert_eq!(log.count("a call of the webhook failed"), 1);
    // Its room is free again.
    let _rooms = [(); 2].map(|()| notices.reserve().unwrap());
}
