//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand};

use crate::body::PAYLOAD_BYTES_MIN;
use crate::cpu::parse_cpu_list;
use crate::dialect::Dialect;
use crate::failure::Failure;
use crate::plan::{Pace, Plan};
use crate::topology::Topology;

/// The largest payload: what a default server takes, less the envelope.
const PAYLOAD_BYTES_MAX: usize = 60 << 10;

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

Ctrl-C ends the measured time early and reports what there is; a second one ends at once.
Exit codes: 0 all deliveries right, 1 some were not, 2 asked wrongly, 3 not measurable, ended early, or the
machine was disturbed (steal above --max-steal) so that the figures do not count, 130 ended at once.";

/// Loads a WebSocket publish/subscribe server, and checks every delivery.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXAMPLES, subcommand_required = true)]
pub(crate) struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub(crate) scenario: Scenario,
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
    /// The fan-out of a server that does nothing but send: the kernel's own cost
    Floor(Floor),
    /// A fan-out after its server was killed and started again: how fast everybody is back
    Storm(Storm),
}

/// What every scenario takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// What the clients of the endpoint speak
    #[arg(long, value_enum, default_value = "strav")]
    pub(crate) dialect: Dialect,
    /// The endpoint [default: ws://127.0.0.1:7001 with /_broadcast, or /ws for ignis, or /events for shared-websocket]
    #[arg(long)]
    url: Option<String>,
    /// Client threads [default: one for each core of --client-cpu, or else for each core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Cores that the client's threads are pinned to, in turn: 1 or 2-5
    #[arg(long, value_name = "CPUS", value_parser = parse_cpus)]
    client_cpu: Option<Cpus>,
    /// Cores that the server alone is pinned to: their busy time is what it costs
    #[arg(long, value_name = "CPUS", value_parser = parse_cpus)]
    server_cpu: Option<Cpus>,
    /// The server's process: its cpu time and memory are reported
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) server_pid: Option<i32>,
    /// The measured time: 10s, 2m
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// Time under load before it
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    warmup: Duration,
    /// Percent of the time that the hypervisor may take for others before the run is void
    #[arg(long, value_name = "PERCENT", default_value = "1")]
    pub(crate) max_steal: f64,
    /// Judge by the deliveries alone, however disturbed the machine is: for trying things out
    #[arg(long)]
    pub(crate) checks_only: bool,
    /// Write the report here as JSON, too
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// Cores, as a type of its own: clap would take a plain list for a repeated argument.
#[derive(Clone, Debug)]
struct Cpus(Vec<usize>);

/// How publications follow each other.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("pace").args(["window", "rate"]))]
struct Publish {
    /// Closed loop: publications in flight for each publisher; one is done when all its subscribers have it
    /// [default: 1, at least --burst]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    window: Option<u32>,
    /// Open loop: publications a second by schedule, all publishers together
    #[arg(long)]
    rate: Option<f64>,
    /// Publications that a publisher writes in one go
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=4_096))]
    burst: u32,
    /// Bytes of data in each publication
    #[arg(long, default_value = "128")]
    payload: usize,
}

/// Arguments of `fanout`.
#[derive(Debug, Args)]
pub(crate) struct FanOut {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    spread: Spread,
    #[command(flatten)]
    publish: Publish,
}

/// Who is there.
#[derive(Clone, Debug, Args)]
struct Spread {
    /// Subscribed connections, spread evenly over the topics
    #[arg(long, default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    subscribers: u32,
    /// Topics
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    topics: u32,
    /// Publishing connections; each takes its share of the topics in turn
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    publishers: u32,
}

/// Arguments of `p2p`.
#[derive(Debug, Args)]
pub(crate) struct OneToOne {
    #[command(flatten)]
    common: Common,
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
    /// Connections
    #[arg(long, default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Topics that they subscribe to, one each
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    topics: u32,
}

