//! What rules find, and how it becomes what is shown.

use super::config::{Config, Level};
use super::{LINTS, Lint, Run, Subject, find, shellcheck};
use crate::diagnostic::{Diagnostic, Fix};
use crate::format::keep_line_ends;
use crate::ide::File;
use crate::instructions::Instruction;
use crate::text::{LineSpan, TextRange, Word};
use bstr::ByteSlice;
use std::collections::{HashMap, HashSet};

/// What the rules that look at a file by themselves find, at the levels of `config`, in source order.
pub fn check(file: &File, config: &Config) -> Vec<Diagnostic> {
    report(file, &[], config)
}

/// All that is to be shown of a file: what planning and the forecast found (`planned`, errors included) and what the
/// other rules find, at the levels of `config`, without what a pragma silences, in source order. A fault is shown once.
pub fn report(file: &File, planned: &[Diagnostic], config: &Config) -> Vec<Diagnostic> {
    let subject = Subject::new(file, config);
    let is_found = |name: &str| planned.iter().any(|found| found.code == name);
    let mut own = Vec::new();
    for lint in LINTS {
        if let Run::File(run) = lint.run
            && (config.level(lint) != Level::Off || lint.twin.is_some_and(is_found))
        {
            run(&subject, &mut own);
        }
    }
    let mut shown = Shown::of(planned, &subject);
    for finding in own {
        shown.add(finding);
    }
    let mut shown: Vec<Diagnostic> = shown.found.into_iter().flatten().collect();
    shellcheck::drop_doubles(file, &mut shown);
    for found in &mut shown {
        // What a template makes of the line nobody knows.
        let is_template = |fix: &mut Fix| fix.edits.iter().any(|edit| has_braces(file, edit.0));
        found.fix.take_if(is_template);
        if let Some(fix) = &mut found.fix {
            keep_line_ends(file, &mut fix.edits);
        }
    }
    shown.sort_by_key(|found| (found.range.start, found.range.end));
    shown
}

/// The lines of a range hold `{{`, for another program to fill in.
fn has_braces(file: &File, range: TextRange) -> bool {
    let lines = file.lines().range_of(range);
    file.text(lines).contains_str("{{")
}

/// What is to be shown, each fault once.
struct Shown<'s> {
    subject: &'s Subject<'s>,
    /// `None` for what turned out to be silenced.
    found: Vec<Option<Diagnostic>>,
    /// Where official rules found something: name and line.
    official: HashMap<(&'static str, u32), usize>,
    /// Where errors of the language stand; of the very same places our rules say nothing, BuildKit's what it says.
    errors: HashSet<TextRange>,
}

impl<'s> Shown<'s> {
    fn of(planned: &[Diagnostic], subject: &'s Subject<'s>) -> Self {
        let mut shown = Self {
            subject,
            found: Vec::with_capacity(planned.len()),
            official: HashMap::new(),
            errors: planned
                .iter()
                .filter(|d| is_error(d))
                .map(|d| d.range)
                .collect(),
        };
        for found in planned {
            shown.add_planned(found);
        }
        shown
    }

    fn add_planned(&mut self, found: &Diagnostic) {
        let Subject {
            pragmas, config, ..
        } = self.subject;
        if shellcheck::is_code(found.code) {
            let severity = shellcheck::severity(found, config);
            let severity = severity.filter(|_| !pragmas.silence_code(found));
            let found = found.clone();
            self.found
                .extend(severity.map(|severity| Some(Diagnostic { severity, ..found })));
            return;
        }
        let Some(lint) = find(found.code) else {
            // An error of the language stays what it is.
            let silent = pragmas.silence_errors(found.range.start);
            self.found.extend((!silent).then(|| Some(found.clone())));
            return;
        };
        let level = config.level(lint).severity();
        if let Some(severity) = level.filter(|_| !pragmas.silence(lint, found.range.start)) {
            let line = found.lines.first().map_or(0, |lines| lines.start);
            self.official.insert((lint.name, line), self.found.len());
            let mut found = found.clone();
            if let Some(fix) = &mut found.fix {
                take_whole_lines(self.subject.file, fix);
            }
            self.found.push(Some(Diagnostic { severity, ..found }));
        }
    }

