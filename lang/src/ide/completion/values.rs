//! Values that come from short lists: ports, signals, platforms, users, modes, shells, labels, arguments.

use super::{Entry, ItemKind, Menu, Slot, Spot};
use crate::ide::cursor::Line;
use crate::ide::json;
use crate::ide::surroundings::Files;
use crate::model::argument::{ARGUMENTS, Reach};
use crate::model::label::KNOWN_LABELS;
use crate::model::platform::USUAL;
use crate::model::port::SERVICES;
use crate::model::signal::Signal;
use crate::model::variable::KNOWN_VARIABLES;
use bstr::ByteSlice;

/// Ports, and behind a `/` protocols.
pub(super) fn offer_ports(menu: &mut Menu<'_>, line: &Line<'_>, word: Spot) {
    let typed = line.typed(word.from);
    if let Some(slash) = typed.find_byte(b'/') {
        let slot = Slot::of(line, word.from + slash + 1);
        for (protocol, doc) in [
            ("tcp", "The default."),
            ("udp", "Datagrams; HTTP/3 and DNS use them."),
            ("sctp", "Stream Control Transmission Protocol."),
        ] {
            menu.offer(&slot, Entry::new(ItemKind::Value, protocol).doc(doc));
        }
        return;
    }
    let slot = Slot::of(line, word.from);
    for (i, (port, service)) in SERVICES.iter().enumerate() {
        // The first ones are by far the most frequent.
        let rank = if i < 4 { 4 } else { 5 };
        let entry = Entry::new(ItemKind::Value, port.to_string()).detail(*service);
        menu.offer(&slot, entry.rank(rank));
    }
}

/// Signals with their numbers.
pub(super) fn offer_signals(menu: &mut Menu<'_>, line: &Line<'_>, word: Spot) {
    if word.index > 0 {
        return;
    }
    let slot = Slot::of(line, word.from);
    for (name, signal) in Signal::names() {
        let meaning = signal.meaning().unwrap_or_default();
        let rank = match signal.number() {
            _ if meaning.is_empty() => 5,
            // What cannot be caught asks nobody.
            9 | 19 => 7,
            _ => 4,
        };
        let entry = Entry::new(ItemKind::Value, name).detail(signal.number().to_string());
        menu.offer(&slot, entry.doc(meaning).rank(rank));
    }
}

/// Platforms, and the arguments that hold one.
pub(super) fn offer_platforms(menu: &mut Menu<'_>, slot: &Slot) {
    for (platform, machines) in USUAL {
        menu.offer(
            slot,
            Entry::new(ItemKind::Value, *platform).detail(*machines),
        );
    }
    for name in ["BUILDPLATFORM", "TARGETPLATFORM"] {
        let doc = ARGUMENTS.iter().find(|p| p.name == name);
        let entry = Entry::new(ItemKind::Variable, format!("${name}"));
        menu.offer(slot, entry.doc(doc.map_or("", |p| p.doc)).rank(4));
    }
}

/// Users, and behind a colon groups; the text starts at `from`.
pub(super) fn offer_users(menu: &mut Menu<'_>, line: &Line<'_>, from: usize) {
    let files = Files::Before(line.offset);
    let typed = line.typed(from);
    if let Some(colon) = typed.find_byte(b':') {
        let slot = Slot::of(line, from + colon + 1);
        let groups = menu.around.groups(files);
        for group in menu.listed(groups) {
            let entry = Entry::new(ItemKind::Account, group.name);
            menu.offer(&slot, entry.detail(group.id.to_string()));
        }
        return;
    }
    let slot = Slot::of(line, from);
    let users = menu.around.users(files);
    for user in menu.listed(users) {
        let entry = Entry::new(ItemKind::Account, user.name);
        menu.offer(&slot, entry.detail(user.id.to_string()));
    }
    // Every image has this one.
    if !menu.has("root") {
        menu.offer(&slot, Entry::new(ItemKind::Account, "root").detail("0"));
    }
}

/// Permissions of files.
pub(super) fn offer_modes(menu: &mut Menu<'_>, slot: &Slot) {
    for (mode, doc) in [
        (
            "755",
            "Everybody reads and runs, the owner writes: programs, folders.",
        ),
        ("644", "Everybody reads, the owner writes: data."),
        ("600", "Only the owner reads and writes: keys."),
        ("700", "Only the owner reads, writes and runs."),
        (
            "u=rwX,go=rX",
            "As 755 for folders and programs, as 644 for other files.",
        ),
        ("a+x", "Everybody may run it; the rest stays as it is."),
    ] {
        menu.offer(slot, Entry::new(ItemKind::Value, mode).doc(doc));
    }
}

