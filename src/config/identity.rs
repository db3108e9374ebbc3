//! Who clients are: the options that say whose tokens are believed and where they stand.

use http::Uri;

use super::complaint::Fault;
use super::option::ENV_PREFIX;
use super::options;
use super::reader::Reader;
use crate::service::identity::{
    Algorithm, Audience, AuthConfig, JwksError, Key, KeyError, KeySource, RemoteSource,
    TrustedKeys, UserClaim, read_jwks,
};

/// What the options say. Files are read here, so that a wrong one is a complaint and not a surprise.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<AuthConfig> {
    let trusted = reader.jwt_keys(&options::JWT_KEY);
    let user_claim = reader.user_claim(&options::JWT_USER_CLAIM);
    let leeway = reader.time(&options::JWT_LEEWAY);
    let query_parameter = reader.parameter_name(&options::TOKEN_QUERY_PARAMETER);
    let cookie = reader.cookie_name(&options::TOKEN_COOKIE);
    let token_required = reader.switch(&options::REQUIRE_TOKEN);
    Some(AuthConfig {
        trusted: trusted.into_iter().collect::<Option<_>>()?,
        user_claim: user_claim?,
        leeway: leeway?,
        query_parameter: query_parameter?,
        cookie: cookie?,
        token_required: token_required?,
    })
}

pub(super) fn user_claim(text: &str) -> Result<UserClaim, Fault> {
    UserClaim::parse(text).ok_or_else(|| {
        Fault::new(
            "is neither a claim's name nor a JSON pointer",
            "write a name such as sub, or a pointer such as /user/id, with ~1 for / and ~0 for ~ within",
        )
    })
}

/// As it stands in a URL, so that no client has to encode it.
pub(super) fn parameter_name(text: &str) -> Result<String, Fault> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if text.bytes().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        "is not the name of a parameter",
        "write the name alone, such as token",
    ))
}

/// A token of HTTP. Source: RFC 6265, section 4.1.1.
pub(super) fn cookie_name(text: &str) -> Result<String, Fault> {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.bytes().all(is_sign) {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        "is not the name of a cookie",
        "write the name alone, such as session",
    ))
}

/// A specification such as `jwks=https://id.example.com/jwks.json,iss=https://id.example.com/,aud=api`.
pub(super) fn jwt_key(text: &str) -> Result<TrustedKeys, Fault> {
    let spec = Spec::read(text)?;
    let (name, value) = spec.place;
    let alg = spec.algorithm;
    let source = match name {
        "secret" => KeySource::Fixed(vec![of_secret(&file(name, value)?, alg, spec.kid)?]),
        "secret-env" => KeySource::Fixed(vec![of_secret(&variable(value)?, alg, spec.kid)?]),
        "pem" => {
            let key = Key::from_pem(&file(name, value)?, alg, spec.kid);
            KeySource::Fixed(vec![key.map_err(|error| of_key(name, error))?])
        }
        _ if spec.kid.is_some() => {
            return Err(Fault::new(
                "gives a kid to a JWKS",
                "leave it out: each key of a JWKS has its own",
            ));
        }
        _ if value.starts_with("http://") || value.starts_with("https://") => {
            KeySource::Remote(RemoteSource {
                url: url(value)?,
                algorithm: alg,
            })
        }
        _ => {
            let keys = read_jwks(&file(name, value)?, alg, true);
            KeySource::Fixed(keys.map_err(|error| match error {
                JwksError::Key(error) => of_key(name, error),
                error => Fault::new(
                    format!("names a file that {error}"),
                    "name a file such as {\"keys\":[{\"kty\":\"RSA\",\"n\":\"...\",\"e\":\"AQAB\"}]}",
                ),
            })?)
        }
    };
    Ok(TrustedKeys {
        source,
        issuer: spec.issuer,
        audience: spec.audience,
        expiry_required: spec.expiry_required,
    })
}

/// The parts of a specification, before any file is opened.
struct Spec<'t> {
    /// Where the key is: one of [`PLACES`], and what it says.
    place: (&'t str, &'t str),
    algorithm: Option<Algorithm>,
    issuer: Option<String>,
    audience: Audience,
    kid: Option<String>,
    expiry_required: bool,
}

const PLACES: [&str; 4] = ["secret", "secret-env", "pem", "jwks"];

const EXAMPLE: &str = "write it as pem=FILE,iss=ISSUER,aud=AUDIENCE; instead of pem=FILE also \
    secret=FILE, secret-env=VARIABLE or jwks=FILE-OR-URL";

