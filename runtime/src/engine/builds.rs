//! Planning, forecasting and building through the engine.

use super::images::{Image, to_image};
use super::{Engine, EngineError};
use crate::build::advice::{self, Changes};
use crate::build::cache::{MissKind, MissReason, State};
use crate::build::error::{BuildError, Problem, official_error};
use crate::build::events::{BuildEvent, Events};
use crate::build::exec::{Executed, Outcome, execute};
use crate::build::forecast::{Forecast, forecast};
use crate::build::output;
use crate::build::request::{BuildRequest, ContextSource, DockerfileSource, OutputKind};
use crate::build::runner::{Mode, Session};
use crate::cancel::Cancel;
use crate::image::export::export;
use crate::image::ingest::plain;
use crate::registry::PullEvent;
use crate::registry::pull::LayerState;
use crate::store::{DiffId, ImageRecord};
use crate::world::StoreWorld;
use cooperage_lang::diagnostic::{Diagnostic, Severity};
use cooperage_lang::instructions::Dockerfile;
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::Reference;
use cooperage_lang::plan::{Op, Plan, PlanOptions, Source, StepId};
use cooperage_lang::{instructions, lints, plan};
use serde::{Deserialize, Serialize};
use std::cell::OnceCell;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// A Dockerfile, read.
pub struct Loaded {
    /// Its bytes.
    pub source: Vec<u8>,
    /// Name to show.
    pub name: String,
    /// The file, when there is one.
    pub path: Option<PathBuf>,
    /// Typed instructions.
    pub dockerfile: Arc<Dockerfile>,
}

/// A plan with the text it came from.
pub struct Planned {
    /// The Dockerfile's bytes.
    pub source: Vec<u8>,
    /// Name to show.
    pub name: String,
    /// The file, when there is one.
    pub path: Option<PathBuf>,
    /// The plan.
    pub plan: Arc<Plan>,
}

/// A finished build.
#[derive(Clone, Debug)]
pub struct Built {
    /// The image.
    pub image: Image,
    /// What was forecast before the first step ran.
    pub forecast: Forecast,
    /// Numbered steps that ran.
    pub ran: usize,
    /// Numbered steps that were cached.
    pub cached: usize,
    /// In all.
    pub took: Duration,
    /// Findings of the check rules.
    pub warnings: Vec<Diagnostic>,
    /// What `--metadata-file` gets.
    pub metadata: serde_json::Value,
}

/// What the last build of a context did, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Why {
    /// When it began.
    pub when: SystemTime,
    /// The Dockerfile.
    pub dockerfile: String,
    /// Its numbered steps.
    pub steps: Vec<WhyStep>,
}

/// A step of the last build.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WhyStep {
    /// The instruction.
    pub text: String,
    /// Its first line.
    pub line: u32,
    /// `cached`, `ran`, `failed` or `not-reached`.
    pub outcome: String,
    /// Why it ran.
    pub reason: Option<MissReason>,
    /// How long.
    pub took: Option<Duration>,
    /// Bytes of its layer.
    pub size: Option<u64>,
}

