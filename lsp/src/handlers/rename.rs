//! Giving a name another one everywhere.

use super::workspace_edit;
use crate::jobs::{Answer, Fault};
use crate::session::Snapshot;
use cooperage_lang::ide::rename;
use tower_lsp::lsp_types as lsp;

/// `textDocument/prepareRename`.
pub(crate) fn prepare(
    snapshot: &Snapshot,
    params: lsp::TextDocumentPositionParams,
) -> Answer<Option<lsp::PrepareRenameResponse>> {
    let found = rename::renamable(snapshot.file(), snapshot.text.offset(params.position))
        .map_err(|error| Fault::Failed(error.to_string()))?;
    Ok(Some(lsp::PrepareRenameResponse::RangeWithPlaceholder {
        range: snapshot.text.range(found.range),
        placeholder: found.name.to_string(),
    }))
}

/// `textDocument/rename`.
pub(crate) fn answer(
    snapshot: &Snapshot,
    params: lsp::RenameParams,
) -> Answer<Option<lsp::WorkspaceEdit>> {
    let offset = snapshot.text.offset(params.text_document_position.position);
    let edits = rename::rename(snapshot.file(), offset, &params.new_name)
        .map_err(|error| Fault::Failed(error.to_string()))?;
    Ok(Some(workspace_edit(snapshot, edits)))
}
