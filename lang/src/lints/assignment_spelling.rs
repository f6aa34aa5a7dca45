//! What looks like an assignment and is none.

use super::runs::commands;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Value, Word};
use crate::text::TextRange;
use bstr::{BStr, ByteSlice};

pub(super) const LINT: Lint = Lint {
    name: "AssignmentSpelling",
    aliases: &["SC2283", "SC2281", "SC2121", "SC1068", "SC1066"],
    description: "An assignment has no spaces around = and no $ in front",
    docs: include_str!("../../docs/lints/assignment-spelling.md"),
    level: Level::Warning,
    hadolint: Level::Error,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, command) in commands(subject).filter(|(snippet, _)| !snippet.exec) {
        let [first, rest @ ..] = command.words.as_slice() else {
            continue;
        };
        let range = first
            .range
            .cover(rest.first().map_or(first.range, |word| word.range));
        if let [equals, value] = rest
            && equals.is("=")
            && is_name(&first.text)
        {
            let message = format!(
                "this runs a program called `{}`, write the assignment without spaces",
                first.text
            );
            let finding = Finding::in_script(&LINT, subject, snippet, range, message);
            let between = TextRange::new(first.range.end, value.range.start);
            let edit = (snippet.source_range(between), "=".to_owned());
            out.push(finding.with_fix("remove the spaces", vec![edit]));
        } else if let Some(name) = assigned_expansion(first) {
            let message = format!("this runs a program, write `{name}=…` to set {name}");
            let finding = Finding::in_script(&LINT, subject, snippet, first.range, message);
            let start = snippet.source_range(first.range).start;
            let edit = (TextRange::new(start, start + 1), String::new());
            out.push(finding.with_fix("remove the `$`", vec![edit]));
        } else if let [value] = rest
            && first.is("set")
            && value
                .text
                .split_once_str("=")
                .is_some_and(|(name, _)| is_name(name))
        {
            let message = "`set` gives no value to a variable, leave it out";
            let finding = Finding::in_script(&LINT, subject, snippet, range, message);
            let gap = TextRange::new(first.range.start, value.range.start);
            let edit = (snippet.source_range(gap), String::new());
            out.push(finding.with_fix("remove `set`", vec![edit]));
        }
    }
}

fn is_name(text: &[u8]) -> bool {
    let start = text
        .first()
        .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
    start && text.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

/// The variable of `$name=…`.
fn assigned_expansion(word: &Word) -> Option<&BStr> {
    let first = word.expansions.first()?;
    let Value::Variable {
        name,
        changed: false,
        ..
    } = &first.value
    else {
        return None;
    };
    let bare =
        first.range.len() as usize == name.len() + 1 && first.range.start == word.range.start;
    let rest = word.text.get(name.len() + 3..)?;
    (bare && !first.quoted && rest.starts_with(b"=")).then(|| name.as_bstr())
}
