//! `RUN`: command line, heredocs, mounts, and the surroundings of the command.

use super::command::Command;
use super::{Planner, path, text};
use crate::instructions::{CommandLine, NetworkMode, Run, SecurityMode};
use crate::model::expand::Lexer;
use crate::model::mount::{MountSpec, MountType};
use crate::model::pattern;
use crate::model::scope::{Origin, Scope};
use crate::plan::config::ImageConfig;
use crate::plan::{Exec, Mount, MountKind, Op, Sharing};
use crate::rune;
use crate::text::Word;
use bstr::{BString, ByteSlice as _};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Folder of the scripts of heredocs.
const SCRIPTS: &str = "/dev/pipes/";

/// What the shell, or the kernel, is given.
#[derive(Default)]
struct CommandText {
    args: Vec<BString>,
    scripts: Vec<(String, BString)>,
    /// Shown behind the text of the instruction: the first line of a document.
    summary: String,
}

impl<'a> Planner<'a> {
    pub(super) fn run(&mut self, stage: usize, command: &Command<'a>, run: &Run) {
        let specs: Vec<Option<MountSpec>> = run
            .mounts
            .iter()
            .map(|mount| self.mount_spec(stage, command, mount))
            .collect();
        let windows = self.states[stage].platform(&self.target_platform).os == "windows";
        let mut words = command_text(run, windows);
        if run.command.shell {
            words.args = with_shell(&self.states[stage].live.config, windows, words.args);
        } else if words.args.is_empty() {
            self.late_error
                .get_or_insert((command.place.range, "arguments are required"));
        }
        let mounts: Vec<Mount> = specs
            .iter()
            .enumerate()
            .filter_map(|(i, spec)| self.mount(stage, command, i, spec.as_ref()?))
            .collect();
        let mounts = name_agents(mounts);
        let label = {
            let shown = self.run_shown(stage, command, &words.summary, &specs);
            self.label(stage, command.place.trigger, shown)
        };
        let variables = Arc::clone(&self.states[stage].live.variables.shared().variables);
        let exec = self.exec(stage, run, words, mounts);
        let history = self.run_history(stage, &exec.argv);
        self.step(
            stage,
            Op::Exec(Box::new(exec)),
            command.place,
            label,
            variables,
        );
        self.states[stage].history(history, true);
    }

    fn exec(&self, stage: usize, run: &Run, words: CommandText, mounts: Vec<Mount>) -> Exec {
        let live = &self.states[stage].live;
        let mut env = Arc::clone(&live.variables.shared().env);
        let agent = mounts
            .iter()
            .find(|m| matches!(m.kind, MountKind::Ssh { .. }));
        if let (Some(agent), false) = (agent, env.iter().any(|(name, _)| name == "SSH_AUTH_SOCK")) {
            let agent = ("SSH_AUTH_SOCK".to_owned(), agent.target.clone());
            env = env.iter().cloned().chain([agent]).collect();
        }
        let network = match run.network {
            None | Some(NetworkMode::Default) => {
                self.options.network.unwrap_or(NetworkMode::Default)
            }
            Some(mode) => mode,
        };
        Exec {
            argv: words.args,
            platform: Arc::clone(self.states[stage].platform(&self.target_platform)),
            env,
            proxy_env: proxies(&self.options.build_args),
            cwd: if live.directory.is_empty() {
                "/".to_owned()
            } else {
                live.directory.clone()
            },
            user: live.config.config.user.clone(),
            network,
            security: run.security.unwrap_or(SecurityMode::Sandbox),
            mounts,
            devices: run.devices.clone(),
            scripts: words.scripts,
            add_hosts: self.options.add_hosts.clone(),
            shm_size: self.options.shm_size.filter(|size| *size > 0),
            ulimits: self.options.ulimits.clone(),
        }
    }

    /// The instruction with variables replaced, those that are not set and all quotes left as they are; variables
    /// that come from secrets are masked.
    fn run_shown(
        &self,
        stage: usize,
        command: &Command<'_>,
        summary: &str,
        specs: &[Option<MountSpec>],
    ) -> String {
        let lexer = Lexer {
            raw_quotes: true,
            skip_unset: true,
            ..self.lexer.clone()
        };
        let mut written = Cow::Borrowed(rune::trimmed(&command.instruction.original));
        if !summary.is_empty() {
            written
                .to_mut()
                .extend_from_slice(format!(" ({summary})").as_bytes());
        }
        let env = self.states[stage].live.variables.env();
        let mut masked: Option<Scope> = None;
        for spec in specs
            .iter()
            .flatten()
            .filter(|s| s.kind == MountType::Secret)
        {
            if let Some(name) = &spec.env {
                masked
                    .get_or_insert_with(|| env.clone())
                    .set(name, "****", Origin::Env);
            }
        }
        match lexer.word(&written, masked.as_ref().unwrap_or(env)) {
            Ok(expanded) => text::uppercase_first_word(expanded.text),
            Err(_) => text::uppercase_first_word(text::lossy(&written)),
        }
    }

