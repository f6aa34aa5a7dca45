//! Commands: words of `RUN`, programs of JSON forms, the test of a `HEALTHCHECK`.

use super::paths::{self, Wanted};
use super::{Entry, ItemKind, Menu, Slot, Spot, Style, idioms};
use crate::ide::cursor::{Body, Line};
use crate::ide::json;
use crate::ide::surroundings::Files;
use crate::shell::Script;
use crate::text::TextRange;
use bstr::ByteSlice;

/// The command of a `RUN`.
pub(super) fn offer(menu: &mut Menu<'_>, line: &Line<'_>, word: Spot) {
    if json::at_cursor(line).is_some() {
        offer_json_program(menu, line);
        return;
    }
    if word.index == 0 {
        let slot = Slot::of(line, word.from);
        idioms::offer_commands(menu, line, &slot);
        offer_heredoc(menu, &slot);
    }
    offer_words(menu, line, line.arguments.start);
}

/// Words of shell text that starts at `from`: names of commands, and paths of the image.
fn offer_words(menu: &mut Menu<'_>, line: &Line<'_>, from: usize) {
    let text = line.typed(from);
    let start = from + word_start(text);
    if line.typed(start).contains(&b'/') {
        paths::offer_in(menu, line, start, Files::Before(line.offset), Wanted::Any);
    } else if is_command(text) {
        offer_programs(menu, &Slot::of(line, start), line.offset);
    }
}

/// A here document as the whole command.
fn offer_heredoc(menu: &mut Menu<'_>, slot: &Slot) {
    if menu.style == Style::Snippets {
        let entry = Entry::template(ItemKind::Snippet, "<<EOF\nset -e\n$0\nEOF");
        let doc =
            "A script of several lines. With `set -e` it ends at the first command that fails.";
        menu.offer(slot, entry.label("<<EOF").by_label().doc(doc).rank(6));
    }
}

/// A line of a script in a here document.
pub(super) fn offer_in_body(menu: &mut Menu<'_>, body: &Body<'_>) {
    let text = &body.line[..body.cursor];
    if !is_command(text) {
        return;
    }
    let start = word_start(text);
    let at = |n: usize| body.start + n as u32;
    let slot = Slot {
        edit: TextRange::new(at(start), at(body.cursor)),
        typed: body.line[start..body.cursor].to_str_lossy().into_owned(),
        carried: 0,
    };
    offer_programs(menu, &slot, at(body.cursor));
}

/// Where the word at the end of shell text starts.
fn word_start(text: &[u8]) -> usize {
    let ends = |b: &u8| b.is_ascii_whitespace() || b"|&;(){}`<>='\"".contains(b);
    text.iter().rposition(ends).map_or(0, |at| at + 1)
}

/// The word at the end of shell text names a command, or could.
fn is_command(text: &[u8]) -> bool {
    Script::new(text).is_command_place(text.len() as u32)
}

fn offer_programs(menu: &mut Menu<'_>, slot: &Slot, offset: u32) {
    if slot.typed.contains(['/', '$']) {
        return;
    }
    let programs = menu.around.programs(Files::Before(offset));
    for program in menu.listed(programs) {
        menu.offer(slot, Entry::new(ItemKind::Program, program));
    }
}

/// The program of `CMD` and `ENTRYPOINT`, in either form.
pub(super) fn offer_program(menu: &mut Menu<'_>, line: &Line<'_>, word: Spot) {
    if json::at_cursor(line).is_some() {
        offer_json_program(menu, line);
        return;
    }
    if word.index == 0 && menu.style == Style::Snippets {
        let slot = Slot::of(line, word.from);
        let entry = Entry::template(ItemKind::Snippet, "[\"${1:program}\"]");
        let doc = "The program is started without a shell, and gets signals.";
        menu.offer(&slot, entry.doc(doc).rank(3));
    }
    offer_words(menu, line, line.arguments.start);
}

/// An element of a JSON array: the first is a program, any may be a path.
fn offer_json_program(menu: &mut Menu<'_>, line: &Line<'_>) {
    let Some(spot) = json::at_cursor(line) else {
        return;
    };
    let Some(start) = spot.string else { return };
    if line.typed(start).contains(&b'/') {
        paths::offer_in(menu, line, start, Files::Before(line.offset), Wanted::Any);
    } else if spot.index == 0 {
        offer_programs(menu, &Slot::of(line, start), line.offset);
    }
}

/// `CMD` or `NONE`, then the command.
pub(super) fn offer_test(menu: &mut Menu<'_>, line: &Line<'_>, word: Spot) {
    if word.index > 0 {
        if line.word(0).eq_ignore_ascii_case(b"CMD") {
            offer_words(menu, line, line.words[0].end);
        }
        return;
    }
    let slot = Slot::of(line, word.from);
    let none = Entry::new(ItemKind::Keyword, "NONE").rank(4);
    menu.offer(&slot, none.doc("Switches off the test of the base image."));
    match menu.style {
        Style::Plain => menu.offer(&slot, Entry::new(ItemKind::Keyword, "CMD").rank(3)),
        Style::Snippets => {
            for (template, doc) in TESTS {
                let entry = Entry::template(ItemKind::Keyword, *template);
                menu.offer(&slot, entry.doc(*doc).rank(3));
            }
        }
    }
}

const TESTS: &[(&str, &str)] = &[
    (
        "CMD [\"${1:program}\"]",
        "Runs a program of the image without a shell: exit status 0 means healthy.",
    ),
    (
        "CMD ${1:command}",
        "Runs a command in the shell: exit status 0 means healthy.",
    ),
    (
        "CMD curl -fsS http://localhost:${1:8080}/${2:health} || exit 1",
        "Asks a web server; `curl` has to be in the image.",
    ),
    (
        "CMD wget -qO- http://localhost:${1:8080}/${2:health} || exit 1",
        "Asks a web server with the `wget` that Alpine and BusyBox have.",
    ),
    (
        "CMD pg_isready -U ${1:postgres} || exit 1",
        "Asks PostgreSQL whether it takes connections.",
    ),
];
