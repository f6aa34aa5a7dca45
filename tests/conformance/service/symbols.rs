//! Outlines. Every recorded symbol has to be an entry of ours, at whatever level: the same place is selected, the
//! name begins with the recorded one, and what is deprecated is so.

use super::{Case, Kind};
use cooperage_lang::ide::symbols::{Entry, outline};
use serde_json::Value;

pub(super) const KIND: Kind = Kind {
    name: "symbols",
    bar: 98.0,
    check,
};

fn check(case: &Case<'_>) -> Result<(), String> {
    let mut found = Vec::new();
    for entry in outline(&case.file) {
        flatten(entry, &mut found);
    }
    let agrees = |symbol: &Value| {
        let range = case.range(&symbol["location"]["range"]);
        let name = symbol["name"].as_str().unwrap_or_default();
        let deprecated = symbol["deprecated"].as_bool().unwrap_or(false);
        found.iter().any(|entry| {
            entry.selection == range
                && entry.name.starts_with(name)
                && entry.is_deprecated() == deprecated
        })
    };
    let recorded = case
        .expected()
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    match recorded.iter().find(|symbol| !agrees(symbol)) {
        None => Ok(()),
        Some(missing) => Err(format!("recorded {missing}, found {found:?}")),
    }
}

fn flatten(mut entry: Entry, out: &mut Vec<Entry>) {
    let children = std::mem::take(&mut entry.children);
    out.push(entry);
    for child in children {
        flatten(child, out);
    }
}
