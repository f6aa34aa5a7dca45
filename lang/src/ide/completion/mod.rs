//! What could be written at an offset.
//!
//! One file a kind of thing; [`complete`] decides which of them the place asks for. Everything is plain data: an edit
//! on the line of the cursor, and what a menu shows beside it.

mod command;
mod comments;
mod flags;
mod idioms;
mod instructions;
mod mounts;
mod paths;
mod sources;
mod values;
mod variables;

use super::cursor::{self, Body, Line, Part, Place};
use super::surroundings::{Listing, Surroundings};
use super::{File, template};
use crate::syntax::Keyword;
use crate::text::TextRange;
use bstr::ByteSlice;
use std::borrow::Cow;

/// Things that could be written, the likely ones with the lowest rank.
#[derive(Clone, Debug, Default)]
pub struct Completion {
    /// The things.
    pub items: Vec<Item>,
    /// More may be known when asked again.
    pub incomplete: bool,
}

/// One thing that could be written.
#[derive(Clone, Debug)]
pub struct Item {
    /// What the menu shows.
    pub label: Cow<'static, str>,
    /// What kind of thing it is.
    pub kind: ItemKind,
    /// One line beside the label; may be empty.
    pub detail: Cow<'static, str>,
    /// Markdown; may be empty.
    pub documentation: Cow<'static, str>,
    /// The text to replace: on one line, it ends at the offset.
    pub edit: TextRange,
    /// What to write there.
    pub text: String,
    /// `text` has places to fill in, `${1:name}`, and a last one, `$0`.
    pub snippet: bool,
    /// Items with a lower rank come first; those of one rank by label.
    pub rank: u8,
    /// What typed text is compared with.
    pub filter: String,
    /// Better not used any more.
    pub deprecated: bool,
    /// Something follows that can be completed too: the content of a folder, a value.
    pub again: bool,
}

/// Kinds of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// An instruction or a fixed word of one.
    Keyword,
    /// A parser directive or a word of a comment that a tool reads.
    Directive,
    /// A flag.
    Flag,
    /// A key of a mount or the like.
    Key,
    /// One of a few values.
    Value,
    /// A variable.
    Variable,
    /// An operator of an expansion.
    Operator,
    /// A stage.
    Stage,
    /// An image.
    Image,
    /// A tag of an image.
    Tag,
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A user or group.
    Account,
    /// A program.
    Program,
    /// Several words or lines that belong together.
    Snippet,
    /// A check rule.
    Lint,
}

/// Whether whoever asks can fill in places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Texts may have places to fill in.
    Snippets,
    /// Texts are written as they are.
    Plain,
}

/// What could be written at `offset`; beyond the end of the text means its end.
///
/// ```
/// use cooperage_lang::ide::{File, completion::{Style, complete}, surroundings::Nowhere};
/// let file = File::new(b"FROM a AS build\nFROM b\nCOPY --from=".to_vec());
/// let found = complete(&file, 35, &Nowhere, Style::Plain);
/// assert_eq!(found.items[0].label, "build");
/// ```
pub fn complete(file: &File, offset: u32, around: &dyn Surroundings, style: Style) -> Completion {
    let mut menu = Menu::new(around, style);
    match cursor::find(file, offset) {
        Place::Comment(comment) => comments::offer(&mut menu, file, &comment),
        Place::Heredoc(body) => in_heredoc(&mut menu, file, &body),
        Place::Line(line) => in_line(&mut menu, &line),
        Place::Nothing => {}
    }
    menu.found
}

fn in_heredoc(menu: &mut Menu<'_>, file: &File, body: &Body<'_>) {
    if body.terminator {
        return;
    }
    let run = body.keyword == Some(Keyword::Run);
    if (body.expand || run) && variables::offer_in_body(menu, file, body) {
        return;
    }
    if run {
        command::offer_in_body(menu, body);
    }
}

