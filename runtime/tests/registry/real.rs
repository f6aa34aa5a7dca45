//! Debian's `docker-registry`, filled by `skopeo`: an independent server and an independent writer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::Reference;
use cooperage_runtime::engine::Paths;
use cooperage_runtime::image::base::assemble_base;
use cooperage_runtime::image::save::{SaveFormat, SaveImage, SaveTarget, save};
use cooperage_runtime::registry::credentials::CredentialFiles;
use cooperage_runtime::registry::pull::{LayerState, Progress};
use cooperage_runtime::registry::transport::TransportOptions;
use cooperage_runtime::registry::{Client, ClientOptions, PullEvent, RegistryError, pull, resolve};
use cooperage_runtime::store::{ImageRecord, Store};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Tells why a test is skipped; in CI an absent program is a failure.
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
pub(crate) fn have(programs: &[&str]) -> bool {
    for program in programs {
        let found = std::env::var_os("PATH").is_some_and(|path| {
            std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
        });
        if !found {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "`{program}` is needed in CI"
            );
            eprintln!("skipped: `{program}` is not installed");
            return false;
        }
    }
    true
}

/// A folder that goes with the value.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "cooperage-registry-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn store(&self, name: &str) -> Store {
        let paths = Paths::new(self.0.join(name), self.0.join(format!("{name}-run")));
        Store::open(&paths).expect("a store")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Server {
    child: Child,
    port: u16,
    folder: Folder,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(login: Option<(&str, &str)>) -> Self {
        let folder = Folder::new();
        let port = TcpListener::bind("127.0.0.1:0")
            .expect("a port")
            .local_addr()
            .expect("an address")
            .port();
        let mut config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"127.0.0.1:{port}\"}}\n",
            folder.0.join("data").display()
        );
        if let Some((user, password)) = login {
            let output = Command::new("htpasswd")
                .args(["-Bbn", user, password])
                .output()
                .expect("htpasswd runs");
            let file = folder.0.join("users");
            std::fs::write(&file, output.stdout).expect("a file");
            let line = format!(
                "auth: {{htpasswd: {{realm: test, path: {}}}}}\n",
                file.display()
            );
            config.push_str(&line);
        }
        let file = folder.0.join("config.yml");
        std::fs::write(&file, config).expect("a file");
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry starts");
        let server = Self {
            child,
            port,
            folder,
        };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return server;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("docker-registry does not listen");
    }

    fn reference(&self, rest: &str) -> Reference {
        Reference::parse_normalized(&format!("127.0.0.1:{}/{rest}", self.port))
            .expect("a reference")
    }

    /// Fills the registry by skopeo with an image made and written by us.
    fn push(&self, name: &str, extra: &[&str]) -> ImageRecord {
        let store = self.folder.store("source");
        let platform = Platform::new("linux", std::env::consts::ARCH, "");
        let programs = ["sh", "ls"].map(str::to_owned);
        let record =
            assemble_base(&store, &programs, &platform.normalize(), Vec::new()).expect("an image");
        let layout = self.folder.0.join("layout");
        let tagged = SaveImage {
            record: record.clone(),
            names: vec![Reference::parse_normalized("x:1").expect("a name")],
        };
        save(
            &store,
            &[tagged],
            SaveFormat::Oci,
            None,
            SaveTarget::Folder(&layout),
        )
        .expect("a layout");
        let status = Command::new("skopeo")
            .args([
                "--insecure-policy",
                "copy",
                "--quiet",
                "--dest-tls-verify=false",
            ])
            .args(extra)
            .arg(format!("oci:{}:1", layout.display()))
            .arg(format!("docker://127.0.0.1:{}/{name}", self.port))
            .status()
            .expect("skopeo runs");
        assert!(status.success());
        record
    }
}

fn client(credentials: CredentialFiles) -> Client {
    let transport = TransportOptions {
        attempts: 2,
        first_wait: Duration::from_millis(5),
        ..TransportOptions::default()
    };
    Client::new(ClientOptions {
        transport,
        credentials,
    })
}

fn host() -> Platform {
    Platform::new("linux", std::env::consts::ARCH, "").normalize()
}

fn listener() -> (Progress, Arc<Mutex<Vec<PullEvent>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    (
        Arc::new(move |event| log.lock().expect("a lock").push(event)),
        seen,
    )
}

fn states(events: &Mutex<Vec<PullEvent>>) -> Vec<LayerState> {
    let events = events.lock().expect("a lock");
    let state = |e: &PullEvent| match e {
        PullEvent::Layer { state, .. } => Some(*state),
        PullEvent::Resolved { .. } => None,
    };
    events.iter().filter_map(state).collect()
}

