//! From a name to the other places where it stands: definition, references, highlights, linked editing.

use super::File;
use super::names::{Occurrence, OccurrenceId, Role, SymbolKind};
use crate::text::TextRange;

/// Where a name is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The name that was asked for.
    pub origin: TextRange,
    /// What defines it, the definition in force first; never empty.
    pub targets: Vec<Target>,
}

/// A place to go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The instruction, to be shown.
    pub range: TextRange,
    /// The name in it, to be selected; the `FROM` line of a stage without name.
    pub name: TextRange,
}

/// What happens to a name at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is used.
    Read,
    /// It is defined or set.
    Write,
}

/// A place where the name at the cursor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Highlight {
    /// The name.
    pub range: TextRange,
    /// What happens there.
    pub access: Access,
}

/// Places that change together while one of them is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// Places of one and the same text.
    pub ranges: Vec<TextRange>,
    /// What may be typed, as a regular expression.
    pub pattern: &'static str,
}

/// Finds what defines the name at `offset`.
///
/// ```
/// use cooperage_lang::ide::{File, navigation::definition};
/// let file = File::new(b"FROM a AS build\nFROM b\nCOPY --from=0 /x /\n".to_vec());
/// let found = definition(&file, 36).unwrap();
/// assert_eq!(file.text(found.targets[0].name), b"build");
/// ```
pub fn definition(file: &File, offset: u32) -> Option<Definition> {
    let names = file.names();
    let id = names.at(offset)?;
    let occurrence = names.get(id);
    let mut targets: Vec<Target> = names
        .same_place(id)
        .flat_map(|id| names.definitions_of(id))
        .map(|definition| target(file, definition))
        .collect();
    if targets.is_empty() {
        targets.extend(unnamed_stage(file, occurrence));
    }
    (!targets.is_empty()).then_some(Definition {
        origin: occurrence.range,
        targets,
    })
}

fn target(file: &File, definition: OccurrenceId) -> Target {
    let definition = file.names().get(definition);
    Target {
        range: file.parse().nodes()[definition.node as usize].range,
        name: definition.range,
    }
}

/// The `FROM` line of a stage that is only known by its position.
fn unnamed_stage(file: &File, occurrence: &Occurrence) -> Option<Target> {
    let stage = file.names().stage_of(occurrence.symbol)?;
    Some(Target {
        range: stage.from,
        name: stage.from,
    })
}

/// Every place where the name at `offset` stands; the definitions only when they are wanted.
pub fn references(file: &File, offset: u32, with_definitions: bool) -> Vec<TextRange> {
    let names = file.names();
    let Some(id) = names.at(offset) else {
        return Vec::new();
    };
    names
        .occurrences_of(names.get(id).symbol)
        .filter(|o| with_definitions || o.role != Role::Definition)
        .map(|o| o.range)
        .collect()
}

/// Every place where the name at `offset` stands, with what happens there.
pub fn highlights(file: &File, offset: u32) -> Vec<Highlight> {
    let names = file.names();
    let Some(id) = names.at(offset) else {
        return Vec::new();
    };
    names
        .occurrences_of(names.get(id).symbol)
        .map(|o| Highlight {
            range: o.range,
            access: match o.role {
                Role::Definition => Access::Write,
                Role::Use | Role::Indirect => Access::Read,
            },
        })
        .collect()
}

/// The places that have to stay the same while the name at `offset` is typed: the two ends of a here document, a
/// stage's name and its uses.
pub fn linked(file: &File, offset: u32) -> Option<Linked> {
    let names = file.names();
    let occurrence = names.get(names.at(offset)?);
    let pattern = match names.symbol_of(occurrence).kind {
        SymbolKind::Heredoc => "[A-Za-z0-9_.-]+",
        SymbolKind::Stage => "[a-z][a-z0-9_.-]*",
        SymbolKind::Variable
        | SymbolKind::Source
        | SymbolKind::Secret
        | SymbolKind::Ssh
        | SymbolKind::Cache => return None,
    };
    if occurrence.role == Role::Indirect {
        return None;
    }
    let text = file.text(occurrence.range);
    let ranges: Vec<TextRange> = names
        .occurrences_of(occurrence.symbol)
        .filter(|o| o.role != Role::Indirect && file.text(o.range) == text)
        .map(|o| o.range)
        .collect();
    (ranges.len() > 1).then_some(Linked { ranges, pattern })
}
