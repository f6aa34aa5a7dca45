//! Sends requests: the one place where redirects are followed and where it is decided who sees a credential.
//!
//! reqwest's own redirect handling is off. A redirect target gets the request's headers without `Authorization` as soon
//! as scheme, host or port differ, and never gets it back on a later hop.

use super::endpoint::{Origin, host_of};
use super::error::RegistryError;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use url::Url;

/// Redirects followed for one request.
const MAX_REDIRECTS: usize = 10;

/// How requests are sent.
#[derive(Clone, Debug)]
pub struct TransportOptions {
    /// Hosts (`host` or `host:port`) that may be spoken to without TLS, or with a certificate nobody vouches for.
    pub insecure: Vec<String>,
    /// Folders with one folder a registry (`host:port/*.crt`): authorities trusted for that registry.
    pub certificate_folders: Vec<PathBuf>,
    /// Tries of one request, the first included.
    pub attempts: u32,
    /// Wait after the first failed try; doubles each time.
    pub first_wait: Duration,
    /// Longest wait between two tries; a `Retry-After` beyond it ends the request.
    pub longest_wait: Duration,
    /// Longest silence of a server.
    pub silence: Duration,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            insecure: Vec::new(),
            certificate_folders: vec![
                "/etc/docker/certs.d".into(),
                "/etc/containers/certs.d".into(),
            ],
            attempts: 5,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(60),
            silence: Duration::from_secs(60),
        }
    }
}

/// A request that can be sent more than once.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    /// A form as body, already encoded.
    pub form: Option<Hidden>,
    /// Follow redirects.
    pub follow: bool,
    /// May a redirect lead from TLS to plain text, or from plain text to another host in plain text.
    pub plain_redirects: bool,
}

impl Request {
    /// A `GET` that follows redirects.
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            form: None,
            follow: true,
            plain_redirects: false,
        }
    }

    /// Adds a header; `value` is marked sensitive when it is an authorization.
    #[must_use]
    pub fn header(mut self, name: reqwest::header::HeaderName, mut value: HeaderValue) -> Self {
        if name == AUTHORIZATION {
            value.set_sensitive(true);
        }
        self.headers.insert(name, value);
        self
    }
}

/// A text that never shows in debugging output.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Sends requests with waiting, repetition and safe redirects.
#[derive(Debug)]
pub struct Transport {
    options: TransportOptions,
    insecure: HashSet<String>,
    clients: Mutex<HashMap<String, reqwest::Client>>,
}

impl Transport {
    /// A transport; connections are made when needed.
    pub fn new(options: TransportOptions) -> Self {
        let insecure = options
            .insecure
            .iter()
            .map(|h| h.to_ascii_lowercase())
            .collect();
        Self {
            options,
            insecure,
            clients: Mutex::new(HashMap::new()),
        }
    }

    /// Its options.
    pub fn options(&self) -> &TransportOptions {
        &self.options
    }

    /// Whether `server` (`host[:port]`) was named as insecure.
    pub fn is_insecure(&self, server: &str) -> bool {
        let server = server.to_ascii_lowercase();
        self.insecure.contains(&server) || self.insecure.contains(host_of(&server))
    }

    /// Whether plain text is allowed to `origin`.
    pub fn plain_allowed(&self, origin: &Origin) -> bool {
        origin.is_loopback() || self.is_insecure(&format!("{}:{}", origin.host, origin.port))
    }

    /// Sends `request`, again when the failure may pass, and follows redirects. The status of the answer is not judged,
    /// except for 429 and server errors once the tries are used up.
    ///
    /// # Errors
    /// Connection failures, refused redirects, [`RegistryError::TooManyRequests`].
    pub async fn send(&self, request: &Request) -> Result<Response, RegistryError> {
        let mut waited = Duration::ZERO;
        let mut attempt = 1;
        loop {
            let result = self.follow(request).await;
            let wait = match &result {
                Ok(answer) if answer.status() == StatusCode::TOO_MANY_REQUESTS => {
                    Some(retry_after(answer))
                }
                Ok(answer) if is_transient(answer.status()) => Some(retry_after(answer)),
                Err(error) if error.is_transient() => Some(None),
                _ => None,
            };
            let Some(asked) = wait else { return result };
            let wait = asked.unwrap_or_else(|| self.backoff(attempt));
            if attempt >= self.options.attempts || wait > self.options.longest_wait {
                return match result {
                    Ok(answer) if answer.status() == StatusCode::TOO_MANY_REQUESTS => {
                        Err(RegistryError::TooManyRequests {
                            host: server_of_url(answer.url()),
                            waited,
                        })
                    }
                    other => other,
                };
            }
            tracing::debug!(attempt, ?wait, url = %without_query(&request.url), "request is repeated");
            tokio::time::sleep(wait).await;
            waited += wait;
            attempt += 1;
        }
    }

