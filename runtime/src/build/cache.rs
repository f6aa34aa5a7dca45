//! The only cache decision, and the only place that computes a cache key.
//!
//! A key is the step's definition digest with what its inputs are: the definition chain of the root it stands on, and
//! the content of everything it copies or binds. [`decide`] looks a key up and says what the build will do; forecast
//! and execution both ask it step by step, so that they cannot differ.
//!
//! **Source:** the rules are BuildKit's (`docs/dev/solver.md`) with two faults mended: a record is used only on the
//! very layers it was made on, and a folder's mode counts.

use crate::build::content::{self, ContentManifest};
use crate::store::digest::{hex, unhex};
use crate::store::{CacheKey, DiffId};
use cooperage_lang::lints::is_secret_name;
use cooperage_lang::plan::{CopySource, MountKind, Op, Plan, Source, Step, StepId, Variable};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What the cache says of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheStatus {
    /// The result is here.
    Hit(Hit),
    /// It has to run.
    Miss(MissReason),
    /// Known only after that step ran, was pulled or was asked for.
    Depends { on: StepId },
    /// It runs because it was asked to: `--no-cache`, `--no-cache-filter`.
    Never,
}

/// A cached result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// When it was made.
    pub created: SystemTime,
    /// Bytes of its layer.
    pub size: u64,
    /// How long it took to make.
    pub took: Option<Duration>,
}

/// Why a step has to run. `Display` holds the words that every view shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissReason {
    /// The kind, for programs.
    pub kind: MissKind,
    /// What changed, most telling first.
    pub culprits: Vec<Culprit>,
}

/// Kinds of misses. Names as in scripts (`cache.reason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissKind {
    FirstBuild,
    ParentChanged,
    InstructionChanged,
    ArgChanged,
    EnvChanged,
    FilesChanged,
    BaseMoved,
    Evicted,
}

/// One thing that changed: `app/requirements.txt (content)`, `ARG VERSION 1.2 -> 1.3`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Culprit {
    /// The thing.
    pub what: String,
    /// Before, when it can be told in a few words.
    pub before: Option<String>,
    /// After.
    pub after: Option<String>,
}

/// A cache record: the result of a step that ran.
#[derive(Clone, Debug)]
pub struct Record {
    /// The layer it made.
    pub layer: DiffId,
    /// When.
    pub created: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// Bytes of the layer.
    pub size: u64,
    /// The layers it was made on; [`SnapshotId::NONE`] when they don't matter (`--link`).
    pub root: SnapshotId,
}

/// The last run of what seems to be the same step, to explain a miss and to estimate.
#[derive(Clone, Debug)]
pub struct LastRun {
    /// Its key.
    pub key: CacheKey,
    /// How long it took.
    pub took: Duration,
    /// Bytes of its layer.
    pub size: u64,
    /// What it was.
    pub facts: Facts,
    /// Content of its inputs, in the order of [`content_inputs`].
    pub inputs: Vec<Arc<ContentManifest>>,
}

/// What is remembered of a step besides its key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Its text as progress shows it.
    pub text: String,
    /// Variables in force.
    pub variables: Vec<(String, String, Option<String>)>,
    /// Hex of the root's chain key.
    pub root_chain: String,
    /// Digest of the image its stage stands on directly, for steps right above a `FROM`.
    pub base: Option<(String, String)>,
}

/// Identity of a chain of layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct SnapshotId(pub [u8; 32]);

impl SnapshotId {
    /// No layers at all, or layers that don't matter.
    pub const NONE: Self = Self([0; 32]);

    /// From 64 hexadecimal digits.
    pub fn from_hex(hex: &str) -> Option<Self> {
        unhex(hex).map(Self)
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// A chain of layers ready to be mounted, bottom first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The layers, bottom first.
    pub layers: Arc<[DiffId]>,
}

impl Snapshot {
    /// Its identity: a digest of the list.
    pub fn id(&self) -> SnapshotId {
        if self.layers.is_empty() {
            return SnapshotId::NONE;
        }
        let mut hash = Sha256::new();
        for layer in self.layers.iter() {
            hash.update(layer.to_string().as_bytes());
            hash.update([0]);
        }
        SnapshotId(hash.finalize().into())
    }

