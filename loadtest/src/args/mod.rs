//! The command line.

mod churn;
mod common;
mod load;
mod ramp;
mod slow;
mod soak;

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use self::churn::Churn;
use self::common::Repetition;
use self::load::{Publication, Publish, Spread};
use self::ramp::Ramp;
use self::slow::Slow;
use self::soak::Soak;
use crate::body::Text;
use crate::compare::CompareArgs;
use crate::dialect::{Dialect, Speech};
use crate::failure::Failure;
use crate::limits::LimitsArgs;
use crate::page::ReportArgs;
use crate::plan::{Pace, Plan};
use crate::run::Course;
use crate::soak::DriftMax;
use crate::topology::Topology;

pub(crate) use self::common::{Common, Cpus, parse_cpus};

/// Publications in flight of all publishers: each needs some 30 bytes here for every client thread.
const IN_FLIGHT_MAX: usize = 4 << 20;

const EXAMPLES: &str = "\
Examples:
  Serve on core 0 and load it from core 1:
    shardcast serve --shards 1 --cpus 0 --allow-publish 'load.*' &
    shardcast-loadtest fanout --subscribers 1000 --client-cpu 1 --server-cpu 0 --server-pid $!

  The same with 500 publications a second, whatever the server does:
    shardcast-loadtest fanout --subscribers 1000 --rate 500 --duration 20s

  What the kernel alone costs:
    shardcast-loadtest floor --subscribers 1000 --client-cpu 1 --server-cpu 0

  The highest rate with a p99 of 50 ms at most:
    shardcast-loadtest ramp --subscribers 1000 --from 1000 --client-cpu 1 --server-cpu 0

  What 10 of 100 that stop reading do to the others:
    shardcast-loadtest slow --subscribers 100 --stopped 10 --rate 500 --payload 4096

  Kill a server under 10,000 clients, and see them come back:
    shardcast-loadtest storm --subscribers 10000 --topics 1000 --publishers 10 --rate 100 -- \
      shardcast serve --allow-publish 'load.*'

  Draw two reports side by side:
    shardcast-loadtest report before.json after.json --html both.html

  Compare it with its peers, and print the table of PERF.md:
    shardcast-loadtest compare

  Make the runs of a file, and fail if a figure is beyond its limits:
    shardcast-loadtest run loadtest/plans/smoke.toml

Ctrl-C ends the measured time early and reports what there is; a second one ends at once.
Exit codes: 0 all deliveries right, 1 some were not, 2 asked wrongly, 3 not measurable, ended early, or the
machine was disturbed (steal above --max-steal) so that the figures do not count, 130 ended at once.";

/// Loads a WebSocket publish/subscribe server, and checks every delivery.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXAMPLES, subcommand_required = true)]
pub(crate) struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub(crate) task: Task,
}

/// What can be done.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
pub(crate) enum Task {
    /// One run.
    #[command(flatten)]
    One(Scenario),
    /// Draw reports that were written as JSON: a page with all of them side by side, or plots as SVG
    Report(ReportArgs),
    /// Runs against this server and its peers in turns: a table of what each costs
    Compare(CompareArgs),
    /// The runs of a file, and whether their figures keep within its limits
    Run(LimitsArgs),
    /// The server of `floor` alone, for the other scenarios: it does nothing but what the kernel must be told
    ServeFloor(ServeFloor),
}

/// Arguments of `serve-floor`.
#[derive(Debug, Args)]
pub(crate) struct ServeFloor {
    /// Where it serves, as `strav` without any limit or check
    #[arg(long, default_value = "127.0.0.1:7001", value_name = "ADDR")]
    pub(crate) listen: SocketAddr,
    /// Send to each subscriber by a system call of its own, even where there is io_uring
    #[arg(long)]
    pub(crate) direct: bool,
}

/// Whether there is a scenario of this name.
///
/// # Errors
///
/// Words that say which there are.
pub(crate) fn known_scenario(name: &str) -> Result<(), String> {
    let scenarios = Scenario::augment_subcommands(clap::Command::new("scenarios"));
    let names: Vec<&str> = scenarios
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    match names.contains(&name) {
        true => Ok(()),
        false => Err(format!(
            "there is no scenario {name:?}; there are {}",
            names.join(", ")
        )),
    }
}

