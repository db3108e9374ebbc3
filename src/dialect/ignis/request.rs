//! What the client says: which of its messages mean something, and what.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::sealing::PUBLIC_KEY_LEN;
use crate::codec::json::{self, Value, scan_object};
use crate::codec::ws::MessageKind;
use crate::engine::dialect::Message;

/// The text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotJson;

/// A message that means something.
pub(super) enum Request<'m> {
    Authenticate {
        /// JSON of whatever shape.
        data: &'m [u8],
        offer: Offer,
    },
    Heartbeat,
    Join(Rooms<'m>),
    Leave(Rooms<'m>),
    Other {
        /// `None`: something that no name of an event can be, but that is no absence of one either.
        event: Option<Cow<'m, str>>,
        data: Option<&'m [u8]>,
    },
}

/// The texts in a list of rooms; what else is in there is passed over.
pub(super) type Rooms<'m> = Box<dyn Iterator<Item = Cow<'m, str>> + 'm>;

/// What a client brings for the encryption of what it will be sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Offer {
    #[default]
    Nothing,
    /// No public key at all, or one of another kind.
    Invalid,
    /// An uncompressed point, perhaps of the curve.
    Key(Box<[u8; PUBLIC_KEY_LEN]>),
}

impl<'m> Request<'m> {
    /// `None`: JSON that the clients' own server passes over without a word.
    pub(super) fn parse(message: Message<'m>) -> Result<Option<Self>, NotJson> {
        let payload = message.payload;
        // The reference decodes binary frames as UTF-8 JSON.
        if message.kind == MessageKind::Binary && std::str::from_utf8(payload).is_err() {
            return Err(NotJson);
        }
        let Ok([event, data]) = scan_object(payload, ["event", "data"]) else {
            return json::validate(payload).map(|()| None).map_err(|_| NotJson);
        };
        let Some(event) = event.filter(is_truthy) else {
            return Ok(None);
        };
        let request = match event.as_text().as_deref() {
            Some("authenticate") => {
                let data = data.filter(|data| !data.is_null());
                Self::Authenticate {
                    data: data.map_or(b"{}", |data| data.raw()),
                    offer: Offer::of(data),
                }
            }
            Some("heartbeat") => Self::Heartbeat,
            Some("join") => Self::Join(rooms(data)),
            Some("leave") => Self::Leave(rooms(data)),
            _ => Self::Other {
                event: event.as_text(),
                data: data.map(|data| data.raw()),
            },
        };
        Ok(Some(request))
    }
}

impl Offer {
    /// The `publicKey` in what `authenticate` brings.
    fn of(data: Option<Value<'_>>) -> Self {
        let object = data.and_then(|data| scan_object(data.raw(), ["publicKey"]).ok());
        let Some(key) = object.and_then(|[key]| key).filter(is_truthy) else {
            return Self::Nothing;
        };
        let bytes = key.as_text().and_then(|text| STANDARD.decode(&*text).ok());
        match bytes.map(Vec::into_boxed_slice).map(Box::try_from) {
            Some(Ok(key)) => Self::Key(key),
            _ => Self::Invalid,
        }
    }
}

/// Whether JavaScript takes it for true.
fn is_truthy(value: &Value<'_>) -> bool {
    match value.raw() {
        b"null" | b"false" | b"\"\"" => false,
        raw => {
            let number = std::str::from_utf8(raw)
                .ok()
                .and_then(|raw| raw.parse::<f64>().ok());
            number != Some(0.0)
        }
    }
}

fn rooms(data: Option<Value<'_>>) -> Rooms<'_> {
    let object = data.and_then(|data| scan_object(data.raw(), ["rooms"]).ok());
    let list = object.and_then(|[rooms]| rooms?.elements());
    Box::new(list.into_iter().flatten().filter_map(|room| room.as_text()))
}

/// Whether clients may ask for a room of this name: 1 to 256 UTF-16 units, and none of those that the
/// servers among themselves use.
pub(super) fn is_room_name(room: &str) -> bool {
    /// No unit takes more than three bytes of UTF-8.
    const BYTES_MAX: usize = 3 * ROOM_UNITS_MAX;
    !room.is_empty()
        && !room.starts_with("ws:")
        && room.len() <= BYTES_MAX
        && room.encode_utf16().count() <= ROOM_UNITS_MAX
}

const ROOM_UNITS_MAX: usize = 256;
