//! The world: shards on one virtual clock, their sockets, their clients, and one [`Random`] that
//! decides everything. What can happen in it is in [`crate::steps`], how it ends in
//! [`crate::finish`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use shardcast::base::ids::{IdKey, ShardId};
use shardcast::base::limits::HandshakeLimits;
use shardcast::base::random::Random;
use shardcast::base::slab::Key;
use shardcast::base::time::Now;
use shardcast::dialect::ignis::{Encryption, Ignis, IgnisConfig};
use shardcast::dialect::shared_websocket::{Role, Settings, SharedWebsocket};
use shardcast::dialect::strav::Strav;
use shardcast::engine::addresses::AddressLimits;
use shardcast::engine::admission::Admission;
use shardcast::engine::context_memory::ContextMemory;
use shardcast::engine::disconnect::Cause;
use shardcast::engine::door::Door;
use shardcast::engine::drain::DrainPhase;
use shardcast::engine::endpoint::Endpoint;
use shardcast::engine::interest::Interest;
use shardcast::engine::mailbox::{Inbox, connect};
use shardcast::engine::publication::AppId;
use shardcast::engine::shard::{Shard, ShardConfig};

use crate::answers::Answer;
use crate::calls::Command;
use crate::client::{Client, path};
use crate::contract::{Around, Checked, Checker, Dialect};
use crate::decider::{Law, Script, channels};
use crate::deflating;
use crate::faults::Fault;
use crate::plan::{Mode, Plan};
use crate::planted::{Bug, Planted};
use crate::tokens::Token;
use crate::trace::{Report, TellSeed, Trace, Violation};
use crate::wires::Wire;

/// The topic space of all channels.
pub(crate) const APP: AppId = AppId(0);

/// What a client may take for its request: more than it does while faults have a bound.
pub(crate) const HANDSHAKE_MS: u64 = 600_000;

/// One shard and what its worker would hold.
pub(crate) struct Node {
    pub(crate) shard: Shard,
    pub(crate) inbox: Inbox<()>,
    /// What the control plane wants of it, oldest first.
    pub(crate) lane: VecDeque<Command>,
    /// Its connections until they are released, and whose they are.
    pub(crate) conns: BTreeMap<Key, usize>,
    /// When it last ticked.
    pub(crate) ticked_ms: u64,
    /// When it was last found hanging.
    pub(crate) hung_ms: u64,
    /// Another shard has emptied its mailbox: what is stalled may be tried again.
    pub(crate) is_woken: bool,
    /// The phase of the drain that it is in, and the last of which it has reported the end.
    pub(crate) phase: Option<DrainPhase>,
    pub(crate) drained: Option<DrainPhase>,
    /// Its publications when it reported that no more would come.
    pub(crate) quiet_publications: Option<u64>,
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) random: Random,
    pub(crate) now: Now,
    pub(crate) nodes: Vec<Node>,
    pub(crate) interest: Arc<Interest>,
    pub(crate) id_key: IdKey,
    pub(crate) channels: Vec<String>,
    /// By client, as are the wires.
    pub(crate) clients: Vec<Client>,
    pub(crate) wires: Vec<Wire>,
    /// The clients that are not yet over for both ends.
    pub(crate) present: Vec<usize>,
    pub(crate) checker: Checker,
    pub(crate) answers: Vec<Answer>,
    /// By client: when the identity ends that it was given last.
    pub(crate) lives: BTreeMap<usize, u64>,
    /// Those of them whose time is over, and whose shard has not seen it yet.
    pub(crate) expiring: BTreeSet<usize>,
    /// When a question was asked last.
    pub(crate) asked_ms: u64,
    pub(crate) is_draining: bool,
    /// Until when a connection that the drain closes may take to receive what it is owed.
    pub(crate) drained_by_ms: u64,
    /// Nobody comes or does anything new.
    pub(crate) is_ending: bool,
    /// The shard that hangs, and until which step.
    pub(crate) hanging: Option<(usize, u64)>,
    /// Faults have stopped.
    pub(crate) is_calm: bool,
    pub(crate) planted: Planted,
    pub(crate) trace: Trace,
    pub(crate) report: Report,
}

