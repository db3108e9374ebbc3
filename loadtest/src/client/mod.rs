//! The clients: threads that each drive many connections from one epoll loop.
//!
//! A thread owns its connections and never waits for another one. What threads must know of each other
//! is in [`Shared`]: counters, finished publications, the phases of the run.

mod audience;
mod churning;
mod command;
mod conn;
mod counts;
mod flights;
mod inflating;
mod joining;
mod lane;
mod poller;
mod publishing;
mod receiver;
mod returning;
mod shared;
mod stopping;
mod transport;
mod visit;
mod wire;
mod worker;

pub(crate) use command::Command;
pub(crate) use counts::Counts;
pub(crate) use shared::Shared;
pub(crate) use wire::{Ended, Terms};
pub(crate) use worker::{Finished, Worker};
