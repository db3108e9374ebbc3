//! Goal: where io_uring is refused, as in most containers, the server says so once and serves on
//! epoll, or does not start when io_uring was demanded.
//! Method: start it under a filter of system calls that makes io_uring's set-up fail, with each error
//! that is met in the wild. Needs python3.

use std::process::{Command, Stdio};

use super::support::Server;
use super::support::client::Client;

/// The error, what the log calls it, and the fix.
const REFUSALS: [(&str, &str, &str); 3] = [
    (
        "eperm",
        "Operation not permitted",
        "allow the io_uring system calls",
    ),
    (
        "enosys",
        "Function not implemented",
        "use a kernel with io_uring",
    ),
    (
        "enomem",
        "Cannot allocate memory",
        "raise the limit of locked memory",
    ),
];

/// The server's command under a filter that refuses io_uring.
fn without_io_uring(error: &str, flags: &[&str]) -> Command {
    let server = Server::command(flags);
    let mut command = Command::new("python3");
    command
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/support/no_io_uring.py"
        ))
        .arg(error)
        .arg(server.get_program())
        .args(server.get_args())
        .stderr(Stdio::piped());
    command
}

#[test]
fn auto_serves_on_epoll_and_says_so_once() {
    for (error, reason, fix) in REFUSALS {
        let flags = ["--shards", "3", "--allow-publish", "*"];
        let mut server = Server::spawn(without_io_uring(error, &flags));
        assert!(
            server.banner.contains("driver    epoll\n"),
            "{}",
            server.banner
        );

        let mut subscribers: Vec<Client> = (0..8).map(|_| Client::open(server.addr)).collect();
        for subscriber in &mut subscribers {
            subscriber.subscribe("all");
        }
        Client::open(server.addr).publish("all", "hello", 1);
        for subscriber in &mut subscribers {
            assert_eq!(subscriber.event().number(), 1);
        }

        drop(subscribers);
        server.signal("TERM");
        assert!(server.wait().success());
        let log = server.log();
        let told: Vec<&str> = log
            .lines()
            .filter(|line| line.contains("io_uring"))
            .collect();
        assert_eq!(told.len(), 1, "{log}");
        assert!(told[0].contains("WARN"), "{log}");
        assert!(told[0].contains("using epoll"), "{log}");
        assert!(told[0].contains(reason), "{log}");
        assert!(told[0].contains(fix), "{log}");
    }
}

#[test]
fn demanded_io_uring_that_is_refused_ends_the_start_with_the_fix() {
    for (error, reason, fix) in REFUSALS {
        let flags = ["--driver", "uring", "--shards", "3"];
        let output = without_io_uring(error, &flags)
            .output()
            .expect("python3 runs");
        let told = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert_eq!(output.stdout, b"", "no banner");
        assert!(told.contains("io_uring is not available"), "{told}");
        assert!(told.contains(reason), "{told}");
        assert!(told.contains(fix), "{told}");
        assert!(told.contains("or choose the epoll driver"), "{told}");
    }
}

#[test]
fn epoll_never_asks_for_io_uring() {
    let mut server = Server::spawn(without_io_uring("eperm", &["--driver", "epoll"]));
    server.signal("TERM");
    assert!(server.wait().success());
    assert!(!server.log().contains("io_uring"));
}
