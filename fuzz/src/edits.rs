//! Edits: a file that knows the version before is like one that is read anew, and nothing an editor asks fails.

use crate::Images;
use bstr::ByteSlice;
use cooperage_lang::diagnostic::Diagnostic;
use cooperage_lang::format::{self, Options};
use cooperage_lang::ide::actions::{Action, Request, actions};
use cooperage_lang::ide::completion::{Style, complete};
use cooperage_lang::ide::surroundings::Nowhere;
use cooperage_lang::ide::tokens::tokens;
use cooperage_lang::ide::{
    File, folding, hover, links, navigation, rename, selection, signature, symbols, values,
};
use cooperage_lang::lints::{self, Config};
use cooperage_lang::text::{self, TextRange};

/// Most edits of one input.
const EDITS: usize = 8;

/// Bytes of the input that describe one edit: place, length, length of what is put in.
const DESCRIPTION: usize = 4;

/// Takes edits from the front of an input, makes them on the rest, and asks everything after each.
pub fn edits(input: &[u8]) {
    let Some((count, rest)) = input.split_first() else {
        return ask(&File::new(Vec::new()), 0);
    };
    let count = (usize::from(*count) % EDITS).min(rest.len() / DESCRIPTION);
    let (descriptions, source) = rest.split_at(count * DESCRIPTION);
    let mut file = File::new(source.to_vec());
    ask(&file, 0);
    for description in descriptions.chunks_exact(DESCRIPTION) {
        let (source, at) = edited(file.source(), description);
        file = file.edited(source);
        assert_as_if_new(&file);
        ask(&file, at);
    }
}

/// The text after an edit, and the end of what was put in. What is put in stands elsewhere in the text.
fn edited(source: &[u8], description: &[u8]) -> (Vec<u8>, u32) {
    let number = |i: usize| usize::from(description[i]);
    let start = (number(0) * 256 + number(1)) % (source.len() + 1);
    let end = (start + number(2) % 32).min(source.len());
    let from = number(3) * source.len() / 256;
    let inserted = &source[from..(from + number(3) % 24).min(source.len())];
    let mut text = source[..start].to_vec();
    text.extend_from_slice(inserted);
    let at = text.len() as u32;
    text.extend_from_slice(&source[end..]);
    (text, at)
}

fn assert_as_if_new(file: &File) {
    let new = File::new(file.source().to_vec());
    assert_eq!(
        tokens(file, None),
        tokens(&new, None),
        "{}",
        file.source().as_bstr()
    );
    let scripts = |file: &File| {
        let scripts = file.scripts().iter();
        scripts
            .map(|s| {
                (
                    s.node,
                    s.script.commands().to_vec(),
                    s.source_range(all(s.script.text().len())),
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(scripts(file), scripts(&new));
}

fn all(len: usize) -> TextRange {
    TextRange::new(0, len as u32)
}

/// Asks what an editor asks at a place; every answer lies in the text.
fn ask(file: &File, at: u32) {
    let len = file.source().len() as u32;
    crate::assert_lossless(file);
    let found = lints::report(
        file,
        &crate::plan(file.source()).diagnostics,
        &Config::default(),
    );
    let mut ranges: Vec<TextRange> = found.iter().map(|d| d.range).collect();
    ranges.extend(tokens(file, None).iter().map(|token| token.range));
    for range in [TextRange::new(at, at), TextRange::new(at / 2, at)] {
        ranges.extend(changes(file, range, &found));
    }
    ranges.extend(structure(file, at));
    ranges.extend(help(file, at));
    for range in ranges {
        assert!(
            range.start <= range.end && range.end <= len,
            "{range:?} of {len}"
        );
    }
}

/// Ranges of what helps to type and to read at a place.
fn help(file: &File, at: u32) -> Vec<TextRange> {
    signature::signatures(file, at);
    let items = complete(file, at, &Nowhere, Style::Snippets).items;
    let hover = hover::hover(file, at, &Nowhere).map(|hover| hover.range);
    items
        .into_iter()
        .map(|item| item.edit)
        .chain(hover)
        .collect()
}

/// What would be replaced by what is offered at a place; all of it can be done.
fn changes(file: &File, range: TextRange, found: &[Diagnostic]) -> Vec<TextRange> {
    let request = Request {
        file,
        range,
        diagnostics: found,
        named: &[],
        images: &Images,
    };
    let options = Options::default();
    let typed = ['\n', '\\', '`'].map(|typed| format::on_type(file, &options, range.end, typed));
    let offered = actions(&request).into_iter().map(|action| {
        assert_well_formed(file, &action);
        action.edits
    });
    let formatted = std::iter::once(format::edits(file, &options, Some(range)));
    let all = offered.chain(typed).chain(formatted);
    all.flat_map(|edits| {
        text::apply(file.source(), &edits);
        edits.into_iter().map(|(range, _)| range)
    })
    .collect()
}

/// What an action makes of a file that is read without error is read without error.
fn assert_well_formed(file: &File, action: &Action) {
    let after = File::new(text::apply(file.source(), &action.edits));
    let error = |file: &File| file.dockerfile().official_error.clone();
    if error(file).is_none() {
        let text = after.source().as_bstr();
        assert_eq!(error(&after), None, "after {:?}:\n{text}", action.title);
    }
}

/// Ranges of all that an editor shows of a file's names and structure.
fn structure(file: &File, at: u32) -> Vec<TextRange> {
    let mut ranges: Vec<TextRange> = Vec::new();
    ranges.extend(
        folding::folds(file, folding::FoldOptions::default())
            .iter()
            .map(|f| f.range),
    );
    ranges.extend(links::links(file).iter().map(|link| link.range));
    ranges.extend(selection::selection(file, at));
    ranges.extend(navigation::references(file, at, true));
    ranges.extend(navigation::highlights(file, at).iter().map(|h| h.range));
    ranges.extend(
        navigation::linked(file, at)
            .into_iter()
            .flat_map(|linked| linked.ranges),
    );
    ranges.extend(navigation::definition(file, at).map(|definition| definition.origin));
    ranges.extend(
        rename::rename(file, at, "x")
            .into_iter()
            .flatten()
            .map(|(range, _)| range),
    );
    let mut entries = symbols::outline(file);
    while let Some(entry) = entries.pop() {
        ranges.extend([entry.range, entry.selection]);
        entries.extend(entry.children);
    }
    values::inline_values(file, TextRange::new(0, at));
    ranges
}
