//! A hand-written server that answers what a test tells it to, and remembers what it was asked.

use crate::real::Folder;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::{Digest, Reference};
use cooperage_runtime::build::request::{BuildRequest, ContextSource, DockerfileSource};
use cooperage_runtime::cancel::Cancel;
use cooperage_runtime::engine::{Engine, EngineOptions};
use cooperage_runtime::image::ingest::IngestError;
use cooperage_runtime::image::manifest::{ManifestError, docker, oci, sha256};
use cooperage_runtime::registry::blob::download;
use cooperage_runtime::registry::client::{Client, ClientOptions, Repository};
use cooperage_runtime::registry::credentials::CredentialFiles;
use cooperage_runtime::registry::transport::TransportOptions;
use cooperage_runtime::registry::{PullError, RegistryError, pull, resolve};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With query.
    pub(crate) path: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }
}

/// An answer. `cut` closes the connection after so many bytes of the body, whatever the header promises.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) cut: Option<usize>,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            body: body.into(),
            ..Self::default()
        }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

pub(crate) struct Lying {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Lying {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Lying {
    pub(crate) async fn start(
        answer: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                tokio::spawn(async move { serve(stream, &log, &*answer).await });
            }
        });
        Self { port, asked, task }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("a lock").clone()
    }

    fn reference(&self, rest: &str) -> Reference {
        Reference::parse_normalized(&format!("127.0.0.1:{}/{rest}", self.port))
            .expect("a reference")
    }
}

/// One request, one answer, one connection.
async fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Asked>>,
    answer: &(dyn Fn(&Asked, usize) -> Answer + Send + Sync),
) {
    let mut reader = BufReader::new(&mut stream);
    let mut line = String::new();
    if reader.read_line(&mut line).await.unwrap_or(0) == 0 {
        return;
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut headers = Vec::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).await.unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.trim().split_once(':') {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body).await;
    let asked = Asked {
        method,
        path,
        headers,
    };
    let count = {
        let mut log = log.lock().expect("a lock");
        log.push(asked.clone());
        log.iter()
            .filter(|a| a.path == asked.path && a.method == asked.method)
            .count()
    };
    let answer = answer(&asked, count);
    let mut lines = vec![
        format!("HTTP/1.1 {} X", answer.status),
        "Connection: close".to_owned(),
    ];
    if !answer
        .headers
        .iter()
        .any(|(n, _)| n.eq_ignore_ascii_case("content-length"))
    {
        lines.push(format!("Content-Length: {}", answer.body.len()));
    }
    lines.extend(
        answer
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}")),
    );
    let head = lines.join("\r\n") + "\r\n\r\n";
    let _ = stream.write_all(head.as_bytes()).await;
    if asked.method != "HEAD" {
        let end = answer
            .cut
            .unwrap_or(answer.body.len())
            .min(answer.body.len());
        let _ = stream.write_all(&answer.body[..end]).await;
    }
    let _ = stream.shutdown().await;
}

fn client_with(credentials: CredentialFiles) -> Client {
    Client::new(ClientOptions {
        transport: TransportOptions {
            first_wait: Duration::from_millis(2),
            longest_wait: Duration::from_millis(1500),
            attempts: 4,
            silence: Duration::from_secs(5),
            certificate_folders: Vec::new(),
            ..TransportOptions::default()
        },
        credentials,
    })
}

fn client() -> Client {
    client_with(CredentialFiles::default())
}

/// A credential file with one login, deleted with the value.
struct Login(PathBuf);

