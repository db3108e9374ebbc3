//! A descriptor table for one shard alone.

use std::io;

use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Gives the calling thread a copy of the process's descriptor table for its own.
///
/// The limit of open files counts for each table, and a table that two threads use costs both of them a lock
/// and a shared count at each look. What is open now stays open in both tables: it should be what lives as
/// long as the process. What either side opens from here on, the other does not have.
///
/// # Errors
///
/// The kernel lacks memory, or a sandbox forbids it.
pub(super) fn keep_to_oneself() -> io::Result<()> {
    #[expect(
        unsafe_code,
        reason = "a descriptor that another thread opens would mean nothing here"
    )]
    // SAFETY: no descriptor comes from another thread after this. A shard gets letters from others, and
    // never a descriptor; its wakers, of all shards, are open already and are never closed before the end.
    unsafe { unshare_unsafe(UnshareFlags::FILES) }?;
    Ok(())
}
