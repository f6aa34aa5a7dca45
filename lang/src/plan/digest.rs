//! Definition digests: what a step is, without what it reads.
//!
//! The encoding is canonical: every value is preceded by a tag or its length, so two different definitions never
//! give the same bytes. What belongs in it follows the step cache of BuildKit:
//!
//! - a command: argv, environment, folder, user, network, security, platform, names (not addresses) of extra hosts,
//!   shared memory and limits, mounts, devices, scripts. Not: proxy variables, the id and sharing of a cache mount,
//!   values of secrets.
//! - a copy: the last path element of each source, destination, owner, mode, exclude patterns, flags. Not the
//!   environment, and not from where: that is an input.
//! - a source: what was asked for. The content that the answer had is no part of it; whoever decides about the cache
//!   puts that in the place of this digest.

use super::{Copy, CopySource, Exec, Mkdir, Mount, MountKind, Op, Source};
use crate::instructions::{NetworkMode, SecurityMode};
use crate::model::pattern;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// SHA-256 of a step's definition in a canonical encoding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize)]
pub struct DefinitionDigest(pub [u8; 32]);

impl fmt::Display for DefinitionDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for DefinitionDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Digest of `op`.
///
/// **Source:** BuildKit `solver/llbsolver/ops/{exec,file}.go`, `CacheMap`; observed behaviour of its step cache.
pub fn definition(op: &Op) -> DefinitionDigest {
    let mut encoder = Encoder::default();
    match op {
        Op::Source(source) => encoder.source(source),
        Op::Exec(exec) => encoder.exec(exec),
        Op::Copy(copy) => encoder.copy(copy),
        Op::Mkdir(mkdir) => encoder.mkdir(mkdir),
    }
    DefinitionDigest(encoder.0.finalize().into())
}

/// Feeds tagged, length-prefixed values to the hash.
#[derive(Default)]
struct Encoder(Sha256);

impl Encoder {
    fn source(&mut self, source: &Source) {
        match source {
            Source::Scratch => self.text("scratch"),
            Source::Image {
                reference,
                platform,
            } => {
                self.text("image");
                self.text(&reference.to_string());
                self.text(&platform.format_all());
            }
            Source::OciLayout { layout, platform } => {
                self.text("oci-layout");
                self.text(layout);
                self.text(&platform.format_all());
            }
            Source::Local { name } => {
                self.text("local");
                self.text(name);
            }
            Source::Http { url, checksum } => {
                self.text("http");
                self.text(url);
                self.option(checksum.as_deref(), Self::text);
            }
            Source::Git {
                url,
                keep_git_dir,
                checksum,
            } => {
                self.text("git");
                self.text(url);
                self.flag(*keep_git_dir);
                self.option(checksum.as_deref(), Self::text);
            }
        }
    }

    fn exec(&mut self, exec: &Exec) {
        self.text("exec");
        self.list(&exec.argv, |e, arg| e.bytes(arg));
        self.list(&exec.env, |e, (name, value)| {
            e.text(name);
            e.text(value);
        });
        self.text(&exec.cwd);
        self.text(&exec.user);
        self.number(match exec.network {
            NetworkMode::Default => 0,
            NetworkMode::None => 1,
            NetworkMode::Host => 2,
        });
        self.number(match exec.security {
            SecurityMode::Sandbox => 0,
            SecurityMode::Insecure => 1,
        });
        self.text(&exec.platform.format_all());
        self.list(&exec.mounts, Self::mount);
        self.list(&exec.devices, |e, device| {
            e.text(&device.name);
            e.flag(device.required);
        });
        self.list(&exec.scripts, |e, (name, content)| {
            e.text(name);
            e.bytes(content);
        });
        self.list(&exec.add_hosts, |e, (name, _address)| e.text(name));
        self.option(exec.shm_size, Self::number);
        self.list(&exec.ulimits, |e, (name, soft, hard)| {
            e.text(name);
            e.number(soft.cast_unsigned());
            e.number(hard.cast_unsigned());
        });
    }

