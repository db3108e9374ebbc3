//! The findings for people and for scripts.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::checks::{Finding, Verdict};

const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Self::Ok => GREEN,
            Self::Warn => YELLOW,
            Self::Bad => RED,
        }
    }
}

/// A line for each finding, and one for each fix below it.
pub(super) fn to_text(findings: &[Finding], for_terminal: bool) -> String {
    let mut text = String::new();
    for finding in findings {
        let word = finding.verdict.word();
        let (colour, plain) = if for_terminal {
            (finding.verdict.colour(), PLAIN)
        } else {
            ("", "")
        };
        writeln!(
            text,
            "{colour}{word:<4}{plain}  {:<17}  {}",
            finding.name, finding.found
        )
        .expect("a String takes everything");
        if let Some(fix) = &finding.fix {
            writeln!(text, "{:25}fix: {fix}", "").expect("a String takes everything");
        }
    }
    text
}

/// `ok` is whether nothing is bad.
pub(super) fn to_json(findings: &[Finding]) -> Value {
    let checks: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "name": finding.name,
                "verdict": finding.verdict.word(),
                "found": finding.found,
                "fix": finding.fix,
            })
        })
        .collect();
    let is_bad = |finding: &Finding| finding.verdict == Verdict::Bad;
    json!({ "ok": !findings.iter().any(is_bad), "checks": checks })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(verdict: Verdict, fix: Option<&str>) -> Finding {
        Finding {
            name: "nofile",
            verdict,
            found: "few".to_owned(),
            fix: fix.map(str::to_owned),
        }
    }

    #[test]
    fn fix_stands_below_its_finding() {
        let findings = [
            finding(Verdict::Ok, None),
            finding(Verdict::Bad, Some("more")),
        ];
        assert_eq!(
            to_text(&findings, false),
            "ok    nofile             few\nbad   nofile             few\n                         fix: more\n"
        );
    }

    #[test]
    fn only_a_terminal_gets_colours() {
        let findings = [finding(Verdict::Warn, None)];
        assert!(to_text(&findings, true).starts_with("\x1b[33mwarn\x1b[0m  nofile"));
        assert!(!to_text(&findings, false).contains('\x1b'));
    }

    #[test]
    fn only_something_bad_is_not_ok_for_scripts() {
        let json = to_json(&[finding(Verdict::Warn, Some("more"))]);
        assert_eq!(json["ok"], true);
        assert_eq!(json["checks"][0]["fix"], "more");
        assert_eq!(to_json(&[finding(Verdict::Bad, None)])["ok"], false);
    }
}
