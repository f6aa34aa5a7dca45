//! ADD of a tar archive: detection by content, decompression, and unpacking into a [`Draft`].
//!
//! Names and links of the archive are resolved in the draft, with the destination as their root, and never reach the kernel.
//! File contents go to a spool folder in the order of the archive and are renamed into place when the layer is written.
//!
//! **Source:** BuildKit `solver/llbsolver/file/unpack.go`; moby/go-archive `Unpack`, run in a chroot of the destination.

use super::draft::{Body, Content, Draft, Found, Meta, Node, NodeId};
use super::{ArchiveError, CopyError};
use crate::build::tree::{
    FileTree, Kind, Time, Xattrs, child, elements, is_image_xattr, parent, push,
};
use bstr::{BStr, BString, ByteSlice};
use cooperage_lang::model::pattern::clean;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

const BLOCK: usize = 512;
/// Bytes of extended headers of one entry. **Source:** Go `archive/tar`, maxSpecialFileSize.
const EXTENDED_LIMIT: u64 = 1 << 20;
/// Entries are kept in memory until the layer is written.
const ENTRY_LIMIT: u64 = 1_000_000;
const DEPTH_LIMIT: usize = 1_000;
/// Memory that a dictionary may take.
const DICTIONARY_LIMIT: u64 = 512 << 20;

/// Files of archives, by number, until they get their names.
pub(super) struct Spool {
    folder: OwnedFd,
    name: String,
    parent: OwnedFd,
    next: u64,
}

impl Spool {
    /// A hidden folder in `out`, on the same file system; gone when the layer is written.
    pub(super) fn new(out: &Path) -> Result<Self, CopyError> {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            ".unpack-{}-{}",
            std::process::id(),
            SERIAL.fetch_add(1, Ordering::Relaxed)
        );
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let make = || {
            let parent = rustix::fs::open(out, flags, Mode::empty())?;
            rustix::fs::mkdirat(&parent, name.as_str(), Mode::RWXU)?;
            let folder = rustix::fs::openat(&parent, name.as_str(), flags, Mode::empty())?;
            Ok((parent, folder))
        };
        let (parent, folder) =
            make().map_err(|e: rustix::io::Errno| write_error(name.as_bytes(), e.into()))?;
        Ok(Self {
            folder,
            name,
            parent,
            next: 0,
        })
    }

    pub(super) fn folder(&self) -> &OwnedFd {
        &self.folder
    }

    /// Name of a file in the folder.
    pub(super) fn file_name(number: u64) -> String {
        number.to_string()
    }

    fn add(&mut self, content: &mut impl Read) -> Result<u64, SpoolError> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let number = self.next;
        let fd = rustix::fs::openat(&self.folder, Self::file_name(number), flags, mode)
            .map_err(|e| SpoolError::Write(e.into()))?;
        let mut file = File::from(fd);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => file.write_all(&buffer[..n]).map_err(SpoolError::Write)?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(SpoolError::Read(e)),
            }
        }
        self.next += 1;
        Ok(number)
    }
}

enum SpoolError {
    Read(io::Error),
    Write(io::Error),
}

impl Drop for Spool {
    fn drop(&mut self) {
        // Files that a later entry of the archive replaced are still here.
        for number in 0..self.next {
            let _ = rustix::fs::unlinkat(&self.folder, Self::file_name(number), AtFlags::empty());
        }
        let _ = rustix::fs::unlinkat(&self.parent, self.name.as_str(), AtFlags::REMOVEDIR);
    }
}

/// The uncompressed archive in `file`; `None` when it is none. A compressed file that holds no archive is none, nor is
/// an archive without entries.
pub(super) fn detect(mut file: File) -> Option<Box<dyn Read>> {
    let mut first = [0; BLOCK];
    let header = {
        let mut reader = decompress(file.try_clone().ok()?).ok()?;
        reader.read_exact(&mut first).ok()?;
        tar::Header::from_byte_slice(&first)
    };
    let whole = first.iter().any(|b| *b != 0) && checksum_fits(header);
    if !whole {
        return None;
    }
    file.rewind().ok()?;
    decompress(file).ok()
}

