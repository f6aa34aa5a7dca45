//! Findings that follow from a forecast: what is old, what is slow for nothing, what does not belong into an image.
//!
//! The rules have their rows and pages in `lang::lints`; only what is to be seen is decided here. Give the findings to
//! [`lints::report`](cooperage_lang::lints::report) with those of planning, so that levels and comments count.

use super::cache::CacheStatus;
use super::content::{ContentManifest, ManifestEntry};
use super::forecast::{Forecast, StepForecast};
use super::tree::Kind;
use crate::store::{DiffId, Entry, EntryKind, LayerIndex};
use crate::units::{Size, Span, ago};
use bstr::{BStr, BString, ByteSlice};
use cooperage_lang::diagnostic::Diagnostic;
use cooperage_lang::lints::of_the_forecast::{CONTEXT_LITTER, LAYER_WASTE, STALE_STEP, STEP_ORDER};
use cooperage_lang::plan::{Copy, CopySource, Exec, MountKind, Op, Plan, Source, Step, StepId};
use cooperage_lang::shell::packages::{self, Call};
use cooperage_lang::shell::{Command, Script, Word};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// From this age on a step that fetched packages is called old.
pub const STALE_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);
/// A step that is done faster is not worth moving when nothing is known of how often it runs; half of it, when it is.
const SLOW: Duration = Duration::from_secs(10);

/// What a forecast gives reason to say, in plan order. `now` is the time ages count to; `changes` tells how often the
/// files that a step copies changed.
pub(crate) fn advice(
    forecast: &Forecast,
    now: SystemTime,
    changes: &dyn Fn(StepId) -> Changes,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    found.extend(
        forecast
            .steps
            .iter()
            .filter_map(|step| litter(forecast, step)),
    );
    for stage in 0..forecast.plan.stages.len() {
        let steps: Vec<&StepForecast> = of_stage(forecast, stage).collect();
        found.extend(stale(&forecast.plan, &steps, now));
        found.extend(order(&forecast.plan, &steps, changes));
    }
    found
}

fn of_stage(forecast: &Forecast, stage: usize) -> impl Iterator<Item = &StepForecast> {
    let steps = forecast.steps.iter();
    steps.filter(move |step| forecast.plan.step(step.step).stage == Some(stage))
}

/// A folder of the context that belongs to the machine it lies on, and how many files it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Litter {
    /// Path in the context.
    pub folder: BString,
    /// Files in it.
    pub files: usize,
}

/// Folders that tools make for themselves.
const LITTER: [&str; 16] = [
    ".cache",
    ".direnv",
    ".git",
    ".gradle",
    ".hg",
    ".idea",
    ".mypy_cache",
    ".nox",
    ".pytest_cache",
    ".ruff_cache",
    ".svn",
    ".terraform",
    ".tox",
    ".venv",
    "__pycache__",
    "node_modules",
];

/// Its presence says that a folder can be made anew. **Source:** the Cache Directory Tagging Specification.
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// The litter among what a step copies of the context. A folder that the instruction names is wanted.
pub(super) fn swept(plan: &Plan, step: &Step, inputs: &[Arc<ContentManifest>]) -> Vec<Litter> {
    let Op::Copy(copy) = &step.op else {
        return Vec::new();
    };
    if !copy
        .sources
        .iter()
        .any(|source| is_of_context(plan, source))
    {
        return Vec::new();
    }
    let named = |folder: &BStr| {
        let name = file_name(folder);
        copy.sources.iter().any(|source| match source {
            CopySource::Path { path, .. } => path.split('/').any(|part| part.as_bytes() == name),
            _ => false,
        })
    };
    let mut folders: BTreeMap<BString, usize> = BTreeMap::new();
    for litter in inputs
        .iter()
        .flat_map(|manifest| manifest.litter(litter_of))
    {
        if !named(litter.folder.as_bstr()) {
            *folders.entry(litter.folder.clone()).or_default() += litter.files;
        }
    }
    let outermost =
        |folder: &BString| !above(folder.as_bstr()).any(|above| folders.contains_key(above));
    folders
        .iter()
        .filter(|(folder, files)| **files > 0 && outermost(folder))
        .map(|(folder, files)| Litter {
            folder: folder.clone(),
            files: *files,
        })
        .collect()
}

