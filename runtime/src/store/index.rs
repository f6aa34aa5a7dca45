//! The list of a layer's entries, written when the layer is made.

use bstr::BStr;

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
    bytes: Vec<u8>,
}

impl LayerIndex {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the layer changes nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Entry number `i`.
    pub fn get(&self, i: usize) -> Option<Entry<'_>> {
        let _ = i;
        todo!()
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.len()).filter_map(|i| self.get(i))
    }

    /// The entry of a path, without leading slash.
    pub fn find(&self, path: &[u8]) -> Option<Entry<'_>> {
        let _ = path;
        todo!()
    }

    /// The entries below a folder, at any depth; all of them for the empty path.
    pub fn below(&self, folder: &[u8]) -> impl Iterator<Item = Entry<'_>> {
        let _ = folder;
        (0..self.len()).filter_map(|i| self.get(i))
    }
}

impl<'a> Entry<'a> {
    /// Extended attributes, name and value, sorted by name.
    pub fn xattrs(&self) -> impl Iterator<Item = (&'a BStr, &'a BStr)> + use<'a> {
        let _ = self.xattrs;
        std::iter::empty()
    }
}
