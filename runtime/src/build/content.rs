//! What a step's inputs hold, as one digest for the cache and as a list that names what changed.
//!
//! Counted: names below the source, kinds, modes of files **and folders**, owners (those of a context are always 0:0),
//! bytes, link texts, device numbers, extended attributes that images keep. Not counted: dates, everything outside the
//! selection, and the mode of a source folder whose contents alone are copied, as it does not reach the image. BuildKit
//! leaves out the modes of all folders and so serves stale ones; here we differ on purpose.

use super::advice::Litter;
use super::selection::{Match, SelectError, SelectOptions, SourceView, select};
use super::tree::{ContentDigest, FileTree, Kind, Stat, TreeError, relative, threads};
use bstr::{BStr, BString, ByteSlice};
use cooperage_lang::plan::{Copy, CopySource};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Everything selected, and its digest.
#[derive(Clone, Debug, Default)]
pub struct ContentManifest {
    /// SHA-256 over the whole selection.
    pub digest: [u8; 32],
    paths: Vec<u8>,
    entries: Vec<Raw>,
    /// See [`ContentManifest::litter`].
    litter: OnceLock<Vec<Litter>>,
}

impl PartialEq for ContentManifest {
    fn eq(&self, other: &Self) -> bool {
        (self.digest, &self.paths, &self.entries) == (other.digest, &other.paths, &other.entries)
    }
}

impl Eq for ContentManifest {}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Raw {
    path: Range<u32>,
    kind: Kind,
    mode: u32,
    uid: u32,
    gid: u32,
    digest: ContentDigest,
}

/// One file or folder of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestEntry<'a> {
    /// Path in its tree, without leading slash.
    pub path: &'a BStr,
    pub kind: Kind,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Of bytes and attributes; zeros for a folder without attributes. Of a manifest that was stored, only the first eight bytes.
    pub digest: ContentDigest,
}

/// Bytes of a digest that are stored: enough to tell two versions of one file apart.
const STORED: usize = 8;
const VERSION: u8 = 1;

/// A difference between two manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Culprit {
    /// Path in its tree, without leading slash.
    pub path: BString,
    /// What happened to it.
    pub what: What,
}

/// Kinds of differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Content,
    Added,
    Removed,
    Kind,
    Mode,
    Owner,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Content => "content",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Kind => "kind",
            Self::Mode => "mode",
            Self::Owner => "owner",
        })
    }
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path, self.what)
    }
}

