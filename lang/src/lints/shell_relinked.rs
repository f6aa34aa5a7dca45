//! Another `/bin/sh`.

use super::runs::{commands, name_range, subcommand};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::Command;
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "ShellRelinked",
    aliases: &["DL4005"],
    description: "SHELL chooses the shell, /bin/sh stays what it is",
    docs: include_str!("../../docs/lints/shell-relinked.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, command) in commands(subject).filter(|(_, command)| command.runs("ln")) {
        let Some(link) = subcommand(command, &["/bin/sh"]) else {
            continue;
        };
        let message =
            "scripts of the distribution rely on /bin/sh, choose a shell with SHELL instead";
        let range = name_range(command).cover(link.range);
        let finding = Finding::in_script(&LINT, subject, snippet, range, message);
        let alone = snippet.script.commands().len() == 1 && !snippet.trigger;
        out.push(match shell(command).filter(|_| alone) {
            Some(shell) => {
                let whole = subject.file.parse().nodes()[snippet.node].range;
                let edit = (whole, format!("SHELL [\"{shell}\", \"-c\"]"));
                finding.with_fix("replace it with SHELL", vec![edit])
            }
            None => finding,
        });
    }
}

/// What the link leads to, when that is a plain absolute path.
fn shell(command: &Command) -> Option<&str> {
    let target = command.operands().next()?.constant()?.to_str().ok()?;
    let plain = target
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"/-_.".contains(&b));
    (plain && target.starts_with('/') && target != "/bin/sh").then_some(target)
}
