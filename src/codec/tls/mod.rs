//! TLS, the server's side of it, over bytes: [rustls] with neither a socket nor a buffer of its own.

use std::sync::Arc;

use rustls::HandshakeKind;
pub use rustls::ServerConfig as TlsConfig;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};

#[cfg(test)]
mod tests;

/// Why a connection's TLS is over. The peer is told by an alert, if it can be told anything.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(rustls::Error);

/// What a receive has brought besides plaintext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing: more is needed, or all of it was plaintext.
    Open,
    /// The peer will send nothing more, and has said so.
    PeerClosed,
}

/// One connection's TLS.
///
/// Nothing is kept of what was received but an unfinished record, and of what is to be sent nothing at
/// all: each call gives what has to go out, and it must go out in the order of the calls.
pub struct TlsSession {
    conn: UnbufferedServerConnection,
    /// An unfinished record, or records of an unfinished message of the handshake. rustls keeps where
    /// in them it is: each call must begin where the last one has said.
    unread: Vec<u8>,
    /// The peer has broken the protocol: nothing is known any more of where it is.
    failed: bool,
}

impl std::fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsSession")
            .field("is_handshaking", &self.conn.is_handshaking())
            .finish_non_exhaustive()
    }
}

/// Bytes of a record besides its content, at the most: header, explicit nonce, kind, tag.
/// Source: RFC 8446, section 5.2; RFC 5246, section 6.2.3.3.
const RECORD_OVERHEAD_BYTES: usize = 5 + 8 + 1 + 16;

/// Bytes of a record's content.
const RECORD_BYTES: usize = 16 * 1024;

impl TlsSession {
    /// Waits for a peer's first byte.
    ///
    /// # Errors
    ///
    /// The configuration cannot be used.
    pub fn new(config: Arc<TlsConfig>) -> Result<Self, TlsError> {
        Ok(Self {
            conn: UnbufferedServerConnection::new(config).map_err(TlsError)?,
            unread: Vec::new(),
            failed: false,
        })
    }

    /// Takes what has been received: appends what it says to `plain`, and to `out` what the peer has to
    /// be sent because of it. After an error that is an alert.
    ///
    /// # Errors
    ///
    /// The peer breaks the protocol, or wants what we do not. Nothing may be received any more.
    pub fn receive(
        &mut self,
        received: &mut [u8],
        plain: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<Progress, TlsError> {
        if self.failed {
            return Err(TlsError(rustls::Error::HandshakeNotComplete));
        }
        let is_all_here = self.unread.is_empty();
        let result = if is_all_here {
            process(&mut self.conn, received, plain, out)
        } else {
            self.unread.extend_from_slice(received);
            process(&mut self.conn, &mut self.unread, plain, out)
        };
        self.failed = result.is_err();
        let (done, progress) = result?;
        if is_all_here {
            self.unread.extend_from_slice(&received[done..]);
            return Ok(progress);
        }
        if done == self.unread.len() {
            // An idle connection keeps no memory for what it may receive.
            self.unread = Vec::new();
        } else {
            self.unread.drain(..done);
        }
        Ok(progress)
    }

    /// How the handshake was done, once it is.
    #[must_use]
    pub fn handshake_done(&self) -> Option<HandshakeKind> {
        let kind = self.conn.handshake_kind();
        kind.filter(|_| !self.conn.is_handshaking())
    }

    /// Whether the peer can be told anything but alerts.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.conn.is_handshaking()
    }

