//! Runs the harness's binary and reads its report.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A run that has ended.
pub(crate) struct Run {
    /// The exit code.
    pub(crate) code: i32,
    /// The JSON report; `Null` if none was written.
    pub(crate) report: Value,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

impl Run {
    /// A count of the report's `faults`.
    pub(crate) fn fault(&self, kind: &str) -> u64 {
        self.report["faults"][kind].as_u64().unwrap_or_else(|| {
            panic!(
                "the report counts {kind}; it said: {}{}",
                self.stdout, self.stderr
            )
        })
    }

    /// A count of the report's `counts`.
    pub(crate) fn count(&self, kind: &str) -> u64 {
        self.report["counts"][kind].as_u64().expect("a count")
    }
}

/// Runs the harness with `args`, separated by spaces.
pub(crate) fn run(args: &str) -> Run {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let number = RUNS.fetch_add(1, Ordering::Relaxed);
    let name = format!("report-{}-{number}.json", std::process::id());
    let json = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let begun = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_shardcast-loadtest"))
        .args(args.split_whitespace())
        .arg("--json")
        .arg(&json)
        .output()
        .expect("the harness runs");
    let elapsed = begun.elapsed();
    let report = std::fs::read(&json).unwrap_or_default();
    // It is there only if the run came to its end.
    let _absent = std::fs::remove_file(&json);
    Run {
        code: output.status.code().expect("no signal ended it"),
        report: serde_json::from_slice(&report).unwrap_or(Value::Null),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        elapsed,
    }
}