/// Shells as JSON arrays.
pub(super) fn offer_shells(menu: &mut Menu<'_>, line: &Line<'_>, word: Spot) {
    if word.index > 0 || json::at_cursor(line).is_some_and(|spot| spot.string.is_some()) {
        return;
    }
    let slot = Slot::of(line, line.arguments.start.min(word.from));
    for (shell, doc) in [
        (
            r#"["/bin/bash", "-o", "pipefail", "-c"]"#,
            "A pipe fails when any part of it fails.",
        ),
        (r#"["/bin/sh", "-c"]"#, "The default on Linux."),
        (
            r#"["/bin/sh", "-eu", "-c"]"#,
            "Ends at the first failing command and at unset variables.",
        ),
        (
            r#"["/bin/ash", "-eo", "pipefail", "-c"]"#,
            "The same for Alpine and BusyBox.",
        ),
        (
            r#"["pwsh", "-Command", "$ErrorActionPreference = 'Stop';"]"#,
            "PowerShell that ends at the first error.",
        ),
        (
            r#"["powershell", "-Command", "$ErrorActionPreference = 'Stop';"]"#,
            "Windows PowerShell that ends at the first error.",
        ),
        (r#"["cmd", "/S", "/C"]"#, "The default on Windows."),
    ] {
        menu.offer(&slot, Entry::new(ItemKind::Value, shell).doc(doc));
    }
}

/// Names of variables that programs look at.
pub(super) fn offer_environment(menu: &mut Menu<'_>, line: &Line<'_>, word: Spot) {
    // Behind a name without `=` comes the value of the old form.
    let old = line
        .words
        .first()
        .is_some_and(|w| !line.text(w).contains(&b'='));
    if line.typed(word.from).contains(&b'=') || (word.index > 0 && old) {
        return;
    }
    let slot = Slot::of(line, word.from);
    for known in KNOWN_VARIABLES {
        let value = known.example.replace('$', "\\$");
        let entry = Entry::template(ItemKind::Variable, format!("{}=${{1:{value}}}", known.name))
            .label(known.name)
            .text(format!("{}=", known.name));
        menu.offer(&slot, entry.detail(known.example).doc(known.doc).by_label());
    }
}

/// Names of labels whose meaning is agreed on.
pub(super) fn offer_labels(menu: &mut Menu<'_>, line: &Line<'_>, word: Spot) {
    if line.typed(word.from).contains(&b'=') {
        return;
    }
    let slot = Slot::of(line, word.from);
    let given = |name: &str| {
        line.words.iter().filter(|w| w.start != word.from).any(|w| {
            let text = line.text(w);
            text.split_once_str("=")
                .map_or(text, |(n, _)| n)
                .trim_with(|c| c == '"')
                == name.as_bytes()
        })
    };
    for (i, label) in KNOWN_LABELS.iter().enumerate() {
        if given(label.name) {
            continue;
        }
        let template = format!("{}=\"${{1:{}}}\"", label.name, label.example);
        let entry = Entry::template(ItemKind::Key, template)
            .label(label.name)
            .text(format!("{}=", label.name));
        let rank = if i < 4 { 4 } else { 5 };
        menu.offer(&slot, entry.doc(label.doc).rank(rank));
    }
}

/// Names an `ARG` may declare: in a stage the global ones, everywhere those that exist by themselves.
pub(super) fn offer_arguments(menu: &mut Menu<'_>, line: &Line<'_>, word: Spot) {
    if line.typed(word.from).contains(&b'=') {
        return;
    }
    let slot = Slot::of(line, word.from);
    let in_stage = line.stages_above() > 0;
    if in_stage {
        offer_globals(menu, line, &slot);
    }
    for known in ARGUMENTS {
        let worth = match known.reach {
            Reach::Global => in_stage,
            Reach::Setting => true,
            Reach::Commands => false,
        };
        if worth && !menu.has(known.name) {
            let rank = if known.reach == Reach::Global { 4 } else { 6 };
            let entry = Entry::new(ItemKind::Variable, known.name);
            menu.offer(&slot, entry.doc(known.doc).rank(rank));
        }
    }
}

/// Arguments from above the first `FROM`: a stage has to declare them again.
fn offer_globals(menu: &mut Menu<'_>, line: &Line<'_>, slot: &Slot) {
    let file = line.file();
    let names = file.names();
    let Some(end) = names.stages().first().map(|stage| stage.from.start) else {
        return;
    };
    for variable in names.variables(file, end) {
        let value = variable.value.unwrap_or_default();
        let entry = Entry::new(ItemKind::Variable, variable.name);
        if !menu.has(&entry.label) {
            let doc = "Declared above the first `FROM`; here it keeps that value.";
            menu.offer(slot, entry.detail(value).doc(doc).rank(3));
        }
    }
}
