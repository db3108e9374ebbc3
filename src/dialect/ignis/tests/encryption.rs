//! Encryption of what clients are sent, read by a client that does the published steps.

use std::collections::HashSet;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

fn encrypting(encryption: Encryption) -> Bench {
    Bench::new(IgnisConfig {
        encryption,
        ..config()
    })
}

/// A client with its keys.
struct Reader {
    key: LessSafeKey,
    ivs: HashSet<Vec<u8>>,
}

fn decoded(value: &Value) -> Vec<u8> {
    STANDARD
        .decode(value.as_str().expect("a text"))
        .expect("base64")
}

impl Reader {
    /// Authenticates with a public key, and derives the other key from the answer.
    fn connect(bench: &mut Bench) -> (Key, Self) {
        let client = bench.connect();
        let own = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).expect("a key");
        let public = own.compute_public_key().expect("its point");
        let data = json!({"publicKey": STANDARD.encode(public)});
        let got = bench.authenticate(client, &data, Some("u1"));
        let [Got::Text(connected)] = &got[..] else {
            panic!("{got:?}");
        };
        let connected: Value = serde_json::from_str(connected).expect("JSON, in the clear");
        let data = &connected["data"];
        assert_eq!(data["userId"], "u1");
        let salt = decoded(&data["salt"]);
        assert_eq!(salt.len(), 32);
        let server = decoded(&data["serverPublicKey"]);
        let server = UnparsedPublicKey::new(&ECDH_P256, server);
        let key = agree_ephemeral(own, server, (), |shared| {
            let secret = Salt::new(HKDF_SHA256, &salt).extract(shared);
            let info = [&b"ignis-ecdh-p256-aes-256-gcm-v1"[..]];
            let key = secret.expand(&info, &AES_256_GCM).map_err(drop)?;
            Ok(UnboundKey::from(key))
        });
        let key = LessSafeKey::new(key.expect("a point of the curve"));
        (
            client,
            Self {
                key,
                ivs: HashSet::new(),
            },
        )
    }

    /// What frames say, none of which may be readable without the key.
    fn read(&mut self, frames: &[Got]) -> Vec<String> {
        frames.iter().map(|frame| self.read_one(frame)).collect()
    }

    fn read_one(&mut self, frame: &Got) -> String {
        let Got::Text(text) = frame else {
            panic!("{frame:?}");
        };
        let frame: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(frame["event"], "encrypted");
        assert!(
            text.starts_with(r#"{"event":"encrypted","data":{"iv":""#),
            "{text}"
        );
        let (iv, mut cipher) = (decoded(&frame["data"]["iv"]), decoded(&frame["data"]["ct"]));
        assert!(self.ivs.insert(iv.clone()), "an IV twice");
        let nonce = Nonce::try_assume_unique_for_key(&iv).expect("twelve bytes");
        let plain = self.key.open_in_place(nonce, Aad::empty(), &mut cipher);
        String::from_utf8(plain.expect("its own key").to_vec()).expect("text")
    }
}

