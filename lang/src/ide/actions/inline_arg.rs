//! An `ARG` goes and its default stands where it was used; builds can no longer give it another value.

use super::{Action, ActionKind, Cursor};
use crate::ide::File;
use crate::ide::names::{Names, Occurrence, Role, SymbolKind};
use crate::syntax::{Keyword, Node};
use crate::text::TextRange;
use bstr::ByteSlice;

/// Offered where an argument that is set once, to plain text, is declared or used.
pub(super) fn offer(cursor: &Cursor<'_>, out: &mut Vec<Action>) {
    let names = cursor.file.names();
    let Some(id) = names.at(place(cursor)) else {
        return;
    };
    let symbol = names.symbol_of(names.get(id));
    let all = names.occurrences_of(names.get(id).symbol);
    let (set, used): (Vec<&Occurrence>, Vec<&Occurrence>) =
        all.partition(|o| o.role == Role::Definition);
    let [set] = set.as_slice() else { return };
    if symbol.kind != SymbolKind::Variable || used.is_empty() {
        return;
    }
    let Some((value, line)) = declaration(cursor, names, set) else {
        return;
    };
    let uses: Option<Vec<TextRange>> = used.iter().map(|o| plain_use(cursor, o)).collect();
    let Some(uses) = uses.filter(|uses| uses.iter().all(|u| u.start > line.end)) else {
        return;
    };
    let whole = cursor.file.lines_with_comments(line);
    let of_builds = used.iter().all(|used| is_of_the_build(cursor.file, used));
    if !of_builds || makes_a_directive(cursor.file, whole) {
        return;
    }
    let mut edits = vec![(whole, String::new())];
    edits.extend(uses.into_iter().map(|range| (range, value.clone())));
    edits.dedup();
    let title = format!("put `{value}` in the place of `{}`", symbol.name);
    out.push(Action::new(ActionKind::Inline, title, edits));
}

/// Where the name is looked for: of an `ARG` anywhere on it.
fn place(cursor: &Cursor<'_>) -> u32 {
    let args = cursor.node_of(Keyword::Arg).map(|(_, node)| &node.args);
    let name = args.and_then(|args| cursor.file.parse().pieces(args).first());
    name.map_or(cursor.request.range.start, |name| name.range.start)
}

/// The value of an `ARG` with this argument only, and the instruction.
fn declaration(
    cursor: &Cursor<'_>,
    names: &Names,
    set: &Occurrence,
) -> Option<(String, TextRange)> {
    let node: &Node = cursor.file.parse().nodes().get(set.node as usize)?;
    let alone = node.known == Some(Keyword::Arg) && node.args.len() == 1;
    let value = cursor.file.text(names.value_of(set).filter(|_| alone)?);
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"._-/:@+".contains(b);
    let text = value.to_str().ok().filter(|text| !text.is_empty())?;
    value
        .iter()
        .all(plain)
        .then(|| (text.to_owned(), node.range))
}

/// Tells whether the builder, or the shell of a step, puts the value in: not a container when it runs, and not a program
/// that the dollar is quoted for. In arithmetic the name alone may stand too.
fn is_of_the_build(file: &File, used: &Occurrence) -> bool {
    let node = &file.parse().nodes()[used.node as usize];
    let inner = file.parse().sub(node).unwrap_or(node);
    let for_later = [Keyword::Cmd, Keyword::Entrypoint, Keyword::Healthcheck];
    let is_later = inner.known.is_some_and(|known| for_later.contains(&known));
    if is_later || (inner.json && inner.known == Some(Keyword::Run)) {
        return false;
    }
    let above = file.text(TextRange::new(node.range.start, used.whole.start));
    let is_quoted = above.find_iter("'").count() % 2 == 1;
    let is_run = inner.known == Some(Keyword::Run);
    !(is_run && (is_quoted || file.text(node.range).contains_str("((")))
}

/// Tells whether a comment would be the first line of the file once these lines are gone, and be read as a directive.
fn makes_a_directive(file: &File, lines: TextRange) -> bool {
    let above = file.text(TextRange::new(0, lines.start));
    let behind = file.text(TextRange::new(lines.end, file.source().len() as u32));
    let all_directives = above.lines().count() == file.parse().directives().len();
    all_directives && behind.trim_start().starts_with(b"#")
}

/// All of `$name` or `${name}`; nothing for other ways to use a variable.
fn plain_use(cursor: &Cursor<'_>, used: &Occurrence) -> Option<TextRange> {
    let name = cursor.file.text(used.range);
    let whole = cursor.file.text(used.whole);
    let plain = whole.strip_prefix(b"$") == Some(name)
        || whole
            .strip_prefix(b"${")
            .and_then(|rest| rest.strip_suffix(b"}"))
            == Some(name);
    (used.role == Role::Use && plain).then_some(used.whole)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_not};

    #[test]
    fn the_default_stands_in_its_place() {
        check(
            "put `1.2` in the place of `V`",
            "# escape=`\n# which\nARG ‸V=1.2\nFROM a:$V AS b\nFROM c:${V}-x\n",
            "# escape=`\nFROM a:1.2 AS b\nFROM c:1.2-x\n",
        );
        check(
            "put `x`",
            "FROM a\nARG V=x\nRUN echo \"$‸V\"\n",
            "FROM a\nRUN echo \"x\"\n",
        );
    }

    #[test]
    fn not_what_may_have_several_values() {
        for rest in ["ARG V=2\nRUN $V", "RUN ${V:-3}", "RUN a", "ENV V=2\nRUN $V"] {
            check_not("put", &format!("FROM a\nARG ‸V=1\n{rest}\n"));
        }
        check_not("put", "FROM a\nARG ‸V=\"a b\"\nRUN $V\n");
        check_not("put", "FROM a\nARG ‸V\nRUN $V\n");
    }

    #[test]
    fn not_where_something_else_reads_it() {
        for rest in [
            "CMD echo $V",
            "HEALTHCHECK CMD a $V",
            "RUN [\"echo\", \"$V\"]",
            "RUN awk '{print $V}' b",
            "RUN echo $V $((V+1))",
        ] {
            check_not("put", &format!("FROM a\nARG ‸V=1\n{rest}\n"));
        }
        check_not("put", "ARG ‸V=1\n# escape=`\nFROM a:$V\n");
    }
}
