//! The bodies of the API: in its routes, with shards behind them.

use std::fmt;
use std::future::{Future, poll_fn};
use std::iter;
use std::pin::pin;
use std::sync::OnceLock;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use shardcast::base::ids::ShardId;
use shardcast::base::io::SendOutcome;
use shardcast::base::limits::NAME_BYTES_MAX;
use shardcast::base::slab::Key;
use shardcast::codec::json::validate;
use shardcast::config::{Machine, Sources, options};
use shardcast::engine::flush::Sink;
use shardcast::service::{EndpointConfig, InProcess, ServerConfig};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use crate::rig::{PEER, START, UPGRADE, client_frame, server_frames};

/// With two, the API has to know who has subscribers.
const SHARDS: usize = 2;

/// The app's limit: names at theirs fit, and larger texts are still small inputs.
const MESSAGE_BYTES_MAX: usize = 1_500;

/// What addresses the one app there is.
const APPS: [&str; 2] = ["/", "/small"];

/// Posts `data` as a publication, as a batch, and twice in one batch, while somebody listens.
///
/// - It is taken exactly when it is what the description of the API says, read here field by field
///   and never as the server's types; otherwise the refusal says why, and nobody hears of it.
/// - What was taken holds the bounds, and comes out in its order on each shard: names decoded,
///   `data` byte for byte as it stands in the body.
/// - The answer takes no more waiting than there are publications.
pub fn api(data: &[u8]) {
    let text = std::str::from_utf8(data).ok();
    let one = text.and_then(publication);
    let many = text.and_then(batch);
    let twice = [&b"{\"publications\":["[..], data, b",", data, b"]}"].concat();
    let twice_text = std::str::from_utf8(&twice).ok();
    let twice_as = twice_text.and_then(batch);

    let mut world = World::new();
    let batches = [&many, &twice_as].into_iter().flatten().flatten();
    for publication in batches.chain(&one) {
        if publication.refusal().is_none() {
            world.subscribe(&publication.channel);
        }
    }

    let (status, answer) = world.post("/v1/publish", data);
    match &one {
        None => assert_malformed(status, &answer),
        Some(publication) => {
            let expected = match publication.refusal() {
                None => 200,
                Some("too_large") => 413,
                Some(_) => 400,
            };
            assert_eq!(status, expected, "{answer}");
            world.check(&[(publication, &answer)]);
        }
    }
    for (body, expected) in [(data, &many), (&twice, &twice_as)] {
        let (status, answer) = world.post("/v1/publish/batch", body);
        let Some(publications) = expected else {
            assert_malformed(status, &answer);
            world.check(&[]);
            continue;
        };
        assert_eq!(status, 200, "{answer}");
        let results = answer["results"].as_array().expect("a list");
        assert_eq!(results.len(), publications.len());
        world.check(&iter::zip(publications, results).collect::<Vec<_>>());
    }
}

fn assert_malformed(status: u16, answer: &Value) {
    assert_eq!(status, 400, "{answer}");
    assert_eq!(answer["error"], "bad_request");
}

/// A publication as the body has it.
#[derive(Default)]
struct Publication<'a> {
    app: Option<String>,
    channel: String,
    event: String,
    data: Option<&'a RawValue>,
    id: Option<String>,
}

impl Publication<'_> {
    /// The word with which it is refused, if it is.
    fn refusal(&self) -> Option<&'static str> {
        let app = self.app.as_deref();
        if app.is_some_and(|app| !APPS.contains(&app)) {
            return Some("unknown_app");
        }
        let names = [Some(&self.channel), Some(&self.event), self.id.as_ref()];
        let lens = names.into_iter().flatten().map(String::len);
        if lens.clone().any(|len| !(1..=NAME_BYTES_MAX).contains(&len)) {
            return Some("bad_request");
        }
        let data = self.data.map_or(0, |data| data.get().len());
        (lens.sum::<usize>() + data > MESSAGE_BYTES_MAX).then_some("too_large")
    }
}

/// The members of a JSON object in their order, doubles included, each value as it is written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

