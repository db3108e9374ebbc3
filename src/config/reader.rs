//! Reads settings by their records, keeping every complaint on the way.

use std::net::SocketAddr;
use std::time::Duration;

use http::Uri;
use ipnet::IpNet;

use super::complaint::{Complaint, Fault};
use super::identity;
use super::machine::Machine;
use super::option::{Kind, OptionRecord};
use super::settings::{EndpointTable, Scope, Setting, Settings};
use super::value::{self, Cpus};
use crate::dialect::DialectName;
use crate::dialect::shared_websocket::Role;
use crate::engine::decider::Handling;
use crate::engine::origin::OriginPattern;
use crate::engine::rules::{Grant, Pattern, PublishPattern};
use crate::service::Secret;
use crate::service::identity::{TrustedKeys, UserClaim};

/// One pass over the settings.
///
/// Every method answers `None` for a value that cannot be read and notes why. So one bad value does
/// not hide the next, and checks between two values are made only when both make sense.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    settings: &'a Settings,
    /// The endpoint whose values are read; `None`: those of the whole server.
    scope: Option<Scope<'a>>,
    complaints: Vec<Complaint>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(settings: &'a Settings) -> Self {
        Self {
            settings,
            scope: None,
            complaints: settings.complaints.clone(),
        }
    }

    /// Reads what holds for one endpoint from now on, or for the whole server.
    pub(super) fn set_scope(&mut self, scope: Option<Scope<'a>>) {
        self.scope = scope;
    }

    /// What is said about `option` in this scope.
    pub(super) fn setting(&self, option: &OptionRecord) -> Setting {
        match self.scope {
            Some(scope) => self.settings.get_for(option, scope),
            None => self.settings.get(option).clone(),
        }
    }

    /// What a file says about the endpoint at `index` of the list.
    pub(super) fn table(&self, index: usize) -> Option<&'a EndpointTable> {
        self.settings.tables.get(index)
    }

    /// Whose defaults hold in this scope.
    pub(super) fn dialect(&self) -> Option<DialectName> {
        self.scope.map(|scope| scope.dialect)
    }

    /// Notes that the value at `index` of `option` is at fault.
    pub(super) fn complain(&mut self, option: &OptionRecord, index: usize, fault: Fault) {
        let setting = self.setting(option);
        let typed = setting.texts.get(index);
        let value = typed.map(|typed| typed.text.clone()).unwrap_or_default();
        self.add(Complaint {
            place: typed.and_then(|typed| typed.place.clone()),
            option: setting.origin.name_of(option),
            value: (!option.is_secret()).then_some(value),
            fault,
        });
    }

    /// Adds a complaint, unless another endpoint that shares the value has caused it already.
    pub(super) fn add(&mut self, complaint: Complaint) {
        if !self.complaints.contains(&complaint) {
            self.complaints.push(complaint);
        }
    }

    pub(super) fn into_complaints(self) -> Vec<Complaint> {
        self.complaints
    }

    /// The names in a list; none when it is empty.
    pub(super) fn names(&mut self, option: &OptionRecord) -> Option<Vec<String>> {
        let names = self.optional(option, value::names)?;
        Some(names.unwrap_or_default())
    }

    pub(super) fn text(&mut self, option: &OptionRecord) -> Option<String> {
        self.one(option, value::text)
    }

    pub(super) fn address(&mut self, option: &OptionRecord) -> Option<SocketAddr> {
        self.one(option, value::address)
    }

    /// `Some(None)` is `none`.
    pub(super) fn address_or_none(&mut self, option: &OptionRecord) -> Option<Option<SocketAddr>> {
        self.one(option, value::address_or_none)
    }

    /// What the word means according to `meanings`.
    pub(super) fn choice<T: Copy>(
        &mut self,
        option: &OptionRecord,
        meanings: &[(&str, T)],
    ) -> Option<T> {
        self.one(option, |text| value::choice(text, meanings))
    }

    /// What each of the words means.
    pub(super) fn choices<T: Copy>(
        &mut self,
        option: &OptionRecord,
        meanings: &[(&str, T)],
    ) -> Vec<Option<T>> {
        self.each(option, |text| value::choice(text, meanings))
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

    pub(super) fn networks(&mut self, option: &OptionRecord) -> Vec<Option<IpNet>> {
        self.each(option, value::network)
    }

    pub(super) fn header_name(&mut self, option: &OptionRecord) -> Option<String> {
        self.one(option, value::header_name)
    }

    pub(super) fn header_names(&mut self, option: &OptionRecord) -> Vec<Option<String>> {
        self.each(option, value::header_name)
    }

    /// `Some(None)`: there is none.
    pub(super) fn url(&mut self, option: &OptionRecord) -> Option<Option<Uri>> {
        self.optional(option, value::url)
    }

    pub(super) fn origins(&mut self, option: &OptionRecord) -> Vec<Option<OriginPattern>> {
        self.each(option, value::origin)
    }

    pub(super) fn host_names(&mut self, option: &OptionRecord) -> Vec<Option<String>> {
        self.each(option, value::host_name)
    }

    /// The secret in a file; `Some(None)`: no file is named.
    pub(super) fn token_file(
        &mut self,
        option: &OptionRecord,
        what: &str,
    ) -> Option<Option<Secret>> {
        self.optional(option, |path| value::token_file(path, what))
    }

    /// What is in each of these files.
    pub(super) fn files(&mut self, option: &OptionRecord) -> Vec<Option<Vec<u8>>> {
        self.each(option, value::file)
    }

    /// The same for one that need not be there; `Some(None)`: it is not.
    pub(super) fn file(&mut self, option: &OptionRecord) -> Option<Option<Vec<u8>>> {
        self.optional(option, value::file)
    }

    /// `Some(None)`: there is none.
    pub(super) fn secret(&mut self, option: &OptionRecord) -> Option<Option<Secret>> {
        self.optional(option, value::token)
    }

    pub(super) fn jwt_keys(&mut self, option: &OptionRecord) -> Vec<Option<TrustedKeys>> {
        self.each(option, identity::jwt_key)
    }

    pub(super) fn user_claim(&mut self, option: &OptionRecord) -> Option<UserClaim> {
        self.one(option, identity::user_claim)
    }

    /// `Some(None)`: there is none.
    pub(super) fn parameter_name(&mut self, option: &OptionRecord) -> Option<Option<String>> {
        self.optional(option, identity::parameter_name)
    }

    /// `Some(None)`: there is none.
    pub(super) fn cookie_name(&mut self, option: &OptionRecord) -> Option<Option<String>> {
        self.optional(option, identity::cookie_name)
    }

    pub(super) fn publish_rules(
        &mut self,
        option: &OptionRecord,
    ) -> Vec<Option<(PublishPattern, Grant)>> {
        self.each(option, value::publish_rule)
    }

    pub(super) fn message_rules(
        &mut self,
        option: &OptionRecord,
    ) -> Vec<Option<(Pattern, Handling)>> {
        self.each(option, value::message_rule)
    }

    pub(super) fn subscribe_rules(
        &mut self,
        option: &OptionRecord,
    ) -> Vec<Option<(Pattern, Grant)>> {
        self.each(option, value::subscribe_rule)
    }

    /// `Some(None)` is `none`.
    pub(super) fn json_or_none(&mut self, option: &OptionRecord) -> Option<Option<String>> {
        self.one(option, value::json_or_none)
    }

    pub(super) fn role_names(&mut self, option: &OptionRecord) -> Vec<Option<(Role, String)>> {
        self.each(option, value::role_name)
    }

    /// `Some(None)`: nothing was said, or an empty text, which is how files and documents say that.
    fn optional<T>(
        &mut self,
        option: &OptionRecord,
        read: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<Option<T>> {
        if self.setting(option).first().is_empty() {
            return Some(None);
        }
        self.one(option, read).map(Some)
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
        let texts = self.setting(option).texts.into_iter().enumerate();
        texts
            .map(|(index, typed)| {
                read(&typed.text)
                    .map_err(|fault| self.complain(option, index, fault))
                    .ok()
            })
            .collect()
    }
}
