//! Disks that do not answer: whoever touches them waits for ever, and nobody else may.

use crate::lsp_client::Client;
use crate::sandbox::Sandbox;
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A mount whose file system gives no answer; it ends with this value.
struct Stuck(Child);

impl Stuck {
    /// `None` when nobody may mount here; says why.
    #[expect(clippy::print_stdout, reason = "a skipped test says why")]
    fn mount(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        // The kernel asks through the descriptor, and waits as long as somebody has it open.
        let script = "exec 3<>/dev/fuse && \
                      mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 stuck \"$1\" && \
                      echo mounted && exec sleep 1000";
        let mut child = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut said).unwrap();
        if said != "mounted\n" {
            child.wait().unwrap();
            let why =
                "a file system in user space cannot be mounted (root and /dev/fuse are needed)";
            assert!(std::env::var_os("CI").is_none(), "{why}");
            println!("SKIPPED: a stuck mount: {why}");
            return None;
        }
        Some(Self(child))
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        // Without its descriptor every question fails, and nothing waits any more.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Detaches a mount when its test is over.
struct Detach<'a>(&'a Path);

impl Drop for Detach<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_stuck_disk_holds_up_only_what_lies_on_it() {
    let sandbox = Sandbox::new();
    let folder = sandbox.work().join("stuck");
    let Some(stuck) = Stuck::mount(&folder) else {
        return;
    };
    let _detach = Detach(&folder);
    sandbox.write("fine/a", "a");
    let uri = |name: &str| format!("file://{}", sandbox.work().join(name).display());
    let (stuck_uri, fine) = (uri("stuck/Dockerfile"), uri("fine/Dockerfile"));
    let mut client = Client::new(&sandbox, &json!({}));
    client.open(&stuck_uri, "FROM scratch\nCOPY a /\n");
    for version in 2..20 {
        client.edit(&stuck_uri, version, 0, (0, 0), "#");
        client.request_hints(&stuck_uri);
        client.request(
            "textDocument/completion",
            json!({
                "textDocument": {"uri": stuck_uri}, "position": {"line": 1, "character": 5}
            }),
        );
    }
    client.open(&fine, "FROM scratch\nCOPY a /\nCOPY b /\n");
    client.diagnostics(&fine, 1);
    let hints = client.hints(&fine);
    assert_eq!(hints.len(), 2, "{hints:?}");
    // When the disk is gone for good, so is the waiting.
    drop(stuck);
    client.diagnostics(&stuck_uri, 19);
}
