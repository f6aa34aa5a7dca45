//! The files of a step: its layers, bottom to top, as one read-only tree.
//!
//! Merging follows overlayfs: an upper entry hides the lower one of that name, folders are merged, a whiteout hides, an
//! opaque folder hides everything below it. A layer that comes with its index is never looked at on disk but to open
//! a file, so names, owners and digests need no privileges and no reading.

use super::tree::{
    self, ContentDigest, FileTree, Kind, Listed, Listing, Stat, TreeError, Xattrs, child,
    file_name, open_below, parent, relative,
};
use crate::store::{Entry, EntryKind, Layer, LayerIndex};
use bstr::{BString, ByteSlice};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags, RawDir};
use rustix::io::Errno;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// A layer to stack.
pub struct StackLayer {
    /// Its folder.
    pub dir: PathBuf,
    /// What is in it, when that was written down.
    pub index: Option<LayerIndex>,
}

/// Layers seen as one tree. Shared by threads; every folder is merged once.
pub struct LayerStack {
    /// Bottom first.
    layers: Vec<Opened>,
    folders: RwLock<HashMap<BString, Arc<Merged>>>,
}

struct Opened {
    fd: OwnedFd,
    index: Option<LayerIndex>,
    children: OnceLock<Children>,
}

/// An index by folder.
struct Children {
    /// Folder without leading slash -> numbers of its entries.
    by_folder: HashMap<BString, Vec<u32>>,
    /// Entries that have a second name.
    linked: HashSet<BString>,
}

/// A merged folder.
#[derive(Default)]
struct Merged {
    listing: Listing,
    /// For each entry, the layer it comes from.
    origin: Vec<u32>,
    /// Layers that have this folder and show in it, top first.
    layers: Vec<u32>,
}

/// What a layer has under a name.
struct Found {
    stat: Stat,
    digest: Option<ContentDigest>,
    whiteout: bool,
}

impl LayerStack {
    /// Nothing: `FROM scratch`.
    pub fn empty() -> Self {
        Self {
            layers: Vec::new(),
            folders: RwLock::default(),
        }
    }

