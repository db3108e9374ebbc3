//! Goal: pages and plots say what the report says, whatever names and words are in it, and wrong files are told.
//! Method: runs against a planted server, and `report` over what they have written; all of it is parsed as XML.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use roxmltree::{Document, Node, ParsingOptions};

use crate::harness::{Run, run_with_page};
use crate::planted::{Plant, Planted};

/// A name that is markup, a quote and a shell's word at once.
const HOSTILE: &str = "<img src=x onerror=alert(1)>&amp;\"'\u{202e}]]>";

/// A folder that is gone after its test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static FOLDERS: AtomicU32 = AtomicU32::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("pages-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("a folder of our own");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// A run with several moments, its page, and its report in a file.
pub(crate) fn run_with_files(folder: &Folder, page: &str) -> (Run, String) {
    let server = Planted::start(Plant::Nothing);
    let args = format!(
        "fanout {} --subscribers 3 --rate 200 --duration 2s",
        server.url()
    );
    let page = folder.path(page);
    let run = run_with_page(&args, &page);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    fs::write(folder.path("run.json"), run.report.to_string()).expect("a file");
    let page = fs::read_to_string(page).expect("the page");
    (run, page)
}

/// Runs `report`.
pub(crate) fn report(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shardcast-loadtest"))
        .arg("report")
        .args(args)
        .output()
        .expect("the harness runs")
}

fn parse(markup: &str) -> Document<'_> {
    let options = ParsingOptions {
        // That of HTML, which declares nothing.
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(markup, options).expect("well-formed")
}

fn text_of(node: Node<'_, '_>) -> String {
    node.descendants()
        .filter(Node::is_text)
        .filter_map(|node| node.text())
        .collect()
}

fn elements<'a>(document: &'a Document<'_>, name: &str) -> Vec<Node<'a, 'a>> {
    let all = document.descendants();
    all.filter(|node| node.tag_name().name() == name).collect()
}

/// The value beside a name, in a list of figures.
fn figure(document: &Document<'_>, name: &str) -> String {
    let names = elements(document, "dt");
    let found = names.into_iter().find(|dt| text_of(*dt) == name);
    let found = found.unwrap_or_else(|| panic!("the page has no {name}"));
    text_of(found.next_sibling_element().expect("a value"))
}

/// Nothing of a text has become markup, and nothing is loaded or run.
fn is_harmless(document: &Document<'_>) {
    for name in [
        "script", "img", "iframe", "object", "a", "link", "use", "image",
    ] {
        assert!(elements(document, name).is_empty(), "<{name}>");
    }
    for node in document.descendants() {
        for attribute in node.attributes() {
            let name = attribute.name();
            assert!(
                !name.starts_with("on") && name != "href" && name != "src",
                "{name}"
            );
        }
    }
}

#[test]
fn page_of_a_run_says_what_its_report_says() {
    let folder = Folder::new();
    let (run, page) = run_with_files(&folder, &format!("{}.html", HOSTILE.replace('/', "")));
    let document = parse(&page);
    is_harmless(&document);

    let rate = run.report["counts"]["deliveries_per_s"]
        .as_f64()
        .expect("a number");
    assert_eq!(figure(&document, "deliveries"), format!("{rate:.0}/s"));
    let p99_us = run.report["latency_us"]["p99"].as_f64().expect("a number");
    let shown = figure(&document, "latency, p99");
    let (number, unit) = shown.split_once(' ').expect("a number and a unit");
    let in_us = match unit {
        "µs" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        unit => panic!("{unit}"),
    };
    let shown_us = number.replace(',', "").parse::<f64>().expect("a number") * in_us;
    assert!(
        (shown_us / p99_us - 1.0).abs() < 0.006,
        "{shown} of {p99_us} us"
    );
    assert_eq!(figure(&document, "dialect"), "strav");

    let verdict = elements(&document, "span").into_iter().map(text_of);
    assert!(
        verdict
            .into_iter()
            .any(|text| text == "✓ good: all deliveries right")
    );
    // The command line has the hostile name, as a shell takes it; what turns the text around is not shown.
    let command = figure(&document, "command");
    assert!(
        command.contains("<img src=x onerror=alert(1)>&amp;\"'\\''\u{fffd}]]>.html"),
        "{command}"
    );

    let plots = elements(&document, "svg");
    let about = |what: &str| {
        let labels = plots.iter().filter_map(|plot| plot.attribute("aria-label"));
        labels.filter(|label| label.starts_with(what)).count()
    };
    // For large screens and for small ones; of latency with either axis.
    assert_eq!(
        about("Latency by percentile: latency over percent of deliveries"),
        4
    );
    for what in ["Throughput:", "Latency over time:", "Connections:"] {
        assert_eq!(about(what), 2, "{what}");
    }
    for plot in plots {
        let lines = plot.descendants().filter(|node| {
            let class = node.attribute("class").unwrap_or_default();
            class.starts_with("line ") && node.attribute("d").is_some_and(|d| d.contains('L'))
        });
        assert!(
            lines.count() > 0,
            "{:?} has a line",
            plot.attribute("aria-label")
        );
    }
}

