//! Diagnostics, sent or asked for: what there is to say about a text, mistakes first.

use crate::convert::{self, Text};
use crate::document::Forecasted;
use crate::jobs::{Answer, Fault};
use crate::session::{Snapshot, Workspace};
use crate::setup::Setup;
use crate::workspace;
use cooperage_lang::diagnostic::{Diagnostic, Severity};
use cooperage_lang::lints::{self, shellcheck};
use cooperage_runtime::build::words;
use cooperage_runtime::settings::Faulty;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::SystemTime;
use tower_lsp::lsp_types as lsp;

/// All that is said of one version of a document.
pub(crate) fn of_document(snapshot: &Snapshot) -> Vec<lsp::Diagnostic> {
    let text = &snapshot.text;
    let heard = snapshot.setup.checker.heard();
    let findings = snapshot.findings();
    let mut found: Vec<_> = findings.iter().map(|d| diagnostic(text, d)).collect();
    let setup = &snapshot.setup;
    setup.order_shellcheck(&snapshot.uri, text, heard);
    let shown = snapshot.setup.settings.hint_diagnostics;
    if let Some(forecasted) = snapshot.forecast.as_ref().filter(|_| shown) {
        found.extend(hints(forecasted));
    }
    found
}

/// A finding in the protocol's terms.
pub(super) fn diagnostic(text: &Text, found: &Diagnostic) -> lsp::Diagnostic {
    let severity = match found.severity {
        Severity::Error => lsp::DiagnosticSeverity::ERROR,
        Severity::Warning => lsp::DiagnosticSeverity::WARNING,
        Severity::Info => lsp::DiagnosticSeverity::INFORMATION,
        Severity::Hint => lsp::DiagnosticSeverity::HINT,
    };
    let source = if shellcheck::is_code(found.code) {
        "shellcheck"
    } else {
        "cooper"
    };
    lsp::Diagnostic {
        range: text.range(found.range),
        severity: Some(severity),
        code: Some(lsp::NumberOrString::String(found.code.to_owned())),
        code_description: page(found),
        source: Some(source.to_owned()),
        message: found.message.clone(),
        tags: tags(found),
        ..lsp::Diagnostic::default()
    }
}

/// The official page of the rule that found it.
fn page(found: &Diagnostic) -> Option<lsp::CodeDescription> {
    let own = || lints::find(found.code).map(|lint| lint.url.to_owned());
    let href = shellcheck::page(found.code).or_else(own)?.parse().ok()?;
    Some(lsp::CodeDescription { href })
}

fn tags(found: &Diagnostic) -> Option<Vec<lsp::DiagnosticTag>> {
    (found.code == "MaintainerDeprecated").then(|| vec![lsp::DiagnosticTag::DEPRECATED])
}

/// The forecast as diagnostics of level hint, for editors that show it in no other way.
fn hints(forecasted: &Forecasted) -> impl Iterator<Item = lsp::Diagnostic> {
    let now = SystemTime::now();
    let (text, forecast) = (&forecasted.text, &forecasted.forecast);
    forecast.numbered().map(move |step| {
        let start = forecast.plan.step(step.step).range.start;
        lsp::Diagnostic {
            range: lsp::Range::new(text.position(start), text.line_end(start)),
            severity: Some(lsp::DiagnosticSeverity::HINT),
            code: Some(lsp::NumberOrString::String("forecast".to_owned())),
            source: Some("cooper".to_owned()),
            message: words::sentence(step, &forecast.plan, now),
            ..lsp::Diagnostic::default()
        }
    })
}

/// What is wrong with the projects' settings files that were read so far.
pub(crate) fn of_settings(setup: &Setup) -> Vec<(lsp::Url, Vec<lsp::Diagnostic>)> {
    let faulty = setup.finder.faulty();
    let of_file = |file: Faulty| {
        let uri = convert::uri(&file.path)?;
        let text = Text::new(file.source, setup.encoding);
        let found = file.problems.iter().map(|d| diagnostic(&text, d));
        let found = found.collect();
        Some((uri, found))
    };
    faulty.into_iter().filter_map(of_file).collect()
}

/// `textDocument/diagnostic`.
pub(crate) fn document(
    snapshot: &Snapshot,
    params: lsp::DocumentDiagnosticParams,
) -> Answer<Option<lsp::DocumentDiagnosticReportResult>> {
    let items = of_document(snapshot);
    let result_id = name_of(&items);
    let report = if params.previous_result_id.as_ref() == Some(&result_id) {
        lsp::DocumentDiagnosticReport::Unchanged(lsp::RelatedUnchangedDocumentDiagnosticReport {
            related_documents: None,
            unchanged_document_diagnostic_report: lsp::UnchangedDocumentDiagnosticReport {
                result_id,
            },
        })
    } else {
        lsp::DocumentDiagnosticReport::Full(lsp::RelatedFullDocumentDiagnosticReport {
            related_documents: None,
            full_document_diagnostic_report: lsp::FullDocumentDiagnosticReport {
                result_id: Some(result_id),
                items,
            },
        })
    };
    Ok(Some(report.into()))
}

