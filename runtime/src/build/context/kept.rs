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
    place: Arc<Place>,
}

/// Where one context is kept. Whoever reads its folder, which may take for ever, holds up only who wants the same.
#[derive(Default)]
struct Place {
    reading: Mutex<()>,
    context: Mutex<Option<Arc<Context>>>,
}

impl Place {
    /// The context, when it was read.
    fn context(&self) -> MutexGuard<'_, Option<Arc<Context>>> {
        // Replaced as a whole, and never for long.
        self.context.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        let place = self.place(folder, format!("{ignore:?}"));
        let reading = place.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let known = place.context().clone();
        if let Some(context) = known.filter(|context| context.is_in_place()) {
            drop(reading);
            context.catch_up();
            return Ok(context);
        }
        let context = Arc::new(Context::open(folder, ignore, indexes)?.keep_watch());
        if let (Some(poll), Some(changed)) = (self.poll(), context.changed()) {
            // Told once for each change, whoever reads it: a forecast does, not the one who waits.
            let flags = EventFlags::IN | EventFlags::ET;
            // Failing to costs the news of a change, not the change: every forecast asks itself.
            let _ = epoll::add(poll, changed, EventData::new_u64(0), flags);
        }
        *place.context() = Some(context.clone());
        Ok(context)
    }

    /// The place of a folder's context, from now on the last used.
    fn place(&self, folder: &Path, ignore: String) -> Arc<Place> {
        let mut kept = self.kept();
        let known = kept
            .iter()
            .position(|k| k.folder == folder && k.ignore == ignore);
        let last = match known {
            Some(known) => kept.remove(known),
            None => Kept {
                folder: folder.to_owned(),
                ignore,
                place: Arc::default(),
            },
        };
        if kept.len() >= MOST {
            kept.remove(0);
        }
        let place = last.place.clone();
        kept.push(last);
        place
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        // Whole entries are put in and taken out.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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
        let places: Vec<_> = self.kept().iter().map(|kept| kept.place.clone()).collect();
        for context in places.iter().filter_map(|place| place.context().clone()) {
            let below: Vec<BString> = paths
                .iter()
                .filter_map(|path| path.strip_prefix(context.path()).ok())
                .map(|path| child(b"/", path.as_os_str().as_bytes()))
                .collect();
            if !below.is_empty() {
                context.refresh(&below);
            }
        }
    }

    /// Becomes readable when something changed in a context that is kept; `None` where the kernel has no such thing.
    pub fn poll(&self) -> Option<&OwnedFd> {
        self.changed
            .get_or_init(|| epoll::create(CreateFlags::CLOEXEC).ok())
            .as_ref()
    }
}
