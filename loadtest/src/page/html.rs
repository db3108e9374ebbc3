//! One page for one run or for several side by side. It is whole in itself: no script, nothing from elsewhere.

use super::charts;
use super::drawing::{self, Frame};
use super::facts;
use super::figure::Figure;
use super::markup::Markup;
use super::plot::Plot;
use super::run::Run;
use super::tables;
use crate::unit::{grouped, things};

const STYLE: &str = include_str!("page.css");

/// Whatever is in a report, a browser loads nothing and runs nothing because of it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Cards in a row.
const CARDS: usize = 7;

/// Headline figures, of which those are shown that were measured.
const HEADLINES: [&str; 13] = [
    "/ramp/knee/deliveries_per_s",
    "/counts/deliveries_per_s",
    "/handshakes/per_s",
    "/server/core/ns_per_delivery",
    "/handshakes/core_ns_each",
    "/storm/all_s",
    "/latency_us/p50",
    "/latency_us/p99",
    "/latency_us/p999",
    "/latency_us/max",
    "/server/memory/bytes_per_connection",
    "/server/core/busy_share",
    "/server/memory/connected_bytes",
];

/// Draws the page; `growths` are plots that somebody asked for besides.
pub(super) fn page(runs: &[Run], growths: &[Plot]) -> String {
    let title = match runs {
        [run] => headline(run),
        runs => format!("{} runs side by side", runs.len()),
    };
    let mut page = Markup::new();
    page.raw("<!DOCTYPE html>\n");
    page.element(
        "html",
        &[("lang", &"en"), ("xmlns", &"http://www.w3.org/1999/xhtml")],
        |page| {
            page.element("head", &[], |head| {
                head.empty_element("meta", &[("charset", &"utf-8")]);
                head.empty_element(
                    "meta",
                    &[
                        ("http-equiv", &"Content-Security-Policy"),
                        ("content", &POLICY),
                    ],
                );
                let viewport = "width=device-width, initial-scale=1";
                head.empty_element("meta", &[("name", &"viewport"), ("content", &viewport)]);
                head.empty_element(
                    "meta",
                    &[("name", &"color-scheme"), ("content", &"light dark")],
                );
                head.text_element("title", &[], &title);
                head.element("style", &[], |head| {
                    head.raw(STYLE);
                    head.raw(drawing::STYLE);
                });
            });
            page.element("body", &[], |body| {
                body.element("header", &[], |body| header(body, &title, runs));
                body.element("main", &[], |body| {
                    summary(body, runs);
                    latency(body, runs);
                    ramp(body, runs);
                    over_time(body, runs);
                    growth(body, growths);
                    section(body, "What was run", |body| facts::write(body, runs));
                    everything(body, runs);
                });
                body.element("footer", &[], footer);
            });
        },
    );
    page.into_string() + "\n"
}

/// What was done, in a line.
fn headline(run: &Run) -> String {
    let number = |pointer| run.number(pointer).unwrap_or_default();
    let mut parts = Vec::new();
    match run.text("/settings/pace") {
        "closed" => parts.push(format!(
            "closed loop, window {}",
            grouped(number("/settings/window"))
        )),
        "open" if run.value("/ramp").is_object() => {
            parts.push("open loop, at rising rates".to_owned())
        }
        "open" => parts.push(format!(
            "open loop, {} publications/s",
            grouped(number("/settings/rate"))
        )),
        _ => parts.push(things(number("/settings/connections"), "connection")),
    }
    if run.text("/settings/pace") != "silent" {
        parts.push(things(number("/settings/subscribers"), "subscriber"));
        parts.push(things(number("/settings/topics"), "topic"));
        parts.push(things(number("/settings/payload_bytes"), "byte"));
    }
    format!("{}: {}", run.text("/scenario"), parts.join(", "))
}

fn header(body: &mut Markup, title: &str, runs: &[Run]) {
    body.text_element("p", &[("class", &"kind")], "Load test");
    body.text_element("h1", &[], title);
    if let [run] = runs {
        body.element("p", &[("class", &"when")], |line| {
            verdict(line, run);
            line.text(format!(
                " {}, on {}",
                facts::when(run),
                run.text("/host/name")
            ));
        });
    }
}

/// In words and with a sign of its own, not by colour alone.
fn verdict(line: &mut Markup, run: &Run) {
    let what = match run.text("/verdict") {
        "failed" => ": see the faults",
        "void" => ": the figures do not count",
        _ if run.value("/handshakes").is_object() => ": every connection was opened and closed",
        _ if run.text("/settings/pace") == "silent" => ": all connections stayed",
        _ => ": all deliveries right",
    };
    let class = match run.text("/verdict") {
        "good" => "verdict good",
        "failed" => "verdict failed",
        _ => "verdict void",
    };
    let text = tables::verdict(run) + what;
    line.text_element("span", &[("class", &class)], text);
}

fn summary(body: &mut Markup, runs: &[Run]) {
    section(body, "Figures", |body| {
        if let [run] = runs {
            cards(body, run);
        } else {
            tables::figures(body, runs);
        }
        for run in runs {
            remarks(body, run, runs.len() > 1);
        }
    });
}

fn cards(body: &mut Markup, run: &Run) {
    body.element("dl", &[("class", &"cards")], |list| {
        let measured = HEADLINES.into_iter().filter_map(|pointer| {
            let value = run.number(pointer).filter(|value| *value > 0.0);
            Some((pointer, value?))
        });
        for (pointer, value) in measured.take(CARDS) {
            let figure = Figure::at(pointer);
            list.element("div", &[], |card| {
                card.text_element("dt", &[], &figure.name);
                card.text_element("dd", &[], figure.unit.text(value));
            });
        }
    });
}

