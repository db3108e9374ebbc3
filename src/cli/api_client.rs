//! A small client of the HTTP API: one publication, and what became of it.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;

use super::connect::{ANSWER_TIMEOUT, UrlFlag, cannot_connect, connect_tcp, in_words};
use super::failure::Failure;
use super::trust::{ServerTls, Trust};

/// What leads to the API.
const URL_FLAG: UrlFlag = UrlFlag {
    flag: "--api",
    scheme: "http",
    scheme_with_tls: "https",
    kind: "an HTTP URL",
    example: "http://127.0.0.1:7002",
};

/// Below the base URL.
const PUBLISH_PATH: &str = "/v1/publish";

/// Bytes of an answer. 64 KiB: an id has at most 1 KiB and an error is a sentence; what is longer
/// comes from something else.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The API of a server.
pub(super) struct Api {
    /// The whole URL of the request, for people.
    url: String,
    host: String,
    port: u16,
    host_header: HeaderValue,
    /// Its path: a whole URL in a request is for proxies.
    path: Uri,
    token: Option<Token>,
    tls: Option<ServerTls>,
}

/// What the API may demand.
pub(super) struct Token {
    /// The value of the header; it is marked so that nothing prints it.
    pub(super) bearer: HeaderValue,
    /// The flag or variable that gave it.
    pub(super) given_by: String,
}

/// What is published.
#[derive(Debug, Serialize)]
pub(super) struct Publication<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) app: Option<&'a str>,
    pub(super) channel: &'a str,
    pub(super) event: &'a str,
    /// It goes out as it was written, so that no number is rounded on the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<&'a RawValue>,
}

/// A publication that was accepted.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Published {
    id: String,
    subscribers: u64,
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, subscribers } = self;
        let plural = if *subscribers == 1 { "" } else { "s" };
        // What a server sends may hold what a terminal obeys.
        let id = id.escape_debug();
        write!(f, "published {id} to {subscribers} subscriber{plural}")
    }
}

/// The body of every error of the API.
#[derive(Debug, Deserialize)]
struct Refusal {
    error: String,
    message: String,
    partial: Option<bool>,
}

