//! A forecast is never contradicted by the build that follows.
//!
//! Random Dockerfiles and contexts, random edits between builds, some flags. Before every build the forecast is taken; then
//! the plan is executed by the real scheduler with an executor in memory: files are maps, `RUN set PATH TEXT` writes a file,
//! `RUN stamp PATH` writes one that differs at every run, `RUN fail` fails.

use cooperage_lang::instructions;
use cooperage_lang::plan::{Copy, CopySource, Op, Plan, PlanOptions, Source, Step, lower};
use cooperage_lang::world::{Known, World};
use cooperage_runtime::build::cache::{
    CacheStatus, CacheView, ContentInput, Decision, LastRun, Record, Snapshot, State, image_key,
    scratch_key, source_key, source_step,
};
use cooperage_runtime::build::content::{self, ContentManifest};
use cooperage_runtime::build::events::{Events, Silent};
use cooperage_runtime::build::exec::{Outcome, Ran, Runner, execute};
use cooperage_runtime::build::forecast::forecast;
use cooperage_runtime::build::selection::SourceView;
use cooperage_runtime::build::tree::{
    ContentDigest, FileTree, Kind, Listed, Listing, Stat, TreeError, Xattrs,
};
use cooperage_runtime::cancel::Cancel;
use cooperage_runtime::store::{CacheKey, DiffId};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

type Files = BTreeMap<String, String>;

/// Files in memory as a tree; folders exist by having something in them.
struct MemoryTree(Files);

impl MemoryTree {
    fn stat(kind: Kind, size: u64) -> Stat {
        Stat {
            kind,
            mode: if kind == Kind::Dir { 0o755 } else { 0o644 },
            uid: 0,
            gid: 0,
            size,
            mtime: (0, 0),
            ctime: None,
            id: (0, 0),
            link: None,
            device: (0, 0),
        }
    }
}

impl FileTree for MemoryTree {
    fn lstat(&self, path: &[u8]) -> Result<Option<Stat>, TreeError> {
        let path = std::str::from_utf8(path).unwrap();
        if let Some(text) = self.0.get(path) {
            return Ok(Some(Self::stat(Kind::File, text.len() as u64)));
        }
        let folder = if path == "/" {
            path.to_owned()
        } else {
            format!("{path}/")
        };
        let is_folder = path == "/" || self.0.keys().any(|p| p.starts_with(&folder));
        Ok(is_folder.then(|| Self::stat(Kind::Dir, 0)))
    }

    fn list(&self, path: &[u8]) -> Result<Listing, TreeError> {
        let path = std::str::from_utf8(path).unwrap();
        let folder = if path == "/" {
            path.to_owned()
        } else {
            format!("{path}/")
        };
        let mut names: BTreeMap<String, Stat> = BTreeMap::new();
        for (file, text) in &self.0 {
            let Some(rest) = file.strip_prefix(&folder) else {
                continue;
            };
            match rest.split_once('/') {
                Some((name, _)) => names.insert(name.to_owned(), Self::stat(Kind::Dir, 0)),
                None => names.insert(rest.to_owned(), Self::stat(Kind::File, text.len() as u64)),
            };
        }
        Ok(names
            .into_iter()
            .map(|(name, stat)| Listed {
                name: name.into(),
                stat,
                digest: None,
            })
            .collect())
    }

    fn read_link(&self, _: &[u8]) -> Result<bstr::BString, TreeError> {
        unreachable!("there are no links")
    }

    fn open(&self, _: &[u8]) -> Result<std::fs::File, TreeError> {
        unreachable!("digests are known without reading")
    }

    fn xattrs(&self, _: &[u8]) -> Result<Xattrs, TreeError> {
        Ok(Xattrs::new())
    }

    fn digest(&self, path: &[u8]) -> Result<ContentDigest, TreeError> {
        Ok(Sha256::digest(self.0[std::str::from_utf8(path).unwrap()].as_bytes()).into())
    }
}

/// What outlives a build.
#[derive(Default)]
struct Memory {
    records: Mutex<HashMap<CacheKey, Record>>,
    layers: Mutex<HashMap<DiffId, Files>>,
    /// Differs at every use: time, random numbers.
    clock: AtomicU64,
}

/// One build over the memory.
struct InMemory<'a> {
    memory: &'a Memory,
    context: &'a Files,
    no_cache: bool,
    filter: Option<String>,
}

