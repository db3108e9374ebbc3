//! The wire as a client sees it: frames built and read without the crate's own codec.

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// On the first frame of a message.
pub(crate) const COMPRESSED: u8 = 0x40;
const FIN: u8 = 0x80;

/// A browser's upgrade request, with the example key of RFC 6455.
pub(crate) fn upgrade(target: &str, offer: Option<&str>) -> Vec<u8> {
    let offer = offer.map(|offer| format!("Sec-WebSocket-Extensions: {offer}\r\n"));
    let offer = offer.unwrap_or_default();
    format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n{offer}\r\n"
    )
    .into_bytes()
}

/// Takes the answer to the upgrade request off the front, once it is whole; its status code, and the
/// extension that it agrees to.
pub(crate) fn take_response(bytes: &mut Vec<u8>) -> Option<(u16, Option<String>)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head: Vec<u8> = bytes.drain(..end).collect();
    let head = std::str::from_utf8(&head).ok()?;
    let mut lines = head.lines();
    let extension = lines.find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    let status = head.get(9..12)?.parse().ok()?;
    Some((status, extension.map(str::to_owned)))
}

/// Appends one masked frame.
pub(crate) fn push_frame(out: &mut Vec<u8>, opcode: u8, fin: bool, payload: &[u8], mask: u32) {
    out.push(opcode | if fin { 0x80 } else { 0 });
    let len = payload.len();
    match len {
        0..=125 => out.push(0x80 | len as u8),
        126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    let mask = mask.to_be_bytes();
    out.extend_from_slice(&mask);
    out.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
}

/// A frame of the server: its opcode, with [`COMPRESSED`] where it is, and its payload.
pub(crate) type ServerFrame = (u8, Vec<u8>);

/// The frame at the front of `bytes` and its length, once it is whole.
pub(crate) fn read_frame(bytes: &[u8]) -> Result<Option<(ServerFrame, usize)>, String> {
    let [first, second, ..] = *bytes else {
        return Ok(None);
    };
    if first & 0xb0 != 0x80 {
        return Err(format!("a frame begins with {first:#04x}"));
    }
    if second & 0x80 != 0 {
        return Err("a server's frame is masked".to_owned());
    }
    let (len, start) = match second {
        126 => {
            let Some(len) = bytes.get(2..4) else {
                return Ok(None);
            };
            (usize::from(u16::from_be_bytes([len[0], len[1]])), 4)
        }
        127 => return Err("a frame of 64 KiB or more".to_owned()),
        len => (usize::from(len), 2),
    };
    let payload = bytes.get(start..start + len);
    Ok(payload.map(|payload| ((first & !FIN, payload.to_vec()), start + len)))
}
