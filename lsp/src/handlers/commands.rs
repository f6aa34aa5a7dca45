//! Commands: what lenses, actions and menus of an editor call.

use crate::builds::{self, Built, Job};
use crate::client::Output;
use crate::convert;
use crate::jobs::{Answer, Fault, guarded};
use crate::session::{Reply, Session, Snapshot};
use crate::setup::Choice;
use crate::talk::Event;
use cooperage_lang::instructions::{Kind, Stage};
use cooperage_lang::plan::Step;
use cooperage_lang::shell::quoted;
use cooperage_runtime::build::cache::CacheStatus;
use cooperage_runtime::build::words;
use cooperage_runtime::cancel::Cancel;
use cooperage_runtime::settings;
use cooperage_runtime::units::Size;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;
use tower_lsp::lsp_types as lsp;

/// A command. All take the document's URI and an object with more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Builds the stage `target`, or the selected one.
    Build,
    /// Builds the text up to `line`.
    BuildTo,
    /// Builds, then runs the result in a terminal.
    Run,
    /// Builds up to `line`, then opens a shell there.
    Shell,
    /// Says what the next build will do, at `line` or everywhere, and why.
    Explain,
    /// Lists the files of the layer that the step at `line` made.
    LayerFiles,
    /// Selects the build `name` of a compose or bake file; null for none of them, asks when there is no such field.
    SelectBuild,
    /// Selects the stage `target`; null for the last one, asks when there is no such field.
    SelectTarget,
    /// Selects the values `args` of build arguments; null for none.
    SetBuildArgs,
    /// Selects the `platform`; null for this machine's.
    SetPlatform,
}

/// All commands with their names.
const ACTIONS: [(Action, &str); 10] = [
    (Action::Build, "cooper.build"),
    (Action::BuildTo, "cooper.buildTo"),
    (Action::Run, "cooper.run"),
    (Action::Shell, "cooper.shell"),
    (Action::Explain, "cooper.explain"),
    (Action::LayerFiles, "cooper.layerFiles"),
    (Action::SelectBuild, "cooper.selectBuild"),
    (Action::SelectTarget, "cooper.selectTarget"),
    (Action::SetBuildArgs, "cooper.setBuildArgs"),
    (Action::SetPlatform, "cooper.setPlatform"),
];

/// Their names.
pub(crate) fn names() -> Vec<String> {
    ACTIONS.iter().map(|(_, name)| (*name).to_owned()).collect()
}

impl Action {
    fn find(name: &str) -> Option<Self> {
        let found = ACTIONS.iter().find(|(_, known)| *known == name)?;
        Some(found.0)
    }

    fn name(self) -> &'static str {
        ACTIONS
            .iter()
            .find(|(action, _)| *action == self)
            .map_or("", |(_, name)| name)
    }

    /// A call of it, for a lens or an action.
    pub(crate) fn command(self, title: &str, uri: &lsp::Url, more: Value) -> lsp::Command {
        lsp::Command {
            title: title.to_owned(),
            command: self.name().to_owned(),
            arguments: Some(vec![json!(uri.as_str()), more]),
        }
    }
}

/// A call with its arguments.
struct Call {
    reply: Reply<Value>,
    snapshot: Snapshot,
    more: Value,
    token: Option<lsp::ProgressToken>,
}

impl Call {
    /// Offset of the first word of the line that the call is about.
    fn offset(&self) -> Option<u32> {
        let line = u32::try_from(self.more["line"].as_u64()?).ok()?;
        let text = &self.snapshot.text;
        let start = text.offset(lsp::Position::new(line, 0));
        let rest = &text.source()[start as usize..];
        let blank = rest.iter().take_while(|b| matches!(b, b' ' | b'\t'));
        Some(start + blank.count() as u32)
    }
}