    /// `RUN |2 A=1 B= /bin/sh -c make # buildkit`.
    fn run_history(&self, stage: usize, argv: &[BString]) -> String {
        let live = &self.states[stage].live;
        let mut args: Vec<(&str, &str)> = Vec::new();
        for (name, value) in live.variables.args() {
            let set = crate::model::expand::Env::get(live.variables.env(), name);
            let value = set.or(value.as_deref()).unwrap_or_default();
            match args.iter_mut().find(|(n, _)| n == name) {
                Some(known) => known.1 = value,
                None => args.push((name, value)),
            }
        }
        let words: usize = argv.iter().map(|arg| arg.len() + 1).sum();
        let mut shown = String::with_capacity(words + 16);
        shown.push_str("RUN");
        if !args.is_empty() {
            shown += &format!(" |{}", args.len());
        }
        for (name, value) in &args {
            shown.extend([" ", name, "=", value]);
        }
        for arg in argv {
            shown.extend([" ", &rune::to_str(arg)]);
        }
        shown + " # buildkit"
    }

    fn mount_spec(
        &mut self,
        stage: usize,
        command: &Command<'_>,
        word: &Word,
    ) -> Option<MountSpec> {
        let mut unmatched = Vec::new();
        let result = {
            let (lexer, env) = (&self.lexer, self.states[stage].live.variables.env());
            MountSpec::parse(
                &word.text,
                &mut |value| match lexer.word(value.as_bytes(), env) {
                    Ok(expanded) => {
                        unmatched.push(expanded.unmatched);
                        Ok(expanded.text)
                    }
                    Err(error) => {
                        unmatched.push(error.unmatched.clone());
                        Err(error.to_string())
                    }
                },
            )
        };
        for names in &unmatched {
            self.undefined(stage, command, word, names);
        }
        match result {
            Ok(spec) => Some(spec),
            Err(error) => {
                self.error(command, "bad-mount", command.place.word(word), error);
                None
            }
        }
    }

    /// **Source:** BuildKit `dockerfile2llb/convert_runmount.go`, `convert_secrets.go`, `convert_ssh.go`.
    fn mount(
        &mut self,
        stage: usize,
        command: &Command<'a>,
        index: usize,
        spec: &MountSpec,
    ) -> Option<Mount> {
        let range = match &command.instruction.kind {
            crate::instructions::Kind::Run(run) => command.place.word(&run.mounts[index]),
            _ => command.place.range,
        };
        let from = self.mounted(command, index, spec, range);
        let kind = match spec.kind {
            MountType::Secret => return self.secret(stage, command, spec, range),
            MountType::Ssh => return self.agent(stage, command, spec, range),
            MountType::Tmpfs => MountKind::Tmpfs {
                size: u64::try_from(spec.size).ok().filter(|s| *s > 0),
            },
            MountType::Cache => {
                let target = pattern::clean_str(&spec.target);
                let id = if spec.id.is_empty() {
                    &target
                } else {
                    &spec.id
                };
                let space = self
                    .options
                    .build_args
                    .get("BUILDKIT_CACHE_MOUNT_NS")
                    .filter(|ns| !ns.is_empty());
                MountKind::Cache {
                    id: space.map_or_else(|| id.clone(), |ns| format!("{ns}/{id}")),
                    sharing: spec.sharing.unwrap_or(Sharing::Shared),
                    from: from.filter(|f| !self.is_empty(*f)).map(|f| self.root_of(f)),
                    source: path::absolute(&spec.source, false),
                    mode: spec.mode,
                    uid: spec.uid,
                    gid: spec.gid,
                }
            }
            MountType::Bind => MountKind::Bind {
                from: match from {
                    Some(state) => self.root_of(state),
                    None => self.main_context(command.place),
                },
                source: path::absolute(&spec.source, false),
            },
        };
        let target = self.mount_target(stage, &spec.target);
        if target == "/" {
            self.error(command, "bad-mount", range, "invalid mount target \"/\"");
            return None;
        }
        Some(Mount {
            target,
            read_only: spec.read_only,
            kind,
        })
    }

