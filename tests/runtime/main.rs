//! The runtime over real loopback sockets, on each driver that this machine has.
//!
//! Nothing here depends on how long something takes: tests wait for events, and a deadline only
//! turns a test that would hang into one that fails.

mod accepting;
mod backpressure;
mod closing;
mod drivers;
mod echo;
mod little_room;
mod sending;
mod support;
mod waking;
