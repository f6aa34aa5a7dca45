//! The check rules: what each looks for, its words, and how `# check=` switches them.
//!
//! A rule's file holds its row of [`LINTS`] and a function that looks at exactly what the rule is about. Those of the
//! official front end are called by planning ([`Run::Plan`]) where the original raises the warning, because many need
//! what only planning knows (the environment at a line, the base image, which stages are looked at). The others look
//! at a [`Subject`] ([`Run::File`]). [`report`] joins both, and applies levels ([`Config`]) and comments ([`Pragmas`]).

pub mod config;
pub mod fix;
pub mod options;
pub mod pragma;
pub mod subject;

mod absolute_workdir;
mod apk_cache_kept;
mod apk_version_unpinned;
mod apt_for_apt_get;
mod apt_lists_kept;
mod apt_recommends_installed;
mod apt_version_unpinned;
mod apt_yes_missing;
mod archive_copied_then_extracted;
mod assignment_spelling;
mod base_shell;
mod bashism;
mod cd_for_workdir;
mod cd_unchecked;
mod consecutive_runs;
mod consistent_instruction_casing;
mod constant_test;
mod context_litter;
mod copy_destination_folder;
mod copy_from_own_stage;
mod copy_from_undefined_stage;
mod copy_ignored_file;
mod copy_instead_of_add;
mod copy_whole_filesystem;
mod directive_casing;
mod dnf_cache_kept;
mod dnf_version_unpinned;
mod dnf_yes_missing;
mod duplicate_stage_name;
mod echo_escapes;
mod exec_form;
mod exit_status_tested;
mod export_masks_failure;
mod expose_invalid_format;
mod expose_proto_casing;
mod file_read_and_written;
mod flag_as_command;
mod forbidden_trigger;
mod from_as_casing;
mod from_platform_flag;
mod from_platform_flag_const_disallowed;
mod gem_version_unpinned;
mod go_version_unpinned;
mod healthcheck_missing;
mod host_command_in_run;
mod image_name;
mod inline_ignore_comment;
mod instruction_order;
mod invalid_base_image_platform;
mod invalid_default_arg_in_from;
mod invalid_definition_description;
mod json_args_recommended;
mod json_in_single_quotes;
mod label_email;
mod label_empty;
mod label_hash;
mod label_key_format;
mod label_license;
mod label_missing;
mod label_superfluous;
mod label_time;
mod label_url;
mod label_version;
mod labels;
mod last_user_root;
mod latest_tag;
mod legacy_key_value_format;
mod maintainer_deprecated;
mod multiple_cmds;
mod multiple_entrypoints;
mod multiple_healthchecks;
mod multiple_instructions_disallowed;
mod no_empty_continuation;
mod npm_version_unpinned;
mod numeric_user;
#[cfg(test)]
mod page;
mod pip_cache_kept;
mod pip_version_unpinned;
mod pipe_into_non_reader;
mod pipefail_missing;
mod port_out_of_range;
mod redirection_order;
mod redirection_to_number;
mod redundant_target_platform;
mod relative_copy_destination;
mod reserved_stage_name;
mod rm_variable_path;
mod runs;
mod secrets_used_in_arg_or_env;
mod self_reference_in_env;
mod sensitive_name;
mod shell_relinked;
mod shell_syntax;
mod stage_name_casing;
mod stages;
mod stale_step;
mod step_order;
mod sudo_in_run;
mod system_folder_removed;
mod test_spacing;
mod trusted_registry;
mod undefined_arg_in_from;
mod undefined_var;
mod untagged_image;
mod useless_cat;
mod useradd_high_uid;
mod variable_unassigned;
mod variables;
mod wget_and_curl;
mod wget_progress_bar;
mod word_splitting;
mod workdir_relative_path;
mod yarn_cache_kept;
mod yum_cache_kept;
mod yum_version_unpinned;
mod yum_yes_missing;
mod zypper_cache_kept;
mod zypper_dist_upgrade;
mod zypper_version_unpinned;
mod zypper_yes_missing;

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

pub use config::{Config, Level};
pub use pragma::Pragmas;
pub use subject::Subject;

use crate::diagnostic::{Diagnostic, Fix, Severity};
use crate::ide::File;
use crate::instructions::Instruction;
use crate::text::{LineSpan, TextRange};
use std::collections::{HashMap, HashSet};

