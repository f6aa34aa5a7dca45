//! Speaks the distribution protocol: finds the server of a repository, asks for manifests and blobs, logs in when told to.

use super::auth::{self, Authorization};
use super::credentials::{Credential, CredentialFiles};
use super::endpoint::{Origin, host_of, is_loopback, server_of};
use super::error::RegistryError;
use super::transport::{Request, Transport, TransportOptions, printable, server_of_url};
use crate::image::manifest::{MAX_MANIFEST, docker, oci};
use cooperage_lang::model::reference::{Digest, Reference};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LINK, RANGE};
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use sha2::Digest as _;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;

/// Largest error document that is read, bytes.
const MAX_ERROR: u64 = 64 << 10;

/// Largest page of a list of tags that is read, bytes.
const MAX_TAGS: u64 = 4 << 20;

/// Pages of one list of tags that are read.
const MAX_PAGES: usize = 32;

/// How a client behaves.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// Connections, waiting, insecure hosts.
    pub transport: TransportOptions,
    /// Where logins are kept.
    pub credentials: CredentialFiles,
}

impl ClientOptions {
    /// The logins of this environment and the given insecure registries.
    pub fn from_env(insecure: Vec<String>) -> Self {
        Self {
            transport: TransportOptions {
                insecure,
                ..TransportOptions::default()
            },
            credentials: CredentialFiles::from_env(|name| std::env::var(name).ok()),
        }
    }
}

/// A registry client; cheap to clone, remembers tokens and servers for its life.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    transport: Transport,
    credentials: CredentialFiles,
    /// Base URL of each server that was found to answer.
    bases: Mutex<HashMap<String, Url>>,
    /// What was accepted, by origin and repository.
    accepted: Mutex<HashMap<(Origin, String), Authorization>>,
    /// One login at a time: parallel layers wait for the first one's token.
    login: tokio::sync::Mutex<HashMap<String, Option<Credential>>>,
}

/// A repository on the server that holds it.
#[derive(Clone, Debug)]
pub struct Repository {
    /// As in references: `docker.io`.
    domain: String,
    /// `library/debian`.
    path: String,
    /// `https://registry-1.docker.io/`.
    base: Url,
    origin: Origin,
}

/// A manifest or index with its verified digest.
#[derive(Clone, Debug)]
pub struct FetchedManifest {
    pub digest: Digest,
    /// `Content-Type` of the answer.
    pub media_type: Option<String>,
    pub bytes: Vec<u8>,
}

impl Client {
    /// A client; nothing is read or connected yet.
    pub fn new(options: ClientOptions) -> Self {
        Self {
            inner: Arc::new(Inner {
                transport: Transport::new(options.transport),
                credentials: options.credentials,
                bases: Mutex::default(),
                accepted: Mutex::default(),
                login: tokio::sync::Mutex::default(),
            }),
        }
    }

    /// A client with the logins of this environment and the given insecure registries.
    pub fn from_env(insecure: Vec<String>) -> Self {
        Self::new(ClientOptions::from_env(insecure))
    }

    /// Its transport.
    pub fn transport(&self) -> &Transport {
        &self.inner.transport
    }

    /// Finds the server of a reference's repository. TLS, except that a server of this machine may speak plain HTTP and
    /// one named insecure may fall back to it.
    ///
    /// # Errors
    /// Connection failures.
    pub async fn repository(&self, reference: &Reference) -> Result<Repository, RegistryError> {
        let server = server_of(&reference.domain);
        let known = lock(&self.inner.bases).get(server).cloned();
        let base = if let Some(base) = known {
            base
        } else {
            let base = self.find_base(server).await?;
            lock(&self.inner.bases).insert(server.to_owned(), base.clone());
            base
        };
        let origin = Origin::of(&base).ok_or_else(|| RegistryError::Unreachable {
            host: server.to_owned(),
            why: "its name is not a host".to_owned(),
        })?;
        Ok(Repository {
            domain: reference.domain.clone(),
            path: reference.path.clone(),
            base,
            origin,
        })
    }

