//! `build`, `plan`, `run` and the types they return.

use super::error::{option, raise, throw};
use super::images::{Image, name};
use super::options::Options;
use super::value::array;
use super::{Outcome, session};
use crate::commands;
use crate::error::CommandError;
use crate::render::progress::Mode;
use crate::render::{forecast, json};
use crate::request::{self, BuildOptions};
use crate::session::Session;
use crate::units::{Size, Span};
use crate::value::PlanView;
use clap::ValueEnum;
use cooperage_lang::plan::Step as Planned;
use cooperage_runtime::build::cache::CacheStatus;
use cooperage_runtime::build::forecast::StepForecast;
use cooperage_runtime::build::request::BuildRequest;
use cooperage_runtime::engine::{RunExit, RunRequest};
use rhai::{Dynamic, Engine, EvalAltResult, FnPtr, INT, Map, NativeCallContext};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Options of `build`; those of `plan` are the ones before `progress`.
const BUILD_OPTIONS: &[&str] = &[
    "file",
    "target",
    "args",
    "platform",
    "contexts",
    "labels",
    "secrets",
    "ssh",
    "no_cache",
    "no_cache_filter",
    "pull",
    "network",
    "allow",
    "add_hosts",
    "shm_size",
    "ulimits",
    "no_config",
    "tag",
    "tags",
    "output",
    "progress",
    "on_step",
];
const PLAN_OPTIONS: usize = 17;

const RUN_OPTIONS: &[&str] = &[
    "cmd",
    "entrypoint",
    "env",
    "volumes",
    "workdir",
    "user",
    "name",
    "network",
    "rm",
    "tty",
    "stdin",
    "capture",
    "check",
];

/// A forecast as scripts see it.
#[derive(Clone)]
pub(crate) struct Plan {
    session: Session,
    view: Arc<PlanView>,
    request: Option<Arc<BuildRequest>>,
}

impl Plan {
    pub(super) fn new(session: &Session, view: PlanView, request: Option<BuildRequest>) -> Self {
        Self {
            session: session.clone(),
            view: Arc::new(view),
            request: request.map(Arc::new),
        }
    }

    /// The forecast itself.
    pub(super) fn view(&self) -> &PlanView {
        &self.view
    }

    fn steps(&self, wanted: impl Fn(&StepForecast) -> bool) -> Dynamic {
        let numbered = self.view.forecast.numbered();
        array(numbered.filter(|step| wanted(step)).map(|step| Step {
            plan: self.clone(),
            at: step.step.0 as usize,
        }))
    }
}

/// A step of a forecast.
#[derive(Clone)]
pub(crate) struct Step {
    plan: Plan,
    at: usize,
}

impl Step {
    fn planned(&self) -> &Planned {
        &self.plan.view.forecast.plan.steps[self.at]
    }

    fn forecast(&self) -> &StepForecast {
        &self.plan.view.forecast.steps[self.at]
    }
}

/// What the cache says of a step.
#[derive(Clone)]
pub(crate) struct Cache(Step);

/// A process that ended.
#[derive(Clone)]
pub(crate) struct ExecResult {
    exit: RunExit,
    took: Duration,
}

impl ExecResult {
    pub(super) fn new(exit: RunExit, took: Duration) -> Self {
        Self { exit, took }
    }

    fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.exit.stdout).into_owned()
    }

    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.exit.stderr).into_owned()
    }
}

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("build", |context: NativeCallContext<'_>, folder: &str| {
        build(&context, folder, Map::new())
    });
    engine.register_fn(
        "build",
        |context: NativeCallContext<'_>, folder: &str, map: Map| build(&context, folder, map),
    );
    engine.register_fn("plan", |context: NativeCallContext<'_>, folder: &str| {
        plan(&context, folder, Map::new())
    });
    engine.register_fn(
        "plan",
        |context: NativeCallContext<'_>, folder: &str, map: Map| plan(&context, folder, map),
    );
    engine.register_fn("run", |context: NativeCallContext<'_>, image: Dynamic| {
        run(&context, &image, Map::new())
    });
    engine.register_fn(
        "run",
        |context: NativeCallContext<'_>, image: Dynamic, map: Map| run(&context, &image, map),
    );
    engine.register_fn(
        "why",
        |context: NativeCallContext<'_>| -> Outcome<Dynamic> {
            let why = raise(raise(session(&context).engine())?.why(None))?;
            Ok(super::value::from_json(&json::of(
                &crate::value::Value::Why(why),
            )))
        },
    );
    plan_type(engine);
    step_type(engine);
    exec_type(engine);
}

