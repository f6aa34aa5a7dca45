//! The check rules: what each looks for, its words, and how `# check=` switches them.
//!
//! A rule's file holds its row of [`LINTS`] and a function that looks at exactly what the rule is about and returns
//! findings. Planning calls these functions where the official front end raises the warning, because many rules
//! need what only planning knows (the environment at a line, the base image, which stages are looked at).

pub mod options;

mod consistent_instruction_casing;
mod copy_ignored_file;
mod duplicate_stage_name;
mod expose_invalid_format;
mod expose_proto_casing;
mod from_as_casing;
mod from_platform_flag_const_disallowed;
mod invalid_base_image_platform;
mod invalid_default_arg_in_from;
mod invalid_definition_description;
mod json_args_recommended;
mod legacy_key_value_format;
mod maintainer_deprecated;
mod multiple_instructions_disallowed;
mod no_empty_continuation;
mod redundant_target_platform;
mod reserved_stage_name;
mod secrets_used_in_arg_or_env;
mod stage_name_casing;
mod undefined_arg_in_from;
mod undefined_var;
mod workdir_relative_path;

pub(crate) use consistent_instruction_casing::check as consistent_instruction_casing;
pub(crate) use copy_ignored_file::check as copy_ignored_file;
pub(crate) use duplicate_stage_name::check as duplicate_stage_name;
pub(crate) use expose_invalid_format::check as expose_invalid_format;
pub(crate) use expose_proto_casing::check as expose_proto_casing;
pub(crate) use from_as_casing::check as from_as_casing;
pub(crate) use from_platform_flag_const_disallowed::check as from_platform_flag_const_disallowed;
pub(crate) use invalid_base_image_platform::check as invalid_base_image_platform;
pub(crate) use invalid_default_arg_in_from::check as invalid_default_arg_in_from;
pub(crate) use invalid_definition_description::check as invalid_definition_description;
pub(crate) use json_args_recommended::check as json_args_recommended;
pub(crate) use legacy_key_value_format::check as legacy_key_value_format;
pub(crate) use maintainer_deprecated::check as maintainer_deprecated;
pub(crate) use multiple_instructions_disallowed::check as multiple_instructions_disallowed;
pub(crate) use redundant_target_platform::check as redundant_target_platform;
pub(crate) use reserved_stage_name::check as reserved_stage_name;
pub(crate) use secrets_used_in_arg_or_env::check as secrets_used_in_arg_or_env;
pub use secrets_used_in_arg_or_env::is_secret_name;
pub(crate) use stage_name_casing::check as stage_name_casing;
pub(crate) use undefined_arg_in_from::check as undefined_arg_in_from;
pub(crate) use undefined_var::check as undefined_var;
pub(crate) use workdir_relative_path::check as workdir_relative_path;

use crate::diagnostic::{Diagnostic, Fix, Severity};
use crate::instructions::Instruction;
use crate::text::{LineSpan, TextRange};

/// A check rule.
#[derive(Clone, Copy, Debug)]
pub struct Lint {
    /// Name, as in `# check=skip=…`; the code of its diagnostics.
    pub name: &'static str,
    /// One sentence; the official description.
    pub description: &'static str,
    /// Page of the official documentation; empty when there is none.
    pub url: &'static str,
    /// Documentation in Markdown, with a bad and a good example.
    pub docs: &'static str,
    /// How much a finding matters unless told otherwise.
    pub severity: Severity,
    /// Runs only when `experimental=` names it.
    pub experimental: bool,
}

