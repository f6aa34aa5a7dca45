//! When remembered digests are believed, what the ignore file hides, and what a missing file's error says.

use super::super::content::{What, compare, path_content, selection};
use super::super::ops::tests::Scratch;
use super::super::selection::SourceView;
use super::super::tree::FileTree;
use super::Context;
use super::ignore::IgnoreFile;
use bstr::BString;
use cooperage_lang::plan::{Copy, CopySource, StepId};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

fn open(path: &Path, ignore: &str, indexes: Option<&Path>) -> Context {
    Context::open(
        path,
        IgnoreFile::parse(".dockerignore", ignore.into()).unwrap(),
        indexes,
    )
    .unwrap()
}

fn names(context: &Context, folder: &str) -> Vec<String> {
    context
        .list(folder.as_bytes())
        .unwrap()
        .iter()
        .map(|l| l.name.to_string())
        .collect()
}

#[test]
fn ignored_files_are_not_there() {
    let scratch = Scratch::new();
    let files = scratch.folder(
        "c",
        &[
            "a=1",
            "b.log=2",
            "n/m/x=3",
            "s/keep=4",
            "s/other=5",
            "e/f=6",
        ],
    );
    for prefetch in [false, true] {
        let context = open(&files, "*.log\nn\ns\n!s/keep\ne\n!e/missing\n", None);
        if prefetch {
            context.prefetch(&[BString::from("/")]);
        }
        assert_eq!(names(&context, "/"), ["a", "s"]);
        assert_eq!(names(&context, "/s"), ["keep"]);
        assert!(names(&context, "/n/m").is_empty());
        assert!(context.lstat(b"/n/m/x").unwrap().is_none());
        assert!(context.lstat(b"/e").unwrap().is_none());
        assert!(context.lstat(b"/s/keep").unwrap().is_some());
        let hint = context.missing(b"/b.log").to_string();
        assert_eq!(hint, " (excluded by line 1 of .dockerignore: `*.log`)");
        assert_eq!(
            context.missing(b"/A").to_string(),
            " (did you mean `a` or `s`?)"
        );
    }
}

#[test]
fn a_rewrite_with_the_same_size_and_date_is_seen() {
    let scratch = Scratch::new();
    let (files, indexes) = (scratch.folder("c", &["f=00"]), scratch.0.join("indexes"));
    let path = files.join("f");
    let date = Timespec {
        tv_sec: 1_577_934_245,
        tv_nsec: 1,
    };
    let mut last = None;
    for round in 0..60 {
        fs::write(&path, format!("{round:02}")).unwrap();
        let times = Timestamps {
            last_access: date,
            last_modification: date,
        };
        rustix::fs::utimensat(CWD, &path, &times, AtFlags::empty()).unwrap();
        let context = open(&files, "", Some(&indexes));
        let digest = context.digest(b"/f").unwrap();
        assert_ne!(Some(digest), last, "round {round}");
        last = Some(digest);
        context.save().unwrap();
    }
    assert_eq!(fs::read_dir(&indexes).unwrap().count(), 1);
}

#[test]
fn remembered_digests_are_used_and_damage_is_not() {
    let scratch = Scratch::new();
    let (files, indexes) = (
        scratch.folder("c", &["d/f=1", "d/g=2", "h=3"]),
        scratch.0.join("indexes"),
    );
    let first = open(&files, "", Some(&indexes));
    let digest = path_content(&first, b"/").unwrap().digest;
    first.save().unwrap();
    let again = open(&files, "", Some(&indexes));
    assert!(
        again
            .list(b"/d")
            .unwrap()
            .iter()
            .all(|l| l.digest.is_some())
    );
    assert_eq!(path_content(&again, b"/").unwrap().digest, digest);
    // A build that looks at one file must not forget the others.
    fs::write(files.join("h"), "4").unwrap();
    let one = open(&files, "", Some(&indexes));
    one.digest(b"/h").unwrap();
    one.save().unwrap();
    assert!(
        open(&files, "", Some(&indexes))
            .list(b"/d")
            .unwrap()
            .iter()
            .all(|l| l.digest.is_some())
    );
    let file = fs::read_dir(&indexes)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert!(
        open(&files, "", Some(&indexes))
            .list(b"/d")
            .unwrap()
            .iter()
            .all(|l| l.digest.is_none())
    );
}

