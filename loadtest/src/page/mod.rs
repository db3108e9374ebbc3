//! Reports as people like to look at them: pages and plots, drawn from the JSON alone, so that an old report can
//! be drawn as well as a new one.

mod charts;
mod command;
mod drawing;
mod facts;
mod figure;
mod files;
mod growth;
mod hover;
mod html;
mod markup;
mod plot;
mod run;
mod scale;
mod tables;

pub(crate) use self::command::{ReportArgs, carry_out};
use self::run::Run;

/// The page of one run, or of several side by side, from the JSON of each report.
pub(crate) fn of_reports(reports: &[String]) -> String {
    let label = |number: usize| match reports {
        [_] => "this run".to_owned(),
        _ => format!("run {number}"),
    };
    let runs: Vec<Run> = (1..)
        .zip(reports)
        .map(|(number, json)| {
            Run::new(&label(number), json).expect("a report that this version has written")
        })
        .collect();
    html::page(&runs, &[])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A report of two measured seconds, with some fields put in or changed.
    pub(super) fn run(label: &str, changed: &[(&str, Value)]) -> Run {
        let moment = |at_s: f64, p50_us: f64| {
            json!({
                "at_s": at_s, "connections": 10, "opened_per_s": 1.0, "publications_per_s": 100.0,
                "deliveries_per_s": 1000.0, "p50_us": p50_us, "p99_us": 2.0 * p50_us, "faults": 0,
            })
        };
        let mut report = json!({
            "schema": "shardcast-loadtest/1",
            "scenario": "fanout",
            "verdict": "good",
            "notes": [],
            "unix_time_s": 1_764_500_000,
            "command_line": ["shardcast-loadtest", "fanout"],
            "version": "0.1.0",
            "commit": "0123456789ab",
            "host": {"name": "there", "kernel": "6.18", "cpu_model": "fast", "cpus": 2},
            "settings": {
                "dialect": "strav", "pace": "closed", "window": 1, "connections": 11, "subscribers": 10, "topics": 1,
                "payload_bytes": 128, "warmup_s": 0.5,
            },
            "setup_s": 0.5, "window_at_s": 1.1, "window_s": 2.0,
            "counts": {"deliveries_per_s": 1000.0, "publications_per_s": 100.0},
            "latency_us": {
                "count": 20_000, "min": 10.0, "mean": 60.0, "p50": 50.0, "p90": 90.0, "p99": 100.0, "p999": 200.0,
                "p9999": 400.0, "max": 500.0,
            },
            "latency_curve": [[0.0, 10.0, 1], [50.0, 50.0, 10_000], [99.0, 100.0, 19_800], [100.0, 500.0, 20_000]],
            "server": {"core": {"ns_per_delivery": 4000.0}, "memory": {"bytes_per_connection": 621.0}},
            "faults": {"lost": 0, "samples": []},
            "ramp": {"steps": [{"rate": 100.0, "p50_us": 50.0, "p99_us": 100.0, "held": true}]},
            "moments": [moment(1.0, 0.0), moment(2.0, 50.0), moment(3.0, 60.0)],
        });
        for (pointer, value) in changed {
            let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
            let parent = report.pointer_mut(parent).expect("it is there");
            parent[field] = value.clone();
        }
        Run::new(label, &report.to_string()).expect("a whole report")
    }

    /// A report of a version that knew neither the curve nor when the window began.
    pub(super) fn earlier_report() -> Run {
        let gone = [
            ("/latency_curve", Value::Null),
            ("/window_at_s", Value::Null),
        ];
        run("earlier", &gone)
    }

    /// Pointers to all that is in a value.
    fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
        let fields = value.as_object().into_iter().flatten();
        let fields = fields.map(|(name, inside)| (name.clone(), inside));
        let items = value.as_array().into_iter().flatten().enumerate();
        let items = items.map(|(index, inside)| (index.to_string(), inside));
        for (name, inside) in fields.chain(items) {
            let pointer = format!("{at}/{name}");
            found.push(pointer.clone());
            pointers(inside, &pointer, found);
        }
    }

    #[test]
    fn whatever_is_in_a_report_the_page_is_well_formed() {
        let whole = run("a", &[]);
        let mut all = Vec::new();
        pointers(&whole.report, "", &mut all);
        assert!(all.len() > 80, "{all:?}");
        let odd = [
            Value::Null,
            json!("</style><script>\u{0}\u{202e}&lt;\"'"),
            json!(-1),
            json!(1e300),
            json!([[1, "<"]]),
        ];
        for pointer in &all {
            for value in &odd {
                let mut report = whole.report.clone();
                *report.pointer_mut(pointer).expect("it is there") = value.clone();
                // Some of it is no report any more.
                let Ok(odd) = Run::check("<&>".to_owned(), report) else {
                    continue;
                };
                for runs in [vec![odd.clone()], vec![whole.clone(), odd]] {
                    let page = html::page(&runs, &[]);
                    let options = roxmltree::ParsingOptions {
                        allow_dtd: true,
                        ..Default::default()
                    };
                    let parsed = roxmltree::Document::parse_with_options(&page, options);
                    let document =
                        parsed.unwrap_or_else(|error| panic!("{pointer} {value}: {error}"));
                    let scripts = document
                        .descendants()
                        .filter(|node| node.has_tag_name("script"));
                    assert_eq!(scripts.count(), 0, "{pointer} {value}");
                }
            }
        }
    }
}
