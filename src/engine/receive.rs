//! What an open connection sends: frames out of bytes, and what each of them is for.

use super::busy::{Form, PeerEnd};
use super::deflate::Compression;
use super::dialect::Message;
use super::disconnect::Cause;
use super::pings::Pings;
use super::shard::Shard;
use crate::base::slab::Key;
use crate::base::time::Now;
use crate::codec::ws::{Decoded, Event, MessageKind, MessageLimits, OpCode, write_frame};

impl Shard {
    /// Frames, at any split.
    pub(super) fn handle_frames(&mut self, now: Now, key: Key, bytes: &mut [u8]) {
        if self.is_too_much_unproven(key, bytes.len()) {
            self.close(now, key, Cause::UnauthenticatedBytes);
            return;
        }
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        if let Some(meter) = conn
            .meter
            .as_deref_mut()
            .filter(|meter| meter.is_exhausted())
        {
            // Received although it is not to be read: whoever lets it in at the door reads nothing,
            // and so cannot be told.
            meter.keep(bytes);
            return;
        }
        let limits = &self.endpoints[usize::from(conn.endpoint)].limits;
        let message_limits = MessageLimits {
            bytes_max: limits.message_bytes_max,
            frames_max: limits.message_frames_max,
            deflate: conn.compression != Compression::None,
        };
        let is_metered = !limits.read_rates.are_off() && !conn.is_trusted && self.drain.is_none();
        let mut pings = Pings::default();
        // Out of its connection while its events borrow from it; a pointer's worth of moving.
        let mut decoder = std::mem::take(&mut conn.decoder);
        let mut position = 0;
        self.begin_inflating();
        loop {
            let decoded = decoder.decode(&mut bytes[position..], message_limits);
            let handled = decoded
                .map_err(Cause::from)
                .and_then(|Decoded { consumed, event }| {
                    let is_event = event.is_some();
                    if let Some(event) = event {
                        self.handle_event(now, key, event, &mut pings)?;
                    }
                    Ok((consumed, is_event))
                });
            let (consumed, is_event) = match handled {
                Ok(handled) => handled,
                Err(cause) => {
                    self.close(now, key, cause);
                    return;
                }
            };
            if !self.is_open(key) {
                return;
            }
            position += consumed;
            if is_metered {
                let rest = &bytes[position..];
                if self.meter(now, key, u64::from(is_event), consumed, rest) {
                    break;
                }
            }
            if !is_event {
                break;
            }
        }
        if let Some(payload) = pings.unanswered() {
            self.reply(key, |out| write_frame(out, OpCode::Pong, payload));
        }
        if let Some(conn) = self.conns.get_mut(key) {
            conn.decoder = decoder;
        }
    }

    fn handle_event(
        &mut self,
        now: Now,
        key: Key,
        event: Event<'_>,
        pings: &mut Pings,
    ) -> Result<(), Cause> {
        match event {
            Event::Message { kind, payload } => {
                if self.is_its_turn(key, kind, Form::Plain, payload) {
                    self.handle_message(now, key, Message { kind, payload });
                }
            }
            Event::Compressed { kind, payload } => {
                if self.is_its_turn(key, kind, Form::Compressed, payload) {
                    self.handle_compressed(now, key, kind, payload)?;
                }
            }
            Event::Ping(payload) if pings.may_wait(payload) => {}
            Event::Ping(payload) => self.reply(key, |out| write_frame(out, OpCode::Pong, payload)),
            Event::Pong(_) => {}
            Event::Close(frame) => {
                // The code goes back as it came; a Close without one is answered without one.
                let code = frame.map(|frame| frame.code);
                self.handle_peer_end(now, key, PeerEnd::Close(code));
            }
        }
        Ok(())
    }

    /// Whether a message may be handled now; otherwise it is put aside, unless nothing of its sender
    /// counts any more.
    fn is_its_turn(&mut self, key: Key, kind: MessageKind, form: Form, payload: &[u8]) -> bool {
        self.stats.messages_received += 1;
        let Some(conn) = self.conns.get_mut(key) else {
            return false;
        };
        match &mut conn.busy {
            None => return true,
            // After Close nothing of a peer counts.
            Some(busy) if busy.peer_end.is_some() => {}
            Some(busy) => busy.parked.push(kind, form, payload),
        }
        false
    }
}