impl Engine {
    /// Reads the Dockerfile of a request.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn read(&self, request: &BuildRequest) -> Result<Loaded, BuildError> {
        let (source, name, path) = read_dockerfile(request)?;
        let dockerfile = Arc::new(instructions::parse(&source));
        Ok(Loaded {
            source,
            name,
            path,
            dockerfile,
        })
    }

    /// Plans a build. Problems of the text are in the plan; nothing is fetched.
    ///
    /// # Errors
    /// The Dockerfile cannot be read, or an option is not valid.
    pub fn plan(&self, request: &BuildRequest) -> Result<Planned, BuildError> {
        let loaded = self.read(request)?;
        let options = plan_options(request)?;
        let plan = self.plan_loaded(&loaded, request, &options, &[])?;
        Ok(Planned {
            source: loaded.source,
            name: loaded.name,
            path: loaded.path,
            plan: Arc::new(plan),
        })
    }

    /// Says what a build would do. Reads the context, executes nothing, asks no network.
    ///
    /// # Errors
    /// As [`Engine::plan`], and the text's own errors.
    pub fn forecast(&self, request: &BuildRequest) -> Result<Forecast, BuildError> {
        let planned = self.plan(request)?;
        self.forecast_planned(request, &planned)
    }

    /// As [`Engine::forecast`], of a plan that is at hand. Steps of a text with errors are forecast as far as they go.
    pub fn forecast_planned(
        &self,
        request: &BuildRequest,
        planned: &Planned,
    ) -> Result<Forecast, BuildError> {
        self.forecast_until(request, planned, Cancel::new())
    }

    /// As [`Engine::forecast_planned`]; after `cancel` it comes to an end soon, and is worth nothing.
    pub fn forecast_until(
        &self,
        request: &BuildRequest,
        planned: &Planned,
        cancel: Cancel,
    ) -> Result<Forecast, BuildError> {
        let session = Session::new(self, request, planned, Mode::Forecast, cancel)?;
        let forecast = forecast(&planned.plan, &session);
        session.save_contexts();
        Ok(Forecast {
            past: Some(session.past()),
            ..forecast
        })
    }

    /// Everything that a forecast gives reason to say, for [`lints::report`]. Reads the
    /// lists of files of the image's cached layers when it meets them first, and what the last builds did where that
    /// matters.
    pub fn advice(&self, forecast: &Forecast) -> Vec<Diagnostic> {
        let past = OnceCell::new();
        let changes = |step: StepId| {
            let past = past.get_or_init(|| self.past_builds(forecast));
            changes(past, &forecast.plan, step)
        };
        let mut found = advice::advice(forecast, SystemTime::now(), &changes);
        if let Ok(Some(store)) = self.store_if_any() {
            found.extend(advice::waste(forecast, &self.inner.waste, &|layer| {
                store.layer(layer).ok()??.index().ok()
            }));
        }
        found
    }

    /// The last builds of the same Dockerfile and context, newest first. Of what cannot be read nothing is known.
    fn past_builds(&self, forecast: &Forecast) -> Vec<Why> {
        let Some((past, store)) = forecast
            .past
            .as_ref()
            .zip(self.store_if_any().ok().flatten())
        else {
            return Vec::new();
        };
        let documents = store
            .builds(&past.subject, BUILDS_LOOKED_AT)
            .unwrap_or_default();
        let builds = documents
            .iter()
            .filter_map(|kept| serde_json::from_str::<Why>(&kept.document).ok());
        builds
            .filter(|build| build.dockerfile == past.dockerfile)
            .collect()
    }

    /// The platform of the image that a name means here, when it was made or loaded and not pulled. Of a store that cannot
    /// be read, and without one, nothing is known.
    pub fn platform_of_own_image(&self, reference: &Reference) -> Option<Platform> {
        let store = self.store_if_any().ok().flatten()?;
        crate::world::platform_of_own_image(store, reference)
    }

    /// Plans instructions that are read already: those of an editor. Only the place of the request's Dockerfile is looked
    /// at, not its text. With `rules` it is for what there is to say: also what the target does not need is planned, and
    /// experimental rules run that these settings switch on.
    ///
    /// # Errors
    /// An option is not valid, or the ignore file cannot be read.
    pub fn plan_read(
        &self,
        dockerfile: &Dockerfile,
        request: &BuildRequest,
        rules: Option<&lints::Config>,
    ) -> Result<Plan, BuildError> {
        let path = match &request.dockerfile {
            DockerfileSource::Text { path, .. } => path.as_deref(),
            DockerfileSource::Path(path) => Some(path.as_path()),
            DockerfileSource::Default => None,
        };
        let options = PlanOptions {
            all_stages: rules.is_some(),
            experimental: rules.map(lints::Config::experimental).unwrap_or_default(),
            ..plan_options(request)?
        };
        let ignore = crate::build::runner::ignore_patterns(request, path)?;
        // A store that cannot be read is one that knows no image.
        let world = StoreWorld::new(self.store_if_any().ok().flatten(), ignore);
        Ok(plan::lower::plan(dockerfile, &options, &world))
    }

    /// Builds. Blocks until the image is made, a step failed, or `cancel` was called.
    pub fn build(
        &self,
        request: &BuildRequest,
        events: &dyn Events,
        cancel: &Cancel,
    ) -> Result<Built, BuildError> {
        let started = Instant::now();
        let began = SystemTime::now();
        // A name that cannot be given is told before anything runs.
        image_names(request)?;
        let planned = self.plan_with_images(request, events, cancel)?;
        if let Some(error) = official_error(&planned.plan, &planned.name, &planned.source) {
            return Err(error);
        }
        // A failing step stops its siblings, and nobody else who shares the caller's token.
        let own = Cancel::new();
        let linked = own.clone();
        let _guard = cancel.on_cancel(move || linked.cancel());
        let session = Session::new(self, request, &planned, Mode::Execute, own.clone())?;
        let forecast = forecast(&planned.plan, &session);
        events.event(BuildEvent::Planned {
            plan: planned.plan.clone(),
            steps: forecast.numbered().count(),
            cached: forecast.cached(),
            estimate: forecast.estimate(),
        });
        let executed = execute(&planned.plan, &session, events, &own);
        session.touch_records();
        session.save_contexts();
        self.remember(&session, &planned, &executed, began);
        if let Some((step, error)) = executed.error {
            return Err(error.at(
                &planned.name,
                &planned.source,
                planned.plan.step(step).range,
            ));
        }
        let result = planned
            .plan
            .result
            .expect("a plan without error has a result");
        let State::Ready { snapshot, .. } = &executed.states[result.0 as usize] else {
            unreachable!("a build without error has reached its result")
        };
        let record = self.finish(request, &session, &planned, &snapshot.layers, events)?;
        let count = |wanted: fn(&Outcome) -> bool| {
            let numbered = planned.plan.steps.iter().filter(|s| s.number.is_some());
            numbered
                .filter(|s| wanted(&executed.outcomes[s.id.0 as usize]))
                .count()
        };
        let metadata = output::metadata(&record, &request.tags);
        let opened = self.store().map_err(store_problem)?;
        let image = to_image(opened, record).map_err(store_problem)?;
        Ok(Built {
            image,
            ran: count(|o| matches!(o, Outcome::Ran { .. } | Outcome::Shared { .. })),
            cached: count(|o| matches!(o, Outcome::Cached)),
            took: started.elapsed(),
            warnings: warnings(&planned.plan),
            forecast,
            metadata,
        })
    }

    /// What the last build did, of `context` or of any.
    pub fn why(&self, context: Option<&Path>) -> Result<Option<Why>, EngineError> {
        let Some(store) = self.store_if_any()? else {
            return Ok(None);
        };
        let subject = context.map_or_else(|| ANY_BUILD.to_owned(), subject_of_folder);
        let document = store.last_build(&subject)?;
        Ok(document.and_then(|d| serde_json::from_str(&d.document).ok()))
    }

    fn plan_loaded(
        &self,
        loaded: &Loaded,
        request: &BuildRequest,
        options: &PlanOptions,
        asked: &[(Reference, Platform)],
    ) -> Result<Plan, BuildError> {
        let store = self.store_if_any().map_err(store_problem)?;
        let ignore = crate::build::runner::ignore_patterns(request, loaded.path.as_deref())?;
        let world = StoreWorld::new(store, ignore).with_asked(asked);
        Ok(plan::lower::plan(&loaded.dockerfile, options, &world))
    }

    /// Plans, bringing the images whose config the plan needs.
    fn plan_with_images(
        &self,
        request: &BuildRequest,
        events: &dyn Events,
        cancel: &Cancel,
    ) -> Result<Planned, BuildError> {
        let loaded = self.read(request)?;
        let options = plan_options(request)?;
        let mut plan = self.plan_loaded(&loaded, request, &options, &[])?;
        let mut pulled: Vec<(Reference, Platform)> = Vec::new();
        while plan.official_error.is_none() {
            // With `--pull` the first plan's images are all asked for, later ones' only when they are not here.
            let ask_all = request.pull && pulled.is_empty();
            let missing = plan
                .steps
                .iter()
                .filter(|s| ask_all || plan.assumed.contains(&s.id));
            let missing: Vec<_> = missing
                .filter_map(|step| match &step.op {
                    Op::Source(Source::Image {
                        reference,
                        platform,
                    }) => Some(((reference.clone(), platform.clone()), step.range)),
                    _ => None,
                })
                .filter(|(image, _)| !pulled.contains(image))
                .collect();
            if missing.is_empty() {
                break;
            }
            for ((reference, platform), range) in missing {
                pull_image(self, &reference, &platform, events, cancel).map_err(|e| {
                    let error = pull_problem(e).at(&loaded.name, &loaded.source, range);
                    error.or_stage(&reference, &plan)
                })?;
                pulled.push((reference, platform));
            }
            plan = self.plan_loaded(&loaded, request, &options, &pulled)?;
        }
        Ok(Planned {
            source: loaded.source,
            name: loaded.name,
            path: loaded.path,
            plan: Arc::new(plan),
        })
    }

    /// Makes the image of the result, names it and writes the outputs.
    fn finish(
        &self,
        request: &BuildRequest,
        session: &Session<'_>,
        planned: &Planned,
        layers: &[DiffId],
        events: &dyn Events,
    ) -> Result<ImageRecord, BuildError> {
        let store = self.store().map_err(store_problem)?;
        let started = Instant::now();
        let what = "exporting to image".to_owned();
        events.event(BuildEvent::Export {
            what: what.clone(),
            done: None,
        });
        let config =
            output::image_config(store, &planned.plan, layers, session.source_date_epoch())?;
        let id = store
            .put_image(&config, None, layers)
            .map_err(|e| Problem::Store(e.to_string()))?;
        let references = image_names(request)?;
        let wants_image = request.outputs.is_empty()
            || request.outputs.iter().any(|o| o.kind == OutputKind::Image);
        for (name, reference) in &references {
            if wants_image || request.tags.contains(name) {
                store
                    .tag(reference, &id)
                    .map_err(|e| Problem::Store(e.to_string()))?;
            }
        }
        let references: Vec<Reference> = references.into_iter().map(|(_, r)| r).collect();
        let record = store
            .image_by_id(&id)
            .map_err(|e| Problem::Store(e.to_string()))?
            .ok_or_else(|| Problem::Store(format!("image {id} vanished while it was written")))?;
        for target in &request.outputs {
            let epoch = session.source_date_epoch();
            export(
                store,
                (&record, &references),
                target,
                epoch,
                &mut std::io::stdout(),
            )
            .map_err(|error| {
                let dest = target.dest.as_ref();
                let dest =
                    dest.map_or_else(|| "standard output".to_owned(), |d| d.display().to_string());
                Problem::Output {
                    dest,
                    message: error.to_string(),
                }
            })?;
        }
        events.event(BuildEvent::Export {
            what,
            done: Some(started.elapsed()),
        });
        Ok(record)
    }

    /// Keeps what this build did for `why`. A failure to do so does not fail the build.
    fn remember(
        &self,
        session: &Session<'_>,
        planned: &Planned,
        executed: &Executed<BuildError>,
        began: SystemTime,
    ) {
        let steps = planned
            .plan
            .steps
            .iter()
            .filter(|s| s.number.is_some())
            .map(|step| {
                let (outcome, reason, took, size) = match &executed.outcomes[step.id.0 as usize] {
                    Outcome::Cached => ("cached", None, None, None),
                    Outcome::Ran {
                        reason,
                        took,
                        bytes,
                    } => ("ran", reason.clone(), Some(*took), Some(*bytes)),
                    Outcome::Shared { .. } => ("ran", None, None, None),
                    Outcome::Failed { reason, took } => {
                        ("failed", reason.clone(), Some(*took), None)
                    }
                    Outcome::NotRun => ("not-reached", None, None, None),
                };
                let text = step.text.clone();
                WhyStep {
                    text,
                    line: step.lines.start,
                    outcome: outcome.to_owned(),
                    reason,
                    took,
                    size,
                }
            })
            .collect();
        let why = Why {
            when: began,
            dockerfile: session.dockerfile_id().to_owned(),
            steps,
        };
        let Ok(document) = serde_json::to_string(&why) else {
            return;
        };
        let subjects = [ANY_BUILD.to_owned(), session.subject()];
        for subject in subjects {
            let kept = self.store().map(|s| s.put_build(&subject, &document));
            if let Ok(Err(error)) | Err(EngineError::Store(error)) = kept {
                tracing::warn!(%error, "the build was not remembered");
            }
        }
    }
}

