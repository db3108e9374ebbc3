//! Publications to users, to connections and to everyone.

use super::identity::identity;
use super::*;
use crate::base::ids::Ulid;
use crate::engine::publication::{Audience, MessageId, Origin};

fn publication<'a>(audience: Audience<'a>, exclude: &'a [Ulid]) -> Publication<'a> {
    Publication {
        app: AppId(0),
        topic: "",
        audience,
        event: "e",
        data: Some(b"1"),
        kind: DataKind::Json,
        id: MessageId::Ulid(Ulid(1)),
        origin: Origin::Api,
        exclude,
    }
}

fn id_of(bench: &Bench, key: Key) -> Ulid {
    bench.shard.conn(key).expect("open").id
}

#[test]
fn user_is_reached_on_every_connection_and_nobody_else() {
    let mut bench = one(LIMITS);
    let clients: Vec<Key> = (0..4).map(|_| bench.connect()).collect();
    for (client, user) in clients.iter().zip(["u1", "u2", "u1"]) {
        let known = identity(user, None, bench.now);
        bench.shard.identify(bench.now, *client, known);
    }
    let to_user = publication(Audience::User("u1"), &[]);
    assert_eq!(bench.shard.handle_command_publication(&to_user), 2);
    let heard: Vec<usize> = clients.iter().map(|c| bench.hears(*c).len()).collect();
    assert_eq!(heard, [1, 0, 1, 0]);

    // The last one of a user takes the user along.
    bench.shard.handle_end(bench.now, clients[0], true);
    bench.shard.forget(bench.now, clients[2]);
    assert_eq!(bench.shard.handle_command_publication(&to_user), 0);
    assert_eq!(bench.shard.users.topics(), 1);
    assert_eq!(bench.shard.topics().subscriptions(), 0);
}

#[test]
fn connection_is_reached_by_its_id_and_by_its_own_room() {
    let mut bench = one(LIMITS);
    let (client, other) = (bench.connect(), bench.connect());
    let id = id_of(&bench, client);
    let to_conn = publication(Audience::Conn(id), &[]);
    assert_eq!(bench.shard.handle_command_publication(&to_conn), 1);
    let uuid = id.uuid_text();
    let to_room = Publication {
        topic: std::str::from_utf8(&uuid).expect("ASCII"),
        ..publication(Audience::Topic, &[])
    };
    assert_eq!(bench.shard.handle_command_publication(&to_room), 1);
    assert_eq!(bench.hears(client).len(), 2);
    assert_eq!(bench.got(other), []);
    let nobody = publication(Audience::Conn(Ulid(id.0 ^ 1)), &[]);
    assert_eq!(bench.shard.handle_command_publication(&nobody), 0);
}

#[test]
fn everyone_but_the_excluded_is_reached() {
    let mut bench = one(LIMITS);
    let clients: Vec<Key> = (0..3).map(|_| bench.connect()).collect();
    let closing = bench.connect();
    bench.say(closing, "close");
    bench.flush();
    let exclude = [id_of(&bench, clients[1]), Ulid(77)];
    let to_all = publication(Audience::Everyone, &exclude);
    assert_eq!(bench.shard.handle_command_publication(&to_all), 2);
    let heard: Vec<usize> = clients.iter().map(|c| bench.hears(*c).len()).collect();
    assert_eq!(heard, [1, 0, 1]);
}

#[test]
fn everyone_and_own_room_of_another_app_are_not_reached() {
    let mut bench = one(LIMITS);
    let client = bench.connect();
    let uuid = id_of(&bench, client).uuid_text();
    let own_room = std::str::from_utf8(&uuid).expect("ASCII");
    for (audience, topic) in [(Audience::Everyone, ""), (Audience::Topic, own_room)] {
        let mut elsewhere = Publication {
            topic,
            ..publication(audience, &[])
        };
        assert_eq!(bench.shard.deliver(&elsewhere), 1, "{audience:?}");
        // A topic space without endpoints.
        elsewhere.app = AppId(1);
        bench.shard.topics = crate::engine::topic_table::TopicTable::new(2, 1);
        assert_eq!(bench.shard.deliver(&elsewhere), 0, "{audience:?}");
    }
}

#[test]
fn interest_tells_the_shards_of_every_audience() {
    let mut benches = process(3, 4, LIMITS);
    let client = benches[1].connect();
    let now = benches[1].now;
    let known = identity("u1", None, now);
    benches[1].shard.identify(now, client, known);
    let id = id_of(&benches[1], client);
    let uuid = id.uuid_text();
    let own_room = std::str::from_utf8(&uuid).expect("ASCII");
    let shards = |benches: &[Bench], publication: &Publication<'_>| {
        let shard = &benches[0].shard;
        let mask = shard.interest.audience(publication, 3, &shard.id_key);
        mask.into_iter().map(|shard| shard.0).collect::<Vec<_>>()
    };
    for (publication, expected) in [
        (publication(Audience::User("u1"), &[]), vec![1]),
        (publication(Audience::User("u2"), &[]), vec![]),
        (publication(Audience::Conn(id), &[]), vec![1]),
        (publication(Audience::Everyone, &[]), vec![0, 1, 2]),
        (publication(Audience::Topic, &[]), vec![]),
        (
            Publication {
                topic: own_room,
                ..publication(Audience::Topic, &[])
            },
            vec![1],
        ),
    ] {
        assert_eq!(shards(&benches, &publication), expected, "{publication:?}");
    }
    benches[1].shard.handle_end(now, client, true);
    let to_user = publication(Audience::User("u1"), &[]);
    assert_eq!(shards(&benches, &to_user), Vec::<u16>::new());
}
