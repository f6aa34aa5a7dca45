//! What a COPY, ADD or bind mount selects from a tree: the one reading of sources, wildcards, `--parents` and
//! `--exclude`. Copying writes what is selected here, and the cache looks at the content of exactly that.

use super::tree::{
    ContentDigest, FileTree, Kind, MissingHint, Stat, TreeError, child, elements, file_name,
    is_below, relative, resolve,
};
use bstr::{BStr, BString, ByteSlice};
use cooperage_lang::model::ignore::{IgnoreError, ParentMatches, Patterns};
use cooperage_lang::model::pattern::{clean, glob_match, has_wildcard};
use std::ops::Range;

/// Why nothing could be selected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    #[error("`{path}`: not found{hint}")]
    NotFound { path: BString, hint: MissingHint },
    #[error("invalid pattern: {0}")]
    Pattern(String),
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// Where the files of one source of a COPY or ADD are.
#[derive(Clone, Copy)]
pub enum SourceView<'a> {
    /// Files of a step, of a context or of a git checkout.
    Tree(&'a dyn FileTree),
    /// The file of an HTTP source, on the host: its digest and the date it gets, seconds since 1970.
    File {
        path: &'a std::path::Path,
        digest: ContentDigest,
        mtime: i64,
    },
    /// The source carries its content: a heredoc.
    Inline,
}

/// How a source path is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct SelectOptions<'a> {
    /// The path may be a wildcard pattern.
    pub wildcards: bool,
    /// The folders of the path are kept, from the pivot `/./` or the root on.
    pub parents: bool,
    /// Ignore patterns below the source.
    pub exclude: &'a [String],
}

/// One file or folder that a source path names.
#[derive(Clone, Debug)]
pub struct Match {
    /// Last element of the path as written or matched, links not followed; empty for the root.
    pub name: BString,
    /// Where it is, links followed.
    pub root: BString,
    /// Its attributes, links followed.
    pub stat: Stat,
    /// What is below a folder, parents before children, names sorted.
    pub below: Below,
}

/// Entries below a folder.
#[derive(Clone, Debug, Default)]
pub struct Below {
    paths: Vec<u8>,
    entries: Vec<RawSelected>,
}

#[derive(Clone, Debug)]
struct RawSelected {
    path: Range<u32>,
    stat: Stat,
    digest: Option<ContentDigest>,
    implied: bool,
}

/// An entry below a matched folder.
#[derive(Clone, Copy, Debug)]
pub struct Selected<'a> {
    /// Path from the folder on, without leading slash.
    pub path: &'a BStr,
    /// Attributes.
    pub stat: &'a Stat,
    /// Digest of its content, when known without reading.
    pub digest: Option<ContentDigest>,
    /// A folder that is here only because something below it is selected.
    pub implied: bool,
}

impl Below {
    /// The entries.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Selected<'_>> {
        self.entries.iter().map(|e| Selected {
            path: self.paths[e.path.start as usize..e.path.end as usize].as_bstr(),
            stat: &e.stat,
            digest: e.digest,
            implied: e.implied,
        })
    }

    /// Their number.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn push(&mut self, path: &[u8], stat: Stat, digest: Option<ContentDigest>, implied: bool) {
        let start = self.paths.len() as u32;
        self.paths.extend_from_slice(path);
        self.entries.push(RawSelected {
            path: start..self.paths.len() as u32,
            stat,
            digest,
            implied,
        });
    }
}

