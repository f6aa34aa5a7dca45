//! The one description of a build: which steps there are for a target, what each does and what it reads.
//!
//! A [`Plan`] is a value. Forecast, execution, editor hints and scripts all walk the same one; nothing else
//! describes a build.

pub mod config;
pub mod digest;
pub mod lower;

use crate::diagnostic::{Diagnostic, OfficialError};
use crate::instructions::{Device, NetworkMode, SecurityMode};
use crate::model::platform::Platform;
use crate::model::reference::Reference;
use crate::text::{LineSpan, TextRange};
use bstr::BString;
use config::ImageConfig;
use digest::DefinitionDigest;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a build is asked for, besides the Dockerfile.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// Stage to build; the last one when absent.
    pub target: Option<String>,
    /// `--build-arg`, name to value.
    pub build_args: BTreeMap<String, String>,
    /// `--build-context NAME=…`.
    pub contexts: BTreeMap<String, NamedContext>,
    /// `--platform`; the build platform when absent.
    pub target_platform: Option<Platform>,
    /// Platform of this machine.
    pub build_platform: Platform,
    /// `--label`, added to the config last.
    pub labels: Vec<(String, String)>,
    /// `--add-host`, name and address.
    pub add_hosts: Vec<(String, String)>,
    /// `--network` of the build: the default for every RUN.
    pub network: Option<NetworkMode>,
    /// `--shm-size`, bytes.
    pub shm_size: Option<u64>,
    /// `--ulimit`: name, soft, hard.
    pub ulimits: Vec<(String, i64, i64)>,
    /// Look at every stage, not only those the target needs (`--check`, editors).
    pub all_stages: bool,
    /// Experimental check rules that run besides those `# check=experimental=` names; see
    /// [`Config::experimental`](crate::lints::Config::experimental).
    pub experimental: Vec<&'static str>,
}

/// Where a named context comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedContext {
    /// A folder of the host.
    Local(String),
    /// `docker-image://REFERENCE`.
    Image(Reference),
    /// `oci-layout://PATH[:tag][@digest]`, the text behind the scheme.
    OciLayout(String),
    /// `http(s)://…` of an archive or a git repository: the URL.
    Url(String),
    /// `target:NAME` or a stage of the same file.
    Stage(String),
}

/// A planned build.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Needed steps, inputs before users. In file order of the instructions as far as that allows.
    pub steps: Vec<Step>,
    /// All stages of the file, needed or not.
    pub stages: Vec<StageInfo>,
    /// The stage that is built; index into `stages`. `None` only when planning failed.
    pub target: Option<usize>,
    /// The step whose file system becomes the image; `None` only when planning failed.
    pub result: Option<StepId>,
    /// Config of the image: that of the base with every instruction applied. Its history is complete.
    pub config: ImageConfig,
    /// Platform of the image.
    pub platform: Platform,
    /// Problems found while planning, check rules included, in source order.
    pub diagnostics: Vec<Diagnostic>,
    /// Which of the diagnostics the official front end reports too: findings of check rules it raises before it
    /// stops. Indices into `diagnostics`.
    pub reported: Vec<usize>,
    /// What the official front end would stop at, any phase; `None` when it would build.
    pub official_error: Option<OfficialError>,
    /// Images whose config was not known ([`crate::world::Known::Unknown`]): for these the plan assumed an empty
    /// config with the default `PATH`, so ONBUILD triggers and inherited values may be missing.
    pub assumed: Vec<StepId>,
}

impl Plan {
    /// The step with that id.
    pub fn step(&self, id: StepId) -> &Step {
        &self.steps[id.0 as usize]
    }
}

/// Index into [`Plan::steps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct StepId(pub u32);

/// A stage of the file.
#[derive(Clone, Debug)]
pub struct StageInfo {
    /// Given name, or `stage-N`.
    pub name: String,
    /// Whether the name was given.
    pub named: bool,
    /// Position in the file, from 0.
    pub index: usize,
    /// From `FROM` to the last line before the next.
    pub range: TextRange,
    /// Place of the `FROM` line.
    pub from_range: TextRange,
    /// Its last step, when the target needs it.
    pub last: Option<StepId>,
}

/// A node of the plan.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its own id.
    pub id: StepId,
    /// What it does.
    pub op: Op,
    /// The step whose file system it changes. `None` for sources.
    pub root: Option<StepId>,
    /// Every other step it reads from, each once, in order of use.
    pub inputs: Vec<StepId>,
    /// Index of its stage in [`Plan::stages`]; `None` for contexts and images used by several.
    pub stage: Option<usize>,
    /// Bytes of the instruction (of the `FROM` line for a trigger of the base image).
    pub range: TextRange,
    /// Lines of the same.
    pub lines: LineSpan,
    /// Position among the numbered steps of its stage: `(2, 5)` shows as `2/5`. `None` for unnumbered sources.
    pub number: Option<(u32, u32)>,
    /// Instruction text as progress shows it, variables expanded: `RUN make`, `ONBUILD COPY . /x`.
    pub text: String,
    /// What progress shows in front of the text, if anything.
    pub prefix: Option<Prefix>,
    /// Value of every variable the step's cached result depends on, for naming culprits: `ARG VERSION`, `ENV PATH`.
    pub variables: Arc<[Variable]>,
}

