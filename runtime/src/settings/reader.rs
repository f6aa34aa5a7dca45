//! Values of a settings file as Rust values: what each type takes, what is said when it is something else, and the same
//! as a JSON schema. What is wrong is told and left out; the rest is used.

use super::document::{Entry, Node, SyntaxError, Value};
use cooperage_lang::diagnostic::{Diagnostic, Fix, Severity};
use cooperage_lang::lints::{self, shellcheck};
use cooperage_lang::model::suggest;
use cooperage_lang::text::{LineIndex, LineSpan, TextRange};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Code of every problem of a settings file.
const CODE: &str = "settings";

/// Collects what is wrong with a file.
pub(super) struct Reader {
    lines: LineIndex,
    /// Whether values may be written in any style, so that a near one can be put in quotes.
    quoted: bool,
    pub(super) problems: Vec<Diagnostic>,
}

/// A type of values that a key takes.
pub(super) trait Setting: Sized {
    /// Reads a value; `None` when nothing of it can be used, which was told then.
    fn read(node: &Node, reader: &mut Reader) -> Option<Self>;

    /// JSON schema of the values it reads.
    fn schema() -> Json;
}

impl Reader {
    /// For a text whose values stand in double quotes (`quoted`) or in none.
    pub(super) fn new(text: &str, quoted: bool) -> Self {
        Self {
            lines: LineIndex::new(text.as_bytes()),
            quoted,
            problems: Vec::new(),
        }
    }

    /// Records a mistake in the spelling of the file itself.
    pub(super) fn syntax(&mut self, error: SyntaxError) {
        self.problem(error.range, error.message);
    }

    /// Records that something is wrong.
    pub(super) fn problem(&mut self, range: TextRange, message: String) {
        let (line, _) = self.lines.line_column(range.start);
        self.problems.push(Diagnostic {
            code: CODE,
            severity: Severity::Error,
            range,
            lines: vec![LineSpan::new(line + 1, line + 1)],
            message,
            fix: None,
        });
    }

    /// Records a value of the wrong type.
    pub(super) fn wrong_type(&mut self, node: &Node, expected: &str) {
        let message = format!("expected {expected}, found {}", node.value.kind());
        self.problem(node.range, message);
    }

    /// The entries of a table; YAML's nothing is an empty one.
    pub(super) fn table<'n>(&mut self, node: &'n Node) -> Option<&'n [Entry]> {
        match &node.value {
            Value::Table(entries) => Some(entries),
            Value::Null => Some(&[]),
            _ => {
                self.wrong_type(node, "a table");
                None
            }
        }
    }

    /// Records a word that is none of those that are known, with the nearest of them as a fix.
    pub(super) fn unknown<'c>(
        &mut self,
        (what, word): (&str, &str),
        range: TextRange,
        known: impl IntoIterator<Item = &'c str> + Clone,
        quoted: bool,
    ) {
        let near = suggest::closest(word.as_bytes(), known.clone(), true);
        let message = match &near {
            Some(near) => format!("unknown {what} `{word}`, did you mean `{near}`?"),
            None => format!("unknown {what} `{word}`{}", few(known)),
        };
        self.problem(range, message);
        if let (Some(near), Some(problem)) = (near, self.problems.last_mut()) {
            let text = if quoted {
                format!("\"{near}\"")
            } else {
                near.clone()
            };
            problem.fix = Some(Fix {
                title: format!("use `{near}`"),
                edits: vec![(range, text)],
            });
        }
    }

    /// Records a key that is none of those that are known.
    pub(super) fn unknown_key(&mut self, entry: &Entry, known: &[&str]) {
        let word = ("key", entry.key.as_str());
        self.unknown(word, entry.range, known.iter().copied(), false);
    }

    /// Records a value that is none of those that are known.
    pub(super) fn unknown_value<'c>(
        &mut self,
        word: (&str, &str),
        range: TextRange,
        known: impl IntoIterator<Item = &'c str> + Clone,
    ) {
        self.unknown(word, range, known, self.quoted);
    }
}

/// `; known are a, b`, when they are few enough to be read.
fn few<'c>(known: impl IntoIterator<Item = &'c str>) -> String {
    const MANY: usize = 15;
    let known: Vec<&str> = known.into_iter().take(MANY + 1).collect();
    if known.is_empty() || known.len() > MANY {
        return String::new();
    }
    format!("; known are {}", known.join(", "))
}

impl Setting for bool {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::Bool(flag) = node.value else {
            reader.wrong_type(node, "true or false");
            return None;
        };
        Some(flag)
    }

    fn schema() -> Json {
        json!({"type": "boolean"})
    }
}

impl Setting for String {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::Text(text) = &node.value else {
            reader.wrong_type(node, "text");
            return None;
        };
        Some(text.clone())
    }

    fn schema() -> Json {
        json!({"type": "string"})
    }
}

/// A text that may also be written as a number or a boolean: the value of a build argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar(pub String);

