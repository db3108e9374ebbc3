//! Floor 2: the engine, sans-io and deterministic.
//!
//! [`shard::Shard`] is one shard's whole world as a state machine; the other files are its nouns.
//! It reads no clock, makes no system call, spawns nothing and knows no async: the same code runs
//! under io_uring, under epoll, in a benchmark without sockets and in a seeded simulation.

pub mod actions;
pub mod addresses;
pub mod admission;
pub mod context_memory;
pub mod decider;
pub mod deflate;
pub mod dialect;
pub mod disconnect;
pub mod door;
pub mod drain;
pub mod endpoint;
pub mod happening;
pub mod identity;
pub mod inspect;
pub mod interest;
pub mod mailbox;
pub mod origin;
pub mod outbox;
pub mod publication;
mod reload;
pub mod rules;
pub mod shard;
pub mod stats;
pub mod topic_table;
pub mod turn_log;

mod busy;
mod closing;
mod conn;
mod fan_out;
pub mod flush;
mod handshake;
mod heartbeat;
mod meter;
mod perform;
mod pings;
mod receive;
mod session;
mod tls;
mod waiting;
mod wire;
mod write_delay;

#[cfg(test)]
mod tests;