fn in_line(menu: &mut Menu<'_>, line: &Line<'_>) {
    let part = line.part();
    if part == Part::Keyword {
        instructions::offer(menu, line);
        return;
    }
    let Some(keyword) = line.known else { return };
    if variables::offer(menu, line, keyword) {
        return;
    }
    match part {
        Part::Keyword => {}
        Part::Flag(index) => {
            flags::offer(menu, line, keyword, index);
            // In front of a flag of a test its type may be what is wanted.
            if keyword == Keyword::Healthcheck && line.cursor == line.flags[index].start {
                arguments(menu, line, keyword, Part::Gap(0));
            }
        }
        Part::Word(_) | Part::Gap(_) => {
            if line.takes_flag() {
                flags::offer_names(menu, line, keyword);
            }
            arguments(menu, line, keyword, part);
        }
    }
}

/// The arguments behind the flags.
fn arguments(menu: &mut Menu<'_>, line: &Line<'_>, keyword: Keyword, part: Part) {
    let (index, from) = match part {
        Part::Word(index) => (index, line.words[index].start),
        Part::Gap(index) => (index, line.cursor),
        Part::Keyword | Part::Flag(_) => return,
    };
    let word = Spot { index, from };
    match keyword {
        Keyword::From => sources::offer_base(menu, line, word),
        Keyword::Copy | Keyword::Add => paths::offer_copy(menu, line, keyword, word),
        Keyword::Workdir => paths::offer_folder(menu, line, word),
        Keyword::Volume => paths::offer_volume(menu, line, word),
        Keyword::Run => command::offer(menu, line, word),
        Keyword::Cmd | Keyword::Entrypoint => command::offer_program(menu, line, word),
        Keyword::Healthcheck => command::offer_test(menu, line, word),
        Keyword::Shell => values::offer_shells(menu, line, word),
        Keyword::Expose => values::offer_ports(menu, line, word),
        Keyword::Stopsignal => values::offer_signals(menu, line, word),
        Keyword::User => values::offer_users(menu, line, word.from),
        Keyword::Label => values::offer_labels(menu, line, word),
        Keyword::Arg => values::offer_arguments(menu, line, word),
        Keyword::Env => values::offer_environment(menu, line, word),
        Keyword::Maintainer | Keyword::Onbuild => {}
    }
}

/// A word that is being typed.
#[derive(Clone, Copy, Debug)]
struct Spot {
    /// How many words are in front of it.
    index: usize,
    /// Where it starts in the joined text.
    from: usize,
}

/// What an item is made of, before the menu decides whether it fits.
struct Entry {
    kind: ItemKind,
    label: Cow<'static, str>,
    text: Option<Cow<'static, str>>,
    template: Option<Cow<'static, str>>,
    detail: Cow<'static, str>,
    documentation: Cow<'static, str>,
    /// What typed text is compared with; the text when there is none.
    filter: Option<String>,
    rank: u8,
    deprecated: bool,
    again: bool,
}

impl Entry {
    /// An item that writes its label.
    fn new(kind: ItemKind, label: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            label: label.into(),
            text: None,
            template: None,
            detail: Cow::Borrowed(""),
            documentation: Cow::Borrowed(""),
            filter: None,
            rank: 5,
            deprecated: false,
            again: false,
        }
    }

    /// An item that writes a template, or its plain text where none can be filled in.
    fn template(kind: ItemKind, template: impl Into<Cow<'static, str>>) -> Self {
        let template = template.into();
        let label = template::plain(&template).replace('\n', " ");
        Self {
            template: Some(template),
            ..Self::new(kind, label.trim_end().to_owned())
        }
    }

    fn label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.label = label.into();
        self
    }

    fn text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.text = Some(text.into());
        self
    }

    fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = detail.into();
        self
    }

    fn doc(mut self, documentation: impl Into<Cow<'static, str>>) -> Self {
        self.documentation = documentation.into();
        self
    }

    /// Compares what is typed with the label.
    fn by_label(self) -> Self {
        let label = self.label.clone();
        self.filter(&label)
    }

    /// Compares what is typed with `filter`.
    fn filter(mut self, filter: &str) -> Self {
        self.filter = Some(filter.to_owned());
        self
    }

    fn rank(mut self, rank: u8) -> Self {
        self.rank = rank;
        self
    }

    fn again(mut self) -> Self {
        self.again = true;
        self
    }
}

