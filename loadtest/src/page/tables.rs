//! The numbers behind the plots, as tables.

use serde_json::Value;

use super::figure::Figure;
use super::markup::Markup;
use super::run::{Run, plain, reasonable};
use crate::unit::{Unit, grouped};

/// Rows of a table over time; of longer runs every so many seconds have one.
const MOMENTS_MAX: usize = 40;

/// Percentiles that people ask for.
const PERCENTILES: [(&str, f64); 11] = [
    ("min", 0.0),
    ("50 %", 50.0),
    ("75 %", 75.0),
    ("90 %", 90.0),
    ("95 %", 95.0),
    ("99 %", 99.0),
    ("99.5 %", 99.5),
    ("99.9 %", 99.9),
    ("99.99 %", 99.99),
    ("99.999 %", 99.999),
    ("max", 100.0),
];

/// Parts of a report that are told elsewhere on the page.
const TOLD_ELSEWHERE: [&str; 15] = [
    "schema",
    "scenario",
    "verdict",
    "notes",
    "interrupted",
    "unix_time_s",
    "command_line",
    "version",
    "commit",
    "host",
    "settings",
    "latency_curve",
    "moments",
    "label",
    "name",
];

/// A row of names and one text for each run.
struct Row {
    name: String,
    cells: Vec<Cell>,
}

/// A figure of one run, with how many times that of the first it is.
#[derive(Default)]
struct Cell {
    text: String,
    ratio: Option<f64>,
}

/// The figures that count, one column for each run, and ratios to the first.
pub(super) fn figures(page: &mut Markup, runs: &[Run]) {
    let mut rows = vec![Row {
        name: "verdict".to_owned(),
        cells: runs.iter().map(|run| cell(&verdict(run))).collect(),
    }];
    rows.extend(Figure::known().filter_map(|figure| figure_row(&figure, runs)));
    let faults = runs.iter().map(|run| {
        let counts = run.leaves("/faults");
        let sum: f64 = counts
            .iter()
            .filter_map(|(_, count)| reasonable(count))
            .sum();
        cell(&grouped(sum))
    });
    rows.push(Row {
        name: "faults".to_owned(),
        cells: faults.collect(),
    });
    table(
        page,
        "Figures, and how many times those of the first run",
        runs,
        &rows,
    );
}

/// The verdict with a sign of its own, so that it needs no colour.
pub(super) fn verdict(run: &Run) -> String {
    let sign = match run.text("/verdict") {
        "good" => '✓',
        "failed" => '✕',
        _ => '!',
    };
    format!("{sign} {}", run.text("/verdict"))
}

/// Everything else that is in the reports, under its own name.
pub(super) fn all_fields(page: &mut Markup, runs: &[Run]) {
    let mut pointers: Vec<String> = Vec::new();
    for run in runs {
        let parts = run.parts().filter(|part| !TOLD_ELSEWHERE.contains(part));
        for (pointer, _) in parts.flat_map(|part| run.leaves(&format!("/{part}"))) {
            if !pointers.contains(&pointer) {
                pointers.push(pointer);
            }
        }
    }
    let rows: Vec<Row> = pointers
        .iter()
        .filter_map(|pointer| field_row(pointer, runs))
        .collect();
    table(
        page,
        "Every field of the report, as the JSON calls it",
        runs,
        &rows,
    );
}

/// What was asked for; of several runs what differs comes first.
pub(super) fn settings(page: &mut Markup, runs: &[Run]) {
    let mut pointers: Vec<String> = Vec::new();
    for (pointer, _) in runs.iter().flat_map(|run| run.leaves("/settings")) {
        if !pointers.contains(&pointer) {
            pointers.push(pointer);
        }
    }
    let differs = |pointer: &String| {
        runs.iter()
            .any(|run| run.value(pointer) != runs[0].value(pointer))
    };
    pointers.sort_by_key(|pointer| !differs(pointer));
    let rows = pointers.iter().map(|pointer| Row {
        name: Figure::at(pointer).name,
        cells: runs
            .iter()
            .map(|run| cell(&setting(pointer, run.value(pointer))))
            .collect(),
    });
    table(page, "Settings", runs, &rows.collect::<Vec<_>>());
}

