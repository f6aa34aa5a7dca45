//! The names of a file, each resolved once: stages, variables, here documents, ids of mounts.
//!
//! A [`Symbol`] is one thing that has a name, an [`Occurrence`] one place where the name stands. What an editor does
//! with names (definition, references, rename, highlight, completion of names) is a question to [`Names`].
//!
//! ```
//! use cooperage_lang::ide::File;
//! let file = File::new(b"FROM a AS build\nFROM b\nCOPY --from=build /x /\n".to_vec());
//! let names = file.names();
//! let used = names.at(37).unwrap();
//! assert_eq!(file.text(names.get(names.definitions_of(used)[0]).range), b"build");
//! ```

mod assignments;
mod mentions;
mod references;
mod resolve;
#[cfg(test)]
mod tests;
mod values;

pub use values::Variable;

use super::File;
use crate::syntax::Keyword;
use crate::text::TextRange;
use bstr::BString;
use mentions::Set;
use std::ops::Range;

/// Every name of a file. Ids are only good for the value that gave them.
#[derive(Clone, Debug, Default)]
pub struct Names {
    symbols: Vec<Symbol>,
    /// In the order of the text.
    occurrences: Vec<Occurrence>,
    stages: Vec<Stage>,
}

/// Number of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SymbolId(u32);

/// Number of an occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OccurrenceId(u32);

/// A thing that has a name.
#[derive(Clone, Debug)]
pub struct Symbol {
    /// What it is.
    pub kind: SymbolKind,
    /// Its name; that of a stage in lower case, empty for one without.
    pub name: BString,
    /// Of a stage: the last one with that name.
    stage: Option<u32>,
    occurrences: Vec<OccurrenceId>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SymbolKind {
    /// A build stage. Stages of one name are one symbol.
    Stage,
    /// An `ARG` or `ENV` variable of one stage and those that continue it, or of the whole file.
    Variable,
    /// A here document.
    Heredoc,
    /// An image or named context that is copied or mounted from.
    Source,
    /// A secret of the build.
    Secret,
    /// An agent socket of the build.
    Ssh,
    /// A cache mount.
    Cache,
}

/// A place where a name stands.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// The name itself, without quotes and `${}`.
    pub range: TextRange,
    /// The same with the signs that belong to it.
    pub whole: TextRange,
    /// What it names.
    pub symbol: SymbolId,
    /// What it does there.
    pub role: Role,
    /// Index of the instruction in [`Parse::nodes`](crate::syntax::Parse::nodes).
    pub node: u32,
    /// The definition that is in force, or of a definition the one it replaces.
    former: Option<OccurrenceId>,
    /// The occurrence this one lies in: a variable in the base of a `FROM`.
    around: Option<OccurrenceId>,
    set: Option<Set>,
    /// It stands in a trigger, which acts in other builds.
    in_trigger: bool,
}

/// What a name does at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Gives the symbol its name or a value.
    Definition,
    /// Uses it by name.
    Use,
    /// Uses it without spelling its name: by position, or by a name that variables make up.
    Indirect,
}

/// A stage: from its `FROM` to the next.
#[derive(Clone, Debug)]
pub struct Stage {
    /// What it is called by; stages of one name share it.
    pub symbol: SymbolId,
    /// The name behind `AS`.
    pub name: Option<OccurrenceId>,
    /// Index of the earlier stage it continues; of those that variables may mean, the first.
    pub base: Option<u32>,
    /// From the `FROM` to the end of its last instruction.
    pub range: TextRange,
    /// The `FROM` line.
    pub from: TextRange,
    /// Its instructions, the `FROM` line first: indices in [`Parse::nodes`](crate::syntax::Parse::nodes).
    pub nodes: Range<u32>,
}

impl Names {
    /// Resolves the names of a file.
    pub(super) fn new(file: &File) -> Self {
        resolve::resolve(file)
    }

    /// The name at `offset`: one that covers it, or ends there. A name that ends there comes before the `$` of another.
    pub fn at(&self, offset: u32) -> Option<OccurrenceId> {
        let behind = self
            .occurrences
            .partition_point(|o| o.whole.start <= offset);
        let found = self.covering(behind, offset)?;
        let Occurrence { whole, range, .. } = *self.get(found);
        if whole.start == offset && range.start > offset {
            let before = self.occurrences.partition_point(|o| o.whole.start < offset);
            let ending = self.covering(before, offset);
            let ends = |id: &OccurrenceId| self.get(*id).whole.end == offset;
            return ending.filter(ends).or(Some(found));
        }
        Some(found)
    }

    /// The last of the first `count` occurrences, or the one around it, when it touches `offset`.
    fn covering(&self, count: usize, offset: u32) -> Option<OccurrenceId> {
        let covers = |o: &Occurrence| o.whole.start <= offset && offset <= o.whole.end;
        let last = count.checked_sub(1)?;
        let found = &self.occurrences[last];
        if covers(found) {
            return Some(OccurrenceId(last as u32));
        }
        found.around.filter(|id| covers(self.get(*id)))
    }