/// `progress:` of a call.
pub(super) fn progress(text: Option<String>) -> Outcome<Option<Mode>> {
    text.map(|text| {
        Mode::from_str(&text, true).map_err(|_| {
            throw(CommandError::invalid(format!(
                "progress `{text}` is none of auto, tty, plain, json, none"
            )))
        })
    })
    .transpose()
}

/// The request that a context folder and an options map make.
fn read_request(session: &Session, folder: &str, options: &mut Options) -> Outcome<BuildRequest> {
    let mut tags = options.list("tags")?;
    tags.extend(options.text("tag")?);
    let made = BuildOptions {
        text_of: None,
        tags,
        file: options.text("file")?.map(Into::into),
        target: options.text("target")?,
        build_args: options.pairs("args")?,
        build_contexts: options.pairs("contexts")?,
        secrets: options.list("secrets")?,
        ssh: options.list("ssh")?,
        no_cache: options.flag("no_cache")?,
        no_cache_filter: options.list("no_cache_filter")?,
        add_hosts: options.list("add_hosts")?,
        shm_size: options.text("shm_size")?,
        ulimits: options.list("ulimits")?,
        labels: options.pairs("labels")?,
        pull: options.flag("pull")?,
        platform: options.text("platform")?,
        network: options.text("network")?,
        allow: options.list("allow")?,
        insecure_registries: Vec::new(),
        no_config: options.flag("no_config")?,
        context: Some(folder.to_owned()),
    };
    let mut request = raise(made.request(session))?;
    request.outputs = raise(
        options
            .list("output")?
            .iter()
            .map(|text| request::output(text))
            .collect::<Result<_, _>>(),
    )?;
    Ok(request)
}

/// Builds an image. Options: see `BUILD_OPTIONS`; `on_step` is called with a map for every step that ends.
fn build(context: &NativeCallContext<'_>, folder: &str, map: Map) -> Outcome<Image> {
    let mut options = Options::new("build", map, BUILD_OPTIONS)?;
    let mode = progress(options.text("progress")?)?.unwrap_or(Mode::Auto);
    let on_step = options.function("on_step")?;
    let session = session(context);
    let request = read_request(&session, folder, &mut options)?;
    build_request(context, &session, &request, mode, on_step.as_ref())
}

fn build_request(
    context: &NativeCallContext<'_>,
    session: &Session,
    request: &BuildRequest,
    mode: Mode,
    on_step: Option<&FnPtr>,
) -> Outcome<Image> {
    let view = match on_step {
        None => raise(commands::build::execute(session, request, mode))?,
        Some(function) => watched(context, session, request, mode, function)?,
    };
    Ok(Image::new(session, view.built.image))
}

