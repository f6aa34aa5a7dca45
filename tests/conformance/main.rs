//! Comparison with the reference front end: case files and a corpus of real Dockerfiles with its answers.
//!
//! The data lives outside the repository: `COOPERAGE_CASES` names its folder, `../shared` is the default. Each area
//! has a module with `kinds()`, pairs of a case file's name and the check of one case.

/// Writes a line of the result, also when the test passes: the harness hides what the print macros write.
macro_rules! tell {
    ($($word:tt)*) => {{
        use std::io::Write;
        // Who closed our output does not read it.
        _ = writeln!(std::io::stdout(), $($word)*);
    }};
}

mod actions;
mod corpus;
mod format;
mod lint;
mod parser;
mod plans;
mod renaming;
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
fn renamed_files_mean_the_same() {
    run(&renaming::kinds(), "");
}

#[test]
fn findings_of_other_linters() {
    lint::run();
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
        tell!("SKIPPED: no case data; set COOPERAGE_CASES to its folder");
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
        tell!("{name}: no file {}", file.display());
        return true;
    };
    let mut score = Score::default();
    for case in cases(&text) {
        score.add(check(&case).map_err(|why| format!("{}: {why}", id(&case))));
    }
    score.reaches(name, 100.0, &[])
}

/// The cases of a file.
pub(crate) fn cases(text: &str) -> impl Iterator<Item = Value> {
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_str(line).expect("a case is JSON"))
}

/// What a case is called.
pub(crate) fn id(case: &Value) -> &str {
    let name = case["id"].as_str().or_else(|| case["sha256"].as_str());
    name.unwrap_or("?")
}

/// How many checks came out right, and what was wrong with the others.
#[derive(Default)]
pub(crate) struct Score {
    right: usize,
    wrong: Vec<String>,
}

impl Score {
    /// Counts a check. What is wrong begins with the id of its case and a colon.
    pub(crate) fn add(&mut self, result: Result<(), String>) {
        match result {
            Ok(()) => self.right += 1,
            Err(why) => self.wrong.push(why),
        }
    }

    /// Prints the figure of a kind and tells whether at least `bar` percent came out right. `argued` are the ids of
    /// cases where we decided otherwise, each with the reason; one that came out right has no business there.
    pub(crate) fn reaches(&self, kind: &str, bar: f64, argued: &[(&str, &str)]) -> bool {
        let is_argued = |why: &&String| {
            let id = why.split(": ").next().unwrap_or_default();
            argued.iter().any(|(argued, _)| *argued == id)
        };
        let (on_purpose, wrong): (Vec<_>, Vec<_>) = self.wrong.iter().partition(is_argued);
        let count = self.right + self.wrong.len();
        tell!(
            "{kind}: {} of {count}, {} argued",
            self.right,
            on_purpose.len()
        );
        for failure in wrong.iter().take(SHOWN) {
            tell!("    {failure}");
        }
        let idle = argued.iter().filter(|(id, _)| {
            !self
                .wrong
                .iter()
                .any(|why| why.starts_with(&format!("{id}: ")))
        });
        let idle: Vec<&str> = idle.map(|(id, _)| *id).collect();
        if !idle.is_empty() {
            tell!("    argued without need: {idle:?}");
        }
        let reached = (count - wrong.len()) as f64 >= bar / 100.0 * count as f64;
        reached && idle.is_empty()
    }
}
