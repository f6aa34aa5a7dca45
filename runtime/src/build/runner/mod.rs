//! What the steps of a build really do: the [`Runner`] over store, context, containers and network.

mod copy;
mod exec;
mod mounts;
mod source;
mod ssh;

use super::cache::{
    CacheView, ContentInput, Decision, Facts, LastRun, Record, Snapshot, SnapshotId, State,
    image_key, scratch_key, source_key, source_step,
};
use super::content::{self, ContentManifest};
use super::context::ignore::IgnoreFile;
use super::context::{Context, Contexts};
use super::error::{BuildError, Problem};
use super::events::Events;
use super::exec::{Ran, Runner};
use super::forecast::Past;
use super::request::{BuildRequest, ContextSource};
use super::selection::SourceView;
use super::stack::LayerStack;
use super::tree::FileTree;
use crate::cancel::Cancel;
use crate::engine::{Engine, Planned};
use crate::store::{CacheKey, DiffId, ImageRecord, Lease, NewRecord, StepRun, Store, StoreError};
use crate::world::read_layout;
use cooperage_lang::model::ignore::Patterns;
use cooperage_lang::model::reference::Reference;
use cooperage_lang::plan::{Copy, CopySource, NamedContext, Op, Plan, Source, Step, StepId};
use serde::{Deserialize, Serialize};
use source::Fetched;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

/// Whether steps are only looked at, or done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing is fetched, written or run.
    Forecast,
    /// A build.
    Execute,
}

/// One build, or one forecast.
pub struct Session<'a> {
    engine: &'a Engine,
    store: Option<&'a Store>,
    request: &'a BuildRequest,
    planned: &'a Planned,
    mode: Mode,
    cancel: Cancel,
    dockerfile: String,
    lease: OnceLock<Lease>,
    /// Local sources by name.
    contexts: Mutex<HashMap<String, Arc<Context>>>,
    stacks: Mutex<HashMap<SnapshotId, Arc<LayerStack>>>,
    images: Mutex<HashMap<StepId, ImageRecord>>,
    fetched: Mutex<HashMap<StepId, Arc<Fetched>>>,
    /// Records looked up, so that forecast and execution of one build read each once.
    records: Mutex<HashMap<CacheKey, Option<Record>>>,
    contents: Mutex<HashMap<ContentName, Arc<ContentManifest>>>,
}

/// A step, one of its inputs, and the layers of all that it reads.
type ContentName = (StepId, String, Vec<SnapshotId>);

/// What a record carries besides its layer.
#[derive(Serialize, Deserialize)]
struct Meta {
    root: String,
    facts: Facts,
}

/// The ignore patterns of a request's main context.
///
/// # Errors
/// The ignore file cannot be read, or holds a pattern that is none.
pub fn ignore_patterns(
    request: &BuildRequest,
    dockerfile: Option<&Path>,
) -> Result<Option<Arc<Patterns>>, BuildError> {
    let ContextSource::Folder(folder) = &request.context else {
        return Ok(None);
    };
    let file = IgnoreFile::find(folder, dockerfile).map_err(|e| Problem::Option(e.to_string()))?;
    Ok((!file.patterns().is_empty()).then(|| Arc::new(file.patterns().clone())))
}

/// Files that a step reads.
enum Tree {
    Context(Arc<Context>),
    Stack(Arc<LayerStack>),
    Fetched(Arc<Fetched>),
}

impl Tree {
    fn view(&self) -> SourceView<'_> {
        match self {
            Self::Context(context) => SourceView::Tree(&**context),
            Self::Stack(stack) => SourceView::Tree(&**stack),
            Self::Fetched(fetched) => fetched.view(),
        }
    }

    fn files(&self) -> Option<&dyn FileTree> {
        match self.view() {
            SourceView::Tree(tree) => Some(tree),
            _ => None,
        }
    }
}

fn views(trees: &[Option<Tree>]) -> Vec<SourceView<'_>> {
    trees
        .iter()
        .map(|tree| tree.as_ref().map_or(SourceView::Inline, Tree::view))
        .collect()
}

/// The context that all sources of a COPY are in; heredocs have no tree.
fn only_context(trees: &[Option<Tree>]) -> Option<&Arc<Context>> {
    let mut all = trees.iter().map(|tree| match tree {
        Some(Tree::Context(context)) => Some(context),
        _ => None,
    });
    let first = all.next()??;
    all.all(|other| other.is_some_and(|other| Arc::ptr_eq(other, first)))
        .then_some(first)
}