/// All check rules by name.
///
/// **Source:** BuildKit `frontend/dockerfile/linter/ruleset.go`.
pub const LINTS: &[Lint] = &[
    consistent_instruction_casing::LINT,
    copy_ignored_file::LINT,
    duplicate_stage_name::LINT,
    expose_invalid_format::LINT,
    expose_proto_casing::LINT,
    from_as_casing::LINT,
    from_platform_flag_const_disallowed::LINT,
    invalid_base_image_platform::LINT,
    invalid_default_arg_in_from::LINT,
    invalid_definition_description::LINT,
    json_args_recommended::LINT,
    legacy_key_value_format::LINT,
    maintainer_deprecated::LINT,
    multiple_instructions_disallowed::LINT,
    no_empty_continuation::LINT,
    redundant_target_platform::LINT,
    reserved_stage_name::LINT,
    secrets_used_in_arg_or_env::LINT,
    stage_name_casing::LINT,
    undefined_arg_in_from::LINT,
    undefined_var::LINT,
    workdir_relative_path::LINT,
];

/// The rule called `name`, in exact case.
pub fn find(name: &str) -> Option<&'static Lint> {
    LINTS.iter().find(|lint| lint.name == name)
}

/// What a rule found, before `# check=` has its say.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) lint: Lint,
    pub(crate) range: TextRange,
    /// Lines the official front end reports.
    pub(crate) lines: LineSpan,
    pub(crate) message: String,
    pub(crate) fix: Option<Fix>,
}

impl Finding {
    /// A finding at `range` of an instruction, without fix.
    fn new(lint: Lint, instruction: &Instruction, range: TextRange, message: String) -> Self {
        Self {
            lint,
            range,
            lines: instruction.lines,
            message,
            fix: None,
        }
    }

    /// Takes over what was found while instructions were read; `None` when that is no finding of a rule.
    pub(crate) fn adopt(found: &Diagnostic) -> Option<Self> {
        Some(Self {
            lint: *find(found.code)?,
            range: found.range,
            lines: found.lines.first().copied().unwrap_or_default(),
            message: found.message.clone(),
            fix: found.fix.clone(),
        })
    }

    fn with_fix(mut self, title: impl Into<String>, edits: Vec<(TextRange, String)>) -> Self {
        self.fix = Some(Fix {
            title: title.into(),
            edits,
        });
        self
    }

    pub(crate) fn into_diagnostic(self) -> Diagnostic {
        Diagnostic {
            code: self.lint.name,
            severity: self.lint.severity,
            range: self.range,
            lines: vec![self.lines],
            message: self.message,
            fix: self.fix,
        }
    }
}

/// ` (did you mean …?)` for a near miss, or nothing.
fn did_you_mean(near: Option<&str>, sigil: &str) -> String {
    near.map(|near| format!(" (did you mean {sigil}{near}?)"))
        .unwrap_or_default()
}

