//! Reads the text of one value and says what is wrong with it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::Uri;
use ipnet::IpNet;

use super::complaint::Fault;
use super::machine::Machine;
use super::suggest::nearest;
use super::{cpu_list, units};
use crate::base::limits::NAME_BYTES_MAX;
use crate::dialect::DialectName;
use crate::dialect::shared_websocket::Role;
use crate::engine::decider::Handling;
use crate::engine::origin::{NoOrigin, OriginPattern};
use crate::engine::rules::{Grant, GrantError, Pattern, PatternError, PublishPattern};
use crate::service::Secret;

pub(super) fn address(text: &str) -> Result<SocketAddr, Fault> {
    text.parse().map_err(|_| {
        Fault::new(
            "is not an address",
            "write an IP address and a port, such as 127.0.0.1:7001 (port 0 picks a free one)",
        )
    })
}

/// `Ok(None)` is `none`.
pub(super) fn address_or_none(text: &str) -> Result<Option<SocketAddr>, Fault> {
    if text == "none" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        Fault::new(
            "is not an address",
            "write an IP address and a port, such as 127.0.0.1:7002, or none",
        )
    })
}

pub(super) fn choice<T: Copy>(text: &str, meanings: &[(&str, T)]) -> Result<T, Fault> {
    let found = meanings.iter().find(|(word, _)| *word == text);
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let words: Vec<&str> = meanings.iter().map(|(word, _)| *word).collect();
        Fault::new(
            "is not a choice here",
            format!("write one of {}", words.join(", ")),
        )
    })
}

/// `Ok(None)` is `auto`.
pub(super) fn count(
    text: &str,
    min: usize,
    max: usize,
    auto: bool,
) -> Result<Option<usize>, Fault> {
    if auto && text == "auto" {
        return Ok(None);
    }
    let or_auto = if auto { ", or auto" } else { "" };
    let fix = format!("write a number from {min} to {max}{or_auto}");
    if is_negative(text) {
        return Err(Fault::new("is negative", fix));
    }
    let digits_only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits_only {
        return Err(Fault::new("is not a whole number", fix));
    }
    // Only a number beyond any bound fails to parse here.
    match text.parse::<usize>() {
        Ok(number) if number < min => Err(Fault::new("is too small", fix)),
        Ok(number) if number <= max => Ok(Some(number)),
        _ => Err(Fault::new("is too large", fix)),
    }
}

pub(super) fn size(text: &str, min: usize, max: usize) -> Result<usize, Fault> {
    const FIX: &str = "write bytes or a unit, such as 64KiB";
    if is_negative(text) {
        return Err(Fault::new("is negative", FIX));
    }
    let bytes = units::parse_bytes(text).ok_or_else(|| Fault::new("is not a size", FIX))?;
    if bytes < min as u64 {
        let least = units::format_bytes(min as u64);
        return Err(Fault::new(
            "is too small",
            format!("write at least {least}"),
        ));
    }
    match usize::try_from(bytes) {
        Ok(bytes) if bytes <= max => Ok(bytes),
        _ => Err(Fault::new(
            "is too large",
            format!("write at most {}", units::format_bytes(max as u64)),
        )),
    }
}

pub(super) fn time(
    text: &str,
    min: Duration,
    max: Duration,
    zero: bool,
) -> Result<Duration, Fault> {
    let fix = if zero {
        "write a number with a unit, such as 30s, 500ms or 2m, or 0"
    } else {
        "write a number with a unit, such as 30s, 500ms or 2m"
    };
    if is_negative(text) {
        return Err(Fault::new("is negative", fix));
    }
    let Some(time) = units::parse_duration(text) else {
        let lacks_unit = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let problem = if lacks_unit {
            "has no unit"
        } else {
            "is not a time"
        };
        return Err(Fault::new(problem, fix));
    };
    if time.is_zero() && zero {
        return Ok(time);
    }
    if time < min {
        let least = units::format_duration(min);
        let or_zero = if zero { ", or 0" } else { "" };
        return Err(Fault::new(
            "is too short",
            format!("write at least {least}{or_zero}"),
        ));
    }
    if time > max {
        let most = units::format_duration(max);
        return Err(Fault::new("is too long", format!("write at most {most}")));
    }
    Ok(time)
}

