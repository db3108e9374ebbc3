//! What client threads count.

use super::inflating::Inflated;

/// Counts of a thread, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Connections that are set up.
    pub(crate) ready: u64,
    /// Clients that were ready and lost their server before the first phase, each counted once.
    pub(crate) departed: u64,
    /// Those of them that were ready again, each counted once.
    pub(crate) returned: u64,
    /// Attempts to connect again.
    pub(crate) attempts: u64,
    /// Attempts to connect that found nobody listening.
    pub(crate) refused: u64,
    /// Connections that have become WebSockets, each time they did.
    pub(crate) opened: u64,
    /// Those of them that began with a ticket.
    pub(crate) resumed: u64,
    /// Clients that had stopped reading, and whose connections have ended.
    pub(crate) stopped_ended: u64,
    /// Connections of clients that come and go, from their begin to their end.
    pub(crate) visitors: u64,
    /// Those of them that have ended as they should.
    pub(crate) visits: u64,
    /// Visits that were planned when no connection was free.
    pub(crate) late_visits: u64,
    /// Deliveries to clients that come and go.
    pub(crate) visit_deliveries: u64,
    /// Publications written.
    pub(crate) published: u64,
    /// Publications planned in an open loop and not yet written.
    pub(crate) owed: u64,
    /// Deliveries that the publications written must bring.
    pub(crate) expected: u64,
    /// Deliveries that came, each counted once.
    pub(crate) delivered: u64,
    /// Bytes read.
    pub(crate) bytes: u64,
    /// Bytes written.
    pub(crate) sent_bytes: u64,
    /// Compressed messages among what was read.
    pub(crate) inflated: Inflated,
    /// Faults of any kind.
    pub(crate) faults: u64,
    /// Nanoseconds without anything to do.
    pub(crate) idle_ns: u64,
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            ready: self.ready + other.ready,
            departed: self.departed + other.departed,
            returned: self.returned + other.returned,
            attempts: self.attempts + other.attempts,
            refused: self.refused + other.refused,
            opened: self.opened + other.opened,
            resumed: self.resumed + other.resumed,
            stopped_ended: self.stopped_ended + other.stopped_ended,
            visitors: self.visitors + other.visitors,
            visits: self.visits + other.visits,
            late_visits: self.late_visits + other.late_visits,
            visit_deliveries: self.visit_deliveries + other.visit_deliveries,
            published: self.published + other.published,
            owed: self.owed + other.owed,
            expected: self.expected + other.expected,
            delivered: self.delivered + other.delivered,
            bytes: self.bytes + other.bytes,
            sent_bytes: self.sent_bytes + other.sent_bytes,
            inflated: self.inflated + other.inflated,
            faults: self.faults + other.faults,
            idle_ns: self.idle_ns + other.idle_ns,
        }
    }
}