impl InMemory<'_> {
    fn tree(&self, step: &Step, state: &State) -> MemoryTree {
        if let Op::Source(Source::Local { .. }) = step.op {
            return MemoryTree(self.context.clone());
        }
        let State::Ready { snapshot, .. } = state else {
            panic!("only ready steps are read")
        };
        MemoryTree(self.files(snapshot))
    }

    fn files(&self, snapshot: &Snapshot) -> Files {
        let layers = self.memory.layers.lock().unwrap();
        snapshot
            .layers
            .iter()
            .flat_map(|l| layers[l].clone())
            .collect()
    }

    fn copied(&self, plan: &Plan, copy: &Copy, states: &[State]) -> Files {
        let mut out = Files::new();
        for source in &copy.sources {
            let CopySource::Path { from, path } = source else {
                continue;
            };
            let tree = self.tree(plan.step(*from), &states[from.0 as usize]).0;
            let below = if path == "/" {
                path.clone()
            } else {
                format!("{path}/")
            };
            for (file, text) in tree {
                let name = if file == *path {
                    file.rsplit('/').next().map(str::to_owned)
                } else {
                    file.strip_prefix(&below).map(str::to_owned)
                };
                if let Some(name) = name {
                    out.insert(format!("{}/{name}", copy.dest.trim_end_matches('/')), text);
                }
            }
        }
        out
    }
}

impl CacheView for InMemory<'_> {
    type Error = String;

    fn record(&self, key: &CacheKey) -> Option<Record> {
        self.memory.records.lock().unwrap().get(key).cloned()
    }

    fn content(
        &self,
        plan: &Plan,
        step: &Step,
        input: &ContentInput,
        states: &[State],
    ) -> Result<Arc<ContentManifest>, String> {
        let (ContentInput::Sources, Op::Copy(copy)) = (input, &step.op) else {
            unreachable!("there are no mounts")
        };
        let from = copy
            .sources
            .iter()
            .map(|s| source_step(s).expect("there are no heredocs"));
        let trees: Vec<MemoryTree> = from
            .map(|id| self.tree(plan.step(id), &states[id.0 as usize]))
            .collect();
        let views: Vec<SourceView<'_>> = trees.iter().map(|t| SourceView::Tree(t)).collect();
        content::selection(copy, &views)
            .map(Arc::new)
            .map_err(|e| e.to_string())
    }

    fn source(&self, step: &Step) -> Result<State, String> {
        let Op::Source(source) = &step.op else {
            unreachable!()
        };
        let chain = match source {
            Source::Scratch => scratch_key(),
            Source::Image { .. } => image_key(&[]),
            other => source_key(other),
        };
        Ok(State::Ready {
            chain,
            snapshot: Snapshot::default(),
        })
    }

    fn last_run(&self, _: &Plan, _: &Step) -> Option<LastRun> {
        None
    }

    fn base(&self, _: &Step) -> Option<(String, String)> {
        None
    }

    fn bypass(&self, plan: &Plan, step: &Step) -> bool {
        let stage = step.stage.map(|s| plan.stages[s].name.clone());
        self.no_cache || (self.filter.is_some() && stage == self.filter)
    }
}

impl Runner for InMemory<'_> {
    fn fetch(&self, _: &Plan, _: &Step, _: &dyn Events) -> Result<State, String> {
        unreachable!("every source is ready")
    }

    fn run(
        &self,
        plan: &Plan,
        step: &Step,
        states: &[State],
        _: &dyn Events,
    ) -> Result<Ran, String> {
        let mut files = Files::new();
        match &step.op {
            Op::Exec(exec) => {
                let script = exec.argv.last().unwrap().to_string();
                let words: Vec<&str> = script.split(' ').collect();
                match words.as_slice() {
                    ["set", path, text] => {
                        files.insert((*path).to_owned(), (*text).to_owned());
                    }
                    ["stamp", path] => {
                        let now = self.memory.clock.fetch_add(1, Ordering::SeqCst);
                        files.insert((*path).to_owned(), now.to_string());
                    }
                    _ => return Err("failed".to_owned()),
                }
            }
            Op::Copy(copy) => files = self.copied(plan, copy, states),
            Op::Mkdir(dir) => {
                files.insert(format!("{}/.dir", dir.path), String::new());
            }
            Op::Source(_) => unreachable!(),
        }
        let mut hash = Sha256::new();
        for (path, text) in &files {
            hash.update(path);
            hash.update([0]);
            hash.update(text);
            hash.update([0]);
        }
        let layer = DiffId::new(hash.finalize().into());
        self.memory.layers.lock().unwrap().insert(layer, files);
        Ok(Ran {
            layer,
            size: 1,
            cacheable: true,
        })
    }

    fn keep(
        &self,
        _: &Plan,
        _: &Step,
        key: &CacheKey,
        record: &Record,
        _: &Decision,
    ) -> Result<(), String> {
        self.memory
            .records
            .lock()
            .unwrap()
            .insert(*key, record.clone());
        Ok(())
    }

    fn canceled(&self) -> String {
        "canceled".to_owned()
    }

    fn panicked(&self, message: String) -> String {
        message
    }
}

