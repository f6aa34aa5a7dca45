//! Versions of gems.

use super::runs::report_unpinned;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Command, Word};

pub(super) const LINT: Lint = Lint {
    name: "GemVersionUnpinned",
    aliases: &["DL3028"],
    description: "Gems that gem installs have a version",
    docs: include_str!("../../docs/lints/gem-version-unpinned.md"),
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

/// Flags that take no value; of any other one the next word is taken to be its value. **Source:** `gem help install`.
const WITHOUT_VALUE: &[&str] = &[
    "--conservative",
    "--env-shebang",
    "--force",
    "--ignore-dependencies",
    "--local",
    "--minimal-deps",
    "--no-document",
    "--no-rdoc",
    "--no-ri",
    "--no-user-install",
    "--pre",
    "--prerelease",
    "--quiet",
    "--remote",
    "--silent",
    "--user-install",
    "--verbose",
    "--wrappers",
    "-E",
    "-N",
    "-V",
    "-f",
    "-l",
    "-q",
    "-r",
    "-w",
];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    report_unpinned(&LINT, subject, out, "gem:version", |_, command| {
        if !command.runs("gem") || command.has_flag(&["version", "v"]) {
            return Vec::new();
        }
        let mut operands = operands(command);
        if !operands
            .next()
            .is_some_and(|word| word.is("install") || word.is("i"))
        {
            return Vec::new();
        }
        operands.filter(|word| !is_pinned(&word.text)).collect()
    });
}

/// Subcommand and gems; what follows `--` is for the build of the gem.
fn operands(command: &Command) -> impl Iterator<Item = &Word> {
    let mut value_next = false;
    let own = command.args().iter().take_while(|word| !word.is("--"));
    own.filter(move |word| {
        let value = std::mem::take(&mut value_next);
        if word.is_flag() {
            let alone = WITHOUT_VALUE.iter().any(|flag| word.is(flag)) || word.text.contains(&b'=');
            value_next = !alone;
            return false;
        }
        !value
    })
}

fn is_pinned(gem: &[u8]) -> bool {
    gem.contains(&b':') || gem.ends_with(b".gem")
}
