//! The reference of all options as Markdown.

use std::fmt::Write as _;

use super::text::{bounds, groups, liveness, wrap};
use crate::config::dialect_defaults;
use crate::config::option::OptionRecord;
use crate::config::options::OF_ENDPOINTS;
use crate::dialect::DialectName;

const HEAD: &str = "\
# Configuration

<!-- Made by `shardcast config doc > docs/configuration.md`; a test keeps it current. -->

Every option is a flag, an environment variable and a key of a TOML file. The file is named by
`--config FILE` or `SHARDCAST_CONFIG`; there is no other place where one is looked for.

- `shardcast check` takes the same file, variables and flags as the server, says everything that is wrong
  with them, and prints the result with the origin of each value (`--json` for scripts).
- `shardcast config default` prints a file with every option explained; `shardcast config env` prints the
  variables.

## What counts

Strongest first:

1. a **flag**;
2. an **environment variable**, `SHARDCAST_` and the option's name;
3. a key in an **endpoint's own table** of the file, for that endpoint alone;
4. a key of the **file**;
5. the default of the endpoint's **dialect**, where it has one (see the end of this page);
6. the **default**.

Flags and variables speak about all endpoints. Values of different origins are never mixed: a list of rules
replaces a weaker one, and naming endpoints by flag or variable replaces the file's with all that their
tables say.

Sizes are bytes or have a unit: `65536`, `64KiB`, `1MB`. Times have a unit: `30s`, `500ms`, `1h 30m`; only 0
needs none. In a variable, lists are separated by commas or spaces, that of `jwt-key` by spaces alone (a name that
contains one is written as a flag or in the file), and an empty variable counts as not set. Unknown keys and unknown `SHARDCAST_` variables are
mistakes and are reported; the variables that Kubernetes makes for a service named `shardcast` are not.
Secrets have no flag, and are never printed.

## Endpoints

```toml
[[endpoint]]
path = \"/_broadcast\"
dialect = \"strav\"
app = \"shop\"                    # endpoints with the same app share topics; default: the path, so none
max-message-bytes = \"16KiB\"
allow-subscribe = [\"private-team-*\"]

[[endpoint]]
path = \"/staff\"
dialect = \"strav\"
app = \"shop\"
allow-publish = [\"*:client-*\"]
```

`path` and `dialect` are needed; listing any endpoint replaces the default one. Without limits and rules of its own an
endpoint has those of the whole server. Without tables, `endpoint = [\"/live=strav\"]` does as well.

## Reload

SIGHUP makes the server read the file and the variables again. Options that say so below are applied at once, and no
connection is closed for it: limits and rules reach every shard and hold for connections that are open already. Other
differences are named in one warning and wait for a restart. If anything is wrong, everything stays as it was, and
the log says why.

Under a lower `max-subscriptions` a connection keeps what it has and gets no more. Silence from before a change of
`idle-timeout` counts against nobody.
";

/// The whole page.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    for (group, members) in groups() {
        write(&mut text, format_args!("\n## {}\n", group.heading()));
        for option in members {
            write_option(&mut text, option);
        }
    }
    write_dialect_defaults(&mut text);
    text
}

fn write_option(text: &mut String, option: &OptionRecord) {
    write(text, format_args!("\n### {}\n\n", option.name));
    text.push_str(&wrap(&format!("{}.", option.summary), ""));
    text.push('\n');
    text.push_str(&wrap(&escaped(option.details), ""));
    let default = if option.default.is_empty() {
        "none".to_owned()
    } else {
        format!("`{}`", option.default)
    };
    let flag = if option.is_secret() {
        "no flag: it is a secret".to_owned()
    } else if option.value_name.is_empty() {
        format!("`{}`", option.flag())
    } else {
        format!("`{} {}`", option.flag(), option.value_name)
    };
    let of_endpoint = if OF_ENDPOINTS.contains(&option) {
        "; an endpoint may have its own"
    } else {
        ""
    };
    write(
        text,
        format_args!(
            "\n- {flag}, `{}`, key `{}`\n- {}; default: {default}\n- {}{of_endpoint}\n",
            option.env_name(),
            option.name,
            escaped(&bounds(option.kind)),
            liveness(option),
        ),
    );
}

fn write_dialect_defaults(text: &mut String) {
    text.push_str("\n## Defaults of dialects\n\n| dialect | option | default |\n|---|---|---|\n");
    for dialect in DialectName::ALL {
        for (option, default) in dialect_defaults::all(dialect) {
            write(
                text,
                format_args!("| {dialect} | {} | `{default}` |\n", option.name),
            );
        }
    }
}

/// Markdown would take a star for the beginning of emphasis, and angle brackets for a tag.
fn escaped(text: &str) -> String {
    text.replace('*', "\\*").replace('<', "\\<")
}

fn write(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments)
        .expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::options;

    #[test]
    fn every_option_has_its_section() {
        let page = reference();
        for option in options::ALL {
            assert!(page.contains(&format!("\n### {}\n", option.name)));
            assert!(page.contains(&option.env_name()));
        }
        assert!(page.contains("| echo | max-message-bytes | `16MiB` |"));
    }
}
