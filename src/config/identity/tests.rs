use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::config::option::OptionRecord;
use crate::config::settings::{Origin, Settings};
use crate::config::{Complaint, Machine};
use crate::service::ServerConfig;

/// Files that are gone after their test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("shardcast-{name}-{}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).unwrap();
        folder
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// Of RFC 7515, appendix A.3.
const P256_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n\
    6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n\
    -----END PUBLIC KEY-----\n";
const P256_JWKS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"1",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

const SECRET: &str = "planted-secret-of-32-bytes-or-more";

#[test]
fn specification_gives_keys_and_what_tokens_must_say() {
    let folder = Folder::new("jwt-good");
    let secret = folder.write("secret", format!("{SECRET}\r\n"));
    let pem = folder.write("pem", P256_PEM);
    let jwks = folder.write("jwks", P256_JWKS);
    let one_of =
        |names: &[&str]| Audience::OneOf(names.iter().map(|name| (*name).to_owned()).collect());

    let trusted = jwt_key(&format!("secret={secret}")).unwrap();
    let key = Key::from_secret(SECRET.as_bytes(), None, None).unwrap();
    assert_eq!(trusted.source, KeySource::Fixed(vec![key]));
    assert_eq!((trusted.issuer, trusted.audience), (None, Audience::None));
    assert!(trusted.expiry_required);

    let spec = format!("pem={pem},iss=https://a/?x=y,aud=api,aud=b,kid=7,alg=ES256,exp=optional");
    let trusted = jwt_key(&spec).unwrap();
    let kid = Some("7".to_owned());
    let key = Key::from_pem(P256_PEM.as_bytes(), None, kid).unwrap();
    assert_eq!(trusted.source, KeySource::Fixed(vec![key]));
    assert_eq!(trusted.issuer.as_deref(), Some("https://a/?x=y"));
    assert_eq!(trusted.audience, one_of(&["api", "b"]));
    assert!(!trusted.expiry_required);

    let trusted = jwt_key(&format!("aud=*,jwks={jwks}")).unwrap();
    let keys = read_jwks(P256_JWKS.as_bytes(), None, true).unwrap();
    assert_eq!(trusted.source, KeySource::Fixed(keys));
    assert_eq!(trusted.audience, Audience::Any);

    let url = "https://id.example.com/keys?tenant=1";
    let trusted = jwt_key(&format!("jwks={url},alg=PS256")).unwrap();
    let expected = RemoteSource {
        url: url.parse().unwrap(),
        algorithm: Some(Algorithm::Ps256),
    };
    assert_eq!(trusted.source, KeySource::Remote(expected));
}

/// A variable that every test has: long enough, and hardly a secret.
#[test]
fn secret_may_come_from_a_variable() {
    let path = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let trusted = jwt_key("secret-env=CARGO_MANIFEST_DIR");
    match Key::from_secret(path.as_bytes(), None, None) {
        Ok(key) => assert_eq!(trusted.unwrap().source, KeySource::Fixed(vec![key])),
        Err(error) => assert!(trusted.unwrap_err().problem.contains(&error.to_string())),
    }
}

