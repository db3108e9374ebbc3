//! What shards ask the control thread, and what they tell it: who somebody is, whether they may, what
//! is to be done about a message; and what happened.
//!
//! Each question is a task of its own, so that none waits for another; a shard lets nothing of the same
//! connection overtake. Whatever goes wrong is told as "nobody could tell", and the shard denies.

mod deeds;
mod desk;
mod lane;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::desk::Desk;
use self::lane::{Pending, Questions};
use super::control::Shards;
use super::identity::RemoteKeySets;
use super::outbound::{Client, client};
use super::server_config::EndpointConfig;
use super::webhook::Webhook;
use super::worker::{Report, Worker};
use crate::base::ids::ShardId;
use crate::base::time::{Clock, Now};
use crate::engine::decider::{Admission, Asked, Inquiry, Proof, Question, Verdict};
use crate::engine::happening::Happening;

/// A shard's way to the control thread.
#[derive(Debug, Clone)]
pub(super) struct ToControl {
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) questions: Questions,
    /// Not bounded by itself: a connection has a few of them, and who cannot be told the end of one
    /// closes it.
    pub(super) happenings: mpsc::UnboundedSender<Happening>,
}

/// The other ends.
pub(super) struct FromShards {
    questions: mpsc::UnboundedReceiver<Pending>,
    happenings: mpsc::UnboundedReceiver<Happening>,
}

/// The lanes from so many shards; the last one is that of their reports.
pub(super) fn lanes(shards: usize) -> (ToControl, FromShards, mpsc::Receiver<Report>) {
    // Started or failed, and one for each phase of the drain.
    let (to_reports, reports) = mpsc::channel(4 * shards);
    let (to_questions, questions) = Questions::new();
    let (to_happenings, happenings) = mpsc::unbounded_channel();
    let to_control = ToControl {
        reports: to_reports,
        questions: to_questions,
        happenings: to_happenings,
    };
    let from_shards = FromShards {
        questions,
        happenings,
    };
    (to_control, from_shards, reports)
}

/// Answers the questions of all shards.
pub(super) struct Answers {
    shards: Shards,
    clock: Clock,
    /// One for each endpoint; a reload replaces them, and questions under way go on with the old one.
    desks: Mutex<Vec<Arc<Desk>>>,
    outbound: OnceLock<Outbound>,
    /// Notices kept for one app server.
    notices_max: usize,
}

/// Made when the first endpoint needs it: it reads the machine's certificates.
struct Outbound {
    client: Client,
    key_sets: RemoteKeySets,
}

impl Answers {
    pub(super) fn new(
        endpoints: &[EndpointConfig],
        shards: Shards,
        clock: Clock,
        connections_max: usize,
    ) -> Self {
        let answers = Self {
            shards,
            clock,
            desks: Mutex::default(),
            outbound: OnceLock::new(),
            // Beginnings, identities and ends of all connections at once.
            notices_max: 3 * connections_max,
        };
        answers.renew(endpoints);
        answers
    }

    /// Goes by these configurations from now on.
    pub(super) fn renew(&self, endpoints: &[EndpointConfig]) {
        let mut desks = self.desks();
        let before = std::mem::take(&mut *desks);
        *desks = endpoints
            .iter()
            .enumerate()
            .map(|(index, endpoint)| Arc::new(self.desk(endpoint, before.get(index))))
            .collect();
    }

    fn desk(&self, endpoint: &EndpointConfig, before: Option<&Arc<Desk>>) -> Desk {
        Desk::new(
            endpoint,
            before.map(|desk| &**desk),
            self.notices_max,
            || {
                let outbound = self.outbound.get_or_init(|| {
                    let client = client();
                    Outbound {
                        key_sets: RemoteKeySets::new(client.clone()),
                        client,
                    }
                });
                (&outbound.client, &outbound.key_sets)
            },
        )
    }

