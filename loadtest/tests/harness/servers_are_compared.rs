//! Goal: `compare` measures servers in turns, each run with a server of its own, tells who does wrong, and leaves no
//! process behind.
//! Method: plans of small rows, against the real server, a peer that is no server, and one with a planted fault.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::harness::{Run, Running, run, start, written};
use crate::planted::{Plant, Planted};

/// Figures that there are however busy the machine is: what was counted of a whole run.
const HEAD: &str = "
subject = 'shardcast'
duration = '300ms'

[figure.delivery]
title = 'deliveries of the run'
at = '/counts/run_deliveries'
unit = 'messages'
better = 'higher'

[figure.handshake]
title = 'opened connections'
at = '/handshakes/opened'
unit = 'connections'
better = 'higher'
per_second = '/handshakes/per_s'
";

/// A row of three subscribers, and how many rounds it takes.
fn row(name: &str, rounds: u32, more: &str) -> String {
    format!(
        "[[row]]\nname = '{name}'\nscenario = 'fanout'\nrounds = {rounds}\nfigure = 'delivery'\n\
         flags = ['--subscribers', '3', '--warmup', '0s', '--rate', '200']\n{more}\n"
    )
}

fn plan(rows: &[String]) -> PathBuf {
    written("plan.toml", &format!("{HEAD}{}", rows.concat()))
}

/// A description of a server that `command` starts, in TOML, and that is to listen at `url`.
fn peer(file: &str, command: &str, url: &str) -> PathBuf {
    let stem = file.trim_end_matches(".toml");
    let text = format!("name = 'The {stem}'\ncommand = {command}\nurl = '{url}'\n");
    written(file, &text)
}

fn compare(plan: &Path, args: &str) -> String {
    format!("compare {} --checks-only {args}", plan.display())
}

fn servers<'a>(ended: &'a Run, row: &str) -> &'a [Value] {
    let rows = ended.report["rows"].as_array().expect("a list");
    let row = rows
        .iter()
        .find(|one| one["name"] == row)
        .expect("this row");
    row["servers"].as_array().expect("a list")
}

fn reports(server: &Value) -> &[Value] {
    server["reports"].as_array().expect("a list")
}

/// The line of a server in a row that begins with it, or goes on.
fn line<'a>(ended: &'a Run, start: &str) -> &'a str {
    let found = ended.stdout.lines().find(|line| line.starts_with(start));
    found.unwrap_or_else(|| panic!("{start}: {}{}", ended.stdout, ended.stderr))
}

#[test]
fn servers_take_turns_and_each_run_has_a_server_of_its_own() {
    let rows = [
        row("small", 2, ""),
        "[[row]]\nname = 'handshakes'\nscenario = 'handshakes'\nrounds = 1\nduration = '1s'\nfigure = 'handshake'\n\
         flags = ['--connections', '4', '--warmup', '0s']\n"
            .to_owned(),
        row("secret and small", 1, "tls = true\ndeflate = true"),
    ];
    let args = "--peers floor,shardcast-two-shards,plain";
    let ended = run(&compare(&plan(&rows), args));
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);

    // Plain is for rows that want something, and the floor for those that do not.
    let said: Vec<&str> = ended
        .stderr
        .lines()
        .filter(|line| line.contains("round"))
        .collect();
    let two = "shardcast, two shards on that core";
    let turns = [
        ("small", "shardcast", "1 of 2"),
        ("small", "the floor", "1 of 2"),
        ("small", two, "1 of 2"),
        ("small", "shardcast", "2 of 2"),
        ("small", "the floor", "2 of 2"),
        ("small", two, "2 of 2"),
        ("handshakes", "shardcast", "1 of 1"),
        ("handshakes", "the floor", "1 of 1"),
        ("handshakes", two, "1 of 1"),
        ("secret and small", "shardcast", "1 of 1"),
        ("secret and small", two, "1 of 1"),
        ("secret and small", "shardcast, plain", "1 of 1"),
    ];
    assert_eq!(said.len(), turns.len(), "{}", ended.stderr);
    for (said, (row, server, round)) in said.iter().zip(turns) {
        let start = format!("{row}: {server}, round {round}, ");
        assert!(said.starts_with(&start), "{start}: {}", ended.stderr);
    }

    let of_us = servers(&ended, "small");
    let pids: Vec<u64> = [&of_us[0], &of_us[2]]
        .into_iter()
        .flat_map(reports)
        .map(|report| report["server"]["pid"].as_u64().expect("a pid"))
        .collect();
    assert_eq!(pids.len(), 4);
    assert!(
        (1..4).all(|index| !pids[..index].contains(&pids[index])),
        "{pids:?}"
    );
    let own = reports(&of_us[1]);
    assert!(own.iter().all(|report| report["scenario"] == "fanout"));
    let secret = servers(&ended, "secret and small");
    for (server, is_plain) in secret.iter().zip([false, false, true]) {
        let report = &reports(server)[0];
        assert_eq!(report["tls"].is_null(), is_plain, "{report}");
        assert_eq!(report["deflate"].is_null(), is_plain, "{report}");
    }

    let first = ended.stdout.lines().next().expect("a line");
    assert!(
        first.contains("kernel ") && first.contains("shardcast 0."),
        "{first}"
    );
    let head = "| what | server | opened connections | ratio | busy | per second | p99 ms |";
    assert!(ended.stdout.contains(head), "{}", ended.stdout);
    // Median, least and most; no ratio to itself.
    let subject = line(&ended, "| small | shardcast | ");
    assert!(
        subject.contains(" messages (") && subject.contains(") | | "),
        "{subject}"
    );
    let cells: Vec<&str> = line(&ended, &format!("| | {two} | ")).split('|').collect();
    assert!(cells[4].trim().parse::<f64>().is_ok(), "{cells:?}");
    assert!(line(&ended, "| handshakes | shardcast | ").contains(" connections | | "));
    assert_eq!(ended.report["verdict"], "good");
}

