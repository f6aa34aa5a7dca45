//! Looking into files for suggestions: those of a build context, and those of layers that are here.

use super::{Engine, Image};
use crate::build::context::Context;
use crate::build::context::ignore::IgnoreFile;
use crate::build::stack::LayerStack;
use crate::build::tree::{FileTree, Kind, child, resolve};
use crate::store::DiffId;
use bstr::ByteSlice;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a file that are still read.
const LIMIT: u64 = 4 << 20;

/// The last layers that were looked into; merging their indexes again would cost more than everything else.
#[derive(Default)]
pub(super) struct LastFiles(Mutex<Option<(Arc<[DiffId]>, Files)>>);

/// Some files.
#[derive(Clone)]
pub struct Files(Arc<dyn FileTree>);

impl Files {
    /// Names in the folder at `path` (from the root on), links followed; whether each is a folder. None when there is no
    /// such folder.
    pub fn names(&self, path: &str) -> Vec<(String, bool)> {
        let rooted = child(b"/", path.trim_matches('/').as_bytes());
        let Ok(folder) = resolve(&*self.0, &rooted, true) else {
            return Vec::new();
        };
        let listing = self.0.list(&folder).unwrap_or_default();
        let is_folder = |name: &[u8], kind: Kind| match kind {
            Kind::Dir => true,
            Kind::Symlink => {
                let target = resolve(&*self.0, &child(&folder, name), true);
                let stat = target.and_then(|target| self.0.lstat(&target));
                matches!(stat, Ok(Some(stat)) if stat.kind == Kind::Dir)
            }
            _ => false,
        };
        listing
            .iter()
            .map(|l| {
                (
                    l.name.to_str_lossy().into_owned(),
                    is_folder(&l.name, l.stat.kind),
                )
            })
            .collect()
    }

    /// The text of a file; empty when it is not there or cannot be read.
    pub fn text(&self, path: &str) -> String {
        let mut bytes = Vec::new();
        let file = resolve(&*self.0, path.as_bytes(), true).and_then(|path| self.0.open(&path));
        // What cannot be read suggests nothing.
        let _ = file.map(|file| file.take(LIMIT).read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Engine {
    /// The files of a folder as a context, without what is ignored; `dockerfile` may have an ignore file of its own.
    pub fn context_files(&self, folder: &Path, dockerfile: Option<&Path>) -> Option<Files> {
        let ignore = IgnoreFile::find(folder, dockerfile).ok()?;
        let store = self.store_if_any().ok().flatten();
        let indexes = store.map(|_| self.paths().context_index());
        let context = if self.options().read_only {
            self.contexts().open(folder, ignore, indexes.as_deref())
        } else {
            Context::open(folder, ignore, indexes.as_deref()).map(Arc::new)
        };
        Some(Files(context.ok()?))
    }

    /// The files of layers that lie on each other, bottom first; `None` when one of them is not here.
    pub fn files_of_layers(&self, layers: &Arc<[DiffId]>) -> Option<Files> {
        let mut last = self
            .inner
            .last_files
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((known, files)) = &*last
            && known == layers
        {
            return Some(files.clone());
        }
        let store = self.store_if_any().ok().flatten()?;
        let layer = |id| store.layer(id).ok().flatten();
        let opened = layers.iter().map(layer).collect::<Option<Vec<_>>>()?;
        let files = Files(Arc::new(LayerStack::of_layers(&opened).ok()?));
        *last = Some((layers.clone(), files.clone()));
        Some(files)
    }
}

impl Image {
    /// Its layers, for [`Engine::files_of_layers`].
    pub fn diff_ids(&self) -> Arc<[DiffId]> {
        let hex = self
            .layers
            .iter()
            .filter_map(|id| id.strip_prefix("sha256:"));
        hex.filter_map(DiffId::from_hex).collect()
    }
}
