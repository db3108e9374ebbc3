//! Compression on a shard: what its connections share, and opening what they send.
//!
//! A publication that is compressed **shared** is compressed once for each window among its
//! subscribers, and they get the same bytes. Who has agreed on contexts (**dedicated**) gets its
//! frames as they are until they are sent: see the file `wire`.

use super::busy::Wait;
use super::dialect::Message;
use super::disconnect::Cause;
use super::shard::Shard;
use super::turn_log::FrameKind;
use crate::base::limits::INFLATED_BYTES_AT_ONCE;
use crate::base::slab::Key;
use crate::base::time::Now;
use crate::base::wheel::TICK_MS;
use crate::codec::http::UpgradeRequest;
use crate::codec::ws::deflate::{Compressor, Contexts, Inflater, WindowBits, negotiate};
use crate::codec::ws::{FrameError, MessageKind, data_payload_len, frames_of};

/// How an endpoint's messages are compressed, if its clients want it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeflateMode {
    /// Not at all: what clients offer is not looked at.
    #[default]
    Off,
    /// Each message for itself, so that a publication is compressed once for all.
    Shared,
    /// With a memory of earlier messages for each connection, while there is room for it.
    Dedicated,
}

/// What an endpoint wants of compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeflateConfig {
    /// How.
    pub mode: DeflateMode,
    /// Bytes of the smallest message that is compressed.
    pub bytes_min: usize,
    /// The largest window.
    pub window: WindowBits,
}

impl DeflateConfig {
    /// What may be agreed on; `None`: nothing.
    pub(super) fn contexts(&self) -> Option<Contexts> {
        match self.mode {
            DeflateMode::Off => None,
            DeflateMode::Shared => Some(Contexts::Neither),
            DeflateMode::Dedicated => Some(Contexts::Either),
        }
    }
}

/// How what a connection is sent is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// It is not: nothing was agreed on.
    None,
    /// Each message for itself.
    Shared(WindowBits),
    /// With its connection's own context, when it is sent.
    Dedicated,
}

/// What compression has done on a shard since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeflateStats {
    /// Messages compressed, their bytes before and after, and the time that took.
    pub compressed: Effort,
    /// Messages of clients inflated, their bytes before and after, and the time that took.
    pub inflated: Effort,
    /// Messages that went out as they are, since they were too small or would not have got smaller.
    pub kept_plain: u64,
}

/// Work that takes bytes and makes other bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// How often.
    pub messages: u64,
    /// Bytes that went in.
    pub bytes_in: u64,
    /// Bytes that came out.
    pub bytes_out: u64,
    /// Nanoseconds, by the stopwatch that the shard was given.
    pub nanos: u64,
}

impl DeflateStats {
    /// Appends a frame as the compressor makes it, or as it is, and counts which.
    pub(super) fn compress<'c>(
        &mut self,
        compressor: impl FnOnce() -> &'c mut Compressor,
        frame: &[u8],
        bytes_min: usize,
        out: &mut Vec<u8>,
        stopwatch: Stopwatch,
    ) {
        let payload_len = data_payload_len(frame);
        if payload_len.is_some_and(|len| len >= bytes_min) {
            let (start, began) = (out.len(), stopwatch());
            if compressor().append(frame, out) {
                let nanos = stopwatch() - began;
                self.compressed.count(frame.len(), out.len() - start, nanos);
                return;
            }
        }
        self.kept_plain += u64::from(payload_len.is_some());
        out.extend_from_slice(frame);
    }
}

impl Effort {
    pub(super) fn count(&mut self, bytes_in: usize, bytes_out: usize, nanos: u64) {
        self.messages += 1;
        self.bytes_in += bytes_in as u64;
        self.bytes_out += bytes_out as u64;
        self.nanos += nanos;
    }
}

/// Nanoseconds since some fixed instant. For what is only counted: nothing that a shard does depends
/// on it.
pub type Stopwatch = fn() -> u64;

/// The compressors and the inflater of all connections without contexts, each made when it is first
/// needed.
pub(super) struct Deflate {
    /// By window.
    compressors: [Option<Compressor>; WindowBits::COUNT],
    inflater: Option<Inflater>,
    /// A frame before it is compressed.
    plain: Vec<u8>,
    /// A message after it was inflated.
    opened: Vec<u8>,
    /// Bytes inflated since a receive, or the work on what waited, began.
    inflated_bytes: usize,
    pub(super) stats: DeflateStats,
    pub(super) stopwatch: Stopwatch,
}

impl Deflate {
    pub(super) fn new(stopwatch: Stopwatch) -> Self {
        Self {
            compressors: [const { None }; WindowBits::COUNT],
            inflater: None,
            plain: Vec::new(),
            opened: Vec::new(),
            inflated_bytes: 0,
            stats: DeflateStats::default(),
            stopwatch,
        }
    }

