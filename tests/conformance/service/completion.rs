//! Completion: everything the recorded menu offers is in ours.
//!
//! - An item is the same when it writes the same text over the same range. What stands in a place to fill in may
//!   differ (`${1:arm64}` and `${1:linux/arm64}`), and so may blanks inside brackets.
//! - A range over several lines is not one the protocol allows. There ours has to replace what is on the cursor's
//!   line, and write what is left of the text.
//! - Three things are not offered on purpose, since they would be errors: a parser directive that the file has already,
//!   a flag that the line has already, and in `--from=` the stage that copies.

use super::{Case, Kind};
use bstr::ByteSlice;
use cooperage_lang::ide::completion::{Item, Style, complete};
use cooperage_lang::ide::surroundings::Nowhere;
use cooperage_lang::text::TextRange;
use serde_json::Value;

pub(super) const KIND: Kind = Kind {
    name: "completion",
    bar: 98.0,
    check,
};

fn check(case: &Case<'_>) -> Result<(), String> {
    let able = &case.value["capabilities"]["completion"]["completionItem"]["snippetSupport"];
    let style = match able.as_bool() {
        Some(true) => Style::Snippets,
        _ => Style::Plain,
    };
    let offset = case.offset();
    let ours = complete(&case.file, offset, &Nowhere, style).items;
    for wanted in case.expected().as_array().into_iter().flatten() {
        let found = ours.iter().any(|item| is_same(case, item, wanted, offset));
        if !found && !is_left_out(case, wanted, offset) {
            let labels: Vec<_> = ours
                .iter()
                .map(|i| format!("{} {:?}", i.label, i.edit))
                .collect();
            return Err(format!("no {}, but {labels:?}", wanted["label"]));
        }
    }
    Ok(())
}

fn is_same(case: &Case<'_>, ours: &Item, wanted: &Value, offset: u32) -> bool {
    let range = case.range(&wanted["textEdit"]["range"]);
    let text = wanted["textEdit"]["newText"].as_str().unwrap_or_default();
    let shape = shape(text);
    let replaced = case.file.text(range);
    if !replaced.contains(&b'\n') {
        return ours.edit == range && self::shape(&ours.text) == shape;
    }
    let line = replaced
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    let start = range.start + line as u32;
    let above: Vec<u8> = replaced[..line]
        .iter()
        .copied()
        .filter(u8::is_ascii_alphabetic)
        .collect();
    let above = String::from_utf8_lossy(&above).to_ascii_uppercase();
    ours.edit == TextRange::new(start, offset) && above + &self::shape(&ours.text) == shape
}

/// The text with its places emptied and without blanks inside brackets.
fn shape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        if !behind.starts_with(|c: char| c.is_ascii_digit()) {
            out += before;
            out += "${";
            rest = behind;
            continue;
        }
        out += before;
        out += "_";
        rest = behind.split_once('}').map_or("", |(_, after)| after);
    }
    out += rest;
    out.replace("[ ", "[").replace(" ]", "]")
}

fn is_left_out(case: &Case<'_>, wanted: &Value, offset: u32) -> bool {
    let label = wanted["label"].as_str().unwrap_or_default();
    let names = case.file.names();
    if let Some((flag, _)) = label.split_once('=').filter(|(n, _)| n.starts_with('-')) {
        let lines = case.file.lines();
        let line = lines.line_range(lines.line_column(offset).0 + 1);
        let given = format!(" {flag}=");
        return case.file.text(line).find(given.as_bytes()).is_some();
    }
    if let Some((name, _)) = label.split_once('=').filter(|(n, _)| !n.starts_with('-')) {
        return case
            .file
            .parse()
            .directives()
            .iter()
            .any(|d| d.name.text() == name && d.name_range.end + 1 < offset);
    }
    names.stage_at(offset).is_some_and(|stage| {
        let own = names.stage_name(&names.stages()[stage]);
        own.is_some_and(|name| *name == label) || label == stage.to_string()
    })
}