/// What a COPY selects from one context, in words: two steps that select the same have the same.
fn selection_name(copy: &Copy) -> String {
    let sources: Vec<_> = copy
        .sources
        .iter()
        .map(|source| match source {
            CopySource::Path { path, .. } => path.as_str(),
            CopySource::Http { .. } | CopySource::Git { .. } | CopySource::Inline { .. } => "",
        })
        .collect();
    format!("{sources:?} {} {:?}", copy.parents, copy.exclude)
}

impl<'a> Session<'a> {
    /// Begins; opens the context folder lazily.
    ///
    /// # Errors
    /// The store cannot be opened.
    pub fn new(
        engine: &'a Engine,
        request: &'a BuildRequest,
        planned: &'a Planned,
        mode: Mode,
        cancel: Cancel,
    ) -> Result<Self, BuildError> {
        let dockerfile = match &planned.path {
            Some(path) => std::fs::canonicalize(path)
                .unwrap_or_else(|_| path.clone())
                .display()
                .to_string(),
            None => planned.name.clone(),
        };
        Ok(Self {
            engine,
            store: engine
                .store_if_any()
                .map_err(|e| Problem::Store(e.to_string()))?,
            request,
            planned,
            mode,
            cancel,
            dockerfile,
            lease: OnceLock::new(),
            contexts: Mutex::default(),
            stacks: Mutex::default(),
            images: Mutex::default(),
            fetched: Mutex::default(),
            records: Mutex::default(),
            contents: Mutex::default(),
        })
    }

    /// Name under which this Dockerfile's history is kept: its real path, or the name of a text without one.
    pub fn dockerfile_id(&self) -> &str {
        &self.dockerfile
    }

    /// Where builds like this one are remembered.
    pub(crate) fn past(&self) -> Past {
        Past {
            subject: self.subject(),
            dockerfile: self.dockerfile.clone(),
        }
    }

    /// Name under which builds of this context are kept.
    pub fn subject(&self) -> String {
        match &self.request.context {
            ContextSource::Folder(folder) => std::fs::canonicalize(folder)
                .unwrap_or_else(|_| folder.clone())
                .display()
                .to_string(),
            ContextSource::Url(url) => without_login(url),
            ContextSource::Archive(path) => path.display().to_string(),
            ContextSource::Empty => self.dockerfile.clone(),
        }
    }

    /// `SOURCE_DATE_EPOCH` of this build: the build argument wins.
    pub fn source_date_epoch(&self) -> Option<i64> {
        let argument = self
            .request
            .build_args
            .get("SOURCE_DATE_EPOCH")
            .and_then(|v| v.parse().ok());
        argument.or(self.request.source_date_epoch)
    }

    /// Writes down what was learned of the contexts' files. Failing to costs the next build some reading, no more.
    pub fn save_contexts(&self) {
        if self.engine.options().read_only {
            return;
        }
        for context in locked(&self.contexts).values() {
            if let Err(error) = context.save() {
                tracing::warn!(%error, "digests of the context were not kept");
            }
        }
    }

    /// Notes that the records this build found are in use, so that collection takes others first.
    pub fn touch_records(&self) {
        let used: Vec<CacheKey> = locked(&self.records)
            .iter()
            .filter_map(|(key, record)| record.as_ref().map(|_| *key))
            .collect();
        if let Some(Err(error)) = self.store.map(|store| store.touch_records(&used)) {
            tracing::warn!(%error, "the use of cache records was not noted");
        }
    }

