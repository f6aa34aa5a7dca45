//! Deciding on and copying a context of 50,000 files: a no-op build reads attributes only, so the measure is `find`.
//!
//! `CONTEXT_BENCH=DIR` uses that folder; otherwise one is made and removed.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use cooperage_lang::plan::{Copy, CopySource, StepId};
use cooperage_runtime::build::content::{ContentManifest, selection};
use cooperage_runtime::build::context::{Context, ignore::IgnoreFile};
use cooperage_runtime::build::ops::{CopyOptions, copy};
use cooperage_runtime::build::selection::SourceView;
use cooperage_runtime::build::stack::LayerStack;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FOLDERS: usize = 2_200;
const FILES: usize = 50_000;
/// 500 MB over all files.
const SIZE: usize = 10_000;

fn main() {
    let work = std::env::temp_dir().join(format!("context-bench-{}", std::process::id()));
    std::fs::create_dir_all(&work).expect("the temporary folder can be written");
    let given = std::env::var_os("CONTEXT_BENCH").map(PathBuf::from);
    let tree = given.clone().unwrap_or_else(|| make(&work.join("tree")));
    let indexes = work.join("indexes");
    println!(
        "cold (read all)    {:?}",
        time(1, || drop(decide(&tree, &indexes)))
    );
    println!("find -printf       {:?}", time(5, || find(&tree)));
    println!(
        "no-op decision     {:?}",
        time(5, || drop(decide(&tree, &indexes)))
    );
    let manifest = decide(&tree, &indexes);
    println!(
        "manifest           {} bytes stored",
        manifest.to_bytes().len()
    );
    println!(
        "storing it         {:?}",
        time(3, || drop(manifest.to_bytes()))
    );
    println!(
        "copy               {:?}",
        time(1, || copy_all(&tree, &work.join("out")))
    );
    std::fs::remove_dir_all(&work).expect("what was made can be removed");
}

/// The shortest of some runs.
fn time(runs: usize, mut run: impl FnMut()) -> Duration {
    let one = |()| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    std::iter::repeat_n((), runs)
        .map(one)
        .min()
        .unwrap_or_default()
}

fn make(root: &Path) -> PathBuf {
    let mut content = vec![0u8; SIZE];
    for i in 0..FILES {
        let folder = i % FOLDERS;
        let path = root.join(format!("a{}/b{}", folder % 44, folder / 44));
        if i < FOLDERS {
            std::fs::create_dir_all(&path).expect("a folder of ours");
        }
        content[..8].copy_from_slice(&i.to_le_bytes());
        std::fs::write(path.join(format!("file-{i}.txt")), &content).expect("a file of ours");
    }
    root.to_owned()
}

fn op() -> Copy {
    Copy {
        add: false,
        sources: vec![CopySource::Path {
            from: StepId(0),
            path: "/".into(),
        }],
        dest: "/".into(),
        chown: None,
        chmod: None,
        link: false,
        parents: false,
        exclude: Vec::new(),
        unpack: None,
    }
}

fn decide(tree: &Path, indexes: &Path) -> ContentManifest {
    let context =
        Context::open(tree, IgnoreFile::none(), Some(indexes)).expect("the tree is there");
    let manifest = selection(&op(), &[SourceView::Tree(&context)]).expect("the tree can be read");
    context.save().expect("the index can be written");
    manifest
}

fn find(tree: &Path) {
    let format = "%p %s %m %T@ %C@ %i\n";
    let status = Command::new("find")
        .arg(tree)
        .args(["-printf", format])
        .stdout(Stdio::null())
        .status();
    assert!(status.is_ok_and(|s| s.success()), "find failed");
}

fn copy_all(tree: &Path, out: &Path) {
    std::fs::create_dir(out).expect("it is new");
    let context = Context::open(tree, IgnoreFile::none(), None).expect("the tree is there");
    let stack = LayerStack::empty();
    let options = CopyOptions::default();
    copy(&op(), &stack, &[SourceView::Tree(&context)], out, &options)
        .expect("the tree can be copied");
}
