//! Downloads of blobs: verified while they stream, continued after a cut, loaded once by several processes.

use super::client::{Client, ContentHash, Repository};
use super::error::RegistryError;
use super::transport::chain;
use cooperage_lang::model::reference::Digest;
use reqwest::header::CONTENT_RANGE;
use reqwest::{Response, StatusCode};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// Chunks between the network and the writing thread.
const CHUNKS_IN_FLIGHT: usize = 64;

/// Bytes a connection has to bring for its cut not to count as a failure.
const PROGRESS: u64 = 256 << 10;

/// Connections of one download, whatever they bring.
const MAX_CONNECTIONS: u32 = 200;

/// Loads `size` bytes of `digest` into `writer`, which gets them exactly once and in order, and gives it back when they
/// are right. `progress` hears the number of bytes done.
///
/// # Errors
/// [`RegistryError::WrongDigest`], [`RegistryError::WrongSize`], [`RegistryError::Truncated`] after the last try.
pub async fn download<W: Write + Send + 'static>(
    client: &Client,
    repository: &Repository,
    (digest, size): (&Digest, u64),
    writer: W,
    progress: impl Fn(u64),
) -> Result<W, RegistryError> {
    let (send, mut receive) = tokio::sync::mpsc::channel::<Vec<u8>>(CHUNKS_IN_FLIGHT);
    let expected = digest.clone();
    // Hashing and writing have their own thread: neither the runtime nor the connection waits for the disk.
    let writing = tokio::task::spawn_blocking(move || {
        let mut writer = writer;
        let mut hash = ContentHash::of(&expected);
        while let Some(chunk) = receive.blocking_recv() {
            hash.update(&chunk);
            writer
                .write_all(&chunk)
                .map_err(|cause| RegistryError::Write {
                    what: expected.to_string(),
                    cause,
                })?;
        }
        Ok::<_, RegistryError>((writer, hash))
    });
    let mut done = 0;
    let received = receive_all(
        client,
        repository,
        (digest, size),
        &mut done,
        &progress,
        &send,
    )
    .await;
    drop(send);
    let written = writing
        .await
        .unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()));
    // A full disk closes the channel: its error is the cause then.
    let (writer, hash) = written?;
    received?;
    hash.check(digest)?;
    Ok(writer)
}

type Chunks = tokio::sync::mpsc::Sender<Vec<u8>>;

async fn receive_all(
    client: &Client,
    repository: &Repository,
    (digest, size): (&Digest, u64),
    done: &mut u64,
    progress: &impl Fn(u64),
    send: &Chunks,
) -> Result<(), RegistryError> {
    let truncated = |received| RegistryError::Truncated {
        digest: digest.to_string(),
        expected: size,
        received,
    };
    let mut failures = 0;
    for _ in 0..MAX_CONNECTIONS {
        let before = *done;
        let answer = client.blob(repository, digest, before).await?;
        let end = receive_one(answer, (digest, size), done, progress, send).await;
        match end {
            Ok(()) if *done == size => return Ok(()),
            // The server closed early without saying so.
            Ok(()) => {}
            Err(error) if error.is_transient() => {
                tracing::debug!(%error, done, "download is continued");
            }
            Err(error) => return Err(error),
        }
        failures = if *done - before >= PROGRESS {
            0
        } else {
            failures + 1
        };
        if failures >= client.transport().options().attempts {
            return Err(truncated(*done));
        }
        tokio::time::sleep(client.transport().backoff(failures.max(1))).await;
    }
    Err(truncated(*done))
}

async fn receive_one(
    mut answer: Response,
    (digest, size): (&Digest, u64),
    done: &mut u64,
    progress: &impl Fn(u64),
    send: &Chunks,
) -> Result<(), RegistryError> {
    let wrong_size = |received| RegistryError::WrongSize {
        digest: digest.to_string(),
        expected: size,
        received,
    };
    let start = first_byte(&answer);
    if start > *done {
        return Err(RegistryError::Truncated {
            digest: digest.to_string(),
            expected: size,
            received: *done,
        });
    }
    if let Some(length) = answer.content_length()
        && start + length > size
    {
        return Err(wrong_size(start + length));
    }
    // A server that does not know ranges sends everything again: what we have is skipped.
    let mut skip = *done - start;
    let cut = |e: reqwest::Error| RegistryError::Unreachable {
        host: "the registry".to_owned(),
        why: chain(&e),
    };
    while let Some(chunk) = answer.chunk().await.map_err(cut)? {
        let skipped = skip.min(chunk.len() as u64);
        skip -= skipped;
        let fresh = &chunk[skipped as usize..];
        if fresh.is_empty() {
            continue;
        }
        if *done + fresh.len() as u64 > size {
            return Err(wrong_size(*done + fresh.len() as u64));
        }
        if send.send(fresh.to_vec()).await.is_err() {
            // The writer failed; its error is reported by the caller.
            return Err(RegistryError::Write {
                what: digest.to_string(),
                cause: std::io::ErrorKind::BrokenPipe.into(),
            });
        }
        *done += fresh.len() as u64;
        progress(*done);
    }
    Ok(())
}

/// Where the answer's body begins: `Content-Range: bytes 100-199/200`.
fn first_byte(answer: &Response) -> u64 {
    if answer.status() != StatusCode::PARTIAL_CONTENT {
        return 0;
    }
    let range = answer
        .headers()
        .get(CONTENT_RANGE)
        .and_then(|v| v.to_str().ok());
    let start = range
        .and_then(|r| r.strip_prefix("bytes "))
        .and_then(|r| r.split('-').next());
    start
        .and_then(|s| s.trim().parse().ok())
        .unwrap_or(u64::MAX)
}

/// The right to load a blob, held by one process at a time; it ends with the value or the process.
#[derive(Debug)]
pub struct DownloadLock {
    _file: File,
}

impl DownloadLock {
    /// Waits for the right to load `digest`; `waiting` is called once when another process has it.
    ///
    /// # Errors
    /// The lock file cannot be made.
    pub async fn take(
        folder: &Path,
        digest: &Digest,
        waiting: impl FnOnce(),
    ) -> Result<Self, RegistryError> {
        let write = |cause| RegistryError::Write {
            what: format!("the lock of {digest}"),
            cause,
        };
        std::fs::create_dir_all(folder).map_err(write)?;
        let path = folder.join(format!("{}.lock", digest.hex()));
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(write)?;
        let mut waiting = Some(waiting);
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(Errno::WOULDBLOCK) => {}
                Err(error) => return Err(write(error.into())),
            }
            if let Some(tell) = waiting.take() {
                tell();
            }
            // A blocking wait could not be given up when the pull is.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
