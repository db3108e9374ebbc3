//! A healthy machine, and then one thing at a time that is not.

use std::io;

use rustix::io::Errno;

use super::*;
use crate::cli::doctor::facts::{Conntrack, Limit};
use crate::config::options;
use crate::config::{Machine, Origin, Settings};
use crate::runtime::ListenError;

mod demands;

fn healthy() -> Facts {
    Facts {
        kernel: Some("6.8.0-45-generic".to_owned()),
        uring_disabled: Some(0),
        seccomp: Some(0),
        memlock: Some(Limit {
            soft: 65_536,
            hard: 65_536,
        }),
        nofile: Some(Limit {
            soft: 1_024,
            hard: 1_048_576,
        }),
        nr_open: Some(1_048_576),
        file_max: Some(9_223_372_036_854_775_807),
        epoll_watches: Some(1_802_423),
        somaxconn: Some(4_096),
        syncookies: Some(1),
        tcp_pages: Some(383_869),
        wmem_max: Some(212_992),
        conntrack: None,
        ports: Some(32_768..=60_999),
        ports_reserved: Vec::new(),
        cpus: Some(vec![0, 1, 2, 3]),
        cpu_quota: None,
    }
}

const RING: Ring = Ok("coop_taskrun, single_issuer");

fn refused(errno: Errno) -> Ring {
    Err(UringRefusal {
        error: io::Error::from(errno),
        fix: "the runtime's own fix",
    })
}

/// Of the default configuration on a machine of four cpus, with both addresses free.
fn plan() -> Plan {
    let listener = |(option, addr): (_, &str)| Listener {
        option,
        addr: addr.parse().unwrap(),
        tried: Ok(()),
    };
    let addrs = [
        (&options::LISTEN, "127.0.0.1:7001"),
        (&options::API_LISTEN, "127.0.0.1:7002"),
    ];
    Plan {
        shards: 4,
        fd_tables: 1,
        connections: None,
        send_buffer_bytes: None,
        listeners: addrs.map(listener).into(),
    }
}

/// The findings that are not as they should be.
fn ill(facts: &Facts, ring: &Ring) -> Vec<Finding> {
    let mut findings = examine(facts, ring, &Ok(plan()));
    assert_eq!(findings.len(), 17);
    findings.retain(|finding| finding.verdict != Verdict::Ok);
    findings
}

#[test]
fn healthy_machine_has_nothing_to_mend() {
    assert_eq!(ill(&healthy(), &RING), []);
    for finding in examine(&healthy(), &RING, &Ok(plan())) {
        assert_eq!(finding.fix, None);
        assert!(!finding.found.is_empty());
    }
}

#[test]
fn each_illness_is_found_with_its_fix() {
    type Change = fn(&mut Facts);
    let cases: [(Change, &str, Verdict, &str, &str); 13] = [
        (
            |facts| facts.kernel = Some("5.19.17".to_owned()),
            "kernel",
            Verdict::Warn,
            "takes a lock",
            "Linux 6.0",
        ),
        (
            |facts| facts.kernel = Some("5.15.0-91-generic".to_owned()),
            "kernel",
            Verdict::Warn,
            "slower than it could be",
            "Linux 6.0",
        ),
        (
            |facts| facts.uring_disabled = Some(1),
            "io_uring_disabled",
            Verdict::Warn,
            "only a group",
            "kernel.io_uring_group",
        ),
        (
            |facts| {
                facts.nofile = Some(Limit {
                    soft: 128,
                    hard: 128,
                })
            },
            "nofile",
            Verdict::Bad,
            "soft 128, hard 128",
            "LimitNOFILE=1048576",
        ),
        (
            |facts| {
                facts.nofile = Some(Limit {
                    soft: 1_024,
                    hard: 4_096,
                })
            },
            "nofile",
            Verdict::Warn,
            "connections",
            "ulimit -Hn",
        ),
        (
            |facts| facts.somaxconn = Some(128),
            "somaxconn",
            Verdict::Warn,
            "128",
            "net.core.somaxconn=4096",
        ),
        (
            |facts| facts.file_max = Some(200_000),
            "file-max",
            Verdict::Warn,
            "the server may need 1048576",
            "fs.file-max=4194304",
        ),
        (
            |facts| facts.syncookies = Some(0),
            "syncookies",
            Verdict::Warn,
            "0: a flood",
            "tcp_syncookies=1",
        ),
        (
            |facts| {
                facts.conntrack = Some(Conntrack {
                    tracked: 200_000,
                    most: 262_144,
                })
            },
            "conntrack",
            Verdict::Warn,
            "200000 of 262144",
            "nf_conntrack_max=524288",
        ),
        (
            |facts| facts.ports = Some(50_000..=60_999),
            "port range",
            Verdict::Warn,
            "11000 connections",
            "ip_local_port_range",
        ),
        (
            |facts| facts.ports = Some(1_024..=65_535),
            "port range",
            Verdict::Warn,
            "ports 7001-7002",
            "ip_local_reserved_ports=7001-7002",
        ),
        (
            |facts| facts.cpu_quota = Some(0.5),
            "cpus",
            Verdict::Warn,
            "0-3, and the time of 0.50 of one",
            "--cpus",
        ),
        (
            |facts| facts.somaxconn = None,
            "somaxconn",
            Verdict::Warn,
            "does not tell",
            "/proc",
        ),
    ];
    for (change, name, verdict, found, fix) in cases {
        let mut facts = healthy();
        change(&mut facts);
        let ill = ill(&facts, &RING);
        let [finding] = ill.as_slice() else {
            panic!("one finding for {name}: {ill:?}");
        };
        assert_eq!((finding.name, finding.verdict), (name, verdict));
        assert!(finding.found.contains(found), "{finding:?}");
        assert!(finding.fix.as_ref().unwrap().contains(fix), "{finding:?}");
    }
}

