//! `2>&1` in front of a file.

use super::runs::written;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Redirection, RedirectionKind, Scopes};
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "RedirectionOrder",
    aliases: &["SC2069"],
    description: "Errors follow the output into the same file",
    docs: include_str!("../../docs/lints/redirection-order.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, command) in written(subject) {
        let pipeline = snippet.script.pipelines()[command.place.pipeline as usize];
        // In front of a pipe it is the way to pass on errors and drop the output.
        if command.place.position + 1 < pipeline.len
            || command.place.scopes.has(Scopes::SUBSTITUTION)
        {
            continue;
        }
        let Some(errors) = command
            .redirections
            .iter()
            .find(|r| sends_errors_to_output(r))
        else {
            continue;
        };
        let Some(file) = command
            .redirections
            .iter()
            .find(|r| r.range.start > errors.range.start && takes_output(r))
        else {
            continue;
        };
        let message = "errors do not follow the output into the file, put `2>&1` behind it";
        let range = errors.range.cover(file.range);
        let finding = Finding::in_script(&LINT, subject, snippet, range, message);
        let text = |r: &Redirection| snippet.script.slice(r.range).to_str_lossy().into_owned();
        let edits = vec![
            (snippet.source_range(errors.range), text(file)),
            (snippet.source_range(file.range), text(errors)),
        ];
        out.push(finding.with_fix("swap the redirections", edits));
    }
}

fn sends_errors_to_output(redirection: &Redirection) -> bool {
    let duplicate = redirection.kind == RedirectionKind::Duplicate;
    duplicate && redirection.descriptor == Some(2) && redirection.target.is("1")
}

fn takes_output(redirection: &Redirection) -> bool {
    let to_file = matches!(
        redirection.kind,
        RedirectionKind::Write | RedirectionKind::Append
    );
    to_file
        && redirection
            .descriptor
            .is_none_or(|descriptor| descriptor == 1)
}
