//! Reads settings by their records, keeping every complaint on the way.

use std::net::SocketAddr;
use std::time::Duration;

use super::complaint::{Complaint, Fault};
use super::machine::Machine;
use super::option::{Kind, OptionRecord};
use super::settings::Settings;
use super::value::{self, Cpus};
use crate::dialect::DialectName;
use crate::engine::rules::{Pattern, PublishPattern};

/// One pass over the settings.
///
/// Every method answers `None` for a value that cannot be read and notes why. So one bad value does
/// not hide the next, and checks between two values are made only when both make sense.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    settings: &'a Settings,
    complaints: Vec<Complaint>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(settings: &'a Settings) -> Self {
        Self {
            settings,
            complaints: Vec::new(),
        }
    }

    /// Notes that the value at `index` of `option` is at fault.
    pub(super) fn complain(&mut self, option: &OptionRecord, index: usize, fault: Fault) {
        let setting = self.settings.get(option);
        self.complaints.push(Complaint {
            option: setting.origin.name_of(option),
            value: setting.texts.get(index).cloned().unwrap_or_default(),
            fault,
        });
    }

    pub(super) fn into_complaints(self) -> Vec<Complaint> {
        self.complaints
    }

    pub(super) fn address(&mut self, option: &OptionRecord) -> Option<SocketAddr> {
        self.one(option, value::address)
    }

    /// What the word means according to `meanings`.
    pub(super) fn choice<T: Copy>(
        &mut self,
        option: &OptionRecord,
        meanings: &[(&str, T)],
    ) -> Option<T> {
        self.one(option, |text| value::choice(text, meanings))
    }

    /// `Some(None)` is `auto`.
    pub(super) fn count(&mut self, option: &OptionRecord) -> Option<Option<usize>> {
        let Kind::Count { min, max, auto } = option.kind else {
            unreachable!("{} is no count", option.name)
        };
        self.one(option, |text| value::count(text, min, max, auto))
    }

    pub(super) fn size(&mut self, option: &OptionRecord) -> Option<usize> {
        let Kind::Size { min, max } = option.kind else {
            unreachable!("{} is no size", option.name)
        };
        self.one(option, |text| value::size(text, min, max))
    }

    pub(super) fn time(&mut self, option: &OptionRecord) -> Option<Duration> {
        let Kind::Time { min, max, zero } = option.kind else {
            unreachable!("{} is no time", option.name)
        };
        self.one(option, |text| value::time(text, min, max, zero))
    }

    pub(super) fn switch(&mut self, option: &OptionRecord) -> Option<bool> {
        self.one(option, value::switch)
    }

    pub(super) fn cpus(&mut self, option: &OptionRecord, machine: &Machine) -> Option<Cpus> {
        self.one(option, |text| value::cpus(text, machine))
    }

    pub(super) fn endpoints(
        &mut self,
        option: &OptionRecord,
    ) -> Vec<Option<(String, DialectName)>> {
        self.each(option, value::endpoint)
    }

    pub(super) fn publish_rules(&mut self, option: &OptionRecord) -> Vec<Option<PublishPattern>> {
        self.each(option, value::publish_rule)
    }

    pub(super) fn subscribe_rules(&mut self, option: &OptionRecord) -> Vec<Option<Pattern>> {
        self.each(option, value::subscribe_rule)
    }

    fn one<T>(
        &mut self,
        option: &OptionRecord,
        read: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        self.each(option, read).pop().flatten()
    }

    /// Reads all values; a value's place in the answer is its place among what was typed.
    fn each<T>(
        &mut self,
        option: &OptionRecord,
        read: impl Fn(&str) -> Result<T, Fault>,
    ) -> Vec<Option<T>> {
        let settings = self.settings;
        let texts = settings.get(option).texts.iter().enumerate();
        texts
            .map(|(index, text)| {
                read(text)
                    .map_err(|fault| self.complain(option, index, fault))
                    .ok()
            })
            .collect()
    }
}
