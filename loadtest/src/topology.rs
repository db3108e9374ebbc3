//! Who subscribes to what and who publishes where.
//!
//! A publisher numbers its publications 0, 1, 2... and takes its topics in turn. So a publication's
//! number alone tells its topic and its place among the publisher's publications to that topic.

/// The clients of a run, their topics and publishers.
#[derive(Clone, Debug)]
pub(crate) struct Topology {
    /// The topics, by index.
    pub(crate) topics: Vec<Topic>,
    /// The publishers, by index.
    pub(crate) publishers: Vec<Publisher>,
    /// The connections, by index.
    pub(crate) clients: Vec<Client>,
}

/// One topic.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    /// Its name on the wire.
    pub(crate) name: String,
    /// Who publishes to it, by ascending publisher.
    pub(crate) sources: Vec<Source>,
    /// How many clients subscribe to it.
    pub(crate) subscribers: u32,
}

/// One publisher of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The publisher.
    pub(crate) publisher: u32,
    /// The number of its first publication to the topic.
    pub(crate) first: u64,
    /// The distance between its publications to the topic.
    pub(crate) stride: u64,
}

impl Source {
    /// The place of publication `number` among those to this topic; `None` if it went elsewhere.
    pub(crate) fn place(&self, number: u64) -> Option<u64> {
        // Most publishers have one topic: spare them the division.
        if self.stride == 1 {
            return Some(number);
        }
        let after_first = number.checked_sub(self.first)?;
        after_first
            .is_multiple_of(self.stride)
            .then(|| after_first / self.stride)
    }

    /// How many of `published` publications went to this topic.
    pub(crate) fn places(&self, published: u64) -> u64 {
        published.saturating_sub(self.first).div_ceil(self.stride)
    }
}

/// One publisher.
#[derive(Clone, Debug)]
pub(crate) struct Publisher {
    /// The topics it takes in turn.
    pub(crate) topics: Vec<u32>,
}

impl Publisher {
    /// The topic of publication `number`.
    pub(crate) fn topic_of(&self, number: u64) -> u32 {
        match self.topics.as_slice() {
            [only] => *only,
            topics => topics[(number % topics.len() as u64) as usize],
        }
    }
}

/// What one connection does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Client {
    /// The topic it subscribes to.
    pub(crate) topic: Option<u32>,
    /// The publisher it is.
    pub(crate) publisher: Option<u32>,
    /// Whether it stops reading at some time.
    pub(crate) stops: bool,
}

impl Topology {
    /// `subscribers` spread over `topics`, and `publishers` on connections of their own.
    ///
    /// With fewer publishers than topics each publisher has its own topics; otherwise each has one.
    pub(crate) fn fan_out(subscribers: u32, topics: u32, publishers: u32) -> Self {
        let subscribing = (0..subscribers).map(|subscriber| Client {
            topic: Some(subscriber % topics),
            ..Client::default()
        });
        let publishing = (0..publishers).map(|publisher| Client {
            publisher: Some(publisher),
            ..Client::default()
        });
        let duties = (0..publishers).map(|publisher| Publisher {
            topics: (publisher % topics..topics)
                .step_by(publishers.max(1) as usize)
                .collect(),
        });
        Self::new(
            topics,
            duties.collect(),
            subscribing.chain(publishing).collect(),
        )
    }

    /// The same, and the first `count` of its subscribers stop reading at some time. Each topic has its share of them.
    pub(crate) fn stopping(mut self, count: u32) -> Self {
        let subscribers = self.clients.iter_mut();
        for client in subscribers
            .filter(|client| client.topic.is_some())
            .take(count as usize)
        {
            client.stops = true;
        }
        self
    }

    /// Each of `clients` has a topic of its own and publishes to it, or to that of its partner.
    ///
    /// Partners are 0 and 1, 2 and 3 and so on, so their number is even.
    pub(crate) fn one_to_one(clients: u32, paired: bool) -> Self {
        let duties = (0..clients).map(|client| Publisher {
            topics: vec![if paired { client ^ 1 } else { client }],
        });
        let roles = (0..clients).map(|client| Client {
            topic: Some(client),
            publisher: Some(client),
            ..Client::default()
        });
        Self::new(clients, duties.collect(), roles.collect())
    }

