//! Floor 0: what every other floor stands on.
//!
//! Ids, bounds, time as a value, the slot table, the coarse timer wheel, seeded randomness and the
//! wake-up flag. Nothing here knows sockets, protocols or threads.

pub mod ids;
pub mod io;
pub mod limits;
pub mod random;
pub mod slab;
pub mod time;
pub mod wake_flag;
pub mod wheel;

/// The atomics that [`wake_flag`] is written against; its loom test puts loom's own in their place.
mod atomic {
    pub(super) use std::sync::atomic::{AtomicBool, Ordering, fence};
}
