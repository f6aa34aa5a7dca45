//! `RUN --mount`: from the plan's mounts to those of the container.

use super::exec::lock_or_cancel;
use super::{Session, State, store};
use crate::build::error::{BuildError, Problem};
use crate::build::ops;
use crate::build::request::SecretSource;
use crate::build::stack::LayerStack;
use crate::build::tree::{FileTree, Kind, resolve};
use crate::container::{Bind, BindSource};
use crate::store::DiffId;
use bstr::{BString, ByteSlice};
use cooperage_lang::plan::{
    Copy, CopySource, Exec, Mount, MountKind, Op, Plan, Sharing, Source, StepId,
};
use oci_spec::runtime::MountBuilder;
use rustix::fs::{CWD, FlockOperation, RenameFlags};
use rustix::io::Errno;
use sha2::Digest as _;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A RUN whose mounts are wanted.
pub(super) struct Wanted<'w> {
    pub(super) plan: &'w Plan,
    pub(super) exec: &'w Exec,
    pub(super) states: &'w [State],
    /// A file changed while it was brought into a mount: the result stands for no known content.
    pub(super) changed: Cell<bool>,
}

/// What a RUN sees besides its layers. Dropped after the command: locks are released, agents end.
#[derive(Default)]
pub(super) struct Mounts {
    pub(super) spec: Vec<oci_spec::runtime::Mount>,
    pub(super) binds: Vec<Bind>,
    pub(super) env: Vec<(String, String)>,
    locks: Vec<File>,
    agents: Vec<super::ssh::Forward>,
}

