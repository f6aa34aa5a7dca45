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

    /// The folder part, its last `/` included.
    fn folder(&self) -> &str {
        &self.text[..self.text.rfind('/').map_or(0, |at| at + 1)]
    }
}

/// Sources and destination of `COPY` and `ADD`.
pub(super) fn offer_copy(menu: &mut Menu<'_>, line: &Line<'_>, keyword: Keyword, word: Spot) {
    let (index, from, spaces, last) = match json::at_cursor(line) {
        Some(json) => match json.string {
            Some(start) => (json.index, start, true, json.is_last),
            None => return,
        },
        None => (
            word.index,
            word.from,
            false,
            word.index + 1 >= line.words.len(),
        ),
    };
    let typed = Typed::of(line, from, spaces);
    if typed.text.starts_with('-') && index == 0 {
        return;
    }
    // The last of several words is the destination; a first word is a source until another follows.
    if index > 0 && last {
        offer_destination(menu, line, &typed, from);
    }
    // The context of a trigger is that of another build.
    let sources = !line.trigger && (index == 0 || !last || !spaces);
    if sources {
        let given = flag_value(line, b"from");
        let files = match keyword {
            Keyword::Copy => sources::files(line, given.as_deref(), Numbers::Stages),
            _ => Files::Context,
        };
        if index > 0 && last {
            // More sources may follow, but the destination is likelier.
            return offer_entries(menu, &typed, files, Wanted::Any, "", 7);
        }
        offer_entries(menu, &typed, files, Wanted::Any, "", 5);
    }
}

/// Value of a flag of the line.
fn flag_value(line: &Line<'_>, name: &[u8]) -> Option<String> {
    line.flags.iter().find_map(|span| {
        let (given, value) = line.text(span)[2..].split_once_str("=")?;
        (given == name && !value.is_empty()).then(|| value.to_str_lossy().into_owned())
    })
}

/// Working directories of the stage, then folders of the files as they are there.
fn offer_destination(menu: &mut Menu<'_>, line: &Line<'_>, typed: &Typed, from: usize) {
    let workdirs = Workdirs::above(line);
    let slot = Slot::of(line, from);
    for (i, workdir) in workdirs.all.iter().rev().enumerate() {
        let path = format!("{}/", workdir.trim_end_matches('/'));
        if !menu.has(&path) && (typed.spaces || !path.contains(' ')) {
            let detail = if i == 0 { "working directory" } else { "" };
            menu.offer(
                &slot,
                Entry::new(ItemKind::Folder, path).detail(detail).rank(3),
            );
        }
    }
    if typed.text.is_empty() {
        let here = Entry::new(ItemKind::Folder, "./").detail("working directory");
        menu.offer(&slot, here.rank(3));
    }
    offer_entries(
        menu,
        typed,
        Files::Before(line.offset),
        Wanted::Folders,
        workdirs.now(),
        5,
    );
}

/// The path of a `WORKDIR`.
pub(super) fn offer_folder(menu: &mut Menu<'_>, line: &Line<'_>, word: Spot) {
    let from = line.arguments.start.min(word.from);
    let typed = Typed::of(line, from, true);
    let workdirs = Workdirs::above(line);
    offer_entries(
        menu,
        &typed,
        Files::Before(line.offset),
        Wanted::Folders,
        workdirs.now(),
        5,
    );
}

/// A path of a `VOLUME`.
pub(super) fn offer_volume(menu: &mut Menu<'_>, line: &Line<'_>, word: Spot) {
    let (from, spaces) = match json::at_cursor(line) {
        Some(json) => match json.string {
            Some(start) => (start, true),
            None => return,
        },
        None => (word.from, false),
    };
    let typed = Typed::of(line, from, spaces);
    offer_entries(
        menu,
        &typed,
        Files::Before(line.offset),
        Wanted::Folders,
        "/",
        5,
    );
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
    offer_entries(menu, &Typed::of(line, from, false), files, wanted, base, 5);
}

/// Entries of the folder that is typed; one that does not begin with `/` is below `base`.
fn offer_entries(
    menu: &mut Menu<'_>,
    typed: &Typed,
    files: Files<'_>,
    wanted: Wanted,
    base: &str,
    rank: u8,
) {
    let Some(folder) = below_root(base, typed.folder()) else {
        return;
    };
    // A path of the context may not be one that a variable makes.
    if folder.contains(['$', '*', '?']) {
        return;
    }
    let listing = menu.around.entries(files, &folder);
    for entry in menu.listed(listing) {
        let written = typed.spaces || !entry.name.contains(char::is_whitespace);
        if !written || (wanted == Wanted::Folders && !entry.folder) {
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

    /// The one in force, as far as the file tells.
    fn now(&self) -> &str {
        self.all.last().map_or("/", String::as_str)
    }
}
