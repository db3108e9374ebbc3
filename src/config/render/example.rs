//! A file with every option, explained and commented out.

use std::fmt::Write as _;

use super::text::{bounds, default_value, groups, liveness, quoted, wrap};
use crate::config::option::{Kind, OptionRecord};
use crate::config::options::{self, OF_ENDPOINTS};

const HEAD: &str = "\
# Configuration of shardcast: every option with its default. Prose begins with \"# \", settings with
# \"#\" alone: uncomment what you change. Start with: shardcast --config FILE, after trying it with:
# shardcast check --config FILE. The text was made by: shardcast config default
#
# What counts, strongest first: flag, environment variable, an endpoint's own table, the rest of this
# file, the default of an endpoint's dialect, the default. Lists replace each other, they never add up.
#
# Sizes are bytes or have a unit (65536, \"64KiB\", \"1MB\"); times have a unit (\"30s\", \"500ms\", \"2m\").
";

const ENDPOINTS_HEAD: &str = "\
# ---- Endpoints ----

# One table for each path; they stand at the end of the file. Listing any replaces the default, which
# is the one below. Endpoints with the same app share their topics; without one, each has its own.
# Limits and rules may be left out: what is set above then holds. What is set here beats what is set
# above, and flags and environment variables beat both.
";

/// The file. Uncommented as a whole it changes nothing.
#[must_use]
pub fn example() -> String {
    let mut text = HEAD.to_owned();
    for (group, members) in groups() {
        write(
            &mut text,
            format_args!("\n# ---- {} ----\n", group.heading()),
        );
        for option in members.into_iter().filter(|o| o.kind != Kind::Endpoint) {
            write_option(&mut text, option);
        }
    }
    write(&mut text, format_args!("\n{ENDPOINTS_HEAD}"));
    let (path, dialect) = options::ENDPOINT
        .default
        .rsplit_once('=')
        .expect("the default is PATH=DIALECT");
    let (path, dialect) = (quoted(path), quoted(dialect));
    write(
        &mut text,
        format_args!("#[[endpoint]]\n#path = {path}\n#dialect = {dialect}\n#app = {path}\n"),
    );
    // Those of one dialect alone would be wrong in the table of another.
    let of_all = |option: &&OptionRecord| option.group.dialect().is_none();
    for option in OF_ENDPOINTS.into_iter().filter(of_all) {
        let value = default_value(option);
        write(&mut text, format_args!("#{} = {value}\n", option.name));
    }
    text
}

fn write_option(text: &mut String, option: &OptionRecord) {
    text.push('\n');
    let prose = format!("{}. {}", option.summary, option.details);
    text.push_str(&wrap(&prose, "# "));
    let mut facts = bounds(option.kind);
    if !option.is_secret() {
        write(&mut facts, format_args!("; {}", option.flag()));
    }
    write(
        &mut facts,
        format_args!("; {}; {}", option.env_name(), liveness(option)),
    );
    text.push_str(&wrap(&format!("({facts})"), "# "));
    let value = default_value(option);
    write(text, format_args!("#{} = {value}\n", option.name));
}

fn write(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments)
        .expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Machine, Settings, Sources};

    #[test]
    fn uncommented_it_says_what_the_defaults_say() {
        let lines = example();
        let uncommented: Vec<&str> = lines
            .lines()
            .filter(|line| !line.starts_with("# ") && *line != "#")
            .map(|line| line.strip_prefix('#').unwrap_or(line))
            .collect();
        let file = std::env::temp_dir().join(format!("shardcast-example-{}", std::process::id()));
        std::fs::write(&file, uncommented.join("\n")).unwrap();
        let sources = Sources {
            config: Some(file.clone()),
            ..Sources::default()
        };
        let settings = sources.read([]);
        std::fs::remove_file(file).unwrap();
        let machine = Machine::detect();
        let config = settings.resolve(&machine).unwrap();
        assert_eq!(config, Settings::default().resolve(&machine).unwrap());
        for option in options::ALL {
            assert_eq!(settings.origin(option), crate::config::Origin::File);
        }
    }
}
