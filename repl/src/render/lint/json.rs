//! Findings as an array of objects: stable names, lines and columns from 1, columns in letters, ranges in bytes.

use super::place::Lines;
use crate::value::{LintView, RuleRow};
use cooperage_lang::diagnostic::{Diagnostic, Severity};
use cooperage_lang::lints;
use cooperage_runtime::dockerfiles::Checked;
use serde_json::{Value as Json, json};

/// All findings, by file and place.
pub fn array(view: &LintView) -> Json {
    let failed = view.failed.iter().map(|(path, error)| {
        json!({"code": "unreadable", "severity": "error", "message": error, "file": path})
    });
    let found = view.files.iter().flat_map(|file| {
        let lines = Lines::of(file);
        let list = file.findings.iter();
        list.map(|finding| object(file, &lines, finding))
            .collect::<Vec<_>>()
    });
    failed.chain(found).collect()
}

fn object(file: &Checked, lines: &Lines<'_>, finding: &Diagnostic) -> Json {
    let at = lines.place(finding.range);
    let fix = finding.fix.as_ref().map(|fix| {
        let edits = fix.edits.iter();
        let edits = edits.map(|(range, text)| json!({"range": range, "text": text}));
        json!({"title": fix.title, "edits": edits.collect::<Vec<_>>()})
    });
    let aliases = lints::find(finding.code).map_or(&[][..], |lint| lint.aliases);
    json!({
        "code": finding.code,
        "aliases": aliases,
        "severity": severity(finding.severity),
        "message": finding.message,
        "file": file.name,
        "line": at.line,
        "column": at.column,
        "end_line": at.end_line,
        "end_column": at.end_column,
        "range": finding.range,
        "fix": fix,
    })
}

/// A rule and its level.
pub fn rule(row: &RuleRow) -> Json {
    let lint = row.lint;
    json!({
        "name": lint.name,
        "aliases": lint.aliases,
        "level": row.level.name(),
        "fixable": lint.fixable,
        "description": lint.description,
        "url": lint.url,
    })
}

/// The word for a severity.
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
        Severity::Hint => "hint",
    }
}