/// A setting with the unit that its field names.
pub(super) fn setting(pointer: &str, value: &Value) -> String {
    match (Figure::at(pointer).unit, reasonable(value)) {
        (Unit::Count, _) | (_, None) => shown(value),
        // They are round, unlike what is measured.
        (unit, Some(number)) => unit.tick(number),
    }
}

/// Latencies at the percentiles that people ask for.
pub(super) fn percentiles(page: &mut Markup, runs: &[Run]) {
    let curves: Vec<_> = runs.iter().map(Run::latencies).collect();
    let mut rows = Vec::new();
    for (name, percentile) in PERCENTILES {
        let read = |curve: &Vec<(f64, f64, u64)>| {
            let all = curve.last().map_or(0, |point| point.2) as f64;
            // Of so few there is none that rare.
            let is_told = percentile == 100.0 || all * (1.0 - percentile / 100.0) >= 1.0;
            let is_it = |point: &&(f64, f64, u64)| (point.0 - percentile).abs() < 1e-9;
            let point = curve.iter().find(is_it).filter(|_| is_told);
            point.map(|point| point.1)
        };
        let values: Vec<Option<f64>> = curves.iter().map(read).collect();
        rows.extend(row(name, &values, Unit::Micros));
    }
    table(page, "Latency", runs, &rows);
}

/// One run second by second, or every so many seconds.
pub(super) fn moments(page: &mut Markup, run: &Run) {
    let columns = [
        ("at", "at_s", Unit::Seconds),
        ("connections", "connections", Unit::Count),
        ("opened", "opened_per_s", Unit::PerSecond),
        ("publications", "publications_per_s", Unit::PerSecond),
        ("deliveries", "deliveries_per_s", Unit::PerSecond),
        ("p50", "p50_us", Unit::Micros),
        ("p99", "p99_us", Unit::Micros),
        ("memory", "server_rss_bytes", Unit::Bytes),
        ("faults", "faults", Unit::Count),
    ];
    let moments = run.list("/moments");
    let is_there = |field: &str| {
        moments
            .iter()
            .any(|moment| reasonable(&moment[field]).unwrap_or(0.0) > 0.0)
    };
    let columns: Vec<_> = columns
        .into_iter()
        .filter(|(_, field, _)| is_there(field))
        .collect();
    let each = moments.len().div_ceil(MOMENTS_MAX).max(1);
    page.element("table", &[], |table| {
        table.text_element("caption", &[], format!("Second by second: {}", run.label));
        table.element("thead", &[], |head| {
            head.element("tr", &[], |line| {
                for (name, _, _) in &columns {
                    line.text_element("th", &[("scope", &"col")], name);
                }
            });
        });
        table.element("tbody", &[], |body| {
            for moment in moments.iter().step_by(each) {
                body.element("tr", &[], |line| {
                    for (_, field, unit) in &columns {
                        let value = reasonable(&moment[*field]);
                        let text = match (*unit, value) {
                            (_, None) => "–".to_owned(),
                            (Unit::Micros, Some(0.0)) => "–".to_owned(),
                            (Unit::Seconds, Some(value)) => format!("{value} s"),
                            (unit, Some(value)) => unit.text(value),
                        };
                        line.text_element("td", &[], text);
                    }
                });
            }
        });
    });
}

/// A list of objects that have the same fields, such as the steps of a ramp.
pub(super) fn objects(page: &mut Markup, run: &Run, pointer: &str, caption: &str) {
    let items = run.list(pointer);
    let fields = items
        .first()
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let fields: Vec<&str> = fields.map(|(name, _)| &**name).collect();
    page.element("table", &[], |table| {
        table.text_element("caption", &[], caption);
        table.element("thead", &[], |head| {
            head.element("tr", &[], |line| {
                for field in &fields {
                    line.text_element("th", &[("scope", &"col")], Figure::at(field).name);
                }
            });
        });
        table.element("tbody", &[], |body| {
            for item in items {
                body.element("tr", &[], |line| {
                    for field in &fields {
                        let text = match (Figure::at(field).unit, reasonable(&item[*field])) {
                            (Unit::Count, _) | (_, None) => shown(&item[*field]),
                            (unit, Some(number)) => unit.text(number),
                        };
                        line.text_element("td", &[], text);
                    }
                });
            }
        });
    });
}