    async fn find_base(&self, server: &str) -> Result<Url, RegistryError> {
        let local = is_loopback(host_of(server));
        let schemes: &[&str] = match (local, self.inner.transport.is_insecure(server)) {
            (true, _) => &["http", "https"],
            (false, true) => &["https", "http"],
            (false, false) => &["https"],
        };
        let mut urls = Vec::new();
        for scheme in schemes {
            urls.push(Url::parse(&format!("{scheme}://{server}/")).map_err(|e| {
                RegistryError::Unreachable {
                    host: server.to_owned(),
                    why: e.to_string(),
                }
            })?);
        }
        if let [only] = urls.as_slice() {
            return Ok(only.clone());
        }
        let mut failure = None;
        for base in urls {
            match self.answers(&base).await {
                Ok(true) => return Ok(base),
                Ok(false) => {}
                Err(refused @ RegistryError::Refused { .. }) => return Err(refused),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or(RegistryError::Unreachable {
            host: server.to_owned(),
            why: "it speaks neither HTTP nor TLS".to_owned(),
        }))
    }

    /// Whether a registry answers under `base`. A TLS server says 400 to plain HTTP.
    async fn answers(&self, base: &Url) -> Result<bool, RegistryError> {
        let mut request = Request::get(base.join("v2/").expect("a constant path joins"));
        request.follow = false;
        let answer = self.inner.transport.probe(&request).await?;
        Ok(base.scheme() == "https" || answer.status() != StatusCode::BAD_REQUEST)
    }

    /// Digest that a tag or digest names now, without loading the manifest; `None` when the server does not tell.
    ///
    /// # Errors
    /// [`RegistryError::TagNotFound`] and its like, login and connection failures.
    pub async fn head_manifest(
        &self,
        repository: &Repository,
        name: &str,
    ) -> Result<Option<Digest>, RegistryError> {
        let mut request = manifest_request(repository, name)?;
        request.method = Method::HEAD;
        let answer = self.authorized(repository, request).await?;
        match answer.status() {
            status if status.is_success() => {}
            // Some servers have no HEAD here; the GET that follows tells.
            StatusCode::METHOD_NOT_ALLOWED => return Ok(None),
            _ => return Err(self.judge_manifest(answer, name).await),
        }
        let digest = answer
            .headers()
            .get("docker-content-digest")
            .and_then(|v| v.to_str().ok());
        Ok(digest.and_then(|text| text.parse().ok()))
    }

    /// Loads a manifest by tag or digest; a digest is verified.
    ///
    /// # Errors
    /// [`RegistryError::TagNotFound`] and its like, [`RegistryError::WrongDigest`], [`RegistryError::TooLarge`].
    pub async fn manifest(
        &self,
        repository: &Repository,
        name: &str,
    ) -> Result<FetchedManifest, RegistryError> {
        let answer = self
            .authorized(repository, manifest_request(repository, name)?)
            .await?;
        if !answer.status().is_success() {
            return Err(self.judge_manifest(answer, name).await);
        }
        let media_type = answer
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned);
        let bytes = read_bounded(answer, "the manifest", MAX_MANIFEST).await?;
        let digest = match name.parse::<Digest>() {
            Ok(expected) => verify(&expected, &bytes)?,
            Err(_) => crate::image::manifest::sha256(&bytes),
        };
        Ok(FetchedManifest {
            digest,
            media_type,
            bytes,
        })
    }

