//! Requests that the server itself sends to other servers, over HTTP or HTTPS.

use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

/// Keeps connections open between requests; a clone shares them.
///
/// It never follows a redirect: whom the server talks to is the operator's choice alone.
pub type Client = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// How long a connection without a request is kept: less than the 5 s after which Node closes its own,
/// and others later, so that a request seldom meets a connection that is ending. Nothing else bounds how
/// many there are but who asks: a webhook has at most as many requests under way as it may.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// Bytes that one answer's head may have, and that are read at once of a body.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// Why there is no whole answer. None of them tells a header, a query or a body.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The connection, the request or the answer failed on the way.
    #[error("{}", in_words(.0))]
    Failed(#[source] legacy::Error),
    /// The answer stopped before its end.
    #[error("the answer breaks off: {}", in_words(.0.as_ref()))]
    BrokenOff(#[source] Box<dyn Error + Send + Sync>),
    /// The answer was not complete in time.
    #[error("no whole answer within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// The body is longer than the caller can use.
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
}

/// A client that trusts the certificates that this machine trusts.
///
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` name others. On a machine that has none, every HTTPS request
/// fails and says so; plain HTTP works all the same.
#[must_use]
pub fn client() -> Client {
    let tls = ClientConfig::builder()
        .with_native_roots()
        .map(|tls| tls.with_no_client_auth());
    client_with(tls.unwrap_or_else(|error| {
        tracing::warn!(
            %error,
            "this machine trusts no certificates, so no HTTPS request of this server can succeed; \
             install the package ca-certificates, or set SSL_CERT_FILE"
        );
        ClientConfig::builder()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth()
    }))
}

/// Sends `request`, whose target must be a whole URL, and reads the answer, whatever its status.
///
/// `within` is the time for all of it: name look-up, connection, TLS, request, head and body.
/// Dropping the future ends the exchange.
///
/// # Errors
///
/// See [`FetchError`]. An answer with a status that is no success is an answer.
pub async fn fetch(
    client: &Client,
    request: Request<Full<Bytes>>,
    within: Duration,
    body_bytes_max: usize,
) -> Result<Response<Bytes>, FetchError> {
    let exchange = async {
        let answer = client.request(request).await.map_err(FetchError::Failed)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, body_bytes_max);
        match body.collect().await {
            Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(FetchError::TooLong(body_bytes_max))
            }
            Err(error) => Err(FetchError::BrokenOff(error)),
        }
    };
    timeout(within, exchange)
        .await
        .unwrap_or(Err(FetchError::TimedOut(within)))
}

fn client_with(tls: ClientConfig) -> Client {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .http1_max_buf_size(READ_BUFFER_BYTES)
        .build(connector)
}

/// What the system said, if it was the system, or else the first cause: what lies above it names
/// only layers of libraries.
fn in_words(error: &(dyn Error + 'static)) -> String {
    let causes = || std::iter::successors(Some(error), |error| (*error).source());
    // An error of TLS travels inside one of the system, which then has no number.
    let of_system = causes().find_map(|cause| {
        let error = cause.downcast_ref::<io::Error>()?;
        error.raw_os_error().map(|_| error)
    });
    match of_system {
        Some(error) => error.to_string(),
        None => causes().last().map_or_else(String::new, |cause| {
            let wrapped = cause.downcast_ref::<io::Error>();
            let inner = wrapped.and_then(io::Error::get_ref);
            inner.map_or_else(|| cause.to_string(), ToString::to_string)
        }),
    }
}

#[cfg(test)]
pub(in crate::service) mod test_server;
#[cfg(test)]
mod tests;
