//! What a connection's frames go through on their way to its socket, when they do not go as they are.
//!
//! Everything here has a memory: what went out before decides what comes next. So it happens when the
//! frames are sent, and not before: a frame in an outbox is still as its dialect wrote it, and may be
//! dropped whole. What has been through here is **sealed**, and goes out before anything else.

use super::context_memory::{ContextMemory, Lease};
use super::deflate::Deflate;
use super::flush::Sink;
use super::outbox::Outbox;
use super::shard::Shard;
use super::turn_log::{FrameKind, Pending};
use crate::base::io::SendOutcome;
use crate::base::limits::OUTBOX_GATHER_BYTES;
use crate::base::slab::Key;
use crate::base::time::Now;
use crate::codec::tls::{TlsError, TlsSession};
use crate::codec::ws::deflate::{Agreement, Compressor, Inflater, WindowBits};
use crate::codec::ws::frames_of;

/// What one connection's bytes go through. Boxed: most connections have none.
#[derive(Debug, Default)]
pub(super) struct Wire {
    contexts: Option<Contexts>,
    pub(super) tls: Option<TlsSession>,
}

/// The memory of earlier messages, each side's made when it is first needed.
#[derive(Debug)]
struct Contexts {
    own: Option<WindowBits>,
    compressor: Option<Compressor>,
    keeps_clients: bool,
    inflater: Option<Inflater>,
    bytes_min: usize,
    _lease: Lease,
}

impl Wire {
    /// Keeps contexts as was agreed on; whether there is memory for them.
    pub(super) fn keep_contexts(
        &mut self,
        agreement: &Agreement,
        bytes_min: usize,
        memory: &ContextMemory,
    ) -> bool {
        let own = agreement.keeps_own.then_some(agreement.own_window);
        let inflater_bytes = usize::from(agreement.keeps_clients) * Inflater::BYTES;
        let lease = memory.lease(own.map_or(0, Compressor::bytes) + inflater_bytes);
        self.contexts = lease.map(|lease| Contexts {
            own,
            compressor: None,
            keeps_clients: agreement.keeps_clients,
            inflater: None,
            bytes_min,
            _lease: lease,
        });
        self.contexts.is_some()
    }

    /// The inflater that remembers what this client has sent, if there is one.
    pub(super) fn inflater(&mut self) -> Option<&mut Inflater> {
        let contexts = self.contexts.as_mut().filter(|own| own.keeps_clients)?;
        let inflater = &mut contexts.inflater;
        Some(inflater.get_or_insert_with(|| Inflater::new(true)))
    }

    /// Whether frames go out otherwise than they are.
    pub(super) fn seals(&self) -> bool {
        self.tls.is_some() || self.keeps_own()
    }

    /// Whether frames are compressed with a context of their connection.
    fn keeps_own(&self) -> bool {
        let contexts = self.contexts.as_ref();
        contexts.is_some_and(|contexts| contexts.own.is_some())
    }

    /// Appends what was written for the connection, compressed with its context if there is one.
    fn compress(&mut self, written: &[u8], out: &mut Vec<u8>, deflate: &mut Deflate) {
        let Some((contexts, window)) = self
            .contexts
            .as_mut()
            .and_then(|contexts| contexts.own.map(|window| (contexts, window)))
        else {
            out.extend_from_slice(written);
            return;
        };
        for frame in frames_of(written) {
            let compressor = &mut contexts.compressor;
            let make = || Compressor::new(window, true);
            deflate.stats.compress(
                || compressor.get_or_insert_with(make),
                frame,
                contexts.bytes_min,
                out,
                deflate.stopwatch,
            );
        }
    }
}

/// Buffers that all connections use in turn.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Frames on their way to TLS.
    plain: Vec<u8>,
    /// What is to be sent.
    sealed: Vec<u8>,
}

impl Scratch {
    fn clear(&mut self) {
        for buffer in [&mut self.plain, &mut self.sealed] {
            buffer.clear();
            // A frame may be larger than what is gathered.
            buffer.shrink_to(2 * OUTBOX_GATHER_BYTES);
        }
    }

    /// Encrypts what is in `plain` if there is TLS; otherwise that is what is sent.
    fn seal(&mut self, wire: &mut Wire, is_last: bool) -> Result<(), TlsError> {
        match &mut wire.tls {
            Some(session) => encrypt(session, &self.plain, is_last, &mut self.sealed),
            None => {
                std::mem::swap(&mut self.plain, &mut self.sealed);
                Ok(())
            }
        }
    }
}

/// Appends `plain` encrypted, and behind what is the last of all the end of TLS.
fn encrypt(
    session: &mut TlsSession,
    plain: &[u8],
    is_last: bool,
    out: &mut Vec<u8>,
) -> Result<(), TlsError> {
    session.seal(plain, out)?;
    if is_last {
        session.seal_end(out)?;
    }
    Ok(())
}

/// What became of sealed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    All,
    /// The rest is kept.
    Part,
    /// The connection is broken.
    Nothing,
}