/// Why there is no whole answer.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{}", in_words(.0))]
    Socket(#[from] io::Error),
    /// Before anything was sent.
    #[error("{}", in_words(.0))]
    Tls(io::Error),
    #[error("{}", cause_in_words(.0))]
    Http(#[from] hyper::Error),
    #[error("the answer is too long")]
    TooLong,
}

impl Api {
    /// The API with this base URL.
    pub(super) fn new(
        base_url: &str,
        token: Option<Token>,
        trust: &Trust,
    ) -> Result<Self, Failure> {
        let base = URL_FLAG.parse(base_url)?;
        let authority = base.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            let problem = "names a user, and the API wants a token instead";
            return Err(URL_FLAG.refuse(base_url, problem));
        }
        if base.query().is_some() {
            return Err(URL_FLAG.refuse(base_url, "has a query"));
        }
        let no_url = || URL_FLAG.refuse(base_url, "is not a URL");
        let path = format!("{}{PUBLISH_PATH}", base.path().trim_end_matches('/'));
        let (host, port) = URL_FLAG.host_and_port(&base);
        let (scheme, tls) = match URL_FLAG.has_tls(&base) {
            true => (URL_FLAG.scheme_with_tls, Some(trust.tls(&host)?)),
            false => (URL_FLAG.scheme, None),
        };
        Ok(Self {
            url: format!("{scheme}://{authority}{path}"),
            host,
            port,
            tls,
            host_header: HeaderValue::from_str(authority).map_err(|_| no_url())?,
            path: path.parse().map_err(|_| no_url())?,
            token,
        })
    }

    /// Publishes, and waits for the outcome: [`ANSWER_TIMEOUT`] as a whole.
    pub(super) fn publish(&self, publication: &Publication<'_>) -> Result<Published, Failure> {
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        let body = serde_json::to_vec(publication).expect("texts and JSON have a JSON form");
        let tcp = connect_tcp(self.host.clone(), self.port, deadline)
            .map_err(|error| cannot_connect(&self.url, &error))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| {
                let why = in_words(&error);
                Failure::world(format!("cannot set up the connection: {why}"))
            })?;
        let answer = runtime
            .block_on(async { timeout_at(deadline.into(), self.exchange(tcp, body.into())).await });
        match answer {
            Ok(Ok((status, body))) => self.outcome(status, &body),
            Ok(Err(trouble)) => Err(self.no_answer(&trouble)),
            Err(_late) => Err(self.silent()),
        }
    }

    /// Sends the request, through TLS if need be; the answer's status and body.
    async fn exchange(&self, tcp: TcpStream, body: Bytes) -> Result<(StatusCode, Bytes), Trouble> {
        tcp.set_nonblocking(true)?;
        let tcp = tokio::net::TcpStream::from_std(tcp)?;
        let Some(ServerTls { config, name }) = &self.tls else {
            return self.ask(tcp, body).await;
        };
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name.clone(), tcp).await;
        self.ask(stream.map_err(Trouble::Tls)?, body).await
    }

    async fn ask(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), Trouble> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It moves the bytes. What ends it early ends the request too, and is told there.
        tokio::spawn(connection);
        let response = sender.send_request(self.request(body)).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let body = body.collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                return Trouble::TooLong;
            }
            match error.downcast::<hyper::Error>() {
                Ok(error) => Trouble::Http(*error),
                Err(other) => Trouble::Socket(io::Error::other(other)),
            }
        })?;
        Ok((status, body.to_bytes()))
    }

    fn request(&self, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, self.host_header.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, token.bearer.clone());
        }
        request
    }

    /// What an answer says.
    fn outcome(&self, status: StatusCode, body: &[u8]) -> Result<Published, Failure> {
        if status == StatusCode::OK {
            return serde_json::from_slice(body).map_err(|_| self.stranger(status));
        }
        // The API explains each refusal. Whatever does not is something else, or stands before it.
        let Ok(refusal) = serde_json::from_slice::<Refusal>(body) else {
            return Err(self.stranger(status));
        };
        let message = refusal.message.escape_debug().to_string();
        let told = match (status.as_u16(), refusal.error.as_str()) {
            (400, "unknown_app") => format!(
                "{message}; --app takes the path of an endpoint, which the server's banner lists, or \
                 the app that its configuration file names"
            ),
            (400, _) => message,
            (401, _) => self.unauthorized(),
            (413, _) => format!("{message}; send less, or raise --max-message-bytes of the server"),
            (421, _) => {
                let host = &self.host;
                format!(
                    "the API does not know the name {host}; use its address, or start the server with \
                     --api-host {host}"
                )
            }
            (503, _) => match refusal.partial {
                Some(false) => format!("{message}; no subscriber has got it"),
                Some(true) => format!(
                    "{message}; some subscribers may have got it, and would get it twice then"
                ),
                None => message,
            },
            _ => return Err(self.stranger(status)),
        };
        let code = status.as_u16();
        Err(Failure::world(format!("publish refused ({code}): {told}")))
    }

    fn unauthorized(&self) -> String {
        match &self.token {
            None => {
                "the API demands a token; name the file that holds it with --api-token-file, or \
                     set SHARDCAST_API_TOKEN"
                    .to_owned()
            }
            Some(Token { given_by, .. }) => format!(
                "the API does not take the token that {given_by} gives; give the one that the server \
                 was started with"
            ),
        }
    }

    /// The answer is none that the API would give.
    fn stranger(&self, status: StatusCode) -> Failure {
        let (url, example) = (&self.url, URL_FLAG.example);
        Failure::world(format!(
            "{url} answered {status}, and not as shardcast's API would; --api takes the API's base URL, \
             such as {example}"
        ))
    }

    fn no_answer(&self, trouble: &Trouble) -> Failure {
        let (url, example) = (&self.url, URL_FLAG.example);
        if let Trouble::Tls(error) = trouble {
            return cannot_connect(url, error);
        }
        if trouble.is_of_a_stranger() {
            return Failure::world(format!(
                "{url} does not answer as shardcast's API would: {trouble}; --api takes the API's base \
                 URL, such as {example}"
            ));
        }
        Failure::world(format!(
            "connection to {url} lost: {trouble}; the message may have been published all the same"
        ))
    }

    fn silent(&self) -> Failure {
        let (url, seconds) = (&self.url, ANSWER_TIMEOUT.as_secs());
        Failure::world(format!(
            "no answer from {url} within {seconds} s; does shardcast's API live there? the message may \
             have been published all the same"
        ))
    }
}

impl Trouble {
    /// Whether the peer spoke, and not as the API would.
    fn is_of_a_stranger(&self) -> bool {
        match self {
            Self::Socket(_) | Self::Tls(_) => false,
            Self::TooLong => true,
            // Who speaks before he is asked has the request canceled for a reason of HTTP's.
            Self::Http(error) => {
                let is_greeting = || {
                    error.is_canceled()
                        && causes(error)
                            .skip(1)
                            .any(|cause| cause.is::<hyper::Error>())
                };
                error.is_parse() || (is_greeting() && of_system(error).is_none())
            }
        }
    }
}

/// The error and what has caused it, the first cause last.
fn causes(error: &hyper::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |error| Error::source(*error))
}

fn of_system(error: &hyper::Error) -> Option<&io::Error> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// What the system said, if it was the system, or else the first cause.
fn cause_in_words(error: &hyper::Error) -> String {
    let first = || {
        causes(error)
            .last()
            .map_or_else(String::new, ToString::to_string)
    };
    of_system(error).map_or_else(first, in_words)
}

#[cfg(test)]
mod tests;
