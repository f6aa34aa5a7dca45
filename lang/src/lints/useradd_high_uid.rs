//! `useradd` with a high number.

use super::runs::{commands, insert_behind};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::Command;
use bstr::{BStr, ByteSlice};

pub(super) const LINT: Lint = Lint {
    name: "UseraddHighUid",
    aliases: &["DL3046"],
    description: "useradd with a high number makes no huge sparse files",
    docs: include_str!("../../docs/lints/useradd-high-uid.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

/// Numbers with more digits than this are high.
const DIGITS: usize = 5;

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, command) in commands(subject).filter(|(_, command)| command.runs("useradd")) {
        let is_high = |n: &BStr| n.len() > DIGITS && n.iter().all(u8::is_ascii_digit);
        let high = number(command).is_some_and(is_high);
        if !high || command.has_flag(&["l", "no-log-init"]) {
            continue;
        }
        let Some(name) = command.name() else {
            continue;
        };
        let message =
            "a high number makes the login records huge in the layer, add `--no-log-init`";
        let finding = Finding::in_script(&LINT, subject, snippet, name.range, message);
        let edit = insert_behind(snippet, name, "--no-log-init");
        out.push(finding.with_fix("add `--no-log-init`", vec![edit]));
    }
}

/// The value of `-u` or `--uid`.
fn number(command: &Command) -> Option<&BStr> {
    let flag = command.flag(&["u", "uid"])?;
    let next = || {
        command
            .args()
            .iter()
            .find(|word| word.range.start > flag.range.start)
    };
    flag.value
        .or_else(|| next().map(|word| word.text.as_bstr()))
}
