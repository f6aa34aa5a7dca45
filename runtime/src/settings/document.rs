//! A settings file as values with their places, whatever it was written in.

use cooperage_lang::text::TextRange;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) range: TextRange,
    pub(super) value: Value,
}

/// What stands there.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// YAML's `null`, also written as nothing at all.
    Null,
    Bool(bool),
    Integer(i64),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
    /// A value that no setting takes: a float, a time. Holds its spelling.
    Other(String),
}

/// A key of a table with its value. No table holds a key twice.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) range: TextRange,
    pub(super) value: Node,
}

/// What kept a file from being read as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) range: TextRange,
    pub(super) message: String,
}

/// Levels of nesting that are read. No setting lies deeper than five.
pub(super) const DEPTH: usize = 32;

impl Value {
    /// The kind of value, as a sentence names it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(_) => "a float or a time",
        }
    }
}
