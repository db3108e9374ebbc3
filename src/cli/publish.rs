//! `shardcast publish`: one message, and whether the server took it.

use std::io::Read;
use std::process;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use std::{fmt, io};

use clap::ArgMatches;
use serde_json::value::RawValue;

use super::api_client::{Api, Publication, Token};
use super::client::Client;
use super::command::{API, APP, CHANNEL, DATA, EVENT, URL};
use super::connect::ANSWER_TIMEOUT;
use super::failure::Failure;
use super::frames::{self, ServerFrame};
use super::sources;
use super::trust::Trust;
use crate::service::ApiToken;

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let text = |name: &str| -> Option<&String> { matches.get_one(name) };
    let channel = text(CHANNEL).expect("clap demands it");
    let event = text(EVENT).expect("clap demands it");
    let url = text(URL).expect("it has a default");
    let trust = Trust::new(matches);
    let api = text(API)
        .map(|url| Api::new(url, read_token(matches)?, &trust))
        .transpose()?;
    let data = match text(DATA).map(String::as_str) {
        Some("-") => Some(read_stdin()?),
        typed => typed.map(str::to_owned),
    };
    let data = data
        .as_deref()
        .map(|data| check_data(channel, event, data))
        .transpose()?;

    match api {
        None => {
            publish(url, &trust, channel, event, data)?;
            eprintln!("published");
        }
        Some(api) => {
            let app = text(APP).map(String::as_str);
            let published = api.publish(&Publication {
                app,
                channel,
                event,
                data,
            })?;
            eprintln!("{published}");
        }
    }
    Ok(())
}

/// The token for the API, if there is one.
fn read_token(matches: &ArgMatches) -> Result<Option<Token>, Failure> {
    let settings = sources::of_api_token(matches);
    let token = settings
        .api_token()
        .map_err(|complaints| Failure::usage(sources::list(&complaints)))?;
    let with_name = |token: ApiToken| {
        let given_by = settings.name_of_token(&token);
        let bearer = token.secret.to_bearer().map_err(|_| {
            Failure::usage(format!(
                "{given_by} gives a token that cannot be sent in a header"
            ))
        })?;
        Ok(Token { bearer, given_by })
    };
    token.map(with_name).transpose()
}

/// Publishes and learns the outcome, for which the protocol has no frame.
///
/// A server handles the frames of one connection in order. So a `sub` for a channel that nobody
/// uses is sent behind the `pub`: whatever the server has against the publish, it says before it
/// answers the `sub`.
fn publish(
    url: &str,
    trust: &Trust,
    channel: &str,
    event: &str,
    data: Option<&RawValue>,
) -> Result<(), Failure> {
    let probe = probe_channel();
    let mut client = Client::connect(url, trust)?;
    client.set_deadline(Some(Instant::now() + ANSWER_TIMEOUT));
    client.send(frames::publish(channel, event, data))?;
    client.send(frames::subscribe(&probe))?;
    loop {
        match ServerFrame::parse(&client.receive()?) {
            ServerFrame::Refused {
                channel: at,
                reason,
            } if at == channel => {
                return Err(refused(channel, event, &reason));
            }
            // Whether the probe was welcome does not matter, only that it has been answered.
            ServerFrame::Subscribed { channel: at } | ServerFrame::Refused { channel: at, .. }
                if at == probe =>
            {
                break;
            }
            _ => {}
        }
    }
    client.close();
    Ok(())
}

fn refused(channel: &str, event: &str, reason: &str) -> Failure {
    let hint = match reason {
        "publish denied" => {
            // A rule is split at its last colon, so it cannot name an event that has one.
            let event = if event.contains(':') { "*" } else { event };
            let rule = rule(&format!("{channel}:{event}"));
            format!("; start the server with --allow-publish {rule}")
        }
        "unauthorized" => {
            let rule = rule(channel);
            format!("; start the server with --allow-subscribe {rule}, which publishing needs too")
        }
        _ => String::new(),
    };
    Failure::world(format!("publish refused: {reason}{hint}"))
}

/// A rule for everybody as it is typed in a shell.
fn rule(pattern: &str) -> String {
    // What follows the last = says to whom it is granted.
    let grant = if pattern.contains('=') { "=allow" } else { "" };
    ShellQuoted(&format!("{pattern}{grant}")).to_string()
}

