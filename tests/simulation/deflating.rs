//! Compression as a client does it, by another implementation than the server's.

use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush};
use shardcast::base::random::Random;
use shardcast::codec::ws::deflate::WindowBits;
use shardcast::engine::deflate::{DeflateConfig, DeflateMode};

/// What clients offer that want it.
const OFFERS: [&str; 4] = [
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; server_max_window_bits=9",
    "permessage-deflate; server_no_context_takeover",
    "permessage-deflate; client_no_context_takeover, permessage-deflate",
];

const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// What the endpoints want of compression in a run.
pub(crate) fn config(random: &mut Random) -> DeflateConfig {
    let modes = [
        DeflateMode::Off,
        DeflateMode::Off,
        DeflateMode::Shared,
        DeflateMode::Dedicated,
    ];
    DeflateConfig {
        mode: modes[random.below(4) as usize],
        bytes_min: [0, 100, 256][random.below(3) as usize],
        window: [WindowBits::MIN, WindowBits::MAX][random.below(2) as usize],
    }
}

/// What a client offers, if anything.
pub(crate) fn offer(config: &DeflateConfig, random: &mut Random) -> Option<&'static str> {
    if config.mode == DeflateMode::Off || random.below(3) == 0 {
        return None;
    }
    Some(OFFERS[random.below(OFFERS.len() as u32) as usize])
}

/// Both directions of one connection.
pub(crate) struct Deflating {
    inflate: Box<InflateState>,
    server_keeps: bool,
    compressor: Box<CompressorOxide>,
    client_keeps: bool,
}

impl std::fmt::Debug for Deflating {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deflating").finish_non_exhaustive()
    }
}

fn compressor() -> Box<CompressorOxide> {
    Box::new(CompressorOxide::new(create_comp_flags_from_zip_params(
        6, -15, 0,
    )))
}

impl Deflating {
    /// What an answer says.
    pub(crate) fn agreed(extension: &str) -> Self {
        Self {
            inflate: InflateState::new_boxed(DataFormat::Raw),
            server_keeps: !extension.contains("server_no_context_takeover"),
            compressor: compressor(),
            client_keeps: !extension.contains("client_no_context_takeover"),
        }
    }

    /// A message of the server as it was.
    pub(crate) fn open(&mut self, payload: &[u8]) -> Result<Vec<u8>, String> {
        if !self.server_keeps {
            self.inflate.reset(DataFormat::Raw);
        }
        let mut opened = Vec::new();
        for mut input in [payload, &TAIL] {
            loop {
                let mut out = [0; 1_024];
                let result = inflate(&mut self.inflate, input, &mut out, MZFlush::None);
                opened.extend_from_slice(&out[..result.bytes_written]);
                input = &input[result.bytes_consumed..];
                match result.status {
                    Ok(_) if result.bytes_written < out.len() && input.is_empty() => break,
                    Ok(_) => {}
                    // Nothing more was to be had.
                    Err(MZError::Buf) => break,
                    Err(error) => {
                        return Err(format!("a message that cannot be opened: {error:?}"));
                    }
                }
            }
        }
        Ok(opened)
    }

    /// A message as it is sent compressed.
    pub(crate) fn compress(&mut self, message: &[u8]) -> Vec<u8> {
        if message.is_empty() {
            return vec![0];
        }
        if !self.client_keeps {
            self.compressor = compressor();
        }
        let mut out = vec![0; 2 * message.len() + 100];
        let result = deflate(&mut self.compressor, message, &mut out, MZFlush::Sync);
        assert_eq!(
            result.bytes_consumed,
            message.len(),
            "there is room for all of it"
        );
        out.truncate(result.bytes_written);
        assert!(out.ends_with(&TAIL));
        out.truncate(out.len() - TAIL.len());
        out
    }
}
