//! Rules of COPY, ADD and WORKDIR that need layers below the new one, and archives that mean harm.

use super::{ArchiveError, CopyError, CopyOptions, copy, mkdir};
use crate::build::context::{Context, ignore::IgnoreFile};
use crate::build::selection::SourceView;
use crate::build::stack::LayerStack;
use crate::build::tree::{FileTree, Kind};
use bstr::BString;
use cooperage_lang::plan::{Copy, CopySource, Mkdir, StepId};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that goes when the test ends.
pub(in crate::build) struct Scratch(pub(in crate::build) PathBuf);

impl Scratch {
    pub(in crate::build) fn new() -> Self {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "cooperage-test-{}-{}",
            std::process::id(),
            SERIAL.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A new folder with these files: `name/` is a folder, `name -> text` a link, `name=text` a file.
    pub(in crate::build) fn folder(&self, name: &str, entries: &[&str]) -> PathBuf {
        let root = self.0.join(name);
        fs::create_dir_all(&root).unwrap();
        for entry in entries {
            let path = |p: &str| {
                let path = root.join(p);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                path
            };
            if let Some((link, text)) = entry.split_once(" -> ") {
                symlink(text, path(link)).unwrap();
            } else if let Some((file, text)) = entry.split_once('=') {
                fs::write(path(file), text).unwrap();
            } else {
                fs::create_dir_all(path(entry.trim_end_matches('/'))).unwrap();
            }
        }
        root
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn context(path: &Path) -> Context {
    Context::open(path, IgnoreFile::none(), None).unwrap()
}

fn op(source: &str, dest: &str) -> Copy {
    Copy {
        add: false,
        sources: vec![CopySource::Path {
            from: StepId(0),
            path: source.into(),
        }],
        dest: dest.into(),
        chown: None,
        chmod: None,
        link: false,
        parents: false,
        exclude: Vec::new(),
        unpack: None,
    }
}

/// Paths of a tree with their kind, and text where there is one.
fn show(tree: &dyn FileTree, at: &str, out: &mut Vec<String>) {
    for entry in tree.list(at.as_bytes()).unwrap().iter() {
        let path = format!("{}/{}", at.trim_end_matches('/'), entry.name);
        match entry.stat.kind {
            Kind::Dir => {
                out.push(format!("{path}/ {:o}", entry.stat.mode));
                show(tree, &path, out);
            }
            Kind::Symlink => out.push(format!(
                "{path} -> {}",
                tree.read_link(path.as_bytes()).unwrap()
            )),
            _ => {
                let text = std::io::read_to_string(tree.open(path.as_bytes()).unwrap()).unwrap();
                out.push(format!("{path}={text}"));
            }
        }
    }
}

fn shown(layers: &[&Path]) -> Vec<String> {
    let mut out = Vec::new();
    show(&LayerStack::of_folders(layers).unwrap(), "/", &mut out);
    out
}

/// Copies on a layer; gives the new layer alone and the merged tree.
fn copied(
    below: &[&str],
    context_files: &[&str],
    op: &Copy,
) -> Result<(Vec<String>, Vec<String>), CopyError> {
    let scratch = Scratch::new();
    let lower = scratch.folder("lower", below);
    let files = scratch.folder("context", context_files);
    let out = scratch.folder("out", &[]);
    let context = context(&files);
    let stack = LayerStack::of_folders(&[&lower]).unwrap();
    let views: Vec<SourceView<'_>> = op
        .sources
        .iter()
        .map(|_| SourceView::Tree(&context))
        .collect();
    copy(op, &stack, &views, &out, &CopyOptions::default())?;
    Ok((shown(&[&out]), shown(&[&lower, &out])))
}

/// Files get the owner 0:0, which only root may give.
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

#[test]
fn destination_links_are_followed_inside_the_root() {
    if !is_root() {
        return;
    }
    let check = |below: &[&str], dest: &str, layer: &[&str]| {
        let (new, _) = copied(below, &["a=1"], &op("/a", dest)).unwrap();
        assert_eq!(new, layer, "{below:?} {dest}");
    };
    check(
        &["real/", "link -> /real"],
        "/link",
        &["/real/ 755", "/real/a=1"],
    );
    check(&["real=old", "link -> /real"], "/link", &["/real=1"]);
    check(
        &["link -> ../../../../tmp/x"],
        "/link/",
        &["/tmp/ 755", "/tmp/x/ 755", "/tmp/x/a=1"],
    );
    check(&["link -> ../../../../tmp/x"], "/link/..", &["/a=1"]);
    check(&["d/a -> /elsewhere"], "/d/", &["/d/ 755", "/d/a=1"]);
}

#[test]
fn kinds_that_do_not_fit_are_errors() {
    if !is_root() {
        return;
    }
    let fails = |below: &[&str], source: &str, dest: &str| {
        copied(below, &["a=1", "d/x=2"], &op(source, dest)).unwrap_err()
    };
    assert!(matches!(
        fails(&["x=f"], "/d", "/x"),
        CopyError::DirectoryOverFile { .. }
    ));
    assert!(matches!(
        fails(&["x/a/deep/"], "/a", "/x/"),
        CopyError::FileOverDirectory { .. }
    ));
    assert!(matches!(
        fails(&["f=1"], "/a", "/f/x"),
        CopyError::NotADirectory { .. } | CopyError::Tree(_)
    ));
    let missing = fails(&[], "/A", "/x").to_string();
    assert_eq!(missing, "`/A`: not found (did you mean `a` or `d`?)");
}

#[test]
fn link_does_not_look_below() {
    if !is_root() {
        return;
    }
    let copy = Copy {
        link: true,
        ..op("/a", "/v/")
    };
    let (new, merged) = copied(&["real/", "v -> /real"], &["a=1"], &copy).unwrap();
    assert_eq!(new, ["/v/ 755", "/v/a=1"]);
    assert_eq!(merged, ["/real/ 755", "/v/ 755", "/v/a=1"]);
    let named = Copy {
        chown: Some("mail".into()),
        ..copy
    };
    assert!(matches!(
        copied(&[], &["a=1"], &named),
        Err(CopyError::NameWithLink { .. })
    ));
}

#[test]
fn parents_keep_the_path_and_need_a_match() {
    if !is_root() {
        return;
    }
    let files = ["x/y/a=1", "x/y/b=2", "x/z/c=3"];
    let copy = |source: &str| {
        copied(
            &[],
            &files,
            &Copy {
                parents: true,
                ..op(source, "/p/")
            },
        )
    };
    assert_eq!(
        copy("/x/./y/*").unwrap().0,
        ["/p/ 755", "/p/y/ 755", "/p/y/a=1", "/p/y/b=2"]
    );
    assert_eq!(
        copy("/*/z/c").unwrap().0,
        ["/p/ 755", "/p/x/ 755", "/p/x/z/ 755", "/p/x/z/c=3"]
    );
    assert_eq!(copy("/x/q*").unwrap().0, ["/p/ 755"]);
    assert!(copy("/x/q").is_err());
    assert!(copy("/").is_err());
}

#[test]
fn workdir_makes_folders_once() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let lower = scratch.folder("lower", &["r/", "l -> /r", "f=1"]);
    let stack = LayerStack::of_folders(&[&lower]).unwrap();
    let make = |name: &str, path: &str| {
        let out = scratch.folder(name, &[]);
        let op = Mkdir {
            path: path.into(),
            user: "3:4".into(),
        };
        mkdir(&op, &stack, &out, &CopyOptions::default()).map(|()| shown(&[&out]))
    };
    assert_eq!(
        make("a", "/l/x/y").unwrap(),
        ["/r/ 755", "/r/x/ 755", "/r/x/y/ 755"]
    );
    assert!(make("b", "/r").unwrap().is_empty());
    assert!(make("c", "/f").is_err());
}

/// Writes an archive: name, type, link or content.
fn archive(path: &Path, entries: &[(&str, u8, &str)]) {
    let mut out = Vec::new();
    for (name, kind, text) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(tar::EntryType::new(*kind));
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        let content = if *kind == b'0' { *text } else { "" };
        if matches!(kind, b'1' | b'2') {
            header.set_link_name_literal(text.as_bytes()).unwrap();
        }
        header.set_size(content.len() as u64);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(content.as_bytes());
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    fs::write(path, out).unwrap();
}

fn unpacked(below: &[&str], entries: &[(&str, u8, &str)]) -> Result<Vec<String>, CopyError> {
    let scratch = Scratch::new();
    let lower = scratch.folder("lower", below);
    let files = scratch.folder("context", &[]);
    let out = scratch.folder("out", &[]);
    archive(&files.join("t.tar"), entries);
    let context = context(&files);
    let stack = LayerStack::of_folders(&[&lower]).unwrap();
    let add = Copy {
        add: true,
        ..op("/t.tar", "/x/")
    };
    let result = copy(
        &add,
        &stack,
        &[SourceView::Tree(&context)],
        &out,
        &CopyOptions::default(),
    );
    assert_eq!(
        fs::read_dir(&scratch.0).unwrap().count(),
        3,
        "something was written beside the layer"
    );
    assert!(!fs::read_dir(&out).unwrap().any(|e| {
        e.unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with(".unpack")
    }));
    result.map(|_| shown(&[&lower, &out]))
}

#[test]
fn archives_stay_in_their_destination() {
    if !is_root() {
        return;
    }
    let check = |entries: &[(&str, u8, &str)], want: &[&str]| {
        assert_eq!(unpacked(&[], entries).unwrap(), want, "{entries:?}");
    };
    check(
        &[("../../up", b'0', "u"), ("/abs", b'0', "a")],
        &["/x/ 755", "/x/abs=a", "/x/up=u"],
    );
    check(&[("a/../../b", b'0', "b")], &["/x/ 755", "/x/b=b"]);
    // A link of the archive leads, as all its names do, from the destination on.
    check(
        &[("in", b'5', ""), ("l", b'2', "/in"), ("l/f", b'0', "f")],
        &["/x/ 755", "/x/in/ 644", "/x/in/f=f", "/x/l -> /in"],
    );
    check(
        &[
            ("f", b'0', "1"),
            ("f", b'0', "2"),
            ("d", b'5', ""),
            ("d", b'0', "3"),
        ],
        &["/x/ 755", "/x/d=3", "/x/f=2"],
    );
    check(
        &[("f", b'0', "1"), ("../../g", b'1', "../f")],
        &["/x/ 755", "/x/f=1", "/x/g=1"],
    );
}

#[test]
fn archives_that_lead_nowhere_are_refused() {
    if !is_root() {
        return;
    }
    let problem = |entries: &[(&str, u8, &str)]| match unpacked(&["etc/passwd=p"], entries) {
        Err(CopyError::Archive { problem, .. }) => problem,
        other => panic!("{entries:?}: {other:?}"),
    };
    assert!(matches!(
        problem(&[("l", b'2', "/etc"), ("l/probe", b'0', "x")]),
        ArchiveError::NoFolder { .. }
    ));
    assert!(matches!(
        problem(&[("l", b'2', "../../tmp"), ("l/p/q", b'0', "x")]),
        ArchiveError::NoFolder { .. }
    ));
    assert!(matches!(
        problem(&[("h", b'1', "/etc/passwd")]),
        ArchiveError::LinkTarget { .. }
    ));
    assert!(matches!(
        problem(&[("f", b'0', "1"), ("f/g", b'0', "2")]),
        ArchiveError::NotADirectory { .. }
    ));
    assert!(matches!(
        problem(&[("s", b'S', "")]),
        ArchiveError::Type { kind: 'S', .. }
    ));
}

#[test]
fn a_removed_folder_does_not_shine_through() {
    if !is_root() {
        return;
    }
    let entries = [("d", b'0', "file"), ("d/", b'5', ""), ("d/new", b'0', "n")];
    assert_eq!(
        unpacked(&["x/d/old=o"], &entries).unwrap(),
        ["/x/ 755", "/x/d/ 644", "/x/d/new=n"]
    );
    assert_eq!(
        unpacked(&["x/k=1"], &[(".wh.k", b'0', ""), ("n", b'0', "2")]).unwrap(),
        ["/x/ 755", "/x/n=2"]
    );
}

#[test]
fn a_file_that_changes_is_told() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let files = scratch.folder("context", &["a=1", "b=2"]);
    let out = scratch.folder("out", &[]);
    let context = context(&files);
    context.list(b"/").unwrap();
    fs::write(files.join("a"), "9").unwrap();
    let stack = LayerStack::empty();
    let done = copy(
        &op("/", "/"),
        &stack,
        &[SourceView::Tree(&context)],
        &out,
        &CopyOptions::default(),
    )
    .unwrap();
    assert_eq!(done.changed, [BString::from("a")]);
    assert_eq!((done.files, done.bytes), (2, 2));
}

#[test]
fn modes_of_the_folders_on_the_way_follow_chmod() {
    if !is_root() {
        return;
    }
    let copy = Copy {
        chmod: Some("0700".into()),
        ..op("/a", "/p/q/x")
    };
    let (new, _) = copied(&[], &["a=1"], &copy).unwrap();
    assert_eq!(new, ["/p/ 700", "/p/q/ 700", "/p/q/x=1"]);
    let scratch = Scratch::new();
    let files = scratch.folder("c", &["s/f=1"]);
    fs::set_permissions(files.join("s/f"), fs::Permissions::from_mode(0o4755)).unwrap();
    let (context, out) = (context(&files), scratch.folder("out", &[]));
    super::copy(
        &op("/s", "/s"),
        &LayerStack::empty(),
        &[SourceView::Tree(&context)],
        &out,
        &CopyOptions::default(),
    )
    .unwrap();
    assert_eq!(
        fs::metadata(out.join("s/f")).unwrap().permissions().mode() & 0o7777,
        0o4755
    );
}