impl Step {
    /// Progress name: `[build 2/5] RUN make`, `[internal] load build context`.
    pub fn name(&self) -> String {
        let Some(Prefix { stage, number }) = &self.prefix else {
            return self.text.clone();
        };
        let (index, total) = number;
        let width = total.ilog10() as usize + 1;
        let space = if stage.is_empty() { "" } else { " " };
        format!("[{stage}{space}{index:width$}/{total}] {}", self.text)
    }

    /// Digest of the op without the content of its inputs.
    pub fn definition(&self) -> DefinitionDigest {
        digest::definition(&self.op)
    }
}

/// The stage and the number that a step shows with. A download has those of the instruction that asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Name of the stage; empty in a file that has one only.
    pub stage: Arc<str>,
    /// As [`Step::number`].
    pub number: (u32, u32),
}

/// A variable in force at a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// `ARG` or `ENV`.
    pub keyword: &'static str,
    /// Name.
    pub name: String,
    /// Value; `None` for a declared `ARG` without value.
    pub value: Option<String>,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Op {
    /// Brings content from outside; has no root.
    Source(Source),
    /// Runs a command on its root.
    Exec(Box<Exec>),
    /// Copies files onto its root.
    Copy(Box<Copy>),
    /// Makes a folder: `WORKDIR`.
    Mkdir(Mkdir),
}

/// Content from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `FROM scratch`: nothing.
    Scratch,
    /// An image by reference.
    Image {
        reference: Reference,
        platform: Platform,
    },
    /// An image in an OCI layout.
    OciLayout { layout: String, platform: Platform },
    /// A local folder: `context` for the main one, else the named context's name.
    Local { name: String },
    /// One file over HTTP.
    Http {
        url: String,
        checksum: Option<String>,
    },
    /// A git repository.
    Git {
        url: String,
        keep_git_dir: bool,
        checksum: Option<String>,
    },
}

/// A command to run.
#[derive(Clone, Debug)]
pub struct Exec {
    /// Program and arguments.
    pub argv: Vec<BString>,
    /// What it runs on.
    pub platform: Arc<Platform>,
    /// Environment in order, each name once; ENV and valued ARGs.
    pub env: Arc<[(String, String)]>,
    /// Proxy variables given as build arguments: in the environment, not in the cache key.
    pub proxy_env: Vec<(String, String)>,
    /// Absolute working directory.
    pub cwd: String,
    /// `USER` as written and expanded; empty for none.
    pub user: String,
    pub network: NetworkMode,
    pub security: SecurityMode,
    pub mounts: Vec<Mount>,
    pub devices: Vec<Device>,
    /// Scripts of the heredoc form: name and content, found below `/dev/pipes/`, mode 0755.
    pub scripts: Vec<(String, BString)>,
    /// Extra lines of `/etc/hosts`: name and address.
    pub add_hosts: Vec<(String, String)>,
    /// Bytes of `/dev/shm`.
    pub shm_size: Option<u64>,
    /// Name, soft, hard.
    pub ulimits: Vec<(String, i64, i64)>,
}

/// One `--mount`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Absolute path in the step's root.
    pub target: String,
    pub read_only: bool,
    pub kind: MountKind,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountKind {
    /// Files of another step; writes are thrown away.
    Bind { from: StepId, source: String },
    /// A folder kept between builds.
    Cache {
        id: String,
        sharing: Sharing,
        /// Step whose `source` folder fills it at first.
        from: Option<StepId>,
        source: String,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
    },
    /// Memory; size in bytes.
    Tmpfs { size: Option<u64> },
    /// A secret as file, or as variable `env`; `file` is false when only the variable is wanted.
    Secret {
        id: String,
        required: bool,
        mode: u32,
        uid: u32,
        gid: u32,
        file: bool,
        env: Option<String>,
    },
    /// A forwarded agent socket at `target`.
    Ssh {
        id: String,
        required: bool,
        mode: u32,
        uid: u32,
        gid: u32,
    },
}

/// `sharing=` of a cache mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sharing {
    Shared,
    Private,
    Locked,
}

/// `COPY` or `ADD`.
#[derive(Clone, Debug)]
pub struct Copy {
    /// True for `ADD`.
    pub add: bool,
    pub sources: Vec<CopySource>,
    /// Absolute destination; a trailing `/` means folder.
    pub dest: String,
    /// `user[:group]`, expanded; looked up in the root's files.
    pub chown: Option<String>,
    /// Octal or symbolic, expanded and valid.
    pub chmod: Option<String>,
    /// An own layer, independent of the root.
    pub link: bool,
    pub parents: bool,
    /// Ignore patterns below each source.
    pub exclude: Vec<String>,
    /// ADD: unset, yes or no.
    pub unpack: Option<bool>,
}

/// One source of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopySource {
    /// Path or wildcard pattern in the files of a step, rooted and cleaned (`/a/*.txt`), pivot `/./` kept for `--parents`.
    Path { from: StepId, path: String },
    /// The one file of an HTTP source, with the name it gets.
    Http { from: StepId, name: String },
    /// The tree of a git source.
    Git { from: StepId },
    /// A heredoc: a file of mode 0644.
    Inline { name: String, content: BString },
}

/// `WORKDIR`: makes `path` and its parents, mode 0755, owned by `user`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mkdir {
    pub path: String,
    /// `USER` in force; empty for root.
    pub user: String,
}