    /// Stacks folders, bottom first.
    ///
    /// # Errors
    /// [`TreeError::Io`] when a folder cannot be opened.
    pub fn open(layers: impl IntoIterator<Item = StackLayer>) -> Result<Self, TreeError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = |layer: StackLayer| {
            let fd =
                rustix::fs::open(&layer.dir, flags, Mode::empty()).map_err(|e| TreeError::Io {
                    doing: "open the layer",
                    path: layer.dir.to_string_lossy().into_owned().into(),
                    source: e.into(),
                })?;
            Ok(Opened {
                fd,
                index: layer.index,
                children: OnceLock::new(),
            })
        };
        let layers = layers
            .into_iter()
            .map(open)
            .collect::<Result<_, TreeError>>()?;
        Ok(Self {
            layers,
            folders: RwLock::default(),
        })
    }

    /// Stacks layers of the store, bottom first. A layer whose index cannot be read is looked at on disk.
    ///
    /// # Errors
    /// As [`LayerStack::open`].
    pub fn of_layers<'a>(layers: impl IntoIterator<Item = &'a Layer>) -> Result<Self, TreeError> {
        Self::open(layers.into_iter().map(|l| StackLayer {
            dir: l.dir.clone(),
            index: l.index().ok(),
        }))
    }

    /// Stacks folders without indexes, bottom first.
    ///
    /// # Errors
    /// As [`LayerStack::open`].
    pub fn of_folders<P: AsRef<Path>>(folders: &[P]) -> Result<Self, TreeError> {
        Self::open(folders.iter().map(|f| StackLayer {
            dir: f.as_ref().to_owned(),
            index: None,
        }))
    }

    /// Tells whether there is no layer.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Numbers of the layers (0 is the bottom) that show in `path`, top first: of a folder all that add to it, of a file the
    /// one it comes from.
    ///
    /// # Errors
    /// A layer cannot be read.
    pub fn layers_with(&self, path: &[u8]) -> Result<Vec<usize>, TreeError> {
        if path == b"/" {
            return Ok((0..self.layers.len()).rev().collect());
        }
        match self.find(path)? {
            None => Ok(Vec::new()),
            Some((found, _)) if found.stat.kind == Kind::Dir => Ok(self
                .layers_of(path)?
                .into_iter()
                .map(|n| n as usize)
                .collect()),
            Some((_, n)) => Ok(vec![n as usize]),
        }
    }

    /// The uppermost layer whose `/` counts, for the root folder's own attributes.
    fn root_stat(&self) -> Result<Stat, TreeError> {
        match self.layers.last() {
            // An index has no entry for the root; the folder belongs to whoever runs us.
            Some(layer) if layer.index.is_none() => {
                let raw = rustix::fs::fstat(&layer.fd).map_err(|e| failed("read", b"/", e))?;
                Ok(Stat {
                    ctime: None,
                    ..tree::stat_of(&raw)
                })
            }
            _ => Ok(Stat {
                kind: Kind::Dir,
                mode: 0o755,
                uid: 0,
                gid: 0,
                size: 0,
                mtime: (0, 0),
                ctime: None,
                id: (0, 0),
                link: None,
                device: (0, 0),
            }),
        }
    }

    /// The merged folder at `path`; empty when there is none.
    fn merged(&self, path: &[u8]) -> Result<Arc<Merged>, TreeError> {
        if let Some(m) = self
            .folders
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(path.as_bstr())
        {
            return Ok(m.clone());
        }
        let layers = self.layers_of(path)?;
        let merged = Arc::new(self.merge(path, layers)?);
        self.folders
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.into(), merged.clone());
        Ok(merged)
    }

    /// Layers that show in the folder at `path`, top first.
    fn layers_of(&self, path: &[u8]) -> Result<Vec<u32>, TreeError> {
        if path == b"/" {
            return Ok((0..self.layers.len() as u32).rev().collect());
        }
        let mut shown = Vec::new();
        for &n in &self.merged(parent(path))?.layers {
            match self.layer(n).find(path)? {
                None => continue,
                Some(f) if f.whiteout || f.stat.kind != Kind::Dir => break,
                Some(_) => shown.push(n),
            }
            if self.layer(n).is_opaque(path)? {
                break;
            }
        }
        Ok(shown)
    }

    fn merge(&self, path: &[u8], layers: Vec<u32>) -> Result<Merged, TreeError> {
        let mut all: BTreeMap<BString, (u32, Found)> = BTreeMap::new();
        for &n in &layers {
            for (name, found) in self.layer(n).list(path)? {
                all.entry(name).or_insert((n, found));
            }
        }
        all.retain(|_, (_, f)| !f.whiteout && f.stat.kind != Kind::Socket);
        let origin = all.values().map(|(n, _)| *n).collect();
        let listing = all.into_iter().map(|(name, (_, f))| Listed {
            name,
            stat: f.stat,
            digest: f.digest,
        });
        Ok(Merged {
            listing: listing.collect(),
            origin,
            layers,
        })
    }

    fn layer(&self, n: u32) -> &Opened {
        &self.layers[n as usize]
    }

    /// The entry at `path` and its layer.
    fn find(&self, path: &[u8]) -> Result<Option<(Listed, u32)>, TreeError> {
        let merged = self.merged(parent(path))?;
        let name = file_name(path);
        let at = merged
            .listing
            .binary_search_by(|l| l.name.as_slice().cmp(name));
        Ok(at
            .ok()
            .map(|i| (merged.listing[i].clone(), merged.origin[i])))
    }

    fn open_at(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, TreeError> {
        let Some((_, n)) = self.find(path)? else {
            return Err(failed("open", path, Errno::NOENT));
        };
        open_below(&self.layer(n).fd, path, flags).map_err(|e| failed("open", path, e))
    }
}

impl FileTree for LayerStack {
    fn lstat(&self, path: &[u8]) -> Result<Option<Stat>, TreeError> {
        if path == b"/" {
            return self.root_stat().map(Some);
        }
        Ok(self.find(path)?.map(|(l, _)| l.stat))
    }