/// The content of all sources of a COPY or ADD; `views` has one for each.
///
/// **Source:** cache semantics of BuildKit as observed; `cache/contenthash`.
///
/// # Errors
/// See [`SelectError`].
pub fn selection(op: &Copy, views: &[SourceView<'_>]) -> Result<ContentManifest, SelectError> {
    let mut gather = Gather::default();
    for (source, view) in op.sources.iter().zip(views) {
        gather.mark(b"source", &[]);
        match (source, view) {
            (CopySource::Path { path, .. }, SourceView::Tree(tree)) => {
                let options = SelectOptions {
                    wildcards: true,
                    parents: op.parents,
                    exclude: &op.exclude,
                };
                for m in select(*tree, path.as_bytes(), &options)? {
                    let whole = m.stat.kind != Kind::Dir;
                    gather.matched(*tree, &m, whole)?;
                }
            }
            (CopySource::Git { .. }, SourceView::Tree(tree)) => {
                let options = SelectOptions {
                    exclude: &op.exclude,
                    ..SelectOptions::default()
                };
                for m in select(*tree, b"/", &options)? {
                    gather.matched(*tree, &m, true)?;
                }
            }
            (CopySource::Http { name, .. }, SourceView::File { digest, .. }) => {
                gather.mark(name.as_bytes(), digest);
            }
            // The text of a heredoc is part of the step's definition.
            (CopySource::Inline { .. }, _) => {}
            (CopySource::Path { .. } | CopySource::Git { .. } | CopySource::Http { .. }, _) => {
                gather.mark(b"absent", &[]);
            }
        }
    }
    gather.finish()
}

/// The content of one path and everything below it: a bind mount, the source of a cache mount.
///
/// # Errors
/// See [`SelectError`].
pub fn path_content(tree: &dyn FileTree, path: &[u8]) -> Result<ContentManifest, SelectError> {
    let mut gather = Gather::default();
    for m in select(tree, path, &SelectOptions::default())? {
        gather.matched(tree, &m, true)?;
    }
    gather.finish()
}

/// What differs, sorted by path.
pub fn compare(old: &ContentManifest, new: &ContentManifest) -> Vec<Culprit> {
    // A large context differs in few places: what is the same at both ends needs no sorting.
    let most = old.entries.len().min(new.entries.len());
    let same = |a: usize, b: usize| {
        let (a, b) = (old.entry(a), new.entry(b));
        a.path == b.path && difference(&a, &b).is_none()
    };
    let front = (0..most).take_while(|i| same(*i, *i)).count();
    let from_back = |m: &ContentManifest, i: usize| m.entries.len() - 1 - i;
    let back = (0..most - front)
        .take_while(|i| same(from_back(old, *i), from_back(new, *i)))
        .count();
    let sorted = |m: &ContentManifest| {
        let mut all: Vec<usize> = (front..m.entries.len() - back).collect();
        all.sort_by(|a, b| m.entry(*a).path.cmp(m.entry(*b).path));
        all.dedup_by(|a, b| m.entry(*a).path == m.entry(*b).path);
        all
    };
    let (old_order, new_order) = (sorted(old), sorted(new));
    let (mut olds, mut news) = (
        old_order.into_iter().peekable(),
        new_order.into_iter().peekable(),
    );
    let mut found = Vec::new();
    loop {
        let (a, b) = (
            olds.peek().map(|i| old.entry(*i)),
            news.peek().map(|i| new.entry(*i)),
        );
        let (path, what) = match (a, b) {
            (Some(a), b) if b.is_none_or(|b| a.path < b.path) => {
                olds.next();
                (a.path, Some(What::Removed))
            }
            (Some(a), Some(b)) if a.path == b.path => {
                olds.next();
                news.next();
                (a.path, difference(&a, &b))
            }
            (_, Some(b)) => {
                news.next();
                (b.path, Some(What::Added))
            }
            (_, None) => return found,
        };
        found.extend(what.map(|what| Culprit {
            path: path.to_owned(),
            what,
        }));
    }
}

fn difference(a: &ManifestEntry<'_>, b: &ManifestEntry<'_>) -> Option<What> {
    if a.kind != b.kind {
        Some(What::Kind)
    } else if a.digest[..STORED] != b.digest[..STORED] {
        Some(What::Content)
    } else if a.mode != b.mode {
        Some(What::Mode)
    } else if (a.uid, a.gid) != (b.uid, b.gid) {
        Some(What::Owner)
    } else {
        None
    }
}

impl ContentManifest {
    /// What `find` takes for litter in it; looked for once, however often a forecast asks.
    pub(super) fn litter(&self, find: impl FnOnce(&Self) -> Vec<Litter>) -> &[Litter] {
        self.litter.get_or_init(|| find(self))
    }

    /// Its entries, in the order in which they are copied.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = ManifestEntry<'_>> {
        (0..self.entries.len()).map(|i| self.entry(i))
    }

    fn entry(&self, i: usize) -> ManifestEntry<'_> {
        let e = &self.entries[i];
        ManifestEntry {
            path: self.paths[e.path.start as usize..e.path.end as usize].as_bstr(),
            kind: e.kind,
            mode: e.mode,
            uid: e.uid,
            gid: e.gid,
            digest: e.digest,
        }
    }

    /// Bytes to keep beside a cache record: names share their beginnings, digests are cut, the whole is compressed
    /// (about 12 bytes a file).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.entries.len() * 24);
        put_number(&mut body, self.entries.len() as u64);
        let mut last: &[u8] = b"";
        for e in self.entries() {
            let shared = e.path.iter().zip(last).take_while(|(a, b)| a == b).count();
            put_number(&mut body, shared as u64);
            put_number(&mut body, (e.path.len() - shared) as u64);
            body.extend_from_slice(&e.path[shared..]);
            put_number(
                &mut body,
                u64::from(kind_number(e.kind)) << 12 | u64::from(e.mode),
            );
            put_number(&mut body, u64::from(e.uid));
            put_number(&mut body, u64::from(e.gid));
            body.extend_from_slice(&e.digest[..STORED]);
            last = e.path;
        }
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.digest);
        // Compression into memory does not fail; if it did, an empty body reads as damaged and names no culprit.
        out.extend(zstd::bulk::compress(&body, 1).unwrap_or_default());
        out
    }

    /// Reads [`ContentManifest::to_bytes`]; `None` when they are damaged or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        /// Bytes of names and digests that a record may hold.
        const LIMIT: u64 = 1 << 30;
        let (version, rest) = bytes.split_first()?;
        let (digest, packed) = rest.split_first_chunk::<32>()?;
        if *version != VERSION {
            return None;
        }
        let mut body = Vec::new();
        let decoder = zstd::stream::read::Decoder::new(packed).ok()?;
        std::io::Read::read_to_end(&mut std::io::Read::take(decoder, LIMIT), &mut body).ok()?;
        let mut at = body.as_slice();
        let count = take_number(&mut at)?;
        let mut manifest = Self {
            digest: *digest,
            ..Self::default()
        };
        for _ in 0..count {
            let shared = usize::try_from(take_number(&mut at)?).ok()?;
            let own = usize::try_from(take_number(&mut at)?).ok()?;
            let (name, rest) = at.split_at_checked(own)?;
            at = rest;
            let last = manifest
                .entries
                .last()
                .map_or(0..0, |e: &Raw| e.path.clone());
            let shared_end = last.start as usize + shared;
            if shared_end > last.end as usize {
                return None;
            }
            let start = manifest.paths.len() as u32;
            manifest
                .paths
                .extend_from_within(last.start as usize..shared_end);
            manifest.paths.extend_from_slice(name);
            let bits = take_number(&mut at)?;
            let kind = number_kind(bits >> 12)?;
            let uid = u32::try_from(take_number(&mut at)?).ok()?;
            let gid = u32::try_from(take_number(&mut at)?).ok()?;
            let (head, rest) = at.split_at_checked(STORED)?;
            let mut digest = [0; 32];
            digest[..STORED].copy_from_slice(head);
            at = rest;
            let path = start..manifest.paths.len() as u32;
            manifest.entries.push(Raw {
                path,
                kind,
                mode: (bits & 0o7777) as u32,
                uid,
                gid,
                digest,
            });
        }
        Some(manifest)
    }
}

