//! Giving a name another one everywhere, so that the file means what it meant.

use super::File;
use super::names::{Names, Occurrence, Role, Stage, Symbol, SymbolId, SymbolKind};
use crate::instructions::Kind;
use crate::model::scope;
use crate::text::TextRange;
use bstr::{BString, ByteSlice};
use std::fmt;

/// Why a name cannot be changed. Its text is for the person who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenameError {
    /// The cursor is on no name.
    NoName,
    /// The stage is named by its position.
    Position { stage: usize },
    /// A name that variables make up stands for the stage.
    MadeUp { name: BString, line: u32 },
    /// The builder gives or looks for the name.
    Predefined { name: BString },
    /// The new name is not possible for such a thing.
    Invalid { name: String, rule: &'static str },
    /// The new name means something already.
    Taken { name: String, line: u32 },
    /// The document has a line that would then end it.
    EndsEarly { name: String, line: u32 },
}

impl fmt::Display for RenameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => f.write_str("there is no name here that can be changed"),
            Self::Position { stage } => write!(
                f,
                "stage {stage} is meant by its position; change its name at its `FROM` line"
            ),
            Self::MadeUp { name, line } => write!(
                f,
                "line {line} makes up the name `{name}` from variables; write it out there first"
            ),
            Self::Predefined { name } => {
                write!(
                    f,
                    "the builder knows `{name}` by this name alone; leave it as it is"
                )
            }
            Self::Invalid { name, rule } => write!(f, "`{name}` is not possible: {rule}"),
            Self::Taken { name, line } => {
                write!(
                    f,
                    "`{name}` has a meaning on line {line} already; choose another name"
                )
            }
            Self::EndsEarly { name, line } => {
                write!(
                    f,
                    "line {line} is `{name}` and would end the document; choose another name"
                )
            }
        }
    }
}

impl std::error::Error for RenameError {}

/// A name that can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamable {
    /// Where it stands.
    pub range: TextRange,
    /// What it is, without what takes it apart there.
    pub name: BString,
}

/// The name at `offset`, when it can be changed.
///
/// # Errors
/// [`RenameError`], all but those about the new name.
pub fn renamable(file: &File, offset: u32) -> Result<Renamable, RenameError> {
    find(file, offset).map(|occurrence| Renamable {
        range: occurrence.range,
        name: file.names().symbol(occurrence.symbol).name.clone(),
    })
}

/// The replacements that change the name at `offset`, in the order of the text.
///
/// ```
/// use cooperage_lang::ide::{File, rename::rename};
/// let file = File::new(b"FROM a AS build\nFROM b\nCOPY --from=build /x /\n".to_vec());
/// let edits = rename(&file, 11, "make").unwrap();
/// assert_eq!(edits.len(), 2);
/// let error = rename(&file, 11, "2nd").unwrap_err();
/// assert_eq!(error.to_string(), "`2nd` is not possible: a stage's name begins with a small letter; small letters, digits, `-`, `_` and `.` follow");
/// ```
///
/// # Errors
/// [`RenameError`].
pub fn rename(
    file: &File,
    offset: u32,
    new: &str,
) -> Result<Vec<(TextRange, String)>, RenameError> {
    let names = file.names();
    let occurrence = find(file, offset)?;
    let symbol = names.symbol(occurrence.symbol);
    if symbol.name != new {
        check(file, occurrence, new)?;
    }
    let edit = |o: &Occurrence| (o.range, replacement(file, symbol, o, new));
    let spelled = names.occurrences_of(occurrence.symbol);
    Ok(spelled
        .filter(|o| o.role != Role::Indirect)
        .map(edit)
        .collect())
}

fn find(file: &File, offset: u32) -> Result<&Occurrence, RenameError> {
    let names = file.names();
    let id = names.at(offset).ok_or(RenameError::NoName)?;
    let occurrence = names.get(id);
    let symbol = names.symbol(occurrence.symbol);
    match symbol.kind {
        SymbolKind::Variable if is_known_to_builder(&symbol.name.to_str_lossy()) => {
            Err(RenameError::Predefined {
                name: symbol.name.clone(),
            })
        }
        SymbolKind::Stage => stage_is_spelled(file, occurrence).map(|()| occurrence),
        SymbolKind::Variable
        | SymbolKind::Heredoc
        | SymbolKind::Source
        | SymbolKind::Secret
        | SymbolKind::Ssh
        | SymbolKind::Cache => Ok(occurrence),
    }
}

