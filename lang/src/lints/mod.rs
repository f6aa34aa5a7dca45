//! The check rules: what each looks for, its words, and how `# check=` switches them.
//!
//! A rule's file holds its row of [`LINTS`] and a function that looks at exactly what the rule is about. Those of the
//! official front end are called by planning ([`Run::Plan`]) where the original raises the warning, because many need
//! what only planning knows (the environment at a line, the base image, which stages are looked at). The others look
//! at a [`Subject`] ([`Run::File`]). [`report`] joins both, and applies levels ([`Config`]) and comments ([`Pragmas`]).

pub mod config;
pub mod of_the_forecast;
pub mod options;
pub mod pragma;
pub mod shellcheck;
pub mod subject;

mod absolute_workdir;
mod apk_cache_kept;
mod apt_for_apt_get;
mod apt_lists_kept;
mod apt_recommends_installed;
mod archive_copied_then_extracted;
mod assignment_spelling;
mod base_shell;
mod bashism;
mod cache_kept;
mod cd_for_workdir;
mod cd_unchecked;
mod consecutive_runs;
mod consistent_instruction_casing;
mod constant_test;
mod copy_destination_folder;
mod copy_from_own_stage;
mod copy_from_undefined_stage;
mod copy_ignored_file;
mod copy_instead_of_add;
mod copy_whole_filesystem;
mod directive_casing;
mod duplicate_stage_name;
mod echo_escapes;
mod exec_form;
mod exit_status_tested;
mod export_masks_failure;
mod expose_invalid_format;
mod expose_proto_casing;
mod file_read_and_written;
mod finding;
mod flag_as_command;
mod forbidden_trigger;
mod from_as_casing;
mod from_platform_flag;
mod from_platform_flag_const_disallowed;
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
mod label_empty;
mod label_key_format;
mod label_missing;
mod label_superfluous;
mod label_value;
mod labels;
mod last_user_root;
mod latest_tag;
mod legacy_key_value_format;
mod maintainer_deprecated;
mod multiple_instructions_disallowed;
mod no_empty_continuation;
mod numeric_user;
#[cfg(test)]
mod page;
mod pip_cache_kept;
mod pipe_into_non_reader;
mod pipefail_missing;
mod port_out_of_range;
#[cfg(test)]
mod quiet;
mod redirection_order;
mod redirection_to_number;
mod redundant_target_platform;
mod relative_copy_destination;
mod repeated_instruction;
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
mod sudo_in_run;
mod system_folder_removed;
mod test_spacing;
#[cfg(test)]
mod tests;
mod trusted_registry;
mod undefined_arg_in_from;
mod undefined_var;
mod untagged_image;
mod useless_cat;
mod useradd_high_uid;
mod variable_unassigned;
mod variables;
mod version_unpinned;
mod wget_and_curl;
mod wget_progress_bar;
mod word_splitting;
mod workdir_relative_path;
mod yes_missing;
mod zypper_dist_upgrade;

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
pub use finding::{Finding, check, report};
pub use pragma::Pragmas;
pub use subject::Subject;

use crate::diagnostic::{Diagnostic, Severity};
use crate::text::{LineSpan, TextRange};
use finding::{did_you_mean, reference_to};

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
    /// of one fault that of the official rule is shown. An official rule with several counterparts names none of them.
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
    version_unpinned::APK,
    apt_for_apt_get::LINT,
    apt_lists_kept::LINT,
    apt_recommends_installed::LINT,
    version_unpinned::APT,
    yes_missing::APT,
    archive_copied_then_extracted::LINT,
    assignment_spelling::LINT,
    bashism::LINT,
    cd_for_workdir::LINT,
    cd_unchecked::LINT,
    consecutive_runs::LINT,
    consistent_instruction_casing::LINT,
    constant_test::LINT,
    of_the_forecast::CONTEXT_LITTER,
    copy_destination_folder::LINT,
    copy_from_own_stage::LINT,
    copy_from_undefined_stage::LINT,
    copy_ignored_file::LINT,
    copy_instead_of_add::LINT,
    copy_whole_filesystem::LINT,
    directive_casing::LINT,
    cache_kept::DNF,
    version_unpinned::DNF,
    yes_missing::DNF,
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
    version_unpinned::GEM,
    version_unpinned::GO,
    healthcheck_missing::LINT,
    host_command_in_run::LINT,
    inline_ignore_comment::LINT,
    instruction_order::LINT,
    invalid_base_image_platform::LINT,
    invalid_default_arg_in_from::LINT,
    invalid_definition_description::LINT,
    json_args_recommended::LINT,
    json_in_single_quotes::LINT,
    label_value::EMAIL,
    label_empty::LINT,
    label_value::HASH,
    label_key_format::LINT,
    label_value::LICENSE,
    label_missing::LINT,
    label_superfluous::LINT,
    label_value::TIME,
    label_value::URL,
    label_value::VERSION,
    last_user_root::LINT,
    latest_tag::LINT,
    of_the_forecast::LAYER_WASTE,
    legacy_key_value_format::LINT,
    maintainer_deprecated::LINT,
    repeated_instruction::CMD,
    repeated_instruction::ENTRYPOINT,
    repeated_instruction::HEALTHCHECK,
    multiple_instructions_disallowed::LINT,
    no_empty_continuation::LINT,
    version_unpinned::NPM,
    numeric_user::LINT,
    pip_cache_kept::LINT,
    version_unpinned::PIP,
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
    of_the_forecast::STALE_STEP,
    of_the_forecast::STEP_ORDER,
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
    cache_kept::YARN,
    cache_kept::YUM,
    version_unpinned::YUM,
    yes_missing::YUM,
    cache_kept::ZYPPER,
    zypper_dist_upgrade::LINT,
    version_unpinned::ZYPPER,
    yes_missing::ZYPPER,
];

/// The rule with exactly that name.
pub fn find(name: &str) -> Option<&'static Lint> {
    LINTS.iter().find(|lint| lint.name == name)
}

/// The rule with that name or alias, in any case.
pub fn find_called(name: &str) -> Option<&'static Lint> {
    LINTS.iter().find(|lint| lint.is_called(name))
}