/// `workspace/executeCommand`.
pub(crate) fn execute(
    session: &mut Session,
    params: lsp::ExecuteCommandParams,
    reply: Reply<Value>,
) {
    let Some(action) = Action::find(&params.command) else {
        let why = format!("there is no command `{}`", params.command);
        return reply.give(Err(Fault::Invalid(why)));
    };
    let uri = params.arguments.first().and_then(Value::as_str);
    let Some(snapshot) = uri.and_then(|uri| session.snapshot_of(uri)) else {
        let why = format!(
            "`{}` takes the URI of an open document, then an object: {:?} is not open",
            params.command,
            uri.unwrap_or_default()
        );
        return reply.give(Err(Fault::Invalid(why)));
    };
    let call = Call {
        snapshot: Snapshot {
            cancel: reply.cancel.clone(),
            ..snapshot
        },
        reply,
        more: params.arguments.get(1).cloned().unwrap_or_default(),
        token: params.work_done_progress_params.work_done_token,
    };
    match action {
        Action::Build | Action::Run | Action::BuildTo | Action::Shell => {
            build(session, call, action);
        }
        Action::Explain => once_forecast(session, call),
        Action::LayerFiles => tell(session, call, layer_files),
        Action::SelectBuild => select_build(session, call),
        Action::SelectTarget => select_target(session, call),
        Action::SetBuildArgs => set_build_args(session, call),
        Action::SetPlatform => set_platform(session, call),
    }
}

/// `window/workDoneProgress/cancel`.
pub(crate) fn cancel(session: &Session, params: &lsp::WorkDoneProgressCancelParams) {
    if let Some(cancel) = session.builds.get(&params.token) {
        cancel.cancel();
    }
}

/// Builds in a process of its own, with progress; then does what the command is for.
fn build(session: &mut Session, call: Call, action: Action) {
    let title = match action {
        Action::BuildTo | Action::Shell => format!("build to line {}", line(&call) + 1),
        _ => "build".to_owned(),
    };
    let token = progress_token(session, &call);
    let cancel = call.snapshot.cancel.clone();
    session.builds.insert(token.clone(), cancel.clone());
    let progress = Arc::new(Progress {
        output: session.output.clone(),
        token: token.clone(),
        shown: call.token.is_some() || session.setup.features.progress,
    });
    progress.begin(&title);
    let events = session.events();
    let (own_progress, own_token) = (Arc::clone(&progress), token.clone());
    let thread = std::thread::Builder::new().name("build".to_owned());
    let begun = thread.spawn(move || {
        let (progress, token) = (own_progress, own_token);
        let built = guarded(|| {
            // It reads the project's settings.
            let job = job(&call, action)?;
            builds::run(&job, &cancel, &|news| progress.report(news)).map_err(Fault::Failed)
        });
        progress.end(&built, &cancel);
        let _ = events.send(Event::Done(Box::new(move |session| {
            session.builds.remove(&token);
            finish(session, call, action, built);
        })));
    });
    if let Err(error) = begun {
        session.builds.remove(&token);
        let fault = Fault::Failed(format!("cannot start a build: {error}"));
        session
            .output
            .show(lsp::MessageType::ERROR, fault.to_string());
        progress.end(&Err(fault), &Cancel::new());
    }
}

fn line(call: &Call) -> u64 {
    call.more["line"].as_u64().unwrap_or_default()
}

/// What is to be built: the whole text, or up to the end of the step at a line.
fn job(call: &Call, action: Action) -> Answer<Job> {
    let Snapshot {
        uri, text, setup, ..
    } = &call.snapshot;
    let mut request = setup.request(uri);
    let source = match action {
        Action::BuildTo | Action::Shell => {
            let offset = call
                .offset()
                .ok_or_else(|| Fault::Invalid("a number `line` is missing".to_owned()))?;
            let instruction = call.snapshot.file().instruction_at(offset);
            let instruction = instruction
                .ok_or_else(|| Fault::Failed(format!("line {} is no step", line(call) + 1)))?;
            // The stage that is cut here is the last one, and so the target.
            request.target = None;
            text.source()[..instruction.range.end as usize].to_vec()
        }
        _ => {
            if let Some(target) = call.more["target"].as_str() {
                request.target = Some(target.to_owned());
            }
            text.source().to_vec()
        }
    };
    Ok(Job {
        root: setup.root.clone(),
        source,
        request,
    })
}

