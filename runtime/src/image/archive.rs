//! Reads image archives in place: a folder, or a tar file whose entries are found by offset, so that nothing is unpacked
//! and no path of an archive ever reaches the file system.

use super::ingest::plain;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

const BLOCK: u64 = 512;

/// Most entries of an archive of images.
const MAX_ENTRIES: usize = 200_000;

/// Largest extended header, bytes.
const MAX_HEADER: u64 = 1 << 20;

/// Links followed to find a file.
const MAX_LINKS: usize = 8;

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    #[error("cannot read `{name}`: {cause}")]
    Read { name: String, cause: io::Error },
    #[error("`{name}` ends in the middle of entry `{entry}`: it is truncated")]
    Truncated { name: String, entry: String },
    #[error("`{name}` is not a tar archive: block at byte {at} has a wrong checksum")]
    NotTar { name: String, at: u64 },
    #[error("`{name}` has more than {MAX_ENTRIES} entries")]
    TooManyEntries { name: String },
    #[error("`{name}` has an extended header of more than {MAX_HEADER} bytes")]
    HeaderTooLarge { name: String },
    #[error("`{entry}` is missing in `{name}`")]
    Missing { name: String, entry: String },
    #[error("`{entry}` in `{name}` is larger than {limit} bytes")]
    TooLarge {
        name: String,
        entry: String,
        limit: u64,
    },
    #[error("cannot keep the archive while it is read: {0}")]
    Spool(io::Error),
}

/// A readable set of named files.
#[derive(Debug)]
pub struct Archive {
    name: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    Tar {
        file: PathBuf,
        entries: HashMap<String, Found>,
    },
}

#[derive(Clone, Debug)]
enum Found {
    File {
        offset: u64,
        size: u64,
    },
    /// Normalised name of another entry.
    Link(String),
}

/// A file of an archive: its bytes from beginning to end.
pub type Part = io::Take<File>;

impl Archive {
    /// Opens a folder or a tar file, packed or not. `scratch` takes the unpacked form of a packed one.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    pub fn open(path: &Path, scratch: &Path) -> Result<Self, ArchiveError> {
        let name = path.display().to_string();
        let unreadable = |cause| ArchiveError::Read {
            name: name.clone(),
            cause,
        };
        let meta = std::fs::metadata(path).map_err(unreadable)?;
        if meta.is_dir() {
            return Ok(Self {
                name,
                place: Place::Folder(path.to_owned()),
            });
        }
        if meta.is_file() && super::ingest::sniff(path).map_err(unreadable)?.is_none() {
            return Self::index(name, path.to_owned());
        }
        let file = File::open(path).map_err(unreadable)?;
        Self::spool(name, file, scratch)
    }

    /// Takes an archive from a stream, packed or not; it is kept in `scratch` while it is read.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    pub fn from_reader(reader: impl Read + Send, scratch: &Path) -> Result<Self, ArchiveError> {
        Self::spool("standard input".to_owned(), reader, scratch)
    }

    fn spool(name: String, reader: impl Read + Send, scratch: &Path) -> Result<Self, ArchiveError> {
        let unreadable = |cause| ArchiveError::Read {
            name: name.clone(),
            cause,
        };
        let mut plain = plain(reader).map_err(unreadable)?;
        let path = scratch.join("archive.tar");
        let mut file = File::create(&path).map_err(ArchiveError::Spool)?;
        io::copy(&mut plain, &mut file).map_err(unreadable)?;
        drop(plain);
        Self::index(name, path)
    }

    fn index(name: String, file: PathBuf) -> Result<Self, ArchiveError> {
        let handle = File::open(&file).map_err(|cause| ArchiveError::Read {
            name: name.clone(),
            cause,
        })?;
        let entries = Scanner::new(&name, handle)?.scan()?;
        Ok(Self {
            name,
            place: Place::Tar { file, entries },
        })
    }

    /// Its name for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether there is a file of that name.
    pub fn has(&self, entry: &str) -> bool {
        match &self.place {
            Place::Folder(root) => clean(entry).is_some_and(|e| root.join(e).is_file()),
            Place::Tar { entries, .. } => find(entries, entry).is_some(),
        }
    }

    /// Opens a file and tells its size in bytes.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`], [`ArchiveError::Read`].
    pub fn part(&self, entry: &str) -> Result<(Part, u64), ArchiveError> {
        let missing = || ArchiveError::Missing {
            name: self.name.clone(),
            entry: printable(entry),
        };
        let unreadable = |cause| ArchiveError::Read {
            name: format!("{}: {}", self.name, printable(entry)),
            cause,
        };
        match &self.place {
            Place::Folder(root) => {
                let path = root.join(clean(entry).ok_or_else(missing)?);
                let file = match File::open(path) {
                    Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(missing()),
                    other => other.map_err(unreadable)?,
                };
                let meta = file.metadata().map_err(unreadable)?;
                if !meta.is_file() {
                    return Err(missing());
                }
                Ok((file.take(meta.len()), meta.len()))
            }
            Place::Tar { file, entries } => {
                let (offset, size) = find(entries, entry).ok_or_else(missing)?;
                let mut file = File::open(file).map_err(unreadable)?;
                file.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
                Ok((file.take(size), size))
            }
        }
    }

    /// Reads a small file whole.
    ///
    /// # Errors
    /// [`ArchiveError::TooLarge`] beyond `limit` bytes, and those of [`Archive::part`].
    pub fn read(&self, entry: &str, limit: u64) -> Result<Vec<u8>, ArchiveError> {
        let (mut part, size) = self.part(entry)?;
        if size > limit {
            return Err(ArchiveError::TooLarge {
                name: self.name.clone(),
                entry: printable(entry),
                limit,
            });
        }
        let mut bytes = Vec::with_capacity(size as usize);
        part.read_to_end(&mut bytes)
            .map_err(|cause| ArchiveError::Read {
                name: self.name.clone(),
                cause,
            })?;
        Ok(bytes)
    }
}