/// All litter of a manifest, one within another too.
fn litter_of(manifest: &ContentManifest) -> Vec<Litter> {
    let found = manifest.entries();
    let mut files: HashMap<BString, usize> = found
        .filter_map(|entry| litter_folder(&entry))
        .map(|folder| (folder, 0))
        .collect();
    if !files.is_empty() {
        for entry in manifest.entries().filter(|entry| entry.kind != Kind::Dir) {
            for folder in above(entry.path) {
                if let Some(files) = files.get_mut(folder) {
                    *files += 1;
                }
            }
        }
    }
    let all = files.into_iter();
    all.map(|(folder, files)| Litter { folder, files })
        .collect()
}

/// The folders that a path lies in, the nearest first.
fn above(path: &BStr) -> impl Iterator<Item = &BStr> {
    let slashes = path.rfind_iter("/");
    slashes.map(|slash| path[..slash].as_bstr())
}

/// The folder that an entry shows to be litter. Asked of every file of a context with every forecast, so that most are
/// done with after a look at their last bytes.
fn litter_folder(entry: &ManifestEntry<'_>) -> Option<BString> {
    match entry.kind {
        Kind::Dir => {
            let name = file_name(entry.path);
            let is_litter = LITTER.iter().any(|litter| litter.as_bytes() == name);
            is_litter.then(|| entry.path.into())
        }
        Kind::File => {
            let folder = entry.path.strip_suffix(CACHE_TAG.as_bytes())?;
            Some(folder.strip_suffix(b"/")?.into())
        }
        _ => None,
    }
}

fn file_name(path: &BStr) -> &[u8] {
    path.rsplit_once_str("/")
        .map_or(path.as_bytes(), |(_, name)| name)
}

fn is_of_context(plan: &Plan, source: &CopySource) -> bool {
    match source {
        CopySource::Path { from, .. } => is_context(plan, *from),
        _ => false,
    }
}

fn is_context(plan: &Plan, step: StepId) -> bool {
    matches!(plan.step(step).op, Op::Source(Source::Local { .. }))
}

fn litter(forecast: &Forecast, step: &StepForecast) -> Option<Diagnostic> {
    let names: Vec<String> = step.litter.iter().map(described).collect();
    if names.is_empty() {
        return None;
    }
    let step = forecast.plan.step(step.step);
    let them = if names.len() == 1 { "it" } else { "them" };
    let message = format!(
        "this copies {}; name {them} in .dockerignore",
        names.join(", ")
    );
    Some(CONTEXT_LITTER.diagnostic(step.range, step.lines, message))
}

fn described(litter: &Litter) -> String {
    let files = if litter.files == 1 { "file" } else { "files" };
    format!("`{}` ({} {files})", litter.folder, litter.files)
}

/// The first step of a stage whose packages are old; to run it again is to run the others again.
fn stale(plan: &Plan, steps: &[&StepForecast], now: SystemTime) -> Option<Diagnostic> {
    steps.iter().find_map(|forecast| {
        let CacheStatus::Hit(hit) = &forecast.status else {
            return None;
        };
        let step = plan.step(forecast.step);
        let age = now.duration_since(hit.created).ok()?;
        let Op::Exec(exec) = &step.op else {
            return None;
        };
        if age < STALE_AFTER || !fetches_packages(exec) {
            return None;
        }
        let message = format!(
            "these packages were fetched {}; run it again for the fixes since (--no-cache-filter)",
            ago(hit.created, now)
        );
        Some(STALE_STEP.diagnostic(step.range, step.lines, message))
    })
}

