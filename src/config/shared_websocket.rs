//! What is set about the dialect `shared-websocket`.

use super::complaint::Fault;
use super::options;
use super::reader::Reader;
use crate::dialect::shared_websocket::{EmptyData, FrameShape, PingMessage, Settings};

/// Reads all of it, for one endpoint or for the whole server.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Settings> {
    let option = &options::EVENT_NAME;
    let shape = reader.choice(&options::FRAME_SHAPE, &SHAPES);
    let names = reader.role_names(option);
    let ping = reader.json_or_none(&options::PING_MESSAGE);
    let pong = reader.json_or_none(&options::PONG_MESSAGE);
    let empty_data = reader.choice(&options::EMPTY_DATA, &EMPTY_DATA);
    let publish_excludes_self = reader.switch(&options::PUBLISH_EXCLUDES_SELF);

    let mut settings = Settings::new(shape?);
    let typed = names.len();
    for (role, name) in names.into_iter().collect::<Option<Vec<_>>>()? {
        settings.names.set(role, &name);
    }
    if let Some((one, other)) = settings.names.clash() {
        let problem = format!("calls {one} and {other} the same");
        let fix = "give each a name of its own: their messages could not be told apart";
        reader.complain(option, typed.saturating_sub(1), Fault::new(problem, fix));
        return None;
    }
    settings.ping = ping?.and_then(|text| PingMessage::parse(&text));
    settings.pong = pong?;
    settings.empty_data = empty_data?;
    settings.publish_excludes_self = publish_excludes_self?;
    Some(settings)
}

const SHAPES: [(&str, FrameShape); 2] = [
    ("two-keys", FrameShape::TwoKeys),
    ("flat", FrameShape::Flat),
];

const EMPTY_DATA: [(&str, EmptyData); 3] = [
    ("omit", EmptyData::Omit),
    ("object", EmptyData::Object),
    ("keep", EmptyData::Keep),
];