/// Reads the headers of a tar file.
///
/// **Source:** POSIX, `pax`; GNU tar manual, *Basic Tar Format*.
struct Scanner<'n> {
    name: &'n str,
    file: io::BufReader<File>,
    length: u64,
    at: u64,
}

impl<'n> Scanner<'n> {
    fn new(name: &'n str, file: File) -> Result<Self, ArchiveError> {
        let length = file
            .metadata()
            .map_err(|cause| ArchiveError::Read {
                name: name.to_owned(),
                cause,
            })?
            .len();
        Ok(Self {
            name,
            file: io::BufReader::new(file),
            length,
            at: 0,
        })
    }

    fn scan(mut self) -> Result<HashMap<String, Found>, ArchiveError> {
        let mut entries = HashMap::new();
        let (mut long_name, mut long_link, mut pax_size) = (None, None, None);
        let mut headers = 0;
        while let Some(header) = self.header()? {
            headers += 1;
            if headers > MAX_ENTRIES {
                return Err(ArchiveError::TooManyEntries {
                    name: self.name.to_owned(),
                });
            }
            let kind = header.entry_type();
            let raw = header.entry_size().map_err(|_| self.not_tar())?;
            if kind.is_gnu_longname() || kind.is_gnu_longlink() || kind.is_pax_local_extensions() {
                let mut bytes = self.small(raw)?;
                if kind.is_pax_local_extensions() {
                    for (key, value) in pax_records(&bytes) {
                        match key {
                            b"path" => long_name = Some(value.to_vec()),
                            b"linkpath" => long_link = Some(value.to_vec()),
                            b"size" => {
                                pax_size =
                                    std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
                            }
                            _ => {}
                        }
                    }
                } else {
                    bytes.truncate(bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len()));
                    *(if kind.is_gnu_longname() {
                        &mut long_name
                    } else {
                        &mut long_link
                    }) = Some(bytes);
                }
                continue;
            }
            let size = if kind.is_file() {
                pax_size.take().unwrap_or(raw)
            } else {
                raw
            };
            let path = long_name
                .take()
                .unwrap_or_else(|| header.path_bytes().into_owned());
            let link = long_link
                .take()
                .or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
            pax_size = None;
            let path = String::from_utf8_lossy(&path).into_owned();
            let offset = self.at;
            self.skip(size, &path)?;
            let Some(clean_path) = clean(&path) else {
                continue;
            };
            if kind.is_file() || kind.is_contiguous() {
                entries.insert(clean_path, Found::File { offset, size });
            } else if let Some(target) = link.filter(|_| kind.is_symlink() || kind.is_hard_link()) {
                let target = String::from_utf8_lossy(&target).into_owned();
                let from = if kind.is_symlink() {
                    parent(&clean_path)
                } else {
                    ""
                };
                if let Some(target) = join(from, &target) {
                    entries.insert(clean_path, Found::Link(target));
                }
            }
        }
        Ok(entries)
    }

    /// The next header, `None` at the end mark or the end of a file without one.
    fn header(&mut self) -> Result<Option<tar::Header>, ArchiveError> {
        if self.at == self.length && self.at > 0 {
            return Ok(None);
        }
        let mut header = tar::Header::new_old();
        self.file
            .read_exact(header.as_mut_bytes())
            .map_err(|e| self.cut(e, "header"))?;
        if header.as_bytes().iter().all(|b| *b == 0) {
            return Ok(None);
        }
        let bytes = header.as_bytes();
        let sum: u32 = bytes[..148]
            .iter()
            .chain(&bytes[156..])
            .map(|b| u32::from(*b))
            .sum::<u32>()
            + 8 * 32;
        if header.cksum().ok() != Some(sum) {
            return Err(self.not_tar());
        }
        self.at += BLOCK;
        Ok(Some(header))
    }

    fn small(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        if size > MAX_HEADER {
            return Err(ArchiveError::HeaderTooLarge {
                name: self.name.to_owned(),
            });
        }
        let mut bytes = vec![0; size.next_multiple_of(BLOCK) as usize];
        self.file
            .read_exact(&mut bytes)
            .map_err(|e| self.cut(e, "extended header"))?;
        self.at += bytes.len() as u64;
        bytes.truncate(size as usize);
        Ok(bytes)
    }

    fn skip(&mut self, size: u64, entry: &str) -> Result<(), ArchiveError> {
        let end = size
            .checked_next_multiple_of(BLOCK)
            .and_then(|n| n.checked_add(self.at));
        let Some(end) = end.filter(|end| *end <= self.length) else {
            return Err(ArchiveError::Truncated {
                name: self.name.to_owned(),
                entry: printable(entry),
            });
        };
        let step = (end - self.at) as i64;
        self.file
            .seek_relative(step)
            .map_err(|e| self.cut(e, entry))?;
        self.at = end;
        Ok(())
    }

    fn not_tar(&self) -> ArchiveError {
        ArchiveError::NotTar {
            name: self.name.to_owned(),
            at: self.at,
        }
    }

    fn cut(&self, cause: io::Error, entry: &str) -> ArchiveError {
        let name = self.name.to_owned();
        if cause.kind() == io::ErrorKind::UnexpectedEof {
            return ArchiveError::Truncated {
                name,
                entry: printable(entry),
            };
        }
        ArchiveError::Read { name, cause }
    }
}