pub(super) fn switch(text: &str) -> Result<bool, Fault> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Fault::new("is neither on nor off", "write true or false")),
    }
}

/// What `--cpus` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cpus {
    Auto,
    Unpinned,
    List(Vec<usize>),
}

pub(super) fn cpus(text: &str, machine: &Machine) -> Result<Cpus, Fault> {
    match text {
        "auto" => return Ok(Cpus::Auto),
        "none" => return Ok(Cpus::Unpinned),
        _ => {}
    }
    let list = cpu_list::parse(text).ok_or_else(|| {
        Fault::new(
            "is not a list of cpus",
            "write numbers and ranges, such as 0,2-3, or auto, or none",
        )
    })?;
    match list.iter().find(|cpu| !machine.cpus_allowed.contains(cpu)) {
        None => Ok(Cpus::List(list)),
        Some(cpu) => Err(Fault::new(
            format!("names cpu {cpu}, which this process may not use"),
            format!("choose from {}", cpu_list::format(&machine.cpus_allowed)),
        )),
    }
}

pub(super) fn endpoint(text: &str) -> Result<(String, DialectName), Fault> {
    let example = format!(
        "write PATH=DIALECT, such as /_broadcast={}",
        DialectName::Strav
    );
    // The last sign, because a path may hold one and a dialect may not.
    let Some((path, dialect)) = text.rsplit_once('=') else {
        return Err(Fault::new("names no dialect", example));
    };
    if !path.starts_with('/') {
        return Err(Fault::new("has a path that does not begin with /", example));
    }
    // What cannot stand in the path of a request could never match one; angle brackets and braces
    // are kept free for captures.
    let is_path_byte = |byte: u8| byte.is_ascii_graphic() && !b"?#<>{}\"\\^`|".contains(&byte);
    if let Some(bad) = path
        .chars()
        .find(|c| !c.is_ascii() || !is_path_byte(*c as u8))
    {
        return Err(Fault::new(
            format!("has {bad:?} in its path"),
            "write the path as it stands in a request, percent-encoded, without a query",
        ));
    }
    DialectName::from_name(dialect)
        .map(|dialect| (path.to_owned(), dialect))
        .ok_or_else(|| {
            let known = DialectName::ALL.map(DialectName::as_str).join(", ");
            Fault::new(
                format!("names a dialect that does not exist: {dialect:?}"),
                format!("the dialects are {known}"),
            )
        })
}

/// Names of topics, as clients may use them too.
pub(super) fn names(text: &str) -> Result<Vec<String>, Fault> {
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    if names.iter().any(String::is_empty) {
        return Err(Fault::new(
            "has an empty name",
            "write names with one comma between two of them",
        ));
    }
    if names.iter().any(|name| name.len() > NAME_BYTES_MAX) {
        let fix = format!("write names of at most {NAME_BYTES_MAX} bytes");
        return Err(Fault::new("has a name that is too long", fix));
    }
    Ok(names)
}

/// Any text that says something.
pub(super) fn text(text: &str) -> Result<String, Fault> {
    if text.is_empty() {
        return Err(Fault::new("is empty", "write a text, or leave it out"));
    }
    Ok(text.to_owned())
}

/// The name as a `Host` header has it, but without the port.
pub(super) fn host_name(text: &str) -> Result<String, Fault> {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_name_byte) {
        return Err(Fault::new(
            "is not a host's name",
            "write the name alone, without scheme and port, such as api.internal",
        ));
    }
    Ok(text.to_owned())
}

