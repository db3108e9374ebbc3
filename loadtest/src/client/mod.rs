//! The clients: threads that each drive many connections from one epoll loop.
//!
//! A thread owns its connections and never waits for another one. What threads must know of each other
//! is in [`Shared`]: counters, finished publications, the phases of the run.

mod conn;
mod flights;
mod poller;
mod publishing;
mod receiver;
mod returning;
mod shared;
mod wire;
mod worker;

pub(crate) use shared::{Counts, Shared};
pub(crate) use worker::{Finished, Worker};
