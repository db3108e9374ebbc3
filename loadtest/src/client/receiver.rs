//! Reads the messages of a thread's connections, and checks every delivery.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use shardcast_contract::Arrival;

use super::conn::{Absence, Conn, Seat, Stage};
use super::counts::Counts;
use super::flights::{Arrivals, Landed};
use super::shared::Shared;
use super::wire::{Incoming, Out, Terms};
use crate::body::{BodyFault, RecentBodies, Stamp};
use crate::checks::{Fault, Faults};
use crate::dialect::{Framing, ServerMessage};
use crate::frames::Opcode;
use crate::plan::Phases;
use crate::recorder::Recorder;
use crate::topology::Source;

/// The longest piece of a message that a complaint shows.
const EXCERPT_BYTES_MAX: usize = 160;

/// The receiving half of a thread.
#[derive(Debug)]
pub(super) struct Receiver {
    /// What the thread has counted.
    pub(super) counts: Counts,
    /// What was not right.
    pub(super) faults: Faults,
    /// Latencies of the measured window.
    pub(super) recorder: Recorder,
    /// Publications that landed since the publishers looked.
    pub(super) landed: Vec<Landed>,
    /// When clients that had lost their server were ready again.
    pub(super) returned_ns: Vec<u64>,
    /// Connections of clients that come and go, and are subscribed since the thread looked.
    pub(super) subscribed: Vec<usize>,
    /// How long it took until they were.
    pub(super) subscribe_times: Recorder,
    /// When the run measures.
    pub(super) phases: Option<Phases>,
    shared: Arc<Shared>,
    arrivals: Arrivals,
    bodies: RecentBodies,
}

impl Receiver {
    /// For the thread of this index.
    pub(super) fn new(shared: Arc<Shared>, lane: usize) -> Self {
        Self {
            counts: Counts::default(),
            faults: Faults::default(),
            recorder: Recorder::new(),
            landed: Vec::new(),
            returned_ns: Vec::new(),
            subscribed: Vec::new(),
            subscribe_times: Recorder::new(),
            phases: None,
            arrivals: Arrivals::new(&shared.flights, lane),
            bodies: RecentBodies::new(shared.body.clone()),
            shared,
        }
    }

    /// Handles what came in on a connection at `now_ns`.
    #[inline]
    pub(super) fn take(
        &mut self,
        seat: &mut Seat,
        incoming: Incoming<'_>,
        out: &mut Out,
        now_ns: u64,
    ) {
        let text = match incoming {
            Incoming::Message(text) => text,
            Incoming::Upgraded(terms) => return self.join(seat, terms, out, now_ns),
            Incoming::Pinged => {
                if let Some(beat) = self.shared.speech.heartbeat() {
                    out.push(self.shared.speech.opcode(), beat);
                }
                return;
            }
        };
        match self.shared.framing {
            Framing::Single => self.take_message(seat, text, out, now_ns),
            Framing::Separated(separator) => {
                let messages = text.split(|byte| *byte == separator);
                for message in messages.filter(|message| !message.is_empty()) {
                    self.take_message(seat, message, out, now_ns);
                }
            }
            Framing::Stream(message_bytes) => {
                self.take_stream(seat, text, message_bytes, out, now_ns);
            }
        }
    }

    #[inline]
    fn take_message(&mut self, seat: &mut Seat, text: &[u8], out: &mut Out, now_ns: u64) {
        let quick = seat.client.topic.and_then(|topic| {
            let body = self.shared.quick[topic as usize].body(text)?;
            Some((topic, body))
        });
        match quick {
            Some((topic, body)) => self.take_body(seat, topic, body, now_ns),
            None => self.take_other(seat, text, out, now_ns),
        }
    }

    /// Takes all messages that are whole, and keeps what has come of the next one.
    fn take_stream(
        &mut self,
        seat: &mut Seat,
        came: &[u8],
        message_bytes: fn(&[u8]) -> Option<usize>,
        out: &mut Out,
        now_ns: u64,
    ) {
        let mut joined = std::mem::take(&mut seat.rest);
        let mut bytes = came;
        if !joined.is_empty() {
            joined.extend_from_slice(came);
            bytes = &joined;
        }
        while !bytes.is_empty() {
            if let Some(topic) = seat.client.topic
                && let Some((body, after)) = self.shared.quick[topic as usize].front(bytes)
            {
                self.take_body(seat, topic, body, now_ns);
                bytes = after;
            } else if let Some(message) = message_bytes(bytes) {
                self.take_other(seat, &bytes[..message], out, now_ns);
                bytes = &bytes[message..];
            } else {
                seat.rest = bytes.to_vec();
                return;
            }
        }
    }

    /// Counts a fault.
    pub(super) fn note(&mut self, fault: Fault, words: impl FnOnce() -> String) {
        self.counts.faults += 1;
        self.faults.note(fault, words);
    }

    /// Counts deliveries that never came.
    pub(super) fn note_lost(&mut self, count: u64, words: impl FnOnce() -> String) {
        self.counts.faults += count;
        self.faults.note_lost(count, words);
    }

