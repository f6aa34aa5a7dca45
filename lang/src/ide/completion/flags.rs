//! Flags and their values.

use super::{Entry, ItemKind, Menu, Slot, Style, mounts, paths, sources, values};
use crate::ide::cursor::Line;
use crate::instructions::flags::{Flag, FlagKind};
use crate::instructions::spec;
use crate::syntax::Keyword;
use bstr::ByteSlice;

/// Offers what fits at a flag that is there: its name, or a value.
pub(super) fn offer(menu: &mut Menu<'_>, line: &Line<'_>, keyword: Keyword, index: usize) {
    let span = &line.flags[index];
    let Some(equals) = line.text(span).find_byte(b'=') else {
        offer_from(menu, line, keyword, span.start);
        return;
    };
    let value = span.start + equals + 1;
    if line.cursor < value {
        offer_from(menu, line, keyword, span.start);
        return;
    }
    let name = &line.all()[(span.start + 2).min(value - 1)..value - 1];
    if let Some(flag) = find(keyword, name) {
        offer_value(menu, line, keyword, flag, value);
    }
}

/// Offers flags where there is none yet: in space, or at a dash.
pub(super) fn offer_names(menu: &mut Menu<'_>, line: &Line<'_>, keyword: Keyword) {
    let from = match line.words.first() {
        Some(word) if word.start <= line.cursor => word.start,
        _ => line.cursor,
    };
    offer_from(menu, line, keyword, from);
}

fn offer_from(menu: &mut Menu<'_>, line: &Line<'_>, keyword: Keyword, from: usize) {
    let slot = Slot::of(line, from);
    for flag in spec(keyword).flags {
        if flag.kind != FlagKind::List && is_given(line, flag, from) {
            continue;
        }
        menu.offer(&slot, entry(menu.style, keyword, flag));
        if flag.name == "mount" {
            mounts::offer_whole(menu, &slot, "--mount=");
        }
    }
}

/// The flag is written somewhere else on the line.
fn is_given(line: &Line<'_>, flag: &Flag, except: usize) -> bool {
    line.flags.iter().filter(|f| f.start != except).any(|span| {
        let text = &line.text(span)[2..];
        let name = text.split_once_str("=").map_or(text, |(name, _)| name);
        name == flag.name.as_bytes()
    })
}

fn entry(style: Style, keyword: Keyword, flag: &'static Flag) -> Entry {
    let rank = if keyword == Keyword::Healthcheck {
        6
    } else {
        5
    };
    let name = flag.name;
    let entry = if flag.example.is_empty() {
        Entry::new(ItemKind::Flag, format!("--{name}"))
    } else if style == Style::Plain || name == "mount" {
        // Whole mounts are items of their own.
        Entry::new(ItemKind::Flag, format!("--{name}=")).again()
    } else if flag.choices.is_empty() {
        Entry::template(ItemKind::Flag, format!("--{name}=${{1:{}}}", flag.example))
    } else {
        let choices = flag.choices.join(",");
        Entry::template(ItemKind::Flag, format!("--{name}=${{1|{choices}|}}"))
            .label(format!("--{name}={}", flag.value))
    };
    entry.detail(flag.value).doc(flag.doc).rank(rank)
}

/// The flag of that name; names are case-sensitive.
pub(super) fn find(keyword: Keyword, name: &[u8]) -> Option<&'static Flag> {
    spec(keyword)
        .flags
        .iter()
        .find(|flag| flag.name.as_bytes() == name)
}

fn offer_value(
    menu: &mut Menu<'_>,
    line: &Line<'_>,
    keyword: Keyword,
    flag: &'static Flag,
    from: usize,
) {
    let slot = Slot::of(line, from);
    for choice in flag.choices {
        menu.offer(&slot, Entry::new(ItemKind::Value, *choice).detail(flag.doc));
    }
    match (keyword, flag.name) {
        (Keyword::Run, "mount") => mounts::offer(menu, line, from),
        (Keyword::Copy, "from") => sources::offer_from(menu, line, from, sources::Numbers::Stages),
        (Keyword::From, "platform") => values::offer_platforms(menu, &slot),
        (Keyword::Copy | Keyword::Add, "chown") => values::offer_users(menu, line, from),
        (Keyword::Copy | Keyword::Add, "chmod") => values::offer_modes(menu, &slot),
        (Keyword::Copy | Keyword::Add, "exclude") => paths::offer_excluded(menu, line, from),
        _ if flag.choices.is_empty() => {
            menu.offer(&slot, Entry::new(ItemKind::Value, flag.example));
        }
        _ => {}
    }
}
