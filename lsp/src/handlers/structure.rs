//! What belongs together: folding and growing selections.

use crate::jobs::Answer;
use crate::session::Snapshot;
use cooperage_lang::ide::folding::{Fold, FoldKind, folds};
use cooperage_lang::ide::selection::selection;
use tower_lsp::lsp_types as lsp;

/// `textDocument/foldingRange`.
pub(crate) fn folding(
    snapshot: &Snapshot,
    _: lsp::FoldingRangeParams,
) -> Answer<Option<Vec<lsp::FoldingRange>>> {
    let options = snapshot.setup.features.folding;
    let range = |fold: Fold| {
        let place = snapshot.text.range(fold.range);
        lsp::FoldingRange {
            start_line: place.start.line,
            start_character: (!options.whole_lines).then_some(place.start.character),
            end_line: place.end.line,
            end_character: (!options.whole_lines).then_some(place.end.character),
            kind: Some(match fold.kind {
                FoldKind::Comment => lsp::FoldingRangeKind::Comment,
                FoldKind::Stage | FoldKind::Instruction | FoldKind::Heredoc => {
                    lsp::FoldingRangeKind::Region
                }
            }),
            collapsed_text: None,
        }
    };
    let found = folds(snapshot.file(), options);
    Ok(Some(found.into_iter().map(range).collect()))
}

/// `textDocument/selectionRange`.
pub(crate) fn selections(
    snapshot: &Snapshot,
    params: lsp::SelectionRangeParams,
) -> Answer<Option<Vec<lsp::SelectionRange>>> {
    let grow = |position: lsp::Position| {
        let around = selection(snapshot.file(), snapshot.text.offset(position));
        let outer_first = around.into_iter().rev();
        let nested = outer_first.fold(None, |parent, range| {
            Some(lsp::SelectionRange {
                range: snapshot.text.range(range),
                parent: parent.map(Box::new),
            })
        });
        nested.unwrap_or(lsp::SelectionRange {
            range: lsp::Range::new(position, position),
            parent: None,
        })
    };
    Ok(Some(params.positions.into_iter().map(grow).collect()))
}