#[test]
fn everything_behind_connected_is_encrypted_in_order() {
    for encryption in [Encryption::On, Encryption::Required] {
        let mut bench = encrypting(encryption);
        let (client, mut reader) = Reader::connect(&mut bench);
        for number in 0..300 {
            bench.publish(Audience::Topic, "ws-default", Some(&number.to_string()));
        }
        bench.say(client, "nope");
        bench.publish(Audience::User("u1"), "", None);
        bench.publish(Audience::Everyone, "", Some("null"));
        let mut expected: Vec<String> = (0..300)
            .map(|number| format!(r#"{{"event":"e","data":{number}}}"#))
            .collect();
        expected.push(r#"{"event":"error","data":{"message":"Invalid message format"}}"#.into());
        expected.push(r#"{"event":"e"}"#.into());
        expected.push(r#"{"event":"e","data":null}"#.into());
        let got = bench.hears(client);
        assert_eq!(reader.read(&got), expected);
    }
}

#[test]
fn each_client_has_its_own_key_and_others_read_on_as_before() {
    let mut bench = encrypting(Encryption::On);
    let (one, mut one_reader) = Reader::connect(&mut bench);
    let (plain, _) = bench.known();
    let (two, mut two_reader) = Reader::connect(&mut bench);
    let stranger = bench.connect();
    assert_eq!(bench.publish(Audience::Topic, "ws-default", Some("1")), 3);
    let [one_got, two_got] = [one, two].map(|client| bench.hears(client));
    assert_ne!(one_got, two_got);
    assert_eq!(one_reader.read(&one_got), two_reader.read(&two_got));
    assert_eq!(bench.hears(plain), [event("1")]);
    assert_eq!(bench.hears(stranger), []);
}

#[test]
fn last_words_are_encrypted_too() {
    let mut bench = encrypting(Encryption::On);
    let (client, mut reader) = Reader::connect(&mut bench);
    bench.shard.revoke(bench.now, client, "revoked");
    let got = bench.hears(client);
    let [last, closed] = &got[..] else {
        panic!("{got:?}");
    };
    let message = r#"{"event":"error","data":{"message":"Authentication failed"}}"#;
    assert_eq!(reader.read_one(last), message);
    assert_eq!(*closed, close(4003, "Authentication failed"));
}

#[test]
fn unusable_keys_are_refused_where_encryption_is_possible() {
    let point = |first: u8, len: usize| {
        let mut bytes = vec![first];
        bytes.resize(len, 7);
        json!({"publicKey": STANDARD.encode(bytes)})
    };
    let refused = [
        error("Encryption handshake failed"),
        close(4004, "Encryption required"),
    ];
    let bad = [
        json!({"publicKey": "no base64!"}),
        json!({"publicKey": 7}),
        json!({"publicKey": [1]}),
        // Not on the curve, of other lengths, compressed, at infinity.
        point(4, 65),
        point(4, 64),
        point(4, 66),
        point(2, 33),
        point(0, 1),
        point(0, 65),
    ];
    for encryption in [Encryption::On, Encryption::Required] {
        for data in &bad {
            let mut bench = encrypting(encryption);
            let client = bench.connect();
            assert_eq!(bench.authenticate(client, data, None), refused, "{data}");
            assert_eq!(bench.shard.topics().subscriptions(), 0);
        }
    }
    for data in [json!({}), json!({"publicKey": null}), json!("x")] {
        let mut bench = encrypting(Encryption::Required);
        let client = bench.connect();
        assert_eq!(bench.authenticate(client, &data, None), refused, "{data}");
    }
}

#[test]
fn who_brings_no_key_reads_in_the_clear_unless_keys_are_required() {
    let mut bench = encrypting(Encryption::On);
    let (client, _) = bench.known();
    bench.publish(Audience::Topic, "ws-default", Some("1"));
    assert_eq!(bench.hears(client), [event("1")]);

    let mut bench = encrypting(Encryption::Off);
    let client = bench.connect();
    let key = STANDARD.encode([4; 65]);
    let got = bench.authenticate(client, &json!({"publicKey": key}), None);
    assert!(
        matches!(&got[..], [Got::Text(text)] if !text.contains("salt")),
        "{got:?}"
    );
}

#[test]
fn payload_of_every_length_comes_back_whole() {
    let mut bench = encrypting(Encryption::On);
    let (client, mut reader) = Reader::connect(&mut bench);
    for len in (0..200).chain([65_000, 65_536, 100_000]) {
        let data = format!("\"{}\"", "x".repeat(len));
        bench.publish(Audience::Topic, "ws-default", Some(&data));
        let got = bench.hears(client);
        assert_eq!(
            reader.read(&got),
            [format!(r#"{{"event":"e","data":{data}}}"#)]
        );
    }
}
