//! The WebSocket protocol (RFC 6455), the server's side of it, over bytes.
//!
//! [`Decoder`] turns what a client sent into [`Event`]s; [`write_frame`], [`write_frame_with`] and
//! [`write_close`] build what it is sent. The one extension that is spoken is compression, in
//! [`deflate`]; without it a reserved bit is an error.
//!
//! Its parts: [`frame`] knows the layout of one frame, [`mask`] undoes the client's masking,
//! [`utf8`] checks text that arrives in pieces, [`close`] knows the codes, [`message`] puts frames
//! together.

pub mod close;
pub mod deflate;
mod error;
pub mod frame;
mod in_flight;
pub mod mask;
pub mod message;
#[cfg(test)]
mod testing;
pub mod utf8;
mod write;

pub use close::{CloseCode, CloseFrame, parse_close};
pub use error::FrameError;
pub use frame::{FrameHeader, HeaderLimits, OpCode, read_header};
pub use mask::unmask;
pub use message::{Decoded, Decoder, Event, MessageKind, MessageLimits};
pub use utf8::Utf8Validator;
pub use write::{
    data_payload_len, frame_len, frames_of, write_close, write_frame, write_frame_with,
};
