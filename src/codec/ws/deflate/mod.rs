//! Compression of messages (RFC 7692, `permessage-deflate`), over bytes.
//!
//! [`negotiate`] finds what client and server both want, an [`Inflater`] opens what a client has
//! compressed, a [`Compressor`] makes a compressed frame of a plain one. A message is compressed as
//! a whole, before it is cut into frames; RSV1 of its first frame says that it is.
//!
//! A **context** is what a side remembers of earlier messages, so that later ones may refer to it: up
//! to 32 KiB. A compressed message without context stands for itself, so one is enough for all who
//! are sent the same.

mod agreement;
mod compress;
mod inflate;

pub use agreement::{Agreement, Contexts, WindowBits, negotiate};
pub use compress::Compressor;
pub use inflate::{Inflater, compressed_len_max};

#[cfg(test)]
mod tests;

/// What the compressed form of a message ends with where its blocks end, and what is not sent of it:
/// an empty block. Source: RFC 7692, section 7.2.1.
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