#[test]
fn refused_ring_is_traced_to_what_refuses_it() {
    let mut facts = healthy();
    let ring = refused(Errno::NOSYS);
    assert_eq!(
        ill(&facts, &ring)[0].fix.as_deref(),
        Some("the runtime's own fix")
    );

    facts.seccomp = Some(2);
    let ring = refused(Errno::PERM);
    let findings = ill(&facts, &ring);
    assert_eq!(findings[0].fix.as_deref(), Some("see seccomp"));
    assert!(findings[0].found.contains("epoll serves instead"));
    assert!(findings[1].fix.as_ref().unwrap().contains("io_uring_setup"));

    facts.uring_disabled = Some(2);
    let findings = ill(&facts, &ring);
    assert_eq!(findings[0].fix.as_deref(), Some("see io_uring_disabled"));
    assert_eq!(findings[1].found, "2: nobody may use io_uring");

    assert_eq!(ill(&healthy(), &Ok(""))[0].name, "io_uring");
}

#[test]
fn filter_that_lets_rings_through_is_no_illness() {
    let facts = Facts {
        seccomp: Some(2),
        ..healthy()
    };
    assert_eq!(ill(&facts, &RING), []);
}

#[test]
fn locked_memory_counts_only_where_the_kernel_counts_rings() {
    let mut facts = Facts {
        kernel: Some("5.10.0-28".to_owned()),
        ..healthy()
    };
    let names = |facts: &Facts| -> Vec<&str> {
        ill(facts, &RING)
            .iter()
            .map(|finding| finding.name)
            .collect()
    };
    assert_eq!(names(&facts), ["kernel", "memlock"]);
    facts.memlock = Some(Limit {
        soft: 8 << 20,
        hard: 8 << 20,
    });
    assert_eq!(names(&facts), ["kernel"]);
}

#[test]
fn reserved_port_is_safe_within_the_range() {
    let mut facts = Facts {
        ports: Some(1_024..=65_535),
        ports_reserved: vec![7_001, 7_002],
        ..healthy()
    };
    assert_eq!(ill(&facts, &RING), []);

    facts.ports_reserved = vec![6_379, 7_001];
    let findings = ill(&facts, &RING);
    assert!(
        findings[0].found.contains("may take port 7002 "),
        "{findings:?}"
    );
    let fix = "sysctl -w net.ipv4.ip_local_reserved_ports=6379,7001-7002";
    assert_eq!(findings[0].fix.as_deref(), Some(fix));
}

#[test]
fn ports_in_the_range_are_those_of_the_configuration() {
    let facts = healthy();
    let mut plan = plan();
    plan.listeners[0].addr.set_port(0);
    plan.listeners[1].addr.set_port(40_000);
    let findings = examine(&facts, &RING, &Ok(plan));
    let port_range = findings.iter().find(|finding| finding.name == "port range");
    let port_range = port_range.unwrap();
    assert_eq!(port_range.verdict, Verdict::Warn);
    assert!(
        port_range.found.contains("may take port 40000 "),
        "{port_range:?}"
    );
}

#[test]
fn address_that_is_taken_is_bad_under_the_name_of_its_option() {
    for (index, name) in [(0, "listen"), (1, "api-listen")] {
        let mut plan = plan();
        let listener = &mut plan.listeners[index];
        listener.tried = Err(ListenError {
            addr: listener.addr,
            error: Errno::ADDRINUSE.into(),
            fix: "the runtime's own fix",
        });
        let addr = listener.addr.to_string();
        let mut findings = examine(&healthy(), &RING, &Ok(plan));
        findings.retain(|finding| finding.verdict != Verdict::Ok);
        let [finding] = findings.as_slice() else {
            panic!("one finding: {findings:?}");
        };
        assert_eq!((finding.name, finding.verdict), (name, Verdict::Bad));
        assert!(finding.found.starts_with(&addr), "{finding:?}");
        assert_eq!(finding.fix.as_deref(), Some("the runtime's own fix"));
    }
}

#[test]
fn each_mistake_in_the_configuration_is_bad_and_the_machine_is_looked_at_all_the_same() {
    let mut settings = Settings::default();
    for (option, text) in [(&options::SHARDS, "0"), (&options::LISTEN, "here")] {
        settings.set(option, Origin::Flag, vec![text.to_owned()]);
    }
    let complaints = settings.resolve(&Machine::detect()).unwrap_err();
    let findings = examine(&healthy(), &RING, &Err(complaints.clone()));
    let (bad, rest) = findings.split_at(2);
    for (finding, complaint) in bad.iter().zip(complaints) {
        assert_eq!(
            (finding.name, finding.verdict),
            ("configuration", Verdict::Bad)
        );
        let fix = finding.fix.as_deref().unwrap();
        assert_eq!(format!("{}; {fix}", finding.found), complaint.to_string());
    }
    assert_eq!(rest.len(), 14);
    assert!(
        rest.iter().all(|finding| finding.verdict == Verdict::Ok),
        "{rest:?}"
    );
}

#[test]
fn descriptors_and_locked_memory_are_counted_for_the_shards_that_are_configured() {
    let facts = Facts {
        kernel: Some("5.10.0-28".to_owned()),
        memlock: Some(Limit {
            soft: 1 << 20,
            hard: 1 << 20,
        }),
        ..healthy()
    };
    let plan = Plan {
        shards: 64,
        ..plan()
    };
    let findings = examine(&facts, &RING, &Ok(plan));
    let memlock = findings.iter().find(|finding| finding.name == "memlock");
    assert_eq!(memlock.unwrap().verdict, Verdict::Warn);
}
