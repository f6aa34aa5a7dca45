//! The handle every front end holds, and the operations behind commands, scripts and editor requests.

mod builds;
mod files;
mod images;
mod paths;
mod run;
mod tags;
mod watch;

pub use builds::{Built, Loaded, Planned, Why, WhyStep, host_platform};
pub(crate) use builds::{pull_image, pull_problem};
pub use files::Files;
pub(crate) use images::forget_failed;
pub use images::{FileInfo, Image, LayerInfo, Pruned, SaveFormat};
pub use paths::Paths;
pub use run::{RunError, RunExit, RunNetwork, RunRequest};
pub use tags::Tags;
pub use watch::{Changed, Watcher};

pub use crate::build::error::{BuildError, ErrorKind, Location};

use crate::image::base::BaseError;
use crate::image::export::ExportError;
use crate::image::import::ImportError;
use crate::image::load::LoadError;
use crate::registry::PullError;
use crate::store::{ImageError, LayerError, Store, StoreError};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// How to open an engine.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// `--root`: the store's folder.
    pub root: Option<PathBuf>,
    /// Never write: an editor's server. A missing store is an empty one.
    pub read_only: bool,
    /// Registries that may be spoken to without TLS.
    pub insecure_registries: Vec<String>,
}

/// One store with everything that works on it. Clones are the same engine; used from any thread.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    paths: Paths,
    options: EngineOptions,
    /// Opened on first use: planning a text needs none.
    store: OnceLock<Store>,
    /// Contexts that were read before, so that a server's next forecast only looks at what changed.
    contexts: crate::build::context::Contexts,
    last_files: files::LastFiles,
    waste: crate::build::advice::KnownWaste,
    tags: Arc<tags::KnownTags>,
}

/// Why an operation on images failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    #[error("neither XDG_DATA_HOME nor HOME is set, so there is no place for the store")]
    NoHome,
    #[error("there is no store at {}", .0.display())]
    NoStore(PathBuf),
    #[error("no image `{name}` here")]
    NotFound { name: String, near: Vec<String> },
    #[error("`{name}` is not a valid image name: {reason}")]
    Name { name: String, reason: String },
    #[error("image `{name}` has {layers} layers, there is no layer {layer}")]
    NoLayer {
        name: String,
        layers: usize,
        layer: usize,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Layer(#[from] LayerError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Base(#[from] BaseError),
    #[error(transparent)]
    Pull(#[from] PullError),
}

impl EngineError {
    /// How a front end treats it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } | Self::NoLayer { .. } => ErrorKind::NotFound,
            Self::Name { .. } | Self::Image(_) => ErrorKind::User,
            _ => ErrorKind::Environment,
        }
    }

    /// What to type or do next.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::NotFound { name, near } => match near.first() {
                Some(near) => vec![format!("did you mean `{near}`?")],
                None => vec![format!(
                    "`cooper pull {name}` brings it from its registry, `cooper images` lists what is here"
                )],
            },
            Self::Pull(error) => error.hints(),
            Self::NoHome => vec!["set COOPERAGE_ROOT, or use `--root DIR`".to_owned()],
            _ => Vec::new(),
        }
    }

    /// Never set: these errors have no place in a file.
    pub fn location(&self) -> Option<Location> {
        None
    }
}

impl Engine {
    /// Opens the engine. The store itself is opened, and made, on first use.
    pub fn open(options: EngineOptions) -> Result<Self, EngineError> {
        let paths = paths::choose(options.root.as_deref())?;
        Ok(Self {
            inner: Arc::new(Inner {
                paths,
                options,
                store: OnceLock::new(),
                contexts: crate::build::context::Contexts::default(),
                last_files: files::LastFiles::default(),
                waste: crate::build::advice::KnownWaste::default(),
                tags: Arc::default(),
            }),
        })
    }

    /// Where this engine keeps its things.
    pub fn paths(&self) -> &Paths {
        &self.inner.paths
    }

    /// The store, made when it is not there.
    pub(crate) fn store(&self) -> Result<&Store, EngineError> {
        match self.store_if_any()? {
            Some(store) => Ok(store),
            None => Err(EngineError::NoStore(self.paths().root().to_owned())),
        }
    }

    /// The store; `None` when this engine is read-only and nothing was ever stored.
    pub(crate) fn store_if_any(&self) -> Result<Option<&Store>, EngineError> {
        if let Some(store) = self.inner.store.get() {
            return Ok(Some(store));
        }
        let opened = if self.inner.options.read_only {
            Store::open_read_only(self.paths())?
        } else {
            Some(Store::open(self.paths())?)
        };
        Ok(opened.map(|store| self.inner.store.get_or_init(|| store)))
    }

    pub(crate) fn options(&self) -> &EngineOptions {
        &self.inner.options
    }

    pub(crate) fn contexts(&self) -> &crate::build::context::Contexts {
        &self.inner.contexts
    }
}
