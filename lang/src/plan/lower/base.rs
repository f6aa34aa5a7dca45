//! `FROM`: base names, platforms, base images and stages, and what a stage begins with.

use super::path::Paths;
use super::steps::Label;
use super::{Live, Place, Planner, State, Tracked, text};
use crate::instructions::{From, Instruction, Kind};
use crate::lints;
use crate::model::expand::{Env as _, Expanded};
use crate::model::platform::Platform;
use crate::model::reference::Reference;
use crate::model::suggest::closest;
use crate::plan::config::{DEFAULT_PATH, ImageConfig};
use crate::plan::{Source, StepId};
use crate::quote::quote;
use crate::text::{LineSpan, TextRange, Word};
use crate::world::Known;
use std::sync::Arc;

/// What a stage or image begins with.
#[derive(Clone, Debug, Default)]
pub(super) enum Start {
    /// Nothing: `scratch`, or a base that could not be understood.
    #[default]
    Scratch,
    /// A source, and whether its config had to be assumed.
    Source {
        source: Source,
        label: Label,
        assumed: bool,
    },
    /// An archive that is unpacked.
    Archive { source: Source, label: Label },
}

impl Planner<'_> {
    /// Expands every `FROM` line and finds out which earlier stage it means.
    pub(super) fn stages(&mut self) {
        for (index, stage) in self.file.stages.iter().enumerate() {
            let Kind::From(from) = &stage.from.kind else {
                unreachable!("a stage begins with FROM")
            };
            let base_name = self.base_name(&stage.from, from);
            let platform = from
                .platform
                .as_ref()
                .and_then(|word| self.stage_platform(&stage.from, from, word));
            let given = from.name.as_ref().map(|n| n.to_str_lossy().into_owned());
            let context = given.as_deref().and_then(|name| {
                self.context(name, platform.as_ref().unwrap_or(&self.target_platform))
            });
            let mut state = State {
                from: Some(&stage.from),
                base: match context {
                    Some(context) => self.stage_of(context),
                    None => self.base_stage(&base_name),
                },
                base_name,
                base_range: from.base.range,
                base_lines: vec![stage.from.lines],
                name: given
                    .clone()
                    .unwrap_or_else(|| format!("stage-{index}"))
                    .into(),
                context,
                platform: platform.map(Arc::new),
                ..State::image(String::new(), TextRange::default(), Vec::new())
            };
            if context.is_none() {
                let base = u32::from(!state.is_scratch() && state.base.is_none());
                state.total = base
                    + stage
                        .instructions
                        .iter()
                        .filter(|i| is_step(&i.kind))
                        .count() as u32;
            }
            self.states.push(state);
            if let Some(name) = given {
                self.names.declare(&name, index);
            }
        }
    }

    /// The earlier stage that a `FROM` line continues, by its name or as the context of that name.
    fn base_stage(&self, base_name: &str) -> Option<usize> {
        let named = self.names.base(base_name);
        named.or_else(|| self.stage_in_place(base_name))
    }

    fn base_name(&mut self, instruction: &Instruction, from: &From) -> String {
        let expanded = match self.lexer.word(&from.base.text, &self.globals) {
            Ok(expanded) => expanded,
            Err(error) => {
                self.undeclared(instruction, &from.base, &error.unmatched);
                self.report.error(
                    "expansion",
                    from.base.range,
                    &[instruction.lines],
                    error.to_string(),
                );
                return String::new();
            }
        };
        self.undeclared(instruction, &from.base, &expanded.unmatched);
        // A FROM line without a name was reported when it was read.
        if expanded.text.is_empty() && !from.base.text.is_empty() {
            let message = format!(
                "base name ({}) should not be blank",
                text::lossy(&from.base.text)
            );
            self.report.error(
                "blank-base-name",
                from.base.range,
                &[instruction.lines],
                message,
            );
        }
        expanded.text
    }

    fn undeclared(
        &mut self,
        instruction: &Instruction,
        word: &Word,
        names: &std::collections::BTreeSet<String>,
    ) {
        let checks = self.checks.with_comments(&instruction.comments);
        let mut declared = self.globals.names();
        declared.extend(self.declared.iter().map(String::as_str));
        let found = names
            .iter()
            .filter_map(|name| lints::undefined_arg_in_from(instruction, word, name, &declared));
        self.report.findings(&checks, found);
    }

    fn stage_platform(
        &mut self,
        instruction: &Instruction,
        from: &From,
        word: &Word,
    ) -> Option<Platform> {
        let at = [instruction.lines];
        let expanded = match self.lexer.word(&word.text, &self.globals) {
            Ok(expanded) => expanded,
            Err(error) => {
                self.undeclared(instruction, word, &error.unmatched);
                let message = format!("failed to process arguments for platform : {error}");
                self.report.error("expansion", word.range, &at, message);
                return None;
            }
        };
        self.undeclared(instruction, word, &expanded.unmatched);
        self.platform_rules(instruction, from, word, &expanded);
        let host = &self.options.build_platform;
        let written = word.to_str_lossy();
        let message = if expanded.text.is_empty() {
            format!("empty platform value from expression {written}")
        } else {
            match Platform::parse(&expanded.text, host) {
                Ok(platform) => return Some(platform),
                Err(error) => format!("failed to parse platform {written}: {error}"),
            }
        };
        let names = self.globals.names();
        let near = expanded
            .unmatched
            .iter()
            .find_map(|name| closest(name.as_bytes(), names.iter().copied(), true));
        let hint = near
            .map(|near| format!(" (did you mean {near}?)"))
            .unwrap_or_default();
        self.report
            .error("bad-platform", word.range, &at, format!("{message}{hint}"));
        None
    }

    fn platform_rules(
        &mut self,
        instruction: &Instruction,
        from: &From,
        word: &Word,
        expanded: &Expanded,
    ) {
        let checks = self.checks.with_comments(&instruction.comments);
        let target = self.globals.get("TARGETPLATFORM").unwrap_or_default();
        let host = &self.options.build_platform;
        let redundant = lints::redundant_target_platform(instruction, from, word, expanded, target);
        let constant =
            lints::from_platform_flag_const_disallowed(instruction, from, word, expanded, host);
        self.report
            .findings(&checks, redundant.into_iter().chain(constant));
    }

    /// Looks up the base images of all stages that are needed, and puts triggers in front of their instructions,
    /// until no trigger needs another stage. Returns which stages the target needs.
    pub(super) fn resolve(&mut self, target: usize) -> Vec<bool> {
        loop {
            let needed = self.needed(target);
            for (index, needed) in needed.iter().enumerate() {
                let state = &self.states[index];
                if state.base.is_none() && !state.dispatched && !state.resolved {
                    self.resolve_base(index, self.options.all_stages || *needed);
                }
            }
            let mut more = false;
            for (index, _) in needed.iter().enumerate().filter(|(_, needed)| **needed) {
                more |= self.take_triggers(index);
            }
            if !more {
                return self.needed(target);
            }
        }
    }

    fn resolve_base(&mut self, index: usize, needed: bool) {
        let state = &mut self.states[index];
        state.resolved = needed;
        if state.is_scratch() {
            state.live.config = empty_config(&self.target_platform);
            state.platform = Some(self.target_platform.clone());
            return;
        }
        let name = state.base_name.clone();
        if name.is_empty() {
            // Reported with the FROM line.
            state.live.config = empty_config(&self.target_platform);
            return;
        }
        let reference = match Reference::parse_normalized(&name) {
            Ok(reference) => reference.with_default_tag(),
            Err(error) => {
                state.live.config = empty_config(&self.target_platform);
                let message = format!(
                    "failed to parse stage name {}: {error}",
                    quote(name.as_bytes())
                );
                let (range, lines) = (state.base_range, state.base_lines.clone());
                self.report.error("bad-base-name", range, &lines, message);
                return;
            }
        };
        if !needed {
            return;
        }
        let platform = self.states[index].platform(&self.target_platform).clone();
        if let Some(context) = self.states[index].context {
            let name = self.states[index].name.clone();
            self.states[index].dispatched = true;
            self.use_context(index, &name, context, &platform);
        } else if let Some(context) = self.context(&reference.to_string(), &platform) {
            self.states[index].live.config = empty_config(&platform);
            self.states[index].platform = Some(platform.clone());
            self.use_context(index, &reference.to_string(), context, &platform);
        } else {
            self.use_image(index, &name, reference, platform);
        }
    }

    fn use_image(
        &mut self,
        index: usize,
        written: &str,
        reference: Reference,
        platform: Arc<Platform>,
    ) {
        let label = self.label(index, false, format!("FROM {reference}"));
        let known = self.world.image(&reference, &platform);
        if let (Some(actual), Some(from)) = (
            self.world.image_platform(&reference, &platform),
            self.states[index].from,
        ) && let Kind::From(words) = &from.kind
        {
            let found =
                lints::invalid_base_image_platform(from, words, written, &platform, &actual);
            self.report.findings(&self.checks, found);
        }
        let source = Source::Image {
            reference,
            platform: Platform::clone(&platform),
        };
        let assumed = self.take_config(index, known, written);
        let state = &mut self.states[index];
        state.start = Start::Source {
            source,
            label,
            assumed,
        };
        state.platform = Some(platform);
    }

    /// Takes over an image's config; tells whether it had to be assumed.
    pub(super) fn take_config(
        &mut self,
        index: usize,
        known: Known<Arc<ImageConfig>>,
        written: &str,
    ) -> bool {
        let assumed = !matches!(known, Known::Yes(_));
        self.states[index].live.assumed = assumed;
        match known {
            Known::Yes(config) => {
                self.states[index].live.config = Arc::unwrap_or_clone(config);
            }
            Known::No(reason) => {
                let state = &self.states[index];
                let (range, lines) = (state.base_range, state.base_lines.clone());
                self.report.error(
                    "no-such-image",
                    range,
                    &lines,
                    format!("{written}: {reason}"),
                );
            }
            Known::Unknown => {}
        }
        assumed
    }

    /// Prepares a stage for its first instruction.
    pub(super) fn begin(&mut self, stage: usize) {
        self.states[stage].dispatched = true;
        self.inherit(stage);
        let default = self.target_platform.clone();
        let state = &mut self.states[stage];
        state.live.config.history.reserve(state.commands.len());
        let platform = state.platform.get_or_insert(default);
        let paths = Paths::of(&platform.os);
        let config = &mut state.live.config.config;
        let has_path = config
            .env
            .iter()
            .any(|e| e == "PATH" || e.starts_with("PATH="));
        if !has_path && platform.os != "windows" {
            config.env.push(format!("PATH={DEFAULT_PATH}"));
        }
        for entry in &config.env {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            state.live.variables.set(name, value);
        }
        if !config.working_dir.is_empty() {
            match paths.working_directory(&config.working_dir, &config.working_dir) {
                Ok(path) => {
                    state.live.directory = paths.to_slash(&path).into_owned();
                    config.working_dir = path;
                }
                Err(error) => {
                    let (range, lines) = (state.base_range, state.base_lines.clone());
                    self.report.error("bad-workdir", range, &lines, error);
                }
            }
        }
        let root = self.root_of(stage);
        self.states[stage].root = Some(root);
    }

    /// Takes over what the base stage has come to.
    fn inherit(&mut self, stage: usize) {
        let Some(base) = self.states[stage].base else {
            return;
        };
        let mut live = self.states[base].live.clone();
        live.config.config.on_build.clear();
        let (platform, root) = (self.states[base].platform.clone(), self.states[base].root);
        let state = &mut self.states[stage];
        (state.live, state.platform, state.root) = (live, platform, root);
    }

    /// The step that holds a stage's or image's files now.
    pub(super) fn root_of(&mut self, index: usize) -> StepId {
        if let Some(root) = self.states[index].root {
            return root;
        }
        let state = &self.states[index];
        let place = Place {
            range: state.from.map_or(state.base_range, |from| from.range),
            lines: state
                .base_lines
                .first()
                .copied()
                .unwrap_or(LineSpan::new(0, 0)),
            trigger: false,
        };
        let stage = (index < self.file.stages.len()).then_some(index);
        let root = match std::mem::take(&mut self.states[index].start) {
            Start::Scratch => self.source(
                Source::Scratch,
                stage,
                place,
                Label::internal("FROM scratch"),
            ),
            Start::Source {
                source,
                label,
                assumed,
            } => {
                let root = self.source(source, stage, place, label);
                if assumed {
                    self.steps.assume(root);
                }
                root
            }
            Start::Archive { source, label } => self.unpacked(index, source, place, label),
        };
        self.states[index].root = Some(root);
        root
    }
}

impl State<'_> {
    /// An image, or anything else a copy or mount names, that is no stage of the file.
    pub(super) fn image(name: String, range: TextRange, lines: Vec<LineSpan>) -> Self {
        Self {
            from: None,
            base_name: name,
            base_range: range,
            base_lines: lines,
            name: Arc::default(),
            base: None,
            context: None,
            platform: None,
            needs: Vec::new(),
            commands: Vec::new(),
            resolved: false,
            dispatched: false,
            triggers_taken: false,
            total: 0,
            index: 0,
            root: None,
            start: Start::default(),
            tracked: Tracked::default(),
            live: Live::default(),
        }
    }
}

/// Config of an empty image.
///
/// **Source:** BuildKit `dockerfile2llb/image.go`, `emptyImage`.
fn empty_config(platform: &Platform) -> ImageConfig {
    let mut config = ImageConfig::default();
    "/".clone_into(&mut config.config.working_dir);
    if platform.os != "windows" {
        config.config.env.push(format!("PATH={DEFAULT_PATH}"));
    }
    config
}

/// Instructions that show with a number.
fn is_step(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Run(_) | Kind::Copy(_) | Kind::Add(_) | Kind::Workdir(_)
    )
}
