//! Folding. Every recorded fold has to be among ours: the same lines, the same kind, and the same columns when the
//! editor folds at columns. There are never more than the editor's limit.

use super::{Case, Kind};
use cooperage_lang::ide::folding::{FoldKind, FoldOptions, folds};
use serde_json::{Value, json};

pub(super) const KIND: Kind = Kind {
    name: "folding",
    bar: 98.0,
    check,
};

fn check(case: &Case<'_>) -> Result<(), String> {
    let options = &case.value["capabilities"]["foldingRange"];
    // "Without limit" is recorded as the largest number there is.
    let limit = options["rangeLimit"].as_u64().map(|limit| limit as usize);
    let whole_lines = options["lineFoldingOnly"].as_bool().unwrap_or(false);
    let options = FoldOptions { limit, whole_lines };
    let found: Vec<Value> = folds(&case.file, options)
        .iter()
        .map(|fold| {
            let (start, end) = (
                case.positions.line_column(fold.range.start),
                case.positions.line_column(fold.range.end),
            );
            let mut value = json!({ "startLine": start.0, "endLine": end.0 });
            if !whole_lines {
                value["startCharacter"] = json!(start.1);
                value["endCharacter"] = json!(end.1);
            }
            if fold.kind == FoldKind::Comment {
                value["kind"] = json!("comment");
            }
            value
        })
        .collect();
    let recorded = case
        .expected()
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let few = limit.is_none_or(|limit| found.len() <= limit);
    if few && recorded.iter().all(|fold| found.contains(fold)) {
        return Ok(());
    }
    Err(format!("found {found:?}, recorded {recorded:?}"))
}
