//! Instructions that only change the image config, the environment or the working directory.

use super::command::{Command, Held};
use super::{Planner, path, run, text};
use crate::instructions::{ArgItem, CommandLine, Healthcheck, KeyValues, Kind};
use crate::lints;
use crate::model::port::PortSpec;
use crate::model::signal::Signal;
use crate::plan::config::{Empty, HealthConfig};
use crate::plan::{Mkdir, Op};
use crate::text::Word;
use std::time::Duration;

impl<'a> Planner<'a> {
    pub(super) fn arg(&mut self, stage: usize, command: &Command<'a>, items: &[ArgItem]) {
        let mut shown = Vec::new();
        for item in items {
            let name = item.name.to_str_lossy().into_owned();
            let secret =
                lints::secrets_used_in_arg_or_env(&command.instruction, &item.name, "ARG", &name);
            self.findings(command, secret);
            let value = self.arg_value(stage, command, item, &name);
            shown.push(
                value
                    .as_ref()
                    .map_or_else(|| name.clone(), |value| format!("{name}={value}")),
            );
            self.states[stage].live.variables.declare(name, value);
        }
        self.states[stage].history(format!("ARG {}", shown.join(" ")), false);
    }

    /// A build argument, else the default, else the global value.
    fn arg_value(
        &mut self,
        stage: usize,
        command: &Command<'a>,
        item: &ArgItem,
        name: &str,
    ) -> Option<String> {
        if let Some(value) = self.options.build_args.get(name) {
            return Some(value.clone());
        }
        let Some(default) = &item.value else {
            return crate::model::expand::Env::get(&self.globals, name).map(str::to_owned);
        };
        let lexer = self.lexer.clone();
        Some(self.expand(stage, command, &lexer, default).text)
    }

    /// Names and values, all expanded before any of them is set.
    fn pairs(
        &mut self,
        stage: usize,
        command: &Command<'a>,
        pairs: &KeyValues,
    ) -> Vec<(String, String)> {
        let lexer = self.lexer.clone();
        let mut expanded = Vec::with_capacity(pairs.pairs.len());
        for (name, value) in &pairs.pairs {
            let name = self.expand(stage, command, &lexer, name).text;
            expanded.push((name, self.expand(stage, command, &lexer, value).text));
        }
        self.findings(
            command,
            lints::legacy_key_value_format(&command.instruction, pairs),
        );
        expanded
    }

    pub(super) fn env(&mut self, stage: usize, command: &Command<'a>, pairs: &KeyValues) {
        let expanded = self.pairs(stage, command, pairs);
        for ((word, _), (name, _)) in pairs.pairs.iter().zip(&expanded) {
            let found = lints::secrets_used_in_arg_or_env(&command.instruction, word, "ENV", name);
            self.findings(command, found);
        }
        let state = &mut self.states[stage];
        for (name, value) in &expanded {
            state.live.variables.set(name, value);
            set_entry(&mut state.live.config.config.env, name, value);
        }
        state.history(format!("ENV{}", joined(&expanded)), false);
    }

    pub(super) fn labels(&mut self, stage: usize, command: &Command<'a>, pairs: &KeyValues) {
        let expanded = self.pairs(stage, command, pairs);
        let state = &mut self.states[stage];
        state.history(format!("LABEL{}", joined(&expanded)), false);
        state.live.config.config.labels.extend(expanded);
    }

    pub(super) fn cmd(&mut self, stage: usize, command: &Command<'a>, line: &CommandLine) {
        let earlier = self.states[stage]
            .tracked
            .cmd
            .replace(command.instruction.clone());
        self.repeated(command, earlier);
        let args = self.arguments(stage, command, line);
        let state = &mut self.states[stage];
        state.history(format!("CMD {}", text::quoted_list(&args)), false);
        state.live.config.config.cmd = Some(args);
    }