    /// The chain with one more layer on top.
    #[must_use]
    pub fn with(&self, layer: DiffId) -> Self {
        Self {
            layers: self.layers.iter().copied().chain([layer]).collect(),
        }
    }
}

/// What is known of a step's result while walking a plan.
#[derive(Clone, Debug)]
pub enum State {
    /// Its files are at hand.
    Ready {
        /// Key that later steps build on.
        chain: CacheKey,
        /// Layers; empty for contexts and downloads, whose files are no layers.
        snapshot: Snapshot,
    },
    /// It has to run, or be fetched, first.
    Pending {
        /// The key that later steps build on, when it can be told already.
        chain: Option<CacheKey>,
        /// The step to wait for.
        on: StepId,
    },
}

impl State {
    /// The chain key, when known.
    pub fn chain(&self) -> Option<CacheKey> {
        match self {
            Self::Ready { chain, .. } => Some(*chain),
            Self::Pending { chain, .. } => *chain,
        }
    }
}

/// What a decision may ask: the cache, and the content of what is at hand. The real one reads the store and the
/// context; tests bring one in memory.
pub trait CacheView {
    /// Errors of reading content: a missing source, an unreadable file.
    type Error;

    /// The record under `key`, if its layer is here.
    fn record(&self, key: &CacheKey) -> Option<Record>;

    /// Content that `input` selects; all steps it reads from are `Ready`.
    fn content(
        &self,
        plan: &Plan,
        step: &Step,
        input: &ContentInput,
        states: &[State],
    ) -> Result<Arc<ContentManifest>, Self::Error>;

    /// State of a source step, without waiting for anything: `Pending` for what is not here.
    fn source(&self, step: &Step) -> Result<State, Self::Error>;

    /// The last run of what seems to be the same step.
    fn last_run(&self, plan: &Plan, step: &Step) -> Option<LastRun>;

    /// Reference and digest of an image source, for culprits.
    fn base(&self, step: &Step) -> Option<(String, String)>;

    /// Whether the step has to run whatever the cache holds.
    fn bypass(&self, plan: &Plan, step: &Step) -> bool;
}

/// Something whose content is part of a step's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentInput {
    /// All sources of a COPY or ADD.
    Sources,
    /// Everything at and below a path: a bind mount, or the start of a cache mount.
    Tree { from: StepId, path: String },
}

impl ContentInput {
    /// The steps that have to be ready before the content can be told.
    fn steps<'a>(&'a self, step: &'a Step) -> impl Iterator<Item = StepId> + 'a {
        let sources = match (self, &step.op) {
            (Self::Sources, Op::Copy(copy)) => copy.sources.as_slice(),
            _ => &[],
        };
        let tree = match self {
            Self::Tree { from, .. } => Some(*from),
            Self::Sources => None,
        };
        sources.iter().filter_map(source_step).chain(tree)
    }
}

/// The step a source of a COPY reads from; none for a heredoc.
pub fn source_step(source: &CopySource) -> Option<StepId> {
    match source {
        CopySource::Path { from, .. }
        | CopySource::Http { from, .. }
        | CopySource::Git { from } => Some(*from),
        CopySource::Inline { .. } => None,
    }
}

/// The content-based inputs of a step, in a fixed order.
pub fn content_inputs(op: &Op) -> Vec<ContentInput> {
    match op {
        Op::Copy(copy) if copy.sources.iter().any(|s| source_step(s).is_some()) => {
            vec![ContentInput::Sources]
        }
        Op::Exec(exec) => exec
            .mounts
            .iter()
            .filter_map(|mount| mount_input(&mount.kind))
            .collect(),
        Op::Copy(_) | Op::Mkdir(_) | Op::Source(_) => Vec::new(),
    }
}

fn mount_input(kind: &MountKind) -> Option<ContentInput> {
    match kind {
        MountKind::Bind { from, source }
        | MountKind::Cache {
            from: Some(from),
            source,
            ..
        } => Some(ContentInput::Tree {
            from: *from,
            path: source.clone(),
        }),
        _ => None,
    }
}

/// A decision with what follows from it.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What the build will do.
    pub status: CacheStatus,
    /// Key of the step's record; `None` while an input's content is not known.
    pub key: Option<CacheKey>,
    /// State of the step after the decision: `Ready` for a hit.
    pub state: State,
    /// Content of the inputs, to be kept with the record.
    pub inputs: Vec<Arc<ContentManifest>>,
    /// To be kept with the record.
    pub facts: Facts,
    /// The last run, looked up only for steps that do not hit.
    pub last: Option<Box<LastRun>>,
}

