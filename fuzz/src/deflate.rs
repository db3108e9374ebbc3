//! Compressed messages, as any bytes.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::decompress_slice_iter_to_slice;
use shardcast::codec::ws::deflate::{Compressor, Contexts, Inflater, WindowBits, negotiate};
use shardcast::codec::ws::{FrameError, OpCode, data_payload_len, write_frame};

/// What may come out: little enough for a small input to break it.
const BYTES_MAX: usize = 4_096;

/// Takes `data` for a compressed message, for a plain one, and for what a client offers.
///
/// - What is inflated is what another implementation makes of it, and never more than the limit.
/// - What was compressed comes back as it was, with any window, with contexts and without; what is
///   sent instead of a frame is smaller than it, unless a context is kept.
/// - An answer is only given to an offer, and agrees to nothing that was not offered.
pub fn deflate(data: &[u8]) {
    inflate_as_others_do(data);
    for bits in [9, 12, 15] {
        let window = WindowBits::new(bits).expect("in range");
        round_trips(data, window, false);
        round_trips(data, window, true);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        agree(text);
    }
}

fn inflate_as_others_do(data: &[u8]) {
    let mut ours = Vec::new();
    let result = Inflater::new(false).inflate(data, BYTES_MAX, &mut ours);
    assert!(ours.len() <= BYTES_MAX + 1, "{} bytes", ours.len());
    // With room for one too many: who fills all there is says that there may be more, though there is none.
    let mut theirs = vec![0; BYTES_MAX + 1];
    let pieces = [data, &[0x00, 0x00, 0xff, 0xff]];
    let expected = decompress_slice_iter_to_slice(&mut theirs, pieces.into_iter(), false, false);
    match (result, expected) {
        // Whatever was whole when the input ended. The other side wants an end of its stream, and may see
        // earlier that what has begun can have none.
        (Ok(()), Err(status)) if status != TINFLStatus::HasMoreOutput => {
            assert_eq!(ours, theirs[..ours.len()]);
        }
        // The stream has ended, and something stands behind: for us it begins anew.
        (_, Ok(len)) => assert_eq!(ours[..len.min(ours.len())], theirs[..len.min(ours.len())]),
        (Err(FrameError::MessageTooBig), Err(TINFLStatus::HasMoreOutput)) => {}
        (Err(FrameError::BadCompression), Err(_)) => {}
        (ours, theirs) => panic!("{ours:?}, but {theirs:?}"),
    }
}

fn round_trips(data: &[u8], window: WindowBits, keeps_context: bool) {
    let (mut compressor, mut inflater) = (
        Compressor::new(window, keeps_context),
        Inflater::new(keeps_context),
    );
    for message in [data, &data[data.len() / 2..], data] {
        let (mut plain, mut frame) = (Vec::new(), Vec::new());
        write_frame(&mut plain, OpCode::Binary, message);
        if !compressor.append(&plain, &mut frame) {
            assert!(frame.is_empty() && !keeps_context);
            continue;
        }
        assert_eq!(frame[0], plain[0] | 0x40);
        assert!(keeps_context || frame.len() < plain.len());
        let payload_len = data_payload_len(&frame).expect("a data frame");
        let payload = &frame[frame.len() - payload_len..];
        let mut opened = Vec::new();
        let opening = inflater.inflate(payload, message.len(), &mut opened);
        assert_eq!((opening, opened.as_slice()), (Ok(()), message));
    }
}

fn agree(text: &str) {
    for contexts in [Contexts::Neither, Contexts::Either] {
        let Some(agreement) = negotiate(text.split(','), contexts, WindowBits::MAX) else {
            continue;
        };
        let answer = agreement.to_string();
        assert!(text.to_ascii_lowercase().contains("permessage-deflate"));
        let again = negotiate([answer.as_str()], contexts, WindowBits::MAX);
        assert_eq!(again.map(|again| again.to_string()), Some(answer.clone()));
        for parameter in ["client_max_window_bits", "server_max_window_bits"] {
            assert!(!answer.contains(parameter) || text.contains(parameter));
        }
    }
}