    fn desks(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Desk>>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn desk_of(&self, endpoint: u16) -> Option<Arc<Desk>> {
        self.desks().get(usize::from(endpoint)).cloned()
    }

    /// The webhooks of all endpoints.
    pub(super) fn webhooks(&self) -> Vec<Arc<Webhook>> {
        let desks = self.desks();
        let webhooks = desks.iter().filter_map(|desk| desk.webhook());
        webhooks.cloned().collect()
    }

    /// Answers until the last shard is gone.
    pub(super) async fn run(self: Arc<Self>, mut from: FromShards) {
        loop {
            tokio::select! {
                Some(pending) = from.questions.recv() => {
                    tokio::spawn(Arc::clone(&self).answer(pending));
                }
                Some(happening) = from.happenings.recv() => self.tell(happening),
                else => return,
            }
        }
    }

    /// Waits until app servers have been told everything, or for so long. The shards are ending, and
    /// with the last one `answering`: what they have said is then in the queues.
    pub(super) async fn finish(&self, answering: JoinHandle<()>, at_most: Duration) {
        let desks = self.desks().clone();
        let told = async {
            let _ended = answering.await;
            for desk in &desks {
                desk.told().await;
            }
        };
        if timeout(at_most, told).await.is_err() {
            tracing::warn!(
                "some app server could not be told in time which connections have ended"
            );
        }
    }

    async fn answer(self: Arc<Self>, pending: Pending) {
        let asked = &pending.asked;
        let Asked {
            conn,
            ticket,
            ref inquiry,
            ..
        } = *asked;
        let desk = self.desk_of(asked.endpoint);
        let act: Act = match (desk, inquiry) {
            (Some(desk), Inquiry::Admit(newcomer)) => {
                let admission = desk.admit(asked, newcomer, self.clock.now().unix_ms).await;
                act(move |worker, now| {
                    let shard = &mut worker.shard;
                    shard.handle_admission(now, conn.key, ticket, admission);
                })
            }
            (Some(desk), Inquiry::Authenticate { data }) => {
                let proof = desk
                    .authenticate(asked, data, self.clock.now().unix_ms)
                    .await;
                act(move |worker, now| {
                    worker.shard.handle_proof(now, conn.key, ticket, &proof);
                })
            }
            (Some(desk), Inquiry::Decide(question)) => {
                let (verdict, keep_ms) = desk.decide(asked, question).await;
                act(move |worker, now| {
                    let shard = &mut worker.shard;
                    shard.handle_verdict(now, conn.key, ticket, verdict, keep_ms);
                })
            }
            (Some(desk), Inquiry::DecideAll(topics)) => {
                let (verdicts, keep_ms) = desk.decide_all(asked, topics).await;
                act(move |worker, now| {
                    let shard = &mut worker.shard;
                    shard.handle_verdicts(now, conn.key, ticket, &verdicts, keep_ms);
                })
            }
            (Some(desk), Inquiry::Message { event, data }) => {
                let deeds = desk.message(asked, event, data.as_deref()).await;
                act(move |worker, now| {
                    worker.shard.handle_deeds(now, conn.key, ticket, deeds);
                })
            }
            // An endpoint that is not there has no connections.
            (None, _) => return,
        };
        self.post(conn.shard, act).await;
    }

    async fn post(&self, shard: ShardId, act: Act) {
        // A shard that takes no answer gives its questions up by itself.
        let _late = self
            .shards
            .invoke_on(shard, move |worker, now| act(worker, now))
            .await;
    }

    fn tell(self: &Arc<Self>, happening: Happening) {
        let Some(desk) = self.desk_of(happening.endpoint) else {
            return;
        };
        let conn = happening.conn;
        if desk.tell(happening).is_err() {
            // Its end could not be told: better that it comes back when there is room.
            let answers = Arc::clone(self);
            let busy = act(move |worker, now| {
                worker.shard.turn_back(now, conn.key);
            });
            tokio::spawn(async move { answers.post(conn.shard, busy).await });
        }
    }
}

type Act = Box<dyn FnOnce(&mut Worker, Now) + Send>;

fn act(act: impl FnOnce(&mut Worker, Now) + Send + 'static) -> Act {
    Box::new(act)
}
