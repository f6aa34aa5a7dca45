//! `--mount=…`: types, keys and their values.

use super::sources::{self, Numbers};
use super::{Entry, ItemKind, Menu, Slot, paths};
use crate::ide::cursor::Line;
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

/// The fields of a mount that is being typed.
struct Fields<'t> {
    /// Keys that are given, without the one at the cursor.
    given: Vec<&'t str>,
    kind: MountType,
    /// Value of `from=`.
    from: Option<&'t str>,
    /// Where the field at the cursor starts in the value.
    start: usize,
    /// Its key, when the cursor is in its value.
    key: Option<&'t str>,
}

impl<'t> Fields<'t> {
    /// `cursor` counts in `value`.
    fn read(value: &'t str, cursor: usize) -> Self {
        let mut fields = Self {
            given: Vec::new(),
            kind: MountType::default(),
            from: None,
            start: 0,
            key: None,
        };
        let mut at = 0;
        for field in value.split(',') {
            let (key, text) = field.split_once('=').unwrap_or((field, ""));
            let here = at <= cursor && cursor <= at + field.len();
            if here {
                fields.start = at;
                fields.key = (field.contains('=') && cursor > at + key.len()).then_some(key);
            } else {
                fields.given.push(key);
            }
            if key.eq_ignore_ascii_case("type") && !(here && fields.key.is_none()) {
                fields.kind = MountType::parse(&text.to_ascii_lowercase()).unwrap_or(fields.kind);
            } else if key.eq_ignore_ascii_case("from") {
                fields.from = Some(text).filter(|t| !t.is_empty());
            }
            at += field.len() + 1;
        }
        fields
    }
}

/// Offers what fits in the value of a `--mount` that starts at `from`.
pub(super) fn offer(menu: &mut Menu<'_>, line: &Line<'_>, from: usize) {
    let end = line
        .flags
        .iter()
        .find(|f| f.start <= from && from <= f.end)
        .map_or(line.cursor, |f| f.end);
    let value = line.all()[from..end].to_str_lossy();
    // Only invalid UTF-8 makes the two differ in length; then nothing is sure.
    if value.len() != end - from {
        return;
    }
    let fields = Fields::read(&value, line.cursor - from);
    let start = from + fields.start;
    match fields.key.map(|key| (key, MountKey::find(key))) {
        None => offer_keys(menu, line, &fields, start),
        Some((key, Some(found))) => {
            offer_value(menu, line, &fields, found, start + key.len() + 1);
        }
        Some((_, None)) => {}
    }
}

fn offer_keys(menu: &mut Menu<'_>, line: &Line<'_>, fields: &Fields<'_>, start: usize) {
    let slot = Slot::of(line, start);
    if fields.given.is_empty() {
        offer_whole(menu, &slot, "");
    }
    for key in MOUNT_KEYS {
        let given = fields.given.iter().any(|name| key.is_spelled(name));
        if given || !key.types.contains(&fields.kind) {
            continue;
        }
        let entry = if key.bare {
            Entry::new(ItemKind::Key, key.name)
        } else {
            Entry::new(ItemKind::Key, format!("{}=", key.name)).again()
        };
        let rank = if key.name == "type" { 4 } else { 5 };
        menu.offer(&slot, entry.detail(key.example).doc(key.doc).rank(rank));
    }
}

fn offer_value(
    menu: &mut Menu<'_>,
    line: &Line<'_>,
    fields: &Fields<'_>,
    key: &'static MountKey,
    from: usize,
) {
    let slot = Slot::of(line, from);
    for (choice, doc) in key.choices {
        menu.offer(&slot, Entry::new(ItemKind::Value, *choice).doc(*doc));
    }
    match (key.name, fields.kind) {
        ("from", _) => sources::offer_from(menu, line, from, Numbers::Images),
        ("id", kind) => offer_ids(menu, line, &slot, kind),
        ("source", MountType::Secret) => offer_ids(menu, line, &slot, fields.kind),
        ("source", _) => {
            let files = sources::files(line, fields.from, Numbers::Images);
            paths::offer_in(menu, line, from, files, paths::Wanted::Any);
        }
        ("target", _) => {
            paths::offer_in(
                menu,
                line,
                from,
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
    if kind == MountType::Secret {
        ids.extend(menu.around.secrets());
    }
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
