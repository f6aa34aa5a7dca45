//! A stage or variable under another name everywhere: the file then has to mean what it meant.
//!
//! Every stage and every variable of the corpus is renamed to a name that occurs nowhere. The plan of the new text,
//! the old name put back, has to be the old plan: the same steps with the same inputs, commands, environment and
//! texts, the same config, the same error. Only names that cannot be renamed are left out: those that the builder knows,
//! and stages whose name variables make up.

use crate::plans::{corpus_file, options, planned_text};
use bstr::ByteSlice;
use cooperage_lang::ide::File;
use cooperage_lang::ide::names::{Occurrence, SymbolKind};
use cooperage_lang::ide::rename::{RenameError, rename};
use cooperage_lang::plan::Plan;
use serde_json::Value;
use std::collections::HashSet;
use std::fmt::Write as _;

pub(crate) fn kinds() -> Vec<crate::Kind> {
    vec![("corpus/goldens", renamed)]
}

fn renamed(case: &Value) -> Result<(), String> {
    let source = corpus_file(case)?;
    let file = File::new(source.clone());
    let names = file.names();
    let mut seen = HashSet::new();
    let before = planned(&source)?;
    for definition in names.definitions() {
        let kind = names.symbol_of(definition).kind;
        let wanted = matches!(kind, SymbolKind::Stage | SymbolKind::Variable);
        if wanted && seen.insert(definition.symbol) {
            check(&file, definition, &before)?;
        }
    }
    Ok(())
}

fn check(file: &File, definition: &Occurrence, before: &Plan) -> Result<(), String> {
    let names = file.names();
    let symbol = names.symbol_of(definition);
    let old = symbol.name.to_str_lossy().into_owned();
    let is_set = |o: &Occurrence| names.set_by(o).is_some();
    if symbol.kind == SymbolKind::Variable && !names.occurrences_of(definition.symbol).any(is_set) {
        // Only a command sets it; plans know nothing of that.
        return Ok(());
    }
    let new = unused(file.source());
    let edits = match rename(file, definition.range.start, &new) {
        Ok(edits) => edits,
        Err(RenameError::Predefined { .. } | RenameError::MadeUp { .. }) => return Ok(()),
        Err(refused) => return Err(refused.to_string()),
    };
    let mut text = file.source().to_vec();
    for (range, with) in edits.iter().rev() {
        text.splice(range.start as usize..range.end as usize, with.bytes());
    }
    let after = planned(&text)?;
    let before = shown(before, |text| text.to_lowercase());
    let after = shown(&after, |text| {
        text.to_lowercase().replace(&new, &old.to_lowercase())
    });
    if before == after {
        return Ok(());
    }
    let differs = before.lines().zip(after.lines()).find(|(a, b)| a != b);
    Err(format!("{old} renamed: {differs:?}"))
}

fn planned(source: &[u8]) -> Result<Plan, String> {
    planned_text(source, &options(true), None)
}

/// A name that the text does not hold.
fn unused(source: &[u8]) -> String {
    let lower = source.to_ascii_lowercase();
    let taken = |name: &String| lower.find(name.as_bytes()).is_some();
    (0..=source.len())
        .map(|i| format!("zq{i}x"))
        .find(|name| !taken(name))
        .expect("a text holds fewer names than bytes")
}

/// Rules that look at how names are spelled.
const ABOUT_NAMES: [&str; 4] = [
    "FromPlatformFlagConstDisallowed",
    "InvalidDefinitionDescription",
    "SecretsUsedInArgOrEnv",
    "StageNameCasing",
];

/// The plan without places, digests and the order of names, every text of it changed by `spelled`.
fn shown(plan: &Plan, spelled: impl Fn(String) -> String) -> String {
    let mut out = String::new();
    for step in &plan.steps {
        let steps = (step.root, &step.inputs, step.stage, step.number);
        let texts = format!("{:?} {:?} {:?}", step.op, step.text, step.name());
        let variables = step.variables.iter().map(|v| spelled(format!("{v:?}")));
        let mut variables: Vec<_> = variables.collect();
        variables.sort();
        _ = writeln!(out, "{steps:?} {}\n{variables:?}", spelled(texts));
    }
    for stage in &plan.stages {
        let name = spelled(format!("{:?} {:?}", stage.name, stage.last));
        _ = writeln!(out, "{name}");
    }
    let codes = plan.diagnostics.iter().map(|d| d.code);
    let codes: Vec<_> = codes.filter(|code| !ABOUT_NAMES.contains(code)).collect();
    let error = plan.official_error.as_ref().map(|e| &e.message);
    let mut config = plan.config.clone();
    for entry in &mut config.history {
        // Ports come in the order of the words as they are written.
        if entry.created_by.starts_with("EXPOSE") {
            let mut ports: Vec<_> = entry.created_by.split([' ', '[', ']']).collect();
            ports.sort_unstable();
            entry.created_by = ports.join(" ");
        }
    }
    let rest = spelled(format!("{config:?}\n{error:?}"));
    _ = writeln!(out, "{codes:?}\n{rest}");
    out
}
