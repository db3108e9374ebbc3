//! Ids: what names a shard, a connection and a message, inside and on the wire.

use std::fmt;
use std::hash::Hasher;

use siphasher::sip::SipHasher24;

use super::random::Random;
use super::slab::Key;

/// One shard: a thread and the world it owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(pub u16);

impl ShardId {
    /// The shard's place in tables of shards.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One connection, for as long as the process lives; printed as `3/17#2` (shard, slot, generation).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId {
    /// The shard that accepted the socket and keeps it for life.
    pub shard: ShardId,
    /// The slot there.
    pub key: Key,
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}#{}",
            self.shard, self.key.slot, self.key.generation
        )
    }
}

/// A ULID: 48 bits of Unix milliseconds, then 80 bits; 26 upper-case Crockford base-32 characters.
///
/// Source: the ULID specification, github.com/ulid/spec.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ulid(pub u128);

const TAIL_BITS: u32 = 80;
const TAIL_MASK: u128 = (1 << TAIL_BITS) - 1;
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Ulid {
    /// Characters of the text form.
    pub const TEXT_LEN: usize = 26;

    fn from_parts(unix_ms: u64, tail: u128) -> Self {
        Self(u128::from(unix_ms) << TAIL_BITS | (tail & TAIL_MASK))
    }

    /// The time in it: Unix milliseconds.
    #[must_use]
    pub fn unix_ms(self) -> u64 {
        (self.0 >> TAIL_BITS) as u64
    }

    /// The text form.
    #[must_use]
    pub fn text(self) -> [u8; Self::TEXT_LEN] {
        let mut text = [0; Self::TEXT_LEN];
        for (index, byte) in text.iter_mut().enumerate() {
            let shift = 5 * (Self::TEXT_LEN - 1 - index);
            *byte = CROCKFORD[(self.0 >> shift) as usize & 31];
        }
        text
    }

    /// Reads the text form; `None` unless it is exactly what [`Ulid::text`] writes.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() != Self::TEXT_LEN || text[0] > b'7' {
            return None;
        }
        text.iter()
            .try_fold(0_u128, |id, byte| {
                let digit = CROCKFORD.iter().position(|known| known == byte)?;
                Some(id << 5 | digit as u128)
            })
            .map(Self)
    }
}

/// Where an id's bits stand in a UUID: the version and the variant are between them.
const UUID_TIME_BITS: u32 = 42;
const UUID_TIME_MASK: u128 = (1 << UUID_TIME_BITS) - 1;
const UUID_VERSION_4: u128 = 4 << 76;
const UUID_VARIANT: u128 = 2 << 62;

impl Ulid {
    /// Characters of the UUID form.
    pub const UUID_LEN: usize = 36;

    /// The same id as a version 4 UUID, for dialects whose clients know such: the tail comes first,
    /// then the time. 42 of its 48 bits fit, which is enough until the year 2109.
    ///
    /// Source: RFC 9562, section 5.4.
    #[must_use]
    pub fn uuid_text(self) -> [u8; Self::UUID_LEN] {
        let time = self.0 >> TAIL_BITS & UUID_TIME_MASK;
        let bits = (self.0 & TAIL_MASK) << UUID_TIME_BITS | time;
        let (high, middle, low) = (bits >> 74, bits >> 62 & 0xfff, bits & ((1 << 62) - 1));
        let uuid = high << 80 | UUID_VERSION_4 | middle << 64 | UUID_VARIANT | low;
        let mut text = [b'-'; Self::UUID_LEN];
        let places = (0..Self::UUID_LEN).filter(|place| !matches!(place, 8 | 13 | 18 | 23));
        for (digit, place) in places.enumerate() {
            let nibble = (uuid >> (124 - 4 * digit)) as usize & 15;
            text[place] = b"0123456789abcdef"[nibble];
        }
        text
    }

