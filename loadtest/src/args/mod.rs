//! The command line.

mod common;
mod load;

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use self::load::{Publish, Spread};
use crate::body::Text;
use crate::dialect::Dialect;
use crate::failure::Failure;
use crate::page::ReportArgs;
use crate::plan::{Pace, Plan};
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
    /// A fan-out after its server was killed and started again: how fast everybody is back
    Storm(Storm),
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

/// Arguments of `handshakes`.
#[derive(Debug, Args)]
pub(crate) struct Handshakes {
    #[command(flatten)]
    common: Common,
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
    /// What each publication's data looks like.
    pub(crate) text: Text,
    /// Bytes of it.
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
            Self::Handshakes(args) => {
                let topology = Topology::unsubscribed(args.connections);
                let order = Order::new("handshakes", args.common, topology, None)?;
                let plan = Plan {
                    reopens: true,
                    ..order.plan
                };
                Ok(Order { plan, ..order })
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
                if order.common.deflate || order.common.tls.is_any() {
                    return usage(
                        "floor's own server knows no compression and no TLS: leave --deflate and --tls-... away",
                    );
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
            reopens: false,
        };
        if let Pace::Closed { window } = pace
            && topology.publishers.len() * window as usize > IN_FLIGHT_MAX
        {
            return usage(&format!(
                "publishers times --window must be {IN_FLIGHT_MAX} or less"
            ));
        }
        let (text, payload_bytes) = match publish {
            Some(publish) => (publish.text, publish.payload_bytes()?),
            None => (Text::default(), Text::default().bytes_min()),
        };
        Ok(Self {
            name,
            common,
            topology,
            plan,
            text,
            payload_bytes,
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
            "p2p --clients 1000 --window 65536",
            "p2p --clients 3 --paired",
            "floor --server-pid 1",
            "floor --dialect ignis",
            "floor --deflate",
            "floor --tls-insecure",
            "fanout --tls-insecure --tls-ca x",
            "handshakes --connections 0",
            "storm",
            "storm --server-pid 1 -- true",
            "idle --payload 100",
            "fanout --server-cpu x",
        ] {
            assert!(order(args).is_err(), "{args}");
        }
    }
}