/// The report of a document that is not open.
pub(crate) fn nothing() -> lsp::DocumentDiagnosticReportResult {
    lsp::DocumentDiagnosticReport::Full(lsp::RelatedFullDocumentDiagnosticReport::default()).into()
}

/// A name for what was found: the same for the same.
fn name_of(items: &[lsp::Diagnostic]) -> String {
    let mut hash = DefaultHasher::new();
    for item in items {
        let range = item.range;
        (range.start.line, range.start.character).hash(&mut hash);
        (range.end.line, range.end.character).hash(&mut hash);
        item.message.hash(&mut hash);
        format!("{:?} {:?}", item.code, item.severity).hash(&mut hash);
    }
    format!("{:016x}", hash.finish())
}

/// `workspace/diagnostic`: all Dockerfiles of the workspace's folders, the open ones as they are typed.
pub(crate) fn workspace(
    workspace: &Workspace,
    params: lsp::WorkspaceDiagnosticParams,
) -> Answer<lsp::WorkspaceDiagnosticReportResult> {
    let known: HashMap<&str, &str> = params
        .previous_result_ids
        .iter()
        .map(|previous| (previous.uri.as_str(), previous.value.as_str()))
        .collect();
    let mut items = Vec::new();
    for snapshot in &workspace.open {
        let found = of_document(snapshot);
        let version = Some(i64::from(snapshot.version));
        items.push(report(&known, snapshot.uri.clone(), version, found));
    }
    for path in workspace::dockerfiles(workspace) {
        if workspace.cancel.is_canceled() {
            return Err(Fault::Canceled);
        }
        let Some(uri) = convert::uri(&path).filter(|_| !workspace.is_open(&path)) else {
            continue;
        };
        // A file that vanished or cannot be read has nothing to say.
        if let Some(source) = workspace::read(&path) {
            let text = Text::new(source, workspace.setup.encoding);
            let findings = workspace.setup.findings_of_closed(&uri, &text);
            let found = findings.iter().map(|d| diagnostic(&text, d)).collect();
            items.push(report(&known, uri, None, found));
        }
    }
    let reported: HashSet<String> = items.iter().map(|item| uri_of(item).to_string()).collect();
    let gone = params.previous_result_ids.into_iter();
    let gone = gone.filter(|previous| !reported.contains(previous.uri.as_str()));
    items.extend(gone.map(|previous| nothing_more(previous.uri)));
    Ok(lsp::WorkspaceDiagnosticReport { items }.into())
}

/// Whether a report is about no file at all.
pub(crate) fn is_about_nothing(report: &lsp::WorkspaceDiagnosticReportResult) -> bool {
    match report {
        lsp::WorkspaceDiagnosticReportResult::Report(report) => report.items.is_empty(),
        lsp::WorkspaceDiagnosticReportResult::Partial(report) => report.items.is_empty(),
    }
}

fn uri_of(report: &lsp::WorkspaceDocumentDiagnosticReport) -> &lsp::Url {
    match report {
        lsp::WorkspaceDocumentDiagnosticReport::Full(full) => &full.uri,
        lsp::WorkspaceDocumentDiagnosticReport::Unchanged(unchanged) => &unchanged.uri,
    }
}

/// Of a file that is gone, or is none of ours any more. Without a name of the result the client does not ask for it again.
fn nothing_more(uri: lsp::Url) -> lsp::WorkspaceDocumentDiagnosticReport {
    lsp::WorkspaceFullDocumentDiagnosticReport {
        uri,
        version: None,
        full_document_diagnostic_report: lsp::FullDocumentDiagnosticReport::default(),
    }
    .into()
}

fn report(
    known: &HashMap<&str, &str>,
    uri: lsp::Url,
    version: Option<i64>,
    items: Vec<lsp::Diagnostic>,
) -> lsp::WorkspaceDocumentDiagnosticReport {
    let result_id = name_of(&items);
    if known.get(uri.as_str()) == Some(&result_id.as_str()) {
        lsp::WorkspaceUnchangedDocumentDiagnosticReport {
            uri,
            version,
            unchanged_document_diagnostic_report: lsp::UnchangedDocumentDiagnosticReport {
                result_id,
            },
        }
        .into()
    } else {
        lsp::WorkspaceFullDocumentDiagnosticReport {
            uri,
            version,
            full_document_diagnostic_report: lsp::FullDocumentDiagnosticReport {
                result_id: Some(result_id),
                items,
            },
        }
        .into()
    }
}