struct NoWorld;

impl World for NoWorld {
    fn image(
        &self,
        _: &cooperage_lang::model::reference::Reference,
        _: &cooperage_lang::model::platform::Platform,
    ) -> Known<Arc<cooperage_lang::plan::config::ImageConfig>> {
        Known::Yes(Arc::default())
    }

    fn layout_image(
        &self,
        _: &str,
        _: &cooperage_lang::model::platform::Platform,
    ) -> Known<Arc<cooperage_lang::plan::config::ImageConfig>> {
        Known::Unknown
    }
}

/// One line of a generated stage.
#[derive(Clone, Debug)]
enum Line {
    Set(u8, u8),
    Stamp(u8),
    Copy(u8, bool),
    CopyFrom(u8, u8, bool),
    Workdir(u8),
    Env(u8, u8),
    Arg(u8),
    Label(u8),
    Fail,
}

fn line() -> impl Strategy<Value = Line> {
    prop_oneof![
        4 => (0..3u8, 0..2u8).prop_map(|(p, t)| Line::Set(p, t)),
        2 => (0..3u8).prop_map(Line::Stamp),
        4 => (0..5u8, any::<bool>()).prop_map(|(p, l)| Line::Copy(p, l)),
        4 => (0..4u8, 0..4u8, any::<bool>()).prop_map(|(s, p, l)| Line::CopyFrom(s, p, l)),
        1 => (0..2u8).prop_map(Line::Workdir),
        1 => (0..2u8, 0..2u8).prop_map(|(n, v)| Line::Env(n, v)),
        1 => (0..2u8).prop_map(Line::Arg),
        1 => (0..3u8).prop_map(Line::Label),
        1 => Just(Line::Fail).prop_filter("rare", |_| true),
    ]
}

type Stages = Vec<(u8, Vec<Line>)>;

/// The Dockerfile's text. Stages are named `s0`, `s1`, …; references to stages that do not come before are left out.
fn dockerfile(stages: &Stages, fail: bool) -> String {
    let mut text = String::from("ARG global=1\n");
    for (n, (base, lines)) in stages.iter().enumerate() {
        let base = usize::from(*base);
        let base = if base < n {
            format!("s{base}")
        } else {
            "scratch".to_owned()
        };
        writeln!(text, "FROM {base} AS s{n}").unwrap();
        for line in lines {
            match line {
                Line::Set(path, value) => writeln!(text, "RUN set /f{path} {value}"),
                Line::Stamp(path) => writeln!(text, "RUN stamp /f{path}"),
                Line::Copy(path, link) => {
                    let link = if *link { "--link " } else { "" };
                    let source = if *path == 4 {
                        "d".to_owned()
                    } else {
                        format!("c{path}")
                    };
                    writeln!(text, "COPY {link}{source} /to/")
                }
                Line::CopyFrom(stage, path, link) if usize::from(*stage) < n => {
                    let link = if *link { "--link " } else { "" };
                    writeln!(text, "COPY --from=s{stage} {link}/f{path}* /from/")
                }
                Line::Workdir(n) => writeln!(text, "WORKDIR /w{n}"),
                Line::Env(name, value) => writeln!(text, "ENV E{name}={value}"),
                Line::Arg(name) => writeln!(text, "ARG A{name}"),
                Line::Label(value) => writeln!(text, "LABEL l={value}"),
                Line::Fail if fail => writeln!(text, "RUN fail"),
                // A stage that does not come before, a failure that was not asked for.
                Line::CopyFrom(..) | Line::Fail => Ok(()),
            }
            .unwrap();
        }
    }
    text
}

