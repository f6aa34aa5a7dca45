//! Finding Dockerfiles below folders.

use crate::cancel::Cancel;
use crate::settings::Finder;
use ignore::{DirEntry, WalkBuilder, WalkState};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How far a search goes. It ends at either limit with what it has found until then.
#[derive(Clone)]
pub struct Limits {
    /// Files and folders that are looked at in all.
    pub entries: usize,
    /// Ends the search early.
    pub cancel: Cancel,
}

impl Default for Limits {
    /// To the end.
    fn default() -> Self {
        Self {
            entries: usize::MAX,
            cancel: Cancel::new(),
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Dockerfiles by path, each once, however many names lead to it.
    pub files: Vec<PathBuf>,
    /// What could not be read, with the reason.
    pub failed: Vec<(PathBuf, String)>,
    /// Files that were named and that the settings exclude.
    pub excluded: usize,
}

/// Tells whether a file is a Dockerfile by its name: `Dockerfile`, `Containerfile`, either with something behind a dot
/// or before it (`Dockerfile.dev`, `api.Dockerfile`), in any case. What editors and merges leave beside one is none.
pub fn is_dockerfile(name: &str) -> bool {
    const NAMES: [&str; 2] = ["dockerfile", "containerfile"];
    const OTHERS: [&str; 6] = [
        "dockerignore",
        "containerignore",
        "orig",
        "rej",
        "bak",
        "swp",
    ];
    let name = name.to_ascii_lowercase();
    if name.ends_with('~') {
        return false;
    }
    let (first, last) = (name.split('.').next(), name.rsplit('.').next());
    let is_name = |part: Option<&str>| part.is_some_and(|part| NAMES.contains(&part));
    let is_other = last.is_some_and(|part| OTHERS.contains(&part));
    is_name(last) || is_name(first) && !is_other
}

/// Finds the Dockerfiles that `paths` name: files as they are, folders with all below them that `.gitignore` files and
/// the settings do not exclude.
pub fn find(paths: &[PathBuf], settings: &Finder, limits: &Limits) -> Found {
    let mut found = Found::default();
    let mut folders = Vec::new();
    for path in paths {
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_dir() => folders.push(path),
            Ok(_) if excluded(path, settings) => found.excluded += 1,
            Ok(_) => found.files.push(shown(path.clone())),
            Err(error) => found.failed.push((path.clone(), error.to_string())),
        }
    }
    if let Some((first, more)) = folders.split_first() {
        walk(first, more, settings, limits, &mut found);
    }
    found.files = each_once(found.files);
    found.failed.sort();
    found
}

/// Each file once whatever names lead to it, by one that is no link where there is one: what two threads did to it at
/// once, one of them would undo.
fn each_once(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    files.sort_by_cached_key(|path| (path.is_symlink(), path.clone()));
    let mut known = HashSet::with_capacity(files.len());
    // What cannot be found any more is told by whoever reads it.
    files.retain(|path| known.insert(std::fs::canonicalize(path).unwrap_or_else(|_| path.clone())));
    files.sort();
    files
}

fn walk(first: &Path, more: &[&PathBuf], settings: &Finder, limits: &Limits, found: &mut Found) {
    let mut walk = WalkBuilder::new(first);
    for folder in more {
        walk.add(folder);
    }
    // Hidden folders hold Dockerfiles too: `.devcontainer`. What one user ignores everywhere does not count.
    walk.hidden(false).git_global(false).require_git(false);
    let shared = Mutex::new(std::mem::take(found));
    let seen = AtomicUsize::new(0);
    let is_over =
        || seen.fetch_add(1, Ordering::Relaxed) >= limits.entries || limits.cancel.is_canceled();
    walk.build_parallel().run(|| {
        Box::new(|entry| {
            let locked = || shared.lock().unwrap_or_else(PoisonError::into_inner);
            match entry {
                _ if is_over() => WalkState::Quit,
                Ok(entry) if is_folder(&entry) => enter(&entry, settings),
                Ok(entry) => {
                    let is_wanted = is_dockerfile(&entry.file_name().to_string_lossy())
                        && is_file(&entry)
                        && !excluded(entry.path(), settings);
                    if is_wanted {
                        locked().files.push(shown(entry.into_path()));
                    }
                    WalkState::Continue
                }
                Err(error) => {
                    locked().failed.push((path_of(&error), reason(&error)));
                    WalkState::Continue
                }
            }
        })
    });
    *found = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
}

fn is_folder(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_dir())
}

/// A file, or a link to one.
fn is_file(entry: &DirEntry) -> bool {
    match entry.file_type() {
        Some(kind) if kind.is_symlink() => entry.path().is_file(),
        kind => kind.is_some_and(|kind| kind.is_file()),
    }
}

fn enter(folder: &DirEntry, settings: &Finder) -> WalkState {
    let is_git = folder.file_name() == ".git";
    if folder.depth() > 0 && (is_git || excluded(folder.path(), settings)) {
        return WalkState::Skip;
    }
    WalkState::Continue
}

fn excluded(path: &Path, settings: &Finder) -> bool {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("/"));
    settings.project(folder).excludes(&path)
}

/// `Dockerfile` for `./Dockerfile`, which is how a walk of `.` names it.
fn shown(path: PathBuf) -> PathBuf {
    match path.strip_prefix("./") {
        Ok(rest) => rest.to_owned(),
        Err(_) => path,
    }
}

fn path_of(error: &ignore::Error) -> PathBuf {
    match error {
        ignore::Error::WithPath { path, .. } => path.clone(),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            path_of(err)
        }
        _ => PathBuf::new(),
    }
}

/// The error without the path, which is told beside it.
fn reason(error: &ignore::Error) -> String {
    match error {
        ignore::Error::WithPath { err, .. } | ignore::Error::WithDepth { err, .. } => reason(err),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockerfiles_are_known_by_name() {
        for name in [
            "Dockerfile",
            "dockerfile",
            "Containerfile",
            "Dockerfile.dev",
            "api.Dockerfile",
            "web.dockerfile",
            "Containerfile.test",
            "Dockerfile.a.b",
        ] {
            assert!(is_dockerfile(name), "{name}");
        }
        for name in [
            "Dockerfiles",
            "Dockerfile.dockerignore",
            "Dockerfile.orig",
            "Dockerfile~",
            "mydockerfile",
            "README.md",
            "",
            ".dockerignore",
        ] {
            assert!(!is_dockerfile(name), "{name}");
        }
    }
}
