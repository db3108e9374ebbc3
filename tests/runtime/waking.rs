//! A sleeping shard is woken when there is something to do, and only then.

use std::io::{Read, Write};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use shardcast::base::wheel::TICK_MS;

use crate::support::{DEADLINE, Server, on_each_driver};

/// Letters to a shard that may be asleep, one after the other. A lost wake-up would be repaired by
/// the next tick, so it shows as time: with one in a hundred lost this takes ten seconds more.
const LETTERS: u32 = 10_000;

#[test]
fn letter_to_a_sleeping_shard_is_never_left_behind() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let mut slow = 0;
        for number in 0..LETTERS {
            let begun = Instant::now();
            assert_eq!(server.ask(move |_, _| number), number);
            if begun.elapsed() > Duration::from_millis(TICK_MS / 2) {
                slow += 1;
            }
        }
        // A busy machine may hold up some; a wake-up lost on principle holds up many.
        assert!(slow < LETTERS / 100, "{slow} letters waited for a tick");
    });
}

/// The same for what the kernel tells: bytes, and clients that wait to be accepted.
#[test]
fn bytes_and_clients_of_a_sleeping_shard_are_seen_at_once() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let (mut client, _) = server.connect_heard();
        let mut slow = 0;
        for number in 0..LETTERS / 10 {
            let begun = Instant::now();
            client.write_all(b"?").unwrap();
            client.read_exact(&mut [0]).unwrap();
            if number % 10 == 0 {
                server.connect_heard();
            }
            if begun.elapsed() > Duration::from_millis(TICK_MS / 2) {
                slow += 1;
            }
        }
        assert!(slow < LETTERS / 1_000, "{slow} waited for a tick");
    });
}

#[test]
fn letters_of_many_threads_all_arrive() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let (tell, heard) = channel();
        std::thread::scope(|scope| {
            for sender in 0..4 {
                let (poster, tell) = (server.poster(), tell.clone());
                scope.spawn(move || {
                    for number in 0..LETTERS / 4 {
                        let tell = tell.clone();
                        poster.post(move |_, _| tell.send((sender, number)).unwrap());
                    }
                });
            }
            let mut next = [0; 4];
            for _ in 0..LETTERS {
                let (sender, number): (usize, u32) = heard.recv_timeout(DEADLINE).unwrap();
                assert_eq!(
                    number, next[sender],
                    "letters of one sender keep their order"
                );
                next[sender] += 1;
            }
        });
    });
}

#[test]
fn idle_shard_takes_a_turn_per_tick_and_no_more() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let _clients: Vec<_> = (0..10).map(|_| server.connect_heard()).collect();
        server.ask(|_, _| ());
        let begun = Instant::now();
        let before = server.turns();
        while server.turns() < before + 5 {
            assert!(begun.elapsed() < DEADLINE, "no tick");
            std::thread::sleep(Duration::from_millis(1_000));
        }
        let ticks = u64::try_from(begun.elapsed().as_millis()).unwrap() / TICK_MS;
        let turns = server.turns() - before;
        assert!(turns <= 2 * ticks + 5, "{turns} turns in {ticks} ticks");
    });
}
