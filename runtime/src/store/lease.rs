//! What keeps unfinished work alive: a folder and a lock that dies with its process.

use super::overlay::overlay_folders;
use super::{DiffId, Layer, Store, StoreError, tree};
use crate::engine::Paths;
use cooperage_lang::model::reference::Digest;
use rustix::fs::{FlockOperation, flock};
use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A folder `work/<id>/` that is deleted on drop, or by the next to open the store when this process was killed.
///
/// It also keeps layers and blobs from being collected: everything committed under it, and what [`Lease::hold`] names.
pub struct Lease {
    store: Store,
    path: PathBuf,
    /// `work/<id>.lock`, made before the folder and removed after it: a folder without a locked file has no owner.
    lock: PathBuf,
    _locked: File,
    names: AtomicU64,
}

impl Store {
    /// Takes a lease.
    pub fn lease(&self) -> Result<Lease, StoreError> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let work = self.paths().work();
        loop {
            let nanos = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| d.as_nanos() as u64);
            let id = format!(
                "{:x}-{nanos:x}-{:x}",
                std::process::id(),
                COUNTER.fetch_add(1, Ordering::Relaxed)
            );
            let lock = work.join(format!("{id}.lock"));
            let options = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .custom_flags(libc::O_NOFOLLOW)
                .open(&lock);
            let file = match options {
                Ok(file) => file,
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(e) => return Err(StoreError::io("create", lock)(e)),
            };
            flock(&file, FlockOperation::LockExclusive)
                .map_err(|e| StoreError::io("lock", &lock)(e.into()))?;
            // Between its creation and our lock, a collector may have taken the file for a dead one and removed it.
            if file
                .metadata()
                .map_err(StoreError::io("read", &lock))?
                .nlink()
                == 0
            {
                continue;
            }
            let path = work.join(&id);
            for folder in [path.clone(), path.join(HELD)] {
                DirBuilder::new()
                    .mode(0o700)
                    .create(&folder)
                    .map_err(StoreError::io("create", &folder))?;
            }
            return Ok(Lease {
                store: self.clone(),
                path,
                lock,
                _locked: file,
                names: AtomicU64::new(0),
            });
        }
    }
}

impl Lease {
    /// Its folder, mode 0700.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a new empty folder below it (mode 0755) whose name starts with `name`.
    pub fn folder(&self, name: &str) -> Result<PathBuf, StoreError> {
        let path = self.new_path(name);
        fs::create_dir(&path).map_err(StoreError::io("create", &path))?;
        // The umask may have taken bits away; this folder can become a root directory.
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .map_err(StoreError::io("create", &path))?;
        Ok(path)
    }

    /// A name below the folder that nothing has yet.
    pub(super) fn new_path(&self, name: &str) -> PathBuf {
        self.path.join(format!(
            "{name}-{}",
            self.names.fetch_add(1, Ordering::Relaxed)
        ))
    }

    /// Folders of `layers` (bottom first) for an overlay mount, top first; an empty one for no layers, as the kernel wants
    /// at least one.
    pub fn lower_folders(&self, layers: &[Layer]) -> Result<Vec<PathBuf>, StoreError> {
        let folders = overlay_folders(layers);
        if folders.is_empty() {
            return Ok(vec![self.folder("lower")?]);
        }
        Ok(folders)
    }

    /// Keeps a layer from being collected while the lease lives; false when the layer is not here.
    pub fn hold(&self, layer: &DiffId) -> Result<bool, StoreError> {
        let _guard = lock_shared(self.store.paths())?;
        mark(&self.path, &layer_mark(layer))?;
        Ok(self.store.paths().layers().join(layer.hex()).exists())
    }

    /// Keeps a blob from being collected while the lease lives; false when the blob is not here.
    pub fn hold_blob(&self, blob: &Digest) -> Result<bool, StoreError> {
        let _guard = lock_shared(self.store.paths())?;
        mark(&self.path, &blob_mark(blob))?;
        Ok(self.store.blob(blob).is_some())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // What cannot be deleted now is deleted by the next collector, which finds the lock free.
        if tree::remove(&self.path).is_ok() {
            let _ = fs::remove_file(&self.lock);
        }
    }
}

/// Folder of empty files that name held layers and blobs.
const HELD: &str = "held";

/// Notes something as held by the lease with that folder. To be called before the thing becomes visible.
pub(super) fn mark(lease: &Path, mark: &str) -> Result<(), StoreError> {
    let path = lease.join(HELD).join(mark);
    File::create(&path)
        .map(drop)
        .map_err(StoreError::io("create", path))
}

pub(super) fn layer_mark(layer: &DiffId) -> String {
    format!("layer-{}", layer.hex())
}

pub(super) fn blob_mark(blob: &Digest) -> String {
    format!("blob-{}-{}", blob.algorithm(), blob.hex())
}

/// Deletes the folders of dead leases. One directory read when there is nothing to do.
pub(super) fn collect_dead(paths: &Paths) -> Result<(), StoreError> {
    for id in ids(paths)? {
        let lock = paths.work().join(format!("{id}.lock"));
        let Some(_locked) = lock_if_free(&lock) else {
            continue;
        };
        if tree::remove(&paths.work().join(&id)).is_ok() {
            let _ = fs::remove_file(lock);
        }
    }
    Ok(())
}

/// Marks of all leases, dead ones included: they hold a little longer than needed.
pub(super) fn held(paths: &Paths) -> Result<HashSet<String>, StoreError> {
    let mut marks = HashSet::new();
    for id in ids(paths)? {
        let Ok(folder) = fs::read_dir(paths.work().join(id).join(HELD)) else {
            continue;
        };
        marks.extend(
            folder
                .flatten()
                .map(|e| e.file_name().to_string_lossy().into_owned()),
        );
    }
    Ok(marks)
}

/// Keeps the collector away from what is being looked at; many may hold it.
pub(super) fn lock_shared(paths: &Paths) -> Result<File, StoreError> {
    lock(paths, FlockOperation::LockShared)
}

/// Keeps everybody else out: while things are chosen for deletion, and while the schema is made.
pub(super) fn lock_exclusive(paths: &Paths) -> Result<File, StoreError> {
    lock(paths, FlockOperation::LockExclusive)
}

fn lock(paths: &Paths, operation: FlockOperation) -> Result<File, StoreError> {
    let path = paths.root().join("lock");
    let options = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&path);
    let file = options.map_err(StoreError::io("open", &path))?;
    flock(&file, operation).map_err(|e| StoreError::io("lock", path)(e.into()))?;
    Ok(file)
}

fn ids(paths: &Paths) -> Result<Vec<String>, StoreError> {
    let work = paths.work();
    let entries = fs::read_dir(&work).map_err(StoreError::io("read", work))?;
    let names = entries
        .flatten()
        .filter_map(|e| e.file_name().into_string().ok());
    Ok(names
        .filter_map(|n| n.strip_suffix(".lock").map(str::to_owned))
        .collect())
}

fn lock_if_free(path: &Path) -> Option<File> {
    let file = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
        .ok()?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(file)
}
