//! All environment variables, in the shape of a file of variables.

use std::fmt::Write as _;

use super::text::groups;
use crate::config::sources::CONFIG_ENV;

/// Every variable with its default, commented out, below one line about it.
#[must_use]
pub fn env_list() -> String {
    let mut text = String::from(
        "# Environment variables of shardcast with their defaults. A variable beats the file, a flag\n\
         # beats a variable. Lists are separated by commas or spaces (that of jwt-key by spaces alone); an\n\
         # empty variable is not set.\n\n\
         # TOML file with further settings\n",
    );
    writeln!(text, "#{CONFIG_ENV}=").expect("a String takes everything");
    for option in groups().into_iter().flat_map(|(_, members)| members) {
        let (name, default) = (option.env_name(), option.default);
        writeln!(text, "\n# {}\n#{name}={default}", option.summary)
            .expect("a String takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Machine, Settings, Sources};

    #[test]
    fn uncommented_it_says_what_the_defaults_say() {
        let list = env_list();
        let lines = list.lines().filter_map(|line| line.strip_prefix('#'));
        let vars: Vec<_> = lines
            .filter(|line| line.starts_with("SHARDCAST_"))
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        assert_eq!(vars.len(), 1 + crate::config::options::ALL.len());
        let machine = Machine::detect();
        let config = Sources::default().read(vars).resolve(&machine).unwrap();
        assert_eq!(config, Settings::default().resolve(&machine).unwrap());
    }
}
