//! Digests of context files, remembered between builds: one file a context.
//!
//! A digest is believed when device, inode, size, modification time and change time are the ones it was computed for,
//! and it is only written down when the file had been at rest at that time (see `Context::hash`). A change time cannot be
//! set by programs, so a rewrite with the same size and a restored date is seen too.
//!
//! The file: magic, folders (path, length, entries sorted by name), a checksum. It is read as a whole and looked at in
//! place: 50,000 entries are about 5 MB.

use super::super::tree::{ContentDigest, Kind, Listed, Stat, Time, parent};
use bstr::{BStr, BString, ByteSlice};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

const MAGIC: &[u8] = b"cooperage context 1\n";
/// dev, ino, size, mtime, ctime, digest.
const RECORD: usize = 8 + 8 + 8 + 12 + 12 + 32;
const CHECKSUM: usize = 8;

/// What identifies a state of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    dev: u64,
    ino: u64,
    size: u64,
    mtime: Time,
    pub(super) ctime: Time,
}

impl Key {
    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            dev: stat.id.0,
            ino: stat.id.1,
            size: stat.size,
            mtime: stat.mtime,
            ctime: stat.ctime.unwrap_or_default(),
        }
    }
}

/// An index as read.
#[derive(Default)]
pub(super) struct Index {
    bytes: Vec<u8>,
    folders: HashMap<BString, Range<usize>>,
}

/// Name of the index file of the context at `path`.
pub(super) fn file_name(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_bytes());
    digest
        .iter()
        .take(16)
        .fold(String::with_capacity(32), |mut s, b| {
            s.push(char::from_digit(u32::from(b >> 4), 16).unwrap_or('0'));
            s.push(char::from_digit(u32::from(b & 15), 16).unwrap_or('0'));
            s
        })
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let digest = Sha256::digest(bytes);
    std::array::from_fn(|i| digest[i])
}

impl Index {
    /// Reads the file. One that is missing or damaged is as good as empty.
    pub(super) fn read(path: &Path) -> Self {
        let mut bytes = Vec::new();
        match File::open(path).and_then(|mut f| f.read_to_end(&mut bytes)) {
            Ok(_) => Self::parse(bytes).unwrap_or_default(),
            Err(_) => Self::default(),
        }
    }

    fn parse(bytes: Vec<u8>) -> Option<Self> {
        let end = bytes.len().checked_sub(CHECKSUM)?;
        if !bytes.starts_with(MAGIC) || checksum(&bytes[..end]) != bytes[end..] {
            return None;
        }
        let mut folders = HashMap::new();
        let mut at = MAGIC.len();
        while at < end {
            let path = field(&bytes[..end], &mut at)?;
            let entries = field(&bytes[..end], &mut at)?;
            folders.insert(BString::from(&bytes[path]), entries);
        }
        Some(Self { bytes, folders })
    }

    fn entries(&self, folder: &BStr) -> Entries<'_> {
        Entries {
            bytes: self
                .folders
                .get(folder)
                .map_or(&[], |r| &self.bytes[r.clone()]),
        }
    }

    /// The digest of a file in that state.
    pub(super) fn find(&self, folder: &BStr, name: &BStr, key: &Key) -> Option<ContentDigest> {
        self.entries(folder)
            .find(|(n, _, _)| *n == name)
            .filter(|(_, k, _)| k == key)
            .map(|(_, _, d)| d)
    }

    /// Fills in the digests of a folder's files; `listed` is sorted by name.
    pub(super) fn fill(&self, folder: &[u8], listed: &mut [Listed], key: impl Fn(&Listed) -> Key) {
        let mut known = self.entries(folder.as_bstr()).peekable();
        for l in listed.iter_mut().filter(|l| l.stat.kind == Kind::File) {
            while known.next_if(|(name, _, _)| *name < l.name).is_some() {}
            let same = known
                .peek()
                .filter(|(name, k, _)| *name == l.name && *k == key(l));
            l.digest = same.map(|(_, _, digest)| *digest);
        }
    }
}

/// A length-prefixed field.
fn field(bytes: &[u8], at: &mut usize) -> Option<Range<usize>> {
    let length = u32::from_le_bytes(bytes.get(*at..*at + 4)?.try_into().ok()?) as usize;
    let range = *at + 4..(*at + 4).checked_add(length)?;
    bytes.get(range.clone())?;
    *at = range.end;
    Some(range)
}

