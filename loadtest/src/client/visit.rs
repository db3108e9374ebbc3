//! What a client that comes and goes must have got before it goes.
//!
//! Its server owes it everything that was published after the subscribe was acknowledged. What was published before
//! may come or not, but what comes is in order and without gaps. A client whose time is over stays until it has all that was
//! published until then: so nothing that is on its way is taken for lost.

use std::sync::atomic::{AtomicU64, Ordering};

use shardcast_contract::{Arrival, Track};

use crate::topology::Source;

/// One stay of a client.
#[derive(Debug)]
pub(super) struct Visit {
    /// The index of its connection.
    pub(super) conn: usize,
    /// The topic it subscribes to.
    pub(super) topic: u32,
    /// When it was to begin.
    pub(super) planned_ns: u64,
    /// Since when it has been over, if it is.
    pub(super) over_ns: Option<u64>,
    /// One for each source of its topic, in the topic's order.
    streams: Box<[Stream]>,
}

/// What it has of one source.
#[derive(Debug, Default)]
struct Stream {
    /// The place of the first publication that it must get.
    owed_from: Option<u64>,
    /// The place that the track begins with.
    base: Option<u64>,
    track: Track,
    /// The place behind the last publication that it must get.
    owed_to: u64,
}

impl Visit {
    /// One that begins at `planned_ns`, with a subscribe to a topic of so many sources.
    pub(super) fn new(conn: usize, topic: u32, sources: usize, planned_ns: u64) -> Self {
        Self {
            conn,
            topic,
            planned_ns,
            over_ns: None,
            streams: (0..sources).map(|_| Stream::default()).collect(),
        }
    }

    /// Notes the acknowledgement of the subscribe.
    pub(super) fn subscribe(&mut self, sources: &[Source], published: &[AtomicU64]) {
        for (stream, source) in self.streams.iter_mut().zip(sources) {
            let owed_from = places(source, published);
            stream.owed_from.get_or_insert(owed_from);
        }
    }

    /// Notes a delivery of a source; `source` is its index.
    pub(super) fn arrive(&mut self, source: usize, place: u64) -> Arrival {
        let stream = &mut self.streams[source];
        let owed_from = stream.owed_from.unwrap_or(place);
        let first = place.min(owed_from);
        let base = *stream.base.get_or_insert(first);
        match place.checked_sub(base) {
            Some(place) => stream.track.arrive(place),
            // Before the first that came, and after it.
            None => Arrival::Reordered,
        }
    }

    /// Notes that its time is over.
    pub(super) fn end(&mut self, now_ns: u64, sources: &[Source], published: &[AtomicU64]) {
        if self.over_ns.is_some() {
            return;
        }
        self.over_ns = Some(now_ns);
        for (stream, source) in self.streams.iter_mut().zip(sources) {
            stream.owed_to = places(source, published);
        }
    }

    /// How many deliveries are missing of those that were published until its time was over.
    pub(super) fn missing(&self) -> u64 {
        self.streams.iter().map(Stream::missing).sum()
    }
}

impl Stream {
    fn missing(&self) -> u64 {
        match (self.base, self.owed_from) {
            (Some(base), _) => self.track.lost(self.owed_to.saturating_sub(base)),
            (None, Some(owed_from)) => self.owed_to.saturating_sub(owed_from),
            // Not acknowledged: nothing is owed.
            (None, None) => 0,
        }
    }
}

fn places(source: &Source, published: &[AtomicU64]) -> u64 {
    source.places(published[source.publisher as usize].load(Ordering::Acquire))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCES: [Source; 1] = [Source {
        publisher: 0,
        first: 0,
        stride: 1,
    }];

    fn visit() -> Visit {
        Visit::new(0, 0, 1, 0)
    }

    fn published(count: u64) -> [AtomicU64; 1] {
        [AtomicU64::new(count)]
    }

    #[test]
    fn what_was_published_before_the_acknowledgement_may_come_or_not() {
        for first in [5, 7, 10] {
            let mut visit = visit();
            visit.subscribe(&SOURCES, &published(10));
            for place in first..20 {
                assert_eq!(visit.arrive(0, place), Arrival::InOrder, "{place}");
            }
            visit.end(1, &SOURCES, &published(20));
            assert_eq!(visit.missing(), 0);
        }
    }

    #[test]
    fn what_was_published_after_it_must_come() {
        let mut visit = visit();
        visit.subscribe(&SOURCES, &published(10));
        assert_eq!(visit.arrive(0, 12), Arrival::AfterGap(0..2));
        visit.end(1, &SOURCES, &published(14));
        // 10, 11 and 13.
        assert_eq!(visit.missing(), 3);
        assert_eq!(visit.arrive(0, 13), Arrival::InOrder);
        assert_eq!(visit.missing(), 2);
    }

    #[test]
    fn a_visit_that_gets_nothing_misses_all_that_was_owed() {
        let mut visit = visit();
        visit.subscribe(&SOURCES, &published(10));
        visit.end(1, &SOURCES, &published(14));
        assert_eq!(visit.missing(), 4);
        // What is published after its time is not owed.
        visit.end(2, &SOURCES, &published(90));
        assert_eq!(visit.missing(), 4);
    }

    #[test]
    fn deliveries_may_come_before_the_acknowledgement() {
        let mut visit = visit();
        assert_eq!(visit.arrive(0, 8), Arrival::InOrder);
        visit.subscribe(&SOURCES, &published(10));
        assert_eq!(visit.arrive(0, 9), Arrival::InOrder);
        assert_eq!(visit.arrive(0, 10), Arrival::InOrder);
        assert_eq!(visit.arrive(0, 10), Arrival::Duplicate);
        assert_eq!(visit.arrive(0, 7), Arrival::Reordered);
        visit.end(1, &SOURCES, &published(11));
        assert_eq!(visit.missing(), 0);
    }

    #[test]
    fn a_visit_that_was_never_acknowledged_is_owed_nothing() {
        let mut visit = visit();
        visit.end(1, &SOURCES, &published(11));
        assert_eq!(visit.missing(), 0);
    }
}
