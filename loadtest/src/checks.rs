//! Whether every delivery was right: one track for each publisher a subscriber hears, and the faults.

use std::ops::Range;

/// The first faults are kept in words; more of them say no more.
const SAMPLES_MAX: usize = 5;

/// What one subscriber has of one publisher's publications to its topic.
///
/// Everything below `next` has arrived, except what `missing` lists.
#[derive(Debug, Default)]
pub(crate) struct Track {
    next: u64,
    /// Places that were passed over: ascending, not overlapping. Almost always none.
    missing: Vec<Range<u64>>,
}

/// How a delivery stands to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The first of its place, after all before it or after a gap.
    Forward,
    /// The first of its place, but later ones came before it.
    Reordered,
    /// It was here already.
    Duplicate,
}

impl Track {
    /// Notes the delivery at `place`.
    #[inline]
    pub(crate) fn arrive(&mut self, place: u64) -> Arrival {
        if place == self.next {
            self.next += 1;
            return Arrival::Forward;
        }
        self.arrive_out_of_line(place)
    }

    /// How many of `published` publications have not arrived.
    pub(crate) fn lost(&self, published: u64) -> u64 {
        let passed_over = self.missing.iter().map(|range| range.end - range.start);
        let passed_over: u64 = passed_over.sum();
        published.saturating_sub(self.next) + passed_over
    }

    #[cold]
    fn arrive_out_of_line(&mut self, place: u64) -> Arrival {
        if place > self.next {
            self.missing.push(self.next..place);
            self.next = place + 1;
            return Arrival::Forward;
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

/// A delivery or connection that was not right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Came after a later one of the same publisher and topic.
    Reordered,
    /// Came twice.
    Duplicated,
    /// A publication of a topic the client does not subscribe to.
    ForeignTopic,
    /// A publication of another run.
    ForeignRun,
    /// A body or message that nobody sent so.
    Corrupted,
    /// The server refused a publication.
    Refused,
    /// The connection ended, or its bytes made no sense.
    Disconnected,
}

/// How many faults of each kind there were. Lost deliveries are counted at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Faults {
    /// Never arrived.
    pub(crate) lost: u64,
    /// Came more than once.
    pub(crate) duplicated: u64,
    /// Came after a later one of the same publisher and topic.
    pub(crate) reordered: u64,
    /// Of a topic that the client does not subscribe to.
    pub(crate) foreign_topic: u64,
    /// Of another run.
    pub(crate) foreign_run: u64,
    /// Not as it was sent.
    pub(crate) corrupted: u64,
    /// Publications that the server refused.
    pub(crate) refused: u64,
    /// Connections that ended before their time.
    pub(crate) disconnected: u64,
    /// The first few, in words.
    pub(crate) samples: Vec<String>,
}

impl Faults {
    /// Counts a fault; `words` is asked for the first few only.
    pub(crate) fn note(&mut self, fault: Fault, words: impl FnOnce() -> String) {
        *match fault {
            Fault::Reordered => &mut self.reordered,
            Fault::Duplicated => &mut self.duplicated,
            Fault::ForeignTopic => &mut self.foreign_topic,
            Fault::ForeignRun => &mut self.foreign_run,
            Fault::Corrupted => &mut self.corrupted,
            Fault::Refused => &mut self.refused,
            Fault::Disconnected => &mut self.disconnected,
        } += 1;
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push(words());
        }
    }

    /// Adds those of another thread.
    pub(crate) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.foreign_topic += other.foreign_topic;
        self.foreign_run += other.foreign_run;
        self.corrupted += other.corrupted;
        self.refused += other.refused;
        self.disconnected += other.disconnected;
        self.samples.extend(other.samples);
        self.samples.truncate(SAMPLES_MAX);
    }

    /// Each kind with its count, in the order of a report.
    pub(crate) fn kinds(&self) -> [(&'static str, u64); 8] {
        [
            ("lost", self.lost),
            ("duplicated", self.duplicated),
            ("reordered", self.reordered),
            ("foreign topic", self.foreign_topic),
            ("foreign run", self.foreign_run),
            ("corrupted", self.corrupted),
            ("refused", self.refused),
            ("disconnected", self.disconnected),
        ]
    }

    /// All of them.
    pub(crate) fn total(&self) -> u64 {
        self.kinds().iter().map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(places: &[u64]) -> (Track, Vec<Arrival>) {
        let mut track = Track::default();
        let arrivals = places.iter().map(|place| track.arrive(*place)).collect();
        (track, arrivals)
    }

    #[test]
    fn in_order_nothing_is_lost() {
        let (track, seen) = arrivals(&[0, 1, 2, 3]);
        assert_eq!(seen, [Arrival::Forward; 4]);
        assert_eq!(track.lost(4), 0);
        assert_eq!(track.lost(6), 2, "those after the last are lost too");
    }

    #[test]
    fn a_gap_is_lost_until_it_is_filled() {
        let (track, _) = arrivals(&[0, 3]);
        assert_eq!(track.lost(4), 2);
        let (track, seen) = arrivals(&[0, 3, 1, 2]);
        assert_eq!(seen[2..], [Arrival::Reordered; 2]);
        assert_eq!(track.lost(4), 0);
    }

    #[test]
    fn the_middle_of_a_gap_leaves_both_its_sides() {
        let (mut track, _) = arrivals(&[6, 3]);
        assert_eq!(track.lost(7), 5);
        assert_eq!(track.arrive(3), Arrival::Duplicate);
        assert_eq!(track.arrive(2), Arrival::Reordered);
        assert_eq!(track.arrive(4), Arrival::Reordered);
        assert_eq!(track.lost(7), 3);
    }

    #[test]
    fn a_second_copy_is_a_duplicate_wherever_it_comes() {
        let (track, seen) = arrivals(&[0, 0, 1, 0, 2, 1]);
        let duplicates = seen.iter().filter(|seen| **seen == Arrival::Duplicate);
        assert_eq!(duplicates.count(), 3);
        assert_eq!(track.lost(3), 0);
    }

    #[test]
    fn faults_add_up_and_keep_a_few_words() {
        let mut faults = Faults::default();
        for index in 0..10 {
            faults.note(Fault::Corrupted, || format!("{index}"));
        }
        let mut sum = Faults::default();
        sum.note(Fault::Duplicated, || "first".to_owned());
        sum.add(faults);
        assert_eq!((sum.total(), sum.corrupted, sum.duplicated), (11, 10, 1));
        assert_eq!(sum.samples, ["first", "0", "1", "2", "3"]);
    }
}