/// Entries of a folder: name, state and digest. Ends early at damage, which the checksum makes impossible.
struct Entries<'a> {
    bytes: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a BStr, Key, ContentDigest);

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.bytes.split_first_chunk::<2>()?;
        let (name, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        let (record, rest) = rest.split_first_chunk::<RECORD>()?;
        self.bytes = rest;
        let u64_at = |i: usize| u64::from_le_bytes(std::array::from_fn(|n| record[i + n]));
        let time_at = |i: usize| {
            (
                u64_at(i).cast_signed(),
                u32::from_le_bytes(std::array::from_fn(|n| record[i + 8 + n])),
            )
        };
        let key = Key {
            dev: u64_at(0),
            ino: u64_at(8),
            size: u64_at(16),
            mtime: time_at(24),
            ctime: time_at(36),
        };
        Some((name.as_bstr(), key, std::array::from_fn(|n| record[48 + n])))
    }
}

type Files = BTreeMap<BString, (Key, ContentDigest)>;

/// A new index: what this process saw over what the old one holds.
pub(super) struct Update<'a> {
    old: &'a Index,
    folders: HashMap<BString, Files>,
    /// Folders that were listed, with the folders in them.
    seen: HashMap<BString, HashSet<BString>>,
}

impl<'a> Update<'a> {
    pub(super) fn new(old: &'a Index) -> Self {
        Self {
            old,
            folders: HashMap::new(),
            seen: HashMap::new(),
        }
    }

    /// A folder that was listed: its entries replace what the old index says of it.
    pub(super) fn folder(&mut self, path: &BString, listing: &[Listed]) {
        let known = |l: &Listed| Some((l.name.clone(), (Key::of(&l.stat), l.digest?)));
        let files = listing
            .iter()
            .filter(|l| l.stat.kind == Kind::File)
            .filter_map(known)
            .collect();
        self.folders.insert(path.clone(), files);
        let below = listing
            .iter()
            .filter(|l| l.stat.kind == Kind::Dir)
            .map(|l| l.name.clone())
            .collect();
        self.seen.insert(path.clone(), below);
    }

    /// One file.
    pub(super) fn file(&mut self, folder: &BStr, name: &BStr, key: Key, digest: ContentDigest) {
        let old = self.old;
        let files = self.folders.entry(folder.to_owned()).or_insert_with(|| {
            old.entries(folder)
                .map(|(n, k, d)| (n.to_owned(), (k, d)))
                .collect()
        });
        files.insert(name.to_owned(), (key, digest));
    }

    /// Writes the file under a name of its own, then puts it in place.
    pub(super) fn write(self, path: &Path) -> io::Result<()> {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let bytes = self.encode();
        if let Some(folder) = path.parent() {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("{}-{serial}.new", std::process::id()));
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        // Not synced: after a crash the checksum tells, and the price is one slower build.
        let written = file
            .write_all(&bytes)
            .and_then(|()| std::fs::rename(&temporary, path));
        if written.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        written
    }

    fn encode(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.old.bytes.len() + 4096);
        out.extend_from_slice(MAGIC);
        let mut entries = Vec::new();
        for (folder, files) in self.folders.iter().filter(|(_, files)| !files.is_empty()) {
            entries.clear();
            for (name, (key, digest)) in files {
                encode_entry(&mut entries, name.as_bstr(), key, digest);
            }
            put(&mut out, folder);
            put(&mut out, &entries);
        }
        for (folder, range) in &self.old.folders {
            if !self.folders.contains_key(folder) && !self.is_gone(folder.as_bstr()) {
                put(&mut out, folder);
                put(&mut out, &self.old.bytes[range.clone()]);
            }
        }
        let sum = checksum(&out);
        out.extend_from_slice(&sum);
        out
    }

    /// The nearest listed folder above has no such folder in it any more.
    fn is_gone(&self, folder: &BStr) -> bool {
        let mut here = folder;
        while here != "/" {
            let above = parent(here);
            if let Some(below) = self.seen.get(above) {
                return !below.contains(super::file_name(here));
            }
            here = above;
        }
        false
    }
}

fn put(out: &mut Vec<u8>, field: &[u8]) {
    out.extend_from_slice(&(field.len() as u32).to_le_bytes());
    out.extend_from_slice(field);
}

fn encode_entry(out: &mut Vec<u8>, name: &BStr, key: &Key, digest: &ContentDigest) {
    out.extend_from_slice(&(name.len() as u16).to_le_bytes());
    out.extend_from_slice(name);
    for n in [key.dev, key.ino, key.size] {
        out.extend_from_slice(&n.to_le_bytes());
    }
    for (seconds, nanos) in [key.mtime, key.ctime] {
        out.extend_from_slice(&seconds.to_le_bytes());
        out.extend_from_slice(&nanos.to_le_bytes());
    }
    out.extend_from_slice(digest);
}
