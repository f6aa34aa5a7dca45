//! A `COPY` moves below the next `RUN`, which then does not run again when a copied file changes.

use super::{Action, ActionKind, Cursor, line_end};
use crate::instructions::{Copy, Instruction, Kind};
use crate::text::TextRange;
use bstr::ByteSlice;

/// Offered when nothing between could change what is copied where; whether the `RUN` needs the files only the person
/// knows.
pub(super) fn offer(cursor: &Cursor<'_>, out: &mut Vec<Action>) {
    let Some(instruction) = cursor.instruction() else {
        return;
    };
    let (Kind::Copy(copy) | Kind::Add(copy)) = &instruction.kind else {
        return;
    };
    let start = instruction.range.start;
    let behind = cursor
        .file
        .instructions()
        .skip_while(|i| i.range.start <= start);
    for next in behind {
        if matches!(next.kind, Kind::Run(_)) {
            let title = format!("move below `{}`", shown(next));
            let edits = edits(cursor, instruction.range, next.range);
            out.push(Action::new(ActionKind::Move, title, edits));
            return;
        }
        if !may_pass(copy, instruction, next) {
            return;
        }
    }
}

/// The first words of an instruction.
fn shown(instruction: &Instruction) -> String {
    let text = instruction.original.to_str_lossy();
    let words: Vec<&str> = text.split_whitespace().take(4).collect();
    words.join(" ").chars().take(40).collect()
}

/// Tells whether a copy means the same above and below an instruction.
fn may_pass(copy: &Copy, instruction: &Instruction, next: &Instruction) -> bool {
    let has_variables = instruction.original.contains(&b'$');
    let relative = !copy.dest.text.starts_with(b"/");
    match next.kind {
        // What is copied last wins.
        Kind::From(_) | Kind::Copy(_) | Kind::Add(_) => false,
        Kind::Arg(_) | Kind::Env(_) => !has_variables,
        Kind::Workdir(_) => !relative,
        Kind::Label(_)
        | Kind::Run(_)
        | Kind::Cmd(_)
        | Kind::Entrypoint(_)
        | Kind::Expose(_)
        | Kind::User(_)
        | Kind::Volume(_)
        | Kind::StopSignal(_)
        | Kind::Shell(_)
        | Kind::Healthcheck(_)
        | Kind::Onbuild(_)
        | Kind::Maintainer(_) => true,
    }
}

/// Moves the lines of an instruction, with the comments that stand on it, behind those of another.
fn edits(cursor: &Cursor<'_>, from: TextRange, below: TextRange) -> Vec<(TextRange, String)> {
    let file = cursor.file;
    let lines = file.lines_with_comments(from);
    let target = file.whole_lines(below).end;
    let mut text = file.text(lines).to_str_lossy().into_owned();
    if !file.text(TextRange::new(0, target)).ends_with(b"\n") {
        text = format!("{}{}", line_end(file), text.trim_end());
    }
    vec![
        (lines, String::new()),
        (TextRange::new(target, target), text),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_not};

    #[test]
    fn lines_and_comments_move() {
        check(
            "move below `RUN b`",
            "FROM a\n\n# the code\nCOPY . ‸/src \nUSER x\nRUN b\nRUN c\n",
            "FROM a\n\nUSER x\nRUN b\n# the code\nCOPY . /src \nRUN c\n",
        );
        check(
            "move below",
            "FROM a\nCOPY a ‸b\nRUN c",
            "FROM a\nRUN c\nCOPY a b",
        );
    }

    #[test]
    fn not_past_what_changes_it() {
        for between in ["WORKDIR /x", "COPY c d", "FROM e"] {
            check_not(
                "move below",
                &format!("FROM a\nCOPY a ‸b\n{between}\nRUN c\n"),
            );
        }
        check_not("move below", "FROM a\nCOPY $a ‸/b\nENV a=b\nRUN c\n");
        check_not("move below", "FROM a\nCOPY a ‸/b\n");
    }
}
