//! Code Climate's report, as GitLab reads it.
//!
//! **Source:** GitLab documentation, *Code Quality report format*; Code Climate engine specification, *Issues*.

use super::place::Lines;
use crate::value::LintView;
use cooperage_lang::diagnostic::{Diagnostic, Severity};
use cooperage_runtime::dockerfiles::Checked;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

pub(super) fn array(view: &LintView) -> Json {
    let failed = view.failed.iter().map(|(path, error)| {
        let print = fingerprint(&[path, "unreadable"], 0);
        let place = json!({"path": path, "lines": {"begin": 1, "end": 1}});
        issue("unreadable", Severity::Error, error, place, print)
    });
    failed.chain(view.files.iter().flat_map(issues)).collect()
}

fn issues(file: &Checked) -> Vec<Json> {
    let lines = Lines::of(file);
    let mut same = HashMap::new();
    let one = |finding: &Diagnostic| {
        let at = lines.place(finding.range);
        let place = json!({
            "path": file.name,
            "lines": {"begin": at.line, "end": at.end_line},
            "positions": {
                "begin": {"line": at.line, "column": at.column},
                "end": {"line": at.end_line, "column": at.end_column},
            },
        });
        // Of what is there, not of where it is: a finding stays the same when lines above it come and go.
        let text = lines.text(at.line, at.line);
        let parts = [
            file.name.as_str(),
            finding.code,
            text.first().map_or("", |(_, text)| text.trim()),
        ];
        let nth = same
            .entry(fingerprint(&parts, 0))
            .and_modify(|n| *n += 1)
            .or_insert(0);
        let print = fingerprint(&parts, *nth);
        issue(
            finding.code,
            finding.severity,
            &finding.message,
            place,
            print,
        )
    };
    file.findings.iter().map(one).collect()
}

fn issue(code: &str, severity: Severity, message: &str, place: Json, fingerprint: String) -> Json {
    let severity = match severity {
        Severity::Error => "critical",
        Severity::Warning => "major",
        Severity::Info => "minor",
        Severity::Hint => "info",
    };
    json!({
        "type": "issue",
        "check_name": code,
        "description": message,
        "categories": ["Style"],
        "severity": severity,
        "fingerprint": fingerprint,
        "location": place,
    })
}

/// Hexadecimal digest of some texts, for the `nth` finding that has the same.
pub(super) fn fingerprint(parts: &[&str], nth: u32) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hasher.update(nth.to_le_bytes());
    let digest = hasher.finalize();
    digest
        .iter()
        .take(20)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
