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

/// Who is to get a publication, among the connections of its app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience<'a> {
    /// The subscribers of its topic.
    Topic,
    /// Every connection that speaks for this user.
    User(&'a str),
    /// The connection that shows this public id.
    Conn(Ulid),
    /// Every connection whose dialect takes broadcasts at that moment.
    Everyone,
}

/// One event on one topic, as dialects encode it.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// The topic space.
    pub app: AppId,
    /// The topic's name. For another audience than its subscribers, what frames that name a topic
    /// shall say, or empty.
    pub topic: &'a str,
    /// Who is to get it.
    pub audience: Audience<'a>,
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
    /// The public ids of connections that must not get it.
    pub exclude: &'a [Ulid],
}

/// A publication that crosses to other shards: owned once, shared by reference count.
#[derive(Debug)]
pub struct SharedPublication {
    app: AppId,
    /// Topic, event, given id, user and data, one after the other: one allocation for all.
    bytes: Box<[u8]>,
    topic_len: usize,
    event_len: usize,
    id: SharedId,
    audience: SharedAudience,
    has_data: bool,
    kind: DataKind,
    origin: Origin,
    exclude: Box<[Ulid]>,
}

#[derive(Debug, Clone, Copy)]
enum SharedId {
    Ulid(Ulid),
    Given { len: usize },
}

#[derive(Debug, Clone, Copy)]
enum SharedAudience {
    Topic,
    User { len: usize },
    Conn(Ulid),
    Everyone,
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
        let (audience, user) = match self.audience {
            Audience::Topic => (SharedAudience::Topic, ""),
            Audience::User(user) => (SharedAudience::User { len: user.len() }, user),
            Audience::Conn(id) => (SharedAudience::Conn(id), ""),
            Audience::Everyone => (SharedAudience::Everyone, ""),
        };
        let [topic, event, given, user] = [self.topic, self.event, given, user].map(str::as_bytes);
        let bytes = [topic, event, given, user, data].concat();
        Arc::new(SharedPublication {
            app: self.app,
            bytes: bytes.into_boxed_slice(),
            topic_len: self.topic.len(),
            event_len: self.event.len(),
            id,
            audience,
            has_data: self.data.is_some(),
            kind: self.kind,
            origin: self.origin,
            exclude: self.exclude.into(),
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
        let user_len = match self.audience {
            SharedAudience::User { len } => len,
            _ => 0,
        };
        let (given, rest) = rest.split_at(given_len);
        let (user, data) = rest.split_at(user_len);
        let text = |bytes| std::str::from_utf8(bytes).expect("copied from a str at this border");
        Publication {
            app: self.app,
            topic: text(topic),
            audience: match self.audience {
                SharedAudience::Topic => Audience::Topic,
                SharedAudience::User { .. } => Audience::User(text(user)),
                SharedAudience::Conn(id) => Audience::Conn(id),
                SharedAudience::Everyone => Audience::Everyone,
            },
            event: text(event),
            data: self.has_data.then_some(data),
            kind: self.kind,
            id: match self.id {
                SharedId::Ulid(id) => MessageId::Ulid(id),
                SharedId::Given { .. } => MessageId::Given(text(given)),
            },
            origin: self.origin,
            exclude: &self.exclude,
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
        for (data, id, audience) in [
            (None, ids[0], Audience::Topic),
            (Some(&b""[..]), ids[1], Audience::User("zoé")),
            (Some(&b"{\"a\":1}"[..]), ids[1], Audience::Everyone),
            (None, ids[1], Audience::Conn(Ulid(7))),
        ] {
            let publication = Publication {
                app: AppId(4),
                topic: "straße",
                audience,
                event: "é",
                data,
                kind: DataKind::Json,
                id,
                origin: Origin::Conn(conn),
                exclude: &[Ulid(1), Ulid(2)],
            };
            let shared = publication.share();
            assert_eq!(
                format!("{:?}", shared.publication()),
                format!("{publication:?}")
            );
        }
    }
}