impl Session<'_> {
    pub(super) fn prepare_mounts(&self, wanted: &Wanted<'_>) -> Result<Mounts, BuildError> {
        let mut mounts = Mounts {
            locks: self.lock_caches(wanted)?,
            ..Mounts::default()
        };
        for (name, content) in &wanted.exec.scripts {
            mounts.binds.push(Bind {
                target: Path::new("/dev/pipes").join(name),
                source: BindSource::File {
                    content: content.clone(),
                    mode: 0o755,
                    uid: 0,
                    gid: 0,
                },
                read_only: true,
                recursive: false,
            });
        }
        for mount in &wanted.exec.mounts {
            match &mount.kind {
                MountKind::Bind { from, source } => {
                    self.bind(wanted, mount, *from, source, &mut mounts)?;
                }
                MountKind::Cache { .. } => self.cache(wanted, mount, &mut mounts)?,
                MountKind::Tmpfs { size } => mounts.binds.push(Bind {
                    target: PathBuf::from(&mount.target),
                    source: BindSource::Tmpfs {
                        size: *size,
                        mode: 0o1777,
                    },
                    read_only: false,
                    recursive: false,
                }),
                MountKind::Secret { .. } => self.secret(mount, &mut mounts)?,
                MountKind::Ssh { .. } => self.ssh(mount, &mut mounts)?,
            }
        }
        Ok(mounts)
    }

    fn bind(
        &self,
        wanted: &Wanted<'_>,
        mount: &Mount,
        from: StepId,
        source: &str,
        mounts: &mut Mounts,
    ) -> Result<(), BuildError> {
        let step = wanted.plan.step(from);
        let path = match &step.op {
            // A context is shown as COPY would bring it: without what is ignored, owned by root.
            Op::Source(Source::Local { .. } | Source::Git { .. } | Source::Http { .. }) => {
                self.copied(wanted, from, source)?
            }
            _ => match self.stage_files(wanted, from, source, mount)? {
                Shown::Path(path) => path,
                Shown::Mount(overlay) => {
                    mounts.spec.push(overlay);
                    return Ok(());
                }
            },
        };
        mounts
            .binds
            .push(bind_path(&mount.target, path, mount.read_only));
        Ok(())
    }

    /// Copies what `source` names into a folder of the lease; the command may change it, nobody else sees that.
    fn copied(
        &self,
        wanted: &Wanted<'_>,
        from: StepId,
        source: &str,
    ) -> Result<PathBuf, BuildError> {
        let out = self.lease()?.folder("mount").map_err(store)?;
        let tree = self.tree(wanted.plan.step(from), &wanted.states[from.0 as usize])?;
        let copy = Copy {
            add: false,
            sources: vec![CopySource::Path {
                from,
                path: source.to_owned(),
            }],
            dest: "/".to_owned(),
            chown: None,
            chmod: None,
            link: false,
            parents: false,
            exclude: Vec::new(),
            unpack: None,
        };
        let options = ops::CopyOptions {
            literal: true,
            ..ops::CopyOptions::default()
        };
        let copied = ops::copy(&copy, &LayerStack::empty(), &[tree.view()], &out, &options)
            .map_err(Problem::Copy)?;
        if !copied.changed.is_empty() {
            wanted.changed.set(true);
        }
        let is_file = tree.files().is_some_and(|files| {
            let found = resolve(files, source.as_bytes(), true).and_then(|p| files.lstat(&p));
            matches!(found, Ok(Some(stat)) if stat.kind != Kind::Dir)
        });
        let name = Path::new(source).file_name().filter(|_| is_file);
        Ok(name.map_or_else(|| out.clone(), |name| out.join(name)))
    }

    /// Files of a stage or image: the folder itself when one layer holds it all, else an overlay of its layers' folders.
    fn stage_files(
        &self,
        wanted: &Wanted<'_>,
        from: StepId,
        source: &str,
        mount: &Mount,
    ) -> Result<Shown, BuildError> {
        let State::Ready { snapshot, .. } = &wanted.states[from.0 as usize] else {
            unreachable!("a step runs after its inputs")
        };
        let stack = self.stack(snapshot)?;
        let tree_failed = |e: crate::build::tree::TreeError| Problem::Mount(e.to_string());
        let path = resolve(&*stack, source.as_bytes(), true).map_err(tree_failed)?;
        let layers = self.layers(snapshot)?;
        let relative = path
            .strip_prefix(b"/")
            .unwrap_or(&path)
            .to_path()
            .map_err(|e| Problem::Mount(e.to_string()))?;
        let (folder, numbers) = match stack.lstat(&path).map_err(tree_failed)? {
            Some(stat) => (
                stat.kind == Kind::Dir,
                stack.layers_with(&path).map_err(tree_failed)?,
            ),
            None => return Err(Problem::Mount(format!("`{source}` of --mount: not found")).into()),
        };
        let folders: Vec<PathBuf> = numbers
            .iter()
            .map(|n| layers[*n].dir.join(relative))
            .collect();
        match (folders.as_slice(), folder, mount.read_only) {
            ([], ..) => Ok(Shown::Path(self.lease()?.folder("empty").map_err(store)?)),
            ([first, ..], false, true) | ([first], true, true) => Ok(Shown::Path(first.clone())),
            (_, false, false) => Ok(Shown::Path(self.copied(wanted, from, source)?)),
            (_, true, _) => Ok(Shown::Mount(self.overlay(&folders, mount)?)),
        }
    }

    /// An overlay of folders, top first; writes go to the lease.
    fn overlay(
        &self,
        folders: &[PathBuf],
        mount: &Mount,
    ) -> Result<oci_spec::runtime::Mount, BuildError> {
        let mut options: Vec<String> = folders
            .iter()
            .map(|f| format!("lowerdir+={}", f.display()))
            .collect();
        if mount.read_only {
            options.push("ro".to_owned());
        } else {
            let lease = self.lease()?;
            options.push(format!(
                "upperdir={}",
                lease.folder("upper").map_err(store)?.display()
            ));
            options.push(format!(
                "workdir={}",
                lease.folder("work").map_err(store)?.display()
            ));
        }
        options.extend(["metacopy=off", "redirect_dir=off", "index=off"].map(str::to_owned));
        if crate::idmap::is_rootless() {
            options.push("userxattr".to_owned());
        }
        let built = MountBuilder::default()
            .destination(&mount.target)
            .typ("overlay")
            .source("overlay")
            .options(options)
            .build();
        Ok(built.expect("every field is given"))
    }

    /// A cache folder, made and locked as `sharing` asks.
    fn cache(
        &self,
        wanted: &Wanted<'_>,
        mount: &Mount,
        mounts: &mut Mounts,
    ) -> Result<(), BuildError> {
        let MountKind::Cache {
            sharing,
            from,
            source,
            mode,
            uid,
            gid,
            ..
        } = &mount.kind
        else {
            unreachable!("only asked for caches")
        };
        let failed = |what: &str, path: &Path, e: std::io::Error| {
            BuildError::from(Problem::Mount(format!(
                "cannot {what} the cache folder {}: {e}",
                path.display()
            )))
        };
        let name = wanted.cache_name(&mount.kind).expect("it is a cache");
        let parent = self.engine.paths().cache_mounts();
        let folder = match sharing {
            Sharing::Private => {
                let (folder, lock) = Self::private_cache(&parent, &name)?;
                mounts.locks.push(lock);
                folder
            }
            // Locked before, with the step's other caches.
            Sharing::Locked | Sharing::Shared => parent.join(&name),
        };
        let files = folder.join("fs");
        if !files.exists() {
            // Filled aside and renamed: another build never sees half of it.
            let fresh = self.lease()?.folder("cache").map_err(store)?;
            if let Some(from) = from {
                let filled = self.copied(wanted, *from, source)?;
                std::fs::remove_dir(&fresh).map_err(|e| failed("fill", &fresh, e))?;
                std::fs::rename(&filled, &fresh).map_err(|e| failed("fill", &fresh, e))?;
            }
            let permissions = std::fs::Permissions::from_mode(mode.unwrap_or(0o755));
            std::fs::set_permissions(&fresh, permissions)
                .map_err(|e| failed("set the mode of", &fresh, e))?;
            std::os::unix::fs::chown(&fresh, *uid, *gid)
                .map_err(|e| failed("set the owner of", &fresh, e))?;
            // Another step may have been first; its folder must not be replaced under it.
            match rustix::fs::renameat_with(CWD, &fresh, CWD, &files, RenameFlags::NOREPLACE) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(e) => return Err(failed("make", &files, e.into())),
            }
        }
        mounts
            .binds
            .push(bind_path(&mount.target, files, mount.read_only));
        Ok(())
    }

    /// Locks the shared caches of a step: each once and in one order, so that no two steps wait for each other.
    fn lock_caches(&self, wanted: &Wanted<'_>) -> Result<Vec<File>, BuildError> {
        let mut exclusive: BTreeMap<String, bool> = BTreeMap::new();
        for mount in &wanted.exec.mounts {
            let MountKind::Cache { sharing, .. } = &mount.kind else {
                continue;
            };
            if let (Sharing::Locked | Sharing::Shared, Some(name)) =
                (sharing, wanted.cache_name(&mount.kind))
            {
                *exclusive.entry(name).or_default() |= *sharing == Sharing::Locked;
            }
        }
        let parent = self.engine.paths().cache_mounts();
        exclusive
            .into_iter()
            .map(|(name, exclusive)| {
                let lock = open_lock(&parent.join(name))?;
                lock_or_cancel(self, &lock, exclusive)?;
                Ok(lock)
            })
            .collect()
    }

    /// The first of the numbered folders that nobody uses.
    fn private_cache(parent: &Path, name: &str) -> Result<(PathBuf, File), BuildError> {
        for n in 0.. {
            let folder = if n == 0 {
                parent.join(name)
            } else {
                parent.join(format!("{name}-{n}"))
            };
            let lock = open_lock(&folder)?;
            match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok((folder, lock)),
                Err(Errno::WOULDBLOCK) => {}
                Err(e) => {
                    let problem = format!("cannot lock the cache folder {}: {e}", folder.display());
                    return Err(Problem::Mount(problem).into());
                }
            }
        }
        unreachable!("some number is free")
    }

    fn secret(&self, mount: &Mount, mounts: &mut Mounts) -> Result<(), BuildError> {
        let MountKind::Secret {
            id,
            required,
            mode,
            uid,
            gid,
            file,
            env,
        } = &mount.kind
        else {
            unreachable!("only asked for secrets")
        };
        let Some(secret) = self.request.secrets.iter().find(|s| s.id == *id) else {
            return if *required {
                Err(Problem::Mount(format!(
                    "secret {id}: not found; give it with `--secret id={id},src=FILE`"
                ))
                .into())
            } else {
                Ok(())
            };
        };
        let value = match &secret.source {
            SecretSource::File(path) => std::fs::read(path).map_err(|e| {
                Problem::Mount(format!(
                    "cannot read secret {id} from {}: {e}",
                    path.display()
                ))
            })?,
            SecretSource::Env(name) if !*required && std::env::var_os(name).is_none() => {
                return Ok(());
            }
            SecretSource::Env(name) => std::env::var_os(name)
                .map(std::os::unix::ffi::OsStringExt::into_vec)
                .ok_or_else(|| {
                    Problem::Mount(format!("secret {id}: the variable {name} is not set"))
                })?,
        };
        if let Some(name) = env {
            mounts
                .env
                .push((name.clone(), String::from_utf8_lossy(&value).into_owned()));
        }
        if *file {
            mounts.binds.push(Bind {
                target: PathBuf::from(&mount.target),
                source: BindSource::File {
                    content: BString::from(value),
                    mode: *mode,
                    uid: *uid,
                    gid: *gid,
                },
                read_only: true,
                recursive: false,
            });
        }
        Ok(())
    }

    fn ssh(&self, mount: &Mount, mounts: &mut Mounts) -> Result<(), BuildError> {
        let MountKind::Ssh {
            id,
            required,
            mode,
            uid,
            gid,
        } = &mount.kind
        else {
            unreachable!("only asked for agents")
        };
        let Some(agent) = self.request.ssh.iter().find(|a| a.id == *id) else {
            return if *required {
                Err(Problem::Mount(format!(
                    "no SSH key \"{id}\" forwarded from the client; give it with `--ssh {id}`"
                ))
                .into())
            } else {
                Ok(())
            };
        };
        let folder = self.lease()?.folder("ssh").map_err(store)?;
        let forward =
            super::ssh::forward(&folder, agent, *mode, *uid, *gid).map_err(Problem::Mount)?;
        mounts
            .binds
            .push(bind_path(&mount.target, forward.socket().to_owned(), false));
        if !mounts.env.iter().any(|(name, _)| name == "SSH_AUTH_SOCK") {
            mounts
                .env
                .push(("SSH_AUTH_SOCK".to_owned(), mount.target.clone()));
        }
        mounts.agents.push(forward);
        Ok(())
    }
}

