//! What a peer can do who means harm: requests that are none, and everything that costs a server more
//! than its sender. Real sockets, both drivers.
//!
//! A row is a few lines: what is sent, and what must come of it. That nobody else notices, that memory
//! stays bounded and that exactly what happened is counted is checked for all rows alike.
//!
//! `SHARDCAST_TEST_ABUSE_FULL=1` makes crowds and floods several times as large, which takes minutes and, for
//! 10,000 connections, a limit of open files (`ulimit -n`) above that. SECURITY.md has the figures.

#[path = "../support/mod.rs"]
mod support;

mod abuse;
mod abuse_costs_nobody_else;
mod heads;
mod request_heads_are_judged_by_the_book;
