//! Many sends at once, as many outcomes.

use std::io::Read;

use shardcast::base::io::SendOutcome;
use shardcast::base::limits::SENDS_AT_ONCE;
use shardcast::base::slab::Key;
use shardcast::runtime::Sockets;

use crate::support::{Event, Server, on_each_driver};

fn send_all(sockets: &Sockets, sends: &[(Key, Vec<u8>)]) -> Vec<SendOutcome> {
    // What is there before stays.
    let mut outcomes = vec![SendOutcome::Blocked];
    let sends = sends.iter().map(|(conn, bytes)| (*conn, bytes.as_slice()));
    sockets.send_all(sends, &mut outcomes);
    assert_eq!(outcomes.remove(0), SendOutcome::Blocked);
    outcomes
}

#[test]
fn each_of_many_sends_goes_to_its_own_socket() {
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let (mut clients, conns): (Vec<_>, Vec<_>) =
            (0..SENDS_AT_ONCE).map(|_| server.connect_heard()).unzip();
        for count in [1, 2, SENDS_AT_ONCE] {
            let text = |number: usize| format!("{number} of {count}").into_bytes();
            let sends: Vec<_> = (0..count)
                .map(|number| (conns[number], text(number)))
                .collect();
            let outcomes = server.ask(move |_, sockets| send_all(sockets, &sends));
            assert_eq!(outcomes.len(), count);
            for (number, outcome) in outcomes.into_iter().enumerate() {
                let mut got = text(number);
                assert_eq!(outcome, SendOutcome::Sent(got.len()));
                got.fill(0);
                clients[number].read_exact(&mut got).unwrap();
                assert_eq!(got, text(number));
            }
        }
    });
}

#[test]
fn sends_that_fail_block_or_are_cut_short_are_told_apart() {
    const MUCH: usize = 64 * 1024 * 1024;
    on_each_driver(|driver| {
        let server = Server::start(driver);
        let (mut well, well_conn) = server.connect_known();
        let (_full, full_conn) = server.connect_known();
        let (reset, reset_conn) = server.connect_known();
        let (_closed, closed_conn) = server.connect_known();
        server.ask(move |_, sockets| sockets.close(closed_conn));
        server.wait_for(&Event::Released(closed_conn));
        // Unread bytes turn its end into a reset.
        server.ask(move |_, sockets| {
            assert_eq!(sockets.send(reset_conn, b"unread"), SendOutcome::Sent(6));
        });
        let mut peeked = [0; 6];
        while reset.peek(&mut peeked).unwrap() < 6 {}
        drop(reset);
        server.wait_for(&Event::Released(reset_conn));

        let outcomes = server.ask(move |_, sockets| {
            let sends = [
                (closed_conn, b"nobody".to_vec()),
                (full_conn, vec![7; MUCH]),
                (reset_conn, b"nobody".to_vec()),
                (well_conn, b"well".to_vec()),
            ];
            let mut outcomes = send_all(sockets, &sends);
            outcomes.extend(send_all(sockets, &sends[1..]));
            outcomes
        });
        let [closed, SendOutcome::Sent(part), gone, sent, again @ ..] = outcomes.as_slice() else {
            panic!("{outcomes:?}");
        };
        assert!((1..MUCH).contains(part), "{part}");
        assert_eq!((closed, gone), (&SendOutcome::Failed, &SendOutcome::Failed));
        assert_eq!(sent, &SendOutcome::Sent(4));
        assert_eq!(
            again,
            [
                SendOutcome::Blocked,
                SendOutcome::Failed,
                SendOutcome::Sent(4)
            ]
        );
        let mut text = [0; 8];
        well.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"wellwell");
    });
}
