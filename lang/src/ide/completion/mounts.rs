//! `--mount=…`: types, keys and their values.

use super::sources::{self, Numbers};
use super::{Entry, ItemKind, Menu, Slot, paths};
use crate::ide::cursor::Line;
use crate::ide::mount::Typed;
use crate::ide::names::SymbolKind;
use crate::ide::surroundings::Files;
use crate::model::mount::{MOUNT_KEYS, MountKey, MountType};
use bstr::ByteSlice;

/// Whole mounts to start from, with the type they are of.
const WHOLE: &[(&str, MountType)] = &[
    ("type=cache,target=${1:/path}", MountType::Cache),
    (
        "type=bind,source=${1:path},target=${2:path}",
        MountType::Bind,
    ),
    (
        "type=bind,from=${1:stage},source=${2:/path},target=${3:/path}",
        MountType::Bind,
    ),
    ("type=secret,id=${1:name}", MountType::Secret),
    ("type=secret,id=${1:name},env=${2:NAME}", MountType::Secret),
    ("type=ssh", MountType::Ssh),
    ("type=tmpfs,target=${1:/path}", MountType::Tmpfs),
];

/// Offers whole mounts behind `prefix`.
pub(super) fn offer_whole(menu: &mut Menu<'_>, slot: &Slot, prefix: &str) {
    for (template, kind) in WHOLE {
        let doc = type_doc(*kind);
        let entry = Entry::template(ItemKind::Snippet, format!("{prefix}{template}"));
        menu.offer(slot, entry.doc(doc).rank(6));
    }
}

fn type_doc(kind: MountType) -> &'static str {
    let types = MOUNT_KEYS[0].choices;
    types[kind as usize].1
}

/// Offers what fits in the value of a `--mount` that starts at `from`.
pub(super) fn offer(menu: &mut Menu<'_>, line: &Line<'_>, from: usize) {
    let end = line
        .flags
        .iter()
        .find(|f| f.start <= from && from <= f.end)
        .map_or(line.cursor, |f| f.end);
    let typed = Typed::new(line.all(), from..end, line.cursor);
    let key = typed.field().and_then(|field| MountKey::find(&field.key));
    match (typed.value(), key) {
        (None, _) => offer_keys(menu, line, &typed),
        (Some(value), Some(key)) => offer_value(menu, line, &typed, key, value.start),
        (Some(_), None) => {}
    }
}

fn offer_keys(menu: &mut Menu<'_>, line: &Line<'_>, typed: &Typed<'_>) {
    let slot = Slot::of(line, typed.start());
    if !typed.has_others() {
        offer_whole(menu, &slot, "");
    }
    let kind = typed.kind();
    for key in MOUNT_KEYS {
        if typed.has(key) || !key.types.contains(&kind) {
            continue;
        }
        let entry = if key.bare {
            Entry::new(ItemKind::Key, key.name)
        } else {
            let text = format!("{}=", key.name);
            Entry::new(ItemKind::Key, text).detail(key.example).again()
        };
        let rank = if key.name == "type" { 4 } else { 5 };
        menu.offer(&slot, entry.doc(key.doc).rank(rank));
    }
}

fn offer_value(
    menu: &mut Menu<'_>,
    line: &Line<'_>,
    typed: &Typed<'_>,
    key: &'static MountKey,
    start: usize,
) {
    let slot = Slot::of(line, start);
    for (choice, doc) in key.choices {
        menu.offer(&slot, Entry::new(ItemKind::Value, *choice).doc(*doc));
    }
    match (key.name, typed.kind()) {
        ("from", _) => sources::offer_from(menu, line, start, Numbers::Images),
        ("id", kind) => offer_ids(menu, line, &slot, kind),
        ("source", MountType::Secret) => offer_ids(menu, line, &slot, MountType::Secret),
        ("source", _) => {
            let from = typed.get("from").filter(|name| !name.is_empty());
            let name = from.map(|name| name.to_str_lossy());
            let files = sources::files(line, name.as_deref(), Numbers::Images);
            paths::offer_in(menu, line, start, files, paths::Wanted::Any);
        }
        ("target", _) => {
            paths::offer_in(
                menu,
                line,
                start,
                Files::Before(line.offset),
                paths::Wanted::Folders,
            );
        }
        ("uid" | "gid", _) => offer_numbers(menu, line, &slot, key.name == "uid"),
        _ if key.choices.is_empty() => {
            menu.offer(&slot, Entry::new(ItemKind::Value, key.example));
        }
        _ => {}
    }
}

/// Ids seen elsewhere in the file, then those the project declares.
fn offer_ids(menu: &mut Menu<'_>, line: &Line<'_>, slot: &Slot, kind: MountType) {
    let wanted = match kind {
        MountType::Cache => SymbolKind::Cache,
        MountType::Secret => SymbolKind::Secret,
        MountType::Ssh => SymbolKind::Ssh,
        MountType::Bind | MountType::Tmpfs => return,
    };
    let names = line.file().names();
    let mut ids: Vec<String> = names
        .occurrences()
        .iter()
        // The one being typed is not worth a suggestion.
        .filter(|o| !(o.whole.start <= line.offset && line.offset <= o.whole.end))
        .map(|o| names.symbol_of(o))
        .filter(|symbol| symbol.kind == wanted)
        .map(|symbol| symbol.name.to_str_lossy().into_owned())
        .collect();
    if kind == MountType::Ssh {
        ids.push("default".to_owned());
    }
    for id in ids {
        if !menu.has(&id) {
            menu.offer(slot, Entry::new(ItemKind::Value, id));
        }
    }
}

fn offer_numbers(menu: &mut Menu<'_>, line: &Line<'_>, slot: &Slot, users: bool) {
    let files = Files::Before(line.offset);
    let accounts = if users {
        menu.around.users(files)
    } else {
        menu.around.groups(files)
    };
    for account in menu.listed(accounts) {
        let entry = Entry::new(ItemKind::Account, account.id.to_string());
        menu.offer(slot, entry.detail(account.name));
    }
}
