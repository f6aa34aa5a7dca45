//! No empty line inside a continued instruction. Only the parser sees the lines that a continuation drops, so the
//! finding is made where instructions are read, and taken over with [`Finding::adopt`](super::Finding::adopt).

use super::Lint;

pub(super) const LINT: Lint = Lint {
    name: "NoEmptyContinuation",
    description: "Empty continuation lines will become errors in a future release",
    url: "https://docs.docker.com/go/dockerfile/rule/no-empty-continuation/",
    docs: include_str!("../../docs/lints/no-empty-continuation.md"),
    aliases: &["EMPTY_CONTINUATION_LINE"],
    fixable: true,
    ..Lint::OFFICIAL
};
