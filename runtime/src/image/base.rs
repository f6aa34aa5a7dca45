//! Makes a base image of programs of this host, with the libraries they need: for hosts without a registry at hand.

use super::elf::{self, FileKind};
use super::import::{ImportError, ImportOptions, finish, layer_of};
use super::tarball::{Item, Kind, TarWriter};
use crate::store::{ImageRecord, Store};
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::Reference;
use cooperage_lang::plan::config::{ContainerConfig, DEFAULT_PATH, ImageConfig};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Time of every entry and of the image, seconds since 1970: 2020-01-01. The image tells nothing of the day it was made.
const TIME: i64 = 1_577_836_800;

/// Programs of a request that names none, as far as the host has them: what shell scripts and package builds use.
const DEFAULT_PROGRAMS: &str = "sh bash ls cat cp mv rm rmdir mkdir mkfifo mknod ln chmod chown chgrp touch stat du df dd \
    sync test [ true false echo printf env pwd sleep date id whoami groups uname hostname kill ps tee head tail cut sort \
    uniq wc tr sed grep egrep fgrep awk find xargs basename dirname readlink realpath mktemp install seq expr od md5sum \
    sha256sum sha512sum base64 cksum cmp diff tar gzip gunzip zcat bzip2 xz yes nproc timeout which tty stty clear \
    nohup nice setsid flock getent";

/// Longest chain of symbolic links of one path.
const MAX_LINKS: usize = 40;

/// Why a base image could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaseError {
    #[error("program `{0}` is not on this host")]
    NoProgram(String),
    #[error("`{needed_by}` needs the library `{library}`, which is not on this host")]
    NoLibrary { library: String, needed_by: String },
    #[error("`{script}` needs the interpreter `{interpreter}`, which is not on this host")]
    NoInterpreter { interpreter: String, script: String },
    #[error("cannot read `{}`: {cause}", path.display())]
    Read { path: PathBuf, cause: io::Error },
    #[error("`{}` has too many symbolic links in it", .0.display())]
    Links(PathBuf),
    #[error("{0}")]
    Import(Box<ImportError>),
}

impl From<ImportError> for BaseError {
    fn from(error: ImportError) -> Self {
        Self::Import(Box::new(error))
    }
}

/// Makes an image of `programs` (names or absolute paths; a usual set when empty) and what they need, and names it.
///
/// The same programs on the same host give the same image.
///
/// # Errors
/// See [`BaseError`].
pub fn assemble_base(
    store: &Store,
    programs: &[String],
    platform: &Platform,
    names: Vec<Reference>,
) -> Result<ImageRecord, BaseError> {
    let tree = collect(programs)?;
    let has_shell = tree.locate("sh").is_some();
    let lease = store.lease().map_err(ImportError::from)?;
    let layer = layer_of(store, &lease, "the base image", |out| tree.write(out))?;
    let config = ContainerConfig {
        env: vec![format!("PATH={DEFAULT_PATH}")],
        cmd: has_shell.then(|| vec!["sh".to_owned()]),
        ..ContainerConfig::default()
    };
    let options = ImportOptions {
        platform: platform.clone(),
        config: ImageConfig {
            config,
            ..ImageConfig::default()
        },
        created: Some(UNIX_EPOCH + Duration::from_secs(TIME.unsigned_abs())),
        created_by: "cooper base".to_owned(),
        comment: "programs of the host".to_owned(),
        names,
    };
    Ok(finish(store, &layer, &options)?)
}

/// The files of the image, before any is copied.
fn collect(programs: &[String]) -> Result<Tree, BaseError> {
    let mut tree = Tree::default();
    tree.skeleton();
    let cache = fs::read("/etc/ld.so.cache")
        .map(|bytes| elf::loader_cache(&bytes))
        .unwrap_or_default();
    let mut gatherer = Gatherer {
        tree,
        cache,
        searched: library_folders(),
        done: BTreeSet::new(),
        queue: VecDeque::new(),
    };
    if programs.is_empty() {
        let present = DEFAULT_PROGRAMS.split_whitespace().filter_map(find_program);
        gatherer
            .queue
            .extend(present.map(|path| (path, Vec::new())));
    }
    for name in programs {
        let path = find_program(name).ok_or_else(|| BaseError::NoProgram(name.clone()))?;
        gatherer.queue.push_back((path, Vec::new()));
    }
    gatherer.run()?;
    Ok(gatherer.tree)
}

