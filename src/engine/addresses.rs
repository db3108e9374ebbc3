//! What one client address may have, counted across all shards.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use ipnet::IpNet;

use super::disconnect::Cause;
use crate::base::time::Now;

/// What one address may have; 0 = any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressLimits {
    /// Connections at a time.
    pub connections_max: usize,
    /// Handshakes in a second, averaged, after one second's worth at once.
    pub handshakes_per_s: u32,
    /// Whether loopback addresses are counted, and rates hold for them, too.
    pub count_loopback: bool,
    /// The proxies whose word about a client's address is taken.
    pub proxies: TrustedProxies,
}

/// The proxies in front, and the header in which they name their client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedProxies {
    /// Where they connect from.
    pub networks: Vec<IpNet>,
    /// `X-Forwarded-For`, or one that has the same form.
    pub header: String,
}

/// Whom a connection is counted for: an IPv4 address, or an IPv6 network of 64 bits, which is the
/// least that one customer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressKey {
    /// The address.
    V4([u8; 4]),
    /// Its first half.
    V6([u8; 8]),
}

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let mut network = [0; 8];
                network.copy_from_slice(&address.octets()[..8]);
                Self::V6(network)
            }
        }
    }
}

impl TrustedProxies {
    /// Whether this peer's header is believed.
    #[must_use]
    pub fn include(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.networks.iter().any(|network| network.contains(&peer))
    }

    /// The client behind a proxy: the last address of the list that is not a proxy's own.
    ///
    /// Each proxy appends the address it sees, so everything before that may be the client's
    /// invention. `None`: the list is empty, or has something else where that address should be.
    pub fn client<'a>(&self, list: impl Iterator<Item = &'a str>) -> Option<IpAddr> {
        let entries: Vec<&str> = list.collect();
        for entry in entries.into_iter().rev() {
            let address = parse_address(entry)?;
            if !self.include(address) {
                return Some(address);
            }
        }
        None
    }
}

/// An address as proxies write it: bare, or with a port.
fn parse_address(entry: &str) -> Option<IpAddr> {
    let bare = entry.trim_start_matches('[').trim_end_matches(']');
    bare.parse()
        .ok()
        .or_else(|| Some(entry.parse::<std::net::SocketAddr>().ok()?.ip()))
}

/// All addresses that have connections, or had some within the last second.
#[derive(Debug)]
pub struct Addresses {
    limits: AddressLimits,
    /// Locked for one look-up at each end of a connection, and only where there are limits.
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    /// Hashed with a random key: addresses are the peers' choice.
    entries: HashMap<AddressKey, Entry>,
    /// Entries above which those that say nothing any more are looked for.
    sweep_at: usize,
}

#[derive(Debug, Default)]
struct Entry {
    connections: usize,
    /// The moment at which all handshakes so far will have been paid for, see [`super::meter`].
    paid_us: u64,
}

/// One second's handshakes may come at once.
const BURST_US: u64 = 1_000_000;

/// Entries of a book that is not worth sweeping.
const SWEEP_MIN: usize = 1_024;

impl Addresses {
    /// Counts under these limits.
    #[must_use]
    pub fn new(limits: AddressLimits) -> Self {
        Self {
            limits,
            book: Mutex::default(),
        }
    }

    /// Whether rates hold for this address, too.
    #[must_use]
    pub fn is_trusted(&self, address: IpAddr) -> bool {
        !self.limits.count_loopback && address.to_canonical().is_loopback()
    }

    /// The proxies whose word is taken.
    #[must_use]
    pub fn proxies(&self) -> &TrustedProxies {
        &self.limits.proxies
    }

    /// Counts a connection in; `Ok(None)`: this address is not counted. [`Addresses::leave`] must
    /// follow for a key.
    ///
    /// # Errors
    ///
    /// Why it is one too many: [`Cause::AddressConnections`] or [`Cause::AddressRate`].
    pub fn enter(&self, now: Now, address: IpAddr) -> Result<Option<AddressKey>, Cause> {
        let AddressLimits {
            connections_max,
            handshakes_per_s,
            ..
        } = self.limits;
        if (connections_max == 0 && handshakes_per_s == 0) || self.is_trusted(address) {
            return Ok(None);
        }
        let key = AddressKey::from(address);
        let now_us = now.monotonic_ms * 1_000;
        let mut book = self.book.lock().expect("nothing panics while it is held");
        book.sweep(now_us);
        let entry = book.entries.entry(key).or_default();
        if connections_max > 0 && entry.connections >= connections_max {
            return Err(Cause::AddressConnections);
        }
        if handshakes_per_s > 0 {
            let paid_us = entry.paid_us.max(now_us) + BURST_US / u64::from(handshakes_per_s);
            if paid_us > now_us + BURST_US {
                return Err(Cause::AddressRate);
            }
            entry.paid_us = paid_us;
        }
        entry.connections += 1;
        Ok(Some(key))
    }