/// Decides about one step, given the states of the steps before it.
///
/// # Errors
/// Content of an input that is at hand cannot be read.
pub fn decide<V: CacheView>(
    plan: &Plan,
    step: &Step,
    states: &[State],
    view: &V,
) -> Result<Decision, V::Error> {
    let state_of = |id: StepId| &states[id.0 as usize];
    if let Op::Source(_) = step.op {
        let state = view.source(step)?;
        let status = match &state {
            State::Ready { .. } => CacheStatus::Hit(Hit {
                created: SystemTime::UNIX_EPOCH,
                size: 0,
                took: None,
            }),
            State::Pending { on, .. } => CacheStatus::Depends { on: *on },
        };
        return Ok(Decision {
            status,
            key: None,
            state,
            inputs: Vec::new(),
            facts: Facts::default(),
            last: None,
        });
    }

    let root_id = step.root.expect("every step but a source has a root");
    let root = state_of(root_id);
    let mut inputs = Vec::new();
    let mut waits_for: Option<StepId> = None;
    for input in content_inputs(&step.op) {
        let missing = input.steps(step).find_map(|id| match state_of(id) {
            State::Pending { on, .. } => Some(*on),
            State::Ready { .. } => None,
        });
        match missing {
            Some(on) => waits_for = waits_for.or(Some(on)),
            None => inputs.push(view.content(plan, step, &input, states)?),
        }
    }
    let independent = is_independent_of_root(&step.op);
    let own_root = if independent { None } else { root.chain() };
    let key = (waits_for.is_none() && (independent || own_root.is_some()))
        .then(|| step_key(step, own_root, &inputs));
    let chain = key.and_then(|key| {
        if independent {
            root.chain().map(|root| merge_key(&root, &key))
        } else {
            Some(key)
        }
    });
    let facts = Facts {
        text: step.text.clone(),
        variables: step.variables.iter().map(variable_fact).collect(),
        root_chain: root.chain().map(|c| c.to_string()).unwrap_or_default(),
        base: view.base(plan.step(root_id)),
    };
    let blocked_on = waits_for.or(match root {
        State::Pending { on, .. } => Some(*on),
        State::Ready { .. } => None,
    });
    let pending = || State::Pending { chain, on: step.id };
    let waiting = |on| State::Pending { chain, on };

    if view.bypass(plan, step) {
        let last = view.last_run(plan, step).map(Box::new);
        return Ok(Decision {
            status: CacheStatus::Never,
            key,
            state: pending(),
            inputs,
            facts,
            last,
        });
    }
    let record = key.as_ref().and_then(|key| view.record(key));
    let (status, state) = match (record, root) {
        (Some(record), _) if independent => {
            let state = match root {
                State::Ready { snapshot, .. } => State::Ready {
                    chain: chain.expect("a ready root has a chain"),
                    snapshot: snapshot.with(record.layer),
                },
                State::Pending { on, .. } => waiting(*on),
            };
            (CacheStatus::Hit(hit(&record)), state)
        }
        (Some(record), State::Ready { snapshot, .. }) if record.root == snapshot.id() => {
            let state = State::Ready {
                chain: chain.expect("a record has a key"),
                snapshot: snapshot.with(record.layer),
            };
            (CacheStatus::Hit(hit(&record)), state)
        }
        // A record is there, but whether it fits is known only when the root was made anew.
        (Some(_), State::Pending { on, .. }) => (CacheStatus::Depends { on: *on }, waiting(*on)),
        (None, _) if key.is_none() => {
            let on = blocked_on.unwrap_or(root_id);
            (CacheStatus::Depends { on }, waiting(on))
        }
        (Some(_), State::Ready { .. }) => {
            let culprit = Culprit {
                what: "the step below was made anew".to_owned(),
                before: None,
                after: None,
            };
            (
                CacheStatus::Miss(MissReason {
                    kind: MissKind::ParentChanged,
                    culprits: vec![culprit],
                }),
                pending(),
            )
        }
        (None, _) => {
            let last = view.last_run(plan, step).map(Box::new);
            let reason = explain(plan, step, states, key, &facts, &inputs, last.as_deref());
            return Ok(Decision {
                status: CacheStatus::Miss(reason),
                key,
                state: pending(),
                inputs,
                facts,
                last,
            });
        }
    };
    let last = match status {
        CacheStatus::Hit(_) => None,
        _ => view.last_run(plan, step).map(Box::new),
    };
    Ok(Decision {
        status,
        key,
        state,
        inputs,
        facts,
        last,
    })
}

