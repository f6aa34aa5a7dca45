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
    let folder = repository().join("repl/src/commands");
    let files: BTreeSet<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name != "mod")
        .collect();
    let table = std::fs::read_to_string(folder.join("mod.rs")).unwrap();
    let body = table
        .split("\ncommands! {\n")
        .nth(1)
        .unwrap()
        .split("\n}")
        .next()
        .unwrap();
    let rows: BTreeSet<String> = body
        .lines()
        .filter_map(|line| Some(line.trim().split(',').next()?.to_owned()))
        .collect();
    assert_eq!(files, rows);
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
