//! Reads how messages are compressed.

use super::options;
use super::reader::Reader;
use crate::codec::ws::deflate::WindowBits;
use crate::engine::deflate::{DeflateConfig, DeflateMode};

pub(super) fn read(reader: &mut Reader<'_>) -> Option<DeflateConfig> {
    let mode = reader.choice(&options::DEFLATE, &MODES);
    let bytes_min = reader.size(&options::DEFLATE_MIN_BYTES);
    let bits = reader.count(&options::DEFLATE_WINDOW_BITS);
    // It has no `auto`, and its bounds are those of a window.
    let bits = u8::try_from(bits??).expect("the option bounds it");
    Some(DeflateConfig {
        mode: mode?,
        bytes_min: bytes_min?,
        window: WindowBits::new(bits).expect("the option bounds it"),
    })
}

const MODES: [(&str, DeflateMode); 3] = [
    ("off", DeflateMode::Off),
    ("shared", DeflateMode::Shared),
    ("dedicated", DeflateMode::Dedicated),
];
