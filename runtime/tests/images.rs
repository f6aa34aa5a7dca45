//! Images through archives, layouts and folders, with `skopeo` and `tar` as independent readers and writers.

use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::reference::Reference;
use cooperage_lang::plan::config::ImageConfig;
use cooperage_runtime::build::request::{Output, OutputKind};
use cooperage_runtime::engine::Paths;
use cooperage_runtime::image::base::assemble_base;
use cooperage_runtime::image::export::{ExportError, export};
use cooperage_runtime::image::import::{ImportOptions, ImportSource, import};
use cooperage_runtime::image::load::{LoadError, LoadSource, ingest_layout, layout_digest, load};
use cooperage_runtime::image::manifest::Codec;
use cooperage_runtime::image::rootfs;
use cooperage_runtime::image::save::{SaveFormat, SaveImage, SaveTarget, save};
use cooperage_runtime::image::tarball::{Item, Kind, TarWriter};
use cooperage_runtime::image::{inspect, load as loading};
use cooperage_runtime::store::{ImageRecord, Store};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "cooperage-images-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    fn store(&self, name: &str) -> Store {
        let paths = Paths::new(self.0.join(name), self.0.join(format!("{name}-run")));
        Store::open(&paths).expect("a store")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn host() -> Platform {
    Platform::new("linux", std::env::consts::ARCH, "").normalize()
}

fn name(text: &str) -> Reference {
    Reference::parse_normalized(text).expect("a name")
}

fn options(names: &[&str]) -> ImportOptions {
    ImportOptions {
        platform: host(),
        config: ImageConfig::default(),
        created: None,
        created_by: "import".to_owned(),
        comment: String::new(),
        names: names.iter().map(|n| name(n)).collect(),
    }
}

/// A root with one of each kind of entry.
fn sample() -> Vec<u8> {
    let mut tar = TarWriter::new(Vec::new());
    tar.dir("etc", 0o755, 1_000_000_000).expect("writes");
    tar.file("etc/hello", 0o640, 1_000_000_001, b"hello\n")
        .expect("writes");
    let mut file = Item::new(b"etc/first", Kind::File(3), 0o4755);
    (file.uid, file.gid, file.mtime) = (11, 22, 1_000_000_002);
    tar.append(&file, &mut &b"abc"[..]).expect("writes");
    tar.append(
        &Item::new(b"etc/second", Kind::HardLink(b"etc/first"), 0o4755),
        &mut io::empty(),
    )
    .expect("writes");
    tar.append(
        &Item::new(b"etc/link", Kind::Symlink(b"../../outside"), 0o777),
        &mut io::empty(),
    )
    .expect("writes");
    tar.dir("tmp", 0o1777, 5).expect("writes");
    tar.finish().expect("writes")
}

fn imported(store: &Store, names: &[&str]) -> ImageRecord {
    import(
        store,
        ImportSource::Reader(&mut &sample()[..]),
        &options(names),
    )
    .expect("an image")
}

fn image(record: &ImageRecord, names: &[&str]) -> SaveImage {
    SaveImage {
        record: record.clone(),
        names: names.iter().map(|n| name(n)).collect(),
    }
}

fn archive(
    store: &Store,
    images: &[SaveImage],
    format: SaveFormat,
    codec: Option<Codec>,
) -> Vec<u8> {
    let mut out = Vec::new();
    save(store, images, format, codec, SaveTarget::Stream(&mut out)).expect("an archive");
    out
}

#[test]
fn images_survive_every_form_of_archive() {
    let folder = Folder::new();
    let store = folder.store("one");
    let record = imported(&store, &["sample:1"]);
    for format in [SaveFormat::Oci, SaveFormat::Docker] {
        for codec in [None, Some(Codec::Gzip), Some(Codec::Zstd)] {
            let bytes = archive(
                &store,
                &[image(&record, &["sample:1", "other/name:2"])],
                format,
                codec,
            );
            assert!(
                bytes
                    == archive(
                        &store,
                        &[image(&record, &["sample:1", "other/name:2"])],
                        format,
                        codec
                    )
            );
            let target = folder.store(&format!("{format:?}{codec:?}"));
            let loaded =
                load(&target, LoadSource::Reader(&mut &bytes[..]), &host()).expect("images");
            assert_eq!(loaded.len(), 1);
            assert_eq!(
                (&loaded[0].id, &loaded[0].layers),
                (&record.id, &record.layers)
            );
            assert_eq!(loaded[0].names, [name("sample:1"), name("other/name:2")]);
        }
    }
}