/// Slow steps of a stage that only install packages, below a copy of files that change.
fn order<'a>(
    plan: &'a Plan,
    steps: &'a [&StepForecast],
    changes: &'a dyn Fn(StepId) -> Changes,
) -> impl Iterator<Item = Diagnostic> + 'a {
    let installs = steps.iter().enumerate().filter_map(|(at, forecast)| {
        let took = last_time(forecast).filter(|took| *took >= SLOW / 2)?;
        let step = plan.step(forecast.step);
        needs_no_context(plan, step).then_some((at, step, took))
    });
    installs.filter_map(move |(at, step, took)| {
        let mut above = steps[..at].iter().map(|above| plan.step(above.step));
        let message = above.find_map(|copy| {
            let rerun = Rerun::by(plan, copy, changes)?;
            rerun.cost(took).map(|cost| rerun.told(copy, took, cost))
        })?;
        Some(STEP_ORDER.diagnostic(step.range, step.lines, message))
    })
}

/// How often something was another than in the build before, in so many of the last builds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) builds: u32,
    pub(crate) changed: u32,
}

impl Changes {
    /// From so many builds on they are believed.
    const ENOUGH: u32 = 3;
}

/// Why a copy is thought to make what stands below it run again.
enum Rerun {
    /// Past builds tell.
    Often(Changes),
    /// It copies everything, and nothing is known of past builds.
    Likely,
}

impl Rerun {
    fn by(plan: &Plan, step: &Step, changes: &dyn Fn(StepId) -> Changes) -> Option<Self> {
        let Op::Copy(copy) = &step.op else {
            return None;
        };
        let of_context = copy
            .sources
            .iter()
            .any(|source| is_of_context(plan, source));
        if !of_context || (configures(copy) && !is_whole_context(plan, step)) {
            return None;
        }
        let past = changes(step.id);
        if past.builds < Changes::ENOUGH {
            return is_whole_context(plan, step).then_some(Self::Likely);
        }
        (2 * past.changed >= past.builds).then_some(Self::Often(past))
    }

    /// What it costs each build, where that is worth a word.
    fn cost(&self, took: Duration) -> Option<Duration> {
        match self {
            Self::Often(past) => {
                let cost = took * past.changed / past.builds;
                Some(cost).filter(|cost| *cost >= SLOW / 2)
            }
            Self::Likely => Some(took).filter(|took| *took >= SLOW),
        }
    }

    fn told(&self, copy: &Step, took: Duration, cost: Duration) -> String {
        let (copy, took, cost) = (&copy.text, Span(took), Span(cost));
        match self {
            Self::Often(Changes { builds, changed }) => format!(
                "`{copy}` changed in {changed} of the last {builds} builds and each time this runs again ({took}), which needs none of its files; move it above and save about {cost} a build"
            ),
            Self::Likely => format!(
                "every change of the context runs this again ({took}), which needs none of its files; move it above `{copy}`"
            ),
        }
    }
}

