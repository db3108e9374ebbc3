//! What becomes of a publication at whoever reads it: whether it was sent, with this body, to a member,
//! in its place.

use shardcast::base::ids::Ulid;
use shardcast_contract::Arrival;

use super::{Around, Checked, Checker, Message, broken, data};

impl Checker {
    /// A client reads what was published.
    pub(super) fn message(
        &mut self,
        client: usize,
        message: Message<'_>,
        around: Around,
    ) -> Checked {
        let Message {
            channel,
            event,
            data: got,
            id,
        } = message;
        if let Some(number) = event.strip_prefix("to.") {
            return self.sent_message(client, number, got, around);
        }
        let names = || {
            let (publisher, rest) = event.split_once('.')?;
            let (of, number) = rest.split_once('.')?;
            let parse = |text: &str| text.parse::<usize>().ok();
            Some((parse(publisher)?, parse(of)?, parse(number)?))
        };
        let named = names().and_then(|(publisher, of, number)| {
            let channel = channel.map_or(Some(of), |name| self.by_name.get(name).copied())?;
            Some((publisher, of, number, channel))
        });
        let Some((publisher, of, number, channel)) = named else {
            return broken("bodies", format!("nobody published {event} on {channel:?}"));
        };
        let who = format!("client {client}: {publisher}'s number {number} on channel {channel}");
        if of != channel {
            return broken("bodies", format!("{who} was published on channel {of}"));
        }
        let body = data(publisher, channel, number, self.data_bytes_max);
        if got != self.seats[client].dialect.shown(body).as_deref() {
            return broken("bodies", format!("{who} has another body: {got:?}"));
        }
        let places = self.places.get(&(publisher, channel));
        let Some(places) = places.filter(|places| places.len() > number) else {
            return broken("bodies", format!("{who} was never sent"));
        };
        let published_in = self.seats[publisher].dialect;
        let seat = &mut self.seats[client];
        self.crossed[seat.dialect as usize] += u64::from(published_in != seat.dialect);
        let track = seat.tracks.entry((publisher, channel)).or_default();
        let gap = match track.arrive(number as u64) {
            Arrival::InOrder => None,
            Arrival::AfterGap(gap) => Some(gap),
            Arrival::Duplicate => return broken("C4", format!("{who} twice")),
            Arrival::Reordered => {
                let last = track.next() - 1;
                return broken("C3", format!("{who} after {last}"));
            }
        };
        if publisher == client {
            seat.got_own(channel, number, &self.channels, &self.sent)?;
        }
        seat.messages += 1;
        if !seat.members.contains_key(&channel) && seat.may_have_joined(channel) {
            seat.begin(channel, usize::MAX, &self.channels);
        }
        let may_have_been_away = seat.may_have_been_away(channel);
        let Some(membership) = seat.members.get_mut(&channel) else {
            return broken("C2", format!("{who}, {}", seat.why_no_member(channel)));
        };
        let needs_identity =
            self.channels[channel].needs_login || seat.dialect.closes_without_identity();
        if let Some(over) = &seat.speaker.over
            && needs_identity
            && places[number] >= over.places[channel]
        {
            let what = format!("{who} was sent after the end of its identity");
            return broken("identity", what);
        }
        let is_first = membership.heard.insert(publisher);
        if let Some(gap) = gap.filter(|_| !may_have_been_away) {
            let first_owed = places.partition_point(|place| *place < membership.since) as u64;
            let expected = if is_first { first_owed } else { gap.start };
            if number as u64 > expected {
                if !around.may_miss {
                    let rule = if is_first { "C1" } else { "C5" };
                    return broken(rule, format!("{who}, but {expected} never came"));
                }
                self.missing += number as u64 - expected;
            }
        }
        let accepted = self.accepted.entry((publisher, channel)).or_default();
        *accepted = (number + 1).max(*accepted);
        match id {
            Some(id) => self.id_of((publisher, channel, number), client, id, &who),
            None => Ok(()),
        }
    }

    /// One publication has one id everywhere, and a shard's ids ascend.
    fn id_of(
        &mut self,
        publication: (usize, usize, usize),
        client: usize,
        id: Ulid,
        who: &str,
    ) -> Checked {
        let first = *self.ids.entry(id).or_insert(publication);
        let known = *self.by_publication.entry(publication).or_insert(id);
        if first != publication || known != id {
            return broken("ids", format!("{who}: {id} is not its id alone"));
        }
        let (publisher, channel, number) = publication;
        let neighbour = |number| self.by_publication.get(&(publisher, channel, number));
        let before = number.checked_sub(1).and_then(neighbour);
        let after = neighbour(number + 1);
        if before.is_some_and(|before| *before >= id) || after.is_some_and(|after| *after <= id) {
            return broken("ids", format!("{who}: {id} is out of order"));
        }
        let publisher_shard = self.seats[publisher].shard;
        let seat = &mut self.seats[client];
        if seat.shard.is_some() && seat.shard == publisher_shard {
            if id <= seat.last_id {
                return broken("ids", format!("{who}: {id} does not ascend"));
            }
            seat.last_id = id;
        }
        Ok(())
    }
}
