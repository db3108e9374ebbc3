//! What an app server wants done, as a shard does it.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::base::ids::Ulid;
use crate::engine::actions::{Actions, Dispatch, To};
use crate::engine::disconnect::Disconnect;
use crate::service::webhook::{Action, Exclude, Said, Target};

/// The actions in their order. What names a connection by no id that there can be, is for nobody.
pub(super) fn deeds(actions: Vec<Action>) -> Actions<'static> {
    let mut deeds = Actions::default();
    for action in actions {
        match action {
            Action::Reply(said) => deeds.dispatch(dispatch(To::Sender, "", said, None)),
            Action::Publish {
                channel,
                said,
                exclude,
            } => deeds.dispatch(dispatch(To::Topic, channel, said, Some(exclude))),
            Action::Send { to, said, exclude } => {
                let (to, channel) = match to {
                    Target::Connection(id) => match public_id(&id) {
                        Some(id) => (To::Conn(id), String::new()),
                        None => continue,
                    },
                    Target::User(user) => (To::User(Cow::Owned(user)), String::new()),
                    Target::Channel(channel) => (To::Topic, channel),
                    Target::All(_) => (To::Everyone, String::new()),
                };
                deeds.dispatch(dispatch(to, channel, said, Some(exclude)));
            }
            Action::Join { channel } => deeds.join(Cow::Owned(channel)),
            Action::Leave { channel } => deeds.unsubscribe(Cow::Owned(channel)),
            Action::Close { code, reason } => deeds.close(Disconnect {
                code,
                reason: Cow::Owned(reason),
            }),
        }
    }
    deeds
}

fn dispatch(
    to: To<'static>,
    channel: impl Into<Cow<'static, str>>,
    said: Said,
    exclude: Option<Exclude>,
) -> Dispatch<'static> {
    let exclude = exclude.unwrap_or_default();
    let written =
        |data: Box<RawValue>| Cow::Owned(Box::<str>::from(data).into_boxed_bytes().into_vec());
    Dispatch {
        to,
        topic: channel.into(),
        event: Cow::Owned(said.event),
        data: said.data.map(written),
        exclude_sender: exclude.itself,
        exclude: exclude
            .connections
            .iter()
            .filter_map(|id| public_id(id))
            .collect(),
    }
}

fn public_id(text: &str) -> Option<Ulid> {
    let bytes = text.as_bytes();
    Ulid::parse(bytes).or_else(|| Ulid::parse_uuid(bytes))
}
