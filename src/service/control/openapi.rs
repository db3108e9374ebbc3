//! The API's own description.

use axum::Json;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{health, inspect, metrics, publish};

/// Everything that the router serves; a test holds the two against each other.
#[derive(OpenApi)]
#[openapi(
    info(title = "shardcast", description = "Publish to subscribers, and look at the server."),
    paths(
        publish::publish,
        publish::publish_batch,
        inspect::stats,
        inspect::channels,
        inspect::channel,
        metrics::metrics,
        health::healthz,
        health::readyz,
        openapi,
    ),
    modifiers(&BearerToken)
)]
struct Description;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The description as JSON.
#[utoipa::path(get, path = "/v1/openapi.json", responses(
    (status = 200, description = "This document", content_type = "application/json")
))]
pub(super) async fn openapi() -> Json<Document> {
    Json(Description::openapi())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The router cannot be asked for its paths, so its text is.
    #[test]
    fn every_route_is_described_and_every_description_has_its_route() {
        let routes = include_str!("mod.rs")
            .split(".route(\"")
            .skip(1)
            .filter_map(|rest| rest.split_once("\", "))
            .map(|(path, rest)| {
                let method = rest.split('(').next().unwrap_or_default();
                format!("{method} {path}")
            });
        let document = serde_json::to_value(Description::openapi()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let described = paths.iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap();
            methods.keys().map(move |method| format!("{method} {path}"))
        });
        let routes: BTreeSet<String> = routes.collect();
        assert_eq!(routes.len(), 9);
        assert_eq!(routes, described.collect());
    }
}
