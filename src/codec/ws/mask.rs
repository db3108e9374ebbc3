//! Masking: a client XORs each payload with a four-byte key, and the server undoes it.

/// Bytes XORed at once: one vector register of the oldest x86-64, and of NEON.
const WIDE: usize = 16;

/// Undoes (or does) the masking of `payload`, in place.
///
/// `offset` is how far into its frame `payload` begins, so that a frame can be unmasked in the
/// pieces in which it arrives.
///
/// Cost: one pass over fixed-size chunks that the compiler turns into vector instructions, then at
/// most 15 bytes by halves. [`unmask_scalar`] is the same in its plainest form.
///
/// Source: RFC 6455, section 5.3.
///
/// # Examples
///
/// ```
/// use shardcast::codec::ws::unmask;
///
/// let mut payload = *b"\x7f\x9f\x4d\x51\x58"; // "Hello" of RFC 6455, section 5.7
/// let (start, end) = payload.split_at_mut(3);
/// unmask(start, [0x37, 0xfa, 0x21, 0x3d], 0);
/// unmask(end, [0x37, 0xfa, 0x21, 0x3d], 3);
/// assert_eq!(&payload, b"Hello");
/// ```
pub fn unmask(payload: &mut [u8], mut key: [u8; 4], offset: usize) {
    key.rotate_left(offset % 4);
    let key = u32::from_ne_bytes(key);
    // Four keys side by side in memory order, whatever the byte order: the pattern repeats.
    let key_8 = u64::from(key) << 32 | u64::from(key);
    let key_wide = u128::from(key_8) << 64 | u128::from(key_8);

    let (chunks, rest) = payload.as_chunks_mut::<WIDE>();
    for chunk in chunks {
        *chunk = (u128::from_ne_bytes(*chunk) ^ key_wide).to_ne_bytes();
    }
    // Each step below takes a multiple of four bytes (or is the last), so the key stays in phase.
    let (eights, rest) = rest.as_chunks_mut::<8>();
    for eight in eights {
        *eight = (u64::from_ne_bytes(*eight) ^ key_8).to_ne_bytes();
    }
    let (fours, rest) = rest.as_chunks_mut::<4>();
    for four in fours {
        *four = (u32::from_ne_bytes(*four) ^ key).to_ne_bytes();
    }
    for (byte, key_byte) in rest.iter_mut().zip(key.to_ne_bytes()) {
        *byte ^= key_byte;
    }
}

/// [`unmask`] as the RFC writes it: the oracle of its test and the other side of its benchmark.
pub fn unmask_scalar(payload: &mut [u8], key: [u8; 4], offset: usize) {
    for (index, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[(offset.wrapping_add(index)) % 4];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    #[test]
    fn unmask_matches_scalar_at_every_offset_length_and_alignment() {
        let mut random = Random::new(11);
        let bytes: Vec<u8> = (0..100).map(|_| random.next_u64() as u8).collect();
        for offset in (0..9).chain([usize::MAX - 1, usize::MAX]) {
            for start in 0..WIDE {
                for len in 0..=5 * WIDE {
                    let (mut wide, mut scalar) = (bytes.clone(), bytes.clone());
                    unmask(&mut wide[start..start + len], KEY, offset);
                    unmask_scalar(&mut scalar[start..start + len], KEY, offset);
                    assert_eq!(wide, scalar, "offset {offset}, start {start}, len {len}");
                }
            }
        }
    }

    #[test]
    fn unmask_in_two_pieces_equals_unmask_at_once() {
        let bytes: Vec<u8> = (0..70).collect();
        let mut whole = bytes.clone();
        unmask(&mut whole, KEY, 0);
        for split in 0..=bytes.len() {
            let mut pieces = bytes.clone();
            let (start, end) = pieces.split_at_mut(split);
            unmask(start, KEY, 0);
            unmask(end, KEY, split);
            assert_eq!(pieces, whole, "split at {split}");
        }
    }
}
