//! What no compiler checks: crates know only those below them, and no table forgets a file.

use crate::sandbox::repository;
use std::collections::BTreeSet;

/// Crates of the workspace that a manifest's `[dependencies]` name.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(repository().join(manifest)).unwrap();
    let section = text.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    section
        .lines()
        .filter_map(|line| {
            Some(
                line.strip_prefix("cooperage-")?
                    .split(['.', ' ', '='])
                    .next()?
                    .to_owned(),
            )
        })
        .collect()
}

#[test]
fn crates_depend_one_way() {
    for (manifest, allowed) in [
        ("lang/Cargo.toml", &[][..]),
        ("runtime/Cargo.toml", &["lang"]),
        ("lsp/Cargo.toml", &["lang", "runtime"]),
        ("repl/Cargo.toml", &["lang", "runtime"]),
        ("fuzz/Cargo.toml", &["lang"]),
        ("Cargo.toml", &["lsp", "repl", "runtime"]),
    ] {
        let allowed: BTreeSet<String> = allowed.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(
            dependencies(manifest),
            allowed,
            "{manifest}: house style, Workspace"
        );
    }
}

#[test]
fn every_command_file_has_its_row() {
    let folder = "repl/src/commands";
    let rows = table(folder, "\ncommands! {\n", "\n}");
    assert_eq!(files(folder, ""), names(&rows, ','));
}

#[test]
fn every_check_rule_and_every_instruction_has_its_row() {
    let folder = "lang/src/lints";
    let rows = table(folder, "pub const LINTS: &[Lint] = &[\n", "\n];");
    assert_eq!(
        files(folder, ": Lint = Lint {\n    name:"),
        names(&rows, ':')
    );
    let folder = "lang/src/instructions";
    let rows = table(folder, "pub static INSTRUCTIONS: [&Spec; 18] = [\n", "\n];");
    assert_eq!(files(folder, " SPEC: Spec = "), names(&rows, ':'));
}

/// The module names of a folder whose files hold `text`, `mod.rs` excluded.
fn files(folder: &str, text: &str) -> BTreeSet<String> {
    std::fs::read_dir(repository().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| std::fs::read_to_string(path).unwrap().contains(text))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "mod")
        .collect()
}

/// What stands between two marks of a folder's `mod.rs`.
fn table(folder: &str, start: &str, end: &str) -> String {
    let text = std::fs::read_to_string(repository().join(folder).join("mod.rs")).unwrap();
    let rest = text.split(start).nth(1).expect(start);
    rest.split(end).next().unwrap().to_owned()
}

/// The first word of every row.
fn names(rows: &str, end: char) -> BTreeSet<String> {
    rows.lines()
        .map(|row| row.trim().trim_start_matches('&'))
        .filter_map(|row| Some(row.split(end).next()?.to_owned()))
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn every_capability_leads_to_a_test() {
    let page = std::fs::read_to_string(repository().join("docs/capabilities.md")).unwrap();
    let links: Vec<&str> = page.split("](../").skip(1).collect();
    assert!(!links.is_empty());
    for link in links {
        let link = link.split(')').next().unwrap();
        let (file, test) = link.split_once('#').expect(link);
        let text = std::fs::read_to_string(repository().join(file)).expect(link);
        let is_test = text
            .split("#[test]\n")
            .skip(1)
            .any(|rest| rest.trim_start().starts_with(&format!("fn {test}(")));
        // Properties are tests that a macro makes.
        let is_property = text.contains("proptest!") && text.contains(&format!("fn {test}("));
        assert!(is_test || is_property, "docs/capabilities.md: {link}");
    }
}

#[test]
fn no_module_is_called_utils() {
    let mut folders = vec![
        repository().join("lang"),
        repository().join("runtime"),
        repository().join("lsp"),
        repository().join("repl"),
    ];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(
                !["util", "utils", "helper", "helpers", "common", "misc"].contains(&name.as_str()),
                "{}",
                path.display()
            );
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
}
