//! A log of the Static Analysis Results Interchange Format.
//!
//! **Source:** OASIS SARIF 2.1.0 (errata 01); section numbers below are its.

use super::codeclimate::fingerprint;
use super::place::{Lines, Place};
use crate::value::LintView;
use cooperage_lang::diagnostic::{Diagnostic, Fix, Severity};
use cooperage_lang::lints::{self, Level};
use cooperage_runtime::dockerfiles::Checked;
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;

pub(super) fn log(view: &LintView) -> Json {
    let mut rules = Rules::default();
    let mut results = Vec::new();
    for file in &view.files {
        let lines = Lines::of(file);
        let mut same = HashMap::new();
        for finding in &file.findings {
            results.push(result(file, &lines, finding, &mut rules, &mut same));
        }
    }
    let problems: Vec<Json> = view
        .failed
        .iter()
        .map(|(path, error)| {
            json!({
                "level": "error",
                "message": {"text": format!("cannot read {path}: {error}")},
                "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(path)}}}],
            })
        })
        .collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "cooper",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.list,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
            "invocations": [{
                "executionSuccessful": view.failed.is_empty(),
                "toolExecutionNotifications": problems,
            }],
        }],
    })
}

/// The rules that have results (3.19.23), each once.
#[derive(Default)]
struct Rules {
    list: Vec<Json>,
    index: HashMap<&'static str, usize>,
}

impl Rules {
    fn index(&mut self, code: &'static str) -> usize {
        *self.index.entry(code).or_insert_with(|| {
            self.list.push(descriptor(code));
            self.list.len() - 1
        })
    }
}

/// A reporting descriptor (3.49); errors of the language have a name only.
fn descriptor(code: &'static str) -> Json {
    let mut object = Map::new();
    object.insert("id".into(), code.into());
    let Some(lint) = lints::find(code) else {
        return Json::Object(object);
    };
    object.insert("name".into(), lint.name.into());
    object.insert("shortDescription".into(), json!({"text": lint.description}));
    object.insert(
        "help".into(),
        json!({"text": lint.docs, "markdown": lint.docs}),
    );
    if !lint.url.is_empty() {
        object.insert("helpUri".into(), lint.url.into());
    }
    let default = match lint.level {
        Level::Off => json!({"enabled": false}),
        Level::Hint | Level::Info => json!({"level": "note"}),
        Level::Warning => json!({"level": "warning"}),
        Level::Error => json!({"level": "error"}),
    };
    object.insert("defaultConfiguration".into(), default);
    if !lint.aliases.is_empty() {
        object.insert("properties".into(), json!({"tags": lint.aliases}));
    }
    Json::Object(object)
}

fn result(
    file: &Checked,
    lines: &Lines<'_>,
    finding: &Diagnostic,
    rules: &mut Rules,
    same: &mut HashMap<String, u32>,
) -> Json {
    let at = lines.place(finding.range);
    let text = lines.text(at.line, at.line);
    let parts = [
        finding.code,
        text.first().map_or("", |(_, text)| text.trim()),
    ];
    let nth = same
        .entry(fingerprint(&parts, 0))
        .and_modify(|n| *n += 1)
        .or_insert(0);
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info | Severity::Hint => "note",
    };
    let mut result = json!({
        "ruleId": finding.code,
        "ruleIndex": rules.index(finding.code),
        "level": level,
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(&file.name)},
            "region": region(at),
        }}],
        "partialFingerprints": {"cooper/v1": fingerprint(&parts, *nth)},
    });
    if let Some(fix) = &finding.fix {
        result["fixes"] = json!([self::fix(file, lines, fix)]);
    }
    result
}

fn region(at: Place) -> Json {
    json!({
        "startLine": at.line,
        "startColumn": at.column,
        "endLine": at.end_line,
        "endColumn": at.end_column,
    })
}

/// A fix (3.55), its places by lines and by bytes.
fn fix(file: &Checked, lines: &Lines<'_>, fix: &Fix) -> Json {
    let replacements: Vec<Json> = fix
        .edits
        .iter()
        .map(|(range, text)| {
            let mut deleted = region(lines.exact(*range));
            deleted["byteOffset"] = range.start.into();
            deleted["byteLength"] = range.len().into();
            json!({"deletedRegion": deleted, "insertedContent": {"text": text}})
        })
        .collect();
    json!({
        "description": {"text": fix.title},
        "artifactChanges": [{
            "artifactLocation": {"uri": uri(&file.name)},
            "replacements": replacements,
        }],
    })
}

/// A path as a relative URI reference, or an absolute one of scheme `file` (3.10). **Source:** RFC 3986, section 3.3.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=@/".contains(&byte);
    let mut uri = if path.starts_with('/') { "file://" } else { "" }.to_owned();
    for byte in path.bytes() {
        if plain(byte) {
            uri.push(byte.into());
        } else {
            uri += &format!("%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    #[test]
    fn paths_become_uris() {
        assert_eq!(super::uri("a b/Dockerfile"), "a%20b/Dockerfile");
        assert_eq!(super::uri("/x/ä:1"), "file:///x/%C3%A4%3A1");
    }
}
