//! Who may use the API: holders of the token, and no web page of another site.

use axum::extract::{Request, State};
use axum::http::header::{HeaderValue, InvalidHeaderValue};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::SharedControl;
use super::error::ApiError;

/// What a request must show.
#[derive(Debug, Clone)]
pub(in crate::service) struct Guard {
    /// The bearer token; `None`: whoever reaches the API may use it.
    pub(in crate::service) token: Option<Secret>,
    /// Names under which the API may be addressed besides `localhost` and literal addresses.
    pub(in crate::service) hosts: Vec<String>,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// As a client shows it: the value of an `Authorization` header, marked so that nothing prints it.
    ///
    /// # Errors
    ///
    /// The text has signs that no header can carry; one that the configuration has read has none.
    pub fn to_bearer(&self) -> Result<HeaderValue, InvalidHeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// For a computation that needs it.
    pub(in crate::service) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Compares in a time that tells nothing of where the difference is.
    fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<set>")
    }
}

impl Guard {
    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else {
            return true;
        };
        let shown = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        shown.is_some_and(|(_, shown)| token.is(shown.trim()))
    }

    /// A page of another site can make its visitor's browser send requests here, but only under
    /// that site's name (DNS rebinding): an address that is a literal, or a name that was allowed,
    /// cannot be such a name.
    fn knows(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or(rest),
            None => host.rsplit_once(':').map_or(host, |(name, _)| name),
        };
        name.eq_ignore_ascii_case("localhost")
            || name.parse::<std::net::IpAddr>().is_ok()
            || self
                .hosts
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// Refuses requests without the token.
pub(super) async fn demand_token(
    State(control): State<SharedControl>,
    request: Request,
    next: Next,
) -> Response {
    if control.guard.admits(request.headers()) {
        return next.run(request).await;
    }
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "send the API token: Authorization: Bearer <token>",
    )
    .into_response()
}

/// Refuses requests under a name that is not the API's.
pub(super) async fn demand_host(
    State(control): State<SharedControl>,
    request: Request,
    next: Next,
) -> Response {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let known = host.is_some_and(|host| control.guard.knows(host)) && hosts.next().is_none();
    if known {
        return next.run(request).await;
    }
    ApiError::new(
        StatusCode::MISDIRECTED_REQUEST,
        "unknown_host",
        "this name is not the API's; use its address, or allow the name with --api-host",
    )
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard {
            token: Some(Secret::new("right".to_owned())),
            hosts: vec!["api.internal".to_owned()],
        }
    }

    #[test]
    fn token_is_demanded_whole_and_under_its_scheme() {
        for (value, admitted) in [
            (Some("Bearer right"), true),
            (Some("bearer right"), true),
            (Some("Bearer righ"), false),
            (Some("Bearer rightt"), false),
            (Some("Basic right"), false),
            (Some("right"), false),
            (Some("Bearer "), false),
            (None, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            }
            assert_eq!(guard().admits(&headers), admitted, "{value:?}");
        }
    }

    #[test]
    fn only_literals_localhost_and_allowed_names_are_known() {
        for (host, known) in [
            ("127.0.0.1:7002", true),
            ("[::1]:7002", true),
            ("10.1.2.3", true),
            ("localhost:7002", true),
            ("LOCALHOST", true),
            ("api.internal:80", true),
            ("evil.example:7002", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example:7002", false),
            ("", false),
            ("[", false),
        ] {
            assert_eq!(guard().knows(host), known, "{host}");
        }
    }

    #[test]
    fn secret_is_admitted_as_a_client_shows_it() {
        let shown = Secret::new("right".to_owned()).to_bearer().unwrap();
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, shown)]);
        assert!(guard().admits(&headers));
        assert!(Secret::new("line\nbreak".to_owned()).to_bearer().is_err());
    }

    #[test]
    fn secret_is_never_printed() {
        assert!(!format!("{:?}", guard()).contains("right"));
        let shown = Secret::new("right".to_owned()).to_bearer();
        assert!(!format!("{shown:?}").contains("right"));
    }
}
