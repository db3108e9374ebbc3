//! Goal: the engine keeps the delivery contract (C1 to C7) whatever its sockets, its clients, its
//! neighbours and its clock do.
//!
//! Method: several shards and their clients live in one process on a virtual clock. One seeded
//! generator decides everything: who acts, how bytes are split, how much a socket takes, when a
//! shard looks into its mailbox, flushes or ticks, and when decisions come. A checker that knows
//! only what clients send and read judges every frame, and the books at the end. The same seed
//! gives the same run; a failing one tells how to see it again. Planted faults show that the checker
//! would notice.
//!
//! `SHARDCAST_SIM_SEEDS=N` runs N seeds instead of the usual number, `SHARDCAST_SIM_SEED=x` runs one
//! and prints its log.

mod client;
#[path = "../support/contract/mod.rs"]
mod contract;
mod decider;
mod faults;
mod finish;
mod frames;
mod plan;
mod steps;
mod trace;
mod turns;
mod wires;
mod world;

use faults::Fault;
use trace::Report;

/// Seeds of the plain test: enough that every kind of event has happened many times.
const SEEDS: u64 = 300;

/// Seeds among which each planted fault must be noticed.
const FAULT_SEEDS: u64 = 40;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a number"))
}

#[test]
fn default_seeds() {
    if let Some(seed) = number("SHARDCAST_SIM_SEED") {
        match world::run(seed, None, true) {
            Ok(report) => println!("seed {seed} passes: {report:#?}"),
            Err(violation) => panic!("{violation}"),
        }
        return;
    }
    let seeds = number("SHARDCAST_SIM_SEEDS").unwrap_or(SEEDS);
    let mut total = Report::default();
    let mut failures = Vec::new();
    for seed in 0..seeds {
        match world::run(seed, None, false) {
            Ok(report) => total.add(&report),
            Err(violation) => {
                println!("{violation}");
                failures.push(violation);
            }
        }
    }
    println!("{seeds} seeds: {total:#?}");
    if let Some(first) = failures.first() {
        let all: Vec<u64> = failures.iter().map(|failure| failure.seed).collect();
        panic!("{} of {seeds} seeds fail: {all:?}\n{first}", failures.len());
    }
    assert_exercised(&total);
}

/// A pass means something only if everything that can happen has happened.
fn assert_exercised(total: &Report) {
    let Report {
        stalls,
        dropped,
        evicted,
        idled,
        drains,
        exact_accounts,
        ..
    } = *total;
    let counts = [stalls, dropped, evicted, idled, drains, exact_accounts];
    assert!(counts.iter().all(|count| *count > 0), "{total:#?}");
    assert!(total.replies.iter().all(|count| *count > 0), "{total:#?}");
}

#[test]
fn same_seed_gives_the_same_run() {
    for seed in 0..8 {
        assert_eq!(
            world::run(seed, None, false).map_err(|violation| violation.to_string()),
            world::run(seed, None, false).map_err(|violation| violation.to_string()),
        );
    }
}

#[test]
fn every_planted_fault_is_noticed() {
    for fault in Fault::ALL {
        let mut noticed = Vec::new();
        for seed in 0..FAULT_SEEDS {
            if let Err(violation) = world::run(seed, Some(fault), false) {
                noticed.push(violation);
            }
        }
        println!(
            "{fault:?}: noticed in {} of {FAULT_SEEDS} seeds",
            noticed.len()
        );
        let mut rules: Vec<&str> = noticed.iter().map(|noticed| noticed.broken.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        println!("    as {rules:?}; {:?}", noticed.first());
        let is_right = |rule| fault.breaks().contains(rule);
        assert!(
            rules.iter().any(is_right),
            "{fault:?} is noticed only as {rules:?}"
        );
    }
}
