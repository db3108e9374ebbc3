//! What is a key, and what is said about what is none.

use serde_json::{Value, json};

use super::super::testing::{SECRET, Signer, part, pem};
use super::super::*;

#[test]
fn secret_is_as_long_as_its_hash_or_refused() {
    for (algorithm, least) in [
        (Algorithm::Hs256, 32),
        (Algorithm::Hs384, 48),
        (Algorithm::Hs512, 64),
    ] {
        assert!(Key::from_secret(&SECRET[..least], Some(algorithm), None).is_ok());
        let bytes = least - 1;
        assert_eq!(
            Key::from_secret(&SECRET[..bytes], Some(algorithm), None),
            Err(KeyError::SecretTooShort {
                bytes,
                least,
                algorithm
            })
        );
    }
    let key = Key::from_secret(SECRET, None, None).unwrap();
    assert_eq!(key.algorithm(), Algorithm::Hs256);
    let wrong = Key::from_secret(SECRET, Some(Algorithm::Rs256), None);
    assert_eq!(wrong, Err(KeyError::WrongAlgorithm(Algorithm::Rs256)));
}

#[test]
fn pem_tells_its_algorithm_and_takes_no_other() {
    for (signer, usual, others) in [
        (
            Signer::rsa(),
            Algorithm::Rs256,
            vec![Algorithm::Ps256, Algorithm::Rs512],
        ),
        (Signer::p256(), Algorithm::Es256, Vec::new()),
        (Signer::p384(), Algorithm::Es384, Vec::new()),
        (Signer::ed25519(), Algorithm::EdDsa, Vec::new()),
    ] {
        let pem = signer.pem();
        let key = Key::from_pem(pem.as_bytes(), None, None).unwrap();
        assert_eq!(key.algorithm(), usual);
        for algorithm in [
            Algorithm::Hs256,
            Algorithm::Rs256,
            Algorithm::Es256,
            Algorithm::Es384,
            Algorithm::EdDsa,
        ] {
            let key = Key::from_pem(pem.as_bytes(), Some(algorithm), None);
            if algorithm == usual {
                assert_eq!(key.unwrap().algorithm(), usual);
            } else {
                assert_eq!(key, Err(KeyError::WrongAlgorithm(algorithm)));
            }
        }
        for algorithm in others {
            assert!(Key::from_pem(pem.as_bytes(), Some(algorithm), None).is_ok());
        }
    }
}

#[test]
fn what_is_no_public_key_is_named_with_its_fix() {
    let der = Signer::ed25519().der();
    // 1024 bits, made by openssl for this test alone.
    const SHORT_RSA: &str = "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDUGpVk0AOYURAqP7b6WOJYd+lL\n\
        Tz7G0ug7SaQCr/1l2Vn3krcQ+jg3pHY739FtILbBk9IuzkOW5NbYn9TOm2g63mde\n\
        EBxTMzePZnh56fRko1lQaPo4U3l/FHsb3WGx8h51qORtsUMnZvw+NyKAqKcQSGx4\n\
        FeD4iiZzzPmO8fpMGQIDAQAB\n-----END PUBLIC KEY-----\n";
    for (text, error) in [
        (String::new(), KeyError::NotPem),
        ("ssh-ed25519 AAAA".to_owned(), KeyError::NotPem),
        ("-----BEGIN PUBLIC KEY-----\n".to_owned(), KeyError::NotPem),
        (pem("PRIVATE KEY", &der), KeyError::Private),
        (pem("RSA PRIVATE KEY", &der), KeyError::Private),
        (pem("EC PRIVATE KEY", &der), KeyError::Private),
        (pem("CERTIFICATE", &der), KeyError::Certificate),
        (pem("RSA PUBLIC KEY", &der), KeyError::Pkcs1),
        (pem("PUBLIC KEY", &der[1..]), KeyError::Unknown),
        (pem("PUBLIC KEY", &der[..der.len() - 1]), KeyError::Unknown),
        (SHORT_RSA.to_owned(), KeyError::RsaSize(1024)),
    ] {
        let key = Key::from_pem(text.as_bytes(), None, None);
        assert_eq!(key, Err(error), "{text}");
        assert!(!error.fix().is_empty());
    }
}

fn read(keys: &[Value]) -> Result<Vec<Key>, JwksError> {
    read_jwks(json!({ "keys": keys }).to_string().as_bytes(), None, true)
}

