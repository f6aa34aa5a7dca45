//! What is wrong with a Dockerfile, where, and what the official front end would say of it.

use crate::lints::shellcheck;
use crate::text::{LineSpan, TextRange};
use serde::Serialize;
use std::collections::BTreeMap;

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The build fails, or a rule is configured to be that strict.
    Error,
    /// The build goes on; a check rule found something.
    Warning,
    /// A convention is not kept.
    Info,
    /// Worth knowing.
    Hint,
}

/// One finding with a stable code, its exact range and one sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Stable identifier: a check rule's name (`StageNameCasing`) or an error's (`unknown-instruction`).
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Bytes of the source to underline.
    pub range: TextRange,
    /// Lines the official front end reports; usually those of the instruction. May be empty.
    pub lines: Vec<LineSpan>,
    /// One sentence, lower case, no full stop; the official text where there is one.
    pub message: String,
    /// A mechanical fix, when there is one.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// The fix, when it may be made together with those of other rules. What ShellCheck proposes is for one who looks at
    /// the place: quotes around a list on purpose change what a command is given.
    pub fn sure_fix(&self) -> Option<&Fix> {
        (self.fix.as_ref()).filter(|_| !shellcheck::is_code(self.code))
    }
}

/// Replacements that together mend a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// What the fix does, as a menu entry.
    pub title: String,
    /// Non-overlapping replacements, in source order.
    pub edits: Vec<(TextRange, String)>,
}

/// The replacements of several fixes, in source order. Of fixes that touch the same bytes the first is taken; the other
/// can be made when the text is read again.
pub fn merged<'f>(fixes: impl IntoIterator<Item = &'f Fix>) -> Vec<(TextRange, String)> {
    let mut taken = BTreeMap::new();
    for fix in fixes {
        if fix.edits.iter().all(|(range, _)| is_free(&taken, *range)) {
            let edits = fix.edits.iter().map(|(range, text)| (*range, text.clone()));
            taken.extend(edits);
        }
    }
    taken.into_iter().collect()
}

/// Tells whether no replacement touches a range; the ends may meet, unless both only insert.
fn is_free(taken: &BTreeMap<TextRange, String>, range: TextRange) -> bool {
    let before = taken.range(..range).next_back();
    let behind = taken.range(range..).next();
    before.is_none_or(|(other, _)| other.end <= range.start)
        && behind.is_none_or(|(other, _)| range.end <= other.start && *other != range)
}

/// The stage of the official pipeline that stops at an error. **Source:** `spec` section 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Bytes to nodes.
    Parse,
    /// Nodes to typed instructions.
    Instructions,
    /// Expansion, stage graph, mounts, ports.
    Build,
}

/// The first error the official front end reports; it stops there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OfficialError {
    /// Where in the pipeline.
    pub phase: Phase,
    /// Exact text, with the `dockerfile parse error on line N: ` prefix where the original has it.
    pub message: String,
    /// Reported lines.
    pub at: Vec<LineSpan>,
}
