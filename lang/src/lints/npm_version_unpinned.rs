//! Versions of packages from npm.

use super::runs::report_unpinned;
use super::{Finding, Level, Lint, Run, Subject};
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "NpmVersionUnpinned",
    aliases: &["DL3016"],
    description: "Packages that npm installs by name have a version",
    docs: include_str!("../../docs/lints/npm-version-unpinned.md"),
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

/// Flags whose value is the next word. **Source:** npm's documentation, "config".
const WITH_VALUE: &[&str] = &[
    "cache",
    "include",
    "location",
    "loglevel",
    "omit",
    "prefix",
    "registry",
    "tag",
    "userconfig",
    "w",
    "workspace",
];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    report_unpinned(&LINT, subject, out, "package@version", |_, command| {
        if !command.runs("npm") {
            return Vec::new();
        }
        let mut operands = command.operands_beside(WITH_VALUE);
        let install = operands.next();
        if !install.is_some_and(|word| word.is("install") || word.is("i") || word.is("add")) {
            return Vec::new();
        }
        operands.filter(|word| !is_pinned(&word.text)).collect()
    });
}

/// A folder, an archive, a repository at a commit, or a name with a version.
fn is_pinned(package: &[u8]) -> bool {
    let starts = |starts: &[&str]| starts.iter().any(|s| package.starts_with(s.as_bytes()));
    let ends = |ends: &[&str]| ends.iter().any(|e| package.ends_with(e.as_bytes()));
    if starts(&["git://", "git+ssh://", "git+http://", "git+https://"]) {
        return package.contains(&b'#');
    }
    // The first `@` of `@scope/name` belongs to the name.
    let name = match package
        .strip_prefix(b"@")
        .and_then(|p| p.split_once_str("/"))
    {
        Some((_, name)) => name,
        None => package,
    };
    ends(&[".tar", ".tar.gz", ".tgz"]) || starts(&["/", "./", "../", "~/"]) || name.contains(&b'@')
}
