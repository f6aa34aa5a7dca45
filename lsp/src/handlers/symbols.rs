//! Symbols of a document, and of all Dockerfiles of the workspace.

use crate::convert::{self, Text};
use crate::jobs::{Answer, Fault};
use crate::session::{Snapshot, Workspace};
use crate::workspace;
use cooperage_lang::ide::symbols::{self, Entry, EntryKind};
use tower_lsp::lsp_types as lsp;

/// Symbols of the workspace that are told of at most.
const MOST: usize = 1_000;

/// `textDocument/documentSymbol`.
pub(crate) fn document(
    snapshot: &Snapshot,
    _: lsp::DocumentSymbolParams,
) -> Answer<Option<lsp::DocumentSymbolResponse>> {
    if snapshot.setup.features.nested_symbols {
        let outline = symbols::outline(snapshot.file());
        let nested: Vec<_> = outline
            .into_iter()
            .map(|entry| nested(&snapshot.text, entry))
            .collect();
        return Ok(Some(nested.into()));
    }
    let flat: Vec<_> = symbols::matching(snapshot.file(), "")
        .into_iter()
        .map(|found| flat(&snapshot.text, &snapshot.uri, found))
        .collect();
    Ok(Some(flat.into()))
}

fn kind(kind: EntryKind) -> lsp::SymbolKind {
    match kind {
        EntryKind::Directive => lsp::SymbolKind::PROPERTY,
        EntryKind::Stage => lsp::SymbolKind::MODULE,
        EntryKind::Instruction(_) => lsp::SymbolKind::FUNCTION,
    }
}

fn tags(entry: &Entry) -> Option<Vec<lsp::SymbolTag>> {
    entry
        .is_deprecated()
        .then(|| vec![lsp::SymbolTag::DEPRECATED])
}

#[expect(
    deprecated,
    reason = "the protocol's type has a field that tags replace"
)]
fn nested(text: &Text, entry: Entry) -> lsp::DocumentSymbol {
    lsp::DocumentSymbol {
        tags: tags(&entry),
        kind: kind(entry.kind),
        range: text.range(entry.range),
        selection_range: text.range(entry.selection),
        name: entry.name,
        detail: entry.detail,
        deprecated: None,
        children: Some(
            entry
                .children
                .into_iter()
                .map(|child| nested(text, child))
                .collect(),
        ),
    }
}

#[expect(
    deprecated,
    reason = "the protocol's type has a field that tags replace"
)]
fn flat(
    text: &Text,
    uri: &lsp::Url,
    (entry, container_name): (Entry, Option<String>),
) -> lsp::SymbolInformation {
    lsp::SymbolInformation {
        tags: tags(&entry),
        kind: kind(entry.kind),
        location: lsp::Location::new(uri.clone(), text.range(entry.selection)),
        name: entry.name,
        deprecated: None,
        container_name,
    }
}

/// `workspace/symbol`: of the open documents as they are typed, of the others as they are on disk.
pub(crate) fn workspace(
    workspace: &Workspace,
    params: lsp::WorkspaceSymbolParams,
) -> Answer<Option<Vec<lsp::SymbolInformation>>> {
    let mut found = Vec::new();
    let mut take = |text: &Text, uri: &lsp::Url| {
        let matching = symbols::matching(text.file(), &params.query);
        found.extend(matching.into_iter().map(|entry| flat(text, uri, entry)));
        found.len() < MOST
    };
    let room = workspace
        .open
        .iter()
        .all(|open| take(&open.text, &open.uri));
    let files = if room {
        workspace::dockerfiles(workspace)
    } else {
        Vec::new()
    };
    for path in files {
        if workspace.cancel.is_canceled() {
            return Err(Fault::Canceled);
        }
        let Some(uri) = convert::uri(&path).filter(|_| !workspace.is_open(&path)) else {
            continue;
        };
        let Some(source) = workspace::read(&path) else {
            continue;
        };
        if !take(&Text::new(source, workspace.setup.encoding), &uri) {
            break;
        }
    }
    Ok(Some(found))
}
