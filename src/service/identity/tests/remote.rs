//! Keys at a URL: fetched, changed, kept while they cannot be fetched, and never fetched too often.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use http::Request;
use http_body_util::Full;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::super::remote::Pace;
use super::super::testing::{NOW_MS, Signer, keys_of, trusting};
use super::super::*;
use crate::service::outbound::test_server::{TestServer, answer};
use crate::service::outbound::{client, fetch};

const ISSUER: &str = "https://issuer.example";

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Nothing happens unless a token asks for it, and then as soon as it asks.
const EAGER: Pace = Pace {
    refresh: Duration::from_secs(3600),
    rest: Duration::ZERO,
    timeout: PATIENCE,
};

fn jwks(kids: &[(&str, &Signer)]) -> String {
    let keys: Vec<_> = kids.iter().map(|(kid, signer)| signer.jwk(kid)).collect();
    json!({ "keys": keys }).to_string()
}

fn token(signer: &Signer, kid: &str) -> String {
    let header = format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#);
    let payload = format!(r#"{{"iss":"{ISSUER}","aud":"api","exp":1700000600}}"#);
    signer.token(Algorithm::EdDsa, &header, &payload)
}

fn config(url: &str) -> AuthConfig {
    let mut trusted = keys_of(ISSUER, Vec::new());
    trusted.source = KeySource::Remote(RemoteSource {
        url: url.parse().unwrap(),
        algorithm: None,
    });
    trusting(vec![trusted])
}

fn sets(pace: Pace) -> RemoteKeySets {
    RemoteKeySets::with_pace(client(), pace)
}

async fn verdict(verifier: &Verifier, token: &str) -> Result<(), Rejection> {
    let verdict = timeout(PATIENCE, verifier.verify(token, NOW_MS)).await;
    verdict.expect("an answer in time").map(|_| ())
}

/// Waits until `server` was asked so many times.
async fn asked(server: &TestServer, times: usize) {
    let deadline = Instant::now() + PATIENCE;
    while server.requests().len() < times {
        assert!(Instant::now() < deadline, "{:?}", server.requests());
        sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn first_token_waits_for_the_keys() {
    let signer = Signer::ed25519();
    let body = jwks(&[("1", &signer)]);
    let server = TestServer::start(move |_, _| answer(200, "", &body)).await;
    let verifier = Verifier::new(&config(&server.url("/k?tenant=7")), &sets(EAGER));
    assert_eq!(verdict(&verifier, &token(&signer, "1")).await, Ok(()));
    let forged = token(&Signer::ed25519(), "1");
    assert_eq!(
        verdict(&verifier, &forged).await,
        Err(Rejection::BadSignature)
    );
    // A token that waited for the first attempt has got its wish, and none is left over for a second one, which
    // would stand before this request: the server answers one after the other.
    let last = Request::get(server.url("/last"))
        .body(Full::default())
        .unwrap();
    fetch(&client(), last, PATIENCE, 1 << 20).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert!(requests[0].starts_with("GET /k?tenant=7 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn key_that_is_new_is_fetched_when_a_token_names_it_and_the_old_one_goes() {
    let (old, new) = (Signer::ed25519(), Signer::ed25519());
    let bodies = [jwks(&[("old", &old)]), jwks(&[("new", &new)])];
    let server = TestServer::start(move |before, _| answer(200, "", &bodies[before.min(1)])).await;
    let verifier = Verifier::new(&config(&server.url("/")), &sets(EAGER));
    assert_eq!(verdict(&verifier, &token(&old, "old")).await, Ok(()));
    assert_eq!(verdict(&verifier, &token(&new, "new")).await, Ok(()));
    assert_eq!(server.requests().len(), 2);
    let late = verdict(&verifier, &token(&old, "old")).await;
    assert_eq!(late, Err(Rejection::UnknownKey));
}

/// A hundred at once, and a hundred one after the other: the keys were just fetched, and that was it.
#[tokio::test]
async fn flood_of_unknown_keys_costs_one_attempt() {
    let signer = Signer::ed25519();
    let body = jwks(&[("1", &signer)]);
    let server = TestServer::start(move |_, _| answer(200, "", &body)).await;
    let pace = Pace {
        rest: Duration::from_secs(3600),
        ..EAGER
    };
    let verifier = Verifier::new(&config(&server.url("/")), &sets(pace));
    let flood: Vec<String> = (0..100)
        .map(|kid| token(&signer, &format!("x{kid}")))
        .collect();
    let verdicts = join_all(flood.iter().map(|token| verdict(&verifier, token))).await;
    assert!(
        verdicts
            .iter()
            .all(|verdict| *verdict == Err(Rejection::UnknownKey))
    );
    for token in &flood {
        assert_eq!(verdict(&verifier, token).await, Err(Rejection::UnknownKey));
    }
    assert_eq!(server.requests().len(), 1);
    assert_eq!(verdict(&verifier, &token(&signer, "1")).await, Ok(()));
}

#[tokio::test]
async fn tokens_at_once_share_one_attempt() {
    let (old, new) = (Signer::ed25519(), Signer::ed25519());
    let bodies = [jwks(&[("old", &old)]), jwks(&[("new", &new)])];
    let server = TestServer::start(move |before, _| answer(200, "", &bodies[before.min(1)])).await;
    let verifier = Verifier::new(&config(&server.url("/")), &sets(EAGER));
    assert_eq!(verdict(&verifier, &token(&old, "old")).await, Ok(()));
    let new_token = token(&new, "new");
    let verdicts = join_all((0..100).map(|_| verdict(&verifier, &new_token))).await;
    assert!(verdicts.iter().all(Result::is_ok), "{verdicts:?}");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn keys_that_were_fetched_go_on_while_the_url_fails() {
    let signer = Signer::ed25519();
    let good = answer(200, "", &jwks(&[("1", &signer)]));
    let there = TestServer::start(|_, _| answer(200, "", "x")).await;
    let location = format!("Location: {}\r\n", there.url("/"));
    let failures = [
        answer(500, "", &jwks(&[("2", &signer)])),
        answer(302, &location, ""),
        answer(200, "", "<html>maintenance</html>"),
        answer(200, "", r#"{"keys":[]}"#),
        answer(200, "", &jwks(&[("2", &Signer::secret())])),
        answer(
            200,
            "",
            &format!("{}{}", jwks(&[("2", &signer)]), " ".repeat(256 * 1024)),
        ),
        b"not HTTP\r\n\r\n".to_vec(),
    ];
    let count = failures.len();
    let server = TestServer::start(move |before, _| match before {
        0 => good.clone(),
        attempt => failures[(attempt - 1) % count].clone(),
    })
    .await;
    let verifier = Verifier::new(&config(&server.url("/")), &sets(EAGER));
    assert_eq!(verdict(&verifier, &token(&signer, "1")).await, Ok(()));
    for failed in 1..=count {
        asked(&server, failed).await;
        let unknown = verdict(&verifier, &token(&signer, "2")).await;
        assert_eq!(unknown, Err(Rejection::UnknownKey), "attempt {failed}");
        assert_eq!(verdict(&verifier, &token(&signer, "1")).await, Ok(()));
    }
    assert!(server.requests().len() > count, "each failure was met");
    assert_eq!(there.requests().len(), 0, "nobody follows a redirect");
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Of a hundred failures an operator needs to hear once, and then that they are over.
#[tokio::test]
async fn failing_url_is_told_once_without_its_query_and_so_is_its_return() {
    let signer = Signer::ed25519();
    let body = jwks(&[("1", &signer)]);
    let server = TestServer::start(move |before, _| match before {
        1..5 => answer(500, "", ""),
        _ => answer(200, "", &body),
    })
    .await;
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let told = tracing::subscriber::set_default(subscriber);
    let pace = Pace {
        refresh: Duration::from_millis(5),
        rest: Duration::from_millis(1),
        ..EAGER
    };
    let verifier = Verifier::new(&config(&server.url("/jwks?tenant=hidden")), &sets(pace));
    asked(&server, 8).await;
    assert_eq!(verdict(&verifier, &token(&signer, "1")).await, Ok(()));
    drop(told);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let times = |text| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(times("those fetched before go on"), 1, "{log}");
    assert_eq!(times("keys of tokens fetched"), 2, "{log}");
    assert!(
        log.contains("path=\"/jwks\"") && !log.contains("hidden"),
        "{log}"
    );
}

#[tokio::test]
async fn without_keys_tokens_are_refused_until_they_come() {
    let signer = Signer::ed25519();
    let body = jwks(&[("1", &signer)]);
    let server = TestServer::start(move |before, _| match before {
        0..3 => answer(503, "", ""),
        _ => answer(200, "", &body),
    })
    .await;
    let pace = Pace {
        rest: Duration::from_millis(5),
        ..EAGER
    };
    let verifier = Verifier::new(&config(&server.url("/")), &sets(pace));
    let good = token(&signer, "1");
    assert_eq!(
        verdict(&verifier, &good).await,
        Err(Rejection::KeysUnavailable)
    );
    // A failure is mended without anybody asking.
    asked(&server, 4).await;
    assert_eq!(verdict(&verifier, &good).await, Ok(()));
}

#[tokio::test]
async fn silence_is_waited_for_only_so_long() {
    let server = TestServer::start(|_, _| Vec::new()).await;
    let pace = Pace {
        timeout: Duration::from_millis(30),
        rest: Duration::from_secs(3600),
        ..EAGER
    };
    let verifier = Verifier::new(&config(&server.url("/")), &sets(pace));
    let good = token(&Signer::ed25519(), "1");
    assert_eq!(
        verdict(&verifier, &good).await,
        Err(Rejection::KeysUnavailable)
    );
    // From now on nobody waits at all.
    assert_eq!(
        verdict(&verifier, &good).await,
        Err(Rejection::KeysUnavailable)
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn keys_are_refreshed_though_nobody_asks() {
    let (old, new) = (Signer::ed25519(), Signer::ed25519());
    let bodies = [jwks(&[("1", &old)]), jwks(&[("1", &new)])];
    let server = TestServer::start(move |before, _| answer(200, "", &bodies[before.min(1)])).await;
    let pace = Pace {
        refresh: Duration::from_millis(20),
        ..EAGER
    };
    let verifier = Verifier::new(&config(&server.url("/")), &sets(pace));
    asked(&server, 3).await;
    assert_eq!(verdict(&verifier, &token(&new, "1")).await, Ok(()));
    // It has the same name, so nobody would have asked for it.
    assert_eq!(
        verdict(&verifier, &token(&old, "1")).await,
        Err(Rejection::BadSignature)
    );
}

/// All endpoints share one set for a URL; a verifier that is made anew, as by a reload, finds the keys there;
/// when nobody uses them any more, nobody fetches them.
#[tokio::test]
async fn set_is_shared_and_ends_with_its_last_user() {
    let signer = Signer::ed25519();
    let body = jwks(&[("1", &signer)]);
    let server = TestServer::start(move |before, _| match before {
        0 => answer(200, "", &body),
        _ => answer(500, "", ""),
    })
    .await;
    let config = config(&server.url("/"));
    let sets = sets(EAGER);
    let first = Verifier::new(&config, &sets);
    let second = Verifier::new(&config, &sets);
    for verifier in [&first, &second] {
        assert_eq!(verdict(verifier, &token(&signer, "1")).await, Ok(()));
    }
    let third = Verifier::new(&config, &sets);
    drop((first, second));
    assert_eq!(verdict(&third, &token(&signer, "1")).await, Ok(()));
    assert_eq!(server.requests().len(), 1);

    let KeySource::Remote(source) = &config.trusted[0].source else {
        unreachable!("made so above")
    };
    let set = Arc::downgrade(&sets.get(source));
    drop(third);
    assert!(set.upgrade().is_none());
    // Keys are gone with it: the next one begins anew, and meets the failure.
    let fourth = Verifier::new(&config, &sets);
    let refused = verdict(&fourth, &token(&signer, "1")).await;
    assert_eq!(refused, Err(Rejection::KeysUnavailable));
}

/// Two issuers, one with a secret and one whose URL is silent: the silent one holds up nobody else.
#[tokio::test]
async fn silent_url_delays_only_tokens_of_its_own_issuer() {
    let server = TestServer::start(|_, _| Vec::new()).await;
    let mut config = config(&server.url("/"));
    let key = Signer::secret().key(Algorithm::Hs256, None);
    config
        .trusted
        .push(keys_of("https://other.example", vec![key]));
    let verifier = Verifier::new(&config, &sets(EAGER));
    let header = r#"{"alg":"HS256","kid":"1"}"#;
    let payload = r#"{"iss":"https://other.example","aud":"api","exp":1700000600}"#;
    let token = Signer::secret().token(Algorithm::Hs256, header, payload);
    let at_once = timeout(Duration::from_secs(5), verifier.verify(&token, NOW_MS)).await;
    assert!(at_once.expect("no waiting").is_ok());
}