/// A program by name, or by absolute path.
fn find_program(name: &str) -> Option<PathBuf> {
    let runs = |path: &PathBuf| {
        fs::metadata(path)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        let path = if name.starts_with('/') {
            PathBuf::from(name)
        } else {
            fs::canonicalize(name).ok()?
        };
        return Some(path).filter(runs);
    }
    DEFAULT_PATH
        .split(':')
        .map(|folder| Path::new(folder).join(name))
        .find(runs)
}

struct Gatherer {
    tree: Tree,
    cache: Vec<(String, String)>,
    searched: Vec<PathBuf>,
    done: BTreeSet<PathBuf>,
    /// Files to take, with the `RPATH` of those that need them.
    queue: VecDeque<(PathBuf, Vec<PathBuf>)>,
}

impl Gatherer {
    fn run(&mut self) -> Result<(), BaseError> {
        while let Some((path, inherited)) = self.queue.pop_front() {
            let real = self.tree.add(&path)?;
            if !self.done.insert(real.clone()) {
                continue;
            }
            let bytes = fs::read(&real).map_err(|cause| BaseError::Read {
                path: real.clone(),
                cause,
            })?;
            if bytes.starts_with(b"#!") {
                self.script(&path, &bytes)?;
            } else if let Some(needs) = elf::needs(&bytes) {
                self.binary(&path, &real, &needs, &inherited)?;
            }
        }
        Ok(())
    }

    /// The interpreter of a script, and the program that `env` is to find.
    fn script(&mut self, path: &Path, bytes: &[u8]) -> Result<(), BaseError> {
        let line = bytes[2..].split(|b| *b == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line).into_owned();
        let mut words = line.split_whitespace();
        let Some(interpreter) = words.next() else {
            return Ok(());
        };
        let missing = |interpreter: &str| BaseError::NoInterpreter {
            interpreter: interpreter.to_owned(),
            script: path.display().to_string(),
        };
        let found = find_program(interpreter).ok_or_else(|| missing(interpreter))?;
        let is_env = found.file_name().is_some_and(|n| n == "env");
        self.queue.push_back((found, Vec::new()));
        if is_env && let Some(program) = words.find(|w| !w.starts_with('-') && !w.contains('=')) {
            self.queue.push_back((
                find_program(program).ok_or_else(|| missing(program))?,
                Vec::new(),
            ));
        }
        Ok(())
    }

    /// The loader and the libraries of a binary.
    ///
    /// **Source:** `ld.so(8)`: RPATH of the object and of its users unless it has a RUNPATH, RUNPATH, cache, usual folders.
    fn binary(
        &mut self,
        path: &Path,
        real: &Path,
        needs: &elf::Needs,
        inherited: &[PathBuf],
    ) -> Result<(), BaseError> {
        if let Some(interpreter) = &needs.interpreter {
            let found = Some(PathBuf::from(interpreter)).filter(|p| p.is_file());
            let found = found.ok_or_else(|| BaseError::NoInterpreter {
                interpreter: interpreter.clone(),
                script: path.display().to_string(),
            })?;
            self.queue.push_back((found, Vec::new()));
        }
        let origin = real.parent().unwrap_or(Path::new("/"));
        let expand = |folders: &[String]| -> Vec<PathBuf> {
            folders
                .iter()
                .filter(|f| !f.is_empty())
                .map(|f| expand_folder(f, origin, needs.kind))
                .collect()
        };
        let (rpath, runpath) = (expand(&needs.rpath), expand(&needs.runpath));
        let own: Vec<PathBuf> = if runpath.is_empty() {
            [&rpath[..], inherited].concat()
        } else {
            Vec::new()
        };
        for library in &needs.libraries {
            let folders = own.iter().chain(&runpath);
            let found =
                self.library(library, folders, needs.kind)
                    .ok_or_else(|| BaseError::NoLibrary {
                        library: library.clone(),
                        needed_by: path.display().to_string(),
                    })?;
            self.queue.push_back((found, own.clone()));
        }
        Ok(())
    }

    fn library<'f>(
        &self,
        name: &str,
        folders: impl Iterator<Item = &'f PathBuf>,
        kind: FileKind,
    ) -> Option<PathBuf> {
        let fits = |path: &PathBuf| is_library_of(path, kind);
        if name.contains('/') {
            return Some(PathBuf::from(name)).filter(fits);
        }
        let listed = folders.map(|folder| folder.join(name));
        let cached = self
            .cache
            .iter()
            .filter(|(n, _)| n == name)
            .map(|(_, path)| PathBuf::from(path));
        let usual = self.searched.iter().map(|folder| folder.join(name));
        listed.chain(cached).chain(usual).find(fits)
    }
}

