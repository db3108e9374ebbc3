//! Runs the harness's binary and reads its report.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
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

/// A run on its way.
pub(crate) struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// What it has said so far.
    said: String,
    json: PathBuf,
    begun: Instant,
}

impl Running {
    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it runs");
    }

    /// Waits until it has said `text` on standard error.
    pub(crate) fn wait_to_say(&mut self, text: &str) {
        while !self.said.contains(text) {
            let read = self.stderr.read_line(&mut self.said).expect("text");
            assert!(read > 0, "it ended without {text:?}: {}", self.said);
        }
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Run {
        // First, because it says far less on standard output than a pipe holds.
        self.stderr.read_to_string(&mut self.said).expect("text");
        let output = self.child.wait_with_output().expect("our own child");
        let elapsed = self.begun.elapsed();
        let report = std::fs::read(&self.json).unwrap_or_default();
        // It is there only if the run came to its end.
        let _absent = std::fs::remove_file(&self.json);
        Run {
            code: output.status.code().expect("no signal ended it"),
            report: serde_json::from_slice(&report).unwrap_or(Value::Null),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: self.said,
            elapsed,
        }
    }
}

/// Writes a file of this name for a test, in a folder of its own.
pub(crate) fn written(name: &str, text: &str) -> PathBuf {
    static FOLDERS: AtomicU32 = AtomicU32::new(0);
    let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
    let folder = format!("written-{}-{number}", std::process::id());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(folder);
    std::fs::create_dir_all(&folder).expect("a place for files");
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a place for files");
    path
}

/// Runs the harness with `args`, separated by spaces.
pub(crate) fn run(args: &str) -> Run {
    start(args).wait()
}

/// The same with a page at `html`.
pub(crate) fn run_with_page(args: &str, html: &Path) -> Run {
    start_with(harness(), args, &[OsStr::new("--html"), html.as_os_str()]).wait()
}

/// The same, by a process that may have so many descriptors.
pub(crate) fn run_with_descriptors(count: u32, args: &str) -> Run {
    let mut shell = Command::new("sh");
    let script = format!("ulimit -n {count} && exec \"$0\" \"$@\"");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_shardcast-loadtest")]);
    start_with(shell, args, &[]).wait()
}

/// The same, without waiting for its end.
pub(crate) fn start(args: &str) -> Running {
    start_with(harness(), args, &[])
}

/// The harness, to be told what to do.
pub(crate) fn harness() -> Command {
    Command::new(env!("CARGO_BIN_EXE_shardcast-loadtest"))
}

fn start_with(mut command: Command, args: &str, more: &[&OsStr]) -> Running {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let number = RUNS.fetch_add(1, Ordering::Relaxed);
    let name = format!("report-{}-{number}.json", std::process::id());
    let json = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let begun = Instant::now();
    let (scenario, rest) = args.split_once(' ').unwrap_or((args, ""));
    let mut child = command
        .arg(scenario)
        // Before what may end in the command of a server.
        .arg("--json")
        .arg(&json)
        .args(more)
        .args(rest.split_whitespace())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the harness runs");
    Running {
        stderr: BufReader::new(child.stderr.take().expect("piped")),
        child,
        said: String::new(),
        json,
        begun,
    }
}
