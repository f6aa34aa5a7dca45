//! The files of the workspace's folders, as far as a server should look for them.

use cooperage_runtime::cancel::Cancel;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Folders below a workspace's that are looked into.
const DEEP: usize = 12;
/// Entries that are looked at in all.
const MANY: usize = 200_000;
/// Bytes of a file that are still read.
const LARGE: u64 = 16 << 20;

/// Files that `wanted` knows by name, sorted within each folder. Hidden folders and those of packages are passed over.
pub(crate) fn files(
    folders: &[PathBuf],
    cancel: &Cancel,
    wanted: fn(&Path) -> bool,
) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut seen = 0;
    let mut waiting: Vec<(PathBuf, usize)> =
        folders.iter().map(|folder| (folder.clone(), 0)).collect();
    while let Some((folder, depth)) = waiting.pop() {
        // Folders that cannot be read hold nothing we could open.
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            seen += 1;
            if seen > MANY || cancel.is_canceled() {
                return sorted(found);
            }
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            let path = entry.path();
            if kind.is_file() && wanted(&path) {
                found.push(path);
            } else if kind.is_dir() && depth < DEEP && !is_passed_over(&path) {
                waiting.push((path, depth + 1));
            }
        }
    }
    sorted(found)
}

fn sorted(mut found: Vec<PathBuf>) -> Vec<PathBuf> {
    found.sort();
    // One workspace folder may lie within another.
    found.dedup();
    found
}

fn is_passed_over(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(b".") || matches!(name, b"node_modules" | b"target" | b"vendor")
}

/// The bytes of a file of a sensible size.
pub(crate) fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(LARGE + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= LARGE).then_some(bytes)
}
