//! Goal: over TLS everything is as without it, and nothing is said to who does not speak it.
//! Method: clients that know no TLS go through a front that puts it on, so that the same suites and
//! the same scenes judge; what TLS itself is about is asked by a client of rustls' own.

use std::io::{Read, Write};
use std::net::TcpStream;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::contract_suite::{CLIENTS, FLAGS, LARGE_DATA, Link, SMALL_DATA, Suite};
use super::support::client::{Client, Incoming, request};
use super::support::strav::{PATH, ok, sub};
use super::support::tls::{Dialer, Identity, TlsFront, runtime};
use super::support::{PATIENCE, Server, drivers, wait_until};

const NAME: &str = "push.example";

fn start(driver: &str, shards: &str, identity: &Identity, flags: &[&str]) -> Server {
    start_with(Server::start, driver, shards, identity, flags)
}

fn start_with(
    start: fn(&[&str]) -> Server,
    driver: &str,
    shards: &str,
    identity: &Identity,
    flags: &[&str],
) -> Server {
    println!("--driver {driver} --shards {shards} {flags:?}");
    let (cert, key) = (identity.cert(), identity.key());
    let own = ["--driver", driver, "--shards", shards];
    let tls = ["--tls-cert", &cert, "--tls-key", &key];
    start(&[&own, &tls, flags].concat())
}

#[test]
fn delivery_contract_holds() {
    let identity = Identity::new(NAME);
    for driver in drivers() {
        for (shards, version, data) in [
            (1, &rustls::version::TLS13, SMALL_DATA),
            (2, &rustls::version::TLS12, SMALL_DATA),
            (2, &rustls::version::TLS13, LARGE_DATA),
        ] {
            let mut server = start(driver, &shards.to_string(), &identity, &FLAGS);
            let dialer = Dialer::with(NAME, &[&identity], &[version], None);
            let front = TlsFront::to(server.addr, dialer);
            let suite = Suite::open(shards, 1, data, |_| (front.addr, Link::Whole));
            let outcome = suite.play(&mut server);
            assert!(outcome.messages > 1_000, "{outcome:?} shows little");
            assert_eq!(outcome.cut, 0, "of {CLIENTS}");
        }
    }
}

