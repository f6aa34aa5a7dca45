//! From typed instructions to a [`Plan`].
//!
//! Planning walks through the same phases in the same order as the official front end, because the first error and
//! the warnings raised before it depend on that order: check options, rules about single instructions, stage names
//! and keywords, global arguments, base names, target, what stages need of each other, base images and their
//! triggers, then every needed stage in file order. Where the original stops, planning records the error and goes on
//! with the best it has, so that an editor sees a plan of a file that is being typed.
//!
//! **Source:** BuildKit `frontend/dockerfile/dockerfile2llb/convert.go`.

mod base;
mod command;
mod context;
mod copy;
mod path;
mod report;
mod run;
mod settings;
mod steps;
#[cfg(test)]
mod tests;
mod text;
mod trigger;
mod variables;

use super::config::{HistoryEntry, ImageConfig};
use super::{NamedContext, Plan, PlanOptions, StageInfo, StepId};
use crate::diagnostic::{OfficialError, Phase};
use crate::instructions::{self, ArgItem, Dockerfile, Instruction, Kind};
use crate::lints;
use crate::lints::options::CheckOptions;
use crate::model::expand::{Env as _, Expanded, Lexer};
use crate::model::platform::Platform;
use crate::model::scope::{Origin, Scope};
use crate::model::stage::{Need, StageNames, find_cycle, reachable};
use crate::text::{LineSpan, TextRange, Word};
use crate::world::World;
use base::Start;
use command::{Command, Held};
use path::Paths;
use report::{Place, Report};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use steps::Steps;
use variables::Variables;

/// Plans the build of `file`. Never fails: what is wrong is in the plan's diagnostics and `official_error`.
///
/// The diagnostics are complete: those of `file` are among them, with `# check=` applied.
///
/// ```
/// use cooperage_lang::plan::{PlanOptions, lower::plan};
/// # use cooperage_lang::{model::{platform::Platform, reference::Reference}, plan::config::ImageConfig};
/// # use cooperage_lang::world::{Known, World};
/// # struct Nowhere;
/// # impl World for Nowhere {
/// #     fn image(&self, _: &Reference, _: &Platform) -> Known<std::sync::Arc<ImageConfig>> { Known::Unknown }
/// #     fn layout_image(&self, _: &str, _: &Platform) -> Known<std::sync::Arc<ImageConfig>> { Known::Unknown }
/// # }
/// let source = b"FROM alpine\nRUN make\n";
/// let file = cooperage_lang::instructions::lower(source, &cooperage_lang::syntax::parse(source));
/// let linux = Platform { os: "linux".into(), architecture: "amd64".into(), ..Platform::default() };
/// let options = PlanOptions { build_platform: linux, ..PlanOptions::default() };
/// let plan = plan(&file, &options, &Nowhere);
/// assert_eq!(plan.steps[1].name(), "[2/2] RUN make");
/// ```
pub fn plan(file: &Dockerfile, options: &PlanOptions, world: &dyn World) -> Plan {
    let mut planner = Planner::new(file, options, world);
    planner.check_options();
    planner.single_instructions();
    if file.stages.is_empty() {
        if planner.report.official_error.is_none() {
            planner.report.error(
                "no-stages",
                TextRange::default(),
                &[],
                "dockerfile contains no stages to build",
            );
        }
        return planner.finish(None);
    }
    planner.report.findings(
        &planner.checks,
        file.stages.iter().filter_map(reserved_name),
    );
    planner
        .report
        .findings(&planner.checks, lints::duplicate_stage_name(file));
    planner
        .report
        .findings(&planner.checks, lints::consistent_instruction_casing(file));
    planner.global_arguments();
    planner.source_date_epoch();
    planner.stages();
    let target = planner.target();
    planner.needs();
    let needed = planner.resolve(target);
    planner.dispatch(&needed);
    planner.finish(Some((target, needed)))
}

/// A build looks whether there is any text at all before it parses; only then was no line read.
fn of_the_build(error: OfficialError) -> OfficialError {
    let is_empty =
        error.message == "file with no instructions" && error.at.iter().all(|at| at.start == 0);
    if !is_empty {
        return error;
    }
    OfficialError {
        phase: Phase::Build,
        message: "the Dockerfile cannot be empty".to_owned(),
        at: Vec::new(),
    }
}

