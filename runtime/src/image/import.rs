//! Makes an image of one tree: an archive of a root file system, or a folder.

use super::config;
use super::ingest::{self, IngestError, plain};
use super::tarball::{Item, Kind, TarWriter};
use crate::store::{
    ImageRecord, Layer, LayerError, Lease, Store, StoreError, UnpackOptions, unpack,
};
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::Reference;
use cooperage_lang::plan::config::{HistoryEntry, ImageConfig};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Why a tree could not become an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    #[error("cannot read `{}`: {cause}", path.display())]
    Read { path: PathBuf, cause: io::Error },
    #[error("cannot unpack `{name}`: {cause}")]
    Unpack {
        name: String,
        cause: Box<LayerError>,
    },
    #[error("{0}")]
    Ingest(Box<IngestError>),
}

impl From<IngestError> for ImportError {
    fn from(error: IngestError) -> Self {
        Self::Ingest(Box::new(error))
    }
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        IngestError::from(error).into()
    }
}

/// What an imported image is like.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    pub platform: Platform,
    /// Its config; the history gets one entry more.
    pub config: ImageConfig,
    /// Its time; without one the config has none, and the same tree gives the same image.
    pub created: Option<SystemTime>,
    /// `created_by` of the layer.
    pub created_by: String,
    pub comment: String,
    pub names: Vec<Reference>,
}

