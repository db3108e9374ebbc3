//! The API's own description.

use axum::Json;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, Header, OpenApi as Document, Ref, RefOr, ResponseBuilder, Schema,
};
use utoipa::{Modify, OpenApi};

use super::{connections, health, inspect, membership, metrics, publish, send};

/// Everything that the router serves; a test holds the two against each other.
#[derive(OpenApi)]
#[openapi(
    info(title = "shardcast", description = "Publish to subscribers, and look at the server."),
    paths(
        publish::publish,
        publish::publish_batch,
        send::send,
        membership::subscribe,
        membership::unsubscribe,
        membership::disconnect,
        membership::revoke,
        connections::connections,
        connections::connection,
        connections::user,
        inspect::stats,
        inspect::channels,
        inspect::channel,
        metrics::metrics,
        health::healthz,
        health::readyz,
        openapi,
    ),
    modifiers(&BearerToken, &OneOfThese, &Refusals)
)]
struct Description;

/// Of the ways to say whom something is about, exactly one is written.
struct OneOfThese;

impl Modify for OneOfThese {
    fn modify(&self, document: &mut Document) {
        let schemas = &mut document.components.get_or_insert_default().schemas;
        for name in ["Addressee", "Target"] {
            let Some(RefOr::T(Schema::OneOf(one_of))) = schemas.get_mut(name) else {
                continue;
            };
            for item in &mut one_of.items {
                if let RefOr::T(Schema::Object(variant)) = item {
                    variant.additional_properties =
                        Some(Box::new(AdditionalProperties::FreeForm(false)));
                }
            }
        }
    }
}

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// What is refused before a handler is asked, and what such answers carry: see `auth` and `error`.
struct Refusals;

impl Modify for Refusals {
    fn modify(&self, document: &mut Document) {
        let error = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("ErrorBody")))
            .build();
        let unknown_host = ResponseBuilder::new()
            .description("`Host` is not a name of the API's")
            .content("application/json", error)
            .build();
        for path in document.paths.paths.values_mut() {
            for operation in [&mut path.get, &mut path.post].into_iter().flatten() {
                let responses = &mut operation.responses.responses;
                responses.insert("421".to_owned(), unknown_host.clone().into());
                if let Some(RefOr::T(unauthorized)) = responses.get_mut("401") {
                    let headers = &mut unauthorized.headers;
                    headers.insert("WWW-Authenticate".to_owned(), Header::default().into());
                }
            }
        }
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
        assert_eq!(routes.len(), 17);
        assert_eq!(routes, described.collect());
    }
}
