//! Goal: the checker knows memberships that nothing acknowledges, and what is wrong with them.
//! Method: a client of ignis joins and asks for a fence behind that, while somebody publishes: what is sent
//! before the answer to the fence may come, what is sent after it must.

use crate::contract::{Around, Channel, Checked, Checker, Dialect, Reply, Request, broken, data};

const BYTES_MAX: usize = 40;
const STRICT: Around = Around { may_miss: false };

/// Who publishes, and who reads.
const PUBLISHER: usize = 0;
const READER: usize = 1;

fn checker() -> Checker {
    let open = Channel {
        name: "open".to_owned(),
        subscribe: Reply::Ok,
        needs_login: false,
        publish: None,
        may_wait: false,
    };
    let mut checker = Checker::new(vec![open], BYTES_MAX, 8);
    checker.seat(Dialect::Strav, None);
    checker.seat(Dialect::Ignis, None);
    checker
}

#[test]
fn join_without_an_answer_counts_from_its_fence() {
    let event = |number: usize| {
        let data = data(PUBLISHER, 0, number, BYTES_MAX);
        let data = data.map_or_else(String::new, |data| format!(r#","data":{data}"#));
        format!(r#"{{"event":"{PUBLISHER}.0.{number}"{data}}}"#)
    };
    let fence = r#"{"event":"error","data":{"message":"Already authenticated"}}"#;
    let connected =
        r#"{"event":"connected","data":{"id":"01234567-0123-4123-8123-0123456789ab","time":""}}"#;
    // What is read before the fence's answer, and behind it, with what it comes to.
    let cases: [(&[usize], &[usize], Checked); 7] = [
        (&[], &[1, 2], Ok(())),
        (&[0], &[1, 2], Ok(())),
        (&[], &[0, 1, 2], Ok(())),
        (&[], &[2], broken("C1", "but 1 never")),
        (&[], &[], broken("C1", "never got")),
        (&[0], &[2], broken("C5", "but 1 never")),
        (&[0], &[1], broken("C5", "never got")),
    ];
    for (before, behind, wanted) in cases {
        let mut checker = checker();
        let hear = |checker: &mut Checker, text: &str| {
            let said = Dialect::Ignis.read(text).expect("a text of ignis");
            checker.hear(READER, &said, STRICT)
        };
        let judged = (|| -> Checked {
            hear(&mut checker, connected)?;
            checker.ask(READER, 0, Request::Subscribe);
            checker.ask_fence(READER);
            checker.ask(PUBLISHER, 0, Request::Publish { number: 0 });
            before
                .iter()
                .try_for_each(|number| hear(&mut checker, &event(*number)))?;
            hear(&mut checker, fence)?;
            for number in [1, 2] {
                checker.ask(PUBLISHER, 0, Request::Publish { number });
            }
            behind
                .iter()
                .try_for_each(|number| hear(&mut checker, &event(*number)))?;
            checker.is_complete(READER, &[true; 2], STRICT)?;
            checker.ask(READER, 0, Request::Unsubscribe);
            checker.ask_fence(READER);
            hear(&mut checker, fence)?;
            checker.ask(PUBLISHER, 0, Request::Publish { number: 3 });
            match hear(&mut checker, &event(3)) {
                Err(late) if late.rule == "C2" && late.what.contains("late") => Ok(()),
                judged => panic!("{judged:?}"),
            }
        })();
        match (judged, wanted) {
            (Ok(()), Ok(())) => {}
            (Err(judged), Err(wanted)) => {
                let is_right = judged.rule == wanted.rule && judged.what.contains(&wanted.what);
                assert!(is_right, "{before:?}, {behind:?}: {judged:?}");
            }
            other => panic!("{before:?}, {behind:?}: {other:?}"),
        }
    }
}