#[test]
fn a_rate_can_be_a_share_of_what_was_measured() {
    let closed = row("closed", 1, "").replace(", '--rate', '200'", "");
    let open = row(
        "open",
        1,
        "rate_of = { row = 'closed', peer = 'shardcast', at = '/counts/run_publications', share = 0.25 }",
    )
    .replace(", '--rate', '200'", "");
    let of_nobody = row(
        "idle",
        1,
        "rate_of = { row = 'closed', peer = 'floor', share = 1.0 }",
    )
    .replace(", '--rate', '200'", "");
    let plan = plan(&[closed, row("another", 1, ""), open, of_nobody]);
    // What the row takes its rate from is measured as well, and nothing else.
    let ended = run(&compare(&plan, "--peers shardcast --rows open,idle"));
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let rows = ended.report["rows"].as_array().expect("a list");
    let names: Vec<&Value> = rows.iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["closed", "open", "idle"]);
    let closed = &reports(&servers(&ended, "closed")[0])[0];
    let throughput = closed["counts"]["run_publications"]
        .as_f64()
        .expect("a rate");
    let open = &reports(&servers(&ended, "open")[0])[0];
    let rate = open["settings"]["rate"].as_f64().expect("a rate");
    assert!(
        (rate - throughput / 4.0).abs() < 0.1,
        "{rate} of {throughput}"
    );
    assert!(line(&ended, "| idle | ").contains("takes its rate from floor"));
}

#[test]
fn a_peer_that_does_not_start_is_told_with_its_last_words() {
    let command = "['sh', '-c', 'echo out of luck >&2; exit 7']";
    let broken = peer("broken.toml", command, "ws://127.0.0.1:${PORT}/");
    let plan = plan(&[row("small", 2, "")]);
    let ended = run(&compare(&plan, &format!("--peers {}", broken.display())));
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let told = line(&ended, "| | The broken | ");
    let why = "did not start: it ended before it was ready, exit status: 7; it said: out of luck";
    assert!(told.contains(why), "{told}");
    assert_eq!(
        reports(&servers(&ended, "small")[0]).len(),
        2,
        "the others go on"
    );
}

#[test]
fn a_peer_that_is_missing_is_installed_once() {
    let planted = Planted::start(Plant::Nothing);
    let text = format!(
        "name = 'The absent'\ncommand = ['sleep', '600']\nurl = 'ws://{}/'\nfolder = '.'\n\
         version = ['cat', 'a/version']\ninstalled = 'a/version'\n\
         install = [['mkdir', '-p', 'a'], ['sh', '-c', 'echo absent/3.2.1 >> a/version']]\n",
        planted.addr()
    );
    let absent = written("absent.toml", &text);
    let folder = absent.parent().expect("a folder");
    let marker = folder.join("a/version");
    // Of an earlier run of this test.
    let _absent = fs::remove_file(&marker);
    let plan = plan(&[row("small", 1, "")]);
    let args = compare(&plan, &format!("--peers {}", absent.display()));
    let ended = run(&args);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let said = "sh -c echo absent/3.2.1 >> a/version";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    let first = ended.stdout.lines().next().expect("a line");
    assert!(first.contains("The absent 3.2.1"), "{first}");
    let ended = run(&args);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(!ended.stderr.contains("installing"), "{}", ended.stderr);
    assert_eq!(
        fs::read_to_string(marker).expect("it is installed"),
        "absent/3.2.1\n"
    );
}

