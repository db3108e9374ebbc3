//! What of an app server's refusal reaches a client whose handshake it refuses.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderMap, Response, StatusCode};

use super::fault::Fault;
use crate::codec::http::Refusal;

/// What a refused client is answered when no status is given.
const DEFAULT_STATUS: StatusCode = StatusCode::FORBIDDEN;

/// Bytes of a refusal's text that are passed on; a longer one is left out. Clients in browsers never
/// see it; it is for whoever debugs them.
const BODY_BYTES_MAX: usize = 4 * 1024;

/// Bytes of all headers that are passed on: what the usual clients and proxies take in one head.
const HEADERS_BYTES_MAX: usize = 8 * 1024;

/// The headers that reach the client; nothing else of the app server's answer is the client's business.
const PASSED_ON: [(http::HeaderName, &str); 3] = [
    (SET_COOKIE, "Set-Cookie"),
    (RETRY_AFTER, "Retry-After"),
    (WWW_AUTHENTICATE, "WWW-Authenticate"),
];

/// A refusal that was said by the status of the answer; `None`: the status speaks of something else.
pub(super) fn relayed(answer: &Response<Bytes>) -> Option<Result<Refusal, Fault>> {
    let status = answer.status();
    if !is_refusal(status) || is_about_our_request(status) {
        return None;
    }
    let headers = passed_on(answer.headers());
    let body = std::str::from_utf8(answer.body()).unwrap_or_default();
    let body = if body.len() <= BODY_BYTES_MAX {
        body
    } else {
        ""
    };
    Some(check_size(&headers).map(|()| with(status, headers, body)))
}

/// The status that a JSON answer names.
pub(super) fn status(number: Option<u16>) -> Result<StatusCode, Fault> {
    let Some(number) = number else {
        return Ok(DEFAULT_STATUS);
    };
    StatusCode::from_u16(number)
        .ok()
        .filter(|status| is_refusal(*status))
        .ok_or_else(|| Fault("the status of a refusal must be 400 to 499, or 503".into()))
}

pub(super) fn with(status: StatusCode, headers: Vec<(String, String)>, body: &str) -> Refusal {
    let own = headers
        .into_iter()
        .map(|(name, value)| (Cow::Owned(name), Cow::Owned(value)));
    let mut refusal = Refusal::new(status, body.to_owned());
    refusal.headers.extend(own);
    refusal
}

pub(super) fn check_size(headers: &[(String, String)]) -> Result<(), Fault> {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.len() + ": \r\n".len())
        .sum();
    if bytes <= HEADERS_BYTES_MAX {
        return Ok(());
    }
    Err(Fault(format!(
        "its headers for the client have more than {HEADERS_BYTES_MAX} bytes"
    )))
}

fn is_refusal(status: StatusCode) -> bool {
    status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE
}

/// Whether a status means that the URL or the call is wrong: no client could do anything about that,
/// and the operator has to hear of it.
fn is_about_our_request(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        404 | 405 | 407 | 408 | 411 | 413..=415 | 421 | 426 | 431
    )
}

/// A value that is no visible ASCII, as a line break is not, is left out.
fn passed_on(headers: &HeaderMap) -> Vec<(String, String)> {
    let lines = PASSED_ON.iter().flat_map(|(name, written)| {
        let values = headers.get_all(name).iter();
        values.filter_map(|value| Some(((*written).to_owned(), value.to_str().ok()?.to_owned())))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        answer.body(Bytes::from(body.to_owned())).unwrap()
    }

    #[test]
    fn statuses_about_the_client_are_relayed_and_no_others() {
        let relays = |status: &u16| relayed(&answer(*status, &[], "")).is_some();
        let all = [
            200, 204, 301, 302, 400, 401, 403, 404, 405, 407, 408, 409, 413, 415, 421, 422, 426,
            429, 451, 500, 502, 503, 504,
        ];
        let passed: Vec<u16> = all.into_iter().filter(relays).collect();
        assert_eq!(passed, [400, 401, 403, 409, 422, 429, 451, 503]);
    }

    #[test]
    fn only_three_headers_reach_the_client() {
        let headers = [
            ("Set-Cookie", "a=1"),
            ("X-Internal", "secret"),
            ("Retry-After", "7"),
            ("WWW-Authenticate", "Bearer"),
            ("Set-Cookie", "b=2"),
            ("Content-Encoding", "gzip"),
            ("Set-Cookie", "gr\u{fc}n"),
        ];
        let refusal = relayed(&answer(401, &headers, "log in")).unwrap().unwrap();
        assert_eq!(refusal.status, 401);
        assert_eq!(refusal.body, "log in");
        let told: Vec<(&str, &str)> = refusal
            .headers
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref()))
            .collect();
        assert_eq!(
            told,
            [
                ("Set-Cookie", "a=1"),
                ("Set-Cookie", "b=2"),
                ("Retry-After", "7"),
                ("WWW-Authenticate", "Bearer"),
            ]
        );
    }

    #[test]
    fn body_that_is_long_or_no_text_is_left_out_and_long_headers_are_a_fault() {
        let body = |bytes: usize| {
            let answer = answer(403, &[], &"x".repeat(bytes));
            relayed(&answer).unwrap().unwrap().body.len()
        };
        assert_eq!(
            [body(BODY_BYTES_MAX), body(BODY_BYTES_MAX + 1)],
            [BODY_BYTES_MAX, 0]
        );
        let mut binary = answer(403, &[], "");
        *binary.body_mut() = Bytes::from_static(b"\xff");
        assert_eq!(relayed(&binary).unwrap().unwrap().body, "");

        let long = "x".repeat(HEADERS_BYTES_MAX);
        let answer = answer(403, &[("Set-Cookie", &long)], "");
        assert!(relayed(&answer).unwrap().is_err());
    }
}
