//! Whether a ring can be had here, without starting a shard.

use std::io;

use rustix::io::Errno;

use super::driver::{RING_FLAGS, uring_fix};

/// Entries of the ring that is tried: what is asked is whether the kernel gives one at all.
const PROBE_ENTRIES: u32 = 8;

/// Why the kernel gives no ring, and what can be done about it.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct UringRefusal {
    /// What it said.
    #[source]
    pub error: io::Error,
    /// What an operator can do.
    pub fix: &'static str,
}

/// Makes a small ring with the best flags that the kernel knows, and gives it back.
///
/// Returns the flags as a shard would report them.
///
/// # Errors
///
/// The kernel, or whoever filters calls to it, gives no ring with any flags.
pub fn probe_uring() -> Result<&'static str, UringRefusal> {
    let mut refusal = io::Error::from(Errno::INVAL);
    for flags in RING_FLAGS {
        match flags.builder().build(PROBE_ENTRIES) {
            Ok(_ring) => return Ok(flags.text),
            Err(error) => refusal = error,
        }
        if Errno::from_io_error(&refusal) != Some(Errno::INVAL) {
            break;
        }
    }
    Err(UringRefusal {
        fix: uring_fix(&refusal),
        error: refusal,
    })
}
