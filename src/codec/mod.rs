//! Floor 1: codecs that take bytes and return facts.
//!
//! Nothing here knows a socket or a clock: the caller owns the bytes, says how much may be spent on
//! them, and decides what a fact means.

pub mod http;
pub mod json;
pub mod tls;
pub mod ws;