#[test]
fn key_that_cannot_check_a_token_is_left_out_of_its_set() {
    let rsa = Signer::rsa().jwk("good");
    let p256 = Signer::p256().jwk("p256");
    let with = |jwk: &Value, name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        jwk
    };
    let without = |jwk: &Value, name: &str| {
        let mut jwk = jwk.clone();
        jwk.as_object_mut().unwrap().remove(name);
        jwk
    };
    for unusable in [
        json!(7),
        json!({}),
        json!({ "kty": "EC", "crv": "secp256k1" }),
        json!({ "kty": "OKP", "crv": "X25519", "x": part([9; 32]) }),
        json!({ "kty": "ours" }),
        json!({ "kty": "oct", "k": part([1; 31]) }),
        with(&rsa, "use", json!("enc")),
        with(&rsa, "key_ops", json!(["encrypt"])),
        with(&rsa, "alg", json!("RSA-OAEP")),
        with(&rsa, "alg", json!("HS256")),
        with(&rsa, "alg", json!("ES256")),
        with(&rsa, "n", json!(part([0xff; 128]))),
        with(&rsa, "n", json!("not base64!")),
        with(&rsa, "e", json!(part([0]))),
        with(&rsa, "kid", json!(7)),
        without(&rsa, "n"),
        with(&p256, "x", json!(part([1; 32]))),
        with(&p256, "x", json!(part([1; 31]))),
        with(&p256, "crv", json!("P-384")),
        with(&p256, "alg", json!("ES384")),
        without(&p256, "y"),
    ] {
        assert!(read(std::slice::from_ref(&unusable)).is_err(), "{unusable}");
        let keys = read(&[unusable, rsa.clone()]).unwrap();
        let [key] = &keys[..] else {
            panic!("one key is left: {keys:?}");
        };
        assert_eq!(key.algorithm(), Algorithm::Rs256);
    }
}

#[test]
fn set_says_what_its_keys_are_for_or_the_operator_does() {
    let rsa = Signer::rsa().jwk("1");
    let mut ps = rsa.clone();
    ps["alg"] = json!("PS256");
    ps["use"] = json!("sig");
    ps["key_ops"] = json!(["verify"]);
    let set = json!({ "keys": [rsa, ps] }).to_string();
    let algorithms = |wanted| {
        let keys = read_jwks(set.as_bytes(), wanted, false).unwrap();
        keys.iter().map(Key::algorithm).collect::<Vec<_>>()
    };
    assert_eq!(algorithms(None), [Algorithm::Rs256, Algorithm::Ps256]);
    assert_eq!(
        algorithms(Some(Algorithm::Ps256)),
        [Algorithm::Ps256, Algorithm::Ps256]
    );
    assert_eq!(algorithms(Some(Algorithm::Rs512)), [Algorithm::Rs512]);
}

#[test]
fn secret_in_a_public_set_is_left_out() {
    let set = json!({ "keys": [Signer::secret().jwk("1")] }).to_string();
    assert_eq!(read_jwks(set.as_bytes(), None, true).unwrap().len(), 1);
    assert_eq!(
        read_jwks(set.as_bytes(), None, false),
        Err(JwksError::NoKey)
    );
}

#[test]
fn set_has_a_bound_and_what_is_no_set_is_named() {
    let many = vec![Signer::ed25519().jwk("1"); 100];
    assert_eq!(read(&many).unwrap().len(), 32);
    for text in [
        "",
        "{}",
        "[]",
        r#"{"keys":{}}"#,
        "<html>",
        r#"{"keys":[]} x"#,
    ] {
        let error = read_jwks(text.as_bytes(), None, true);
        assert_eq!(error, Err(JwksError::NotJwks), "{text}");
    }
    assert_eq!(read(&[]), Err(JwksError::NoKey));
}

#[test]
fn keys_are_the_same_if_all_of_them_is() {
    let [one, other] = [Signer::p256(), Signer::p256()];
    let key = |signer: &Signer, kid| signer.key(Algorithm::Es256, kid);
    assert_eq!(key(&one, None), key(&one, None));
    assert_ne!(key(&one, None), key(&other, None));
    assert_ne!(key(&one, None), key(&one, Some("1")));
    let secret = |algorithm| Signer::secret().key(algorithm, None);
    assert_ne!(secret(Algorithm::Hs256), secret(Algorithm::Hs384));
    assert_ne!(secret(Algorithm::Hs256), key(&one, None));
}

#[test]
fn secret_is_never_printed() {
    let key = Signer::secret().key(Algorithm::Hs256, Some("1"));
    assert_eq!(
        format!("{key:?}"),
        r#"Key { algorithm: Hs256, kid: Some("1"), .. }"#
    );
}