    /// Adds what a rule of ours found, unless it has been told: by the official rule, which is then shown at the
    /// stricter of the two levels, or by an error.
    fn add(&mut self, finding: Finding) {
        let Subject {
            pragmas, config, ..
        } = self.subject;
        let (lint, (line, offset)) = (finding.lint, finding.twin_at);
        let twin = lint.twin.and_then(|twin| self.official.get(&(twin, line)));
        let own = finding.into_diagnostic();
        let silent = pragmas.silence(lint, own.range.start) || pragmas.silence(lint, offset);
        let severity = config.level(lint).severity().filter(|_| !silent);
        match (twin.map(|at| &mut self.found[*at]), severity) {
            (Some(official), None) if silent || config.is_off_with_twin(lint) => *official = None,
            (Some(official), severity) => {
                if let (Some(official), Some(severity)) = (official, severity) {
                    official.severity = official.severity.min(severity);
                }
            }
            (None, Some(severity)) if !self.errors.contains(&own.range) => {
                self.found.push(Some(Diagnostic { severity, ..own }));
            }
            (None, _) => {}
        }
    }
}

/// An error of the language, not what a rule found.
fn is_error(found: &Diagnostic) -> bool {
    !shellcheck::is_code(found.code) && find(found.code).is_none()
}

/// Planning does not know lines: where its fix leaves nothing of some, they go altogether.
fn take_whole_lines(file: &File, fix: &mut Fix) {
    for (range, new) in &mut fix.edits {
        let lines = file.lines().range_of(*range);
        let (before, behind) = (
            TextRange::new(lines.start, range.start),
            TextRange::new(range.end, lines.end),
        );
        let is_blank = |range| file.text(range).trim_ascii().is_empty();
        if new.is_empty() && !range.is_empty() && is_blank(before) && is_blank(behind) {
            *range = lines;
        }
    }
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
    /// The place is exact, so that a fix can be.
    pub(super) mendable: bool,
    /// Line and offset at which the rule's twin tells the same fault.
    pub(crate) twin_at: (u32, u32),
}

impl Finding {
    /// A finding at `range` of an instruction, without fix.
    pub(crate) fn new(
        lint: &'static Lint,
        instruction: &Instruction,
        range: TextRange,
        message: impl Into<String>,
    ) -> Self {
        Self::at(lint, instruction.lines, range, message)
    }

    /// A finding at `range` of some lines, without fix.
    pub(crate) fn at(
        lint: &'static Lint,
        lines: LineSpan,
        range: TextRange,
        message: impl Into<String>,
    ) -> Self {
        Self {
            lint,
            range,
            lines,
            message: message.into(),
            fix: None,
            mendable: true,
            twin_at: (lines.start, range.start),
        }
    }

    /// The twin tells it at another instruction.
    pub(crate) fn with_twin_at(mut self, instruction: &Instruction) -> Self {
        self.twin_at = (instruction.lines.start, instruction.range.start);
        self
    }

    /// Takes over what was found while instructions were read; `None` when that is no finding of a rule.
    pub(crate) fn adopt(found: &Diagnostic) -> Option<Self> {
        let lines = found.lines.first().copied().unwrap_or_default();
        let finding = Self::at(
            find(found.code)?,
            lines,
            found.range,
            found.message.as_str(),
        );
        Some(Self {
            fix: found.fix.clone(),
            ..finding
        })
    }

    /// The finding with a fix, where places are exact.
    pub(crate) fn with_fix(
        mut self,
        title: impl Into<String>,
        edits: Vec<(TextRange, String)>,
    ) -> Self {
        let title = title.into();
        self.fix = self.mendable.then_some(Fix { title, edits });
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
    // `${}` asks for no name at all.
    if name.is_empty() || word.text.len() != word.range.len() as usize {
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
