//! Variables outside quotes.

use super::runs::{Variables, commands};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Value, Word};
use crate::text::TextRange;
use bstr::{BStr, ByteSlice};

pub(super) const LINT: Lint = Lint {
    name: "WordSplitting",
    aliases: &["SC2086"],
    description: "A variable that may be empty or hold spaces is quoted where that matters",
    docs: include_str!("../../docs/lints/word-splitting.md"),
    level: Level::Info,
    hadolint: Level::Info,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let mut variables = None;
    for (snippet, command) in commands(subject).filter(|(snippet, _)| !snippet.exec) {
        let test = command.words.first().is_some_and(|w| w.is("[")) || command.runs("test");
        if !test && !command.runs("rm") {
            continue;
        }
        for word in command.args() {
            let Some(name) = split_variable(word) else {
                continue;
            };
            let variables = variables.get_or_insert_with(|| Variables::of(subject));
            let plain = variables.env(name, subject, snippet).is_some_and(is_plain);
            if plain {
                continue;
            }
            let message = if test {
                format!("the test breaks when {name} is empty or holds spaces, quote it")
            } else {
                format!("spaces or wildcards in {name} remove other files, quote it")
            };
            let finding = Finding::in_script(&LINT, subject, snippet, word.range, message);
            out.push(if word.quoted {
                finding
            } else {
                let range = finding.range;
                let at = |offset| (TextRange::new(offset, offset), "\"".to_owned());
                finding.with_fix("quote it", vec![at(range.start), at(range.end)])
            });
        }
    }
}

/// The first variable outside quotes; parameters that are numbers or lists on purpose do not count.
fn split_variable(word: &Word) -> Option<&BStr> {
    let special = |name: &[u8]| {
        !name
            .first()
            .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
    };
    // A wildcard beside it is meant to be expanded: quoting the whole word would be wrong.
    if word.text.iter().any(|b| matches!(b, b'*' | b'[')) && word.text.len() > 1 {
        return None;
    }
    word.expansions
        .iter()
        .find_map(|expansion| match &expansion.value {
            Value::Variable {
                name,
                changed: false,
                ..
            } if !expansion.quoted && !special(name) => Some(name.as_bstr()),
            _ => None,
        })
}

/// Neither empty nor with anything that splits.
fn is_plain(value: &BStr) -> bool {
    let value = value.trim_with(|c| matches!(c, '"' | '\''));
    !value.is_empty()
        && value
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"/._-:@+,=".contains(b))
}