    /// Sends once, without repetition: for finding out who is there.
    pub(crate) async fn probe(&self, request: &Request) -> Result<Response, RegistryError> {
        self.once(request, &request.url, request.headers.clone())
            .await
    }

    /// The wait before try `attempt + 1`: doubled each time, capped, with a random half against herds.
    pub fn backoff(&self, attempt: u32) -> Duration {
        let full = self
            .options
            .first_wait
            .saturating_mul(1 << (attempt - 1).min(16))
            .min(self.options.longest_wait);
        full / 2 + full.mul_f64(random_unit() / 2.0)
    }

    async fn follow(&self, request: &Request) -> Result<Response, RegistryError> {
        let mut url = request.url.clone();
        let mut headers = request.headers.clone();
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.once(request, &url, headers.clone()).await?;
            if !(request.follow && is_redirect(answer.status())) {
                return Ok(answer);
            }
            let Some(location) = answer.headers().get(LOCATION) else {
                return Ok(answer);
            };
            let next = self.redirect_target(&url, location, request.plain_redirects)?;
            if Origin::of(&next) != Origin::of(&url) {
                headers.remove(AUTHORIZATION);
            }
            url = next;
        }
        Err(RegistryError::Redirect {
            from: server_of_url(&request.url),
            to: without_query(&url),
            why: "too many redirects",
        })
    }

    fn redirect_target(
        &self,
        from: &Url,
        location: &HeaderValue,
        plain: bool,
    ) -> Result<Url, RegistryError> {
        let refuse = |to: &str, why| RegistryError::Redirect {
            from: server_of_url(from),
            to: to.to_owned(),
            why,
        };
        let text = location
            .to_str()
            .map_err(|_| refuse("?", "the target is not a text"))?;
        let mut target = from
            .join(text)
            .map_err(|_| refuse(&printable(text), "the target is not a URL"))?;
        let shown = without_query(&target);
        let origin = Origin::of(&target)
            .ok_or_else(|| refuse(&shown, "only http and https are followed"))?;
        if !origin.is_secure()
            && !plain
            && Origin::of(from).is_some_and(|o| o != origin)
            && !self.plain_allowed(&origin)
        {
            return Err(refuse(&shown, "it leaves TLS"));
        }
        if from.scheme() == "https" && !origin.is_secure() && !self.plain_allowed(&origin) {
            return Err(refuse(&shown, "it leaves TLS"));
        }
        // User information in a target would become an Authorization header that nobody asked for.
        let _ = target.set_username("");
        let _ = target.set_password(None);
        Ok(target)
    }

    async fn once(
        &self,
        request: &Request,
        url: &Url,
        headers: HeaderMap,
    ) -> Result<Response, RegistryError> {
        let server = server_of_url(url);
        let client = self.client(&server)?;
        let mut builder = client
            .request(request.method.clone(), url.clone())
            .headers(headers);
        if let Some(form) = &request.form {
            builder = builder
                .header(
                    reqwest::header::CONTENT_TYPE,
                    "application/x-www-form-urlencoded",
                )
                .body(form.reveal().to_owned());
        }
        builder
            .send()
            .await
            .map_err(|error| connection_error(&server, &error))
    }

    /// The client for a server: a shared one, or an own one when the server has own authorities or none at all.
    fn client(&self, server: &str) -> Result<reqwest::Client, RegistryError> {
        let lax = self.is_insecure(server);
        let roots = if lax {
            Vec::new()
        } else {
            self.own_roots(server)
        };
        let key = if lax || !roots.is_empty() { server } else { "" };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(key) {
            return Ok(client.clone());
        }
        let client = self
            .build_client(lax, &roots)
            .map_err(|e| RegistryError::Tls {
                host: server.to_owned(),
                why: chain(&e),
            })?;
        clients.insert(key.to_owned(), client.clone());
        Ok(client)
    }

    fn build_client(
        &self,
        lax: bool,
        roots: &[PathBuf],
    ) -> Result<reqwest::Client, reqwest::Error> {
        // Fails only when some other part of the process chose a provider first, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("cooper/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(20))
            .read_timeout(self.options.silence)
            .pool_idle_timeout(Duration::from_secs(30));
        if lax {
            builder = builder
                .tls_danger_accept_invalid_certs(true)
                .tls_danger_accept_invalid_hostnames(true);
        }
        let mut extra = Vec::new();
        for path in roots {
            if let Ok(pem) = std::fs::read(path) {
                extra.extend(reqwest::Certificate::from_pem_bundle(&pem)?);
            }
        }
        if !extra.is_empty() {
            builder = builder.tls_certs_merge(extra);
        }
        builder.build()
    }

    /// Authorities of `certs.d/<server>/*.crt`.
    fn own_roots(&self, server: &str) -> Vec<PathBuf> {
        if server.contains(['/', '\0']) || server.starts_with('.') {
            return Vec::new();
        }
        let mut found = Vec::new();
        for folder in &self.options.certificate_folders {
            collect_certificates(&folder.join(server), &mut found);
        }
        found.sort();
        found
    }
}