/// Runs one seed.
pub(crate) fn run(
    mode: Mode,
    seed: u64,
    bug: Option<Bug>,
    loud: bool,
) -> Result<Report, Violation> {
    let _tell = TellSeed(mode, seed);
    let mut world = World::new(mode, seed, bug, loud);
    if loud {
        println!("seed {seed}: {:#?}", world.plan);
    }
    let lived = match mode {
        Mode::Bounded => world.live_to_the_end(),
        Mode::Unbounded => world.live(),
    };
    lived.map_err(|broken| Violation {
        mode,
        seed,
        step: world.trace.step,
        broken,
    })?;
    Ok(world.report())
}

/// The endpoint that speaks a dialect; all have the same topics.
fn endpoint(dialect: Dialect, plan: &Plan) -> Endpoint {
    Endpoint {
        path: path(dialect).to_owned(),
        app: APP,
        dialect: match dialect {
            Dialect::Strav => Box::new(Strav),
            Dialect::Ignis => Box::new(Ignis::new(IgnisConfig {
                // How long clients may take is for the dialect's own tests.
                auth_timeout_ms: u64::MAX,
                heartbeat_interval_ms: 0,
                heartbeat_timeout_ms: u64::MAX,
                default_rooms: Vec::new(),
                encryption: Encryption::Off,
                encryption_info: String::new(),
            })),
            Dialect::SharedWebsocket => {
                let mut settings = Settings::default();
                settings.names.set(Role::AuthOk, "auth.ok");
                Box::new(SharedWebsocket::new(settings))
            }
        },
        origins: Vec::new(),
        door: Door {
            reads_tokens: true,
            query_parameter: Some("token".to_owned()),
            ..Door::default()
        },
        decider: Box::new(Script),
        limits: plan.limits,
        deflate: plan.deflate,
    }
}

