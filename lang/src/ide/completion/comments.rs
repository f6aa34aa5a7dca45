//! Comments that mean something: parser directives, and what tells check rules to be quiet.

use super::{Entry, ItemKind, Menu, Slot, Style};
use crate::ide::File;
use crate::ide::cursor::Comment;
use crate::lints::LINTS;
use crate::lints::pragma::{IGNORING, Ignoring};
use crate::rune;
use crate::syntax::directive::{DIRECTIVES, Name};
use crate::text::TextRange;
use bstr::ByteSlice;

/// Offers what fits in a comment.
pub(super) fn offer(menu: &mut Menu<'_>, file: &File, comment: &Comment<'_>) {
    let text = Text::of(comment);
    if let Some((name, value)) = text.directive() {
        match name {
            Name::Check => offer_checks(menu, &text, value, comment.head),
            Name::Syntax | Name::Escape if comment.head => {
                let slot = text.slot(value);
                for (value, doc) in name.spec().values {
                    menu.offer(&slot, Entry::new(ItemKind::Value, *value).doc(*doc));
                }
            }
            Name::Syntax | Name::Escape => {}
        }
        return;
    }
    if comment.head {
        offer_directives(menu, file, comment, &text);
    }
    offer_pragmas(menu, &text);
}

/// The text behind the `#` and blanks, up to the cursor.
struct Text<'t> {
    typed: &'t [u8],
    /// Where it starts in the source.
    start: u32,
}

impl<'t> Text<'t> {
    fn of(comment: &Comment<'t>) -> Self {
        let cursor = comment.cursor.min(comment.text.len());
        let behind = &comment.text[1..cursor];
        let blanks = rune::leading_space(behind);
        Self {
            typed: &behind[blanks..],
            start: comment.range.start + 1 + blanks as u32,
        }
    }

    /// The directive whose value is being typed, and where the value starts in the text.
    fn directive(&self) -> Option<(Name, usize)> {
        let equals = self.typed.find_byte(b'=')?;
        let name = Name::find(self.typed[..equals].trim_end())?;
        let value = equals + 1;
        Some((name, value + rune::leading_space(&self.typed[value..])))
    }

    /// From `from` to the cursor.
    fn slot(&self, from: usize) -> Slot {
        Slot {
            edit: TextRange::new(
                self.start + from as u32,
                self.start + self.typed.len() as u32,
            ),
            typed: self.typed[from..].to_str_lossy().into_owned(),
            carried: 0,
        }
    }
}

/// Directives that the file does not have yet.
fn offer_directives(menu: &mut Menu<'_>, file: &File, comment: &Comment<'_>, text: &Text<'_>) {
    let slot = text.slot(0);
    let others = |name: Name| {
        file.parse()
            .directives()
            .iter()
            .any(|d| d.name == name && !within(d.name_range, comment.range))
    };
    for row in &DIRECTIVES {
        if others(row.name) {
            continue;
        }
        let name = row.name.text();
        let (usual, _) = row.values[0];
        let template = format!("{name}=${{1:{usual}}}");
        let mut entry = Entry::template(ItemKind::Directive, template);
        // What follows `check=` is a list of its own.
        if menu.style == Style::Plain || row.name == Name::Check {
            entry = Entry::new(ItemKind::Directive, format!("{name}=")).again();
        }
        menu.offer(&slot, entry.detail(row.summary).doc(row.docs).rank(3));
    }
}

