//! The words in which a shard and its sockets speak to each other.

/// What the kernel did with a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "what was not sent has to be kept"]
pub enum SendOutcome {
    /// It took this many bytes, possibly fewer than given.
    Sent(usize),
    /// It takes nothing now; the socket will say when it does.
    Blocked,
    /// The connection is broken.
    Failed,
}

/// What is to become of a connection's reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on reading.
    Read,
    /// Leave what comes in the kernel until [`SocketOp::Resume`].
    Pause,
    /// Never read again: the connection is over.
    Stop,
}

/// What a shard wants done to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketOp {
    /// Read again after [`Flow::Pause`].
    Resume,
    /// Say when the socket takes bytes again.
    WatchWritable,
    /// Nothing more will be sent (FIN); the peer may still be read.
    ShutdownWrite,
    /// End it.
    Close,
    /// End it with a reset: the peer has had its time.
    Reset,
}