/// Whether a scenario is told how long to measure by --duration: one of many steps is not.
pub(crate) fn takes_duration(scenario: &str) -> bool {
    let scenarios = Scenario::augment_subcommands(clap::Command::new("scenarios"));
    let scenario = scenarios.find_subcommand(scenario);
    scenario.is_some_and(|scenario| {
        let mut flags = scenario.get_arguments();
        flags.any(|flag| flag.get_long() == Some("duration"))
    })
}

/// Whether words are the command line of one run.
///
/// # Errors
///
/// [`Failure::Usage`] with what clap or the scenario says of them.
pub(crate) fn check(words: &[String]) -> Result<(), Failure> {
    let own_name = std::iter::once("shardcast-loadtest");
    let words = own_name.chain(words.iter().map(String::as_str));
    let line = CommandLine::try_parse_from(words).map_err(|error| {
        let text = error.to_string();
        let said = text.lines().take_while(|line| !line.starts_with("Usage:"));
        let said: Vec<&str> = said
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        Failure::Usage(said.join(" ").trim_start_matches("error: ").to_owned())
    })?;
    match line.task {
        Task::One(scenario) => scenario.order().map(drop),
        Task::Compare(_) | Task::Run(_) | Task::Report(_) | Task::ServeFloor(_) => {
            usage("a scenario is wanted here, such as fanout")
        }
    }
}

/// One way to load a server.
#[derive(Debug, Subcommand)]
pub(crate) enum Scenario {
    /// Publishers and many subscribers on few or many topics
    Fanout(FanOut),
    /// Clients that each have a topic, and publish to their own or their partner's
    P2p(OneToOne),
    /// Subscribed connections that stay silent: memory of each, cpu of all
    Idle(Idle),
    /// Connections that are closed as soon as they are open, as many as the server takes
    Handshakes(Handshakes),
    /// The fan-out of a server that does nothing but send: the kernel's own cost
    Floor(Floor),
    /// A fan-out in which some subscribers stop reading: what the others feel of it
    Slow(Slow),
    /// A fan-out while other clients come and go
    Churn(Churn),
    /// A fan-out at rising rates: the highest one that the server holds
    Ramp(Ramp),
    /// A fan-out over a long time: whether memory or latency drift
    Soak(Soak),
    /// A fan-out after its server was killed and started again: how fast everybody is back
    Storm(Storm),
}

/// Arguments of `fanout`.
#[derive(Debug, Args)]
pub(crate) struct FanOut {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    repetition: Repetition,
    #[command(flatten)]
    spread: Spread,
    #[command(flatten)]
    publish: Publish,
}

/// Arguments of `p2p`.
#[derive(Debug, Args)]
pub(crate) struct OneToOne {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    repetition: Repetition,
    /// Connections
    #[arg(long, default_value = "500", value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,
    /// Publish to the partner's topic instead of one's own; the clients must be even
    #[arg(long)]
    paired: bool,
    #[command(flatten)]
    publish: Publish,
}

/// Arguments of `idle`.
#[derive(Debug, Args)]
pub(crate) struct Idle {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    repetition: Repetition,
    /// Connections
    #[arg(long, default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Topics that they subscribe to, one each
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    topics: u32,
}

/// Arguments of `handshakes`.
#[derive(Debug, Args)]
pub(crate) struct Handshakes {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    repetition: Repetition,
    /// Connections under way at the same time
    #[arg(long, default_value = "32", value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
}

/// Arguments of `floor`.
#[derive(Debug, Args)]
pub(crate) struct Floor {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    repetition: Repetition,
    #[command(flatten)]
    spread: Spread,
    #[command(flatten)]
    publish: Publish,
}

