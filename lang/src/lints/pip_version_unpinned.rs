//! Versions of packages from pip.

use super::runs::{operands_behind, report_unpinned, subcommand};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Command, Word};
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "PipVersionUnpinned",
    aliases: &["DL3013"],
    description: "Packages that pip installs have a version",
    docs: include_str!("../../docs/lints/pip-version-unpinned.md"),
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

/// Flags whose value is the next word. **Source:** `pip install --help`.
const WITH_VALUE: &[&str] = &[
    "abi",
    "b",
    "build",
    "cache-dir",
    "cert",
    "client-cert",
    "config-settings",
    "e",
    "editable",
    "extra-index-url",
    "f",
    "find-links",
    "i",
    "implementation",
    "index-url",
    "log",
    "no-binary",
    "only-binary",
    "platform",
    "prefix",
    "progress-bar",
    "proxy",
    "python",
    "python-version",
    "report",
    "retries",
    "root",
    "root-user-action",
    "src",
    "t",
    "target",
    "timeout",
    "trusted-host",
    "upgrade-strategy",
];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    report_unpinned(&LINT, subject, out, "package==version", |_, command| {
        let Some(install) = install(command) else {
            return Vec::new();
        };
        let given = ["-r", "--requirement", "."];
        if command.has_flag(&["constraint", "c"]) || subcommand(command, &given).is_some() {
            return Vec::new();
        }
        let packages = operands_behind(command, install, WITH_VALUE);
        packages.filter(|word| !is_pinned(&word.text)).collect()
    });
}

/// `install` of `pip install` (of whatever Python, and of `pipx`) or `python -m pip install`.
pub(super) fn install(command: &Command) -> Option<&Word> {
    let program = command.program();
    if program.starts_with(b"python") {
        let args = command.args();
        let at = args
            .windows(3)
            .position(|w| w[0].is("-m") && w[1].is("pip") && w[2].is("install"))?;
        return args.get(at + 2);
    }
    let pip = program.starts_with(b"pip") && !program.starts_with(b"pipenv");
    subcommand(command, &["install"]).filter(|_| pip)
}

/// Has a version, is a file, or names a commit of a repository.
fn is_pinned(package: &[u8]) -> bool {
    let repository = ["git", "hg+", "svn", "bzr+"]
        .iter()
        .any(|scheme| package.starts_with(scheme.as_bytes()))
        && package.contains_str("://");
    let bounded = [&b"=="[..], b">", b"<", b"!=", b"~="]
        .iter()
        .any(|sign| package.contains_str(sign));
    let file = package.ends_with(b".whl") || package.ends_with(b".tar.gz");
    bounded
        || file
        || (repository && package.contains(&b'@'))
        || (!repository && package.contains(&b'/'))
}