    fn mount(&mut self, mount: &Mount) {
        self.text(&mount.target);
        self.flag(mount.read_only);
        match &mount.kind {
            MountKind::Bind { from: _, source } => {
                self.text("bind");
                self.text(source);
            }
            MountKind::Cache {
                id: _,
                sharing: _,
                from,
                source,
                mode,
                uid,
                gid,
            } => {
                self.text("cache");
                self.flag(from.is_some());
                self.text(source);
                for bits in [mode, uid, gid] {
                    self.option(bits.map(u64::from), Self::number);
                }
            }
            MountKind::Tmpfs { size } => {
                self.text("tmpfs");
                self.option(*size, Self::number);
            }
            MountKind::Secret {
                id,
                required,
                mode,
                uid,
                gid,
                file,
                env,
            } => {
                self.text("secret");
                self.text(id);
                self.flag(*required);
                self.owner(*mode, *uid, *gid);
                self.flag(*file);
                self.option(env.as_deref(), Self::text);
            }
            MountKind::Ssh {
                id,
                required,
                mode,
                uid,
                gid,
            } => {
                self.text("ssh");
                self.text(id);
                self.flag(*required);
                self.owner(*mode, *uid, *gid);
            }
        }
    }

    fn copy(&mut self, copy: &Copy) {
        self.text(if copy.add { "add" } else { "copy" });
        self.list(&copy.sources, |e, source| match source {
            CopySource::Path { from: _, path } => {
                e.text("path");
                // Below the pivot every parent folder is made in the destination, so the whole path matters there.
                e.text(if copy.parents {
                    path
                } else {
                    pattern::base(path)
                });
            }
            CopySource::Http { from: _, name } => {
                e.text("http");
                e.text(name);
            }
            CopySource::Git { from: _ } => e.text("git"),
            CopySource::Inline { name, content } => {
                e.text("inline");
                e.text(name);
                e.bytes(content);
            }
        });
        self.text(&copy.dest);
        self.option(copy.chown.as_deref(), Self::text);
        self.option(copy.chmod.as_deref(), Self::text);
        self.flag(copy.link);
        self.flag(copy.parents);
        self.list(&copy.exclude, |e, pattern: &String| e.text(pattern));
        self.option(copy.unpack, Self::flag);
    }

    fn mkdir(&mut self, mkdir: &Mkdir) {
        self.text("mkdir");
        self.text(&mkdir.path);
        self.text(&mkdir.user);
    }

