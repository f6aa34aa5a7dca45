//! Every label of the schema is there.

use super::image_name::ImageName;
use super::labels::Label;
use super::subject::Line;
use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::{From, Kind};
use bstr::ByteSlice;
use std::collections::{BTreeSet, HashSet};

pub(super) const LINT: Lint = Lint {
    name: "LabelMissing",
    aliases: &["DL3049"],
    description: "Images should have the labels of the project's schema",
    docs: include_str!("../../docs/lints/label-missing.md"),
    level: Level::Info,
    hadolint: Level::Info,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at every stage for every label of the schema. A stage that another takes files from, or that a labelled stage
/// without a name continues, needs none: it is not the image.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    if subject.config.label_schema.is_empty() {
        return;
    }
    let stages: Vec<Stage<'_>> = subject.stages().filter_map(Stage::of).collect();
    for wanted in subject.config.label_schema.keys() {
        for at in missing(&stages, wanted) {
            let from = stages[at].lines[0].instruction;
            let message = format!("label `{wanted}` is missing in this stage");
            found.push(Finding::new(&LINT, from, from.keyword.range, message));
        }
    }
}

struct Stage<'a> {
    lines: &'a [Line<'a>],
    /// Name of what it is built on, without tag.
    base: Vec<u8>,
    name: Option<Vec<u8>>,
    labels: BTreeSet<String>,
    /// What its `COPY --from` name.
    sources: HashSet<Vec<u8>>,
}

impl<'a> Stage<'a> {
    fn of(lines: &'a [Line<'a>]) -> Option<Self> {
        let Kind::From(from) = &lines[0].instruction.kind else {
            return None;
        };
        let instructions = || lines.iter().map(|line| line.instruction);
        Some(Self {
            lines,
            base: base(from),
            name: from.name.as_ref().map(|name| name.text.to_vec()),
            labels: instructions()
                .flat_map(Label::of)
                .map(|label| label.key)
                .collect(),
            sources: instructions()
                .filter_map(|i| match &i.kind {
                    Kind::Copy(copy) => copy
                        .from
                        .as_ref()
                        .map(|from| from.text.to_ascii_lowercase()),
                    _ => None,
                })
                .collect(),
        })
    }
}

fn base(from: &From) -> Vec<u8> {
    ImageName::parse(&from.base.text).name.to_lowercase()
}

/// The stages that lack a label, by index.
fn missing(stages: &[Stage<'_>], wanted: &str) -> Vec<usize> {
    let mut good: HashSet<&[u8]> = HashSet::new();
    let mut bad: Vec<usize> = Vec::new();
    for (at, stage) in stages.iter().enumerate() {
        let is_labelled = stage.labels.contains(wanted);
        if is_labelled || good.contains(stage.base.as_slice()) {
            good.extend(stage.name.as_deref());
        } else {
            bad.push(at);
        }
        bad.retain(|earlier| {
            let is_called = |wanted: &[u8]| stages[*earlier].name.as_deref() == Some(wanted);
            let continued = is_labelled && stage.name.is_none() && is_called(&stage.base);
            !continued && !stage.sources.iter().any(|source| is_called(source))
        });
    }
    bad
}
