//! Goal: a log can be shown to anybody: no query string, where clients put their tokens, is in it,
//! and in JSON every line is an object.
//! Method: connect rightly and wrongly with a token in every place a client can put one, at the
//! loudest level; read the whole log.

use super::support::Server;
use super::support::client::{Client, request};

#[test]
fn loudest_log_has_no_token_and_is_json_when_asked() {
    for format in ["text", "json"] {
        let mut server = Server::start_logged(&[
            "--endpoint",
            "/_broadcast=strav",
            "--endpoint",
            "/events=shared-websocket",
            "--log-level",
            "trace",
            "--log-format",
            format,
        ]);
        for path in [
            "/_broadcast?token=hunter2",
            "/nowhere?token=hunter2",
            "/nowhere\u{1}?hunter2",
        ] {
            let mut client = Client::tcp(server.addr);
            let head = String::from_utf8(request(path)).expect("text");
            let (line, rest) = head.split_once("\r\n").expect("a head");
            let extra = "Authorization: Bearer hunter2\r\nCookie: session=hunter2";
            client.send_raw(format!("{line}\r\n{extra}\r\n{rest}").as_bytes());
            assert_eq!(client.was_upgraded(), path.starts_with("/_broadcast"));
        }
        let mut client = Client::upgrade(server.addr, "/events?token=hunter2");
        client.send_text(r#"{"event":"$auth:login","data":{"token":"hunter2"}}"#);
        client.send_text(r#"{"type":"ping"}"#);
        while client.text() != r#"{"type":"pong"}"# {}
        server.signal("TERM");
        assert!(server.wait().success());
        let log = server.log();
        assert!(log.contains("SIGTERM"), "{log}");
        assert!(!log.contains("hunter2"), "{log}");
        let is_json = |line: &str| line.starts_with('{') && line.ends_with('}');
        assert_eq!(log.lines().all(is_json), format == "json", "{log}");
    }
}