/// The name of the progress: the client's, or one of ours that it is told of.
fn progress_token(session: &mut Session, call: &Call) -> lsp::ProgressToken {
    if let Some(token) = &call.token {
        return token.clone();
    }
    let token = lsp::NumberOrString::String(format!("cooper-build-{}", session.next_number()));
    if session.setup.features.progress {
        let params = lsp::WorkDoneProgressCreateParams {
            token: token.clone(),
        };
        session.ask::<lsp::request::WorkDoneProgressCreate>(params, |_, _| {});
    }
    token
}

/// Progress of a build, as the client shows it.
struct Progress {
    output: Output,
    token: lsp::ProgressToken,
    shown: bool,
}

impl Progress {
    fn begin(&self, title: &str) {
        self.send(lsp::WorkDoneProgress::Begin(lsp::WorkDoneProgressBegin {
            title: title.to_owned(),
            cancellable: Some(true),
            message: None,
            percentage: Some(0),
        }));
    }

    fn report(&self, news: builds::News) {
        self.send(lsp::WorkDoneProgress::Report(lsp::WorkDoneProgressReport {
            cancellable: Some(true),
            message: Some(news.message),
            percentage: news.percentage,
        }));
    }

    fn end(&self, built: &Answer<Built>, cancel: &Cancel) {
        let message = match built {
            Ok(built) => built.summary.clone(),
            Err(_) if cancel.is_canceled() => "canceled".to_owned(),
            Err(_) => "failed".to_owned(),
        };
        let message = Some(message);
        self.send(lsp::WorkDoneProgress::End(lsp::WorkDoneProgressEnd {
            message,
        }));
    }

    fn send(&self, progress: lsp::WorkDoneProgress) {
        if self.shown {
            self.output
                .notify::<lsp::notification::Progress>(lsp::ProgressParams {
                    token: self.token.clone(),
                    value: lsp::ProgressParamsValue::WorkDone(progress),
                });
        }
    }
}

/// Answers, and opens the terminal of a run or a shell.
fn finish(session: &Session, call: Call, action: Action, built: Answer<Built>) {
    let canceled = call.snapshot.cancel.is_canceled();
    let built = match built {
        Ok(built) => built,
        Err(_) if canceled => return call.reply.give(Err(Fault::Canceled)),
        // A mistake of the client, not the user's.
        Err(fault @ Fault::Invalid(_)) => return call.reply.give(Err(fault)),
        Err(fault) => {
            session
                .output
                .show(lsp::MessageType::ERROR, fault.to_string());
            return call.reply.give(Err(fault));
        }
    };
    let arguments: &[&str] = match action {
        Action::Run => &["run", "--rm", "-it"],
        Action::Shell => &["run", "--rm", "-it", "--entrypoint", "sh"],
        _ => &[],
    };
    if !arguments.is_empty() {
        let program = builds::program(session.setup.root.as_deref());
        let command: Vec<String> = program
            .into_iter()
            .chain(arguments.iter().map(|a| (*a).to_owned()))
            .chain([built.image.clone()])
            .collect();
        open_terminal(session, action, command);
    }
    let result = json!({"image": built.image, "summary": built.summary});
    call.reply.give(Ok(result));
}

/// Opens a terminal through a client that can; another gets the line to type.
fn open_terminal(session: &Session, action: Action, command: Vec<String>) {
    let name = match action {
        Action::Shell => "shell here",
        _ => "run",
    };
    if session.setup.features.terminal {
        // Who leaves a shell has seen all of it.
        let keep = action != Action::Shell;
        let terminal = json!({"name": name, "command": command, "keep": keep});
        session.ask::<Terminal>(terminal, |_, _| {});
    } else {
        let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        let line = format!("in a terminal: {}", words.join(" "));
        session.output.show(lsp::MessageType::INFO, line);
    }
}