fn pax_records(bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut records = Vec::new();
    let mut rest = bytes;
    while let Some(space) = rest.iter().position(|b| *b == b' ') {
        let length = std::str::from_utf8(&rest[..space])
            .ok()
            .and_then(|n| n.parse::<usize>().ok());
        let Some(length) = length.filter(|n| *n > space + 1 && *n <= rest.len()) else {
            break;
        };
        let body = &rest[space + 1..length - 1];
        if let Some(equals) = body.iter().position(|b| *b == b'=') {
            records.push((&body[..equals], &body[equals + 1..]));
        }
        rest = &rest[length..];
    }
    records
}

/// `./a//b` -> `a/b`; `None` for names that leave the archive.
fn clean(name: &str) -> Option<String> {
    let mut parts = Vec::new();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

/// `target` as seen from `folder`, `..` resolved within the archive.
fn join(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = if target.starts_with('/') {
        Vec::new()
    } else {
        folder.split('/').collect()
    };
    parts.retain(|p| !p.is_empty());
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            other => parts.push(other),
        }
    }
    Some(parts.join("/"))
}

fn parent(name: &str) -> &str {
    name.rfind('/').map_or("", |at| &name[..at])
}

fn find(entries: &HashMap<String, Found>, name: &str) -> Option<(u64, u64)> {
    let mut name = clean(name)?;
    for _ in 0..MAX_LINKS {
        match entries.get(&name)? {
            Found::File { offset, size } => return Some((*offset, *size)),
            Found::Link(target) => name.clone_from(target),
        }
    }
    None
}