/// Selects `path` (rooted) in `tree`. Several matches come in the order in which they are copied.
///
/// A wildcard that matches nothing selects nothing; a path without wildcards has to exist.
///
/// **Source:** BuildKit `solver/llbsolver/file/backend.go` `docopy`, fsutil `copy.ResolveWildcards` and
/// `copier.copy`; required paths: `cache/contenthash/checksum.go` `includedPaths`.
///
/// # Errors
/// See [`SelectError`].
pub fn select(
    tree: &dyn FileTree,
    path: &[u8],
    options: &SelectOptions<'_>,
) -> Result<Vec<Match>, SelectError> {
    let (base, include) = if options.parents {
        split_pivot(path)
    } else {
        (BString::from(path), None)
    };
    let bad = |e: IgnoreError| SelectError::Pattern(e.to_string());
    let exclude = if options.exclude.is_empty() {
        None
    } else {
        Some(Patterns::new(options.exclude).map_err(bad)?)
    };
    // The empty pattern matches nothing, as no path is empty.
    let patterns: Option<Patterns> = match &include {
        Some(p) if p.is_empty() => Some(Patterns::default()),
        Some(p) => Some(Patterns::new(&[p]).map_err(bad)?),
        None => None,
    };
    let names = if options.wildcards && has_wildcard(&base) {
        wildcard(tree, &base)?
    } else {
        vec![base.clone()]
    };
    let mut matches = Vec::with_capacity(names.len());
    for name in names {
        let root = resolve(tree, &name, true)?;
        let Some(stat) = tree.lstat(&root)? else {
            return Err(missing(tree, &name, &root));
        };
        matches.push(Match {
            name: file_name(&name).to_owned(),
            root,
            stat,
            below: Below::default(),
        });
    }
    if include.is_none() {
        let folders: Vec<BString> = matches
            .iter()
            .filter(|m| m.stat.kind == Kind::Dir)
            .map(|m| m.root.clone())
            .collect();
        tree.prefetch(&folders);
    }
    for m in matches.iter_mut().filter(|m| m.stat.kind == Kind::Dir) {
        let only = include.as_ref().map(|p| literal_elements(p));
        if let Some(only) = &only {
            let mut start = m.root.clone();
            for element in only {
                super::tree::push(&mut start, element);
            }
            tree.prefetch(&[start]);
        }
        let mut walk = Walk {
            tree,
            include: patterns.as_ref(),
            exclude: exclude.as_ref(),
            only,
            out: Below::default(),
            pending: Vec::new(),
        };
        let include_state = patterns.as_ref().map(Patterns::root).unwrap_or_default();
        let exclude_state = exclude.as_ref().map(Patterns::root).unwrap_or_default();
        let root = m.root.clone();
        walk.folder(
            &root,
            &mut BString::default(),
            &include_state,
            &exclude_state,
        )?;
        m.below = walk.out;
    }
    if let Some(pattern) = include {
        required(tree, &base, &pattern, &matches)?;
    }
    Ok(matches)
}

/// A `--parents` path without wildcards has to select something.
fn required(
    tree: &dyn FileTree,
    base: &[u8],
    pattern: &[u8],
    matches: &[Match],
) -> Result<(), SelectError> {
    if has_wildcard(base) || has_wildcard(pattern) {
        return Ok(());
    }
    let wanted = pattern;
    let found = matches.iter().any(|m| {
        m.below
            .iter()
            .any(|s| !s.implied && is_below(s.path, wanted))
    });
    if found && !wanted.is_empty() {
        return Ok(());
    }
    let path = if pattern.is_empty() {
        BString::from(base)
    } else {
        child(base, pattern)
    };
    Err(missing(tree, &path, &path))
}

fn missing(tree: &dyn FileTree, written: &[u8], resolved: &[u8]) -> SelectError {
    SelectError::NotFound {
        path: written.into(),
        hint: tree.missing(resolved),
    }
}

/// Splits a `--parents` path into the folder to start from and the pattern below it.
///
/// **Source:** BuildKit `dockerfile2llb/convert_copy.go`.
fn split_pivot(path: &[u8]) -> (BString, Option<BString>) {
    let (base, pattern) = match path.find(b"/./") {
        Some(i) => (&path[..i], &path[i + 3..]),
        None => (&b""[..], path),
    };
    let rooted = |p: &[u8]| BString::from(clean(&[b"/", p].concat()));
    let pattern = rooted(pattern);
    let pattern = match relative(&pattern) {
        b"." => BString::default(),
        p => p.into(),
    };
    (rooted(base), Some(pattern))
}

/// Elements of a pattern up to the first with a wildcard or escape: only below these folders something can match.
fn literal_elements(pattern: &[u8]) -> Vec<BString> {
    if pattern.starts_with(b"!") {
        return Vec::new();
    }
    elements(pattern)
        .take_while(|e| !has_wildcard(e) && !e.contains(&b'\\'))
        .map(BString::from)
        .collect()
}