#[test]
fn a_peer_that_cannot_be_installed_ends_it() {
    let text = "name = 'The absent'\ncommand = ['x']\nurl = 'ws://127.0.0.1:1/'\n\
                installed = 'nowhere'\ninstall = [['sh', '-c', 'exit 9']]\n";
    let absent = written("absent.toml", text);
    let plan = plan(&[row("small", 1, "")]);
    let ended = run(&compare(&plan, &format!("--peers {}", absent.display())));
    assert_eq!(ended.code, 3, "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.stderr.contains("could not be installed"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_peer_that_loses_messages_has_no_figures() {
    let lossy = Planted::start(Plant::Deliver(&[1, 2, 3]));
    let url = format!("ws://{}/", lossy.addr());
    let lossy = peer("lossy.toml", "['sleep', '600']", &url);
    let plan = plan(&[row("small", 2, "")]);
    let ended = run(&compare(&plan, &format!("--peers {}", lossy.display())));
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let told = line(&ended, "| | The lossy | ");
    assert!(told.contains("fails: 1 lost"), "{told}");
    let [ours, lossy] = servers(&ended, "small") else {
        panic!("two servers: {}", ended.report);
    };
    assert_eq!(lossy["failed"], true);
    // Not asked again: nothing makes up for it.
    assert_eq!((reports(ours).len(), reports(lossy).len()), (2, 1));
}

#[test]
fn what_our_own_server_does_wrong_fails_the_comparison() {
    // It lets nobody publish.
    let command = "['${SHARDCAST}', 'serve', '--shards', '1', '--cpus', 'none', '--listen', '127.0.0.1:${PORT}', \
                   '--api-listen', 'none']";
    let strict = peer("strict.toml", command, "ws://127.0.0.1:${PORT}/_broadcast");
    let plan = plan(&[row("small", 1, "")]);
    let ended = run(&compare(&plan, &format!("--peers {}", strict.display())));
    assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
    let told = line(&ended, "| | The strict | ");
    assert!(told.contains(" refused"), "{told}");
    assert_eq!(ended.report["verdict"], "failed");
}

#[test]
fn the_rows_of_the_harness_can_be_measured() {
    // All are looked at before the first is.
    let ended =
        run("compare --peers shardcast --rows p2p --rounds 1 --duration 300ms --checks-only");
    let [ours] = servers(&ended, "p2p: 500 clients, each publishing to itself") else {
        panic!("one server: {}{}", ended.stdout, ended.stderr);
    };
    // On a busy machine the window may be over before there is a figure.
    let [report] = reports(ours) else {
        panic!("one run: {}{}", ended.stdout, ended.stderr);
    };
    assert_eq!(
        report["verdict"], "good",
        "{}{}",
        ended.stdout, ended.stderr
    );
    assert_eq!(report["settings"]["connections"], 500);
}

#[test]
fn wrong_plans_are_told_by_line_with_what_is_known() {
    let unknown_figure = row("a", 1, "").replace("'delivery'", "'delivered'");
    let unknown_flag = row("a", 1, "").replace("--rate", "--rte");
    let rate_of_nothing = row(
        "a",
        1,
        "rate_of = { row = 'b', peer = 'floor', share = 1.0 }",
    );
    for (row, line, words) in [
        (row("a", 1, "pears = 3"), 23, "`with`"),
        (row("a", 1, "with = ['nobody']"), 23, "shardcast-ignis"),
        (unknown_figure, 21, "delivery, handshake"),
        (unknown_flag, 22, "--rate"),
        (rate_of_nothing, 23, "no row before this one"),
        (
            row("a", 1, "").replace("'fanout'", "'fanuot'"),
            19,
            "fanout, p2p",
        ),
        (row("a", 1, "duration = '3'"), 23, "20s"),
    ] {
        let plan = plan(&[row]);
        let ended = run(&compare(&plan, "--peers shardcast"));
        assert_eq!(ended.code, 2, "{}{}", ended.stdout, ended.stderr);
        let place = format!("plan.toml:{line}: ");
        assert!(
            ended.stderr.contains(&place) && ended.stderr.contains(words),
            "{place}{words}: {}",
            ended.stderr
        );
    }
    let ended = run(&compare(&plan(&[row("a", 1, "")]), "--rows b"));
    assert!(
        ended.code == 2 && ended.stderr.contains("they are: a"),
        "{}",
        ended.stderr
    );
    let ended = run(&compare(&plan(&[row("a", 1, "")]), "--peers b"));
    assert!(
        ended.code == 2 && ended.stderr.contains("shardcast"),
        "{}",
        ended.stderr
    );
}

/// Processes whose parent is this one.
fn children_of(parent: u32) -> Vec<i32> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc").expect("it is mounted").flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else {
            continue;
        };
        // It may have ended meanwhile.
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        if after_name.split(' ').nth(1) == Some(&parent.to_string()) {
            children.push(pid);
        }
    }
    children
}