fn is_library_of(path: &Path, kind: FileKind) -> bool {
    let Ok(bytes) = fs::read(path) else {
        return false;
    };
    elf::needs(&bytes).is_some_and(|needs| needs.kind == kind)
}

fn expand_folder(text: &str, origin: &Path, kind: FileKind) -> PathBuf {
    let origin = origin.to_string_lossy();
    let lib = if kind.wide { "lib64" } else { "lib" };
    let text = text
        .replace("${ORIGIN}", &origin)
        .replace("$ORIGIN", &origin);
    PathBuf::from(text.replace("${LIB}", lib).replace("$LIB", lib))
}

/// Folders of `/etc/ld.so.conf` and musl's path files, and the usual ones.
fn library_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let mut files = vec![PathBuf::from("/etc/ld.so.conf")];
    files.extend(listing("/etc/ld.so.conf.d", ".conf"));
    files.extend(listing("/etc", ".path"));
    for file in files {
        let text = fs::read_to_string(file).unwrap_or_default();
        let lines = text
            .split(['\n', ':', ','])
            .map(|l| l.split('#').next().unwrap_or(l).trim());
        folders.extend(lines.filter(|l| l.starts_with('/')).map(PathBuf::from));
    }
    let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
    for root in ["/lib", "/usr/lib", "/usr/local/lib"] {
        folders.push(Path::new(root).join(&multiarch));
        folders.push(PathBuf::from(format!("{root}64")));
        folders.push(PathBuf::from(root));
    }
    folders
}

fn listing(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path());
    let mut found: Vec<PathBuf> = entries
        .filter(|p| p.to_string_lossy().ends_with(ending))
        .collect();
    found.retain(|p| !ending.ends_with("path") || p.to_string_lossy().contains("ld-musl"));
    found.sort();
    found
}

/// What the image has at each path, without leading slash; sorted, so parents come first.
#[derive(Debug, Default)]
struct Tree {
    entries: BTreeMap<PathBuf, Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Dir(u32),
    Symlink(PathBuf),
    Text(&'static str),
    /// A file of the host, and whether it may be run.
    Host {
        path: PathBuf,
        program: bool,
    },
}

impl Tree {
    /// What every root needs: mount points, users, name services, authorities.
    fn skeleton(&mut self) {
        for (path, mode) in [
            ("dev", 0o755),
            ("etc", 0o755),
            ("home", 0o755),
            ("proc", 0o555),
            ("root", 0o700),
            ("run", 0o755),
            ("sys", 0o555),
            ("tmp", 0o1777),
            ("usr", 0o755),
            ("var", 0o755),
            ("var/tmp", 0o1777),
        ] {
            self.entries.insert(path.into(), Entry::Dir(mode));
        }
        for (path, text) in [
            (
                "etc/passwd",
                "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
            ),
            ("etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"),
            (
                "etc/nsswitch.conf",
                "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
            ),
            (
                "etc/os-release",
                "ID=cooperage\nNAME=\"Cooperage base\"\nPRETTY_NAME=\"Cooperage base\"\n",
            ),
        ] {
            self.entries.insert(path.into(), Entry::Text(text));
        }
        // On a merged host these are links; a library found through `/lib` must not make a folder of it.
        for link in ["bin", "sbin", "lib", "lib64", "lib32"] {
            if let Ok(target) = fs::read_link(Path::new("/").join(link)) {
                self.entries
                    .insert(Path::new("usr").join(link), Entry::Dir(0o755));
                self.entries.insert(link.into(), Entry::Symlink(target));
            }
        }
        let bundle = [
            "/etc/ssl/certs/ca-certificates.crt",
            "/etc/pki/tls/certs/ca-bundle.crt",
            "/etc/ssl/cert.pem",
        ];
        if let Some(found) = bundle.iter().find_map(|p| fs::canonicalize(p).ok()) {
            self.folder(Path::new("etc/ssl/certs"));
            self.entries.insert(
                "etc/ssl/certs/ca-certificates.crt".into(),
                Entry::Host {
                    path: found,
                    program: false,
                },
            );
        }
    }

