//! Flags: `--name=value` in front of an instruction's arguments.

use super::line::Problem;
use crate::model::suggest;
use crate::rune;
use crate::text::{TextRange, Word};
use bstr::ByteSlice;

/// A flag an instruction accepts.
#[derive(Debug)]
pub struct Flag {
    /// Name without dashes.
    pub name: &'static str,
    /// What its value may be.
    pub kind: FlagKind,
    /// Placeholder or choices for the value: `«user[:group]»`, `default|none|host`.
    pub value: &'static str,
    /// A usual value, to start from; empty when the flag may stand alone.
    pub example: &'static str,
    /// Every value, when they can be listed.
    pub choices: &'static [&'static str],
    /// One sentence.
    pub doc: &'static str,
}

/// The value a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagKind {
    /// `--name` or `--name=true|false`.
    Bool,
    /// `--name=text`, once.
    Text,
    /// `--name=text`, any number of times.
    List,
}

/// Flags of a line that were checked, with their values.
#[derive(Debug, Default)]
pub struct Flags {
    found: Vec<(&'static str, Word)>,
}

impl Flags {
    /// Value of a text flag; `None` when absent.
    pub fn text(&self, name: &str) -> Option<&Word> {
        self.found
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value)
    }

    /// Value of a text flag for which empty means absent.
    pub fn non_empty(&self, name: &str) -> Option<Word> {
        self.text(name)
            .filter(|value| !value.text.is_empty())
            .cloned()
    }

    /// Value of a boolean flag; `None` when absent.
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.text(name)
            .map(|value| !value.text.eq_ignore_ascii_case(b"false"))
    }

    /// Values of a list flag, in order.
    pub fn list(&self, name: &str) -> Vec<Word> {
        self.found
            .iter()
            .filter(|(n, _)| *n == name)
            .map(|(_, value)| value.clone())
            .collect()
    }
}

/// Checks the flags of a line against those it may have.
///
/// # Errors
/// The first problem, with its official text. **Source:** BuildKit `instructions/bflag.go`, `Parse`.
pub fn check(given: &[Word], known: &[Flag]) -> Result<Flags, Problem> {
    let mut flags = Flags::default();
    for flag in given {
        let Some(body) = flag.text.strip_prefix(b"--") else {
            let message = format!("arg should start with -- : {}", rune::to_string(&flag.text));
            return Err(Problem::new("bad-flag", message, flag.range));
        };
        if body.is_empty() {
            break;
        }
        let (name, value) = match body.split_once_str("=") {
            Some((name, value)) => (name, Some(value)),
            None => (body, None),
        };
        let shown = || rune::to_string(name);
        let problem = |code, message: String| Err(Problem::new(code, message, flag.range));
        let Some(known) = known.iter().find(|f| f.name.as_bytes() == name) else {
            let hint = suggest::hint(name, known.iter().map(|f| f.name), true);
            return problem("unknown-flag", format!("unknown flag: --{}{hint}", shown()));
        };
        if known.kind != FlagKind::List && flags.text(known.name).is_some() {
            return problem(
                "duplicate-flag",
                format!("duplicate flag specified: --{}", shown()),
            );
        }
        let missing = match known.kind {
            FlagKind::Bool => value.is_some_and(<[u8]>::is_empty),
            FlagKind::Text | FlagKind::List => value.is_none(),
        };
        if missing {
            return problem(
                "missing-flag-value",
                format!("missing a value on flag: --{}", shown()),
            );
        }
        let value = value.unwrap_or_default();
        if known.kind == FlagKind::Bool
            && !matches!(rune::lower(value).as_str(), "" | "true" | "false")
        {
            let message = format!(
                "expecting boolean value for flag --{}, not: {}",
                shown(),
                rune::to_string(value)
            );
            return problem("bad-flag-value", message);
        }
        flags
            .found
            .push((known.name, Word::new(value, value_range(flag, value.len()))));
    }
    Ok(flags)
}

/// Place of the last `len` bytes of a flag; all of it when quotes or escapes were removed.
fn value_range(flag: &Word, len: usize) -> TextRange {
    if flag.text.len() == flag.range.len() as usize {
        TextRange::new(flag.range.end - len as u32, flag.range.end)
    } else {
        flag.range
    }
}
