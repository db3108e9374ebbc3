//! Starting the shards, watching over them, and ending them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::drain::{ShardHandle, drain};
use super::process::{AbortOnPanic, connections_that_fit, raise_descriptor_limit, random_key};
use super::reload;
use super::server_config::{EndpointConfig, ServerConfig};
use super::started::Started;
use super::worker::{Report, Worker};
use crate::base::ids::{IdKey, ShardId};
use crate::base::limits::MAILBOX_LETTERS_MAX;
use crate::base::time::Clock;
use crate::engine::admission::Admission;
use crate::engine::endpoint::Endpoint;
use crate::engine::interest::Interest;
use crate::engine::mailbox::connect;
use crate::engine::publication::AppId;
use crate::engine::shard::{Shard, ShardConfig};
use crate::runtime::{Driver, ShardSetup, StartError, Waker, bind_all, run_shard};

/// Why the server could not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("{0}")]
    Listen(#[source] std::io::Error),
    /// The system refused something that is needed before the first connection.
    #[error("cannot set up {what}: {error}")]
    Setup {
        /// What it was.
        what: &'static str,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// A shard did not start.
    #[error("shard {shard} cannot start: {error}")]
    Shard {
        /// Which one.
        shard: ShardId,
        /// Why.
        #[source]
        error: StartError,
    },
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// Drained: every connection was closed as it should be.
    Drained,
    /// The drain's time was over before all connections were gone.
    DrainTimedOut,
    /// A second signal asked for the end at once.
    Interrupted,
}

/// Serves until SIGTERM or SIGINT, then drains. `on_started` is called once all shards serve.
///
/// At SIGHUP `reload` is given what the server runs with and gives what it should run with; what can
/// be changed while connections stay is changed. `None` changes nothing.
///
/// Runs on the calling thread, which becomes the control thread.
///
/// # Errors
///
/// See [`ServeError`]; nothing is served then.
pub fn serve(
    config: ServerConfig,
    on_started: impl FnOnce(&Started),
    reload: impl FnMut(&ServerConfig) -> Option<ServerConfig>,
) -> Result<Served, ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| setup("the control thread", error))?;
    runtime.block_on(serve_async(config, on_started, reload))
}

async fn serve_async(
    mut config: ServerConfig,
    on_started: impl FnOnce(&Started),
    mut reload: impl FnMut(&ServerConfig) -> Option<ServerConfig>,
) -> Result<Served, ServeError> {
    let mut signals = Signals::new().map_err(|error| setup("signals", error))?;
    let descriptors = raise_descriptor_limit();
    let connections_max = config
        .connections_max
        .unwrap_or_else(|| connections_that_fit(descriptors, config.shards));
    let clock = Clock::new();
    let (addr, shards, mut reports) = start_shards(&config, connections_max, clock)?;
    let drivers = all_started(shards.len(), &mut reports).await?;
    tracing::debug!(connections_max, ?drivers, "serving");
    on_started(&started(&config, addr, &drivers));

    let name = loop {
        match signals.next().await {
            Wish::End(name) => break name,
            Wish::Reload => {
                if let Some(new) = reload(&config) {
                    reload::apply(&mut config, &new, &shards);
                    tracing::info!("SIGHUP: reloaded");
                }
            }
        }
    };
    tracing::info!("{name}: draining, at most {:?}", config.drain_timeout);
    let drained = drain(&shards, &mut reports, clock, config.drain_timeout);
    Ok(tokio::select! {
        in_time = drained => if in_time { Served::Drained } else { Served::DrainTimedOut },
        _ = signals.end() => Served::Interrupted,
    })
}

