//! The command line of the two clients.

use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, Command, value_parser};

use super::{API, APP, CHANNEL, COUNT, DATA, EVENT, JSON, PUBLISH, SUBSCRIBE, TLS_CA, URL};
use crate::base::limits::NAME_BYTES_MAX;
use crate::config::options;

const PUBLISH_EXAMPLES: &str = "\
Examples:
  shardcast publish demo hello                      an event without data
  shardcast publish demo hello '{\"x\":1}'            an object
  shardcast publish demo hello '\"hi\"'               a text: JSON quotes inside shell quotes
  generate-report | shardcast publish demo report - data from standard input

The server must allow it: shardcast serve --allow-publish demo:hello

  shardcast publish demo hello --api http://127.0.0.1:7002
  shardcast publish demo hello --api http://10.0.0.5:7002 --api-token-file token.txt --app /live

The HTTP API needs no such rule, and tells the id and how many subscribers there were.
Exit codes: 0 published, 1 refused or not reachable, 2 asked wrongly.";

const SUBSCRIBE_EXAMPLES: &str = "\
Examples:
  shardcast subscribe demo
  shardcast subscribe orders.42 orders.43 --json
  shardcast subscribe demo --count 1                wait for one message
  shardcast subscribe demo --url wss://live.example.com/_broadcast

Each message is one line: channel, event, data. Notices go to standard error.
Exit codes: 0 ended by Ctrl-C or --count, 1 refused, not reachable or cut off, 2 asked wrongly.";

pub(super) fn publish() -> Command {
    Command::new(PUBLISH)
        .about("Publish one message through a running server")
        .after_long_help(PUBLISH_EXAMPLES)
        .arg(
            name_arg(CHANNEL)
                .value_name("CHANNEL")
                .help("Where to publish"),
        )
        .arg(name_arg(EVENT).value_name("EVENT").help("The event's name"))
        .arg(
            Arg::new(DATA)
                .value_name("DATA")
                .allow_negative_numbers(true)
                .help("The event's data as JSON; - reads it from standard input"),
        )
        .arg(url_arg())
        .args(api_args())
        .arg(tls_ca_arg())
}

pub(super) fn subscribe() -> Command {
    Command::new(SUBSCRIBE)
        .about("Print the messages of some channels, one per line")
        .after_long_help(SUBSCRIBE_EXAMPLES)
        .arg(
            name_arg(CHANNEL)
                .value_name("CHANNEL")
                .num_args(1..)
                .help("What to listen to"),
        )
        .arg(url_arg())
        .arg(tls_ca_arg())
        .arg(
            Arg::new(JSON)
                .long(JSON)
                .action(ArgAction::SetTrue)
                .help("Print each message as the frame that carried it"),
        )
        .arg(
            Arg::new(COUNT)
                .long(COUNT)
                .value_name("N")
                .value_parser(value_parser!(u64).range(1..))
                .help("End after N messages"),
        )
}

/// The name of a channel or event. The server drops frames with an empty or overlong name without
/// a word, so they are refused here.
fn name_arg(id: &'static str) -> Arg {
    let parser = NonEmptyStringValueParser::new().try_map(|name| {
        if name.len() > NAME_BYTES_MAX {
            Err(format!("a name has at most {NAME_BYTES_MAX} bytes"))
        } else {
            Ok(name)
        }
    });
    Arg::new(id).required(true).value_parser(parser)
}

fn url_arg() -> Arg {
    Arg::new(URL)
        .long(URL)
        .value_name("URL")
        .default_value("ws://127.0.0.1:7001/_broadcast")
        .help("A strav endpoint of the server")
}

fn tls_ca_arg() -> Arg {
    Arg::new(TLS_CA)
        .long(TLS_CA)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("For wss:// and https://: believe whom these certificates vouch for, in PEM [default: whom the system believes]")
}

/// What leads a publication through the HTTP API instead.
fn api_args() -> [Arg; 3] {
    let token_file = &options::API_TOKEN_FILE;
    [
        Arg::new(API)
            .long(API)
            .value_name("URL")
            .conflicts_with(URL)
            .help("Publish through the HTTP API at this base URL instead"),
        Arg::new(APP)
            .long(APP)
            .value_name("NAME")
            .requires(API)
            .help("The topic space, by an app's name or an endpoint's path [default: the first endpoint's]"),
        Arg::new(token_file.name)
            .long(token_file.name)
            .value_name(token_file.value_name)
            .requires(API)
            .help(format!(
                "File whose first line is the API's token; {} can give it instead",
                options::API_TOKEN.env_name()
            )),
    ]
}
