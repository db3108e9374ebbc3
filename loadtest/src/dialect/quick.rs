//! The quick way through the messages of one topic.
//!
//! What comes before and after the body in a message of the server is known beforehand, if the server keeps the usual order of
//! keys: so those bytes are compared, and only what differs is read by [`Speech::read`].

use super::Speech;

/// What follows the body in a message to a subscriber.
#[derive(Clone, Debug)]
pub(crate) enum DeliveryEnd {
    /// Always this.
    Fixed(String),
    /// This, an id that is any JSON string's inside, and that.
    AroundId(String, String),
}

/// The quick way for the messages of one topic, both ways.
#[derive(Debug)]
pub(crate) struct Quick {
    publish_head: Vec<u8>,
    publish_end: Vec<u8>,
    /// `None` if messages of the server have no usual form.
    delivery: Option<Delivery>,
    body_bytes: usize,
}

#[derive(Debug)]
struct Delivery {
    head: Vec<u8>,
    end: DeliveryEnd,
}

impl Quick {
    /// For messages of `topic` whose bodies have `body_bytes`.
    pub(crate) fn new(speech: &dyn Speech, topic: &str, body_bytes: usize) -> Self {
        let (publish_head, publish_end) = speech.publish_edges(topic, body_bytes);
        let delivery = speech.delivery_edges(topic, body_bytes);
        Self {
            publish_head: publish_head.into_bytes(),
            publish_end: publish_end.into_bytes(),
            delivery: delivery.map(|(head, end)| Delivery {
                head: head.into_bytes(),
                end,
            }),
            body_bytes,
        }
    }

    /// Appends the message that publishes the body that `write_body` appends.
    pub(crate) fn write_publish(&self, out: &mut Vec<u8>, write_body: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(&self.publish_head);
        write_body(out);
        out.extend_from_slice(&self.publish_end);
    }

    /// The body; `None` sends the text the slow way.
    // Always: because there is a slow way that calls it, too, the compiler would not, at 20 instructions a delivery.
    #[inline(always)]
    pub(crate) fn body<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let Delivery { head, end } = self.delivery.as_ref()?;
        let rest = text.strip_prefix(head.as_slice())?;
        let (body, rest) = rest.split_at_checked(self.body_bytes)?;
        let is_right = match end {
            DeliveryEnd::Fixed(end) => rest == end.as_bytes(),
            DeliveryEnd::AroundId(before, after) => {
                let id = rest.strip_prefix(before.as_bytes())?;
                let id = id.strip_suffix(after.as_bytes())?;
                // Escapes and letters beyond ASCII may be right or wrong: that is for the slow way to say.
                id.iter()
                    .fold(true, |plain, byte| plain & PLAIN[usize::from(*byte)])
            }
        };
        is_right.then_some(body)
    }

    /// The body of the message at the front of `bytes`, and what follows the message; `None` sends it the slow way.
    #[inline]
    pub(crate) fn front<'a>(&self, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let Delivery { head, end } = self.delivery.as_ref()?;
        let rest = bytes.strip_prefix(head.as_slice())?;
        let (body, rest) = rest.split_at_checked(self.body_bytes)?;
        match end {
            DeliveryEnd::Fixed(end) => Some((body, rest.strip_prefix(end.as_bytes())?)),
            // Where an id ends, and with it the message, is for the slow way to say.
            DeliveryEnd::AroundId(..) => None,
        }
    }
}

/// Bytes that a JSON string may hold as they are.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
};
