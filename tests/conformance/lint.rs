//! Rules against what hadolint and dockerfile-utils say of the same snippets.
//!
//! What BuildKit's own checks say of them is compared in `plans.rs`, exactly.
//!
//! | kind | a check is | right when |
//! |---|---|---|
//! | `hadolint` | a `DL` rule that a case asserts or excludes | we report it at that line and level, as often as said; or not at all |
//! | `hadolint-shell` | the same for a ShellCheck rule | the same, without the level |
//! | `hadolint-findings` | a `DL` finding of the program on a case, or one of ours | the other has it too |
//! | `dockerfile-utils-codes` | a finding of that validator | we find something under one of the names that `docs/dockerfile-utils.md` gives it, at its line or as the error that stops the build; or BuildKit builds the text without a word |
//!
//! Rules have their names and levels from hadolint's set; ours go by their aliases. Each is asked by itself: that of two
//! rules which tell one fault one is shown is not hadolint's affair, and tested beside `lints::report`.

use crate::{Score, cases, id};
use cooperage_lang::diagnostic::{Diagnostic, Severity};
use cooperage_lang::ide::File;
use cooperage_lang::lints::config::LabelKind;
use cooperage_lang::lints::{self, Config, Level, Lint, find, find_called};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Runs the cases of both programs and fails below the bars.
pub(crate) fn run() {
    let Some(shared) = crate::shared() else {
        tell!("SKIPPED: no case data; set COOPERAGE_CASES to its folder");
        return;
    };
    let folder = shared.join("cases/lint");
    let Ok(text) = std::fs::read_to_string(folder.join("hadolint.jsonl")) else {
        tell!("hadolint: no cases in {}", folder.display());
        return;
    };
    let Ok(validator) = std::fs::read_to_string(folder.join("dockerfile-utils.jsonl")) else {
        tell!("dockerfile-utils: no cases in {}", folder.display());
        return;
    };
    let (mut asserted, mut shell, mut findings) = <(Score, Score, Score)>::default();
    for case in cases(&text) {
        let found = hadolint(&case);
        assertions(&case, &found, "DL", &mut asserted);
        assertions(&case, &found, "SC", &mut shell);
        both_ways(&case, &found, &mut findings);
    }
    let names = names_of_codes();
    let mut codes = Score::default();
    for case in cases(&validator) {
        under_other_names(&case, &names, &mut codes);
    }
    let reached = [
        asserted.reaches("hadolint", 99.0, &[]),
        shell.reaches("hadolint-shell", 98.0, &[]),
        findings.reaches("hadolint-findings", 97.0, &[]),
        codes.reaches("dockerfile-utils-codes", 99.0, &[]),
    ];
    assert_eq!(reached, [true; 4], "below the bar");
}

/// A finding under a number of hadolint: line, number, level.
type Numbered = (u64, &'static str, Severity);

/// What we find in a case with its settings, in hadolint's terms.
fn hadolint(case: &Value) -> Vec<Numbered> {
    let source = case["dockerfile"].as_str().unwrap_or_default();
    let file = File::new(source.as_bytes().to_vec());
    let config = config(case);
    let official = lints::report(&file, &planned(source), &config).into_iter();
    let official = official.filter(|found| find(found.code).is_some_and(Lint::is_official));
    let own = lints::check(&file, &config);
    official.chain(own).flat_map(numbered).collect()
}

fn numbered(found: Diagnostic) -> impl Iterator<Item = Numbered> {
    let lines = found.lines.first();
    let line = lines.map_or(0, |lines| u64::from(lines.start));
    let aliases = find(found.code).map_or(&[][..], |lint| lint.aliases).iter();
    aliases.map(move |alias| (line, *alias, found.severity))
}

fn planned(source: &str) -> Vec<Diagnostic> {
    crate::plans::diagnostics(source)
}

fn config(case: &Value) -> Config {
    let settings = &case["config"];
    let texts = |list: &Value| -> Vec<String> {
        let items = list.as_array().into_iter().flatten();
        items
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect()
    };
    let schema = settings["label-schema"].as_object().into_iter().flatten();
    let mut config = Config {
        hadolint: true,
        trusted_registries: texts(&settings["trustedRegistries"]),
        label_schema: schema
            .filter_map(|(name, kind)| Some((name.clone(), LabelKind::parse(kind.as_str()?)?)))
            .collect(),
        strict_labels: settings["strict-labels"] == true,
        disable_ignore_pragma: settings["disable-ignore-pragma"] == true,
        ..Config::default()
    };
    for rule in texts(&settings["ignored"]) {
        config.set_level(&rule, Level::Off);
    }
    // The cases switch rules on at the level they assert.
    for rule in texts(&case["enable"]) {
        config.set_level(&rule, Level::Info);
    }
    config
}

fn assertions(case: &Value, found: &[Numbered], kind: &str, score: &mut Score) {
    let with_level = kind == "DL";
    for expect in case["expect"].as_array().into_iter().flatten() {
        let rule = expect["rule"].as_str().unwrap_or_default();
        if rule.starts_with(kind) {
            let result = expected(expect, found, with_level);
            score.add(result.map_err(|why| format!("{}: {rule} {why}", id(case))));
        }
    }
    for rule in case["absent"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if rule.starts_with(kind) {
            let prefix = rule.trim_end_matches('*');
            let there = found.iter().find(|(_, name, _)| {
                if rule.ends_with('*') {
                    name.starts_with(prefix)
                } else {
                    *name == rule
                }
            });
            score.add(match there {
                None => Ok(()),
                Some((line, name, _)) => Err(format!("{}: {name} at line {line}", id(case))),
            });
        }
    }
}

fn expected(expect: &Value, found: &[Numbered], with_level: bool) -> Result<(), String> {
    let rule = expect["rule"].as_str().unwrap_or_default();
    let is_meant = |name: &str| match rule.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == rule,
    };
    let ours: Vec<&Numbered> = found.iter().filter(|(_, name, _)| is_meant(name)).collect();
    let lines: Vec<u64> = ours.iter().map(|(line, _, _)| *line).collect();
    if let Some(times) = expect["times"].as_u64()
        && times != lines.len() as u64
    {
        return Err(format!("at lines {lines:?}, not {times} times"));
    }
    if let Some(line) = expect["line"].as_u64()
        && !lines.contains(&line)
    {
        return Err(format!("at lines {lines:?}, not {line}"));
    }
    if lines.is_empty() {
        return Err("not found".to_owned());
    }
    let level = expect["level"]
        .as_str()
        .and_then(Level::parse)
        .and_then(Level::severity);
    match level {
        Some(level) if with_level && !ours.iter().any(|(_, _, ours)| *ours == level) => {
            Err(format!("at level {:?}, not {level:?}", ours[0].2))
        }
        _ => Ok(()),
    }
}

