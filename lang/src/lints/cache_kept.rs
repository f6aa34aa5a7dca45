//! Downloads that stay in a layer because no command of the step cleans up: a rule for each package manager.

use super::runs::{Ran, append_command, cleans, has_scratch_mount, name_range, steps};
use super::stages::KeptStages;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::Snippet;
use crate::shell::packages::{self, Manager};

/// What the rules have in common.
const EACH: Lint = Lint {
    level: Level::Info,
    hadolint: Level::Warning,
    fixable: true,
    ..Lint::OWN
};

pub(super) const DNF: Lint = Lint {
    name: "DnfCacheKept",
    aliases: &["DL3040"],
    description: "dnf leaves no package cache in the layer",
    docs: include_str!("../../docs/lints/dnf-cache-kept.md"),
    run: Run::File(|subject, out| {
        check(&DNF, &packages::DNF, "dnf clean all", subject, out);
        check(
            &DNF,
            &packages::MICRODNF,
            "microdnf clean all",
            subject,
            out,
        );
    }),
    ..EACH
};

pub(super) const YARN: Lint = Lint {
    name: "YarnCacheKept",
    aliases: &["DL3060"],
    description: "yarn leaves no cache in the layer",
    docs: include_str!("../../docs/lints/yarn-cache-kept.md"),
    level: Level::Off,
    hadolint: Level::Info,
    run: Run::File(|subject, out| check(&YARN, &packages::YARN, "yarn cache clean", subject, out)),
    ..EACH
};

pub(super) const YUM: Lint = Lint {
    name: "YumCacheKept",
    aliases: &["DL3032"],
    description: "yum leaves no package cache in the layer",
    docs: include_str!("../../docs/lints/yum-cache-kept.md"),
    run: Run::File(|subject, out| check(&YUM, &packages::YUM, "yum clean all", subject, out)),
    ..EACH
};

pub(super) const ZYPPER: Lint = Lint {
    name: "ZypperCacheKept",
    aliases: &["DL3036"],
    description: "zypper leaves no package cache in the layer",
    docs: include_str!("../../docs/lints/zypper-cache-kept.md"),
    run: Run::File(|subject, out| check(&ZYPPER, &packages::ZYPPER, "zypper clean", subject, out)),
    ..EACH
};

/// Finds the last download of each step that nothing cleans up behind, where the layer ends up in an image.
fn check(
    lint: &'static Lint,
    manager: &'static Manager,
    clean: &str,
    subject: &Subject<'_>,
    out: &mut Vec<Finding>,
) {
    let mut kept = None;
    let cleaners = cleaners(&manager, subject);
    for step in steps(subject) {
        let Some(left) = left_uncleaned(step, manager, cleaners) else {
            continue;
        };
        let command = left.command;
        let snippet = step[0].snippet;
        let kept = kept.get_or_insert_with(|| KeptStages::of(subject));
        // hadolint looks at the stage for yarn only.
        let counts = kept.has(snippet) || (subject.config.hadolint && lint.name != YARN.name);
        if !counts || is_mounted(manager, subject, snippet) {
            continue;
        }
        let message = format!(
            "what {} downloaded stays in the layer, end with `{clean}`",
            command.program()
        );
        let finding = Finding::in_script(lint, subject, left.snippet, name_range(command), message);
        out.push(match append_command(subject, snippet, clean) {
            Some(edit) => finding.with_fix(format!("add `{clean}`"), vec![edit]),
            None => finding,
        });
    }
}

/// The last command of a step that downloads and is followed by none that cleans up.
fn left_uncleaned<'s>(
    step: &'s [Ran<'s>],
    manager: &'static Manager,
    cleaners: &[&'static Manager],
) -> Option<&'s Ran<'s>> {
    let mut left = None;
    for ran in step {
        if ran.call(&[manager]).is_some_and(|call| call.fetches()) {
            left = Some(ran);
        } else if left.is_some() && cleans(ran, cleaners) {
            left = None;
        }
    }
    left
}

/// The managers that clean up for one: all of RPM share their caches, which hadolint does not know.
fn cleaners<'m>(manager: &'m &'static Manager, subject: &Subject<'_>) -> &'m [&'static Manager] {
    const RPM: &[&Manager] = &[&packages::DNF, &packages::MICRODNF, &packages::YUM];
    let is_rpm = RPM.iter().any(|one| std::ptr::eq(*one, *manager));
    if is_rpm && !subject.config.hadolint {
        RPM
    } else {
        std::slice::from_ref(manager)
    }
}

fn is_mounted(manager: &Manager, subject: &Subject<'_>, snippet: &Snippet) -> bool {
    let mut places = manager.mounts.iter();
    places.any(|at| has_scratch_mount(subject, snippet, at))
}
