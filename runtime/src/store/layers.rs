//! Layers: unpacked file-system changes, named by the digest of their tar.

use super::index::{self, Draft, Header};
use super::tree::{self, ScanOptions};
use super::{
    BlobError, DiffId, EntryKind, LayerIndex, Lease, Store, StoreError, UnpackError, UnpackOptions,
    apply, commit, images, lease,
};
use bstr::BString;
use cooperage_lang::model::reference::Digest;
use rusqlite::params;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A committed layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its name.
    pub diff_id: DiffId,
    /// The folder to mount as an overlay's lower layer, `…/fs`. Not to be written to.
    pub dir: PathBuf,
    /// Sum of its files' sizes, bytes; hard links count once.
    pub size: u64,
    /// When it was made here.
    pub created: SystemTime,
}

/// How a folder becomes a layer.
#[derive(Clone, Copy, Debug, Default)]
pub struct CommitOptions {
    /// Times later than this (seconds since 1970) are set to it: `SOURCE_DATE_EPOCH`.
    pub clamp_mtime: Option<i64>,
}

/// A layer's compressed or plain tar, kept as a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerBlob {
    /// The blob.
    pub digest: Digest,
    /// Its media type, which tells the compression.
    pub media_type: String,
    /// Bytes.
    pub size: u64,
}

