//! Formatting: a document, a part of it, or what was just typed.

use crate::jobs::Answer;
use crate::session::Snapshot;
use cooperage_lang::format::{self, Indent, Options};
use cooperage_lang::text::TextRange;
use tower_lsp::lsp_types as lsp;

/// Characters behind which something may be formatted, the first and the others.
pub(super) const TRIGGERS: (&str, [&str; 2]) = ("\n", ["\\", "`"]);

/// `textDocument/formatting`.
pub(crate) fn document(
    snapshot: &Snapshot,
    params: lsp::DocumentFormattingParams,
) -> Answer<Option<Vec<lsp::TextEdit>>> {
    let options = options(snapshot, &params.options);
    Ok(edits(
        snapshot,
        format::edits(snapshot.file(), &options, None),
    ))
}

/// `textDocument/rangeFormatting`.
pub(crate) fn range(
    snapshot: &Snapshot,
    params: lsp::DocumentRangeFormattingParams,
) -> Answer<Option<Vec<lsp::TextEdit>>> {
    let options = options(snapshot, &params.options);
    let range = Some(snapshot.text.text_range(params.range));
    Ok(edits(
        snapshot,
        format::edits(snapshot.file(), &options, range),
    ))
}

/// `textDocument/onTypeFormatting`.
pub(crate) fn typed(
    snapshot: &Snapshot,
    params: lsp::DocumentOnTypeFormattingParams,
) -> Answer<Option<Vec<lsp::TextEdit>>> {
    let options = options(snapshot, &params.options);
    let offset = snapshot.text.offset(params.text_document_position.position);
    let Some(typed) = params.ch.chars().next() else {
        return Ok(None);
    };
    Ok(edits(
        snapshot,
        format::on_type(snapshot.file(), &options, offset, typed),
    ))
}

/// The project's options; where they say nothing of indentation, with the editor's.
fn options(snapshot: &Snapshot, editor: &lsp::FormattingOptions) -> Options {
    let project = snapshot.setup.project(&snapshot.uri).format;
    let wanted = match u8::try_from(editor.tab_size) {
        Ok(size @ 1..=16) if editor.insert_spaces => Some(Indent::Spaces(size)),
        _ if editor.insert_spaces => None,
        _ => Some(Indent::Tab),
    };
    Options {
        indent: project.indent.or(wanted),
        ..project
    }
}

fn edits(snapshot: &Snapshot, edits: Vec<(TextRange, String)>) -> Option<Vec<lsp::TextEdit>> {
    Some(
        edits
            .into_iter()
            .map(|edit| snapshot.text.edit(edit))
            .collect(),
    )
}
