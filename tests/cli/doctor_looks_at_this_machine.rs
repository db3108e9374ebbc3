//! Goal: the doctor tells the truth about the machine that the tests run on, and about what was done to
//! its own process. Method: run it as it is, and under limits that a shell sets.

use super::{shardcast, stderr, stdout};

#[test]
fn every_check_has_a_line_without_colours_in_a_pipe() {
    let output = shardcast(&["doctor"]);
    let text = stdout(&output);
    for name in [
        "kernel",
        "io_uring",
        "io_uring_disabled",
        "seccomp",
        "memlock",
        "nofile",
        "somaxconn",
        "port range",
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
        "ulimit -n 64 && exec {} doctor",
        env!("CARGO_BIN_EXE_shardcast")
    );
    let output = shell.args(["-c", &doctor]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("\nbad   nofile             soft 64, hard 64"));
    assert_eq!(stderr(&output), "error: one thing is bad\n");
}
