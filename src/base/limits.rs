//! Every bound of the server, with its unit, its reason and its relations.

use std::time::Duration;

/// Shards of one process. 256: the interest map keeps one bit per shard and topic; no machine this
/// server is meant for has more cores.
pub const SHARDS_MAX: usize = 256;

/// Endpoints of one process. 1,024: each request is compared with each path, and connections keep
/// their endpoint's number in 16 bits.
pub const ENDPOINTS_MAX: usize = 1_024;

/// Bytes of one shard's receive buffer: what one `recv` can take.
///
/// 64 KiB: receiving much at once is what lets a publisher's burst leave as one send per subscriber;
/// 1 KiB made that 4.5 times dearer.
pub const RECV_BUFFER_BYTES: usize = 64 * 1024;

/// Receives of one connection in one turn before the others have theirs.
pub const RECVS_PER_TURN: usize = 4;

/// Sends that the kernel is asked for at once, in one system call where there is a ring, and after which the
/// shard looks at its sockets again.
///
/// 256: about 1 ms of sending. What is published meanwhile reaches those whose turn is still to come at once, so that
/// with 1000 subscribers and more to send than there is time for, the p99 is 0.66 times that with 1,024.
pub const SENDS_AT_ONCE: usize = 256;

/// Bytes of the turn log above which a flush finishes whatever its budget says, so that the log of
/// a shard that cannot keep up stays bounded.
pub const TURN_LOG_BYTES_HIGH: usize = 4 * 1024 * 1024;

/// Letters in one shard's mailbox. At the default message limit that is at most 256 MiB of payloads
/// held by reference; a full mailbox pauses the connections that publish into it.
pub const MAILBOX_LETTERS_MAX: usize = 4_096;

/// Letters taken from the mailbox in one turn: reading sockets must not starve.
pub const LETTERS_PER_TURN: usize = 1_024;

/// Bookkeeping of one queued slice (its place in the queue and its reference count), charged
/// against the backpressure limit, so that a peer cannot make many small frames cost more than
/// their bytes.
pub const OUTBOX_SLICE_OVERHEAD_BYTES: usize = 64;

/// Bytes gathered from an outbox into one send.
pub const OUTBOX_GATHER_BYTES: usize = 64 * 1024;

/// Bytes of frames that one connection may have parked behind an undecided one before its reads
/// pause; what the receive buffer already holds comes on top.
pub const PARKED_BYTES_MAX: usize = 64 * 1024;

/// How long a connection whose last frame has been sent may take to finish before it is reset.
pub const LINGER: Duration = Duration::from_secs(2);

/// How long a decision of the control plane may take before it counts as failed.
pub const DECISION_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes that are inflated of one connection before the others have their turn: a few milliseconds of
/// work, for which some hundred bytes of it may suffice.
pub const INFLATED_BYTES_AT_ONCE: usize = 2 * 1024 * 1024;

/// Pings among the frames of one receive that are answered each; of further ones the last is
/// answered for all, as RFC 6455, section 5.5.3, allows.
///
/// 64: more than anybody sends who waits for each answer, and a hundredth of what a flood brings.
pub const PONGS_PER_RECV: usize = 64;

/// Bytes of a topic or event name, as unescaped UTF-8.
pub const NAME_BYTES_MAX: usize = 1_024;

const _: () = assert!(ENDPOINTS_MAX < u16::MAX as usize);
const _: () = assert!(MAILBOX_LETTERS_MAX >= 2 * LETTERS_PER_TURN);
const _: () = assert!(OUTBOX_GATHER_BYTES <= TURN_LOG_BYTES_HIGH);

/// What happens to a connection whose peer does not read and whose outbox is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BackpressurePolicy {
    /// Close it (1013): it reconnects and starts afresh, and knows that it missed something.
    #[default]
    Close,
    /// Keep what is queued and drop the publication that does not fit.
    DropNewest,
    /// Drop the oldest whole unsent publications until the new one fits.
    DropOldest,
}

/// The limits that connections of one endpoint live under. Times in milliseconds, 0 = off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnLimits {
    /// Payload bytes of one message after reassembly, inclusive; one more closes with 1009.
    pub message_bytes_max: usize,
    /// Bytes of the outbox, [`OUTBOX_SLICE_OVERHEAD_BYTES`] per frame included.
    pub backpressure_bytes_max: usize,
    /// What happens past that.
    pub backpressure_policy: BackpressurePolicy,
    /// Frames of one message, inclusive; one more closes with 1009.
    pub message_frames_max: u32,
    /// What it may send in a second, averaged.
    pub read_rates: ReadRates,
    /// Bytes that a connection may send before it is known who it is, where a dialect wants to know
    /// that first; 0 = any.
    pub unproven_bytes_max: usize,
    /// Topics one connection may be subscribed to.
    pub subscriptions_max: usize,
    /// Between two heartbeats to a connection.
    pub ping_interval_ms: u64,
    /// Without any byte from the peer, before it counts as dead.
    pub idle_timeout_ms: u64,
    /// Between two sends, so that messages go out together; 0 = whenever there are any.
    pub flush_interval_ms: u64,
}

/// How fast a connection is read. What comes faster waits in the kernel, and then at the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadRates {
    /// Messages and control frames in a second, averaged, after one second's worth at once; 0 = any.
    pub messages_per_s: u32,
    /// Bytes, in the same way.
    pub bytes_per_s: usize,
}

impl ReadRates {
    /// Whether there is nothing to be measured.
    #[must_use]
    pub fn are_off(self) -> bool {
        self == Self::default()
    }
}

/// The limits of a connection that has not yet said which endpoint it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandshakeLimits {
    /// Bytes of the HTTP request head.
    pub head_bytes_max: usize,
    /// From accept to the end of the head, in milliseconds.
    pub timeout_ms: u64,
}