    /// Asks for a blob from byte `from` on. The answer is a success; it may be the whole blob all the same.
    ///
    /// # Errors
    /// [`RegistryError::BlobNotFound`], login and connection failures.
    pub async fn blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        from: u64,
    ) -> Result<Response, RegistryError> {
        let mut request = Request::get(repository.url(&format!("blobs/{digest}"))?);
        if from > 0 {
            let range =
                HeaderValue::from_str(&format!("bytes={from}-")).expect("digits make a header");
            request = request.header(RANGE, range);
        }
        let answer = self.authorized(repository, request).await?;
        match answer.status() {
            status if status.is_success() => Ok(answer),
            StatusCode::NOT_FOUND => Err(RegistryError::BlobNotFound {
                digest: digest.to_string(),
            }),
            _ => Err(judge(answer).await),
        }
    }

    /// The tags of a repository, in the registry's order. A list of very many pages is cut off.
    ///
    /// **Source:** distribution specification, *Listing Tags*: `tags/list`, the next page behind `Link`.
    ///
    /// # Errors
    /// [`RegistryError::RepositoryNotFound`], [`RegistryError::TooLarge`], login and connection failures.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<String>, RegistryError> {
        let mut tags = Vec::new();
        let mut page = Some(repository.url("tags/list?n=1000")?);
        for _ in 0..MAX_PAGES {
            let Some(url) = page else { break };
            let answer = self.authorized(repository, Request::get(url)).await?;
            match answer.status() {
                status if status.is_success() => {}
                StatusCode::NOT_FOUND => return Err(RegistryError::RepositoryNotFound),
                _ => return Err(judge(answer).await),
            }
            // What is sent there may carry a login, so the list goes on at the registry itself or not at all.
            page = next_page(&answer)
                .filter(|url| Origin::of(url).as_ref() == Some(&repository.origin));
            let bytes = read_bounded(answer, "the list of tags", MAX_TAGS).await?;
            let read: TagList = serde_json::from_slice(&bytes).unwrap_or_default();
            tags.extend(read.tags.unwrap_or_default());
        }
        Ok(tags)
    }

    /// Sends with what was accepted before; answers one challenge of the registry itself.
    async fn authorized(
        &self,
        repository: &Repository,
        request: Request,
    ) -> Result<Response, RegistryError> {
        let key = (repository.origin.clone(), repository.path.clone());
        let used = lock(&self.inner.accepted)
            .get(&key)
            .and_then(Authorization::header);
        let first = self
            .inner
            .transport
            .send(&with_authorization(&request, used.as_ref()))
            .await?;
        // A challenge of a redirect's target is not the registry's; nothing of ours is for it.
        if first.status() != StatusCode::UNAUTHORIZED
            || Origin::of(first.url()).as_ref() != Some(&repository.origin)
        {
            return Ok(first);
        }
        let (fresh, had_credentials) = self.log_in(repository, &key, used.as_ref(), first).await?;
        let second = self
            .inner
            .transport
            .send(&with_authorization(&request, Some(&fresh)))
            .await?;
        if second.status() == StatusCode::UNAUTHORIZED {
            lock(&self.inner.accepted).remove(&key);
            return Err(RegistryError::Unauthorized {
                host: repository.domain.clone(),
                had_credentials,
            });
        }
        Ok(second)
    }

    async fn log_in(
        &self,
        repository: &Repository,
        key: &(Origin, String),
        used: Option<&HeaderValue>,
        refused: Response,
    ) -> Result<(HeaderValue, bool), RegistryError> {
        let mut logins = self.inner.login.lock().await;
        let now = lock(&self.inner.accepted)
            .get(key)
            .and_then(Authorization::header);
        let login_name = repository.name();
        if let Some(header) = now.filter(|header| Some(header) != used) {
            let had = logins.get(&login_name).is_some_and(Option::is_some);
            return Ok((header, had));
        }
        let credential = if let Some(known) = logins.get(&login_name) {
            known.clone()
        } else {
            let found = self
                .inner
                .credentials
                .find(&repository.domain, &repository.path)
                .await?;
            logins.insert(login_name, found.clone());
            found
        };
        let had_credentials = credential.is_some();
        let host = || repository.domain.clone();
        let challenges = auth::challenges(refused.headers());
        let challenge = challenges
            .first()
            .ok_or_else(|| RegistryError::Unauthorized {
                host: host(),
                had_credentials,
            })?;
        let asked = match challenge {
            auth::Challenge::Bearer {
                scope: Some(scope), ..
            } => scope.clone(),
            _ => format!("repository:{}:pull", repository.path),
        };
        let registry = (repository.domain.as_str(), &repository.origin);
        let answer = auth::answer(
            &self.inner.transport,
            registry,
            challenge,
            &asked,
            credential.as_ref(),
        )
        .await?;
        let header = answer.header().ok_or_else(|| RegistryError::Unauthorized {
            host: host(),
            had_credentials,
        })?;
        lock(&self.inner.accepted).insert(key.clone(), answer);
        Ok((header, had_credentials))
    }

    async fn judge_manifest(&self, answer: Response, name: &str) -> RegistryError {
        if answer.status() != StatusCode::NOT_FOUND {
            return judge(answer).await;
        }
        let errors = read_errors(answer).await;
        if errors.iter().any(|e| e.code == "NAME_UNKNOWN") {
            RegistryError::RepositoryNotFound
        } else if name.contains(':') {
            RegistryError::DigestNotFound {
                digest: name.to_owned(),
            }
        } else {
            RegistryError::TagNotFound
        }
    }
}

impl Repository {
    /// `docker.io/library/debian`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    fn url(&self, rest: &str) -> Result<Url, RegistryError> {
        self.base
            .join(&format!("v2/{}/{rest}", self.path))
            .map_err(|e| RegistryError::Unreachable {
                host: self.domain.clone(),
                why: e.to_string(),
            })
    }
}

/// What a reference asks its repository for: the digest when it has one.
pub fn manifest_name(reference: &Reference) -> String {
    match (&reference.digest, &reference.tag) {
        (Some(digest), _) => digest.to_string(),
        (None, Some(tag)) => tag.clone(),
        (None, None) => "latest".to_owned(),
    }
}

