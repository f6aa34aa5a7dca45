//! Tests of variables outside quotes.

use super::runs::written;
use super::variables::Variables;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Value, Word};
use crate::text::TextRange;
use bstr::{BStr, ByteSlice};

pub(super) const LINT: Lint = Lint {
    name: "WordSplitting",
    aliases: &["SC2086"],
    description: "A variable that may be empty or hold spaces is quoted in a test",
    docs: include_str!("../../docs/lints/word-splitting.md"),
    level: Level::Info,
    hadolint: Level::Info,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let mut variables = None;
    for (snippet, command) in written(subject).filter(|(snippet, _)| !snippet.exec) {
        let bracket = command.words.first().is_some_and(|word| word.is("["));
        if !bracket && !command.runs("test") {
            continue;
        }
        let mut before = None;
        for word in command.args() {
            let is_length = before.replace(word).is_some_and(|before| before.is("-z"));
            let Some(name) = bare_variable(word) else {
                continue;
            };
            let variables = variables.get_or_insert_with(|| Variables::of(subject));
            let value = variables.value(name, subject, snippet);
            if value.is_some_and(is_plain) {
                continue;
            }
            // `[ -z ]` is true, of whatever is not there.
            let when = if is_length { "" } else { "is empty or " };
            let message = format!("the test breaks when {name} {when}holds spaces, quote it");
            let finding = Finding::in_script(&LINT, subject, snippet, word.range, message);
            out.push(if snippet.in_json {
                finding
            } else {
                let range = finding.range;
                let at = |offset| (TextRange::new(offset, offset), "\"".to_owned());
                finding.with_fix("quote it", vec![at(range.start), at(range.end)])
            });
        }
    }
}

/// The variable, when the word is nothing else; parameters that are numbers or lists on purpose do not count.
fn bare_variable(word: &Word) -> Option<&BStr> {
    let [only] = word.expansions.as_slice() else {
        return None;
    };
    let Value::Variable {
        name,
        changed: false,
        ..
    } = &only.value
    else {
        return None;
    };
    let named = name
        .first()
        .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
    (named && !word.quoted && only.range == word.range).then(|| name.as_bstr())
}

/// Neither empty nor with anything that splits.
fn is_plain(value: &BStr) -> bool {
    let value = value.trim_with(|c| matches!(c, '"' | '\''));
    !value.is_empty()
        && value
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"/._-:@+,=".contains(b))
}
