//! Reads reports from files.

use std::fs;

use serde_json::Value;

use super::run::Run;
use crate::failure::Failure;
use crate::report::SCHEMA;

/// Reads the reports of all files, each `FILE` or `LABEL=FILE`; of these the ones whose name has `only` in it.
///
/// # Errors
///
/// When a file cannot be read or is no report, with its name, or when none is left.
pub(super) fn read_all(names: &[String], only: Option<&str>) -> Result<Vec<Run>, Failure> {
    let mut runs = Vec::new();
    for name in names {
        read_file(name, &mut runs).map_err(Failure::Usage)?;
    }
    if let Some(only) = only {
        let all: Vec<String> = runs.iter().map(|run| run.label.clone()).collect();
        runs.retain(|run| run.label.contains(only));
        if runs.is_empty() {
            return Err(Failure::Usage(format!(
                "--only {only}: no run is called so; there are {}",
                all.join("; ")
            )));
        }
    }
    tell_apart(&mut runs);
    Ok(runs)
}

fn read_file(name: &str, runs: &mut Vec<Run>) -> Result<(), String> {
    let (label, path) = match name.split_once('=') {
        // A file may well have this in its name.
        Some((label, path)) if !fs::exists(name).unwrap_or(false) => (Some(label), path),
        _ => (None, name),
    };
    let stem = std::path::Path::new(path).file_stem();
    let stem = stem.map_or_else(
        || path.to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    let label = label.map_or(stem, str::to_owned);
    let fix = "name a file that --json has written";
    let json = fs::read(path).map_err(|error| format!("cannot read {path}: {error}; {fix}"))?;
    let complain = |why: String| format!("{path} cannot be drawn: {why}; {fix}");
    let value: Value = serde_json::from_slice(&json)
        .map_err(|error| complain(format!("it is no JSON ({error})")))?;
    // Several reports in one file lie where whoever wrote it found best, mostly under "runs" and a name.
    let before = runs.len();
    collect_reports(&value, "", &label, runs).map_err(complain)?;
    if runs.len() > before {
        return Ok(());
    }
    let why = match value["runs"].is_array() {
        true => "there is no report in it".to_owned(),
        false => Run::check(label, value).err().unwrap_or_default(),
    };
    Err(complain(why))
}

/// Finds the reports inside of something else; each is called by the names around it, or else as its file.
fn collect_reports(
    value: &Value,
    around: &str,
    file: &str,
    runs: &mut Vec<Run>,
) -> Result<(), String> {
    let own = ["label", "name", "server"];
    let own = own.into_iter().find_map(|field| value[field].as_str());
    let name = match (around, own) {
        ("", Some(own)) => own.to_owned(),
        (around, Some(own)) => format!("{around}, {own}"),
        (around, None) => around.to_owned(),
    };
    if value["schema"] == SCHEMA {
        let label = if name.is_empty() { file } else { &name };
        let run = Run::check(label.to_owned(), value.clone());
        runs.push(run.map_err(|why| format!("{label}: {why}"))?);
        return Ok(());
    }
    let fields = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(_, field)| field);
    let items = value.as_array().into_iter().flatten();
    for inside in fields.chain(items) {
        collect_reports(inside, &name, file, runs)?;
    }
    Ok(())
}

/// Numbers those that are called the same.
fn tell_apart(runs: &mut [Run]) {
    for at in 1..runs.len() {
        let label = runs[at].label.clone();
        let mut number = 1;
        while runs[..at]
            .iter()
            .any(|before| before.label == runs[at].label)
        {
            number += 1;
            runs[at].label = format!("{label} ({number})");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::json;

    use super::*;
    use crate::page::tests::run;

    /// A file that is gone after its test.
    struct File(PathBuf);

    impl File {
        fn with(text: &str, name: &str) -> Self {
            let name = format!("shardcast-report-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::write(&path, text).expect("a place for temporary files");
            Self(path)
        }

        fn name(&self) -> String {
            self.0.to_string_lossy().into_owned()
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            let _gone = fs::remove_file(&self.0);
        }
    }

    fn labels(names: &[String]) -> Vec<String> {
        let runs = read_all(names, None).expect("reports");
        runs.into_iter().map(|run| run.label).collect()
    }

    #[test]
    fn reports_are_named_after_their_files_or_as_one_likes() {
        let file = File::with(&run("", &[]).report.to_string(), "one.v2.json");
        let stem = format!("shardcast-report-{}-one.v2", std::process::id());
        let names = [file.name(), format!("mine={}", file.name()), file.name()];
        assert_eq!(
            labels(&names),
            [stem.clone(), "mine".into(), format!("{stem} (2)")]
        );
    }

    #[test]
    fn file_with_an_equals_sign_in_its_name_is_found() {
        let file = File::with(&run("", &[]).report.to_string(), "a=b.json");
        assert!(labels(&[file.name()])[0].ends_with("a=b"));
        assert_eq!(labels(&[format!("c={}", file.name())]), ["c"]);
    }

    #[test]
    fn file_of_several_runs_has_each_of_its_reports() {
        let report = run("", &[]).report;
        let runs = json!({
            "schema": "shardcast-loadtest-other/1",
            "runs": [report, {"name": "b", "reports": [report, report]}, {"name": "none", "reports": []}],
        });
        let file = File::with(&runs.to_string(), "runs.json");
        let named = format!("all={}", file.name());
        assert_eq!(labels(std::slice::from_ref(&named)), ["all", "b", "b (2)"]);
        let of_b = read_all(std::slice::from_ref(&named), Some("b")).expect("two of them");
        assert!(of_b.iter().all(|run| run.kind == "b") && of_b.len() == 2);
        let none = read_all(&[named], Some("c")).expect_err("there is none");
        assert!(none.to_string().ends_with("there are all; b; b"), "{none}");
    }

    #[test]
    fn wrong_files_are_named_with_what_is_wrong() {
        let whole = run("", &[]).report;
        let mut cut = whole.clone();
        cut["counts"] = Value::Null;
        let mut later = whole.clone();
        later["schema"] = json!("shardcast-loadtest/2");
        for (at, (text, wrong)) in [
            ("{\"schema\": ", "no JSON"),
            ("[]", "no \"schema\""),
            ("{\"runs\": []}", "no report"),
            (&*later.to_string(), "shardcast-loadtest/2"),
            (&*cut.to_string(), "\"counts\""),
            (&*json!({"runs": [whole, cut]}).to_string(), "\"counts\""),
            ("[[[[[[1]]]]]]", "no \"schema\""),
            (&"[".repeat(100_000), "no JSON"),
        ]
        .into_iter()
        .enumerate()
        {
            let file = File::with(text, &format!("wrong-{at}.json"));
            let failure = read_all(&[file.name()], None)
                .expect_err("it is wrong")
                .to_string();
            for part in [&*file.name(), wrong, "--json"] {
                assert!(failure.contains(part), "{part:?} in {failure}");
            }
        }
        let failure = read_all(&["no such file".to_owned()], None).expect_err("it is not there");
        assert!(
            failure.to_string().contains("cannot read no such file"),
            "{failure}"
        );
    }
}
