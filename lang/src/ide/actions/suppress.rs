//! Comments that silence a finding, here or in the whole file.

use super::{Action, ActionKind, Cursor};
use crate::lints;
use crate::lints::pragma::{Reach, suppress};

pub(super) fn offer(cursor: &Cursor<'_>, out: &mut Vec<Action>) {
    for (index, found) in cursor.findings() {
        if lints::find(found.code).is_none() {
            continue;
        }
        for reach in [Reach::Instruction, Reach::File] {
            let fix = suppress(cursor.file, found.code, found.range.start, reach);
            out.extend(fix.map(|fix| Action {
                diagnostic: Some(index),
                ..Action::new(ActionKind::QuickFix, fix.title, fix.edits)
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_not};

    #[test]
    fn here_and_in_the_file() {
        let file = "FROM a\nWORKDIR b‸\n";
        check(
            "silence WorkdirRelativePath here",
            file,
            "FROM a\n# check=skip=WorkdirRelativePath\nWORKDIR b\n",
        );
        check(
            "silence WorkdirRelativePath in this file",
            file,
            "# check=skip=WorkdirRelativePath\nFROM a\nWORKDIR b\n",
        );
        check_not("silence", "FROM a\nWORKDI b‸\n");
    }
}