/// What happens before a build.
#[derive(Clone, Debug)]
enum Edit {
    Nothing,
    Context(u8, u8),
    Replace(u8, u8, Line),
    Insert(u8, u8, Line),
    Remove(u8, u8),
    Evict(u8),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        Just(Edit::Nothing),
        (0..6u8, 0..3u8).prop_map(|(f, v)| Edit::Context(f, v)),
        (0..4u8, 0..6u8, line()).prop_map(|(s, l, new)| Edit::Replace(s, l, new)),
        (0..4u8, 0..6u8, line()).prop_map(|(s, l, new)| Edit::Insert(s, l, new)),
        (0..4u8, 0..6u8).prop_map(|(s, l)| Edit::Remove(s, l)),
        (0..16u8).prop_map(Edit::Evict),
    ]
}

#[derive(Clone, Debug)]
struct Build {
    edit: Edit,
    no_cache: bool,
    filter: Option<u8>,
    arg: Option<u8>,
    target: Option<u8>,
    fail: bool,
}

fn build() -> impl Strategy<Value = Build> {
    let rarely = |weight| prop::bool::weighted(weight);
    (
        edit(),
        rarely(0.05),
        prop::option::weighted(0.15, 0..4u8),
        prop::option::weighted(0.3, 0..3u8),
        prop::option::weighted(0.2, 0..4u8),
        rarely(0.2),
    )
        .prop_map(|(edit, no_cache, filter, arg, target, fail)| Build {
            edit,
            no_cache,
            filter,
            arg,
            target,
            fail,
        })
}

fn lines_of(stages: &mut Stages, n: u8) -> &mut Vec<Line> {
    let count = stages.len();
    &mut stages[usize::from(n) % count].1
}

fn apply(edit: &Edit, stages: &mut Stages, context: &mut Files, memory: &Memory) {
    match edit {
        Edit::Nothing => {}
        Edit::Context(file, value) => {
            let path = if *file < 4 {
                format!("/c{file}")
            } else {
                format!("/d/x{file}")
            };
            context.insert(path, value.to_string());
        }
        Edit::Replace(s, l, new) => {
            let lines = lines_of(stages, *s);
            let at = usize::from(*l) % lines.len().max(1);
            if at < lines.len() {
                lines[at] = new.clone();
            }
        }
        Edit::Insert(s, l, new) => {
            let lines = lines_of(stages, *s);
            let at = usize::from(*l) % (lines.len() + 1);
            lines.insert(at, new.clone());
        }
        Edit::Remove(s, l) => {
            let lines = lines_of(stages, *s);
            if lines.len() > 1 {
                let at = usize::from(*l) % lines.len();
                lines.remove(at);
            }
        }
        Edit::Evict(n) => {
            let mut records = memory.records.lock().unwrap();
            let mut keys: Vec<CacheKey> = records.keys().copied().collect();
            keys.sort();
            if let Some(key) = keys.get(usize::from(*n)) {
                records.remove(key);
            }
        }
    }
}

/// Forecasts, builds, compares; returns the files of the result.
fn forecast_then_build(text: &str, options: &PlanOptions, view: &InMemory<'_>) -> Option<Files> {
    let file = instructions::parse(text.as_bytes());
    let plan = Arc::new(lower::plan(&file, options, &NoWorld));
    assert_eq!(plan.official_error, None, "{text}");
    let foreseen = forecast(&plan, view);
    let executed = execute(&plan, view, &Silent, &Cancel::new());
    for step in &plan.steps {
        let said = &foreseen.steps[step.id.0 as usize].status;
        let happened = &executed.outcomes[step.id.0 as usize];
        let agrees = match (said, happened) {
            (_, Outcome::NotRun) => executed.error.is_some(),
            (CacheStatus::Hit(_), happened) => matches!(happened, Outcome::Cached),
            (CacheStatus::Miss(_) | CacheStatus::Never, happened) => {
                !matches!(happened, Outcome::Cached)
            }
            (CacheStatus::Depends { .. }, _) => true,
        };
        assert!(
            agrees,
            "{}: forecast {said:?}, then {happened:?}\n{text}",
            step.name()
        );
    }
    let result = plan.result?;
    match (&executed.error, &executed.states[result.0 as usize]) {
        (None, State::Ready { snapshot, .. }) => Some(view.files(snapshot)),
        (None, State::Pending { .. }) => panic!("no error and no result\n{text}"),
        (Some(_), _) => None,
    }
}