#[test]
fn curve_of_latencies_is_in_the_json() {
    let folder = Folder::new();
    let (run, _page) = run_with_files(&folder, "page.html");
    let curve = run.report["latency_curve"].as_array().expect("a list");
    assert!((15..1_000).contains(&curve.len()), "{}", curve.len());
    let last = curve.last().expect("a point");
    assert_eq!(last[0], 100.0);
    assert_eq!(last[1], run.report["latency_us"]["max"]);
    assert_eq!(last[2], run.report["latency_us"]["count"]);
    let at_99 = curve
        .iter()
        .find(|point| point[0] == 99.0)
        .expect("a point");
    assert_eq!(at_99[1], run.report["latency_us"]["p99"]);
    let window_at_s = run.report["window_at_s"].as_f64().expect("a number");
    assert!(window_at_s >= run.report["setup_s"].as_f64().expect("a number"));
}

#[test]
fn reports_are_drawn_side_by_side_and_as_files() {
    let folder = Folder::new();
    let (run, _page) = run_with_files(&folder, "page.html");
    let json = folder.path("run.json");
    let json = json.to_str().expect("text");
    let mut earlier = run.report.clone();
    // As before these fields were there.
    let fields = earlier.as_object_mut().expect("an object");
    fields.remove("latency_curve");
    fields.remove("window_at_s");
    fields["settings"]["subscribers"] = 30.into();
    let both = serde_json::json!({"runs": [{"name": "earlier", "reports": [earlier]}]});
    let earlier = folder.path("earlier.json");
    fs::write(&earlier, both.to_string()).expect("a file");

    let (page, svg) = (folder.path("both.html"), folder.path("plots"));
    // A name ends at the first such sign.
    let hostile = format!("{}={json}", HOSTILE.replace('=', ""));
    let done = report(&[
        &format!("now={json}"),
        earlier.to_str().expect("text"),
        &hostile,
        "--html",
        page.to_str().expect("text"),
        "--svg",
        svg.to_str().expect("text"),
        "--growth",
        "/latency_us/p50:/settings/subscribers:/settings/dialect",
    ]);
    assert!(done.status.success(), "{done:?}");

    let page = fs::read_to_string(page).expect("the page");
    let document = parse(&page);
    is_harmless(&document);
    let columns: Vec<String> = elements(&document, "th")
        .into_iter()
        .filter(|th| th.attribute("scope") == Some("col"))
        .map(text_of)
        .collect();
    assert_eq!(columns[..2], ["now", "earlier"]);
    assert!(
        columns[2].starts_with("<img srcx onerroralert(1)>&amp;\"'"),
        "{columns:?}"
    );
    let row = elements(&document, "tr").into_iter().find(|tr| {
        let name = tr.first_element_child();
        name.is_some_and(|name| text_of(name) == "latency, p99")
    });
    let ratios: Vec<String> = row
        .expect("a row")
        .children()
        .filter(|td| td.attribute("class") == Some("ratio"))
        .map(text_of)
        .collect();
    assert_eq!(ratios, ["1.00 ×", "1.00 ×"]);

    for name in [
        "latency",
        "latency-linear",
        "throughput",
        "latency-over-time",
        "connections",
        "p50-over-subscribers",
    ] {
        let plot = fs::read_to_string(svg.join(format!("{name}.svg"))).expect(name);
        let document = parse(&plot);
        is_harmless(&document);
        let root = document.root_element();
        assert_eq!(root.tag_name().name(), "svg", "{name}");
        assert_eq!(
            root.tag_name().namespace(),
            Some("http://www.w3.org/2000/svg")
        );
        let texts = text_of(root);
        let legend = if name.contains("over-subscribers") {
            "strav"
        } else {
            "earlier"
        };
        assert!(texts.contains(legend), "{name}: {texts}");
    }
}

#[test]
fn wrong_files_and_missing_figures_are_told() {
    let folder = Folder::new();
    let text = folder.path("text.json");
    fs::write(&text, "no report").expect("a file");
    let text = text.to_str().expect("text");
    let page = folder.path("page.html");
    let page = page.to_str().expect("text");
    let (_run, _page) = run_with_files(&folder, "of-run.html");
    let run = folder.path("run.json");
    let run = run.to_str().expect("text");
    for (args, words) in [
        (
            &[text, "--html", page][..],
            &[text, "no JSON", "--json"][..],
        ),
        (
            &["gone.json", "--html", page],
            &["gone.json", "cannot read"],
        ),
        (&[run], &["--html", "--svg"]),
        (&["--html", page], &["FILE"]),
        (
            &[
                run,
                "--html",
                page,
                "--growth",
                "/server/core/ns_per_delivery:/settings/topics",
            ],
            &["/server/core/ns_per_delivery", "not measured"],
        ),
        (
            &[run, "--html", page, "--growth", "p99:topics"],
            &["JSON pointer", "/settings/subscribers"],
        ),
    ] {
        let done = report(args);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{args:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{word:?} in {said}");
        }
        assert!(!Path::new(page).exists(), "{args:?}");
    }
}
