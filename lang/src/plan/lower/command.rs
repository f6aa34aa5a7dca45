//! One instruction of a stage: which other stages it reads, and what it does.

use super::{Place, Planner, State, text};
use crate::instructions::{Copy, Instruction, Kind, Run};
use crate::model::mount::MountSpec;
use crate::model::scope::Scope;
use crate::model::stage::Need;
use crate::text::{LineSpan, TextRange};
use bstr::ByteSlice as _;
use std::ops::Deref;
use std::sync::Arc;

/// An instruction, or a trigger, of a stage.
#[derive(Clone, Debug)]
pub(super) struct Command<'a> {
    pub(super) instruction: Held<'a>,
    pub(super) place: Place,
    /// What `--from` names, or every mount: indices of [`Planner`]'s states.
    pub(super) sources: Vec<usize>,
}

/// An instruction of the file, or a trigger that was read from a text.
#[derive(Clone, Debug)]
pub(super) enum Held<'a> {
    File(&'a Instruction),
    Trigger(Arc<Instruction>),
}

impl Deref for Held<'_> {
    type Target = Instruction;

    fn deref(&self) -> &Instruction {
        match self {
            Self::File(instruction) => instruction,
            Self::Trigger(instruction) => instruction,
        }
    }
}

impl<'a> Planner<'a> {
    /// Finds the stages and images that an instruction reads.
    pub(super) fn command(
        &mut self,
        stage: usize,
        instruction: Held<'a>,
        place: Place,
    ) -> Command<'a> {
        let sources = match &instruction.kind {
            Kind::Copy(copy) => self.copy_source(copy, place),
            Kind::Run(run) => self.mount_sources(run, place),
            _ => Vec::new(),
        };
        let needs = &mut self.states[stage].needs;
        for on in &sources {
            match needs.iter_mut().find(|n| n.on == *on) {
                Some(need) => need.cause = place.lines,
                None => needs.push(Need {
                    on: *on,
                    cause: place.lines,
                }),
            }
        }
        Command {
            instruction,
            place,
            sources,
        }
    }

    /// Of an error here the original does not know the line, except for triggers.
    fn copy_source(&mut self, copy: &Copy, place: Place) -> Vec<usize> {
        let Some(from) = &copy.from else {
            return Vec::new();
        };
        let at = if place.trigger {
            vec![place.lines]
        } else {
            Vec::new()
        };
        let range = place.word(from);
        let expanded = match self.lexer.word(&from.text, &Scope::default()) {
            Ok(expanded) => expanded.text,
            Err(error) => {
                self.report
                    .error("expansion", range, &at, error.to_string());
                return Vec::new();
            }
        };
        if expanded.as_bytes() != from.text.as_bytes() {
            let message = "variable expansion is not supported for --from, define a new stage with FROM using ARG \
                           from global scope as a workaround";
            self.report.error("variable-in-from", range, &at, message);
            return Vec::new();
        }
        if let Ok(index) = expanded.parse::<i64>() {
            let stage = usize::try_from(index)
                .ok()
                .filter(|i| *i < self.states.len());
            if stage.is_none() {
                self.report.error(
                    "bad-stage-index",
                    range,
                    &at,
                    format!("invalid stage index {index}"),
                );
            }
            return stage.into_iter().collect();
        }
        vec![self.source_state(expanded, range, vec![place.lines])]
    }

    fn mount_sources(&mut self, run: &Run, place: Place) -> Vec<usize> {
        run.mounts
            .iter()
            .map(|mount| {
                let from = mount_from(&mount.text);
                let from = if from.is_empty() {
                    "scratch".to_owned()
                } else {
                    from
                };
                self.source_state(from, place.word(mount), Vec::new())
            })
            .collect()
    }

    /// The stage that `--from` or a mount names, or else the image.
    fn source_state(&mut self, name: String, range: TextRange, lines: Vec<LineSpan>) -> usize {
        let stage = self.names.find(&name);
        stage
            .or_else(|| self.stage_in_place(&name))
            .unwrap_or_else(|| {
                self.states.push(State::image(name, range, lines));
                self.states.len() - 1
            })
    }

    /// Does what the instruction says to the stage.
    pub(super) fn run_command(&mut self, stage: usize, command: &Command<'a>) {
        match &command.instruction.kind {
            Kind::From(_) => {}
            Kind::Arg(items) => self.arg(stage, command, items),
            Kind::Env(pairs) => self.env(stage, command, pairs),
            Kind::Label(pairs) => self.labels(stage, command, pairs),
            Kind::Run(run) => self.run(stage, command, run),
            Kind::Cmd(line) => self.cmd(stage, command, line),
            Kind::Entrypoint(line) => self.entrypoint(stage, command, line),
            Kind::Copy(copy) => self.copy(stage, command, copy, false),
            Kind::Add(copy) => self.copy(stage, command, copy, true),
            Kind::Expose(ports) => self.expose(stage, command, ports),
            Kind::User(user) => self.user(stage, command, user),
            Kind::Workdir(path) => self.workdir(stage, command, path),
            Kind::Volume(paths) => self.volume(stage, command, paths),
            Kind::StopSignal(signal) => self.stop_signal(stage, command, signal),
            Kind::Shell(words) => self.shell(stage, words),
            Kind::Healthcheck(check) => self.healthcheck(stage, command, check),
            Kind::Onbuild(trigger) => {
                let trigger = text::lossy(&trigger.text);
                self.states[stage].live.config.config.on_build.push(trigger);
            }
            Kind::Maintainer(author) => {
                let author = text::lossy(&author.text);
                let state = &mut self.states[stage];
                state.history(format!("MAINTAINER {author}"), false);
                state.live.config.author = author;
            }
        }
    }
}

/// `from=` of a mount before anything is expanded; a value that cannot be parsed yet is looked through roughly.
fn mount_from(value: &[u8]) -> String {
    match MountSpec::parse(value, &mut |text| Ok(text.to_owned())) {
        Ok(mount) => mount.from,
        Err(_) => value
            .split_str(",")
            .filter_map(|field| field.split_once_str("="))
            .filter(|(key, _)| {
                key.trim_start_with(|c| c == '"')
                    .eq_ignore_ascii_case(b"from")
            })
            .map(|(_, value)| text::lossy(value.trim_end_with(|c| c == '"')))
            .last()
            .unwrap_or_default(),
    }
}