fn within(inner: TextRange, outer: TextRange) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Options of `check=`, and behind `skip=` and `experimental=` names of rules.
fn offer_checks(menu: &mut Menu<'_>, text: &Text<'_>, value: usize, head: bool) {
    let typed = &text.typed[value..];
    // The value ends at its first space.
    if typed.contains(&b' ') {
        return;
    }
    let part = typed.rfind_byte(b';').map_or(0, |at| at + 1);
    let Some(equals) = typed[part..].find_byte(b'=') else {
        let slot = text.slot(value + part);
        let given = |name: &str| {
            typed[..part]
                .split_str(";")
                .any(|p| p.starts_with_str(name))
        };
        for (option, doc) in Name::Check.spec().values {
            let file_only = option.starts_with("error");
            if !given(option) && (head || !file_only) {
                let entry = Entry::new(ItemKind::Key, *option).doc(*doc);
                menu.offer(&slot, if file_only { entry } else { entry.again() });
            }
        }
        return;
    };
    let list = part + equals + 1;
    match typed[part..part + equals].trim() {
        b"skip" | b"experimental" => {
            offer_rules(menu, text, value + list, Names::Official, true);
        }
        b"error" => {
            let slot = text.slot(value + list);
            menu.offer(&slot, Entry::new(ItemKind::Value, "true"));
            menu.offer(&slot, Entry::new(ItemKind::Value, "false"));
        }
        _ => {}
    }
}

/// Which names of rules a tool reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// The rule's own.
    Official,
    /// hadolint's and ShellCheck's.
    Aliases,
    /// Both.
    Any,
}

/// Rules for a list that starts at `from`, without those that are in it.
fn offer_rules(menu: &mut Menu<'_>, text: &Text<'_>, from: usize, names: Names, all: bool) {
    let typed = &text.typed[from..];
    let last = typed.rfind_byte(b',').map_or(0, |at| at + 1);
    let blanks = rune::leading_space(&typed[last..]);
    let slot = text.slot(from + last + blanks);
    let given: Vec<&[u8]> = typed[..last].split_str(",").map(ByteSlice::trim).collect();
    for lint in LINTS {
        let own = std::iter::once(lint.name).filter(|_| names != Names::Aliases);
        let others = lint
            .aliases
            .iter()
            .copied()
            .filter(|_| names != Names::Official);
        for name in own.chain(others) {
            if !given.contains(&name.as_bytes()) {
                let entry = Entry::new(ItemKind::Lint, name);
                menu.offer(&slot, entry.detail(lint.description).doc(lint.docs));
            }
        }
    }
    if all && last == 0 {
        menu.offer(
            &slot,
            Entry::new(ItemKind::Value, "all")
                .doc("Every rule.")
                .rank(4),
        );
    }
}

/// Other comments that mean something, and what they do.
///
/// **Source:** the documentation of BuildKit's checks, hadolint and dockerfile-utils.
const OTHERS: &[(&str, &str)] = &[
    (
        "check=skip=",
        "Switches check rules off for the instruction below.",
    ),
    (
        SHELL,
        "Says which shell the base image has, for the rules about shell text.",
    ),
    (
        "dockerfile-utils: ignore",
        "Shows nothing about the instruction below, errors included.",
    ),
];

const SHELL: &str = "hadolint shell=";

fn offer_pragmas(menu: &mut Menu<'_>, text: &Text<'_>) {
    let begun = |known: &&Ignoring| text.typed.starts_with_str(known.head);
    if let Some(begun) = IGNORING.iter().find(begun) {
        let names = if begun.any_name {
            Names::Any
        } else {
            Names::Aliases
        };
        return offer_rules(menu, text, begun.head.len(), names, begun.any_name);
    }
    if text.typed.starts_with_str(SHELL) {
        let slot = text.slot(SHELL.len());
        for shell in ["/bin/sh", "/bin/bash", "/bin/dash", "/bin/ksh", "pwsh"] {
            menu.offer(&slot, Entry::new(ItemKind::Value, shell));
        }
        return;
    }
    // A comment for people is not the place for suggestions: only a word of one of these may be typed.
    if text.typed.is_empty() {
        return;
    }
    let slot = text.slot(0);
    let ignoring = IGNORING.iter().map(|known| (known.head, known.doc));
    for (head, doc) in ignoring.chain(OTHERS.iter().copied()) {
        if head.as_bytes().starts_with(text.typed) {
            let entry = Entry::new(ItemKind::Directive, head).doc(doc);
            menu.offer(&slot, entry.again());
        }
    }
}
