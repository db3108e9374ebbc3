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
    /// Ascending on the shard that accepted it.
    pub id: Ulid,
    /// Who sent it.
    pub origin: Origin,
    /// A subscriber that must not get it.
    pub exclude: Option<ConnId>,
}

/// A publication that crosses to other shards: owned once, shared by reference count.
#[derive(Debug)]
pub struct SharedPublication {
    app: AppId,
    /// Topic, event and data, one after the other: one allocation for all.
    bytes: Box<[u8]>,
    topic_len: usize,
    event_len: usize,
    has_data: bool,
    kind: DataKind,
    id: Ulid,
    origin: Origin,
    exclude: Option<ConnId>,
}

impl Publication<'_> {
    /// Copies it for the shards that are to get it.
    #[must_use]
    pub fn share(&self) -> Arc<SharedPublication> {
        let data = self.data.unwrap_or_default();
        let bytes = [self.topic.as_bytes(), self.event.as_bytes(), data].concat();
        Arc::new(SharedPublication {
            app: self.app,
            bytes: bytes.into_boxed_slice(),
            topic_len: self.topic.len(),
            event_len: self.event.len(),
            has_data: self.data.is_some(),
            kind: self.kind,
            id: self.id,
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
        let (event, data) = rest.split_at(self.event_len);
        let text = |bytes| std::str::from_utf8(bytes).expect("copied from a str at this border");
        Publication {
            app: self.app,
            topic: text(topic),
            event: text(event),
            data: self.has_data.then_some(data),
            kind: self.kind,
            id: self.id,
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
        for data in [None, Some(&b""[..]), Some(&b"{\"a\":1}"[..])] {
            let publication = Publication {
                app: AppId(4),
                topic: "straße",
                event: "é",
                data,
                kind: DataKind::Json,
                id: Ulid(5),
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
