//! Versions of packages from yum.

use super::runs::{operands_behind, report_unpinned, subcommand};
use super::variables::Variables;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Value, Word};
use bstr::{BStr, ByteSlice};

pub(super) const LINT: Lint = Lint {
    name: "YumVersionUnpinned",
    aliases: &["DL3033"],
    description: "Packages that yum installs have a version",
    docs: include_str!("../../docs/lints/yum-version-unpinned.md"),
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    report(&LINT, subject, out, &["yum"]);
}

/// Packages and modules without a version, of programs with the command line of `yum`.
pub(super) fn report(
    lint: &'static Lint,
    subject: &Subject<'_>,
    out: &mut Vec<Finding>,
    programs: &[&str],
) {
    let variables = Variables::of(subject);
    report_unpinned(lint, subject, out, "package-version", |snippet, command| {
        let known = programs.iter().any(|program| command.runs(program));
        let Some(install) = subcommand(command, &["install"]).filter(|_| known) else {
            return Vec::new();
        };
        if subcommand(command, &["group"]).is_some() {
            return Vec::new();
        }
        let module = subcommand(command, &["module"]).is_some();
        let declared = |name: &BStr| variables.is_declared_above(name, subject, snippet);
        let is_pinned = |word: &&Word| {
            if module {
                word.text.contains(&b':')
            } else {
                has_version(word, declared)
            }
        };
        let packages = operands_behind(command, install, WITH_VALUE);
        packages.filter(|word| !is_pinned(word)).collect()
    });
}

/// Flags whose value is the next word. **Source:** `dnf(8)`.
const WITH_VALUE: &[&str] = &[
    "c",
    "config",
    "installroot",
    "releasever",
    "repo",
    "repoid",
    "setopt",
    "x",
];

/// `name-version-release`: behind the first dash nothing but what versions are made of, and a part that begins with a
/// digit. A version may be a variable that the file declares.
fn has_version(word: &Word, declared: impl Fn(&BStr) -> bool) -> bool {
    let mut parts = word.text.split(|b| *b == b'-').skip(1).peekable();
    if parts.peek().is_none() {
        return false;
    }
    if word.text.ends_with(b".rpm") {
        return true;
    }
    if !word.expansions.is_empty() {
        return word.expansions.iter().any(|e| match &e.value {
            Value::Variable { name, .. } => declared(name.as_bstr()),
            Value::Command | Value::Arithmetic | Value::Process => false,
        });
    }
    let valid = |b: &u8| b.is_ascii_alphanumeric() || b".~^_:+".contains(b);
    let mut digit = false;
    parts.all(|part| {
        digit |= part.first().is_some_and(u8::is_ascii_digit);
        part.iter().all(valid)
    }) && digit
}
