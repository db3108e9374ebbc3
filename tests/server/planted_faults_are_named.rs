//! Goal: the checker of the delivery contract finds every kind of fault, and calls it by its name.
//! Method: tell it a flawless exchange of three clients, then the same with one fault planted in what a
//! client has read.

use shardcast_contract::planted::{PLANTED, PUBLISHED, Planted};

use crate::contract::{
    Around, Broken, Channel, Checked, Checker, Dialect, Reply, Request, Said, data,
};

const BYTES_MAX: usize = 40;
const STRICT: Around = Around { may_miss: false };
const LENIENT: Around = Around { may_miss: true };

/// The one who reads, and the two who publish.
const READER: usize = 0;
const PUBLISHERS: [usize; 2] = [1, 2];

/// Publications of each publisher on each channel.
const COUNT: usize = PUBLISHED as usize;

/// One thing in a client's view, in the order of all views.
#[derive(Debug, Clone)]
enum Seen {
    Asked(usize, usize, Request),
    Read(usize, String),
    /// A Close is due at the reader.
    Due(u16),
    Closed(Option<u16>),
    Ended,
}

fn name(channel: usize) -> String {
    format!("open-{channel}")
}

fn welcome(client: usize) -> Seen {
    let text = format!(r#"{{"t":"welcome","id":"{}"}}"#, ulid(900 + client));
    Seen::Read(client, text)
}

fn ulid(number: usize) -> String {
    format!("01M7W7FG1R0000000000000{number:03}")
}

fn ok(channel: usize) -> Seen {
    Seen::Read(READER, format!(r#"{{"t":"ok","c":"{}"}}"#, name(channel)))
}

/// The message of a publication. Ids ascend with the numbers of a publisher.
fn message(publisher: usize, channel: usize, number: usize) -> Seen {
    let data = data(publisher, channel, number, BYTES_MAX)
        .map_or_else(String::new, |data| format!(r#","d":{data}"#));
    let (name, id) = (
        name(channel),
        ulid(100 * publisher + 10 * number + 2 * channel),
    );
    let event = format!("{publisher}.{channel}.{number}");
    let text = format!(r#"{{"t":"msg","c":"{name}","e":"{event}"{data},"i":"{id}"}}"#);
    Seen::Read(READER, text)
}

/// Both publishers publish on both channels, of which the reader has only the first; then it leaves
/// that, and is closed.
fn flawless() -> Vec<Seen> {
    let mut seen: Vec<Seen> = (0..=2).map(welcome).collect();
    seen.extend([Seen::Asked(READER, 0, Request::Subscribe), ok(0)]);
    for number in 0..COUNT {
        for publisher in PUBLISHERS {
            for channel in [0, 1] {
                seen.push(Seen::Asked(publisher, channel, Request::Publish { number }));
            }
            seen.push(message(publisher, 0, number));
        }
    }
    seen.extend([
        Seen::Asked(READER, 0, Request::Unsubscribe),
        Seen::Asked(READER, 2, Request::Subscribe),
        ok(2),
        Seen::Due(1_001),
        Seen::Closed(Some(1_001)),
        Seen::Ended,
    ]);
    seen
}

/// What a checker says to these views, up to the end of the connection.
fn judge(views: &[Seen], around: Around) -> Checked {
    tell(&mut checker(), views, around)
}

fn checker() -> Checker {
    let open = |name| Channel {
        name,
        subscribe: Reply::Ok,
        publish: None,
        needs_login: false,
        may_wait: false,
    };
    let mut checker = Checker::new((0..3).map(name).map(open).collect(), BYTES_MAX, 8);
    for _ in 0..=PUBLISHERS.len() {
        checker.seat(Dialect::Strav, None);
    }
    checker
}

fn tell(checker: &mut Checker, views: &[Seen], around: Around) -> Checked {
    for seen in views {
        match seen {
            Seen::Asked(client, channel, Request::Unsubscribe) => {
                checker.is_complete(*client, &[true; 3], around)?;
                checker.ask(*client, *channel, Request::Unsubscribe);
            }
            Seen::Asked(client, channel, request) => checker.ask(*client, *channel, *request),
            Seen::Read(client, text) => {
                let said: Said<'_> = Dialect::Strav
                    .read(text)
                    .unwrap_or_else(|| panic!("{text}"));
                checker.hear(*client, &said, around)?;
            }
            Seen::Due(code) => checker.expect_close(READER, *code),
            Seen::Closed(code) => checker.close(READER, *code)?,
            Seen::Ended => checker.end(READER, false)?,
        }
    }
    Ok(())
}

/// Where the reader reads this.
fn place(views: &[Seen], wanted: &Seen) -> usize {
    let wanted = format!("{wanted:?}");
    let mut views = views.iter();
    let found = views.position(|seen| format!("{seen:?}") == wanted);
    found.expect("it is in the flawless exchange")
}

/// Where the last acknowledgement, that of a later request, is read.
fn after_leaving(views: &[Seen]) -> usize {
    place(views, &ok(2)) + 1
}

fn expect(rule: &str, words: &str, around: Around, plant: impl FnOnce(&mut Vec<Seen>)) {
    let mut views = flawless();
    plant(&mut views);
    match judge(&views, around) {
        Ok(()) => panic!("{rule}: the fault was not noticed"),
        Err(broken) => {
            assert_eq!(broken.rule, rule, "{}", broken.what);
            assert!(
                broken.what.contains(words),
                "{words:?} is not in: {}",
                broken.what
            );
        }
    }
}

#[test]
fn flawless_exchange_passes() {
    judge(&flawless(), STRICT).expect("nothing is wrong");
}

/// All that the load harness is held against, too: what is lost, comes twice or in another order. The
/// first thing that is wrong is named, and where gaps are allowed they are counted.
#[test]
fn what_is_lost_or_comes_twice_or_late_is_named() {
    for planted in PLANTED {
        let mut views = flawless();
        for number in 0..COUNT {
            views.remove(place(&views, &message(1, 0, number)));
        }
        let at = place(&views, &Seen::Asked(READER, 0, Request::Unsubscribe));
        let got = planted.places.iter();
        views.splice(at..at, got.map(|place| message(1, 0, *place as usize)));

        let is_first_there = planted.places.first() == Some(&0);
        let strict = match planted {
            Planted {
                lost: 0,
                reordered: 0,
                duplicated: 0,
                ..
            } => None,
            Planted {
                lost: 0,
                reordered: 0,
                ..
            } => Some(("C4", "twice")),
            _ if is_first_there => Some(("C5", "never")),
            _ => Some(("C1", "never")),
        };
        assert_broken(judge(&views, STRICT), strict, planted);

        let lenient = (1..planted.places.len()).find_map(|at| {
            let (before, place) = (&planted.places[..at], planted.places[at]);
            if before.contains(&place) {
                Some(("C4", "twice"))
            } else {
                let is_late = before.iter().any(|earlier| *earlier > place);
                is_late.then_some(("C3", "after"))
            }
        });
        let mut checker = checker();
        assert_broken(tell(&mut checker, &views, LENIENT), lenient, planted);
        if lenient.is_none() {
            assert_eq!(checker.missing, planted.lost, "{planted:?}");
        }
    }
}

fn assert_broken(judged: Checked, wanted: Option<(&str, &str)>, planted: Planted) {
    match (judged, wanted) {
        (Ok(()), None) => {}
        (Err(Broken { rule, what }), Some((wanted, words))) => {
            assert!(
                rule == wanted && what.contains(words),
                "{planted:?}: {rule}, {what}"
            );
        }
        (judged, _) => panic!("{planted:?}: {judged:?}"),
    }
}

/// Publications that were sent before the acknowledgement was read need not come; but what follows one
/// that came must.
#[test]
fn gap_among_publications_that_raced_with_the_ack_is_a_loss() {
    let raced = |numbers: &[usize]| {
        let mut views: Vec<Seen> = (0..=2).map(welcome).collect();
        views.push(Seen::Asked(READER, 0, Request::Subscribe));
        for number in 0..COUNT {
            views.push(Seen::Asked(1, 0, Request::Publish { number }));
        }
        views.push(ok(0));
        views.extend(numbers.iter().map(|number| message(1, 0, *number)));
        views.push(Seen::Asked(READER, 0, Request::Unsubscribe));
        judge(&views, STRICT).map_err(|broken| broken.rule)
    };
    for passes in [vec![], vec![0, 1, 2, 3], vec![2, 3], vec![3]] {
        assert_eq!(raced(&passes), Ok(()), "{passes:?}");
    }
    for fails in [vec![0, 1, 3], vec![1, 3], vec![1, 2]] {
        assert_eq!(raced(&fails), Err("C5"), "{fails:?}");
    }
}

#[test]
fn message_after_the_unsubscribe_took_effect_is_late() {
    expect("C2", "late", STRICT, |views| {
        let after = after_leaving(views);
        let publish = Request::Publish { number: COUNT };
        views.insert(after, Seen::Asked(1, 0, publish));
        views.insert(after + 1, message(1, 0, COUNT));
    });
}

#[test]
fn message_before_the_ack_is_early() {
    expect("C2", "early", STRICT, |views| {
        let acked = place(views, &ok(0));
        let publish = Request::Publish { number: 0 };
        views.remove(place(views, &Seen::Asked(1, 0, publish)));
        views.remove(place(views, &message(1, 0, 0)));
        views.insert(acked, Seen::Asked(1, 0, publish));
        views.insert(acked + 1, message(1, 0, 0));
    });
}

#[test]
fn message_of_a_channel_that_was_never_asked_for_is_foreign() {
    expect("C2", "foreign", STRICT, |views| {
        let at = place(views, &message(1, 0, 2));
        views.insert(at, message(1, 1, 2));
    });
}

#[test]
fn message_under_another_channels_name_is_corrupted() {
    let other = |seen: Seen| match seen {
        Seen::Read(client, text) => Seen::Read(client, text.replace("open-1", "open-0")),
        seen => panic!("{seen:?}"),
    };
    expect("bodies", "was published on", STRICT, |views| {
        let at = place(views, &message(1, 0, 2));
        views.insert(at, other(message(1, 1, 2)));
    });
}

#[test]
fn changed_body_is_corrupted() {
    for number in 0..COUNT {
        expect("bodies", "another body", STRICT, |views| {
            let at = place(views, &message(2, 0, number));
            let Seen::Read(_, text) = &mut views[at] else {
                panic!("a text");
            };
            let (head, id) = text.split_at(text.len() - r#","i":""}"#.len() - 26);
            let head = head.split(r#","d":"#).next().expect("a first part");
            *text = format!(r#"{head},"d":0{id}"#);
        });
    }
}

#[test]
fn message_that_nobody_sent_is_noticed() {
    expect("bodies", "never sent", STRICT, |views| {
        let at = place(views, &message(1, 0, 3));
        views.insert(at + 1, message(1, 0, COUNT));
    });
}

#[test]
fn reply_to_nothing_is_noticed() {
    expect("replies", "did not ask", STRICT, |views| {
        let at = place(views, &ok(0));
        views.insert(at, ok(0));
    });
}

#[test]
fn missing_reply_is_noticed_at_the_end() {
    expect("replies", "never got", STRICT, |views| {
        views.remove(place(views, &ok(2)));
    });
}

#[test]
fn wrong_close_code_is_noticed() {
    for code in [None, Some(1_000), Some(1_006), Some(1_013)] {
        expect("close", "1001", STRICT, |views| {
            let at = place(views, &Seen::Closed(Some(1_001)));
            views[at] = Seen::Closed(code);
        });
    }
}

#[test]
fn close_out_of_the_blue_is_noticed() {
    expect("close", "None was due", STRICT, |views| {
        views.remove(place(views, &Seen::Due(1_001)));
    });
}

#[test]
fn end_without_a_close_is_noticed() {
    expect("C5", "cut off", STRICT, |views| {
        views.remove(place(views, &Seen::Closed(Some(1_001))));
    });
}

#[test]
fn anything_after_close_is_noticed() {
    for extra in [message(1, 0, 3), Seen::Closed(Some(1_001))] {
        expect("C2", "after Close", STRICT, |views| {
            let at = place(views, &Seen::Ended);
            views.insert(at, extra);
        });
    }
}
