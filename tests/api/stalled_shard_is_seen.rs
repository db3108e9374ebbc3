//! Goal: a shard that hangs makes the server not ready, is told apart from one that is only late, and is not
//! suffered for ever; nobody is told a publication reached nobody when it may yet arrive.
//! Method: stop one of two shards' threads with ptrace, ask the API meanwhile, and let it go or not. Needs
//! python3.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde_json::{Value, json};

use super::api;
use super::support::client::Client;
use super::support::http::{Kept, get, post};
use super::support::{Server, drivers, wait_until};

const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/support/stopped_thread.py"
);

/// A server of two shards whose threads may be stopped.
fn server(driver: &str, flags: &[&str]) -> Server {
    println!("--driver {driver}");
    let own = ["--driver", driver, "--shards", "2"];
    let server = Server::command(&[&own, flags].concat());
    let mut command = Command::new("python3");
    command
        .args([SCRIPT, "allow"])
        .arg(server.get_program())
        .args(server.get_args())
        .stderr(Stdio::piped());
    Server::spawn(command)
}

/// A shard whose thread stands still until this is dropped.
struct Stopped(Child);

impl Stopped {
    fn shard(server: &Server, shard: usize) -> Self {
        let mut child = Command::new("python3")
            .args([SCRIPT, "stop", &server.pid().to_string()])
            .arg(format!("shard-{shard}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut told = String::new();
        BufReader::new(child.stdout.take().expect("piped"))
            .read_line(&mut told)
            .expect("text");
        let stopped = Self(child);
        assert_eq!(told, "stopped\n");
        stopped
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // The kernel lets go what a process has traced when that ends.
        self.0.kill().expect("our own child");
        self.0.wait().expect("our own child");
    }
}

/// Clients that are subscribed to a channel each, by shard: `on-0` has subscribers on shard 0 only, `on-1` on
/// shard 1, `on-both` on both.
fn subscribers(server: &Server) -> [Client; 2] {
    let mut on: [Option<Client>; 2] = [None, None];
    let connections = |shard: usize| {
        let stats = get(api(server), "/v1/stats").ok();
        stats["shards"][shard]["connections"].as_u64()
    };
    // The kernel chooses the shard by a hash of the addresses; what comes twice is kept open so that the
    // counts only rise.
    let mut others = Vec::new();
    while on.iter().any(Option::is_none) {
        let before = connections(1);
        let mut client = Client::open(server.addr);
        let shard = usize::from(connections(1) > before);
        if on[shard].is_some() {
            others.push(client);
            continue;
        }
        client.subscribe(&format!("on-{shard}"));
        client.subscribe("on-both");
        on[shard] = Some(client);
    }
    on.map(|client| client.expect("both are there"))
}

fn publication(channel: &str, id: &str) -> String {
    json!({"channel": channel, "event": "e", "id": id}).to_string()
}

/// The id of the next event.
fn id(client: &mut Client) -> String {
    let event: Value = serde_json::from_str(&client.text()).expect("JSON");
    event["i"].as_str().expect("an id").to_owned()
}

#[test]
fn not_ready_while_a_shard_stands_still_and_ready_again_when_it_moves() {
    for driver in drivers() {
        let mut server = server(driver, &[]);
        let api = api(&server);
        let [mut moving, mut standing] = subscribers(&server);
        assert_eq!(get(api, "/readyz").ok(), json!({"status": "ready"}));

        let stopped = Stopped::shard(&server, 1);
        let answer = get(api, "/readyz");
        assert_eq!(answer.status, 503);
        assert_eq!(answer.json(), json!({"status": "stalled"}));
        let log = server.log_line("not ready");
        assert!(log.contains("shard 1 has not moved for"), "{log}");
        assert_eq!(get(api, "/healthz").ok(), json!({"status": "ok"}));
        // What does not concern that shard works.
        post(api, "/v1/publish", &publication("on-0", "a")).ok();
        assert_eq!(id(&mut moving), "a");
        // The other shard has it, and this one may still get it.
        let answer = post(api, "/v1/publish", &publication("on-both", "b"));
        assert_eq!(answer.status, 503);
        assert_eq!(answer.json()["error"], "overloaded");
        assert_eq!(answer.json()["partial"], true);
        assert_eq!(id(&mut moving), "b");

        drop(stopped);
        assert_eq!(id(&mut standing), "b");
        wait_until("ready", || get(api, "/readyz").status == 200);
        server.log_line("all shards move again: ready");
        post(api, "/v1/publish", &publication("on-both", "c")).ok();
        assert_eq!(id(&mut moving), "c");
        assert_eq!(id(&mut standing), "c");
    }
}

#[test]
fn partial_tells_what_may_still_arrive_from_what_cannot() {
    /// More than the lane of a shard takes, which is 1,024 less what is reserved; half as many are not.
    const PUBLICATIONS: usize = 1_024;
    // A descriptor for each, in this process as in the server, which sees to that by itself.
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, all).expect("up to the maximum");
    for driver in drivers() {
        let server = server(driver, &[]);
        let mut subscribers = subscribers(&server);
        // Connected before the shards stop: of their ten seconds nothing is to be lost.
        let mut requests: Vec<Kept> = (0..PUBLICATIONS)
            .map(|_| Kept::connect(api(&server)))
            .collect();
        for request in &mut requests {
            request.get("/healthz").ok();
        }

        let stopped = [0, 1].map(|shard| Stopped::shard(&server, shard));
        let channel = |number| ["on-0", "on-both"][number % 2];
        for (number, request) in requests.iter_mut().enumerate() {
            let publication = publication(channel(number), &number.to_string());
            request.ask("POST", "/v1/publish", &publication);
        }
        // By shard: what may still arrive there. The lane of shard 0 gets full, that of shard 1 does not.
        let mut to_arrive: [Vec<String>; 2] = [Vec::new(), Vec::new()];
        let mut refused = [0, 0];
        for (number, request) in requests.iter_mut().enumerate() {
            let answer = request.answer();
            assert_eq!(answer.status, 503, "{answer:?}");
            let body = answer.json();
            let message = body["message"].as_str().expect("a sentence");
            // It is about the first shard that failed.
            let is_in_lane = message.contains("does not answer");
            assert!(is_in_lane || message.contains("mailbox is full"), "{body}");
            let for_both = channel(number) == "on-both";
            assert_eq!(body["partial"], is_in_lane || for_both, "{body}");
            if is_in_lane {
                to_arrive[0].push(number.to_string());
            } else {
                refused[usize::from(for_both)] += 1;
            }
            if for_both {
                to_arrive[1].push(number.to_string());
            }
        }
        println!("refused of each channel: {refused:?}");
        assert!(refused.into_iter().all(|count| count > 0));

        drop(stopped);
        for (subscriber, mut to_arrive) in subscribers.iter_mut().zip(to_arrive) {
            let mut arrived: Vec<String> = to_arrive.iter().map(|_| id(subscriber)).collect();
            arrived.sort_unstable();
            to_arrive.sort_unstable();
            assert_eq!(arrived, to_arrive);
            subscriber.expect_nothing_unread();
        }
    }
}

/// Who gets no answer in time hangs up and asks again: with its key, that is not once more.
#[test]
fn request_that_was_given_up_and_is_made_again_happens_once() {
    for driver in drivers() {
        let server = server(driver, &[]);
        let api = api(&server);
        let [mut moving, mut standing] = subscribers(&server);
        let keyed = |id: &str| {
            let body = json!({"channel": "on-both", "event": "e", "id": id, "idempotency_key": id});
            body.to_string()
        };
        let stopped = Stopped::shard(&server, 1);
        let mut given_up = Kept::connect(api);
        given_up.ask("POST", "/v1/publish", &keyed("x"));
        // Both shards have been told.
        assert_eq!(id(&mut moving), "x");
        drop(given_up);
        assert_eq!(get(api, "/healthz").status, 200);
        drop(stopped);
        assert_eq!(post(api, "/v1/publish", &keyed("x")).ok()["subscribers"], 2);
        post(api, "/v1/publish", &keyed("y")).ok();
        assert_eq!(id(&mut moving), "y");
        assert_eq!([id(&mut standing), id(&mut standing)], ["x", "y"]);
    }
}

#[test]
fn shard_that_never_moves_again_aborts_the_process() {
    for driver in drivers() {
        let mut server = server(driver, &[]);
        let _stopped = Stopped::shard(&server, 0);
        let ended = server.wait();
        assert_eq!(ended.signal(), Some(Signal::ABORT.as_raw()), "{ended:?}");
        let log = server.log();
        let told = log.lines().find(|line| line.contains("ms: aborting"));
        let told = told.unwrap_or_else(|| panic!("{log}"));
        assert!(told.contains("shard 0 has not moved for"), "{told}");
    }
}

#[test]
fn drain_ends_in_its_time_although_a_shard_stands_still() {
    for driver in drivers() {
        let mut server = server(driver, &["--drain-timeout", "1s"]);
        let [mut moving, standing] = subscribers(&server);
        let _stopped = Stopped::shard(&server, 1);
        server.signal("TERM");
        moving.expect_close(1_001);
        assert_eq!(server.wait().code(), Some(0));
        let log = server.log();
        assert!(log.contains("the drain's time was over"), "{log}");
        // Far below the ten seconds after which the process would have been aborted.
        assert!(!log.contains("aborting"), "{log}");
        drop(standing);
    }
}
