//! A layer in the making, as a value: what it will hold above the layers below it.
//!
//! A [`Draft`] shows the merged tree (itself over its root), so a later source sees what an earlier one put there. A folder of
//! the layers below gets a copy of its attributes here when something in it changes, as overlayfs does.

use super::CopyError;
use crate::build::stack::LayerStack;
use crate::build::tree::{
    self, FileTree, Kind, Stat, Time, TreeError, Xattrs, child, elements, file_name, parent,
};
use bstr::{BStr, BString, ByteSlice};
use std::collections::BTreeMap;

/// Number of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NodeId(u32);

/// Attributes that a node gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: Time,
}

pub(super) struct Node {
    pub(super) meta: Meta,
    pub(super) xattrs: Xattrs,
    pub(super) body: Body,
    /// Several names lead to it.
    pub(super) shared: bool,
}

pub(super) enum Body {
    Dir(Dir),
    File(Content),
    Symlink(BString),
    Special(Kind, (u32, u32)),
    /// Hides the entry of that name below.
    Whiteout,
}

pub(super) struct Dir {
    pub(super) children: BTreeMap<BString, NodeId>,
    /// Path of the folder below that shows through.
    lower: Option<BString>,
    /// Hides a folder below.
    pub(super) opaque: bool,
    /// Differs from what is below even when nothing in it does.
    pub(super) changed: bool,
}

/// Where a file's bytes come from.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// A path of the source with that number, as it was when it was selected.
    Source {
        source: usize,
        path: BString,
        stat: Stat,
    },
    /// The text of the heredoc source with that number.
    Inline(usize),
    /// The host file of the source with that number.
    Host(usize),
    /// A file already written to the spool.
    Spooled(u64),
    /// A file of the layers below.
    Lower { path: BString },
}

/// What the merged tree has under a name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    Nothing,
    Here(NodeId),
    Below(Stat),
}

/// A layer in the making.
pub(super) struct Draft<'a> {
    lower: &'a LayerStack,
    nodes: Vec<Node>,
}

impl<'a> Draft<'a> {
    pub(super) const ROOT: NodeId = NodeId(0);

    /// An empty layer on `lower`.
    pub(super) fn new(lower: &'a LayerStack) -> Result<Self, CopyError> {
        let stat = lower.lstat(b"/")?;
        let meta = stat.map_or(
            Meta {
                mode: 0o755,
                uid: 0,
                gid: 0,
                mtime: (0, 0),
            },
            |s| Meta::of(&s),
        );
        let dir = Dir {
            children: BTreeMap::new(),
            lower: Some("/".into()),
            opaque: false,
            changed: false,
        };
        let root = Node {
            meta,
            xattrs: Vec::new(),
            body: Body::Dir(dir),
            shared: false,
        };
        Ok(Self {
            lower,
            nodes: vec![root],
        })
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }

    /// Follows links in `path` inside the merged tree.
    pub(super) fn resolve(&self, path: &[u8]) -> Result<BString, CopyError> {
        self.resolve_below(b"/", path, true)
    }

    /// Follows links in `path`, with `root` (a resolved folder) as the root that none leaves.
    pub(super) fn resolve_below(
        &self,
        root: &[u8],
        path: &[u8],
        follow_last: bool,
    ) -> Result<BString, CopyError> {
        let inside = tree::resolve_with(path, follow_last, |p| {
            let full = join(root, p);
            Ok::<_, CopyError>(match self.locate(&full)? {
                Found::Nothing => tree::Step::Missing,
                Found::Below(s) if s.kind == Kind::Dir => tree::Step::Dir,
                Found::Below(s) if s.kind == Kind::Symlink => {
                    tree::Step::Link(self.lower.read_link(&full)?)
                }
                Found::Below(_) => tree::Step::Other,
                Found::Here(id) => match &self.node(id).body {
                    Body::Dir(_) => tree::Step::Dir,
                    Body::Symlink(text) => tree::Step::Link(text.clone()),
                    Body::Whiteout => tree::Step::Missing,
                    Body::File(_) | Body::Special(..) => tree::Step::Other,
                },
            })
        })?;
        Ok(join(root, &inside))
    }

