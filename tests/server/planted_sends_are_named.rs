//! Goal: the checker finds what is wrong with what is sent to users, and with ends of identities, and calls
//! it by its name.
//! Method: a user's two clients, one of them in a channel that needs a login, and somebody else; each test
//! tells what is sent and read, and what must come of it.

use crate::contract::{
    Around, Channel, Checked, Checker, Dialect, EXPIRED, Message, Reply, Request, Said, To, data,
};
use shardcast::base::ids::Ulid;

const BYTES_MAX: usize = 40;
const STRICT: Around = Around { may_miss: false };

/// The user's clients, and somebody else's, who publishes as well.
const STRAV: usize = 0;
const SHARED: usize = 1;
const OTHER: usize = 2;

const USER: usize = 0;
const OTHERS_USER: usize = 1;

/// The only channel: it needs a login.
const GATED: usize = 0;

struct Scene(Checker);

impl Scene {
    /// Everybody is let in, and known to be.
    fn new() -> Self {
        let gated = Channel {
            name: "gated".to_owned(),
            subscribe: Reply::Ok,
            needs_login: true,
            publish: None,
            may_wait: false,
        };
        let mut scene = Self(Checker::new(vec![gated], BYTES_MAX, 8));
        let checker = &mut scene.0;
        for dialect in [Dialect::Strav, Dialect::SharedWebsocket, Dialect::Strav] {
            checker.seat(dialect, Some(0));
        }
        checker.show(STRAV, USER);
        checker.log_in(SHARED, Some(USER));
        checker.show(OTHER, OTHERS_USER);
        scene.said(STRAV, &Said::Welcome(Ulid(1), None));
        scene.said(SHARED, &Said::Reply(Reply::LoggedIn, Some("u0")));
        scene.said(OTHER, &Said::Welcome(Ulid(2), None));
        scene.join();
        scene
    }

    fn said(&mut self, client: usize, said: &Said<'_>) {
        self.0.hear(client, said, STRICT).expect("nothing is wrong");
    }

    fn join(&mut self) {
        self.0.ask(SHARED, GATED, Request::Subscribe);
        self.0.ask_fence(SHARED);
        self.said(SHARED, &Said::Reply(Reply::Fence, None));
    }

    /// What was sent as this number is read.
    fn got(&mut self, client: usize, number: usize) -> Checked {
        let (event, data) = self.0.send_text(number);
        let is_shown = |data: &&str| client != SHARED || *data != "null";
        let message = Message {
            channel: None,
            event: &event,
            data: data.as_deref().filter(is_shown),
            id: None,
        };
        self.0.hear(client, &Said::Message(message), STRICT)
    }

    fn publishes(&mut self, number: usize) {
        self.0.ask(OTHER, GATED, Request::Publish { number });
    }

    /// What the other has published is read.
    fn got_published(&mut self, number: usize) -> Checked {
        let data = data(OTHER, GATED, number, BYTES_MAX);
        let message = Message {
            channel: Some("gated"),
            event: &format!("{OTHER}.{GATED}.{number}"),
            data: data.as_deref().filter(|data| *data != "null"),
            id: None,
        };
        self.0.hear(SHARED, &Said::Message(message), STRICT)
    }

    fn is_complete(&mut self, client: usize) -> Checked {
        self.0.is_complete(client, &[true; 3], STRICT)
    }

    /// The time of the identity of [`SHARED`] is over, and its shard has looked at the clock.
    fn expires(&mut self) {
        self.0.may_end(SHARED, EXPIRED);
        self.0.has_ended(SHARED);
    }
}

fn assert_broken(judged: Checked, rule: &str, words: &str) {
    let broken = judged.expect_err(rule);
    assert_eq!(broken.rule, rule, "{}", broken.what);
    assert!(broken.what.contains(words), "{}", broken.what);
}

#[test]
fn those_who_are_meant_get_it() {
    let mut scene = Scene::new();
    let to = [
        To::User(USER),
        To::Client(OTHER),
        To::Everyone,
        To::User(USER),
    ];
    for (number, to) in to.into_iter().enumerate() {
        assert_eq!(scene.0.send(to, &[]), number);
    }
    for (client, number) in [
        (STRAV, 0),
        (STRAV, 2),
        (SHARED, 0),
        (OTHER, 1),
        (OTHER, 2),
        (SHARED, 2),
        (SHARED, 3),
        (STRAV, 3),
    ] {
        scene.got(client, number).expect("it is meant");
    }
    for client in [STRAV, SHARED, OTHER] {
        scene.is_complete(client).expect("it has all");
    }
}

