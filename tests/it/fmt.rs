//! `cooper fmt`: in place, as a check, as a difference, as a filter.

use crate::sandbox::Sandbox;

const UGLY: &str = "from  scratch as base\ncopy a   /a\n";
const PRETTY: &str = "FROM scratch AS base\nCOPY a /a\n";

#[test]
fn files_are_formatted_in_place_and_keep_their_mode() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", UGLY);
    sandbox.write("api/Dockerfile", PRETTY);
    let path = sandbox.work().join("Dockerfile");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let untouched = std::fs::metadata(sandbox.work().join("api/Dockerfile")).unwrap();
    let ran = sandbox.cooper(&["fmt"]);
    assert_eq!(ran.ok(), "formatted Dockerfile\n1 of 2 files changed\n");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), PRETTY);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    let after = std::fs::metadata(sandbox.work().join("api/Dockerfile")).unwrap();
    assert_eq!(after.modified().unwrap(), untouched.modified().unwrap());
    assert_eq!(sandbox.cooper(&["fmt", "-q"]).ok(), "");
}

#[test]
fn a_check_changes_nothing_and_ends_with_3() {
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", UGLY);
    let ran = sandbox.cooper(&["fmt", "--check", "."]);
    assert_eq!(
        (ran.status, ran.stdout.as_str()),
        (3, "not formatted Dockerfile\n1 of 1 file would change\n")
    );
    let ran = sandbox.cooper(&["fmt", "--diff", "Dockerfile"]);
    assert_eq!(
        (ran.status, ran.stdout.as_str()),
        (
            3,
            "--- Dockerfile\n+++ Dockerfile\n@@ -1,2 +1,2 @@\n-from  scratch as base\n-copy a   /a\n\
             +FROM scratch AS base\n+COPY a /a\n"
        )
    );
    let path = sandbox.work().join("Dockerfile");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), UGLY);
    sandbox.write("Dockerfile", PRETTY);
    assert_eq!(sandbox.cooper(&["fmt", "--check", "-q", "."]).ok(), "");
    let ran = sandbox.cooper(&["fmt", "nothing"]);
    assert_eq!(ran.status, 1);
}

#[test]
fn standard_input_is_filtered_byte_for_byte() {
    use std::io::Write;
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.cooper_with_input(&["fmt", "-"], UGLY).ok(), PRETTY);
    let mut child = sandbox
        .command(env!("CARGO_BIN_EXE_cooper").as_ref())
        .args(["fmt", "-"])
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"from a\r\n# \xff\xfe\r\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"FROM a\r\n# \xff\xfe\r\n");
}

#[test]
fn settings_say_how() {
    let sandbox = Sandbox::new();
    let text = "EXPOSE 80 \\\n81\n";
    sandbox.write(
        "cooperage.toml",
        "[format]\nindent = 2\n[[override]]\nfiles = [\"b/**\"]\nformat.tabs = true\n",
    );
    sandbox.write("a/Dockerfile", text);
    sandbox.write("b/Dockerfile", text);
    sandbox.cooper(&["fmt"]).ok();
    let read = |path: &str| std::fs::read_to_string(sandbox.work().join(path)).unwrap();
    assert_eq!(read("a/Dockerfile"), "EXPOSE 80 \\\n  81\n");
    assert_eq!(read("b/Dockerfile"), "EXPOSE 80 \\\n\t81\n");
    sandbox.write("cooperage.toml", "[format]\nident = 2\n");
    let ran = sandbox.cooper(&["fmt"]);
    assert_eq!(ran.status, 1);
    assert!(
        ran.stdout.contains("did you mean `indent`?"),
        "{}",
        ran.stdout
    );
}
