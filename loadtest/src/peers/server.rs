//! A server that was started for a run.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustls::StreamOwned;

use super::{Beside, Extras, Peer, Places, Port};
use crate::interrupt::Interrupt;
use crate::machine;
use crate::processes::{LOOK, Process, Processes};
use crate::target::Target;
use crate::tls::TlsArgs;

/// How long a server may take until it answers.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// How long it may take to end when it is asked to.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// How long one attempt to become a WebSocket may take.
const ANSWER_PATIENCE: Duration = Duration::from_secs(2);

/// How much of what it has said is told when it fails, in lines.
const LAST_WORDS: usize = 3;

/// Where and as what a server is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation<'a> {
    /// Whom it ends with.
    pub(crate) processes: &'a Processes,
    /// What makes it not worth waiting for.
    pub(crate) interrupt: &'a Interrupt,
    /// Its own cores, and those of the clients.
    pub(crate) cpus: (&'a [usize], &'a [usize]),
    /// What its description leaves open, but for its port.
    pub(crate) places: &'a Places,
    /// Where what it says is kept.
    pub(crate) log: &'a Path,
}

/// It is ready, and ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
    url: String,
    _port: Port,
}

/// A server's command with everything filled in.
#[derive(Debug)]
pub(crate) struct Start {
    /// The program and its arguments.
    pub(crate) words: Vec<String>,
    /// Variables that it gets.
    pub(crate) environment: Vec<(String, String)>,
    /// Where it can be reached then.
    pub(crate) url: String,
    port: Port,
}

impl Start {
    /// Fills in a port and all else.
    ///
    /// # Errors
    ///
    /// Words for why there is no port.
    pub(crate) fn new(peer: &Peer, extras: Extras, places: &Places) -> Result<Self, String> {
        let port = Port::reserve().map_err(|error| format!("no free port: {error}"))?;
        let places = places.clone().with("PORT", port.number);
        let variants: Vec<_> = peer.variants(extras).collect();
        let words = variants.iter().flat_map(|variant| &variant.arguments);
        let words = peer.command.iter().chain(words);
        let environment = variants.iter().flat_map(|variant| &variant.environment);
        let environment = peer.environment.iter().chain(environment);
        let url = variants
            .iter()
            .rev()
            .find_map(|variant| variant.url.as_ref());
        Ok(Self {
            words: words.map(|word| places.fill(word)).collect(),
            environment: environment
                .map(|(name, value)| (name.clone(), places.fill(value)))
                .collect(),
            url: places.fill(url.unwrap_or(&peer.url)),
            port,
        })
    }
}

impl Server {
    /// Starts one, and waits until it answers.
    ///
    /// # Errors
    ///
    /// Words for why it does not, with its last ones.
    pub(crate) fn start(
        peer: &Peer,
        extras: Extras,
        situation: &Situation<'_>,
    ) -> Result<Self, String> {
        let start = Start::new(peer, extras, situation.places)?;
        let log = File::create(situation.log);
        let logs = log.and_then(|log| Ok([log.try_clone()?, log]));
        let [stdout, stderr] = logs.map_err(|error| format!("no place for its log: {error}"))?;
        let mut command = peer.command(&start.words);
        command
            .envs(start.environment)
            .stdout(stdout)
            .stderr(stderr);
        let (server_cpus, client_cpus) = situation.cpus;
        let started = situation.processes.start(&mut command, server_cpus);
        let mut server = Self {
            process: started.map_err(|error| format!("cannot run {}: {error}", start.words[0]))?,
            url: start.url,
            _port: start.port,
        };
        if let Err(why) = server.wait_until_ready(situation.interrupt) {
            return Err(format!("{why}{}", last_words(situation.log)));
        }
        if peer.beside == Some(Beside::Main) && !client_cpus.is_empty() {
            machine::allow(Some(server.process.id()), client_cpus)
                .map_err(|error| format!("its main thread cannot be moved: {error}"))?;
        }
        Ok(server)
    }

    /// Where clients connect.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.process.id().as_raw_nonzero().get()
    }

    /// Ends it; what it has said is in `log`. Says how it ended if that was before it was asked to.
    pub(crate) fn stop(mut self, log: &Path) -> Option<String> {
        if !self.process.has_ended() {
            // A child of ours always ends.
            let _ended = self.process.stop(STOP_PATIENCE);
            return None;
        }
        let how = self
            .process
            .end()
            .map_or_else(|e| e.to_string(), |s| s.to_string());
        Some(format!(
            "the server has ended by itself, {how}{}",
            last_words(log)
        ))
    }

    fn wait_until_ready(&mut self, interrupt: &Interrupt) -> Result<(), String> {
        let started = Instant::now();
        loop {
            let why = match self.answers() {
                Ok(()) => return Ok(()),
                Err(why) => why,
            };
            if self.process.has_ended() {
                let how = self.process.end();
                let how = how.map_or_else(|error| error.to_string(), |status| status.to_string());
                return Err(format!("it ended before it was ready, {how}"));
            }
            if started.elapsed() > START_PATIENCE {
                let seconds = START_PATIENCE.as_secs();
                return Err(format!("it was not ready within {seconds} s: {why}"));
            }
            if interrupt.is_asked_for() {
                return Err("interrupted".to_owned());
            }
            thread::sleep(LOOK);
        }
    }

    /// Whether it makes a connection a WebSocket.
    fn answers(&self) -> Result<(), String> {
        let tls = match self.url.starts_with("wss:") {
            true => TlsArgs::insecure(),
            false => TlsArgs::default(),
        };
        let target = Target::parse(&self.url, false, &tls).map_err(|why| why.to_string())?;
        let in_words = |error: std::io::Error| format!("{}: {error}", self.url);
        let socket = TcpStream::connect_timeout(&target.addr, ANSWER_PATIENCE).map_err(in_words)?;
        socket
            .set_read_timeout(Some(ANSWER_PATIENCE))
            .map_err(in_words)?;
        match &target.tls {
            None => upgrade(socket, &target),
            Some(tls) => {
                let connection = tls.connection().map_err(|error| error.to_string())?;
                upgrade(StreamOwned::new(connection, socket), &target)
            }
        }
    }
}

fn upgrade(mut stream: impl Read + Write, target: &Target) -> Result<(), String> {
    let in_words = |error: std::io::Error| format!("no answer to the upgrade: {error}");
    stream.write_all(&target.request).map_err(in_words)?;
    let mut head = Vec::new();
    loop {
        let mut bytes = [0; 1024];
        let length = stream.read(&mut bytes).map_err(in_words)?;
        if length == 0 {
            return Err("it closed the connection instead of an answer to the upgrade".to_owned());
        }
        head.extend(&bytes[..length]);
        match target.read_response(&head) {
            Ok(None) => {}
            Ok(Some(_)) => return Ok(()),
            // Some dialects have a path for each topic, and nothing at the URL itself.
            Err(why) => return if refuses(&head) { Ok(()) } else { Err(why) },
        }
    }
}

/// Whether a server that is there says that it will not: not one before it that waits for it.
fn refuses(head: &[u8]) -> bool {
    let status = head.strip_prefix(b"HTTP/1.1 ");
    status.is_some_and(|status| matches!(status.first(), Some(b'2'..=b'4')))
}

/// The end of a log, to be put behind a message.
fn last_words(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = &lines[lines.len().saturating_sub(LAST_WORDS)..];
    match last.is_empty() {
        true => String::new(),
        false => format!("; it said: {}", last.join(" / ")),
    }
}