    /// Appends `plain` to `out` as records. The handshake must be done.
    ///
    /// # Errors
    ///
    /// The keys are worn out, which takes more data than any connection sends; or there are none.
    pub fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), TlsError> {
        let records = plain.len().div_ceil(RECORD_BYTES).max(1);
        self.write(
            out,
            plain.len() + records * RECORD_OVERHEAD_BYTES,
            |traffic, out| traffic.encrypt(plain, out),
        )
    }

    /// Appends what tells the peer that nothing more will come.
    ///
    /// # Errors
    ///
    /// As [`Self::seal`].
    pub fn seal_end(&mut self, out: &mut Vec<u8>) -> Result<(), TlsError> {
        self.write(out, 2 + RECORD_OVERHEAD_BYTES, |traffic, out| {
            traffic.queue_close_notify(out)
        })
    }

    fn write(
        &mut self,
        out: &mut Vec<u8>,
        mut room: usize,
        mut write: impl FnMut(&mut WriteTraffic<'_>, &mut [u8]) -> Result<usize, EncryptError>,
    ) -> Result<(), TlsError> {
        while !self.failed {
            let UnbufferedStatus { state, .. } = self.conn.process_tls_records(&mut self.unread);
            match state.map_err(TlsError)? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    let start = out.len();
                    out.resize(start + room, 0);
                    match write(&mut traffic, &mut out[start..]) {
                        Ok(written) => {
                            out.truncate(start + written);
                            return Ok(());
                        }
                        Err(EncryptError::InsufficientSize(size)) => {
                            out.truncate(start);
                            room = size.required_size;
                        }
                        Err(EncryptError::EncryptExhausted) => {
                            out.truncate(start);
                            return Err(TlsError(rustls::Error::EncryptError));
                        }
                    }
                }
                // A new key, say, which goes first.
                ConnectionState::EncodeTlsData(mut data) => encode(&mut data, out),
                ConnectionState::TransmitTlsData(data) => data.done(),
                _ => break,
            }
        }
        Err(TlsError(rustls::Error::HandshakeNotComplete))
    }
}

type WriteTraffic<'c> = rustls::unbuffered::WriteTraffic<'c, rustls::server::ServerConnectionData>;
type EncodeTlsData<'c> =
    rustls::unbuffered::EncodeTlsData<'c, rustls::server::ServerConnectionData>;

/// How many of the received bytes are done with.
fn process(
    conn: &mut UnbufferedServerConnection,
    received: &mut [u8],
    plain: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<(usize, Progress), TlsError> {
    let (mut done, mut progress) = (0, Progress::Open);
    loop {
        let UnbufferedStatus { discard, state } = conn.process_tls_records(&mut received[done..]);
        let mut discard = discard;
        let is_all = match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(record) = traffic.next_record() {
                    let record = record.map_err(TlsError)?;
                    discard += record.discard;
                    plain.extend_from_slice(record.payload);
                }
                false
            }
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                encode(&mut data, out);
                false
            }
            Ok(ConnectionState::TransmitTlsData(data)) => {
                data.done();
                false
            }
            Ok(ConnectionState::PeerClosed) => {
                progress = Progress::PeerClosed;
                false
            }
            Ok(
                ConnectionState::BlockedHandshake
                | ConnectionState::WriteTraffic(_)
                | ConnectionState::Closed,
            ) => true,
            // Nothing is offered that could be sent before the handshake is done.
            Ok(_) => return Err(TlsError(rustls::Error::HandshakeNotComplete)),
            Err(error) => {
                alert(conn, &mut received[done + discard..], out);
                return Err(TlsError(error));
            }
        };
        done += discard;
        if is_all {
            return Ok((done, progress));
        }
    }
}

/// Appends the alert that an error has left behind, if there is one: that is what comes first.
fn alert(conn: &mut UnbufferedServerConnection, rest: &mut [u8], out: &mut Vec<u8>) {
    if let Ok(ConnectionState::EncodeTlsData(mut data)) = conn.process_tls_records(rest).state {
        encode(&mut data, out);
    }
}

fn encode(data: &mut EncodeTlsData<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    let mut room = 0;
    loop {
        out.resize(start + room, 0);
        match data.encode(&mut out[start..]) {
            Ok(written) => {
                out.truncate(start + written);
                return;
            }
            Err(EncodeError::InsufficientSize(size)) => room = size.required_size,
            Err(EncodeError::AlreadyEncoded) => {
                out.truncate(start);
                return;
            }
        }
    }
}
