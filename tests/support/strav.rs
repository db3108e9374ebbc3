//! The words of the strav dialect, as its clients say and read them.

use std::net::SocketAddr;

use super::client::{Client, Incoming, PONG, TEXT, request};

/// Where servers have the dialect by default.
pub(crate) const PATH: &str = "/_broadcast";

/// The event that `{"t":"msg"}` carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) channel: String,
    pub(crate) name: String,
    /// As it was spelled, if it is a number or a string without escapes: all that is used here.
    pub(crate) data: Option<String>,
}

impl Event {
    /// Reads a frame; the keys must stand in the dialect's order.
    pub(crate) fn parse(text: &str) -> Self {
        let parts = || {
            let rest = text.strip_prefix(r#"{"t":"msg","c":""#)?;
            let (channel, rest) = rest.split_once(r#"","e":""#)?;
            let (rest, id) = rest.rsplit_once(r#","i":""#)?;
            let (name, data) = rest.split_once('"')?;
            assert_eq!(id.len(), 28, "a ULID and the end");
            Some(Self {
                channel: channel.to_owned(),
                name: name.to_owned(),
                data: data.strip_prefix(r#","d":"#).map(str::to_owned),
            })
        };
        parts().unwrap_or_else(|| panic!("{text} is no event"))
    }

    /// Data that is a number.
    pub(crate) fn number(&self) -> usize {
        let data = self.data.as_ref().and_then(|data| data.parse().ok());
        data.unwrap_or_else(|| panic!("{self:?} carries no number"))
    }
}

impl Client {
    /// Connects to the dialect's usual endpoint and reads the welcome.
    pub(crate) fn open(addr: SocketAddr) -> Self {
        Self::open_with_id(addr).1
    }

    /// The same, with the connection's id.
    pub(crate) fn open_with_id(addr: SocketAddr) -> (String, Self) {
        Self::tcp(addr).welcomed()
    }

    /// The same with a receive buffer that is soon full.
    pub(crate) fn open_with_small_buffer(addr: SocketAddr) -> Self {
        Self::tcp_with_small_buffer(addr).welcomed().1
    }

    fn welcomed(mut self) -> (String, Self) {
        self.send_raw(&request(PATH));
        self.expect_upgrade();
        let welcome = self.text();
        let id = welcome
            .strip_prefix(r#"{"t":"welcome","id":""#)
            .and_then(|rest| rest.strip_suffix(r#""}"#))
            .unwrap_or_else(|| panic!("{welcome} is no welcome"));
        (id.to_owned(), self)
    }

    /// The next text; pings of both kinds are answered and passed over.
    pub(crate) fn text(&mut self) -> String {
        loop {
            match self.incoming() {
                Incoming::Text(text) if text == r#"{"t":"ping"}"# => {
                    self.send_text(r#"{"t":"pong"}"#);
                }
                Incoming::Text(text) => return text,
                Incoming::Ping(payload) => self.send(PONG, &payload),
                other => panic!("a text was to come, but {other:?} did"),
            }
        }
    }

    /// The next event.
    pub(crate) fn event(&mut self) -> Event {
        Event::parse(&self.text())
    }

    /// Subscribes, and waits for the acknowledgement, which must be the next text.
    pub(crate) fn subscribe(&mut self, channel: &str) {
        self.send_text(&sub(channel));
        assert_eq!(self.text(), ok(channel));
    }

    /// Unsubscribes; nothing answers.
    pub(crate) fn unsubscribe(&mut self, channel: &str) {
        self.send_text(&unsub(channel));
    }

    /// Publishes; nothing answers.
    pub(crate) fn publish(&mut self, channel: &str, event: &str, data: impl std::fmt::Display) {
        self.send_text(&publish(channel, event, data));
    }

    /// The frame of a publication, to be sent with others in one write.
    pub(crate) fn publish_frame(&mut self, channel: &str, event: &str, number: usize) -> Vec<u8> {
        let text = publish(channel, event, number);
        self.frame(true, TEXT, text.as_bytes())
    }

    /// Nothing has come that was not read: the answer to a request is the next frame. What another
    /// shard has still to hand over is not seen by this.
    pub(crate) fn expect_nothing_unread(&mut self) {
        self.subscribe("nothing-unread");
        self.unsubscribe("nothing-unread");
    }
}

/// A subscribe.
pub(crate) fn sub(channel: &str) -> String {
    format!(r#"{{"t":"sub","c":"{channel}"}}"#)
}

/// An unsubscribe.
pub(crate) fn unsub(channel: &str) -> String {
    format!(r#"{{"t":"unsub","c":"{channel}"}}"#)
}

/// The acknowledgement of a subscribe.
pub(crate) fn ok(channel: &str) -> String {
    format!(r#"{{"t":"ok","c":"{channel}"}}"#)
}

/// A publish.
pub(crate) fn publish(channel: &str, event: &str, data: impl std::fmt::Display) -> String {
    format!(r#"{{"t":"pub","c":"{channel}","e":"{event}","d":{data}}}"#)
}
