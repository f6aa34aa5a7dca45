//! Files over HTTP and git repositories, from servers on loopback.

use crate::lying::{Answer, Lying};
use crate::real::{Folder, have};
use cooperage_lang::model::url::GitRef;
use cooperage_runtime::build::fetch::git::{self, GitError, checkout, resolve};
use cooperage_runtime::build::fetch::http::{HttpError, fetch, remembered};
use cooperage_runtime::image::manifest::sha256;
use cooperage_runtime::registry::transport::{Transport, TransportOptions};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

fn transport() -> Transport {
    Transport::new(TransportOptions {
        first_wait: Duration::from_millis(2),
        attempts: 2,
        ..TransportOptions::default()
    })
}

#[tokio::test]
async fn a_file_is_loaded_once_and_then_only_asked_for() {
    let server = Lying::start(|asked, _| match asked.header("if-none-match") {
        Some("\"v1\"") => Answer::status(304),
        _ => Answer::ok("content")
            .header("ETag", "\"v1\"")
            .header("Last-Modified", "Sun, 09 Sep 2001 01:46:40 GMT"),
    })
    .await;
    let folder = Folder::new();
    let store = folder.store("s");
    let lease = store.lease().expect("a lease");
    let url = format!("http://127.0.0.1:{}/dir/file.txt", server.port);
    assert_eq!(remembered(&store, &url), None);
    let first = fetch(&transport(), (&store, &lease), &url, None, &|_, _| {})
        .await
        .expect("a file");
    assert_eq!(std::fs::read(&first.path).expect("a blob"), b"content");
    assert_eq!(
        (&first.digest, first.size, first.unchanged),
        (&sha256(b"content"), 7, false)
    );
    assert_eq!(
        first.modified,
        UNIX_EPOCH + Duration::from_secs(1_000_000_000)
    );
    let second = fetch(&transport(), (&store, &lease), &url, None, &|_, _| {})
        .await
        .expect("a file");
    assert_eq!(
        (second.digest.clone(), second.modified, second.unchanged),
        (first.digest, first.modified, true)
    );
    assert_eq!(
        remembered(&store, &url).map(|(d, _)| d),
        Some(second.digest.clone())
    );
    // With the right checksum nobody is asked; with a wrong one the content is refused.
    let asked = server.asked().len();
    let checksum = second.digest.to_string();
    fetch(
        &transport(),
        (&store, &lease),
        &url,
        Some(&checksum),
        &|_, _| {},
    )
    .await
    .expect("a file");
    assert_eq!(server.asked().len(), asked);
    let wrong = sha256(b"other").to_string();
    let error = fetch(
        &transport(),
        (&store, &lease),
        &url,
        Some(&wrong),
        &|_, _| {},
    )
    .await
    .expect_err("an error");
    assert!(matches!(error, HttpError::WrongDigest { .. }), "{error}");
}

#[tokio::test]
async fn files_that_are_missing_or_cut_are_errors() {
    let server = Lying::start(|asked, count| match asked.path.as_str() {
        "/cut" if count < 3 => Answer {
            cut: Some(3),
            ..Answer::ok("content")
        },
        "/cut" => Answer::ok("content"),
        "/always" => Answer {
            cut: Some(3),
            ..Answer::ok("content")
        },
        _ => Answer::status(404),
    })
    .await;
    let folder = Folder::new();
    let store = folder.store("s");
    let lease = store.lease().expect("a lease");
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", server.port);
    let (transport, place) = (transport(), (&store, &lease));
    let error = fetch(
        &transport,
        place,
        &url("/none?token=secret"),
        None,
        &|_, _| {},
    )
    .await
    .expect_err("an error");
    assert_eq!(
        error.to_string(),
        format!(
            "cannot load `{}`: invalid response status 404 Not Found",
            url("/none")
        )
    );
    assert!(
        fetch(&transport, place, &url("/cut"), None, &|_, _| {})
            .await
            .is_ok()
    );
    let error = fetch(&transport, place, &url("/always"), None, &|_, _| {})
        .await
        .expect_err("an error");
    assert!(
        matches!(error, HttpError::Cut { received: 3, .. }),
        "{error}"
    );
    let error = fetch(&transport, place, "file:///etc/passwd", None, &|_, _| {})
        .await
        .expect_err("an error");
    assert!(matches!(error, HttpError::Url(_)), "{error}");
}

/// A git server on loopback with one repository of two commits.
struct GitServer {
    child: Child,
    port: u16,
    folder: Folder,
}

impl Drop for GitServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run_git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_COMMITTER_DATE", "1000000000 +0000")
        .env("GIT_AUTHOR_DATE", "1000000000 +0000")
        .args(["-c", "user.name=n", "-c", "user.email=e@example.org", "-C"])
        .arg(folder)
        .args(arguments)
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

