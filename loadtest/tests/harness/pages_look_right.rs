//! Goal: a page can be read in a browser, on a large screen and on a phone: nothing overlaps, nothing is cut off,
//! and the browser has nothing to complain about.
//! Method: headless Chromium opens the page from a file, and a script that is added to a copy of it measures.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::pages_are_drawn::{Folder, report, run_with_files};

/// What Chromium is called by those who package it.
const BROWSERS: [&str; 4] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
];

/// Writes what is wrong with the page's look into its title.
const MEASURE: &str = include_str!("measure.js");

/// What the browser made of a page of this width, and what it wrote on its console.
fn open(folder: &Folder, page: &Path, width: u32) -> (String, String) {
    let profile = folder.path("profile");
    let start = |name: &&str| {
        Command::new(name)
            .args(["--headless", "--disable-gpu", "--no-first-run"])
            // The sandbox does not work for root.
            .args([
                "--no-sandbox",
                "--hide-scrollbars",
                "--enable-logging=stderr",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("--window-size={width},1000"))
            .arg("--dump-dom")
            .arg(format!("file://{}", page.display()))
            .output()
            .ok()
    };
    let output = BROWSERS.iter().find_map(start);
    let output = output.expect("there is no Chromium: tests/run installs it");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (seen, said) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}");
    let console = said.lines().filter(|line| line.contains("CONSOLE"));
    (seen, console.collect::<Vec<_>>().join("\n"))
}

fn looks_right(folder: &Folder, page: &Path) {
    let text = fs::read_to_string(page).expect("the page");
    let (seen, console) = open(folder, page, 1_280);
    assert_eq!(console, "");
    assert_eq!(
        seen.matches("</svg>").count(),
        text.matches("</svg>").count()
    );

    let copy = folder.path("measured.html");
    let (head, rest) = text
        .split_once("<meta http-equiv")
        .expect("the page lets no script run");
    let (_policy, rest) = rest.split_once("/>").expect("its end");
    let measured = format!("{head}{rest}<script>{MEASURE}</script>");
    fs::write(&copy, measured).expect("a file");
    for width in [1_280, 768, 390] {
        let (seen, console) = open(folder, &copy, width);
        assert_eq!(console, "");
        let (_, title) = seen.split_once("<title>").expect("a title");
        let (title, _) = title.split_once("</title>").expect("its end");
        // It has looked at labels, and found nothing wrong.
        let count = title.strip_prefix("nothing wrong with ");
        let count = count.and_then(|rest| rest.strip_suffix(" labels"));
        let count: u32 = count
            .and_then(|count| count.parse().ok())
            .unwrap_or_else(|| panic!("{width}: {title}"));
        assert!(count > 40, "{width}: {count}");
    }
}

#[test]
fn page_of_a_run_can_be_read_on_any_screen() {
    let folder = Folder::new();
    let (_run, _page) = run_with_files(&folder, "page.html");
    looks_right(&folder, &folder.path("page.html"));
}

#[test]
fn page_of_several_runs_can_be_read_on_any_screen() {
    let folder = Folder::new();
    let (_run, _page) = run_with_files(&folder, "of-run.html");
    let run = folder.path("run.json");
    let run = run.to_str().expect("text");
    let page = folder.path("page.html");
    let named: Vec<String> = (0..9)
        .map(|number| format!("a run with a long name, which is number {number}={run}"))
        .collect();
    let mut args: Vec<&str> = named.iter().map(String::as_str).collect();
    args.extend(["--html", page.to_str().expect("text")]);
    args.extend(["--growth", "/latency_us/p99:/settings/subscribers"]);
    let done = report(&args);
    assert!(done.status.success(), "{done:?}");
    looks_right(&folder, &page);
}