    fn store(&self) -> Result<&'a Store, BuildError> {
        self.store
            .ok_or_else(|| Problem::Store("there is no store to build into".to_owned()).into())
    }

    /// The lease of this build's unfinished work, taken when something has to be done.
    fn lease(&self) -> Result<&Lease, BuildError> {
        if let Some(lease) = self.lease.get() {
            return Ok(lease);
        }
        let lease = self.store()?.lease().map_err(store)?;
        Ok(self.lease.get_or_init(|| lease))
    }

    /// The folder behind a local source.
    fn context(&self, name: &str) -> Result<Arc<Context>, BuildError> {
        if let Some(context) = locked(&self.contexts).get(name) {
            return Ok(context.clone());
        }
        let context = self.open_context(name)?;
        locked(&self.contexts).insert(name.to_owned(), context.clone());
        Ok(context)
    }

    fn open_context(&self, name: &str) -> Result<Arc<Context>, BuildError> {
        let named = self.request.contexts.get(name);
        if self.mode == Mode::Forecast && named.is_none() {
            match &self.request.context {
                ContextSource::Folder(_) => {}
                // A forecast neither fetches nor unpacks, and leaves nothing behind.
                ContextSource::Empty => {
                    return Err(Problem::Option(
                        "this build has no context to copy from".to_owned(),
                    )
                    .into());
                }
                ContextSource::Url(_) | ContextSource::Archive(_) => {
                    return Err(Problem::Option(
                        "the context is brought by the build only".to_owned(),
                    )
                    .into());
                }
            }
        }
        let (folder, dockerfile) = match (named, &self.request.context) {
            (Some(NamedContext::Local(folder)), _) => (PathBuf::from(folder), None),
            (_, ContextSource::Folder(folder)) => (folder.clone(), self.planned.path.as_deref()),
            (_, ContextSource::Empty) => (self.lease()?.folder("context").map_err(store)?, None),
            (_, ContextSource::Archive(archive)) => (self.unpack_context(archive)?, None),
            (_, ContextSource::Url(url)) => (self.download_context(url)?, None),
        };
        let option =
            |e: super::context::ContextError| BuildError::from(Problem::Option(e.to_string()));
        let ignore = IgnoreFile::find(&folder, dockerfile).map_err(option)?;
        let indexes = self.store.map(|_| self.engine.paths().context_index());
        match self.kept_contexts() {
            Some(kept) => kept.open(&folder, ignore, indexes.as_deref()),
            None => Context::open(&folder, ignore, indexes.as_deref()).map(Arc::new),
        }
        .map_err(option)
    }

    /// Whether a local source is the main context and that has to be downloaded or unpacked first.
    fn is_remote(&self, name: &str) -> bool {
        let main = !self.request.contexts.contains_key(name);
        main && matches!(
            self.request.context,
            ContextSource::Url(_) | ContextSource::Archive(_)
        )
    }

    /// A read-only engine belongs to a server, which asks again and again.
    fn kept_contexts(&self) -> Option<&Contexts> {
        self.engine
            .options()
            .read_only
            .then(|| self.engine.contexts())
    }

    /// What was kept of the inputs of a step that ran. A server asks for the same ones with every forecast, and they
    /// never change.
    fn inputs_of(&self, opened: &Store, key: &CacheKey) -> Vec<Arc<ContentManifest>> {
        let read = || {
            let packed = opened.record_manifest(key).ok().flatten();
            unpack(&packed.unwrap_or_default())
        };
        match self.kept_contexts() {
            Some(kept) => kept.last_inputs(key, read),
            None => read(),
        }
    }

    /// The merged layers of a snapshot.
    fn stack(&self, snapshot: &Snapshot) -> Result<Arc<LayerStack>, BuildError> {
        let id = snapshot.id();
        if let Some(stack) = locked(&self.stacks).get(&id) {
            return Ok(stack.clone());
        }
        let layers = self.layers(snapshot)?;
        let stack =
            Arc::new(LayerStack::of_layers(&layers).map_err(|e| Problem::Store(e.to_string()))?);
        locked(&self.stacks).insert(id, stack.clone());
        Ok(stack)
    }

    fn layers(&self, snapshot: &Snapshot) -> Result<Vec<crate::store::Layer>, BuildError> {
        let opened = self.store()?;
        snapshot
            .layers
            .iter()
            .map(|id| {
                let layer = opened
                    .layer(id)
                    .map_err(|e| Problem::Store(e.to_string()))?;
                layer
                    .ok_or_else(|| Problem::Store(format!("layer {id} is not in the store")).into())
            })
            .collect()
    }

    /// The files of a step that is ready.
    fn tree(&self, step: &Step, state: &State) -> Result<Tree, BuildError> {
        match &step.op {
            Op::Source(Source::Local { name }) => Ok(Tree::Context(self.context(name)?)),
            Op::Source(Source::Http { .. } | Source::Git { .. }) => {
                Ok(Tree::Fetched(self.fetched(step.id)?))
            }
            _ => {
                let State::Ready { snapshot, .. } = state else {
                    unreachable!("only the files of ready steps are read")
                };
                Ok(Tree::Stack(self.stack(snapshot)?))
            }
        }
    }

    /// The files behind each source of a COPY; `None` for heredocs.
    fn source_trees(
        &self,
        plan: &Plan,
        copy: &Copy,
        states: &[State],
    ) -> Result<Vec<Option<Tree>>, BuildError> {
        let tree = |id: StepId| self.tree(plan.step(id), &states[id.0 as usize]);
        copy.sources
            .iter()
            .map(|source| source_step(source).map(tree).transpose())
            .collect()
    }

    fn fetched(&self, step: StepId) -> Result<Arc<Fetched>, BuildError> {
        let fetched = locked(&self.fetched).get(&step).cloned();
        fetched.ok_or_else(|| Problem::Fetch("the download is not here".to_owned()).into())
    }

    /// The store's image of a source step, remembered for the build.
    fn local_image(&self, step: &Step) -> Result<Option<ImageRecord>, BuildError> {
        if let Some(record) = locked(&self.images).get(&step.id) {
            return Ok(Some(record.clone()));
        }
        let (Op::Source(source), Some(opened)) = (&step.op, self.store) else {
            return Ok(None);
        };
        let record = match source {
            Source::Image {
                reference,
                platform,
            } => {
                let record = opened
                    .image(reference)
                    .map_err(|e| Problem::Store(e.to_string()))?;
                match record {
                    Some(record) if self.offers(&record, platform)? => Some(record),
                    _ => None,
                }
            }
            _ => None,
        };
        if let Some(record) = &record {
            locked(&self.images).insert(step.id, record.clone());
        }
        Ok(record)
    }

    fn offers(
        &self,
        record: &ImageRecord,
        platform: &cooperage_lang::model::platform::Platform,
    ) -> Result<bool, BuildError> {
        let details = self
            .store()?
            .image_config(&record.id)
            .map_err(|e| Problem::Store(e.to_string()))?;
        Ok(details.is_some_and(|d| crate::world::offers(&d, platform)))
    }

    /// Name of an input's content within this build.
    fn content_name(step: &Step, input: &ContentInput, states: &[State]) -> ContentName {
        let snapshot = |id: &StepId| match &states[id.0 as usize] {
            State::Ready { snapshot, .. } => snapshot.id(),
            State::Pending { .. } => SnapshotId::NONE,
        };
        let input = match input {
            ContentInput::Sources => String::new(),
            ContentInput::Tree { from, path } => format!("{} {path}", from.0),
        };
        (step.id, input, step.inputs.iter().map(snapshot).collect())
    }

    fn stage_name<'p>(plan: &'p Plan, step: &Step) -> &'p str {
        step.stage.map_or("", |s| plan.stages[s].name.as_str())
    }

    fn image_state(record: &ImageRecord) -> State {
        let chain = image_key(&record.layers);
        State::Ready {
            chain,
            snapshot: Snapshot {
                layers: record.layers.as_slice().into(),
            },
        }
    }

    /// State of a layout's image. A forecast reads its config only; a build needs its layers in the store.
    fn layout_state(
        &self,
        step: &Step,
        text: &str,
        platform: &cooperage_lang::model::platform::Platform,
    ) -> Result<State, BuildError> {
        let pending = State::Pending {
            chain: None,
            on: step.id,
        };
        let Ok(read) = read_layout(text, platform) else {
            return Ok(pending);
        };
        let here = match self.store {
            Some(opened) => read
                .diff_ids
                .iter()
                .try_fold(true, |all, id| opened.layer(id).map(|l| all && l.is_some()))
                .map_err(|e| Problem::Store(e.to_string()))?,
            None => false,
        };
        let chain = image_key(&read.diff_ids);
        if !here {
            // What stands on it can be keyed already; its files are not here to be looked at.
            return Ok(State::Pending {
                chain: (self.mode == Mode::Forecast).then_some(chain),
                on: step.id,
            });
        }
        Ok(State::Ready {
            chain,
            snapshot: Snapshot {
                layers: read.diff_ids.into(),
            },
        })
    }
}

