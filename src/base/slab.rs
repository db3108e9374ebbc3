//! A shard-local table of slots that are reused, each use under its own generation.

/// A slot and the use of it that is meant: a key kept past its entry's end finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Index into the table, small and dense.
    pub slot: u32,
    /// How often the slot had been used before; wraps after 2^32 uses of the same slot.
    pub generation: u32,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

/// Values in dense slots. Insert, lookup and remove cost O(1); memory stays at the most ever held.
#[derive(Debug)]
pub struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    /// Puts the value that `make` builds from its own key into a free slot.
    pub fn insert_with(&mut self, make: impl FnOnce(Key) -> T) -> Key {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry {
                generation: 0,
                value: None,
            });
            u32::try_from(self.entries.len() - 1).expect("fewer slots than descriptors: < 2^32")
        });
        let entry = &mut self.entries[slot as usize];
        let key = Key {
            slot,
            generation: entry.generation,
        };
        entry.value = Some(make(key));
        key
    }

    /// Takes the value out and retires its key.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.entries.get_mut(key.slot as usize)?;
        if entry.generation != key.generation {
            return None;
        }
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(key.slot);
        Some(value)
    }

    /// The value under `key`, unless it has been removed.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&T> {
        let entry = self.entries.get(key.slot as usize)?;
        (entry.generation == key.generation)
            .then_some(entry.value.as_ref())
            .flatten()
    }

    /// The value under `key`, unless it has been removed.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let entry = self.entries.get_mut(key.slot as usize)?;
        (entry.generation == key.generation)
            .then_some(entry.value.as_mut())
            .flatten()
    }

    /// The value now in `slot`, whichever use of the slot it is.
    #[must_use]
    pub fn at(&self, slot: u32) -> Option<&T> {
        self.entries.get(slot as usize)?.value.as_ref()
    }

    /// The value now in `slot`, whichever use of the slot it is.
    pub fn at_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.entries.get_mut(slot as usize)?.value.as_mut()
    }

    /// The key of the value now in `slot`.
    #[must_use]
    pub fn key_at(&self, slot: u32) -> Option<Key> {
        let entry = self.entries.get(slot as usize)?;
        entry.value.as_ref().map(|_| Key {
            slot,
            generation: entry.generation,
        })
    }

    /// How many values are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether no value is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys of all values, in slot order.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.entries
            .iter()
            .zip(0_u32..)
            .filter_map(|(entry, slot)| {
                entry.value.as_ref().map(|_| Key {
                    slot,
                    generation: entry.generation,
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_key_after_slot_reuse_finds_nothing() {
        let mut slab = Slab::default();
        let first = slab.insert_with(|_| "first");
        assert_eq!(slab.remove(first), Some("first"));
        let second = slab.insert_with(|_| "second");
        assert_eq!(second.slot, first.slot);
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second), Some(&"second"));
        assert_eq!(slab.len(), 1);
    }

    #[test]
    fn keys_lists_only_what_is_held() {
        let mut slab = Slab::default();
        let keys: Vec<Key> = (0..3).map(|n| slab.insert_with(|_| n)).collect();
        slab.remove(keys[1]);
        assert_eq!(slab.keys().collect::<Vec<_>>(), [keys[0], keys[2]]);
    }
}
