//! Runs of this harness in processes of their own, each against a server that was started for it.

mod args;
mod outcome;

use std::cell::Cell;
use std::fs::{self, File};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use tokio::signal::unix::SignalKind;

pub(crate) use self::args::RunnerArgs;
pub(crate) use self::outcome::Measured;
use self::outcome::judge;
use crate::failure::Failure;
use crate::interrupt::{Interrupt, SAME};
use crate::machine;
use crate::peers::{Extras, Identity, Peer, Places, Server, Situation, Start};
use crate::processes::{LOOK, Processes};
use crate::progress::Progress;
use crate::scratch::Scratch;

/// A run that does not count is done again, so many times in all.
const TRIES: u32 = 5;

/// Whom runs are made against.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Against<'a> {
    /// A server that is started for each run.
    Started(&'a Peer),
    /// One that is there.
    There {
        /// Where.
        url: &'a str,
        /// What its clients speak.
        dialect: &'a str,
    },
    /// The scenario's own.
    Its,
}

/// A run that is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    /// The scenario's name.
    pub(crate) scenario: &'a str,
    /// Its flags, without those that are the same for all runs.
    pub(crate) flags: Vec<String>,
    /// The server.
    pub(crate) against: Against<'a>,
    /// What is wanted of it.
    pub(crate) extras: Extras,
}

/// Makes runs one after the other.
#[derive(Debug)]
pub(crate) struct Runner {
    processes: Processes,
    interrupt: Interrupt,
    scratch: Scratch,
    /// Of servers, of clients, and all that this process may use; the first two are empty if nothing is pinned.
    cpus: [Vec<usize>; 3],
    places: Places,
    /// Flags of every run.
    common: Vec<String>,
    runs: Cell<u64>,
}

impl Runner {
    /// Listens for Ctrl-C from now on. If servers are started by it (`pins`), they and the clients are pinned.
    ///
    /// # Errors
    ///
    /// When the cores are not there, or there is no place for files.
    pub(crate) fn new(args: &RunnerArgs, pins: bool) -> Result<Self, Failure> {
        let failed = |error| Failure::system("cannot choose cores", error);
        let all = machine::allowed_cpus().map_err(failed)?;
        let [server, client] = args.cpus(&all, pins)?;
        let scratch = Scratch::make()?;
        let identity = Identity::make(scratch.path())?;
        let processes = Processes::default();
        let ending = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        let (all_of_them, folder) = (processes.clone(), scratch.path().to_owned());
        let interrupt = Interrupt::listen_for(&ending, move || {
            all_of_them.kill_all();
            // It goes with the system's next start otherwise.
            let _stays = fs::remove_dir_all(folder);
        })?;
        machine::raise_descriptor_limit();
        if !client.is_empty() {
            // This thread's looks must not disturb the server.
            machine::allow(None, &client).map_err(failed)?;
        }
        let mut common = Vec::new();
        for (flag, cpus) in [("--server-cpu", &server), ("--client-cpu", &client)] {
            if !cpus.is_empty() {
                common.extend([flag.to_owned(), list(cpus)]);
            }
        }
        if let Some(percent) = args.max_steal {
            common.extend(["--max-steal".to_owned(), percent.to_string()]);
        }
        if args.checks_only {
            common.push("--checks-only".to_owned());
        }
        Ok(Self {
            places: Places::new()?
                .with("SERVER_CPU", list(&server))
                .with_identity(&identity),
            processes,
            interrupt,
            scratch,
            cpus: [server, client, all],
            common,
            runs: Cell::new(0),
        })
    }

    /// What descriptions leave open, but for ports.
    pub(crate) fn places(&self) -> &Places {
        &self.places
    }

    /// The cores of servers and of clients, for people.
    pub(crate) fn cores(&self) -> String {
        let [server, client, _] = &self.cpus;
        format!(
            "server on cpu {}, clients on cpu {}",
            list(server),
            list(client)
        )
    }