    /// The stage or image that a mount shows; `None` for the main context.
    fn mounted(
        &mut self,
        command: &Command<'_>,
        index: usize,
        spec: &MountSpec,
        range: crate::text::TextRange,
    ) -> Option<usize> {
        if spec.from.is_empty() && spec.kind != MountType::Cache {
            return None;
        }
        let source = *command.sources.get(index)?;
        let state = &self.states[source];
        if state.from.is_some() && !state.dispatched {
            let from = if spec.from.is_empty() {
                "scratch"
            } else {
                &spec.from
            };
            let message = format!(
                "cannot mount from stage {} to {}, stage needs to be defined before current command",
                crate::quote::quote(from.as_bytes()),
                crate::quote::quote(spec.target.as_bytes())
            );
            self.error(command, "stage-defined-later", range, message);
        }
        Some(source)
    }

    fn is_empty(&self, state: usize) -> bool {
        let state = &self.states[state];
        state.from.is_none() && state.is_scratch()
    }

    fn mount_target(&self, stage: usize, target: &str) -> String {
        if pattern::clean_str(target).starts_with('/') {
            return target.to_owned();
        }
        pattern::join(&["/", &self.states[stage].live.directory, target])
    }

    fn secret(
        &mut self,
        stage: usize,
        command: &Command<'_>,
        spec: &MountSpec,
        range: crate::text::TextRange,
    ) -> Option<Mount> {
        let given = if spec.source.is_empty() {
            &spec.id
        } else {
            &spec.source
        };
        let id = match (given.as_str(), spec.target.as_str()) {
            ("", "") => {
                self.error(
                    command,
                    "bad-mount",
                    range,
                    "one of source, target required",
                );
                return None;
            }
            ("", target) => pattern::base(target).to_owned(),
            (id, _) => id.to_owned(),
        };
        let file = spec.env.is_none() || !spec.target.is_empty();
        let target = if spec.target.is_empty() {
            format!("/run/secrets/{}", pattern::base(&id))
        } else {
            self.mount_target(stage, &spec.target)
        };
        let kind = MountKind::Secret {
            id,
            required: spec.required,
            mode: spec.mode.unwrap_or(0o400),
            uid: spec.uid.unwrap_or(0),
            gid: spec.gid.unwrap_or(0),
            file,
            env: spec.env.clone(),
        };
        Some(Mount {
            target,
            read_only: true,
            kind,
        })
    }

    fn agent(
        &mut self,
        stage: usize,
        command: &Command<'_>,
        spec: &MountSpec,
        range: crate::text::TextRange,
    ) -> Option<Mount> {
        if !spec.source.is_empty() {
            self.error(command, "bad-mount", range, "ssh does not support source");
            return None;
        }
        // An empty target is named when all mounts are known.
        let target = if spec.target.is_empty() {
            String::new()
        } else {
            self.mount_target(stage, &spec.target)
        };
        let kind = MountKind::Ssh {
            id: if spec.id.is_empty() {
                "default".to_owned()
            } else {
                spec.id.clone()
            },
            required: spec.required,
            mode: spec.mode.unwrap_or(0o600),
            uid: spec.uid.unwrap_or(0),
            gid: spec.gid.unwrap_or(0),
        };
        Some(Mount {
            target,
            read_only: true,
            kind,
        })
    }
}

/// Gives agent sockets without a target theirs, counted among the agents.
///
/// **Source:** BuildKit `client/llb/exec.go`.
fn name_agents(mut mounts: Vec<Mount>) -> Vec<Mount> {
    let agents = mounts
        .iter_mut()
        .filter(|m| matches!(m.kind, MountKind::Ssh { .. }));
    for (number, mount) in agents.enumerate() {
        if mount.target.is_empty() {
            mount.target = format!("/run/buildkit/ssh_agent.{number}");
        }
    }
    mounts
}

