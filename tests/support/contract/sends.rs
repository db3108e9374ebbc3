//! What is sent to users, to connections and to everybody, by one sender: each of those who are meant gets
//! it once, in the order in which it was sent, and nobody else ever does.

use super::{Around, Checked, Checker, broken, data};

/// Whom something is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    User(usize),
    Client(usize),
    Everyone,
}

/// Something that was sent.
#[derive(Debug)]
pub(crate) struct Send {
    to: To,
    /// Clients that must not get it.
    exclude: Vec<usize>,
}

/// Who sends, among the names of publications: nobody's number.
const SENDER: usize = usize::MAX >> 24;

impl Checker {
    /// Something is sent: its number.
    pub(crate) fn send(&mut self, to: To, exclude: &[usize]) -> usize {
        let number = self.sends.len();
        for (client, seat) in self.seats.iter_mut().enumerate() {
            // An ending identity may take its connection along.
            let stays = !seat.dialect.closes_without_identity() || !seat.speaker.may_have_ended();
            let is_meant = match to {
                To::User(user) => seat.speaker.is_sure && seat.speaker.user == Some(user),
                To::Client(one) => one == client && stays,
                To::Everyone => seat.id.is_some() && stays,
            };
            if is_meant && !exclude.contains(&client) {
                seat.owed_sends.push_back(number);
            }
        }
        self.sends.push(Send {
            to,
            exclude: exclude.to_vec(),
        });
        number
    }

    /// The event and the data of what was sent.
    pub(crate) fn send_text(&self, number: usize) -> (String, Option<String>) {
        let data = data(SENDER, 0, number, self.data_bytes_max);
        (format!("to.{number}"), data)
    }

    /// A shard has handled what was sent to those who are there, up to this number.
    pub(crate) fn note_sent(&mut self, shard: usize, number: usize) {
        if self.handled.len() <= shard {
            self.handled.resize(shard + 1, 0);
        }
        self.handled[shard] = self.handled[shard].max(number + 1);
    }

    /// A client may not be meant any more by what its shard has not handled yet.
    pub(super) fn excuse_sends(&mut self, client: usize) {
        let sends = &self.sends;
        let seat = &mut self.seats[client];
        let handled = seat.shard.and_then(|shard| self.handled.get(shard));
        let handled = handled.copied().unwrap_or(0);
        let closes = seat.dialect.closes_without_identity();
        let to_user = |number: usize| matches!(sends[number].to, To::User(_));
        seat.owed_sends
            .retain(|number| *number < handled || !(closes || to_user(*number)));
    }

    /// A client reads what was sent.
    pub(super) fn sent_message(
        &mut self,
        client: usize,
        number: &str,
        got: Option<&str>,
        around: Around,
    ) -> Checked {
        let who = format!("client {client}: what was sent as number {number}");
        let number = number.parse::<usize>().ok();
        let Some((number, send)) =
            number.and_then(|number| Some((number, self.sends.get(number)?)))
        else {
            return broken("bodies", format!("{who} was never sent"));
        };
        let seat = &mut self.seats[client];
        let body = data(SENDER, 0, number, self.data_bytes_max);
        if got != seat.dialect.shown(body).as_deref() {
            return broken("bodies", format!("{who} has another body: {got:?}"));
        }
        seat.messages += 1;
        let is_meant = match send.to {
            To::User(user) => seat.speaker.user == Some(user),
            To::Client(one) => one == client,
            To::Everyone => true,
        };
        if !is_meant || send.exclude.contains(&client) {
            let user = seat.speaker.user;
            let what = format!("{who} is for {send:?}, and it speaks for {user:?}");
            return broken("addressee", what);
        }
        match seat.last_send.replace(number) {
            Some(last) if last == number => return broken("C4", format!("{who} twice")),
            Some(last) if last > number => return broken("C3", format!("{who} after {last}")),
            _ => {}
        }
        let needs_identity =
            matches!(send.to, To::User(_)) || seat.dialect.closes_without_identity();
        if let Some(over) = &seat.speaker.over
            && needs_identity
            && number >= over.sends
        {
            let what = format!("{who} was sent after the end of its identity");
            return broken("identity", what);
        }
        self.sends_read[send.to.kind()] += 1;
        while let Some(owed) = seat.owed_sends.front().copied() {
            if owed > number {
                break;
            }
            seat.owed_sends.pop_front();
            if owed < number {
                if !around.may_miss {
                    return broken("C5", format!("{who}, but {owed} never came"));
                }
                self.missing += 1;
            }
        }
        Ok(())
    }

    /// Whether a client that stays has got all that was sent to it.
    pub(super) fn has_all_sends(&mut self, client: usize, around: Around) -> Checked {
        let owed = &mut self.seats[client].owed_sends;
        if let Some(first) = owed.front()
            && !around.may_miss
        {
            let what = format!("client {client} never got what was sent as number {first}");
            return broken("C5", what);
        }
        self.missing += owed.len() as u64;
        owed.clear();
        Ok(())
    }
}

impl To {
    /// Kinds of receivers.
    pub(crate) const KINDS: usize = 3;

    fn kind(self) -> usize {
        match self {
            Self::User(_) => 0,
            Self::Client(_) => 1,
            Self::Everyone => 2,
        }
    }
}
