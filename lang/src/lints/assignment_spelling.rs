//! What looks like an assignment and is none.

use super::runs::written;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Command, Value, Word};
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
    for (snippet, command) in written(subject).filter(|(snippet, _)| !snippet.exec) {
        let slip = spaced(command)
            .or_else(|| expanded(command))
            .or_else(|| by_set(command));
        if let Some(slip) = slip {
            let finding = Finding::in_script(&LINT, subject, snippet, slip.range, slip.message);
            let edit = (snippet.source_range(slip.replace), slip.by.to_owned());
            out.push(finding.with_fix(slip.title, vec![edit]));
        }
    }
}

/// What was written and how it is meant; places count in the script.
struct Slip {
    range: TextRange,
    message: String,
    title: &'static str,
    replace: TextRange,
    by: &'static str,
}

/// `name = value`.
fn spaced(command: &Command) -> Option<Slip> {
    let [name, equals, value] = command.words.as_slice() else {
        return None;
    };
    (equals.is("=") && is_name(&name.text)).then(|| Slip {
        range: name.range.cover(equals.range),
        message: format!(
            "this runs a program called `{}`, write the assignment without spaces",
            name.text
        ),
        title: "remove the spaces",
        replace: TextRange::new(name.range.end, value.range.start),
        by: "=",
    })
}

/// `$name=value`.
fn expanded(command: &Command) -> Option<Slip> {
    let word = command.words.first()?;
    let name = assigned_expansion(word)?;
    Some(Slip {
        range: word.range,
        message: format!("this runs a program, write `{name}=…` to set {name}"),
        title: "remove the `$`",
        replace: TextRange::new(word.range.start, word.range.start + 1),
        by: "",
    })
}

/// `set name=value`.
fn by_set(command: &Command) -> Option<Slip> {
    let [set, value] = command.words.as_slice() else {
        return None;
    };
    let (name, _) = value.text.split_once_str("=")?;
    (set.is("set") && is_name(name)).then(|| Slip {
        range: set.range.cover(value.range),
        message: "`set` gives no value to a variable, leave it out".to_owned(),
        title: "remove `set`",
        replace: TextRange::new(set.range.start, value.range.start),
        by: "",
    })
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
