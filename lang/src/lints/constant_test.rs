//! Tests with one outcome.

use super::runs::written;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::Word;

pub(super) const LINT: Lint = Lint {
    name: "ConstantTest",
    aliases: &["SC2050", "SC2078", "SC2157"],
    description: "A test depends on something",
    docs: include_str!("../../docs/lints/constant-test.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, command) in written(subject).filter(|(_, command)| command.is_test()) {
        let Some(operands) = command.words.get(1..command.words.len().saturating_sub(1)) else {
            continue;
        };
        if is_constant(operands) {
            let message = "this test has the same outcome each time, is a `$` missing?";
            out.push(Finding::in_script(
                &LINT,
                subject,
                snippet,
                command.range,
                message,
            ));
        }
    }
}

/// Comparisons of two texts, and tests of one.
fn is_constant(operands: &[Word]) -> bool {
    match operands {
        [word] => {
            fixed(word)
                && !matches!(
                    &word.text[..],
                    b"" | b"0" | b"1" | b"true" | b"false" | b":"
                )
        }
        [operator, word] => (operator.is("-n") || operator.is("-z")) && fixed(word),
        [left, operator, right] => is_comparison(operator) && fixed(left) && fixed(right),
        _ => false,
    }
}

fn is_comparison(operator: &Word) -> bool {
    let names = ["=", "==", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge"];
    names.iter().any(|name| operator.is(name))
}

/// No expansion, no pattern, no operator.
fn fixed(word: &Word) -> bool {
    let pattern = |b: &u8| matches!(b, b'*' | b'?' | b'[' | b'(' | b'`');
    word.expansions.is_empty() && !word.is_flag() && !word.is("!") && !word.text.iter().any(pattern)
}
