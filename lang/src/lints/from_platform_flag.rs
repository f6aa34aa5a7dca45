//! No fixed `--platform`.

use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::Kind;
use crate::text::TextRange;
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "FromPlatformFlag",
    aliases: &["DL3029"],
    description: "FROM --platform should follow the build, not fix a platform",
    docs: include_str!("../../docs/lints/from-platform-flag.md"),
    hadolint: Level::Warning,
    fixable: true,
    twin: Some("FromPlatformFlagConstDisallowed"),
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at `--platform` flags that do not depend on the platform of the build or of its target.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for line in &subject.lines {
        let Kind::From(from) = &line.instruction.kind else {
            continue;
        };
        let Some(platform) = &from.platform else {
            continue;
        };
        let follows = |name: &str| platform.text.contains_str(name);
        if follows("BUILDPLATFORM") || follows("TARGETPLATFORM") {
            continue;
        }
        let flags = &line.instruction.flags;
        let flag = flags
            .iter()
            .find(|flag| flag.text.starts_with(b"--platform"));
        let start = flag.map_or(platform.range.start, |flag| flag.range.start);
        let message = format!(
            "`{}` is built whatever platform is asked for; leave it to --platform of the build",
            platform.to_str_lossy()
        );
        let edit = (TextRange::new(start, from.base.range.start), String::new());
        found.push(
            Finding::new(&LINT, line.instruction, platform.range, message)
                .with_fix("remove the flag", vec![edit]),
        );
    }
}