/// Builds on a thread of its own while this one calls the script's function: an engine stays on its thread.
fn watched(
    context: &NativeCallContext<'_>,
    session: &Session,
    request: &BuildRequest,
    mode: Mode,
    function: &FnPtr,
) -> Outcome<crate::value::BuiltView> {
    use cooperage_runtime::build::events::BuildEvent;
    let (sender, ended) = std::sync::mpsc::channel::<(u32, &'static str, Duration)>();
    let sender = std::sync::Mutex::new(sender);
    let plan = std::sync::Mutex::new(None);
    let watch = |event: &BuildEvent| {
        let said = match event {
            BuildEvent::Planned { plan: made, .. } => {
                *plan
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Arc::clone(made));
                return;
            }
            BuildEvent::Cached { step, .. } => (step.0, "cached", Duration::ZERO),
            BuildEvent::Done { step, took, .. } => (step.0, "done", *took),
            BuildEvent::Failed { step, took, .. } => (step.0, "failed", *took),
            _ => return,
        };
        // A closed channel means the script's function failed; the build is being cancelled then.
        let _ = sender
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .send(said);
    };
    std::thread::scope(|scope| {
        let builder = scope.spawn(|| {
            let result = commands::build::execute_with(session, request, mode, &watch);
            // Closes the channel: the loop below ends.
            let (closed, _) = std::sync::mpsc::channel();
            *sender
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner) = closed;
            result
        });
        let mut failed: Option<Box<EvalAltResult>> = None;
        for (step, state, took) in &ended {
            let plan = plan
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .clone();
            let Some(plan) = plan else { continue };
            let planned = &plan.steps[step as usize];
            if planned.number.is_none() || failed.is_some() {
                continue;
            }
            let mut map = Map::new();
            map.insert("line".into(), INT::from(planned.lines.start).into());
            map.insert("text".into(), planned.text.clone().into());
            map.insert("state".into(), state.into());
            map.insert("duration".into(), Dynamic::from(Span(took)));
            if let Err(error) = function.call_within_context::<Dynamic>(context, (map,)) {
                session.cancel().cancel();
                failed = Some(error);
            }
        }
        let built = builder
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match failed {
            Some(error) => Err(error),
            None => raise(built),
        }
    })
}

/// Forecasts a build. Options: those of `build` that decide what is built.
fn plan(context: &NativeCallContext<'_>, folder: &str, map: Map) -> Outcome<Plan> {
    let session = session(context);
    let mut options = Options::new("plan", map, &BUILD_OPTIONS[..PLAN_OPTIONS])?;
    let request = read_request(&session, folder, &mut options)?;
    let view = raise(commands::plan::forecast(&session, &request))?;
    Ok(Plan::new(&session, view, Some(request)))
}

/// Runs a container and waits for it; its output is captured unless `capture` is false. Options: see `RUN_OPTIONS`.
fn run(context: &NativeCallContext<'_>, image: &Dynamic, map: Map) -> Outcome<ExecResult> {
    let session = session(context);
    let capture = map
        .get("capture")
        .is_none_or(|value| value.as_bool().unwrap_or(true));
    let mut options = Options::new("run", map, RUN_OPTIONS)?;
    let args = match options.list("cmd")? {
        // One text is a line of words, as at a shell's prompt, without the shell.
        line if line.len() == 1 => crate::shell::words::split(&line[0])
            .map_err(|e| throw(CommandError::invalid(format!("run: cmd: {e}"))))?,
        words => words,
    };
    let env = options.pairs("env")?;
    let request = RunRequest {
        image: name(image),
        args,
        env: env
            .iter()
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect(),
        volumes: raise(
            options
                .list("volumes")?
                .iter()
                .map(|text| commands::run::volume(text))
                .collect::<Result<_, _>>(),
        )?,
        workdir: options.text("workdir")?,
        user: options.text("user")?,
        entrypoint: options.text("entrypoint")?.map(|program| vec![program]),
        name: options.text("name")?,
        network: raise(commands::run::network(
            options.text("network")?.as_deref().unwrap_or("host"),
        ))?,
        interactive: false,
        tty: options.flag("tty")?,
        rm: true,
        capture,
    };
    let check = options.flag("check")?;
    let began = Instant::now();
    let exit = raise(raise(session.engine())?.run(&request, &session.cancel()))?;
    let result = ExecResult::new(exit, began.elapsed());
    if check { checked(result) } else { Ok(result) }
}

