//! Goal: the doctor tells the truth about the machine that the tests run on, about what was done to its own
//! process, and about what the server would use. Method: run it as it is, under limits that a shell sets, and
//! with addresses that are taken.

use std::net::TcpListener;

use super::{command, shardcast, stderr, stdout};

/// What is free on any machine.
const FREE: [&str; 4] = ["--listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0"];

#[test]
fn every_check_has_a_line_without_colours_in_a_pipe() {
    let output = shardcast(&[&["doctor"], FREE.as_slice()].concat());
    let text = stdout(&output);
    for name in [
        "configuration",
        "listen",
        "api-listen",
        "kernel",
        "io_uring",
        "io_uring_disabled",
        "seccomp",
        "memlock",
        "nofile",
        "file-max",
        "epoll watches",
        "somaxconn",
        "syncookies",
        "port range",
        "conntrack",
        "tcp_mem",
        "cpus",
    ] {
        let line = text
            .lines()
            .find(|line| line.get(6..).is_some_and(|rest| rest.starts_with(name)));
        let line = line.unwrap_or_else(|| panic!("{name} in {text}"));
        assert!(["ok  ", "warn", "bad "].contains(&&line[..4]), "{line}");
    }
    assert!(!text.contains('\x1b'));
    let has_bad = text.lines().any(|line| line.starts_with("bad"));
    assert_eq!(output.status.code(), Some(i32::from(has_bad)));
}

#[test]
fn doctor_agrees_with_what_a_ring_says() {
    let output = shardcast(&["doctor", "--json"]);
    let json: serde_json::Value = serde_json::from_str(stdout(&output)).unwrap();
    let checks = json["checks"].as_array().unwrap();
    let uring = checks
        .iter()
        .find(|check| check["name"] == "io_uring")
        .unwrap();
    let usable = io_uring::IoUring::new(8).is_ok();
    let found = uring["found"].as_str().unwrap();
    assert_eq!(found.starts_with("usable"), usable, "{found}");
}

#[test]
fn too_few_open_files_are_bad_and_exit_1() {
    let mut shell = std::process::Command::new("sh");
    let doctor = format!(
        "ulimit -n 64 && exec {} doctor {}",
        env!("CARGO_BIN_EXE_shardcast"),
        FREE.join(" ")
    );
    let output = shell.args(["-c", &doctor]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("\nbad   nofile             soft 64, hard 64"));
    assert_eq!(stderr(&output), "error: one thing is bad\n");
}

#[test]
fn address_that_somebody_listens_on_is_bad_wherever_it_is_configured() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = other.local_addr().unwrap().to_string();
    let name = format!("shardcast-doctor-{}.toml", std::process::id());
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, format!("listen = \"{addr}\"\n")).unwrap();
    let config = ["--config", file.to_str().unwrap()];
    for (args, variable, option) in [
        (["--listen", addr.as_str()], None, "listen"),
        (["--api-listen", &addr], None, "api-listen"),
        (
            ["--driver", "auto"],
            Some("SHARDCAST_API_LISTEN"),
            "api-listen",
        ),
        (config, None, "listen"),
    ] {
        let free = match option {
            "listen" => ["--api-listen", "127.0.0.1:0"],
            _ => ["--listen", "127.0.0.1:0"],
        };
        let mut doctor = command(&[&["doctor"], args.as_slice(), &free].concat());
        let output = doctor.envs(variable.map(|name| (name, &addr))).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(1));
        let bad = format!("bad   {option:<17}  {addr}: ");
        let mut lines = stdout(&output).lines();
        let found = lines.find(|line| line.starts_with("bad")).unwrap();
        assert!(found.starts_with(&bad), "{found}");
        let fix = lines.next().unwrap().trim_start();
        assert!(
            fix.starts_with("fix: another process listens there"),
            "{fix}"
        );
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn ports_in_the_range_of_outgoing_connections_are_told() {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let reserved = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_reserved_ports").unwrap();
    if !reserved.trim().is_empty() {
        println!("ports are reserved here, perhaps these: not tested");
        return;
    }
    // What the kernel chooses is in the range.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let addr = format!("127.0.0.1:{port}");
    for option in ["--listen", "--api-listen"] {
        let other = ["--listen", "--api-listen"]
            .into_iter()
            .find(|other| *other != option);
        let args = ["doctor", option, &addr, other.unwrap(), "127.0.0.1:0"];
        let output = shardcast(&args);
        let told = format!("may take port {port} before the server");
        assert!(
            stdout(&output).contains(&told),
            "{range}: {}",
            stdout(&output)
        );
    }
}

#[test]
fn mistakes_in_the_configuration_are_told_as_check_does() {
    let flags = ["--shards", "0", "--listen", "here"];
    let output = shardcast(&[&["doctor"], flags.as_slice()].concat());
    assert_eq!(output.status.code(), Some(1));
    let checked = shardcast(&[&["check"], flags.as_slice()].concat());
    let mut lines = stdout(&output).lines();
    for complaint in stderr(&checked)
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
    {
        let (found, fix) = complaint.split_once("; ").unwrap();
        assert_eq!(
            lines.next(),
            Some(format!("bad   configuration      {found}").as_str())
        );
        assert_eq!(
            lines.next().map(str::trim_start),
            Some(format!("fix: {fix}").as_str())
        );
    }
    assert!(lines.next().unwrap()[6..].starts_with("kernel"));
}
