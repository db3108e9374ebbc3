//! What is compared: the rows of a plan, as its file has them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::args;
use crate::failure::Failure;
use crate::peers::{Catalogue, Extras, Peer};
use crate::runner::{Against, Asked, Runner};
use crate::written::Written;

/// The rows of PERF.md.
pub(crate) const BUILT_IN: (&str, &str) = (
    "loadtest/plans/perf.toml",
    include_str!("../../plans/perf.toml"),
);

/// The subject without the extras of the row.
pub(crate) const PLAIN: &str = "plain";

/// A plan.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// Whose figures are divided by those of the others.
    pub(crate) subject: Spanned<String>,
    /// Runs of each server in each row.
    #[serde(default = "five")]
    pub(crate) rounds: u32,
    /// The measured time of each.
    #[serde(default = "twenty_seconds", deserialize_with = "time::deserialize")]
    pub(crate) duration: Duration,
    /// Figures that rows can be about, by name.
    figure: BTreeMap<String, Figure>,
    /// In the order in which they are measured.
    #[serde(rename = "row")]
    pub(crate) rows: Vec<Row>,
}

/// A number of a report.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Figure {
    /// What it is, as the head of its column.
    pub(crate) title: String,
    /// Where a report has it: a JSON pointer.
    pub(crate) at: String,
    /// Its unit, as it stands behind it.
    pub(crate) unit: String,
    /// Which of two is better.
    pub(crate) better: Better,
    /// What is counted by the second.
    #[serde(default = "deliveries")]
    pub(crate) per_second: String,
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
}

/// What all servers of a row are asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// As the table prints it.
    pub(crate) name: String,
    pub(crate) scenario: Spanned<String>,
    /// Of the scenario.
    #[serde(default = "no_flags")]
    pub(crate) flags: Spanned<Vec<String>>,
    /// What counts.
    figure: Spanned<String>,
    /// Instead of the plan's.
    pub(crate) subject: Option<Spanned<String>>,
    /// Who takes part beside the peers.
    #[serde(default)]
    pub(crate) with: Vec<Spanned<String>>,
    /// All compress.
    #[serde(default)]
    deflate: bool,
    /// All speak TLS.
    #[serde(default)]
    tls: bool,
    /// Instead of the plan's.
    pub(crate) rounds: Option<u32>,
    /// Instead of the plan's.
    #[serde(default, deserialize_with = "time::deserialize_some")]
    pub(crate) duration: Option<Duration>,
    /// An open loop, at a share of what was measured before.
    pub(crate) rate_of: Option<RateOf>,
}

/// A rate that a row takes from another one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateOf {
    /// The other row's name.
    pub(crate) row: Spanned<String>,
    /// Whose figure; if it takes no part there, the row is left out.
    pub(crate) peer: String,
    /// Publications a second: a JSON pointer.
    #[serde(default = "publications")]
    pub(crate) at: String,
    /// What part of it.
    pub(crate) share: Spanned<f64>,
}

