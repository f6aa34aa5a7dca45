//! Content-addressed files: compressed layers and whatever a registry names by digest.

use super::{Lease, Store, StoreError, lease, sync_folder};
use cooperage_lang::model::reference::Digest;
use sha2::{Digest as _, Sha256, Sha512};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// A blob that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The file.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
}

/// Why a blob could not be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// The content has another digest.
    #[error("content is {found}, expected {expected}")]
    WrongDigest { expected: Digest, found: Digest },
    /// The content has another length.
    #[error("content of {expected_digest} has {found} bytes, expected {expected}")]
    WrongSize {
        expected_digest: Digest,
        expected: u64,
        found: u64,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes a blob's bytes and hashes them on the way. Dropped without commit, it goes with its lease.
pub struct BlobWriter {
    store: Store,
    lease: PathBuf,
    path: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    written: u64,
}

impl Store {
    /// The blob of that digest, when it is here.
    pub fn blob(&self, digest: &Digest) -> Option<Blob> {
        let path = self.blob_path(digest);
        let metadata = fs::symlink_metadata(&path).ok()?;
        metadata.is_file().then_some(Blob {
            path,
            size: metadata.len(),
        })
    }

    /// Starts a new blob. The lease keeps it until something refers to it.
    pub fn blob_writer(&self, lease: &Lease) -> Result<BlobWriter, BlobError> {
        let path = lease.new_path("blob");
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path);
        let file = file.map_err(StoreError::io("create", &path))?;
        Ok(BlobWriter {
            store: self.clone(),
            lease: lease.path().to_owned(),
            path,
            file: BufWriter::with_capacity(1 << 18, file),
            hash: Sha256::new(),
            written: 0,
        })
    }

    pub(super) fn blob_path(&self, digest: &Digest) -> PathBuf {
        let sha256 = self.paths().blobs();
        match digest.algorithm() {
            "sha256" => sha256.join(digest.hex()),
            other => sha256.with_file_name(other).join(digest.hex()),
        }
    }
}

impl BlobWriter {
    /// Bytes taken so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Makes the blob durable and gives it its name. `expected` is checked first: nothing wrong is ever visible.
    pub fn commit(mut self, expected: Option<(&Digest, u64)>) -> Result<(Digest, u64), BlobError> {
        self.file
            .flush()
            .map_err(StoreError::io("write", &self.path))?;
        let found = Digest::from_sha256(std::mem::take(&mut self.hash).finalize().into());
        let digest = match expected {
            Some((digest, size)) => {
                if size != self.written {
                    return Err(BlobError::WrongSize {
                        expected_digest: digest.clone(),
                        expected: size,
                        found: self.written,
                    });
                }
                let found = if digest.algorithm() == "sha512" {
                    self.sha512()?
                } else {
                    found
                };
                if found != *digest {
                    return Err(BlobError::WrongDigest {
                        expected: digest.clone(),
                        found,
                    });
                }
                found
            }
            None => found,
        };
        self.file
            .get_ref()
            .sync_all()
            .map_err(StoreError::io("write", &self.path))?;
        self.publish(&digest)?;
        Ok((digest, self.written))
    }

    fn publish(&self, digest: &Digest) -> Result<(), StoreError> {
        let target = self.store.blob_path(digest);
        let folder = target.parent().expect("a blob lies in a folder");
        super::make_folder(folder)?;
        let _guard = lease::lock_shared(self.store.paths())?;
        lease::mark(&self.lease, &lease::blob_mark(digest))?;
        fs::rename(&self.path, &target).map_err(StoreError::io("create", &target))?;
        sync_folder(folder)
    }

    /// The digest of what was written, for the rare blob named that way; reads the file again.
    fn sha512(&self) -> Result<Digest, StoreError> {
        let mut hash = Sha512::new();
        let mut file = File::open(&self.path).map_err(StoreError::io("read", &self.path))?;
        let mut buffer = vec![0; 1 << 18];
        loop {
            let n = file
                .read(&mut buffer)
                .map_err(StoreError::io("read", &self.path))?;
            if n == 0 {
                break;
            }
            hash.update(&buffer[..n]);
        }
        let text = format!("sha512:{}", super::digest::hex(&hash.finalize()));
        Ok(text
            .parse()
            .expect("sha512 and 128 hexadecimal digits are a digest"))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hash.update(&bytes[..n]);
        self.written += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
