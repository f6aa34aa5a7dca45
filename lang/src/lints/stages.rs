//! How the stages of a file are built upon each other.

use super::Subject;
use crate::ide::File;
use crate::instructions::{Instruction, Kind};
use crate::shell::Snippet;
use std::collections::{HashMap, HashSet};

/// Stages whose layers end up in the image that somebody gets: the last one and those that it is built upon; by hadolint
/// all that any is built upon. What a trigger does is always in such a one.
pub(super) struct KeptStages(HashSet<usize>);

impl KeptStages {
    pub(super) fn of(subject: &Subject<'_>) -> Self {
        let last = subject.lines.last().map(|line| line.stage);
        let parents = parents(subject.file);
        let below = |stage: &usize| parents.get(stage).copied();
        let mut kept: HashSet<usize> = std::iter::successors(last, below).collect();
        if subject.config.hadolint {
            kept.extend(parents.values());
        }
        Self(kept)
    }

    pub(super) fn has(&self, snippet: &Snippet) -> bool {
        snippet.trigger || self.0.contains(&snippet.stage)
    }
}

/// The `FROM` lines, counted from 1.
pub(super) fn froms(file: &File) -> impl Iterator<Item = (usize, &Instruction)> {
    let is_from = |instruction: &&Instruction| matches!(instruction.kind, Kind::From(_));
    (1..).zip(file.instructions().filter(is_from))
}

/// The stage that each stage is built upon, where that is one of the file.
pub(super) fn parents(file: &File) -> HashMap<usize, usize> {
    // Most files have one stage, and their names need not be resolved for it.
    if froms(file).nth(1).is_none() {
        return HashMap::new();
    }
    let names = file.names();
    // Without the lines that are no instructions, of which the rules count no stage.
    let counted: HashMap<usize, usize> = froms(file)
        .filter_map(|(number, from)| Some((names.stage_at(from.range.start)?, number)))
        .collect();
    let parent = |(stage, number): (&usize, &usize)| {
        let base = names.stages()[*stage].base? as usize;
        Some((*number, *counted.get(&base)?))
    };
    counted.iter().filter_map(parent).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_the_stage_that_the_build_takes() {
        for (source, wanted) in [
            ("FROM a AS b\nFROM b\n", &[(2, 1)][..]),
            // Names are given in small letters and looked for as they are written.
            ("FROM a AS B\nFROM b\n", &[(2, 1)]),
            ("FROM a AS b\nFROM B\n", &[]),
            ("ARG X=b\nFROM a AS b\nFROM $X\n", &[(2, 1)]),
            ("FROM b AS b\nFROM x AS b\nFROM b\n", &[(3, 2)]),
            ("FROM x AS b\nFROM\nFROM b\n", &[(3, 1)]),
        ] {
            let file = File::new(source.into());
            let mut found: Vec<_> = parents(&file).into_iter().collect();
            found.sort_unstable();
            assert_eq!(found, wanted, "{source}");
        }
    }
}
