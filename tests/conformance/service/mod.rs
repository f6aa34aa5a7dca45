//! What an editor is answered, beside the recorded answers of the language service that most editors use.
//!
//! The measure is *at least what was recorded, in substance*: everything the recorded answer holds must be in ours,
//! at the same place; more is welcome. Each kind has its own file with its rule of what that means. A kind passes
//! when its share of agreeing cases reaches its bar; the rest are named in the output.
//!
//! Recorded positions count as the protocol does: UTF-16 units in lines that end in LF, CR LF or CR.

mod completion;
mod definition;
mod folding;
mod highlight;
mod hover;
mod links;
mod rename;
mod semantictokens;
mod signatures;
mod symbols;

use cooperage_lang::ide::File;
use cooperage_lang::text::TextRange;
use serde_json::Value;

/// Kinds whose answers are recorded and judged.
pub(crate) fn kinds() -> Vec<Kind> {
    vec![
        completion::KIND,
        definition::KIND,
        folding::KIND,
        highlight::KIND,
        hover::KIND,
        links::KIND,
        rename::KIND,
        signatures::KIND,
        semantictokens::KIND,
        symbols::KIND,
    ]
}

/// One file of recorded answers.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// The case file is `service-NAME.jsonl`.
    pub(crate) name: &'static str,
    /// Least share of agreeing cases, in percent.
    pub(crate) bar: f64,
    /// Compares one answer.
    pub(crate) check: fn(&Case<'_>) -> Result<(), String>,
}

/// One recorded request and answer, with the document read.
pub(crate) struct Case<'a> {
    pub(crate) value: &'a Value,
    pub(crate) file: File,
    pub(crate) positions: Positions,
}

/// How many disagreements are shown for each kind.
const SHOWN: usize = 12;

/// Judges every case of every kind; fails when one is below its bar.
pub(crate) fn run(kinds: &[Kind]) {
    let Some(shared) = super::shared() else {
        tell!("SKIPPED: no case data; set COOPERAGE_CASES to its folder");
        return;
    };
    let folder = shared.join("cases/lint");
    let failed: Vec<String> = kinds
        .iter()
        .filter_map(|kind| {
            let file = folder.join(format!("service-{}.jsonl", kind.name));
            let Ok(text) = std::fs::read_to_string(&file) else {
                tell!("service-{}: no file {}", kind.name, file.display());
                return None;
            };
            tally(kind, &text).err()
        })
        .collect();
    assert!(failed.is_empty(), "below the bar: {failed:?}");
}

/// Prints `service-KIND: N of M`; an error when N is too small.
fn tally(kind: &Kind, text: &str) -> Result<(), String> {
    let (mut agreed, mut all, mut shown) = (0_u32, 0_u32, 0);
    for line in text.lines().filter(|line| !line.is_empty()) {
        let value: Value = serde_json::from_str(line).expect("a case is JSON");
        let case = Case::new(&value);
        all += 1;
        match (kind.check)(&case) {
            Ok(()) => agreed += 1,
            Err(why) if shown < SHOWN => {
                shown += 1;
                let id = value["id"].as_str().unwrap_or("?");
                tell!(
                    "  {id} {}: {why}\n    {}",
                    value["args"],
                    value["dockerfile"]
                );
            }
            Err(_) => {}
        }
    }
    tell!("service-{}: {agreed} of {all}", kind.name);
    if f64::from(agreed) * 100.0 >= f64::from(all) * kind.bar {
        Ok(())
    } else {
        Err(format!(
            "service-{}: {agreed} of {all}, bar {} %",
            kind.name, kind.bar
        ))
    }
}

impl<'a> Case<'a> {
    fn new(value: &'a Value) -> Self {
        let text = value["dockerfile"].as_str().unwrap_or_default();
        Self {
            value,
            file: File::new(text.as_bytes().to_vec()),
            positions: Positions::new(text),
        }
    }

    /// Name of the recorded method.
    pub(crate) fn method(&self) -> &str {
        self.value["method"].as_str().unwrap_or_default()
    }

    /// The recorded answer.
    pub(crate) fn expected(&self) -> &'a Value {
        &self.value["expect"]
    }

    /// Offset of the position that is the first argument.
    pub(crate) fn offset(&self) -> u32 {
        self.positions.offset(&self.value["args"][0])
    }

    /// The range of a recorded `{start, end}`.
    pub(crate) fn range(&self, range: &Value) -> TextRange {
        let at = |end: &str| self.positions.offset(&range[end]);
        TextRange::new(at("start"), at("end"))
    }
}

/// Positions of the protocol in a text.
pub(crate) struct Positions {
    text: String,
    /// Where lines start, and the end of the text.
    lines: Vec<usize>,
}

impl Positions {
    fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let ends_line = |at: usize| match bytes[at] {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        let mut lines = vec![0];
        lines.extend(
            (0..bytes.len())
                .filter(|at| ends_line(*at))
                .map(|at| at + 1),
        );
        Self {
            text: text.to_owned(),
            lines,
        }
    }

    /// Byte offset of `{line, character}`; the nearest one when there is no such place.
    pub(crate) fn offset(&self, position: &Value) -> u32 {
        let number = |key: &str| position[key].as_u64().unwrap_or(0) as usize;
        let Some(start) = self.lines.get(number("line")).copied() else {
            return self.text.len() as u32;
        };
        let mut units = number("character");
        let mut at = start;
        for c in self.text[start..].chars() {
            if units == 0 || matches!(c, '\n' | '\r') {
                break;
            }
            units = units.saturating_sub(c.len_utf16());
            at += c.len_utf8();
        }
        at as u32
    }

    /// Line and UTF-16 column of a byte offset.
    pub(crate) fn line_column(&self, offset: u32) -> (u32, u32) {
        let offset = offset as usize;
        let line = self.lines.partition_point(|start| *start <= offset) - 1;
        let column = self.text[self.lines[line]..offset].encode_utf16().count();
        (line as u32, column as u32)
    }

    /// `line:column-line:column`, for messages.
    pub(crate) fn show(&self, range: TextRange) -> String {
        let (a, b) = (self.line_column(range.start), self.line_column(range.end));
        format!("{}:{}-{}:{}", a.0, a.1, b.0, b.1)
    }
}