/// Names that the builder itself gives or looks for.
///
/// **Source:** `spec` sections 10.1, 10.2 and 10.8.
fn is_known_to_builder(name: &str) -> bool {
    scope::is_predefined(name)
        || scope::is_setting(name)
        || matches!(name, "PATH" | "SOURCE_DATE_EPOCH")
        || name.starts_with("BUILDKIT_")
        || name.to_ascii_lowercase().ends_with("_proxy")
}

/// A name that variables make up would go on meaning the old one.
fn stage_is_spelled(file: &File, occurrence: &Occurrence) -> Result<(), RenameError> {
    let names = file.names();
    let is_position = |o: &Occurrence| file.text(o.range).iter().all(u8::is_ascii_digit);
    let indirect = |o: &&Occurrence| o.role == Role::Indirect;
    if indirect(&occurrence) && is_position(occurrence) {
        let stage = file.text(occurrence.range).to_str_lossy().parse();
        return Err(RenameError::Position {
            stage: stage.unwrap_or_default(),
        });
    }
    let mut uses = names.occurrences_of(occurrence.symbol).filter(indirect);
    match uses.find(|o| !is_position(o)) {
        Some(made_up) => Err(RenameError::MadeUp {
            name: names.symbol(occurrence.symbol).name.clone(),
            line: line(file, made_up.range.start),
        }),
        None => Ok(()),
    }
}

/// The text in place of an occurrence: quotes that were part of the name of a here document stay.
fn replacement(file: &File, symbol: &Symbol, occurrence: &Occurrence, new: &str) -> String {
    let written = file.text(occurrence.range);
    let quoted = written.find_byteset(b"'\"").is_some();
    if symbol.kind == SymbolKind::Heredoc && written != symbol.name.as_bytes() && quoted {
        format!("'{new}'")
    } else {
        new.to_owned()
    }
}

fn check(file: &File, occurrence: &Occurrence, new: &str) -> Result<(), RenameError> {
    let kind = file.names().symbol(occurrence.symbol).kind;
    if let Some(rule) = broken_rule(kind, new) {
        return Err(RenameError::Invalid {
            name: new.to_owned(),
            rule,
        });
    }
    let taken = match kind {
        SymbolKind::Stage => taken_stage(file, occurrence.symbol, new),
        SymbolKind::Variable => taken_variable(file.names(), occurrence.symbol, new),
        SymbolKind::Heredoc => return ends_early(file, occurrence.symbol, new),
        SymbolKind::Source => named(file.names(), new, &[SymbolKind::Stage]),
        SymbolKind::Secret | SymbolKind::Ssh | SymbolKind::Cache => {
            named(file.names(), new, &[kind])
        }
    };
    taken.map_or(Ok(()), |offset| {
        Err(RenameError::Taken {
            name: new.to_owned(),
            line: line(file, offset),
        })
    })
}

/// Why something cannot have one of the builder's own names.
const HAS_MEANING: &str = "the builder has a meaning for this name";

/// What a new name has to be; `None` when it is.
///
/// **Source:** BuildKit `instructions/parse.go`, `validateStageName` (stages); POSIX shell, section "Name" (variables).
fn broken_rule(kind: SymbolKind, new: &str) -> Option<&'static str> {
    let bytes = new.as_bytes();
    let first = |good: fn(&u8) -> bool| bytes.first().is_some_and(good);
    let (good, rule) = match kind {
        SymbolKind::Stage if matches!(new, "scratch" | "context") => (false, HAS_MEANING),
        SymbolKind::Variable if is_known_to_builder(new) => (false, HAS_MEANING),
        SymbolKind::Stage => (
            first(u8::is_ascii_lowercase)
                && bytes.iter().all(|b| {
                    b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.')
                }),
            "a stage's name begins with a small letter; small letters, digits, `-`, `_` and `.` follow",
        ),
        SymbolKind::Variable => (
            first(|b| b.is_ascii_alphabetic() || *b == b'_')
                && bytes
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || *b == b'_'),
            "a variable's name begins with a letter or `_`; letters, digits and `_` follow",
        ),
        SymbolKind::Heredoc => (
            is_plain(bytes),
            "the name of a document is one word without quotes, `<` and `$`",
        ),
        SymbolKind::Source | SymbolKind::Secret | SymbolKind::Ssh | SymbolKind::Cache => (
            is_plain(bytes) && !bytes.contains(&b','),
            "it has to be one word without quotes, commas and `$`",
        ),
    };
    (!good).then_some(rule)
}