/// Asks the client for a terminal: `{name, command, keep}`.
enum Terminal {}

impl lsp::request::Request for Terminal {
    type Params = Value;
    type Result = Value;
    const METHOD: &'static str = "cooper/terminal";
}

/// Tells the client to show a text: `{title, text}`, Markdown.
enum Show {}

impl lsp::notification::Notification for Show {
    type Params = Value;
    const METHOD: &'static str = "cooper/show";
}

/// Explains when there is a forecast of the text, or none will come.
fn once_forecast(session: &mut Session, mut call: Call) {
    let uri = call.snapshot.uri.clone();
    let go = move |session: &mut Session, now| {
        if let Err(fault) = now {
            return call.reply.give(Err(fault));
        }
        if let Some(snapshot) = session.snapshot_of(call.snapshot.uri.as_str()) {
            call.snapshot = Snapshot {
                cancel: call.snapshot.cancel.clone(),
                ..snapshot
            };
        }
        tell(session, call, explain);
    };
    session.once_forecast(&uri, None, Box::new(go));
}

/// Answers with a text, and has it shown.
fn tell(session: &Session, call: Call, text: fn(&Call) -> Answer<(String, String)>) {
    let whose = call.snapshot.uri.to_string();
    let work = move || {
        let said = guarded(|| text(&call));
        (call, said)
    };
    session.work(&whose, work, |session, (call, said)| {
        let answer = said.map(|(title, text)| {
            if session.setup.features.show_text {
                let text = json!({"title": title, "text": text});
                session.output.notify::<Show>(text);
            } else {
                session.output.show(lsp::MessageType::INFO, text.clone());
            }
            json!({"title": title, "text": text})
        });
        call.reply.give(answer);
    });
}

/// What the next build will do with the step at a line, or with all of them, in Markdown.
fn explain(call: &Call) -> Answer<(String, String)> {
    let missing = || Fault::Failed("there is no forecast of this text yet".to_owned());
    let forecasted = call.snapshot.forecast.as_ref().ok_or_else(missing)?;
    let forecast = &forecasted.forecast;
    let wanted = call
        .offset()
        .and_then(|offset| call.snapshot.file().instruction_at(offset))
        .map(|instruction| instruction.range);
    // A stage is explained by all of its steps.
    let mut stages = forecast.plan.stages.iter();
    let stage = stages.find(|stage| Some(stage.from_range) == wanted);
    let is_wanted = |step: &Step| match (stage, wanted) {
        (Some(stage), _) => step.stage == Some(stage.index),
        (None, Some(range)) => step.range == range,
        (None, None) => true,
    };
    let is_one = wanted.is_some() && stage.is_none();
    let mut text = format!("# next build: {}\n", words::summary(forecast));
    // Of all steps those count that run; of one, what it does.
    let (told, cached): (Vec<_>, Vec<_>) = forecast
        .numbered()
        .filter(|step| is_wanted(forecast.plan.step(step.step)))
        .partition(|step| is_one || !matches!(step.status, CacheStatus::Hit(_)));
    if told.is_empty() && cached.is_empty() {
        text += "\nNo step of it is needed.\n";
    }
    let now = SystemTime::now();
    for step in told {
        let planned = forecast.plan.step(step.step);
        text += &format!(
            "\n## line {}: `{}`\n\n{}\n",
            planned.lines.start,
            words::heading(planned).replace('`', "'"),
            words::sentence(step, &forecast.plan, now)
        );
        for line in words::detail(step).iter().flat_map(|all| all.lines()) {
            text += &format!("- {line}\n");
        }
    }
    if !cached.is_empty() {
        let lines = cached
            .iter()
            .map(|step| forecast.plan.step(step.step).lines.start.to_string());
        let lines: Vec<_> = lines.collect();
        text += &format!("\nCached or in the store: lines {}.\n", lines.join(", "));
    }
    Ok(("next build".to_owned(), text))
}