fn reserved_name(stage: &instructions::Stage) -> Option<lints::Finding> {
    match &stage.from.kind {
        Kind::From(from) => lints::reserved_stage_name(&stage.from, from),
        _ => None,
    }
}

/// The plan in the making.
struct Planner<'a> {
    file: &'a Dockerfile,
    options: &'a PlanOptions,
    world: &'a dyn World,
    lexer: Lexer,
    target_platform: Arc<Platform>,
    checks: CheckOptions,
    report: Report,
    /// Global arguments, for `FROM` and for `ARG NAME` in stages.
    globals: Scope,
    /// Names of global `ARG`s, with a value or not.
    declared: Vec<String>,
    names: StageNames,
    /// The stages of the file, then one for every image that a copy or mount names.
    states: Vec<State<'a>>,
    steps: Steps,
    /// An error that the original only finds when everything else is right.
    late_error: Option<(TextRange, &'static str)>,
}

/// A stage in the making, or an image that is only copied from.
struct State<'a> {
    /// The `FROM` line; `None` for an image that is only copied from.
    from: Option<&'a Instruction>,
    /// Base name after expansion.
    base_name: String,
    /// Where errors about the base are reported.
    base_range: TextRange,
    base_lines: Vec<LineSpan>,
    /// Name for progress; empty when the file has only this stage.
    name: Arc<str>,
    /// The earlier stage it continues.
    base: Option<usize>,
    context: Option<&'a NamedContext>,
    platform: Option<Arc<Platform>>,
    needs: Vec<Need<LineSpan>>,
    commands: Vec<Command<'a>>,
    resolved: bool,
    dispatched: bool,
    triggers_taken: bool,
    /// How many steps of it are numbered, and how many were.
    total: u32,
    index: u32,
    /// The step that made its file system last.
    root: Option<StepId>,
    /// What the root begins with, until the first step asks for it.
    start: Start,
    tracked: Tracked<'a>,
    live: Live,
}

/// What a stage hands on to one that continues it, and what instructions change.
#[derive(Clone, Default)]
struct Live {
    config: ImageConfig,
    variables: Variables,
    /// Working directory with forward slashes.
    directory: String,
    workdir_set: bool,
    /// The base image's config had to be assumed: it may set any variable.
    assumed: bool,
}

/// Instructions of which only the last counts.
#[derive(Clone, Default)]
struct Tracked<'a> {
    cmd: Option<Held<'a>>,
    entrypoint: Option<Held<'a>>,
    healthcheck: Option<Held<'a>>,
}

impl State<'_> {
    fn platform<'s>(&'s self, default: &'s Arc<Platform>) -> &'s Arc<Platform> {
        self.platform.as_ref().unwrap_or(default)
    }

    fn is_scratch(&self) -> bool {
        self.base_name == "scratch" && self.context.is_none()
    }

    fn history(&mut self, text: String, layer: bool) {
        self.live.config.history.push(HistoryEntry {
            created_by: text,
            comment: "buildkit.dockerfile.v0".into(),
            empty_layer: !layer,
            ..HistoryEntry::default()
        });
    }
}

impl<'a> Planner<'a> {
    fn new(file: &'a Dockerfile, options: &'a PlanOptions, world: &'a dyn World) -> Self {
        let target_platform = options
            .target_platform
            .clone()
            .unwrap_or_else(|| options.build_platform.clone());
        Self {
            file,
            options,
            world,
            lexer: Lexer::new(file.escape),
            target_platform: Arc::new(target_platform),
            checks: CheckOptions::default(),
            report: Report::default(),
            globals: Scope::default(),
            declared: Vec::new(),
            names: StageNames::default(),
            states: Vec::new(),
            steps: Steps::default(),
            late_error: None,
        }
    }

    /// The build argument replaces the directive as a whole.
    fn check_options(&mut self) {
        let directive = self.file.check.as_ref();
        let value = match self.options.build_args.get("BUILDKIT_DOCKERFILE_CHECK") {
            Some(value) => value.clone(),
            None => directive
                .map(Word::to_str_lossy)
                .unwrap_or_default()
                .split(' ')
                .next()
                .unwrap_or("")
                .to_owned(),
        };
        match CheckOptions::parse(&value) {
            Ok(options) => {
                self.checks = options;
                let more = self
                    .options
                    .experimental
                    .iter()
                    .map(|name| (*name).to_owned());
                self.checks.experimental.names.extend(more);
            }
            Err(error) => {
                let range = directive.map(|d| d.range).unwrap_or_default();
                let message = format!("failed to parse check options: {error}");
                self.report.error("bad-check-option", range, &[], message);
                if let Some(error) = &mut self.report.official_error {
                    error.phase = Phase::Parse;
                }
            }
        }
    }

