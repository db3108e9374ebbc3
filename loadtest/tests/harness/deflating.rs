//! The compressing half of the planted server.

use std::collections::HashMap;
use std::net::SocketAddr;

use flate2::{Compress, Compression, FlushCompress};

/// What it agrees to, and does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deflate {
    /// No context: each message stands for itself. Some come plain, some in fragments.
    Fresh,
    /// A context for each connection. Some messages come plain, some in fragments.
    Kept,
    /// No context, and one publication does not inflate.
    Broken,
    /// Nothing is agreed on, and all is compressed.
    Unasked,
}

/// What it has sent.
#[derive(Default)]
pub(crate) struct Deflating {
    kept: HashMap<SocketAddr, Compress>,
    messages: u64,
}

impl Deflate {
    /// The header that answers the offer.
    pub(crate) fn answer(self) -> &'static str {
        match self {
            Self::Fresh | Self::Broken => {
                "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
                 client_no_context_takeover\r\n"
            }
            Self::Kept => "sec-websocket-extensions: permessage-deflate\r\n",
            Self::Unasked => "",
        }
    }
}

impl Deflating {
    /// The frames of a message to `peer`.
    pub(crate) fn frames(&mut self, how: Deflate, peer: SocketAddr, text: &[u8]) -> Vec<u8> {
        self.messages += 1;
        if self.messages.is_multiple_of(3) && how != Deflate::Unasked {
            return frame(0x81, text);
        }
        let mut fresh = None;
        let compress = match how {
            Deflate::Kept => self.kept.entry(peer).or_insert_with(compress),
            _ => fresh.insert(compress()),
        };
        let payload = deflate(compress, text);
        match self.messages % 5 {
            1 => {
                let (begin, end) = payload.split_at(payload.len() / 2);
                [frame(0x41, begin), frame(0x80, end)].concat()
            }
            _ => frame(0xc1, &payload),
        }
    }
}

/// A compressed message that is none: there are no blocks of its first one's type.
pub(crate) fn broken_frame() -> Vec<u8> {
    frame(0xc1, &[0xff; 10])
}

fn compress() -> Compress {
    Compress::new(Compression::default(), false)
}

fn deflate(compress: &mut Compress, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 100);
    compress
        .compress_vec(text, &mut out, FlushCompress::Sync)
        .expect("there is room");
    let text_end = out.len() - 4;
    assert_eq!(out[text_end..], [0, 0, 0xff, 0xff]);
    out.truncate(text_end);
    out
}

fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = match payload.len() {
        length @ 0..=125 => vec![first_byte, length as u8],
        length => vec![first_byte, 126, (length >> 8) as u8, length as u8],
    };
    frame.extend(payload);
    frame
}