/// Tells whether files go where package managers look for their settings.
fn configures(copy: &Copy) -> bool {
    let folders = ["/etc", "/usr", "/var", "/root"];
    folders.iter().any(|folder| {
        let below = copy.dest.strip_prefix(folder);
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Tells whether a step installs packages and reads no file of the context.
fn needs_no_context(plan: &Plan, step: &Step) -> bool {
    let Op::Exec(exec) = &step.op else {
        return false;
    };
    let reads_context = exec.mounts.iter().any(|mount| match &mount.kind {
        MountKind::Bind { from, .. } => is_context(plan, *from),
        _ => false,
    });
    !reads_context && only_installs(exec)
}

/// Files of so many bytes that later steps undo are worth a word.
const WASTE: u64 = 10_000_000;

/// What layers of the image hold that later ones delete or replace. `index` gives the entries of a layer that is here.
pub(crate) fn waste(
    forecast: &Forecast,
    known: &KnownWaste,
    index: &dyn Fn(&DiffId) -> Option<LayerIndex>,
) -> Vec<Diagnostic> {
    let steps = of_the_image(&forecast.plan).into_iter();
    let made = steps.filter_map(|step| Some((step, *own_layer(forecast, step)?)));
    let (steps, layers): (Vec<StepId>, Vec<DiffId>) = made.unzip();
    let wasted = known.bytes(&layers, index);
    let much = steps
        .iter()
        .zip(wasted)
        .filter(|(_, bytes)| *bytes >= WASTE);
    much.map(|(step, bytes)| {
        let step = forecast.plan.step(*step);
        let message = format!(
            "{} of this layer are deleted or replaced by later steps and stored all the same; delete them in this step",
            Size(bytes)
        );
        LAYER_WASTE.diagnostic(step.range, step.lines, message)
    })
    .collect()
}

/// Stacks of layers that were looked at, with the bytes of each layer that are in vain: an editor asks again with every
/// key, and layers never change.
#[derive(Default)]
pub(crate) struct KnownWaste(Mutex<HashMap<Vec<DiffId>, Vec<u64>>>);

impl KnownWaste {
    /// How many stacks are remembered before all are forgotten.
    const ROOM: usize = 64;

    fn bytes(&self, layers: &[DiffId], index: &dyn Fn(&DiffId) -> Option<LayerIndex>) -> Vec<u64> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = known.get(layers) {
            return bytes.clone();
        }
        if known.len() >= Self::ROOM {
            known.clear();
        }
        let bytes = in_vain(layers, index);
        known.insert(layers.to_vec(), bytes.clone());
        bytes
    }
}

/// Bytes of each layer that those above it undo.
fn in_vain(layers: &[DiffId], index: &dyn Fn(&DiffId) -> Option<LayerIndex>) -> Vec<u64> {
    let mut ledger = Ledger::default();
    for (at, layer) in layers.iter().enumerate() {
        if let Some(index) = index(layer) {
            index
                .iter()
                .for_each(|entry| ledger.enter(at, &Change::of(&entry)));
        }
    }
    let of = |at| ledger.wasted.get(&at).copied().unwrap_or(0);
    (0..layers.len()).map(of).collect()
}

/// The layer that a cached step made; a source's layers are none of the file's.
fn own_layer(forecast: &Forecast, step: StepId) -> Option<&DiffId> {
    let step = &forecast.steps[step.0 as usize];
    let made = matches!(step.status, CacheStatus::Hit(_))
        && !matches!(forecast.plan.step(step.step).op, Op::Source(_));
    step.layers.as_ref().filter(|_| made)?.last()
}

/// The steps whose layers make the image, bottom first, without those of the base image.
fn of_the_image(plan: &Plan) -> Vec<StepId> {
    let mut steps: Vec<StepId> =
        std::iter::successors(plan.result, |step| plan.step(*step).root).collect();
    steps.reverse();
    steps
}

/// Which layer, by position, made which file, and how many bytes of each were in vain.
#[derive(Default)]
struct Ledger {
    files: BTreeMap<BString, (usize, u64)>,
    wasted: BTreeMap<usize, u64>,
}

/// What an entry of a layer does to a path.
struct Change<'a> {
    path: &'a BStr,
    kind: EntryKind,
    /// A folder that hides what the layers below have in it.
    opaque: bool,
    bytes: u64,
}

impl<'a> Change<'a> {
    fn of(entry: &Entry<'a>) -> Self {
        Self {
            path: entry.path,
            kind: entry.kind,
            opaque: entry.opaque,
            bytes: entry.size,
        }
    }
}

impl Ledger {
    /// Enters what a layer did to a path.
    fn enter(&mut self, layer: usize, entry: &Change<'_>) {
        match entry.kind {
            EntryKind::Whiteout => {
                self.undo(layer, entry.path);
                self.undo_below(layer, entry.path);
            }
            EntryKind::Dir if entry.opaque => self.undo_below(layer, entry.path),
            EntryKind::Dir => {}
            EntryKind::File => {
                self.undo(layer, entry.path);
                self.files.insert(entry.path.into(), (layer, entry.bytes));
            }
            EntryKind::Symlink
            | EntryKind::HardLink
            | EntryKind::Char
            | EntryKind::Block
            | EntryKind::Fifo => {
                self.undo(layer, entry.path);
            }
        }
    }

    fn undo(&mut self, layer: usize, path: &BStr) {
        if let Some((maker, bytes)) = self.files.remove(path)
            && maker != layer
        {
            *self.wasted.entry(maker).or_default() += bytes;
        }
    }

    fn undo_below(&mut self, layer: usize, folder: &BStr) {
        let prefix = [folder.as_bytes(), b"/"].concat();
        let below = self
            .files
            .range::<[u8], _>((Bound::Included(prefix.as_slice()), Bound::Unbounded));
        // What the same layer has below a folder that it made anew stays.
        let gone: Vec<BString> = below
            .take_while(|(path, _)| path.starts_with(&prefix))
            .filter(|(_, (maker, _))| *maker != layer)
            .map(|(path, _)| path.clone())
            .collect();
        for path in gone {
            self.undo(layer, path.as_bstr());
        }
    }
}

/// How long the step took when it last ran.
fn last_time(forecast: &StepForecast) -> Option<Duration> {
    match &forecast.status {
        CacheStatus::Hit(hit) => hit.took,
        CacheStatus::Miss(_) | CacheStatus::Depends { .. } | CacheStatus::Never => {
            forecast.estimate
        }
    }
}

fn is_whole_context(plan: &Plan, step: &Step) -> bool {
    let Op::Copy(copy) = &step.op else {
        return false;
    };
    let is_root =
        |source: &CopySource| matches!(source, CopySource::Path { path, .. } if path == "/");
    copy.sources
        .iter()
        .any(|source| is_root(source) && is_of_context(plan, source))
}

/// Programs beside package managers that read no file of a context.
const HARMLESS: [&str; 7] = [
    "echo",
    "ldconfig",
    "locale-gen",
    "rm",
    "set",
    "true",
    "update-ca-certificates",
];

/// The shell text that a step runs.
fn script(exec: &Exec) -> Option<Script> {
    match exec.argv.as_slice() {
        [_, flag, text] if flag == "-c" => Some(Script::new(text)),
        _ => None,
    }
}

fn fetches_packages(exec: &Exec) -> bool {
    script(exec).is_some_and(|script| script.innermost_commands().any(is_install))
}

fn only_installs(exec: &Exec) -> bool {
    let Some(script) = script(exec) else {
        return false;
    };
    let mut commands = script.innermost_commands();
    script.innermost_commands().any(is_install) && commands.all(needs_no_file)
}

fn is_install(command: &Command) -> bool {
    of_distribution(command).is_some_and(|call| call.fetches())
}

fn of_distribution(command: &Command) -> Option<Call<'_>> {
    packages::call(command).filter(Call::is_of_distribution)
}

