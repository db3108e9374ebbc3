//! `shardcast check --explain`: which rule decides whether a client may, and why.

use std::io::Read;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::ArgMatches;
use serde_json::{Value, json};

use super::command;
use super::documents;
use super::failure::Failure;
use crate::engine::decider::{Ruling, Verdict};
use crate::engine::identity::Identity;
use crate::engine::rules::{Deciding, Grant};
use crate::service::identity::{RemoteKeySets, Verifier};
use crate::service::{EndpointConfig, ServerConfig, outbound};

/// What is asked about.
struct Wish<'a> {
    endpoint: &'a EndpointConfig,
    action: &'a str,
    channel: &'a str,
    event: &'a str,
}

/// What is known about whoever asks.
enum Asker {
    Nobody,
    Somebody(Identity),
}

pub(super) fn run(config: &ServerConfig, matches: &ArgMatches) -> Result<(), Failure> {
    let text = |name| matches.get_one::<String>(name).map(String::as_str);
    let channel = text(command::CHANNEL).unwrap_or_default();
    let wish = Wish {
        endpoint: endpoint(config, text(command::AT))?,
        action: text(command::ACTION).unwrap_or_default(),
        channel,
        event: text(command::EVENT).unwrap_or_default(),
    };
    let asker = match text(command::AS) {
        None => Asker::Nobody,
        Some(file) => Asker::Somebody(identify(wish.endpoint, file)?),
    };
    let explained = wish.explain(&asker);
    if matches.get_flag(command::JSON) {
        return documents::print(&format!("{explained:#}\n"));
    }
    let mut lines = String::new();
    for name in ["endpoint", "asked", "as", "rule", "answer", "why"] {
        let said = explained[name].as_str().unwrap_or("nobody");
        lines.push_str(&format!("{name:<9} {said}\n"));
    }
    documents::print(&lines)
}

fn endpoint<'c>(
    config: &'c ServerConfig,
    path: Option<&str>,
) -> Result<&'c EndpointConfig, Failure> {
    let Some(path) = path else {
        return config.endpoints.first().ok_or_else(|| {
            Failure::usage("there is no endpoint; add one with --endpoint".to_owned())
        });
    };
    let found = config.endpoints.iter().find(|known| known.path == path);
    found.ok_or_else(|| {
        let known: Vec<&str> = config.endpoints.iter().map(|e| e.path.as_str()).collect();
        Failure::usage(format!(
            "--at: no endpoint has the path {path:?}; there is {}",
            known.join(", ")
        ))
    })
}

/// Whom a token in a file speaks for, by the keys of the endpoint.
fn identify(endpoint: &EndpointConfig, file: &str) -> Result<Identity, Failure> {
    let token = read(file).map_err(|error| {
        Failure::usage(format!(
            "--as: cannot read {file}: {error}; name a file with a token, or -"
        ))
    })?;
    if endpoint.auth.trusted.is_empty() {
        return Err(Failure::usage(format!(
            "--as: the endpoint {} believes no token; add its keys with --jwt-key",
            endpoint.path
        )));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::world(format!("cannot look at the token: {error}")))?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now_unix_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    runtime.block_on(async {
        // Fetches keys from a URL if there are some there.
        let sets = RemoteKeySets::new(outbound::client());
        let verifier = Verifier::new(&endpoint.auth, &sets);
        verifier
            .verify(token.trim(), now_unix_ms)
            .await
            .map_err(|rejection| {
                Failure::world(format!("--as: {rejection}: the server refuses it"))
            })
    })
}

fn read(file: &str) -> std::io::Result<String> {
    if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(Path::new(file))
}

impl Wish<'_> {
    fn explain(&self, asker: &Asker) -> Value {
        let identity = match asker {
            Asker::Nobody => None,
            Asker::Somebody(identity) => Some(identity),
        };
        let rules = &self.endpoint.rules;
        let deciding = if self.action == command::PUBLISH {
            rules.of_publish(self.channel, self.event)
        } else {
            rules.of_subscribe(self.channel)
        };
        let ruling = deciding.ruling(identity, self.channel);
        let asked = [self.action, self.channel, self.event].join(" ");
        json!({
            "endpoint": format!("{} ({})", self.endpoint.path, self.endpoint.dialect.name()),
            "asked": asked.trim_end(),
            "as": identity.map(|identity| match &identity.user {
                Some(user) => format!("the user {user}"),
                None => "somebody without a name".to_owned(),
            }),
            "rule": self.rule(deciding),
            "answer": match ruling {
                Ruling::Known(Verdict::Allow) => "allowed",
                Ruling::Known(Verdict::Deny | Verdict::Fail) => "denied",
                Ruling::Ask => "the webhook says",
            },
            "why": why(deciding, identity),
        })
    }

    fn rule(&self, deciding: Deciding<'_>) -> String {
        match deciding {
            Deciding::Subscribe(pattern, grant) => format!("allow-subscribe {pattern}={grant}"),
            Deciding::Publish(pattern, grant) => {
                format!(
                    "allow-publish {}:{}={grant}",
                    pattern.channel, pattern.event
                )
            }
            Deciding::Default("", grant) => {
                format!(
                    "none is written: by default {} says {grant}",
                    self.endpoint.dialect.name()
                )
            }
            Deciding::Default(prefix, grant) => format!(
                "none is written: by default {} says {prefix}*={grant}",
                self.endpoint.dialect.name()
            ),
            Deciding::Nothing => "none is written".to_owned(),
        }
    }
}

fn why(deciding: Deciding<'_>, identity: Option<&Identity>) -> String {
    let grant = match deciding {
        Deciding::Subscribe(_, grant)
        | Deciding::Publish(_, grant)
        | Deciding::Default(_, grant) => grant,
        Deciding::Nothing => return "what no rule allows, clients may not publish".to_owned(),
    };
    let shown = |value: Option<&Value>| {
        value.map_or_else(|| "is missing".to_owned(), |value| format!("is {value}"))
    };
    match (grant, identity) {
        (Grant::Allow, _) => "everybody may".to_owned(),
        (Grant::Deny, _) => "nobody may".to_owned(),
        (Grant::Webhook, _) => "the application is asked at each client's first wish".to_owned(),
        (Grant::Authenticated, Some(_)) => "whoever shows a valid token may".to_owned(),
        (Grant::Authenticated | Grant::Claim(_) | Grant::Template(_), None) => {
            "it takes a valid token; show one with --as".to_owned()
        }
        (Grant::Claim(pointer), Some(identity)) => {
            format!("the claim at {pointer} {}", shown(identity.claim(pointer)))
        }
        (Grant::Template(template), Some(identity)) => {
            let claims = template.pointers().map(|pointer| {
                format!("the claim at {pointer} {}", shown(identity.claim(pointer)))
            });
            claims.collect::<Vec<_>>().join(", ")
        }
    }
}
