//! The core of the delivery contract's checks: how one publisher's publications on one topic reach one
//! subscriber. In order, each at most once, none passed over.
//!
//! It has two users. The checker of the tests (`tests/support/contract`) knows what every client has asked
//! and read, and decides from that what a membership is owed. The load harness (`loadtest`) knows who is
//! subscribed to what for the whole run, and has a core that is busy above 90 % with millions of deliveries a
//! second, so it has no room for such books: this is as much as both can share, and on the usual way it costs
//! one comparison and one addition. What depends on more stays with them: the checker's memberships and
//! replies, the harness's bodies, which carry the instant from which latency is counted.
//!
//! Nothing here knows the server, or JSON. [`planted`] holds the faults that both users must find.

pub mod planted;

use std::ops::Range;

/// What one subscriber has of one publisher's publications on one topic.
///
/// A publication's place is its number among these, from 0. Everything below [`next`](Self::next) has
/// arrived, except what is missing.
#[derive(Debug, Default)]
pub struct Track {
    next: u64,
    /// Places that were passed over: ascending, not overlapping. Almost always none.
    missing: Vec<Range<u64>>,
}

/// How a delivery stands to those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The next one.
    InOrder,
    /// The first of its place, but these before it have not come.
    AfterGap(Range<u64>),
    /// The first of its place, but later ones came before it.
    Reordered,
    /// It was here already.
    Duplicate,
}

impl Track {
    /// Notes the delivery at `place`.
    #[inline]
    pub fn arrive(&mut self, place: u64) -> Arrival {
        if place == self.next {
            self.next += 1;
            return Arrival::InOrder;
        }
        self.arrive_out_of_line(place)
    }

    /// The place behind the furthest that has arrived.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// How many of `published` publications have not arrived.
    #[must_use]
    pub fn lost(&self, published: u64) -> u64 {
        let passed_over = self.missing.iter().map(|range| range.end - range.start);
        let passed_over: u64 = passed_over.sum();
        published.saturating_sub(self.next) + passed_over
    }

    #[cold]
    fn arrive_out_of_line(&mut self, place: u64) -> Arrival {
        if place > self.next {
            let gap = self.next..place;
            self.missing.push(gap.clone());
            self.next = place + 1;
            return Arrival::AfterGap(gap);
        }
        let Some(index) = self.missing.iter().position(|range| range.contains(&place)) else {
            return Arrival::Duplicate;
        };
        let range = self.missing[index].clone();
        let halves = [range.start..place, place + 1..range.end];
        let halves = halves.into_iter().filter(|half| !half.is_empty());
        self.missing.splice(index..=index, halves);
        Arrival::Reordered
    }
}

#[cfg(test)]
mod tests {
    use super::planted::{PLANTED, PUBLISHED};
    use super::*;

    fn arrivals(places: &[u64]) -> (Track, Vec<Arrival>) {
        let mut track = Track::default();
        let arrivals = places.iter().map(|place| track.arrive(*place)).collect();
        (track, arrivals)
    }

    #[test]
    fn every_planted_fault_is_told_for_what_it_is() {
        for planted in PLANTED {
            let (track, seen) = arrivals(planted.places);
            let count = |kind| seen.iter().filter(|seen| **seen == kind).count() as u64;
            let found = (
                track.lost(PUBLISHED),
                count(Arrival::Reordered),
                count(Arrival::Duplicate),
            );
            let wanted = (planted.lost, planted.reordered, planted.duplicated);
            assert_eq!(found, wanted, "{planted:?}");
        }
    }

    #[test]
    fn gap_is_named_when_it_opens() {
        let (track, seen) = arrivals(&[0, 3, 7]);
        assert_eq!(
            seen[1..],
            [Arrival::AfterGap(1..3), Arrival::AfterGap(4..7)]
        );
        assert_eq!((track.next(), track.lost(8)), (8, 5));
    }

    #[test]
    fn middle_of_a_gap_leaves_both_its_sides() {
        let (mut track, _) = arrivals(&[6, 3]);
        assert_eq!(track.lost(7), 5);
        assert_eq!(track.arrive(3), Arrival::Duplicate);
        assert_eq!(track.arrive(2), Arrival::Reordered);
        assert_eq!(track.arrive(4), Arrival::Reordered);
        assert_eq!(track.lost(7), 3);
    }
}
