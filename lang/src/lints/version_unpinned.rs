//! Packages that are installed at whatever version there is: a rule for each package manager.

use super::runs::calls;
use super::variables::Variables;
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::Word;
use crate::shell::packages::{self, Manager};
use bstr::BStr;

/// What the rules have in common.
const EACH: Lint = Lint {
    hadolint: Level::Warning,
    ..Lint::OWN
};

pub(super) const APK: Lint = Lint {
    name: "ApkVersionUnpinned",
    aliases: &["DL3018"],
    description: "Packages that apk adds have a version",
    docs: include_str!("../../docs/lints/apk-version-unpinned.md"),
    run: Run::File(|subject, out| check(&APK, &[&packages::APK], subject, out)),
    ..EACH
};

pub(super) const APT: Lint = Lint {
    name: "AptVersionUnpinned",
    aliases: &["DL3008"],
    description: "Packages that apt-get installs have a version",
    docs: include_str!("../../docs/lints/apt-version-unpinned.md"),
    run: Run::File(|subject, out| check(&APT, &[&packages::APT_GET], subject, out)),
    ..EACH
};

pub(super) const DNF: Lint = Lint {
    name: "DnfVersionUnpinned",
    aliases: &["DL3041"],
    description: "Packages that dnf installs have a version",
    docs: include_str!("../../docs/lints/dnf-version-unpinned.md"),
    run: Run::File(|subject, out| {
        check(&DNF, &[&packages::DNF, &packages::MICRODNF], subject, out);
    }),
    ..EACH
};

pub(super) const GEM: Lint = Lint {
    name: "GemVersionUnpinned",
    aliases: &["DL3028"],
    description: "Gems that gem installs have a version",
    docs: include_str!("../../docs/lints/gem-version-unpinned.md"),
    run: Run::File(|subject, out| check(&GEM, &[&packages::GEM], subject, out)),
    ..EACH
};

pub(super) const GO: Lint = Lint {
    name: "GoVersionUnpinned",
    aliases: &["DL3062"],
    description: "Programs that go fetches have a version",
    docs: include_str!("../../docs/lints/go-version-unpinned.md"),
    run: Run::File(|subject, out| check(&GO, &[&packages::GO], subject, out)),
    ..EACH
};

pub(super) const NPM: Lint = Lint {
    name: "NpmVersionUnpinned",
    aliases: &["DL3016"],
    description: "Packages that npm installs by name have a version",
    docs: include_str!("../../docs/lints/npm-version-unpinned.md"),
    run: Run::File(|subject, out| check(&NPM, &[&packages::NPM], subject, out)),
    ..EACH
};

pub(super) const PIP: Lint = Lint {
    name: "PipVersionUnpinned",
    aliases: &["DL3013"],
    description: "Packages that pip installs have a version",
    docs: include_str!("../../docs/lints/pip-version-unpinned.md"),
    run: Run::File(|subject, out| {
        check(&PIP, &[&packages::PIP, &packages::PIPX], subject, out);
    }),
    ..EACH
};

pub(super) const YUM: Lint = Lint {
    name: "YumVersionUnpinned",
    aliases: &["DL3033"],
    description: "Packages that yum installs have a version",
    docs: include_str!("../../docs/lints/yum-version-unpinned.md"),
    run: Run::File(|subject, out| check(&YUM, &[&packages::YUM], subject, out)),
    ..EACH
};

pub(super) const ZYPPER: Lint = Lint {
    name: "ZypperVersionUnpinned",
    aliases: &["DL3037"],
    description: "Packages that zypper installs have a version",
    docs: include_str!("../../docs/lints/zypper-version-unpinned.md"),
    run: Run::File(|subject, out| check(&ZYPPER, &[&packages::ZYPPER], subject, out)),
    ..EACH
};

/// One finding for a command, at the first package without a version.
fn check(
    lint: &'static Lint,
    managers: &[&'static Manager],
    subject: &Subject<'_>,
    out: &mut Vec<Finding>,
) {
    let mut variables = None;
    for (snippet, call) in calls(subject, managers) {
        let variables = variables.get_or_insert_with(|| Variables::of(subject));
        let is_declared = |name: &BStr| variables.is_declared_above(name, subject, snippet);
        let words = call.unpinned(&is_declared);
        let Some(first) = words.first() else {
            continue;
        };
        let form = call.manager.pin.form;
        let message = format!("no version for {}, pin it as `{form}`", list(&words));
        out.push(Finding::in_script(
            lint,
            subject,
            snippet,
            first.range,
            message,
        ));
    }
}

/// `a`, `b`, `c` and 2 more.
fn list(words: &[&Word]) -> String {
    const SHOWN: usize = 3;
    let shown = words
        .iter()
        .take(SHOWN)
        .map(|word| format!("`{}`", word.text));
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if words.len() > SHOWN {
        text.push_str(&format!(" and {} more", words.len() - SHOWN));
    }
    text
}
