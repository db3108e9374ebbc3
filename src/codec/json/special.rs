//! The one search that long strings are made of: where does plain text end?

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);
const SPACES: u64 = u64::from_le_bytes([b' '; 8]);
const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);

/// Bytes looked at together in a long text: two 16-byte vectors, the width every x86-64 has.
const BLOCK_BYTES: usize = 32;

/// Index of the first quote, backslash or control character at or after `at`, or the input's
/// length: what ends a run of plain text when JSON is read, and what must be escaped when written.
///
/// Most strings of an envelope end within the first eight bytes, so that word comes first, on its
/// own; blocks are for those that do not.
#[inline]
pub(super) fn find_special(input: &[u8], at: usize) -> usize {
    match word_at(input, at) {
        Some(word) => match special_bytes(word) {
            0 => find_in_long_run(input, at + 8),
            marks => at + first_marked(marks),
        },
        None => find_bytewise(input, at),
    }
}

#[inline(never)]
fn find_in_long_run(input: &[u8], mut at: usize) -> usize {
    while let Some(block) = input
        .get(at..)
        .and_then(|rest| rest.first_chunk::<BLOCK_BYTES>())
    {
        // Without an early exit inside, the compiler turns this into vector compares.
        let has_special = block
            .iter()
            .fold(false, |has, &byte| has | is_special(byte));
        if has_special {
            break;
        }
        at += BLOCK_BYTES;
    }
    while let Some(word) = word_at(input, at) {
        match special_bytes(word) {
            0 => at += 8,
            marks => return at + first_marked(marks),
        }
    }
    find_bytewise(input, at)
}

fn find_bytewise(input: &[u8], at: usize) -> usize {
    let rest = input.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .position(|&byte| is_special(byte))
        .unwrap_or(rest.len())
}

#[inline]
fn is_special(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

#[inline]
fn word_at(input: &[u8], at: usize) -> Option<u64> {
    let bytes = input.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*bytes))
}

/// Sets the top bit of every special byte. A byte above a marked one may be marked wrongly (the
/// subtraction borrows), so only the lowest mark counts.
#[inline]
fn special_bytes(word: u64) -> u64 {
    let quotes = word ^ QUOTES;
    let backslashes = word ^ BACKSLASHES;
    ((word.wrapping_sub(SPACES) & !word)
        | (quotes.wrapping_sub(ONES) & !quotes)
        | (backslashes.wrapping_sub(ONES) & !backslashes))
        & HIGH_BITS
}

#[inline]
fn first_marked(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_special_finds_every_special_byte_at_every_offset() {
        for len in [0, 1, 7, 8, 9, 39, 40, 41, 80, 100] {
            for plain in [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
                let mut input = vec![plain; len];
                assert_eq!(find_special(&input, 0), len);
                for index in 0..len {
                    for special in (0..b' ').chain([b'"', b'\\']) {
                        input[index] = special;
                        assert_eq!(find_special(&input, 0), index, "{special} among {plain}");
                        assert_eq!(find_special(&input, index), index);
                        assert_eq!(find_special(&input, index + 1), len);
                    }
                    input[index] = plain;
                }
            }
        }
    }

    #[test]
    fn find_special_takes_the_first_of_several() {
        assert_eq!(find_special(b"ab\"\"#\x01 \\", 0), 2);
        assert_eq!(find_special(b"!#!#!#!#!#\\\"", 0), 10);
    }
}