/// Notes and faults: what a reader must know before the figures.
fn remarks(body: &mut Markup, run: &Run, is_named: bool) {
    let notes = run.texts("/notes").into_iter().map(|text| ("note", text));
    let faults = run
        .texts("/faults/samples")
        .into_iter()
        .map(|text| ("fault", text));
    let remarks: Vec<_> = notes.chain(faults).collect();
    if remarks.is_empty() {
        return;
    }
    body.element("ul", &[("class", &"remarks")], |list| {
        for (kind, text) in remarks {
            list.element("li", &[("class", &kind)], |item| {
                let of = if is_named {
                    format!("{}, {kind}: ", run.label)
                } else {
                    format!("{kind}: ")
                };
                item.text_element("b", &[], of);
                item.text(text);
            });
        }
    });
}

fn latency(body: &mut Markup, runs: &[Run]) {
    let (Some(log), Some(linear)) = (charts::latency(runs, true), charts::latency(runs, false))
    else {
        return;
    };
    section(body, "Latency", |body| {
        body.text_element("p", &[], about_latency(runs));
        // The choice works without a script: the style sheet looks which one is checked.
        for (id, text) in [("log", "logarithmic"), ("linear", "linear")] {
            let mut attributes: Vec<(&str, &dyn std::fmt::Display)> =
                vec![("type", &"radio"), ("name", &"scale"), ("id", &id)];
            if id == "log" {
                attributes.push(("checked", &"checked"));
            }
            body.empty_element("input", &attributes);
            body.text_element("label", &[("for", &id)], text);
        }
        let (class, frame) = match runs {
            [_] => ("beside", Frame::Wide),
            _ => ("beside many", Frame::Whole),
        };
        body.element("div", &[("class", &class)], |body| {
            body.element("div", &[], |body| {
                figure(body, "of-log", &log, frame);
                figure(body, "of-linear", &linear, frame);
            });
            tables::percentiles(body, runs);
        });
    });
}

/// How the plot is read, and what the figures mean.
fn about_latency(runs: &[Run]) -> String {
    let axis =
        "Each nine more takes as much room as the one before, so that the slowest can be seen.";
    let paces: Vec<&str> = runs.iter().map(|run| run.text("/settings/pace")).collect();
    let closed = "In a closed loop, latencies are those of a server that always has work waiting.";
    let open = "In an open loop, latency counts from the planned instant, so a stall shows in all that it delayed.";
    let about = |pace, what| if paces.contains(&pace) { what } else { "" };
    [axis, about("closed", closed), about("open", open)].join(" ")
}

fn over_time(body: &mut Markup, runs: &[Run]) {
    let plots = [
        charts::throughput(runs),
        charts::latency_over_time(runs),
        charts::connections(runs),
        charts::memory(runs),
    ];
    let plots: Vec<Plot> = plots.into_iter().flatten().collect();
    if plots.is_empty() {
        return;
    }
    section(body, "Over time", |body| {
        body.element("div", &[("class", &"grid")], |body| {
            for plot in &plots {
                figure(body, "half", plot, Frame::Half);
            }
        });
        for run in runs {
            details(body, &format!("Numbers of {}", run.label), |body| {
                tables::moments(body, run)
            });
        }
    });
}

fn ramp(body: &mut Markup, runs: &[Run]) {
    let Some(plot) = charts::ramp(runs) else {
        return;
    };
    section(body, "Ramp", |body| {
        figure(body, "whole", &plot, Frame::Whole);
        for run in runs {
            details(body, &format!("Steps of {}", run.label), |body| {
                tables::objects(body, run, "/ramp/steps", "Steps in their order");
            });
        }
    });
}

fn growth(body: &mut Markup, growths: &[Plot]) {
    if growths.is_empty() {
        return;
    }
    section(body, "Growth", |body| {
        body.element("div", &[("class", &"grid")], |body| {
            for plot in growths {
                figure(body, "half", plot, Frame::Half);
            }
        });
    });
}

fn everything(body: &mut Markup, runs: &[Run]) {
    body.element("details", &[("class", &"all")], |body| {
        body.text_element("summary", &[], "Everything that is in the report");
        tables::all_fields(body, runs);
    });
}

fn footer(body: &mut Markup) {
    body.text(concat!(
        "Drawn by shardcast-loadtest ",
        env!("CARGO_PKG_VERSION"),
        ", commit ",
        env!("LOADTEST_COMMIT"),
        "."
    ));
}

/// What is shown to those who want it.
fn details(body: &mut Markup, title: &str, inside: impl FnOnce(&mut Markup)) {
    body.element("details", &[], |body| {
        body.text_element("summary", &[], title);
        body.element("div", &[("class", &"scroll")], inside);
    });
}

fn section(body: &mut Markup, title: &str, inside: impl FnOnce(&mut Markup)) {
    body.element("section", &[], |body| {
        body.text_element("h2", &[], title);
        inside(body);
    });
}

/// A plot twice: as large as there is room, and for phones, where the letters of the other would be too small.
fn figure(body: &mut Markup, class: &str, plot: &Plot, frame: Frame) {
    body.element("figure", &[("class", &class)], |body| {
        body.text_element("figcaption", &[], &plot.title);
        body.raw(&drawing::draw(plot, frame));
        body.raw(&drawing::draw(plot, Frame::Narrow));
    });
}