/// Undoes the compression that the first bytes tell of: gzip, bzip2, xz, zstd or none.
///
/// **Source:** moby/go-archive `compression.Detect`.
fn decompress(mut file: File) -> io::Result<Box<dyn Read>> {
    file.rewind()?;
    let mut magic = Vec::with_capacity(6);
    (&file).take(6).read_to_end(&mut magic)?;
    file.rewind()?;
    let reader = BufReader::with_capacity(64 * 1024, file);
    let starts = |m: &[u8]| magic.starts_with(m);
    let zstd_skippable =
        magic.len() >= 4 && magic[0] & 0xF0 == 0x50 && magic[1..4] == [0x2A, 0x4D, 0x18];
    Ok(if starts(&[0x1F, 0x8B, 0x08]) {
        Box::new(flate2::bufread::MultiGzDecoder::new(reader))
    } else if starts(b"BZh") {
        Box::new(bzip2::bufread::MultiBzDecoder::new(reader))
    } else if starts(&[0xFD, b'7', b'z', b'X', b'Z', 0]) {
        let stream = liblzma::stream::Stream::new_stream_decoder(
            DICTIONARY_LIMIT,
            liblzma::stream::CONCATENATED,
        )?;
        Box::new(liblzma::bufread::XzDecoder::new_stream(reader, stream))
    } else if starts(&[0x28, 0xB5, 0x2F, 0xFD]) || zstd_skippable {
        Box::new(zstd::stream::read::Decoder::with_buffer(reader)?)
    } else {
        Box::new(reader)
    })
}

/// Where an archive goes.
pub(super) struct Into<'a, 'd> {
    pub(super) draft: &'a mut Draft<'d>,
    /// The resolved destination folder: root of every name and link of the archive.
    pub(super) dest: &'a BStr,
    /// Owner of everything, instead of the archive's.
    pub(super) owner: Option<(u32, u32)>,
    /// Date of folders that the archive only implies.
    pub(super) created: Time,
}

/// Unpacks the archive `name`.
pub(super) fn unpack(
    reader: Box<dyn Read>,
    name: &BStr,
    into: Into<'_, '_>,
    spool: &mut Spool,
) -> Result<(), CopyError> {
    let mut archive = Reader { reader, entries: 0 };
    let mut unpacker = Unpacker { into, spool };
    let failed = |problem| CopyError::Archive {
        path: name.to_owned(),
        problem,
    };
    while let Some(header) = archive.next().map_err(failed)? {
        let mut content = archive.content(header.size);
        unpacker.entry(&header, &mut content).map_err(|e| match e {
            UnpackError::Archive(problem) => failed(problem),
            UnpackError::Copy(e) => e,
        })?;
        let left = content.left();
        archive.skip(left + padding(header.size)).map_err(failed)?;
    }
    Ok(())
}

enum UnpackError {
    Archive(ArchiveError),
    Copy(CopyError),
}

impl From<ArchiveError> for UnpackError {
    fn from(e: ArchiveError) -> Self {
        Self::Archive(e)
    }
}

impl From<CopyError> for UnpackError {
    fn from(e: CopyError) -> Self {
        Self::Copy(e)
    }
}

struct Unpacker<'a, 'd> {
    into: Into<'a, 'd>,
    spool: &'a mut Spool,
}

impl Unpacker<'_, '_> {
    fn entry(&mut self, header: &Header, content: &mut impl Read) -> Result<(), UnpackError> {
        let cleaned = clean(&header.path);
        let inside = BString::from(clean(&[b"/", cleaned.as_slice()].concat()));
        let depth = elements(&inside).count();
        if depth > DEPTH_LIMIT {
            return Err(ArchiveError::Depth {
                path: header.path.clone(),
                depth,
            }
            .into());
        }
        if depth == 0 {
            return self.dest_itself(header, &cleaned);
        }
        let folder = self.folder_for(&inside)?;
        let name = crate::build::tree::file_name(&inside).to_owned();
        let found = self.into.draft.look(folder, name.as_bstr())?;
        let merge = self.into.draft.is_dir(found) && header.kind == Type::Dir;
        if !matches!(found, Found::Nothing) && !merge {
            self.into.draft.remove(folder, name.as_bstr());
        }
        let body = match header.kind {
            Type::Dir => return self.dir(header, folder, name.as_bstr()),
            Type::HardLink => return self.hard_link(header, folder, name.as_bstr()),
            Type::File => {
                let number = self.spool.add(content).map_err(|e| match e {
                    SpoolError::Read(e) => UnpackError::Archive(read_error(e)),
                    SpoolError::Write(e) => UnpackError::Copy(write_error(&inside, e)),
                })?;
                Body::File(Content::Spooled(number))
            }
            Type::Symlink => Body::Symlink(header.link.clone()),
            Type::Special(kind) => Body::Special(kind, header.device),
        };
        let node = Node {
            meta: self.meta(header),
            xattrs: header.xattrs.clone(),
            body,
            shared: false,
        };
        self.into.draft.put(folder, name.as_bstr(), node);
        Ok(())
    }

