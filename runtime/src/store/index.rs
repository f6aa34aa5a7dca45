//! The list of a layer's entries, written when the layer is made.
//!
//! One file: a header, records of fixed size sorted by path, and a heap of their texts. It is read in one go and used as it is.

use super::{DiffId, LayerError};
use bstr::BStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Kinds of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    File,
    Dir,
    Symlink,
    /// Another name of the file in [`Entry::target`].
    HardLink,
    Char,
    Block,
    Fifo,
    /// The path is deleted by this layer.
    Whiteout,
}

/// One entry of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Path without leading slash; for a whiteout the deleted path.
    pub path: &'a BStr,
    pub kind: EntryKind,
    /// A folder that hides what the layers below have in it.
    pub opaque: bool,
    /// Permission bits with set-id and sticky bits (`07777`).
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Bytes; 0 for all but files.
    pub size: u64,
    /// Modification time, seconds and nanoseconds since 1970.
    pub mtime: (i64, u32),
    /// SHA-256 of a file's content.
    pub sha256: Option<&'a [u8; 32]>,
    /// Text of a symbolic link; path of a hard link's file.
    pub target: &'a BStr,
    /// Device number as major and minor.
    pub device: (u32, u32),
    pub(super) xattrs: &'a [u8],
}

/// The entries of a layer, sorted by path bytes; a folder comes before what is in it. The root has no entry.
pub struct LayerIndex {
    header: Header,
    bytes: Vec<u8>,
}

/// What is known of a layer without reading its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) diff_id: DiffId,
    /// The tar that our writer makes of the entries has the diff id.
    pub(super) canonical: bool,
    pub(super) entries: u64,
    pub(super) size: u64,
    pub(super) created: SystemTime,
}

/// An entry in the making.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) path: Vec<u8>,
    pub(super) kind: EntryKind,
    pub(super) opaque: bool,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size: u64,
    pub(super) mtime: (i64, u32),
    pub(super) sha256: [u8; 32],
    pub(super) target: Vec<u8>,
    pub(super) device: (u32, u32),
    pub(super) xattrs: Vec<u8>,
}

const MAGIC: &[u8; 8] = b"cooperix";
const VERSION: u32 = 1;
const HEADER: usize = 80;
const RECORD: usize = 96;

impl LayerIndex {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.header.entries as usize
    }

    /// Whether the layer changes nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Entry number `i`.
    pub fn get(&self, i: usize) -> Option<Entry<'_>> {
        if i >= self.len() {
            return None;
        }
        let r = self.record(i);
        let kind = EntryKind::from_byte(r[0])?;
        let heap = &self.bytes[HEADER + self.len() * RECORD..];
        let (path, rest) = heap
            .get(u64_at(r, 64) as usize..)?
            .split_at_checked(u32_at(r, 72) as usize)?;
        let (target, rest) = rest.split_at_checked(u32_at(r, 76) as usize)?;
        let xattrs = rest.get(..u32_at(r, 80) as usize)?;
        Some(Entry {
            path: path.into(),
            kind,
            opaque: r[1] & 1 != 0,
            mode: u32::from(u16::from_le_bytes([r[2], r[3]])),
            uid: u32_at(r, 4),
            gid: u32_at(r, 8),
            size: u64_at(r, 24),
            mtime: (u64_at(r, 16).cast_signed(), u32_at(r, 12)),
            sha256: (kind == EntryKind::File).then(|| r[32..64].try_into().expect("32 bytes")),
            target: target.into(),
            device: (u32_at(r, 84), u32_at(r, 88)),
            xattrs,
        })
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.len()).filter_map(|i| self.get(i))
    }

    /// The entry of a path, without leading slash.
    pub fn find(&self, path: &[u8]) -> Option<Entry<'_>> {
        self.get(self.first_from(path)).filter(|e| e.path == path)
    }

    /// The entries below a folder, at any depth; all of them for the empty path.
    pub fn below(&self, folder: &[u8]) -> impl Iterator<Item = Entry<'_>> {
        let mut prefix = folder.to_vec();
        if !prefix.is_empty() {
            prefix.push(b'/');
        }
        (self.first_from(&prefix)..self.len())
            .filter_map(|i| self.get(i))
            .take_while(move |e| e.path.starts_with(&prefix))
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// Reads and checks an index file. Every entry of the result can be read.
    pub(super) fn load(path: &Path) -> Result<Self, LayerError> {
        let damaged = |detail| LayerError::Index {
            path: path.to_owned(),
            detail,
        };
        let bytes = fs::read(path).map_err(super::StoreError::io("read", path))?;
        let header = Header::parse(&bytes).ok_or_else(|| damaged("header"))?;
        let records = usize::try_from(header.entries)
            .ok()
            .and_then(|n| n.checked_mul(RECORD));
        if records
            .and_then(|n| n.checked_add(HEADER))
            .is_none_or(|n| n > bytes.len())
        {
            return Err(damaged("shorter than its number of entries"));
        }
        let index = Self { header, bytes };
        if (0..index.len()).all(|i| index.get(i).is_some()) {
            Ok(index)
        } else {
            Err(damaged("an entry points outside"))
        }
    }

    fn record(&self, i: usize) -> &[u8; RECORD] {
        self.bytes[HEADER + i * RECORD..][..RECORD]
            .try_into()
            .expect("one record")
    }

    /// Number of the first entry whose path is not before `path`.
    fn first_from(&self, path: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle).is_some_and(|e| e.path < path) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

