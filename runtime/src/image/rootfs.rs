//! An image's files as one tree: layers merged as an overlay shows them, written as archive or into a folder.

use super::tarball::{Item, Kind, TarWriter};
use crate::store::{DiffId, EntryKind, Layer, LayerError, LayerIndex, Store};
use bstr::{BStr, BString, ByteSlice};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Timespec, Timestamps};
use rustix::io::Errno;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Bound;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Why the files could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootfsError {
    #[error("layer {0} is not in the store")]
    Missing(DiffId),
    #[error("{0}")]
    Layer(#[from] LayerError),
    #[error("cannot read `{path}` of the image: {cause}")]
    Read { path: BString, cause: io::Error },
    #[error("cannot write the archive: {0}")]
    Stream(io::Error),
    #[error("cannot write `{path}` into `{}`: {cause}", folder.display())]
    Write {
        folder: PathBuf,
        path: BString,
        cause: io::Error,
    },
}

/// Writes the merged files of `layers` (bottom first) as a tar, sorted by path. Times later than `clamp` (seconds since
/// 1970) are set to it.
///
/// # Errors
/// See [`RootfsError`].
pub fn write_tar(
    store: &Store,
    layers: &[DiffId],
    clamp: Option<i64>,
    out: &mut dyn Write,
) -> Result<(), RootfsError> {
    let stack = Stack::open(store, layers)?;
    let mut tar = TarWriter::new(io::BufWriter::with_capacity(1 << 20, out));
    for node in stack.merged() {
        let kind = match &node.kind {
            NodeKind::File => Kind::File(node.size),
            NodeKind::Link(first) => Kind::HardLink(first),
            NodeKind::Dir => Kind::Dir,
            NodeKind::Symlink => Kind::Symlink(node.target.as_bytes()),
            NodeKind::Char => Kind::Char(node.device.0, node.device.1),
            NodeKind::Block => Kind::Block(node.device.0, node.device.1),
            NodeKind::Fifo => Kind::Fifo,
        };
        let item = Item {
            path: &node.path,
            kind,
            mode: node.mode,
            uid: node.owner.0,
            gid: node.owner.1,
            mtime: clamp.map_or(node.mtime.0, |c| node.mtime.0.min(c)),
            xattrs: node
                .xattrs
                .iter()
                .map(|(n, v)| (n.as_bytes(), v.as_bytes()))
                .collect(),
        };
        if matches!(kind, Kind::File(_)) {
            tar.append(&item, &mut stack.content(&node)?)
                .map_err(RootfsError::Stream)?;
        } else {
            tar.append(&item, &mut io::empty())
                .map_err(RootfsError::Stream)?;
        }
    }
    tar.finish().map_err(RootfsError::Stream)?;
    Ok(())
}

/// Writes the merged files of `layers` (bottom first) into `folder`, which is made when it is not there. Files belong to
/// the caller, modes and times are kept; what stands in the way of an entry is replaced, other files stay. Devices that
/// the caller may not make are left out and returned.
///
/// **Source:** buildx `--output type=local`: the receiver maps all owners to the calling user.
///
/// # Errors
/// See [`RootfsError`].
pub fn write_folder(
    store: &Store,
    layers: &[DiffId],
    clamp: Option<i64>,
    folder: &Path,
) -> Result<Vec<BString>, RootfsError> {
    let stack = Stack::open(store, layers)?;
    let outside = |cause: io::Error| RootfsError::Write {
        folder: folder.to_owned(),
        path: BString::default(),
        cause,
    };
    std::fs::create_dir_all(folder).map_err(outside)?;
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
    let root = rustix::fs::open(folder, flags, Mode::empty()).map_err(|e| outside(e.into()))?;
    let mut skipped = Vec::new();
    let mut folders = Vec::new();
    let writer = FolderWriter { root, clamp };
    let failed = |path: &BString, cause| RootfsError::Write {
        folder: folder.to_owned(),
        path: path.clone(),
        cause,
    };
    for node in stack.merged() {
        let written = writer.put(&node, &stack).map_err(|e| match e {
            PutError::Read(e) => e,
            PutError::Write(cause) => failed(&node.path, cause),
        })?;
        if !written {
            skipped.push(node.path);
        } else if matches!(node.kind, NodeKind::Dir) {
            folders.push(node);
        }
    }
    // Last and deepest first: writing into a folder needs its permissions and changes its time.
    for node in folders.iter().rev() {
        writer
            .finish_dir(node)
            .map_err(|cause| failed(&node.path, cause))?;
    }
    Ok(skipped)
}

/// Layers, opened for reading.
struct Stack {
    layers: Vec<(Layer, LayerIndex)>,
}

/// An entry of the merged tree.
#[derive(Clone, Debug)]
struct Node {
    path: BString,
    kind: NodeKind,
    mode: u32,
    owner: (u32, u32),
    size: u64,
    mtime: (i64, u32),
    target: BString,
    device: (u32, u32),
    xattrs: Vec<(BString, BString)>,
    layer: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum NodeKind {
    File,
    /// Another name of the entry at this path, which comes earlier.
    Link(BString),
    Dir,
    Symlink,
    Char,
    Block,
    Fifo,
}

impl Stack {
    fn open(store: &Store, layers: &[DiffId]) -> Result<Self, RootfsError> {
        let open = |diff_id: &DiffId| {
            let layer = store
                .layer(diff_id)?
                .ok_or(RootfsError::Missing(*diff_id))?;
            let index = layer.index()?;
            Ok((layer, index))
        };
        Ok(Self {
            layers: layers
                .iter()
                .map(open)
                .collect::<Result<_, RootfsError>>()?,
        })
    }

    /// The tree as an overlay of the layers shows it, sorted by path.
    fn merged(&self) -> Vec<Node> {
        let mut tree: BTreeMap<BString, Node> = BTreeMap::new();
        for (number, (_, index)) in self.layers.iter().enumerate() {
            // Deletions first: they concern the layers below only.
            for entry in index.iter() {
                if entry.kind == EntryKind::Whiteout {
                    tree.remove(entry.path);
                    remove_below(&mut tree, entry.path);
                } else if entry.opaque || entry.kind != EntryKind::Dir {
                    remove_below(&mut tree, entry.path);
                }
            }
            for entry in index.iter() {
                let kind = match entry.kind {
                    EntryKind::Whiteout => continue,
                    EntryKind::File | EntryKind::HardLink => NodeKind::File,
                    EntryKind::Dir => NodeKind::Dir,
                    EntryKind::Symlink => NodeKind::Symlink,
                    EntryKind::Char => NodeKind::Char,
                    EntryKind::Block => NodeKind::Block,
                    EntryKind::Fifo => NodeKind::Fifo,
                };
                // The first name of a linked file carries its facts.
                let facts = match entry.kind {
                    EntryKind::HardLink => index.find(entry.target).unwrap_or(entry),
                    _ => entry,
                };
                let node = Node {
                    path: entry.path.into(),
                    kind,
                    mode: facts.mode,
                    owner: (facts.uid, facts.gid),
                    size: facts.size,
                    mtime: facts.mtime,
                    target: entry.target.into(),
                    device: facts.device,
                    xattrs: facts.xattrs().map(|(n, v)| (n.into(), v.into())).collect(),
                    layer: number,
                };
                tree.insert(node.path.clone(), node);
            }
        }
        link_names(tree.into_values().collect(), &self.layers)
    }

    fn content(&self, node: &Node) -> Result<File, RootfsError> {
        let unreadable = |cause| RootfsError::Read {
            path: node.path.clone(),
            cause,
        };
        let root = &self.layers[node.layer].0.dir;
        let flags = OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC;
        let root =
            rustix::fs::open(root, flags, Mode::empty()).map_err(|e| unreadable(e.into()))?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let path: &[u8] = &node.path;
        let file = rustix::fs::openat2(root, path, flags, Mode::empty(), resolve)
            .map_err(|e| unreadable(e.into()))?;
        Ok(file.into())
    }
}

fn remove_below(tree: &mut BTreeMap<BString, Node>, folder: &BStr) {
    let mut first: BString = folder.into();
    first.push(b'/');
    let mut end: BString = folder.into();
    // The byte after `/`: everything below sorts between the two.
    end.push(b'0');
    let below: Vec<BString> = tree
        .range((Bound::Included(first), Bound::Excluded(end)))
        .map(|(path, _)| path.clone())
        .collect();
    for path in below {
        tree.remove(&path);
    }
}

/// Of names of one file that are still there the first becomes the file, the others links to it.
fn link_names(mut nodes: Vec<Node>, layers: &[(Layer, LayerIndex)]) -> Vec<Node> {
    let mut first: HashMap<(usize, BString), BString> = HashMap::new();
    let mut linked: Vec<Vec<&BStr>> = Vec::new();
    for (_, index) in layers {
        let mut targets: Vec<&BStr> = index
            .iter()
            .filter(|e| e.kind == EntryKind::HardLink)
            .map(|e| e.target)
            .collect();
        targets.sort_unstable();
        targets.dedup();
        linked.push(targets);
    }
    for node in &mut nodes {
        if node.kind != NodeKind::File {
            continue;
        }
        let name: BString = if node.target.is_empty() {
            node.path.clone()
        } else {
            node.target.clone()
        };
        if linked[node.layer].binary_search(&name.as_bstr()).is_err() {
            continue;
        }
        match first.get(&(node.layer, name.clone())) {
            Some(earlier) => node.kind = NodeKind::Link(earlier.clone()),
            None => {
                first.insert((node.layer, name), node.path.clone());
            }
        }
    }
    nodes
}

struct FolderWriter {
    root: OwnedFd,
    clamp: Option<i64>,
}

enum PutError {
    Read(RootfsError),
    Write(io::Error),
}

impl From<Errno> for PutError {
    fn from(error: Errno) -> Self {
        Self::Write(error.into())
    }
}

impl From<io::Error> for PutError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl FolderWriter {
    /// Writes one entry; false when the caller may not make it.
    fn put(&self, node: &Node, stack: &Stack) -> Result<bool, PutError> {
        let (parent, name) = self.parent(&node.path)?;
        if node.kind == NodeKind::Dir {
            return Ok(make_dir(&parent, name).map(|()| true)?);
        }
        clear(&parent, name)?;
        match &node.kind {
            NodeKind::File => {
                let flags = OFlags::WRONLY
                    | OFlags::CREATE
                    | OFlags::EXCL
                    | OFlags::NOFOLLOW
                    | OFlags::CLOEXEC;
                let mut out: File =
                    rustix::fs::openat(&parent, name, flags, Mode::from_raw_mode(0o600))?.into();
                let mut content = stack.content(node).map_err(PutError::Read)?;
                io::copy(&mut content, &mut out)?;
                rustix::fs::fchmod(&out, Mode::from_raw_mode(node.mode & 0o7777))?;
                rustix::fs::futimens(&out, &self.times(node))?;
            }
            NodeKind::Link(first) => {
                let (folder, first_name) = self.parent(first)?;
                rustix::fs::linkat(&folder, first_name, &parent, name, AtFlags::empty())?;
            }
            NodeKind::Symlink => {
                rustix::fs::symlinkat(OsStr::from_bytes(&node.target), &parent, name)?;
                rustix::fs::utimensat(&parent, name, &self.times(node), AtFlags::SYMLINK_NOFOLLOW)?;
            }
            NodeKind::Char | NodeKind::Block | NodeKind::Fifo => {
                let kind = match node.kind {
                    NodeKind::Char => FileType::CharacterDevice,
                    NodeKind::Block => FileType::BlockDevice,
                    _ => FileType::Fifo,
                };
                let device = rustix::fs::makedev(node.device.0, node.device.1);
                match rustix::fs::mknodat(
                    &parent,
                    name,
                    kind,
                    Mode::from_raw_mode(node.mode & 0o7777),
                    device,
                ) {
                    Err(Errno::PERM | Errno::ACCESS) => return Ok(false),
                    other => other?,
                }
                rustix::fs::utimensat(&parent, name, &self.times(node), AtFlags::SYMLINK_NOFOLLOW)?;
            }
            NodeKind::Dir => {}
        }
        Ok(true)
    }

    fn finish_dir(&self, node: &Node) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let path: &[u8] = &node.path;
        let folder = rustix::fs::openat2(&self.root, path, flags, Mode::empty(), resolve)?;
        rustix::fs::futimens(&folder, &self.times(node))?;
        Ok(rustix::fs::fchmod(
            &folder,
            Mode::from_raw_mode(node.mode & 0o7777),
        )?)
    }

    /// Handle of the folder an entry belongs to: no link on the way is followed, whatever stood in the target before.
    fn parent<'p>(&self, path: &'p BString) -> Result<(OwnedFd, &'p OsStr), Errno> {
        let (folder, name) = match path.rfind_byte(b'/') {
            Some(at) => (&path[..at], &path[at + 1..]),
            None => (&b"."[..], &path[..]),
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let folder = rustix::fs::openat2(&self.root, folder, flags, Mode::empty(), resolve)?;
        Ok((folder, OsStr::from_bytes(name)))
    }

    fn times(&self, node: &Node) -> Timestamps {
        let (mut seconds, mut nanos) = node.mtime;
        if let Some(clamp) = self.clamp.filter(|c| *c < seconds) {
            (seconds, nanos) = (clamp, 0);
        }
        let time = Timespec {
            tv_sec: seconds,
            tv_nsec: nanos.into(),
        };
        Timestamps {
            last_access: time,
            last_modification: time,
        }
    }
}

/// Makes a folder, or takes the one that is there; a link in its place is replaced.
fn make_dir(parent: &impl AsFd, name: &OsStr) -> Result<(), Errno> {
    // Open for the owner until everything is written; the right mode comes last.
    match rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o700)) {
        Err(Errno::EXIST) => {}
        other => return other,
    }
    let found = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
        return Ok(());
    }
    rustix::fs::unlinkat(parent, name, AtFlags::empty())?;
    rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o700))
}

/// Takes away a file or link that stands where an entry goes. A folder stays and is an error: it may be the user's.
fn clear(parent: &impl AsFd, name: &OsStr) -> Result<(), Errno> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}