/// The words before the shell is put in front. A text that is one heredoc word is replaced by the document, or by a
/// script that holds it; any other text has its documents put back behind it.
fn command_text(run: &Run, windows: bool) -> CommandText {
    let args: Vec<BString> = run
        .command
        .args
        .iter()
        .map(|word| word.text.clone())
        .collect();
    let ([text], Some(first), true) = (args.as_slice(), run.heredocs.first(), run.command.shell)
    else {
        return CommandText {
            args,
            ..CommandText::default()
        };
    };
    if !is_heredoc_word(text) {
        let mut whole = text.clone();
        for heredoc in &run.heredocs {
            whole.push(b'\n');
            whole.extend_from_slice(&heredoc.content);
            whole.extend_from_slice(&heredoc.name);
        }
        return CommandText {
            args: vec![whole],
            ..CommandText::default()
        };
    }
    let document = first.text();
    let summary = text::summary(&first.content);
    if windows || !document.starts_with(b"#!") {
        return CommandText {
            args: vec![document],
            summary,
            ..CommandText::default()
        };
    }
    let name = text::lossy(&first.name);
    let path = pattern::join(&[SCRIPTS, &name]);
    CommandText {
        args: vec![path.into()],
        scripts: vec![(name, document)],
        summary,
    }
}

/// Tells whether the text as a whole is `<<NAME`, with its number, `-` and quotes.
fn is_heredoc_word(text: &[u8]) -> bool {
    let text = text.trim_start_with(|c| c.is_ascii_digit());
    let Some(rest) = text.strip_prefix(b"<<") else {
        return false;
    };
    let rest = rest
        .strip_prefix(b"-")
        .unwrap_or(rest)
        .trim_start_with(|c| "\t\n\x0c\r ".contains(c));
    if rest.is_empty() || rest.contains(&b'<') {
        return false;
    }
    let lexer = Lexer {
        skip_unset: true,
        ..Lexer::new('\\')
    };
    lexer
        .words(rest, &Scope::default())
        .is_ok_and(|words| words.words.len() == 1)
}

/// The shell in force with the text as its last argument.
pub(super) fn with_shell(config: &ImageConfig, windows: bool, args: Vec<BString>) -> Vec<BString> {
    let default: &[&str] = if windows {
        &["cmd", "/S", "/C"]
    } else {
        &["/bin/sh", "-c"]
    };
    let mut argv = Vec::with_capacity(default.len().max(config.config.shell.len()) + 1);
    match config.config.shell.as_slice() {
        [] => argv.extend(default.iter().map(|word| BString::from(*word))),
        shell => argv.extend(shell.iter().map(|word| BString::from(word.as_str()))),
    }
    argv.push(match <[BString; 1]>::try_from(args) {
        Ok([text]) => text,
        Err(args) => bstr::join(" ", args).into(),
    });
    argv
}

/// The words of a line with the shell in front where its form asks for one.
pub(super) fn line(config: &ImageConfig, windows: bool, line: &CommandLine) -> Vec<String> {
    let args: Vec<BString> = line.args.iter().map(|word| word.text.clone()).collect();
    let argv = if line.shell {
        with_shell(config, windows, args)
    } else {
        args
    };
    argv.iter().map(|arg| text::lossy(arg)).collect()
}

/// Proxy variables, upper and lower case, from build arguments of any case.
///
/// **Source:** BuildKit `dockerfile2llb/convert.go`, `proxyEnvFromBuildArgs`; `solver/llbsolver/ops/exec.go`.
fn proxies(build_args: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut seen = BTreeSet::new();
    for name in [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "FTP_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
    ] {
        let given = build_args
            .iter()
            .rfind(|(key, _)| key.eq_ignore_ascii_case(name));
        let Some((_, value)) = given.filter(|(_, value)| !value.is_empty()) else {
            continue;
        };
        for name in [name.to_owned(), name.to_lowercase()] {
            if seen.insert(name.clone()) {
                out.push((name, value.clone()));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_text_may_be_a_heredoc_word() {
        for (text, expect) in [
            ("<<EOF", true),
            ("3<<-'EOF'", true),
            ("<< \"a b\"", true),
            ("<<EOF cat", false),
            ("cat <<EOF", false),
            ("<<A <<B", false),
            ("<<", false),
        ] {
            assert_eq!(is_heredoc_word(text.as_bytes()), expect, "{text}");
        }
    }

    #[test]
    fn proxies_come_in_both_cases() {
        let args = BTreeMap::from([("Http_Proxy".to_owned(), "p".to_owned())]);
        assert_eq!(
            proxies(&args),
            [("HTTP_PROXY", "p"), ("http_proxy", "p")].map(|(a, b)| (a.into(), b.into()))
        );
    }
}