/// Where the items of a menu are written, and what is typed there already.
#[derive(Clone, Debug)]
struct Slot {
    edit: TextRange,
    typed: String,
    /// How many bytes of `typed` are on earlier lines.
    carried: usize,
}

impl Slot {
    /// From joined offset `from` of a line to the cursor.
    fn of(line: &Line<'_>, from: usize) -> Self {
        Self {
            edit: line.edit(from),
            typed: line.typed(from).to_str_lossy().into_owned(),
            carried: line.carried(from),
        }
    }
}

/// The items found so far.
struct Menu<'a> {
    around: &'a dyn Surroundings,
    style: Style,
    found: Completion,
}

impl<'a> Menu<'a> {
    fn new(around: &'a dyn Surroundings, style: Style) -> Self {
        Self {
            around,
            style,
            found: Completion::default(),
        }
    }

    /// Takes an item that fits what is typed.
    fn offer(&mut self, slot: &Slot, entry: Entry) {
        let snippets = self.style == Style::Snippets;
        let (text, snippet) = match (entry.template, entry.text) {
            (Some(template), _) if snippets => (template, true),
            (_, Some(text)) => (text, false),
            (Some(template), None) => (template::plain(&template).into(), false),
            (None, None) => (entry.label.clone(), false),
        };
        let filter = match (entry.filter, snippet) {
            (Some(filter), _) => filter,
            (None, true) => template::plain(&text),
            (None, false) => text.clone().into_owned(),
        };
        if !fits(&slot.typed, &filter) {
            return;
        }
        // Lossy text may be longer than its bytes; then nothing fits.
        let carried = slot.typed.get(..slot.carried).unwrap_or(&slot.typed);
        let Some(text) = rest(&text, carried) else {
            return;
        };
        self.found.items.push(Item {
            label: entry.label,
            kind: entry.kind,
            detail: entry.detail,
            documentation: entry.documentation,
            edit: slot.edit,
            text: text.to_owned(),
            snippet,
            rank: entry.rank,
            filter: filter.get(slot.carried..).unwrap_or_default().to_owned(),
            deprecated: entry.deprecated,
            again: entry.again,
        });
    }

    /// Items of a listing, which says whether they are all.
    fn listed<T>(&mut self, listing: Listing<T>) -> Vec<T> {
        self.found.incomplete |= !listing.complete;
        listing.items
    }

    fn has(&self, label: &str) -> bool {
        self.found.items.iter().any(|item| item.label == label)
    }
}

/// What is left of `text` behind what stands on earlier lines; nothing when it differs from it.
fn rest<'t>(text: &'t str, carried: &str) -> Option<&'t str> {
    if carried.is_empty() {
        return Some(text);
    }
    let begin = text.get(..carried.len())?;
    let rest = &text[carried.len()..];
    (begin.eq_ignore_ascii_case(carried) && !rest.is_empty()).then_some(rest)
}

/// Tells whether the characters of `typed` occur in `text` in that order and in any case, the first of them at the
/// start of a word: about what editors filter by, so that one that does not filter shows the same.
fn fits(typed: &str, text: &str) -> bool {
    let mut wanted = typed.chars().peekable();
    let mut before = ' ';
    let mut begun = false;
    for c in text.chars() {
        let Some(next) = wanted.peek() else { break };
        let starts = begun || !before.is_alphanumeric();
        if starts && c.eq_ignore_ascii_case(next) {
            wanted.next();
            begun = true;
        }
        before = c;
    }
    wanted.peek().is_none()
}

#[cfg(test)]
mod tests;