/// State of a step after it ran and made `layer`.
pub fn after_run(step: &Step, states: &[State], key: CacheKey, layer: DiffId) -> State {
    let root = &states[step.root.expect("only steps with a root run").0 as usize];
    let State::Ready { chain, snapshot } = root else {
        unreachable!("a step runs after its root")
    };
    let chain = if is_independent_of_root(&step.op) {
        merge_key(chain, &key)
    } else {
        key
    };
    State::Ready {
        chain,
        snapshot: snapshot.with(layer),
    }
}

/// Identity of the layers below a step that ran, to be kept with its record.
pub fn record_root(step: &Step, states: &[State]) -> SnapshotId {
    match &states[step.root.expect("only steps with a root run").0 as usize] {
        State::Ready { snapshot, .. } if !is_independent_of_root(&step.op) => snapshot.id(),
        _ => SnapshotId::NONE,
    }
}

/// Chain key of an image: that of its layers, so that another name for the same image changes nothing.
pub fn image_key(layers: &[DiffId]) -> CacheKey {
    let mut hash = Keyed::new("image");
    for layer in layers {
        hash.part(layer.to_string().as_bytes());
    }
    hash.finish()
}

/// Chain key of an empty root.
pub fn scratch_key() -> CacheKey {
    Keyed::new("scratch").finish()
}

/// Chain key of a source whose content is asked for by selection: it says only which source it is.
pub fn source_key(source: &Source) -> CacheKey {
    let mut hash = Keyed::new("source");
    hash.part(format!("{source:?}").as_bytes());
    hash.finish()
}

/// `--link` copies, whose layer does not depend on what lies below; one that looks a user's name up does.
fn is_independent_of_root(op: &Op) -> bool {
    match op {
        Op::Copy(copy) => {
            let numeric = |s: &str| {
                s.split(':')
                    .all(|id| id.bytes().all(|b| b.is_ascii_digit()))
            };
            copy.link && copy.chown.as_deref().is_none_or(numeric)
        }
        _ => false,
    }
}

fn step_key(step: &Step, root: Option<CacheKey>, inputs: &[Arc<ContentManifest>]) -> CacheKey {
    let mut hash = Keyed::new("step");
    hash.part(&step.definition().0);
    if let Some(root) = root {
        hash.part(&root.0);
    }
    for input in inputs {
        hash.part(&input.digest);
    }
    hash.finish()
}

fn merge_key(root: &CacheKey, layer: &CacheKey) -> CacheKey {
    let mut hash = Keyed::new("merge");
    hash.part(&root.0);
    hash.part(&layer.0);
    hash.finish()
}

/// SHA-256 of a tagged list of length-prefixed parts.
struct Keyed(Sha256);

impl Keyed {
    fn new(tag: &str) -> Self {
        let mut new = Self(Sha256::new());
        new.part(tag.as_bytes());
        new
    }

    fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn finish(self) -> CacheKey {
        CacheKey(self.0.finalize().into())
    }
}

fn hit(record: &Record) -> Hit {
    Hit {
        created: record.created,
        size: record.size,
        took: Some(record.took),
    }
}

/// What is kept of a variable. Of one whose name says that it is secret, only whether it changed can be told later.
fn variable_fact(v: &Variable) -> (String, String, Option<String>) {
    let value = v.value.as_ref().map(|value| {
        if is_secret_name(&v.name) {
            let digest: [u8; 32] = Sha256::digest(value.as_bytes()).into();
            format!("(hidden, {})", &hex(&digest)[..8])
        } else {
            value.clone()
        }
    });
    (v.keyword.to_owned(), v.name.clone(), value)
}