/// The result, or an error when the status is not 0.
fn checked(result: ExecResult) -> Outcome<ExecResult> {
    if result.exit.code == 0 {
        return Ok(result);
    }
    let code = result.exit.code;
    let mut error = CommandError::new(
        crate::error::Kind::ExecFailed,
        format!("the command exited with status {code}"),
    );
    error.exit_code = Some(code);
    error.log = result
        .stderr()
        .lines()
        .rev()
        .take(10)
        .map(str::to_owned)
        .collect();
    error.log.reverse();
    Err(throw(error))
}

fn is_hit(step: &StepForecast) -> bool {
    matches!(step.status, CacheStatus::Hit(_))
}

fn plan_type(engine: &mut Engine) {
    engine.register_type_with_name::<Plan>("Plan");
    engine.register_get("steps", |p: &mut Plan| p.steps(|_| true));
    engine.register_get("cached", |p: &mut Plan| p.steps(is_hit));
    engine.register_get("missed", |p: &mut Plan| p.steps(|step| !is_hit(step)));
    engine.register_get("first_miss", |p: &mut Plan| {
        let first = p
            .view
            .forecast
            .numbered()
            .find(|step| !is_hit(step))
            .map(|step| step.step.0 as usize);
        option(first.map(|at| {
            Dynamic::from(Step {
                plan: p.clone(),
                at,
            })
        }))
    });
    engine.register_get("estimate", |p: &mut Plan| {
        option(
            p.view
                .forecast
                .estimate()
                .map(|time| Dynamic::from(Span(time))),
        )
    });
    engine.register_get("target", |p: &mut Plan| {
        let plan = &p.view.forecast.plan;
        option(plan.target.map(|stage| plan.stages[stage].name.clone()))
    });
    engine.register_get("stages", |p: &mut Plan| {
        array(
            p.view
                .forecast
                .plan
                .stages
                .iter()
                .map(|stage| stage.name.clone()),
        )
    });
    engine.register_get("summary", |p: &mut Plan| {
        forecast::summary(&p.view.forecast)
    });
    engine.register_fn("build", |context: NativeCallContext<'_>, p: &mut Plan| {
        build_plan(&context, p, Map::new())
    });
    engine.register_fn(
        "build",
        |context: NativeCallContext<'_>, p: &mut Plan, map: Map| build_plan(&context, p, map),
    );
    let as_json = |p: &mut Plan| json::of(&crate::value::Value::Plan(Box::new((*p.view).clone())));
    engine.register_fn("to_json", move |p: &mut Plan| as_json(p).to_string());
    engine.register_fn("to_map", move |p: &mut Plan| {
        super::value::from_json(&as_json(p))
    });
    for name in ["to_string", "to_debug"] {
        engine.register_fn(name, |p: &mut Plan| {
            let value = crate::value::Value::Plan(Box::new((*p.view).clone()));
            value
                .text(crate::render::Terminal::default())
                .trim_end()
                .to_owned()
        });
    }
}

/// Builds what was planned. Options: `tag`, `tags`, `progress`, `on_step`.
fn build_plan(context: &NativeCallContext<'_>, plan: &Plan, map: Map) -> Outcome<Image> {
    let mut options = Options::new("build", map, &["tag", "tags", "progress", "on_step"])?;
    let request = plan.request.as_deref().ok_or_else(|| {
        throw(CommandError::invalid(
            "this plan came from a command line; call plan(...) to build what it says",
        ))
    })?;
    let mut request = request.clone();
    request.tags.extend(options.list("tags")?);
    request.tags.extend(options.text("tag")?);
    let mode = progress(options.text("progress")?)?.unwrap_or(Mode::Auto);
    build_request(
        context,
        &plan.session,
        &request,
        mode,
        options.function("on_step")?.as_ref(),
    )
}

