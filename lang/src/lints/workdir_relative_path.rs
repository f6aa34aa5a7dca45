//! The first `WORKDIR` is absolute.

use super::{Finding, Lint};
use crate::instructions::Instruction;
use crate::quote::quote;
use crate::text::Word;

pub(super) const LINT: Lint = Lint {
    name: "WorkdirRelativePath",
    description: "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes",
    url: "https://docs.docker.com/go/dockerfile/rule/workdir-relative-path/",
    docs: include_str!("../../docs/lints/workdir-relative-path.md"),
    fixable: true,
    twin: Some("AbsoluteWorkdir"),
    ..Lint::OFFICIAL
};

/// Looks at the first `WORKDIR` of a chain of stages, expanded, which is known to be relative; `absolute` is what it
/// means on today's base image, when that is known.
pub(crate) fn check(
    instruction: &Instruction,
    word: &Word,
    path: &str,
    absolute: Option<&str>,
) -> Finding {
    let message = format!(
        "Relative workdir {} can have unexpected results if the base image changes",
        quote(path.as_bytes())
    );
    let finding = Finding::new(&LINT, instruction, word.range, message);
    // A drive of Windows is at the beginning already.
    let written = word.text == path && !path.contains(':');
    match absolute.filter(|_| written) {
        Some(absolute) => finding.with_fix(
            format!("use `{absolute}`"),
            vec![(word.range, absolute.to_owned())],
        ),
        None => finding,
    }
}
