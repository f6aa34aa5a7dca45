//! Writes tar archives that depend on nothing but what is written: no clock, no user names, PAX only where ustar ends.

use std::fmt::Write as _;
use std::io::{self, Write};

const BLOCK: usize = 512;

/// What kind of thing an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A file of so many bytes, which follow.
    File(u64),
    Dir,
    Symlink(&'a [u8]),
    /// Another name for the entry of that path.
    HardLink(&'a [u8]),
    Char(u32, u32),
    Block(u32, u32),
    Fifo,
}

/// One entry; the path has no leading slash and, for folders, no trailing one.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    pub path: &'a [u8],
    pub kind: Kind<'a>,
    /// Permission bits with set-id and sticky bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Extended attributes, name and value.
    pub xattrs: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Item<'a> {
    /// A root-owned entry of time 0.
    pub fn new(path: &'a [u8], kind: Kind<'a>, mode: u32) -> Self {
        Self {
            path,
            kind,
            mode,
            uid: 0,
            gid: 0,
            mtime: 0,
            xattrs: Vec::new(),
        }
    }
}

/// Writes entries in the order they come.
#[derive(Debug)]
pub struct TarWriter<W: Write> {
    out: W,
}

impl<W: Write> TarWriter<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }

    /// Writes an entry and, for a file, its content, which must be exactly as long as announced.
    ///
    /// # Errors
    /// Writing fails, or `content` is shorter or longer than the entry says.
    pub fn append(&mut self, item: &Item<'_>, content: &mut dyn io::Read) -> io::Result<()> {
        self.header(item)?;
        let Kind::File(size) = item.kind else {
            return Ok(());
        };
        let copied = io::copy(&mut io::Read::take(&mut *content, size), &mut self.out)?;
        if copied != size || content.read(&mut [0])? != 0 {
            let text = format!(
                "`{}` changed its size while it was read",
                String::from_utf8_lossy(item.path)
            );
            return Err(io::Error::other(text));
        }
        self.pad(size)
    }

    /// Writes a file whose content is at hand.
    ///
    /// # Errors
    /// Writing fails.
    pub fn file(&mut self, path: &str, mode: u32, mtime: i64, content: &[u8]) -> io::Result<()> {
        let mut item = Item::new(path.as_bytes(), Kind::File(content.len() as u64), mode);
        item.mtime = mtime;
        self.append(&item, &mut &*content)
    }

    /// Writes a folder.
    ///
    /// # Errors
    /// Writing fails.
    pub fn dir(&mut self, path: &str, mode: u32, mtime: i64) -> io::Result<()> {
        let mut item = Item::new(path.as_bytes(), Kind::Dir, mode);
        item.mtime = mtime;
        self.append(&item, &mut io::empty())
    }

    /// Writes the end mark and gives the writer back.
    ///
    /// # Errors
    /// Writing fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn header(&mut self, item: &Item<'_>) -> io::Result<()> {
        let mut path = item.path.to_vec();
        if item.kind == Kind::Dir {
            path.push(b'/');
        }
        let (kind, link, size, device) = match item.kind {
            Kind::File(size) => (b'0', &b""[..], size, (0, 0)),
            Kind::HardLink(target) => (b'1', target, 0, (0, 0)),
            Kind::Symlink(target) => (b'2', target, 0, (0, 0)),
            Kind::Char(major, minor) => (b'3', &b""[..], 0, (major, minor)),
            Kind::Block(major, minor) => (b'4', &b""[..], 0, (major, minor)),
            Kind::Dir => (b'5', &b""[..], 0, (0, 0)),
            Kind::Fifo => (b'6', &b""[..], 0, (0, 0)),
        };
        let mut records = Vec::new();
        let split = split_path(&path);
        if split.is_none() {
            record(&mut records, b"path", &path);
        }
        if link.len() > 100 {
            record(&mut records, b"linkpath", link);
        }
        let mut number = |name: &str, value: i64, digits: u32| {
            if value >= 0 && value < 1 << (3 * digits) {
                return value as u64;
            }
            record(&mut records, name.as_bytes(), value.to_string().as_bytes());
            0
        };
        let size_field = number("size", size as i64, 11);
        let uid = number("uid", i64::from(item.uid), 7);
        let gid = number("gid", i64::from(item.gid), 7);
        let mtime = number("mtime", item.mtime, 11);
        let mut xattrs = item.xattrs.clone();
        xattrs.sort_unstable();
        for (name, value) in xattrs {
            record(&mut records, &[b"SCHILY.xattr.", name].concat(), value);
        }
        if !records.is_empty() {
            self.block(
                b"PaxHeaders.0/x",
                b"",
                (b'x', b""),
                [0o644, 0, 0, records.len() as u64, 0],
                (0, 0),
            )?;
            self.out.write_all(&records)?;
            self.pad(records.len() as u64)?;
        }
        let (prefix, name) = split.unwrap_or((b"", &path[..path.len().min(100)]));
        let numbers = [u64::from(item.mode & 0o7777), uid, gid, size_field, mtime];
        self.block(
            name,
            prefix,
            (kind, &link[..link.len().min(100)]),
            numbers,
            device,
        )
    }

    /// One header block; numbers are mode, uid, gid, size and time.
    ///
    /// **Source:** POSIX, `pax`, *ustar Interchange Format*.
    fn block(
        &mut self,
        name: &[u8],
        prefix: &[u8],
        (kind, link): (u8, &[u8]),
        numbers: [u64; 5],
        device: (u32, u32),
    ) -> io::Result<()> {
        let mut block = [0; BLOCK];
        block[..name.len()].copy_from_slice(name);
        for (value, (at, digits)) in
            numbers
                .into_iter()
                .zip([(100, 7), (108, 7), (116, 7), (124, 11), (136, 11)])
        {
            octal(&mut block[at..=at + digits], value, digits);
        }
        block[156] = kind;
        block[157..157 + link.len()].copy_from_slice(link);
        block[257..265].copy_from_slice(b"ustar\x0000");
        octal(&mut block[329..337], u64::from(device.0), 7);
        octal(&mut block[337..345], u64::from(device.1), 7);
        block[345..345 + prefix.len()].copy_from_slice(prefix);
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|b| u64::from(*b)).sum();
        octal(&mut block[148..155], sum, 6);
        self.out.write_all(&block)
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let rest = (size % BLOCK as u64) as usize;
        if rest == 0 {
            Ok(())
        } else {
            self.out.write_all(&[0; BLOCK][rest..])
        }
    }
}