/// A single address is a network of itself.
pub(super) fn network(text: &str) -> Result<IpNet, Fault> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse::<IpNet>()).map_err(|_| {
        Fault::new(
            "is neither an address nor a network",
            "write an IP address, or a network with its bits, such as 10.0.0.0/8",
        )
    })
}

pub(super) fn header_name(text: &str) -> Result<String, Fault> {
    match http::HeaderName::from_bytes(text.as_bytes()) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(Fault::new(
            "is not the name of a header",
            "write the name alone, without a colon, such as X-Forwarded-For",
        )),
    }
}

pub(super) fn origin(text: &str) -> Result<OriginPattern, Fault> {
    text.parse().map_err(|error: NoOrigin| {
        Fault::new(
            error.to_string(),
            "write scheme and host, and a port that is not the usual one, without a path: \
             https://app.example.com, or https://*.example.com for every name below",
        )
    })
}

/// The token in the first line of a file; `what` is the word for it.
/// What is in it.
pub(super) fn file(path: &str) -> Result<Vec<u8>, Fault> {
    std::fs::read(path).map_err(|error| {
        Fault::new(
            format!("cannot be read ({error})"),
            "name a file that the server may read",
        )
    })
}

pub(super) fn token_file(path: &str, what: &str) -> Result<Secret, Fault> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Fault::new(
            format!("cannot be read ({error})"),
            format!("name a file whose first line is the {what}"),
        )
    })?;
    let line = text.lines().next().unwrap_or_default().trim();
    // A file's value is its path, so the complaint shows the path and not the token.
    if line.is_empty() {
        return Err(Fault::new(
            "has nothing in its first line",
            format!("write the {what} there, such as what openssl rand -hex 32 prints"),
        ));
    }
    token(line).map_err(|fault| {
        let problem = format!("holds a {what} that cannot be sent");
        Fault::new(problem, fault.fix)
    })
}

/// A token, as a header can carry it.
pub(super) fn token(text: &str) -> Result<Secret, Fault> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Secret::new(text.to_owned()));
    }
    Err(Fault::new(
        "cannot be sent in a header",
        "write letters, digits and signs of ASCII, without spaces",
    ))
}

/// A whole URL of another server.
pub(super) fn url(text: &str) -> Result<Uri, Fault> {
    const FIX: &str = "write it whole, such as https://app.example.com/shardcast";
    let url: Uri = text.parse().map_err(|_| Fault::new("is not a URL", FIX))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(Fault::new("does not begin with http:// or https://", FIX));
    }
    let authority = url.authority().map_or("", |authority| authority.as_str());
    if url.host().unwrap_or_default().is_empty() || authority.ends_with(':') {
        return Err(Fault::new("names no host, or half a port", FIX));
    }
    // It would be printed with the URL, and is not sent.
    if authority.contains('@') {
        return Err(Fault::new(
            "holds a user's name",
            "remove what stands before the @; the signature tells the app server who calls",
        ));
    }
    if text.contains('#') {
        return Err(Fault::new(
            "has a part that is never sent",
            "remove the # and what follows",
        ));
    }
    Ok(url)
}

pub(super) fn publish_rule(text: &str) -> Result<(PublishPattern, Grant), Fault> {
    let (pattern, grant) = granted(text)?;
    let pattern = PublishPattern::parse(pattern).map_err(|error| {
        let fix = match error {
            PatternError::Empty => {
                "write CHANNEL or CHANNEL:EVENT, such as demo:hello or '*:client-*'"
            }
            PatternError::EmptyEvent => "write the event behind the colon, or * for any",
        };
        Fault::new(error.to_string(), fix)
    })?;
    Ok((pattern, grant))
}

pub(super) fn subscribe_rule(text: &str) -> Result<(Pattern, Grant), Fault> {
    let (pattern, grant) = granted(text)?;
    let pattern = Pattern::parse(pattern).map_err(|error| {
        Fault::new(
            error.to_string(),
            "write a channel or a prefix that ends in *, such as 'private-team-*'",
        )
    })?;
    Ok((pattern, grant))
}