/// The files of the layer that the step at a line has in the store.
fn layer_files(call: &Call) -> Answer<(String, String)> {
    let missing = || Fault::Failed(format!("no layer of line {} is here", line(call) + 1));
    let forecasted = call.snapshot.forecast.as_ref().ok_or_else(missing)?;
    let offset = call.offset().ok_or_else(missing)?;
    let plan = &forecasted.forecast.plan;
    let at = |range: cooperage_lang::text::TextRange| range.start <= offset && offset < range.end;
    let step = forecasted
        .forecast
        .numbered()
        .find(|step| at(plan.step(step.step).range))
        .and_then(|step| Some((plan.step(step.step), *step.layers.as_ref()?.last()?)));
    let (planned, layer) = step.ok_or_else(missing)?;
    let files = call.snapshot.setup.engine.layer_files(&layer);
    let files = files.map_err(|error| Fault::Failed(error.to_string()))?;
    let mut text = format!(
        "# files of `{}`\n\n",
        words::heading(planned).replace('`', "'")
    );
    for file in &files {
        let link = file.link.as_ref().map(|link| format!(" -> {link}"));
        text += &format!(
            "- `{:04o}` {} {}{} ({})\n",
            file.mode,
            Size(file.size),
            file.path,
            link.unwrap_or_default(),
            file.kind
        );
    }
    Ok((format!("files of line {}", planned.lines.start), text))
}

fn choose(session: &mut Session, uri: &lsp::Url, change: impl FnOnce(&mut Choice)) {
    let key = uri.as_str().to_owned();
    session.set_up(|setup| change(setup.choices.entry(key).or_default()));
}

fn select_build(session: &Session, call: Call) {
    let whose = call.snapshot.uri.to_string();
    let work = move || {
        let path = convert::path(&call.snapshot.uri);
        let found = path.map_or_else(settings::Found::default, |path| settings::declared(&path));
        (call, found)
    };
    session.work(&whose, work, |session, (call, found)| {
        select_one_of(session, call, found);
    });
}

fn select_one_of(session: &mut Session, call: Call, found: settings::Found) {
    for mistake in &found.mistakes {
        let message = mistake.to_string();
        session.output.show(lsp::MessageType::WARNING, message);
    }
    let builds = found.builds;
    let names = builds.iter().map(|build| build.name.clone()).collect();
    let question = Question {
        field: "name",
        message: "build to forecast and do",
        none: "that of the Dockerfile alone",
        names,
    };
    question.answer(session, call, move |session, uri, name| {
        let declared = builds
            .into_iter()
            .find(|build| Some(&build.name) == name.as_ref());
        let found = declared.is_some() || name.is_none();
        if found {
            // A build says all of it: what was selected before is of another one.
            choose(session, uri, |choice| {
                *choice = Choice {
                    declared,
                    ..Choice::default()
                };
            });
        }
        found
    });
}

fn select_target(session: &mut Session, call: Call) {
    let stages = &call.snapshot.file().dockerfile().stages;
    let name = |stage: &Stage| match &stage.from.kind {
        Kind::From(from) => Some(from.name.as_ref()?.to_str_lossy().into_owned()),
        _ => None,
    };
    let question = Question {
        field: "target",
        message: "stage to forecast and build",
        none: "the last stage",
        names: stages.iter().filter_map(name).collect(),
    };
    question.answer(session, call, |session, uri, target| {
        choose(session, uri, |choice| choice.target = target);
        true
    });
}

/// A choice among names, made by the caller or by the user.
struct Question {
    /// Where the caller says it.
    field: &'static str,
    message: &'static str,
    /// What is shown for no name.
    none: &'static str,
    names: Vec<String>,
}