fn octal(field: &mut [u8], value: u64, digits: usize) {
    for (place, byte) in field[..digits].iter_mut().rev().enumerate() {
        *byte = b'0' + (value >> (3 * place) & 7) as u8;
    }
    field[digits] = 0;
}

/// Prefix and name of a path that ustar can hold: at most 155 and 100 bytes, cut at a slash.
fn split_path(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= 100 {
        return Some((b"", path));
    }
    let cut = path
        .iter()
        .enumerate()
        .position(|(at, b)| *b == b'/' && path.len() - at - 1 <= 100)?;
    (cut <= 155 && cut > 0 && cut + 1 < path.len()).then(|| (&path[..cut], &path[cut + 1..]))
}

/// Adds a PAX record; its length counts itself.
fn record(records: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let bare = name.len() + value.len() + 3;
    let mut length = bare + 1;
    while bare + length.to_string().len() != length {
        length = bare + length.to_string().len();
    }
    let mut head = String::new();
    let _ = write!(head, "{length} ");
    records.extend_from_slice(head.as_bytes());
    records.extend_from_slice(name);
    records.push(b'=');
    records.extend_from_slice(value);
    records.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_independent_reader_finds_what_was_written() {
        let long = "d/".repeat(120) + "file";
        let split = format!("{}/{}", "p".repeat(120), "n".repeat(90));
        let mut writer = TarWriter::new(Vec::new());
        writer.dir("dir", 0o755, 7).expect("writes");
        writer.file("dir/f", 0o4711, 1, b"hello").expect("writes");
        writer.file(&long, 0o644, 1 << 34, b"long").expect("writes");
        writer.file(&split, 0o644, 0, b"split").expect("writes");
        let target = "t".repeat(200);
        let mut item = Item::new(b"link", Kind::Symlink(target.as_bytes()), 0o777);
        item.uid = 3_000_000;
        item.xattrs = vec![(b"user.a", b"1 2")];
        writer.append(&item, &mut io::empty()).expect("writes");
        writer
            .append(
                &Item::new(b"null", Kind::Char(1, 3), 0o666),
                &mut io::empty(),
            )
            .expect("writes");
        let bytes = writer.finish().expect("writes");

        let mut archive = tar::Archive::new(&bytes[..]);
        let mut names = Vec::new();
        for entry in archive.entries().expect("an archive") {
            let mut entry = entry.expect("an entry");
            let name = String::from_utf8(entry.path_bytes().to_vec()).expect("text");
            let mut content = String::new();
            io::Read::read_to_string(&mut entry, &mut content).expect("content");
            match name.as_str() {
                "dir/f" => {
                    assert_eq!(
                        (content.as_str(), entry.header().mode().expect("a mode")),
                        ("hello", 0o4711)
                    );
                }
                "link" => {
                    assert_eq!(
                        entry.link_name_bytes().expect("a link").as_ref(),
                        target.as_bytes()
                    );
                    let pax = entry.pax_extensions().expect("pax").expect("pax");
                    let found: Vec<_> = pax
                        .map(|e| e.expect("pax"))
                        .map(|e| (e.key_bytes().to_vec(), e.value_bytes().to_vec()))
                        .collect();
                    assert!(found.contains(&(b"SCHILY.xattr.user.a".to_vec(), b"1 2".to_vec())));
                    assert!(found.contains(&(b"uid".to_vec(), b"3000000".to_vec())));
                }
                "null" => assert_eq!(entry.header().device_minor().expect("a device"), Some(3)),
                _ => {}
            }
            names.push(name);
        }
        assert_eq!(names, ["dir/", "dir/f", &long, &split, "link", "null"]);
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_an_error() {
        for content in [&b"abc"[..], b"abcde"] {
            let mut writer = TarWriter::new(Vec::new());
            let item = Item::new(b"f", Kind::File(4), 0o644);
            assert!(writer.append(&item, &mut &*content).is_err());
        }
    }
}
