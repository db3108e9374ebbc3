//! What has become of a run, as its process leaves it behind.

use std::fs;
use std::path::Path;
use std::process::ExitStatus;

use serde_json::Value;

use crate::failure::Failure;

/// What has become of it.
#[derive(Clone, Debug)]
pub(crate) enum Measured {
    /// The figures of this report count.
    Good(Value),
    /// The server has done wrong: how, and the report.
    Faulty(String, Value),
    /// There are no figures that count: why.
    Void(String),
    /// Somebody does not want to wait for it.
    Interrupted,
}

/// What has become of a run, by its exit code, its report, what it said, and how its server ended before it; and whether
/// another run might come out otherwise.
///
/// # Errors
///
/// When it was asked wrongly, or the harness itself failed.
pub(super) fn judge(
    status: ExitStatus,
    report: &Path,
    said: &Path,
    ended: Option<String>,
) -> Result<(Measured, bool), Failure> {
    let bytes = fs::read(report).unwrap_or_default();
    let report: Option<Value> = serde_json::from_slice(&bytes).ok();
    let ended = ended.map_or_else(String::new, |how| format!("; {how}"));
    Ok(match (status.code(), report) {
        (Some(0), Some(report)) => (Measured::Good(report), false),
        (Some(1), Some(report)) => {
            let why = format!("{}{ended}", faults(&report));
            (Measured::Faulty(why, report), false)
        }
        (Some(3), Some(report)) => (Measured::Void(notes(&report).join("; ")), true),
        (Some(3), None) => (Measured::Void(format!("{}{ended}", last_line(said))), false),
        (Some(2), _) => return Err(Failure::Usage(last_line(said))),
        _ => {
            let why = format!("a run ended with {status}: {}", last_line(said));
            return Err(Failure::CannotMeasure(why));
        }
    })
}

/// What was wrong with the deliveries of a run, in words.
fn faults(report: &Value) -> String {
    let kinds = report["faults"].as_object().into_iter().flatten();
    let counted = kinds.filter_map(|(kind, count)| {
        let count = count.as_u64().filter(|count| *count > 0)?;
        Some(format!("{count} {}", kind.replace('_', " ")))
    });
    let counted: Vec<String> = counted.collect();
    match counted.is_empty() {
        true => notes(report).join("; "),
        false => counted.join(", "),
    }
}

/// What a reader of a report must know.
fn notes(report: &Value) -> Vec<&str> {
    let notes = report["notes"].as_array().into_iter().flatten();
    notes.filter_map(Value::as_str).collect()
}

/// The last that a run has said, without its name.
fn last_line(said: &Path) -> String {
    let text = fs::read_to_string(said).unwrap_or_default();
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    let last = last.unwrap_or("it said nothing");
    last.trim_start_matches("shardcast-loadtest: ").to_owned()
}