impl Login {
    fn new(host: &str, user: &str, password: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "cooperage-login-{}-{}.json",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        let auth = STANDARD.encode(format!("{user}:{password}"));
        std::fs::write(
            &path,
            format!(r#"{{"auths":{{"{host}":{{"auth":"{auth}"}}}}}}"#),
        )
        .expect("a file");
        Self(path)
    }

    fn files(&self) -> CredentialFiles {
        CredentialFiles(vec![self.0.clone()])
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn repository(client: &Client, server: &Lying) -> Repository {
    client
        .repository(&server.reference("a/b"))
        .await
        .expect("a repository")
}

async fn load(client: &Client, server: &Lying, content: &[u8]) -> Result<Vec<u8>, RegistryError> {
    load_as(client, server, &sha256(content), content.len() as u64).await
}

async fn load_as(
    client: &Client,
    server: &Lying,
    digest: &Digest,
    size: u64,
) -> Result<Vec<u8>, RegistryError> {
    let repository = repository(client, server).await;
    download(client, &repository, (digest, size), Vec::new(), |_| {}).await
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n * 31 % 251) as u8).collect()
}

#[tokio::test]
async fn a_login_stays_with_its_registry_when_a_blob_is_redirected() {
    let bytes = content(5000);
    let served = bytes.clone();
    let storage = Lying::start(move |_, _| Answer::ok(served.clone())).await;
    let target = format!("http://127.0.0.1:{}/storage?sig=1", storage.port);
    let registry = Lying::start(move |asked, _| match asked.path.as_str() {
        "/v2/" => Answer::status(401).header("WWW-Authenticate", "Basic realm=\"r\""),
        _ if asked.header("authorization").is_none() => {
            Answer::status(401).header("WWW-Authenticate", "Basic realm=\"r\"")
        }
        _ => Answer::status(307).header("Location", target.clone()),
    })
    .await;
    let login = Login::new(&format!("127.0.0.1:{}", registry.port), "me", "hunter2");
    let client = client_with(login.files());
    assert_eq!(
        load(&client, &registry, &bytes).await.expect("the blob"),
        bytes
    );
    let expected = format!("Basic {}", STANDARD.encode("me:hunter2"));
    assert!(
        registry
            .asked()
            .iter()
            .any(|a| a.header("authorization") == Some(&expected))
    );
    let asked = storage.asked();
    assert!(
        !asked.is_empty() && asked.iter().all(|a| a.header("authorization").is_none()),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_challenge_of_a_redirect_target_gets_no_login() {
    let storage =
        Lying::start(|_, _| Answer::status(401).header("WWW-Authenticate", "Basic realm=\"give\""))
            .await;
    let target = format!("http://127.0.0.1:{}/x", storage.port);
    let registry = Lying::start(move |asked, _| match asked.path.as_str() {
        "/v2/" => Answer::ok("{}"),
        _ => Answer::status(302).header("Location", target.clone()),
    })
    .await;
    let login = Login::new(&format!("127.0.0.1:{}", registry.port), "me", "hunter2");
    let error = load(&client_with(login.files()), &registry, b"x")
        .await
        .expect_err("an error");
    assert!(
        matches!(error, RegistryError::Unauthorized { .. }),
        "{error}"
    );
    assert!(
        storage
            .asked()
            .iter()
            .all(|a| a.header("authorization").is_none())
    );
    assert!(
        registry
            .asked()
            .iter()
            .all(|a| a.header("authorization").is_none())
    );
}

#[tokio::test]
async fn a_foreign_token_server_without_tls_is_not_asked() {
    let registry = Lying::start(|_, _| {
        Answer::status(401).header(
            "WWW-Authenticate",
            "Bearer realm=\"http://tokens.example/t\",service=\"s\"",
        )
    })
    .await;
    let login = Login::new(&format!("127.0.0.1:{}", registry.port), "me", "hunter2");
    let error = resolve(&client_with(login.files()), &registry.reference("a:1"))
        .await
        .expect_err("an error");
    assert!(
        matches!(error.cause, RegistryError::Realm { .. }),
        "{error}"
    );
    assert!(!format!("{error:?} {error}").contains("hunter2"));
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_used_for_everything() {
    let bytes = content(100);
    let digest = sha256(&bytes);
    let tokens = Lying::start(|_, _| Answer::ok(r#"{"token":"tok","expires_in":300}"#)).await;
    let realm = format!("http://127.0.0.1:{}/token", tokens.port);
    let served = bytes.clone();
    let registry = Lying::start(move |asked, _| {
        if asked.path == "/v2/" {
            return Answer::ok("{}");
        }
        if asked.header("authorization") != Some("Bearer tok") {
            let challenge =
                format!("Bearer realm=\"{realm}\",service=\"s\",scope=\"repository:a/b:pull\"");
            return Answer::status(401).header("WWW-Authenticate", challenge);
        }
        Answer::ok(served.clone())
    })
    .await;
    let login = Login::new(&format!("127.0.0.1:{}", registry.port), "me", "pw");
    let client = client_with(login.files());
    let repository = repository(&client, &registry).await;
    let one = |size| download(&client, &repository, (&digest, size), Vec::new(), |_| {});
    let size = bytes.len() as u64;
    let (a, b, c) = tokio::join!(one(size), one(size), one(size));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    let asked = tokens.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(
        asked[0].path,
        "/token?service=s&scope=repository%3Aa%2Fb%3Apull&account=me"
    );
    assert_eq!(
        asked[0].header("authorization"),
        Some(format!("Basic {}", STANDARD.encode("me:pw")).as_str())
    );
}

#[tokio::test]
async fn a_token_server_does_not_send_us_elsewhere() {
    let elsewhere = Lying::start(|_, _| Answer::ok(r#"{"token":"tok"}"#)).await;
    let target = format!("http://127.0.0.1:{}/t", elsewhere.port);
    let tokens =
        Lying::start(move |_, _| Answer::status(302).header("Location", target.clone())).await;
    let realm = format!("http://127.0.0.1:{}/token", tokens.port);
    let registry = Lying::start(move |_, _| {
        Answer::status(401).header("WWW-Authenticate", format!("Bearer realm=\"{realm}\""))
    })
    .await;
    let error = resolve(&client(), &registry.reference("a:1"))
        .await
        .expect_err("an error");
    assert!(
        matches!(error.cause, RegistryError::Token { .. }),
        "{error}"
    );
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn wrong_bytes_and_wrong_sizes_are_refused() {
    let right = content(3000);
    let mut wrong = right.clone();
    wrong[1234] ^= 1;
    let served = Arc::new(Mutex::new(wrong));
    let now = Arc::clone(&served);
    let registry = Lying::start(move |asked, _| match asked.path.as_str() {
        "/v2/" => Answer::ok("{}"),
        _ => Answer::ok(now.lock().expect("a lock").clone()),
    })
    .await;
    let client = client();
    assert!(matches!(
        load(&client, &registry, &right).await,
        Err(RegistryError::WrongDigest { .. })
    ));
    *served.lock().expect("a lock") = [&right[..], b"more"].concat();
    assert!(matches!(
        load(&client, &registry, &right).await,
        Err(RegistryError::WrongSize { .. })
    ));
    *served.lock().expect("a lock") = right.clone();
    assert_eq!(
        load(&client, &registry, &right).await.expect("the blob"),
        right
    );
}

#[tokio::test]
async fn a_cut_download_goes_on_where_it_ended() {
    for ranges in [true, false] {
        let bytes = content(300_000);
        let served = bytes.clone();
        let registry = Lying::start(move |asked, count| {
            if asked.path == "/v2/" {
                return Answer::ok("{}");
            }
            let from: usize = asked
                .header("range")
                .and_then(|r| r.strip_prefix("bytes="))
                .and_then(|r| r.trim_end_matches('-').parse().ok())
                .filter(|_| ranges)
                .unwrap_or(0);
            let mut answer = Answer::ok(&served[from..]);
            if from > 0 {
                answer.status = 206;
                answer = answer.header(
                    "Content-Range",
                    format!("bytes {from}-{}/{}", served.len() - 1, served.len()),
                );
            }
            answer.cut = [Some(100_000), Some(150_000)]
                .get(count - 1)
                .copied()
                .flatten();
            answer
        })
        .await;
        assert_eq!(
            load(&client(), &registry, &bytes).await.expect("the blob"),
            bytes
        );
        let asked: Vec<_> = registry
            .asked()
            .iter()
            .filter(|a| a.path != "/v2/")
            .cloned()
            .collect();
        assert_eq!(asked.len(), 3);
        assert_eq!(asked[1].header("range"), Some("bytes=100000-"));
        let second = if ranges {
            "bytes=250000-"
        } else {
            "bytes=150000-"
        };
        assert_eq!(asked[2].header("range"), Some(second));
    }
}

#[tokio::test]
async fn a_download_that_is_always_cut_ends_as_truncated() {
    let bytes = content(1000);
    let served = bytes.clone();
    let registry = Lying::start(move |asked, _| match asked.path.as_str() {
        "/v2/" => Answer::ok("{}"),
        _ => Answer {
            cut: Some(10),
            ..Answer::ok(served.clone())
        },
    })
    .await;
    let error = load(&client(), &registry, &bytes)
        .await
        .expect_err("an error");
    assert!(
        matches!(error, RegistryError::Truncated { expected: 1000, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_busy_registry_is_asked_again_when_it_says() {
    let registry = Lying::start(|asked, count| match asked.path.as_str() {
        "/v2/" => Answer::ok("{}"),
        _ if count == 1 => Answer::status(429).header("Retry-After", "1"),
        _ if count == 2 => Answer::status(503),
        _ => Answer::status(200).header(
            "Docker-Content-Digest",
            format!("sha256:{}", "a".repeat(64)),
        ),
    })
    .await;
    let start = Instant::now();
    let digest = resolve(&client(), &registry.reference("a:1"))
        .await
        .expect("a digest");
    assert_eq!(digest.hex(), "a".repeat(64));
    assert!(start.elapsed() >= Duration::from_secs(1));

    let registry = Lying::start(|asked, _| match asked.path.as_str() {
        "/v2/" => Answer::ok("{}"),
        _ => Answer::status(429).header("Retry-After", "86400"),
    })
    .await;
    let error = resolve(&client(), &registry.reference("a:1"))
        .await
        .expect_err("an error");
    assert!(
        matches!(error.cause, RegistryError::TooManyRequests { .. }),
        "{error}"
    );
}

fn manifest_server(media_type: &'static str, body: Vec<u8>) -> impl Fn(&Asked, usize) -> Answer {
    move |asked, _| match asked.path.as_str() {
        "/v2/" => Answer::ok("{}"),
        _ => Answer::ok(body.clone()).header("Content-Type", media_type),
    }
}

#[tokio::test]
async fn manifests_of_the_wrong_digest_or_size_are_refused() {
    let registry = Lying::start(manifest_server(oci::MANIFEST, b"{}".to_vec())).await;
    let client = client();
    let at = repository(&client, &registry).await;
    let asked = sha256(b"something else");
    let error = client
        .manifest(&at, asked.as_str())
        .await
        .expect_err("an error");
    assert!(
        matches!(error, RegistryError::WrongDigest { .. }),
        "{error}"
    );

    let registry = Lying::start(manifest_server(docker::LIST, vec![b' '; 5 << 20])).await;
    let at = repository(&client, &registry).await;
    let error = client.manifest(&at, "1").await.expect_err("an error");
    assert!(matches!(error, RegistryError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_manifest_without_an_announced_end_is_bounded_too() {
    // The answer promises a terabyte and is read only up to the limit.
    let registry = Lying::start(|asked, _| match asked.path.as_str() {
        "/v2/" => Answer::ok("{}"),
        _ => Answer::ok(vec![b' '; 6 << 20]).header("Content-Length", (1_u64 << 40).to_string()),
    })
    .await;
    let client = client();
    let at = repository(&client, &registry).await;
    assert!(matches!(
        client.manifest(&at, "1").await,
        Err(RegistryError::TooLarge { .. })
    ));
}

#[tokio::test]
async fn missing_things_are_named() {
    let registry = Lying::start(|asked, _| match asked.path.as_str() {
        "/v2/" => Answer::ok("{}"),
        path if path.contains("unknown") => Answer::status(404)
            .header("Content-Type", "application/json")
            .clone_with(
                br#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known"}]}"#,
            ),
        path if path.contains("secret") => Answer::status(403)
            .clone_with(br#"{"errors":[{"code":"DENIED","message":"no \u001b[31mway"}]}"#),
        _ => Answer::status(404).clone_with(br#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#),
    })
    .await;
    let client = client();
    let text = |error: PullError| error.to_string();
    let name = |rest: &str| format!("cannot pull `127.0.0.1:{}/{rest}`: ", registry.port);
    let at = repository(&client, &registry).await;
    let gone = client.manifest(&at, "3.99").await.expect_err("an error");
    assert_eq!(gone.to_string(), "tag not found");
    let error = text(
        resolve(&client, &registry.reference("a:3.99"))
            .await
            .expect_err("an error"),
    );
    assert_eq!(error, name("a:3.99") + "tag not found");
    let error = client
        .manifest(
            &client
                .repository(&registry.reference("unknown"))
                .await
                .expect("one"),
            "1",
        )
        .await;
    assert!(matches!(error, Err(RegistryError::RepositoryNotFound)));
    let at = client
        .repository(&registry.reference("secret"))
        .await
        .expect("one");
    let error = client
        .manifest(&at, "1")
        .await
        .expect_err("an error")
        .to_string();
    assert_eq!(
        error,
        format!("127.0.0.1:{} denied access (no  [31mway)", registry.port)
    );
}

#[tokio::test]
async fn a_closed_port_is_a_refused_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let reference =
        Reference::parse_normalized(&format!("127.0.0.1:{port}/a:1")).expect("a reference");
    let error = resolve(&client(), &reference).await.expect_err("an error");
    assert_eq!(
        error.to_string(),
        format!("cannot pull `127.0.0.1:{port}/a:1`: 127.0.0.1:{port} refused the connection")
    );
}

async fn pull_from(server: &Lying) -> Result<(), RegistryError> {
    let folder = Folder::new();
    let store = folder.store("s");
    let platform = Platform::new("linux", "amd64", "");
    let pulled = pull(
        &client(),
        &store,
        &server.reference("a/b:1"),
        &platform,
        Arc::new(|_| {}),
    )
    .await;
    assert!(store.images().expect("a list").is_empty());
    let left: Vec<_> = std::fs::read_dir(store.paths().work())
        .expect("a folder")
        .collect();
    assert!(left.is_empty(), "{left:?}");
    pulled.map(drop).map_err(|e| e.cause)
}

fn index_of(inner: &[u8]) -> Vec<u8> {
    let (kind, digest, size) = (oci::INDEX, sha256(inner), inner.len());
    let platform = r#"{"os":"linux","architecture":"amd64"}"#;
    format!(r#"{{"schemaVersion":2,"mediaType":"{kind}","manifests":[{{"mediaType":"{kind}","digest":"{digest}","size":{size},"platform":{platform}}}]}}"#)
        .into_bytes()
}

#[tokio::test]
async fn indexes_within_indexes_come_to_an_end() {
    let mut documents = vec![index_of(b"{}")];
    for _ in 0..20 {
        documents.push(index_of(documents.last().expect("one")));
    }
    let registry = Lying::start(move |asked, _| {
        if asked.path == "/v2/" {
            return Answer::ok("{}");
        }
        let wanted = asked.path.rsplit('/').next().unwrap_or_default();
        let found = documents.iter().find(|d| sha256(d).as_str() == wanted);
        Answer::ok(found.unwrap_or(&documents[20]).clone()).header("Content-Type", oci::INDEX)
    })
    .await;
    assert!(matches!(
        pull_from(&registry).await,
        Err(RegistryError::IndexTooDeep { .. })
    ));
    assert!(registry.asked().len() < 10);

    // An index that claims to list itself cannot have the digest it lists.
    let looped = index_of(b"anything");
    let registry = Lying::start(manifest_server(oci::INDEX, looped)).await;
    assert!(matches!(
        pull_from(&registry).await,
        Err(RegistryError::WrongDigest { .. })
    ));
}

#[tokio::test]
async fn a_manifest_with_two_meanings_is_refused() {
    let digest = sha256(b"{}");
    let config = format!(
        r#"{{"mediaType":"{}","digest":"{digest}","size":2}}"#,
        oci::CONFIG
    );
    let text = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[],"manifests":[]}}"#);
    let registry = Lying::start(manifest_server(oci::MANIFEST, text.into_bytes())).await;
    assert!(matches!(
        pull_from(&registry).await,
        Err(RegistryError::Manifest(ManifestError::Ambiguous))
    ));
}

#[tokio::test]
async fn a_layer_that_is_not_what_the_config_promises_is_refused() {
    let layer = [0; 1024].to_vec();
    let config = format!(
        r#"{{"os":"linux","architecture":"amd64","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        sha256(b"another layer")
    )
    .into_bytes();
    let descriptor = |kind: &str, bytes: &[u8]| {
        format!(
            r#"{{"mediaType":"{kind}","digest":"{}","size":{}}}"#,
            sha256(bytes),
            bytes.len()
        )
    };
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#,
        descriptor(oci::CONFIG, &config),
        descriptor(oci::LAYER, &layer)
    )
    .into_bytes();
    let registry = Lying::start(move |asked, _| match asked.path.as_str() {
        "/v2/" => Answer::ok("{}"),
        path if path.ends_with(sha256(&config).as_str()) => Answer::ok(config.clone()),
        path if path.ends_with(sha256(&layer).as_str()) => Answer::ok(layer.clone()),
        _ => Answer::ok(manifest.clone()).header("Content-Type", oci::MANIFEST),
    })
    .await;
    let error = pull_from(&registry).await.expect_err("an error");
    assert!(
        matches!(error, RegistryError::Ingest(IngestError::WrongLayer { .. })),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_tells_that_the_only_image_is_for_another_platform() {
    let config =
        br#"{"os":"linux","architecture":"s390x","rootfs":{"type":"layers","diff_ids":[]}}"#;
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"{}","digest":"{}","size":{}}},"layers":[]}}"#,
        oci::CONFIG,
        sha256(config),
        config.len()
    );
    let registry = Lying::start(move |asked, _| match asked.path.as_str() {
        "/v2/" => Answer::ok("{}"),
        path if path.ends_with(sha256(config).as_str()) => Answer::ok(config.to_vec()),
        _ => Answer::ok(manifest.clone()).header("Content-Type", oci::MANIFEST),
    })
    .await;
    let folder = Folder::new();
    let name = format!("127.0.0.1:{}/a:1", registry.port);
    let request = BuildRequest {
        dockerfile: DockerfileSource::Text {
            text: format!("FROM {name}\nLABEL b=c\n").into_bytes(),
            name: "Dockerfile".to_owned(),
            path: None,
        },
        context: ContextSource::Empty,
        platform: Some("linux/amd64".to_owned()),
        ..BuildRequest::default()
    };
    let options = EngineOptions {
        root: Some(folder.0.join("store")),
        insecure_registries: vec![format!("127.0.0.1:{}", registry.port)],
        ..EngineOptions::default()
    };
    let built = tokio::task::spawn_blocking(move || {
        let engine = Engine::open(options).expect("an engine");
        engine.build(&request, &|_| {}, &Cancel::new())
    });
    let built = built.await.expect("no panic").expect("a build");
    let told: Vec<_> = built.warnings.iter().map(|w| w.message.as_str()).collect();
    let want = format!(
        "Base image {name} was pulled with platform \"linux/s390x\", expected \"linux/amd64\" for current build"
    );
    assert_eq!(told, [want]);
}

#[tokio::test]
async fn redirects_end() {
    let registry = Lying::start(|asked, count| match asked.path.as_str() {
        "/v2/" => Answer::ok("{}"),
        _ => Answer::status(302).header("Location", format!("/v2/round/{count}")),
    })
    .await;
    let error = resolve(&client(), &registry.reference("a:1"))
        .await
        .expect_err("an error");
    assert!(
        matches!(error.cause, RegistryError::Redirect { .. }),
        "{error}"
    );
    assert!(registry.asked().len() < 20);
}

impl Answer {
    fn clone_with(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }
}

#[tokio::test]
async fn tags_are_read_page_by_page_but_not_elsewhere() {
    let other = Lying::start(|_, _| Answer::ok(r#"{"tags":["stolen"]}"#)).await;
    let elsewhere = format!("http://127.0.0.1:{}/v2/a/tags/list?last=3", other.port);
    let server = Lying::start(move |asked, _| match asked.path.as_str() {
        "/v2/a/tags/list?n=1000" => Answer::ok(r#"{"name":"a","tags":["1","2"]}"#)
            .header("Link", "</v2/a/tags/list?last=2&n=2>; rel=\"next\""),
        "/v2/a/tags/list?last=2&n=2" => Answer::ok(r#"{"name":"a","tags":["3"]}"#)
            .header("Link", format!("<{elsewhere}>; rel=\"next\"")),
        "/v2/empty/tags/list?n=1000" => Answer::ok(r#"{"name":"empty","tags":null}"#),
        "/v2/endless/tags/list?n=1000" => {
            Answer::ok(r#"{"tags":["x"]}"#).header("Link", "<?n=1000>; rel=\"next\"")
        }
        "/v2/" => Answer::ok("{}"),
        _ => Answer::status(404),
    })
    .await;
    let client = client();
    let tags = async |name: &str| {
        let repository = client.repository(&server.reference(name)).await?;
        client.tags(&repository).await
    };
    assert_eq!(tags("a").await.expect("tags"), ["1", "2", "3"]);
    assert!(tags("empty").await.expect("tags").is_empty());
    assert_eq!(tags("endless").await.expect("tags").len(), 32);
    let error = tags("b").await.expect_err("an error");
    assert!(
        matches!(error, RegistryError::RepositoryNotFound),
        "{error}"
    );
    assert!(other.asked().is_empty());
}
