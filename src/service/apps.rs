//! The topic spaces: what shards number and app servers name.

use super::control::App;
use super::server_config::EndpointConfig;
use super::webhook::{Kind, WebhookConfig};
use crate::engine::door::Door;
use crate::engine::endpoint::Endpoint;
use crate::engine::publication::AppId;

/// The topic spaces by name; endpoints that name the same one share it.
#[derive(Debug, Clone)]
pub(super) struct Apps(Vec<String>);

impl Apps {
    pub(super) fn of(endpoints: &[EndpointConfig]) -> Self {
        let mut names: Vec<String> = endpoints.iter().map(|e| e.app.clone()).collect();
        names.sort_unstable();
        names.dedup();
        Self(names)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The topic spaces as app servers address them; the first is that of the first endpoint.
    pub(super) fn described(&self, endpoints: &[EndpointConfig]) -> Vec<App> {
        let mut apps: Vec<App> = Vec::new();
        for endpoint in endpoints {
            let id = self.id_of(endpoint);
            let bytes = endpoint.limits.message_bytes_max;
            if let Some(app) = apps.iter_mut().find(|app| app.id == id) {
                app.names.push(endpoint.path.clone());
                let least = app.message_bytes_max.get_mut();
                *least = bytes.min(*least);
            } else {
                apps.push(App {
                    id,
                    names: vec![endpoint.app.clone(), endpoint.path.clone()],
                    message_bytes_max: bytes.into(),
                });
            }
        }
        apps
    }

    fn id_of(&self, endpoint: &EndpointConfig) -> AppId {
        let index = self.0.binary_search(&endpoint.app);
        let index = index.expect("collected from these endpoints");
        AppId(u16::try_from(index).expect("endpoints are few"))
    }

    /// Builds the endpoints of one shard, on its own thread.
    pub(super) fn endpoints(&self, configs: &[EndpointConfig]) -> Vec<Endpoint> {
        configs
            .iter()
            .map(|config| Endpoint {
                app: self.id_of(config),
                path: config.path.clone(),
                dialect: config.dialect.build(),
                origins: config.origins.clone(),
                door: door(config),
                decider: Box::new(config.rules.clone()),
                limits: config.limits,
                deflate: config.deflate,
            })
            .collect()
    }
}

/// What an endpoint wants to know of somebody who asks for an upgrade.
fn door(config: &EndpointConfig) -> Door {
    let webhook = config.webhook.as_ref();
    let auth = &config.auth;
    Door {
        reads_tokens: !auth.trusted.is_empty(),
        query_parameter: auth.query_parameter.clone(),
        cookie: auth.cookie.clone(),
        needs_token: auth.token_required,
        asks_always: webhook.is_some_and(|webhook| webhook.kinds.contain(Kind::Connect)),
        tells: webhook.is_some_and(WebhookConfig::tells),
    }
}
