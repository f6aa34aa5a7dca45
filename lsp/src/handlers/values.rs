//! Values of variables, beside them while debugging.

use crate::jobs::Answer;
use crate::session::Snapshot;
use cooperage_lang::ide::values::inline_values;
use tower_lsp::lsp_types as lsp;

/// `textDocument/inlineValue`.
pub(crate) fn answer(
    snapshot: &Snapshot,
    params: lsp::InlineValueParams,
) -> Answer<Option<Vec<lsp::InlineValue>>> {
    let found = inline_values(snapshot.file(), snapshot.text.text_range(params.range));
    let value = |found: cooperage_lang::ide::values::InlineValue| {
        lsp::InlineValue::Text(lsp::InlineValueText {
            range: snapshot.text.range(found.range),
            text: found.value,
        })
    };
    Ok(Some(found.into_iter().map(value).collect()))
}
