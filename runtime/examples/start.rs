//! How long a container takes to start and end, beside the kernel's floor and `runc run` on the same root.
//!
//! `cargo run --release -p cooperage-runtime --example start [rounds] [floor|launch|runc]`, as root, with `busybox-static` and, for the
//! comparison, `runc`. Prints the smallest and the median wall time in milliseconds.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use cooperage_runtime::container::{self, ContainerInput, Launch, Network, RootFs, Stdio, Streams};
use cooperage_runtime::idmap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn main() {
    container::dispatch_hidden(std::env::args_os());
    if let Err(error) = idmap::enter_user_namespace_if_needed() {
        println!("{error}");
        return;
    }
    let rounds: usize = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(30);
    let folder = std::env::temp_dir().join(format!("cooperage-start-{}", std::process::id()));
    for below in [
        "rootfs/bin",
        "rootfs/proc",
        "rootfs/dev",
        "rootfs/sys",
        "rootfs/etc",
    ] {
        fs::create_dir_all(folder.join(below)).expect("a temporary folder");
    }
    fs::copy("/bin/busybox", folder.join("rootfs/bin/busybox"))
        .expect("busybox-static is installed");
    symlink("busybox", folder.join("rootfs/bin/true")).expect("an own folder");
    let only = std::env::args().nth(2).unwrap_or_default();
    if "floor".starts_with(&only) {
        print(
            "floor: unshare, chroot, exec",
            &times(rounds, || floor(&folder)),
        );
    }
    let network = [
        ("host network", Network::Host),
        ("own network", Network::None),
    ];
    for (name, network) in network.into_iter().filter(|_| "launch".starts_with(&only)) {
        print(
            &format!("launch, {name}"),
            &times(rounds, || ours(&folder, network)),
        );
    }
    if "runc".starts_with(&only) && !idmap::is_rootless() && Path::new("/usr/sbin/runc").exists() {
        print("runc run", &times(rounds, || runc(&folder)));
    }
    let _ = fs::remove_dir_all(&folder);
}

fn times(rounds: usize, mut run: impl FnMut()) -> Vec<Duration> {
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort();
    times
}

fn print(name: &str, times: &[Duration]) {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{name:30} min {:6.2}  median {:6.2}",
        ms(times[0]),
        ms(times[times.len() / 2])
    );
}

/// `unshare` with the same namespaces and a root: what nobody can go below with an exec in it.
fn floor(folder: &Path) {
    let status = Command::new("unshare")
        .args([
            "--mount", "--pid", "--ipc", "--uts", "--cgroup", "--fork", "--root",
        ])
        .arg(folder.join("rootfs"))
        .arg("/bin/true")
        .status();
    assert!(status.is_ok_and(|status| status.success()), "unshare works");
}

fn ours(folder: &Path, network: Network) {
    // A pair of folders for every round: removing them is the store's business and takes longer than the rest.
    static ROUND: AtomicUsize = AtomicUsize::new(0);
    let own = folder.join(ROUND.fetch_add(1, Ordering::Relaxed).to_string());
    for below in ["upper", "work"] {
        fs::create_dir_all(own.join(below)).expect("an own folder");
    }
    let mut input = ContainerInput::new(vec!["/bin/true".into()]);
    input.network = network;
    let spec = container::spec(&input);
    let null = || Stdio::Null;
    let mut running = container::launch(Launch {
        spec: &spec,
        root: RootFs::Overlay {
            lower: vec![folder.join("rootfs")],
            upper: own.join("upper"),
            work: own.join("work"),
            volatile: true,
        },
        streams: Streams::Separate {
            stdin: null(),
            stdout: null(),
            stderr: null(),
        },
        cgroup: None,
        binds: Vec::new(),
        argv: None,
    })
    .expect("the container starts");
    let exit = running.wait().expect("the container ends");
    assert_eq!(exit.status.code(), 0);
}

fn runc(folder: &Path) {
    let mut input = ContainerInput::new(vec!["/bin/true".into()]);
    input.network = Network::Host;
    let mut spec = container::spec(&input);
    // Older releases cannot bind sysfs paths they do not know; the rest is the same container.
    spec.set_version("1.0.2".into());
    spec.save(folder.join("config.json"))
        .expect("an own folder");
    let id = format!("start-{}", std::process::id());
    let status = Command::new("runc")
        .args(["run", "--bundle"])
        .arg(folder)
        .arg(id)
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "runc runs the same spec"
    );
}
