//! The rows of the webhook's options.

use super::*;
use crate::config::option::Group;
use crate::service::Secret;
use crate::service::webhook::{Kind, WebhookConfig};

/// Without a URL there is no webhook that could show anything.
pub(super) fn needs_url(option: &OptionRecord) -> bool {
    option.group == Group::Webhook && *option != options::WEBHOOK_URL
}

fn show(config: &ServerConfig, show: impl Fn(&WebhookConfig) -> String) -> String {
    of_endpoint(config)
        .webhook
        .as_ref()
        .map_or_else(|| "none".to_owned(), show)
}

/// Files whose first lines differ, as TOML texts.
macro_rules! file {
    ($path:literal) => {
        concat!("\"", env!("CARGO_MANIFEST_DIR"), "/", $path, "\"")
    };
    (bare $path:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/", $path)
    };
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            option: &options::WEBHOOK_URL,
            file: "\"http://c1/\"",
            endpoint: Some("\"https://c2/\""),
            env: "http://c3/",
            flag: "http://c4/x?y",
            show: |config| show(config, |webhook| webhook.url.to_string()),
            shown: [
                "none",
                "http://c1/",
                "https://c2/",
                "http://c3/",
                "http://c4/x?y",
            ],
        },
        Row {
            option: &options::WEBHOOK_EVENTS,
            file: "[\"connect\"]",
            endpoint: Some("[\"publish\", \"subscribe\"]"),
            env: "message,connected",
            flag: "disconnected",
            show: |config| {
                show(config, |webhook| {
                    let all = Kind::ALL.into_iter();
                    let asked = all.filter(|kind| webhook.kinds.contain(*kind));
                    asked.map(Kind::name).collect::<Vec<_>>().join(" ")
                })
            },
            shown: [
                options::WEBHOOK_EVENTS.default,
                "connect",
                "subscribe publish",
                "message connected",
                "disconnected",
            ],
        },
        Row {
            option: &options::WEBHOOK_TIMEOUT,
            file: "\"1s\"",
            endpoint: Some("\"2s\""),
            env: "1500ms",
            flag: "4s",
            show: |config| show(config, |webhook| webhook.timeout.as_millis().to_string()),
            shown: ["3000", "1000", "2000", "1500", "4000"],
        },
        Row {
            option: &options::WEBHOOK_RETRIES,
            file: "0",
            endpoint: Some("1"),
            env: "3",
            flag: "4",
            show: |config| show(config, |webhook| webhook.retries.to_string()),
            shown: ["2", "0", "1", "3", "4"],
        },
        Row {
            option: &options::WEBHOOK_CONCURRENCY,
            file: "1",
            endpoint: Some("2"),
            env: "3",
            flag: "4",
            show: |config| show(config, |webhook| webhook.concurrency.to_string()),
            shown: ["64", "1", "2", "3", "4"],
        },
        Row {
            option: &options::WEBHOOK_HEADER,
            file: "[\"X-C1\"]",
            endpoint: Some("[\"x-c2\", \"x\"]"),
            env: "x-c3 x",
            flag: "x-c4",
            show: |config| {
                show(config, |webhook| {
                    let names = webhook.headers.iter();
                    names
                        .map(|name| name.as_str())
                        .collect::<Vec<_>>()
                        .join(" ")
                })
            },
            shown: [
                options::WEBHOOK_HEADER.default,
                "x-c1",
                "x-c2 x",
                "x-c3 x",
                "x-c4",
            ],
        },
        Row {
            option: &options::WEBHOOK_SECRET_FILE,
            file: file!("Cargo.toml"),
            endpoint: Some(file!("loadtest/Cargo.toml")),
            env: file!(bare ".gitignore"),
            flag: file!(bare "tests/clients/node/package.json"),
            show: |config| secret_of(config, ["[workspace]", "[package]", "/target", "{"]),
            shown: ["none", "[workspace]", "[package]", "/target", "{"],
        },
        Row {
            option: &options::WEBHOOK_SECRET,
            file: "\"c1\"",
            endpoint: Some("\"c2\""),
            env: "c3",
            // It has none, but is judged as if it had.
            flag: "c4",
            show: |config| secret_of(config, ["c1", "c2", "c3", "c4"]),
            shown: ["none", "c1", "c2", "c3", "c4"],
        },
    ]
}

/// Which of the texts is the secret, which tells nobody itself.
fn secret_of(config: &ServerConfig, texts: [&str; 4]) -> String {
    show(config, |webhook| {
        let is_secret = |text: &&str| webhook.secret == Some(Secret::new((*text).to_owned()));
        texts
            .into_iter()
            .find(is_secret)
            .unwrap_or("none")
            .to_owned()
    })
}
