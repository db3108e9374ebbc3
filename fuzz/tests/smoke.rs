//! Goal: the fuzz targets do not rot, and what they would find at once is found by the tests.
//! Method: run each body over its corpus, and over seeded changes to it, on stable and without
//! libFuzzer. No coverage guides the changes: that is what `cargo fuzz` is for.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use shardcast::base::random::Random;
use shardcast_fuzz::{Body, TARGETS};

/// Changed inputs for each target.
const CHANGED: usize = 10_000;

/// When it stops earlier, for machines that are slow.
const TIME: Duration = Duration::from_secs(5);

/// Pieces that mean something to one target or another, and are hard to hit by chance.
const TELLING: [&[u8]; 25] = [
    b"\r\n",
    b"\r\n\r\n",
    b": ",
    b",",
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\x81\x80\0\0\0\0",
    b"\x01\x80\0\0\0\0",
    b"\x80\x80\0\0\0\0",
    b"\x89\x80\0\0\0\0",
    b"\x88\x82\0\0\0\0\x03\xe8",
    b"\x81\xfe\0\x7e\0\0\0\0",
    "é€\u{1f600}".as_bytes(),
    b"\xed\xa0\x80",
    b"\\u0074",
    b"\\ud800",
    b"{\"t\":",
    b"{\"event\":",
    b"$channel:",
    b"\"rooms\":[",
    b"\"",
    b"[{",
    b"1e9",
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The files of a folder, by name: what is read first must not depend on the machine.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of this crate");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let read = |path: &PathBuf| fs::read(path).expect("a file of a corpus");
    files(&folder("corpus").join(target))
        .iter()
        .map(read)
        .collect()
}

fn below(random: &mut Random, bound: usize) -> usize {
    random.below(u32::try_from(bound).expect("a small bound")) as usize
}

/// Some input of the corpus with a few changes.
fn changed(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = corpus[below(random, corpus.len())].clone();
    for _ in 0..=random.below(4) {
        let at = below(random, input.len() + 1);
        match random.below(8) {
            0 => input.truncate(at),
            1 => {
                let end = at + below(random, input.len() - at + 1).min(16);
                input.drain(at..end);
            }
            2 => input.insert(at, random.next_u64() as u8),
            3 | 4 => {
                let piece = TELLING[below(random, TELLING.len())];
                input.splice(at..at, piece.iter().copied());
            }
            5 => {
                let other = &corpus[below(random, corpus.len())];
                let from = below(random, other.len() + 1);
                let len = below(random, (other.len() - from).min(200) + 1);
                input.splice(at..at, other[from..from + len].iter().copied());
            }
            _ if at == input.len() => input.push(random.next_u64() as u8),
            6 => input[at] ^= 1 << random.below(8),
            _ => input[at] = random.next_u64() as u8,
        }
    }
    input
}

fn run(body: Body, input: &[u8]) {
    if catch_unwind(|| body(input)).is_err() {
        panic!(
            "the panic above is about the input b\"{}\"",
            input.escape_ascii()
        );
    }
}

/// Runs a target over its corpus and over changes to it.
fn smoke(target: &str) {
    let (_, body) = TARGETS
        .into_iter()
        .find(|(name, _)| *name == target)
        .expect("a target");
    let corpus = corpus(target);
    for input in &corpus {
        run(body, input);
    }
    let (mut random, start) = (Random::new(20_261_120), Instant::now());
    let mut count = 0;
    while count < CHANGED && start.elapsed() < TIME {
        run(body, &changed(&corpus, &mut random));
        count += 1;
    }
    println!("{target}: {count} changed inputs in {:?}", start.elapsed());
}

#[test]
fn api() {
    smoke("api");
}

#[test]
fn deflate() {
    smoke("deflate");
}

#[test]
fn envelope() {
    smoke("envelope");
}

#[test]
fn frames() {
    smoke("frames");
}

#[test]
fn head() {
    smoke("head");
}

#[test]
fn ignis() {
    smoke("ignis");
}

#[test]
fn messages() {
    smoke("messages");
}

#[test]
fn shard() {
    smoke("shard");
}

#[test]
fn shared_websocket() {
    smoke("shared_websocket");
}

#[test]
fn strav() {
    smoke("strav");
}

#[test]
fn tls() {
    smoke("tls");
}

#[test]
fn every_target_has_a_binary_and_a_small_corpus() {
    let names = |folder: &Path| -> Vec<String> {
        let stem = |path: &PathBuf| {
            path.file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
        };
        files(folder).iter().filter_map(stem).collect()
    };
    let targets = TARGETS.map(|(name, _)| name.to_owned());
    assert_eq!(names(&folder("fuzz_targets")), targets);
    assert_eq!(names(&folder("corpus")), targets);
    for target in &targets {
        let source = folder("fuzz_targets").join(target).with_extension("rs");
        let source = fs::read_to_string(source).expect("a text");
        assert!(
            source.lines().count() < 15,
            "{target} has a body of its own"
        );
        assert!(
            source.contains(&format!("shardcast_fuzz::{target}(")),
            "{target}"
        );
        let corpus = corpus(target);
        assert!(
            (10..=60).contains(&corpus.len()),
            "{target}: {}",
            corpus.len()
        );
        let longest = corpus.iter().map(Vec::len).max();
        assert!(longest <= Some(4_096), "{target}: {longest:?}");
    }
}
