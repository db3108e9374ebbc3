//! What a server says when it has started.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::{cpu_list, options};
use crate::dialect::DialectName;
use crate::service::Started;

const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// Prints the banner to standard output, in bold only for people.
pub fn print(started: &Started) {
    let mut stdout = io::stdout().lock();
    let text = render(started, stdout.is_terminal());
    // A server whose output nobody reads still serves.
    let _ = stdout.write_all(text.as_bytes());
    let _ = stdout.flush();
}

/// The banner: addresses, shards, driver, endpoints and how to try them.
#[must_use]
pub fn render(started: &Started, for_terminal: bool) -> String {
    let (bold, plain) = if for_terminal {
        (BOLD, PLAIN)
    } else {
        ("", "")
    };
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!(
        "{bold}shardcast {version} listens on {}{plain}\n",
        started.addr
    );
    let mut line = |label: &str, value: &str| {
        writeln!(text, "  {label:<9} {value}").expect("a String takes everything");
    };
    for (index, (path, dialect)) in started.endpoints.iter().enumerate() {
        let label = if index == 0 { "endpoints" } else { "" };
        let url = url(started, path);
        line(label, &format!("{url} ({dialect})"));
    }
    if let Some(api) = started.api {
        let scheme = if started.api_tls { "https" } else { "http" };
        line("api", &format!("{scheme}://{api}"));
    }
    line("shards", &shards(started));
    line("driver", &started.driver);
    if let Some(command) = try_it(started) {
        line("try it", &command);
    }
    text
}

fn shards(started: &Started) -> String {
    match &started.cpus {
        None => format!("{}, not pinned", started.shards),
        Some(cpus) => {
            // Shards beyond the list start over, entries beyond the shards stay unused.
            let used = &cpus[..cpus.len().min(started.shards)];
            let noun = if used.len() == 1 { "cpu" } else { "cpus" };
            let list = cpu_list::format(used);
            format!("{}, pinned to {noun} {list}", started.shards)
        }
    }
}

/// The command that listens to the first strav endpoint: the only dialect `subscribe` speaks.
fn try_it(started: &Started) -> Option<String> {
    if started.tls {
        // `subscribe` does not speak it.
        return None;
    }
    let strav = DialectName::Strav.as_str();
    let (path, _) = started
        .endpoints
        .iter()
        .find(|(_, dialect)| *dialect == strav)?;
    let mut command = "shardcast subscribe demo".to_owned();
    let is_default = started.addr.to_string() == options::LISTEN.default
        && options::ENDPOINT.default == format!("{path}={strav}");
    if !is_default {
        command.push_str(" --url ");
        command.push_str(&url(started, path));
    }
    Some(command)
}

/// A URL that works on this machine: nobody can connect to "every interface".
fn url(started: &Started, path: &str) -> String {
    let addr = started.addr;
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let scheme = if started.tls { "wss" } else { "ws" };
    format!("{scheme}://{}{path}", SocketAddr::new(ip, addr.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(addr: &str, endpoints: &[(&str, &'static str)]) -> Started {
        Started {
            addr: addr.parse().unwrap(),
            tls: false,
            api: None,
            api_tls: false,
            shards: 2,
            cpus: Some(vec![0, 1, 2]),
            driver: "io_uring".to_owned(),
            endpoints: endpoints
                .iter()
                .map(|(path, dialect)| ((*path).to_owned(), *dialect))
                .collect(),
        }
    }

    #[test]
    fn banner_of_the_defaults_is_short() {
        let started = started("127.0.0.1:7001", &[("/_broadcast", "strav")]);
        let expected = format!(
            "shardcast {} listens on 127.0.0.1:7001\n  \
             endpoints ws://127.0.0.1:7001/_broadcast (strav)\n  \
             shards    2, pinned to cpus 0-1\n  \
             driver    io_uring\n  \
             try it    shardcast subscribe demo\n",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(render(&started, false), expected);
    }

    #[test]
    fn hint_names_an_url_that_works_here() {
        let mut started = started("[::]:9000", &[("/echo", "echo"), ("/live", "strav")]);
        started.cpus = None;
        let text = render(&started, false);
        assert!(text.contains("listens on [::]:9000\n"));
        assert!(text.contains("            ws://[::1]:9000/live (strav)\n"));
        assert!(text.contains("shardcast subscribe demo --url ws://[::1]:9000/live\n"));
        assert!(text.contains("2, not pinned\n"));
    }

    #[test]
    fn hint_is_left_out_without_a_strav_endpoint() {
        let started = started("127.0.0.1:7001", &[("/echo", "echo")]);
        assert!(!render(&started, false).contains("try it"));
    }

    #[test]
    fn only_a_terminal_gets_escape_sequences() {
        let started = started("127.0.0.1:7001", &[]);
        assert!(render(&started, true).contains('\x1b'));
        assert!(!render(&started, false).contains('\x1b'));
    }
}
