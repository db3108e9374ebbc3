//! Calls against an app server on loopback.

mod calls;
mod documented;
mod failures;
mod notices;
mod server;
mod turns;

use std::fmt::Debug;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::value::RawValue;
use tracing::subscriber::DefaultGuard;

use self::server::AppServer;
use super::breaker::Breaker;
use super::exchange::Live;
use super::*;
use crate::service::outbound;

fn config_for(server: &AppServer) -> WebhookConfig {
    WebhookConfig {
        url: server.url().parse().unwrap(),
        kinds: Kind::ALL.into_iter().collect(),
        timeout: Duration::from_secs(10),
        retries: 2,
        concurrency: 8,
        headers: Vec::new(),
        secret: None,
    }
}

fn webhook_with(config: WebhookConfig) -> Arc<Webhook> {
    Arc::new(Webhook::new("/ws", "shop", config, outbound::client()))
}

fn webhook_for(server: &AppServer) -> Arc<Webhook> {
    webhook_with(config_for(server))
}

/// A webhook whose breaker opens after `failures`.
fn breaking(config: WebhookConfig, failures: u32, pause: Duration) -> Arc<Webhook> {
    let webhook = webhook_with(config.clone());
    let breaker = Arc::new(Breaker::new(failures, pause));
    *webhook.live.lock().unwrap() = Arc::new(Live::with_breaker(config, breaker));
    webhook
}

fn ann() -> Peer {
    Peer {
        connection: "c1".into(),
        user: Some("ann".into()),
    }
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

fn error<T: Debug>(result: Result<T, WebhookError>) -> WebhookError {
    result.unwrap_err()
}

/// The log of this thread, while it lives.
struct Log {
    text: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

#[derive(Clone)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn start() -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let lines = Lines(Arc::clone(&text));
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || lines.clone())
            .finish();
        Self {
            text,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// Everything that was logged, of our own and of the libraries.
    fn text(&self) -> String {
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }

    fn count(&self, words: &str) -> usize {
        self.text().matches(words).count()
    }
}
