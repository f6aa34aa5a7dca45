//! A registry on this machine: Debian's `docker-registry`, filled by `skopeo`.

use crate::sandbox::Sandbox;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A registry that goes with the value.
pub(crate) struct Registry {
    child: Child,
    /// `127.0.0.1:34567`
    pub(crate) host: String,
}

impl Registry {
    /// One without any image.
    pub(crate) fn start(sandbox: &Sandbox) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = free.local_addr().unwrap().to_string();
        drop(free);
        let data = sandbox.work().join("registry");
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{host}\"}}\n",
            data.display()
        );
        sandbox.write("registry.yml", &config);
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(sandbox.work().join("registry.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let registry = Self { child, host };
        for _ in 0..200 {
            if TcpStream::connect(&registry.host).is_ok() {
                return registry;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("docker-registry does not listen");
    }

    /// Puts the image of an OCI layout there, by a name with a tag.
    pub(crate) fn push(&self, layout: &std::path::Path, name: &str) {
        let status = Command::new("skopeo")
            .args([
                "--insecure-policy",
                "copy",
                "--quiet",
                "--dest-tls-verify=false",
            ])
            .arg(format!("oci:{}", layout.display()))
            .arg(format!("docker://{}/{name}", self.host))
            .status()
            .unwrap();
        assert!(status.success());
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
