//! Pipes whose failures go unnoticed.

use super::base_shell::{Families, Family};
use super::runs::{runs, subcommand};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Command, Dialect, Pipeline, Script, Snippet};
use crate::text::TextRange;
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "PipefailMissing",
    aliases: &["DL4006"],
    description: "A pipe fails when any of its commands does",
    docs: include_str!("../../docs/lints/pipefail-missing.md"),
    hadolint: Level::Warning,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let mut families = None;
    // With the first such step of a stage the others are mended too.
    let mut first: Option<&Snippet> = None;
    for snippet in runs(subject).filter(|snippet| !snippet.trigger && !is_safe(snippet)) {
        let pipelines = snippet.script.pipelines();
        let is_pipe =
            |pipeline: &&Pipeline| pipeline.len > 1 && has_pipe(&snippet.script, pipeline);
        let Some(pipe) = pipelines.iter().find(is_pipe) else {
            continue;
        };
        let message = "a failure in front of the pipe goes unnoticed, set `-o pipefail` with SHELL";
        let finding = Finding::in_script(&LINT, subject, snippet, pipe.range, message);
        let families = families.get_or_insert_with(|| Families::of(subject.file));
        let shell = shell(families.shell(snippet)).filter(|_| !snippet.interpreter.chosen);
        out.push(match shell {
            Some(shell) => {
                let above = first.filter(|above| above.stage == snippet.stage);
                let above = *first.insert(above.unwrap_or(snippet));
                let node = &subject.file.parse().nodes()[above.node];
                let start = subject.file.lines_with_comments(node.range).start;
                let start = TextRange::new(start, start);
                let line = format!("SHELL [\"{shell}\", \"-o\", \"pipefail\", \"-c\"]\n");
                finding.with_fix("set `-o pipefail` with SHELL", vec![(start, line)])
            }
            None => finding,
        });
    }
}

/// Statements of a text that is no shell may be taken for those of a pipe.
fn has_pipe(script: &Script, pipeline: &Pipeline) -> bool {
    let range = pipeline.range;
    let mut tokens = script.tokens().iter();
    tokens.any(|token| {
        let is_inside = range.start <= token.range.start && token.range.end <= range.end;
        is_inside && matches!(script.slice(token.range).as_bytes(), b"|" | b"|&")
    })
}

/// The shell that knows the option in images of a family.
fn shell(family: Family) -> Option<&'static str> {
    match family {
        Family::Dash | Family::Bash => Some("/bin/bash"),
        Family::Ash => Some("/bin/ash"),
        Family::Unknown => None,
    }
}

/// The shell was told to, and is one that knows the option; or the script tells it.
fn is_safe(snippet: &Snippet) -> bool {
    let knows = matches!(
        snippet.interpreter.dialect,
        Dialect::Bash | Dialect::Zsh | Dialect::Ash | Dialect::Ksh
    );
    let told =
        |command: &Command| command.runs("set") && subcommand(command, &["pipefail"]).is_some();
    (knows && snippet.interpreter.pipefail) || snippet.script.commands().iter().any(told)
}
