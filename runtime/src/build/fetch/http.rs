//! One file over HTTP: loaded once, asked for again only with its `ETag`, kept in the store by content.

use crate::registry::error::RegistryError;
use crate::registry::transport::{Request, Transport, chain, without_query};
use crate::store::{BlobError, Lease, Store};
use cooperage_lang::model::reference::Digest;
use reqwest::StatusCode;
use reqwest::header::{
    ETAG, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use url::Url;

use crate::image::manifest::sha256;

/// Whole loads of a file whose connection is cut.
const LOADS: u32 = 3;

/// Permission bits of a downloaded file.
///
/// **Source:** BuildKit `source/http`, default `Perm`.
pub const MODE: u32 = 0o600;

/// Why a file could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    #[error("`{0}` is not an HTTP URL")]
    Url(String),
    #[error("`{0}` is not a digest")]
    Checksum(String),
    #[error("cannot load `{url}`: invalid response status {status}")]
    Status { url: String, status: StatusCode },
    #[error("cannot load `{url}`: {cause}")]
    Transfer {
        url: String,
        cause: Box<RegistryError>,
    },
    #[error("cannot load `{url}`: the connection was cut after {received} bytes: {why}")]
    Cut {
        url: String,
        received: u64,
        why: String,
    },
    #[error("digest mismatch for `{url}`: expected {expected}, received {received}")]
    WrongDigest {
        url: String,
        expected: Digest,
        received: Digest,
    },
    #[error("cannot keep `{url}`: {cause}")]
    Keep { url: String, cause: std::io::Error },
    #[error("{0}")]
    Blob(Box<BlobError>),
}

impl From<BlobError> for HttpError {
    fn from(error: BlobError) -> Self {
        Self::Blob(Box::new(error))
    }
}

/// A loaded file; its content is a blob of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpFile {
    /// SHA-256 of the content, the name of the blob.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// The content. Readable as long as the lease of the call lives.
    pub path: PathBuf,
    /// `Last-Modified`, else 1970. The file in the image gets this time.
    ///
    /// **Source:** BuildKit `source/http`, `save`.
    pub modified: SystemTime,
    /// The server was asked and said that nothing changed, or the checksum made asking needless.
    pub unchanged: bool,
}

/// What is remembered of a URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    digest: String,
    size: u64,
    etag: Option<String>,
    last_modified: Option<String>,
}

/// Loads `url`, or finds out that what is here is still right. With `checksum` other content is an error, and the server
/// is not asked when that content is here.
///
/// # Errors
/// See [`HttpError`].
pub async fn fetch(
    transport: &Transport,
    (store, lease): (&Store, &Lease),
    url: &str,
    checksum: Option<&str>,
    progress: &(dyn Fn(u64, Option<u64>) + Send + Sync),
) -> Result<HttpFile, HttpError> {
    let parsed = Url::parse(url)
        .ok()
        .filter(|u| matches!(u.scheme(), "http" | "https"));
    let parsed = parsed.ok_or_else(|| HttpError::Url(url.to_owned()))?;
    let parse = |text: &str| {
        text.parse::<Digest>()
            .map_err(|_| HttpError::Checksum(text.to_owned()))
    };
    let expected = checksum.map(parse).transpose()?;
    let job = Job {
        transport,
        store,
        lease,
        shown: without_query(&parsed),
        expected,
    };
    job.run(&parsed, progress).await
}

/// Digest and time of the content that was loaded last, without asking anybody: for forecasts.
pub fn remembered(store: &Store, url: &str) -> Option<(Digest, SystemTime)> {
    let memory = recall(store, url)?;
    let digest = memory.digest.parse().ok()?;
    Some((digest, modified(memory.last_modified.as_deref())))
}

struct Job<'a> {
    transport: &'a Transport,
    store: &'a Store,
    lease: &'a Lease,
    shown: String,
    expected: Option<Digest>,
}