fn printable(text: &str) -> String {
    crate::registry::transport::printable(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::tarball::{Item, Kind, TarWriter};
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Scratch(PathBuf);

    impl Scratch {
        fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name = format!(
                "cooperage-archive-{}-{}",
                std::process::id(),
                NEXT.fetch_add(1, Ordering::Relaxed)
            );
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir(&path).expect("a folder");
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn sample() -> Vec<u8> {
        let mut writer = TarWriter::new(Vec::new());
        writer
            .file("./manifest.json", 0o644, 0, b"[]")
            .expect("writes");
        writer
            .file(
                &("x".repeat(90) + "/" + &"y".repeat(150)),
                0o644,
                0,
                b"long",
            )
            .expect("writes");
        writer
            .file("one/layer.tar", 0o644, 0, b"layer")
            .expect("writes");
        for (path, target) in [
            ("two/layer.tar", "../one/layer.tar"),
            ("out", "../../etc/passwd"),
            ("a", "b"),
            ("b", "a"),
        ] {
            let link = Item::new(path.as_bytes(), Kind::Symlink(target.as_bytes()), 0o777);
            writer.append(&link, &mut io::empty()).expect("writes");
        }
        writer.finish().expect("writes")
    }

    #[test]
    fn files_are_found_by_name_through_links_and_never_outside() {
        let scratch = Scratch::new();
        let archive = Archive::from_reader(&sample()[..], &scratch.0).expect("an archive");
        assert_eq!(archive.read("manifest.json", 10).expect("a file"), b"[]");
        assert_eq!(archive.read("two/layer.tar", 10).expect("a file"), b"layer");
        assert_eq!(
            archive
                .read(&("x".repeat(90) + "/" + &"y".repeat(150)), 10)
                .expect("a file"),
            b"long"
        );
        for missing in ["out", "a", "../archive.tar", "/etc/passwd", "nothing"] {
            assert!(
                matches!(archive.read(missing, 10), Err(ArchiveError::Missing { .. })),
                "{missing}"
            );
        }
        assert!(matches!(
            archive.read("one/layer.tar", 3),
            Err(ArchiveError::TooLarge { .. })
        ));
    }

    #[test]
    fn packed_archives_are_unpacked_first() {
        let scratch = Scratch::new();
        let packed = zstd::encode_all(&sample()[..], 1).expect("packs");
        let archive = Archive::from_reader(&packed[..], &scratch.0).expect("an archive");
        assert!(archive.has("manifest.json"));
    }

    #[test]
    fn cut_and_foreign_files_are_named() {
        let scratch = Scratch::new();
        let sample = sample();
        for (bytes, expected) in [
            (&sample[..600], "truncated"),
            (&sample[..100], "truncated"),
            (&b"hello, I am not a tar file. "[..], "truncated"),
            (&[b'x'; 2048][..], "checksum"),
            (b"", "truncated"),
        ] {
            let error = Archive::from_reader(bytes, &scratch.0)
                .expect_err("an error")
                .to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
