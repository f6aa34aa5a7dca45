//! Installations that wait for an answer which nobody gives: a rule for each package manager.

use super::runs::{calls, insert_behind, name_range};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::packages::{self, Call, Manager};

/// What the rules have in common.
const EACH: Lint = Lint {
    level: Level::Warning,
    hadolint: Level::Warning,
    fixable: true,
    ..Lint::OWN
};

pub(super) const APT: Lint = Lint {
    name: "AptYesMissing",
    aliases: &["DL3014"],
    description: "apt-get install is told not to ask",
    docs: include_str!("../../docs/lints/apt-yes-missing.md"),
    run: Run::File(|subject, out| {
        // hadolint looks at the one only.
        let managers: &[&Manager] = if subject.config.hadolint {
            &[&packages::APT_GET]
        } else {
            &[&packages::APT_GET, &packages::APT]
        };
        check(&APT, managers, subject, out);
    }),
    ..EACH
};

pub(super) const DNF: Lint = Lint {
    name: "DnfYesMissing",
    aliases: &["DL3038"],
    description: "dnf install is told not to ask",
    docs: include_str!("../../docs/lints/dnf-yes-missing.md"),
    run: Run::File(|subject, out| {
        // microdnf goes on by itself; hadolint holds it for the other.
        let managers: &[&Manager] = if subject.config.hadolint {
            &[&packages::DNF, &packages::MICRODNF]
        } else {
            &[&packages::DNF]
        };
        check(&DNF, managers, subject, out);
    }),
    ..EACH
};

pub(super) const YUM: Lint = Lint {
    name: "YumYesMissing",
    aliases: &["DL3030"],
    description: "yum install is told not to ask",
    docs: include_str!("../../docs/lints/yum-yes-missing.md"),
    run: Run::File(|subject, out| check(&YUM, &[&packages::YUM], subject, out)),
    ..EACH
};

pub(super) const ZYPPER: Lint = Lint {
    name: "ZypperYesMissing",
    aliases: &["DL3034"],
    description: "zypper is told not to ask",
    docs: include_str!("../../docs/lints/zypper-yes-missing.md"),
    run: Run::File(|subject, out| check(&ZYPPER, &[&packages::ZYPPER], subject, out)),
    ..EACH
};

fn check(
    lint: &'static Lint,
    managers: &[&'static Manager],
    subject: &Subject<'_>,
    out: &mut Vec<Finding>,
) {
    // What comes through a pipe is the answer.
    let is_first = |call: &Call<'_>| call.command.place.position == 0;
    for (snippet, call) in calls(subject, managers).filter(|(_, call)| is_first(call)) {
        let Some(verb) = call.asks() else {
            continue;
        };
        let program = call.command.program();
        let message = format!("`{program} {}` asks before it goes on, add `-y`", verb.text);
        let range = name_range(call.command).cover(verb.range);
        let finding = Finding::in_script(lint, subject, snippet, range, message);
        out.push(finding.with_fix("add `-y`", vec![insert_behind(snippet, verb, "-y")]));
    }
}