    /// Diagnostics of the earlier phases, and the rules that look at one instruction as it is read.
    fn single_instructions(&mut self) {
        let before = self.file.official_error.clone();
        let checks = self.checks.clone();
        let stopped = self.report.official_error.is_some();
        let parsed = !stopped && before.as_ref().is_none_or(|e| e.phase != Phase::Parse);
        let last_line = match &before {
            Some(OfficialError {
                phase: Phase::Instructions,
                at,
                ..
            }) => at.first().map_or(u32::MAX, |l| l.start),
            _ => u32::MAX,
        };
        for diagnostic in &self.file.diagnostics {
            let Some(finding) = lints::Finding::adopt(diagnostic) else {
                self.report.adopt(diagnostic.clone());
                continue;
            };
            // Those of the parser come first, whatever their line.
            let early = finding.lint.name == "NoEmptyContinuation";
            let reported = parsed && (early || finding.lines.start <= last_line);
            self.report
                .findings_reported(&checks, Some(finding), reported);
        }
        for instruction in self.file.instructions() {
            let checks = self.checks.with_comments(&instruction.comments);
            let reported = parsed && instruction.lines.start < last_line;
            // The original looks at the casing of a FROM line before it looks for errors.
            let cased = parsed && instruction.lines.start <= last_line;
            if let Kind::From(from) = &instruction.kind {
                self.report.findings_reported(
                    &checks,
                    lints::stage_name_casing(instruction, from),
                    cased,
                );
                self.report.findings_reported(
                    &checks,
                    lints::from_as_casing(instruction, from),
                    cased,
                );
            }
            self.report.findings_reported(
                &checks,
                lints::maintainer_deprecated(instruction),
                reported,
            );
            self.report.findings_reported(
                &checks,
                lints::invalid_definition_description(instruction),
                reported,
            );
        }
        if self.report.official_error.is_none() {
            self.report.official_error = before.map(of_the_build);
        }
    }

    /// Global `ARG`s, first with defaults only for the rule about base names, then as the build has them.
    fn global_arguments(&mut self) {
        let target = self.options.target.clone().unwrap_or_else(|| {
            let last = self.file.stages.last().map(|s| &s.from.kind);
            match last {
                Some(Kind::From(from)) => from
                    .name
                    .as_ref()
                    .map(|n| n.to_str_lossy().into_owned())
                    .unwrap_or_default(),
                _ => String::new(),
            }
        });
        self.globals = Scope::predefined(
            &self.options.build_platform,
            &self.target_platform,
            &target,
            &self.options.build_args,
        );
        self.base_names_with_defaults();
        for instruction in &self.file.global_args {
            let Kind::Arg(items) = &instruction.kind else {
                continue;
            };
            for item in items {
                let name = item.name.to_str_lossy().into_owned();
                if let Some(value) = self.global_value(instruction, item) {
                    self.globals.set(&name, &value, Origin::Arg);
                }
                self.declared.push(name);
            }
        }
    }

    fn global_value(&mut self, instruction: &Instruction, item: &ArgItem) -> Option<String> {
        if let Some(value) = self.options.build_args.get(&*item.name.to_str_lossy()) {
            return Some(value.clone());
        }
        let value = item.value.as_ref()?;
        match self.lexer.word(&value.text, &self.globals) {
            Ok(expanded) => Some(expanded.text),
            Err(error) => {
                self.report.error(
                    "expansion",
                    value.range,
                    &[instruction.lines],
                    error.to_string(),
                );
                None
            }
        }
    }

    fn base_names_with_defaults(&mut self) {
        let mut scope = self.globals.clone();
        for instruction in &self.file.global_args {
            let Kind::Arg(items) = &instruction.kind else {
                continue;
            };
            for item in items {
                let Some(value) = &item.value else { continue };
                let Ok(expanded) = self.lexer.word(&value.text, &scope) else {
                    return;
                };
                scope.set(&item.name.to_str_lossy(), &expanded.text, Origin::Arg);
            }
        }
        for stage in &self.file.stages {
            let Kind::From(from) = &stage.from.kind else {
                continue;
            };
            let Ok(expanded) = self.lexer.word(&from.base.text, &scope) else {
                return;
            };
            let found = lints::invalid_default_arg_in_from(&stage.from, from, &expanded.text);
            self.report.findings(&self.checks, found);
        }
    }

