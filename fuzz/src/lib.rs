//! What the fuzz targets do with their input: one function each, from bytes to `()`, which panics
//! when the server breaks its word.
//!
//! `fuzz_targets/` hands them to libFuzzer, `tests/smoke.rs` runs them on stable over the corpora
//! and over changes to them. fuzz/README.md says how to run either.

mod api;
mod deflate;
mod envelope;
mod frames;
mod head;
mod ignis;
mod messages;
mod one_shard;
mod pieces;
mod rig;
mod shard;
mod shared_websocket;
mod strav;
mod tls;
mod world;

pub use api::api;
pub use deflate::deflate;
pub use envelope::envelope;
pub use frames::frames;
pub use head::head;
pub use ignis::ignis;
pub use messages::messages;
pub use shard::shard;
pub use shared_websocket::shared_websocket;
pub use strav::strav;
pub use tls::tls;

/// A target's body.
pub type Body = fn(&[u8]);

/// All targets, by the name of their corpus and of their binary.
pub const TARGETS: [(&str, Body); 11] = [
    ("api", api),
    ("deflate", deflate),
    ("envelope", envelope),
    ("frames", frames),
    ("head", head),
    ("ignis", ignis),
    ("messages", messages),
    ("shard", shard),
    ("shared_websocket", shared_websocket),
    ("strav", strav),
    ("tls", tls),
];