/// The command is a package manager that is given no file, or harmless.
fn needs_no_file(command: &Command) -> bool {
    let is_file = |word: &Word| word.constant().is_none_or(|text| text.contains(&b'/'));
    let manages = of_distribution(command).is_some() && !command.operands().any(is_file);
    manages || HARMLESS.iter().any(|name| command.runs(name))
}

#[cfg(test)]
mod tests {
    use super::super::cache::Hit;
    use super::super::content::selection;
    use super::super::context::{Context, ignore::IgnoreFile};
    use super::super::ops::tests::Scratch;
    use super::super::selection::SourceView;
    use super::*;
    use cooperage_lang::instructions;
    use cooperage_lang::model::platform::Platform;
    use cooperage_lang::model::reference::Reference;
    use cooperage_lang::plan::PlanOptions;
    use cooperage_lang::plan::config::ImageConfig;
    use cooperage_lang::plan::lower::plan;
    use cooperage_lang::world::{Known, World};

    struct Nowhere;

    impl World for Nowhere {
        fn image(&self, _: &Reference, _: &Platform) -> Known<Arc<ImageConfig>> {
            Known::Unknown
        }

        fn layout_image(&self, _: &str, _: &Platform) -> Known<Arc<ImageConfig>> {
            Known::Unknown
        }
    }

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn planned(source: &str) -> Arc<Plan> {
        let options = PlanOptions {
            build_platform: Platform::new("linux", "amd64", ""),
            ..PlanOptions::default()
        };
        Arc::new(plan(
            &instructions::parse(source.as_bytes()),
            &options,
            &Nowhere,
        ))
    }

