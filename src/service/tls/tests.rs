use super::*;

fn pair(names: &[&str]) -> (String, String) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).expect("a key");
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn pem<'a>((chain, key): &'a (String, String)) -> PemPair<'a> {
    PemPair {
        chain: chain.as_bytes(),
        key: key.as_bytes(),
    }
}

#[test]
fn each_name_gets_the_certificate_that_is_good_for_it() {
    let [one, wild, other] = [
        pair(&["one.example"]),
        pair(&["*.wild.example"]),
        pair(&["other.example", "a.wild.example"]),
    ];
    let keys = [&one, &wild, &other].map(|files| {
        let key = certified(&pem(files), 0).expect("a certificate and its key");
        Arc::new(key)
    });
    let by_name = ByName::new(keys.to_vec());
    for (name, expected) in [
        ("one.example", Some(0)),
        ("ONE.example", Some(0)),
        ("b.wild.example", Some(1)),
        ("a.wild.example", Some(1)),
        ("other.example", Some(2)),
        ("wild.example", None),
        ("a.b.wild.example", None),
        ("example", None),
        ("not a name", None),
    ] {
        let found = by_name.of(name);
        let index = found.and_then(|key| keys.iter().position(|one| Arc::ptr_eq(one, key)));
        assert_eq!(index, expected, "{name}");
    }
}

#[test]
fn wrong_files_are_named_with_what_is_wrong() {
    let (good, other) = (pair(&["a"]), pair(&["b"]));
    let cases: [(PemPair<'_>, Fault); 5] = [
        (
            PemPair {
                chain: good.1.as_bytes(),
                ..pem(&good)
            },
            Fault::Chain(1, CertificateError::NoCertificate),
        ),
        (
            PemPair {
                chain: b"",
                ..pem(&good)
            },
            Fault::Chain(1, CertificateError::NoCertificate),
        ),
        (
            PemPair {
                chain: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                ..pem(&good)
            },
            Fault::Chain(1, CertificateError::NoCertificate),
        ),
        (
            PemPair {
                key: good.0.as_bytes(),
                ..pem(&good)
            },
            Fault::Key(1, CertificateError::NoKey),
        ),
        (
            PemPair {
                key: other.1.as_bytes(),
                ..pem(&good)
            },
            Fault::Key(1, CertificateError::WrongKey),
        ),
    ];
    for (wrong, fault) in cases {
        let made = Certificates::new(&[pem(&good), wrong], None);
        assert_eq!(made.err(), Some(fault));
    }
    let made = Certificates::new(&[pem(&good)], Some(b"no certificate"));
    assert_eq!(
        made.err(),
        Some(Fault::ClientAuthority(CertificateError::NoCertificate))
    );
}

#[test]
fn same_files_are_the_same_certificates() {
    let (one, other) = (pair(&["a"]), pair(&["a"]));
    let made = |files: &[&(String, String)], authority: Option<&str>| {
        let pairs: Vec<PemPair<'_>> = files.iter().map(|files| pem(files)).collect();
        Certificates::new(&pairs, authority.map(str::as_bytes)).expect("good files")
    };
    assert_eq!(made(&[&one], None), made(&[&one], None));
    assert_ne!(made(&[&one], None), made(&[&other], None));
    assert_ne!(made(&[&one], None), made(&[&one, &other], None));
    assert_ne!(made(&[&one], None), made(&[&one], Some(&other.0)));
}