/// The members of an object that has only these, each at most once, by the order of `names`.
fn members<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
) -> Option<[Option<&'a RawValue>; N]> {
    let Members(members) = serde_json::from_str(text).ok()?;
    let mut found = [None; N];
    for (name, value) in members {
        let place = names.iter().position(|known| *known == name)?;
        if found[place].replace(value).is_some() {
            return None;
        }
    }
    Some(found)
}

fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// `None`: no publication.
fn publication(text: &str) -> Option<Publication<'_>> {
    let [app, channel, event, data, id] = members(text, ["app", "channel", "event", "data", "id"])?;
    // Of these, `null` is as good as absent.
    let optional = |value: Option<&RawValue>| match value {
        Some(value) if value.get() != "null" => string(value).map(Some),
        _ => Some(None),
    };
    Some(Publication {
        app: optional(app)?,
        channel: string(channel?)?,
        event: string(event?)?,
        data,
        id: optional(id)?,
    })
}

/// `None`: no batch.
fn batch(text: &str) -> Option<Vec<Publication<'_>>> {
    let [publications] = members(text, ["publications"])?;
    let list: Vec<&RawValue> = serde_json::from_str(publications?.get()).ok()?;
    list.into_iter()
        .map(|value| publication(value.get()))
        .collect()
}

/// The API, its shards, and a client on each.
struct World {
    api: InProcess,
    runtime: Runtime,
    clients: Vec<Client>,
}

struct Client {
    shard: ShardId,
    key: Key,
    received: Vec<u8>,
    /// Frames of `received` that were looked at.
    heard: usize,
}

impl Sink for Client {
    fn send(&mut self, _only: Key, bytes: &[u8]) -> SendOutcome {
        self.received.extend_from_slice(bytes);
        SendOutcome::Sent(bytes.len())
    }
}

/// What an operator would have typed for [`APPS`] and [`MESSAGE_BYTES_MAX`].
fn config() -> &'static ServerConfig {
    static CONFIG: OnceLock<ServerConfig> = OnceLock::new();
    CONFIG.get_or_init(|| {
        let flags = [
            (&options::SHARDS, SHARDS.to_string()),
            (&options::CPUS, "none".to_owned()),
            (&options::DRIVER, "epoll".to_owned()),
            (&options::ENDPOINT, format!("{}=strav", APPS[0])),
            (&options::ALLOW_SUBSCRIBE, "*".to_owned()),
            (&options::MAX_SUBSCRIPTIONS, "1000".to_owned()),
            (&options::MAX_CONNECTIONS, SHARDS.to_string()),
        ];
        let sources = Sources {
            config: None,
            flags: flags.map(|(option, text)| (option, vec![text])).into(),
        };
        let resolved = sources.read([]).resolve(&Machine::detect());
        let mut config = resolved.expect("sound flags");
        // The clients are on the other one: the text that subscribes may be longer than the name.
        let mut small: EndpointConfig = config.endpoints[0].clone();
        APPS[1].clone_into(&mut small.path);
        small.limits.message_bytes_max = MESSAGE_BYTES_MAX;
        config.endpoints.push(small);
        config
    })
}

impl World {
    fn new() -> Self {
        let config = config();
        let api = config.api.as_ref().expect("there is one by default");
        let mut api = InProcess::new(config, api).expect("descriptors");
        let clients = (0..SHARDS).map(|index| {
            let shard = ShardId(index as u16);
            let accepted = api.shard(shard).handle_accepted(START, PEER);
            Client {
                shard,
                key: accepted.expect("room"),
                received: Vec::new(),
                heard: 0,
            }
        });
        let clients = clients.collect();
        let runtime = Builder::new_current_thread().enable_time().build();
        let mut world = Self {
            api,
            runtime: runtime.expect("nothing but memory is asked for"),
            clients,
        };
        world.send(UPGRADE);
        assert!(world.hear().iter().all(|texts| texts.len() == 1), "welcome");
        world
    }