impl Shard {
    /// Sends a list through its connection's wire, whose outbox is empty: as much at a time as one
    /// send takes, so that what a peer does not read is sealed by as little as possible.
    pub(super) fn flush_sealed(&mut self, now: Now, key: Key, list: Pending, sink: &mut impl Sink) {
        let mut scratch = std::mem::take(&mut self.scratch);
        match self.seal_at_once(key, list, &mut scratch) {
            Some(Ok(())) => {
                if self.send_sealed(key, &scratch, sink) == Sent::All {
                    self.finish(key);
                }
            }
            Some(Err(_)) => self.fail(key),
            None => self.flush_piecewise(now, key, list, &mut scratch, sink),
        }
        self.scratch = scratch;
    }

    /// Seals a list that is one send's worth at the most and is only to be encrypted: where it lies, without
    /// looking at its frames. `None`: it is not.
    fn seal_at_once(
        &mut self,
        key: Key,
        list: Pending,
        scratch: &mut Scratch,
    ) -> Option<Result<(), TlsError>> {
        let conn = self.conns.get_mut(key)?;
        let is_closing = !conn.is_open();
        let wire = conn.wire.as_mut().filter(|wire| !wire.keeps_own())?;
        let session = wire.tls.as_mut()?;
        self.log.join(list);
        let plain = self.log.joined(list);
        if plain.len() > OUTBOX_GATHER_BYTES {
            return None;
        }
        scratch.clear();
        Some(encrypt(session, plain, is_closing, &mut scratch.sealed))
    }

    /// Sends what is sealed, and keeps what is not taken of it.
    fn send_sealed(&mut self, key: Key, scratch: &Scratch, sink: &mut impl Sink) -> Sent {
        let sent = match sink.send(key, &scratch.sealed) {
            SendOutcome::Sent(sent) => {
                self.count_send(sent);
                sent
            }
            SendOutcome::Blocked => 0,
            SendOutcome::Failed => {
                self.fail(key);
                return Sent::Nothing;
            }
        };
        if sent == scratch.sealed.len() {
            return Sent::All;
        }
        if let Some(conn) = self.conns.get_mut(key) {
            let outbox = conn.outbox.get_or_insert_with(Box::<Outbox>::default);
            // What has gone out is not needed again: unlike a frame, nobody else has it.
            outbox.push_started(scratch.sealed[sent..].into(), FrameKind::Sealed, 0);
        }
        self.watch(key);
        Sent::Part
    }

    fn flush_piecewise(
        &mut self,
        now: Now,
        key: Key,
        list: Pending,
        scratch: &mut Scratch,
        sink: &mut impl Sink,
    ) {
        let entries = self.log.entries_of(list);
        let mut taken = 0;
        while taken < entries.len() {
            scratch.clear();
            let Some(conn) = self.conns.get_mut(key) else {
                return;
            };
            let is_closing = !conn.is_open();
            let Some(wire) = &mut conn.wire else {
                // Who has said nothing yet can be told nothing.
                self.fail(key);
                return;
            };
            while let Some(&entry) = entries.get(taken) {
                let frame = self.log.frame(entry);
                let gathered = scratch.plain.len();
                if gathered > 0 && gathered + frame.len() > OUTBOX_GATHER_BYTES {
                    break;
                }
                taken += 1;
                wire.compress(frame, &mut scratch.plain, &mut self.deflate);
            }
            let is_last = is_closing && taken == entries.len();
            if scratch.seal(wire, is_last).is_err() {
                self.fail(key);
                return;
            }
            match self.send_sealed(key, scratch, sink) {
                Sent::All => {}
                Sent::Part => return self.keep(now, key, &entries[taken..], 0),
                Sent::Nothing => return,
            }
        }
        self.finish(key);
    }

    /// Seals the next frames of an outbox, unless sealed ones are still to be sent; `false` if that
    /// cannot be done, which is the connection's end.
    pub(super) fn seal_outbox(&mut self, key: Key) -> bool {
        let Some(conn) = self.conns.get_mut(key) else {
            return true;
        };
        let is_closing = !conn.is_open();
        let (Some(wire), Some(outbox)) = (&mut conn.wire, &mut conn.outbox) else {
            return true;
        };
        if !wire.seals() || outbox.sealed().is_some() {
            return true;
        }
        self.scratch.clear();
        while let Some(len) = outbox.first_len() {
            let gathered = self.scratch.plain.len();
            if gathered > 0 && gathered + len > OUTBOX_GATHER_BYTES {
                break;
            }
            let Some(frame) = outbox.pop() else {
                break;
            };
            wire.compress(&frame, &mut self.scratch.plain, &mut self.deflate);
        }
        if self.scratch.plain.is_empty() {
            return true;
        }
        if self
            .scratch
            .seal(wire, is_closing && outbox.is_empty())
            .is_err()
        {
            return false;
        }
        let sealed = self.scratch.sealed.as_slice().into();
        outbox.push_started(sealed, FrameKind::Sealed, 0);
        true
    }
}