#[test]
fn wrong_specification_is_told_with_its_fix() {
    let folder = Folder::new("jwt-wrong");
    let short = folder.write("short", "only-31-bytes-are-in-this-file.\n");
    let long = folder.write("long", SECRET);
    let pem = folder.write("pem", P256_PEM);
    let private = folder.write("private", P256_PEM.replace("PUBLIC", "PRIVATE"));
    let text = folder.write("text", "nothing of the kind");
    let empty = folder.write("empty", r#"{"keys":[]}"#);
    let absent = folder.path("absent");
    for (spec, problem, fix) in [
        (
            String::new(),
            r#"has "", which is no NAME=VALUE"#,
            "write it as pem=FILE",
        ),
        (
            "/etc/key.pem".to_owned(),
            "which is no NAME=VALUE",
            "write it as pem=FILE",
        ),
        (
            format!("pem={pem},"),
            r#"has "", which is no NAME=VALUE"#,
            "write it as",
        ),
        ("iss=a".to_owned(), "names no key", "write it as pem=FILE"),
        (
            "pem=".to_owned(),
            "has an empty pem",
            "write it as pem=FILE",
        ),
        (
            format!("pem={pem},aud="),
            "has an empty aud",
            "write it as pem=FILE",
        ),
        (
            format!("pem={pem},secret={long}"),
            "names several keys",
            "one for each",
        ),
        (
            format!("pem={pem},pem={pem}"),
            "names several keys",
            "one for each",
        ),
        (
            format!("pem={pem},iss=a,iss=b"),
            "has two of iss",
            "only aud may be repeated",
        ),
        (
            format!("pem={pem},issuer=a"),
            r#"has "issuer", which is none"#,
            "the names are",
        ),
        (
            format!("PEM={pem}"),
            r#"has "PEM", which is none"#,
            "the names are",
        ),
        (
            format!("pem={pem},alg=none"),
            r#"does not exist here: "none""#,
            "one of HS256",
        ),
        (
            format!("pem={pem},alg=es256"),
            "does not exist here",
            "one of HS256",
        ),
        (
            format!("pem={pem},alg=HS256"),
            "has a pem that is no key for HS256",
            "leave alg out",
        ),
        (
            format!("pem={pem},alg=RS256"),
            "has a pem that is no key for RS256",
            "leave alg out",
        ),
        (
            format!("secret={long},alg=RS256"),
            "has a secret that is no key",
            "leave alg out",
        ),
        (
            format!("pem={pem},exp=never"),
            "has an exp that is no choice",
            "exp=optional",
        ),
        (
            format!("pem={pem},aud=*,aud=a"),
            "takes any audience",
            "aud=* alone",
        ),
        (
            format!("pem={absent}"),
            "names a pem that cannot be read (No such",
            "may read",
        ),
        (
            format!("secret={absent}"),
            "names a secret that cannot be read",
            "may read",
        ),
        (
            format!("jwks={absent}"),
            "names a jwks that cannot be read",
            "may read",
        ),
        (
            format!("secret={short}"),
            "has a secret of 31 bytes, and HS256 needs 32",
            "openssl rand -hex 32",
        ),
        (
            format!("secret={long},alg=HS512"),
            "has a secret of 34 bytes, and HS512 needs 64",
            "-hex 64 for HS512",
        ),
        (
            format!("pem={text}"),
            "has no public key in PEM",
            "-----BEGIN PUBLIC KEY-----",
        ),
        (
            format!("pem={private}"),
            "has a private key",
            "openssl pkey -pubout",
        ),
        (format!("jwks={text}"), "is no JWKS", "name a file such as"),
        (
            format!("jwks={empty}"),
            "has no key that could check a token",
            "name a file",
        ),
        (
            format!("jwks={empty},kid=1"),
            "gives a kid to a JWKS",
            "leave it out",
        ),
        (
            "jwks=https://".to_owned(),
            "has a jwks that is no URL",
            "write it whole",
        ),
        (
            "jwks=https://a b/".to_owned(),
            "has a jwks that is no URL",
            "write it whole",
        ),
        (
            "jwks=https://u:p@h/k".to_owned(),
            "has a user in its URL",
            "leave it out",
        ),
        (
            "secret-env=SHARDCAST_X".to_owned(),
            "of shardcast's own",
            "does not begin with",
        ),
        (
            "secret-env=NO_SUCH_VARIABLE_7".to_owned(),
            "that is not set",
            "secret=FILE",
        ),
    ] {
        let fault = jwt_key(&spec).expect_err(&spec);
        assert!(fault.problem.contains(problem), "{spec}: {fault:?}");
        assert!(fault.fix.contains(fix), "{spec}: {fault:?}");
        assert!(!fault.problem.contains("planted"), "{fault:?}");
    }
}

#[test]
fn names_of_claims_parameters_and_cookies_are_checked() {
    for name in ["sub", "/user/id", "https://example.com/user"] {
        assert!(user_claim(name).is_ok(), "{name}");
    }
    assert!(user_claim("").is_err() && user_claim("/a~7").is_err());
    for (name, is_parameter, is_cookie) in [
        ("token", true, true),
        ("access_token", true, true),
        ("__Host-session", true, true),
        ("a b", false, false),
        ("a=b", false, false),
        ("a&b", false, true),
        ("a;b", false, false),
        ("t\u{f6}ken", false, false),
    ] {
        assert_eq!(parameter_name(name).is_ok(), is_parameter, "{name}");
        assert_eq!(cookie_name(name).is_ok(), is_cookie, "{name}");
    }
}

fn resolve(typed: &[(&'static OptionRecord, &str)]) -> Result<ServerConfig, Vec<String>> {
    let machine = Machine {
        cpus_allowed: vec![0],
        cores_usable: 1,
    };
    let mut settings = Settings::default();
    for (option, text) in typed {
        settings.set(option, Origin::Flag, vec![(*text).to_owned()]);
    }
    let complaints = |list: Vec<Complaint>| list.iter().map(Complaint::to_string).collect();
    settings.resolve(&machine).map_err(complaints)
}

#[test]
fn complaint_names_flag_and_file_and_stands_once() {
    let absent = Path::new("/nonexistent/key").to_str().unwrap();
    let complaints = resolve(&[(&options::JWT_KEY, &format!("pem={absent}"))]).unwrap_err();
    assert_eq!(
        complaints,
        [format!(
            "--jwt-key: \"pem={absent}\" names a pem that cannot be read (No such file or directory (os error 2)); \
             name a file that the server may read; its path has no commas"
        )]
    );
}

/// What is printed of a configuration tells where secrets are, and none of them.
#[test]
fn resolved_configuration_shows_no_secret() {
    let folder = Folder::new("jwt-shown");
    let secret = folder.write("secret", SECRET);
    let spec = format!("secret={secret},iss=a");
    let mut settings = Settings::default();
    settings.set(&options::JWT_KEY, Origin::Flag, vec![spec.clone()]);
    let config = settings.resolve(&Machine::detect()).unwrap();
    let resolved = crate::config::render::Resolved {
        settings: &settings,
        config: &config,
    };
    let (toml, json) = (resolved.to_toml(), resolved.to_json().to_string());
    assert!(toml.contains(&spec) && json.contains(&spec), "{toml}");
    for shown in [toml, json, format!("{config:?}"), format!("{settings:?}")] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
}