impl GitServer {
    fn start() -> Self {
        let folder = Folder::new();
        let work = folder.0.join("repo");
        std::fs::create_dir_all(work.join("sub")).expect("folders");
        run_git(&work, &["init", "-q", "-b", "main"]);
        std::fs::write(work.join("f"), "one").expect("a file");
        std::fs::write(work.join("sub/g"), "g").expect("a file");
        std::os::unix::fs::symlink("../../..", work.join("out")).expect("a link");
        run_git(&work, &["add", "-A"]);
        run_git(&work, &["commit", "-qm", "one"]);
        run_git(&work, &["tag", "-a", "v1", "-m", "v1"]);
        std::fs::write(work.join("f"), "two").expect("a file");
        run_git(&work, &["commit", "-qam", "two"]);
        let port = TcpListener::bind("127.0.0.1:0")
            .expect("a port")
            .local_addr()
            .expect("an address")
            .port();
        // The program itself, not `git daemon`: killing the wrapper would leave it running.
        let path = run_git(&work, &["--exec-path"]);
        let child = Command::new(Path::new(&path).join("git-daemon"))
            .args(["--export-all", "--listen=127.0.0.1"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", folder.0.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("git-daemon starts");
        let server = Self {
            child,
            port,
            folder,
        };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return server;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("git-daemon does not listen");
    }

    fn source(&self, reference: &str, subdir: &str) -> GitRef {
        GitRef {
            remote: format!("git://127.0.0.1:{}/repo/.git", self.port),
            reference: reference.to_owned(),
            subdir: subdir.to_owned(),
            ..GitRef::default()
        }
    }

    fn commit(&self, name: &str) -> String {
        run_git(&self.folder.0.join("repo"), &["rev-parse", name])
    }
}

#[tokio::test]
async fn branches_tags_commits_and_folders_of_a_repository() {
    if !have(&["git"]) {
        return;
    }
    let server = GitServer::start();
    let store = server.folder.store("s");
    let (old, new) = (server.commit("v1^{commit}"), server.commit("main"));
    for (n, (reference, commit, text)) in [
        ("", &new, "two"),
        ("main", &new, "two"),
        ("v1", &old, "one"),
        (old.as_str(), &old, "one"),
    ]
    .into_iter()
    .enumerate()
    {
        let source = server.source(reference, "");
        let resolved = resolve(&source).await.expect("a commit");
        assert_eq!(&resolved.commit, commit, "{reference}");
        let folder = server.folder.0.join(format!("out{n}"));
        let tree = checkout(&store, &source, &resolved, false, &folder)
            .await
            .expect("a tree");
        assert_eq!(
            std::fs::read_to_string(tree.root.join("f")).expect("a file"),
            text,
            "{reference}"
        );
        assert!(!tree.root.join(".git").exists());
        assert_eq!(
            tree.committed,
            UNIX_EPOCH + Duration::from_secs(1_000_000_000)
        );
    }
    let source = server.source("main", "sub");
    let resolved = resolve(&source).await.expect("a commit");
    let tree = checkout(
        &store,
        &source,
        &resolved,
        false,
        &server.folder.0.join("sub"),
    )
    .await
    .expect("a tree");
    assert_eq!(
        std::fs::read_to_string(tree.root.join("g")).expect("a file"),
        "g"
    );

    let kept = server.folder.0.join("kept");
    let tree = checkout(&store, &server.source("main", ""), &resolved, true, &kept)
        .await
        .expect("a tree");
    assert_eq!(run_git(&tree.root, &["rev-parse", "HEAD"]), new);
    assert_eq!(run_git(&tree.root, &["status", "--porcelain"]), "");
    assert_eq!(
        run_git(&tree.root, &["rev-parse", "--abbrev-ref", "HEAD"]),
        "main"
    );
}

#[tokio::test]
async fn what_a_repository_lacks_or_hides_is_an_error() {
    if !have(&["git"]) {
        return;
    }
    let server = GitServer::start();
    let store = server.folder.store("s");
    let error = resolve(&server.source("none", ""))
        .await
        .expect_err("an error");
    assert!(matches!(error, GitError::NoReference { .. }), "{error}");
    let wrong = GitRef {
        checksum: "abcdef1".to_owned(),
        ..server.source("main", "")
    };
    assert!(matches!(
        resolve(&wrong).await,
        Err(GitError::Checksum { .. })
    ));
    let right = GitRef {
        checksum: server.commit("main")[..7].to_owned(),
        ..server.source("main", "")
    };
    let resolved = resolve(&right).await.expect("a commit");
    for (n, subdir) in ["out", "out/etc", "f", "none"].into_iter().enumerate() {
        let folder = server.folder.0.join(format!("x{n}"));
        let error = checkout(
            &store,
            &server.source("main", subdir),
            &resolved,
            false,
            &folder,
        )
        .await;
        assert!(matches!(error, Err(GitError::NoSubdir { .. })), "{subdir}");
    }
    let options = GitRef {
        reference: "--upload-pack=x".to_owned(),
        ..server.source("", "")
    };
    assert!(matches!(
        git::resolve(&options).await,
        Err(GitError::Reference(_))
    ));
    let local = GitRef {
        remote: format!("file://{}/repo", server.folder.0.display()),
        ..GitRef::default()
    };
    assert!(matches!(resolve(&local).await, Err(GitError::Protocol(_))));
}
