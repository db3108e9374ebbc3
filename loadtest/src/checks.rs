//! What was not right, in numbers and a few words. (What is right in a stream of deliveries, `shardcast-contract` says.)

/// The first faults are kept in words; more of them say no more.
const SAMPLES_MAX: usize = 5;

/// A delivery or connection that was not right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Came after a later one of the same publisher and topic.
    Reordered,
    /// Came twice.
    Duplicated,
    /// A publication of a topic the client does not subscribe to.
    ForeignTopic,
    /// A publication of another run.
    ForeignRun,
    /// A body or message that nobody sent so.
    Corrupted,
    /// The server refused a publication.
    Refused,
    /// The connection ended, or its bytes made no sense.
    Disconnected,
}

/// How many faults of each kind there were. Lost deliveries are counted at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Faults {
    /// Never arrived.
    pub(crate) lost: u64,
    /// Came more than once.
    pub(crate) duplicated: u64,
    /// Came after a later one of the same publisher and topic.
    pub(crate) reordered: u64,
    /// Of a topic that the client does not subscribe to.
    pub(crate) foreign_topic: u64,
    /// Of another run.
    pub(crate) foreign_run: u64,
    /// Not as it was sent.
    pub(crate) corrupted: u64,
    /// Publications that the server refused.
    pub(crate) refused: u64,
    /// Connections that ended before their time.
    pub(crate) disconnected: u64,
    /// The first few, in words.
    pub(crate) samples: Vec<String>,
}

impl Faults {
    /// Counts a fault; `words` is asked for the first few only.
    pub(crate) fn note(&mut self, fault: Fault, words: impl FnOnce() -> String) {
        *match fault {
            Fault::Reordered => &mut self.reordered,
            Fault::Duplicated => &mut self.duplicated,
            Fault::ForeignTopic => &mut self.foreign_topic,
            Fault::ForeignRun => &mut self.foreign_run,
            Fault::Corrupted => &mut self.corrupted,
            Fault::Refused => &mut self.refused,
            Fault::Disconnected => &mut self.disconnected,
        } += 1;
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push(words());
        }
    }

    /// Counts what was lost; `words` is asked for the first few only.
    pub(crate) fn note_lost(&mut self, count: u64, words: impl FnOnce() -> String) {
        self.lost += count;
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push(words());
        }
    }

    /// Adds those of another thread.
    pub(crate) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.foreign_topic += other.foreign_topic;
        self.foreign_run += other.foreign_run;
        self.corrupted += other.corrupted;
        self.refused += other.refused;
        self.disconnected += other.disconnected;
        self.samples.extend(other.samples);
        self.samples.truncate(SAMPLES_MAX);
    }

    /// Each kind with its count, in the order of a report.
    pub(crate) fn kinds(&self) -> [(&'static str, u64); 8] {
        [
            ("lost", self.lost),
            ("duplicated", self.duplicated),
            ("reordered", self.reordered),
            ("foreign topic", self.foreign_topic),
            ("foreign run", self.foreign_run),
            ("corrupted", self.corrupted),
            ("refused", self.refused),
            ("disconnected", self.disconnected),
        ]
    }

    /// All of them.
    pub(crate) fn total(&self) -> u64 {
        self.kinds().iter().map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_add_up_and_keep_a_few_words() {
        let mut faults = Faults::default();
        for index in 0..10 {
            faults.note(Fault::Corrupted, || format!("{index}"));
        }
        let mut sum = Faults::default();
        sum.note(Fault::Duplicated, || "first".to_owned());
        sum.add(faults);
        assert_eq!((sum.total(), sum.corrupted, sum.duplicated), (11, 10, 1));
        assert_eq!(sum.samples, ["first", "0", "1", "2", "3"]);
    }
}
