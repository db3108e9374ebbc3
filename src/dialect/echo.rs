//! `echo`: every message goes back as it came. No protocol, for conformance tests of the transport.

use crate::codec::ws::MessageKind;
use crate::codec::ws::{OpCode, write_frame};
use crate::engine::actions::Actions;
use crate::engine::dialect::{ConnView, Decision, Dialect, Message};
use crate::engine::publication::Publication;

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct Echo;

impl Dialect for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn on_open(&self, _conn: &mut ConnView<'_>, _actions: &mut Actions<'_>) {}

    fn on_message<'m>(
        &self,
        _conn: &mut ConnView<'_>,
        message: Message<'m>,
        actions: &mut Actions<'m>,
    ) {
        let opcode = match message.kind {
            MessageKind::Text => OpCode::Text,
            MessageKind::Binary => OpCode::Binary,
        };
        actions.reply(|out| write_frame(out, opcode, message.payload));
    }

    fn on_decision(
        &self,
        _conn: &mut ConnView<'_>,
        _decision: &Decision<'_>,
        _actions: &mut Actions<'_>,
    ) {
    }

    fn encode(&self, publication: &Publication<'_>, out: &mut Vec<u8>) {
        write_frame(out, OpCode::Binary, publication.data.unwrap_or_default());
    }
}