/// Takes the stamps out: a cached build keeps old ones.
fn without_stamps(files: Files, text: &str) -> Files {
    let stamped: Vec<&str> = text
        .lines()
        .filter_map(|l| l.strip_prefix("RUN stamp "))
        .collect();
    let is_stamped = |path: &str| stamped.iter().any(|s| path.ends_with(s));
    files
        .into_iter()
        .filter(|(path, _)| !is_stamped(path))
        .collect()
}

fn rounds() -> u32 {
    std::env::var("COOPERAGE_ROUNDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1500)
}

#[test]
fn a_build_never_contradicts_its_forecast() {
    let stages = prop::collection::vec((0..5u8, prop::collection::vec(line(), 1..6)), 1..4);
    let builds = prop::collection::vec(build(), 1..8);
    let mut runner = TestRunner::new(Config {
        cases: rounds(),
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&(stages, builds), |(mut stages, builds)| {
            let memory = Memory::default();
            let mut context: Files = (0..4).map(|n| (format!("/c{n}"), "0".to_owned())).collect();
            context.insert("/d/x4".to_owned(), "0".to_owned());
            for build in builds {
                apply(&build.edit, &mut stages, &mut context, &memory);
                let text = dockerfile(&stages, build.fail);
                let mut options = PlanOptions::default();
                options
                    .build_args
                    .extend(build.arg.map(|v| ("A0".to_owned(), v.to_string())));
                options.target = build
                    .target
                    .map(|t| format!("s{}", usize::from(t) % stages.len()));
                let view = InMemory {
                    memory: &memory,
                    context: &context,
                    no_cache: build.no_cache,
                    filter: build.filter.map(|s| format!("s{s}")),
                };
                let cached = forecast_then_build(&text, &options, &view);
                // The same build without any cache gives the same files.
                let fresh = Memory::default();
                let clean = InMemory {
                    memory: &fresh,
                    context: &context,
                    no_cache: false,
                    filter: None,
                };
                let clean = forecast_then_build(&text, &options, &clean);
                prop_assert_eq!(
                    cached.map(|f| without_stamps(f, &text)),
                    clean.map(|f| without_stamps(f, &text)),
                    "{}",
                    text
                );
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn records_are_used_on_their_own_layers_only() {
    // `--no-cache-filter` makes the base anew with other content; what stands on it must follow.
    let text = "FROM scratch AS base\nRUN stamp /f0\nFROM base AS top\nRUN set /f1 1\n";
    let memory = Memory::default();
    let context = Files::new();
    let view = |filter: Option<&str>| InMemory {
        memory: &memory,
        context: &context,
        no_cache: false,
        filter: filter.map(str::to_owned),
    };
    let options = PlanOptions::default();
    let first = forecast_then_build(text, &options, &view(None)).unwrap();
    let second = forecast_then_build(text, &options, &view(Some("base"))).unwrap();
    assert_ne!(first["/f0"], second["/f0"]);
    let third = forecast_then_build(text, &options, &view(None)).unwrap();
    assert_eq!(second, third);
}

#[test]
fn equal_steps_keep_their_own_fate() {
    // Both stages hold the same step; only one of them is asked to run again. The other one stays what it was, and so
    // does what stands on it.
    let text = "FROM scratch AS asked\nRUN stamp /f0\n\
                FROM scratch AS top\nRUN stamp /f0\nRUN set /f1 1\nCOPY --from=asked /f0 /from/\n";
    let memory = Memory::default();
    let context = Files::new();
    let view = |filter: Option<&str>| InMemory {
        memory: &memory,
        context: &context,
        no_cache: false,
        filter: filter.map(str::to_owned),
    };
    let options = PlanOptions::default();
    let first = forecast_then_build(text, &options, &view(None)).unwrap();
    assert_eq!(first["/f0"], first["/from/f0"]);
    let second = forecast_then_build(text, &options, &view(Some("asked"))).unwrap();
    assert_eq!(second["/f0"], first["/f0"]);
    assert_ne!(second["/from/f0"], first["/from/f0"]);
    let third = forecast_then_build(text, &options, &view(None)).unwrap();
    assert_eq!(third["/from/f0"], second["/from/f0"]);
}