fn manifest_request(repository: &Repository, name: &str) -> Result<Request, RegistryError> {
    let accept = [oci::INDEX, oci::MANIFEST, docker::LIST, docker::MANIFEST].join(", ");
    let accept = HeaderValue::from_str(&accept).expect("media types make a header");
    Ok(Request::get(repository.url(&format!("manifests/{name}"))?).header(ACCEPT, accept))
}

fn with_authorization(request: &Request, value: Option<&HeaderValue>) -> Request {
    match value {
        Some(value) => request.clone().header(AUTHORIZATION, value.clone()),
        None => request.clone(),
    }
}

/// The error of an answer that is no success and not a missing thing.
async fn judge(answer: Response) -> RegistryError {
    let host = server_of_url(answer.url());
    let status = answer.status();
    let message = read_errors(answer)
        .await
        .into_iter()
        .map(ErrorEntry::text)
        .find(|t| !t.is_empty())
        .unwrap_or_default();
    match status {
        StatusCode::FORBIDDEN => RegistryError::Denied { host, message },
        StatusCode::UNAUTHORIZED => RegistryError::Unauthorized {
            host,
            had_credentials: false,
        },
        _ => RegistryError::Status {
            host,
            status: status.as_u16(),
            message,
        },
    }
}

/// Where a list goes on: the target of `Link: <…>; rel="next"`.
fn next_page(answer: &Response) -> Option<Url> {
    let links = answer.headers().get_all(LINK).iter();
    let mut links = links.filter_map(|value| value.to_str().ok());
    let next = links.find(|link| link.contains("rel=\"next\"") || link.contains("rel=next"))?;
    let (target, _) = next.trim_start().strip_prefix('<')?.split_once('>')?;
    answer.url().join(target).ok()
}

/// **Source:** distribution specification, *Listing Tags*. Some servers say `null` for none.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TagList {
    tags: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Errors {
    errors: Vec<ErrorEntry>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorEntry {
    code: String,
    message: String,
}

impl ErrorEntry {
    fn text(self) -> String {
        printable(if self.message.is_empty() {
            &self.code
        } else {
            &self.message
        })
    }
}

async fn read_errors(answer: Response) -> Vec<ErrorEntry> {
    match read_bounded(answer, "the answer", MAX_ERROR).await {
        Ok(bytes) => {
            serde_json::from_slice::<Errors>(&bytes)
                .unwrap_or_default()
                .errors
        }
        Err(_) => Vec::new(),
    }
}

/// Reads a small answer, refusing to hold more than `limit` bytes of it.
pub(crate) async fn read_bounded(
    mut answer: Response,
    what: &str,
    limit: u64,
) -> Result<Vec<u8>, RegistryError> {
    let too_large = || RegistryError::TooLarge {
        what: what.to_owned(),
        limit,
    };
    if answer.content_length().is_some_and(|n| n > limit) {
        return Err(too_large());
    }
    let host = server_of_url(answer.url());
    let mut bytes = Vec::new();
    let cut = |e: reqwest::Error| RegistryError::Unreachable {
        host: host.clone(),
        why: super::transport::chain(&e),
    };
    while let Some(chunk) = answer.chunk().await.map_err(cut)? {
        if (bytes.len() + chunk.len()) as u64 > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Checks `bytes` against `expected` and returns it.
pub(crate) fn verify(expected: &Digest, bytes: &[u8]) -> Result<Digest, RegistryError> {
    let mut hash = ContentHash::of(expected);
    hash.update(bytes);
    hash.check(expected)?;
    Ok(expected.clone())
}

/// A running hash of the algorithm a digest names.
pub(crate) enum ContentHash {
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl ContentHash {
    /// An empty hash for comparing with `digest`.
    pub(crate) fn of(digest: &Digest) -> Self {
        if digest.algorithm() == "sha512" {
            Self::Sha512(sha2::Sha512::new())
        } else {
            Self::Sha256(sha2::Sha256::new())
        }
    }

    /// Takes more bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    /// Compares with `expected`.
    pub(crate) fn check(self, expected: &Digest) -> Result<(), RegistryError> {
        let (algorithm, bytes) = match self {
            Self::Sha256(hash) => ("sha256", hash.finalize().to_vec()),
            Self::Sha512(hash) => ("sha512", hash.finalize().to_vec()),
        };
        let mut received = format!("{algorithm}:");
        for byte in bytes {
            let _ = write!(received, "{byte:02x}");
        }
        if received == expected.as_str() {
            return Ok(());
        }
        Err(RegistryError::WrongDigest {
            expected: expected.to_string(),
            received,
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
