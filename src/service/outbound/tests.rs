use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::test_server::{TestServer, answer, read_head};
use super::*;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn trusting_nobody() -> Client {
    trusting(RootCertStore::empty())
}

fn trusting(roots: RootCertStore) -> Client {
    let tls = ClientConfig::builder().with_root_certificates(roots);
    client_with(tls.with_no_client_auth())
}

fn get(url: &str) -> Request<Full<Bytes>> {
    Request::get(url).body(Full::default()).unwrap()
}

#[tokio::test]
async fn whole_answer_is_given_whatever_its_status() {
    let server = TestServer::start(|_, _| answer(404, "X-Why: gone\r\n", "nothing")).await;
    let request = get(&server.url("/a?b=c"));
    let answer = fetch(&trusting_nobody(), request, PATIENCE, 7)
        .await
        .unwrap();
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.headers()["X-Why"], "gone");
    assert_eq!(answer.body(), "nothing");
    assert!(server.requests()[0].starts_with("GET /a?b=c HTTP/1.1\r\n"));
}

#[tokio::test]
async fn redirect_is_an_answer_and_not_followed() {
    let there = TestServer::start(|_, _| answer(200, "", "there")).await;
    let location = format!("Location: {}\r\n", there.url("/"));
    let here = TestServer::start(move |_, _| answer(302, &location, "")).await;
    let request = get(&here.url("/"));
    let answer = fetch(&trusting_nobody(), request, PATIENCE, 100)
        .await
        .unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(there.requests().len(), 0);
}

#[tokio::test]
async fn body_beyond_its_bound_is_refused_with_and_without_an_announced_length() {
    let endless = |_: usize, head: &str| {
        if head.contains("/announced") {
            return answer(200, "", "12345678");
        }
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n12345678".to_vec()
    };
    let server = TestServer::start(endless).await;
    for path in ["/announced", "/until-the-end"] {
        let request = || get(&server.url(path));
        let error = fetch(&trusting_nobody(), request(), PATIENCE, 7)
            .await
            .unwrap_err();
        assert!(matches!(error, FetchError::TooLong(7)), "{path}: {error:?}");
        let answer = fetch(&trusting_nobody(), request(), PATIENCE, 8)
            .await
            .unwrap();
        assert_eq!(answer.body().len(), 8);
    }
}

#[tokio::test]
async fn silence_ends_in_time() {
    let silent = TestServer::start(|_, _| Vec::new()).await;
    let within = Duration::from_millis(50);
    let error = fetch(&trusting_nobody(), get(&silent.url("/")), within, 100)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "no whole answer within 50ms");
}

#[tokio::test]
async fn answer_that_breaks_off_is_none() {
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_vec();
    let server = TestServer::start(move |_, _| short.clone()).await;
    let error = fetch(&trusting_nobody(), get(&server.url("/")), PATIENCE, 100)
        .await
        .unwrap_err();
    assert!(matches!(error, FetchError::BrokenOff(_)), "{error:?}");
}

#[tokio::test]
async fn refused_connection_is_told_as_the_system_says_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/?secret=1", listener.local_addr().unwrap());
    drop(listener);
    let error = fetch(&trusting_nobody(), get(&url), PATIENCE, 100)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "Connection refused (os error 111)");
}

/// One server with a certificate that it has signed itself, and two clients: who trusts it gets the
/// answer, who does not is told why there is none.
#[tokio::test]
async fn https_is_spoken_with_those_whose_certificate_is_trusted_and_nobody_else() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate: CertificateDer<'static> = cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let tls = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        while let Ok((stream, _)) = listener.accept().await {
            // A client without trust ends the handshake.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            read_head(&mut stream).await;
            stream.write_all(&answer(200, "", "sealed")).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });

    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let request = || get(&format!("https://localhost:{port}/"));
    let answer = fetch(&trusting(roots.clone()), request(), PATIENCE, 100)
        .await
        .unwrap();
    assert_eq!(answer.body(), "sealed");

    let error = fetch(&trusting_nobody(), request(), PATIENCE, 100)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "invalid peer certificate: UnknownIssuer");
    let other_name = get(&format!("https://127.0.0.1:{port}/"));
    let error = fetch(&trusting(roots), other_name, PATIENCE, 100)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("not valid for name"), "{error}");
}