    /// Reads the UUID form; `None` unless it is exactly what [`Ulid::uuid_text`] writes.
    #[must_use]
    pub fn parse_uuid(text: &[u8]) -> Option<Self> {
        if text.len() != Self::UUID_LEN {
            return None;
        }
        let mut uuid = 0_u128;
        for (place, byte) in text.iter().enumerate() {
            match (place, byte) {
                (8 | 13 | 18 | 23, b'-') => {}
                (8 | 13 | 18 | 23, _) => return None,
                (_, b'0'..=b'9') => uuid = uuid << 4 | u128::from(byte - b'0'),
                (_, b'a'..=b'f') => uuid = uuid << 4 | u128::from(byte - b'a' + 10),
                _ => return None,
            }
        }
        if uuid & (0xf << 76) != UUID_VERSION_4 || uuid & (3 << 62) != UUID_VARIANT {
            return None;
        }
        let bits = uuid >> 80 << 74 | (uuid >> 64 & 0xfff) << 62 | uuid & ((1 << 62) - 1);
        let (tail, time) = (bits >> UUID_TIME_BITS, bits & UUID_TIME_MASK);
        Some(Self(time << TAIL_BITS | tail))
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Message ids: ascending for one generator, whatever the clock does.
#[derive(Debug)]
pub struct UlidGenerator {
    last: Ulid,
}

impl Default for UlidGenerator {
    fn default() -> Self {
        Self { last: Ulid(0) }
    }
}

impl UlidGenerator {
    /// The next id, greater than every one before it.
    ///
    /// A new millisecond draws a new tail; within one, or when the clock went back, the last id is
    /// counted up. The tail's top bit starts clear, so that 2^79 ids fit into one millisecond.
    pub fn next(&mut self, unix_ms: u64, random: &mut Random) -> Ulid {
        let tail = u128::from(random.next_u64()) << 16 | u128::from(random.next_u64() & 0xffff);
        let fresh = Ulid::from_parts(unix_ms, tail >> 1);
        self.last = if fresh.0 >> TAIL_BITS > self.last.0 >> TAIL_BITS {
            fresh
        } else {
            Ulid(self.last.0 + 1)
        };
        self.last
    }
}

/// Where a public connection id says its connection lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnAddress {
    /// The owning shard.
    pub shard: ShardId,
    /// The slot there; the slot's full id must still be compared.
    pub slot: u32,
}

/// The per-process key under which public connection ids hide their shard and slot.
///
/// The 80-bit tail of an id is `shard, slot, count` under a keyed permutation: any node thread
/// computes the owner from the id alone (one hop, no directory), and nobody without the key learns
/// anything from ids seen before, so that ids cannot be guessed.
///
/// A six-round Feistel network with SipHash-2-4 as round function; four rounds of a good function
/// already give a strong permutation (Luby and Rackoff, 1988).
#[derive(Clone, Copy)]
pub struct IdKey([u8; 16]);

const HALF_BITS: u32 = TAIL_BITS / 2;
const HALF_MASK: u128 = (1 << HALF_BITS) - 1;
const ROUNDS: u8 = 6;

impl fmt::Debug for IdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdKey(<set>)")
    }
}

impl IdKey {
    /// A key from 16 bytes of the operating system's randomness (or of a simulation's seed).
    #[must_use]
    pub fn new(key: [u8; 16]) -> Self {
        Self(key)
    }