/// Arguments of `floor`.
#[derive(Debug, Args)]
pub(crate) struct Floor {
    #[command(flatten)]
    common: Common,
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
    /// Who does what.
    pub(crate) topology: Topology,
    /// What is published when.
    pub(crate) plan: Plan,
    /// Bytes of each publication's data.
    pub(crate) payload_bytes: usize,
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
                Order::new("fanout", args.common, topology, Some(&args.publish))
            }
            Self::P2p(args) => {
                if args.paired && !args.clients.is_multiple_of(2) {
                    return usage("--paired needs an even number of --clients");
                }
                let topology = Topology::one_to_one(args.clients, args.paired);
                Order::new("p2p", args.common, topology, Some(&args.publish))
            }
            Self::Idle(args) => {
                let spread = Spread {
                    subscribers: args.connections,
                    topics: args.topics,
                    publishers: 0,
                };
                Order::new("idle", args.common, spread.topology()?, None)
            }
            Self::Floor(args) => {
                let topology = args.spread.topology()?;
                let order = Order::new("floor", args.common, topology, Some(&args.publish))?;
                if order.common.server_pid.is_some() {
                    return usage("floor has a server of its own: leave --server-pid away");
                }
                if order.common.dialect != Dialect::Strav {
                    return usage("floor's own server speaks strav: leave --dialect away");
                }
                Ok(Order {
                    has_own_server: true,
                    ..order
                })
            }
            Self::Storm(args) => {
                let topology = args.spread.topology()?;
                let order = Order::new("storm", args.common, topology, Some(&args.publish))?;
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
    fn new(
        name: &'static str,
        common: Common,
        topology: Topology,
        publish: Option<&Publish>,
    ) -> Result<Self, Failure> {
        if common.duration < Duration::from_millis(100) {
            return usage("--duration must be 100ms or more");
        }
        let (pace, burst) = match publish {
            Some(publish) => (publish.pace()?, publish.burst),
            None => (Pace::Silent, 1),
        };
        let plan = Plan {
            pace,
            burst,
            warmup: common.warmup,
            duration: common.duration,
            return_within: None,
        };
        if let Pace::Closed { window } = pace
            && topology.publishers.len() * window as usize > IN_FLIGHT_MAX
        {
            return usage(&format!(
                "publishers times --window must be {IN_FLIGHT_MAX} or less"
            ));
        }
        let payload_bytes = publish.map_or(PAYLOAD_BYTES_MIN, |publish| publish.payload);
        if !(PAYLOAD_BYTES_MIN..=PAYLOAD_BYTES_MAX).contains(&payload_bytes) {
            return usage(&format!(
                "--payload must be from {PAYLOAD_BYTES_MIN} (who sent what and when must fit in) \
                 to {PAYLOAD_BYTES_MAX}"
            ));
        }
        Ok(Self {
            name,
            common,
            topology,
            plan,
            payload_bytes,
            has_own_server: false,
            to_be_killed: Vec::new(),
        })
    }
}

impl Common {
    /// Where to connect.
    pub(crate) fn url(&self) -> &str {
        let default = || self.dialect.speech().url();
        self.url.as_deref().unwrap_or_else(default)
    }

    /// Client threads to run.
    pub(crate) fn thread_count(&self) -> usize {
        let default = || match self.client_cpus() {
            [] => crate::machine::parallelism(),
            cpus => cpus.len(),
        };
        self.threads.map_or_else(default, usize::from)
    }

    /// Cores of the client; empty if it is not pinned.
    pub(crate) fn client_cpus(&self) -> &[usize] {
        self.client_cpu.as_ref().map_or(&[], |cpus| &cpus.0)
    }

    /// Cores of the server; empty if they are not known.
    pub(crate) fn server_cpus(&self) -> &[usize] {
        self.server_cpu.as_ref().map_or(&[], |cpus| &cpus.0)
    }
}

impl Publish {
    fn pace(&self) -> Result<Pace, Failure> {
        if let Some(rate) = self.rate {
            if !(rate.is_finite() && rate > 0.0) {
                return usage("--rate must be above 0");
            }
            return Ok(Pace::Open { rate });
        }
        let window = self.window.unwrap_or(self.burst);
        if window < self.burst {
            return usage("--window must be --burst or more: a burst is in flight as a whole");
        }
        Ok(Pace::Closed { window })
    }
}

impl Spread {
    fn topology(&self) -> Result<Topology, Failure> {
        if self.topics > self.subscribers {
            return usage("there must be a subscriber for each of --topics, or more");
        }
        Ok(Topology::fan_out(
            self.subscribers,
            self.topics,
            self.publishers,
        ))
    }
}

fn usage<T>(why: &str) -> Result<T, Failure> {
    Err(Failure::Usage(why.to_owned()))
}

fn parse_cpus(text: &str) -> Result<Cpus, String> {
    parse_cpu_list(text).map(Cpus)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn order(args: &str) -> Result<Order, Failure> {
        let words = std::iter::once("loadtest").chain(args.split(' '));
        let line = CommandLine::try_parse_from(words).map_err(|e| Failure::Usage(e.to_string()))?;
        line.scenario.order()
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
    }

    #[test]
    fn contradictions_are_refused() {
        for args in [
            "fanout --rate 5 --window 1",
            "fanout --rate 0",
            "fanout --rate nan",
            "fanout --burst 4 --window 3",
            "fanout --payload 10",
            "fanout --topics 11 --subscribers 10",
            "fanout --duration 1",
            "p2p --clients 1000 --window 65536",
            "p2p --clients 3 --paired",
            "floor --server-pid 1",
            "floor --dialect ignis",
            "storm",
            "storm --server-pid 1 -- true",
            "idle --payload 100",
            "fanout --server-cpu x",
        ] {
            assert!(order(args).is_err(), "{args}");
        }
    }
}
