//! Paths: of the build context, of stages and images, and folders for what is copied.

use super::sources::{self, Numbers};
use super::{Entry, ItemKind, Menu, Slot, Spot};
use crate::ide::cursor::Line;
use crate::ide::json;
use crate::ide::surroundings::Files;
use crate::syntax::Keyword;
use bstr::ByteSlice;

/// Which entries of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Files and folders.
    Any,
    /// Folders only.
    Folders,
}

/// A path that is being typed: what is there of it, and how it has to be written.
struct Typed {
    text: String,
    /// The place of the last segment.
    slot: Slot,
    /// Spaces may stand in it: it is a JSON string.
    spaces: bool,
}

impl Typed {
    /// From joined offset `from` to the cursor.
    fn of(line: &Line<'_>, from: usize, spaces: bool) -> Self {
        let text = line.typed(from).to_str_lossy().into_owned();
        let segment = text.rfind('/').map_or(0, |at| at + 1);
        Self {
            slot: Slot::of(line, (from + segment).min(line.cursor)),
            text,
            spaces,
        }
    }

    /// Tells whether a name can be written there as it is.
    fn can_hold(&self, name: &str) -> bool {
        self.spaces || !name.contains(char::is_whitespace)
    }

    /// The folder part, its last `/` included.
    fn folder(&self) -> &str {
        &self.text[..self.text.rfind('/').map_or(0, |at| at + 1)]
    }
}

/// Which folder a relative path is below, and what of it is wanted.
#[derive(Clone, Copy)]
struct Search<'a> {
    files: Files<'a>,
    base: &'a str,
    wanted: Wanted,
}

/// A source or the destination of a `COPY` that is being typed.
struct Operand {
    index: usize,
    is_last: bool,
    /// Where it starts in the joined text.
    from: usize,
    typed: Typed,
}

impl Operand {
    /// `None` where none can be: between the strings of an array, at a dash that begins a flag.
    fn at(line: &Line<'_>, word: Spot) -> Option<Self> {
        if let Some(spot) = json::at_cursor(line) {
            let from = spot.string?;
            return Some(Self {
                index: spot.index,
                is_last: spot.is_last,
                from,
                typed: Typed::of(line, from, true),
            });
        }
        let typed = Typed::of(line, word.from, false);
        let is_flag = word.index == 0 && typed.text.starts_with('-');
        (!is_flag).then(|| Self {
            index: word.index,
            is_last: word.index + 1 >= line.words.len(),
            from: word.from,
            typed,
        })
    }
}

/// Sources and destination of `COPY` and `ADD`.
pub(super) fn offer_copy(menu: &mut Menu<'_>, line: &Line<'_>, keyword: Keyword, word: Spot) {
    let Some(operand) = Operand::at(line, word) else {
        return;
    };
    // The last of several is the destination, until another follows.
    let may_be_destination = operand.index > 0 && operand.is_last;
    if may_be_destination {
        offer_destination(menu, line, &operand);
    }
    // The context of a trigger is that of another build.
    if line.trigger {
        return;
    }
    let from = flag_value(line, b"from").filter(|_| keyword == Keyword::Copy);
    let search = Search {
        files: sources::files(line, from.as_deref(), Numbers::Stages),
        base: "/",
        wanted: Wanted::Any,
    };
    let rank = if may_be_destination { 7 } else { 5 };
    offer_entries(menu, &operand.typed, search, rank);
}

/// Value of a flag of the line.
fn flag_value(line: &Line<'_>, name: &[u8]) -> Option<String> {
    line.flags.iter().find_map(|span| {
        let (given, value) = line.text(span)[2..].split_once_str("=")?;
        (given == name && !value.is_empty()).then(|| value.to_str_lossy().into_owned())
    })
}

/// Working directories of the stage, then folders of the files as they are there.
fn offer_destination(menu: &mut Menu<'_>, line: &Line<'_>, operand: &Operand) {
    let workdirs = Workdirs::above(line);
    let slot = Slot::of(line, operand.from);
    for (i, workdir) in workdirs.all.iter().rev().enumerate() {
        let path = format!("{}/", workdir.trim_end_matches('/'));
        if !menu.has(&path) && operand.typed.can_hold(&path) {
            let detail = if i == 0 { "working directory" } else { "" };
            let entry = Entry::new(ItemKind::Folder, path).detail(detail);
            menu.offer(&slot, entry.rank(3));
        }
    }
    if operand.typed.text.is_empty() {
        let here = Entry::new(ItemKind::Folder, "./").detail("working directory");
        menu.offer(&slot, here.rank(3));
    }
    offer_entries(menu, &operand.typed, workdirs.folders(line), 5);
}