fn collect_certificates(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    found.extend(
        entries
            .flatten()
            .map(|e| e.path())
            .filter(|p| p.extension().is_some_and(|x| x == "crt")),
    );
}

/// `host[:port]` as users write it: the port only when it is not the scheme's.
pub fn server_of_url(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// A URL for messages: query and user information may hold tokens.
pub fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

/// Text of a server, fit for a message: one line, no control characters, not endless.
pub fn printable(text: &str) -> String {
    let mut out: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(200)
        .collect();
    out.truncate(out.trim_end().len());
    out
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 500 | 502 | 503 | 504)
}

/// `Retry-After` in seconds or as a date.
fn retry_after(answer: &Response) -> Option<Duration> {
    let text = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let when = httpdate::parse_http_date(text).ok()?;
    Some(when.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Names what kept us from an answer. reqwest hides the kinds; the chain of sources tells them.
fn connection_error(server: &str, error: &reqwest::Error) -> RegistryError {
    let host = server.to_owned();
    if error.is_timeout() {
        return RegistryError::TimedOut { host };
    }
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(e) = source {
        if let Some(io) = e.downcast_ref::<std::io::Error>() {
            if io.kind() == std::io::ErrorKind::ConnectionRefused {
                return RegistryError::Refused { host };
            }
            if let Some(tls) = io
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>())
            {
                return RegistryError::Tls {
                    host,
                    why: tls.to_string(),
                };
            }
        }
        if let Some(tls) = e.downcast_ref::<rustls::Error>() {
            return RegistryError::Tls {
                host,
                why: tls.to_string(),
            };
        }
        source = e.source();
    }
    RegistryError::Unreachable {
        host,
        why: chain(error),
    }
}

/// The innermost message: outer ones repeat the URL.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    printable(&last.to_string())
}

/// A number in `0.0..1.0`; good enough to spread clients.
fn random_unit() -> f64 {
    let hash = RandomState::new().build_hasher().finish();
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(from: &str, to: &str, insecure: &[&str]) -> Result<String, String> {
        let options = TransportOptions {
            insecure: insecure.iter().map(ToString::to_string).collect(),
            ..Default::default()
        };
        let value = HeaderValue::from_str(to).expect("a header");
        Transport::new(options)
            .redirect_target(&Url::parse(from).expect("a URL"), &value, false)
            .map(String::from)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn redirects_keep_tls_and_drop_user_information() {
        assert_eq!(
            target("https://r.example/v2/", "https://u:p@cdn.example/x", &[]).as_deref(),
            Ok("https://cdn.example/x")
        );
        assert_eq!(
            target("https://r.example/v2/a", "../b", &[]).as_deref(),
            Ok("https://r.example/b")
        );
        assert!(target("https://r.example/", "http://r.example/", &[]).is_err());
        assert!(target("https://r.example/", "file:///etc/passwd", &[]).is_err());
        assert!(target("http://127.0.0.1:5000/", "http://other.example/", &[]).is_err());
        assert!(target("http://127.0.0.1:5000/", "http://127.0.0.1:6000/", &[]).is_ok());
        assert!(
            target(
                "https://r.example/",
                "http://old.example/",
                &["old.example"]
            )
            .is_ok()
        );
    }

    #[test]
    fn waits_grow_and_are_capped() {
        let transport = Transport::new(TransportOptions {
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(1),
            ..Default::default()
        });
        for (attempt, full) in [(1, 100), (2, 200), (4, 800), (30, 1000)] {
            let wait = transport.backoff(attempt);
            assert!(
                wait >= Duration::from_millis(full / 2) && wait <= Duration::from_millis(full),
                "{attempt}: {wait:?}"
            );
        }
    }

    #[test]
    fn messages_of_servers_lose_their_control_characters() {
        assert_eq!(printable("a\x1b]52;c;xx\x07\nb "), "a ]52;c;xx  b");
        assert_eq!(format!("{:?}", Hidden::new("secret")), "***");
    }
}