impl<'t> Spec<'t> {
    fn read(text: &'t str) -> Result<Self, Fault> {
        let mut places = Vec::new();
        let mut audiences = Vec::new();
        let (mut alg, mut iss, mut kid, mut exp) = (None, None, None, None);
        for part in text.split(',') {
            let Some((name, value)) = part.split_once('=') else {
                return Err(Fault::new(
                    format!("has {part:?}, which is no NAME=VALUE"),
                    EXAMPLE,
                ));
            };
            if value.is_empty() {
                return Err(Fault::new(format!("has an empty {name}"), EXAMPLE));
            }
            let single = match name {
                "aud" => {
                    audiences.push(value.to_owned());
                    continue;
                }
                _ if PLACES.contains(&name) => {
                    places.push((name, value));
                    continue;
                }
                "alg" => &mut alg,
                "iss" => &mut iss,
                "kid" => &mut kid,
                "exp" => &mut exp,
                _ => {
                    let problem = format!("has {name:?}, which is none of its names");
                    let fix =
                        "the names are secret, secret-env, pem, jwks, iss, aud, alg, kid and exp";
                    return Err(Fault::new(problem, fix));
                }
            };
            if single.replace(value).is_some() {
                let problem = format!("has two of {name}");
                return Err(Fault::new(problem, "write one; only aud may be repeated"));
            }
        }
        let place = match places[..] {
            [place] => place,
            [] => return Err(Fault::new("names no key", EXAMPLE)),
            _ => {
                let fix = "write one for each: an option may be repeated";
                return Err(Fault::new("names several keys", fix));
            }
        };
        Ok(Self {
            place,
            algorithm: alg.map(algorithm).transpose()?,
            issuer: iss.map(str::to_owned),
            audience: audience(audiences)?,
            kid: kid.map(str::to_owned),
            expiry_required: match exp {
                None | Some("required") => true,
                Some("optional") => false,
                Some(_) => {
                    let fix = "write exp=optional, or leave it out";
                    return Err(Fault::new("has an exp that is no choice", fix));
                }
            },
        })
    }
}

fn algorithm(name: &str) -> Result<Algorithm, Fault> {
    Algorithm::from_name(name).ok_or_else(|| {
        let known = Algorithm::ALL.map(Algorithm::name).join(", ");
        Fault::new(
            format!("names an algorithm that does not exist here: {name:?}"),
            format!("write one of {known}"),
        )
    })
}

fn audience(names: Vec<String>) -> Result<Audience, Fault> {
    if names.is_empty() {
        return Ok(Audience::None);
    }
    if !names.iter().any(|name| name == "*") {
        return Ok(Audience::OneOf(names));
    }
    if names.len() == 1 {
        return Ok(Audience::Any);
    }
    Err(Fault::new(
        "takes any audience and names some",
        "write aud=* alone, or the names alone",
    ))
}

fn of_secret(
    secret: &[u8],
    algorithm: Option<Algorithm>,
    kid: Option<String>,
) -> Result<Key, Fault> {
    // Editors and echo end a file with a line break that nobody means. The rest is taken as it is.
    let secret = secret.strip_suffix(b"\n").unwrap_or(secret);
    let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
    Key::from_secret(secret, algorithm, kid).map_err(|error| of_key("secret", error))
}

fn of_key(place: &str, error: KeyError) -> Fault {
    let problem = match error {
        KeyError::WrongAlgorithm(algorithm) => {
            format!("has a {place} that is no key for {algorithm}")
        }
        error => format!("names a {place} that {error}"),
    };
    Fault::new(problem, error.fix())
}

fn file(place: &str, path: &str) -> Result<Vec<u8>, Fault> {
    std::fs::read(path).map_err(|error| {
        Fault::new(
            format!("names a {place} that cannot be read ({error})"),
            "name a file that the server may read; its path has no commas",
        )
    })
}

fn variable(name: &str) -> Result<Vec<u8>, Fault> {
    if name.starts_with(ENV_PREFIX) {
        let problem = format!("names a variable of shardcast's own, {name}");
        let fix = format!("choose a name that does not begin with {ENV_PREFIX}");
        return Err(Fault::new(problem, fix));
    }
    let text = std::env::var_os(name).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| {
        Fault::new(
            format!("names a variable that is not set, {name}"),
            "set it for the server, or put the secret into a file: secret=FILE",
        )
    })?;
    Ok(text.into_encoded_bytes())
}

fn url(text: &str) -> Result<Uri, Fault> {
    let no_url = || {
        Fault::new(
            "has a jwks that is no URL",
            "write it whole, such as jwks=https://id.example.com/.well-known/jwks.json",
        )
    };
    let url: Uri = text.parse().map_err(|_| no_url())?;
    let authority = url.authority().ok_or_else(no_url)?;
    if authority.as_str().contains('@') {
        return Err(Fault::new(
            "has a user in its URL",
            "leave it out: keys are public, and a password here could be read by others",
        ));
    }
    Ok(url)
}

#[cfg(test)]
mod tests;
