//! From a parsed command line to the sources of the configuration.

use std::env;
use std::fmt::Write;
use std::path::PathBuf;

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::config::option::Kind;
use crate::config::sources::CONFIG_FLAG;
use crate::config::{Complaint, Settings, Sources, options};

/// The file and the flags that were typed; whatever they leave out comes from elsewhere.
pub(super) fn of(matches: &ArgMatches) -> Sources {
    let typed = options::ALL.into_iter().filter(|option| {
        !option.is_secret() && matches.value_source(option.name) == Some(ValueSource::CommandLine)
    });
    let flags = typed.map(|option| {
        let texts = if option.kind == Kind::Switch {
            vec![matches.get_flag(option.name).to_string()]
        } else {
            let typed = matches.get_many::<String>(option.name);
            typed.into_iter().flatten().cloned().collect()
        };
        (option, texts)
    });
    Sources {
        config: matches.get_one::<PathBuf>(CONFIG_FLAG).cloned(),
        flags: flags.collect(),
    }
}

/// What gives a client the token of the API: the same flag and variables that give it to a server, and
/// none of the server's other settings.
pub(super) fn of_api_token(matches: &ArgMatches) -> Settings {
    let file = &options::API_TOKEN_FILE;
    let variables = [file.env_name(), options::API_TOKEN.env_name()];
    let typed = matches.get_one::<String>(file.name);
    let sources = Sources {
        config: None,
        flags: typed
            .map(|path| (file, vec![path.clone()]))
            .into_iter()
            .collect(),
    };
    sources.read(
        env::vars_os().filter(|(name, _)| variables.iter().any(|known| name == known.as_str())),
    )
}

/// All complaints, one on a line.
pub(super) fn list(complaints: &[Complaint]) -> String {
    let mut text = match complaints.len() {
        1 => "a setting cannot be used".to_owned(),
        count => format!("{count} settings cannot be used"),
    };
    for complaint in complaints {
        write!(text, "\n  {complaint}").expect("a String takes everything");
    }
    text.push_str("\nshardcast serve --help explains each of them");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command;
    use crate::config::Machine;
    use crate::engine::rules::Deciding;
    use crate::service;

    fn config_of(args: &[&str]) -> Result<service::ServerConfig, Vec<Complaint>> {
        let matches = command::root().try_get_matches_from(args).unwrap();
        let matches = matches.subcommand().map_or(&matches, |(_, inner)| inner);
        of(matches).read([]).resolve(&Machine::detect())
    }

    #[test]
    fn flags_work_with_and_without_the_subcommand() {
        let flags = ["--listen", "127.0.0.1:0", "--dev-echo", "--cpus=none"];
        let bare = [&["shardcast"], flags.as_slice()].concat();
        let named = [&["shardcast", "serve"], flags.as_slice()].concat();
        let config = config_of(&bare).unwrap();
        assert_eq!(config.listen.port(), 0);
        assert_eq!(config.endpoints.len(), 2);
        assert_eq!(config.cpus, None);
        assert_eq!(config_of(&named).unwrap(), config);
    }

    #[test]
    fn repeated_flags_add_up() {
        let config = config_of(&[
            "shardcast",
            "--endpoint=/a=strav",
            "--endpoint",
            "/b=strav",
            "--allow-publish=x",
            "--allow-publish=y:z",
        ])
        .unwrap();
        assert_eq!(config.endpoints.len(), 2);
        let rules = &config.endpoints[1].rules;
        assert_ne!(rules.of_publish("y", "z"), Deciding::Nothing);
        assert_ne!(rules.of_publish("x", "z"), Deciding::Nothing);
    }

    #[test]
    fn list_of_complaints_tells_each_on_its_line() {
        let complaints = config_of(&["shardcast", "--shards=0", "--driver=x"]).unwrap_err();
        let text = list(&complaints);
        assert!(text.starts_with("2 settings cannot be used\n  --shards: \"0\" is too small;"));
        assert_eq!(text.lines().count(), 4);
    }
}
