//! What is wrong with one Dockerfile, and making it right.

use crate::build::context::ignore::IgnoreFile;
use crate::engine::host_platform;
use crate::settings::{BuildDefaults, FailOn, Settings};
use crate::shellcheck::ShellCheck;
use cooperage_lang::diagnostic::{Diagnostic, Fix, Severity, merged};
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
use std::collections::{HashMap, HashSet};
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
    let heard = shellcheck.map_or_else(Vec::new, |shellcheck| {
        shellcheck.ask(file, &settings.lint, &|| true);
        shellcheck.known(file, &settings.lint)
    });
    findings(file, plan, &settings.lint, heard)
}

/// Everything there is to say about a file: what planning found, what others know of it (`advice`: a forecast's, that of
/// ShellCheck), what the rules find, as the settings want it. An error of the build is always among it.
pub fn findings(
    file: &File,
    mut plan: Plan,
    settings: &lints::Config,
    advice: impl IntoIterator<Item = Diagnostic>,
) -> Vec<Diagnostic> {
    plan.diagnostics.extend(advice);
    let mut found = lints::report(file, &plan.diagnostics, settings);
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
        range: range.unwrap_or_default(),
        lines: error.at.clone(),
        ..unplaced(error.message.clone())
    })
}

/// What a build would stop at, at no place of the text.
pub fn unplaced(message: String) -> Diagnostic {
    Diagnostic {
        code: "build",
        severity: Severity::Error,
        range: TextRange::default(),
        lines: Vec::new(),
        message,
        fix: None,
    }
}

/// Times that fixes are made, checked and made again.
const ROUNDS: usize = 50;

/// Makes fixes until there is none to make, or until they lead back to a text that was there before. A fix that would
/// leave an error that was not there is not made.
pub fn mend(
    source: Vec<u8>,
    check: impl Fn(&File) -> Vec<Diagnostic>,
) -> (File, Vec<Diagnostic>, Vec<Fixed>) {
    let mut seen = HashSet::from([source.clone()]);
    let file = File::new(source);
    let findings = check(&file);
    let mut state = Mended {
        file,
        findings,
        fixed: Vec::new(),
    };
    for _ in 0..ROUNDS {
        let Some(next) = state.round(&check) else {
            break;
        };
        if !seen.insert(next.file.source().to_vec()) {
            break;
        }
        state.fixed.extend(next.fixed);
        (state.file, state.findings) = (next.file, next.findings);
    }
    (state.file, state.findings, state.fixed)
}

/// A text after fixes, what is wrong with it still, and what was done.
struct Mended {
    file: File,
    findings: Vec<Diagnostic>,
    fixed: Vec<Fixed>,
}

impl Mended {
    /// The text after all fixes that can be made together; `None` when there is none.
    fn round(&self, check: impl Fn(&File) -> Vec<Diagnostic>) -> Option<Self> {
        let fixes: Vec<&Fix> = self
            .findings
            .iter()
            .filter_map(Diagnostic::sure_fix)
            .collect();
        let all = self.after(&fixes, &check)?;
        if !self.has_new_error(&all) {
            return Some(all);
        }
        // One of them is bad: each is made beside the good ones in front of it.
        let (mut good, mut made) = (Vec::new(), None);
        for fix in fixes {
            good.push(fix);
            match self.after(&good, &check) {
                Some(next) if !self.has_new_error(&next) => made = Some(next),
                _ => {
                    good.pop();
                }
            }
        }
        made
    }

    /// The text after these fixes; `None` when they change nothing.
    fn after(&self, fixes: &[&Fix], check: impl Fn(&File) -> Vec<Diagnostic>) -> Option<Self> {
        let edits = merged(fixes.iter().copied());
        let next = text::apply(self.file.source(), &edits);
        if next == self.file.source() {
            return None;
        }
        let file = File::new(next);
        let done = |finding| done(finding, &edits, &self.file);
        Some(Self {
            findings: check(&file),
            fixed: self.findings.iter().filter_map(done).collect(),
            file,
        })
    }

    /// Tells whether a text has an error that this one has not, or one of them more often.
    fn has_new_error(&self, next: &Self) -> bool {
        let mut known = errors(&self.findings);
        errors(&next.findings)
            .into_iter()
            .any(|(error, count)| known.remove(&error).is_none_or(|before| count > before))
    }
}

/// The errors, each with how often it was found. Their numbers are left out: those of lines change with every fix.
fn errors(found: &[Diagnostic]) -> HashMap<(&'static str, String), usize> {
    let mut errors = HashMap::new();
    for error in found.iter().filter(|f| f.severity == Severity::Error) {
        let words = error.message.replace(|c: char| c.is_ascii_digit(), "");
        *errors.entry((error.code, words)).or_default() += 1;
    }
    errors
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A finding at each place of a word, fixed by another word; an error without one.
    fn found(file: &File, rules: &[(&'static str, Option<&str>)]) -> Vec<Diagnostic> {
        let source = String::from_utf8_lossy(file.source()).into_owned();
        let of_rule = |(word, fix): &(&'static str, Option<&str>)| {
            let (word, fix) = (*word, fix.map(str::to_owned));
            let places: Vec<_> = source
                .match_indices(word)
                .map(|(at, _)| at as u32)
                .collect();
            places.into_iter().map(move |at| {
                let range = TextRange::new(at, at + word.len() as u32);
                let (title, severity) = match fix {
                    Some(_) => (format!("mend {word}"), Severity::Warning),
                    None => (String::new(), Severity::Error),
                };
                Diagnostic {
                    code: word,
                    severity,
                    range,
                    lines: Vec::new(),
                    message: format!("{word} at {at}"),
                    fix: fix.clone().map(|text| Fix {
                        title,
                        edits: vec![(range, text)],
                    }),
                }
            })
        };
        let mut all: Vec<_> = rules.iter().flat_map(of_rule).collect();
        all.sort_by_key(|finding| finding.range.start);
        all
    }

    fn mended(source: &str, rules: &[(&'static str, Option<&str>)]) -> (String, Vec<String>) {
        let (file, _, fixed) = mend(source.into(), |file| found(file, rules));
        let text = String::from_utf8(file.into_source()).unwrap();
        (text, fixed.into_iter().map(|fixed| fixed.title).collect())
    }

    #[test]
    fn fixes_that_undo_each_other_end() {
        let rules = [("on", Some("off")), ("off", Some("on"))];
        let (text, fixed) = mended("# on\n", &rules);
        assert_eq!((text.as_str(), fixed.len()), ("# off\n", 1));
    }

    #[test]
    fn a_fix_that_makes_an_error_is_left_out_and_the_others_are_made() {
        let rules = [
            ("bad", Some("wrong")),
            ("wrong", None),
            ("one", Some("two")),
            ("two", Some("three")),
        ];
        let (text, fixed) = mended("# one bad one\n", &rules);
        assert_eq!(text, "# three bad three\n");
        assert_eq!(fixed, ["mend one", "mend one", "mend two", "mend two"]);
    }

    #[test]
    fn another_error_in_place_of_one_is_new() {
        let rules = [("bad", Some("wrong")), ("bad", None), ("wrong", None)];
        assert_eq!(mended("# bad\n", &rules).0, "# bad\n");
        // One that only moves is not.
        let rules = [("one", Some("fifteen")), ("wrong", None)];
        assert_eq!(mended("# one wrong\n", &rules).0, "# fifteen wrong\n");
    }
}