/// Compares a step that misses with its last run.
fn explain(
    plan: &Plan,
    step: &Step,
    states: &[State],
    key: Option<CacheKey>,
    now: &Facts,
    inputs: &[Arc<ContentManifest>],
    last: Option<&LastRun>,
) -> MissReason {
    let Some(last) = last else {
        return MissReason {
            kind: MissKind::FirstBuild,
            culprits: Vec::new(),
        };
    };
    let before = &last.facts;
    let mut kinds = Vec::new();
    let mut culprits = Vec::new();
    for change in changed_variables(before, now) {
        let kind = if change.what.starts_with("ARG") {
            MissKind::ArgChanged
        } else {
            MissKind::EnvChanged
        };
        kinds.push(kind);
        culprits.push(change);
    }
    for (old, new) in last.inputs.iter().zip(inputs) {
        for change in content::compare(old, new) {
            kinds.push(MissKind::FilesChanged);
            culprits.push(Culprit {
                what: change.to_string(),
                before: None,
                after: None,
            });
        }
    }
    if kinds.is_empty() && before.text != now.text {
        kinds.push(MissKind::InstructionChanged);
        culprits.push(Culprit {
            what: INSTRUCTION.to_owned(),
            before: Some(format!("`{}`", before.text)),
            after: Some(format!("`{}`", now.text)),
        });
    }
    if before.root_chain != now.root_chain {
        match (&before.base, &now.base) {
            (Some((_, old)), Some((name, new))) if old != new => {
                kinds.push(MissKind::BaseMoved);
                culprits.push(Culprit {
                    what: format!("FROM {name}"),
                    before: Some(short_digest(old)),
                    after: Some(short_digest(new)),
                });
            }
            _ => {
                kinds.push(MissKind::ParentChanged);
                culprits.push(
                    parent_culprit(plan, step, states).unwrap_or_else(|| Culprit {
                        what: "the steps above changed".to_owned(),
                        before: None,
                        after: None,
                    }),
                );
            }
        }
    }
    match kinds.first() {
        Some(kind) => MissReason {
            kind: *kind,
            culprits,
        },
        None if key == Some(last.key) => match parent_culprit(plan, step, states) {
            Some(parent) => MissReason {
                kind: MissKind::ParentChanged,
                culprits: vec![parent],
            },
            None => MissReason {
                kind: MissKind::Evicted,
                culprits,
            },
        },
        None => MissReason {
            kind: MissKind::InstructionChanged,
            culprits: vec![Culprit {
                what: "options of the step".to_owned(),
                before: None,
                after: None,
            }],
        },
    }
}

fn changed_variables(before: &Facts, now: &Facts) -> Vec<Culprit> {
    let find = |facts: &Facts, name: &str| facts.variables.iter().find(|v| v.1 == name).cloned();
    let shown = |value: Option<String>| Some(value.unwrap_or_else(|| "(unset)".to_owned()));
    let mut changes = Vec::new();
    for (keyword, name, value) in &now.variables {
        match find(before, name) {
            Some((_, _, old)) if old == *value => {}
            Some((_, _, old)) => changes.push(Culprit {
                what: format!("{keyword} {name}"),
                before: shown(old),
                after: shown(value.clone()),
            }),
            None => changes.push(Culprit {
                what: format!("{keyword} {name} added"),
                before: None,
                after: None,
            }),
        }
    }
    for (keyword, name, _) in &before.variables {
        if find(now, name).is_none() {
            changes.push(Culprit {
                what: format!("{keyword} {name} removed"),
                before: None,
                after: None,
            });
        }
    }
    changes
}

/// The nearest step below that has to run, or is an image that is not here.
fn parent_culprit(plan: &Plan, step: &Step, states: &[State]) -> Option<Culprit> {
    let root = step.root?;
    let State::Pending { on, .. } = &states[root.0 as usize] else {
        return None;
    };
    let parent = plan.step(*on);
    let what = match parent.op {
        Op::Source(_) => "is not here yet",
        _ => "reruns",
    };
    Some(Culprit {
        what: format!("line {} {what}", parent.lines.start),
        before: None,
        after: None,
    })
}

fn short_digest(digest: &str) -> String {
    let (algorithm, hex) = digest.split_once(':').unwrap_or(("", digest));
    let hex: String = hex.chars().take(12).collect();
    if algorithm.is_empty() {
        hex
    } else {
        format!("{algorithm}:{hex}")
    }
}

/// What the culprit is called when the text of a step is another one.
const INSTRUCTION: &str = "instruction";

impl Culprit {
    /// The step's own text changed.
    pub fn is_instruction(&self) -> bool {
        self.what == INSTRUCTION
    }
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match (&self.before, &self.after) {
            (Some(b), Some(a)) => write!(f, " {b} -> {a}"),
            (None, Some(a)) => write!(f, " {a}"),
            (Some(b), None) => write!(f, " {b} -> (gone)"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for MissReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            MissKind::FirstBuild => return f.write_str("never built here"),
            MissKind::Evicted => return f.write_str("its cached result was removed"),
            _ => {}
        }
        let shown = 3;
        for (i, culprit) in self.culprits.iter().take(shown).enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            // Both texts in full are for the details; the step itself stands beside this sentence.
            if culprit.is_instruction() {
                f.write_str("instruction changed")?;
            } else {
                write!(f, "{culprit}")?;
            }
        }
        match self.culprits.len().saturating_sub(shown) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