#[test]
fn a_refresh_sees_the_change() {
    let scratch = Scratch::new();
    let files = scratch.folder("c", &["d/f=1"]);
    let context = open(&files, "", None);
    let before = path_content(&context, b"/").unwrap();
    fs::write(files.join("d/f"), "2").unwrap();
    fs::write(files.join("d/g"), "3").unwrap();
    context.refresh(&[BString::from("/d/f"), BString::from("/d/g")]);
    let after = path_content(&context, b"/").unwrap();
    let changes: Vec<String> = compare(&before, &after)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(changes, ["d/f (content)", "d/g (added)"]);
}

/// Digest of everything, as a server asks for it: kept until a change.
fn watched_content(context: &Context) -> std::sync::Arc<super::ContentManifest> {
    let read = || path_content(context, b"/");
    context.selected("all", read).unwrap()
}

#[test]
fn a_watched_context_reads_only_what_changed() {
    let scratch = Scratch::new();
    let files = scratch.folder("c", &["a/f=1", "b/g=1", "log/x=1"]);
    let context = open(&files, "**/*.log\nlog\n", None).keep_watch();
    assert!(
        context.changed().is_some(),
        "this file system tells of changes"
    );
    let before = watched_content(&context);
    assert!(!context.catch_up());
    assert!(std::sync::Arc::ptr_eq(&before, &watched_content(&context)));

    // What the ignore file hides is no change.
    fs::write(files.join("a/new.log"), "2").unwrap();
    fs::write(files.join("log/x"), "2").unwrap();
    assert!(!context.catch_up());

    let steps: [(&str, &dyn Fn()); 6] = [
        ("a/f (content)", &|| {
            fs::write(files.join("a/f"), "2").unwrap();
        }),
        ("b/h (added)", &|| fs::write(files.join("b/h"), "").unwrap()),
        ("b/h (mode)", &|| {
            let mode = fs::Permissions::from_mode(0o600);
            fs::set_permissions(files.join("b/h"), mode).unwrap();
        }),
        ("b/h (removed)", &|| {
            fs::remove_file(files.join("b/h")).unwrap();
        }),
        ("n (added), n/m (added), n/m/x (added)", &|| {
            fs::create_dir_all(files.join("n/m")).unwrap();
            fs::write(files.join("n/m/x"), "1").unwrap();
        }),
        ("n/m/x (content)", &|| {
            fs::write(files.join("n/m/x"), "2").unwrap();
        }),
    ];
    let mut before = before;
    for (expected, change) in steps {
        change();
        assert!(context.catch_up(), "{expected}");
        let after = watched_content(&context);
        let found = compare(&before, &after);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found.join(", "), expected);
        before = after;
    }

    // A folder that takes another's name is watched too.
    fs::rename(files.join("a"), files.join("old")).unwrap();
    fs::rename(files.join("b"), files.join("a")).unwrap();
    assert!(context.catch_up());
    watched_content(&context);
    fs::write(files.join("a/g"), "2").unwrap();
    assert!(context.catch_up());
}

#[test]
fn a_file_that_is_not_there_yet_is_waited_for() {
    let scratch = Scratch::new();
    let files = scratch.folder("c", &["a/f=1"]);
    let context = open(&files, "", None).keep_watch();
    assert!(context.lstat(b"/a/b/c/d").unwrap().is_none());
    assert!(!context.catch_up());
    fs::create_dir(files.join("a/b")).unwrap();
    assert!(context.catch_up());
}

fn copy_of(path: &str, context: &Context) -> [u8; 32] {
    let op = Copy {
        add: false,
        sources: vec![CopySource::Path {
            from: StepId(0),
            path: path.into(),
        }],
        dest: "/x/".into(),
        chown: None,
        chmod: None,
        link: false,
        parents: false,
        exclude: vec!["*.md".into()],
        unpack: None,
    };
    selection(&op, &[SourceView::Tree(context)]).unwrap().digest
}

