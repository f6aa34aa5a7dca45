//! The canonical tar of a layer: the same entries always give the same bytes, and so the same diff id.
//!
//! Ustar headers, preceded by a PAX header only where ustar has no room. Entries are sorted by path; names of users and
//! groups stay empty, times are whole seconds. An opaque folder is followed by its mark, a deletion is an empty file
//! `.wh.NAME`. **Source:** POSIX `pax`, *ustar and pax interchange format*; OCI image specification, `layer.md`.

use super::index::{Entry, EntryKind};
use ::tar::{EntryType, Header};
use bstr::ByteSlice;

/// Beginning of the names that mean deletions.
pub(super) const WHITEOUT: &[u8] = b".wh.";
/// Name that hides everything the layers below have in its folder.
pub(super) const OPAQUE: &[u8] = b".wh..wh..opq";
/// Bytes of a block.
pub(super) const BLOCK: usize = 512;
/// Two empty blocks end an archive.
pub(super) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// Appends everything of an entry but a file's content.
pub(super) fn push_headers(out: &mut Vec<u8>, entry: &Entry<'_>) {
    if entry.kind == EntryKind::Whiteout {
        let (folder, name) = split(entry.path);
        return push_mark(out, &[folder, WHITEOUT, name].concat());
    }
    push_entry(out, entry);
    if entry.opaque {
        push_mark(out, &[entry.path.as_bytes(), b"/", OPAQUE].concat());
    }
}

/// Zeros that follow `size` bytes of content.
pub(super) fn padding(size: u64) -> &'static [u8] {
    &END[..size.wrapping_neg() as usize % BLOCK]
}

/// A path as folder (with its slash, or empty) and last name.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    path.split_at(path.iter().rposition(|b| *b == b'/').map_or(0, |i| i + 1))
}

fn push_entry(out: &mut Vec<u8>, entry: &Entry<'_>) {
    let mut path = entry.path.to_vec();
    let kind = match entry.kind {
        EntryKind::File | EntryKind::Whiteout => EntryType::Regular,
        EntryKind::HardLink => EntryType::Link,
        EntryKind::Symlink => EntryType::Symlink,
        EntryKind::Char => EntryType::Char,
        EntryKind::Block => EntryType::Block,
        EntryKind::Fifo => EntryType::Fifo,
        EntryKind::Dir => {
            path.push(b'/');
            EntryType::Directory
        }
    };
    let mut header = Header::new_ustar();
    let bytes = header.as_mut_bytes();
    let mut extended = Vec::new();
    if let Some((name, prefix)) = name_and_prefix(&path) {
        put(&mut bytes[..100], name);
        put(&mut bytes[345..500], prefix);
    } else {
        put(&mut bytes[..100], &path);
        push_record(&mut extended, b"path", &path);
    }
    if matches!(entry.kind, EntryKind::Symlink | EntryKind::HardLink) {
        put(&mut bytes[157..257], entry.target);
        if entry.target.len() > 100 || !entry.target.is_ascii() {
            push_record(&mut extended, b"linkpath", entry.target);
        }
    }
    put_number(&mut bytes[100..108], u64::from(entry.mode));
    for (field, key, value) in [
        (108..116, "uid", i128::from(entry.uid)),
        (116..124, "gid", i128::from(entry.gid)),
        (124..136, "size", i128::from(entry.size)),
        (136..148, "mtime", i128::from(entry.mtime.0)),
    ] {
        let fits = u64::try_from(value).is_ok_and(|v| put_number(&mut bytes[field], v));
        if !fits {
            push_record(&mut extended, key.as_bytes(), value.to_string().as_bytes());
        }
    }
    put_number(&mut bytes[329..337], u64::from(entry.device.0));
    put_number(&mut bytes[337..345], u64::from(entry.device.1));
    for (name, value) in entry.xattrs() {
        push_record(
            &mut extended,
            &[b"SCHILY.xattr.", name.as_bytes()].concat(),
            value,
        );
    }
    if !extended.is_empty() {
        push_extended(out, split(entry.path).1, &extended);
    }
    header.set_entry_type(kind);
    header.set_cksum();
    out.extend(header.as_bytes());
}

/// An empty file that means a deletion. Its owner and time mean nothing, so they are always the same.
fn push_mark(out: &mut Vec<u8>, path: &[u8]) {
    let mark = Entry {
        path: path.into(),
        kind: EntryKind::Whiteout,
        opaque: false,
        mode: 0,
        uid: 0,
        gid: 0,
        size: 0,
        mtime: (0, 0),
        sha256: None,
        target: b"".into(),
        device: (0, 0),
        xattrs: &[],
    };
    push_entry(out, &mark);
}

fn push_extended(out: &mut Vec<u8>, name: &[u8], records: &[u8]) {
    let mut header = Header::new_ustar();
    let bytes = header.as_mut_bytes();
    put(
        &mut bytes[..100],
        &[b"PaxHeaders.0/", &name[..name.len().min(80)]].concat(),
    );
    put_number(&mut bytes[100..108], 0o644);
    put_number(&mut bytes[108..116], 0);
    put_number(&mut bytes[116..124], 0);
    put_number(&mut bytes[124..136], records.len() as u64);
    put_number(&mut bytes[136..148], 0);
    put_number(&mut bytes[329..337], 0);
    put_number(&mut bytes[337..345], 0);
    header.set_entry_type(EntryType::XHeader);
    header.set_cksum();
    out.extend(header.as_bytes());
    out.extend(records);
    out.extend(padding(records.len() as u64));
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself.
fn push_record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + digits(rest);
    if rest + digits(length) != length {
        length = rest + digits(length);
    }
    out.extend(length.to_string().as_bytes());
    out.extend([b" ", key, b"=", value, b"\n"].concat());
}

fn digits(n: usize) -> usize {
    n.checked_ilog10().map_or(1, |l| l as usize + 1)
}

/// Name and prefix fields for a path, when it fits.
fn name_and_prefix(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if !path.is_ascii() {
        return None;
    }
    if path.len() <= 100 {
        return Some((path, b""));
    }
    // The longest prefix that fits; the slash between is left out, and a name must remain.
    let end = path.len().saturating_sub(1).min(156);
    let slash = path[..end].iter().rposition(|b| *b == b'/')?;
    let (prefix, name) = (&path[..slash], &path[slash + 1..]);
    (!prefix.is_empty() && prefix.len() <= 155 && name.len() <= 100).then_some((name, prefix))
}

/// Copies as much of `text` as the field takes.
fn put(field: &mut [u8], text: &[u8]) {
    let n = text.len().min(field.len());
    field[..n].copy_from_slice(&text[..n]);
}

/// Octal digits, then NUL; false, and zeros, when there are too many.
fn put_number(field: &mut [u8], value: u64) -> bool {
    let width = field.len() - 1;
    let fits = value
        .checked_ilog2()
        .is_none_or(|bits| (bits as usize) < 3 * width);
    let text = format!("{:0width$o}\0", if fits { value } else { 0 });
    field.copy_from_slice(text.as_bytes());
    fits
}
