//! Comparison with the reference front end: case files and a corpus of real Dockerfiles with its answers.
//!
//! The data lives outside the repository: `COOPERAGE_CASES` names its folder, `../shared` is the default. Each area
//! has a module with `kinds()`, pairs of a case file's name and the check of one case.

#![expect(
    clippy::print_stdout,
    reason = "the counts of each kind are the result"
)]

mod actions;
mod corpus;
mod format;
mod parser;
mod plans;
mod service;
mod values;

use serde_json::Value;
use std::path::{Path, PathBuf};

/// One kind of cases: the case file's name without extension, and the check of one case.
pub(crate) type Kind = (&'static str, fn(&Value) -> Result<(), String>);

/// How many failures are shown for each kind.
const SHOWN: usize = 5;

#[test]
fn parser_cases() {
    run(&parser::kinds(), "cases/parser");
}

#[test]
fn values_cases() {
    run(&values::kinds(), "cases/parser");
}

#[test]
fn corpus_files() {
    run(&corpus::kinds(), "corpus");
}

#[test]
fn plans_and_check_rules() {
    run(&plans::kinds(), "");
}

#[test]
fn service_cases() {
    service::run(&service::kinds());
}

#[test]
fn code_actions() {
    run(&actions::kinds(), "");
}

#[test]
fn formatter() {
    format::beside_recorded();
    run(&format::kinds(), "");
}

/// The folder of the data; `None` when it is not there.
pub(crate) fn shared() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = std::env::var_os("COOPERAGE_CASES").map_or(default, PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// Runs all cases of all kinds and fails when one fails.
pub(crate) fn run(kinds: &[Kind], folder: &str) {
    let Some(shared) = shared() else {
        println!("SKIPPED: no case data; set COOPERAGE_CASES to its folder");
        return;
    };
    let failed: Vec<&str> = kinds
        .iter()
        .filter(|k| !run_kind(k, &shared.join(folder)))
        .map(|k| k.0)
        .collect();
    assert!(failed.is_empty(), "cases failed: {failed:?}");
}

fn run_kind((name, check): &Kind, folder: &Path) -> bool {
    let file = folder.join(format!("{name}.jsonl"));
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("{name}: no file {}", file.display());
        return true;
    };
    let (mut count, mut failures) = (0, Vec::new());
    for line in text.lines().filter(|l| !l.is_empty()) {
        let case: Value = serde_json::from_str(line).expect("a case is JSON");
        count += 1;
        if let Err(why) = check(&case) {
            let id = case["id"]
                .as_str()
                .or_else(|| case["sha256"].as_str())
                .unwrap_or("?");
            failures.push(format!("{id}: {why}"));
        }
    }
    println!("{name}: {} of {count}", count - failures.len());
    for failure in failures.iter().take(SHOWN) {
        println!("    {failure}");
    }
    failures.is_empty()
}