    /// The public id of a connection. `count` tells apart the uses of one slot within a millisecond.
    #[must_use]
    pub fn seal(&self, unix_ms: u64, address: ConnAddress, count: u32) -> Ulid {
        let plain =
            u128::from(address.shard.0) << 64 | u128::from(address.slot) << 32 | u128::from(count);
        let (mut left, mut right) = (plain >> HALF_BITS, plain & HALF_MASK);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.round(round, right));
        }
        Ulid::from_parts(unix_ms, left << HALF_BITS | right)
    }

    /// The address inside an id. An id that this process never gave yields an address that means
    /// nothing, so the slot's own id decides.
    #[must_use]
    pub fn open(&self, id: Ulid) -> ConnAddress {
        let tail = id.0 & TAIL_MASK;
        let (mut left, mut right) = (tail >> HALF_BITS, tail & HALF_MASK);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ self.round(round, left), left);
        }
        let plain = left << HALF_BITS | right;
        ConnAddress {
            shard: ShardId((plain >> 64) as u16),
            slot: (plain >> 32) as u32,
        }
    }

    fn round(&self, round: u8, half: u128) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write_u8(round);
        hasher.write_u64(half as u64);
        u128::from(hasher.finish()) & HALF_MASK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ulid_text_matches_the_specification_and_comes_back() {
        // The example of the specification: 01ARZ3NDEKTSV4RRFFQ69G5FAV.
        let text = b"01ARZ3NDEKTSV4RRFFQ69G5FAV";
        let id = Ulid::parse(text).expect("a valid id");
        assert_eq!(&id.text(), text);
        assert_eq!(id.0 >> TAIL_BITS, 1_469_922_850_259);
        assert_eq!(Ulid::parse(b"8ZZZZZZZZZZZZZZZZZZZZZZZZZ"), None);
        assert_eq!(Ulid::parse(b"01ARZ3NDEKTSV4RRFFQ69G5FAU "), None);
        assert_eq!(Ulid::parse(b"01ARZ3NDEKTSV4RRFFQ69G5FAI"), None);
    }

    #[test]
    fn uuid_form_is_a_version_4_uuid_and_comes_back() {
        let key = IdKey::new([3; 16]);
        for slot in [0, 1, u32::MAX] {
            let address = ConnAddress {
                shard: ShardId(1),
                slot,
            };
            let id = key.seal(1_763_664_000_000, address, slot);
            let text = id.uuid_text();
            assert_eq!((text[14], text[8]), (b'4', b'-'));
            assert!(b"89ab".contains(&text[19]));
            assert_eq!(Ulid::parse_uuid(&text), Some(id));
        }
        for wrong in [
            "00000000-0000-1000-8000-000000000000",
            "00000000-0000-4000-c000-000000000000",
            "00000000-0000-4000-8000-00000000000",
            "00000000-0000-4000-8000-00000000000G",
            "00000000-0000-4000-8000-00000000000A",
            "000000000000-4000-8000-00000000-0000",
        ] {
            assert_eq!(Ulid::parse_uuid(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn message_ids_ascend_within_a_millisecond_and_when_the_clock_goes_back() {
        let (mut ids, mut random) = (UlidGenerator::default(), Random::new(3));
        let mut last = Ulid(0);
        for unix_ms in [1_000, 1_000, 1_000, 999, 5, 1_001, 1_001, 1_000] {
            let id = ids.next(unix_ms, &mut random);
            assert!(id > last, "{id} after {last}");
            last = id;
        }
        assert_eq!(last.0 >> TAIL_BITS, 1_001);
    }

    #[test]
    fn public_id_opens_to_its_address_only_under_its_key() {
        let key = IdKey::new([7; 16]);
        let mut foreign_matches = 0;
        for shard in [0, 1, 255] {
            for slot in [0, 1, 70_000, u32::MAX] {
                let address = ConnAddress {
                    shard: ShardId(shard),
                    slot,
                };
                let id = key.seal(1_700_000_000_000, address, 9);
                assert_eq!(key.open(id), address);
                foreign_matches += usize::from(IdKey::new([8; 16]).open(id) == address);
            }
        }
        assert_eq!(foreign_matches, 0);
    }

    #[test]
    fn neighbouring_connections_share_no_visible_part() {
        let key = IdKey::new([1; 16]);
        let id = |count| {
            let address = ConnAddress {
                shard: ShardId(0),
                slot: 5,
            };
            key.seal(0, address, count).0
        };
        let differing_bits = (id(1) ^ id(2)).count_ones();
        assert!((20..60).contains(&differing_bits), "{differing_bits}");
    }
}