    /// Counts a connection out.
    pub fn leave(&self, key: AddressKey) {
        let mut book = self.book.lock().expect("nothing panics while it is held");
        if let Some(entry) = book.entries.get_mut(&key) {
            entry.connections -= 1;
            // With a rate, what it has used of it must be remembered: the sweep takes it later.
            if entry.connections == 0 && self.limits.handshakes_per_s == 0 {
                book.entries.remove(&key);
            }
        }
    }
}

impl Book {
    /// Forgets addresses without connections whose handshakes are paid for, when there are twice as
    /// many entries as the last time had left: a constant cost for each new entry.
    fn sweep(&mut self, now_us: u64) {
        if self.entries.len() < self.sweep_at.max(SWEEP_MIN) {
            return;
        }
        self.entries
            .retain(|_, entry| entry.connections > 0 || entry.paid_us > now_us);
        self.sweep_at = 2 * self.entries.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(monotonic_ms: u64) -> Now {
        Now {
            monotonic_ms,
            unix_ms: 0,
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    fn addresses(connections_max: usize, handshakes_per_s: u32) -> Addresses {
        Addresses::new(AddressLimits {
            connections_max,
            handshakes_per_s,
            ..AddressLimits::default()
        })
    }

    #[test]
    fn connections_are_counted_by_address_and_by_network() {
        let addresses = addresses(2, 0);
        for (first, second, other) in [
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"),
        ] {
            let key = addresses.enter(at(0), ip(first)).unwrap();
            assert!(addresses.enter(at(0), ip(second)).is_ok());
            let third = addresses.enter(at(0), ip(first));
            assert_eq!(third, Err(Cause::AddressConnections));
            assert!(addresses.enter(at(0), ip(other)).is_ok());
            addresses.leave(key.expect("it is counted"));
            assert!(addresses.enter(at(0), ip(second)).is_ok());
        }
    }

    #[test]
    fn handshakes_are_limited_whether_or_not_they_stay() {
        let addresses = addresses(0, 10);
        let mut admitted = 0;
        for ms in 0..2_000 {
            if let Ok(Some(key)) = addresses.enter(at(5_000 + ms), ip("192.0.2.1")) {
                addresses.leave(key);
                admitted += 1;
            }
        }
        // Ten at once, and ten in each second after that.
        assert!((29..=31).contains(&admitted), "{admitted}");
    }

    #[test]
    fn loopback_is_counted_only_where_asked() {
        for (count_loopback, counted) in [(false, false), (true, true)] {
            let addresses = Addresses::new(AddressLimits {
                connections_max: 1,
                count_loopback,
                ..AddressLimits::default()
            });
            for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.2"] {
                let key = addresses.enter(at(0), ip(address)).unwrap();
                assert_eq!(key.is_some(), counted, "{address}");
                assert_eq!(addresses.is_trusted(ip(address)), !counted);
            }
        }
    }

    #[test]
    fn book_forgets_addresses_that_are_gone() {
        let addresses = addresses(0, 1);
        for number in 0..100_000_u32 {
            let address = IpAddr::from(number.to_be_bytes());
            let key = addresses
                .enter(at(u64::from(number) * 10), address)
                .unwrap();
            addresses.leave(key.expect("it is counted"));
        }
        assert!(addresses.book.lock().unwrap().entries.len() < 2 * SWEEP_MIN);
    }

    #[test]
    fn client_is_the_last_address_that_is_no_proxys() {
        let proxies = TrustedProxies {
            networks: vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
            header: "X-Forwarded-For".to_owned(),
        };
        assert!(proxies.include(ip("10.1.2.3")) && proxies.include(ip("::ffff:10.1.2.3")));
        assert!(!proxies.include(ip("192.0.2.1")));
        for (list, client) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("6.6.6.6,192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.1,10.0.0.5,10.0.0.6", Some("192.0.2.1")),
            ("192.0.2.1:4711,10.0.0.5", Some("192.0.2.1")),
            ("[2001:db8::1]:4711", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("6.6.6.6,unknown", None),
            ("10.0.0.5", None),
            ("", None),
        ] {
            let entries = list.split(',').filter(|entry| !entry.is_empty());
            assert_eq!(proxies.client(entries), client.map(ip), "{list}");
        }
    }
}