/// Arguments of `storm`.
#[derive(Debug, Args)]
pub(crate) struct Storm {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    spread: Spread,
    #[command(flatten)]
    publish: Publish,
    /// How long a client without a connection waits before each attempt: at random, at most this
    #[arg(long, default_value = "250ms", value_parser = humantime::parse_duration)]
    return_within: Duration,
    /// The server to start, kill and start again; it must listen at --url
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// A scenario made ready to run.
#[derive(Debug)]
pub(crate) struct Order {
    /// The scenario's name.
    pub(crate) name: &'static str,
    /// What every scenario has.
    pub(crate) common: Common,
    /// How the clients speak.
    pub(crate) speech: &'static dyn Speech,
    /// Who does what.
    pub(crate) topology: Topology,
    /// What is published when.
    pub(crate) plan: Plan,
    /// What each publication's data looks like.
    pub(crate) text: Text,
    /// Bytes of it.
    pub(crate) payload_bytes: usize,
    /// What happens between the first connection and the last delivery.
    pub(crate) course: Course,
    /// What must not drift by how much; `None` if nobody looks.
    pub(crate) drift_max: Option<DriftMax>,
    /// How often it is run.
    pub(crate) runs: usize,
    /// Whether the server is our own, in this process.
    pub(crate) has_own_server: bool,
    /// The command of a server that is to be killed amid its clients; empty if none is.
    pub(crate) to_be_killed: Vec<String>,
}

impl Scenario {
    /// Checks what the parser could not, and works out who does what.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] that names the flags.
    pub(crate) fn order(self) -> Result<Order, Failure> {
        match self {
            Self::Fanout(args) => {
                let topology = args.spread.topology()?;
                let order = Order::publishing("fanout", args.common, topology, &args.publish)?;
                Ok(order.repeated(args.repetition))
            }
            Self::P2p(args) => {
                if args.paired && !args.clients.is_multiple_of(2) {
                    return usage("--paired needs an even number of --clients");
                }
                let topology = Topology::one_to_one(args.clients, args.paired);
                let order = Order::publishing("p2p", args.common, topology, &args.publish)?;
                Ok(order.repeated(args.repetition))
            }
            Self::Idle(args) => {
                let spread = Spread {
                    subscribers: args.connections,
                    topics: args.topics,
                    publishers: 0,
                };
                let order = Order::silent("idle", args.common, spread.topology()?)?;
                Ok(order.repeated(args.repetition))
            }
            Self::Handshakes(args) => {
                let topology = Topology::unsubscribed(args.connections);
                let order = Order::silent("handshakes", args.common, topology)?;
                let plan = Plan {
                    reopens: true,
                    ..order.plan
                };
                let order = Order { plan, ..order };
                Ok(order.repeated(args.repetition))
            }
            Self::Floor(args) => {
                let topology = args.spread.topology()?;
                let order = Order::publishing("floor", args.common, topology, &args.publish)?;
                if order.common.server_pid.is_some() {
                    return usage("floor has a server of its own: leave --server-pid away");
                }
                if order.common.dialect != Dialect::Strav {
                    return usage("floor's own server speaks strav: leave --dialect away");
                }
                if order.common.deflate || order.common.tls.is_any() {
                    return usage(
                        "floor's own server knows no compression and no TLS: leave --deflate and --tls-... away",
                    );
                }
                let order = Order {
                    has_own_server: true,
                    ..order
                };
                Ok(order.repeated(args.repetition))
            }
            Self::Slow(args) => args.order(),
            Self::Churn(args) => args.order(),
            Self::Ramp(args) => args.order(),
            Self::Soak(args) => args.order(),
            Self::Storm(args) => {
                let topology = args.spread.topology()?;
                let order = Order::publishing("storm", args.common, topology, &args.publish)?;
                if order.common.server_pid.is_some() {
                    return usage("storm starts its server by itself: leave --server-pid away");
                }
                let plan = Plan {
                    return_within: Some(args.return_within),
                    ..order.plan
                };
                Ok(Order {
                    plan,
                    to_be_killed: args.command,
                    ..order
                })
            }
        }
    }
}

impl Order {
    fn publishing(
        name: &'static str,
        common: Common,
        topology: Topology,
        publish: &Publish,
    ) -> Result<Self, Failure> {
        let pace = publish.pace()?;
        Self::new(name, common, topology, pace, Some(&publish.publication))
    }

    fn repeated(self, repetition: Repetition) -> Self {
        Self {
            runs: repetition.runs(),
            ..self
        }
    }

    /// Connections that there are at a time, at most.
    pub(crate) fn connections(&self) -> u64 {
        let churners = self.plan.churn.map_or(0, |churn| u64::from(churn.churners));
        self.topology.clients.len() as u64 + churners
    }

    fn silent(name: &'static str, common: Common, topology: Topology) -> Result<Self, Failure> {
        Self::new(name, common, topology, Pace::Silent, None)
    }