    /// Deliveries to this connection that never came.
    pub(super) fn lost(&self, conn: &Conn) -> u64 {
        if let Some(visit) = &conn.seat.visit {
            return visit.missing();
        }
        let Some(topic) = conn.seat.client.topic else {
            return 0;
        };
        let sources = &self.shared.topology.topics[topic as usize].sources;
        let lost = sources
            .iter()
            .zip(&conn.seat.tracks)
            .map(|(source, track)| {
                let published = &self.shared.published[source.publisher as usize];
                track.lost(source.places(published.load(Ordering::Acquire)))
            });
        lost.sum()
    }

    fn join(&mut self, seat: &mut Seat, terms: Terms, out: &mut Out, now_ns: u64) {
        self.shared.terms.get_or_init(|| terms);
        self.counts.opened += 1;
        self.counts.resumed += u64::from(terms.secured.is_some_and(|tls| tls.is_resumed));
        if self.shared.plan.reopens {
            return self.leave(seat, out, now_ns);
        }
        let shared = Arc::clone(&self.shared);
        let role = shared.role(seat);
        let mut say = |text: &[u8]| out.push(shared.speech.opcode(), text);
        shared.speech.on_upgrade(&role, &mut say);
        if shared.speech.is_ready_on_upgrade(&role) {
            self.set_ready(seat, now_ns);
        }
    }

    /// Says goodbye to a server that was only to be met.
    fn leave(&mut self, seat: &mut Seat, out: &mut Out, now_ns: u64) {
        let phases = self.phases;
        if phases.is_some_and(|phases| phases.is_measured(seat.begun_ns)) {
            self.recorder.record(seat.begun_ns, now_ns);
        }
        seat.is_leaving = true;
        self.set_ready(seat, now_ns);
        out.push(Opcode::Close, &1_000_u16.to_be_bytes());
    }

    #[inline]
    fn take_body(&mut self, seat: &mut Seat, topic: u32, body: &[u8], now_ns: u64) {
        let stamp = match self.bodies.read(body) {
            Ok(stamp) => stamp,
            Err(fault) => return self.note_body(fault, seat, body),
        };
        let sources = &self.shared.topology.topics[topic as usize].sources;
        // A right sum, but nobody publishes that number to this topic: one topic's body under another.
        let Some((index, place)) = find_place(sources, &stamp) else {
            return self.note_body(BodyFault::Corrupted, seat, body);
        };
        let arrival = seat.tracks[index].arrive(place);
        match arrival {
            Arrival::InOrder | Arrival::AfterGap(_) => {}
            Arrival::Reordered => self.note(Fault::Reordered, || {
                format!("client {}: publication {stamp:?} came late", seat.index)
            }),
            Arrival::Duplicate => {
                return self.note(Fault::Duplicated, || {
                    format!("client {}: publication {stamp:?} came again", seat.index)
                });
            }
        }
        self.counts.delivered += 1;
        let planned_ns = stamp.planned_ns;
        if self
            .phases
            .is_some_and(|phases| phases.is_measured(planned_ns))
        {
            self.recorder.record(planned_ns, now_ns);
        }
        let landing = Landed {
            publisher: stamp.publisher,
            number: stamp.number,
        };
        let Shared {
            flights, audience, ..
        } = &*self.shared;
        if self.arrivals.arrive(flights, audience, landing, topic) {
            self.landed.push(landing);
        }
    }

    /// Checks a delivery to a client that comes and goes.
    fn take_visited(&mut self, seat: &mut Seat, body: &[u8]) {
        let stamp = match self.bodies.read(body) {
            Ok(stamp) => stamp,
            Err(fault) => return self.note_body(fault, seat, body),
        };
        let Some(visit) = &mut seat.visit else {
            return;
        };
        let sources = &self.shared.topology.topics[visit.topic as usize].sources;
        let Some((index, place)) = find_place(sources, &stamp) else {
            return self.note_body(BodyFault::Corrupted, seat, body);
        };
        let client = seat.index;
        match visit.arrive(index, place) {
            // What is missing for good is counted when it leaves.
            Arrival::InOrder | Arrival::AfterGap(_) => {}
            Arrival::Reordered => self.note(Fault::Reordered, || {
                format!("client {client}: publication {stamp:?} came late")
            }),
            Arrival::Duplicate => {
                return self.note(Fault::Duplicated, || {
                    format!("client {client}: publication {stamp:?} came again")
                });
            }
        }
        self.counts.visit_deliveries += 1;
    }

    /// A client that comes and goes is subscribed.
    fn begin_visit(&mut self, seat: &mut Seat, now_ns: u64) {
        let Some(visit) = &mut seat.visit else {
            return;
        };
        let Shared {
            topology,
            published,
            ..
        } = &*self.shared;
        visit.subscribe(&topology.topics[visit.topic as usize].sources, published);
        self.subscribed.push(visit.conn);
        if self
            .phases
            .is_some_and(|phases| phases.is_measured(visit.planned_ns))
        {
            self.subscribe_times.record(visit.planned_ns, now_ns);
        }
    }

