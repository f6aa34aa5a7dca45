//! Contexts that a long-lived process keeps between forecasts.

use super::super::content::ContentManifest;
use super::ignore::IgnoreFile;
use super::{Context, ContextError, child};
use crate::store::CacheKey;
use bstr::BString;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Contexts that are kept; the one not used for longest goes first.
const MOST: usize = 8;

/// Steps whose last inputs are kept.
const MOST_INPUTS: usize = 64;

/// Contexts that were read, each with the kernel's word for what changed since; and what steps had read from them.
#[derive(Default)]
pub struct Contexts {
    /// The last used stands last.
    kept: Mutex<Vec<Kept>>,
    changed: OnceLock<Option<OwnedFd>>,
    inputs: Mutex<HashMap<CacheKey, Vec<Arc<ContentManifest>>>>,
}

struct Kept {
    folder: PathBuf,
    ignore: String,
    context: Arc<Context>,
}

impl Contexts {
    /// The context of a folder as it is now: what changed since it was last asked for has been forgotten.
    ///
    /// # Errors
    /// As [`Context::open`].
    pub fn open(
        &self,
        folder: &Path,
        ignore: IgnoreFile,
        indexes: Option<&Path>,
    ) -> Result<Arc<Context>, ContextError> {
        let text = format!("{ignore:?}");
        // The disk is asked while nobody waits for the list.
        let known = self.known(folder, &text);
        if let Some(context) = known.as_ref().filter(|context| context.is_in_place()) {
            context.catch_up();
            return Ok(context.clone());
        }
        let new = Kept {
            folder: folder.to_owned(),
            ignore: text,
            context: Arc::new(Context::open(folder, ignore, indexes)?.keep_watch()),
        };
        let context = self.keep(new, known.as_ref());
        if let (Some(poll), Some(changed)) = (self.poll(), context.changed()) {
            // Told once for each change, whoever reads it: a forecast does, not the one who waits.
            let flags = EventFlags::IN | EventFlags::ET;
            // Failing to costs the news of a change, not the change: every forecast asks itself.
            let _ = epoll::add(poll, changed, EventData::new_u64(0), flags);
        }
        Ok(context)
    }

    fn list(&self) -> MutexGuard<'_, Vec<Kept>> {
        // Whole entries are put in and taken out.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The context that is kept of a folder, which becomes the one that was used last.
    fn known(&self, folder: &Path, ignore: &str) -> Option<Arc<Context>> {
        let mut kept = self.list();
        let at = kept
            .iter()
            .position(|k| k.folder == folder && k.ignore == ignore)?;
        let known = kept.remove(at);
        let context = known.context.clone();
        kept.push(known);
        Some(context)
    }

    /// Keeps a context in the place of the `old` one, unless somebody else has been faster; gives the one that is kept.
    fn keep(&self, new: Kept, old: Option<&Arc<Context>>) -> Arc<Context> {
        let mut kept = self.list();
        let same = |k: &Kept| k.folder == new.folder && k.ignore == new.ignore;
        if let Some(at) = kept.iter().position(same) {
            let known = &kept[at].context;
            if !old.is_some_and(|old| Arc::ptr_eq(old, known)) {
                return known.clone();
            }
            kept.remove(at);
        }
        if kept.len() >= MOST {
            kept.remove(0);
        }
        let context = new.context.clone();
        kept.push(new);
        context
    }

    /// The inputs of the step that ran under `key`, as `read` gives them the first time.
    pub fn last_inputs(
        &self,
        key: &CacheKey,
        read: impl FnOnce() -> Vec<Arc<ContentManifest>>,
    ) -> Vec<Arc<ContentManifest>> {
        let mut known = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(inputs) = known.get(key) {
            return inputs.clone();
        }
        if known.len() >= MOST_INPUTS {
            known.clear();
        }
        known.entry(*key).or_insert_with(read).clone()
    }

    /// Forgets what is known of files of the host.
    pub fn files_changed(&self, paths: &[PathBuf]) {
        let contexts: Vec<_> = self.list().iter().map(|k| k.context.clone()).collect();
        for context in contexts {
            let below: Vec<BString> = paths
                .iter()
                .filter_map(|path| path.strip_prefix(context.path()).ok())
                .map(|path| child(b"/", path.as_os_str().as_bytes()))
                .collect();
            context.changed_at(below);
        }
    }

    /// Becomes readable when something changed in a context that is kept; `None` where the kernel has no such thing.
    pub fn poll(&self) -> Option<&OwnedFd> {
        self.changed
            .get_or_init(|| epoll::create(CreateFlags::CLOEXEC).ok())
            .as_ref()
    }
}