const ANY_BUILD: &str = "*";

/// How far back it matters what changed.
const BUILDS_LOOKED_AT: usize = 10;

/// How often the files that a step copies were others than in the build before, in those builds that tell.
fn changes(past: &[Why], plan: &Plan, step: StepId) -> Changes {
    let text = plan.step(step).text.as_str();
    let above = plan.steps.iter().take(step.0 as usize);
    let twins = above.filter(|s| s.number.is_some() && s.text == text);
    let place = twins.count();
    let mut changes = Changes::default();
    for build in past {
        let mut same = build.steps.iter().filter(|step| step.text == text);
        let Some(then) = same.nth(place) else {
            continue;
        };
        let kind = then.reason.as_ref().map(|reason| reason.kind);
        let changed = match (then.outcome.as_str(), kind) {
            ("ran", Some(MissKind::FilesChanged)) => true,
            ("cached", _) | ("ran", Some(MissKind::ParentChanged | MissKind::BaseMoved)) => false,
            // The first build, one without cache, one that failed: nothing to compare with.
            _ => continue,
        };
        changes.builds += 1;
        changes.changed += u32::from(changed);
    }
    changes
}

/// Name under which builds of a folder are remembered.
pub(crate) fn subject_of_folder(folder: &Path) -> String {
    std::fs::canonicalize(folder)
        .unwrap_or_else(|_| folder.to_owned())
        .display()
        .to_string()
}