    fn new(
        name: &'static str,
        common: Common,
        topology: Topology,
        pace: Pace,
        publication: Option<&Publication>,
    ) -> Result<Self, Failure> {
        if common.duration < Duration::from_millis(100) {
            return usage("--duration (of a ramp: --step-duration) must be 100ms or more");
        }
        let speech = common.speech()?;
        if let Some(why) = speech.objection(&topology) {
            return usage(why);
        }
        let plan = Plan {
            pace,
            burst: publication.map_or(1, |publication| publication.burst),
            warmup: common.warmup,
            duration: common.duration,
            return_within: None,
            reopens: false,
            behind_max: None,
            churn: None,
        };
        if let Pace::Closed { window } = pace
            && topology.publishers.len() * window as usize > IN_FLIGHT_MAX
        {
            return usage(&format!(
                "publishers times --window must be {IN_FLIGHT_MAX} or less"
            ));
        }
        let (text, payload_bytes) = match publication {
            Some(publication) => (publication.text, publication.payload_bytes()?),
            None => (Text::default(), Text::default().bytes_min()),
        };
        Ok(Self {
            name,
            common,
            speech,
            topology,
            plan,
            text,
            payload_bytes,
            course: Course::default(),
            drift_max: None,
            runs: 1,
            has_own_server: false,
            to_be_killed: Vec::new(),
        })
    }
}

fn usage<T>(why: &str) -> Result<T, Failure> {
    Err(Failure::Usage(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn order(args: &str) -> Result<Order, Failure> {
        let words = std::iter::once("loadtest").chain(args.split(' '));
        let line = CommandLine::try_parse_from(words).map_err(|e| Failure::Usage(e.to_string()))?;
        match line.task {
            Task::One(scenario) => scenario.order(),
            other => panic!("{other:?} is no scenario"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn the_pace_is_closed_unless_a_rate_is_given() {
        let pace = |args| order(args).expect("good").plan.pace;
        assert_eq!(pace("fanout"), Pace::Closed { window: 1 });
        assert_eq!(pace("fanout --burst 16"), Pace::Closed { window: 16 });
        assert_eq!(pace("fanout --rate 50"), Pace::Open { rate: 50.0 });
        assert_eq!(pace("idle"), Pace::Silent);
        assert_eq!(
            pace("soak"),
            Pace::Open {
                rate: soak::SOAK_RATE
            }
        );
        assert_eq!(pace("soak --rate 7"), Pace::Open { rate: 7.0 });
        assert_eq!(pace("soak --window 3"), Pace::Closed { window: 3 });
    }

    #[test]
    fn slow_has_fewer_subscribers_unless_more_are_asked_for() {
        let clients = |args| order(args).expect("good").topology.clients;
        assert_eq!(clients("slow").len(), 101);
        assert_eq!(clients("slow --subscribers 20").len(), 21);
        assert_eq!(clients("fanout").len(), 1_001);
        let stop = |args| clients(args).iter().filter(|client| client.stops).count();
        assert_eq!(stop("slow --stopped 3 --topics 2"), 3);
        assert_eq!(stop("fanout"), 0);
    }

    #[test]
    fn scenarios_are_known_by_name_and_tasks_are_none() {
        assert!(known_scenario("fanout").is_ok() && takes_duration("fanout"));
        // Of its steps it tells otherwise.
        assert!(!takes_duration("ramp"));
        let why = known_scenario("compare").expect_err("no scenario");
        assert!(
            why.contains("fanout, p2p") && !takes_duration("compare"),
            "{why}"
        );
    }

    #[test]
    fn contradictions_are_refused() {
        for args in [
            "fanout --rate 5 --window 1",
            "fanout --rate 0",
            "fanout --rate nan",
            "fanout --burst 4 --window 3",
            "fanout --payload 10",
            "fanout --payload 300 --text json",
            "fanout --topics 11 --subscribers 10",
            "fanout --duration 1",
            "ramp --step-duration 10ms",
            "p2p --clients 1000 --window 65536",
            "p2p --clients 3 --paired",
            "floor --server-pid 1",
            "floor --dialect ignis",
            "floor --deflate",
            "floor --tls-insecure",
            "fanout --tls-insecure --tls-ca x",
            "handshakes --connections 0",
            "slow --stopped 0",
            "slow --subscribers 10 --stopped 10",
            "soak --duration 5s",
            "soak --memory-drift-max x",
            "soak --latency-drift-max nan",
            "soak --window 2 --rate 3",
            "churn --churners 0",
            "churn --churn-rate 0",
            "churn --abrupt 101",
            "ramp --from 0",
            "ramp --factor 1",
            "ramp --precision nan",
            "ramp --rate 5",
            "ramp --duration 5s",
            "storm",
            "storm --server-pid 1 -- true",
            "storm --runs 2 -- true",
            "soak --runs 2",
            "ramp --runs 2",
            "fanout --runs 0",
            "idle --payload 100",
            "fanout --server-cpu x",
        ] {
            assert!(order(args).is_err(), "{args}");
        }
    }
}