impl CacheView for Session<'_> {
    type Error = BuildError;

    fn record(&self, key: &CacheKey) -> Option<Record> {
        if let Some(known) = locked(&self.records).get(key) {
            return known.clone();
        }
        // A cache that cannot be read is a cache without records: the step runs, and says so when it stores its result.
        let read = self
            .store
            .and_then(|s| s.record(key).ok().flatten().map(|r| (s, r)));
        let record = read.and_then(|(opened, record)| {
            let layer = record.layer?;
            opened.layer(&layer).ok().flatten()?;
            let meta: Meta = serde_json::from_str(&record.meta).ok()?;
            let root = SnapshotId::from_hex(&meta.root)?;
            Some(Record {
                layer,
                created: record.created,
                took: record.took,
                size: record.size,
                root,
            })
        });
        locked(&self.records).insert(*key, record.clone());
        record
    }

    fn content(
        &self,
        plan: &Plan,
        step: &Step,
        input: &ContentInput,
        states: &[State],
    ) -> Result<Arc<ContentManifest>, BuildError> {
        let known = Self::content_name(step, input, states);
        if let Some(manifest) = locked(&self.contents).get(&known) {
            return Ok(manifest.clone());
        }
        if self.cancel.is_canceled() {
            return Err(Problem::Canceled.into());
        }
        let manifest = match (input, &step.op) {
            (ContentInput::Sources, Op::Copy(copy)) => {
                let trees = self.source_trees(plan, copy, states)?;
                let read = || content::selection(copy, &views(&trees));
                match only_context(&trees) {
                    Some(context) => context.selected(&selection_name(copy), read),
                    None => read().map(Arc::new),
                }
            }
            (ContentInput::Tree { from, path }, _) => {
                let tree = self.tree(plan.step(*from), &states[from.0 as usize])?;
                let files = tree
                    .files()
                    .expect("a mount shows the files of a folder, an image or a stage");
                let read = || content::path_content(files, path.as_bytes());
                match &tree {
                    Tree::Context(context) => context.selected(&format!("tree {path}"), read),
                    Tree::Stack(_) | Tree::Fetched(_) => read().map(Arc::new),
                }
            }
            (ContentInput::Sources, _) => unreachable!("only copies have sources"),
        };
        let located = |e| {
            BuildError::from(Problem::Content(e)).at(
                &self.planned.name,
                &self.planned.source,
                step.range,
            )
        };
        let manifest = manifest.map_err(located)?;
        locked(&self.contents).insert(known, manifest.clone());
        Ok(manifest)
    }

    fn source(&self, step: &Step) -> Result<State, BuildError> {
        let Op::Source(source) = &step.op else {
            unreachable!("asked of sources only")
        };
        let pending = State::Pending {
            chain: None,
            on: step.id,
        };
        Ok(match source {
            Source::Scratch => State::Ready {
                chain: scratch_key(),
                snapshot: Snapshot::default(),
            },
            Source::Local { name } if self.mode == Mode::Forecast && self.is_remote(name) => {
                pending
            }
            Source::Local { .. } => State::Ready {
                chain: source_key(source),
                snapshot: Snapshot::default(),
            },
            Source::Image { .. } => match self.local_image(step)? {
                Some(record) => Self::image_state(&record),
                None => pending,
            },
            Source::OciLayout { layout, platform } => self.layout_state(step, layout, platform)?,
            Source::Http { .. } | Source::Git { .. } => {
                if locked(&self.fetched).contains_key(&step.id) {
                    State::Ready {
                        chain: source_key(source),
                        snapshot: Snapshot::default(),
                    }
                } else {
                    pending
                }
            }
        })
    }

    fn last_run(&self, plan: &Plan, step: &Step) -> Option<LastRun> {
        let opened = self.store?;
        let here = |run: &StepRun| run.dockerfile == self.dockerfile;
        let same = opened
            .executions_of(&step.definition().0, 8)
            .ok()?
            .into_iter()
            .find(here);
        let run = match (same, step.number) {
            (Some(run), _) => run,
            (None, Some((position, _))) => {
                let stage = Self::stage_name(plan, step);
                opened
                    .executions_at(&self.dockerfile, stage, position, 1)
                    .ok()?
                    .pop()?
            }
            (None, None) => return None,
        };
        let record = opened.record(&run.key).ok()??;
        let meta: Meta = serde_json::from_str(&record.meta).ok()?;
        let inputs = self.inputs_of(opened, &run.key);
        Some(LastRun {
            key: run.key,
            took: run.took,
            size: run.bytes,
            facts: meta.facts,
            inputs,
        })
    }

    fn base(&self, step: &Step) -> Option<(String, String)> {
        match &step.op {
            Op::Source(Source::Image { reference, .. }) => {
                let record = self.local_image(step).ok()??;
                let digest = record.manifest.unwrap_or(record.id);
                Some((Reference::familiar(reference), digest.to_string()))
            }
            Op::Source(Source::OciLayout { layout, platform }) => {
                let read = read_layout(layout, platform).ok()?;
                let layers: Vec<String> = read.diff_ids.iter().map(DiffId::to_string).collect();
                Some((layout.clone(), layers.join("+")))
            }
            _ => None,
        }
    }

    fn bypass(&self, plan: &Plan, step: &Step) -> bool {
        let stage = Self::stage_name(plan, step);
        self.request.no_cache
            || self
                .request
                .no_cache_filter
                .iter()
                .any(|f| f.eq_ignore_ascii_case(stage))
    }
}