    /// The codes and lines of the advice on a file all of whose steps were made `age` ago and took `took`.
    fn codes(source: &str, age: Duration, took: Duration) -> Vec<(&'static str, u32)> {
        let found = advised(source, age, took, Changes::default());
        found.iter().map(|d| (d.code, d.lines[0].start)).collect()
    }

    /// The advice, when all copies changed that often.
    fn advised(source: &str, age: Duration, took: Duration, changes: Changes) -> Vec<Diagnostic> {
        let now = SystemTime::UNIX_EPOCH + 1000 * DAY;
        let plan = planned(source);
        let steps = plan.steps.iter().map(|step| StepForecast {
            step: step.id,
            status: CacheStatus::Hit(Hit {
                created: now - age,
                size: 0,
                took: Some(took),
            }),
            estimate: None,
            size: None,
            problem: None,
            inputs: Vec::new(),
            layers: None,
            litter: Vec::new(),
        });
        let forecast = Forecast {
            steps: steps.collect(),
            plan: plan.clone(),
            past: None,
        };
        advice(&forecast, now, &|_| changes)
    }

    /// What the first COPY of a file sweeps in, of a context with litter.
    fn sweeps(source: &str, ignore: &str) -> Vec<String> {
        let scratch = Scratch::new();
        let files = [
            ".git/HEAD=x",
            ".git/objects/ab=x",
            "app/node_modules/a/index.js=x",
            "app/node_modules/a/node_modules/b/index.js=x",
            "app/main.js=x",
            "empty/.venv/",
            "out/CACHEDIR.TAG=x",
            "out/a.o=x",
        ];
        let folder = scratch.folder("context", &files);
        let ignore = IgnoreFile::parse(".dockerignore", ignore.into()).unwrap();
        let context = Context::open(&folder, ignore, None).unwrap();
        let plan = planned(source);
        let step = plan
            .steps
            .iter()
            .find(|step| matches!(step.op, Op::Copy(_)));
        let step = step.unwrap();
        let Op::Copy(copy) = &step.op else {
            unreachable!("found by its kind")
        };
        let views: Vec<SourceView<'_>> = copy
            .sources
            .iter()
            .map(|_| SourceView::Tree(&context))
            .collect();
        let manifest = Arc::new(selection(copy, &views).unwrap());
        let found = swept(&plan, step, &[manifest]);
        found
            .iter()
            .map(|litter| format!("{} {}", litter.folder, litter.files))
            .collect()
    }

    #[test]
    fn litter_of_the_context_is_counted() {
        let all = [".git 2", "app/node_modules 2", "out 2"];
        assert_eq!(sweeps("FROM a\nCOPY . .\n", ""), all);
        assert_eq!(
            sweeps("FROM a\nCOPY . .\n", ".git\nout\n"),
            ["app/node_modules 2"]
        );
        assert_eq!(
            sweeps("FROM a\nCOPY app /app\n", ""),
            ["app/node_modules 2"]
        );
        assert_eq!(
            sweeps("FROM a\nCOPY . app/node_modules .git /b/\n", ""),
            ["out 2"]
        );
    }