/// Compares the findings of `DL` rules, of both, line by line.
fn both_ways(case: &Value, found: &[Numbered], score: &mut Score) {
    let ours: BTreeSet<(u64, &str)> = found
        .iter()
        .filter(|(_, name, _)| name.starts_with("DL"))
        .map(|(line, name, _)| (*line, *name))
        .collect();
    let theirs = case["oracle"]["findings"].as_array().into_iter().flatten();
    let theirs: BTreeSet<(u64, &str)> = theirs
        .filter_map(|found| Some((found[0].as_u64()?, found[1].as_str()?)))
        .filter(|(_, name)| name.starts_with("DL") && find_called(name).is_some())
        .collect();
    for (line, name) in ours.union(&theirs) {
        let pair = &(*line, *name);
        score.add(match (ours.contains(pair), theirs.contains(pair)) {
            (true, true) => Ok(()),
            (true, false) => Err(format!("{}: {name} at line {line} is only ours", id(case))),
            (false, _) => Err(format!(
                "{}: {name} at line {line} is only theirs",
                id(case)
            )),
        });
    }
}

/// The table of `docs/dockerfile-utils.md`: a code, and what we call it.
fn names_of_codes() -> BTreeMap<String, Vec<String>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/dockerfile-utils.md");
    let page = std::fs::read_to_string(page).expect("the page is part of the repository");
    let rows = page.lines().filter_map(|line| {
        line.strip_prefix("| ")?
            .strip_suffix(" |")?
            .split_once(" | ")
    });
    rows.map(|(code, names)| {
        let names = names.split(", ").map(str::to_owned);
        (code.to_owned(), names.collect())
    })
    .collect()
}

fn under_other_names(case: &Value, names: &BTreeMap<String, Vec<String>>, score: &mut Score) {
    let source = case["dockerfile"].as_str().unwrap_or_default();
    let file = File::new(source.as_bytes().to_vec());
    let config = Config::default()
        .with_level("DirectiveCasing", Level::Hint)
        .with_level("CopyDestinationFolder", Level::Error);
    let found = lints::report(&file, &planned(source), &config);
    for expect in case["expect"].as_array().into_iter().flatten() {
        let code = expect["rule"].as_str().unwrap_or_default();
        let none = Vec::new();
        let names = names.get(code).unwrap_or(&none);
        let line = expect["line"]
            .as_u64()
            .or_else(|| Some(expect["range"][0].as_u64()? + 1))
            .unwrap_or(0);
        let is_it = |ours: &&Diagnostic| {
            let lines = ours.lines.first().copied().unwrap_or_default();
            let covers = (u64::from(lines.start)..=u64::from(lines.end)).contains(&line);
            names.iter().any(|name| name == ours.code)
                && (covers || ours.severity == Severity::Error)
        };
        let accepted = case["buildkit"]["error"].is_null();
        score.add(match found.iter().find(is_it) {
            Some(_) => Ok(()),
            None if accepted => Ok(()),
            None => Err(format!(
                "{}: {code} at line {line}, ours: {:?}",
                id(case),
                found.iter().map(|d| d.code).collect::<Vec<_>>()
            )),
        });
    }
}
