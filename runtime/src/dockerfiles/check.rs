//! What is wrong with one Dockerfile, and making it right.

use crate::build::context::ignore::IgnoreFile;
use crate::engine::host_platform;
use crate::settings::{BuildDefaults, FailOn, Settings};
use crate::shellcheck::ShellCheck;
use cooperage_lang::diagnostic::{Diagnostic, Severity, merged};
use cooperage_lang::ide::File;
use cooperage_lang::lints;
use cooperage_lang::model::ignore::Patterns;
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::Reference;
use cooperage_lang::plan::config::ImageConfig;
use cooperage_lang::plan::lower::plan;
use cooperage_lang::plan::{Plan, PlanOptions};
use cooperage_lang::text::{self, TextRange};
use cooperage_lang::world::{Known, World};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A Dockerfile that was looked at.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its name as it is shown.
    pub name: String,
    /// Its text; with `fixed`, the one that was made.
    pub source: Vec<u8>,
    /// The text as it was, when fixes were made.
    pub before: Option<Vec<u8>>,
    /// What is wrong with `source`, in the order it is written.
    pub findings: Vec<Diagnostic>,
    /// What was wrong with `before` and is mended.
    pub fixed: Vec<Fixed>,
    /// What makes the check fail.
    pub fail_on: FailOn,
}

/// A finding that was mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// The rule.
    pub code: &'static str,
    /// What was done.
    pub title: String,
    /// Where, 1-based, in the text as it was just before.
    pub line: u32,
}

impl Checked {
    /// Tells whether a finding is grave enough to fail.
    pub fn fails(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| self.fail_on.fails(finding.severity))
    }
}

/// The platform of the image that a name means on this machine, where that is known.
pub type LocalPlatform<'a> = &'a (dyn Fn(&Reference) -> Option<Platform> + Sync);

/// Says what is wrong with a text, by the language's own rules and by those of the settings. The same text gives the same
/// answer on every machine, but for base images that are here for another platform than the build's: no other image is
/// looked up. `path` is the file's, for its ignore file. ShellCheck is asked when it is given.
pub fn check(
    file: &File,
    path: Option<&Path>,
    settings: &Settings,
    platform: LocalPlatform<'_>,
    shellcheck: Option<&ShellCheck>,
) -> Vec<Diagnostic> {
    let world = TextWorld {
        path,
        build: &settings.build,
        platform,
    };
    let plan = plan(file.dockerfile(), &plan_options(settings), &world);
    let mut planned = plan.diagnostics.clone();
    if let Some(shellcheck) = shellcheck {
        shellcheck.ask(file, &settings.lint, &|| true);
        planned.extend(shellcheck.known(file, &settings.lint));
    }
    let mut found = lints::report(file, &planned, &settings.lint);
    found.extend(unplaced_error(file, &plan, &found));
    found
}

fn plan_options(settings: &Settings) -> PlanOptions {
    let build = &settings.build;
    let here = host_platform();
    let target_platform = build.platform.as_deref();
    PlanOptions {
        build_args: build.args.iter().cloned().collect(),
        contexts: build.contexts.iter().cloned().collect(),
        target_platform: target_platform.and_then(|text| Platform::parse(text, &here).ok()),
        build_platform: here,
        all_stages: true,
        experimental: settings.lint.experimental(),
        ..PlanOptions::default()
    }
}

/// What a build would stop at, when no finding says so yet.
fn unplaced_error(file: &File, plan: &Plan, found: &[Diagnostic]) -> Option<Diagnostic> {
    let error = plan.official_error.as_ref()?;
    if found
        .iter()
        .any(|finding| finding.severity == Severity::Error)
    {
        return None;
    }
    let range = error
        .at
        .first()
        .map(|lines| file.lines().span_range(*lines));
    Some(Diagnostic {
        code: "build",
        severity: Severity::Error,
        range: range.unwrap_or_default(),
        lines: error.at.clone(),
        message: error.message.clone(),
        fix: None,
    })
}

/// Times that fixes are made, checked and made again.
const ROUNDS: usize = 50;

/// Makes fixes until there is none to make. A round that would leave a text with an error that was not there before is
/// not made.
pub fn mend(
    source: Vec<u8>,
    check: impl Fn(&File) -> Vec<Diagnostic>,
) -> (File, Vec<Diagnostic>, Vec<Fixed>) {
    let mut file = File::new(source);
    let mut findings = check(&file);
    let mut fixed = Vec::new();
    for _ in 0..ROUNDS {
        let edits = merged(findings.iter().filter_map(|finding| finding.fix.as_ref()));
        let next = File::new(text::apply(file.source(), &edits));
        if next.source() == file.source() {
            break;
        }
        let left = check(&next);
        if errors(&left) > errors(&findings) {
            break;
        }
        fixed.extend(
            findings
                .iter()
                .filter_map(|finding| done(finding, &edits, &file)),
        );
        (file, findings) = (next, left);
    }
    (file, findings, fixed)
}

fn errors(found: &[Diagnostic]) -> usize {
    let severities = found.iter().map(|finding| finding.severity);
    severities
        .filter(|severity| *severity == Severity::Error)
        .count()
}

/// What was done about a finding whose fix is among the edits that were made.
fn done(finding: &Diagnostic, edits: &[(TextRange, String)], file: &File) -> Option<Fixed> {
    let fix = finding.fix.as_ref()?;
    let made = !fix.edits.is_empty()
        && fix
            .edits
            .iter()
            .all(|edit| edits.binary_search(edit).is_ok());
    made.then(|| Fixed {
        code: finding.code,
        title: fix.title.clone(),
        line: file.lines().line_column(finding.range.start).0 + 1,
    })
}

/// Knows what lies beside a Dockerfile, and no image.
struct TextWorld<'a> {
    path: Option<&'a Path>,
    build: &'a BuildDefaults,
    platform: LocalPlatform<'a>,
}

impl World for TextWorld<'_> {
    fn image(&self, _: &Reference, _: &Platform) -> Known<Arc<ImageConfig>> {
        Known::Unknown
    }

    fn layout_image(&self, _: &str, _: &Platform) -> Known<Arc<ImageConfig>> {
        Known::Unknown
    }

    fn image_platform(&self, reference: &Reference, _: &Platform) -> Option<Platform> {
        (self.platform)(reference)
    }

    fn ignore_patterns(&self) -> Option<Arc<Patterns>> {
        let beside = self.path.and_then(Path::parent).map(PathBuf::from);
        let context = self.build.context.clone().or(beside)?;
        // One that cannot be read is the build's to tell.
        let file = IgnoreFile::find(&context, self.path).ok()?;
        (!file.patterns().is_empty()).then(|| Arc::new(file.patterns().clone()))
    }
}