impl Job<'_> {
    async fn run(
        &self,
        url: &Url,
        progress: &(dyn Fn(u64, Option<u64>) + Send + Sync),
    ) -> Result<HttpFile, HttpError> {
        let known = recall(self.store, url.as_str()).and_then(|memory| {
            let digest: Digest = memory.digest.parse().ok()?;
            self.lease
                .hold_blob(&digest)
                .ok()?
                .then_some((memory, digest))
        });
        if let Some((memory, digest)) = &known
            && self.expected.as_ref() == Some(digest)
        {
            return self.found(digest, memory.last_modified.as_deref(), true);
        }
        let mut request = Request::get(url.clone());
        // A checksum makes the way irrelevant; without one a secure URL stays secure.
        request.plain_redirects = url.scheme() == "http";
        if let Some((memory, _)) = &known {
            request = with(request, IF_NONE_MATCH, memory.etag.as_deref());
            request = with(request, IF_MODIFIED_SINCE, memory.last_modified.as_deref());
        }
        let mut failure = None;
        for load in 1..=LOADS {
            let answer = self
                .transport
                .send(&request)
                .await
                .map_err(|cause| self.transfer(cause))?;
            if answer.status() == StatusCode::NOT_MODIFIED
                && let Some((memory, digest)) = &known
            {
                self.check(digest)?;
                return self.found(digest, memory.last_modified.as_deref(), true);
            }
            if !answer.status().is_success() {
                return Err(HttpError::Status {
                    url: self.shown.clone(),
                    status: answer.status(),
                });
            }
            match self.load(url, answer, progress).await {
                Err(cut @ HttpError::Cut { .. }) => failure = Some(cut),
                other => return other,
            }
            tokio::time::sleep(self.transport.backoff(load)).await;
        }
        Err(failure.expect("every load that ends the loop failed"))
    }

    async fn load(
        &self,
        url: &Url,
        mut answer: reqwest::Response,
        progress: &(dyn Fn(u64, Option<u64>) + Send + Sync),
    ) -> Result<HttpFile, HttpError> {
        let header = |name: HeaderName| {
            answer
                .headers()
                .get(name)
                .and_then(|v| v.to_str().ok())
                .map(str::to_owned)
        };
        let (etag, last_modified) = (header(ETAG), header(LAST_MODIFIED));
        let total = answer.content_length();
        let mut writer = self.store.blob_writer(self.lease)?;
        let mut received = 0;
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => {
                    writer.write_all(&chunk).map_err(|cause| HttpError::Keep {
                        url: self.shown.clone(),
                        cause,
                    })?;
                    received += chunk.len() as u64;
                    progress(received, total);
                }
                Ok(None) => break,
                Err(e) => {
                    return Err(HttpError::Cut {
                        url: self.shown.clone(),
                        received,
                        why: chain(&e),
                    });
                }
            }
        }
        let (digest, size) = writer.commit(None)?;
        self.check(&digest)?;
        let memory = Memory {
            digest: digest.to_string(),
            size,
            etag,
            last_modified,
        };
        remember(self.store, url.as_str(), &memory);
        self.found(&digest, memory.last_modified.as_deref(), false)
    }

    fn check(&self, digest: &Digest) -> Result<(), HttpError> {
        match &self.expected {
            Some(expected) if expected != digest => Err(HttpError::WrongDigest {
                url: self.shown.clone(),
                expected: expected.clone(),
                received: digest.clone(),
            }),
            _ => Ok(()),
        }
    }

    fn found(
        &self,
        digest: &Digest,
        last_modified: Option<&str>,
        unchanged: bool,
    ) -> Result<HttpFile, HttpError> {
        let blob = self.store.blob(digest).ok_or_else(|| HttpError::Keep {
            url: self.shown.clone(),
            cause: std::io::ErrorKind::NotFound.into(),
        })?;
        Ok(HttpFile {
            digest: digest.clone(),
            size: blob.size,
            path: blob.path,
            modified: modified(last_modified),
            unchanged,
        })
    }

    fn transfer(&self, cause: RegistryError) -> HttpError {
        HttpError::Transfer {
            url: self.shown.clone(),
            cause: Box::new(cause),
        }
    }
}

fn with(request: Request, name: HeaderName, value: Option<&str>) -> Request {
    match value.and_then(|v| HeaderValue::from_str(v).ok()) {
        Some(value) => request.header(name, value),
        None => request,
    }
}

fn modified(last_modified: Option<&str>) -> SystemTime {
    last_modified
        .and_then(|text| httpdate::parse_http_date(text).ok())
        .unwrap_or(UNIX_EPOCH + Duration::ZERO)
}

/// Where a URL is remembered: by hash, for a URL may hold a password and be longer than a file name.
fn memory_path(store: &Store, url: &str) -> PathBuf {
    store
        .paths()
        .scratch_cache()
        .join("http")
        .join(sha256(url.as_bytes()).hex())
}

fn recall(store: &Store, url: &str) -> Option<Memory> {
    serde_json::from_slice(&std::fs::read(memory_path(store, url)).ok()?).ok()
}

/// Best effort: what is not remembered is loaded again.
fn remember(store: &Store, url: &str, memory: &Memory) {
    let path = memory_path(store, url);
    let Ok(bytes) = serde_json::to_vec(memory) else {
        return;
    };
    if let Err(error) = write_whole(&path, &bytes) {
        tracing::debug!(%error, "a download is not remembered");
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let temporary = path.with_extension(std::process::id().to_string());
    std::fs::write(&temporary, bytes)?;
    std::fs::rename(temporary, path)
}