    /// Whether somebody wants an early end.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupt.is_asked_for()
    }

    /// Whether a run could be made at all.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] that names the scenario or the flag.
    pub(crate) fn check(&self, asked: &Asked<'_>) -> Result<(), Failure> {
        let url = match asked.extras.tls {
            true => "wss://127.0.0.1:1/",
            false => "ws://127.0.0.1:1/",
        };
        let server = (url, Some(1), &["true".to_owned()][..]);
        crate::args::check(&self.arguments(asked, server, "report.json"))
    }

    /// Makes a run, and again if it does not count.
    ///
    /// # Errors
    ///
    /// When the harness itself fails.
    pub(crate) fn measure(
        &self,
        asked: &Asked<'_>,
        progress: &mut Progress,
    ) -> Result<Measured, Failure> {
        let mut tries = 1;
        loop {
            match self.run(asked, progress)? {
                (Measured::Void(why), true) if tries < TRIES => {
                    progress.say(&format!("void, and done again: {why}"));
                    tries += 1;
                }
                (Measured::Void(why), true) => {
                    return Ok(Measured::Void(format!("void {TRIES} times: {why}")));
                }
                (measured, _) => return Ok(measured),
            }
        }
    }

    /// Runs a program until it ends, or somebody does not want to wait for it.
    ///
    /// # Errors
    ///
    /// When it cannot be run, or was interrupted.
    pub(crate) fn run_to_its_end(&self, command: &mut Command) -> Result<ExitStatus, Failure> {
        let name = command.get_program().display().to_string();
        let failed = |error| Failure::system(&format!("cannot run {name}"), error);
        let mut process = self
            .processes
            .start(command, &self.cpus[2])
            .map_err(failed)?;
        while !process.has_ended() {
            if self.is_interrupted() {
                return Err(Failure::CannotMeasure("interrupted".to_owned()));
            }
            thread::sleep(LOOK);
        }
        process.end().map_err(failed)
    }

    /// One run; says whether another might come out otherwise.
    fn run(&self, asked: &Asked<'_>, progress: &mut Progress) -> Result<(Measured, bool), Failure> {
        let log = self.scratch.path().join("server.log");
        let mut server = None;
        let mut storm = None;
        match asked.against {
            Against::Started(peer) if asked.scenario == STORM => {
                match Start::new(peer, asked.extras, &self.places) {
                    Ok(start) => storm = Some((peer, start)),
                    Err(why) => return Ok((Measured::Void(why), false)),
                }
            }
            Against::Started(peer) => {
                let situation = Situation {
                    processes: &self.processes,
                    interrupt: &self.interrupt,
                    cpus: (&self.cpus[0], &self.cpus[1]),
                    places: &self.places,
                    log: &log,
                };
                match Server::start(peer, asked.extras, &situation) {
                    Ok(started) => server = Some(started),
                    Err(_) if self.is_interrupted() => return Ok((Measured::Interrupted, false)),
                    Err(why) => {
                        let why = format!("did not start: {why}");
                        return Ok((Measured::Void(why), false));
                    }
                }
            }
            Against::There { .. } | Against::Its => {}
        }
        let url = match (&server, &storm, asked.against) {
            (Some(server), ..) => server.url(),
            (_, Some((_, start)), _) => &start.url,
            (.., Against::There { url, .. }) => url,
            _ => "",
        };
        let pid = server.as_ref().map(Server::pid);
        let words = storm.as_ref().map_or(&[][..], |(_, start)| &start.words);

        let number = self.runs.replace(self.runs.get() + 1);
        let report = self.scratch.path().join(format!("report-{number}.json"));
        let arguments = self.arguments(asked, (url, pid, words), &report.display().to_string());
        let own = std::env::current_exe()
            .map_err(|error| Failure::system("cannot find this program", error))?;
        let said = self.scratch.path().join("run.log");
        let mut command = Command::new(own);
        command.args(arguments).stdin(Stdio::null());
        if let Some((peer, start)) = &storm {
            command.current_dir(peer.folder());
            command.envs(start.environment.iter().map(|(name, value)| (name, value)));
        }
        let log_of_run = File::create(&said).and_then(|log| Ok([log.try_clone()?, log]));
        let [stdout, stderr] =
            log_of_run.map_err(|error| Failure::system("no place for the run's log", error))?;
        let status = self.run_to_its_end(command.stdout(stdout).stderr(stderr));
        if self.is_interrupted() {
            // Not before the same signal can have come twice.
            thread::sleep(SAME);
            progress.say("ended early; the server is stopped, and Ctrl-C again ends at once");
        }
        let ended = server.and_then(|server| server.stop(&log));
        if self.is_interrupted() {
            return Ok((Measured::Interrupted, false));
        }
        judge(status?, &report, &said, ended)
    }

    /// The command line of a run against a server at a URL, with a process or with a command that starts it.
    fn arguments(
        &self,
        asked: &Asked<'_>,
        (url, pid, command): (&str, Option<i32>, &[String]),
        json: &str,
    ) -> Vec<String> {
        let mut words = vec![
            asked.scenario.to_owned(),
            "--json".to_owned(),
            json.to_owned(),
        ];
        words.extend_from_slice(&self.common);
        words.extend_from_slice(&asked.flags);
        match asked.against {
            Against::Its => return words,
            Against::There { dialect, .. } => {
                words.extend(["--dialect", dialect, "--url", url].map(str::to_owned));
            }
            Against::Started(peer) => {
                words.extend(peer.dialect_flags());
                words.extend(["--url".to_owned(), url.to_owned()]);
                if asked.extras.tls {
                    // What the client saves by looking at no certificate, it has for more handshakes.
                    words.push("--tls-insecure".to_owned());
                }
            }
        }
        if asked.extras.deflate {
            words.push("--deflate".to_owned());
        }
        if asked.scenario == STORM {
            words.push("--".to_owned());
            words.extend_from_slice(command);
        } else if let (Against::Started(_), Some(pid)) = (asked.against, pid) {
            words.extend(["--server-pid".to_owned(), pid.to_string()]);
        }
        words
    }
}

/// The scenario that starts its server by itself.
const STORM: &str = "storm";

fn list(cpus: &[usize]) -> String {
    let cpus: Vec<String> = cpus.iter().map(usize::to_string).collect();
    cpus.join(",")
}
