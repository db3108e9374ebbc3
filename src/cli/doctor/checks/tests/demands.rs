//! A configuration that says how many connections there may be, and what they may keep in the kernel.

use super::*;

/// The findings that are not as they should be, for a server of a million connections.
fn ill_with_a_million(facts: &Facts) -> Vec<Finding> {
    let plan = Plan {
        connections: Some(1_000_000),
        ..plan()
    };
    let mut findings = examine(facts, &RING, &Ok(plan));
    findings.retain(|finding| finding.verdict != Verdict::Ok);
    findings
}

/// A machine that can hold them.
fn large() -> Facts {
    Facts {
        nofile: Some(Limit {
            soft: 1_024,
            hard: 1_062_612,
        }),
        nr_open: Some(1_062_612),
        tcp_pages: Some(1_000_000),
        ..healthy()
    }
}

#[test]
fn machine_with_room_for_all_connections_has_nothing_to_mend() {
    assert_eq!(ill_with_a_million(&large()), []);
    let tracking = Facts {
        conntrack: Some(Conntrack {
            tracked: 10,
            most: 1_000_000,
        }),
        ..large()
    };
    assert_eq!(ill_with_a_million(&tracking), []);
}

#[test]
fn each_limit_below_the_connections_is_found_with_the_value_it_needs() {
    type Change = fn(&mut Facts);
    let cases: [(Change, &str, &str, &str); 6] = [
        (
            |facts| facts.nofile.as_mut().unwrap().hard = 1_048_576,
            "nofile",
            "986784 connections, and max-connections is 1000000",
            "raise the hard limit: ulimit -Hn 1062612, LimitNOFILE=1062612",
        ),
        (
            |facts| {
                facts.nofile.as_mut().unwrap().hard = 1_048_576;
                facts.nr_open = Some(1_048_576);
            },
            "nofile",
            "max-connections is 1000000",
            "sysctl -w fs.nr_open=1062612, then raise",
        ),
        (
            |facts| facts.file_max = Some(800_000),
            "file-max",
            "800000 on the whole machine, and the server may need 1062612",
            "fs.file-max=4250448",
        ),
        (
            |facts| facts.epoll_watches = Some(400_000),
            "epoll watches",
            "400000 for each user, and max-connections is 1000000",
            "fs.epoll.max_user_watches=2000000",
        ),
        (
            |facts| {
                facts.conntrack = Some(Conntrack {
                    tracked: 10,
                    most: 262_144,
                })
            },
            "conntrack",
            "10 of 262144",
            "nf_conntrack_max=2000000",
        ),
        (
            |facts| facts.tcp_pages = Some(383_869),
            "tcp_mem",
            "383869 pages",
            "net.ipv4.tcp_mem='750000 1000000 1500000'",
        ),
    ];
    for (change, name, found, fix) in cases {
        let mut facts = large();
        change(&mut facts);
        let ill = ill_with_a_million(&facts);
        let [finding] = ill.as_slice() else {
            panic!("one finding for {name}: {ill:?}");
        };
        assert_eq!((finding.name, finding.verdict), (name, Verdict::Warn));
        assert!(finding.found.contains(found), "{finding:?}");
        assert!(finding.fix.as_ref().unwrap().contains(fix), "{finding:?}");
    }
}

#[test]
fn few_connections_need_few_descriptors() {
    let facts = Facts {
        nofile: Some(Limit {
            soft: 1_024,
            hard: 4_096,
        }),
        ..healthy()
    };
    let plan = Plan {
        connections: Some(1_000),
        ..plan()
    };
    let mut findings = examine(&facts, &RING, &Ok(plan));
    findings.retain(|finding| finding.verdict != Verdict::Ok);
    assert_eq!(findings, []);
}

#[test]
fn table_of_connections_that_nothing_fills_is_no_illness() {
    let facts = Facts {
        conntrack: Some(Conntrack {
            tracked: 0,
            most: 100,
        }),
        ..large()
    };
    assert_eq!(ill_with_a_million(&facts), []);
}

#[test]
fn send_buffer_larger_than_the_kernel_gives_is_found_under_the_name_of_its_option() {
    for (bytes, verdict) in [(212_992, Verdict::Ok), (1_048_576, Verdict::Warn)] {
        let plan = Plan {
            send_buffer_bytes: Some(bytes),
            ..plan()
        };
        let findings = examine(&healthy(), &RING, &Ok(plan));
        let named = |finding: &&Finding| finding.name == options::SEND_BUFFER_BYTES.name;
        let finding = findings.iter().find(named).unwrap();
        assert_eq!(finding.verdict, verdict);
        if verdict == Verdict::Warn {
            let fix = finding.fix.as_deref();
            assert_eq!(fix, Some("sysctl -w net.core.wmem_max=1048576"));
            assert!(
                finding
                    .found
                    .contains("1MiB, of which the kernel gives 208KiB")
            );
        }
    }
}
