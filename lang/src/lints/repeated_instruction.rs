//! Instructions of which only the last of a stage counts: a rule for each.

use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::Kind;

/// What the rules have in common.
const EACH: Lint = Lint {
    hadolint: Level::Error,
    fixable: true,
    twin: Some("MultipleInstructionsDisallowed"),
    ..Lint::OWN
};

pub(super) const CMD: Lint = Lint {
    name: "MultipleCmds",
    aliases: &["DL4003"],
    description: "A stage should have one CMD",
    docs: include_str!("../../docs/lints/multiple-cmds.md"),
    hadolint: Level::Warning,
    run: Run::File(|subject, out| {
        check(&CMD, |kind| matches!(kind, Kind::Cmd(_)), subject, out);
    }),
    ..EACH
};

pub(super) const ENTRYPOINT: Lint = Lint {
    name: "MultipleEntrypoints",
    aliases: &["DL4004"],
    description: "A stage should have one ENTRYPOINT",
    docs: include_str!("../../docs/lints/multiple-entrypoints.md"),
    run: Run::File(|subject, out| {
        check(
            &ENTRYPOINT,
            |kind| matches!(kind, Kind::Entrypoint(_)),
            subject,
            out,
        );
    }),
    ..EACH
};

pub(super) const HEALTHCHECK: Lint = Lint {
    name: "MultipleHealthchecks",
    aliases: &["DL3012"],
    description: "A stage should have one HEALTHCHECK",
    docs: include_str!("../../docs/lints/multiple-healthchecks.md"),
    run: Run::File(|subject, out| {
        check(
            &HEALTHCHECK,
            |kind| matches!(kind, Kind::Healthcheck(_)),
            subject,
            out,
        );
    }),
    ..EACH
};

/// Looks at every instruction of a kind behind the first of its stage.
fn check(
    lint: &'static Lint,
    is_kind: fn(&Kind) -> bool,
    subject: &Subject<'_>,
    found: &mut Vec<Finding>,
) {
    found.extend(subject.repeated(is_kind).map(|(earlier, later)| {
        let keyword = later.keyword.to_str_lossy().to_ascii_uppercase();
        let message = format!("only the last {keyword} of a stage counts; remove the one above");
        let edit = (subject.whole_lines(earlier), String::new());
        Finding::new(lint, later, later.keyword.range, message)
            .with_fix(format!("remove the {keyword} without effect"), vec![edit])
            .with_twin_at(earlier)
    }));
}