    /// An occurrence.
    pub fn get(&self, id: OccurrenceId) -> &Occurrence {
        &self.occurrences[id.0 as usize]
    }

    /// A symbol.
    pub fn symbol(&self, id: SymbolId) -> &Symbol {
        &self.symbols[id.0 as usize]
    }

    /// What an occurrence names.
    pub fn symbol_of(&self, occurrence: &Occurrence) -> &Symbol {
        self.symbol(occurrence.symbol)
    }

    /// The occurrences at the very place of one, itself among them: a name that variables make up may stand for
    /// several stages.
    pub(super) fn same_place(&self, id: OccurrenceId) -> impl Iterator<Item = OccurrenceId> {
        let range = self.get(id).range;
        let same = move |at: &u32| self.occurrences[*at as usize].range == range;
        let before = (0..id.0).rev().take_while(same).last().unwrap_or(id.0);
        (before..self.occurrences.len() as u32)
            .take_while(same)
            .map(OccurrenceId)
    }

    /// Every occurrence, in the order of the text; one that lies in another comes behind it.
    pub fn occurrences(&self) -> &[Occurrence] {
        &self.occurrences
    }

    /// The occurrences of a symbol, in the order of the text.
    pub fn occurrences_of(&self, symbol: SymbolId) -> impl Iterator<Item = &Occurrence> {
        self.symbol(symbol)
            .occurrences
            .iter()
            .map(|id| self.get(*id))
    }

    /// Every definition, in the order of the text.
    pub fn definitions(&self) -> impl Iterator<Item = &Occurrence> {
        self.occurrences
            .iter()
            .filter(|o| o.role == Role::Definition)
    }

    /// Where what stands at `id` is defined. The first is the definition in force; of a variable that was set more
    /// than once the earlier settings follow, the latest first. A use in front of every definition has them all, but
    /// what a trigger sets is set for triggers only.
    pub fn definitions_of(&self, id: OccurrenceId) -> Vec<OccurrenceId> {
        let start = self.get(id);
        let first = match start.role {
            Role::Definition => Some(id),
            Role::Use | Role::Indirect => start.former,
        };
        let mut found: Vec<_> = std::iter::successors(first, |id| self.get(*id).former).collect();
        if found.is_empty() {
            let all = self.symbol_of(start).occurrences.iter().copied();
            let reaches = |o: &Occurrence| start.in_trigger || !o.in_trigger;
            let defines = |o: &Occurrence| o.role == Role::Definition && reaches(o);
            found.extend(all.filter(|id| defines(self.get(*id))));
        }
        found
    }

    /// The stages of the file, in order.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The last stage that a symbol names.
    pub fn stage_of(&self, symbol: SymbolId) -> Option<&Stage> {
        let stage = self.symbol(symbol).stage?;
        self.stages.get(stage as usize)
    }

    /// The name of a stage in lower case; `None` when it has none.
    pub fn stage_name(&self, stage: &Stage) -> Option<&BString> {
        stage.name.map(|_| &self.symbol(stage.symbol).name)
    }

    /// A stage, the one that it continues, and so on; the last one stands on an image. Empty when there is no such stage.
    pub fn chain(&self, stage: usize) -> impl Iterator<Item = usize> {
        let first = self.stages.get(stage).map(|_| stage);
        std::iter::successors(first, |stage| self.stages[*stage].base.map(|b| b as usize))
    }

    /// The image that the `FROM` line of a stage names, variables replaced; `None` when the text alone does not tell, or
    /// when it names another stage.
    pub fn base_image(&self, file: &File, stage: usize) -> Option<BString> {
        let stage = self.stages.get(stage).filter(|s| s.base.is_none())?;
        let parse = file.parse();
        let node = &parse.nodes()[stage.nodes.start as usize];
        let base = parse.pieces(&node.args).first()?;
        self.globals(file)
            .expand(parse.text(file.source(), base.text))
    }

    /// Index of the stage whose lines `offset` is in; `None` in front of the first.
    pub fn stage_at(&self, offset: u32) -> Option<usize> {
        let behind = self.stages.partition_point(|s| s.range.start <= offset);
        behind.checked_sub(1)
    }

    /// Of a definition of a variable: `ARG` or `ENV`.
    pub fn set_by(&self, occurrence: &Occurrence) -> Option<Keyword> {
        occurrence.set.map(|set| set.keyword)
    }

    /// Of a definition of a variable: where its value is written; `None` for `ARG NAME`.
    pub fn value_of(&self, occurrence: &Occurrence) -> Option<TextRange> {
        occurrence.set.and_then(|set| set.value)
    }
}