    /// How many deliveries a publication comes to, on average over what publishers at equal rates publish.
    pub(crate) fn deliveries_per_publication(&self) -> f64 {
        let of_topic = |topic: &u32| f64::from(self.topics[*topic as usize].subscribers);
        let of_publisher = |publisher: &Publisher| {
            let topics = publisher.topics.iter();
            topics.map(of_topic).sum::<f64>() / publisher.topics.len().max(1) as f64
        };
        let publishers = self.publishers.iter();
        publishers.map(of_publisher).sum::<f64>() / self.publishers.len().max(1) as f64
    }

    /// `clients` that neither subscribe nor publish.
    pub(crate) fn unsubscribed(clients: u32) -> Self {
        let clients = (0..clients).map(|_| Client::default());
        Self::new(0, Vec::new(), clients.collect())
    }

    fn new(topics: u32, publishers: Vec<Publisher>, clients: Vec<Client>) -> Self {
        let mut topics: Vec<Topic> = (0..topics)
            .map(|topic| Topic {
                name: format!("load.{topic}"),
                sources: Vec::new(),
                subscribers: 0,
            })
            .collect();
        for (publisher, duty) in (0..).zip(&publishers) {
            for (first, topic) in (0..).zip(&duty.topics) {
                topics[*topic as usize].sources.push(Source {
                    publisher,
                    first,
                    stride: duty.topics.len() as u64,
                });
            }
        }
        for topic in clients.iter().filter_map(|client| client.topic) {
            topics[topic as usize].subscribers += 1;
        }
        for topic in &mut topics {
            topic.sources.sort_by_key(|source| source.publisher);
        }
        Self {
            topics,
            publishers,
            clients,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscribers_are_spread_evenly() {
        let topology = Topology::fan_out(10, 3, 1);
        let counts: Vec<u32> = topology.topics.iter().map(|t| t.subscribers).collect();
        assert_eq!(counts, [4, 3, 3]);
        assert_eq!(topology.clients.len(), 11);
    }

    #[test]
    fn few_publishers_share_out_the_topics() {
        let topology = Topology::fan_out(10, 5, 2);
        assert_eq!(topology.publishers[0].topics, [0, 2, 4]);
        assert_eq!(topology.publishers[1].topics, [1, 3]);
        assert_eq!(topology.publishers[0].topic_of(4), 2);
    }

    #[test]
    fn many_publishers_share_topics() {
        let topology = Topology::fan_out(10, 2, 5);
        let of = |topic: usize| -> Vec<u32> {
            let sources = topology.topics[topic].sources.iter();
            sources.map(|source| source.publisher).collect()
        };
        assert_eq!(of(0), [0, 2, 4]);
        assert_eq!(of(1), [1, 3]);
    }

    #[test]
    fn a_number_tells_its_topic_and_place() {
        let topology = Topology::fan_out(10, 5, 2);
        let source = topology.topics[2].sources[0];
        assert_eq!((source.first, source.stride), (1, 3));
        assert_eq!(source.place(0), None);
        assert_eq!(source.place(1), Some(0));
        assert_eq!(source.place(2), None);
        assert_eq!(source.place(7), Some(2));
        let places: Vec<u64> = (0..6).map(|published| source.places(published)).collect();
        assert_eq!(places, [0, 0, 1, 1, 1, 2]);
    }

    #[test]
    fn deliveries_are_averaged_over_publishers_not_topics() {
        // Topics of 4, 3 and 3 subscribers; one publisher has the first and the last, the other the second.
        let topology = Topology::fan_out(10, 3, 2);
        assert_eq!(
            topology.deliveries_per_publication(),
            f64::midpoint(3.5, 3.0)
        );
        assert_eq!(Topology::fan_out(7, 1, 1).deliveries_per_publication(), 7.0);
        assert_eq!(Topology::unsubscribed(3).deliveries_per_publication(), 0.0);
    }

    #[test]
    fn partners_publish_to_each_other() {
        let topology = Topology::one_to_one(4, true);
        assert_eq!(topology.topics[3].sources[0].publisher, 2);
        assert_eq!(topology.topics[0].sources[0].publisher, 1);
        let alone = Topology::one_to_one(3, false);
        assert_eq!(alone.topics[2].sources[0].publisher, 2);
    }
}
