//! Goal: the map in ARCHITECTURE.md stays true. Method: read the sources as text and check that
//! imports point down the floors only and that unsafe code stays in its one folder; list files that
//! have grown long as advice.

use std::fs;
use std::path::{Path, PathBuf};

/// The floors, lowest first; one row may not import from its own row's other folders.
const FLOORS: [&[&str]; 7] = [
    &["base"],
    &["codec"],
    &["engine"],
    &["dialect", "runtime"],
    &["service"],
    &["config"],
    &["cli"],
];

const LINES_ADVISED: usize = 400;

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of this project") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                // What was fetched and built there for the peers of the load harness is theirs.
                if !["node_modules", "target"]
                    .iter()
                    .any(|theirs| path.ends_with(theirs))
                {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has sources");
    found
}

fn floor_of(folder: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&folder))
}

/// The folders of this crate that a source names: `crate::engine::...` gives `engine`.
fn crate_folders(source: &str) -> impl Iterator<Item = &str> {
    source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            &rest[..end.unwrap_or(rest.len())]
        })
}

/// Imports of `source` (a file of `folder`) that do not point down.
fn upward_imports(folder: &str, source: &str) -> Vec<String> {
    let floor = floor_of(folder).expect("a folder of the map");
    crate_folders(source)
        .filter(|import| *import != folder)
        .filter(|import| floor_of(import).is_some_and(|other| other >= floor))
        .map(str::to_owned)
        .collect()
}

#[test]
fn imports_point_down_the_floors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut complaints = Vec::new();
    for path in sources("src") {
        let inside = path.strip_prefix(&root).expect("below src");
        let folder = inside
            .components()
            .next()
            .and_then(|part| part.as_os_str().to_str())
            .expect("a name");
        if floor_of(folder).is_none() {
            assert!(
                ["lib.rs", "main.rs"].contains(&folder),
                "{folder} is on no floor: put it on the map in tests/tidy.rs and ARCHITECTURE.md"
            );
            continue;
        }
        let source = fs::read_to_string(&path).expect("a text");
        for import in upward_imports(folder, &source) {
            complaints.push(format!("{} imports {import}", inside.display()));
        }
    }
    assert!(complaints.is_empty(), "upward imports: {complaints:#?}");
}

#[test]
fn upward_import_is_noticed() {
    assert_eq!(
        upward_imports("codec", "use crate::engine::shard::Shard;"),
        ["engine"]
    );
    assert_eq!(
        upward_imports("runtime", "fn f() { crate::dialect::f() }"),
        ["dialect"]
    );
    assert!(upward_imports("engine", "use crate::codec::ws;\n// crate::cli").is_empty());
}

/// The lint that denies unsafe code everywhere, unless a source says otherwise. (In two parts, or this
/// source would say so.)
const UNSAFE_LINT: &str = concat!("unsafe", "_code");

/// Whether a source says something else about that lint: with `allow`, with `expect`, on one line or
/// on several.
fn relaxes_unsafe_lint(source: &str) -> bool {
    source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .any(|line| line.contains(UNSAFE_LINT))
}

#[test]
fn unsafe_is_in_the_runtime_and_the_floor_only() {
    for folder in ["src", "benches", "tests", "loadtest", "fuzz"] {
        for path in sources(folder) {
            let source = fs::read_to_string(&path).expect("a text");
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let mut allowed = [RUNTIME, FLOOR].iter();
            assert!(
                allowed.any(|folder| path.starts_with(root.join(folder)))
                    || !relaxes_unsafe_lint(&source),
                "{} has unsafe code",
                path.display()
            );
        }
    }
}

const RUNTIME: &str = "src/runtime";

/// The harness's own server, which does some things like the runtime.
const FLOOR: &str = "loadtest/src/floor";

#[test]
fn unsafe_is_noticed() {
    for attribute in ["#[allow(?)]", "#![expect(?)]", "#[expect(\n    ?,\n)]"] {
        let source = attribute.replace('?', UNSAFE_LINT);
        assert!(relaxes_unsafe_lint(&source), "{source}");
    }
    assert!(!relaxes_unsafe_lint(&format!("// {UNSAFE_LINT}")));
    let in_use = sources("src/runtime")
        .into_iter()
        .any(|path| relaxes_unsafe_lint(&fs::read_to_string(path).expect("a text")));
    assert!(in_use, "the runtime needs none: deny it there too");
}

#[test]
fn long_files_are_listed_as_advice() {
    for folder in ["src", "tests", "benches"] {
        for path in sources(folder) {
            let lines = fs::read_to_string(&path).expect("a text").lines().count();
            if lines > LINES_ADVISED {
                println!("advice: {} has {lines} lines", path.display());
            }
        }
    }
}
