//! The API and the shards behind it on the caller's thread, without sockets: how the API is fuzzed.

use std::sync::Arc;

use axum::Router;

use super::answers::lanes;
use super::control::{ShardHandle, Shards, router};
use super::server::{ServeError, control, setup};
use super::server_config::{ApiConfig, ServerConfig};
use super::start::Common;
use super::webhook::WebhookMetrics;
use super::worker::Worker;
use crate::base::ids::ShardId;
use crate::base::limits::MAILBOX_LETTERS_MAX;
use crate::base::time::Now;
use crate::engine::mailbox::connect;
use crate::engine::shard::Shard;
use crate::runtime::{Sockets, Waker};

/// The API's routes and the shards, made as `serve` makes them.
///
/// Nothing happens by itself: whoever has it polls the router's answers, and lets the shards do in
/// between what the API asks of them.
pub struct InProcess {
    router: Router,
    workers: Vec<Worker>,
    /// There are none: what is sent to a connection is the caller's business.
    sockets: Sockets,
}

impl InProcess {
    /// The shards and the API of a server that listens nowhere.
    ///
    /// # Errors
    ///
    /// The system is out of descriptors.
    pub fn new(config: &ServerConfig, api: &ApiConfig) -> Result<Self, ServeError> {
        // Connections need no descriptors here.
        let common = Common::new(config, u64::MAX);
        let wakers: Arc<[Waker]> = (0..config.shards)
            .map(|_| Waker::new())
            .collect::<Result<_, _>>()
            .map_err(|error| setup("the shards' wakers", error))?;
        // Nobody reads what goes there: nothing starts, asks or drains here.
        let (to_control, ..) = lanes(config.shards);
        let (mut handles, mut workers) = (Vec::new(), Vec::new());
        let mailboxes = connect(config.shards, MAILBOX_LETTERS_MAX);
        for ((mesh, inbox, commands), waker) in mailboxes.into_iter().zip(wakers.iter()) {
            handles.push(ShardHandle {
                commands,
                waker: waker.clone(),
            });
            workers.push(common.worker(
                &config.endpoints,
                config.handshake,
                (mesh, inbox),
                Arc::clone(&wakers),
                to_control.clone(),
            ));
        }
        let control = control(
            config,
            api,
            &common,
            Shards::new(handles),
            WebhookMetrics(Vec::new()),
        );
        Ok(Self {
            router: router(Arc::new(control)),
            workers,
            sockets: Sockets::default(),
        })
    }

    /// The API's routes.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// A shard, to connect to it and to take what it sends.
    ///
    /// # Panics
    ///
    /// There is none of that number.
    pub fn shard(&mut self, id: ShardId) -> &mut Shard {
        &mut self.workers[id.index()].shard
    }

    /// Has the shards do what the API has posted to them so far.
    pub fn take_commands(&mut self, now: Now) {
        for worker in &mut self.workers {
            worker.take_commands(now, &self.sockets);
        }
    }
}
