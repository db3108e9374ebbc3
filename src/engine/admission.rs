//! How many connections a process takes, counted across its shards.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::addresses::{AddressKey, AddressLimits, Addresses};

/// The process-wide count of open sockets and its limits.
///
/// Past the limit a socket is still taken for as long as it needs to be told `503` (a bare close
/// tells nobody anything), but only within a sixteenth of the limit: past that it is closed at once.
#[derive(Debug, Clone)]
pub struct Admission {
    open: Arc<AtomicUsize>,
    open_max: usize,
    addresses: Arc<Addresses>,
}

/// What becomes of a new socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admit {
    /// It may upgrade.
    Welcome,
    /// It will be told to come back later.
    Refuse,
    /// It is closed without a word, and not counted.
    Full,
}

impl Admission {
    /// Admits up to `open_max` connections at a time, and of each address what its limits say.
    #[must_use]
    pub fn new(open_max: usize, limits: AddressLimits) -> Self {
        Self {
            open: Arc::default(),
            open_max,
            addresses: Arc::new(Addresses::new(limits)),
        }
    }

    /// The counts by address.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Counts a new socket in. Unless it is [`Admit::Full`], [`Admission::leave`] must follow.
    #[must_use]
    pub fn enter(&self) -> Admit {
        let open = self.open.fetch_add(1, Ordering::Relaxed);
        if open < self.open_max {
            Admit::Welcome
        } else if open < self.open_max + self.open_max / 16 + 16 {
            Admit::Refuse
        } else {
            self.leave(None);
            Admit::Full
        }
    }

    /// Counts a socket out, also for the address that it was counted for.
    pub fn leave(&self, address: Option<AddressKey>) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(key) = address {
            self.addresses.leave(key);
        }
    }

    /// Sockets open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_past_the_limit_and_shuts_past_the_headroom() {
        let admission = Admission::new(32, AddressLimits::default());
        let verdicts: Vec<Admit> = (0..60).map(|_| admission.enter()).collect();
        assert!(verdicts[..32].iter().all(|admit| *admit == Admit::Welcome));
        assert!(verdicts[32..50].iter().all(|admit| *admit == Admit::Refuse));
        assert!(verdicts[50..].iter().all(|admit| *admit == Admit::Full));
        assert_eq!(admission.open(), 50);
        (0..19).for_each(|_| admission.leave(None));
        assert_eq!(admission.enter(), Admit::Welcome);
    }
}
