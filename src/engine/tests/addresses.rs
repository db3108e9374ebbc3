//! Who gets in: by address, through proxies, from which pages.

use super::*;
use crate::engine::addresses::TrustedProxies;

fn limited(connections_max: usize, proxies: &[&str]) -> Bench {
    let addresses = AddressLimits {
        connections_max,
        proxies: TrustedProxies {
            networks: proxies
                .iter()
                .map(|network| network.parse().expect("a network"))
                .collect(),
            header: "X-Forwarded-For".to_owned(),
        },
        ..AddressLimits::default()
    };
    guarded_process(1, 4, LIMITS, addresses, &[]).remove(0)
}

fn request(header: &str) -> Vec<u8> {
    let line = format!("Host: x\r\n{header}");
    UPGRADE.replacen("Host: x\r\n", &line, 1).into_bytes()
}

impl Bench {
    fn from(&mut self, peer: &str, header: &str) -> (Key, String) {
        let peer = peer.parse().expect("an address");
        let key = self.shard.handle_accepted(self.now, peer).expect("room");
        self.bytes(key, &request(header));
        self.flush();
        let bytes = self.sockets.received.remove(&key).unwrap_or_default();
        let answer = String::from_utf8_lossy(&bytes);
        (key, answer.chars().skip(9).take(3).collect())
    }

    fn gone(&mut self, key: Key) {
        self.shard.handle_end(self.now, key, true);
        self.shard.handle_released(key);
    }
}

#[test]
fn address_with_all_its_connections_is_refused_until_one_is_gone() {
    let mut bench = limited(2, &[]);
    let (first, status) = bench.from("192.0.2.1", "");
    assert_eq!(status, "101");
    assert_eq!(bench.from("192.0.2.1", "").1, "101");
    let (refused, status) = bench.from("192.0.2.1", "");
    assert_eq!(status, "429");
    assert_eq!(
        bench.from("192.0.2.2", "").1,
        "101",
        "others are not concerned"
    );
    let closed = bench.shard.stats().closed_for(Cause::AddressConnections);
    assert_eq!(closed, 1);
    bench.gone(refused);
    assert_eq!(bench.from("192.0.2.1", "").1, "429", "it was not counted");
    bench.gone(first);
    assert_eq!(bench.from("192.0.2.1", "").1, "101");
}

#[test]
fn header_of_a_trusted_proxy_names_the_client() {
    let mut bench = limited(1, &["10.0.0.0/8"]);
    let forwarded = |client: &str| format!("X-Forwarded-For: {client}\r\n");
    let one = forwarded("6.6.6.6, 192.0.2.1");
    let (first, status) = bench.from("10.0.0.1", &one);
    assert_eq!(status, "101");
    assert_eq!(bench.from("10.0.0.2", &one).1, "429");
    assert_eq!(bench.from("10.0.0.2", &forwarded("192.0.2.2")).1, "101");
    assert_eq!(
        bench.from("192.0.2.1", "").1,
        "429",
        "the same without a proxy"
    );
    // Nobody else's word counts.
    assert_eq!(bench.from("192.0.2.2", &forwarded("192.0.2.77")).1, "429");
    assert_eq!(bench.from("192.0.2.3", &forwarded("192.0.2.1")).1, "101");
    bench.gone(first);
    assert_eq!(bench.from("10.0.0.1", &one).1, "101");
    // The proxy's own connections, such as its health checks, are not counted.
    for _ in 0..3 {
        assert_eq!(bench.from("10.0.0.1", "").1, "101");
    }
}

#[test]
fn page_of_another_origin_is_refused() {
    let origins = ["https://app.example.com", "https://*.example.org"];
    let addresses = AddressLimits::default();
    let mut bench = guarded_process(1, 4, LIMITS, addresses, &origins).remove(0);
    for (header, status) in [
        ("Origin: https://app.example.com\r\n", "101"),
        ("Origin: https://www.example.org\r\n", "101"),
        ("", "101"),
        ("Origin: https://evil.test\r\n", "403"),
        ("Origin: null\r\n", "403"),
        ("Origin:\r\n", "403"),
        (
            "Origin: https://app.example.com\r\nOrigin: https://evil.test\r\n",
            "403",
        ),
        (
            "Origin: https://evil.test\r\nOrigin: https://app.example.com\r\n",
            "403",
        ),
        (
            "Origin: https://app.example.com\r\nOrigin: https://app.example.com\r\n",
            "403",
        ),
        ("Origin: https://app.ex\u{e4}mple.com\r\n", "403"),
    ] {
        assert_eq!(bench.from("192.0.2.1", header).1, status, "{header}");
    }
    assert_eq!(bench.shard.stats().closed_for(Cause::OriginRefused), 7);
}
