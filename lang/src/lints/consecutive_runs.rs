//! `RUN` after `RUN`.

use super::runs::{Edit, flags, runs};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Command, Snippet};
use crate::text::TextRange;

pub(super) const LINT: Lint = Lint {
    name: "ConsecutiveRuns",
    aliases: &["DL3059"],
    description: "Simple RUN instructions that follow each other are one",
    docs: include_str!("../../docs/lints/consecutive-runs.md"),
    hadolint: Level::Info,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let nodes = subject.file.parse().nodes();
    let mut before: Option<&Snippet> = None;
    for snippet in runs(subject).filter(|snippet| !snippet.trigger) {
        let follows = before.filter(|before| before.node + 1 == snippet.node);
        if let Some(first) = follows.filter(|first| belong_together(subject, first, snippet)) {
            let keyword = nodes[snippet.node].keyword.range;
            let message = "this RUN and the one above could be one layer";
            let finding = Finding {
                range: keyword,
                ..Finding::in_script(&LINT, subject, snippet, TextRange::default(), message)
            };
            out.push(match joined(subject, first, snippet) {
                Some(edit) => finding.with_fix("join it with the RUN above", vec![edit]),
                None => finding,
            });
        }
        before = Some(snippet);
    }
}

/// One command each, not counting tests and assignments, and the same flags.
fn belong_together(subject: &Subject<'_>, first: &Snippet, second: &Snippet) -> bool {
    let counts = |command: &&Command| !command.words.is_empty() && !command.is_test();
    let simple = |snippet: &Snippet| snippet.script.commands().iter().filter(counts).count() <= 1;
    let sorted = |snippet| {
        let mut flags = flags(subject, snippet);
        flags.sort_unstable();
        flags
    };
    simple(first) && simple(second) && sorted(first) == sorted(second)
}

/// The edit that makes `&&` of what is between two shell texts, when nothing but line ends is.
fn joined(subject: &Subject<'_>, first: &Snippet, second: &Snippet) -> Option<Edit> {
    let (first_node, second_node) = (
        &subject.file.parse().nodes()[first.node],
        &subject.file.parse().nodes()[second.node],
    );
    let between = TextRange::new(first_node.range.end, second_node.range.start);
    let only_space = subject
        .file
        .text(between)
        .iter()
        .all(u8::is_ascii_whitespace);
    let heredocs = !first_node.heredocs.is_empty() || !second_node.heredocs.is_empty();
    let plain = |snippet: &Snippet| {
        let script = &snippet.script;
        let place = script.commands().first().map(|command| command.range);
        let whole = TextRange::new(0, script.text().len() as u32);
        !snippet.exec && place == Some(whole) && script.mistakes().is_empty()
    };
    // What one step does to its shell the next one does not see.
    let changes = first
        .script
        .commands()
        .iter()
        .any(|c| c.words.is_empty() || c.changes_shell());
    if !only_space || heredocs || changes || !plain(first) || !plain(second) {
        return None;
    }
    let start = second.source_range(TextRange::new(0, 1)).start;
    let escape = subject.file.parse().escape();
    Some((
        TextRange::new(first_node.range.end, start),
        format!(" {escape}\n && "),
    ))
}