    /// What is at a resolved path.
    pub(super) fn locate(&self, path: &[u8]) -> Result<Found, CopyError> {
        let mut at = Self::ROOT;
        for element in elements(path) {
            match self.look(at, element.as_bstr())? {
                Found::Here(id) => at = id,
                Found::Nothing => return Ok(Found::Nothing),
                // From here on only the layers below have anything.
                Found::Below(_) => {
                    return Ok(self.lower.lstat(path)?.map_or(Found::Nothing, Found::Below));
                }
            }
        }
        Ok(Found::Here(at))
    }

    /// What is under `name` in the folder `dir`.
    pub(super) fn look(&self, dir: NodeId, name: &BStr) -> Result<Found, CopyError> {
        let Body::Dir(d) = &self.node(dir).body else {
            return Ok(Found::Nothing);
        };
        if let Some(id) = d.children.get(name) {
            let hidden = matches!(self.node(*id).body, Body::Whiteout);
            return Ok(if hidden {
                Found::Nothing
            } else {
                Found::Here(*id)
            });
        }
        Ok(self.below(d, name)?.map_or(Found::Nothing, Found::Below))
    }

    fn below(&self, dir: &Dir, name: &BStr) -> Result<Option<Stat>, TreeError> {
        match &dir.lower {
            Some(path) => self.lower.lstat(&child(path, name)),
            None => Ok(None),
        }
    }

    /// Tells whether what was found is a folder.
    pub(super) fn is_dir(&self, found: Found) -> bool {
        match found {
            Found::Nothing => false,
            Found::Below(stat) => stat.kind == Kind::Dir,
            Found::Here(id) => matches!(self.node(id).body, Body::Dir(_)),
        }
    }

    /// The folder `name` in `dir`, taken up from below when it is only there; `None` when it is no folder.
    pub(super) fn enter(&mut self, dir: NodeId, name: &BStr) -> Result<Option<NodeId>, CopyError> {
        match self.look(dir, name)? {
            Found::Here(id) if matches!(self.node(id).body, Body::Dir(_)) => Ok(Some(id)),
            Found::Below(stat) if stat.kind == Kind::Dir => {
                let Body::Dir(Dir {
                    lower: Some(above), ..
                }) = &self.node(dir).body
                else {
                    return Ok(None);
                };
                let path = child(above, name);
                let xattrs = self.lower.xattrs(&path)?;
                let body = Body::Dir(Dir {
                    children: BTreeMap::new(),
                    lower: Some(path),
                    opaque: false,
                    changed: false,
                });
                let node = Node {
                    meta: Meta::of(&stat),
                    xattrs,
                    body,
                    shared: false,
                };
                Ok(Some(self.attach(dir, name, node)))
            }
            _ => Ok(None),
        }
    }

    /// Makes the folder at a resolved path with all that is missing above it; `meta` is for new ones.
    ///
    /// **Source:** fsutil `copy.MkdirAll`.
    pub(super) fn make_dirs(&mut self, path: &[u8], meta: Meta) -> Result<NodeId, CopyError> {
        let mut at = Self::ROOT;
        let mut here = BString::from("/");
        for element in elements(path) {
            tree::push(&mut here, element);
            let name = element.as_bstr();
            at = match self.look(at, name)? {
                Found::Nothing => self.new_dir(at, name, meta, Vec::new())?,
                _ => self
                    .enter(at, name)?
                    .ok_or_else(|| CopyError::NotADirectory { path: here.clone() })?,
            };
        }
        Ok(at)
    }