/// The table of section 2 of the cache semantics, folder modes as they should be.
#[test]
fn what_counts_for_the_cache() {
    let files = [
        "src/a=1",
        "src/d/x=2",
        "src/n.md=3",
        "src/l -> a",
        "link -> src/a",
        "t.txt=4",
        "other=5",
    ];
    let mode = |p: &Path, m: u32| fs::set_permissions(p, fs::Permissions::from_mode(m)).unwrap();
    let check = |source: &str, change: &dyn Fn(&Path), same: bool| {
        let scratch = Scratch::new();
        let root = scratch.folder("c", &files);
        let before = copy_of(source, &open(&root, "", None));
        change(&root);
        let after = copy_of(source, &open(&root, "", None));
        assert_eq!(before == after, same, "{source}");
    };
    let touch = |p: &Path| {
        let date = Timespec {
            tv_sec: 5,
            tv_nsec: 0,
        };
        let times = Timestamps {
            last_access: date,
            last_modification: date,
        };
        rustix::fs::utimensat(CWD, p, &times, AtFlags::empty()).unwrap();
    };
    check("/src", &|r| touch(&r.join("src/a")), true);
    check("/src", &|r| fs::write(r.join("src/a"), "1").unwrap(), true);
    check("/src", &|r| fs::write(r.join("src/a"), "9").unwrap(), false);
    check("/src", &|r| mode(&r.join("src/a"), 0o600), false);
    check("/src", &|r| mode(&r.join("src/d"), 0o700), false);
    check("/src", &|r| mode(&r.join("src"), 0o700), true);
    check("/src", &|r| fs::create_dir(r.join("src/e")).unwrap(), false);
    check(
        "/src",
        &|r| fs::rename(r.join("src/a"), r.join("src/b")).unwrap(),
        false,
    );
    check("/src", &|r| fs::write(r.join("other"), "9").unwrap(), true);
    check(
        "/src",
        &|r| fs::write(r.join("src/n.md"), "9").unwrap(),
        true,
    );
    check(
        "/src/l",
        &|r| fs::write(r.join("src/a"), "9").unwrap(),
        false,
    );
    check(
        "/link",
        &|r| fs::write(r.join("src/a"), "9").unwrap(),
        false,
    );
    check(
        "/*.txt",
        &|r| fs::write(r.join("more.md"), "9").unwrap(),
        true,
    );
    check(
        "/*.txt",
        &|r| fs::write(r.join("u.txt"), "9").unwrap(),
        false,
    );
    check(
        "/*.txt",
        &|r| fs::rename(r.join("t.txt"), r.join("z.txt")).unwrap(),
        false,
    );
    check(
        "/s*",
        &|r| {
            fs::remove_file(r.join("src/l")).unwrap();
            std::os::unix::fs::symlink("d", r.join("src/l")).unwrap();
        },
        false,
    );
}

#[test]
fn culprits_are_named() {
    let scratch = Scratch::new();
    let root = scratch.folder("c", &["a=1", "b=2", "c=3", "d=4", "e/f=5"]);
    let old = path_content(&open(&root, "", None), b"/").unwrap();
    fs::write(root.join("a"), "9").unwrap();
    fs::remove_file(root.join("b")).unwrap();
    fs::set_permissions(root.join("c"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(root.join("d")).unwrap();
    fs::create_dir(root.join("d")).unwrap();
    fs::write(root.join("e/g"), "6").unwrap();
    let new = path_content(&open(&root, "", None), b"/").unwrap();
    let stored = super::super::content::ContentManifest::from_bytes(&old.to_bytes()).unwrap();
    assert_eq!(stored.digest, old.digest);
    let found: Vec<(String, What)> = compare(&stored, &new)
        .into_iter()
        .map(|c| (c.path.to_string(), c.what))
        .collect();
    let want = [
        ("a", What::Content),
        ("b", What::Removed),
        ("c", What::Mode),
        ("d", What::Kind),
        ("e/g", What::Added),
    ];
    assert_eq!(found, want.map(|(p, w)| (p.to_owned(), w)));
}

#[test]
fn owners_of_the_context_do_not_count() {
    let scratch = Scratch::new();
    let root = scratch.folder("c", &["a=1"]);
    let stat = open(&root, "", None).lstat(b"/a").unwrap().unwrap();
    assert_eq!((stat.uid, stat.gid), (0, 0));
    assert_eq!(
        u64::from(stat.mode),
        u64::from(fs::metadata(root.join("a")).unwrap().mode() & 0o7777)
    );
}

#[test]
fn a_pipe_in_the_context_stops_nobody() {
    let scratch = Scratch::new();
    let root = scratch.folder("c", &[]);
    rustix::fs::mknodat(
        CWD,
        root.join(".dockerignore"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    assert!(IgnoreFile::find(&root, None).is_err());
    assert_eq!(
        path_content(&open(&root, "", None), b"/")
            .unwrap()
            .entries()
            .len(),
        2
    );
}