    fn list(&self, path: &[u8]) -> Result<Listing, TreeError> {
        Ok(self.merged(path)?.listing.clone())
    }

    fn read_link(&self, path: &[u8]) -> Result<BString, TreeError> {
        let Some((_, n)) = self.find(path)? else {
            return Err(failed("read the link", path, Errno::NOENT));
        };
        let layer = self.layer(n);
        if let Some(entry) = layer.index.as_ref().and_then(|i| i.find(bare(path))) {
            return Ok(entry.target.to_owned());
        }
        let text = open_below(&layer.fd, parent(path), OFlags::PATH | OFlags::DIRECTORY).and_then(
            |folder| rustix::fs::readlinkat(&folder, file_name(path).as_bytes(), Vec::new()),
        );
        Ok(text
            .map_err(|e| failed("read the link", path, e))?
            .into_bytes()
            .into())
    }

    fn open(&self, path: &[u8]) -> Result<File, TreeError> {
        self.open_at(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)
            .map(File::from)
    }

    fn xattrs(&self, path: &[u8]) -> Result<Xattrs, TreeError> {
        let Some((listed, n)) = self.find(path)? else {
            return Ok(Vec::new());
        };
        let layer = self.layer(n);
        if let Some(index) = &layer.index {
            let Some(entry) = index.find(bare(path)).map(|e| layer.content_entry(e)) else {
                return Ok(Vec::new());
            };
            let wanted = entry
                .xattrs()
                .filter(|(name, _)| tree::is_image_xattr(name));
            return Ok(wanted
                .map(|(name, value)| (name.to_owned(), value.to_vec()))
                .collect());
        }
        // Links and devices cannot carry the attributes that images keep; opening a pipe or a device could wait.
        if !matches!(listed.stat.kind, Kind::File | Kind::Dir) {
            return Ok(Vec::new());
        }
        let fd = open_below(
            &layer.fd,
            path,
            OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY,
        )
        .map_err(|e| failed("open", path, e))?;
        tree::image_xattrs(&fd).map_err(|e| failed("read attributes of", path, e))
    }

    fn digest(&self, path: &[u8]) -> Result<ContentDigest, TreeError> {
        if let Some((
            Listed {
                digest: Some(digest),
                ..
            },
            _,
        )) = self.find(path)?
        {
            return Ok(digest);
        }
        let file = self.open(path)?;
        tree::hash_reader(file, &mut Vec::new()).map_err(|source| TreeError::Io {
            doing: "read",
            path: path.into(),
            source,
        })
    }
}

