//! Input taken apart: cut into pieces as a network might, or read as a list of choices.

use shardcast::base::random::Random;

/// Cuts `data` into pieces of up to `longest` bytes. Where depends on `data` alone, so that an input
/// replays and corpora stay plain: a request, some frames, a message.
pub(crate) fn cut(data: &[u8], longest: u32) -> Vec<&[u8]> {
    let seed = data.iter().fold(data.len() as u64, |seed, byte| {
        seed.rotate_left(5).wrapping_mul(0x100_0000_01b3) ^ u64::from(*byte)
    });
    let mut random = Random::new(seed);
    let mut pieces = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let len = 1 + random.below(longest) as usize;
        let (piece, behind) = rest.split_at(len.min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// A list of choices: each takes bytes off the front, and 0 when none are left.
pub(crate) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn are_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// One of `bound`, which is at most 256.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound.max(1)
    }

    /// Up to `len` bytes.
    pub(crate) fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}