impl Runner for Session<'_> {
    fn fetch(&self, _: &Plan, step: &Step, events: &dyn Events) -> Result<State, BuildError> {
        self.fetch_source(step, events)
    }

    fn run(
        &self,
        plan: &Plan,
        step: &Step,
        states: &[State],
        events: &dyn Events,
    ) -> Result<Ran, BuildError> {
        match &step.op {
            Op::Exec(exec) => self.run_exec(plan, step, exec, states, events),
            Op::Copy(copy) => self.run_copy(plan, step, copy, states),
            Op::Mkdir(mkdir) => self.run_mkdir(step, mkdir, states),
            Op::Source(_) => unreachable!("sources are fetched"),
        }
    }

    fn keep(
        &self,
        plan: &Plan,
        step: &Step,
        key: &CacheKey,
        record: &Record,
        decision: &Decision,
    ) -> Result<(), BuildError> {
        let opened = self.store()?;
        let meta = Meta {
            root: record.root.to_string(),
            facts: decision.facts.clone(),
        };
        let meta = serde_json::to_string(&meta).expect("string keys only");
        let manifest = pack(&decision.inputs);
        let new = NewRecord {
            layer: Some(record.layer),
            took: record.took,
            size: record.size,
            manifest: &manifest,
            meta: &meta,
        };
        opened.put_record(key, &new).map_err(store)?;
        locked(&self.records).insert(*key, Some(record.clone()));
        let run = StepRun {
            dockerfile: self.dockerfile.clone(),
            stage: Self::stage_name(plan, step).to_owned(),
            position: step.number.map_or(0, |n| n.0),
            instruction: step.text.clone(),
            definition: step.definition().0,
            key: *key,
            started: SystemTime::now()
                .checked_sub(record.took)
                .unwrap_or(SystemTime::UNIX_EPOCH),
            took: record.took,
            bytes: record.size,
            peak_memory: None,
            exit_status: Some(0),
            reason: String::new(),
        };
        opened.put_execution(&run).map_err(store)
    }

    fn canceled(&self) -> BuildError {
        Problem::Canceled.into()
    }

    fn panicked(&self, message: String) -> BuildError {
        Problem::Internal(message).into()
    }
}

/// A URL without the user and password in it.
fn without_login(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[host..])
        }
        None => url.to_owned(),
    }
}

/// Manifests one behind the other, each with its length before it.
fn pack(manifests: &[Arc<ContentManifest>]) -> Vec<u8> {
    let mut packed = Vec::new();
    for manifest in manifests {
        let bytes = manifest.to_bytes();
        packed.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        packed.extend_from_slice(&bytes);
    }
    packed
}

/// Inverse of [`pack`]; ends at the first thing that is no manifest.
fn unpack(mut packed: &[u8]) -> Vec<Arc<ContentManifest>> {
    let mut manifests = Vec::new();
    while let Some((length, rest)) = packed.split_first_chunk::<4>() {
        let Some((bytes, rest)) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)
        else {
            break;
        };
        let Some(manifest) = ContentManifest::from_bytes(bytes) else {
            break;
        };
        manifests.push(Arc::new(manifest));
        packed = rest;
    }
    manifests
}

fn store(error: StoreError) -> BuildError {
    Problem::Store(error.to_string()).into()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every holder puts whole values in, so a panic elsewhere leaves a usable map.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
