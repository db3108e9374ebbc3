//! The command line, made from the option records.

mod clients;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, value_parser};
use clap_complete::Shell;

use crate::config::option::{Kind, OptionRecord};
use crate::config::options;
use crate::config::sources::{CONFIG_ENV, CONFIG_FLAG};

/// The name of the command that runs the server.
pub(super) const SERVE: &str = "serve";
/// The name of the command that validates a configuration.
pub(super) const CHECK: &str = "check";
/// The name of the command that prints documents about the configuration.
pub(super) const CONFIG: &str = "config";
/// The name of the command that prints completions for a shell.
pub(super) const COMPLETIONS: &str = "completions";
/// The name of the command that looks at the machine.
pub(super) const DOCTOR: &str = "doctor";
/// The name of the command that sends one message.
pub(super) const PUBLISH: &str = "publish";
/// The name of the command that prints messages.
pub(super) const SUBSCRIBE: &str = "subscribe";

/// The documents about the configuration.
pub(super) const CONFIG_DEFAULT: &str = "default";
pub(super) const CONFIG_ENV_LIST: &str = "env";
pub(super) const CONFIG_DOC: &str = "doc";

/// The argument that names a shell.
pub(super) const SHELL: &str = "shell";

/// Names of the clients' arguments.
pub(super) const CHANNEL: &str = "channel";
pub(super) const EVENT: &str = "event";
pub(super) const DATA: &str = "data";
pub(super) const URL: &str = "url";
pub(super) const API: &str = "api";
pub(super) const APP: &str = "app";
pub(super) const JSON: &str = "json";
pub(super) const COUNT: &str = "count";
pub(super) const TLS_CA: &str = "tls-ca";

/// Names of what `check --explain` is asked.
pub(super) const EXPLAIN: &str = "explain";
pub(super) const AS: &str = "as";
pub(super) const AT: &str = "at";
pub(super) const ACTION: &str = "action";

const ABOUT: &str = "Realtime WebSocket publish/subscribe server";

const ROOT_EXAMPLES: &str = "\
Examples:
  Serve on this machine, and let clients publish the event hello to the channel demo:
    shardcast --allow-publish demo:hello

  In a second terminal, print what is published; in a third, publish:
    shardcast subscribe demo
    shardcast publish demo hello '{\"from\":\"me\"}'

  Listen on every interface, leave the first two cpus to other work, allow client events:
    shardcast serve --listen 0.0.0.0:7001 --cpus 2-7 --allow-publish '*:client-*'

  Write a configuration file, see whether it is in order, and serve with it:
    shardcast config default > shardcast.toml
    shardcast check --config shardcast.toml
    shardcast --config shardcast.toml

Each option is also an environment variable and a key of the file. A flag beats a variable, a variable
beats the file. SIGHUP reloads file and variables.
Sizes are bytes or have a unit (64KiB, 1MB); times have a unit (30s, 500ms, 2m), and 0 needs none.
Exit codes: 0 it worked, 1 it did not, 2 it was asked wrongly.";

const CHECK_EXAMPLES: &str = "\
Examples:
  shardcast check --config shardcast.toml
  SHARDCAST_LISTEN=0.0.0.0:7001 shardcast check --config shardcast.toml --shards 2
  shardcast check --json | jq .options.listen.value

  Which rule says whether the bearer of a token may subscribe, or publish an event, and why:
    shardcast check --config shardcast.toml --explain --as token.jwt subscribe private-x
    shardcast check --config shardcast.toml --explain --at /ws publish lobby chat

The result is TOML, with the origin of each value beside it; with --explain the answer.
Exit codes: 0 the server would start with it, 2 something is wrong, and all of it is told.";

const CONFIG_EXAMPLES: &str = "\
Examples:
  shardcast config default > shardcast.toml         a file to start from
  shardcast config env | grep -A1 -i message        the variables
  shardcast config doc > configuration.md           the reference";