impl Opened {
    /// What this layer alone has at `path`.
    fn find(&self, path: &[u8]) -> Result<Option<Found>, TreeError> {
        if let Some(index) = &self.index {
            return Ok(index.find(bare(path)).map(|e| self.found(e)));
        }
        let raw = open_below(&self.fd, parent(path), OFlags::PATH | OFlags::DIRECTORY).and_then(
            |folder| {
                rustix::fs::statat(
                    &folder,
                    file_name(path).as_bytes(),
                    AtFlags::SYMLINK_NOFOLLOW,
                )
            },
        );
        match raw {
            Ok(raw) => Ok(Some(found_on_disk(&raw))),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG) => Ok(None),
            Err(e) => Err(failed("read", path, e)),
        }
    }

    /// What this layer alone has in the folder `path`.
    fn list(&self, path: &[u8]) -> Result<Vec<(BString, Found)>, TreeError> {
        if let Some(index) = &self.index {
            let numbers = self
                .children(index)
                .by_folder
                .get(bare(path).as_bstr())
                .map_or(&[][..], Vec::as_slice);
            let entries = numbers.iter().filter_map(|n| index.get(*n as usize));
            return Ok(entries
                .map(|e| (file_name(e.path).to_owned(), self.found(e)))
                .collect());
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let fd = match open_below(&self.fd, path, flags) {
            Ok(fd) => fd,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG) => {
                return Ok(Vec::new());
            }
            Err(e) => return Err(failed("list", path, e)),
        };
        let mut buffer = Vec::with_capacity(32 * 1024);
        let mut entries = RawDir::new(&fd, buffer.spare_capacity_mut());
        let mut all = Vec::new();
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(|e| failed("list", path, e))?;
            let name = entry.file_name();
            if name.to_bytes() == b"." || name.to_bytes() == b".." {
                continue;
            }
            match rustix::fs::statat(&fd, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(raw) => all.push((BString::from(name.to_bytes()), found_on_disk(&raw))),
                Err(Errno::NOENT) => {}
                Err(e) => return Err(failed("read", &child(path, name.to_bytes()), e)),
            }
        }
        Ok(all)
    }

    fn is_opaque(&self, path: &[u8]) -> Result<bool, TreeError> {
        if let Some(index) = &self.index {
            return Ok(index.find(bare(path)).is_some_and(|e| e.opaque));
        }
        let fd = open_below(&self.fd, path, OFlags::RDONLY | OFlags::DIRECTORY)
            .map_err(|e| failed("open", path, e))?;
        let mut value = [0u8; 2];
        Ok(["trusted.overlay.opaque", "user.overlay.opaque"]
            .iter()
            .any(|name| matches!(rustix::fs::fgetxattr(&fd, *name, &mut value[..]), Ok(1) if value[0] == b'y')))
    }

    fn children(&self, index: &LayerIndex) -> &Children {
        self.children.get_or_init(|| {
            let mut by_folder: HashMap<BString, Vec<u32>> = HashMap::new();
            let mut linked = HashSet::new();
            for (n, entry) in index.iter().enumerate() {
                let folder = entry
                    .path
                    .rfind_byte(b'/')
                    .map_or(&b""[..], |i| &entry.path[..i]);
                by_folder.entry(folder.into()).or_default().push(n as u32);
                if entry.kind == EntryKind::HardLink {
                    linked.insert(entry.target.to_owned());
                }
            }
            Children { by_folder, linked }
        })
    }

    /// The entry that holds the attributes: that of the first name of a file with several.
    fn content_entry<'a>(&'a self, entry: Entry<'a>) -> Entry<'a> {
        match &self.index {
            Some(index) if entry.kind == EntryKind::HardLink => {
                index.find(entry.target).unwrap_or(entry)
            }
            _ => entry,
        }
    }

    fn found(&self, entry: Entry<'_>) -> Found {
        let real = self.content_entry(entry);
        let kind = match real.kind {
            EntryKind::File | EntryKind::HardLink => Kind::File,
            EntryKind::Dir => Kind::Dir,
            EntryKind::Symlink => Kind::Symlink,
            EntryKind::Char | EntryKind::Whiteout => Kind::Char,
            EntryKind::Block => Kind::Block,
            EntryKind::Fifo => Kind::Fifo,
        };
        let linked = self
            .index
            .as_ref()
            .is_some_and(|i| self.children(i).linked.contains(real.path));
        Found {
            stat: Stat {
                kind,
                mode: real.mode,
                uid: real.uid,
                gid: real.gid,
                size: real.size,
                mtime: real.mtime,
                ctime: None,
                id: (0, 0),
                link: linked.then(|| (std::ptr::from_ref(self) as u64, path_number(real.path))),
                device: real.device,
            },
            digest: real.sha256.copied(),
            whiteout: entry.kind == EntryKind::Whiteout,
        }
    }
}

/// A number for a path, the same for the same path.
fn path_number(path: &[u8]) -> u64 {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(path);
    u64::from_le_bytes(std::array::from_fn(|i| digest[i]))
}

fn found_on_disk(raw: &rustix::fs::Stat) -> Found {
    let stat = tree::stat_of(raw);
    // A layer is not written to any more; its change times say nothing.
    let stat = Stat {
        ctime: None,
        ..stat
    };
    Found {
        whiteout: stat.kind == Kind::Char && stat.device == (0, 0),
        stat,
        digest: None,
    }
}

/// A path as indexes have it.
fn bare(path: &[u8]) -> &[u8] {
    match relative(path) {
        b"." => b"",
        p => p,
    }
}

fn failed(doing: &'static str, path: &[u8], errno: Errno) -> TreeError {
    TreeError::Io {
        doing,
        path: path.into(),
        source: errno.into(),
    }
}