impl Wanted<'_> {
    /// Folder name of a cache mount. One id with another owner, mode or beginning is another cache.
    ///
    /// **Source:** BuildKit `dispatchRunMounts`: an owned cache begins as an own folder, which is part of its identity.
    fn cache_name(&self, kind: &MountKind) -> Option<String> {
        let MountKind::Cache {
            id,
            from,
            source,
            mode,
            uid,
            gid,
            ..
        } = kind
        else {
            return None;
        };
        let start = from.map(|from| (self.states[from.0 as usize].chain(), source));
        let name = format!("{id}\0{:?}\0{start:?}", (mode, uid, gid));
        Some(DiffId::new(sha2::Sha256::digest(name).into()).hex())
    }
}

enum Shown {
    Path(PathBuf),
    Mount(oci_spec::runtime::Mount),
}

fn bind_path(target: &str, path: PathBuf, read_only: bool) -> Bind {
    Bind {
        target: PathBuf::from(target),
        source: BindSource::Path(path),
        read_only,
        recursive: false,
    }
}

/// The lock of a cache folder, which is made.
fn open_lock(folder: &Path) -> Result<File, BuildError> {
    let failed = |e: std::io::Error| {
        Problem::Mount(format!(
            "cannot use the cache folder {}: {e}",
            folder.display()
        ))
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let lock = folder.join("lock");
    let opened = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(lock)
        .map_err(failed)?;
    Ok(opened)
}
