//! `rm -r` of what may be everything.

use super::runs::{removes_folders, written};
use super::variables::{Variables, assigned_in};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Value, Word};
use crate::text::TextRange;
use bstr::{BStr, ByteSlice};

pub(super) const LINT: Lint = Lint {
    name: "RmVariablePath",
    aliases: &["SC2115"],
    description: "rm -r of a path that begins with a variable cannot become rm -r of everything",
    docs: include_str!("../../docs/lints/rm-variable-path.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

/// What is left of the path when the variable is empty, and is nothing to lose.
const REST: &[&str] = &[
    "/", "/*", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/opt", "/root", "/sbin", "/usr",
    "/var",
];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let mut variables = None;
    for (snippet, command) in written(subject).filter(|(_, command)| removes_folders(command)) {
        for word in command.operands() {
            let Some((name, place)) = leading_variable(word) else {
                continue;
            };
            let variables = variables.get_or_insert_with(|| Variables::of(subject));
            let set = variables
                .value(name, subject, snippet)
                .is_some_and(|value| !value.is_empty());
            if set || assigned_in(snippet).contains(name) {
                continue;
            }
            let left = BStr::new(&word.text[name.len() + 3..]);
            let message =
                format!("this removes `{left}` when {name} is empty, write `${{{name}:?}}`");
            let finding = Finding::in_script(&LINT, subject, snippet, word.range, message);
            let edit = (snippet.source_range(place), format!("${{{name}:?}}"));
            out.push(finding.with_fix(format!("stop when {name} is empty"), vec![edit]));
        }
    }
}

/// Name and place of the variable that a word begins with, when what is left without it is nothing to lose.
fn leading_variable(word: &Word) -> Option<(&BStr, TextRange)> {
    let [first] = word.expansions.as_slice() else {
        return None;
    };
    let Value::Variable {
        name,
        changed: false,
        ..
    } = &first.value
    else {
        return None;
    };
    let rest = word
        .text
        .strip_prefix(b"${")?
        .strip_prefix(name.as_slice())?
        .strip_prefix(b"}")?;
    let all = REST.iter().any(|all| rest == all.as_bytes());
    all.then_some((name.as_bstr(), first.range))
}