/// Where a tree comes from.
pub enum ImportSource<'a> {
    /// A folder, or an archive, packed or not.
    Path(&'a Path),
    /// An archive as a stream: standard input.
    Reader(&'a mut (dyn Read + Send)),
}

/// Makes an image with one layer of the tree.
///
/// # Errors
/// See [`ImportError`]; nothing of a broken archive stays.
pub fn import(
    store: &Store,
    source: ImportSource<'_>,
    options: &ImportOptions,
) -> Result<ImageRecord, ImportError> {
    let lease = store.lease()?;
    let layer = match source {
        ImportSource::Path(path) if path.is_dir() => {
            let mut failure = None;
            let layer = layer_of(store, &lease, &path.display().to_string(), |out| {
                write_tree(path, out).map_err(|e| {
                    let text = e.to_string();
                    failure = Some(e);
                    io::Error::other(text)
                })
            });
            // The reading side only sees that the archive ended early.
            if let Some(error) = failure {
                return Err(error);
            }
            layer?
        }
        ImportSource::Path(path) => {
            let unreadable = |cause| ImportError::Read {
                path: path.to_owned(),
                cause,
            };
            archive_layer(
                store,
                &lease,
                &path.display().to_string(),
                File::open(path).map_err(unreadable)?,
            )?
        }
        ImportSource::Reader(reader) => archive_layer(store, &lease, "standard input", reader)?,
    };
    finish(store, &layer, options)
}

/// Stores the image with that one layer.
pub(super) fn finish(
    store: &Store,
    layer: &Layer,
    options: &ImportOptions,
) -> Result<ImageRecord, ImportError> {
    let mut config = options.config.clone();
    config.history.push(HistoryEntry {
        created: options.created.map(crate::units::rfc3339),
        created_by: options.created_by.clone(),
        comment: options.comment.clone().into(),
        ..HistoryEntry::default()
    });
    let layers = [layer.diff_id];
    let document = config::document(&options.platform, &config, options.created, &layers);
    Ok(ingest::put(
        store,
        (&document, None),
        &layers,
        &options.names,
    )?)
}

fn archive_layer(
    store: &Store,
    lease: &Lease,
    name: &str,
    reader: impl Read + Send,
) -> Result<Layer, ImportError> {
    let unreadable = |cause| ImportError::Read {
        path: name.into(),
        cause,
    };
    draft(store, lease, name, plain(reader).map_err(unreadable)?)
}

/// A layer of what `write` puts into an archive; the two run at the same time.
pub(super) fn layer_of(
    store: &Store,
    lease: &Lease,
    name: &str,
    write: impl FnOnce(&mut TarWriter<io::BufWriter<io::PipeWriter>>) -> io::Result<()> + Send,
) -> Result<Layer, ImportError> {
    let unreadable = |cause| ImportError::Read {
        path: name.into(),
        cause,
    };
    let (reader, writer) = io::pipe().map_err(unreadable)?;
    std::thread::scope(|scope| {
        let writing = scope.spawn(move || {
            let mut tar = TarWriter::new(io::BufWriter::with_capacity(1 << 16, writer));
            write(&mut tar)?;
            tar.finish().map(drop)
        });
        let layer = draft(
            store,
            lease,
            name,
            io::BufReader::with_capacity(1 << 16, reader),
        );
        let written = writing
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match (layer, written) {
            // A reader that gave up breaks the pipe: its reason is the one to tell.
            (Err(error), Err(e)) if e.kind() == io::ErrorKind::BrokenPipe => Err(error),
            (_, Err(cause)) => Err(unreadable(cause)),
            (layer, Ok(())) => layer,
        }
    })
}

fn draft(store: &Store, lease: &Lease, name: &str, tar: impl Read) -> Result<Layer, ImportError> {
    let failed = |cause: LayerError| ImportError::Unpack {
        name: name.to_owned(),
        cause: Box::new(cause),
    };
    let draft = store.draft_layer(lease).map_err(failed)?;
    let root = File::open(draft.fs()).map_err(|cause| ImportError::Read {
        path: draft.fs().to_owned(),
        cause,
    })?;
    unpack(tar, root.as_fd(), &UnpackOptions::default()).map_err(|e| failed(e.into()))?;
    draft.commit().map_err(failed)
}

/// Writes the tree below `root`, sorted by path; sockets are left out.
fn write_tree<W: io::Write>(root: &Path, out: &mut TarWriter<W>) -> Result<(), ImportError> {
    let mut links: HashMap<(u64, u64), Vec<u8>> = HashMap::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(relative) = pending.pop() {
        let full = root.join(&relative);
        let unreadable = |cause| ImportError::Read {
            path: full.clone(),
            cause,
        };
        let meta = fs::symlink_metadata(&full).map_err(unreadable)?;
        if meta.is_dir() {
            let mut names = Vec::new();
            for entry in fs::read_dir(&full).map_err(unreadable)? {
                names.push(entry.map_err(unreadable)?.file_name());
            }
            names.sort();
            pending.extend(names.into_iter().rev().map(|name| relative.join(name)));
        }
        if !relative.as_os_str().is_empty() && !meta.file_type().is_socket() {
            write_entry(&full, &relative, &meta, &mut links, out).map_err(unreadable)?;
        }
    }
    Ok(())
}

fn write_entry<W: io::Write>(
    full: &Path,
    relative: &Path,
    meta: &Metadata,
    links: &mut HashMap<(u64, u64), Vec<u8>>,
    out: &mut TarWriter<W>,
) -> io::Result<()> {
    let path = relative.as_os_str().as_bytes();
    let kind = meta.file_type();
    let link = if kind.is_symlink() {
        fs::read_link(full)?.into_os_string()
    } else {
        <&OsStr>::default().to_owned()
    };
    let device = (
        rustix::fs::major(meta.rdev()),
        rustix::fs::minor(meta.rdev()),
    );
    let earlier = match links.get(&(meta.dev(), meta.ino())) {
        Some(earlier) if meta.nlink() > 1 && kind.is_file() => Some(earlier.clone()),
        _ => None,
    };
    if meta.nlink() > 1 && kind.is_file() {
        links
            .entry((meta.dev(), meta.ino()))
            .or_insert_with(|| path.to_vec());
    }
    let file = if kind.is_file() && earlier.is_none() {
        Some(open_file(full, meta)?)
    } else {
        None
    };
    let tar_kind = match &earlier {
        Some(earlier) => Kind::HardLink(earlier),
        None if kind.is_dir() => Kind::Dir,
        None if kind.is_symlink() => Kind::Symlink(link.as_bytes()),
        None if kind.is_char_device() => Kind::Char(device.0, device.1),
        None if kind.is_block_device() => Kind::Block(device.0, device.1),
        None if kind.is_fifo() => Kind::Fifo,
        None => Kind::File(meta.len()),
    };
    let item = Item {
        path,
        kind: tar_kind,
        mode: meta.mode(),
        uid: meta.uid(),
        gid: meta.gid(),
        mtime: meta.mtime(),
        xattrs: Vec::new(),
    };
    match file {
        Some(mut file) => out.append(&item, &mut file),
        None => out.append(&item, &mut io::empty()),
    }
}

/// Opens the file that was looked at, not one that took its place.
fn open_file(path: &Path, meta: &Metadata) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file: File = rustix::fs::open(path, flags, Mode::empty())?.into();
    let now = file.metadata()?;
    if (now.dev(), now.ino()) == (meta.dev(), meta.ino()) {
        return Ok(file);
    }
    Err(io::Error::other(
        "it was replaced while the folder was read",
    ))
}
