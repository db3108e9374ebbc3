//! What clients are still owed at an end: of one connection, or of the run.

use super::{Around, Checked, Checker, broken};

impl Checker {
    /// Whether a reply that is still owed may be lost by ending now: only if something before it
    /// may have had to wait for a decision.
    pub(crate) fn owes_nothing(&self, client: usize) -> Checked {
        let pending = &self.seats[client].pending;
        let mut may_wait = false;
        for asked in pending {
            let channel = asked.channel().map(|channel| &self.channels[channel]);
            may_wait |= asked.is_of_identity() || channel.is_some_and(|channel| channel.may_wait);
            if asked.reply.is_some() && !may_wait {
                return broken("replies", format!("client {client} never got {asked:?}"));
            }
        }
        Ok(())
    }

    /// Whether a client that stays has all replies and pongs.
    pub(crate) fn is_answered(&self, client: usize) -> Checked {
        let seat = &self.seats[client];
        if let Some(asked) = seat.pending.iter().find(|asked| asked.reply.is_some()) {
            return broken("replies", format!("client {client} never got {asked:?}"));
        }
        if seat.pings.is_empty() {
            return Ok(());
        }
        broken("pong", format!("client {client} never got one"))
    }

    /// All that a client has asked so far has been handled: what it published was accepted.
    pub(crate) fn note_handled(&mut self, client: usize) {
        for ((_, channel), places) in self.places.range((client, 0)..(client + 1, 0)) {
            if self.channels[*channel].publish.is_none() {
                self.accepted.insert((client, *channel), places.len());
            }
        }
    }

    /// Whether a client that stays has every publication it is owed. `is_settled`: whether all that
    /// a publisher sent has been handled.
    pub(crate) fn is_complete(
        &mut self,
        client: usize,
        is_settled: &[bool],
        around: Around,
    ) -> Checked {
        self.has_all_sends(client, around)?;
        for (channel, membership) in &self.seats[client].members {
            if membership.is_ending {
                continue;
            }
            for publisher in &self.publishers[*channel] {
                let places = &self.places[&(*publisher, *channel)];
                let accepted = if is_settled[*publisher] {
                    places.len()
                } else {
                    let accepted = self.accepted.get(&(*publisher, *channel));
                    accepted.copied().unwrap_or(0)
                };
                let has_heard = membership.heard.contains(publisher);
                let next = if has_heard {
                    self.seats[client].tracks[&(*publisher, *channel)].next() as usize
                } else {
                    places.partition_point(|place| *place < membership.since)
                };
                if next >= accepted {
                    continue;
                }
                if !around.may_miss {
                    let rule = if has_heard { "C5" } else { "C1" };
                    let what = format!(
                        "client {client} never got {publisher}'s numbers {next}..{accepted} on \
                         channel {channel}"
                    );
                    return broken(rule, what);
                }
                self.missing += (accepted - next) as u64;
            }
        }
        Ok(())
    }
}
