//! Who gets what is published, and in which words.

use super::*;

#[test]
fn absent_data_stays_absent_and_null_false_and_zero_stay_what_they_are() {
    let mut bench = Bench::new(config());
    let (client, _) = bench.known();
    for data in [
        None,
        Some("null"),
        Some("false"),
        Some("0"),
        Some(r#"{"n" : 1}"#),
    ] {
        bench.publish(Audience::Topic, "ws-default", data);
    }
    let absent = Got::Text(r#"{"event":"e"}"#.to_owned());
    let given = ["null", "false", "0", r#"{"n" : 1}"#].map(event);
    assert_eq!(bench.hears(client), [&[absent][..], &given].concat());
}

#[test]
fn broadcasts_and_rooms_are_for_authenticated_clients_and_ids_for_all() {
    let mut bench = Bench::new(config());
    let (known, _) = bench.known();
    let stranger = bench.connect();
    let beginner = bench.connect();
    bench.say(beginner, r#"{"event":"authenticate"}"#);
    let beginner_id = Ulid::parse_uuid(bench.asked().id.as_bytes()).expect("a UUID");
    assert_eq!(bench.publish(Audience::Everyone, "", Some("1")), 1);
    assert_eq!(
        bench.publish(Audience::Topic, &uuid(beginner_id), Some("2")),
        0
    );
    assert_eq!(bench.publish(Audience::Conn(beginner_id), "", Some("3")), 1);
    assert_eq!(bench.publish(Audience::User("u1"), "", Some("4")), 1);
    assert_eq!(bench.hears(known), [event("1"), event("4")]);
    assert_eq!(bench.hears(beginner), [event("3")]);
    assert_eq!(bench.hears(stranger), []);
}

#[test]
fn excluded_clients_are_skipped_in_rooms_and_broadcasts() {
    // Where some may have keys, publications take another way.
    for encryption in [Encryption::Off, Encryption::On] {
        let mut bench = Bench::new(IgnisConfig {
            encryption,
            ..config()
        });
        let ((one, one_id), (two, _)) = (bench.known(), bench.known());
        for (audience, topic) in [(Audience::Topic, "ws-default"), (Audience::Everyone, "")] {
            assert_eq!(bench.publish_but(audience, topic, Some("1"), &[one_id]), 1);
        }
        assert_eq!(bench.hears(one), []);
        assert_eq!(bench.hears(two), [event("1"), event("1")]);
    }
}

#[test]
fn messages_that_nobody_handles_are_dropped_and_counted() {
    let mut bench = Bench::new(config());
    let (client, _) = bench.known();
    let ignored = bench.shard.stats().messages_ignored;
    let messages = [
        r#"{"event":"chat","data":1}"#,
        r#"{"event":"connected"}"#,
        r#"{"event":"disconnect"}"#,
        r#"{"event":"error"}"#,
        r#"{"event":"encrypted"}"#,
        r#"{"event":7}"#,
        r#"{"event":["join"]}"#,
        r#"{"event":"\ud800"}"#,
        "null",
    ];
    for message in messages {
        bench.say(client, message);
    }
    assert_eq!(bench.hears(client), []);
    let now_ignored = bench.shard.stats().messages_ignored;
    assert_eq!(now_ignored - ignored, messages.len() as u64);
}
