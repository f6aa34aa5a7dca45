//! The packages of an installation in alphabetic order.

use super::{Action, ActionKind, Cursor, comments_in};
use crate::shell::Command;
use crate::shell::packages::call;
use crate::text::TextRange;
use bstr::{BString, ByteSlice};

/// Offers to sort the list at the cursor, or the only one of the instruction. Words change places; the lines that they
/// stand on stay.
pub(super) fn offer(cursor: &Cursor<'_>, out: &mut Vec<Action>) {
    let Some(snippet) = cursor.script() else {
        return;
    };
    let at = cursor.request.range.start;
    let commands = snippet.script.commands().iter();
    let lists = commands.filter_map(|command| {
        let packages: Vec<TextRange> = packages(command)?
            .iter()
            .map(|range| snippet.source_range(*range))
            .collect();
        let range = packages.first()?.cover(*packages.last()?);
        let here = snippet.source_range(command.range);
        (packages.len() > 1 && comments_in(cursor.file, range).is_empty())
            .then_some((here.start <= at && at <= here.end, packages))
    });
    let lists: Vec<(bool, Vec<TextRange>)> = lists.collect();
    let chosen = match lists.as_slice() {
        [only] => Some(only),
        several => several.iter().find(|(here, _)| *here),
    };
    let edits = chosen.map_or_else(Vec::new, |(_, packages)| sorted(cursor, packages));
    if !edits.is_empty() {
        out.push(Action::new(
            ActionKind::Rewrite,
            "sort these packages",
            edits,
        ));
    }
}

/// The packages of an installation, as far as all are written out.
fn packages(command: &Command) -> Option<Vec<TextRange>> {
    let call = call(command).filter(|call| call.manager.sortable)?;
    call.install()?;
    call.packages()
        .map(|word| word.constant().map(|_| word.range))
        .collect()
}

fn sorted(cursor: &Cursor<'_>, packages: &[TextRange]) -> Vec<(TextRange, String)> {
    let written = packages.iter().map(|range| cursor.file.text(*range).into());
    let mut words: Vec<BString> = written.collect();
    words.sort_by_key(|word| word.to_ascii_lowercase());
    let moved = packages.iter().zip(words);
    moved
        .filter(|(range, word)| cursor.file.text(**range) != word.as_bytes())
        .map(|(range, word)| (*range, word.to_str_lossy().into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_not};

    #[test]
    fn words_change_places() {
        check(
            "sort these packages",
            "RUN ‸apt-get update && apt-get install -y -t x \\\n    wget=1.2 \\\n    curl \\\n  && b z a\n",
            "RUN apt-get update && apt-get install -y -t x \\\n    curl \\\n    wget=1.2 \\\n  && b z a\n",
        );
        check(
            "sort these packages",
            "RUN ‸apk add B a\n",
            "RUN apk add a B\n",
        );
    }

    #[test]
    fn not_without_need_or_when_something_is_between() {
        check_not("sort", "RUN ‸apk add a b\n");
        check_not("sort", "RUN ‸apk add b \\\n# why\n a\n");
        check_not("sort", "RUN ‸apk add b $a\n");
        check_not("sort", "RUN ‸echo b a\n");
    }
}