#[tokio::test]
async fn an_image_that_another_program_pushed_comes_back_the_same() {
    if !have(&["docker-registry", "skopeo"]) {
        return;
    }
    for arguments in [
        &[][..],
        &["--format=v2s2"],
        &["--dest-compress-format=zstd", "--dest-compress"],
    ] {
        let server = Server::start(None);
        let pushed = server.push("a/b:1", arguments);
        let store = server.folder.store("target");
        let client = client(CredentialFiles::default());
        let reference = server.reference("a/b:1");
        let (progress, events) = listener();
        let pulled = pull(&client, &store, &reference, &host(), progress)
            .await
            .expect("an image");
        assert_eq!(pulled.layers, pushed.layers, "{arguments:?}");
        assert_eq!(pulled.names, std::slice::from_ref(&reference));
        assert_eq!(
            pulled.manifest,
            Some(resolve(&client, &reference).await.expect("a digest"))
        );
        assert!(states(&events).ends_with(&[LayerState::Unpacking, LayerState::Done]));

        let (progress, events) = listener();
        let again = pull(&client, &store, &reference, &host(), progress)
            .await
            .expect("an image");
        assert_eq!(again.id, pulled.id);
        assert_eq!(states(&events), [LayerState::Present]);

        // The independent reader agrees on what we pulled.
        let digest = Command::new("skopeo")
            .args(["inspect", "--tls-verify=false", "--format={{.Digest}}"])
            .arg(format!("docker://{reference}"))
            .output()
            .expect("skopeo runs");
        let manifest = pulled.manifest.expect("a manifest");
        assert_eq!(
            String::from_utf8_lossy(&digest.stdout).trim(),
            manifest.as_str()
        );

        // Written again, it has the digest it had in the registry.
        let layout = server.folder.0.join("again");
        let image = SaveImage {
            record: again,
            names: vec![reference],
        };
        save(
            &store,
            &[image],
            SaveFormat::Oci,
            None,
            SaveTarget::Folder(&layout),
        )
        .expect("a layout");
        let index = std::fs::read_to_string(layout.join("index.json")).expect("an index");
        assert!(index.contains(manifest.as_str()));
    }
}

#[tokio::test]
async fn two_pulls_of_one_image_load_it_once() {
    if !have(&["docker-registry", "skopeo"]) {
        return;
    }
    let server = Server::start(None);
    server.push("a:1", &[]);
    let store = server.folder.store("target");
    let reference = server.reference("a:1");
    // Two clients and two handles of the store stand for two processes: nothing but the disk is shared.
    let (one, two) = (
        client(CredentialFiles::default()),
        client(CredentialFiles::default()),
    );
    let other = server.folder.store("target");
    let ((first, first_events), (second, second_events)) = (listener(), listener());
    let platform = host();
    let (a, b) = tokio::join!(
        pull(&one, &store, &reference, &platform, first),
        pull(&two, &other, &reference, &platform, second)
    );
    assert_eq!(a.expect("an image").id, b.expect("an image").id);
    let loads = |events| states(events).contains(&LayerState::Unpacking);
    assert!(
        loads(&first_events) != loads(&second_events),
        "{first_events:?} {second_events:?}"
    );
}

#[tokio::test]
async fn a_registry_with_logins() {
    if !have(&["docker-registry", "skopeo", "htpasswd"]) {
        return;
    }
    let server = Server::start(Some(("me", "pass:word")));
    server.push("private:1", &["--dest-creds=me:pass:word"]);
    let reference = server.reference("private:1");
    let login = |path: &Path, password: &str| {
        let auth = STANDARD.encode(format!("me:{password}"));
        let text = format!(
            r#"{{"auths":{{"127.0.0.1:{}":{{"auth":"{auth}"}}}}}}"#,
            server.port
        );
        std::fs::write(path, text).expect("a file");
        CredentialFiles(vec![path.to_owned()])
    };
    let error = resolve(&client(CredentialFiles::default()), &reference)
        .await
        .expect_err("an error");
    assert!(
        matches!(
            error.cause,
            RegistryError::Unauthorized {
                had_credentials: false,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.hints().iter().any(|h| h.contains("login")));

    let wrong = login(&server.folder.0.join("wrong.json"), "wrong");
    let error = resolve(&client(wrong), &reference)
        .await
        .expect_err("an error");
    assert!(
        matches!(
            error.cause,
            RegistryError::Unauthorized {
                had_credentials: true,
                ..
            }
        ),
        "{error}"
    );

    let right = login(&server.folder.0.join("right.json"), "pass:word");
    let store = server.folder.store("target");
    let (progress, _) = listener();
    pull(&client(right), &store, &reference, &host(), progress)
        .await
        .expect("an image");
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    if !have(&["docker-registry", "skopeo"]) {
        return;
    }
    let server = Server::start(None);
    server.push("a:1", &[]);
    let store = server.folder.store("target");
    let client = client(CredentialFiles::default());
    let text = |rest: &str| format!("cannot pull `127.0.0.1:{}/{rest}`", server.port);
    let (progress, _) = listener();
    let error = pull(&client, &store, &server.reference("a:2"), &host(), progress)
        .await
        .expect_err("an error");
    assert_eq!(error.to_string(), text("a:2") + ": tag not found");
    assert!(store.images().expect("a list").is_empty());
}