/// Why a layer could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    #[error("layer {0} is not in the store")]
    Missing(DiffId),
    #[error("cannot {doing} `{path}` of a layer: {source}")]
    File {
        doing: &'static str,
        path: BString,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "cannot write `{path}` into a layer: names that begin with `.wh.` mean deletions there"
    )]
    ReservedName { path: BString },
    #[error("`{path}` was changed by an overlay with `{xattr}`, whose layers cannot be copied")]
    Unsupported { path: BString, xattr: String },
    #[error("the index {} is damaged: {detail}", path.display())]
    Index { path: PathBuf, detail: &'static str },
    #[error(
        "layer {0} cannot be written as the bytes it was made from: its blob is gone or changed"
    )]
    NotReproducible(DiffId),
    #[error("layer blob {digest} has the unknown media type `{media_type}`")]
    MediaType { digest: Digest, media_type: String },
    #[error("cannot write a layer: {0}")]
    Output(#[source] std::io::Error),
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A folder that becomes a layer. Dropped without commit, it goes with its lease.
pub struct LayerDraft {
    store: Store,
    /// The lease's folder.
    lease: PathBuf,
    /// Holds `fs`, later `index`; becomes the layer's folder.
    folder: PathBuf,
    fs: PathBuf,
}

impl Store {
    /// The layer of that diff id, when it is here. Costs two small reads.
    ///
    /// A layer that was written shortly before the machine went down is looked at whole, once; one that did not reach the
    /// disk is deleted.
    pub fn layer(&self, diff_id: &DiffId) -> Result<Option<Layer>, LayerError> {
        let folder = self.paths().layers().join(diff_id.hex());
        if self.is_doubtful(&folder) && !self.settle(&folder, diff_id)? {
            return Ok(None);
        }
        let path = folder.join(INDEX);
        let header = Header::read(&path).map_err(StoreError::io("read", path))?;
        Ok(header
            .filter(|h| h.diff_id == *diff_id)
            .map(|header| Layer::new(&folder, &header)))
    }

    /// Whether the layer was written before the last start of the machine and nobody saw it reach the disk.
    fn is_doubtful(&self, folder: &Path) -> bool {
        fs::read_to_string(folder.join(UNSYNCED)).is_ok_and(|boot| boot != self.boot())
    }

    /// Compares a doubtful layer's files with its name. What holds is made durable; what does not is deleted.
    fn settle(&self, folder: &Path, diff_id: &DiffId) -> Result<bool, LayerError> {
        if self.is_read_only() {
            return Ok(false);
        }
        let root = tree::open_root(&folder.join(FS))?;
        let whole = tree::scan(root.as_fd(), &ScanOptions::default())
            .and_then(|mut entries| Ok(commit::hash(root.as_fd(), &mut entries)? == *diff_id))
            .unwrap_or(false);
        let readable = Header::read(&folder.join(INDEX))
            .is_ok_and(|h| h.is_some_and(|h| h.diff_id == *diff_id));
        if !(whole && readable && LayerIndex::load(&folder.join(INDEX)).is_ok()) {
            let _guard = lease::lock_shared(self.paths())?;
            tree::remove(folder).map_err(StoreError::io("delete", folder))?;
            return Ok(false);
        }
        rustix::fs::syncfs(&root).map_err(|e| StoreError::io("write", folder)(e.into()))?;
        let marker = folder.join(UNSYNCED);
        fs::remove_file(&marker).map_err(StoreError::io("delete", marker))?;
        Ok(true)
    }

    /// A new empty folder (0755, owned by the caller) to be filled and committed. Deletions in it are written as
    /// overlay whiteouts.
    pub fn draft_layer(&self, lease: &Lease) -> Result<LayerDraft, LayerError> {
        let draft = self.draft_around(lease)?;
        let fs = lease.folder("fs")?;
        fs::rename(&fs, &draft.fs).map_err(StoreError::io("create", &draft.fs))?;
        Ok(draft)
    }

    /// Makes a layer of an overlay's upper folder by renaming it; the overlay must be unmounted. Entries equal to what
    /// `lower` (bottom first, folders as in [`Layer::dir`]) shows are dropped, as are needless whiteouts, opaque marks
    /// and sockets.
    ///
    /// `upper` has to lie below the store's `work` folder.
    ///
    /// **Source:** overlayfs documentation of the kernel, *whiteouts and opaque directories*; OCI image specification,
    /// `layer.md`.
    pub fn commit_upper(
        &self,
        lease: &Lease,
        upper: PathBuf,
        lower: &[PathBuf],
        options: &CommitOptions,
    ) -> Result<Layer, LayerError> {
        let draft = self.draft_around(lease)?;
        fs::rename(&upper, &draft.fs).map_err(StoreError::io("move", &upper))?;
        let lower = lower
            .iter()
            .rev()
            .map(|folder| tree::open_root(folder))
            .collect::<Result<Vec<_>, _>>()?;
        let root = tree::open_root(&draft.fs)?;
        let scan = ScanOptions {
            lower: &lower,
            clamp_mtime: options.clamp_mtime,
            known: None,
        };
        let mut entries = tree::scan(root.as_fd(), &scan)?;
        let diff_id = commit::hash(root.as_fd(), &mut entries)?;
        draft.publish(diff_id, true, &entries)
    }

    /// Unpacks an uncompressed layer tar, reading `tar` to its end. The tar need not be reproducible from the folder:
    /// keep its blob and name it with [`Store::set_layer_blob`]. Compare [`Layer::diff_id`] with the expected one; a wrong
    /// layer is collected with the lease.
    pub fn apply_layer(
        &self,
        lease: &Lease,
        tar: impl Read + Send,
        options: &UnpackOptions,
    ) -> Result<Layer, LayerError> {
        let draft = self.draft_layer(lease)?;
        let root = tree::open_root(&draft.fs)?;
        let (diff_id, known) = apply::unpack_hashed(
            tar,
            root.as_fd(),
            &UnpackOptions {
                whiteouts: true,
                ..*options
            },
        )?;
        let mut entries = tree::scan(
            root.as_fd(),
            &ScanOptions {
                known: Some(&known),
                ..ScanOptions::default()
            },
        )?;
        for entry in entries
            .iter_mut()
            .filter(|e| e.kind == EntryKind::File && e.sha256 == [0; 32])
        {
            entry.sha256 = commit::hash_file(root.as_fd(), &entry.path, entry.size)?;
        }
        draft.publish(diff_id, false, &entries)
    }

    /// Remembers that `blob` holds the layer's tar.
    pub fn set_layer_blob(
        &self,
        diff_id: &DiffId,
        blob: &Digest,
        media_type: &str,
    ) -> Result<(), LayerError> {
        if self
            .layer_blobs(diff_id)?
            .iter()
            .any(|b| b.digest == *blob && b.media_type == media_type)
        {
            return Ok(());
        }
        Ok(self.db().write(|t| {
            t.prepare_cached(
                "INSERT OR REPLACE INTO layer_blobs (diff_id, digest, media_type, added) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![diff_id.bytes(), blob.as_str(), media_type, super::db::micros(SystemTime::now())])
            .map(drop)
        })?)
    }

    /// Blobs that hold the layer's tar and are here, newest first.
    pub fn layer_blobs(&self, diff_id: &DiffId) -> Result<Vec<LayerBlob>, LayerError> {
        let rows: Vec<(Digest, String)> = self.db().read(|c| {
            c.prepare_cached("SELECT digest, media_type FROM layer_blobs WHERE diff_id = ?1 ORDER BY added DESC, digest")?
                .query_map([diff_id.bytes()], |row| Ok((images::digest(&row.get::<_, String>(0)?)?, row.get(1)?)))?
                .collect()
        })?;
        let here = |(digest, media_type)| {
            self.blob(&digest).map(|b| LayerBlob {
                digest,
                media_type,
                size: b.size,
            })
        };
        Ok(rows.into_iter().filter_map(here).collect())
    }

    /// Writes the tar whose SHA-256 is the diff id. When the result is an error, what was written is to be thrown away.
    pub fn write_layer_tar(&self, diff_id: &DiffId, out: &mut dyn Write) -> Result<(), LayerError> {
        let layer = self.layer(diff_id)?.ok_or(LayerError::Missing(*diff_id))?;
        let index = layer.index()?;
        let mut out = HashingWriter {
            out,
            hash: Sha256::new(),
        };
        if index.header().canonical {
            let root = tree::open_root(&layer.dir)?;
            commit::write_tar(root.as_fd(), index.iter(), &mut out)?;
        } else {
            let blob = self
                .layer_blobs(diff_id)?
                .into_iter()
                .next()
                .ok_or(LayerError::NotReproducible(*diff_id))?;
            self.copy_decompressed(&blob, &mut out)?;
        }
        if DiffId::new(out.hash.finalize().into()) == *diff_id {
            Ok(())
        } else {
            Err(LayerError::NotReproducible(*diff_id))
        }
    }

    /// A draft whose `fs` does not exist yet.
    fn draft_around(&self, lease: &Lease) -> Result<LayerDraft, StoreError> {
        let folder = lease.new_path("layer");
        super::make_folder(&folder)?;
        let fs = folder.join(FS);
        Ok(LayerDraft {
            store: self.clone(),
            lease: lease.path().to_owned(),
            folder,
            fs,
        })
    }

    fn copy_decompressed(&self, blob: &LayerBlob, out: &mut dyn Write) -> Result<(), LayerError> {
        let path = self.blob_path(&blob.digest);
        let file = BufReader::with_capacity(
            1 << 18,
            File::open(&path).map_err(StoreError::io("open", &path))?,
        );
        let mut plain: Box<dyn Read> = match compression(&blob.media_type) {
            Some(Compression::None) => Box::new(file),
            Some(Compression::Gzip) => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
            Some(Compression::Zstd) => {
                Box::new(zstd::Decoder::with_buffer(file).map_err(StoreError::io("read", &path))?)
            }
            None => {
                return Err(LayerError::MediaType {
                    digest: blob.digest.clone(),
                    media_type: blob.media_type.clone(),
                });
            }
        };
        let mut buffer = vec![0; 1 << 18];
        loop {
            // A damaged blob shows here or, at the latest, in the digest of what came out.
            let n = plain
                .read(&mut buffer)
                .map_err(StoreError::io("read", &path))?;
            if n == 0 {
                return Ok(());
            }
            out.write_all(&buffer[..n]).map_err(LayerError::Output)?;
        }
    }
}

impl Layer {
    /// What is in it.
    pub fn index(&self) -> Result<LayerIndex, LayerError> {
        LayerIndex::load(&self.dir.with_file_name(INDEX))
    }

    fn new(folder: &Path, header: &Header) -> Self {
        Self {
            diff_id: header.diff_id,
            dir: folder.join(FS),
            size: header.size,
            created: header.created,
        }
    }
}

impl LayerDraft {
    /// The folder to fill.
    pub fn fs(&self) -> &Path {
        &self.fs
    }

    /// Makes it a layer. When the same layer is here already, that one is kept.
    pub fn commit(self) -> Result<Layer, LayerError> {
        self.commit_with(&CommitOptions::default())
    }

    /// As [`LayerDraft::commit`], with options.
    pub fn commit_with(self, options: &CommitOptions) -> Result<Layer, LayerError> {
        let root = tree::open_root(&self.fs)?;
        let mut entries = tree::scan(
            root.as_fd(),
            &ScanOptions {
                clamp_mtime: options.clamp_mtime,
                ..ScanOptions::default()
            },
        )?;
        let diff_id = commit::hash(root.as_fd(), &mut entries)?;
        self.publish(diff_id, true, &entries)
    }

    /// Makes everything durable, or checkable, then gives the folder its name.
    fn publish(
        self,
        diff_id: DiffId,
        canonical: bool,
        entries: &[Draft],
    ) -> Result<Layer, LayerError> {
        let size = entries.iter().map(|e| e.size).sum();
        // As exact as the index keeps it.
        let created = super::db::time(super::db::micros(SystemTime::now()));
        let header = Header {
            diff_id,
            canonical,
            entries: entries.len() as u64,
            size,
            created,
        };
        let path = self.folder.join(INDEX);
        index::write(&path, &header, entries).map_err(StoreError::io("write", &path))?;
        if canonical {
            // A sync waits for everything that anybody wrote to this disk. A layer whose name can be computed from its
            // files needs none: after a power cut it is compared with its name before it is used.
            let marker = self.folder.join(UNSYNCED);
            fs::write(&marker, self.store.boot()).map_err(StoreError::io("write", marker))?;
        } else {
            // One call for all files: a sync of each takes a hundred times longer.
            let root = tree::open_root(&self.folder)?;
            rustix::fs::syncfs(root)
                .map_err(|e| StoreError::io("write", &self.folder)(e.into()))?;
        }
        let target = self.store.paths().layers().join(diff_id.hex());
        let _guard = lease::lock_shared(self.store.paths())?;
        lease::mark(&self.lease, &lease::layer_mark(&diff_id))?;
        match fs::rename(&self.folder, &target) {
            Ok(()) => {}
            // Somebody was faster, with the same content.
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                ) =>
            {
                if let Some(layer) = self.store.layer(&diff_id)? {
                    // What cannot be deleted now goes with the lease.
                    let _ = tree::remove(&self.folder);
                    return Ok(layer);
                }
                // A folder without an index is no layer; it was damaged from outside.
                tree::remove(&target).map_err(StoreError::io("delete", &target))?;
                fs::rename(&self.folder, &target).map_err(StoreError::io("create", &target))?;
            }
            Err(e) => return Err(StoreError::io("create", target)(e).into()),
        }
        Ok(Layer::new(&target, &header))
    }
}

const INDEX: &str = "index";
const FS: &str = "fs";
/// Holds the boot id under which the layer was written, until it is known to be on disk.
const UNSYNCED: &str = "unsynced";

enum Compression {
    None,
    Gzip,
    Zstd,
}

/// Compression of a layer's media type. **Source:** OCI image specification, `layer.md`, *+gzip* and *+zstd*; Docker image
/// manifest version 2, schema 2.
fn compression(media_type: &str) -> Option<Compression> {
    match media_type.rsplit(['.', '+']).next()? {
        "tar" => Some(Compression::None),
        "gzip" => Some(Compression::Gzip),
        "zstd" => Some(Compression::Zstd),
        _ => None,
    }
}

struct HashingWriter<'a> {
    out: &'a mut dyn Write,
    hash: Sha256,
}

impl Write for HashingWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.out.write(bytes)?;
        self.hash.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
