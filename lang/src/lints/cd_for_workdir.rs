//! `cd` in place of `WORKDIR`.

use super::runs::{name_range, written};
use super::{Finding, Level, Lint, Run, Subject};

pub(super) const LINT: Lint = Lint {
    name: "CdForWorkdir",
    aliases: &["DL3003"],
    description: "WORKDIR changes the folder for all instructions below, cd only for one",
    docs: include_str!("../../docs/lints/cd-for-workdir.md"),
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let of_build = written(subject).filter(|(snippet, _)| !snippet.trigger);
    for (snippet, command) in of_build.filter(|(_, command)| command.runs("cd")) {
        let message = "`cd` holds for this RUN only, use WORKDIR to change the folder";
        let range = name_range(command);
        out.push(Finding::in_script(&LINT, subject, snippet, range, message));
    }
}