impl<'a> Entry<'a> {
    /// Extended attributes, name and value, sorted by name.
    pub fn xattrs(&self) -> impl Iterator<Item = (&'a BStr, &'a BStr)> + use<'a> {
        let mut rest = self.xattrs;
        std::iter::from_fn(move || {
            let (name, value) = (rest.get(..4)?, rest.get(4..8)?);
            let (name, value) = (u32_at(name, 0) as usize, u32_at(value, 0) as usize);
            let (texts, next) = rest.get(8..)?.split_at_checked(name.checked_add(value)?)?;
            rest = next;
            let (name, value) = texts.split_at(name);
            Some((name.into(), value.into()))
        })
    }
}

impl Header {
    /// Reads the header of an index file; `None` when there is none.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let mut bytes = [0; HEADER];
        match File::open(path).and_then(|mut f| f.read_exact(&mut bytes)) {
            Ok(()) => Ok(Self::parse(&bytes)),
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof
                ) =>
            {
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER] = bytes.get(..HEADER)?.try_into().ok()?;
        if &bytes[..8] != MAGIC || u32_at(bytes, 8) != VERSION {
            return None;
        }
        Some(Self {
            canonical: u32_at(bytes, 12) & 1 != 0,
            entries: u64_at(bytes, 16),
            size: u64_at(bytes, 24),
            created: UNIX_EPOCH.checked_add(Duration::from_micros(u64_at(bytes, 32)))?,
            diff_id: DiffId::new(bytes[40..72].try_into().ok()?),
        })
    }
}

impl Draft {
    /// The same as a finished entry.
    pub(super) fn entry(&self) -> Entry<'_> {
        Entry {
            path: self.path.as_slice().into(),
            kind: self.kind,
            opaque: self.opaque,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            size: self.size,
            mtime: self.mtime,
            sha256: (self.kind == EntryKind::File).then_some(&self.sha256),
            target: self.target.as_slice().into(),
            device: self.device,
            xattrs: &self.xattrs,
        }
    }
}

/// Appends one extended attribute in the encoding of [`Entry::xattrs`].
pub(super) fn push_xattr(to: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    to.extend((name.len() as u32).to_le_bytes());
    to.extend((value.len() as u32).to_le_bytes());
    to.extend(name);
    to.extend(value);
}

/// Writes an index file; `entries` are sorted.
pub(super) fn write(path: &Path, header: &Header, entries: &[Draft]) -> io::Result<()> {
    let texts: usize = entries
        .iter()
        .map(|e| e.path.len() + e.target.len() + e.xattrs.len())
        .sum();
    let mut bytes = Vec::with_capacity(HEADER + entries.len() * RECORD + texts);
    let created = header
        .created
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_micros() as u64);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(u32::from(header.canonical).to_le_bytes());
    bytes.extend((entries.len() as u64).to_le_bytes());
    bytes.extend(header.size.to_le_bytes());
    bytes.extend(created.to_le_bytes());
    bytes.extend(header.diff_id.bytes());
    bytes.resize(HEADER, 0);
    let mut offset = 0_u64;
    for e in entries {
        bytes.extend([e.kind as u8, u8::from(e.opaque)]);
        bytes.extend((e.mode as u16).to_le_bytes());
        bytes.extend(e.uid.to_le_bytes());
        bytes.extend(e.gid.to_le_bytes());
        bytes.extend(e.mtime.1.to_le_bytes());
        bytes.extend(e.mtime.0.to_le_bytes());
        bytes.extend(e.size.to_le_bytes());
        bytes.extend(e.sha256);
        bytes.extend(offset.to_le_bytes());
        for text in [&e.path, &e.target, &e.xattrs] {
            bytes.extend((text.len() as u32).to_le_bytes());
            offset += text.len() as u64;
        }
        bytes.extend(e.device.0.to_le_bytes());
        bytes.extend(e.device.1.to_le_bytes());
        bytes.extend([0; 4]);
    }
    for e in entries {
        bytes.extend(&e.path);
        bytes.extend(&e.target);
        bytes.extend(&e.xattrs);
    }
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(&bytes)?;
    file.sync_data()
}

impl EntryKind {
    fn from_byte(byte: u8) -> Option<Self> {
        use EntryKind::{Block, Char, Dir, Fifo, File, HardLink, Symlink, Whiteout};
        [File, Dir, Symlink, HardLink, Char, Block, Fifo, Whiteout]
            .get(usize::from(byte))
            .copied()
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}
