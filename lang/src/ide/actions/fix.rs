//! Fixes of findings: one, all of a rule, all.

use super::{Action, ActionKind, Cursor};
use crate::diagnostic::{Diagnostic, merged};

pub(super) fn offer(cursor: &Cursor<'_>, out: &mut Vec<Action>) {
    let found = cursor.request.diagnostics;
    for (index, diagnostic) in cursor.findings() {
        let Some(fix) = &diagnostic.fix else {
            continue;
        };
        out.push(Action {
            diagnostic: Some(index),
            preferred: true,
            ..Action::new(ActionKind::QuickFix, &fix.title, fix.edits.clone())
        });
        offer_all_of(diagnostic.code, found, out);
    }
    let all: Vec<_> = found.iter().filter_map(Diagnostic::sure_fix).collect();
    if !all.is_empty() {
        out.push(Action::new(
            ActionKind::FixAll,
            "fix all that can be fixed",
            merged(all),
        ));
    }
}

/// Mends every finding of a rule, when there are several.
fn offer_all_of(code: &str, found: &[Diagnostic], out: &mut Vec<Action>) {
    let same = found.iter().filter(|d| d.code == code);
    let fixes: Vec<_> = same.filter_map(|d| d.fix.as_ref()).collect();
    let title = format!("fix all {} of {code}", fixes.len());
    if fixes.len() > 1 && !out.iter().any(|action| action.title == title) {
        out.push(Action::new(ActionKind::QuickFix, title, merged(fixes)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, check_not};

    const FILE: &str = "FROM a as‸ b\nFROM b as c\nworkdir /x\n";

    #[test]
    fn one_all_of_a_rule_and_all() {
        check("write `AS`", FILE, "FROM a AS b\nFROM b as c\nworkdir /x\n");
        check(
            "fix all 2 of FromAsCasing",
            FILE,
            "FROM a AS b\nFROM b AS c\nworkdir /x\n",
        );
        check(
            "fix all that can be fixed",
            FILE,
            "FROM a AS b\nFROM b AS c\nWORKDIR /x\n",
        );
        check_not("fix all that can be fixed", "FROM a‸\n");
    }
}