    /// An entry for the destination folder: `.` changes nothing, `/` gives it attributes.
    fn dest_itself(&mut self, header: &Header, cleaned: &[u8]) -> Result<(), UnpackError> {
        if cleaned == b"." {
            return Ok(());
        }
        if header.kind != Type::Dir {
            return Err(ArchiveError::Header(header.path.clone()).into());
        }
        let meta = self.meta(header);
        let id = self.into.draft.make_dirs(self.into.dest, meta)?;
        self.set(id, meta, &header.xattrs);
        Ok(())
    }

    /// The folder an entry goes to. Missing ones are made, mode 0755 and owner 0:0; links are followed inside the
    /// destination, but nothing is made behind one that leads nowhere.
    fn folder_for(&mut self, inside: &[u8]) -> Result<NodeId, UnpackError> {
        let mut at = BString::from(self.into.dest);
        let mut here = BString::from("/");
        let meta = Meta {
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: self.into.created,
        };
        for element in elements(parent(inside)) {
            push(&mut here, element);
            push(&mut at, element);
            let found = self.into.draft.locate(&at)?;
            if self.into.draft.is_dir(found) {
                continue;
            }
            if matches!(found, Found::Nothing) {
                self.into.draft.make_dirs(&at, meta)?;
                continue;
            }
            // What is left is a link, or in the way.
            at = self
                .into
                .draft
                .resolve_below(self.into.dest, &here, true)
                .map_err(|_| not_a_directory(inside))?;
            match self.into.draft.locate(&at)? {
                Found::Nothing => {
                    return Err(ArchiveError::NoFolder {
                        path: inside.into(),
                    }
                    .into());
                }
                found if self.into.draft.is_dir(found) => {}
                _ => return Err(not_a_directory(inside)),
            }
            here = inside_of(self.into.dest, &at);
        }
        Ok(self.into.draft.make_dirs(&at, meta)?)
    }

    fn dir(&mut self, header: &Header, folder: NodeId, name: &BStr) -> Result<(), UnpackError> {
        let meta = self.meta(header);
        match self.into.draft.enter(folder, name)? {
            Some(id) => self.set(id, meta, &header.xattrs),
            None => {
                self.into
                    .draft
                    .new_dir(folder, name, meta, header.xattrs.clone())?;
            }
        }
        Ok(())
    }

    fn hard_link(
        &mut self,
        header: &Header,
        folder: NodeId,
        name: &BStr,
    ) -> Result<(), UnpackError> {
        let missing = || ArchiveError::LinkTarget {
            path: header.path.clone(),
            target: header.link.clone(),
        };
        let inside = BString::from(clean(&[b"/", header.link.as_slice()].concat()));
        let draft = &mut *self.into.draft;
        let target = draft
            .resolve_below(self.into.dest, &inside, false)
            .map_err(|_| missing())?;
        let first = match draft.locate(&target)? {
            Found::Nothing => return Err(missing().into()),
            found if draft.is_dir(found) => return Err(missing().into()),
            Found::Here(id) => id,
            // Linking to a file of the layers below takes it up, as overlayfs does.
            Found::Below(stat) => {
                let lower = draft.lower();
                let body = match stat.kind {
                    Kind::Symlink => {
                        Body::Symlink(lower.read_link(&target).map_err(CopyError::from)?)
                    }
                    Kind::File => Body::File(Content::Lower {
                        path: target.clone(),
                    }),
                    kind => Body::Special(kind, stat.device),
                };
                let xattrs = lower.xattrs(&target).map_err(CopyError::from)?;
                let (dir, last) = draft.folder_of(&target)?;
                draft.put(
                    dir,
                    last,
                    Node {
                        meta: Meta::of(&stat),
                        xattrs,
                        body,
                        shared: false,
                    },
                )
            }
        };
        draft.link(folder, name, first);
        let meta = self.meta(header);
        self.set(first, meta, &header.xattrs);
        Ok(())
    }

    fn set(&mut self, id: NodeId, meta: Meta, xattrs: &Xattrs) {
        let node = self.into.draft.node_mut(id);
        node.meta = meta;
        node.xattrs
            .retain(|(name, _)| !xattrs.iter().any(|(n, _)| n == name));
        node.xattrs.extend(xattrs.iter().cloned());
        if let Body::Dir(d) = &mut node.body {
            d.changed = true;
        }
    }

    fn meta(&self, header: &Header) -> Meta {
        let (uid, gid) = self.into.owner.unwrap_or((header.uid, header.gid));
        Meta {
            mode: header.mode,
            uid,
            gid,
            mtime: header.mtime,
        }
    }
}

