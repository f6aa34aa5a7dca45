//! The last `USER` is not root.

use super::subject::is_root;
use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::Kind;

pub(super) const LINT: Lint = Lint {
    name: "LastUserRoot",
    aliases: &["DL3002"],
    description: "The last user of a stage should not be root",
    docs: include_str!("../../docs/lints/last-user-root.md"),
    hadolint: Level::Warning,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at the last `USER` of every stage.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for stage in subject.stages().filter(|stage| stage[0].stage > 0) {
        let users = stage.iter().rev().map(|line| line.instruction);
        let last = users.filter_map(|instruction| match &instruction.kind {
            Kind::User(user) => Some((instruction, user)),
            _ => None,
        });
        if let Some((instruction, user)) = last.take(1).find(|(_, user)| is_root(&user.text)) {
            let message = "the container runs as root; end with a USER that has fewer rights";
            found.push(Finding::new(&LINT, instruction, user.range, message));
        }
    }
}