fn is_plain(name: &[u8]) -> bool {
    let special = |b: &u8| matches!(b, b'\'' | b'"' | b'\\' | b'`' | b'$' | b'<' | b'#');
    !name.is_empty() && name.iter().all(|b| b.is_ascii_graphic() && !special(b))
}

/// Where a name of one of these kinds stands first.
fn named(names: &Names, name: &str, kinds: &[SymbolKind]) -> Option<u32> {
    let same = |o: &&Occurrence| {
        let symbol = names.symbol_of(o);
        kinds.contains(&symbol.kind) && symbol.name == name
    };
    names.occurrences().iter().find(same).map(|o| o.range.start)
}

/// A stage, something that is copied from, or an image that a later `FROM` would no longer mean.
fn taken_stage(file: &File, stage: SymbolId, new: &str) -> Option<u32> {
    let names = file.names();
    let later = |s: &Stage| s.symbol == stage;
    let first = names.stages().iter().position(later).unwrap_or(0);
    let image = file
        .dockerfile()
        .stages
        .iter()
        .skip(first + 1)
        .find_map(|s| match &s.from.kind {
            Kind::From(from) if from.base.text == new => Some(from.base.range.start),
            _ => None,
        });
    named(names, new, &[SymbolKind::Stage, SymbolKind::Source]).or(image)
}

/// Variables meet in a stage and in those that continue it; arguments of the whole file meet everywhere they are
/// taken over, which makes them one symbol.
fn taken_variable(names: &Names, symbol: SymbolId, new: &str) -> Option<u32> {
    let mut roots: Vec<Option<usize>> = Vec::new();
    for (index, stage) in names.stages().iter().enumerate() {
        let base = stage.base.and_then(|b| roots.get(b as usize).copied());
        roots.push(base.unwrap_or(Some(index)));
    }
    let scope = |o: &Occurrence| {
        let stage = names.stage_at(o.range.start);
        let in_body = stage.filter(|s| names.stages()[*s].from.end < o.range.start);
        in_body.and_then(|s| roots[s])
    };
    let scopes: std::collections::HashSet<_> = names.occurrences_of(symbol).map(scope).collect();
    let meets = |o: &&Occurrence| {
        let other = names.symbol_of(o);
        other.kind == SymbolKind::Variable && other.name == new && scopes.contains(&scope(o))
    };
    names
        .occurrences()
        .iter()
        .find(meets)
        .map(|o| o.range.start)
}

fn ends_early(file: &File, symbol: SymbolId, new: &str) -> Result<(), RenameError> {
    let mut places = file.names().occurrences_of(symbol);
    let (Some(opener), Some(end)) = (places.next(), places.next()) else {
        return Ok(());
    };
    let (first, _) = file.lines().line_column(opener.range.end);
    let (last, _) = file.lines().line_column(end.range.start);
    // Line numbers count from 1 here, so this is the line behind the opener's.
    for number in first + 2..=last {
        let line = file.text(file.lines().line_range(number));
        if line
            .trim_end_with(|c| matches!(c, '\r' | '\n'))
            .trim_start_with(|c| c == '\t')
            == new.as_bytes()
        {
            return Err(RenameError::EndsEarly {
                name: new.to_owned(),
                line: number,
            });
        }
    }
    Ok(())
}

/// The line of an offset, from 1.
fn line(file: &File, offset: u32) -> u32 {
    file.lines().line_column(offset).0 + 1
}
