//! Collects what planning finds, and keeps apart what the official front end would have said of it.

use crate::diagnostic::{Diagnostic, OfficialError, Phase, Severity};
use crate::instructions::Instruction;
use crate::lints::Finding;
use crate::lints::options::CheckOptions;
use crate::text::{LineSpan, TextRange, Word};

/// Where a command of a stage is to be reported: at itself, or at the `FROM` line when it is a trigger.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) range: TextRange,
    pub(super) lines: LineSpan,
    pub(super) trigger: bool,
}

impl Place {
    pub(super) fn of(instruction: &Instruction) -> Self {
        Self {
            range: instruction.range,
            lines: instruction.lines,
            trigger: false,
        }
    }

    /// The range of a word of the command, which for a trigger lies in another text.
    pub(super) fn word(self, word: &Word) -> TextRange {
        if self.trigger { self.range } else { word.range }
    }
}

/// Diagnostics and the official first error so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// With each: whether the official front end reports it too, as a warning before its first error.
    found: Vec<(Diagnostic, bool)>,
    pub(super) official_error: Option<OfficialError>,
    /// Rules that found something, with the lines of the first finding.
    called: Vec<(&'static str, LineSpan)>,
}

impl Report {
    /// Takes over a diagnostic of an earlier phase.
    pub(super) fn adopt(&mut self, diagnostic: Diagnostic) {
        self.found.push((diagnostic, false));
    }

    /// Records an error of the build phase. `at` are the official lines, none where the original reports none.
    pub(super) fn error(
        &mut self,
        code: &'static str,
        range: TextRange,
        at: &[LineSpan],
        message: impl Into<String>,
    ) {
        let message = message.into();
        self.official_error.get_or_insert_with(|| OfficialError {
            phase: Phase::Build,
            message: message.clone(),
            at: at.to_vec(),
        });
        let error = Diagnostic {
            code,
            severity: Severity::Error,
            range,
            lines: at.to_vec(),
            message,
            fix: None,
        };
        self.found.push((error, false));
    }

    /// Records findings of rules that are switched on.
    pub(super) fn findings(
        &mut self,
        options: &CheckOptions,
        found: impl IntoIterator<Item = Finding>,
    ) {
        let reported = self.official_error.is_none();
        self.findings_reported(options, found, reported);
    }

    /// As [`Report::findings`], saying whether the official front end gets that far.
    pub(super) fn findings_reported(
        &mut self,
        options: &CheckOptions,
        found: impl IntoIterator<Item = Finding>,
        reported: bool,
    ) {
        for finding in found {
            if options.runs(finding.lint) {
                self.called.push((finding.lint.name, finding.lines));
                self.found.push((finding.into_diagnostic(), reported));
            }
        }
    }

    /// The error that `error=true` makes of findings.
    pub(super) fn fail_on_findings(&mut self) {
        let Some((_, lines)) = self.called.first().copied() else {
            return;
        };
        let mut names: Vec<_> = self.called.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        let message = format!("lint violation found for rules: {}", names.join(", "));
        let range = self.found.first().map(|(d, _)| d.range).unwrap_or_default();
        self.error("lint-violation", range, &[lines], message);
    }

    /// Diagnostics in source order, and which of them the official front end reports as warnings.
    pub(super) fn finish(mut self) -> (Vec<Diagnostic>, Vec<usize>, Option<OfficialError>) {
        self.found
            .sort_by_key(|(d, _)| (d.range.start, d.range.end));
        let reported = self
            .found
            .iter()
            .enumerate()
            .filter(|(_, (_, r))| *r)
            .map(|(i, _)| i)
            .collect();
        (
            self.found.into_iter().map(|(d, _)| d).collect(),
            reported,
            self.official_error,
        )
    }
}