    fn owner(&mut self, mode: u32, uid: u32, gid: u32) {
        for bits in [mode, uid, gid] {
            self.number(bits.into());
        }
    }

    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.number(items.len() as u64);
        for item in items {
            each(self, item);
        }
    }

    fn option<T>(&mut self, value: Option<T>, some: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            some(self, value);
        }
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn flag(&mut self, yes: bool) {
        self.0.update([u8::from(yes)]);
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Sharing, StepId};
    use std::sync::Arc;

    fn exec() -> Exec {
        Exec {
            argv: vec!["/bin/sh".into(), "-c".into(), "make".into()],
            platform: Arc::default(),
            env: [("PATH".into(), "/bin".into())].into(),
            proxy_env: vec![],
            cwd: "/".into(),
            user: String::new(),
            network: NetworkMode::Default,
            security: SecurityMode::Sandbox,
            mounts: vec![],
            devices: vec![],
            scripts: vec![],
            add_hosts: vec![],
            shm_size: None,
            ulimits: vec![],
        }
    }

    fn copy() -> Copy {
        Copy {
            add: false,
            sources: vec![CopySource::Path {
                from: StepId(0),
                path: "/src/a.txt".into(),
            }],
            dest: "/x".into(),
            chown: None,
            chmod: None,
            link: false,
            parents: false,
            exclude: vec![],
            unpack: None,
        }
    }

    fn cache(id: &str, target: &str, sharing: Sharing, uid: Option<u32>) -> Mount {
        let kind = MountKind::Cache {
            id: id.into(),
            sharing,
            from: None,
            source: "/".into(),
            mode: None,
            uid,
            gid: None,
        };
        Mount {
            target: target.into(),
            read_only: false,
            kind,
        }
    }

    fn of_exec(change: impl FnOnce(&mut Exec)) -> DefinitionDigest {
        let mut exec = exec();
        change(&mut exec);
        definition(&Op::Exec(Box::new(exec)))
    }

    fn of_copy(change: impl FnOnce(&mut Copy)) -> DefinitionDigest {
        let mut copy = copy();
        change(&mut copy);
        definition(&Op::Copy(Box::new(copy)))
    }

    #[test]
    fn a_command_is_its_words_surroundings_and_mounts() {
        let plain = of_exec(|_| {});
        let same = [of_exec(|e| {
            e.proxy_env.push(("http_proxy".into(), "http://p".into()));
        })];
        let other = [
            of_exec(|e| e.argv[2] = "make ".into()),
            of_exec(|e| {
                e.env = [("PATH".into(), "/bin".into()), ("A".into(), String::new())].into();
            }),
            of_exec(|e| e.cwd = "/src".into()),
            of_exec(|e| e.user = "root".into()),
            of_exec(|e| e.network = NetworkMode::None),
            of_exec(|e| e.security = SecurityMode::Insecure),
            of_exec(|e| e.add_hosts.push(("h".into(), "1.2.3.4".into()))),
            of_exec(|e| e.shm_size = Some(64)),
            of_exec(|e| e.ulimits.push(("nofile".into(), 1, 1))),
            of_exec(|e| e.mounts.push(cache("i", "/c", Sharing::Shared, None))),
            of_exec(|e| e.scripts.push(("EOF".into(), "#!/bin/sh\n".into()))),
        ];
        assert!(same.iter().all(|d| *d == plain));
        assert!(other.iter().all(|d| *d != plain));
    }

    #[test]
    fn only_names_of_hosts_count() {
        let host = |address: &str| of_exec(|e| e.add_hosts.push(("h".into(), address.into())));
        assert_eq!(host("1.2.3.4"), host("5.6.7.8"));
    }

    #[test]
    fn id_and_sharing_of_a_cache_mount_do_not_count_but_target_and_owner_do() {
        let mount = |m: Mount| of_exec(|e| e.mounts.push(m));
        let plain = mount(cache("a", "/c", Sharing::Shared, None));
        assert_eq!(plain, mount(cache("b", "/c", Sharing::Locked, None)));
        assert_ne!(plain, mount(cache("a", "/d", Sharing::Shared, None)));
        assert_ne!(plain, mount(cache("a", "/c", Sharing::Shared, Some(1))));
    }

    #[test]
    fn a_copy_is_names_destination_and_flags() {
        let plain = of_copy(|_| {});
        let renamed = |path: &str| {
            of_copy(|c| {
                c.sources = vec![CopySource::Path {
                    from: StepId(7),
                    path: path.into(),
                }];
            })
        };
        assert_eq!(plain, renamed("/other/a.txt"));
        assert_ne!(plain, renamed("/src/b.txt"));
        let other = [
            of_copy(|c| c.add = true),
            of_copy(|c| c.dest = "/x/".into()),
            of_copy(|c| c.chown = Some("0:0".into())),
            of_copy(|c| c.chmod = Some("644".into())),
            of_copy(|c| c.link = true),
            of_copy(|c| c.parents = true),
            of_copy(|c| c.exclude = vec!["*.o".into()]),
            of_copy(|c| c.unpack = Some(false)),
        ];
        assert!(other.iter().all(|d| *d != plain));
    }
}
