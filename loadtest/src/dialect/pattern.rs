//! Messages with blanks, as a template writes them: `{"topic":"${TOPIC}","data":${BODY}}`.

use serde_json::value::RawValue;

use super::{DeliveryEnd, body_of};

/// A message of which some parts may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `${TOPIC}`
    Topic,
    /// `${BODY}`: a JSON value.
    Body,
    /// `${ANY}`
    Any,
}

/// What stood in the blanks of a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Blanks<'a> {
    /// The topic.
    pub(super) topic: Option<&'a str>,
    /// The body, as it should be written.
    pub(super) body: Option<String>,
}

impl Pattern {
    /// Reads what a template says.
    ///
    /// # Errors
    ///
    /// Words for a blank that there is not, or that has no end.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| format!("{text:?} has a ${{ without its }}"))?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(match name {
                "TOPIC" => Piece::Topic,
                "BODY" => Piece::Body,
                "ANY" => Piece::Any,
                _ => {
                    return Err(format!(
                        "{text:?} has ${{{name}}}: there are ${{TOPIC}}, ${{BODY}} and ${{ANY}}"
                    ));
                }
            });
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    /// Whether it has a blank for a body, and just one.
    pub(super) fn has_one_body(&self) -> bool {
        let bodies = self.0.iter().filter(|piece| **piece == Piece::Body);
        bodies.count() == 1
    }

    /// Whether a client could say it: all its blanks are known then.
    pub(super) fn can_be_said(&self) -> bool {
        !self.0.contains(&Piece::Any)
    }

    /// The message for a topic. Blanks for anything else are left empty.
    pub(super) fn fill(&self, topic: &str) -> String {
        fill(&self.0, topic)
    }

    /// What stands before and after the body in the message for a topic.
    pub(super) fn edges(&self, topic: &str) -> (String, String) {
        let at = self.body_at();
        let (head, end) = (&self.0[..at], self.0.get(at + 1..).unwrap_or_default());
        (fill(head, topic), fill(end, topic))
    }

    /// The same for messages that are compared quickly; `None` if there are blanks before the body, or more than one after it.
    pub(super) fn delivery_edges(&self, topic: &str) -> Option<(String, DeliveryEnd)> {
        let at = self.body_at();
        let (head, end) = (&self.0[..at], self.0.get(at + 1..)?);
        let mut parts = end.split(|piece| *piece == Piece::Any);
        let before = fill(parts.next()?, topic);
        let end = match (parts.next(), parts.next()) {
            (None, _) => DeliveryEnd::Fixed(before),
            (Some(after), None) => DeliveryEnd::AroundId(before, fill(after, topic)),
            (Some(_), Some(_)) => return None,
        };
        let is_known = !head.contains(&Piece::Any);
        is_known.then(|| (fill(head, topic), end))
    }

    /// What stands in the blanks of `text`; `None` if it is another message.
    pub(super) fn read<'a>(&self, text: &'a str) -> Option<Blanks<'a>> {
        let mut blanks = Blanks::default();
        let mut rest = text;
        let mut pieces = self.0.as_slice();
        while let [piece, following @ ..] = pieces {
            pieces = following;
            let bytes = match (piece, following) {
                (Piece::Text(text), _) => {
                    rest = rest.strip_prefix(text.as_str())?;
                    continue;
                }
                // Only its own end ends a body: anything may stand in it.
                (Piece::Body, _) => {
                    let values = serde_json::Deserializer::from_str(rest);
                    let mut values = values.into_iter::<&RawValue>();
                    let body = values.next()?.ok()?;
                    blanks.body = body_of(Some(body)).map(Into::into);
                    values.byte_offset()
                }
                (_, []) => rest.len(),
                // The last words are those that end the message.
                (_, [Piece::Text(last)]) => rest.strip_suffix(last.as_str())?.len(),
                (_, [Piece::Text(next), ..]) => rest.find(next.as_str())?,
                (_, [..]) => 0,
            };
            let (blank, after) = rest.split_at(bytes);
            if *piece == Piece::Topic {
                blanks.topic = Some(blank);
            }
            rest = after;
        }
        rest.is_empty().then_some(blanks)
    }

    fn body_at(&self) -> usize {
        let at = self.0.iter().position(|piece| *piece == Piece::Body);
        at.unwrap_or(self.0.len())
    }
}

fn fill(pieces: &[Piece], topic: &str) -> String {
    let text = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => text.as_str(),
        Piece::Topic => topic,
        Piece::Body | Piece::Any => "",
    });
    text.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).expect("a pattern")
    }

    #[test]
    fn blanks_are_filled_and_read() {
        let pattern = pattern(r#"{"c":"${TOPIC}","d":${BODY},"i":"${ANY}"}"#);
        assert_eq!(
            pattern.read(r#"{"c":"load.1","d":{"i":"}","j":[1]},"i":"17"}"#),
            Some(Blanks {
                topic: Some("load.1"),
                body: Some(r#"{"i":"}","j":[1]}"#.to_owned())
            })
        );
        let (head, end) = pattern.delivery_edges("load.1").expect("all known");
        assert_eq!(head, r#"{"c":"load.1","d":"#);
        assert!(
            matches!(end, DeliveryEnd::AroundId(before, after) if before == r#","i":""# && after == r#""}"#)
        );
    }

    #[test]
    fn what_differs_is_another_message() {
        let pattern = pattern(r#"{"d":${BODY}}"#);
        for text in [
            "",
            r#"{"d":}"#,
            r#"{"d":1"#,
            r#"{"d":1}}"#,
            r#"{"d":1,"e":2}"#,
            r#"{"e":1}"#,
        ] {
            assert_eq!(pattern.read(text), None, "{text}");
        }
        assert!(pattern.read(r#"{"d":1}"#).is_some());
    }

    #[test]
    fn anything_ends_where_the_message_does() {
        let pattern = pattern(r#"{"r":{${ANY}}}"#);
        assert!(pattern.read(r#"{"r":{"a":{}}}"#).is_some());
        assert_eq!(pattern.read(r#"{"r":{}"#), None);
        assert!(Pattern::parse("").expect("one").read("").is_some());
    }

    #[test]
    fn blanks_that_there_are_not_are_named() {
        assert!(
            Pattern::parse("${NAME}")
                .expect_err("wrong")
                .contains("${NAME}")
        );
        assert!(
            Pattern::parse("${TOPIC")
                .expect_err("wrong")
                .contains("without")
        );
    }

    #[test]
    fn a_blank_before_the_body_is_read_the_slow_way() {
        assert!(pattern("${ANY}|${BODY}").delivery_edges("load.1").is_none());
        assert!(
            pattern("${BODY}${ANY}|${ANY}")
                .delivery_edges("load.1")
                .is_none()
        );
    }
}
