//! The open containers of a JSON text, one bit each.

/// What a comma or a closing bracket belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    Array,
    Object,
}

/// A stack of [`Container`]s that costs one bit a level, and no allocation up to 63 levels.
///
/// The call stack cannot serve: its depth would be the peer's to choose.
///
/// Invariant: the highest set bit of `word` marks where its entries begin; words that have become
/// full wait in `full_words`, the innermost last.
#[derive(Debug)]
pub(super) struct Nesting {
    word: u64,
    full_words: Vec<u64>,
}

const EMPTY_WORD: u64 = 1;

impl Nesting {
    pub(super) fn new() -> Self {
        Self {
            word: EMPTY_WORD,
            full_words: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, container: Container) {
        if self.word.leading_zeros() == 0 {
            self.full_words.push(self.word);
            self.word = EMPTY_WORD;
        }
        self.word = self.word << 1 | u64::from(container == Container::Object);
    }

    /// Takes the innermost container off and tells the one around it, `None` when there is none.
    pub(super) fn pop(&mut self) -> Option<Container> {
        self.word >>= 1;
        if self.word <= EMPTY_WORD {
            self.word = self.full_words.pop()?;
        }
        Some(if self.word & 1 == 1 {
            Container::Object
        } else {
            Container::Array
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pop_tells_the_containers_around_in_reverse_order_at_any_depth() {
        let kind = |level: usize| match level % 3 {
            0 => Container::Object,
            _ => Container::Array,
        };
        for depth in [1, 2, 62, 63, 64, 65, 126, 127, 128, 1_000] {
            let mut nesting = Nesting::new();
            (0..depth).for_each(|level| nesting.push(kind(level)));
            for level in (0..depth - 1).rev() {
                assert_eq!(nesting.pop(), Some(kind(level)), "level {level} of {depth}");
            }
            assert_eq!(nesting.pop(), None, "depth {depth}");
        }
    }
}
