//! Memory for what is remembered of earlier messages: bounded over all connections of all shards.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Memory for contexts, counted over all shards.
#[derive(Debug, Clone)]
pub struct ContextMemory(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    taken: AtomicUsize,
    bytes_max: AtomicUsize,
}

/// A part of it, given back when this is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    memory: ContextMemory,
    bytes: usize,
}

impl ContextMemory {
    /// So many bytes at the most.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Pool {
            taken: AtomicUsize::new(0),
            bytes_max: AtomicUsize::new(bytes_max),
        }))
    }

    /// Changes the most; who has some keeps it.
    pub fn set_bytes_max(&self, bytes_max: usize) {
        self.0.bytes_max.store(bytes_max, Ordering::Relaxed);
    }

    /// Bytes taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// Takes so much, if there is as much left.
    pub(super) fn lease(&self, bytes: usize) -> Option<Lease> {
        let bytes_max = self.0.bytes_max.load(Ordering::Relaxed);
        let grow = |taken: usize| taken.checked_add(bytes).filter(|sum| *sum <= bytes_max);
        let taken = &self.0.taken;
        taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow)
            .ok()?;
        Some(Lease {
            memory: self.clone(),
            bytes,
        })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.memory.0.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let memory = ContextMemory::new(10);
        let six = memory.lease(6).expect("room");
        assert!(memory.lease(5).is_none());
        let four = memory.lease(4).expect("room");
        assert_eq!(memory.taken(), 10);
        drop(six);
        assert!(memory.lease(6).is_some());
        memory.set_bytes_max(3);
        assert!(memory.lease(1).is_none(), "more is out than there may be");
        drop(four);
        assert_eq!(memory.taken(), 0);
        assert!(memory.lease(usize::MAX).is_none());
    }
}