fn figure_row(figure: &Figure, runs: &[Run]) -> Option<Row> {
    let values: Vec<Option<f64>> = runs.iter().map(|run| run.number(&figure.pointer)).collect();
    // Latencies of no deliveries are written as zeros.
    let is_something = values.iter().flatten().any(|value| *value != 0.0);
    row(&figure.name, &values, figure.unit).filter(|_| is_something)
}

/// A row of numbers; `None` if no run has one.
fn row(name: &str, values: &[Option<f64>], unit: Unit) -> Option<Row> {
    values.iter().flatten().next()?;
    let first = values
        .first()
        .copied()
        .flatten()
        .filter(|first| *first > 0.0);
    let cells = values.iter().enumerate().map(|(at, value)| Cell {
        text: value.map_or_else(|| "–".to_owned(), |value| unit.text(value)),
        ratio: value
            .zip(first)
            .filter(|_| at > 0)
            .map(|(value, first)| value / first),
    });
    Some(Row {
        name: name.to_owned(),
        cells: cells.collect(),
    })
}

fn field_row(pointer: &str, runs: &[Run]) -> Option<Row> {
    let values: Vec<Option<f64>> = runs.iter().map(|run| run.number(pointer)).collect();
    let name = pointer.trim_start_matches('/').replace('/', ".");
    if values.iter().any(Option::is_some) {
        return row(&name, &values, Figure::at(pointer).unit);
    }
    let leaves = runs.iter().map(|run| run.leaves(pointer));
    let texts = leaves.map(|leaves| {
        cell(
            &leaves
                .first()
                .map_or_else(|| "–".to_owned(), |(_, value)| shown(value)),
        )
    });
    Some(Row {
        name,
        cells: texts.collect(),
    })
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number
            .as_f64()
            .map_or_else(|| number.to_string(), small_or_grouped),
        value => plain(value),
    }
}

/// Settings such as a share of 0.01 keep their digits.
fn small_or_grouped(value: f64) -> String {
    if value.abs() < 1.0 {
        value.to_string()
    } else {
        grouped(value)
    }
}

fn cell(text: &str) -> Cell {
    Cell {
        text: text.to_owned(),
        ratio: None,
    }
}

fn table(page: &mut Markup, caption: &str, runs: &[Run], rows: &[Row]) {
    let has_ratios = rows
        .iter()
        .flat_map(|row| &row.cells)
        .any(|cell| cell.ratio.is_some());
    let inside = |table: &mut Markup| {
        table.text_element("caption", &[], caption);
        if runs.len() > 1 {
            table.element("thead", &[], |head| {
                head.element("tr", &[], |line| {
                    line.text_element("td", &[], "");
                    for (at, run) in runs.iter().enumerate() {
                        line.text_element("th", &[("scope", &"col")], &run.label);
                        if has_ratios && at > 0 {
                            line.text_element("td", &[], "");
                        }
                    }
                });
            });
        }
        table.element("tbody", &[], |body| {
            for row in rows {
                body.element("tr", &[], |line| write_row(line, row, has_ratios));
            }
        });
    };
    // A wide one scrolls by itself, also by the keyboard, instead of the page.
    page.element(
        "div",
        &[
            ("class", &"scroll"),
            ("tabindex", &0),
            ("role", &"region"),
            ("aria-label", &caption),
        ],
        |page| page.element("table", &[], inside),
    );
}

fn write_row(line: &mut Markup, row: &Row, has_ratios: bool) {
    line.text_element("th", &[("scope", &"row")], &row.name);
    for (at, cell) in row.cells.iter().enumerate() {
        line.text_element("td", &[], &cell.text);
        if has_ratios && at > 0 {
            let ratio = cell.ratio.map_or_else(String::new, times);
            line.text_element("td", &[("class", &"ratio")], ratio);
        }
    }
}

/// A ratio with three digits that count.
fn times(ratio: f64) -> String {
    match ratio {
        ..9.995 => format!("{ratio:.2} ×"),
        ..99.95 => format!("{ratio:.1} ×"),
        _ => format!("{} ×", grouped(ratio)),
    }
}
