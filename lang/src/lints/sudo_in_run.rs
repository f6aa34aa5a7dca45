//! `sudo` in a build.

use super::runs::commands;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Command, Snippet};
use crate::text::TextRange;

pub(super) const LINT: Lint = Lint {
    name: "SudoInRun",
    aliases: &["DL3004"],
    description: "sudo in a build adds nothing but a program that must be installed",
    docs: include_str!("../../docs/lints/sudo-in-run.md"),
    level: Level::Warning,
    hadolint: Level::Error,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, command) in commands(subject) {
        let words = || command.words.iter().take(command.wrapper().len() + 1);
        let Some(sudo) = words().find(|word| word.is("sudo") || word.is("/usr/bin/sudo")) else {
            continue;
        };
        let message = "sudo gives no right that a build step lacks, switch with USER instead";
        let finding = Finding::in_script(&LINT, subject, snippet, sudo.range, message);
        out.push(match command.words.get(1) {
            // Without options `sudo` can go; what they mean would be lost.
            Some(next) if is_plain(snippet, command) => {
                let start = snippet.source_range(sudo.range).start;
                let end = snippet.source_range(next.range).start;
                let edit = (TextRange::new(start, end), String::new());
                finding.with_fix("remove `sudo`", vec![edit])
            }
            _ => finding,
        });
    }
}

/// `sudo program …` of a shell text.
fn is_plain(snippet: &Snippet, command: &Command) -> bool {
    let only_sudo = command.wrapper().len() == 1 && command.words[0].is("sudo");
    only_sudo && !snippet.exec
}