const DOCTOR_TEXT: &str = "\
Run it as the user, with the limits, in the container and with the flags, variables and file that the
server will have: it looks at what that server would use. One that runs already holds its addresses, so
stop it first. Each line is ok, warn (it works and could do better) or bad (it does not), with the fix
below it.

Examples:
  shardcast doctor
  shardcast doctor --config shardcast.toml
  shardcast doctor --listen 0.0.0.0:7001 --json

Exit codes: 0 nothing is bad, 1 something is.";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  bash: shardcast completions bash > ~/.local/share/bash-completion/completions/shardcast
  zsh:  shardcast completions zsh > \"${fpath[1]}/_shardcast\"
  fish: shardcast completions fish > ~/.config/fish/completions/shardcast.fish";

/// The whole command line. The flags of `serve` work without naming it.
pub(super) fn root() -> Command {
    Command::new("shardcast")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .long_about(format!(
            "{ABOUT}: one binary, one thread per core, nothing else to install. Without a command \
             it serves."
        ))
        .after_help("shardcast --help explains each option and has examples.")
        .after_long_help(ROOT_EXAMPLES)
        .max_term_width(100)
        .args_conflicts_with_subcommands(true)
        .args(server_args())
        .subcommand(
            Command::new(SERVE)
                .about("Run the server (the default)")
                .after_long_help(ROOT_EXAMPLES)
                .args(server_args()),
        )
        .subcommand(
            Command::new(CHECK)
                .about("Validate a configuration and print the result")
                .after_long_help(CHECK_EXAMPLES)
                .arg(
                    Arg::new(JSON)
                        .long(JSON)
                        .action(ArgAction::SetTrue)
                        .help("Print JSON, whatever the result"),
                )
                .args(explain_args())
                .args(server_args()),
        )
        .subcommand(config())
        .subcommand(
            Command::new(DOCTOR)
                .about("Look whether this machine lets the server do its best")
                .after_long_help(DOCTOR_TEXT)
                .arg(
                    Arg::new(JSON)
                        .long(JSON)
                        .action(ArgAction::SetTrue)
                        .help("Print JSON"),
                )
                .args(server_args()),
        )
        .subcommand(
            Command::new(COMPLETIONS)
                .about("Print completions for a shell")
                .after_long_help(COMPLETIONS_EXAMPLES)
                .arg(
                    Arg::new(SHELL)
                        .required(true)
                        .value_name("SHELL")
                        .value_parser(value_parser!(Shell))
                        .help("Which shell"),
                ),
        )
        .subcommand(clients::publish())
        .subcommand(clients::subscribe())
}

/// What `check --explain` takes.
fn explain_args() -> [Arg; 6] {
    let given = |name: &'static str, value_name: &'static str, help: &'static str| {
        let arg = Arg::new(name).requires(EXPLAIN).value_name(value_name);
        arg.help(help)
    };
    [
        Arg::new(EXPLAIN)
            .long(EXPLAIN)
            .action(ArgAction::SetTrue)
            .requires(CHANNEL)
            .help("Tell which rule decides whether a client may, and why"),
        given(
            AS,
            "FILE",
            "Explain for the bearer of the token in this file (- for standard input)",
        )
        .long(AS),
        given(AT, "PATH", "Explain at this endpoint [default: the first]").long(AT),
        given(
            ACTION,
            "ACTION",
            "What the client wants: subscribe or publish",
        )
        .value_parser([SUBSCRIBE, PUBLISH]),
        given(CHANNEL, "CHANNEL", "Where"),
        given(EVENT, "EVENT", "What it would publish").required_if_eq(ACTION, PUBLISH),
    ]
}

/// Ties a negative number to the flag before it: `--ping-interval -5s` becomes one argument.
///
/// Otherwise clap takes `-5s` for a flag of its own and talks about that, while the user should
/// read that a time cannot be negative.
pub(super) fn join_negative_values(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    for arg in args {
        let bytes = arg.as_encoded_bytes();
        let is_negative = bytes.len() > 1 && bytes[0] == b'-' && bytes[1].is_ascii_digit();
        match joined.last_mut() {
            Some(flag) if is_negative && takes_value(flag) => {
                flag.push("=");
                flag.push(arg);
            }
            _ => joined.push(arg),
        }
    }
    joined
}

