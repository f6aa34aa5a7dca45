//! COPY and ADD.

use super::draft::{Body, Content, Draft, Found, Meta, Node, NodeId};
use super::{CopyError, archive, owner, write};
use crate::build::selection::{
    Below, Match, SelectError, SelectOptions, Selected, SourceView, select,
};
use crate::build::stack::LayerStack;
use crate::build::tree::{FileTree, Kind, Stat, Time, Xattrs, child, file_name, parent};
use bstr::{BStr, BString, ByteSlice};
use cooperage_lang::model::mode::ModeChange;
use cooperage_lang::model::pattern::clean;
use cooperage_lang::plan::{Copy, CopySource};
use std::collections::HashMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a copy depends on besides its step.
#[derive(Clone, Copy, Debug)]
pub struct CopyOptions {
    /// `SOURCE_DATE_EPOCH`, seconds: the date of everything written.
    pub epoch: Option<i64>,
    /// The time at which folders and heredocs come to be.
    pub now: SystemTime,
    /// Source paths are names, not patterns: bind mounts.
    pub literal: bool,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self {
            epoch: None,
            now: SystemTime::now(),
            literal: false,
        }
    }
}

impl CopyOptions {
    /// The date of what is new.
    pub(super) fn created(&self) -> Time {
        let now = || {
            self.now
                .duration_since(UNIX_EPOCH)
                .map_or((0, 0), |d| (d.as_secs() as i64, d.subsec_nanos()))
        };
        self.epoch.map_or_else(now, |s| (s, 0))
    }
}

/// What a copy did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Files written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were not any more what they had been when they were selected. The layer is what it is, but it is not the
    /// one that the content digest stands for and must not be remembered under it.
    pub changed: Vec<BString>,
}

/// Writes into the empty folder `out` the layer that `op` makes on `root`; `sources` has a view for each source of the
/// step. Nothing outside `out` is touched.
///
/// Existing folders that something is written into are repeated with their attributes; new ones have mode 0755 (or
/// that of an octal `--chmod`) and the owner of `--chown`. With `--link` (which `--chmod` switches off) `root` is not
/// looked at.
///
/// **Source:** BuildKit `dockerfile2llb/convert_copy.go`, `solver/llbsolver/file/backend.go`; fsutil `copy/copy.go`.
///
/// # Errors
/// See [`CopyError`]; `out` is then half written.
pub fn copy(
    op: &Copy,
    root: &LayerStack,
    sources: &[SourceView<'_>],
    out: &Path,
    options: &CopyOptions,
) -> Result<Copied, CopyError> {
    let nothing = LayerStack::empty();
    let link = op.link && op.chmod.is_none();
    let root = if link { &nothing } else { root };
    let owner = match &op.chown {
        None => None,
        Some(text) => {
            if let (true, Some(name)) = (link, owner::name_in(text)) {
                return Err(CopyError::NameWithLink {
                    name: name.to_owned(),
                });
            }
            Some(owner::look_up(text, root)?)
        }
    };
    let mode = op
        .chmod
        .as_deref()
        .map(ModeChange::parse)
        .transpose()
        .map_err(CopyError::Mode)?;
    let mut copier = Copier {
        draft: Draft::new(root)?,
        owner,
        mode,
        created: options.created(),
        epoch: options.epoch,
        literal: options.literal,
        spool: None,
    };
    for (number, source) in op.sources.iter().enumerate() {
        let view = sources.get(number).ok_or(CopyError::Unprepared(number))?;
        copier.source(op, number, source, view, out)?;
    }
    let contents: Vec<write::Source<'_>> = op
        .sources
        .iter()
        .zip(sources)
        .map(|(source, view)| match (source, view) {
            (CopySource::Inline { content, .. }, _) => write::Source::Bytes(content),
            (_, SourceView::Tree(tree)) => write::Source::Tree(*tree),
            (_, SourceView::File { path, .. }) => write::Source::Host(path),
            (_, SourceView::Inline) => write::Source::Bytes(b""),
        })
        .collect();
    write::write(&copier.draft, &contents, out, copier.spool)
}

struct Copier<'a> {
    draft: Draft<'a>,
    owner: Option<(u32, u32)>,
    mode: Option<ModeChange>,
    created: Time,
    epoch: Option<i64>,
    literal: bool,
    /// Files of unpacked archives, until the layer is written.
    spool: Option<archive::Spool>,
}