    pub(super) fn entrypoint(&mut self, stage: usize, command: &Command<'a>, line: &CommandLine) {
        let earlier = self.states[stage]
            .tracked
            .entrypoint
            .replace(command.instruction.clone());
        self.repeated(command, earlier);
        let args = self.arguments(stage, command, line);
        let state = &mut self.states[stage];
        state.history(format!("ENTRYPOINT {}", text::quoted_list(&args)), false);
        state.live.config.config.entrypoint = Some(args).filter(|args| !args.is_empty());
        // An inherited CMD was meant for another entry point.
        if state.tracked.cmd.is_none() {
            state.live.config.config.cmd = None;
        }
    }

    fn arguments(
        &mut self,
        stage: usize,
        command: &Command<'a>,
        line: &CommandLine,
    ) -> Vec<String> {
        let windows = self.states[stage].platform(&self.target_platform).os == "windows";
        let config = &self.states[stage].live.config;
        let shell_is_set = !config.config.shell.is_empty();
        let args = run::line(config, windows, line);
        let of_stage = &self.file.stages[stage].instructions;
        let has_cmd = of_stage.iter().any(|i| matches!(i.kind, Kind::Cmd(_)));
        self.findings(
            command,
            lints::json_args_recommended(&command.instruction, line, shell_is_set, has_cmd),
        );
        args
    }

    /// The finding stands at the earlier instruction, but the later one's comments switch it off.
    fn repeated(&mut self, command: &Command<'a>, earlier: Option<Held<'a>>) {
        let found = earlier
            .map(|earlier| lints::multiple_instructions_disallowed(&earlier, &command.instruction));
        self.findings(command, found);
    }

    pub(super) fn healthcheck(&mut self, stage: usize, command: &Command<'a>, check: &Healthcheck) {
        let earlier = self.states[stage]
            .tracked
            .healthcheck
            .replace(command.instruction.clone());
        self.repeated(command, earlier);
        let test: Vec<String> = check.test.iter().map(|word| text::lossy(word)).collect();
        let shown = format!(
            "HEALTHCHECK {{Test:{} Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
            text::list(&test),
            text::duration(check.interval),
            text::duration(check.timeout),
            text::duration(check.start_period),
            text::duration(check.start_interval),
            check.retries
        );
        let nanos = |duration: Duration| duration.as_nanos() as u64;
        let state = &mut self.states[stage];
        state.live.config.config.healthcheck = Some(HealthConfig {
            test,
            interval: nanos(check.interval),
            timeout: nanos(check.timeout),
            start_period: nanos(check.start_period),
            start_interval: nanos(check.start_interval),
            retries: check.retries.into(),
        });
        state.history(shown, false);
    }

    pub(super) fn expose(&mut self, stage: usize, command: &Command<'a>, words: &[Word]) {
        let mut specs = Vec::new();
        for word in words {
            match self
                .lexer
                .words(&word.text, self.states[stage].live.variables.env())
            {
                Ok(expanded) => specs.extend(expanded.words.into_iter().map(|spec| (word, spec))),
                Err(error) => self.error(
                    command,
                    "expansion",
                    command.place.word(word),
                    error.to_string(),
                ),
            }
        }
        let mut ports = Vec::new();
        for (word, spec) in specs {
            let casing = lints::expose_proto_casing(&command.instruction, word, &spec);
            let format = lints::expose_invalid_format(&command.instruction, word, &spec);
            self.findings(command, casing.into_iter().chain(format));
            match PortSpec::parse(&spec) {
                Ok(parsed) => ports.extend(parsed.ports),
                Err(error) => self.error(command, "bad-port", command.place.word(word), error),
            }
        }
        let state = &mut self.states[stage];
        state.history(format!("EXPOSE {}", text::list(&ports)), false);
        state
            .live
            .config
            .config
            .exposed_ports
            .extend(ports.into_iter().map(|port| (port, Empty {})));
    }

    pub(super) fn user(&mut self, stage: usize, command: &Command<'a>, word: &Word) {
        let lexer = self.lexer.clone();
        let user = self.expand(stage, command, &lexer, word).text;
        let state = &mut self.states[stage];
        state.history(format!("USER {user}"), false);
        state.live.config.config.user = user;
    }