/// Pulls an image, with its transfers as events.
pub(crate) fn pull_image(
    engine: &Engine,
    reference: &Reference,
    platform: &Platform,
    events: &dyn Events,
    cancel: &Cancel,
) -> Result<ImageRecord, EngineError> {
    let started = Instant::now();
    let what = format!("pull {}", reference.familiar());
    events.event(BuildEvent::Export {
        what: what.clone(),
        done: None,
    });
    let task = what.clone();
    let progress = |event: PullEvent| {
        if let PullEvent::Layer {
            digest,
            state: LayerState::Loading,
            done,
            total,
        } = event
        {
            let what = digest.hex().chars().take(12).collect();
            events.event(BuildEvent::Transfer {
                task: task.clone(),
                what,
                done,
                total,
            });
        }
    };
    let record = crate::registry::pull_blocking(
        engine.store()?,
        &engine.options().insecure_registries,
        reference,
        platform,
        &progress,
        cancel,
    )?;
    events.event(BuildEvent::Export {
        what,
        done: Some(started.elapsed()),
    });
    Ok(record)
}

/// The platform that this machine runs.
pub fn host_platform() -> Platform {
    let (architecture, variant) = match std::env::consts::ARCH {
        "x86_64" => ("amd64", ""),
        "x86" => ("386", ""),
        "aarch64" => ("arm64", ""),
        "arm" => ("arm", "v7"),
        "powerpc64" => ("ppc64le", ""),
        other => (other, ""),
    };
    Platform {
        os: "linux".to_owned(),
        architecture: architecture.to_owned(),
        variant: variant.to_owned(),
        ..Platform::default()
    }
}

