//! Publications between shards, and what happens when one shard does not keep up.

use super::*;

/// Two shards with room for two letters; the subscriber is on the second.
fn two_shards() -> (Bench, Key, Bench, Key) {
    let mut benches = process(2, 2, LIMITS);
    let mut there = benches.pop().expect("two");
    let mut here = benches.pop().expect("two");
    let (publisher, subscriber) = (here.connect(), there.connect());
    there.say(subscriber, "sub t");
    assert_eq!(there.hears(subscriber), [text("Subscribed t")]);
    (here, publisher, there, subscriber)
}

fn take_letters(bench: &mut Bench) {
    while let Some(letter) = bench.inbox.take_publication() {
        bench.shard.handle_publication(&letter);
    }
}

#[test]
fn publication_crosses_to_the_shard_of_its_subscriber_only() {
    let (mut here, publisher, mut there, subscriber) = two_shards();
    here.say(publisher, "pub other e");
    here.say(publisher, "pub t e 1");
    assert_eq!(here.shard.take_posted().into_iter().count(), 1);
    assert_eq!(there.inbox.len(), 1);
    take_letters(&mut there);
    assert_eq!(there.hears(subscriber), [text("t e 1")]);
    there.say(subscriber, "unsub t");
    here.say(publisher, "pub t e 2");
    assert!(here.shard.take_posted().is_empty());
}

/// Nobody subscribes to it, so the shard of its owner has told nobody of it.
#[test]
fn own_room_is_reached_from_another_shard() {
    let (mut here, publisher, mut there, subscriber) = two_shards();
    let id = there.shard.conn(subscriber).expect("open").id.uuid_text();
    let room = std::str::from_utf8(&id).expect("ASCII");
    here.say(publisher, &format!("pub {room} e 1"));
    take_letters(&mut there);
    assert_eq!(there.hears(subscriber), [text(&format!("{room} e 1"))]);
}

#[test]
fn full_mailbox_stalls_the_source_and_loses_nothing() {
    let (mut here, publisher, mut there, subscriber) = two_shards();
    for number in 0..2 {
        assert_eq!(
            here.say(publisher, &format!("pub t e {number}")),
            Flow::Read
        );
    }
    assert_eq!(here.say(publisher, "pub t e 2"), Flow::Pause);
    assert_eq!(here.say(publisher, "pub t e 3"), Flow::Pause);
    assert_eq!(here.hears(publisher), ["Accepted t"; 2].map(text));
    assert!(here.shard.has_stalled());
    here.shard.retry_stalled(here.now);
    assert_eq!(here.hears(publisher), [], "still no room");

    take_letters(&mut there);
    assert!(
        !there.inbox.take_waiting().is_empty(),
        "the source is to be woken"
    );
    here.shard.retry_stalled(here.now);
    take_letters(&mut there);
    assert_eq!(here.hears(publisher), ["Accepted t"; 2].map(text));
    assert_eq!(here.ops(), [(publisher, SocketOp::Resume)]);
    let all = ["t e 0", "t e 1", "t e 2", "t e 3"].map(text);
    assert_eq!(there.hears(subscriber), all);
    assert_eq!(here.shard.busy_conns, 0);
}

#[test]
fn another_connection_of_the_source_shard_is_not_held_up() {
    let (mut here, publisher, _there, _) = two_shards();
    let bystander = here.connect();
    for number in 0..3 {
        here.say(publisher, &format!("pub t e {number}"));
    }
    here.say(bystander, "sub u");
    here.say(bystander, "pub u e");
    assert_eq!(
        here.hears(bystander),
        ["Subscribed u", "u e ", "Accepted u"].map(text)
    );
}

#[test]
fn accepted_publication_outlives_its_publisher() {
    let (mut here, publisher, mut there, subscriber) = two_shards();
    for number in 0..3 {
        here.say(publisher, &format!("pub t e {number}"));
    }
    here.shard.handle_end(here.now, publisher, true);
    here.shard.handle_released(publisher);
    take_letters(&mut there);
    here.shard.retry_stalled(here.now);
    take_letters(&mut there);
    assert_eq!(
        there.hears(subscriber),
        ["t e 0", "t e 1", "t e 2"].map(text)
    );
}

#[test]
fn what_was_sent_before_the_end_of_the_stream_goes_out() {
    let (mut here, publisher, mut there, subscriber) = two_shards();
    for number in 0..4 {
        here.say(publisher, &format!("pub t e {number}"));
    }
    here.shard.handle_end(here.now, publisher, false);
    take_letters(&mut there);
    here.shard.retry_stalled(here.now);
    take_letters(&mut there);
    let all = ["t e 0", "t e 1", "t e 2", "t e 3"].map(text);
    assert_eq!(there.hears(subscriber), all);
    assert_eq!(here.hears(publisher).len(), 4);
    assert_eq!(here.ops().last(), Some(&(publisher, SocketOp::Close)));
}

#[test]
fn what_was_sent_before_a_close_goes_out_before_it() {
    let (mut here, publisher, mut there, subscriber) = two_shards();
    for number in 0..4 {
        here.say(publisher, &format!("pub t e {number}"));
    }
    here.bytes(publisher, &frame(8, &[0x03, 0xe8]));
    here.say(publisher, "pub t e after");
    take_letters(&mut there);
    here.shard.retry_stalled(here.now);
    take_letters(&mut there);
    let got = here.hears(publisher);
    assert_eq!(got.last(), Some(&Got::Close(1000, String::new())));
    let all = ["t e 0", "t e 1", "t e 2", "t e 3"].map(text);
    assert_eq!(there.hears(subscriber), all);
}

#[test]
fn letter_from_before_the_first_subscriber_came_is_not_for_it() {
    let (mut here, publisher, mut there, subscriber) = two_shards();
    here.say(publisher, "pub t e 1");
    there.say(subscriber, "unsub t");
    here.say(publisher, "pub t e 2");
    there.say(subscriber, "sub t");
    here.say(publisher, "pub t e 3");
    take_letters(&mut there);
    // Not 1 and 3, which would be a gap.
    assert_eq!(there.hears(subscriber), ["Subscribed t", "t e 3"].map(text));
}

#[test]
fn letter_for_a_topic_that_was_left_meanwhile_is_nothing() {
    let (mut here, publisher, mut there, subscriber) = two_shards();
    here.say(publisher, "pub t e");
    there.say(subscriber, "unsub t");
    take_letters(&mut there);
    assert_eq!(there.hears(subscriber), []);
}
