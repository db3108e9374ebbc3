//! Checks between two values that each make sense alone.

use std::time::Duration;

use super::complaint::Fault;
use super::option::OptionRecord;
use super::options;
use super::reader::Reader;
use super::settings::Origin;
use crate::base::limits::OUTBOX_SLICE_OVERHEAD_BYTES;
use crate::engine::rules::Rules;
use crate::service::webhook::{Kind, WebhookConfig};

/// Bytes that a dialect's envelope may add to a client's message on its way out: strav adds the id,
/// 33 bytes; the rest is room for dialects with longer words.
const ENVELOPE_BYTES_MAX: usize = 256;

/// Bytes of the longest frame header that a server sends. Source: RFC 6455, section 5.2.
const FRAME_HEADER_BYTES_MAX: usize = 10;

/// What one message costs in an outbox beyond its own bytes.
const MESSAGE_OVERHEAD_BYTES: usize =
    OUTBOX_SLICE_OVERHEAD_BYTES + FRAME_HEADER_BYTES_MAX + ENVELOPE_BYTES_MAX;

impl Reader<'_> {
    /// A connection whose outbox cannot hold one message would be closed by the first one that the
    /// kernel does not take at once.
    pub(super) fn check_backpressure(&mut self, message: usize, backpressure: usize) {
        let needed = message + MESSAGE_OVERHEAD_BYTES;
        if backpressure >= needed {
            return;
        }
        let message_option = &options::MAX_MESSAGE_BYTES;
        let backpressure_option = &options::BACKPRESSURE_LIMIT_BYTES;
        let (guilty, problem, fix) = if self.blames_second(message_option, backpressure_option) {
            (
                backpressure_option,
                format!(
                    "cannot hold one message of {} with its framing",
                    self.describe(message_option)
                ),
                format!(
                    "write at least {needed}, or lower {}",
                    self.name(message_option)
                ),
            )
        } else {
            (
                message_option,
                format!(
                    "does not fit into {} with its framing",
                    self.describe(backpressure_option)
                ),
                format!(
                    "lower it, or raise {} to at least {needed}",
                    self.name(backpressure_option)
                ),
            )
        };
        self.complain(guilty, 0, Fault::new(problem, fix));
    }

    /// A rule that leaves something to an app server which nobody has named, or which is not asked about
    /// such things, would deny everything that it is about.
    pub(super) fn check_webhook(&mut self, rules: &Rules, webhook: Option<&WebhookConfig>) {
        for (kind, option, asks) in [
            (
                Kind::Subscribe,
                &options::ALLOW_SUBSCRIBE,
                rules.subscribing_asks(),
            ),
            (
                Kind::Publish,
                &options::ALLOW_PUBLISH,
                rules.publishing_asks(),
            ),
            (Kind::Message, &options::ON_MESSAGE, rules.messages_ask()),
        ] {
            if !asks || webhook.is_some_and(|webhook| webhook.kinds.contain(kind)) {
                continue;
            }
            let texts = self.setting(option).texts;
            let place = texts
                .iter()
                .position(|typed| typed.text.ends_with("=webhook"));
            let (problem, fix) = match webhook {
                None => (
                    "leaves it to an app server, and none is named".to_owned(),
                    format!("name it with {}", self.name(&options::WEBHOOK_URL)),
                ),
                Some(_) => (
                    "leaves it to an app server that is not asked about it".to_owned(),
                    format!(
                        "add {} to {}",
                        kind.name(),
                        self.name(&options::WEBHOOK_EVENTS)
                    ),
                ),
            };
            self.complain(option, place.unwrap_or(0), Fault::new(problem, fix));
        }
    }

    /// A healthy client that has nothing to say is known to live only by its answers to pings.
    pub(super) fn check_heartbeat(&mut self, ping: Duration, idle: Duration) {
        if ping.is_zero() || idle.is_zero() || idle > ping {
            return;
        }
        let ping_option = &options::PING_INTERVAL;
        let idle_option = &options::IDLE_TIMEOUT;
        let (guilty, problem, fix) = if self.blames_second(ping_option, idle_option) {
            (
                idle_option,
                format!("is not longer than {}", self.describe(ping_option)),
                format!(
                    "raise it, lower {}, or turn either off with 0",
                    self.name(ping_option)
                ),
            )
        } else {
            (
                ping_option,
                format!("is not shorter than {}", self.describe(idle_option)),
                format!(
                    "lower it, raise {}, or turn either off with 0",
                    self.name(idle_option)
                ),
            )
        };
        self.complain(guilty, 0, Fault::new(problem, fix));
    }

    /// Of two values that do not go together: is it the second one that the user should look at?
    /// Whoever changed only one of them means that one.
    fn blames_second(&self, first: &OptionRecord, second: &OptionRecord) -> bool {
        self.setting(second).origin >= self.setting(first).origin
    }

    /// The option as the user knows it from where its value comes from.
    pub(super) fn name(&self, option: &OptionRecord) -> String {
        self.setting(option).origin.name_of(option)
    }

    /// `--ping-interval (30s, the default)`.
    fn describe(&self, option: &OptionRecord) -> String {
        let setting = self.setting(option);
        let name = setting.origin.name_of(option);
        let text = setting.first();
        let place = setting.texts.first().and_then(|text| text.place.as_ref());
        match (setting.origin, self.dialect(), place) {
            (Origin::Default, ..) => format!("{name} ({text}, the default)"),
            (Origin::Dialect, Some(dialect), _) => {
                format!("{name} ({text}, the default of {dialect})")
            }
            (_, _, Some(place)) => format!("{name} ({text}, {place})"),
            (_, _, None) => format!("{name} ({text})"),
        }
    }
}