/// Starts a thread for each shard; they report when they serve.
fn start_shards(
    config: &ServerConfig,
    connections_max: usize,
    clock: Clock,
) -> Result<(SocketAddr, Vec<ShardHandle>, mpsc::Receiver<Report>), ServeError> {
    let (listeners, addr) = bind_all(config.listen, config.shards).map_err(ServeError::Listen)?;
    let wakers: Arc<[Waker]> = (0..config.shards)
        .map(|_| Waker::new())
        .collect::<Result<_, _>>()
        .map_err(|error| setup("the shards' wakers", error))?;
    // Started or failed, and one for each phase of the drain.
    let (report_sender, reports) = mpsc::channel(4 * config.shards);
    let apps = Apps::of(&config.endpoints);
    let seed = u64::from_le_bytes(random_key()[..8].try_into().expect("eight bytes"));
    let interest = Arc::new(Interest::new(apps.count(), seed));
    let admission = Admission::new(connections_max);
    let id_key = IdKey::new(random_key());

    let lanes = connect(config.shards, MAILBOX_LETTERS_MAX);
    let mut shards = Vec::with_capacity(config.shards);
    for ((listener, (mesh, inbox, commands)), number) in listeners.into_iter().zip(lanes).zip(0..) {
        let id = ShardId(number);
        let setup_of_shard = ShardSetup {
            driver: config.driver,
            cpu: config
                .cpus
                .as_ref()
                .map(|cpus| cpus[id.index() % cpus.len()]),
            listener,
            waker: wakers[id.index()].clone(),
        };
        let endpoints = config.endpoints.clone();
        shards.push(ShardHandle {
            commands,
            waker: wakers[id.index()].clone(),
        });
        let (apps, wakers, reports) = (apps.clone(), Arc::clone(&wakers), report_sender.clone());
        let (interest, admission) = (Arc::clone(&interest), admission.clone());
        let handshake = config.handshake;
        let run = move || {
            let _abort = AbortOnPanic;
            let shard_config = ShardConfig {
                id,
                endpoints: apps.endpoints(endpoints),
                apps: apps.count(),
                handshake,
                admission,
                id_key,
                seed,
                interest,
                mesh,
            };
            let worker = Worker {
                id,
                shard: Shard::new(shard_config, clock.now()),
                inbox,
                clock,
                wakers,
                reports: reports.clone(),
                now: None,
                exiting: false,
            };
            let started = reports.clone();
            let ran = run_shard(setup_of_shard, worker, move |driver| {
                let _gone = started.try_send(Report::Started(id, driver));
            });
            if let Err(error) = ran {
                let _gone = reports.try_send(Report::Failed(id, error));
            }
        };
        thread::Builder::new()
            .name(format!("shard-{id}"))
            .spawn(run)
            .map_err(|error| setup("a shard's thread", error))?;
    }
    Ok((addr, shards, reports))
}

async fn all_started(
    shards: usize,
    reports: &mut mpsc::Receiver<Report>,
) -> Result<Vec<Driver>, ServeError> {
    let mut drivers = vec![None; shards];
    while drivers.contains(&None) {
        match reports.recv().await {
            Some(Report::Started(shard, driver)) => drivers[shard.index()] = Some(driver),
            Some(Report::Failed(shard, error)) => return Err(ServeError::Shard { shard, error }),
            Some(Report::Drained(..)) | None => {}
        }
    }
    Ok(drivers.into_iter().flatten().collect())
}

fn started(config: &ServerConfig, addr: SocketAddr, drivers: &[Driver]) -> Started {
    let mut names: Vec<String> = drivers.iter().map(Driver::to_string).collect();
    // One name, unless the kernel gave some shards less than others.
    names.dedup();
    let endpoint = |endpoint: &EndpointConfig| (endpoint.path.clone(), endpoint.dialect.as_str());
    Started {
        addr,
        shards: config.shards,
        cpus: config.cpus.clone(),
        driver: names.join(", "),
        endpoints: config.endpoints.iter().map(endpoint).collect(),
    }
}

fn setup(what: &'static str, error: std::io::Error) -> ServeError {
    ServeError::Setup { what, error }
}

/// The topic spaces by name; endpoints that name the same one share it.
#[derive(Debug, Clone)]
struct Apps(Vec<String>);

impl Apps {
    fn of(endpoints: &[EndpointConfig]) -> Self {
        let mut names: Vec<String> = endpoints.iter().map(|e| e.app.clone()).collect();
        names.sort_unstable();
        names.dedup();
        Self(names)
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    /// Builds the endpoints of one shard, on its own thread.
    fn endpoints(&self, configs: Vec<EndpointConfig>) -> Vec<Endpoint> {
        configs
            .into_iter()
            .map(|config| {
                let app = self
                    .0
                    .binary_search(&config.app)
                    .expect("collected from these");
                Endpoint {
                    path: config.path,
                    app: AppId(u16::try_from(app).expect("endpoints are few")),
                    dialect: config.dialect.build(),
                    decider: Box::new(config.rules),
                    limits: config.limits,
                }
            })
            .collect()
    }
}

/// What a signal asks for.
enum Wish {
    /// The end; by this signal.
    End(&'static str),
    /// What has changed outside.
    Reload,
}

/// The signals that the server listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::End("SIGTERM"),
            _ = self.interrupt.recv() => Wish::End("SIGINT"),
            _ = self.hangup.recv() => Wish::Reload,
        }
    }

    /// The next one that asks for the end.
    async fn end(&mut self) {
        while let Wish::Reload = self.next().await {}
    }
}