/// What a peer does not read is kept as it is until it is sent, so that whole messages can be dropped.
#[test]
fn clients_that_do_not_read_hurt_nobody_else() {
    let identity = Identity::new(NAME);
    for (driver, policy) in drivers()
        .into_iter()
        .flat_map(|driver| ["close", "drop-newest", "drop-oldest"].map(|policy| (driver, policy)))
    {
        let flags = [
            "--allow-publish",
            "*",
            "--backpressure-limit-bytes",
            "256KiB",
            "--send-buffer-bytes",
            "16KiB",
            "--backpressure-policy",
            policy,
        ];
        let server = start(driver, "2", &identity, &flags);
        let front = TlsFront::to(server.addr, Dialer::new(NAME, &[&identity]));
        let mut healthy = Client::open(front.addr);
        healthy.subscribe("flood");
        // The front would read for it; this one speaks TLS by itself and then falls silent.
        let runtime = runtime();
        let dialer = Dialer::new(NAME, &[&identity]);
        let mut stopped = runtime.block_on(async {
            let mut stream = dialer.dial(server.addr).await.expect("a handshake");
            stream.write_all(&request(PATH)).await.expect("it reads");
            let mut frame = vec![0x81, 0x80 | sub("flood").len() as u8, 0, 0, 0, 0];
            frame.extend_from_slice(sub("flood").as_bytes());
            stream.write_all(&frame).await.expect("it reads");
            let mut heard = Vec::new();
            while !String::from_utf8_lossy(&heard).contains(&ok("flood")) {
                let read = stream.read_buf(&mut heard).await.expect("it answers");
                assert!(read > 0, "it ended");
            }
            stream
        });
        let filler = "x".repeat(16 * 1024);
        let is_over = || match policy {
            "close" => server.counter("closed", "cause=\"slow_consumer\"") > 0,
            _ => server.counter("dropped", "") > 20,
        };
        let mut count = 0;
        while !is_over() {
            for _ in 0..8 {
                healthy.publish("flood", "e", format_args!(r#"[{count},"{filler}"]"#));
                count += 1;
            }
            for number in count - 8..count {
                let text = healthy.text();
                assert!(
                    text.contains(&format!("\"d\":[{number},")),
                    "{}",
                    &text[..80]
                );
            }
            assert!(count < 10_000, "it is never too slow");
        }
        healthy.publish("flood", "last", 0);
        assert!(healthy.text().contains("last"));
        // Whatever is left for it can be decrypted to the end: nothing was dropped in the middle.
        let rest = runtime.block_on(async {
            let mut rest = Vec::new();
            let read = async {
                let mut buffer = vec![0; 65_536];
                loop {
                    match stopped.read(&mut buffer).await {
                        Ok(0) => return,
                        Ok(read) => rest.extend_from_slice(&buffer[..read]),
                        Err(error) => panic!("{error}"),
                    }
                    if rest.windows(4).any(|four| four == b"last") {
                        return;
                    }
                }
            };
            tokio::time::timeout(PATIENCE, read).await.expect("an end");
            rest
        });
        let is_closed = rest.ends_with(b"\x88\x0f\x03\xf5slow consumer");
        assert_eq!(is_closed, policy == "close");
    }
}

#[test]
fn certificate_is_chosen_by_name_and_renewed_without_dropping_anybody() {
    for driver in drivers() {
        let (first, mut second) = (Identity::new(NAME), Identity::new("other.example"));
        let (cert, key) = (second.cert(), second.key());
        let flags = ["--tls-cert", &cert, "--tls-key", &key, "--api-tls"];
        let mut server = start_with(Server::start_logged, driver, "2", &first, &flags);
        let api: std::net::SocketAddr = server
            .banner
            .lines()
            .find_map(|line| {
                line.trim_start()
                    .strip_prefix("api       https://")?
                    .parse()
                    .ok()
            })
            .expect("an API over TLS");
        let runtime = runtime();
        let shown = |name: &str, addr, trusted: &[&Identity]| {
            let dialer = Dialer::new(name, trusted);
            let stream = runtime.block_on(dialer.dial(addr))?;
            let (_, session) = stream.get_ref();
            let chain = session
                .peer_certificates()
                .expect("the server has shown one");
            Ok::<_, std::io::Error>(chain[0].clone())
        };
        let front = TlsFront::to(server.addr, Dialer::new("other.example", &[&second]));
        let mut client = Client::open(front.addr);
        client.subscribe("demo");
        for addr in [server.addr, api] {
            assert_eq!(shown(NAME, addr, &[&first]).expect("good"), first.der);
            let other = shown("other.example", addr, &[&second]);
            assert_eq!(other.expect("good"), second.der);
            // Nobody has that name, so the first is shown, which is not good for it.
            assert!(shown("third.example", addr, &[&first, &second]).is_err());
        }

        let before = second.der.clone();
        second.renew("other.example");
        server.signal("HUP");
        server.log_line("SIGHUP: reloaded");
        for addr in [server.addr, api] {
            wait_until("the new certificate on all shards", || {
                (0..8).all(|_| {
                    let other = shown("other.example", addr, &[&second]);
                    other.is_ok_and(|der| der != before && der == second.der)
                })
            });
            assert_eq!(shown(NAME, addr, &[&first]).expect("good"), first.der);
        }
        client.publish("demo", "still", 0);
        assert!(
            client.text().contains("publish denied"),
            "it is still there"
        );

        std::fs::write(second.cert(), "no certificate").expect("a place for files");
        server.signal("HUP");
        let line = server.log_line("tls-cert");
        assert!(line.contains("holds no certificates in PEM"), "{line}");
        let other = shown("other.example", server.addr, &[&second]);
        assert_eq!(other.expect("the one before goes on"), second.der);
    }
}

#[test]
fn clients_must_show_a_certificate_where_it_is_demanded() {
    let (identity, known, stranger) = (
        Identity::new(NAME),
        Identity::new("client.example"),
        Identity::new("client.example"),
    );
    for driver in drivers() {
        let authority = known.cert();
        let server = start(driver, "1", &identity, &["--tls-client-ca", &authority]);
        let served = |shows: Option<&Identity>, version| {
            let dialer = Dialer::with(NAME, &[&identity], &[version], shows);
            let front = TlsFront::to(server.addr, dialer);
            let mut client = Client::tcp(front.addr);
            client.try_send_raw(&request(PATH)) && client.was_upgraded()
        };
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let failed = || server.counter("closed", "cause=\"tls_failed\"");
            let before = failed();
            assert!(served(Some(&known), version));
            assert!(!served(None, version));
            assert!(!served(Some(&stranger), version));
            wait_until("two failures", || failed() == before + 2);
        }
    }
}

#[test]
fn who_does_not_speak_tls_gets_an_alert_and_who_says_nothing_is_cut() {
    let identity = Identity::new(NAME);
    for driver in drivers() {
        let server = start(driver, "1", &identity, &["--handshake-timeout", "500ms"]);
        let answer = |bytes: &[u8]| {
            let mut stream = TcpStream::connect(server.addr).expect("it accepts");
            stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
            stream.write_all(bytes).expect("it reads");
            let mut answer = Vec::new();
            // A reset is an end, too.
            let _end = stream.read_to_end(&mut answer);
            answer
        };
        let alert = answer(&request(PATH));
        assert_eq!(alert.first(), Some(&0x15), "{alert:?}");
        wait_until("the failure is counted", || {
            server.counter("closed", "cause=\"tls_failed\"") == 1
        });
        // Nothing can be told to who has said nothing, or half of a hello.
        for bytes in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
            assert_eq!(answer(bytes), b"");
        }
        assert_eq!(server.counter("closed", "cause=\"handshake_timeout\""), 2);
        let front = TlsFront::to(server.addr, Dialer::new(NAME, &[&identity]));
        let mut client = Client::open(front.addr);
        client.send_raw(b"\xf1");
        assert!(matches!(client.incoming(), Incoming::Close(Some(1_002), _)));
    }
}