/// A check rule.
#[derive(Clone, Copy, Debug)]
pub struct Lint {
    /// Name, as in `# check=skip=…`; the code of its diagnostics.
    pub name: &'static str,
    /// What other linters call it (`DL3007`, `SC2086`); understood wherever the name is.
    pub aliases: &'static [&'static str],
    /// One sentence; the official description where there is one.
    pub description: &'static str,
    /// Page of the official documentation; empty when there is none.
    pub url: &'static str,
    /// Documentation in Markdown, with a bad and a good example.
    pub docs: &'static str,
    /// How much a finding matters unless told otherwise.
    pub level: Level,
    /// How much it matters where hadolint's set is switched on; `Off` when it is not in the set, or off there too.
    pub hadolint: Level,
    /// Runs only when `experimental=` names it.
    pub experimental: bool,
    /// Findings come with a fix where it is mechanical.
    pub fixable: bool,
    /// Name of the rule that says nearly the same in another set. Who silences one silences both, and of two findings
    /// at one instruction that of the official rule is shown.
    pub twin: Option<&'static str>,
    /// How it comes to its findings.
    pub run: Run,
}

/// How a rule comes to its findings.
#[derive(Clone, Copy, Debug)]
pub enum Run {
    /// Planning raises it, since it needs what only planning knows. So it is with all checks of the official front end.
    Plan,
    /// It looks at a file by itself.
    File(fn(&Subject<'_>, &mut Vec<Finding>)),
    /// The runtime raises it, from what the next build will do.
    Forecast,
}

impl Lint {
    /// What the checks of the official front end have in common.
    const OFFICIAL: Self = Self {
        name: "",
        aliases: &[],
        description: "",
        url: "",
        docs: "",
        level: Level::Warning,
        hadolint: Level::Off,
        experimental: false,
        fixable: false,
        twin: None,
        run: Run::Plan,
    };

    /// What our own rules have in common: off unless asked for.
    const OWN: Self = Self {
        level: Level::Off,
        ..Self::OFFICIAL
    };

    /// A finding of this rule, at its default level; [`report`] gives it the configured one.
    pub fn diagnostic(&self, range: TextRange, lines: LineSpan, message: String) -> Diagnostic {
        Diagnostic {
            code: self.name,
            severity: self.level.severity().unwrap_or(Severity::Hint),
            range,
            lines: vec![lines],
            message,
            fix: None,
        }
    }

    /// Tells whether it is one of the checks of the official front end.
    pub fn is_official(&self) -> bool {
        matches!(self.run, Run::Plan)
    }

    /// Tells whether `name` is the rule's name or one of its aliases, in any case.
    pub fn is_called(&self, name: &str) -> bool {
        self.names().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// The same for the rule or its twin.
    pub(crate) fn or_twin_is_called(&self, name: &str) -> bool {
        self.is_called(name)
            || self
                .twin
                .and_then(find)
                .is_some_and(|twin| twin.is_called(name))
    }

    /// The name, then the aliases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

/// All check rules by name.
///
/// **Source:** BuildKit `frontend/dockerfile/linter/ruleset.go`; the rules of hadolint 2.15 by what its documentation
/// says of them, and by what the program does.
pub const LINTS: &[Lint] = &[
    absolute_workdir::LINT,
    apk_cache_kept::LINT,
    apk_version_unpinned::LINT,
    apt_for_apt_get::LINT,
    apt_lists_kept::LINT,
    apt_recommends_installed::LINT,
    apt_version_unpinned::LINT,
    apt_yes_missing::LINT,
    archive_copied_then_extracted::LINT,
    assignment_spelling::LINT,
    bashism::LINT,
    cd_for_workdir::LINT,
    cd_unchecked::LINT,
    consecutive_runs::LINT,
    consistent_instruction_casing::LINT,
    constant_test::LINT,
    context_litter::LINT,
    copy_destination_folder::LINT,
    copy_from_own_stage::LINT,
    copy_from_undefined_stage::LINT,
    copy_ignored_file::LINT,
    copy_instead_of_add::LINT,
    copy_whole_filesystem::LINT,
    directive_casing::LINT,
    dnf_cache_kept::LINT,
    dnf_version_unpinned::LINT,
    dnf_yes_missing::LINT,
    duplicate_stage_name::LINT,
    echo_escapes::LINT,
    exec_form::LINT,
    exit_status_tested::LINT,
    export_masks_failure::LINT,
    expose_invalid_format::LINT,
    expose_proto_casing::LINT,
    file_read_and_written::LINT,
    flag_as_command::LINT,
    forbidden_trigger::LINT,
    from_as_casing::LINT,
    from_platform_flag::LINT,
    from_platform_flag_const_disallowed::LINT,
    gem_version_unpinned::LINT,
    go_version_unpinned::LINT,
    healthcheck_missing::LINT,
    host_command_in_run::LINT,
    inline_ignore_comment::LINT,
    instruction_order::LINT,
    invalid_base_image_platform::LINT,
    invalid_default_arg_in_from::LINT,
    invalid_definition_description::LINT,
    json_args_recommended::LINT,
    json_in_single_quotes::LINT,
    label_email::LINT,
    label_empty::LINT,
    label_hash::LINT,
    label_key_format::LINT,
    label_license::LINT,
    label_missing::LINT,
    label_superfluous::LINT,
    label_time::LINT,
    label_url::LINT,
    label_version::LINT,
    last_user_root::LINT,
    latest_tag::LINT,
    legacy_key_value_format::LINT,
    maintainer_deprecated::LINT,
    multiple_cmds::LINT,
    multiple_entrypoints::LINT,
    multiple_healthchecks::LINT,
    multiple_instructions_disallowed::LINT,
    no_empty_continuation::LINT,
    npm_version_unpinned::LINT,
    numeric_user::LINT,
    pip_cache_kept::LINT,
    pip_version_unpinned::LINT,
    pipe_into_non_reader::LINT,
    pipefail_missing::LINT,
    port_out_of_range::LINT,
    redirection_order::LINT,
    redirection_to_number::LINT,
    redundant_target_platform::LINT,
    relative_copy_destination::LINT,
    reserved_stage_name::LINT,
    rm_variable_path::LINT,
    secrets_used_in_arg_or_env::LINT,
    self_reference_in_env::LINT,
    sensitive_name::LINT,
    shell_relinked::LINT,
    shell_syntax::LINT,
    stage_name_casing::LINT,
    stale_step::LINT,
    step_order::LINT,
    sudo_in_run::LINT,
    system_folder_removed::LINT,
    test_spacing::LINT,
    trusted_registry::LINT,
    undefined_arg_in_from::LINT,
    undefined_var::LINT,
    untagged_image::LINT,
    useless_cat::LINT,
    useradd_high_uid::LINT,
    variable_unassigned::LINT,
    wget_and_curl::LINT,
    wget_progress_bar::LINT,
    word_splitting::LINT,
    workdir_relative_path::LINT,
    yarn_cache_kept::LINT,
    yum_cache_kept::LINT,
    yum_version_unpinned::LINT,
    yum_yes_missing::LINT,
    zypper_cache_kept::LINT,
    zypper_dist_upgrade::LINT,
    zypper_version_unpinned::LINT,
    zypper_yes_missing::LINT,
];

/// The rules that the runtime raises.
pub mod of_the_forecast {
    pub const CONTEXT_LITTER: super::Lint = super::context_litter::LINT;
    pub const STALE_STEP: super::Lint = super::stale_step::LINT;
    pub const STEP_ORDER: super::Lint = super::step_order::LINT;
}

/// The rule with exactly that name.
pub fn find(name: &str) -> Option<&'static Lint> {
    LINTS.iter().find(|lint| lint.name == name)
}

/// The rule with that name or alias, in any case.
pub fn find_called(name: &str) -> Option<&'static Lint> {
    LINTS.iter().find(|lint| lint.is_called(name))
}

/// What the rules that look at a file by themselves find, at the levels of `config`, in source order.
pub fn check(file: &File, config: &Config) -> Vec<Diagnostic> {
    report(file, &[], config)
}

/// All that is to be shown of a file: what planning and the forecast found (`planned`, errors included) and what the
/// other rules find, at the levels of `config`, without what a pragma silences, in source order.
pub fn report(file: &File, planned: &[Diagnostic], config: &Config) -> Vec<Diagnostic> {
    let subject = Subject::new(file, config);
    let mut findings = Vec::new();
    for lint in LINTS {
        if let Run::File(run) = lint.run
            && config.level(lint) != Level::Off
        {
            run(&subject, &mut findings);
        }
    }
    let own = findings.into_iter().map(Finding::into_diagnostic);
    let mut shown: Vec<Diagnostic> = planned
        .iter()
        .cloned()
        .chain(own)
        .filter_map(|found| at_its_level(found, &subject.pragmas, config))
        .collect();
    drop_doubles(&mut shown);
    shown.sort_by_key(|found| (found.range.start, found.range.end));
    shown
}

/// Leaves of twins that found something at the same line the official one, at the stricter of the two levels.
fn drop_doubles(shown: &mut Vec<Diagnostic>) {
    let line = |found: &Diagnostic| found.lines.first().map_or(0, |lines| lines.start);
    let mut own: HashMap<(&str, u32), Severity> = HashMap::new();
    for found in shown.iter() {
        if let Some(Lint {
            run: Run::File(_),
            twin: Some(twin),
            ..
        }) = find(found.code)
        {
            own.insert((twin, line(found)), found.severity);
        }
    }
    if own.is_empty() {
        return;
    }
    let mut doubled = HashSet::new();
    for found in shown.iter_mut() {
        let place = (found.code, line(found));
        if let Some(severity) = own.get(&place) {
            found.severity = found.severity.min(*severity);
            doubled.insert(place);
        }
    }
    shown.retain(|found| {
        let twin = find(found.code).and_then(|lint| lint.twin);
        twin.is_none_or(|twin| !doubled.contains(&(twin, line(found))))
    });
}

/// The finding as `config` and the pragmas have it; an error of the language stays what it is.
fn at_its_level(mut found: Diagnostic, pragmas: &Pragmas, config: &Config) -> Option<Diagnostic> {
    let Some(lint) = find(found.code) else {
        return Some(found).filter(|error| !pragmas.silence_errors(error.range.start));
    };
    found.severity = config.level(lint).severity()?;
    Some(found).filter(|found| !pragmas.silence(lint, found))
}

/// What a rule found, before pragmas and levels have their say.
#[derive(Clone, Debug)]
pub struct Finding {
    pub(crate) lint: &'static Lint,
    pub(crate) range: TextRange,
    /// Lines the official front end reports.
    pub(crate) lines: LineSpan,
    pub(crate) message: String,
    pub(crate) fix: Option<Fix>,
}

impl Finding {
    /// A finding at `range` of an instruction, without fix.
    pub(crate) fn new(
        lint: &'static Lint,
        instruction: &Instruction,
        range: TextRange,
        message: impl Into<String>,
    ) -> Self {
        Self {
            lint,
            range,
            lines: instruction.lines,
            message: message.into(),
            fix: None,
        }
    }

    /// Takes over what was found while instructions were read; `None` when that is no finding of a rule.
    pub(crate) fn adopt(found: &Diagnostic) -> Option<Self> {
        Some(Self {
            lint: find(found.code)?,
            range: found.range,
            lines: found.lines.first().copied().unwrap_or_default(),
            message: found.message.clone(),
            fix: found.fix.clone(),
        })
    }

    pub(crate) fn with_fix(
        mut self,
        title: impl Into<String>,
        edits: Vec<(TextRange, String)>,
    ) -> Self {
        self.fix = Some(Fix {
            title: title.into(),
            edits,
        });
        self
    }

    pub(crate) fn into_diagnostic(self) -> Diagnostic {
        Diagnostic {
            fix: self.fix,
            ..self.lint.diagnostic(self.range, self.lines, self.message)
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
    use super::config::LabelKind;
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
    fn rules_are_sorted_and_named_once() {
        assert_eq!(LINTS.iter().filter(|lint| lint.is_official()).count(), 22);
        assert!(LINTS.windows(2).all(|w| w[0].name < w[1].name));
        let mut seen = HashSet::new();
        for name in LINTS.iter().flat_map(Lint::names) {
            assert!(seen.insert(name.to_ascii_lowercase()), "{name} twice");
        }
    }

    #[test]
    fn rules_are_documented_and_linked() {
        for lint in LINTS {
            let name = lint.name;
            assert!(lint.docs.starts_with(&format!("# {name}\n")), "{name}");
            for part in ["## Bad", "## Good"] {
                assert!(lint.docs.contains(part), "{name}: no {part}");
            }
            let page = format!("/rule/{}/", kebab(name));
            assert!(lint.url.is_empty() || lint.url.ends_with(&page), "{name}");
            let full_stop = lint.description.ends_with('.') && !lint.is_official();
            assert!(!lint.description.is_empty() && !full_stop, "{name}");
        }
    }

    #[test]
    fn what_is_in_hadolints_set_has_its_number() {
        for lint in LINTS.iter().filter(|lint| lint.hadolint != Level::Off) {
            let numbered = |name: &&str| name.starts_with("DL") || name.starts_with("SC");
            assert!(lint.aliases.iter().any(numbered), "{}", lint.name);
        }
    }

    #[test]
    fn of_twins_the_official_one_is_shown_and_silenced() {
        for (head, want) in [
            ("", "JSONArgsRecommended"),
            ("# hadolint global ignore=DL3025\n", ""),
        ] {
            let source = format!("{head}FROM a\nCMD a\n");
            let file = File::new(source.clone().into_bytes());
            let config = Config::default().with_level("ExecForm", Level::Warning);
            let found = report(&file, &planned(&source), &config);
            let codes: Vec<_> = found.iter().map(|d| d.code).collect();
            assert_eq!(codes.join(" "), want);
        }
        for lint in LINTS {
            let back = lint.twin.map(|twin| find(twin).unwrap().twin);
            assert!(
                back.is_none_or(|back| back == Some(lint.name)),
                "{}",
                lint.name
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

    /// The project of the examples: each says in its page which setting it needs.
    fn example_config(lint: &Lint) -> Config {
        let schema = [
            ("title", LabelKind::Text),
            ("created", LabelKind::Rfc3339),
            ("version", LabelKind::Semver),
            ("source", LabelKind::Url),
            ("revision", LabelKind::Hash),
            ("licenses", LabelKind::Spdx),
            ("contact", LabelKind::Email),
        ];
        let config = Config {
            trusted_registries: vec!["registry.example.com".to_owned()],
            label_schema: schema.map(|(name, kind)| (name.to_owned(), kind)).into(),
            strict_labels: true,
            ..Config::default()
        };
        config.with_level(lint.name, Level::Warning)
    }

    fn planned(source: &str) -> Vec<Diagnostic> {
        let options = PlanOptions {
            build_platform: Platform::new("linux", "amd64", ""),
            all_stages: true,
            ..PlanOptions::default()
        };
        let file = crate::instructions::parse(source.as_bytes());
        plan(&file, &options, &Examples).diagnostics
    }

    fn findings(source: &str, lint: &Lint) -> Vec<Diagnostic> {
        if let Run::File(_) = lint.run {
            let file = File::new(source.as_bytes().to_vec());
            let found = check(&file, &example_config(lint)).into_iter();
            return found.filter(|d| d.code == lint.name).collect();
        }
        let source = format!("# check=experimental=all\n{source}");
        let found = planned(&source).into_iter().filter(|d| d.code == lint.name);
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
        for lint in LINTS
            .iter()
            .filter(|lint| !matches!(lint.run, Run::Forecast))
        {
            let bad = findings(example(lint, "## Bad"), lint);
            assert!(!bad.is_empty(), "{}", lint.name);
            let good = findings(example(lint, "## Good"), lint);
            assert!(good.is_empty(), "{}: {good:?}", lint.name);
        }
    }

    #[test]
    fn each_fix_mends_a_finding() {
        for lint in LINTS {
            let mut source = example(lint, "## Bad").to_owned();
            let mut found = findings(&source, lint);
            let fixable = found.iter().any(|d| d.fix.is_some());
            assert_eq!(fixable, lint.fixable, "{}", lint.name);
            // The last first, so that places above stay what they are.
            while let Some(fix) = found.iter().rev().find_map(|d| d.fix.clone()) {
                for (range, text) in fix.edits.iter().rev() {
                    source.replace_range(range.start as usize..range.end as usize, text);
                }
                let left = findings(&source, lint);
                assert!(left.len() < found.len(), "{}: {source}", lint.name);
                found = left;
            }
        }
    }

    #[test]
    fn rules_stand_any_text() {
        let all = LINTS.iter().fold(Config::default(), |config, lint| {
            config.with_level(lint.name, Level::Warning)
        });
        for text in [
            &b""[..],
            b"\xff\xfe\0",
            b"FROM \xff AS \xff\nCOPY --from=\xff \xff \xff\nENV \xff=$\xff\nLABEL \xff=\xff",
            b"ONBUILD ONBUILD RUN\nONBUILD COPY a\nFROM\nUSER :\nWORKDIR \"\nENV \"",
        ] {
            check(&File::new(text.to_vec()), &all);
        }
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
