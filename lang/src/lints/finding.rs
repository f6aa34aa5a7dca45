//! What rules find, and how it becomes what is shown.

use super::config::{Config, Level};
use super::{LINTS, Lint, Pragmas, Run, Subject, find, shellcheck};
use crate::diagnostic::{Diagnostic, Fix, Severity};
use crate::ide::File;
use crate::instructions::Instruction;
use crate::text::{LineSpan, TextRange, Word};
use std::collections::{HashMap, HashSet};

/// What the rules that look at a file by themselves find, at the levels of `config`, in source order.
pub fn check(file: &File, config: &Config) -> Vec<Diagnostic> {
    report(file, &[], config)
}

/// All that is to be shown of a file: what planning and the forecast found (`planned`, errors included) and what the
/// other rules find, at the levels of `config`, without what a pragma silences, in source order.
pub fn report(file: &File, planned: &[Diagnostic], config: &Config) -> Vec<Diagnostic> {
    let subject = Subject::new(file, config);
    let mut findings = Vec::new();
    for lint in LINTS {
        if let Run::File(run) = lint.run
            && config.level(lint) != Level::Off
        {
            run(&subject, &mut findings);
        }
    }
    let own = findings.into_iter().map(Finding::into_diagnostic);
    let mut shown: Vec<Diagnostic> = planned
        .iter()
        .cloned()
        .chain(own)
        .filter_map(|found| at_its_level(found, &subject.pragmas, config))
        .collect();
    drop_doubles(&mut shown);
    shellcheck::drop_doubles(file, &mut shown);
    shown.sort_by_key(|found| (found.range.start, found.range.end));
    shown
}

/// Leaves of twins that found something at the same line the official one, at the stricter of the two levels.
fn drop_doubles(shown: &mut Vec<Diagnostic>) {
    let line = |found: &Diagnostic| found.lines.first().map_or(0, |lines| lines.start);
    let mut own: HashMap<(&str, u32), Severity> = HashMap::new();
    for found in shown.iter() {
        if let Some(Lint {
            run: Run::File(_),
            twin: Some(twin),
            ..
        }) = find(found.code)
        {
            own.insert((twin, line(found)), found.severity);
        }
    }
    if own.is_empty() {
        return;
    }
    let mut doubled = HashSet::new();
    for found in shown.iter_mut() {
        let place = (found.code, line(found));
        if let Some(severity) = own.get(&place) {
            found.severity = found.severity.min(*severity);
            doubled.insert(place);
        }
    }
    shown.retain(|found| {
        let twin = find(found.code).and_then(|lint| lint.twin);
        twin.is_none_or(|twin| !doubled.contains(&(twin, line(found))))
    });
}

/// The finding as `config` and the pragmas have it; an error of the language stays what it is.
fn at_its_level(mut found: Diagnostic, pragmas: &Pragmas, config: &Config) -> Option<Diagnostic> {
    if shellcheck::is_code(found.code) {
        found.severity = shellcheck::severity(&found, config)?;
        return Some(found).filter(|found| !pragmas.silence_code(found));
    }
    let Some(lint) = find(found.code) else {
        return Some(found).filter(|error| !pragmas.silence_errors(error.range.start));
    };
    found.severity = config.level(lint).severity()?;
    Some(found).filter(|found| !pragmas.silence(lint, found))
}

/// What a rule found, before pragmas and levels have their say.
#[derive(Clone, Debug)]
pub struct Finding {
    pub(crate) lint: &'static Lint,
    pub(crate) range: TextRange,
    /// Lines the official front end reports.
    pub(crate) lines: LineSpan,
    pub(crate) message: String,
    pub(crate) fix: Option<Fix>,
}

impl Finding {
    /// A finding at `range` of an instruction, without fix.
    pub(crate) fn new(
        lint: &'static Lint,
        instruction: &Instruction,
        range: TextRange,
        message: impl Into<String>,
    ) -> Self {
        Self {
            lint,
            range,
            lines: instruction.lines,
            message: message.into(),
            fix: None,
        }
    }

    /// Takes over what was found while instructions were read; `None` when that is no finding of a rule.
    pub(crate) fn adopt(found: &Diagnostic) -> Option<Self> {
        Some(Self {
            lint: find(found.code)?,
            range: found.range,
            lines: found.lines.first().copied().unwrap_or_default(),
            message: found.message.clone(),
            fix: found.fix.clone(),
        })
    }

    pub(crate) fn with_fix(
        mut self,
        title: impl Into<String>,
        edits: Vec<(TextRange, String)>,
    ) -> Self {
        self.fix = Some(Fix {
            title: title.into(),
            edits,
        });
        self
    }

    pub(crate) fn into_diagnostic(self) -> Diagnostic {
        Diagnostic {
            fix: self.fix,
            ..self.lint.diagnostic(self.range, self.lines, self.message)
        }
    }
}

/// ` (did you mean …?)` for a near miss, or nothing.
pub(super) fn did_you_mean(near: Option<&str>, sigil: &str) -> String {
    near.map(|near| format!(" (did you mean {sigil}{near}?)"))
        .unwrap_or_default()
}

/// Where `name` stands behind `$` or `${` in a word whose text is the same as the source it was read from.
pub(super) fn reference_to(name: &str, word: &Word) -> Option<TextRange> {
    if word.text.len() != word.range.len() as usize {
        return None;
    }
    let text: &[u8] = &word.text;
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80;
    let found = text.windows(name.len()).enumerate().find(|(at, window)| {
        let before = &text[..*at];
        *window == name.as_bytes()
            && (before.ends_with(b"$") || before.ends_with(b"${"))
            && !text.get(at + name.len()).copied().is_some_and(is_name)
    })?;
    let start = word.range.start + found.0 as u32;
    Some(TextRange::new(start, start + name.len() as u32))
}