pub(super) fn message_rule(text: &str) -> Result<(Pattern, Handling), Fault> {
    const ACTIONS: &str =
        "write EVENT=ACTION with drop, reply, publish:CHANNEL, publish-others:CHANNEL or webhook";
    let (event, action) = text
        .rsplit_once('=')
        .ok_or_else(|| Fault::new("says no action", ACTIONS))?;
    let event = Pattern::parse(event).map_err(|_| Fault::new("names no event", ACTIONS))?;
    let handling = match action {
        "drop" => Handling::Drop,
        "reply" => Handling::Reply,
        "webhook" => Handling::Ask,
        _ => match action.split_once(':') {
            Some((word @ ("publish" | "publish-others"), topic)) if !topic.is_empty() => {
                Handling::Publish {
                    topic: topic.to_owned(),
                    exclude_self: word == "publish-others",
                }
            }
            _ => return Err(Fault::new("names no action that there is", ACTIONS)),
        },
    };
    Ok((event, handling))
}

/// A pattern, and to whom it gives what it matches: to everybody unless it says otherwise.
fn granted(text: &str) -> Result<(&str, Grant), Fault> {
    let Some((pattern, grant)) = text.rsplit_once('=') else {
        return Ok((text, Grant::Allow));
    };
    let grant = Grant::parse(grant).map_err(|error| {
        let fix = match error {
            GrantError::Unknown => {
                "write allow, deny, authenticated, claim:/POINTER, webhook or a name with claims such \
                 as user.{sub} behind the =; a name that has one itself is written with =allow"
            }
            GrantError::Pointer => "write where the claim is, such as claim:/channels",
            GrantError::Braces => "write one claim in each pair, such as user.{sub}",
        };
        Fault::new(error.to_string(), fix)
    })?;
    // Such a rule would match next to nothing, and nobody would see why.
    if matches!(grant, Grant::Template(_)) && pattern.contains(['{', '}']) {
        return Err(Fault::new(
            "has claims before the =, where they stand for themselves",
            "write a prefix that ends in * there, such as 'user.*=user.{sub}'",
        ));
    }
    Ok((pattern, grant))
}

/// `Ok(None)` is `none`.
pub(super) fn json_or_none(text: &str) -> Result<Option<String>, Fault> {
    if text == "none" {
        return Ok(None);
    }
    // What `serde_json` takes is what values are compared by later.
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_) => Ok(Some(text.to_owned())),
        Err(_) => Err(Fault::new(
            "is not JSON",
            r#"write it as it stands in a message, such as '{"type":"ping"}', or none"#,
        )),
    }
}

/// What something is called in the messages of a dialect.
pub(super) fn role_name(text: &str) -> Result<(Role, String), Fault> {
    const EXAMPLE: &str = "write ROLE=NAME, such as channel-join=subscribe";
    let Some((role, name)) = text.split_once('=') else {
        return Err(Fault::new("names no role", EXAMPLE));
    };
    let Some(role) = Role::from_name(role) else {
        let roles = Role::ALL.map(Role::as_str);
        let fix = nearest(role, roles).map_or_else(
            || format!("the roles are {}", roles.join(", ")),
            |meant| format!("did you mean {meant}?"),
        );
        let problem = format!("names a role that does not exist: {role:?}");
        return Err(Fault::new(problem, fix));
    };
    if name.is_empty() {
        return Err(Fault::new("gives no name", EXAMPLE));
    }
    if name.len() > ROLE_NAME_BYTES_MAX {
        let fix = format!("write at most {ROLE_NAME_BYTES_MAX} bytes");
        return Err(Fault::new("gives a name that is too long", fix));
    }
    Ok((role, name.to_owned()))
}

/// Two of them, the fields, are in every event: see `ENVELOPE_BYTES_MAX`.
const ROLE_NAME_BYTES_MAX: usize = 64;

fn is_negative(text: &str) -> bool {
    text.strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
}