const KINDS: [Kind; 7] = [
    Kind::File,
    Kind::Dir,
    Kind::Symlink,
    Kind::Fifo,
    Kind::Char,
    Kind::Block,
    Kind::Socket,
];

fn kind_number(kind: Kind) -> u8 {
    KINDS.iter().position(|k| *k == kind).unwrap_or(0) as u8
}

fn number_kind(n: u64) -> Option<Kind> {
    KINDS.get(usize::try_from(n).ok()?).copied()
}

/// LEB128.
fn put_number(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u64::from(first & 0x7F) << shift;
        if first & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

/// Collects entries, then reads what has to be read, then hashes.
#[derive(Default)]
struct Gather<'a> {
    manifest: ContentManifest,
    /// For each entry, the bytes of its path that do not count: the source's own place.
    place: Vec<u32>,
    /// Entries whose digest has to be computed, with the tree that has them.
    unread: Vec<(usize, &'a dyn FileTree)>,
    /// Extended attributes of entries that have some.
    attributes: Vec<(usize, Vec<u8>)>,
    /// What is hashed before the entry of that number.
    marks: Vec<(usize, Vec<u8>)>,
}

impl<'a> Gather<'a> {
    fn mark(&mut self, name: &[u8], rest: &[u8]) {
        let mut text = (name.len() as u64).to_le_bytes().to_vec();
        text.extend_from_slice(name);
        text.extend_from_slice(rest);
        self.marks.push((self.manifest.entries.len(), text));
    }

    /// A match with everything below it; `itself`: its own mode and content count.
    fn matched(
        &mut self,
        tree: &'a dyn FileTree,
        m: &Match,
        itself: bool,
    ) -> Result<(), SelectError> {
        self.mark(&m.name, &[kind_number(m.stat.kind)]);
        let root = match relative(&m.root) {
            b"." => b"",
            p => p,
        };
        if itself {
            self.entry(tree, root, b"", &m.stat, None)?;
        }
        for s in m.below.iter() {
            self.entry(tree, root, s.path, s.stat, s.digest)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        tree: &'a dyn FileTree,
        root: &[u8],
        path: &[u8],
        stat: &Stat,
        digest: Option<ContentDigest>,
    ) -> Result<(), SelectError> {
        let start = self.manifest.paths.len();
        self.manifest.paths.extend_from_slice(root);
        if !root.is_empty() && !path.is_empty() {
            self.manifest.paths.push(b'/');
        }
        self.place.push((self.manifest.paths.len() - start) as u32);
        self.manifest.paths.extend_from_slice(path);
        let full = start as u32..self.manifest.paths.len() as u32;
        let rooted = || BString::from([b"/", &self.manifest.paths[start..]].concat());
        let digest = match stat.kind {
            Kind::Dir => Some([0; 32]),
            Kind::Symlink => Some(Sha256::digest(tree.read_link(&rooted())?.as_slice()).into()),
            Kind::File => digest,
            Kind::Fifo | Kind::Char | Kind::Block | Kind::Socket => {
                Some(Sha256::digest(format!("{}:{}", stat.device.0, stat.device.1)).into())
            }
        };
        if tree.has_xattrs() && matches!(stat.kind, Kind::File | Kind::Dir) {
            let mut text = Vec::new();
            for (name, value) in tree.xattrs(&rooted())? {
                for part in [name.as_slice(), &value] {
                    put_number(&mut text, part.len() as u64);
                    text.extend_from_slice(part);
                }
            }
            if !text.is_empty() {
                self.attributes.push((self.manifest.entries.len(), text));
            }
        }
        if digest.is_none() {
            self.unread.push((self.manifest.entries.len(), tree));
        }
        self.manifest.entries.push(Raw {
            path: full,
            kind: stat.kind,
            mode: if stat.kind == Kind::Symlink {
                0o777
            } else {
                stat.mode
            },
            uid: stat.uid,
            gid: stat.gid,
            digest: digest.unwrap_or_default(),
        });
        Ok(())
    }

    fn finish(mut self) -> Result<ContentManifest, SelectError> {
        self.read()?;
        for (i, text) in &self.attributes {
            let digest = &mut self.manifest.entries[*i].digest;
            *digest = Sha256::new()
                .chain_update(*digest)
                .chain_update(text)
                .finalize()
                .into();
        }
        let mut hash = Sha256::new();
        let mut marks = self.marks.iter().peekable();
        let mut buffer = Vec::new();
        for (i, e) in self.manifest.entries.iter().enumerate() {
            while let Some((_, text)) = marks.next_if(|(at, _)| *at <= i) {
                hash.update([1]);
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text);
            }
            let name =
                &self.manifest.paths[(e.path.start + self.place[i]) as usize..e.path.end as usize];
            buffer.clear();
            buffer.push(2);
            buffer.extend_from_slice(&(name.len() as u32).to_le_bytes());
            buffer.extend_from_slice(name);
            buffer.push(kind_number(e.kind));
            for n in [e.mode, e.uid, e.gid] {
                buffer.extend_from_slice(&n.to_le_bytes());
            }
            buffer.extend_from_slice(&e.digest);
            hash.update(&buffer);
        }
        for (_, text) in marks {
            hash.update([1]);
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        self.manifest.digest = hash.finalize().into();
        Ok(self.manifest)
    }

    /// Computes the digests that are not known, on several threads.
    fn read(&mut self) -> Result<(), TreeError> {
        if self.unread.is_empty() {
            return Ok(());
        }
        let next = AtomicUsize::new(0);
        let results = Mutex::new(Vec::with_capacity(self.unread.len()));
        let work = || {
            while let Some((i, tree)) = self.unread.get(next.fetch_add(1, Ordering::Relaxed)) {
                let path = BString::from([b"/", self.manifest.entry(*i).path.as_bytes()].concat());
                let digest = tree.digest(&path);
                let failed = digest.is_err();
                results
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((*i, digest));
                if failed {
                    next.store(usize::MAX / 2, Ordering::Relaxed);
                }
            }
        };
        let helpers = threads().min(self.unread.len().div_ceil(8));
        std::thread::scope(|scope| {
            for _ in 1..helpers {
                scope.spawn(work);
            }
            work();
        });
        for (i, digest) in results.into_inner().unwrap_or_else(PoisonError::into_inner) {
            self.manifest.entries[i].digest = digest?;
        }
        Ok(())
    }
}