    #[test]
    fn bytes_that_later_steps_undo_are_counted_for_their_maker() {
        let entry = |path: &'static str, kind, bytes| Change {
            path: path.into(),
            kind,
            opaque: false,
            bytes,
        };
        let mut ledger = Ledger::default();
        let (first, second, third) = (0, 1, 2);
        ledger.enter(first, &entry("a.tar", EntryKind::File, 100));
        ledger.enter(first, &entry("cache/x", EntryKind::File, 20));
        ledger.enter(first, &entry("cache-of-another", EntryKind::File, 7));
        ledger.enter(second, &entry("b", EntryKind::File, 3));
        ledger.enter(second, &entry("a.tar", EntryKind::Whiteout, 0));
        ledger.enter(third, &entry("cache", EntryKind::Whiteout, 0));
        ledger.enter(third, &entry("b", EntryKind::File, 5));
        assert_eq!(ledger.wasted, BTreeMap::from([(first, 120), (second, 3)]));
    }

    #[test]
    fn old_packages_are_told_once_a_stage() {
        let source = "FROM a\nRUN make\nRUN apk add b\nRUN apk add c\nFROM d\nRUN sudo apt-get update && apt-get install -y e\nCOPY --from=0 f f\n";
        let second = Duration::from_secs(1);
        assert_eq!(
            codes(source, 40 * DAY, second),
            [("StaleStep", 3), ("StaleStep", 6)]
        );
        assert_eq!(codes(source, 29 * DAY, second), []);
    }

    #[test]
    fn slow_installs_below_the_context_are_told() {
        let source = "FROM a\nRUN apt-get update\nCOPY . /srv\nRUN apt-get update && apt-get install -y b && rm -rf /var/lib/apt/lists/*\nRUN apt-get install ./c.deb\nRUN make && apt-get install d\nRUN bash -c 'set -e; apt-get install -y e'\n";
        assert_eq!(
            codes(source, DAY, Duration::from_secs(42)),
            [("StepOrder", 4), ("StepOrder", 7)]
        );
        assert_eq!(codes(source, DAY, Duration::from_secs(4)), []);
        let one_file = "FROM a\nCOPY sources.list /etc/apt/\nRUN apt-get install -y b\n";
        assert_eq!(codes(one_file, DAY, Duration::from_secs(42)), []);
    }

    #[test]
    fn copies_are_judged_by_what_past_builds_say() {
        let whole = "FROM a\nCOPY . /srv\nRUN apt-get install -y b\n";
        let folder = "FROM a\nCOPY src /srv/\nRUN apt-get install -y b\n";
        let settings = "FROM a\nCOPY a.list /etc/apt/\nRUN apt-get install -y b\n";
        for (source, seconds, changed, builds, told) in [
            (whole, 42, 9, 10, Some("save about 38 s a build")),
            (whole, 42, 0, 10, None),
            (whole, 42, 1, 2, Some("every change of the context")),
            (whole, 6, 5, 5, Some("5 of the last 5 builds")),
            (whole, 6, 3, 5, None),
            (
                folder,
                42,
                2,
                4,
                Some("`COPY src /srv/` changed in 2 of the last 4 builds"),
            ),
            (folder, 42, 1, 4, None),
            (folder, 42, 0, 0, None),
            (settings, 42, 4, 4, None),
        ] {
            let changes = Changes { builds, changed };
            let found = advised(source, DAY, Duration::from_secs(seconds), changes);
            let message = found.first().map_or("", |d| d.message.as_str());
            let fits = told.map_or(message.is_empty(), |told| message.contains(told));
            assert!(fits, "{source} {changed}/{builds}: {message}");
        }
    }
}
