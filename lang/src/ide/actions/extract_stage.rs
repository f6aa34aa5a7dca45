//! A stage becomes two, the second built on the first; the same is built, and others can build on the first as well.
//!
//! Steps stay cached, unless the environment has another order in the second stage: below an `ARG`, or where a variable
//! of the image was set anew. Then they run once more.

use super::{Action, ActionKind, Cursor, line_end};
use crate::instructions::{From, Instruction, Kind, Stage};
use crate::text::TextRange;
use bstr::ByteSlice;

/// Offered below the first instruction of a stage.
pub(super) fn offer(cursor: &Cursor<'_>, out: &mut Vec<Action>) {
    let Some(instruction) = cursor.instruction() else {
        return;
    };
    let stages = &cursor.file.dockerfile().stages;
    let is_here = |i: &Instruction| i.range.start == instruction.range.start;
    let place = stages.iter().enumerate().find_map(|(index, stage)| {
        let line = stage.instructions.iter().position(is_here)?;
        Some((index, stage, line))
    });
    let Some((index, stage, line)) = place.filter(|(_, _, line)| *line > 0) else {
        return;
    };
    let Kind::From(from) = &stage.from.kind else {
        return;
    };
    if !is_same_in_two(stage, line) {
        return;
    }
    let name = name(cursor, from);
    let mut edits = vec![
        named(from, &name),
        second_from(cursor, from, &name, instruction),
    ];
    edits.extend(later_indices(cursor, index));
    edits.sort_by_key(|(range, _)| range.start);
    let title = format!("begin a stage here, on `{name}`");
    out.push(Action::new(ActionKind::Extract, title, edits));
}

/// A trigger would run for the second stage, and an `ENTRYPOINT` there would forget the `CMD` of the first.
fn is_same_in_two(stage: &Stage, line: usize) -> bool {
    let (above, below) = stage.instructions.split_at(line);
    let has_cmd = above.iter().any(|i| matches!(i.kind, Kind::Cmd(_)));
    let trigger = above.iter().any(|i| matches!(i.kind, Kind::Onbuild(_)));
    let entrypoint = below.iter().any(|i| matches!(i.kind, Kind::Entrypoint(_)));
    let forgets = has_cmd && entrypoint;
    !trigger && !forgets
}

/// A name that no stage has, and no image that is asked for.
fn name(cursor: &Cursor<'_>, from: &From) -> String {
    let taken = |name: &str| {
        cursor.file.instructions().any(|i| match &i.kind {
            Kind::From(from) => {
                from.base.text == name || from.name.as_ref().is_some_and(|n| n.text == name)
            }
            Kind::Copy(copy) => copy.from.as_ref().is_some_and(|from| from.text == name),
            Kind::Run(run) => {
                let from = format!("from={name}");
                run.mounts
                    .iter()
                    .any(|mount| mount.text.contains_str(&from))
            }
            _ => false,
        })
    };
    let first = match &from.name {
        Some(name) => format!("{}-base", name.text),
        None => "base".to_owned(),
    };
    let more = (2..).map(|number| format!("{first}-{number}"));
    std::iter::once(first.clone())
        .chain(more)
        .find(|name| !taken(name))
        .unwrap_or(first)
}

fn named(from: &From, name: &str) -> (TextRange, String) {
    if let Some(old) = &from.name {
        return (old.range, name.to_owned());
    }
    let end = from.base.range.end;
    (TextRange::new(end, end), format!(" AS {name}"))
}

fn second_from(
    cursor: &Cursor<'_>,
    from: &From,
    name: &str,
    instruction: &Instruction,
) -> (TextRange, String) {
    let file = cursor.file;
    let start = file.lines_with_comments(instruction.range).start;
    let end = line_end(file);
    let own_name = from
        .name_as_written
        .as_ref()
        .map_or_else(String::new, |n| format!(" AS {n}"));
    let after_empty = file
        .text(TextRange::new(0, start))
        .ends_with(format!("{end}{end}").as_bytes());
    let before = if after_empty { "" } else { end };
    let text = format!("{before}FROM {name}{own_name}{end}");
    (TextRange::new(start, start), text)
}

/// The stages behind have other numbers now.
fn later_indices(cursor: &Cursor<'_>, index: usize) -> Vec<(TextRange, String)> {
    let copies = cursor.file.instructions().filter_map(|i| match &i.kind {
        Kind::Copy(copy) => copy.from.as_ref(),
        _ => None,
    });
    copies
        .filter_map(|word| {
            let number: usize = word.text.to_str().ok()?.parse().ok()?;
            (number >= index).then(|| (word.range, (number + 1).to_string()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check_not, check_same_build};

    #[test]
    fn two_stages_build_the_same() {
        check_same_build(
            "begin a stage here, on `base`",
            "FROM a\nENV X=1\nSHELL [\"/bin/bash\", \"-c\"]\nWORKDIR /x\nRUN b\n# why\nRUN ‸c\nCMD d\n",
            "FROM a AS base\nENV X=1\nSHELL [\"/bin/bash\", \"-c\"]\nWORKDIR /x\nRUN b\n\nFROM base\n# why\nRUN c\nCMD d\n",
        );
        check_same_build(
            "begin a stage here, on `b-base`",
            "FROM a as B\nRUN x\n\nRUN ‸y\nFROM c\nCOPY --from=0 /p /\nCOPY --from=b /q /\n",
            "FROM a as b-base\nRUN x\n\nFROM b-base AS B\nRUN y\nFROM c\nCOPY --from=1 /p /\nCOPY --from=b /q /\n",
        );
    }

    #[test]
    fn not_where_the_halves_would_differ() {
        check_not("begin a stage", "FROM a\nRUN ‸b\n");
        check_not("begin a stage", "FROM a\nCMD b\nRUN ‸c\nENTRYPOINT d\n");
        check_not("begin a stage", "FROM a\nONBUILD RUN b\nRUN ‸c\n");
    }
}
