//! Reports as they are drawn: read from JSON, whichever version of the harness wrote it.

use serde_json::Value;

use crate::report::SCHEMA;

/// Far above all that is measured, also in nanoseconds or bytes.
const NUMBER_MAX: f64 = 1e18;

/// A report with a name.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// What it is called among others.
    pub(super) label: String,
    /// What it was called before there were others of the same name: runs of one kind.
    pub(super) kind: String,
    /// The whole JSON.
    pub(super) report: Value,
}

impl Run {
    /// A report that was just made.
    pub(super) fn new(label: &str, json: &str) -> Result<Self, String> {
        let report = serde_json::from_str(json).map_err(|error| error.to_string())?;
        Self::check(label.to_owned(), report)
    }

    /// A report, if it is one.
    ///
    /// # Errors
    ///
    /// Words that say what it lacks.
    pub(super) fn check(label: String, report: Value) -> Result<Self, String> {
        match report["schema"].as_str() {
            Some(SCHEMA) => {}
            Some(other) => {
                return Err(format!(
                    "it has the schema {other:?}, and this version draws {SCHEMA:?}"
                ));
            }
            None => {
                return Err(format!(
                    "it has no \"schema\", which is {SCHEMA:?} in a report"
                ));
            }
        }
        for part in ["counts", "latency_us", "settings", "server"] {
            if !report[part].is_object() {
                return Err(format!("it has no {part:?}, so it is not a whole report"));
            }
        }
        Ok(Self {
            kind: label.clone(),
            label,
            report,
        })
    }

    /// A number; `None` if it was not measured, or this version did not know it yet.
    pub(super) fn number(&self, pointer: &str) -> Option<f64> {
        reasonable(self.report.pointer(pointer)?)
    }

    /// A text; empty if there is none.
    pub(super) fn text(&self, pointer: &str) -> &str {
        let text = self.report.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default()
    }

    /// Whatever is there.
    pub(super) fn value(&self, pointer: &str) -> &Value {
        self.report.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The texts of a list, such as the notes.
    pub(super) fn texts(&self, pointer: &str) -> Vec<&str> {
        self.list(pointer)
            .iter()
            .filter_map(Value::as_str)
            .collect()
    }

    /// A list; empty if there is none.
    pub(super) fn list(&self, pointer: &str) -> &[Value] {
        self.value(pointer).as_array().map_or(&[], Vec::as_slice)
    }

    /// Two numbers of each moment, where both are there.
    pub(super) fn moments(&self, field: &str) -> Vec<(f64, f64)> {
        let moments = self.list("/moments").iter();
        moments
            .filter_map(|moment| Some((reasonable(&moment["at_s"])?, reasonable(&moment[field])?)))
            .collect()
    }

    /// Percentile, microseconds and count: the curve, or of an earlier report the few percentiles it has.
    pub(super) fn latencies(&self) -> Vec<(f64, f64, u64)> {
        if self.number("/latency_us/count").unwrap_or(0.0) == 0.0 {
            return Vec::new();
        }
        let point = |point: &Value| {
            Some((
                reasonable(&point[0])?,
                reasonable(&point[1])?,
                point[2].as_u64()?,
            ))
        };
        let curve: Vec<_> = self
            .list("/latency_curve")
            .iter()
            .filter_map(point)
            .collect();
        if !curve.is_empty() {
            return curve;
        }
        let count = self.number("/latency_us/count").unwrap_or(0.0);
        let read = [
            (0.0, "min"),
            (50.0, "p50"),
            (90.0, "p90"),
            (99.0, "p99"),
            (99.9, "p999"),
            (99.99, "p9999"),
            (100.0, "max"),
        ];
        read.into_iter()
            .filter_map(|(percentile, field)| {
                let us = self.number(&format!("/latency_us/{field}"))?;
                Some((percentile, us, (count * percentile / 100.0) as u64))
            })
            .collect()
    }

    /// When the measured window began and ended, in seconds since the first connection.
    pub(super) fn window(&self) -> Option<(f64, f64)> {
        let planned = || Some(self.number("/setup_s")? + self.number("/settings/warmup_s")?);
        let from = self.number("/window_at_s").or_else(planned)?;
        Some((from, from + self.number("/window_s")?))
    }

    /// Numbers and texts below a pointer, each with its own; lists of them are one text.
    pub(super) fn leaves(&self, pointer: &str) -> Vec<(String, Value)> {
        let mut found = Vec::new();
        collect_leaves(pointer, self.value(pointer), &mut found);
        found
    }

    /// The names of the report's parts, in its order or by the alphabet.
    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        self.report
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| &**name)
    }
}

/// A number that an axis can hold: a report may have passed through other hands.
pub(super) fn reasonable(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.abs() <= NUMBER_MAX)
}

fn collect_leaves(pointer: &str, value: &Value, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                // As RFC 6901 asks for.
                let name = name.replace('~', "~0").replace('/', "~1");
                collect_leaves(&format!("{pointer}/{name}"), value, found);
            }
        }
        Value::Array(items) => {
            if items.iter().any(|item| item.is_object() || item.is_array()) || items.is_empty() {
                return;
            }
            let texts: Vec<String> = items.iter().map(plain).collect();
            found.push((pointer.to_owned(), Value::String(texts.join(" "))));
        }
        value => found.push((pointer.to_owned(), value.clone())),
    }
}

/// A text without its quotes; anything else as JSON has it.
pub(super) fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::page::tests::run;

    #[test]
    fn leaves_are_found_below_lists_of_words_but_not_of_objects() {
        let changed = [(
            "/ramp",
            json!({"steps": [{"rate": 1}], "a/b": {"c~": 2}, "cpus": [1, 2], "no": null}),
        )];
        let leaves = run("", &changed).leaves("/ramp");
        let expected = [("/ramp/a~1b/c~0", json!(2)), ("/ramp/cpus", json!("1 2"))];
        assert_eq!(
            leaves,
            expected.map(|(pointer, value)| (pointer.to_owned(), value))
        );
        assert_eq!(run("", &changed).number("/ramp/a~1b/c~0"), Some(2.0));
    }
}