    /// Adds a file of the host with every link on the way to it; returns the path without links.
    fn add(&mut self, path: &Path) -> Result<PathBuf, BaseError> {
        let mut rest: VecDeque<PathBuf> = parts(path);
        let mut at = PathBuf::from("/");
        let mut links = 0;
        while let Some(part) = rest.pop_front() {
            if part.as_os_str() == ".." {
                at.pop();
                continue;
            }
            let next = at.join(&part);
            let unreadable = |cause| BaseError::Read {
                path: next.clone(),
                cause,
            };
            let meta = fs::symlink_metadata(&next).map_err(unreadable)?;
            let inside = next
                .strip_prefix("/")
                .expect("it begins at the root")
                .to_owned();
            if meta.is_symlink() {
                links += 1;
                if links > MAX_LINKS {
                    return Err(BaseError::Links(path.to_owned()));
                }
                let target = fs::read_link(&next).map_err(unreadable)?;
                for part in parts(&target).into_iter().rev() {
                    rest.push_front(part);
                }
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                self.entries.insert(inside, Entry::Symlink(target));
                continue;
            }
            if meta.is_dir() {
                self.folder(&inside);
            } else {
                let program = meta.permissions().mode() & 0o111 != 0;
                self.entries.insert(
                    inside,
                    Entry::Host {
                        path: next.clone(),
                        program,
                    },
                );
            }
            at = next;
        }
        Ok(at)
    }

    fn folder(&mut self, path: &Path) {
        for ancestor in path.ancestors().filter(|a| !a.as_os_str().is_empty()) {
            self.entries
                .entry(ancestor.to_owned())
                .or_insert(Entry::Dir(0o755));
        }
    }

    /// A program of the image by name.
    fn locate(&self, name: &str) -> Option<&Path> {
        let named = |path: &&PathBuf| path.file_name().is_some_and(|n| n == name);
        self.entries
            .keys()
            .filter(named)
            .find(|p| p.parent().is_some_and(|f| f.ends_with("bin")))
            .map(PathBuf::as_path)
    }

    fn write<W: io::Write>(&self, out: &mut TarWriter<W>) -> io::Result<()> {
        for (path, entry) in &self.entries {
            let path = path.as_os_str().as_bytes();
            let item = |kind, mode| Item {
                mtime: TIME,
                ..Item::new(path, kind, mode)
            };
            match entry {
                Entry::Dir(mode) => out.append(&item(Kind::Dir, *mode), &mut io::empty())?,
                Entry::Symlink(target) => {
                    out.append(
                        &item(Kind::Symlink(target.as_os_str().as_bytes()), 0o777),
                        &mut io::empty(),
                    )?;
                }
                Entry::Text(text) => {
                    out.append(
                        &item(Kind::File(text.len() as u64), 0o644),
                        &mut text.as_bytes(),
                    )?;
                }
                Entry::Host { path, program } => {
                    let mut file = fs::File::open(path)?;
                    let size = file.metadata()?.len();
                    // Set-id bits of the host are not carried over: nothing in the image asked for them.
                    out.append(
                        &item(Kind::File(size), if *program { 0o755 } else { 0o644 }),
                        &mut file,
                    )?;
                }
            }
        }
        Ok(())
    }
}

fn parts(path: &Path) -> VecDeque<PathBuf> {
    path.components()
        .filter_map(|c| match c {
            Component::Normal(part) => Some(PathBuf::from(part)),
            Component::ParentDir => Some(PathBuf::from("..")),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named() {
        let error = collect(&["no-such-program-here".to_owned()]).expect_err("an error");
        assert_eq!(
            error.to_string(),
            "program `no-such-program-here` is not on this host"
        );
    }

    #[test]
    fn a_shell_comes_with_its_loader_and_libraries() {
        let tree = collect(&["sh".to_owned()]).expect("a tree");
        assert!(tree.locate("sh").is_some());
        let shell = fs::canonicalize("/bin/sh").expect("a shell");
        let needs = elf::needs(&fs::read(&shell).expect("a file")).expect("a binary");
        let names: Vec<String> = tree
            .entries
            .keys()
            .filter_map(|p| p.file_name())
            .map(|n| n.to_string_lossy().into_owned())
            .collect();
        for library in &needs.libraries {
            assert!(names.contains(library), "{library}");
        }
        if let Some(interpreter) = needs.interpreter {
            let inside = Path::new(&interpreter)
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            assert!(names.contains(&inside), "{inside}");
        }
    }

    #[test]
    fn trees_have_parents_and_the_same_bytes_each_time() {
        let write = || {
            let mut out = TarWriter::new(Vec::new());
            collect(&[])
                .expect("a tree")
                .write(&mut out)
                .expect("writes");
            out.finish().expect("writes")
        };
        let tree = collect(&[]).expect("a tree");
        for path in tree.entries.keys() {
            let parent = path.parent().expect("a parent");
            let known = parent.as_os_str().is_empty()
                || matches!(tree.entries.get(parent), Some(Entry::Dir(_)));
            assert!(known, "{}", path.display());
        }
        assert!(write() == write(), "two runs differ");
    }
}