/// A path in the draft as the archive sees it.
fn inside_of(dest: &[u8], path: &[u8]) -> BString {
    let rest = path.strip_prefix(dest).unwrap_or(path);
    let mut inside = BString::from("/");
    elements(rest).for_each(|e| push(&mut inside, e));
    inside
}

fn not_a_directory(path: &[u8]) -> UnpackError {
    ArchiveError::NotADirectory { path: path.into() }.into()
}

fn write_error(path: &[u8], source: io::Error) -> CopyError {
    CopyError::Write {
        path: child(b"/", path.strip_prefix(b"/").unwrap_or(path)),
        source,
    }
}

fn read_error(e: io::Error) -> ArchiveError {
    if e.kind() == io::ErrorKind::UnexpectedEof {
        ArchiveError::Truncated
    } else {
        ArchiveError::Read(e)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    File,
    HardLink,
    Symlink,
    Dir,
    Special(Kind),
}

/// An entry, extended headers applied.
#[derive(Debug)]
struct Header {
    path: BString,
    link: BString,
    kind: Type,
    mode: u32,
    uid: u32,
    gid: u32,
    /// Bytes of content that follow.
    size: u64,
    mtime: Time,
    device: (u32, u32),
    xattrs: Xattrs,
}

/// What extended headers say of the entry behind them.
#[derive(Default)]
struct Extended {
    path: Option<BString>,
    link: Option<BString>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime: Option<Time>,
    xattrs: Xattrs,
}

struct Reader {
    reader: Box<dyn Read>,
    entries: u64,
}

impl Reader {
    fn next(&mut self) -> Result<Option<Header>, ArchiveError> {
        let mut extended = Extended::default();
        let mut extended_bytes = 0;
        loop {
            let mut block = [0; BLOCK];
            if !self.block(&mut block)? || block.iter().all(|b| *b == 0) {
                return Ok(None);
            }
            self.entries += 1;
            if self.entries > ENTRY_LIMIT {
                return Err(ArchiveError::Entries(ENTRY_LIMIT));
            }
            let raw = tar::Header::from_byte_slice(&block);
            if !checksum_fits(raw) {
                return Err(ArchiveError::Checksum);
            }
            let kind = raw.entry_type().as_byte();
            let path = BString::from(raw.path_bytes().into_owned());
            let bad = || ArchiveError::Header(path.clone());
            match kind {
                b'x' | b'L' | b'K' | b'g' => {
                    let size = raw.entry_size().map_err(|_| bad())?;
                    extended_bytes += size;
                    if extended_bytes > EXTENDED_LIMIT {
                        return Err(ArchiveError::HeaderSize(path));
                    }
                    let mut text = vec![0; size as usize];
                    self.reader.read_exact(&mut text).map_err(read_error)?;
                    self.skip(padding(size))?;
                    match kind {
                        b'x' => extended.read_pax(&text).ok_or_else(bad)?,
                        b'L' => extended.path = Some(until_nul(&text)),
                        b'K' => extended.link = Some(until_nul(&text)),
                        // Defaults for all entries: ignored, as moby does.
                        _ => {}
                    }
                }
                _ => return header(raw, kind, path, extended).map(Some),
            }
        }
    }

    /// Reads a block; false at the end of the file.
    fn block(&mut self, block: &mut [u8; BLOCK]) -> Result<bool, ArchiveError> {
        let mut filled = 0;
        while filled < BLOCK {
            match self.reader.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(ArchiveError::Truncated),
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(read_error(e)),
            }
        }
        Ok(true)
    }

    fn content(&mut self, size: u64) -> Contents<'_> {
        Contents {
            reader: &mut self.reader,
            left: size,
        }
    }

    fn skip(&mut self, bytes: u64) -> Result<(), ArchiveError> {
        let skipped =
            io::copy(&mut (&mut self.reader).take(bytes), &mut io::sink()).map_err(read_error)?;
        if skipped == bytes {
            Ok(())
        } else {
            Err(ArchiveError::Truncated)
        }
    }
}

/// The bytes of one entry: exactly as many as announced.
struct Contents<'a> {
    reader: &'a mut Box<dyn Read>,
    left: u64,
}

impl Contents<'_> {
    fn left(&self) -> u64 {
        self.left
    }
}

impl Read for Contents<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let n = self.reader.read(&mut buffer[..most])?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= n as u64;
        Ok(n)
    }
}

/// Bytes from the end of content to the next block.
fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK as u64) - size
}