/// The data as JSON, or why it is none and how to type it.
fn check_data<'a>(channel: &str, event: &str, data: &'a str) -> Result<&'a RawValue, Failure> {
    serde_json::from_str(data).map_err(|error| {
        let intro = format!("DATA is not valid JSON: {error}");
        if data.trim_start().starts_with(['{', '[']) {
            return Failure::usage(format!(
                "{intro}\n  names and texts need double quotes, and the whole needs single quotes \
                 to survive the shell:\n  shardcast publish {} {} '{{\"name\":\"value\"}}'",
                ShellQuoted(channel),
                ShellQuoted(event),
            ));
        }
        // Somebody who types hello wants a text; shown with the text, unless that is a whole file.
        let text = if data.len() <= 60 {
            data.trim()
        } else {
            "some text"
        };
        Failure::usage(format!(
            "{intro}\n  a text needs JSON's double quotes inside the shell's single quotes:\n  \
             shardcast publish {} {} {}",
            ShellQuoted(channel),
            ShellQuoted(event),
            ShellQuoted(&frames::quoted(text)),
        ))
    })
}

fn read_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).map_err(|error| {
        Failure::world(format!("cannot read DATA from standard input: {error}"))
    })?;
    Ok(text)
}

/// A channel that nobody else uses, so that the answer can only be ours.
fn probe_channel() -> String {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since_epoch.map_or(0, |time| time.as_nanos());
    format!("shardcast.probe.{}.{nanos}", process::id())
}

/// A text as it must be typed in a shell to arrive unchanged.
pub(super) struct ShellQuoted<'a>(pub(super) &'a str);

impl fmt::Display for ShellQuoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./,=@%+".contains(c);
        if !self.0.is_empty() && self.0.chars().all(is_plain) {
            return f.write_str(self.0);
        }
        write!(f, "'{}'", self.0.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_json_quotes_is_shown_with_them() {
        let failure = check_data("demo", "hello", "it's me").unwrap_err();
        let message = failure.message();
        assert!(message.starts_with("DATA is not valid JSON: expected value at line 1 column 1"));
        assert!(
            message.ends_with(r#"shardcast publish demo hello '"it'\''s me"'"#),
            "{message}"
        );
    }

    #[test]
    fn object_that_lost_its_quotes_is_shown_with_them() {
        let failure = check_data("demo", "hello", "{x:1}").unwrap_err();
        assert!(
            failure
                .message()
                .ends_with(r#"shardcast publish demo hello '{"name":"value"}'"#),
            "{failure:?}"
        );
    }

    #[test]
    fn data_may_be_what_json_parse_takes() {
        for data in ["null", " 1 ", "1e999", r#""\ud800""#, "[]", "-5"] {
            assert!(check_data("a", "b", data).is_ok(), "{data}");
        }
        for data in ["", "hello", "{} {}", "01", "'x'"] {
            assert!(check_data("a", "b", data).is_err(), "{data}");
        }
    }

    #[test]
    fn refusal_tells_the_rule_that_would_allow_it() {
        let message = |channel, event, reason| refused(channel, event, reason).message().to_owned();
        assert_eq!(
            message("demo", "hello", "publish denied"),
            "publish refused: publish denied; start the server with --allow-publish 'demo:hello'"
        );
        assert_eq!(
            message("chat:room", "a:b", "publish denied"),
            "publish refused: publish denied; start the server with --allow-publish 'chat:room:*'"
        );
        assert_eq!(
            message("private-x", "hello", "unauthorized"),
            "publish refused: unauthorized; start the server with --allow-subscribe private-x, \
             which publishing needs too"
        );
        assert_eq!(
            message("demo", "hello", "publish failed"),
            "publish refused: publish failed"
        );
    }

    #[test]
    fn shell_quoting_keeps_plain_words_plain() {
        for (text, quoted) in [
            ("demo", "demo"),
            ("", "''"),
            ("a b", "'a b'"),
            ("*", "'*'"),
            ("it's", r"'it'\''s'"),
        ] {
            assert_eq!(ShellQuoted(text).to_string(), quoted);
        }
    }
}