#[test]
fn an_old_docker_archive_with_linked_layers_is_read() {
    let folder = Folder::new();
    let store = folder.store("one");
    let record = imported(&store, &[]);
    let documents = store
        .image_documents(&record.id)
        .expect("reads")
        .expect("documents");
    let mut layer = Vec::new();
    store
        .write_layer_tar(&record.layers[0], &mut layer)
        .expect("a layer");
    let mut tar = TarWriter::new(Vec::new());
    let config = format!("{}.json", record.id.hex());
    tar.file(&config, 0o644, 0, &documents.config)
        .expect("writes");
    tar.file("aaa/layer.tar", 0o644, 0, &layer).expect("writes");
    tar.append(
        &Item::new(b"bbb/layer.tar", Kind::Symlink(b"../aaa/layer.tar"), 0o777),
        &mut io::empty(),
    )
    .expect("writes");
    let manifest =
        format!(r#"[{{"Config":"{config}","RepoTags":["old:1"],"Layers":["bbb/layer.tar"]}}]"#);
    tar.file("manifest.json", 0o644, 0, manifest.as_bytes())
        .expect("writes");
    let bytes = tar.finish().expect("writes");
    let target = folder.store("two");
    let loaded = load(&target, LoadSource::Reader(&mut &bytes[..]), &host()).expect("images");
    assert_eq!(
        (&loaded[0].id, loaded[0].names.as_slice()),
        (&record.id, &[name("old:1")][..])
    );
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn another_program_reads_and_writes_the_same_archives() {
    if Command::new("skopeo").arg("--version").output().is_err() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "`skopeo` is needed in CI"
        );
        eprintln!("skipped: `skopeo` is not installed");
        return;
    }
    let folder = Folder::new();
    let store = folder.store("one");
    let record = imported(&store, &[]);
    let copy = |from: String, to: String| {
        let output = Command::new("skopeo")
            .args(["--insecure-policy", "copy", "--quiet", &from, &to])
            .output();
        let output = output.expect("skopeo runs");
        assert!(
            output.status.success(),
            "{from} {to}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let path = |name: &str| folder.0.join(name).display().to_string();
    let ours = [
        (SaveFormat::Oci, "oci-archive"),
        (SaveFormat::Docker, "docker-archive"),
    ];
    for (format, transport) in ours {
        let file = path(&format!("{transport}.tar"));
        std::fs::write(
            &file,
            archive(&store, &[image(&record, &["x:1"])], format, None),
        )
        .expect("a file");
        for (theirs, suffix) in [
            ("oci-archive", ":y:2"),
            ("docker-archive", ":y:2"),
            ("oci", ":y"),
        ] {
            let written = path(&format!("{transport}-{theirs}"));
            copy(
                format!("{transport}:{file}"),
                format!("{theirs}:{written}{suffix}"),
            );
            let target = folder.store(&format!("{transport}-{theirs}-store"));
            let loaded =
                load(&target, LoadSource::Path(written.as_ref()), &host()).expect("images");
            assert_eq!(loaded.len(), 1, "{transport} {theirs}");
            assert_eq!(loaded[0].layers, record.layers, "{transport} {theirs}");
        }
    }
}

#[test]
fn broken_archives_leave_nothing() {
    let folder = Folder::new();
    let store = folder.store("one");
    let record = imported(&store, &[]);
    let whole = archive(
        &store,
        &[image(&record, &["a:1"])],
        SaveFormat::Oci,
        Some(Codec::Gzip),
    );
    let mut changed = whole.clone();
    let at = whole
        .windows(3)
        .position(|w| w == [0x1f, 0x8b, 8])
        .expect("a packed layer")
        + 40;
    changed[at] ^= 0x55;
    let target = folder.store("two");
    for (what, bytes) in [
        ("cut", &whole[..whole.len() / 2]),
        ("changed", &changed[..]),
        ("empty", b""),
        ("foreign", &[7; 4096]),
    ] {
        let result = load(&target, LoadSource::Reader(&mut &bytes[..]), &host());
        assert!(result.is_err(), "{what}");
        assert!(target.images().expect("a list").is_empty(), "{what}");
        assert!(
            target.layer(&record.layers[0]).expect("reads").is_none(),
            "{what}"
        );
        let left: Vec<_> = std::fs::read_dir(target.paths().work())
            .expect("a folder")
            .collect();
        assert!(left.is_empty(), "{what}: {left:?}");
    }
}

#[test]
fn a_layout_context_is_ingested_once() {
    let folder = Folder::new();
    let store = folder.store("one");
    let record = imported(&store, &[]);
    let layout = folder.0.join("layout");
    let two = [image(&record, &["x:latest"])];
    save(
        &store,
        &two,
        SaveFormat::Oci,
        None,
        SaveTarget::Folder(&layout),
    )
    .expect("a layout");
    let target = folder.store("two");
    let text = layout.display().to_string();
    for form in [
        text.clone(),
        format!("{text}:latest"),
        format!(
            "{text}@{}",
            layout_digest(&text, &host()).expect("a digest")
        ),
    ] {
        let ingested = ingest_layout(&target, &form, &host()).expect("an image");
        assert_eq!(
            (&ingested.id, ingested.names.len()),
            (&record.id, 0),
            "{form}"
        );
    }
    assert_eq!(
        loading::layout_config(&text, &host()).expect("a config"),
        store
            .image_documents(&record.id)
            .expect("reads")
            .expect("documents")
            .config
    );
    // The second time the layers are not read: without them it works all the same.
    let blob = layout.join("blobs/sha256").join(record.layers[0].hex());
    std::fs::remove_file(blob).expect("the layer's blob");
    ingest_layout(&target, &text, &host()).expect("an image");
    let error = ingest_layout(&target, &format!("{text}:none"), &host()).expect_err("an error");
    assert!(matches!(error, LoadError::NoImage { .. }), "{error}");
    assert!(matches!(
        ingest_layout(&target, &folder.0.join("no").display().to_string(), &host()),
        Err(LoadError::Archive(_))
    ));
}

#[test]
fn the_files_of_an_image_as_archive_and_folder() {
    let folder = Folder::new();
    let store = folder.store("one");
    let record = imported(&store, &[]);
    let mut tar = Vec::new();
    rootfs::write_tar(&store, &record.layers, Some(1_000_000_001), &mut tar).expect("an archive");
    let again =
        import(&store, ImportSource::Reader(&mut &tar[..]), &options(&[])).expect("an image");
    assert_ne!(
        again.layers, record.layers,
        "the clamped time makes another layer"
    );
    let mut whole = Vec::new();
    rootfs::write_tar(&store, &record.layers, None, &mut whole).expect("an archive");
    let again =
        import(&store, ImportSource::Reader(&mut &whole[..]), &options(&[])).expect("an image");
    assert_eq!(again.layers, record.layers);

    // A folder in which a link stands where the image has a folder: nothing is written through it.
    let (out, outside) = (folder.0.join("out"), folder.0.join("outside"));
    std::fs::create_dir(&out).expect("a folder");
    std::fs::create_dir(&outside).expect("a folder");
    symlink(&outside, out.join("etc")).expect("a link");
    rootfs::write_folder(&store, &record.layers, None, &out).expect("a folder");
    assert_eq!(std::fs::read_dir(&outside).expect("a folder").count(), 0);
    assert_eq!(
        std::fs::read(out.join("etc/hello")).expect("a file"),
        b"hello\n"
    );
    let facts = |path: &str| std::fs::symlink_metadata(out.join(path)).expect("an entry");
    assert_eq!(facts("etc/first").ino(), facts("etc/second").ino());
    assert_eq!(
        (
            facts("etc/hello").permissions().mode() & 0o7777,
            facts("etc/hello").mtime()
        ),
        (0o640, 1_000_000_001)
    );
    assert_eq!(
        (
            facts("tmp").permissions().mode() & 0o7777,
            facts("etc").mtime()
        ),
        (0o1777, 1_000_000_000)
    );
    assert!(facts("etc/link").is_symlink());
    // And again over itself.
    rootfs::write_folder(&store, &record.layers, None, &out).expect("a folder");
}

#[test]
fn a_folder_becomes_the_same_image_as_its_archive() {
    let folder = Folder::new();
    let store = folder.store("one");
    let root = folder.0.join("root");
    std::fs::create_dir_all(root.join("a/b")).expect("folders");
    std::fs::write(root.join("a/b/f"), "text").expect("a file");
    std::fs::hard_link(root.join("a/b/f"), root.join("a/g")).expect("a link");
    symlink("b/f", root.join("a/l")).expect("a link");
    let one = import(&store, ImportSource::Path(&root), &options(&[])).expect("an image");
    let file = folder.0.join("root.tar.gz");
    let status = Command::new("tar")
        .arg("-C")
        .arg(&root)
        .arg("-czf")
        .arg(&file)
        .arg("a")
        .status()
        .expect("tar runs");
    assert!(status.success());
    let two = import(&store, ImportSource::Path(&file), &options(&[])).expect("an image");
    assert_eq!(one.layers, two.layers);
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn a_base_image_runs_its_shell() {
    let folder = Folder::new();
    let store = folder.store("one");
    let record = assemble_base(
        &store,
        &["sh".to_owned(), "ls".to_owned()],
        &host(),
        vec![name("base:1")],
    )
    .expect("an image");
    let again = assemble_base(
        &store,
        &["sh".to_owned(), "ls".to_owned()],
        &host(),
        Vec::new(),
    )
    .expect("an image");
    assert_eq!(record.id, again.id);
    let document = inspect::inspect(&store, &record).expect("a document");
    assert_eq!(document["RepoTags"], serde_json::json!(["base:1"]));
    assert_eq!(document["Config"]["Cmd"], serde_json::json!(["sh"]));
    assert_eq!(
        inspect::history(&store, &record).expect("lines")[0].created_by,
        "cooper base"
    );
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: running it needs chroot, which needs root");
        return;
    }
    let out = folder.0.join("root");
    rootfs::write_folder(&store, &record.layers, None, &out).expect("a folder");
    let output = Command::new("chroot")
        .arg(&out)
        .args(["/bin/sh", "-c", "ls -d /tmp && echo ok"])
        .output()
        .expect("chroot runs");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "/tmp\nok\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn outputs_of_a_build() {
    let folder = Folder::new();
    let store = folder.store("one");
    let record = imported(&store, &[]);
    let output = |kind, dest: Option<&str>| Output {
        kind,
        dest: dest.map(|d| folder.0.join(d)),
        tar: None,
        compression: None,
        name: None,
    };
    let mut stdout = Vec::new();
    let mut write =
        |output: &Output| export(&store, (&record, &[name("x:1")]), output, None, &mut stdout);
    write(&output(OutputKind::Oci, Some("o.tar"))).expect("an archive");
    write(&output(OutputKind::Docker, Some("d.tar"))).expect("an archive");
    write(&Output {
        tar: Some(false),
        ..output(OutputKind::Oci, Some("layout"))
    })
    .expect("a layout");
    write(&output(OutputKind::Local, Some("files"))).expect("a folder");
    write(&output(OutputKind::Tar, None)).expect("an archive");
    assert!(matches!(
        write(&output(OutputKind::Local, None)),
        Err(ExportError::NoDest(_))
    ));
    assert!(
        write(&Output {
            compression: Some("lz4".to_owned()),
            ..output(OutputKind::Oci, Some("bad.tar"))
        })
        .is_err()
    );
    assert!(!folder.0.join("bad.tar").exists());
    let again = import(
        &store,
        ImportSource::Reader(&mut &stdout[..]),
        &options(&[]),
    )
    .expect("an image");
    assert_eq!(again.layers, record.layers);
    assert!(folder.0.join("files/etc/hello").is_file());
    for path in ["o.tar", "d.tar", "layout"] {
        let target = folder.store(&format!("{path}-store"));
        let loaded =
            load(&target, LoadSource::Path(&folder.0.join(path)), &host()).expect("images");
        assert_eq!(loaded[0].names, [name("x:1")], "{path}");
    }
}
