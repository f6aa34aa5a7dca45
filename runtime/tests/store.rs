//! The store as other parts use it: real folders, several threads and processes, hostile archives.
//!
//! Owners, devices and `trusted.*` attributes need the rights of root; without them these tests say so and stop.

#![expect(
    clippy::print_stdout,
    reason = "a skipped test says why; a child tells its parent that it is ready"
)]

use bstr::ByteSlice;
use cooperage_lang::model::reference::{Digest, Reference};
use cooperage_runtime::engine::Paths;
use cooperage_runtime::store::*;
use rustix::fs::{CWD, FileType, Mode, XattrFlags, lsetxattr, mknodat};
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A store in a folder of its own, with a file outside that nothing may touch.
struct Place {
    root: PathBuf,
}

impl Place {
    fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "cooperage-store-{}-{}",
            std::process::id(),
            COUNTER.fetch_add(1, Ordering::Relaxed)
        );
        let root = std::env::temp_dir().join(name);
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("canary"), "alive").unwrap();
        Self { root }
    }

    fn paths(&self) -> Paths {
        Paths::new(self.root.join("store"), self.root.join("run"))
    }

    fn store(&self) -> Store {
        Store::open(&self.paths()).unwrap()
    }

    fn canary(&self) -> PathBuf {
        self.root.join("canary")
    }

    fn assert_canary(&self, case: &str) {
        assert_eq!(
            fs::read_to_string(self.canary()).unwrap(),
            "alive",
            "{case}"
        );
        assert_eq!(
            fs::metadata(self.canary()).unwrap().mode() & 0o7777,
            0o644,
            "{case}"
        );
        let mut names: Vec<_> = fs::read_dir(&self.root)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["canary", "store"], "{case}");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: needs the rights of root");
    }
    root
}

fn layer_with(store: &Store, lease: &Lease, files: &[(&str, &str)]) -> Layer {
    let draft = store.draft_layer(lease).unwrap();
    for (name, content) in files {
        let path = draft.fs().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    set_times(draft.fs());
    draft.commit().unwrap()
}

/// Gives everything below the same time: layers of the same files are then the same layer.
fn set_times(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            set_times(&path);
        }
        set_time(&path, 1_000_000);
    }
}