/// A source file or folder as the copy sees it.
struct Item<'s> {
    number: usize,
    tree: Option<&'s dyn FileTree>,
    /// Only the contents of a folder are copied.
    contents_only: bool,
}

impl Copier<'_> {
    fn source(
        &mut self,
        op: &Copy,
        number: usize,
        source: &CopySource,
        view: &SourceView<'_>,
        out: &Path,
    ) -> Result<(), CopyError> {
        match (source, view) {
            (CopySource::Path { path, .. }, SourceView::Tree(tree)) => {
                let select_options = SelectOptions {
                    wildcards: !self.literal,
                    parents: op.parents,
                    exclude: &op.exclude,
                };
                let unpack = op.unpack.unwrap_or(op.add);
                for m in select(*tree, path.as_bytes(), &select_options)? {
                    if unpack && m.stat.kind == Kind::File {
                        let file = tree.open(&m.root)?;
                        if self.unpack(file, m.name.as_bstr(), &op.dest, out)? {
                            continue;
                        }
                    }
                    self.matched(
                        &Item {
                            number,
                            tree: Some(*tree),
                            contents_only: true,
                        },
                        &m,
                        &op.dest,
                    )?;
                }
                Ok(())
            }
            (CopySource::Git { .. }, SourceView::Tree(tree)) => {
                let select_options = SelectOptions {
                    exclude: &op.exclude,
                    ..SelectOptions::default()
                };
                for m in select(*tree, b"/", &select_options)? {
                    self.matched(
                        &Item {
                            number,
                            tree: Some(*tree),
                            contents_only: false,
                        },
                        &m,
                        &op.dest,
                    )?;
                }
                Ok(())
            }
            (CopySource::Http { name, .. }, SourceView::File { path, mtime, .. }) => {
                if op.unpack == Some(true) {
                    let file = std::fs::File::open(path).map_err(|source| CopyError::Write {
                        path: name.as_str().into(),
                        source,
                    })?;
                    if self.unpack(file, name.as_bytes().as_bstr(), &op.dest, out)? {
                        return Ok(());
                    }
                }
                let m = single(name.as_bytes(), 0o600, (*mtime, 0));
                self.put_single(Content::Host(number), &m, &op.dest)
            }
            (CopySource::Inline { name, .. }, _) => {
                let m = single(name.as_bytes(), 0o644, self.created);
                self.put_single(Content::Inline(number), &m, &op.dest)
            }
            (CopySource::Path { .. } | CopySource::Git { .. } | CopySource::Http { .. }, _) => {
                Err(CopyError::Unprepared(number))
            }
        }
    }

    /// Attributes of folders that come into being on the way.
    fn new_folder(&self) -> Meta {
        let (uid, gid) = self.owner.unwrap_or((0, 0));
        // Go's FileMode carries no set-id bits here, so only the permission bits of an octal --chmod arrive.
        let mode = self
            .mode
            .as_ref()
            .and_then(ModeChange::octal)
            .map_or(0o755, |m| m & 0o777);
        Meta {
            mode,
            uid,
            gid,
            mtime: self.created,
        }
    }

    /// Attributes of the copy of a file or folder.
    fn meta(&self, stat: &Stat) -> Meta {
        let (uid, gid) = self.owner.unwrap_or((stat.uid, stat.gid));
        let mode = match &self.mode {
            _ if stat.kind == Kind::Symlink => 0o777,
            Some(change) => change
                .octal()
                .unwrap_or_else(|| change.apply(stat.mode, stat.kind == Kind::Dir)),
            None => stat.mode,
        };
        Meta {
            mode,
            uid,
            gid,
            mtime: self.epoch.map_or(stat.mtime, |s| (s, 0)),
        }
    }

    /// Resolves the destination and makes the folders it needs. Gives the path that `m` gets.
    fn target(&mut self, m: &Match, dest: &str, contents_only: bool) -> Result<BString, CopyError> {
        let to_folder = dest.ends_with('/') || dest.ends_with("/.");
        // `..` goes by the text, whatever a link before it leads to. **Source:** BuildKit `file.cleanPath`.
        let cleaned = clean(dest.as_bytes());
        let dest = cleaned.as_slice();
        let ensured = if to_folder {
            dest
        } else {
            parent(dest).as_bytes()
        };
        let ensured = self.draft.resolve(ensured)?;
        let new_folder = self.new_folder();
        self.draft.make_dirs(&ensured, new_folder)?;
        let mut target = self.draft.resolve(dest)?;
        let is_dir = m.stat.kind == Kind::Dir;
        let found = self.draft.locate(&target)?;
        let exists = !matches!(found, Found::Nothing);
        let inside = if is_dir {
            !contents_only && exists
        } else {
            self.draft.is_dir(found)
        };
        if inside && !m.name.is_empty() {
            target = child(&target, &m.name);
        }
        let folder = if contents_only && is_dir && !exists {
            target.as_bstr()
        } else {
            parent(&target)
        };
        let folder = folder.to_owned();
        self.draft.make_dirs(&folder, new_folder)?;
        Ok(target)
    }

    fn matched(&mut self, item: &Item<'_>, m: &Match, dest: &str) -> Result<(), CopyError> {
        let target = self.target(m, dest, item.contents_only)?;
        if m.stat.kind != Kind::Dir {
            let (dir, name) = self.draft.folder_of(&target)?;
            return self.file(
                item,
                &m.root,
                &m.stat,
                dir,
                name,
                &target,
                &mut HashMap::new(),
            );
        }
        let top = self.top_folder(item, m, &target)?;
        // Folders from `top` down to the current entry, with the length of their paths below it.
        let mut open: Vec<(BString, NodeId)> = Vec::new();
        let mut links = HashMap::new();
        for entry in m.below.iter() {
            while open
                .last()
                .is_some_and(|(path, _)| !lies_in(entry.path, path))
            {
                open.pop();
            }
            let dir = open.last().map_or(top, |(_, id)| *id);
            let (name, source) = (file_name(entry.path), child(&m.root, entry.path));
            if entry.stat.kind == Kind::Dir {
                let id = self.folder(item, &entry, &source, dir, name, &target)?;
                open.push((entry.path.to_owned(), id));
            } else {
                let path = child(&target, entry.path);
                self.file(item, &source, entry.stat, dir, name, &path, &mut links)?;
            }
        }
        Ok(())
    }

    /// The folder that a folder's contents go to.
    fn top_folder(
        &mut self,
        item: &Item<'_>,
        m: &Match,
        target: &[u8],
    ) -> Result<NodeId, CopyError> {
        match self.draft.locate(target)? {
            Found::Nothing => {
                let (dir, name) = self.draft.folder_of(target)?;
                let xattrs = xattrs(item, &m.root)?;
                let meta = self.meta(&m.stat);
                self.draft.new_dir(dir, name, meta, xattrs)
            }
            found if self.draft.is_dir(found) => {
                let any = self.new_folder();
                let id = self.draft.make_dirs(target, any)?;
                // Its date becomes the source's, all else stays. **Source:** fsutil `copier.copy`, restoreFileTimestamp.
                let mtime = self.epoch.map_or(m.stat.mtime, |s| (s, 0));
                if id != Draft::ROOT {
                    self.draft.node_mut(id).meta.mtime = mtime;
                }
                Ok(id)
            }
            _ => Err(CopyError::DirectoryOverFile {
                path: target.into(),
            }),
        }
    }

    /// A folder below the top one: what is there gets the source's attributes.
    fn folder(
        &mut self,
        item: &Item<'_>,
        entry: &Selected<'_>,
        source: &[u8],
        dir: NodeId,
        name: &BStr,
        target: &[u8],
    ) -> Result<NodeId, CopyError> {
        let over_file = || CopyError::DirectoryOverFile {
            path: child(target, entry.path),
        };
        let meta = self.meta(entry.stat);
        if matches!(self.draft.look(dir, name)?, Found::Nothing) {
            return self.draft.new_dir(dir, name, meta, xattrs(item, source)?);
        }
        let id = self.draft.enter(dir, name)?.ok_or_else(over_file)?;
        let new = if entry.implied {
            Vec::new()
        } else {
            xattrs(item, source)?
        };
        let node = self.draft.node_mut(id);
        if entry.implied {
            // Only the mode, and that of the source whatever --chmod says. **Source:** fsutil `copyDirectoryOnly`.
            node.meta.mode = entry.stat.mode;
        } else {
            node.meta = meta;
            node.xattrs
                .retain(|(name, _)| !new.iter().any(|(n, _)| n == name));
            node.xattrs.extend(new);
        }
        if let Body::Dir(d) = &mut node.body {
            d.changed = true;
        }
        Ok(id)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "source and destination of one file, each known by several names"
    )]
    fn file(
        &mut self,
        item: &Item<'_>,
        source: &[u8],
        stat: &Stat,
        dir: NodeId,
        name: &BStr,
        path: &[u8],
        links: &mut HashMap<(u64, u64), NodeId>,
    ) -> Result<(), CopyError> {
        let found = self.draft.look(dir, name)?;
        if self.draft.is_dir(found) {
            return Err(CopyError::FileOverDirectory { path: path.into() });
        }
        if let Some(first) = stat
            .link
            .filter(|_| stat.kind == Kind::File)
            .and_then(|l| links.get(&l))
        {
            self.draft.link(dir, name, *first);
            return Ok(());
        }
        let body = match (stat.kind, item.tree) {
            (Kind::Symlink, Some(tree)) => Body::Symlink(tree.read_link(source)?),
            (Kind::File, _) => Body::File(Content::Source {
                source: item.number,
                path: source.into(),
                stat: *stat,
            }),
            (kind, _) => Body::Special(kind, stat.device),
        };
        let xattrs = if stat.kind == Kind::File {
            xattrs(item, source)?
        } else {
            Vec::new()
        };
        let node = Node {
            meta: self.meta(stat),
            xattrs,
            body,
            shared: false,
        };
        let id = self.draft.put(dir, name, node);
        if let (Some(link), Kind::File) = (stat.link, stat.kind) {
            links.insert(link, id);
        }
        Ok(())
    }

    fn put_single(&mut self, content: Content, m: &Match, dest: &str) -> Result<(), CopyError> {
        let target = self.target(m, dest, false)?;
        let (dir, name) = self.draft.folder_of(&target)?;
        let found = self.draft.look(dir, name)?;
        if self.draft.is_dir(found) {
            return Err(CopyError::FileOverDirectory {
                path: target.clone(),
            });
        }
        let node = Node {
            meta: self.meta(&m.stat),
            xattrs: Vec::new(),
            body: Body::File(content),
            shared: false,
        };
        self.draft.put(dir, name, node);
        Ok(())
    }

    /// Unpacks `file` into the destination when it is an archive.
    fn unpack(
        &mut self,
        file: std::fs::File,
        name: &BStr,
        dest: &str,
        out: &Path,
    ) -> Result<bool, CopyError> {
        let Some(reader) = archive::detect(file) else {
            return Ok(false);
        };
        let dest = self.draft.resolve(&clean(dest.as_bytes()))?;
        let (uid, gid) = self.owner.unwrap_or((0, 0));
        self.draft.make_dirs(
            &dest,
            Meta {
                mode: 0o755,
                uid,
                gid,
                mtime: self.created,
            },
        )?;
        if self.spool.is_none() {
            self.spool = Some(archive::Spool::new(out)?);
        }
        let spool = self.spool.as_mut().expect("it was made above");
        let into = archive::Into {
            draft: &mut self.draft,
            dest: dest.as_bstr(),
            owner: self.owner,
            created: self.created,
        };
        archive::unpack(reader, name, into, spool)?;
        Ok(true)
    }
}

/// Tells whether `path` lies below the folder `folder`; both relative.
fn lies_in(path: &[u8], folder: &[u8]) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.first() == Some(&b'/'))
}

fn xattrs(item: &Item<'_>, path: &[u8]) -> Result<Xattrs, SelectError> {
    match item.tree {
        Some(tree) if tree.has_xattrs() => Ok(tree.xattrs(path)?),
        _ => Ok(Vec::new()),
    }
}

/// A file that comes without a tree.
fn single(name: &[u8], mode: u32, mtime: Time) -> Match {
    let stat = Stat {
        kind: Kind::File,
        mode,
        uid: 0,
        gid: 0,
        size: 0,
        mtime,
        ctime: None,
        id: (0, 0),
        link: None,
        device: (0, 0),
    };
    Match {
        name: file_name(name).to_owned(),
        root: child(b"/", name),
        stat,
        below: Below::default(),
    }
}