/// Where `name` stands behind `$` or `${` in a word whose text is the same as the source it was read from.
fn reference_to(name: &str, word: &crate::text::Word) -> Option<TextRange> {
    if word.text.len() != word.range.len() as usize {
        return None;
    }
    let text: &[u8] = &word.text;
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80;
    let found = text.windows(name.len()).enumerate().find(|(at, window)| {
        let before = &text[..*at];
        *window == name.as_bytes()
            && (before.ends_with(b"$") || before.ends_with(b"${"))
            && !text.get(at + name.len()).copied().is_some_and(is_name)
    })?;
    let start = word.range.start + found.0 as u32;
    Some(TextRange::new(start, start + name.len() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ignore::Patterns;
    use crate::model::platform::Platform;
    use crate::model::reference::Reference;
    use crate::plan::PlanOptions;
    use crate::plan::config::ImageConfig;
    use crate::plan::lower::plan;
    use crate::world::{Known, World};
    use std::sync::Arc;

    #[test]
    fn rules_are_sorted_documented_and_linked() {
        assert_eq!(LINTS.len(), 22);
        assert!(LINTS.windows(2).all(|w| w[0].name < w[1].name));
        for lint in LINTS {
            assert!(
                lint.docs.starts_with(&format!("# {}\n", lint.name)),
                "{}",
                lint.name
            );
            for part in ["## Bad", "## Good"] {
                assert!(lint.docs.contains(part), "{}: no {part}", lint.name);
            }
            assert!(
                lint.url.is_empty() || lint.url.ends_with(&format!("/rule/{}/", kebab(lint.name)))
            );
        }
    }

    /// Every image is for amd64, `*.env` is ignored.
    struct Examples;

    impl World for Examples {
        fn image(&self, _: &Reference, _: &Platform) -> Known<Arc<ImageConfig>> {
            Known::Yes(Arc::new(ImageConfig::default()))
        }

        fn layout_image(&self, _: &str, _: &Platform) -> Known<Arc<ImageConfig>> {
            Known::Unknown
        }

        fn image_platform(&self, _: &Reference, _: &Platform) -> Option<Platform> {
            Some(Platform::new("linux", "amd64", ""))
        }

        fn ignore_patterns(&self) -> Option<Arc<Patterns>> {
            Patterns::new(&["*.env"]).ok().map(Arc::new)
        }
    }

    fn findings(source: &str, lint: &Lint) -> Vec<Diagnostic> {
        let source = format!("# check=experimental=all\n{source}");
        let linux = Platform::new("linux", "amd64", "");
        let options = PlanOptions {
            build_platform: linux,
            all_stages: true,
            ..PlanOptions::default()
        };
        let plan = plan(
            &crate::instructions::parse(source.as_bytes()),
            &options,
            &Examples,
        );
        let found = plan.diagnostics.into_iter().filter(|d| d.code == lint.name);
        // Ranges count without the directive above.
        let head = (source.len() - source.split_once('\n').unwrap().1.len()) as u32;
        let moved = found.map(|mut found| {
            for (range, _) in found.fix.iter_mut().flat_map(|f| &mut f.edits) {
                *range = TextRange::new(range.start - head, range.end - head);
            }
            found
        });
        moved.collect()
    }

    fn example<'d>(lint: &'d Lint, heading: &str) -> &'d str {
        let section = lint.docs.split_once(heading).unwrap().1;
        section
            .split_once("```dockerfile\n")
            .unwrap()
            .1
            .split_once("```")
            .unwrap()
            .0
    }

    #[test]
    fn bad_examples_are_found_and_good_ones_are_not() {
        for lint in LINTS {
            assert!(
                !findings(example(lint, "## Bad"), lint).is_empty(),
                "{}",
                lint.name
            );
            assert!(
                findings(example(lint, "## Good"), lint).is_empty(),
                "{}",
                lint.name
            );
        }
    }

    #[test]
    fn fixes_leave_nothing_to_find() {
        let mut fixed = 0;
        for lint in LINTS {
            let mut source = example(lint, "## Bad").to_owned();
            let found = findings(&source, lint);
            let Some(fix) = found.into_iter().next_back().and_then(|d| d.fix) else {
                continue;
            };
            for (range, text) in fix.edits.iter().rev() {
                source.replace_range(range.start as usize..range.end as usize, text);
            }
            assert!(
                findings(&source, lint).is_empty(),
                "{}: {source}",
                lint.name
            );
            fixed += 1;
        }
        assert!(fixed >= 12, "{fixed}");
    }

    #[test]
    fn names_are_found_where_they_are_used() {
        let word = crate::text::Word::new("$VERSION-${VER}", TextRange::new(5, 20));
        assert_eq!(reference_to("VER", &word), Some(TextRange::new(16, 19)));
        assert_eq!(reference_to("X", &word), None);
    }

    fn kebab(name: &str) -> String {
        let mut out = String::new();
        let mut previous_upper = true;
        for (i, c) in name.char_indices() {
            let next_lower = name[i + 1..].starts_with(char::is_lowercase);
            if c.is_uppercase() && i > 0 && (!previous_upper || next_lower) {
                out.push('-');
            }
            previous_upper = c.is_uppercase();
            out.extend(c.to_lowercase());
        }
        out
    }
}
