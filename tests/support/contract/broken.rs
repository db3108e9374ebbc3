//! How a check fails.

/// A promise that was not kept.
#[derive(Debug, Clone)]
pub(crate) struct Broken {
    /// Which one: a clause of the delivery contract, or a word for what else must hold.
    pub(crate) rule: &'static str,
    /// What was seen.
    pub(crate) what: String,
}

/// The outcome of one check.
pub(crate) type Checked = Result<(), Broken>;

/// Says that `rule` was broken.
pub(crate) fn broken<T>(rule: &'static str, what: impl Into<String>) -> Result<T, Broken> {
    Err(Broken {
        rule,
        what: what.into(),
    })
}