    /// Puts a new folder where nothing shows.
    pub(super) fn new_dir(
        &mut self,
        dir: NodeId,
        name: &BStr,
        meta: Meta,
        xattrs: Xattrs,
    ) -> Result<NodeId, CopyError> {
        let Body::Dir(d) = &self.node(dir).body else {
            return Err(CopyError::NotADirectory { path: name.into() });
        };
        // Where a folder was removed, a new one of that name must not let the old one show through.
        let opaque = d.children.contains_key(name)
            && self.below(d, name)?.is_some_and(|s| s.kind == Kind::Dir);
        let body = Body::Dir(Dir {
            children: BTreeMap::new(),
            lower: None,
            opaque,
            changed: true,
        });
        Ok(self.put(
            dir,
            name,
            Node {
                meta,
                xattrs,
                body,
                shared: false,
            },
        ))
    }

    /// Puts a node under a name, instead of what is there.
    ///
    /// A name that begins with `.wh.` becomes what it would be in a layer's archive: a deletion. **Source:** OCI image
    /// specification `layer.md`; BuildKit writes such files into the layer.
    pub(super) fn put(&mut self, dir: NodeId, name: &BStr, node: Node) -> NodeId {
        match name.strip_prefix(b".wh.") {
            Some(b".wh..opq") => {
                if let Body::Dir(d) = &mut self.node_mut(dir).body {
                    d.opaque = d.lower.take().is_some();
                    d.changed = true;
                }
                dir
            }
            Some(hidden) if !hidden.is_empty() && !matches!(node.body, Body::Dir(_)) => {
                self.remove(dir, hidden.as_bstr());
                dir
            }
            _ => self.attach(dir, name, node),
        }
    }

    /// A second name for a node.
    pub(super) fn link(&mut self, dir: NodeId, name: &BStr, to: NodeId) {
        if matches!(self.node(to).body, Body::Dir(_)) {
            return;
        }
        self.node_mut(to).shared = true;
        if let Body::Dir(d) = &mut self.node_mut(dir).body {
            d.children.insert(name.to_owned(), to);
        }
    }

    /// Removes a name with everything below it.
    pub(super) fn remove(&mut self, dir: NodeId, name: &BStr) {
        let hide = match &self.node(dir).body {
            Body::Dir(d) => !matches!(self.below(d, name), Ok(None)),
            _ => return,
        };
        if hide {
            let meta = Meta {
                mode: 0,
                uid: 0,
                gid: 0,
                mtime: (0, 0),
            };
            self.attach(
                dir,
                name,
                Node {
                    meta,
                    xattrs: Vec::new(),
                    body: Body::Whiteout,
                    shared: false,
                },
            );
        } else if let Body::Dir(d) = &mut self.node_mut(dir).body {
            d.children.remove(name);
        }
    }

    /// Splits a resolved path into its folder, which has to be there, and its last element.
    pub(super) fn folder_of<'p>(
        &mut self,
        path: &'p [u8],
    ) -> Result<(NodeId, &'p BStr), CopyError> {
        let mut at = Self::ROOT;
        let mut here = BString::from("/");
        for element in elements(parent(path)) {
            tree::push(&mut here, element);
            at = self
                .enter(at, element.as_bstr())?
                .ok_or_else(|| CopyError::NotADirectory { path: here.clone() })?;
        }
        Ok((at, file_name(path)))
    }

    fn attach(&mut self, dir: NodeId, name: &BStr, node: Node) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(node);
        if let Body::Dir(d) = &mut self.node_mut(dir).body {
            d.children.insert(name.to_owned(), id);
        }
        id
    }

    /// The layers below.
    pub(super) fn lower(&self) -> &'a LayerStack {
        self.lower
    }
}

impl Meta {
    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            mode: stat.mode,
            uid: stat.uid,
            gid: stat.gid,
            mtime: stat.mtime,
        }
    }
}

/// `inside` (rooted) seen from outside of `root`.
fn join(root: &[u8], inside: &[u8]) -> BString {
    let mut path = BString::from(root);
    elements(inside).for_each(|e| tree::push(&mut path, e));
    path
}
