//! The command line.

mod common;
mod load;

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use self::common::Repetition;
use self::load::{Publication, Publish, Spread};
use crate::body::Text;
use crate::dialect::Dialect;
use crate::failure::Failure;
use crate::page::ReportArgs;
use crate::plan::{self, Pace, Plan};
use crate::ramp::Climb;
use crate::run::Course;
use crate::soak::{DriftMax, MemoryMax};
use crate::topology::Topology;

pub(crate) use self::common::Common;

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

  Kill a server under 10,000 clients, and see them come back:
    shardcast-loadtest storm --subscribers 10000 --topics 1000 --publishers 10 --rate 100 -- \
      shardcast serve --allow-publish 'load.*'

  Draw two reports side by side:
    shardcast-loadtest report before.json after.json --html both.html

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

/// Arguments of `slow`.
#[derive(Debug, Args)]
#[command(mut_arg("subscribers", |arg| arg.default_value("100")))]
pub(crate) struct Slow {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    repetition: Repetition,
    #[command(flatten)]
    spread: Spread,
    #[command(flatten)]
    publish: Publish,
    /// Subscribers that stop reading at the start of the measured time; as long a time before it is compared
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(1..))]
    stopped: u32,
}

/// Arguments of `churn`.
#[derive(Debug, Args)]
pub(crate) struct Churn {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    repetition: Repetition,
    #[command(flatten)]
    spread: Spread,
    #[command(flatten)]
    publish: Publish,
    /// Connections besides --subscribers that come and go, at most so many at a time
    #[arg(long, default_value = "100", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    churners: u32,
    /// Visits a second by schedule [default: each comes as soon as it has left]
    #[arg(long)]
    churn_rate: Option<f64>,
    /// How long each stays after it is subscribed: at random, from half of this to one and a half
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    stay: Duration,
    /// Percent of the visits that end by a reset, without a Close frame
    #[arg(long, value_name = "PERCENT", default_value = "0")]
    abrupt: f64,
}

/// Arguments of `ramp`.
#[derive(Debug, Args)]
#[command(
    mut_arg("duration", |arg| {
        arg.long("step-duration").default_value("2s").help("The measured time of each step")
    }),
    mut_arg("warmup", |arg| {
        arg.long("step-warmup").default_value("500ms").help("Time under load before it, at the step's rate")
    })
)]
pub(crate) struct Ramp {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    spread: Spread,
    #[command(flatten)]
    publication: Publication,
    /// Publications a second of the first step, all publishers together
    #[arg(long, default_value = "100")]
    from: f64,
    /// What the rate of a step is multiplied by for the next one
    #[arg(long, default_value = "1.25")]
    factor: f64,
    /// The 99th percentile of latency that a step must not pass
    #[arg(long, default_value = "50ms", value_parser = humantime::parse_duration)]
    p99_max: Duration,
    /// Percent by which the lowest rate that does not hold may lie above the highest that does
    #[arg(long, value_name = "PERCENT", default_value = "5")]
    precision: f64,
}

/// Publications a second of a soak that is asked for nothing else.
const SOAK_RATE: f64 = 100.0;

/// The shortest soak: of less there are too few seconds to see a drift in.
const SOAK_MIN: Duration = Duration::from_secs(10);

/// Arguments of `soak`.
#[derive(Debug, Args)]
#[command(
    mut_arg("duration", |arg| arg.default_value("10m")),
    mut_arg("rate", |arg| {
        arg.help("Open loop: publications a second by schedule, all publishers together [default: 100, without --window]")
    })
)]
pub(crate) struct Soak {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    spread: Spread,
    #[command(flatten)]
    publish: Publish,
    /// What the server's memory must not grow by: percent of itself over the run (10%), or bytes an hour (64MiB)
    #[arg(long, value_name = "SHARE|BYTES", default_value = "10%")]
    memory_drift_max: MemoryMax,
    /// Percent that the 99th percentile of latency must not rise by over the run
    #[arg(long, value_name = "PERCENT", default_value = "50")]
    latency_drift_max: f64,
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
            Self::Slow(args) => {
                let Spread {
                    subscribers,
                    topics,
                    ..
                } = args.spread;
                if subscribers < args.stopped.saturating_add(topics) {
                    return usage(
                        "--stopped must leave a subscriber that reads for each of --topics: more --subscribers, or fewer stopped",
                    );
                }
                let topology = args.spread.topology()?.stopping(args.stopped);
                let order = Order::publishing("slow", args.common, topology, &args.publish)?;
                let order = Order {
                    course: Course::Slow,
                    ..order
                };
                Ok(order.repeated(args.repetition))
            }
            Self::Churn(args) => {
                let churn = args.churn()?;
                let topology = args.spread.topology()?;
                let order = Order::publishing("churn", args.common, topology, &args.publish)?;
                let plan = Plan {
                    churn: Some(churn),
                    ..order.plan
                };
                let order = Order { plan, ..order };
                Ok(order.repeated(args.repetition))
            }
            Self::Ramp(args) => {
                let climb = args.climb()?;
                let pace = Pace::Open { rate: climb.from };
                let topology = args.spread.topology()?;
                let publication = Some(&args.publication);
                let order = Order::new("ramp", args.common, topology, pace, publication)?;
                Ok(Order {
                    course: Course::Ramp(climb),
                    ..order
                })
            }
            Self::Soak(args) => {
                if args.common.duration < SOAK_MIN {
                    return usage(
                        "--duration of a soak must be 10s or more: there is no drift to see in less",
                    );
                }
                if !(args.latency_drift_max >= 0.0 && args.latency_drift_max.is_finite()) {
                    return usage("--latency-drift-max must be 0 percent or more");
                }
                let topology = args.spread.topology()?;
                let publish = args.publish.or_rate(SOAK_RATE);
                let order = Order::publishing("soak", args.common, topology, &publish)?;
                Ok(Order {
                    drift_max: Some(DriftMax {
                        memory: args.memory_drift_max,
                        latency_share: args.latency_drift_max / 100.0,
                    }),
                    ..order
                })
            }
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

impl Churn {
    fn churn(&self) -> Result<plan::Churn, Failure> {
        if self
            .churn_rate
            .is_some_and(|rate| !(rate.is_finite() && rate > 0.0))
        {
            return usage("--churn-rate must be above 0");
        }
        if !(0.0..=100.0).contains(&self.abrupt) {
            return usage("--abrupt must be from 0 to 100 percent");
        }
        Ok(plan::Churn {
            churners: self.churners,
            rate: self.churn_rate,
            stay: self.stay,
            abrupt: (self.abrupt * 100.0).round() as u32,
        })
    }
}

impl Ramp {
    fn climb(&self) -> Result<Climb, Failure> {
        let is_within = |value: f64, low: f64, high: f64| (low..=high).contains(&value);
        if !is_within(self.from, 1.0, 1e9) {
            return usage("--from must be from 1 to 1000000000 publications a second");
        }
        if !is_within(self.factor, 1.01, 100.0) {
            return usage("--factor must be from 1.01 to 100");
        }
        if !is_within(self.precision, 0.1, 100.0) {
            return usage("--precision must be from 0.1 to 100 percent");
        }
        Ok(Climb {
            from: self.from,
            factor: self.factor,
            precision: self.precision / 100.0,
            p99_max: self.p99_max,
            steal_share_max: self.common.max_steal / 100.0,
        })
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
        assert_eq!(pace("soak"), Pace::Open { rate: SOAK_RATE });
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
