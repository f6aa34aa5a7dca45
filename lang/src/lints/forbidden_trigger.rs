//! `ONBUILD` cannot hold everything.

use super::{Finding, Level, Lint, Run, Subject};
use crate::syntax::Keyword;

pub(super) const LINT: Lint = Lint {
    name: "ForbiddenTrigger",
    aliases: &["DL3043"],
    description: "ONBUILD, FROM and MAINTAINER cannot stand behind ONBUILD",
    docs: include_str!("../../docs/lints/forbidden-trigger.md"),
    hadolint: Level::Error,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at the keyword behind `ONBUILD`, also of lines that are no instruction for that very reason.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let parse = subject.file.parse();
    for node in parse.nodes() {
        let Some(trigger) = parse.sub(node) else {
            continue;
        };
        let Some(keyword @ (Keyword::Onbuild | Keyword::From | Keyword::Maintainer)) =
            trigger.known
        else {
            continue;
        };
        found.push(Finding::at(
            &LINT,
            node.lines,
            trigger.keyword.range,
            format!(
                "{} cannot wait for the next build; remove the line",
                keyword.upper()
            ),
        ));
    }
}