/// The path of a `WORKDIR`.
pub(super) fn offer_folder(menu: &mut Menu<'_>, line: &Line<'_>, word: Spot) {
    // The whole text is the path, spaces included.
    let from = line.arguments.start.min(word.from);
    let typed = Typed::of(line, from, true);
    offer_entries(menu, &typed, Workdirs::above(line).folders(line), 5);
}

/// A path of a `VOLUME`.
pub(super) fn offer_volume(menu: &mut Menu<'_>, line: &Line<'_>, word: Spot) {
    let typed = match json::at_cursor(line) {
        None => Typed::of(line, word.from, false),
        Some(spot) => match spot.string {
            Some(start) => Typed::of(line, start, true),
            None => return,
        },
    };
    let search = Search {
        files: Files::Before(line.offset),
        base: "/",
        wanted: Wanted::Folders,
    };
    offer_entries(menu, &typed, search, 5);
}

/// A pattern of `--exclude`.
pub(super) fn offer_excluded(menu: &mut Menu<'_>, line: &Line<'_>, from: usize) {
    offer_in(menu, line, from, Files::Context, Wanted::Any);
}

/// A path in `files`, typed from `from` on.
pub(super) fn offer_in(
    menu: &mut Menu<'_>,
    line: &Line<'_>,
    from: usize,
    files: Files<'_>,
    wanted: Wanted,
) {
    let workdirs = Workdirs::above(line);
    let base = match files {
        Files::Before(_) => workdirs.now(),
        Files::Context | Files::Named(_) | Files::Stage(_) => "/",
    };
    let search = Search {
        files,
        base,
        wanted,
    };
    offer_entries(menu, &Typed::of(line, from, false), search, 5);
}

/// Entries of the folder that is typed.
fn offer_entries(menu: &mut Menu<'_>, typed: &Typed, search: Search<'_>, rank: u8) {
    let Some(folder) = below_root(search.base, typed.folder()) else {
        return;
    };
    // A folder that a variable or a pattern makes is not one that can be looked into.
    if folder.contains(['$', '*', '?']) {
        return;
    }
    let listing = menu.around.entries(search.files, &folder);
    for entry in menu.listed(listing) {
        if !typed.can_hold(&entry.name) || (search.wanted == Wanted::Folders && !entry.folder) {
            continue;
        }
        let item = if entry.folder {
            Entry::new(ItemKind::Folder, format!("{}/", entry.name)).again()
        } else {
            Entry::new(ItemKind::File, entry.name)
        };
        menu.offer(&typed.slot, item.rank(rank));
    }
}

/// A folder relative to the root, `.` and `..` taken out; `None` when it is above the root.
fn below_root(base: &str, folder: &str) -> Option<String> {
    let whole = if folder.starts_with('/') {
        folder.to_owned()
    } else {
        format!("{base}/{folder}")
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Working directories that the stage sets above a line.
struct Workdirs {
    /// Absolute, in order; those that only a build knows are missing.
    all: Vec<String>,
}

impl Workdirs {
    fn above(line: &Line<'_>) -> Self {
        let file = line.file();
        let start = line.source(0);
        let names = file.names();
        let mut all: Vec<String> = Vec::new();
        let Some(stage) = names.stage_at(start) else {
            return Self { all };
        };
        let nodes = &file.parse().nodes()[names.stages()[stage].nodes.start as usize..];
        for node in nodes.iter().take_while(|node| node.range.start < start) {
            if node.known != Some(Keyword::Workdir) {
                continue;
            }
            let text = file.text(file.parse().text_range(node.argument_text));
            let text = text.to_str_lossy();
            let path = text.trim_matches(['"', '\'']);
            let base = all.last().map_or("/", String::as_str);
            if let Some(path) = below_root(base, path).filter(|p| !p.contains(['$', '\n'])) {
                all.push(format!("/{path}"));
            }
        }
        Self { all }
    }

    /// Folders of the files as the line finds them, below the one in force.
    fn folders(&self, line: &Line<'_>) -> Search<'_> {
        Search {
            files: Files::Before(line.offset),
            base: self.now(),
            wanted: Wanted::Folders,
        }
    }

    /// The one in force, as far as the file tells.
    fn now(&self) -> &str {
        self.all.last().map_or("/", String::as_str)
    }
}