/// The sum over the header with spaces for the checksum itself, as unsigned or (old writers) signed bytes.
fn checksum_fits(header: &tar::Header) -> bool {
    let bytes = header.as_bytes();
    let counted = |i: usize| {
        if (148..156).contains(&i) {
            b' '
        } else {
            bytes[i]
        }
    };
    let unsigned: u32 = (0..BLOCK).map(|i| u32::from(counted(i))).sum();
    let signed: i32 = (0..BLOCK)
        .map(|i| i32::from(counted(i).cast_signed()))
        .sum();
    header
        .cksum()
        .is_ok_and(|sum| sum == unsigned || sum as i32 == signed)
}

fn until_nul(text: &[u8]) -> BString {
    text[..text.find_byte(0).unwrap_or(text.len())].into()
}

impl Extended {
    /// Reads `length key=value` records. **Source:** POSIX `pax`, *pax Extended Header*.
    fn read_pax(&mut self, text: &[u8]) -> Option<()> {
        let mut rest = text;
        while !rest.is_empty() {
            let space = rest.find_byte(b' ')?;
            let length: usize = std::str::from_utf8(&rest[..space]).ok()?.parse().ok()?;
            let record = rest.get(space + 1..length)?.strip_suffix(b"\n")?;
            rest = &rest[length..];
            let equals = record.find_byte(b'=')?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            let number = || std::str::from_utf8(value).ok()?.parse::<u64>().ok();
            match key {
                b"path" => self.path = Some(value.into()),
                b"linkpath" => self.link = Some(value.into()),
                b"size" => self.size = Some(number()?),
                b"uid" => self.uid = Some(u32::try_from(number()?).ok()?),
                b"gid" => self.gid = Some(u32::try_from(number()?).ok()?),
                b"mtime" => self.mtime = Some(pax_time(value)?),
                _ => {
                    if let Some(name) = key
                        .strip_prefix(b"SCHILY.xattr.")
                        .filter(|n| is_image_xattr(n))
                    {
                        self.xattrs.retain(|(n, _)| n != name);
                        self.xattrs.push((name.into(), value.to_vec()));
                    }
                }
            }
        }
        Some(())
    }
}

/// `seconds[.fraction]`, maybe negative.
fn pax_time(value: &[u8]) -> Option<Time> {
    let text = std::str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let digits: String = fraction
        .chars()
        .chain(std::iter::repeat('0'))
        .take(9)
        .collect();
    let nanos: u32 = digits.parse().ok()?;
    if whole.starts_with('-') && nanos > 0 {
        return Some((seconds - 1, 1_000_000_000 - nanos));
    }
    Some((seconds, nanos))
}

fn header(
    raw: &tar::Header,
    kind: u8,
    path: BString,
    extended: Extended,
) -> Result<Header, ArchiveError> {
    let path = extended.path.unwrap_or(path);
    let bad = || ArchiveError::Header(path.clone());
    let number = |n: io::Result<u64>| n.ok().and_then(|n| u32::try_from(n).ok());
    let kind = match kind {
        // Archives older than POSIX mark folders by a slash alone.
        0 | b'0' if path.ends_with(b"/") => Type::Dir,
        0 | b'0' | b'7' => Type::File,
        b'1' => Type::HardLink,
        b'2' => Type::Symlink,
        b'3' => Type::Special(Kind::Char),
        b'4' => Type::Special(Kind::Block),
        b'5' => Type::Dir,
        b'6' => Type::Special(Kind::Fifo),
        other => {
            return Err(ArchiveError::Type {
                path,
                kind: char::from(other),
            });
        }
    };
    let size = match kind {
        Type::File => match extended.size {
            Some(size) => size,
            None => raw.entry_size().map_err(|_| bad())?,
        },
        _ => 0,
    };
    let device = match kind {
        Type::Special(Kind::Char | Kind::Block) => {
            let part = |n: io::Result<Option<u32>>| n.ok().flatten().ok_or_else(bad);
            (part(raw.device_major())?, part(raw.device_minor())?)
        }
        _ => (0, 0),
    };
    let link = extended.link.unwrap_or_else(|| {
        raw.link_name_bytes()
            .map_or_else(BString::default, |l| l.into_owned().into())
    });
    Ok(Header {
        link,
        kind,
        mode: raw.mode().map_err(|_| bad())? & 0o7777,
        uid: extended.uid.or_else(|| number(raw.uid())).ok_or_else(bad)?,
        gid: extended.gid.or_else(|| number(raw.gid())).ok_or_else(bad)?,
        size,
        mtime: extended
            .mtime
            .unwrap_or_else(|| (raw.mtime().map_or(0, |s| s as i64), 0)),
        device,
        xattrs: extended.xattrs,
        path,
    })
}
