//! A publication: one event on one topic, on its way to whoever is subscribed.

use std::sync::Arc;

use crate::base::ids::{ConnId, Ulid};

/// A topic space. Endpoints that name the same app share topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AppId(pub u16);

/// What the data of a publication is, so that each dialect can frame it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataKind {
    /// A JSON text, checked against the grammar and passed on as its publisher wrote it.
    Json,
    /// Opaque UTF-8.
    Text,
    /// Opaque bytes.
    Binary,
}

/// Where a publication came from: a dialect over a broker that echoes must know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A connection of this process.
    Conn(ConnId),
    /// An app server, through the HTTP API.
    Api,
}

/// What a message is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageId<'a> {
    /// Given here; ascending on the thread that accepted the publication.
    Ulid(Ulid),
    /// Given by the app server that published it: any text.
    Given(&'a str),
}

/// One event on one topic, as dialects encode it.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// The topic space.
    pub app: AppId,
    /// The topic's name.
    pub topic: &'a str,
    /// The event's name; empty where a dialect has none.
    pub event: &'a str,
    /// The data; absent is not the same as JSON `null`.
    pub data: Option<&'a [u8]>,
    /// What the data is.
    pub kind: DataKind,
    /// What it is known by.
    pub id: MessageId<'a>,
    /// Who sent it.
    pub origin: Origin,
    /// A subscriber that must not get it.
    pub exclude: Option<ConnId>,
}

/// A publication that crosses to other shards: owned once, shared by reference count.
#[derive(Debug)]
pub struct SharedPublication {
    app: AppId,
    /// Topic, event, given id and data, one after the other: one allocation for all.
    bytes: Box<[u8]>,
    topic_len: usize,
    event_len: usize,
    id: SharedId,
    has_data: bool,
    kind: DataKind,
    origin: Origin,
    exclude: Option<ConnId>,
}

#[derive(Debug, Clone, Copy)]
enum SharedId {
    Ulid(Ulid),
    Given { len: usize },
}

impl Publication<'_> {
    /// Copies it for the shards that are to get it.
    #[must_use]
    pub fn share(&self) -> Arc<SharedPublication> {
        let data = self.data.unwrap_or_default();
        let (id, given) = match self.id {
            MessageId::Ulid(id) => (SharedId::Ulid(id), ""),
            MessageId::Given(id) => (SharedId::Given { len: id.len() }, id),
        };
        let texts = [self.topic, self.event, given].map(str::as_bytes);
        let bytes = [texts[0], texts[1], texts[2], data].concat();
        Arc::new(SharedPublication {
            app: self.app,
            bytes: bytes.into_boxed_slice(),
            topic_len: self.topic.len(),
            event_len: self.event.len(),
            id,
            has_data: self.data.is_some(),
            kind: self.kind,
            origin: self.origin,
            exclude: self.exclude,
        })
    }
}

impl SharedPublication {
    /// The publication as it was.
    #[must_use]
    pub fn publication(&self) -> Publication<'_> {
        let (topic, rest) = self.bytes.split_at(self.topic_len);
        let (event, rest) = rest.split_at(self.event_len);
        let given_len = match self.id {
            SharedId::Ulid(_) => 0,
            SharedId::Given { len } => len,
        };
        let (given, data) = rest.split_at(given_len);
        let text = |bytes| std::str::from_utf8(bytes).expect("copied from a str at this border");
        Publication {
            app: self.app,
            topic: text(topic),
            event: text(event),
            data: self.has_data.then_some(data),
            kind: self.kind,
            id: match self.id {
                SharedId::Ulid(id) => MessageId::Ulid(id),
                SharedId::Given { .. } => MessageId::Given(text(given)),
            },
            origin: self.origin,
            exclude: self.exclude,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::ShardId;
    use crate::base::slab::Key;

    #[test]
    fn shared_publication_is_the_same_publication() {
        let conn = ConnId {
            shard: ShardId(1),
            key: Key {
                slot: 2,
                generation: 3,
            },
        };
        let ids = [MessageId::Ulid(Ulid(5)), MessageId::Given("mine")];
        for (data, id) in [
            (None, ids[0]),
            (Some(&b""[..]), ids[1]),
            (Some(&b"{\"a\":1}"[..]), ids[1]),
        ] {
            let publication = Publication {
                app: AppId(4),
                topic: "straße",
                event: "é",
                data,
                kind: DataKind::Json,
                id,
                origin: Origin::Conn(conn),
                exclude: Some(conn),
            };
            let shared = publication.share();
            assert_eq!(
                format!("{:?}", shared.publication()),
                format!("{publication:?}")
            );
        }
    }
}