    /// A number, `context`, or the name of a context or stage whose date counts.
    fn source_date_epoch(&mut self) {
        const NAME: &str = "SOURCE_DATE_EPOCH";
        let given = self.options.build_args.get(NAME).map(String::as_str);
        let Some(value) = given.or_else(|| self.globals.get(NAME)) else {
            return;
        };
        let is_stage = |name: &str| {
            self.file.stages.iter().any(|s| match &s.from.kind {
                Kind::From(from) => from
                    .name
                    .as_ref()
                    .is_some_and(|n| n.text.eq_ignore_ascii_case(name.as_bytes())),
                _ => false,
            })
        };
        let known = value.is_empty()
            || value.parse::<i64>().is_ok()
            || value == "context"
            || self.context(value, &self.target_platform).is_some()
            || is_stage(value);
        if !known {
            let message = format!("invalid SOURCE_DATE_EPOCH: {value}");
            self.report
                .error("bad-source-date-epoch", TextRange::default(), &[], message);
        }
    }

    /// The stage to build.
    fn target(&mut self) -> usize {
        let last = self.states.len() - 1;
        let Some(target) = self.options.target.as_deref().filter(|t| !t.is_empty()) else {
            return last;
        };
        if let Some(stage) = self.names.find(target) {
            return stage;
        }
        let names: Vec<&str> = self.states.iter().map(|s| &*s.name).collect();
        let near = crate::model::suggest::closest(target.as_bytes(), names, true);
        let hint = near
            .map(|n| format!(" (did you mean {n}?)"))
            .unwrap_or_default();
        let quoted = crate::quote::quote(target.as_bytes());
        let message = format!("target stage {quoted} could not be found{hint}");
        self.report
            .error("unknown-target", TextRange::default(), &[], message);
        last
    }