    pub(super) fn workdir(&mut self, stage: usize, command: &Command<'a>, word: &Word) {
        let lexer = self.lexer.clone();
        let expanded = self.expand(stage, command, &lexer, word);
        let variables = self.states[stage].live.variables.of(&expanded.matched);
        let written = expanded.text;
        let paths = self.paths(stage);
        let live = &self.states[stage].live;
        let absolute = paths.working_directory(&live.config.config.working_dir, &written);
        // An image that is not known may set the variable, or be one of Windows.
        let has_drive = path::has_drive(&word.text) || path::has_drive(written.as_bytes());
        let is_open = live.assumed && (has_drive || !expanded.unmatched.is_empty());
        if !live.workdir_set && !paths.is_absolute(&written) && !is_open {
            let meant = absolute.as_deref().ok().filter(|_| !live.assumed);
            let found = lints::workdir_relative_path(&command.instruction, word, &written, meant);
            self.findings(command, Some(found));
        }
        self.states[stage].live.workdir_set = true;
        let directory = match absolute {
            Ok(directory) => directory,
            Err(error) => return self.error(command, "bad-path", command.place.word(word), error),
        };
        let slashed = paths.to_slash(&directory).into_owned();
        let live = &mut self.states[stage].live;
        live.config.config.working_dir = directory;
        live.directory.clone_from(&slashed);
        let makes_folder = slashed != "/";
        if makes_folder {
            let user = live.config.config.user.clone();
            let shown = self.shown(stage, &command.instruction.original);
            let label = self.label(stage, command.place.trigger, shown);
            let op = Op::Mkdir(Mkdir {
                path: path::absolute(&slashed, false),
                user,
            });
            self.step(stage, op, command.place, label, variables);
        }
        self.states[stage].history(format!("WORKDIR {slashed}"), makes_folder);
    }

    pub(super) fn volume(&mut self, stage: usize, command: &Command<'a>, words: &[Word]) {
        let lexer = self.lexer.clone();
        let paths: Vec<String> = words
            .iter()
            .map(|word| self.expand(stage, command, &lexer, word).text)
            .collect();
        if let Some(empty) = paths.iter().position(String::is_empty) {
            let range = command.place.word(&words[empty]);
            self.error(
                command,
                "empty-volume",
                range,
                "VOLUME specified can not be an empty string",
            );
        }
        let state = &mut self.states[stage];
        state.history(format!("VOLUME {}", text::list(&paths)), false);
        let named = paths.into_iter().filter(|path| !path.is_empty());
        state
            .live
            .config
            .config
            .volumes
            .extend(named.map(|path| (path, Empty {})));
    }

    pub(super) fn stop_signal(&mut self, stage: usize, command: &Command<'a>, word: &Word) {
        let lexer = self.lexer.clone();
        let signal = self.expand(stage, command, &lexer, word).text;
        if let Err(error) = Signal::parse(&signal) {
            return self.error(command, "bad-signal", command.place.word(word), error);
        }
        let state = &mut self.states[stage];
        state.history(format!("STOPSIGNAL {signal}"), false);
        state.live.config.config.stop_signal = signal;
    }

    pub(super) fn shell(&mut self, stage: usize, words: &[Word]) {
        let shell: Vec<String> = words.iter().map(|word| text::lossy(&word.text)).collect();
        let state = &mut self.states[stage];
        state.history(format!("SHELL {}", text::list(&shell)), false);
        state.live.config.config.shell = shell;
    }
}

/// ` a=1 b=2`.
fn joined(pairs: &[(String, String)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        out.extend([" ", name, "=", value]);
    }
    out
}

/// Replaces the first entry of that name, or adds one.
fn set_entry(entries: &mut Vec<String>, name: &str, value: &str) {
    let entry = format!("{name}={value}");
    let same = |e: &&mut String| e.split_once('=').map_or(e.as_str(), |(n, _)| n) == name;
    match entries.iter_mut().find(same) {
        Some(old) => *old = entry,
        None => entries.push(entry),
    }
}