impl Setting for Scalar {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::Text(text) => Some(Self(text.clone())),
            Value::Integer(number) => Some(Self(number.to_string())),
            Value::Bool(flag) => Some(Self(flag.to_string())),
            _ => {
                reader.wrong_type(node, "text");
                None
            }
        }
    }

    fn schema() -> Json {
        json!({"type": ["string", "integer", "boolean"]})
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> Setting for Number<MIN, MAX> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::Integer(number) = node.value else {
            reader.wrong_type(node, "a number");
            return None;
        };
        let inside = u32::try_from(number)
            .ok()
            .filter(|n| (MIN..=MAX).contains(n));
        if inside.is_none() {
            let message = format!("expected a number from {MIN} to {MAX}, found {number}");
            reader.problem(node.range, message);
        }
        inside.map(Self)
    }

    fn schema() -> Json {
        json!({"type": "integer", "minimum": MIN, "maximum": MAX})
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::List(list) = &node.value else {
            reader.wrong_type(node, "a list");
            return None;
        };
        Some(
            list.iter()
                .filter_map(|item| T::read(item, reader))
                .collect(),
        )
    }

    fn schema() -> Json {
        json!({"type": "array", "items": T::schema()})
    }
}

/// A list that may be written as its only item, or as nothing when it is empty: YAML's ways.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loose<T>(pub Vec<T>);

impl<T: Setting> Setting for Loose<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match node.value {
            Value::List(_) => Vec::read(node, reader).map(Self),
            Value::Null => Some(Self(Vec::new())),
            _ => T::read(node, reader).map(|only| Self(vec![only])),
        }
    }

    fn schema() -> Json {
        json!({"anyOf": [T::schema(), Vec::<T>::schema(), {"type": "null"}]})
    }
}

impl<T: Setting> Setting for BTreeMap<String, T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let entries = reader.table(node)?;
        let pair = |entry: &Entry| Some((entry.key.clone(), T::read(&entry.value, reader)?));
        Some(entries.iter().filter_map(pair).collect())
    }

    fn schema() -> Json {
        json!({"type": "object", "additionalProperties": T::schema()})
    }
}

/// Name or alias of a rule, as written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule(pub String);

impl Rule {
    /// Takes a name that a rule has, or that ShellCheck could have: those are not all known here.
    fn check(name: &str, range: TextRange, in_quotes: bool, reader: &mut Reader) -> Option<Self> {
        if lints::find_called(name).is_some() || shellcheck::is_code(&name.to_ascii_uppercase()) {
            return Some(Self(name.to_owned()));
        }
        reader.unknown(("rule", name), range, rule_names(), in_quotes);
        None
    }
}

/// Every name and alias of every rule.
fn rule_names() -> impl Iterator<Item = &'static str> + Clone {
    lints::LINTS
        .iter()
        .flat_map(|lint| std::iter::once(lint.name).chain(lint.aliases.iter().copied()))
}

impl Setting for Rule {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let name = String::read(node, reader)?;
        let quoted = reader.quoted;
        Self::check(&name, node.range, quoted, reader)
    }

    fn schema() -> Json {
        json!({"type": "string", "examples": ["StageNameCasing", "DL3007", "SC2086"]})
    }
}

/// A table with a value for each of some rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ByRule<T>(pub Vec<(Rule, T)>);

impl<T: Setting> Setting for ByRule<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let entries = reader.table(node)?;
        let pair = |entry: &Entry| {
            let rule = Rule::check(&entry.key, entry.range, false, reader);
            let value = T::read(&entry.value, reader);
            rule.zip(value)
        };
        Some(Self(entries.iter().filter_map(pair).collect()))
    }

    fn schema() -> Json {
        // The names are there to be offered; what values may be is said once, for all of them.
        let named = rule_names().map(|name| (name.to_owned(), json!({})));
        json!({
            "type": "object",
            "properties": named.collect::<serde_json::Map<_, _>>(),
            "patternProperties": {"": T::schema()},
        })
    }
}

/// Names a type of values by a few words, each with what it stands for.
macro_rules! words {
    ($what:literal, $type:ty { $($word:literal => $value:expr,)* }) => {
        impl crate::settings::reader::Setting for $type {
            fn read(
                node: &crate::settings::document::Node,
                reader: &mut crate::settings::reader::Reader,
            ) -> Option<Self> {
                let word = String::read(node, reader)?;
                match word.as_str() {
                    $($word => Some($value),)*
                    _ => {
                        reader.unknown_value(($what, &word), node.range, [$($word),*]);
                        None
                    }
                }
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({"enum": [$($word),*]})
            }
        }
    };
}
pub(super) use words;

/// Declares the keys of a table: a struct whose fields are absent unless written, how it is read, and its schema.
macro_rules! table {
    ($(#[doc = $about:literal])* $name:ident {
        $($(#[doc = $doc:literal])* $key:literal $field:ident: $type:ty,)*
    }) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $($(#[doc = $doc])* pub $field: Option<$type>,)*
        }

        impl crate::settings::reader::Setting for $name {
            fn read(
                node: &crate::settings::document::Node,
                reader: &mut crate::settings::reader::Reader,
            ) -> Option<Self> {
                let mut read = Self::default();
                for entry in reader.table(node)? {
                    match entry.key.as_str() {
                        $($key => {
                            read.$field = crate::settings::reader::Setting::read(&entry.value, reader);
                        })*
                        _ => reader.unknown_key(entry, &[$($key),*]),
                    }
                }
                Some(read)
            }

            fn schema() -> serde_json::Value {
                let mut properties = serde_json::Map::new();
                $({
                    let mut schema = <$type as crate::settings::reader::Setting>::schema();
                    schema["description"] = concat!($($doc, "\n"),*).trim().into();
                    properties.insert($key.to_owned(), schema);
                })*
                serde_json::json!({
                    "type": "object",
                    "properties": properties,
                    "additionalProperties": false,
                })
            }
        }
    };
}
pub(super) use table;