    /// What every stage needs of others, by its instructions.
    fn needs(&mut self) {
        for stage in 0..self.file.stages.len() {
            // Another stage in the place of this one leaves nothing of it.
            let is_replaced = matches!(self.states[stage].context, Some(NamedContext::Stage(_)));
            let instructions: &'a [Instruction] = if is_replaced {
                &[]
            } else {
                &self.file.stages[stage].instructions
            };
            let commands = instructions
                .iter()
                .map(|instruction| {
                    self.command(stage, Held::File(instruction), Place::of(instruction))
                })
                .collect();
            self.states[stage].commands = commands;
        }
        let needs: Vec<Vec<Need<LineSpan>>> = self.states.iter().map(|s| s.needs.clone()).collect();
        if let Some(cycle) = find_cycle(&needs) {
            let message = format!(
                "circular dependency detected on stage: {}",
                self.states[cycle.stage].name
            );
            let range = self.states[cycle.stage]
                .from
                .map(|f| f.range)
                .unwrap_or_default();
            self.report
                .error("circular-dependency", range, &cycle.causes, message);
        }
        if let [only] = self.states.as_mut_slice() {
            only.name = Arc::default();
        }
    }

    fn needed(&self, target: usize) -> Vec<bool> {
        reachable(target, self.states.len(), |i| {
            let state = &self.states[i];
            state
                .base
                .into_iter()
                .chain(state.needs.iter().map(|n| n.on))
                .collect()
        })
    }

    /// Runs the instructions of all needed stages in file order.
    fn dispatch(&mut self, needed: &[bool]) {
        let stages = needed.iter().enumerate().take(self.file.stages.len());
        for (stage, needed) in stages {
            if self.states[stage].dispatched || !(self.options.all_stages || *needed) {
                continue;
            }
            self.begin(stage);
            self.steps.reserve(self.states[stage].total as usize);
            let commands = std::mem::take(&mut self.states[stage].commands);
            for command in &commands {
                self.run_command(stage, command);
            }
            self.states[stage].commands = commands;
        }
    }

    /// Expands a word with the environment of a stage, and reports names that are not known. A word that cannot be
    /// expanded is an error and stays as written.
    fn expand(
        &mut self,
        stage: usize,
        command: &Command<'_>,
        lexer: &Lexer,
        word: &Word,
    ) -> Expanded {
        match lexer.word(&word.text, self.states[stage].live.variables.env()) {
            Ok(expanded) => {
                self.undefined(stage, command, word, &expanded.unmatched);
                expanded
            }
            Err(error) => {
                self.undefined(stage, command, word, &error.unmatched);
                self.error(
                    command,
                    "expansion",
                    command.place.word(word),
                    error.to_string(),
                );
                Expanded {
                    text: text::lossy(&word.text),
                    ..Expanded::default()
                }
            }
        }
    }

    fn undefined(
        &mut self,
        stage: usize,
        command: &Command<'_>,
        word: &Word,
        unmatched: &BTreeSet<String>,
    ) {
        let live = &self.states[stage].live;
        if live.assumed || unmatched.is_empty() {
            return;
        }
        let found: Vec<_> = unmatched
            .iter()
            .filter(|name| !live.variables.is_declared(name))
            .filter_map(|name| {
                let known = live.variables.env().names();
                lints::undefined_var(&command.instruction, word, name, &known)
            })
            .collect();
        self.findings(command, found);
    }

    /// Records findings about a command, at the `FROM` line when it is a trigger.
    fn findings(&mut self, command: &Command<'_>, found: impl IntoIterator<Item = lints::Finding>) {
        let mut found = found.into_iter().peekable();
        if found.peek().is_none() {
            return;
        }
        let checks = if command.place.trigger {
            Cow::Borrowed(&self.checks)
        } else {
            self.checks.with_comments(&command.instruction.comments)
        };
        let placed = found.map(|mut finding| {
            if command.place.trigger {
                finding.range = command.place.range;
                finding.lines = command.place.lines;
                finding.fix = None;
            }
            finding
        });
        self.report.findings(&checks, placed);
    }

    /// Records an error of a command.
    fn error(
        &mut self,
        command: &Command<'_>,
        code: &'static str,
        range: TextRange,
        message: impl Into<String>,
    ) {
        self.report
            .error(code, range, &[command.place.lines], message);
    }

    fn paths(&self, stage: usize) -> Paths {
        Paths::of(&self.states[stage].platform(&self.target_platform).os)
    }

    fn finish(mut self, built: Option<(usize, Vec<bool>)>) -> Plan {
        if self.checks.error {
            self.report.fail_on_findings();
        }
        // A check never gets as far as making the commands of a build.
        if let (Some((range, message)), None, false) = (
            self.late_error,
            &self.report.official_error,
            self.options.all_stages,
        ) {
            self.report.error("no-arguments", range, &[], message);
        }
        let stages: Vec<StageInfo> = self.stage_infos(built.as_ref());
        let mut plan = Plan {
            stages,
            platform: Platform::clone(&self.target_platform),
            ..Plan::default()
        };
        if let Some((target, _)) = built {
            let state = &mut self.states[target];
            plan.target = (target < plan.stages.len()).then_some(target);
            plan.result = state.root;
            plan.config = std::mem::take(&mut state.live.config);
            plan.config
                .config
                .labels
                .extend(self.options.labels.iter().cloned());
            plan.platform = Platform::clone(state.platform(&self.target_platform));
        }
        (plan.steps, plan.assumed) = self.steps.finish();
        (plan.diagnostics, plan.reported, plan.official_error) = self.report.finish();
        if !self.options.all_stages {
            steps::prune(&mut plan);
        }
        plan
    }

    fn stage_infos(&self, built: Option<&(usize, Vec<bool>)>) -> Vec<StageInfo> {
        let info = |(index, stage): (usize, &instructions::Stage)| {
            let Kind::From(from) = &stage.from.kind else {
                unreachable!("a stage begins with FROM")
            };
            let end = stage
                .instructions
                .last()
                .map_or(stage.from.range, |last| last.range);
            let wanted = built.is_some_and(|(_, needed)| self.options.all_stages || needed[index]);
            StageInfo {
                name: match &from.name {
                    Some(name) => name.to_str_lossy().into_owned(),
                    None => format!("stage-{index}"),
                },
                named: from.name.is_some(),
                index,
                range: stage.from.range.cover(end),
                from_range: stage.from.range,
                last: if wanted {
                    self.states[index].root
                } else {
                    None
                },
            }
        };
        self.file.stages.iter().enumerate().map(info).collect()
    }
}
