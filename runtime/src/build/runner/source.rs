//! Bringing sources: images, layouts, downloads, clones, contexts that are no folder.

use super::{Session, State, locked, store};
use crate::build::context::Context;
use crate::build::context::ignore::IgnoreFile;
use crate::build::error::{BuildError, Problem};
use crate::build::events::Events;
use crate::build::fetch::{self, http::HttpFile};
use crate::build::selection::SourceView;
use crate::image::ingest::plain;
use crate::registry::Client;
use crate::store::{UnpackOptions, unpack};
use crate::waiting::block_on;
use cooperage_lang::model::url::{SourceKind, classify};
use cooperage_lang::plan::{Op, Source, Step};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// What a download or clone brought.
pub(super) enum Fetched {
    /// One file.
    Http(HttpFile),
    /// A checked-out tree.
    Git(Box<Context>),
}

impl Fetched {
    pub(super) fn view(&self) -> SourceView<'_> {
        match self {
            Self::Http(file) => SourceView::File {
                path: &file.path,
                digest: crate::store::DiffId::from_digest(&file.digest)
                    .map_or([0; 32], |d| *d.bytes()),
                mtime: file
                    .modified
                    .duration_since(SystemTime::UNIX_EPOCH)
                    .map_or(0, |d| d.as_secs() as i64),
            },
            Self::Git(tree) => SourceView::Tree(tree.as_ref()),
        }
    }
}

impl Session<'_> {
    pub(super) fn fetch_source(
        &self,
        step: &Step,
        events: &dyn Events,
    ) -> Result<State, BuildError> {
        let Op::Source(source) = &step.op else {
            unreachable!("only sources are fetched")
        };
        match source {
            Source::Scratch | Source::Local { .. } => unreachable!("always here"),
            Source::Image {
                reference,
                platform,
            } => {
                let record = crate::engine::pull_image(
                    self.engine,
                    reference,
                    platform,
                    events,
                    &self.cancel,
                )
                .map_err(|e| {
                    crate::engine::pull_problem(e).or_stage(reference, &self.planned.plan)
                })?;
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
                let file = self.download(url, checksum.as_deref())?;
                Ok(self.keep_fetched(step, source, Fetched::Http(file)))
            }
            Source::Git {
                url,
                keep_git_dir,
                checksum,
            } => {
                let root = self.checkout(url, checksum.as_deref(), *keep_git_dir)?;
                let tree = Context::open(&root, IgnoreFile::none(), None)
                    .map_err(|e| Problem::Fetch(e.to_string()))?;
                Ok(self.keep_fetched(step, source, Fetched::Git(Box::new(tree))))
            }
        }
    }

    fn download(&self, url: &str, checksum: Option<&str>) -> Result<HttpFile, BuildError> {
        let client = Client::from_env(self.engine.options().insecure_registries.clone());
        let place = (self.store()?, self.lease()?);
        let fetched = fetch::http::fetch(client.transport(), place, url, checksum, &|_, _| {});
        self.wait_for(fetched)?
            .map_err(|e| Problem::Fetch(e.to_string()).into())
    }

    fn checkout(
        &self,
        url: &str,
        checksum: Option<&str>,
        keep_git_dir: bool,
    ) -> Result<PathBuf, BuildError> {
        let failed = |e: &dyn std::fmt::Display| BuildError::from(Problem::Fetch(e.to_string()));
        let mut git = match classify(url) {
            Ok(SourceKind::Git(git)) => *git,
            Ok(_) => return Err(failed(&format!("`{url}` is not a git repository"))),
            Err(e) => return Err(failed(&e)),
        };
        if let Some(checksum) = checksum {
            checksum.clone_into(&mut git.checksum);
        }
        let folder = self.lease()?.folder("git").map_err(store)?;
        let place = self.store()?;
        let keep = git.keep_git_dir.unwrap_or(keep_git_dir);
        let work = async {
            let resolved = fetch::git::resolve(&git).await?;
            fetch::git::checkout(place, &git, &resolved, keep, &folder).await
        };
        Ok(self.wait_for(work)?.map_err(|e| failed(&e))?.root)
    }

    fn wait_for<T>(&self, future: impl Future<Output = T>) -> Result<T, BuildError> {
        match block_on(&self.cancel, future) {
            Ok(Some(result)) => Ok(result),
            Ok(None) => Err(Problem::Canceled.into()),
            Err(e) => Err(Problem::Fetch(format!("cannot start the network runtime: {e}")).into()),
        }
    }

    fn keep_fetched(&self, step: &Step, source: &Source, fetched: Fetched) -> State {
        locked(&self.fetched).insert(step.id, Arc::new(fetched));
        let chain = crate::build::cache::source_key(source);
        State::Ready {
            chain,
            snapshot: super::Snapshot::default(),
        }
    }

    /// A context that came as an archive: unpacked below the lease.
    pub(super) fn unpack_context(&self, archive: &Path) -> Result<PathBuf, BuildError> {
        let failed = |source: std::io::Error| Problem::Context {
            path: archive.to_owned(),
            source,
        };
        let folder = self.lease()?.folder("context").map_err(store)?;
        let file = std::fs::File::open(archive).map_err(failed)?;
        let plain = plain(file).map_err(failed)?;
        let root = std::fs::File::open(&folder).map_err(failed)?;
        unpack(plain, root.as_fd(), &UnpackOptions::default())
            .map_err(|e| Problem::Option(e.to_string()))?;
        Ok(folder)
    }

    /// A context by URL: a repository, or one archive.
    pub(super) fn download_context(&self, url: &str) -> Result<PathBuf, BuildError> {
        if matches!(classify(url), Ok(SourceKind::Git(_))) {
            return self.checkout(url, None, false);
        }
        let file = self.download(url, None)?;
        self.unpack_context(&file.path)
    }
}