impl Plan {
    /// Reads a plan, and sees whether each row could be measured.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] with the line of what is wrong, and what is known instead.
    pub(crate) fn read(
        written: &Written,
        catalogue: &Catalogue,
        runner: &Runner,
    ) -> Result<Self, Failure> {
        let plan: Self = written.parse()?;
        let known = |key: &Spanned<String>, besides: &[&str]| {
            let wrong = |why| written.complaint(key.span(), why);
            match besides.contains(&key.get_ref().as_str()) {
                true => Ok(()),
                false => catalogue.find(key.get_ref()).map(drop).map_err(wrong),
            }
        };
        known(&plan.subject, &[])?;
        for (index, row) in plan.rows.iter().enumerate() {
            row.subject.iter().try_for_each(|key| known(key, &[]))?;
            row.with.iter().try_for_each(|key| known(key, &[PLAIN]))?;
            if !plan.figure.contains_key(row.figure.get_ref()) {
                let figures: Vec<&str> = plan.figure.keys().map(String::as_str).collect();
                return Err(written.complaint(
                    row.figure.span(),
                    format!("no figure of this name; there are {}", figures.join(", ")),
                ));
            }
            if let Some(rate_of) = &row.rate_of {
                let earlier = &plan.rows[..index];
                if !earlier
                    .iter()
                    .any(|other| other.name == *rate_of.row.get_ref())
                {
                    let why = "no row before this one has this name";
                    return Err(written.complaint(rate_of.row.span(), why));
                }
                if !(0.0..=10.0).contains(rate_of.share.get_ref()) {
                    let why = "a share such as 0.6 is wanted";
                    return Err(written.complaint(rate_of.share.span(), why));
                }
            }
            let subject = catalogue.find(row.subject(&plan)).map_err(Failure::Usage)?;
            if !subject.can(row.scenario.get_ref(), row.extras()) {
                let why = format!("{} cannot be asked this: see its description", subject.name);
                return Err(written.complaint(row.scenario.span(), why));
            }
            let rate = row.rate_of.as_ref().map(|_| 1.0);
            let asked = row.asked(&subject, Duration::from_secs(1), rate);
            args::known_scenario(row.scenario.get_ref())
                .map_err(|why| written.complaint(row.scenario.span(), why))?;
            runner
                .check(&asked)
                .map_err(|why| written.complaint(row.flags.span(), why))?;
        }
        Ok(plan)
    }

    /// What counts in a row.
    pub(crate) fn figure(&self, row: &Row) -> &Figure {
        &self.figure[row.figure.get_ref()]
    }

    /// The rows whose name has one of `texts` in it, and those that they take a rate from; all without a text.
    pub(crate) fn chosen(&self, texts: &[String]) -> Vec<&Row> {
        let mut chosen: Vec<&Row> = Vec::new();
        // Backwards, because a row takes its rate from an earlier one.
        for row in self.rows.iter().rev() {
            let is_named = texts.is_empty() || texts.iter().any(|text| row.name.contains(text));
            let is_needed = chosen.iter().any(|other| {
                let rate_of = other.rate_of.as_ref();
                rate_of.is_some_and(|rate_of| *rate_of.row.get_ref() == row.name)
            });
            if is_named || is_needed {
                chosen.push(row);
            }
        }
        chosen.reverse();
        chosen
    }
}

impl Row {
    /// Whose figure is divided by those of the others.
    pub(crate) fn subject<'a>(&'a self, plan: &'a Plan) -> &'a str {
        self.subject.as_ref().unwrap_or(&plan.subject).get_ref()
    }

    /// What is wanted of the servers.
    pub(crate) fn extras(&self) -> Extras {
        Extras {
            deflate: self.deflate,
            tls: self.tls,
        }
    }

    /// A run of it against a server that is started for it.
    pub(crate) fn asked<'a>(
        &'a self,
        server: &'a Peer,
        duration: Duration,
        rate: Option<f64>,
    ) -> Asked<'a> {
        let mut flags = self.flags.get_ref().clone();
        if args::takes_duration(self.scenario.get_ref()) {
            let duration = humantime::format_duration(duration);
            flags.extend(["--duration".to_owned(), duration.to_string()]);
        }
        if let Some(rate) = rate {
            flags.extend(["--rate".to_owned(), format!("{rate:.1}")]);
        }
        Asked {
            scenario: self.scenario.get_ref(),
            flags,
            against: Against::Started(server),
            extras: self.extras(),
        }
    }
}

fn five() -> u32 {
    5
}

fn twenty_seconds() -> Duration {
    Duration::from_secs(20)
}

fn no_flags() -> Spanned<Vec<String>> {
    Spanned::new(0..0, Vec::new())
}

fn deliveries() -> String {
    "/counts/deliveries_per_s".to_owned()
}

fn publications() -> String {
    "/counts/publications_per_s".to_owned()
}

/// Durations as they are written on the command line.
mod time {
    use std::time::Duration;

    use serde::de::{Deserialize, Deserializer, Error};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_duration(&text)
            .map_err(|error| D::Error::custom(format!("{error}; a time is written \"20s\"")))
    }

    pub(super) fn deserialize_some<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        deserialize(from).map(Some)
    }
}