fn plan_options(request: &BuildRequest) -> Result<PlanOptions, BuildError> {
    let target_platform = request
        .platform
        .as_deref()
        .map(|text| Platform::parse(text, &host_platform()))
        .transpose()
        .map_err(|e| Problem::Option(format!("--platform: {e}")))?;
    Ok(PlanOptions {
        target: request.target.clone(),
        build_args: request.build_args.clone(),
        contexts: request.contexts.clone(),
        target_platform,
        build_platform: host_platform(),
        labels: request.labels.clone(),
        add_hosts: request.add_hosts.clone(),
        network: request.network,
        shm_size: request.shm_size,
        ulimits: request.ulimits.clone(),
        all_stages: false,
        experimental: Vec::new(),
    })
}

/// Bytes, shown name and path of a request's Dockerfile.
fn read_dockerfile(
    request: &BuildRequest,
) -> Result<(Vec<u8>, String, Option<PathBuf>), BuildError> {
    let folder = match &request.context {
        ContextSource::Folder(folder) => Some(folder.as_path()),
        _ => None,
    };
    let path = match &request.dockerfile {
        DockerfileSource::Text { text, name, path } => {
            return Ok((text.clone(), name.clone(), path.clone()));
        }
        named if matches!(request.context, ContextSource::Archive(_)) => {
            return dockerfile_in_archive(&request.context, named);
        }
        DockerfileSource::Default if matches!(request.context, ContextSource::Url(_)) => {
            let problem =
                "name the Dockerfile with `--file`: that of a remote context is not looked for";
            return Err(Problem::Option(problem.to_owned()).into());
        }
        DockerfileSource::Path(path) => match folder {
            Some(folder) if path.is_relative() && !path.exists() => folder.join(path),
            _ => path.clone(),
        },
        DockerfileSource::Default => {
            let folder = folder.unwrap_or(Path::new("."));
            let named = |name| folder.join(name);
            let (first, second) = (named("Dockerfile"), named("Containerfile"));
            if !first.exists() && second.exists() {
                second
            } else {
                first
            }
        }
    };
    let source = std::fs::read(&path).map_err(|source| Problem::Dockerfile {
        path: path.clone(),
        source,
    })?;
    if source.is_empty() {
        return Err(Problem::Invalid("the Dockerfile cannot be empty".to_owned()).into());
    }
    let name = path
        .strip_prefix("./")
        .unwrap_or(&path)
        .display()
        .to_string();
    Ok((source, name, Some(path)))
}