impl Question {
    /// Takes the choice; `choose` tells whether there is such a thing.
    fn answer(
        self,
        session: &mut Session,
        call: Call,
        choose: impl FnOnce(&mut Session, &lsp::Url, Option<String>) -> bool + Send + 'static,
    ) {
        match call.more.get(self.field) {
            None => self.ask(session, call, choose),
            Some(Value::Null) => self.take(session, call, None, choose),
            Some(Value::String(name)) => {
                let name = name.clone();
                self.take(session, call, Some(name), choose);
            }
            Some(_) => {
                let why = format!("`{}` is a name, or null", self.field);
                call.reply.give(Err(Fault::Invalid(why)));
            }
        }
    }

    fn take(
        &self,
        session: &mut Session,
        call: Call,
        name: Option<String>,
        choose: impl FnOnce(&mut Session, &lsp::Url, Option<String>) -> bool,
    ) {
        if choose(session, &call.snapshot.uri, name.clone()) {
            call.reply.give(Ok(json!(name)));
        } else {
            let known = self.names.join(", ");
            let name = name.unwrap_or_default();
            let why = format!("there is no `{name}` here; there are: {known}");
            call.reply.give(Err(Fault::Failed(why)));
        }
    }

    /// Asks the user, in a list where the client has one.
    fn ask(
        self,
        session: &mut Session,
        call: Call,
        choose: impl FnOnce(&mut Session, &lsp::Url, Option<String>) -> bool + Send + 'static,
    ) {
        let titles = self.names.iter().cloned().chain([self.none.to_owned()]);
        if session.setup.features.pick {
            let items: Vec<String> = titles.collect();
            let params = json!({"title": self.message, "items": items});
            return session.ask::<Pick>(params, move |session, answer| {
                self.answered(session, call, answer.ok().flatten(), choose);
            });
        }
        let item = |title| lsp::MessageActionItem {
            title,
            properties: std::collections::HashMap::new(),
        };
        let params = lsp::ShowMessageRequestParams {
            typ: lsp::MessageType::INFO,
            message: self.message.to_owned(),
            actions: Some(titles.map(item).collect()),
        };
        session.ask::<lsp::request::ShowMessageRequest>(params, move |session, answer| {
            let title = answer.ok().flatten().map(|item| item.title);
            self.answered(session, call, title, choose);
        });
    }

    /// Takes what the user chose; nothing changes when that is nothing.
    fn answered(
        &self,
        session: &mut Session,
        call: Call,
        title: Option<String>,
        choose: impl FnOnce(&mut Session, &lsp::Url, Option<String>) -> bool,
    ) {
        match title {
            Some(title) => {
                let name = (title != self.none).then_some(title);
                self.take(session, call, name, choose);
            }
            None => call.reply.give(Ok(Value::Null)),
        }
    }
}

/// Asks the client to let the user pick one of a list: `{title, items}`; null when none is picked.
enum Pick {}

impl lsp::request::Request for Pick {
    type Params = Value;
    type Result = Option<String>;
    const METHOD: &'static str = "cooper/pick";
}

fn set_build_args(session: &mut Session, call: Call) {
    let args: Option<BTreeMap<String, String>> = match &call.more["args"] {
        Value::Null => Some(BTreeMap::new()),
        args => serde_json::from_value(args.clone()).ok(),
    };
    let Some(args) = args else {
        let why = "`args` is an object of strings, or null".to_owned();
        return call.reply.give(Err(Fault::Invalid(why)));
    };
    choose(session, &call.snapshot.uri, |choice| {
        choice.build_args = args;
    });
    call.reply.give(Ok(Value::Null));
}

fn set_platform(session: &mut Session, call: Call) {
    let platform = match &call.more["platform"] {
        Value::Null => None,
        Value::String(platform) => Some(platform.clone()),
        _ => {
            let why = "`platform` is a string, or null".to_owned();
            return call.reply.give(Err(Fault::Invalid(why)));
        }
    };
    choose(session, &call.snapshot.uri, |choice| {
        choice.platform = platform;
    });
    call.reply.give(Ok(Value::Null));
}