fn step_type(engine: &mut Engine) {
    engine
        .register_type_with_name::<Step>("Step")
        .register_type_with_name::<Cache>("CacheStatus");
    engine.register_get("index", |s: &mut Step| s.at as INT);
    engine.register_get("stage", |s: &mut Step| {
        option(
            s.planned()
                .stage
                .map(|stage| s.plan.view.forecast.plan.stages[stage].name.clone()),
        )
    });
    engine.register_get("line", |s: &mut Step| INT::from(s.planned().lines.start));
    engine.register_get("end_line", |s: &mut Step| INT::from(s.planned().lines.end));
    engine.register_get("text", |s: &mut Step| s.planned().text.clone());
    engine.register_get("instruction", |s: &mut Step| {
        s.planned()
            .text
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned()
    });
    engine.register_get("inputs", |s: &mut Step| {
        array(s.planned().inputs.iter().map(|id| INT::from(id.0)))
    });
    engine.register_get("duration", |s: &mut Step| {
        option(s.forecast().estimate.map(|time| Dynamic::from(Span(time))))
    });
    engine.register_get("size", |s: &mut Step| {
        option(s.forecast().size.map(|size| Dynamic::from(Size(size))))
    });
    engine.register_get("cache", |s: &mut Step| Cache(s.clone()));
    engine.register_get("digest", |s: &mut Step| {
        s.planned().definition().to_string()
    });
    engine.register_fn("to_map", |s: &mut Step| {
        super::value::from_json(&json::plan_step(&s.plan.view, s.forecast()))
    });
    engine.register_fn("to_json", |s: &mut Step| {
        json::plan_step(&s.plan.view, s.forecast()).to_string()
    });

    engine.register_get("state", |c: &mut Cache| {
        forecast::state(&c.0.forecast().status).to_owned()
    });
    engine.register_get("reason", |c: &mut Cache| {
        option(forecast::reason(&c.0.forecast().status))
    });
    engine.register_get("detail", |c: &mut Cache| detail(&c.0));
    engine.register_get("saved", |c: &mut Cache| match &c.0.forecast().status {
        CacheStatus::Hit(hit) => option(hit.took.map(|time| Dynamic::from(Span(time)))),
        _ => Dynamic::UNIT,
    });
    engine.register_get("culprits", |c: &mut Cache| match &c.0.forecast().status {
        CacheStatus::Miss(reason) => array(reason.culprits.iter().map(|culprit| {
            let mut map = Map::new();
            map.insert("what".into(), culprit.what.clone().into());
            map.insert("before".into(), option(culprit.before.clone()));
            map.insert("after".into(), option(culprit.after.clone()));
            map
        })),
        _ => Dynamic::from_array(rhai::Array::new()),
    });
    for name in ["to_string", "to_debug"] {
        engine.register_fn(name, |s: &mut Step| {
            format!(
                "{}: {}",
                s.planned().lines.start,
                forecast::title(s.planned())
            )
        });
        engine.register_fn(name, |c: &mut Cache| detail(&c.0));
    }
}

fn detail(step: &Step) -> String {
    forecast::sentence(
        step.forecast(),
        &step.plan.view.forecast.plan,
        SystemTime::now(),
    )
}

fn exec_type(engine: &mut Engine) {
    engine.register_type_with_name::<ExecResult>("ExecResult");
    engine.register_get("code", |r: &mut ExecResult| INT::from(r.exit.code));
    engine.register_get("ok", |r: &mut ExecResult| r.exit.code == 0);
    engine.register_get("stdout", |r: &mut ExecResult| r.stdout());
    engine.register_get("stderr", |r: &mut ExecResult| r.stderr());
    engine.register_get("lines", |r: &mut ExecResult| {
        array(r.stdout().lines().map(str::to_owned).collect::<Vec<_>>())
    });
    engine.register_get("duration", |r: &mut ExecResult| Span(r.took));
    engine.register_fn("check", |r: &mut ExecResult| checked(r.clone()));
    engine.register_fn("json", |r: &mut ExecResult| {
        super::host::parse_json(&r.stdout())
    });
    for name in ["to_string", "to_debug"] {
        engine.register_fn(name, |r: &mut ExecResult| {
            format!("{}exit status {}", r.stdout(), r.exit.code)
        });
    }
}
