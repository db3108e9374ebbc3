//! A server that is killed amid its clients and started again, and what became of them.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::client::Counts;
use crate::failure::Failure;
use crate::machine;
use crate::processes::start_on;
use crate::run::Run;

/// A process of our own.
#[derive(Debug)]
pub(crate) struct KilledServer {
    command: Vec<String>,
    /// Where both of them may run: the clients are pinned meanwhile.
    cpus: Vec<usize>,
    child: Child,
}

impl KilledServer {
    /// Starts it; it need not listen yet when this returns.
    ///
    /// # Errors
    ///
    /// When there is no such program.
    pub(crate) fn start(command: &[String]) -> Result<Self, Failure> {
        let cpus = machine::allowed_cpus()
            .map_err(|error| Failure::system("cannot tell the server's cores", error))?;
        Ok(Self {
            child: spawn(command, &cpus)?,
            command: command.to_vec(),
            cpus,
        })
    }

    /// Kills it without a warning; returns when the system has taken it away.
    ///
    /// # Errors
    ///
    /// When it has ended by itself.
    pub(crate) fn kill(&mut self) -> Result<Duration, Failure> {
        self.still_runs()?;
        let killed = Instant::now();
        end(&mut self.child).map_err(|error| Failure::system("cannot kill the server", error))?;
        Ok(killed.elapsed())
    }

    /// Starts it again after it was killed, as a supervisor would: at once.
    ///
    /// # Errors
    ///
    /// When the system gives no process.
    pub(crate) fn start_again(&mut self) -> Result<(), Failure> {
        self.child = spawn(&self.command, &self.cpus)?;
        Ok(())
    }

    /// Whether it has not ended by itself.
    ///
    /// # Errors
    ///
    /// It has; what it had to say is on standard error.
    pub(crate) fn still_runs(&mut self) -> Result<(), Failure> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(Failure::CannotMeasure(format!(
                "the server has ended by itself: {status}"
            ))),
            Err(error) => Err(Failure::system("cannot look after the server", error)),
        }
    }
}

impl Drop for KilledServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = end(&mut self.child);
    }
}

fn spawn(command: &[String], cpus: &[usize]) -> Result<Child, Failure> {
    let (program, args) = command.split_first().expect("the parser demands a command");
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::null())
        // Its banner, which would come between the lines of the report.
        .stdout(Stdio::null());
    start_on(&mut command, cpus)
        .map_err(|error| Failure::system(&format!("cannot run {program}"), error))
}

fn end(child: &mut Child) -> std::io::Result<()> {
    child.kill()?;
    child.wait().map(drop)
}

impl Run<'_> {
    /// Kills the server if that is planned, starts it again, and waits until everybody is back.
    ///
    /// # Errors
    ///
    /// When not everybody was there, the server cannot be killed, or not everybody comes back.
    pub(crate) fn storm(&mut self) -> Result<Option<Storm>, Failure> {
        let Some(server) = &mut self.to_be_killed else {
            return Ok(None);
        };
        let before = self.shared.counts();
        if before.departed > 0 {
            return Err(Failure::CannotMeasure(format!(
                "the server has cut {} connections before it was killed",
                before.departed
            )));
        }
        let gone = server.kill()?;
        let restarted_ns = self.shared.clock.now_ns();
        server.start_again()?;
        self.wait_for_all(|counts| counts.returned)?;
        Ok(Some(Storm {
            gone,
            restarted_ns,
            counts: [before, self.shared.counts()],
            returned_ns: Vec::new(),
        }))
    }
}

/// How the clients came back.
#[derive(Debug)]
pub(crate) struct Storm {
    /// From SIGKILL until the process was gone.
    pub(crate) gone: Duration,
    /// When it was started again, by the run's clock.
    pub(crate) restarted_ns: u64,
    /// Counts before the server was killed, and when everybody was back.
    pub(crate) counts: [Counts; 2],
    /// When each client was back as far as it was before, by the run's clock, in no order.
    pub(crate) returned_ns: Vec<u64>,
}