#[test]
fn what_is_for_somebody_else_or_leaves_one_out_is_noticed() {
    for (to, excluded, client) in [
        (To::User(USER), None, OTHER),
        (To::User(OTHERS_USER), None, STRAV),
        (To::Client(STRAV), None, SHARED),
        (To::User(USER), Some(SHARED), SHARED),
        (To::Everyone, Some(STRAV), STRAV),
    ] {
        let mut scene = Scene::new();
        scene.0.send(to, excluded.as_slice());
        assert_broken(scene.got(client, 0), "addressee", "is for");
    }
}

#[test]
fn what_comes_twice_or_late_or_never_is_noticed() {
    let cases: [(&[usize], &str, &str); 5] = [
        (&[0, 0], "C4", "twice"),
        (&[0, 1, 2, 1], "C3", "after 2"),
        (&[0, 2], "C5", "but 1 never came"),
        (&[0, 1], "C5", "never got"),
        (&[0, 1, 2, 3], "bodies", "never sent"),
    ];
    for (numbers, rule, words) in cases {
        let mut scene = Scene::new();
        for _ in 0..3 {
            scene.0.send(To::User(USER), &[]);
        }
        let read = |scene: &mut Scene| {
            let mut numbers = numbers.iter();
            numbers.try_for_each(|number| scene.got(STRAV, *number))?;
            scene.is_complete(STRAV)
        };
        assert_broken(read(&mut scene), rule, words);
    }
}

#[test]
fn what_was_sent_before_an_identity_ended_may_come_and_what_was_sent_later_may_not() {
    for is_late in [false, true] {
        let mut scene = Scene::new();
        if is_late {
            scene.expires();
        }
        scene.0.send(To::User(USER), &[]);
        scene.publishes(0);
        if !is_late {
            scene.expires();
        }
        for judged in [scene.got(SHARED, 0), scene.got_published(0)] {
            match is_late {
                false => judged.expect("it was sent before"),
                true => assert_broken(judged, "identity", "after the end"),
            }
        }
    }
}

#[test]
fn nothing_that_needs_an_identity_comes_behind_the_notice_of_its_end() {
    let mut scene = Scene::new();
    scene.0.send(To::User(USER), &[]);
    scene.publishes(0);
    scene.expires();
    assert_broken(scene.0.is_told(SHARED), "identity", "never told");
    scene.said(SHARED, &Said::Revoked(EXPIRED));
    scene.0.is_told(SHARED).expect("it is told now");
    assert_broken(scene.got(SHARED, 0), "addressee", "speaks for None");
    assert_broken(scene.got_published(0), "C2", "late");
    // And what it asks again is refused.
    scene.0.ask(SHARED, GATED, Request::Subscribe);
    let refused = Said::Reply(Reply::LoginRequired, Some("gated"));
    scene.said(SHARED, &refused);
    // Until it logs in again.
    scene.0.log_in(SHARED, Some(USER));
    scene.said(SHARED, &Said::Reply(Reply::LoggedIn, Some("u0")));
    scene.join();
    scene.publishes(1);
    scene.got_published(1).expect("it is a member");
}

#[test]
fn end_of_an_identity_for_no_reason_is_noticed() {
    let mut scene = Scene::new();
    let hear = |scene: &mut Scene, said| scene.0.hear(SHARED, &said, STRICT);
    let revoked = || Said::Revoked("revoked.1");
    assert_broken(hear(&mut scene, revoked()), "identity", "for nothing");
    scene.0.may_end(SHARED, "revoked.2");
    assert_broken(hear(&mut scene, revoked()), "identity", "for nothing");
    scene.said(SHARED, &Said::Revoked("revoked.2"));
    assert_broken(scene.0.may_close(STRAV), "identity", "has not ended");
    scene.0.may_end(STRAV, EXPIRED);
    scene.0.may_close(STRAV).expect("its time is over");
}
