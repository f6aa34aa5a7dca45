//! A base image of this machine's programs, where containers can run.

use crate::sandbox::{Ran, Sandbox};

/// Makes `host:base` and runs one step on it. `None`, with the reason printed, where this user may make no containers.
pub(crate) fn sandbox() -> Option<Sandbox> {
    let sandbox = Sandbox::new();
    let base = sandbox.cooper(&["--json", "base", "-t", "host:base", "sh", "cat"]);
    sandbox.write("probe/Dockerfile", "FROM host:base\nRUN echo here\n");
    let ran = is_possible(base) && is_possible(sandbox.cooper(&["--json", "build", "probe"]));
    ran.then_some(sandbox)
}

/// Tells a machine that forbids containers from a fault of ours, which fails the test.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
fn is_possible(ran: Ran) -> bool {
    let forbidden = ["\"Permission\"", "\"Unsupported\"", "not permitted"];
    if forbidden.iter().any(|word| ran.stderr.contains(word)) {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "{}",
            ran.stderr
        );
        println!("SKIPPED: no container can run here: {}", ran.stderr.trim());
        return false;
    }
    ran.ok();
    true
}
