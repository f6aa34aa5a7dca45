//! Renaming. The range of a recorded `prepareRename` has to be ours, a recorded null is a refusal. The edits of a
//! recorded rename have to be among ours; where none were recorded there are to be none.

use super::{Case, Kind};
use cooperage_lang::ide::rename::{renamable, rename};

pub(super) const KIND: Kind = Kind {
    name: "rename",
    bar: 98.0,
    check,
};

fn check(case: &Case<'_>) -> Result<(), String> {
    if case.method() == "prepareRename" {
        prepare(case)
    } else {
        edits(case)
    }
}

fn prepare(case: &Case<'_>) -> Result<(), String> {
    let found = renamable(&case.file, case.offset()).map(|found| found.range);
    let recorded = case.expected();
    let recorded = (!recorded.is_null()).then(|| case.range(recorded));
    if found.as_ref().ok() == recorded.as_ref() {
        return Ok(());
    }
    let found = found.map(|range| case.positions.show(range));
    Err(format!("found {found:?}, recorded {}", case.expected()))
}

fn edits(case: &Case<'_>) -> Result<(), String> {
    let new = case.value["args"][1].as_str().unwrap_or_default();
    let result = rename(&case.file, case.offset(), new);
    let found = result.as_ref().map(Vec::as_slice).unwrap_or_default();
    let recorded: Vec<_> = case
        .expected()
        .as_array()
        .into_iter()
        .flatten()
        .map(|edit| {
            let text = edit["newText"].as_str().unwrap_or_default();
            (case.range(&edit["range"]), text.to_owned())
        })
        .collect();
    if recorded.iter().all(|edit| found.contains(edit)) && recorded.is_empty() == found.is_empty() {
        return Ok(());
    }
    let show = |edits: &[(_, String)]| -> Vec<String> {
        let show = |(range, text): &(_, String)| format!("{} {text}", case.positions.show(*range));
        edits.iter().map(show).collect()
    };
    let refused = result.as_ref().err().map(ToString::to_string);
    Err(format!(
        "found {:?} {refused:?}, recorded {:?}",
        show(found),
        show(&recorded)
    ))
}
