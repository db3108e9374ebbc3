//! Floor 2: one shard's world as a state machine without sockets, clock or threads.

pub mod rules;