    #[cold]
    fn take_other(&mut self, seat: &mut Seat, text: &[u8], out: &mut Out, now_ns: u64) {
        if seat.is_leaving || seat.stage == Stage::Stopped {
            return;
        }
        let shared = Arc::clone(&self.shared);
        if let Some(visit) = &seat.visit
            && let Some(body) = shared.quick[visit.topic as usize].body(text)
        {
            return self.take_visited(seat, body);
        }
        let topic = seat.topic();
        let own = shared.topic_name(topic);
        match shared.speech.read(text) {
            ServerMessage::Greeting { token } => {
                let role = shared.role(seat);
                let mut say = |text: &[u8]| out.push(shared.speech.opcode(), text);
                shared.speech.on_greeting(&role, token.as_deref(), &mut say);
                if shared.speech.is_ready_on_greeting(&role) {
                    self.set_ready(seat, now_ns);
                }
            }
            ServerMessage::Note => {}
            ServerMessage::Ready { topic: Some(topic) } if Some(topic.as_ref()) != own => {
                self.note(Fault::ForeignTopic, || {
                    format!("client {}: ok for {topic:?}, never asked for", seat.index)
                });
            }
            ServerMessage::Ready { .. } => self.set_ready(seat, now_ns),
            ServerMessage::Ping(pong) => out.push(shared.speech.opcode(), pong),
            ServerMessage::Refused { topic, reason } => {
                let topic = topic.as_deref().or(own).unwrap_or("a topic");
                self.refused(seat, topic, &reason);
            }
            ServerMessage::Msg { topic: name, body } => match (topic, body) {
                (Some(topic), Some(body)) if name.is_none() || name.as_deref() == own => {
                    match seat.visit {
                        Some(_) => self.take_visited(seat, body.as_bytes()),
                        None => self.take_body(seat, topic, body.as_bytes(), now_ns),
                    }
                }
                // Where topics have no names, publishers hear each other, and none of it is for them.
                (None, Some(_)) if name.is_none() => {}
                (_, Some(_)) if name.as_deref() != own => {
                    let name = name.unwrap_or_default();
                    self.note(Fault::ForeignTopic, || {
                        let index = seat.index;
                        format!("client {index}: a publication to {name:?}, not subscribed to")
                    });
                }
                _ => self.note_message(seat, text),
            },
            ServerMessage::Unknown => self.note_message(seat, text),
        }
    }

    fn set_ready(&mut self, seat: &mut Seat, now_ns: u64) {
        if seat.stage != Stage::Joining {
            return;
        }
        seat.stage = Stage::Ready;
        if seat.visit.is_some() {
            return self.begin_visit(seat, now_ns);
        }
        self.counts.ready += 1;
        if seat.absence != Absence::None {
            self.returned_ns.push(now_ns);
        }
        if seat.absence == Absence::Away {
            seat.absence = Absence::Returned;
            self.counts.returned += 1;
        }
    }

    fn refused(&mut self, seat: &Seat, topic: &str, reason: &str) {
        if seat.stage == Stage::Joining {
            return self.shared.give_up(format!(
                "the server refused to subscribe to {topic}: {reason}"
            ));
        }
        // All further ones would be refused alike: say it now rather than after the whole duration.
        let permission = self.shared.speech.permission(topic);
        let hint = permission.map(|permission| format!(" (shardcast allows it with {permission})"));
        self.shared.give_up(format!(
            "the server refused a publication to {topic}: {reason}{}",
            hint.unwrap_or_default()
        ));
        self.note(Fault::Refused, || {
            format!("client {}: publish to {topic}: {reason}", seat.index)
        });
    }

    fn note_body(&mut self, fault: BodyFault, seat: &Seat, body: &[u8]) {
        let (fault, words) = match fault {
            BodyFault::OtherRun => (Fault::ForeignRun, "a publication of another run"),
            BodyFault::Corrupted => (Fault::Corrupted, "a body that nobody sent so"),
        };
        self.note(fault, || {
            format!("client {}: {words}: {}", seat.index, excerpt(body))
        });
    }

    fn note_message(&mut self, seat: &Seat, text: &[u8]) {
        self.note(Fault::Corrupted, || {
            let index = seat.index;
            format!("client {index}: a message of no kind: {}", excerpt(text))
        });
    }
}

#[inline]
fn find_source(sources: &[Source], publisher: u32) -> Option<usize> {
    match sources {
        [only] => (only.publisher == publisher).then_some(0),
        _ => sources
            .binary_search_by_key(&publisher, |source| source.publisher)
            .ok(),
    }
}

/// The source of a publication among those of a topic, and its place there; `None` if it went elsewhere.
#[inline]
fn find_place(sources: &[Source], stamp: &Stamp) -> Option<(usize, u64)> {
    let index = find_source(sources, stamp.publisher)?;
    Some((index, sources[index].place(stamp.number)?))
}

fn excerpt(text: &[u8]) -> String {
    let end = text.len().min(EXCERPT_BYTES_MAX);
    format!("{:?}", String::from_utf8_lossy(&text[..end]))
}
