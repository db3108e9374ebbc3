//! Goal: the engine keeps the delivery contract (C1 to C7) whatever its sockets, its clients, its
//! neighbours and its clock do.
//!
//! Method: several shards and their clients live in one process on a virtual clock. Half of the clients speak
//! strav, the others ignis and shared-websocket, and all share their topics; half of them speak for a user, some
//! only for a while. The API sends to users, to connections and to everybody, and revokes. One seeded
//! generator decides everything: who acts, how bytes are split, how much a socket takes, when a
//! shard looks into its mailbox, flushes or ticks, when connections die and when decisions come. A
//! checker that knows only what clients send and read judges every frame. The same seed gives the same
//! run; a failing one tells how to see it again. [`faults::Fault`] lists what goes wrong, and a test
//! fails if something there has not happened. There are two modes ([`plan::Mode`]):
//!
//! - **Bounded faults**: ticks are late by a second at most, so that no identity outlives its end for longer than
//!   [`calls::LATE_END_MS_MAX`]; shards hang for some steps, the clock jumps by seconds, and after some
//!   thousand steps faults stop, but for some peers that never read again. Safety is checked at
//!   every step, and liveness at the end: everybody who reads gets everything that it is owed, every
//!   decision is answered or given up, all who lost their connection can come back, mailboxes and outboxes
//!   drain, and when all have left nothing stays behind. A third of the runs end with a drain instead, with faults
//!   until its end, which must come in time and lose nothing.
//! - **Unbounded faults**: anything at any time and for ever. Shards hang and never come to again, or do
//!   not tick; the process stands still for a day; the clock jumps by days; drains go on with shards that
//!   have not finished a phase. Only safety is checked: nothing wrong comes.
//!
//! Bugs that are planted in the world around the engine show that the checker would notice, in both modes.
//!
//! Run once at length, optimised and with its assertions: seeds 0 to 19,999 of each mode. Bounded: 44 million steps,
//! 30 million messages read, no identity held for longer than 1,346 ms after its end, 1 min 57 s of processor time.
//! Unbounded: 118 million steps, 13 million messages read, 1 min 23 s. Nothing was found, after what earlier rounds
//! had found was mended. (Before there were dialects and users: 50,000 seeds of each, with the engine of commit
//! d1f0595.)
//!
//! `SHARDCAST_SIM_SEEDS=N` runs N seeds of each mode instead of the usual number, `SHARDCAST_SIM_SEED=x`
//! runs one and prints its log.

mod acts;
mod answers;
mod calls;
mod client;
#[path = "../support/contract/mod.rs"]
mod contract;
mod decider;
mod deflating;
mod drains;
mod faults;
mod finish;
mod frames;
mod plan;
mod planted;
mod steps;
mod tokens;
mod trace;
mod turns;
mod wires;
mod world;

use faults::Fault;
use plan::Mode;
use planted::Bug;
use trace::Report;

/// Seeds of the plain tests: enough that every kind of event has happened many times.
const SEEDS: u64 = 200;

/// Seeds among which each planted bug must be noticed.
const BUG_SEEDS: u64 = 40;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a number"))
}

#[test]
fn bounded_faults() {
    run_seeds(Mode::Bounded);
}

#[test]
fn unbounded_faults() {
    run_seeds(Mode::Unbounded);
}

fn run_seeds(mode: Mode) {
    if let Some(seed) = number("SHARDCAST_SIM_SEED") {
        match world::run(mode, seed, None, true) {
            Ok(report) => println!("seed {seed} passes: {report:#?}"),
            Err(violation) => panic!("{violation}"),
        }
        return;
    }
    let seeds = number("SHARDCAST_SIM_SEEDS").unwrap_or(SEEDS);
    let mut total = Report::default();
    let mut failures = Vec::new();
    for seed in 0..seeds {
        match world::run(mode, seed, None, false) {
            Ok(report) => total.add(&report),
            Err(violation) => {
                println!("{violation}");
                failures.push(violation);
            }
        }
    }
    println!("{mode:?}: {seeds} seeds: {total:#?}");
    if let Some(first) = failures.first() {
        let all: Vec<u64> = failures.iter().map(|failure| failure.seed).collect();
        panic!("{} of {seeds} seeds fail: {all:?}\n{first}", failures.len());
    }
    assert_exercised(mode, &total);
}

/// A pass means something only if everything that can happen has happened.
fn assert_exercised(mode: Mode, total: &Report) {
    for fault in Fault::ALL {
        let has_happened = total.faults.of(fault) > 0;
        assert_eq!(has_happened, fault.happens_in(mode), "{fault:?}");
    }
    let Report {
        dropped,
        evicted,
        idled,
        drains,
        exact_accounts,
        revocations,
        expired,
        notices,
        sent_off,
        late_end_ms,
        ..
    } = *total;
    assert!(
        [dropped, evicted, idled, drains]
            .iter()
            .all(|count| *count > 0)
    );
    assert_eq!(exact_accounts > 0, mode == Mode::Bounded);
    assert!(total.replies.iter().all(|count| *count > 0));
    assert!(total.sends_read.iter().all(|count| *count > 0));
    assert!(
        [revocations, expired, notices, sent_off]
            .iter()
            .all(|count| *count > 0)
    );
    if mode == Mode::Bounded {
        assert!(late_end_ms <= calls::LATE_END_MS_MAX, "{late_end_ms} ms");
    }
    assert!(total.crossed.iter().all(|count| *count > 0));
}

#[test]
fn same_seed_gives_the_same_run() {
    for mode in [Mode::Bounded, Mode::Unbounded] {
        for seed in 0..8 {
            assert_eq!(
                world::run(mode, seed, None, false).map_err(|violation| violation.to_string()),
                world::run(mode, seed, None, false).map_err(|violation| violation.to_string()),
            );
        }
    }
}

#[test]
fn every_planted_bug_is_noticed_with_bounded_faults() {
    notice_planted_bugs(Mode::Bounded);
}

#[test]
fn every_planted_bug_is_noticed_with_unbounded_faults() {
    notice_planted_bugs(Mode::Unbounded);
}

fn notice_planted_bugs(mode: Mode) {
    for bug in Bug::ALL {
        let runs = (0..BUG_SEEDS).map(|seed| world::run(mode, seed, Some(bug), false));
        let noticed: Vec<_> = runs.filter_map(Result::err).collect();
        println!("{bug:?}: noticed in {} of {BUG_SEEDS} seeds", noticed.len());
        let mut rules: Vec<&str> = noticed.iter().map(|noticed| noticed.broken.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        println!("    as {rules:?}; {:?}", noticed.first());
        let is_right = |rule| bug.breaks().contains(rule);
        assert!(
            rules.iter().any(is_right),
            "{bug:?} is noticed only as {rules:?}"
        );
    }
}
