//! Cache decisions where the reference builder's answer is a fault that we do not have: `docs/differences.md`.

use crate::containers;
use crate::sandbox::Sandbox;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

/// Builds, and returns the headings (`[2/3] COPY d /d`) of the steps that were cached.
fn cached(sandbox: &Sandbox, arguments: &[&str]) -> Vec<String> {
    let mut all = vec!["build", "--progress=plain"];
    all.extend(arguments);
    let ran = sandbox.cooper(&all);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let numbered = |line: &str, number: &str| {
        line.strip_prefix(number)
            .and_then(|rest| rest.strip_prefix(" ["))
            .map(|rest| format!("[{rest}"))
    };
    ran.stderr
        .lines()
        .filter_map(|line| line.strip_suffix(" CACHED"))
        .filter_map(|number| ran.stderr.lines().find_map(|line| numbered(line, number)))
        .collect()
}

#[test]
fn the_mode_of_a_folder_in_a_copied_folder_counts() {
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", "FROM scratch\nCOPY d /d\n");
    sandbox.write("d/sub/file", "1\n");
    let sub = sandbox.work().join("d/sub");
    std::fs::set_permissions(&sub, Permissions::from_mode(0o755)).unwrap();
    let is_copy = |steps: Vec<String>| steps.iter().any(|s| s.ends_with("COPY d /d"));
    assert!(!is_copy(cached(&sandbox, &["."])));
    assert!(is_copy(cached(&sandbox, &["."])));
    std::fs::set_permissions(&sub, Permissions::from_mode(0o700)).unwrap();
    assert!(!is_copy(cached(&sandbox, &["-o", "out", "."])));
    let mode = std::fs::metadata(sandbox.work().join("out/d/sub"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn nothing_stale_stands_on_a_stage_that_was_made_anew() {
    let Some(sandbox) = containers::sandbox() else {
        return;
    };
    sandbox.write(
        "Dockerfile",
        "FROM host:base AS made\nRUN cat /proc/sys/kernel/random/uuid > /id\n\
         FROM host:base\nCOPY --from=made /id /id\nRUN cat /id > /copy\n",
    );
    sandbox.write(".dockerignore", "*\n");
    let build = |arguments: &[&str]| {
        cached(&sandbox, &[arguments, &["-o", "out", "."]].concat());
        let read =
            |name: &str| std::fs::read_to_string(sandbox.work().join("out").join(name)).unwrap();
        assert_eq!(read("id"), read("copy"));
        read("id")
    };
    let first = build(&[]);
    assert_eq!(build(&[]), first);
    let second = build(&["--no-cache-filter", "made"]);
    assert_ne!(second, first);
    assert_eq!(build(&[]), second);
}