    /// Appends the frames that `write` makes, each compressed if that is worth it.
    pub(super) fn write(
        &mut self,
        window: WindowBits,
        bytes_min: usize,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        self.plain.clear();
        write(&mut self.plain);
        for frame in frames_of(&self.plain) {
            let compressor = &mut self.compressors[window.index()];
            let make = || Compressor::new(window, false);
            self.stats.compress(
                || compressor.get_or_insert_with(make),
                frame,
                bytes_min,
                out,
                self.stopwatch,
            );
        }
        self.plain.shrink_to(KEPT_CAPACITY_BYTES);
    }
}

impl Shard {
    /// Agrees on compression with a client that offers it; the extension to be answered.
    pub(super) fn agree_on_deflate(
        &mut self,
        key: Key,
        request: &UpgradeRequest,
    ) -> Option<String> {
        let conn = self.conns.get_mut(key)?;
        let config = self.endpoints[usize::from(conn.endpoint)].deflate;
        let agree = |contexts| {
            let offers = request.header_list("sec-websocket-extensions");
            negotiate(offers, contexts, config.window)
        };
        let mut agreement = agree(config.contexts()?)?;
        if agreement.keeps_own || agreement.keeps_clients {
            let wire = conn.wire.get_or_insert_default();
            if !wire.keep_contexts(&agreement, config.bytes_min, &self.context_memory) {
                conn.wire.take_if(|wire| wire.tls.is_none());
                // No memory is left for it: like everybody else, then.
                agreement = agree(Contexts::Neither)?;
            }
        }
        conn.compression = if agreement.keeps_own {
            Compression::Dedicated
        } else {
            Compression::Shared(agreement.own_window)
        };
        Some(agreement.to_string())
    }

    /// Queues one frame of a connection's dialect for it alone, compressed if that was agreed on.
    pub(super) fn reply_message(&mut self, key: Key, frame: &[u8]) {
        let Some(conn) = self.conns.get(key) else {
            return;
        };
        let entry = match conn.compression {
            Compression::None | Compression::Dedicated => self
                .log
                .write(FrameKind::Private, |out| out.extend_from_slice(frame)),
            Compression::Shared(window) => {
                let bytes_min = self.endpoints[usize::from(conn.endpoint)].deflate.bytes_min;
                let deflate = &mut self.deflate;
                self.log.write(FrameKind::Private, |out| {
                    deflate.write(window, bytes_min, out, |plain| {
                        plain.extend_from_slice(frame);
                    });
                })
            }
        };
        self.log.append(key.slot, entry);
    }

    /// Begins to count what is inflated for a connection.
    pub(super) fn begin_inflating(&mut self) {
        self.deflate.inflated_bytes = 0;
    }

    /// Opens a compressed message and handles it. A connection that has had much opened waits a little
    /// before its next message: a few bytes of it can be a lot of work, and the others want their
    /// turn.
    ///
    /// # Errors
    ///
    /// The message cannot be opened, is too large, or is no UTF-8.
    pub(super) fn handle_compressed(
        &mut self,
        now: Now,
        key: Key,
        kind: MessageKind,
        payload: &[u8],
    ) -> Result<(), Cause> {
        let mut opened = std::mem::take(&mut self.deflate.opened);
        opened.clear();
        let result = self.inflate(key, kind, payload, &mut opened);
        if result.is_ok() {
            let payload = opened.as_slice();
            self.handle_message(now, key, Message { kind, payload });
        }
        opened.shrink_to(KEPT_CAPACITY_BYTES);
        self.deflate.opened = opened;
        if self.deflate.inflated_bytes >= INFLATED_BYTES_AT_ONCE
            && self.is_open(key)
            && !self.is_waiting(key)
        {
            let until_ms = now.monotonic_ms + TICK_MS;
            self.start_waiting(key, Wait::Turn { until_ms });
        }
        result
    }

    fn inflate(
        &mut self,
        key: Key,
        kind: MessageKind,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Cause> {
        let Some(conn) = self.conns.get_mut(key) else {
            return Ok(());
        };
        let bytes_max = self.endpoints[usize::from(conn.endpoint)]
            .limits
            .message_bytes_max;
        let began = (self.deflate.stopwatch)();
        let own = conn.wire.as_deref_mut().and_then(|wire| wire.inflater());
        let inflater = match own {
            Some(inflater) => inflater,
            None => self
                .deflate
                .inflater
                .get_or_insert_with(|| Inflater::new(false)),
        };
        inflater.inflate(payload, bytes_max, out)?;
        let nanos = (self.deflate.stopwatch)() - began;
        let effort = &mut self.deflate.stats.inflated;
        effort.count(payload.len(), out.len(), nanos);
        self.deflate.inflated_bytes += out.len();
        if self.is_too_much_unproven(key, out.len().saturating_sub(payload.len())) {
            return Err(Cause::UnauthenticatedBytes);
        }
        if kind == MessageKind::Text {
            std::str::from_utf8(out).map_err(|_| FrameError::InvalidUtf8)?;
        }
        Ok(())
    }

    /// The numbers of compression, and the bytes of memory that it holds for contexts.
    #[must_use]
    pub fn deflate_stats(&self) -> DeflateStats {
        self.deflate.stats
    }
}

/// Capacity that a buffer keeps after an unusually large message.
const KEPT_CAPACITY_BYTES: usize = 256 * 1024;
