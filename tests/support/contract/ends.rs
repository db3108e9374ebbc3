//! How connections end: with the Close that is due, or cut where the network may do that; and nothing
//! comes behind.

use super::{Checked, Checker, broken};

/// What is known about the end of one connection.
#[derive(Debug, Default)]
pub(super) struct End {
    /// The code of the Close that may come from now on.
    due: Option<u16>,
    /// The server drains: what it does not read any more it does not answer.
    is_draining: bool,
    is_over: bool,
}

impl Checker {
    /// A client has asked for a Close with this code, or earned it.
    pub(crate) fn expect_close(&mut self, client: usize, code: u16) {
        self.seats[client].end.due = Some(code);
    }

    /// The server drains, and will close this client.
    pub(crate) fn expect_drain(&mut self, client: usize) {
        self.expect_close(client, 1_001);
        self.seats[client].end.is_draining = true;
    }

    /// A client reads a Close.
    pub(crate) fn close(&mut self, client: usize, code: Option<u16>) -> Checked {
        self.is_open(client)?;
        let end = &mut self.seats[client].end;
        end.is_over = true;
        if code.is_none() || code != end.due {
            let due = end.due;
            let what = format!("client {client} was closed with {code:?}, but {due:?} was due");
            return broken("close", what);
        }
        if end.is_draining {
            return Ok(());
        }
        self.owes_nothing(client)
    }

    /// The stream of a client ends. `may_break`: whether the network may have cut it.
    pub(crate) fn end(&mut self, client: usize, may_break: bool) -> Checked {
        let end = &mut self.seats[client].end;
        if end.is_over || may_break {
            end.is_over = true;
            return Ok(());
        }
        broken("C5", format!("client {client} was cut off without a Close"))
    }

    /// Whether anything may still come to a client.
    pub(super) fn is_open(&self, client: usize) -> Checked {
        if self.seats[client].end.is_over {
            return broken("C2", format!("client {client} got something after Close"));
        }
        Ok(())
    }
}