fn set_time(path: &Path, seconds: i64) {
    let time = rustix::fs::Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    let times = rustix::fs::Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(CWD, path, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

fn tar_of(store: &Store, layer: &Layer) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.write_layer_tar(&layer.diff_id, &mut bytes).unwrap();
    bytes
}

/// One line for each entry: what matters of a layer.
fn listing(layer: &Layer) -> String {
    let index = layer.index().unwrap();
    let mut text = String::new();
    for e in index.iter() {
        let opaque = if e.opaque { " opaque" } else { "" };
        write!(
            text,
            "{:?} {} {:o} {}:{} {} {}{opaque}",
            e.kind, e.path, e.mode, e.uid, e.gid, e.size, e.target
        )
        .unwrap();
        for (name, value) in e.xattrs() {
            write!(text, " {name}={value}").unwrap();
        }
        writeln!(text, " {:?}", e.device).unwrap();
    }
    text
}

fn sha256(bytes: &[u8]) -> Digest {
    use sha2::Digest as _;
    Digest::from_sha256(sha2::Sha256::digest(bytes).into())
}

fn config(layers: &[DiffId]) -> Vec<u8> {
    let ids: Vec<String> = layers.iter().map(ToString::to_string).collect();
    let value = serde_json::json!({
        "architecture": "amd64", "os": "linux", "created": "2024-02-29T12:00:00.5+01:00",
        "config": {"Env": ["A=b"], "Cmd": null, "Labels": null},
        "rootfs": {"type": "layers", "diff_ids": ids}, "history": null,
    });
    serde_json::to_vec(&value).unwrap()
}

/// A tar entry built by hand, so that anything can be put into it.
struct Raw {
    bytes: Vec<u8>,
}

impl Raw {
    fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    fn entry(mut self, name: &[u8], kind: u8, link: &[u8], content: &[u8]) -> Self {
        let mut header = tar::Header::new_ustar();
        let raw = header.as_mut_bytes();
        raw[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
        raw[157..157 + link.len().min(100)].copy_from_slice(&link[..link.len().min(100)]);
        raw[156] = kind;
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.bytes.extend(header.as_bytes());
        self.bytes.extend(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, name: &str, content: &str) -> Self {
        self.entry(name.as_bytes(), b'0', b"", content.as_bytes())
    }

    fn dir(self, name: &str) -> Self {
        self.entry(name.as_bytes(), b'5', b"", b"")
    }

    fn link(self, name: &str, target: &str) -> Self {
        self.entry(name.as_bytes(), b'2', target.as_bytes(), b"")
    }

    fn hard(self, name: &str, target: &str) -> Self {
        self.entry(name.as_bytes(), b'1', target.as_bytes(), b"")
    }

    fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let mut text = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let length = (rest + 1..rest + 9)
                .find(|n| n.to_string().len() + rest == *n)
                .unwrap();
            text.extend(format!("{length} {key}=").as_bytes());
            text.extend(*value);
            text.push(b'\n');
        }
        self.entry(b"pax", b'x', b"", &text)
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes.extend([0; 1024]);
        self.bytes
    }
}

#[test]
fn a_committed_layer_is_found_listed_and_written_as_its_digest_says() {
    let place = Place::new();
    let store = place.store();
    let lease = store.lease().unwrap();
    let draft = store.draft_layer(&lease).unwrap();
    let fs_ = draft.fs().to_owned();
    let long = "n".repeat(60);
    fs::create_dir_all(fs_.join(format!("{long}/{long}/{long}"))).unwrap();
    fs::write(fs_.join(format!("{long}/{long}/{long}/ä")), "umlaut").unwrap();
    fs::write(fs_.join("big"), vec![7_u8; 5 << 20]).unwrap();
    fs::write(fs_.join("empty"), "").unwrap();
    fs::hard_link(fs_.join("empty"), fs_.join("same")).unwrap();
    symlink("x".repeat(150), fs_.join("link")).unwrap();
    fs::set_permissions(fs_.join("empty"), fs::Permissions::from_mode(0o4755)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(fs_.join("socket")).unwrap();
    for i in 0..1500 {
        fs::write(fs_.join(format!("f{i:04}")), format!("content {i}")).unwrap();
    }
    let layer = draft.commit().unwrap();
    let index = layer.index().unwrap();
    assert!(index.find(b"socket").is_none());
    assert_eq!(index.find(b"same").unwrap().kind, EntryKind::HardLink);
    assert_eq!(index.find(b"same").unwrap().target, "empty");
    assert_eq!(index.find(b"empty").unwrap().mode, 0o4755);
    assert_eq!(
        DiffId::new(*index.find(b"f0007").unwrap().sha256.unwrap()).digest(),
        sha256(b"content 7")
    );
    assert_eq!(
        DiffId::new(*index.find(b"big").unwrap().sha256.unwrap()).digest(),
        sha256(&vec![7; 5 << 20])
    );
    assert_eq!(index.below(long.as_bytes()).count(), 3);
    let tar = tar_of(&store, &layer);
    assert_eq!(sha256(&tar), layer.diff_id.digest());
    assert_eq!(store.layer(&layer.diff_id).unwrap().unwrap(), layer);

    // The foreign reader sees the same entries, in the same order.
    let mut archive = tar::Archive::new(&tar[..]);
    let mut names = Vec::new();
    for entry in archive.entries().unwrap() {
        names.push(
            entry
                .unwrap()
                .path_bytes()
                .trim_end_with(|c| c == '/')
                .to_vec(),
        );
    }
    let expected: Vec<Vec<u8>> = index.iter().map(|e| e.path.to_vec()).collect();
    assert_eq!(names, expected);

    // And unpacking it gives the same tree.
    let again = store
        .apply_layer(&lease, &tar[..], &UnpackOptions::default())
        .unwrap();
    assert_eq!(again, layer, "the same diff id: the first one is kept");
}

#[test]
fn foreign_archives_come_out_as_other_tools_read_them() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let store = place.store();
    let lease = store.lease().unwrap();
    let tar = Raw::new()
        .dir("./")
        .dir("./d/")
        .file("d/old", "1")
        .file("d/old", "22")
        .file("/absolute", "inside")
        .file("x", "file")
        .dir("x")
        .file("x/y", "below")
        .link("way", "d")
        .file("way/through", "3")
        .hard("hl", "d/old")
        .file("missing/parents/f", "4")
        .file("gone/.wh..wh..opq", "")
        .file("gone/new", "5")
        .file("d/.wh.removed", "")
        .file("d/.wh..wh.plnk", "")
        .pax(&[
            ("path", "päx".as_bytes()),
            ("uid", b"3000000"),
            ("mtime", b"-1.5"),
            ("SCHILY.xattr.user.a", b"b\0c"),
        ])
        .file("short", "6")
        .pax(&[
            ("SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
            ("SCHILY.xattr.user.overlay.opaque", b"y"),
        ])
        .dir("redirected")
        .entry(b"fifo", b'6', b"", b"")
        .end();
    let layer = store
        .apply_layer(&lease, &tar[..], &UnpackOptions::default())
        .unwrap();
    assert_eq!(layer.diff_id.digest(), sha256(&tar));
    expect_test::expect![[r"
        File absolute 755 0:0 6  (0, 0)
        Dir d 755 0:0 0  (0, 0)
        File d/old 755 0:0 2  (0, 0)
        Whiteout d/removed 0 0:0 0  (0, 0)
        File d/through 755 0:0 1  (0, 0)
        Fifo fifo 755 0:0 0  (0, 0)
        Dir gone 755 0:0 0  opaque (0, 0)
        File gone/new 755 0:0 1  (0, 0)
        HardLink hl 755 0:0 0 d/old (0, 0)
        Dir missing 755 0:0 0  (0, 0)
        Dir missing/parents 755 0:0 0  (0, 0)
        File missing/parents/f 755 0:0 1  (0, 0)
        File päx 755 3000000:0 1  user.a=b"]]
    .assert_eq(listing(&layer).split('\0').next().unwrap());
    let index = layer.index().unwrap();
    assert_eq!(
        index.find("päx".as_bytes()).unwrap().mtime,
        (-2, 500_000_000)
    );
    assert_eq!(index.find(b"redirected").unwrap().xattrs().count(), 0);
    assert!(!index.find(b"redirected").unwrap().opaque);
    place.assert_canary("foreign archive");
}

#[test]
fn an_upper_folder_keeps_only_what_changed() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let store = place.store();
    let lease = store.lease().unwrap();
    let lower = layer_with(
        &store,
        &lease,
        &[
            ("a/keep", "1"),
            ("a/b/same", "2"),
            ("dir/in", "3"),
            ("plain", "4"),
        ],
    );
    let upper = lease.folder("upper").unwrap();
    for folder in ["a", "a/b", "dir", "dir/sub", "new"] {
        fs::create_dir(upper.join(folder)).unwrap();
    }
    fs::write(upper.join("a/b/same"), "2").unwrap();
    fs::write(upper.join("plain"), "5").unwrap();
    fs::write(upper.join("dir/sub/file"), "6").unwrap();
    set_times(&upper);
    let opaque = overlay_xattrs().opaque;
    lsetxattr(upper.join("dir"), opaque, b"y", XattrFlags::empty()).unwrap();
    lsetxattr(upper.join("new"), opaque, b"y", XattrFlags::empty()).unwrap();
    lsetxattr(
        upper.join("dir/sub"),
        "trusted.overlay.origin",
        b"zz",
        XattrFlags::empty(),
    )
    .unwrap();
    for gone in ["a/keep", "a/never"] {
        mknodat(
            CWD,
            upper.join(gone),
            FileType::CharacterDevice,
            Mode::empty(),
            0,
        )
        .unwrap();
    }
    set_time(&upper.join("a"), 1_000_000);
    let layer = store
        .commit_upper(
            &lease,
            upper,
            std::slice::from_ref(&lower.dir),
            &CommitOptions::default(),
        )
        .unwrap();
    expect_test::expect![[r"
        Dir a 755 0:0 0  (0, 0)
        Whiteout a/keep 0 0:0 0  (0, 0)
        Dir dir 755 0:0 0  opaque (0, 0)
        Dir dir/sub 755 0:0 0  (0, 0)
        File dir/sub/file 644 0:0 1  (0, 0)
        Dir new 755 0:0 0  (0, 0)
        File plain 644 0:0 1  (0, 0)
    "]]
    .assert_eq(&listing(&layer));
    assert!(!layer.dir.join("a/b").exists());
    assert_eq!(
        fs::metadata(layer.dir.join("a")).unwrap().mtime(),
        1_000_000
    );
    let again = store
        .apply_layer(
            &lease,
            &tar_of(&store, &layer)[..],
            &UnpackOptions::default(),
        )
        .unwrap();
    assert_eq!(again.diff_id, layer.diff_id);
}

#[test]
fn evil_archives_stay_inside() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let canary = place.canary().to_str().unwrap().to_owned();
    let outside = place.root.to_str().unwrap().to_owned();
    let up = "../".repeat(12);
    let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
    let mut case = |name: &str, raw: Raw| cases.push((name.to_owned(), raw.end()));
    for (i, path) in [
        format!("{up}{canary}"),
        format!("..{canary}"),
        canary.clone(),
        format!("/{canary}"),
        format!("a/../..{canary}"),
        format!("./../{canary}"),
        "..".into(),
        "../canary".into(),
        "../../canary".into(),
        "a/../../../canary".into(),
        "../store/cooperage.db".into(),
        "/..".into(),
        "a/..".into(),
        "//..//canary".into(),
    ]
    .iter()
    .enumerate()
    {
        case(&format!("path {i}"), Raw::new().dir("a").file(path, "evil"));
        case(
            &format!("pax path {i}"),
            Raw::new()
                .dir("a")
                .pax(&[("path", path.as_bytes())])
                .file("x", "evil"),
        );
        case(
            &format!("whiteout {i}"),
            Raw::new()
                .dir("a")
                .file(&path.replace("canary", ".wh.canary"), ""),
        );
    }
    for (i, target) in [
        canary.clone(),
        outside.clone(),
        "../..".into(),
        "../../..".into(),
        format!("{up}{outside}"),
        "/".into(),
        "/proc/self/root".into(),
        "/proc/self/cwd".into(),
        "loop".into(),
        ".".into(),
        "..".into(),
    ]
    .iter()
    .enumerate()
    {
        case(
            &format!("through link {i}"),
            Raw::new().link("loop", target).file("loop/canary", "evil"),
        );
        case(
            &format!("over link {i}"),
            Raw::new().link("canary", target).file("canary", "evil"),
        );
        case(
            &format!("folder over link {i}"),
            Raw::new()
                .link("l", target)
                .dir("l")
                .file("l/canary", "evil"),
        );
        case(
            &format!("mode through link {i}"),
            Raw::new().link("l", target).dir("l/"),
        );
        case(
            &format!("hard link {i}"),
            Raw::new().hard("h", target).file("h", "evil"),
        );
        case(
            &format!("hard link through link {i}"),
            Raw::new()
                .link("l", target)
                .hard("h", "l/canary")
                .file("h", "evil"),
        );
        case(
            &format!("hard link of link {i}"),
            Raw::new()
                .link("l", target)
                .hard("h", "l")
                .file("h", "evil"),
        );
        case(
            &format!("opaque through link {i}"),
            Raw::new().link("l", target).file("l/.wh..wh..opq", ""),
        );
        case(
            &format!("whiteout through link {i}"),
            Raw::new().link("l", target).file("l/.wh.canary", ""),
        );
        case(
            &format!("chain {i}"),
            Raw::new()
                .link("a", target)
                .link("b", "a")
                .link("c", "b/")
                .file("c/canary", "evil"),
        );
        case(
            &format!("folder becomes link {i}"),
            Raw::new()
                .dir("d")
                .file("d/f", "x")
                .link("d", target)
                .file("d/canary", "evil"),
        );
    }
    for name in [".wh.", ".wh..", ".wh...", "d/.wh..", "d/.wh..."] {
        case(name, Raw::new().dir("d").file(name, ""));
    }
    case("root is a file", Raw::new().file("./", "x").file(".", "x"));
    case(
        "root is a link",
        Raw::new().link(".", &outside).file("canary", "evil"),
    );
    case("whiteout device", Raw::new().entry(b"etc", b'3', b"", b""));
    case("hard link to a folder", Raw::new().dir("d").hard("h", "d"));
    case(
        "hard link to itself",
        Raw::new().file("f", "x").hard("f", "f"),
    );
    case("hard link to the root", Raw::new().hard("h", "."));
    case(
        "NUL in PAX path",
        Raw::new()
            .pax(&[("path", b"a\0/../../canary")])
            .file("x", "evil"),
    );
    case(
        "two paths",
        Raw::new()
            .pax(&[("path", b"a"), ("path", b"../canary")])
            .file("x", "evil"),
    );
    case(
        "two sizes",
        Raw::new()
            .pax(&[("size", b"1"), ("size", b"0")])
            .file("x", "evil"),
    );
    case(
        "negative size",
        Raw::new().pax(&[("size", b"-1")]).file("x", "evil"),
    );
    case(
        "huge size",
        Raw::new()
            .pax(&[("size", b"18446744073709551615")])
            .file("x", "evil"),
    );
    case(
        "owner -1",
        Raw::new().pax(&[("uid", b"4294967295")]).file("x", "evil"),
    );
    case(
        "long name",
        Raw::new()
            .pax(&[("path", "n".repeat(300).as_bytes())])
            .file("x", "evil"),
    );
    case(
        "long path",
        Raw::new()
            .pax(&[("path", "n/".repeat(3000).as_bytes())])
            .file("x", "evil"),
    );
    case(
        "deep path",
        Raw::new()
            .pax(&[("path", "n/".repeat(1500).as_bytes())])
            .dir("x"),
    );
    case(
        "malformed PAX",
        Raw::new()
            .entry(b"p", b'x', b"", b"99999 path=x\n")
            .file("x", "evil"),
    );
    case(
        "PAX without end",
        Raw::new()
            .entry(b"p", b'x', b"", b"12 path=abcd")
            .file("x", "evil"),
    );
    case(
        "sparse",
        Raw::new()
            .pax(&[("GNU.sparse.major", b"1")])
            .file("x", "evil"),
    );
    case("unknown type", Raw::new().entry(b"x", b'Z', b"", b""));
    let store = place.store();
    let mut refused = 0;
    for (name, tar) in &cases {
        let lease = store.lease().unwrap();
        refused += u32::from(
            store
                .apply_layer(&lease, &tar[..], &UnpackOptions::default())
                .is_err(),
        );
        let folder = lease.folder("add").unwrap();
        let root = fs::File::open(&folder).unwrap();
        let options = UnpackOptions {
            clamp_parents: true,
            ..UnpackOptions::default()
        };
        let _ = unpack(&tar[..], std::os::fd::AsFd::as_fd(&root), &options);
        drop(lease);
        place.assert_canary(name);
    }
    assert!(
        cases.len() >= 60 && refused > 30,
        "{} cases, {refused} refused",
        cases.len()
    );
    assert_eq!(fs::read_dir(place.paths().work()).unwrap().count(), 0);
    // Cut anywhere, an archive is an error or a shorter archive, never more.
    let whole = Raw::new()
        .dir("d")
        .file("d/f", &"x".repeat(2000))
        .link("l", "d")
        .end();
    for end in (0..whole.len()).step_by(64) {
        let lease = store.lease().unwrap();
        let result = store.apply_layer(&lease, &whole[..end], &UnpackOptions::default());
        // Between two entries, or behind the end mark, nothing is missing.
        let complete = [0, 512, 3072, 3584].contains(&end) || end >= 4096;
        assert_eq!(result.is_ok(), complete, "cut at {end}");
    }
}

#[test]
fn limits_have_their_own_errors() {
    let place = Place::new();
    let store = place.store();
    let lease = store.lease().unwrap();
    let apply = |tar: &[u8], limits: UnpackLimits| {
        let options = UnpackOptions {
            limits,
            ..UnpackOptions::default()
        };
        store
            .apply_layer(&lease, tar, &options)
            .unwrap_err()
            .to_string()
    };
    let none = UnpackLimits::default();
    let two = Raw::new().file("a", "12345").file("b", "6").end();
    assert_eq!(
        apply(&two, UnpackLimits { entries: 1, ..none }),
        "archive has more than 1 entries"
    );
    assert_eq!(
        apply(
            &two,
            UnpackLimits {
                bytes: Some(5),
                ..none
            }
        ),
        "archive holds more than 5 bytes of files"
    );
    let deep = Raw::new().file("a/b/c", "").end();
    assert_eq!(
        apply(&deep, UnpackLimits { depth: 2, ..none }),
        "archive entry `a/b/c` has more than 2 names in its path"
    );
    let pax = Raw::new()
        .pax(&[("comment", &[b'x'; 2000])])
        .file("a", "")
        .end();
    assert_eq!(
        apply(
            &pax,
            UnpackLimits {
                header_bytes: 1000,
                ..none
            }
        ),
        "archive has an extended header of 2014 bytes; the limit is 1000"
    );
    // A lie about gigabytes is refused before anything is read.
    let mut lie = tar::Header::new_ustar();
    lie.set_path("x").unwrap();
    lie.set_size(1 << 60);
    lie.set_mode(0o644);
    lie.set_uid(0);
    lie.set_gid(0);
    lie.set_mtime(0);
    lie.set_cksum();
    assert!(apply(lie.as_bytes(), none).starts_with("archive holds more than "));
    assert!(apply(b"no tar at all, but long enough", none).contains("ends in the middle"));
    assert!(apply(&[b'x'; 1024], none).contains("wrong checksum"));
}

#[test]
fn blobs_are_checked_before_they_are_visible() {
    let place = Place::new();
    let store = place.store();
    let lease = store.lease().unwrap();
    let put = |content: &[u8], expected: Option<(&Digest, u64)>| {
        let mut writer = store.blob_writer(&lease).unwrap();
        writer.write_all(content).unwrap();
        writer.commit(expected)
    };
    let digest = sha256(b"content");
    assert!(matches!(
        put(b"contenT", Some((&digest, 7))),
        Err(BlobError::WrongDigest { .. })
    ));
    assert!(matches!(
        put(b"conten", Some((&digest, 7))),
        Err(BlobError::WrongSize { found: 6, .. })
    ));
    assert!(store.blob(&digest).is_none());
    assert_eq!(
        put(b"content", Some((&digest, 7))).unwrap(),
        (digest.clone(), 7)
    );
    assert_eq!(store.blob(&digest).unwrap().size, 7);
    let sha512: Digest = format!("sha512:{}", "0".repeat(128)).parse().unwrap();
    assert!(matches!(
        put(b"content", Some((&sha512, 7))),
        Err(BlobError::WrongDigest { .. })
    ));
}

#[test]
fn pulled_layers_are_written_from_their_blob() {
    let place = Place::new();
    let store = place.store();
    let lease = store.lease().unwrap();
    let tar = Raw::new().file("b", "2").file("a", "1").end();
    let layer = store
        .apply_layer(&lease, &tar[..], &UnpackOptions::default())
        .unwrap();
    let out = &mut Vec::new();
    assert!(matches!(
        store.write_layer_tar(&layer.diff_id, out),
        Err(LayerError::NotReproducible(_))
    ));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).unwrap();
    let zstd = zstd::encode_all(&tar[..], 1).unwrap();
    for (bytes, kind) in [
        (
            gzip.finish().unwrap(),
            "application/vnd.oci.image.layer.v1.tar+gzip",
        ),
        (zstd, "application/vnd.oci.image.layer.v1.tar+zstd"),
    ] {
        let mut writer = store.blob_writer(&lease).unwrap();
        writer.write_all(&bytes).unwrap();
        let (blob, _) = writer.commit(None).unwrap();
        store.set_layer_blob(&layer.diff_id, &blob, kind).unwrap();
        assert_eq!(tar_of(&store, &layer), tar);
        // A truncated blob is noticed.
        let path = store.blob(&blob).unwrap().path;
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        store
            .write_layer_tar(&layer.diff_id, &mut Vec::new())
            .unwrap_err();
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn images_have_names_and_ids() {
    let place = Place::new();
    let store = place.store();
    let lease = store.lease().unwrap();
    let layer = layer_with(&store, &lease, &[("a", "1")]);
    let missing = DiffId::new([1; 32]);
    assert!(matches!(
        store.put_image(&config(&[missing]), None, &[missing]),
        Err(ImageError::MissingLayer(_))
    ));
    assert!(matches!(
        store.put_image(&config(&[]), None, &[layer.diff_id]),
        Err(ImageError::LayersDiffer { .. })
    ));
    let bytes = config(&[layer.diff_id]);
    let id = store
        .put_image(&bytes, Some(b"{}"), &[layer.diff_id])
        .unwrap();
    assert_eq!(id, sha256(&bytes));
    assert_eq!(store.put_image(&bytes, None, &[layer.diff_id]).unwrap(), id);
    let (one, two) = (
        Reference::parse_normalized("app").unwrap(),
        Reference::parse_normalized("host:5000/app:2").unwrap(),
    );
    store.tag(&one, &id).unwrap();
    store.tag(&two, &id).unwrap();
    assert!(matches!(
        store.tag(&one, &sha256(b"")),
        Err(ImageError::Missing(_))
    ));
    let image = store
        .image(&Reference::parse_normalized("app:latest").unwrap())
        .unwrap()
        .unwrap();
    assert_eq!(
        image
            .names
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["docker.io/library/app:latest", "host:5000/app:2"]
    );
    assert_eq!(
        (image.size, image.manifest.clone()),
        (1, Some(sha256(b"{}")))
    );
    assert_eq!(
        image
            .created
            .unwrap()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap(),
        Duration::from_millis(1_709_204_400_500)
    );
    let by_digest = Reference::parse_normalized(&format!("app@{}", sha256(b"{}"))).unwrap();
    assert_eq!(store.image(&by_digest).unwrap().unwrap(), image);
    assert_eq!(
        store.image_by_id_prefix(&id.hex()[..8]).unwrap().unwrap(),
        image
    );
    assert_eq!(store.image_by_id_prefix("zz").unwrap(), None);
    let details = store.image_config(&id).unwrap().unwrap();
    assert_eq!(
        (
            details.config.config.env,
            details.architecture.as_str(),
            details.diff_ids
        ),
        (vec!["A=b".to_owned()], "amd64", vec![layer.diff_id])
    );
    assert!(matches!(
        store.remove_image(&id, false),
        Err(ImageError::SeveralNames { .. })
    ));
    assert!(store.untag(&two).unwrap() && !store.untag(&two).unwrap());
    store.pin("container/c1", Some(&id), &[]).unwrap();
    assert!(matches!(
        store.remove_image(&id, false),
        Err(ImageError::InUse { .. })
    ));
    store.unpin("container/c1").unwrap();
    store.remove_image(&id, false).unwrap();
    assert!(store.images().unwrap().is_empty());
}

#[test]
fn records_and_history_come_back() {
    let place = Place::new();
    let store = place.store();
    let key = CacheKey([7; 32]);
    assert_eq!(store.record(&key).unwrap(), None);
    let new = NewRecord {
        layer: Some(DiffId::new([1; 32])),
        took: Duration::from_millis(5),
        size: 9,
        manifest: b"\0m",
        meta: "{}",
    };
    store.put_record(&key, &new).unwrap();
    let record = store.record(&key).unwrap().unwrap();
    assert_eq!(
        (record.layer, record.took, record.size),
        (new.layer, new.took, 9)
    );
    assert_eq!(store.record_manifest(&key).unwrap().unwrap(), b"\0m");
    store.touch_records(&[key]).unwrap();
    let mut run = StepRun {
        dockerfile: "/d".into(),
        stage: "s".into(),
        position: 1,
        instruction: "RUN x".into(),
        definition: [2; 32],
        key,
        started: std::time::UNIX_EPOCH + Duration::from_secs(9),
        took: Duration::from_secs(1),
        bytes: 3,
        peak_memory: None,
        exit_status: Some(1),
        reason: String::new(),
    };
    for i in 0..60 {
        run.bytes = i;
        store.put_execution(&run).unwrap();
    }
    let last = store.executions_at("/d", "s", 1, 100).unwrap();
    assert_eq!((last.len(), last[0].clone()), (50, run.clone()));
    assert_eq!(store.executions_of(&[2; 32], 2).unwrap()[1].bytes, 58);
    for i in 0..25 {
        store.put_build("ctx", &i.to_string()).unwrap();
    }
    assert_eq!(store.last_build("ctx").unwrap().unwrap().document, "24");
    assert_eq!(store.builds("ctx", 100).unwrap().len(), 20);
}

#[test]
fn collection_takes_only_what_nothing_reaches() {
    let place = Place::new();
    let store = place.store();
    let lease = store.lease().unwrap();
    let [image, record, pinned, loose] =
        ["i", "r", "p", "l"].map(|n| layer_with(&store, &lease, &[(n, "12345")]));
    let here = |l: &Layer| store.layer(&l.diff_id).unwrap().is_some();
    assert_eq!(
        store.collect(&CollectOptions::default()).unwrap(),
        Collected::default(),
        "the lease holds all"
    );
    let id = store
        .put_image(&config(&[image.diff_id]), None, &[image.diff_id])
        .unwrap();
    store
        .put_record(
            &CacheKey([1; 32]),
            &NewRecord {
                layer: Some(record.diff_id),
                ..NewRecord::default()
            },
        )
        .unwrap();
    store.pin("container/x", None, &[pinned.diff_id]).unwrap();
    drop(lease);
    let dry = store
        .collect(&CollectOptions {
            dry_run: true,
            ..CollectOptions::default()
        })
        .unwrap();
    assert!(here(&loose));
    assert_eq!(store.collect(&CollectOptions::default()).unwrap(), dry);
    assert_eq!(
        dry,
        Collected {
            layers: 1,
            bytes: 5,
            ..Collected::default()
        }
    );
    assert!(here(&image) && here(&record) && here(&pinned) && !here(&loose));
    let freed = store
        .collect(&CollectOptions {
            max_bytes: Some(10),
            ..CollectOptions::default()
        })
        .unwrap();
    assert_eq!((freed.records, freed.layers), (1, 1));
    assert!(here(&image) && !here(&record));
    let freed = store
        .collect(&CollectOptions {
            unnamed_images: true,
            ..CollectOptions::default()
        })
        .unwrap();
    assert_eq!((freed.images, freed.layers), (1, 1));
    assert!(store.image_by_id(&id).unwrap().is_none() && here(&pinned));
}

#[test]
fn the_store_is_closed_to_others_and_refuses_what_it_does_not_know() {
    let place = Place::new();
    assert!(Store::open_read_only(&place.paths()).unwrap().is_none());
    assert!(!place.paths().root().exists());
    drop(place.store());
    for folder in [
        place.paths().root().to_owned(),
        place.paths().work(),
        place.paths().layers(),
        place.paths().blobs(),
    ] {
        assert_eq!(fs::metadata(folder).unwrap().mode() & 0o777, 0o700);
    }
    let reader = Store::open_read_only(&place.paths()).unwrap().unwrap();
    assert!(reader.images().unwrap().is_empty());
    assert!(matches!(
        reader.put_build("x", "y"),
        Err(StoreError::ReadOnly { .. })
    ));
    drop(reader);
    let sqlite = rusqlite::Connection::open(place.paths().database()).unwrap();
    sqlite.pragma_update(None, "user_version", 99).unwrap();
    drop(sqlite);
    assert!(matches!(
        Store::open(&place.paths()),
        Err(StoreError::Newer { found: 99, .. })
    ));
    for suffix in ["-wal", "-shm"] {
        let mut name = place.paths().database().into_os_string();
        name.push(suffix);
        let _ = fs::remove_file(name);
    }
    fs::write(place.paths().database(), vec![b'x'; 8192]).unwrap();
    let message = Store::open(&place.paths()).err().unwrap().to_string();
    assert!(
        message.contains("cooperage.db is damaged") && message.contains("move it away"),
        "{message}"
    );
}

#[test]
fn many_commit_the_same_at_once() {
    let place = Place::new();
    let work = |_: u32| {
        let store = place.store();
        let lease = store.lease().unwrap();
        let layer = layer_with(&store, &lease, &[("a/b", "1"), ("c", "2")]);
        let id = store
            .put_image(&config(&[layer.diff_id]), None, &[layer.diff_id])
            .unwrap();
        store
            .tag(&Reference::parse_normalized("same").unwrap(), &id)
            .unwrap();
        store
            .put_record(
                &CacheKey([1; 32]),
                &NewRecord {
                    layer: Some(layer.diff_id),
                    ..NewRecord::default()
                },
            )
            .unwrap();
        store.collect(&CollectOptions::default()).unwrap();
        layer
    };
    let layers: Vec<Layer> = std::thread::scope(|s| {
        let threads: Vec<_> = (0..8).map(|i| s.spawn(move || work(i))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(layers.windows(2).all(|l| l[0].diff_id == l[1].diff_id));
    let store = place.store();
    assert_eq!(tar_of(&store, &layers[0]).len() % 512, 0);
    assert_eq!(store.images().unwrap().len(), 1);
    assert_eq!(fs::read_dir(place.paths().work()).unwrap().count(), 0);
}

/// Body of the process that [`a_killed_process_leaves_nothing_behind`] kills; does nothing by itself.
#[test]
fn child_that_is_killed() {
    let Some(root) = std::env::var_os("COOPERAGE_TEST_STORE") else {
        return;
    };
    let store = Store::open(&Paths::new(
        Path::new(&root).join("store"),
        Path::new(&root).join("run"),
    ))
    .unwrap();
    for i in 0_u32.. {
        let lease = store.lease().unwrap();
        let content = format!("{i}-{}", std::process::id());
        let layer = layer_with(&store, &lease, &[("x/file", &content), ("y", &content)]);
        let id = store
            .put_image(&config(&[layer.diff_id]), None, &[layer.diff_id])
            .unwrap();
        store
            .tag(
                &Reference::parse_normalized(&format!("img{}", i % 3)).unwrap(),
                &id,
            )
            .unwrap();
        let mut blob = store.blob_writer(&lease).unwrap();
        blob.write_all(content.as_bytes()).unwrap();
        blob.commit(None).unwrap();
        if i == 2 {
            println!("ready");
        }
    }
}

#[test]
fn a_killed_process_leaves_nothing_behind() {
    let place = Place::new();
    for round in 0..6_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_is_killed", "--nocapture"])
            .env("COOPERAGE_TEST_STORE", &place.root)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = String::new();
        let mut buffer = [0; 256];
        while !out.contains("ready") {
            let n = child.stdout.as_mut().unwrap().read(&mut buffer).unwrap();
            assert!(n > 0, "the child ended: {out}");
            out += &String::from_utf8_lossy(&buffer[..n]);
        }
        std::thread::sleep(Duration::from_millis(7 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = place.store();
        assert_eq!(
            fs::read_dir(place.paths().work()).unwrap().count(),
            0,
            "leases are collected"
        );
        for image in store.images().unwrap() {
            for diff_id in &image.layers {
                store
                    .write_layer_tar(diff_id, &mut std::io::sink())
                    .unwrap();
            }
        }
        store
            .collect(&CollectOptions {
                unnamed_images: true,
                ..CollectOptions::default()
            })
            .unwrap();
        assert_eq!(
            fs::read_dir(place.paths().layers()).unwrap().count(),
            store.images().unwrap().len()
        );
        assert_eq!(fs::read_dir(place.paths().blobs()).unwrap().count(), 0);
    }
}

#[test]
fn after_a_power_cut_a_layer_is_believed_only_when_it_is_whole() {
    let place = Place::new();
    let store = place.store();
    let commit = |text: &str| {
        let lease = store.lease().unwrap();
        let draft = store.draft_layer(&lease).unwrap();
        fs::write(draft.fs().join("file"), text).unwrap();
        draft.commit().unwrap()
    };
    let (whole, torn) = (commit("whole"), commit("torn"));
    for layer in [&whole, &torn] {
        fs::write(layer.dir.with_file_name("unsynced"), "an earlier boot").unwrap();
    }
    // What ext4 leaves of a file whose data was not written.
    fs::write(torn.dir.join("file"), "").unwrap();
    assert_eq!(store.layer(&whole.diff_id).unwrap().as_ref(), Some(&whole));
    assert!(!whole.dir.with_file_name("unsynced").exists());
    assert_eq!(store.layer(&torn.diff_id).unwrap(), None);
    assert!(!torn.dir.exists());
}
