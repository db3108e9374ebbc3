//! Starting the shards, watching over them, and ending them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;

use super::answers::{Answers, lanes};
use super::control::{
    Answered, Control, Fingerprints, Guard, Shards, Shown, TlsListener, router, watch,
};
use super::drain::drain;
use super::process::raise_descriptor_limit;
use super::reload;
use super::server_config::{ApiConfig, ServerConfig};
use super::signals::{Signals, Wish};
use super::start::{Common, all_started, start_shards, started};
use super::started::Started;
use super::webhook::WebhookMetrics;
use crate::base::ids::{ShardId, UlidGenerator};
use crate::base::random::Random;
use crate::runtime::{ListenError, StartError};

/// Why the server could not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("{0}")]
    Listen(#[source] ListenError),
    /// Nor can that of the API.
    #[error(
        "the API cannot listen on {addr}: {error}; choose another address with --api-listen, or none \
         for no API"
    )]
    ListenApi {
        /// The address.
        addr: SocketAddr,
        /// Why.
        #[source]
        error: std::io::Error,
    },
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

/// How long after a drain app servers are told which connections have ended.
const NOTICES_TIME_MAX: Duration = Duration::from_secs(5);

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
    let common = Common::new(&config, descriptors);
    let api_listener = bind_api(config.api.as_ref()).await?;
    let (to_control, from_shards, mut reports) = lanes(config.shards);
    let (shards, address) = start_shards(&config, &common, &to_control)?;
    drop(to_control);
    let drivers = all_started(shards.len(), &mut reports).await?;
    let addr = address.bound().unwrap_or(config.listen);
    tracing::debug!(
        connections_max = common.connections_max,
        ?drivers,
        "serving"
    );

    tokio::spawn(watch(Arc::clone(&common.health), common.clock));
    let answers = Arc::new(Answers::new(
        &config.endpoints,
        shards.clone(),
        common.clock,
        common.connections_max,
    ));
    let answering = tokio::spawn(Arc::clone(&answers).run(from_shards));
    let mut api_addr = None;
    let (mut api_control, mut api_shown) = (None, None);
    if let (Some(listener), Some(api)) = (api_listener, &config.api) {
        api_addr = listener.local_addr().ok();
        let webhooks = WebhookMetrics(answers.webhooks());
        let control = Arc::new(control(&config, api, &common, shards.clone(), webhooks));
        api_control = Some(Arc::clone(&control));
        match config.tls.as_ref().filter(|_| api.over_tls) {
            None => {
                tokio::spawn(async move { axum::serve(listener, router(control)).await });
            }
            Some(certificates) => {
                let shown = Shown::new(Arc::clone(&certificates.api));
                api_shown = Some(shown.clone());
                let listener = TlsListener::new(listener, shown)
                    .map_err(|error| setup("the API's listener", error))?;
                tokio::spawn(async move { axum::serve(listener, router(control)).await });
            }
        }
    }
    on_started(&started(&config, addr, api_addr, &drivers));

    let name = loop {
        match signals.next().await {
            Wish::End(name) => break name,
            Wish::Reload => {
                if let Some(new) = reload(&config) {
                    reload::apply(&mut config, &new, &common, &shards);
                    answers.renew(&config.endpoints);
                    if let Some((shown, certificates)) = api_shown.as_ref().zip(config.tls.as_ref())
                    {
                        shown.replace(Arc::clone(&certificates.api));
                    }
                    if let Some(control) = &api_control {
                        control.renew_limits(&common.apps.described(&config.endpoints));
                        control.renew_webhooks(answers.webhooks());
                    }
                    tracing::info!("SIGHUP: reloaded");
                }
            }
        }
    };
    common.health.start_draining();
    tracing::info!("{name}: draining, at most {:?}", config.drain_timeout);
    let drained = drain(
        shards.handles(),
        &mut reports,
        common.clock,
        config.drain_timeout,
    );
    let drained = async {
        let in_time = drained.await;
        answers.finish(answering, NOTICES_TIME_MAX).await;
        in_time
    };
    Ok(tokio::select! {
        in_time = drained => if in_time { Served::Drained } else { Served::DrainTimedOut },
        _ = signals.end() => Served::Interrupted,
    })
}

async fn bind_api(api: Option<&ApiConfig>) -> Result<Option<TcpListener>, ServeError> {
    let Some(api) = api else {
        return Ok(None);
    };
    let bound = TcpListener::bind(api.listen).await;
    bound.map(Some).map_err(|error| ServeError::ListenApi {
        addr: api.listen,
        error,
    })
}

pub(super) fn control(
    config: &ServerConfig,
    api: &ApiConfig,
    common: &Common,
    shards: Shards,
    webhooks: WebhookMetrics,
) -> Control {
    Control {
        webhooks: Mutex::new(webhooks),
        shards,
        interest: Arc::clone(&common.interest),
        id_key: common.id_key,
        answered: Answered::default(),
        fingerprints: Fingerprints::new(),
        apps: common.apps.described(&config.endpoints),
        clock: common.clock,
        health: Arc::clone(&common.health),
        guard: Guard {
            token: api.token.as_ref().map(|token| token.secret.clone()),
            hosts: api.hosts.clone(),
        },
        ids: Mutex::new((UlidGenerator::default(), Random::new(!common.seed))),
        connections_max: common.connections_max,
        context_memory: common.context_memory.clone(),
    }
}

pub(super) fn setup(what: &'static str, error: std::io::Error) -> ServeError {
    ServeError::Setup { what, error }
}
