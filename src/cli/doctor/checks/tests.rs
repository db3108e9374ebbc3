//! A healthy machine, and then one thing at a time that is not.

use std::io;

use rustix::io::Errno;

use super::*;

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
        somaxconn: Some(4_096),
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

/// The findings that are not as they should be.
fn ill(facts: &Facts, ring: &Ring) -> Vec<Finding> {
    let mut findings = examine(facts, ring);
    assert_eq!(findings.len(), 9);
    findings.retain(|finding| finding.verdict != Verdict::Ok);
    findings
}

#[test]
fn healthy_machine_has_nothing_to_mend() {
    assert_eq!(ill(&healthy(), &RING), []);
    for finding in examine(&healthy(), &RING) {
        assert_eq!(finding.fix, None);
        assert!(!finding.found.is_empty());
    }
}

#[test]
fn each_illness_is_found_with_its_fix() {
    type Change = fn(&mut Facts);
    let cases: [(Change, &str, Verdict, &str, &str); 10] = [
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
            "port 7001",
            "ip_local_reserved_ports=7001",
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
    let facts = Facts {
        ports: Some(1_024..=65_535),
        ports_reserved: vec![7_001],
        ..healthy()
    };
    assert_eq!(ill(&facts, &RING), []);
}
