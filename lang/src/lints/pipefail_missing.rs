//! Pipes whose failures go unnoticed.

use super::runs::{runs, subcommand};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Command, Dialect, Snippet};
use crate::text::TextRange;

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
    for snippet in runs(subject).filter(|snippet| !snippet.trigger && !is_safe(snippet)) {
        let pipelines = snippet.script.pipelines();
        let Some(pipe) = pipelines.iter().find(|pipeline| pipeline.len > 1) else {
            continue;
        };
        let message = "a failure in front of the pipe goes unnoticed, set `-o pipefail` with SHELL";
        let finding = Finding::in_script(&LINT, subject, snippet, pipe.range, message);
        out.push(if snippet.interpreter.chosen {
            finding
        } else {
            let node = &subject.file.parse().nodes()[snippet.node];
            let start = TextRange::new(node.range.start, node.range.start);
            let edit = (start, format!("{SHELL}\n"));
            finding.with_fix("set `-o pipefail` with SHELL", vec![edit])
        });
    }
}

const SHELL: &str = r#"SHELL ["/bin/bash", "-o", "pipefail", "-c"]"#;

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
