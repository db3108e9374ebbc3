//! Programs that this one starts, and that do not outlive it.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::machine;

/// How often somebody looks whether a program has ended.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// All programs that run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Processes(Arc<Mutex<Running>>);

#[derive(Debug, Default)]
struct Running {
    groups: Vec<Pid>,
    /// Nothing is started any more.
    is_over: bool,
}

/// One of them, with all that it has started itself. It ends at the latest when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Its process group is its own: Ctrl-C on a terminal does not reach it, and what it starts ends with it.
    group: Pid,
    all: Processes,
}

impl Processes {
    /// Starts a program that may run on `cpus` alone; with none of them, wherever the caller may.
    ///
    /// # Errors
    ///
    /// When there is no such program, or no such core.
    pub(crate) fn start(&self, command: &mut Command, cpus: &[usize]) -> io::Result<Process> {
        let mut running = self.lock();
        if running.is_over {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let child = start_on(command.process_group(0), cpus)?;
        let group = Pid::from_child(&child);
        running.groups.push(group);
        Ok(Process {
            child,
            group,
            all: self.clone(),
        })
    }

    /// Kills them all, and lets no other start: this program ends.
    pub(crate) fn kill_all(&self) {
        let mut running = self.lock();
        running.is_over = true;
        for group in &running.groups {
            // It may just have ended.
            let _ended = kill_process_group(*group, Signal::KILL);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts a program that may run on `cpus` alone; with none of them, wherever the caller may.
///
/// # Errors
///
/// When there is no such program, or no such core.
pub(crate) fn start_on(command: &mut Command, cpus: &[usize]) -> io::Result<Child> {
    // A child may run where the thread may that starts it.
    thread::scope(|scope| {
        let starter = scope.spawn(|| {
            if !cpus.is_empty() {
                machine::allow(None, cpus)?;
            }
            command.spawn()
        });
        let started = starter.join();
        started.unwrap_or_else(|_| Err(io::Error::other("the thread that starts it panicked")))
    })
}

impl Process {
    /// Its process id.
    pub(crate) fn id(&self) -> Pid {
        self.group
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        // It stays a zombie, so that nobody else gets its id while it is still among those that run.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.group), options), Ok(None))
    }

    /// Asks it to end, and ends it if it does not within `patience`.
    ///
    /// # Errors
    ///
    /// When the system does not know of it, which would be a fault of this program.
    pub(crate) fn stop(mut self, patience: Duration) -> io::Result<ExitStatus> {
        let asked = Instant::now();
        // It may have ended by itself.
        let _ended = kill_process_group(self.group, Signal::TERM);
        while !self.has_ended() && asked.elapsed() < patience {
            thread::sleep(LOOK / 4);
        }
        self.end()
    }

    /// Ends it without a warning, with all that it has started; what has ended by itself is only taken away.
    ///
    /// # Errors
    ///
    /// When the system does not know of it, which would be a fault of this program.
    pub(crate) fn end(&mut self) -> io::Result<ExitStatus> {
        let mut running = self.all.lock();
        if let Some(index) = running.groups.iter().position(|one| *one == self.group) {
            // Whoever has left its parent is still of its group.
            let _ended = kill_process_group(self.group, Signal::KILL);
            running.groups.swap_remove(index);
        }
        drop(running);
        self.child.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.end();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    use rustix::process::test_kill_process;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        command
    }

    /// Waits for the first line that it says.
    fn heard(process: &mut Process) -> String {
        let stdout = process.child.stdout.take().expect("piped");
        let mut line = String::new();
        let mut lines = BufReader::new(stdout);
        lines.read_line(&mut line).expect("text");
        line.trim().to_owned()
    }

    #[test]
    fn what_a_process_has_started_ends_with_it() {
        let processes = Processes::default();
        let mut process = processes
            .start(&mut shell("sleep 600 & echo $!; exit 0"), &[])
            .expect("a shell");
        let left_behind: i32 = heard(&mut process).parse().expect("its id");
        let left_behind = Pid::from_raw(left_behind).expect("not zero");
        while !process.has_ended() {
            thread::sleep(LOOK);
        }
        assert!(test_kill_process(left_behind).is_ok(), "it still runs");
        drop(process);
        // It is nobody's child here: whoever takes it away does so in its own time.
        let stat = format!("/proc/{}/stat", left_behind.as_raw_nonzero());
        while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            thread::sleep(LOOK);
        }
    }

    #[test]
    fn who_does_not_heed_a_request_is_ended() {
        let processes = Processes::default();
        let script = "trap '' TERM; echo ready; exec sleep 600";
        let mut process = processes.start(&mut shell(script), &[]).expect("a shell");
        assert_eq!(heard(&mut process), "ready");
        let status = process.stop(Duration::from_millis(50)).expect("ours");
        assert!(!status.success(), "{status}");
    }

    #[test]
    fn nothing_starts_once_all_are_killed() {
        let processes = Processes::default();
        let mut process = processes
            .start(&mut shell("echo ready; exec sleep 600"), &[])
            .expect("a shell");
        assert_eq!(heard(&mut process), "ready");
        processes.kill_all();
        while !process.has_ended() {
            thread::sleep(LOOK);
        }
        assert!(processes.start(&mut shell("true"), &[]).is_err());
    }
}