impl World {
    fn new(mode: Mode, seed: u64, bug: Option<Bug>, loud: bool) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::draw(mode, &mut random);
        let now = Now {
            monotonic_ms: u64::from(random.below(1_000_000)),
            unix_ms: 1_800_000_000_000,
        };
        let channels = channels(&mut random, plan.open_channels);
        let interest = Arc::new(Interest::new(1, seed));
        let nodes = Self::nodes(seed, &plan, &interest, now);
        let checker = Checker::new(
            channels.iter().map(|name| Law::channel(name)).collect(),
            plan.data_bytes_max,
            plan.limits.subscriptions_max,
        );
        Self {
            plan,
            random,
            now,
            nodes,
            interest,
            id_key: Self::id_key(seed),
            channels,
            clients: Vec::new(),
            wires: Vec::new(),
            present: Vec::new(),
            checker,
            answers: Vec::new(),
            lives: BTreeMap::new(),
            expiring: BTreeSet::new(),
            asked_ms: now.monotonic_ms,
            is_draining: false,
            drained_by_ms: 0,
            is_ending: false,
            hanging: None,
            is_calm: false,
            planted: Planted::new(bug),
            trace: Trace::new(loud),
            report: Report::default(),
        }
    }

    fn nodes(seed: u64, plan: &Plan, interest: &Arc<Interest>, now: Now) -> Vec<Node> {
        let admission = Admission::new(100_000, AddressLimits::default());
        connect(plan.shards as usize, plan.mailbox)
            .into_iter()
            .zip((0..).map(ShardId))
            .map(|((mesh, inbox, _), id)| Node {
                shard: Shard::new(
                    ShardConfig {
                        id,
                        endpoints: Dialect::ALL.map(|dialect| endpoint(dialect, plan)).into(),
                        apps: 1,
                        handshake: HandshakeLimits {
                            head_bytes_max: 16 * 1024,
                            timeout_ms: HANDSHAKE_MS,
                        },
                        admission: admission.clone(),
                        id_key: Self::id_key(seed),
                        seed,
                        interest: Arc::clone(interest),
                        mesh,
                        tls: None,
                        context_memory: ContextMemory::new(1024 * 1024),
                        stopwatch: || 0,
                    },
                    now,
                ),
                inbox,
                conns: BTreeMap::new(),
                lane: VecDeque::new(),
                ticked_ms: now.monotonic_ms,
                hung_ms: 0,
                is_woken: false,
                phase: None,
                drained: None,
                quiet_publications: None,
            })
            .collect()
    }

    /// Anything happens at any time.
    fn live(&mut self) -> Checked {
        for _ in 0..self.plan.clients {
            self.come();
        }
        for _ in 0..self.plan.steps {
            self.step()?;
        }
        self.are_quiet()
    }

    /// The same, and then everything must come to a good end.
    fn live_to_the_end(&mut self) -> Checked {
        self.live()?;
        self.is_ending = true;
        self.hanging = None;
        if self.plan.drains {
            self.drain()?;
        } else {
            self.stop_faults();
            self.fence_all();
            self.send_to_all();
            let back = self.come_back();
            self.come_to_rest()?;
            self.are_there(&back)?;
            self.part()?;
        }
        self.leave_nothing()
    }

    /// A client comes to some shard, half of them as strav's.
    pub(crate) fn come(&mut self) {
        let others = [Dialect::Ignis, Dialect::SharedWebsocket];
        let dialect = others.get(self.random.below(4) as usize);
        let token = self.random_token();
        self.come_as(*dialect.unwrap_or(&Dialect::Strav), token);
    }

    pub(crate) fn come_as(&mut self, dialect: Dialect, token: Option<Token>) {
        let index = self.clients.len();
        let shard = self.random.below(self.plan.shards) as usize;
        let is_narrow = self.random.below(16) < self.plan.narrow;
        let window = if is_narrow {
            64 + self.random.below(4_000) as usize
        } else {
            usize::MAX
        };
        let is_fickle = is_narrow && self.random.below(2) == 0;
        let mut wire = Wire::new(window, is_fickle, self.now.monotonic_ms);
        let publishes = self.random.below(16) < self.plan.publishers;
        let offer = deflating::offer(&self.plan.deflate, &mut self.random);
        let client = Client::new(dialect, shard, publishes, token, offer, &mut wire);
        self.clients.push(client);
        self.wires.push(wire);
        self.present.push(index);
        self.checker.seat(dialect, Some(shard));
        self.trace
            .event("comes", &[index as u64, shard as u64, dialect as u64]);
        self.introduce(index);
    }

    /// Somebody who is still there.
    pub(crate) fn anybody(&mut self) -> Option<usize> {
        let chosen = self.random.below(self.present.len() as u32) as usize;
        self.present.get(chosen).copied()
    }

    /// What the checker must know beside what a client reads.
    pub(crate) fn around(&self, client: usize) -> Around {
        Around {
            may_miss: self.plan.may_drop() && self.wires[client].squeezed,
        }
    }

    fn report(&mut self) -> Report {
        let mut report = Report {
            hash: self.trace.hash,
            planted: self.planted.times,
            steps: self.trace.step,
            replies: self.checker.replies,
            crossed: self.checker.crossed,
            sends_read: self.checker.sends_read,
            notices: self.checker.notices,
            conns: self.clients.len() as u64,
            messages_read: (0..self.clients.len())
                .map(|client| self.checker.messages(client))
                .sum(),
            ..self.report.clone()
        };
        for node in &self.nodes {
            let stats = node.shard.stats();
            report.publications += stats.publications;
            report.deliveries += stats.deliveries;
            report.letters += stats.letters;
            report.stalls += stats.stalls;
            report.dropped += stats.dropped();
            report.evicted += stats.closed_for(Cause::SlowConsumer);
            report.idled += stats.closed_for(Cause::Idle);
        }
        report.faults.note_many(Fault::MailboxFull, report.stalls);
        report
    }
}
