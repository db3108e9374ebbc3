//! Starting the shards, each on a thread of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;

use super::answers::ToControl;
use super::apps::Apps;
use super::control::{Health, ShardHandle, Shards};
use super::process::{AbortOnPanic, connections_that_fit, random_key};
use super::server::{ServeError, setup};
use super::server_config::{EndpointConfig, ServerConfig};
use super::started::Started;
use super::worker::{Command, Report, Worker};
use crate::base::ids::{IdKey, ShardId};
use crate::base::limits::{HandshakeLimits, MAILBOX_LETTERS_MAX};
use crate::base::time::{Clock, stopwatch};
use crate::codec::tls::TlsConfig;
use crate::engine::admission::Admission;
use crate::engine::context_memory::ContextMemory;
use crate::engine::interest::Interest;
use crate::engine::mailbox::{Inbox, Mesh, connect};
use crate::engine::shard::{Shard, ShardConfig};
use crate::runtime::{Driver, ShardSetup, SharedAddress, StartError, Waker, run_shard};

/// What the shards and the control thread have in common.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) clock: Clock,
    pub(super) connections_max: usize,
    pub(super) apps: Apps,
    pub(super) interest: Arc<Interest>,
    pub(super) admission: Admission,
    pub(super) health: Arc<Health>,
    pub(super) id_key: IdKey,
    pub(super) seed: u64,
    pub(super) context_memory: ContextMemory,
    /// What shards begin with.
    tls: Option<Arc<TlsConfig>>,
}

impl Common {
    pub(super) fn new(config: &ServerConfig, descriptors: u64) -> Self {
        let clock = Clock::new();
        let connections_max = config.connections_max.unwrap_or_else(|| {
            connections_that_fit(descriptors, config.shards, config.fd_tables())
        });
        let apps = Apps::of(&config.endpoints);
        let seed = u64::from_le_bytes(random_key()[..8].try_into().expect("eight bytes"));
        Self {
            clock,
            connections_max,
            interest: Arc::new(Interest::new(apps.count(), seed)),
            apps,
            admission: Admission::new(connections_max, config.addresses.clone()),
            health: Arc::new(Health::new(config.shards, clock)),
            id_key: IdKey::new(random_key()),
            seed,
            context_memory: ContextMemory::new(config.context_bytes_max),
            tls: config
                .tls
                .as_ref()
                .map(|certificates| Arc::clone(&certificates.clients)),
        }
    }

    /// One shard's worker, built on the thread that is to be its own.
    pub(super) fn worker(
        &self,
        endpoints: &[EndpointConfig],
        handshake: HandshakeLimits,
        (mesh, inbox): (Mesh, Inbox<Command>),
        wakers: Arc<[Waker]>,
        to_control: ToControl,
    ) -> Worker {
        let id = mesh.me();
        let config = ShardConfig {
            id,
            endpoints: self.apps.endpoints(endpoints),
            apps: self.apps.count(),
            handshake,
            admission: self.admission.clone(),
            id_key: self.id_key,
            seed: self.seed,
            interest: Arc::clone(&self.interest),
            mesh,
            tls: self.tls.clone(),
            context_memory: self.context_memory.clone(),
            stopwatch,
        };
        let shard = Shard::new(config, self.clock.now());
        let health = Arc::clone(&self.health);
        Worker::new(id, shard, inbox, self.clock, wakers, to_control, health)
    }
}

/// Starts a thread for each shard; they report when they serve, and where they listen is known then.
pub(super) fn start_shards(
    config: &ServerConfig,
    common: &Common,
    to_control: &ToControl,
) -> Result<(Shards, Arc<SharedAddress>), ServeError> {
    let wakers: Arc<[Waker]> = (0..config.shards)
        .map(|_| Waker::new())
        .collect::<Result<_, _>>()
        .map_err(|error| setup("the shards' wakers", error))?;
    let address = SharedAddress::new(config.listen, config.shards, config.send_buffer_bytes);
    let address = Arc::new(address);
    let lanes = connect(config.shards, MAILBOX_LETTERS_MAX);
    let mut shards = Vec::with_capacity(config.shards);
    for ((mesh, inbox, commands), number) in lanes.into_iter().zip(0..) {
        let id = ShardId(number);
        let waker = wakers[id.index()].clone();
        shards.push(ShardHandle {
            commands,
            waker: waker.clone(),
        });
        let pinned_to = config
            .cpus
            .as_ref()
            .map(|cpus| cpus[id.index() % cpus.len()]);
        let shard_setup = ShardSetup {
            driver: config.driver,
            cpu: pinned_to,
            address: Arc::clone(&address),
            has_own_descriptors: config.private_fd_tables,
            waker,
        };
        let (common, endpoints, handshake) =
            (common.clone(), config.endpoints.clone(), config.handshake);
        let (wakers, to_control) = (Arc::clone(&wakers), to_control.clone());
        let run = move || {
            let _abort = AbortOnPanic;
            let lanes = (mesh, inbox);
            let reports = to_control.reports.clone();
            let worker = common.worker(&endpoints, handshake, lanes, wakers, to_control);
            let started = reports.clone();
            let ran = run_shard(shard_setup, worker, move |driver| {
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
    Ok((Shards::new(shards), address))
}

pub(super) async fn all_started(
    shards: usize,
    reports: &mut mpsc::Receiver<Report>,
) -> Result<Vec<Driver>, ServeError> {
    let mut drivers = vec![None; shards];
    while drivers.contains(&None) {
        match reports.recv().await {
            Some(Report::Started(shard, driver)) => drivers[shard.index()] = Some(driver),
            Some(Report::Failed(_, StartError::Listen(error))) => {
                return Err(ServeError::Listen(error));
            }
            Some(Report::Failed(shard, error)) => return Err(ServeError::Shard { shard, error }),
            Some(Report::Drained(..)) | None => {}
        }
    }
    Ok(drivers.into_iter().flatten().collect())
}

pub(super) fn started(
    config: &ServerConfig,
    addr: SocketAddr,
    api: Option<SocketAddr>,
    drivers: &[Driver],
) -> Started {
    let mut names: Vec<String> = drivers.iter().map(Driver::to_string).collect();
    // One name, unless the kernel gave some shards less than others.
    names.dedup();
    let endpoint =
        |endpoint: &EndpointConfig| (endpoint.path.clone(), endpoint.dialect.name().as_str());
    Started {
        addr,
        tls: config.tls.is_some(),
        api,
        api_tls: config.api.as_ref().is_some_and(|api| api.over_tls),
        shards: config.shards,
        cpus: config.cpus.clone(),
        driver: names.join(", "),
        endpoints: config.endpoints.iter().map(endpoint).collect(),
    }
}
