//! The labels of a file, for the rules about a project's label schema.

use super::Subject;
use super::subject::unquoted;
use crate::instructions::{Instruction, Kind};
use crate::model::expand::{EnvList, Lexer};
use crate::text::Word;
use bstr::ByteSlice;

/// One pair of a `LABEL`.
pub(super) struct Label<'a> {
    pub(super) instruction: &'a Instruction,
    /// Key without quotes.
    pub(super) key: String,
    pub(super) key_word: &'a Word,
    pub(super) value_word: &'a Word,
}

impl<'a> Label<'a> {
    /// The labels of an instruction, none for one that is no `LABEL`.
    pub(super) fn of(instruction: &'a Instruction) -> impl Iterator<Item = Self> {
        let pairs = match &instruction.kind {
            Kind::Label(labels) => labels.pairs.as_slice(),
            _ => &[],
        };
        pairs.iter().map(move |(key_word, value_word)| Label {
            instruction,
            key: unquoted(&key_word.text).to_str_lossy().into_owned(),
            key_word,
            value_word,
        })
    }

    /// All labels of a file.
    pub(super) fn all(subject: &'a Subject<'_>) -> impl Iterator<Item = Self> {
        subject.inner().flat_map(Self::of)
    }

    /// The value without quotes and escapes; `None` when it depends on variables.
    pub(super) fn value(&self, lexer: &Lexer) -> Option<String> {
        let expanded = lexer.word(&self.value_word.text, &EnvList::new()).ok()?;
        (expanded.matched.is_empty() && expanded.unmatched.is_empty()).then_some(expanded.text)
    }
}