fn takes_value(arg: &OsString) -> bool {
    options::ALL.iter().any(|option| {
        option.kind != Kind::Switch
            && arg
                .to_str()
                .is_some_and(|text| text.strip_prefix("--") == Some(option.name))
    })
}

fn config() -> Command {
    Command::new(CONFIG)
        .about("Print documents about the configuration")
        .after_long_help(CONFIG_EXAMPLES)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new(CONFIG_DEFAULT)
                .about("A TOML file with every option explained and commented out"),
        )
        .subcommand(
            Command::new(CONFIG_ENV_LIST).about("All environment variables with their defaults"),
        )
        .subcommand(Command::new(CONFIG_DOC).about("The reference of all options as Markdown"))
}

/// What the server takes: the file, and a flag for each option but the secrets.
fn server_args() -> impl Iterator<Item = Arg> {
    let file = Arg::new(CONFIG_FLAG)
        .long(CONFIG_FLAG)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("Read a TOML file")
        .long_help(format!(
            "Read a TOML file; shardcast config default prints one with every option explained. Flags \
             and environment variables beat what it says. [env: {CONFIG_ENV}]"
        ))
        .help_heading("Configuration");
    let flags = options::ALL.iter().filter(|option| !option.is_secret());
    std::iter::once(file).chain(flags.map(|option| server_arg(option)))
}

fn server_arg(option: &'static OptionRecord) -> Arg {
    let is_switch = option.kind == Kind::Switch;
    let default = if is_switch || option.default.is_empty() {
        String::new()
    } else {
        format!("[default: {}]", option.default)
    };
    let arg = Arg::new(option.name)
        .long(option.name)
        .help(
            format!("{} {default}", option.summary)
                .trim_end()
                .to_owned(),
        )
        .long_help(
            format!(
                "{}. {} {default} [env: {}]",
                option.summary,
                option.details,
                option.env_name()
            )
            .replace("  ", " "),
        )
        .help_heading(option.group.heading());
    if is_switch {
        return arg.action(ArgAction::SetTrue);
    }
    // Values stay text here: config checks them, all at once and in its own words.
    arg.value_name(option.value_name)
        .action(if option.repeatable {
            ArgAction::Append
        } else {
            ArgAction::Set
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(args: &[&str]) -> Vec<OsString> {
        join_negative_values(args.iter().map(OsString::from))
    }

    #[test]
    fn command_line_is_consistent() {
        root().debug_assert();
    }

    #[test]
    fn both_helps_list_every_option_with_its_default() {
        for mut command in [root(), root().find_subcommand("serve").unwrap().clone()] {
            let long = command.render_long_help().to_string();
            let short = command.render_help().to_string();
            for option in options::ALL {
                for help in [&short, &long] {
                    assert!(help.contains(&option.flag()), "{}", option.name);
                    assert!(help.contains(option.group.heading()), "{}", option.name);
                }
                if !option.default.is_empty() && option.kind != Kind::Switch {
                    let default = format!("[default: {}]", option.default);
                    // The help may break the line inside of the brackets.
                    let words: Vec<&str> = short.split_whitespace().collect();
                    assert!(words.join(" ").contains(&default), "{}", option.name);
                }
            }
        }
    }

    #[test]
    fn negative_value_is_tied_to_its_flag() {
        assert_eq!(
            joined(&["shardcast", "--ping-interval", "-5s"]),
            ["shardcast", "--ping-interval=-5s"]
        );
    }

    #[test]
    fn only_negative_values_of_flags_are_tied() {
        for args in [
            ["shardcast", "--ping-interval", "--shards"],
            ["shardcast", "--dev-echo", "-5"],
            ["shardcast", "--shards", "-"],
            ["shardcast", "publish", "-5"],
        ] {
            assert_eq!(joined(&args), args);
        }
    }
}
