//! Bringing sources: images, layouts, downloads, clones, contexts that are no folder.

use super::{Session, State, locked, store};
use crate::build::context::Context;
use crate::build::context::ignore::IgnoreFile;
use crate::build::error::{BuildError, Problem};
use crate::build::events::Events;
use crate::build::fetch;
use crate::build::selection::SourceView;
use crate::image::ingest::sniff;
use crate::store::{UnpackOptions, unpack};
use cooperage_lang::plan::{Op, Source, Step};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a download or clone brought.
pub(super) enum Fetched {
    /// One file.
    Http(fetch::http::Downloaded),
    /// A checked-out tree.
    Git(Context),
}

impl Fetched {
    pub(super) fn view(&self) -> SourceView<'_> {
        match self {
            Self::Http(file) => SourceView::File { path: &file.path, digest: file.digest, mtime: file.mtime },
            Self::Git(tree) => SourceView::Tree(tree),
        }
    }
}

impl Session<'_> {
    pub(super) fn fetch_source(&self, step: &Step, events: &dyn Events) -> Result<State, BuildError> {
        let Op::Source(source) = &step.op else { unreachable!("only sources are fetched") };
        match source {
            Source::Scratch | Source::Local { .. } => unreachable!("always here"),
            Source::Image { reference, platform } => {
                let record = crate::engine::pull_image(self.engine, reference, platform, events, &self.cancel)
                    .map_err(crate::engine::pull_problem)?;
                let state = Self::image_state(&record);
                locked(&self.images).insert(step.id, record);
                Ok(state)
            }
            Source::OciLayout { layout, platform } => {
                let record = crate::image::load::ingest_layout(self.store()?, layout, platform)
                    .map_err(|e| Problem::Option(e.to_string()))?;
                let state = Self::image_state(&record);
                locked(&self.images).insert(step.id, record);
                Ok(state)
            }
            Source::Http { url, checksum } => {
                let file = fetch::http::download(self.store()?, self.lease()?, url, checksum.as_deref(), &self.cancel)
                    .map_err(|e| Problem::Fetch(e.to_string()))?;
                self.keep_fetched(step, source, Fetched::Http(file))
            }
            Source::Git { url, keep_git_dir, checksum } => {
                let folder = self.lease()?.folder("git").map_err(store)?;
                fetch::git::checkout(url, checksum.as_deref(), *keep_git_dir, &folder, &self.cancel)
                    .map_err(|e| Problem::Fetch(e.to_string()))?;
                let tree = Context::open(&folder, IgnoreFile::none(), None).map_err(|e| Problem::Fetch(e.to_string()))?;
                self.keep_fetched(step, source, Fetched::Git(tree))
            }
        }
    }

    fn keep_fetched(&self, step: &Step, source: &Source, fetched: Fetched) -> Result<State, BuildError> {
        locked(&self.fetched).insert(step.id, Arc::new(fetched));
        let chain = crate::build::cache::source_key(source);
        Ok(State::Ready { chain, snapshot: super::Snapshot::default() })
    }

    /// A context that came as an archive: unpacked below the lease.
    pub(super) fn unpack_context(&self, archive: &Path) -> Result<PathBuf, BuildError> {
        let failed = |source: std::io::Error| Problem::Context { path: archive.to_owned(), source };
        let folder = self.lease()?.folder("context").map_err(store)?;
        let file = std::fs::File::open(archive).map_err(failed)?;
        let plain = match sniff(archive).map_err(failed)? {
            Some(packing) => packing.reader(file).map_err(failed)?,
            None => Box::new(file),
        };
        let root = std::fs::File::open(&folder).map_err(failed)?;
        unpack(plain, root.as_fd(), &UnpackOptions::default()).map_err(|e| Problem::Option(e.to_string()))?;
        Ok(folder)
    }

    /// A context by URL: a repository, or one archive.
    pub(super) fn download_context(&self, url: &str) -> Result<PathBuf, BuildError> {
        let fetch_failed = |e: &dyn std::fmt::Display| Problem::Fetch(e.to_string());
        if fetch::git::is_repository(url) {
            let folder = self.lease()?.folder("context").map_err(store)?;
            fetch::git::checkout(url, None, false, &folder, &self.cancel).map_err(|e| fetch_failed(&e))?;
            return Ok(folder);
        }
        let file = fetch::http::download(self.store()?, self.lease()?, url, None, &self.cancel)
            .map_err(|e| fetch_failed(&e))?;
        self.unpack_context(&file.path)
    }
}