/// Waits until a comparison has its server and its run, and tells which processes these are.
fn wait_for_a_run(running: &mut Running, said: &str) -> Vec<i32> {
    running.wait_to_say(said);
    loop {
        let children = children_of(running.id());
        if children.len() == 2 {
            return children;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_there(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Whom nobody has taken away yet has ended as well.
    !stat.is_empty() && !stat.contains(") Z ")
}

fn are_gone(processes: &[i32]) {
    let left: Vec<&i32> = processes.iter().filter(|pid| is_there(**pid)).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn ctrl_c_prints_what_is_complete_and_leaves_no_process_behind() {
    let plan = plan(&[
        row("short", 1, ""),
        row("long", 1, "duration = '60s'"),
        row("never", 1, ""),
    ]);
    let mut running = start(&compare(&plan, "--peers shardcast"));
    let processes = wait_for_a_run(&mut running, "long: shardcast, round 1 of 1");
    running.interrupt();
    let ended = running.wait();
    assert_eq!(ended.code, 3, "{}{}", ended.stdout, ended.stderr);
    are_gone(&processes);
    assert!(line(&ended, "| short | shardcast | ").contains(" messages | "));
    line(
        &ended,
        "| long (ended after 0 of 1 rounds) | shardcast | not measured | ",
    );
    assert!(!ended.stdout.contains("never"), "{}", ended.stdout);
    assert_eq!(ended.report["interrupted"], true);
}

#[test]
fn a_request_to_end_is_heeded_like_ctrl_c() {
    let plan = plan(&[row("long", 1, "duration = '60s'")]);
    let mut running = start(&compare(&plan, "--peers shardcast"));
    let processes = wait_for_a_run(&mut running, "long: shardcast, round 1 of 1");
    let pid = Pid::from_raw(running.id() as i32).expect("not zero");
    kill_process(pid, Signal::TERM).expect("it runs");
    let ended = running.wait();
    assert_eq!(ended.code, 3, "{}{}", ended.stdout, ended.stderr);
    are_gone(&processes);
}

#[test]
fn second_ctrl_c_does_not_wait_for_a_server_that_does_not_end() {
    let planted = Planted::start(Plant::Nothing);
    let url = format!("ws://{}/", planted.addr());
    let command = "['sh', '-c', 'trap \"\" TERM; exec sleep 600']";
    let stubborn = peer("stubborn.toml", command, &url);
    let text = HEAD.replace("'shardcast'", "'stubborn'") + &row("long", 1, "duration = '60s'");
    let plan = written("plan.toml", &text);
    let folder = stubborn.parent().expect("a folder");
    let args = format!("--descriptions {}", folder.display());
    let mut running = start(&compare(&plan, &args));
    let processes = wait_for_a_run(&mut running, "long: The stubborn, round 1 of 1");
    running.interrupt();
    running.wait_to_say("Ctrl-C again ends at once");
    running.interrupt();
    let ended = running.wait();
    assert_eq!(ended.code, 130, "{}{}", ended.stdout, ended.stderr);
    // They were ended, and nobody waited for them: it takes the system a moment.
    while processes.iter().any(|pid| is_there(*pid)) {
        std::thread::sleep(Duration::from_millis(5));
    }
}