/// The Dockerfile in a context that is an archive.
fn dockerfile_in_archive(
    context: &ContextSource,
    wanted: &DockerfileSource,
) -> Result<(Vec<u8>, String, Option<PathBuf>), BuildError> {
    /// Bytes of a Dockerfile that are still read.
    const LIMIT: u64 = 16 << 20;
    let ContextSource::Archive(archive) = context else {
        unreachable!("asked of archives only")
    };
    let failed = |source: std::io::Error| Problem::Context {
        path: archive.clone(),
        source,
    };
    let wanted = match wanted {
        DockerfileSource::Path(path) => path.as_path(),
        _ => Path::new("Dockerfile"),
    };
    let file = std::fs::File::open(archive).map_err(failed)?;
    let plain = plain(file).map_err(failed)?;
    let mut reader = tar::Archive::new(plain);
    for entry in reader.entries().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path().map_err(failed)?.into_owned();
        if path.strip_prefix("./").unwrap_or(&path) == wanted {
            let mut text = Vec::new();
            entry.take(LIMIT).read_to_end(&mut text).map_err(failed)?;
            return Ok((text, wanted.display().to_string(), None));
        }
    }
    let source = std::io::Error::new(std::io::ErrorKind::NotFound, "it is not in the archive");
    Err(Problem::Dockerfile {
        path: wanted.to_owned(),
        source,
    }
    .into())
}

/// The names that a build's image gets, as written and read.
fn image_names(request: &BuildRequest) -> Result<Vec<(String, Reference)>, BuildError> {
    let outputs = request.outputs.iter().filter_map(|o| o.name.as_ref());
    let read = |name: &String| match Reference::parse_normalized(name) {
        Ok(reference) => Ok((name.clone(), reference.with_default_tag())),
        Err(e) => {
            let problem = format!("`{name}` is not a valid image name: {e}");
            Err(Problem::Option(problem).into())
        }
    };
    request.tags.iter().chain(outputs).map(read).collect()
}

fn warnings(plan: &Plan) -> Vec<Diagnostic> {
    plan.diagnostics
        .iter()
        .filter(|d| d.severity == Severity::Warning)
        .cloned()
        .collect()
}

fn store_problem(error: EngineError) -> BuildError {
    Problem::Store(error.to_string()).into()
}

pub(crate) fn pull_problem(error: EngineError) -> BuildError {
    match error {
        EngineError::Pull(error) => Problem::Pull(error).into(),
        other => store_problem(other),
    }
}