    /// Each client sends the same.
    fn send(&mut self, bytes: &[u8]) {
        for client in &self.clients {
            let shard = self.api.shard(client.shard);
            shard.handle_bytes(START, client.key, &mut bytes.to_vec());
        }
    }

    /// What each client has got since the last time.
    fn hear(&mut self) -> Vec<Vec<String>> {
        let Self { api, clients, .. } = self;
        let hear = |client: &mut Client| {
            let shard = api.shard(client.shard);
            assert!(shard.flush(START, client, usize::MAX));
            let (_, frames, rest) = server_frames(&client.received).expect("a whole response");
            assert_eq!(rest, 0, "whole frames");
            let new = frames[client.heard..].iter().map(|(opcode, text)| {
                assert_eq!(*opcode, 1, "nothing but messages");
                String::from_utf8(text.to_vec()).expect("a text")
            });
            let new: Vec<String> = new.collect();
            client.heard = frames.len();
            new
        };
        clients.iter_mut().map(hear).collect()
    }

    fn subscribe(&mut self, channel: &str) {
        let message = json!({"t": "sub", "c": channel}).to_string();
        self.send(&client_frame(0x81, [0; 4], message.as_bytes()));
        let ok = json!({"t": "ok", "c": channel});
        for texts in self.hear() {
            assert_eq!(texts.len(), 1);
            assert_eq!(serde_json::from_str::<Value>(&texts[0]).unwrap(), ok);
        }
    }

    /// Posts `body`; the status and the answer.
    fn post(&mut self, path: &str, body: &[u8]) -> (u16, Value) {
        let request = Request::post(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Body::from(body.to_vec()))
            .expect("sound headers");
        let router = self.api.router();
        let mut answered = pin!(async {
            let response = router.oneshot(request).await.expect("infallible");
            let status = response.status().as_u16();
            let body = to_bytes(response.into_body(), usize::MAX).await;
            (status, body.expect("a body that is there"))
        });
        // Each publication waits for the shards once, and the runtime has a task give way now and then.
        let mut patience = 16 + body.len();
        let (status, body) = self.runtime.block_on(poll_fn(|context| {
            let polled = answered.as_mut().poll(context);
            if polled.is_pending() {
                patience = patience.checked_sub(1).expect("an end of waiting");
                self.api.take_commands(START);
                context.waker().wake_by_ref();
            }
            polled
        }));
        (status, serde_json::from_slice(&body).expect("JSON"))
    }

    /// Whether each publication was answered as it deserves, and both clients have got, in their
    /// order, those that were taken, and nothing else.
    fn check(&mut self, answered: &[(&Publication<'_>, &Value)]) {
        for (publication, answer) in answered {
            match publication.refusal() {
                Some(word) => assert_eq!(answer["error"], word, "{answer}"),
                None => assert_eq!(answer["subscribers"], SHARDS, "{answer}"),
            }
        }
        for texts in self.hear() {
            let mut texts = texts.iter();
            let taken = |(publication, _): &&(&Publication<'_>, _)| publication.refusal().is_none();
            for (publication, answer) in answered.iter().filter(taken) {
                check_event(texts.next().expect("an event"), publication, answer);
            }
            assert_eq!(texts.next(), None, "nothing else is heard");
        }
    }
}

fn check_event(event: &str, publication: &Publication<'_>, answer: &Value) {
    assert_eq!(validate(event.as_bytes()), Ok(()));
    let found = members(event, ["t", "c", "e", "d", "i"]).expect("an event");
    let [t, c, e, d, i] = found;
    let texts = [t, c, e, i].map(|text| text.and_then(string).expect("a string"));
    let id = answer["id"].as_str().expect("an id");
    assert_eq!(texts, ["msg", &publication.channel, &publication.event, id]);
    match &publication.id {
        Some(given) => assert_eq!(given, id),
        None => assert_eq!(id.len(), 26, "a ULID"),
    }
    let raw = |data: Option<&RawValue>| data.map(|data| data.get().to_owned());
    assert_eq!(raw(d), raw(publication.data), "byte for byte");
}
