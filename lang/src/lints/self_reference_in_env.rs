//! An `ENV` does not see itself.

use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::{Instruction, KeyValues, Kind};
use crate::model::expand::{EnvList, Lexer};
use crate::text::{TextRange, Word};
use std::collections::{BTreeSet, HashMap, HashSet};

pub(super) const LINT: Lint = Lint {
    name: "SelfReferenceInEnv",
    aliases: &["DL3044"],
    description: "Variables should not be used in the ENV that sets them",
    docs: include_str!("../../docs/lints/self-reference-in-env.md"),
    level: Level::Warning,
    hadolint: Level::Error,
    fixable: true,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at each `ENV` for values that use a name which that very line sets, and nothing above.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let lexer = Lexer::new(subject.file.dockerfile().escape);
    let mut known: HashSet<String> = HashSet::new();
    for line in &subject.lines {
        match &line.inner().kind {
            Kind::Env(pairs) => {
                found.extend(own_names(subject, line.inner(), pairs, &lexer, &known));
                known.extend(
                    pairs
                        .pairs
                        .iter()
                        .map(|(name, _)| name.to_str_lossy().into_owned()),
                );
            }
            Kind::Arg(items) => {
                known.extend(
                    items
                        .iter()
                        .map(|item| item.name.to_str_lossy().into_owned()),
                );
            }
            _ => {}
        }
    }
}

/// The first use in `pairs` of a name that only another pair of the same line sets.
fn own_names(
    subject: &Subject<'_>,
    instruction: &Instruction,
    pairs: &KeyValues,
    lexer: &Lexer,
    known: &HashSet<String>,
) -> Option<Finding> {
    let pairs = pairs.pairs.as_slice();
    let mut setters: HashMap<String, usize> = HashMap::new();
    for (at, (name, _)) in pairs.iter().enumerate() {
        setters
            .entry(name.to_str_lossy().into_owned())
            .or_insert(at);
    }
    pairs.iter().enumerate().find_map(|(at, (_, value))| {
        let name = used(lexer, value).into_iter().find(|name| {
            !known.contains(name) && setters.get(name).is_some_and(|setter| *setter != at)
        })?;
        let message = format!(
            "`{name}` has its old value here; it gets the new one only when the whole ENV is done"
        );
        let range = super::reference_to(&name, value).unwrap_or(value.range);
        let finding = Finding::new(&LINT, instruction, range, message);
        let is_above = setters.get(&name).is_some_and(|setter| *setter < at);
        Some(
            match is_above
                .then(|| split(subject, instruction, pairs, at))
                .flatten()
            {
                Some(edit) => finding.with_fix("begin an ENV of its own here", vec![edit]),
                None => finding,
            },
        )
    })
}

/// Names that a value asks for.
fn used(lexer: &Lexer, value: &Word) -> BTreeSet<String> {
    match lexer.word(&value.text, &EnvList::new()) {
        Ok(expanded) => expanded.unmatched,
        Err(_) => BTreeSet::new(),
    }
}

/// The edit that ends the instruction before pair `at` and goes on with another; `None` where more than space or a
/// continuation parts the two.
fn split(
    subject: &Subject<'_>,
    instruction: &Instruction,
    pairs: &[(Word, Word)],
    at: usize,
) -> Option<(TextRange, String)> {
    let before = &pairs.get(at.checked_sub(1)?)?.1;
    let between = TextRange::new(before.range.end, pairs[at].0.range.start);
    let escape = subject.file.dockerfile().escape;
    let text = std::str::from_utf8(
        subject
            .file
            .source()
            .get(between.start as usize..between.end as usize)?,
    )
    .ok()?;
    let is_space = text.chars().all(|c| c.is_whitespace() || c == escape);
    let column = subject.file.lines().line_column(instruction.range.start).1 as usize;
    is_space.then(|| {
        (
            between,
            format!(
                "\n{}{} ",
                " ".repeat(column),
                instruction.keyword.to_str_lossy()
            ),
        )
    })
}
