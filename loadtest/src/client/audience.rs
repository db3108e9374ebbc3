//! How many subscribers deliveries are expected for.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::topology::Topology;

/// The subscribers of each topic, on each thread and in all. They change between stretches only, when nothing is
/// on its way: so no order among these numbers matters.
#[derive(Debug)]
pub(super) struct Audience {
    threads: usize,
    /// For each topic and thread.
    here: Vec<AtomicU32>,
    /// For each topic.
    all: Vec<AtomicU32>,
}

impl Audience {
    /// Everybody who subscribes; client `c` of `threads` is on thread `c % threads`.
    pub(super) fn new(topology: &Topology, threads: usize) -> Self {
        let zeros = |count| (0..count).map(|_| AtomicU32::new(0)).collect();
        let audience = Self {
            threads,
            here: zeros(topology.topics.len() * threads),
            all: zeros(topology.topics.len()),
        };
        for (index, client) in topology.clients.iter().enumerate() {
            if let Some(topic) = client.topic {
                audience.here[topic as usize * threads + index % threads]
                    .fetch_add(1, Ordering::Relaxed);
                audience.all[topic as usize].fetch_add(1, Ordering::Relaxed);
            }
        }
        audience
    }

    /// Subscribers of a topic on one thread.
    #[inline]
    pub(super) fn here(&self, topic: u32, thread: usize) -> u32 {
        self.here[topic as usize * self.threads + thread].load(Ordering::Relaxed)
    }

    /// Subscribers of a topic.
    #[inline]
    pub(super) fn all(&self, topic: u32) -> u32 {
        self.all[topic as usize].load(Ordering::Relaxed)
    }

    /// How many threads have subscribers of a topic.
    #[inline]
    pub(super) fn threads(&self, topic: u32) -> u32 {
        let threads = 0..self.threads;
        threads
            .filter(|thread| self.here(topic, *thread) > 0)
            .count() as u32
    }

    /// Takes a subscriber of a thread out.
    pub(super) fn leave(&self, topic: u32, thread: usize) {
        self.here[topic as usize * self.threads + thread].fetch_sub(1, Ordering::Relaxed);
        self.all[topic as usize].fetch_sub(1, Ordering::Relaxed);
    }
}
