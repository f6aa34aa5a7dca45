//! How the stages of a file are built upon each other.

use super::Subject;
use crate::instructions::Kind;
use crate::shell::Snippet;
use bstr::{BString, ByteSlice};
use std::collections::{HashMap, HashSet};

/// Stages whose layers end up in an image that somebody gets: the last one and those that others are built upon.
/// What a trigger does is always in such a one.
pub(super) struct KeptStages(HashSet<usize>);

impl KeptStages {
    pub(super) fn of(subject: &Subject<'_>) -> Self {
        let last = subject.lines.last().map(|line| line.stage);
        let mut kept: HashSet<usize> = parents(subject).into_values().collect();
        kept.extend(last);
        Self(kept)
    }

    pub(super) fn has(&self, snippet: &Snippet) -> bool {
        snippet.trigger || self.0.contains(&snippet.stage)
    }
}

/// The stage that each stage is built upon, where that is one of the file.
pub(super) fn parents(subject: &Subject<'_>) -> HashMap<usize, usize> {
    let mut parents = HashMap::new();
    let mut named: HashMap<BString, usize> = HashMap::new();
    for line in &subject.lines {
        let Kind::From(from) = &line.instruction.kind else {
            continue;
        };
        let base = from.base.text.to_ascii_lowercase();
        if let Some(parent) = named.get(base.as_bstr()) {
            parents.insert(line.stage, *parent);
        }
        if let Some(name) = &from.name {
            named.insert(name.text.clone(), line.stage);
        }
    }
    parents
}