/// Paths that match a pattern. A matched folder is not looked into; a malformed pattern matches nothing.
fn wildcard(tree: &dyn FileTree, pattern: &[u8]) -> Result<Vec<BString>, SelectError> {
    let all: Vec<&[u8]> = elements(pattern).collect();
    let first = all
        .iter()
        .position(|e| has_wildcard(e))
        .unwrap_or(all.len());
    let mut prefix = BString::from("/");
    all[..first]
        .iter()
        .for_each(|e| super::tree::push(&mut prefix, e));
    let rest = all[first..].join(&b'/');
    let base = resolve(tree, &prefix, true)?;
    match tree.lstat(&base)? {
        None => return Err(missing(tree, &prefix, &base)),
        Some(stat) if stat.kind != Kind::Dir => return Ok(Vec::new()),
        Some(_) => {}
    }
    // BuildKit's copier skips what does not match, but its content digest refuses a malformed pattern first.
    if glob_match(&rest, b"").is_err() {
        return Err(SelectError::Pattern(rest.as_bstr().to_string()));
    }
    // Only a class can match a slash, so without one the number of elements is known.
    let depth = if rest.contains(&b'[') {
        usize::MAX
    } else {
        all.len() - first
    };
    let mut found = Vec::new();
    matching(
        tree,
        &base,
        &mut BString::default(),
        &rest,
        depth,
        &mut found,
    )?;
    Ok(found)
}

fn matching(
    tree: &dyn FileTree,
    folder: &[u8],
    rel: &mut BString,
    pattern: &[u8],
    depth: usize,
    found: &mut Vec<BString>,
) -> Result<(), SelectError> {
    for entry in tree.list(folder)?.iter() {
        let length = rel.len();
        if length > 0 {
            rel.push(b'/');
        }
        rel.extend_from_slice(&entry.name);
        if glob_match(pattern, rel).unwrap_or(false) {
            found.push(child(folder, &entry.name));
        } else if entry.stat.kind == Kind::Dir && depth > 1 {
            matching(
                tree,
                &child(folder, &entry.name),
                rel,
                pattern,
                depth - 1,
                found,
            )?;
        }
        rel.truncate(length);
    }
    Ok(())
}

struct Walk<'a> {
    tree: &'a dyn FileTree,
    include: Option<&'a Patterns>,
    exclude: Option<&'a Patterns>,
    /// Leading elements that everything selected has.
    only: Option<Vec<BString>>,
    out: Below,
    /// Folders on the way that are not selected themselves (yet): path, attributes.
    pending: Vec<Pending>,
}

struct Pending {
    path: BString,
    stat: Stat,
    written: bool,
}

impl Walk<'_> {
    fn folder(
        &mut self,
        folder: &[u8],
        rel: &mut BString,
        include: &ParentMatches,
        exclude: &ParentMatches,
    ) -> Result<(), SelectError> {
        let bad = |e: IgnoreError| SelectError::Pattern(e.to_string());
        let level = elements(rel).count();
        for entry in self.tree.list(folder)?.iter() {
            let wanted = self.only.as_ref().and_then(|only| only.get(level));
            if wanted.is_some_and(|wanted| *wanted != entry.name) {
                continue;
            }
            let length = rel.len();
            if length > 0 {
                rel.push(b'/');
            }
            rel.extend_from_slice(&entry.name);
            let (mut selected, mut below_include, mut below_exclude) = (true, None, None);
            let mut excluded = false;
            if let Some(patterns) = self.include {
                let verdict = patterns.visit(include, rel).map_err(bad)?;
                selected = verdict.excluded;
                below_include = Some(verdict.matches);
            }
            if let Some(patterns) = self.exclude {
                let verdict = patterns.visit(exclude, rel).map_err(bad)?;
                excluded = verdict.excluded;
                below_exclude = Some(verdict.matches);
            }
            selected &= !excluded;
            if selected {
                self.write_pending();
                self.out.push(rel, entry.stat, entry.digest, false);
            }
            let closed = excluded && !self.exclude.is_some_and(Patterns::has_negations);
            if entry.stat.kind == Kind::Dir && !closed {
                if !selected {
                    self.pending.push(Pending {
                        path: rel.clone(),
                        stat: entry.stat,
                        written: false,
                    });
                }
                let path = child(folder, &entry.name);
                self.folder(
                    &path,
                    rel,
                    &below_include.unwrap_or_default(),
                    &below_exclude.unwrap_or_default(),
                )?;
                if !selected {
                    self.pending.pop();
                }
            }
            rel.truncate(length);
        }
        Ok(())
    }

    fn write_pending(&mut self) {
        for p in self.pending.iter_mut().filter(|p| !p.written) {
            self.out.push(&p.path, p.stat, None, true);
            p.written = true;
        }
    }
}
