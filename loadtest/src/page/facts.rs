//! What was run, where and when: enough to do it again.

use serde_json::Value;

use super::figure::Figure;
use super::markup::Markup;
use super::run::Run;
use super::tables;

/// Tells it of all runs, and their settings.
pub(super) fn write(body: &mut Markup, runs: &[Run]) {
    for run in runs {
        if runs.len() > 1 {
            body.text_element("h3", &[], &run.label);
        }
        facts(body, run);
    }
    match runs {
        [run] => settings(body, run),
        runs => tables::settings(body, runs),
    }
}

/// Date and time of a run.
pub(super) fn when(run: &Run) -> String {
    // At most what the format has room for: the year 9999.
    let s = run.number("/unix_time_s").unwrap_or_default();
    let since = std::time::Duration::from_secs_f64(s.clamp(0.0, 253_402_300_799.0));
    let text = humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + since).to_string();
    text.replace('T', " ").replace('Z', " UTC")
}

fn facts(body: &mut Markup, run: &Run) {
    let host = format!(
        "{}, kernel {}, {} cores of {}",
        run.text("/host/name"),
        run.text("/host/kernel"),
        run.number("/host/cpus").unwrap_or_default(),
        run.text("/host/cpu_model")
    );
    let harness = format!("{} of commit {}", run.text("/version"), run.text("/commit"));
    body.element("dl", &[("class", &"facts")], |list| {
        for (name, text) in [("when", when(run)), ("host", host), ("harness", harness)] {
            list.text_element("dt", &[], name);
            list.text_element("dd", &[], text);
        }
        let command = run.texts("/command_line").into_iter().map(quoted);
        // That of the server is one text, whose quotes are lost.
        let server = run
            .text("/server/command_line")
            .split_whitespace()
            .map(str::to_owned);
        for (name, words) in [
            ("command", command.collect()),
            ("server", server.collect::<Vec<_>>()),
        ] {
            if words.is_empty() {
                continue;
            }
            list.text_element("dt", &[], name);
            list.element("dd", &[], |dd| {
                dd.element("code", &[], |code| write_words(code, &words))
            });
        }
    });
}

/// Each word whole: a line would else end behind any hyphen.
fn write_words(code: &mut Markup, words: &[String]) {
    for word in words {
        code.text_element("span", &[], word);
        code.text(" ");
    }
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_=+:,./@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn settings(body: &mut Markup, run: &Run) {
    body.text_element("h3", &[], "Settings");
    body.element("dl", &[("class", &"settings")], |list| {
        for (pointer, value) in run.leaves("/settings") {
            if value == Value::Null {
                continue;
            }
            list.element("div", &[], |pair| {
                pair.text_element("dt", &[], Figure::at(&pointer).name);
                pair.text_element("dd", &[], tables::setting(&pointer, &value));
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::page::tests::run;

    #[test]
    fn words_can_be_given_to_a_shell_again() {
        for (word, text) in [
            ("--rate", "--rate"),
            (
                "ws://127.0.0.1:7001/_broadcast",
                "ws://127.0.0.1:7001/_broadcast",
            ),
            ("load.*", "'load.*'"),
            ("two words", "'two words'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), text);
        }
    }

    #[test]
    fn any_time_is_a_date() {
        for (time, text) in [
            (json!(1_764_500_000), "2025-11-30 10:53:20 UTC"),
            (json!(1e17), "9999-12-31 23:59:59 UTC"),
            (json!(-5), "1970-01-01 00:00:00 UTC"),
            (json!("never"), "1970-01-01 00:00:00 UTC"),
        ] {
            assert_eq!(when(&run("a", &[("/unix_time_s", time)])), text);
        }
    }
}
