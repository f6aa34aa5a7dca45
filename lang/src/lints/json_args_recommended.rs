//! `CMD` and `ENTRYPOINT` in JSON form.

use super::{Finding, Lint};
use crate::instructions::{CommandLine, Instruction, Kind};
use crate::shell::is_of_the_shell;
use crate::text::LineSpan;
use bstr::ByteSlice;
use std::fmt::Write as _;

pub(super) const LINT: Lint = Lint {
    name: "JSONArgsRecommended",
    description: "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
    url: "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/",
    docs: include_str!("../../docs/lints/json-args-recommended.md"),
    fixable: true,
    twin: Some("ExecForm"),
    ..Lint::OFFICIAL
};

/// Looks at the form of a `CMD` or `ENTRYPOINT` while no `SHELL` is in effect; `has_cmd`: the stage has a `CMD`.
pub(crate) fn check(
    instruction: &Instruction,
    command: &CommandLine,
    shell_is_set: bool,
    has_cmd: bool,
) -> Option<Finding> {
    if !command.shell || shell_is_set {
        return None;
    }
    let message = format!(
        "JSON arguments recommended for {} to prevent unintended behavior related to OS signals",
        instruction.keyword.to_str_lossy()
    );
    let range = command
        .args
        .first()
        .map_or(instruction.range, |text| text.range);
    let finding = Finding::new(&LINT, instruction, range, message);
    Some(match json_form(instruction, command, has_cmd) {
        Some(json) => finding.with_fix("use the JSON form", vec![(range, json)]),
        None => finding,
    })
}

/// The words as a JSON array, when a shell would pass them on unchanged, and they stand on one line. An `ENTRYPOINT` would
/// be given the words of a `CMD`, which its text form does not get.
pub(super) fn json_form(
    instruction: &Instruction,
    command: &CommandLine,
    has_cmd: bool,
) -> Option<String> {
    let is_entrypoint = matches!(instruction.kind, Kind::Entrypoint(_));
    let LineSpan { start, end } = instruction.lines;
    if (is_entrypoint && has_cmd) || start != end {
        return None;
    }
    let text = command.args.first()?.text.to_str().ok()?.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || " \t-_./:,@%+=".contains(c);
    let mut words = text.split_whitespace().peekable();
    // It says that no shell is wanted, and is no program.
    let is_exec = words.next_if_eq(&"exec").is_some();
    let program = words.peek()?;
    // An assignment, an option of `exec`, a command of the shell.
    let of_the_shell = program.contains('=')
        || (is_exec && program.starts_with('-'))
        || is_of_the_shell(program.as_bytes());
    if of_the_shell || !text.chars().all(plain) {
        return None;
    }
    let mut json = String::from("[");
    for (i, word) in words.enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        write!(json, "{comma}\"{word}\"").expect("writing to a string does not fail");
    }
    json.push(']');
    Some(json)
}
