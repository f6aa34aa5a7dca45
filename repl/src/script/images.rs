//! `images`, `image`, `pull`, `tag`, `rmi`, `layers`, `load`, `save`, `base` and the types they return.

use super::error::{option, raise};
use super::options::Options;
use super::value::array;
use super::{Outcome, session};
use crate::error::Kind;
use crate::render::json;
use crate::render::progress::Mode;
use crate::session::Session;
use crate::units::{Size, rfc3339};
use crate::value::short_id;
use cooperage_runtime::engine::{FileInfo, Image as Stored, LayerInfo, SaveFormat};
use rhai::{Array, Dynamic, Engine, INT, Map, NativeCallContext};
use std::path::Path;

/// An image as scripts see it.
#[derive(Clone)]
pub(crate) struct Image {
    session: Session,
    /// What the engine knows of it.
    pub(crate) image: Stored,
}

impl Image {
    pub(super) fn new(session: &Session, image: Stored) -> Self {
        Self {
            session: session.clone(),
            image,
        }
    }

    /// Its full id: a name of it that stays.
    pub(super) fn id(&self) -> String {
        self.image.id.to_string()
    }
}

/// A layer as scripts see it.
#[derive(Clone)]
pub(crate) struct Layer {
    session: Session,
    image: String,
    info: LayerInfo,
}

impl Layer {
    /// What the store tells of it.
    pub(super) fn info(&self) -> &LayerInfo {
        &self.info
    }

    pub(super) fn new(session: &Session, image: &str, info: LayerInfo) -> Self {
        Self {
            session: session.clone(),
            image: image.to_owned(),
            info,
        }
    }
}

/// A file of a layer.
#[derive(Clone)]
pub(crate) struct File(pub(crate) FileInfo);

/// The name an argument gives: a text, or an image object.
pub(super) fn name(value: &Dynamic) -> String {
    value
        .read_lock::<Image>()
        .map_or_else(|| value.to_string(), |image| image.id())
}

fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Array {
    items
        .into_iter()
        .map(|item| Dynamic::from(item.to_string()))
        .collect()
}

pub(super) fn register(engine: &mut Engine) {
    functions(engine);
    image_type(engine);
    layer_type(engine);
}

fn functions(engine: &mut Engine) {
    engine.register_fn("images", |context: NativeCallContext<'_>| {
        images(&context, Map::new())
    });
    engine.register_fn("images", |context: NativeCallContext<'_>, map: Map| {
        images(&context, map)
    });
    engine.register_fn(
        "image",
        |context: NativeCallContext<'_>, name: &str| -> Outcome<Image> {
            let session = session(&context);
            let image = raise(raise(session.engine())?.image(name))?;
            Ok(Image::new(&session, image))
        },
    );
    engine.register_fn(
        "try_image",
        |context: NativeCallContext<'_>, name: &str| -> Outcome<Dynamic> {
            let session = session(&context);
            match raise(session.engine())?
                .image(name)
                .map_err(crate::error::CommandError::from)
            {
                Ok(image) => Ok(Dynamic::from(Image::new(&session, image))),
                Err(error) if error.kind == Kind::NotFound => Ok(Dynamic::UNIT),
                Err(error) => raise(Err(error)),
            }
        },
    );
    engine.register_fn("pull", |context: NativeCallContext<'_>, name: &str| {
        pull(&context, name, Map::new())
    });
    engine.register_fn(
        "pull",
        |context: NativeCallContext<'_>, name: &str, map: Map| pull(&context, name, map),
    );
    engine.register_fn(
        "tag",
        |context: NativeCallContext<'_>, image: Dynamic, to: &str| -> Outcome<()> {
            raise(raise(session(&context).engine())?.tag(&name(&image), to))
        },
    );
    engine.register_fn("rmi", |context: NativeCallContext<'_>, image: Dynamic| {
        rmi(&context, &image, Map::new())
    });
    engine.register_fn(
        "rmi",
        |context: NativeCallContext<'_>, image: Dynamic, map: Map| rmi(&context, &image, map),
    );
    engine.register_fn(
        "layers",
        |context: NativeCallContext<'_>, image: Dynamic| -> Outcome<Dynamic> {
            layers(&session(&context), &name(&image))
        },
    );
    engine.register_fn(
        "load",
        |context: NativeCallContext<'_>, path: &str| -> Outcome<Dynamic> {
            let session = session(&context);
            let loaded = raise(raise(session.engine())?.load(Path::new(path)))?;
            Ok(array(
                loaded.into_iter().map(|image| Image::new(&session, image)),
            ))
        },
    );
    engine.register_fn(
        "save",
        |context: NativeCallContext<'_>, image: Dynamic, path: &str| {
            save(context, image, path, Map::new())
        },
    );
    engine.register_fn("save", save);
    engine.register_fn(
        "image_import",
        |context: NativeCallContext<'_>, path: &str, map: Map| -> Outcome<Image> {
            let session = session(&context);
            let mut options = Options::new("image_import", map, &["tag"])?;
            let tag = options.text("tag")?;
            let image = raise(raise(session.engine())?.import(Path::new(path), tag.as_deref()))?;
            Ok(Image::new(&session, image))
        },
    );
    engine.register_fn("base", |context: NativeCallContext<'_>, tag: &str| {
        base(&context, tag, &Array::new())
    });
    engine.register_fn(
        "base",
        |context: NativeCallContext<'_>, tag: &str, programs: Array| base(&context, tag, &programs),
    );
}

/// The images of the store, newest first. Options: `reference` (a pattern), `dangling`.
fn images(context: &NativeCallContext<'_>, map: Map) -> Outcome<Dynamic> {
    let session = session(context);
    let mut options = Options::new("images", map, &["reference", "dangling"])?;
    let (pattern, dangling) = (options.text("reference")?, options.flag("dangling")?);
    let all = raise(raise(session.engine())?.images())?;
    let chosen = crate::commands::images::select(all, pattern.as_deref(), dangling);
    Ok(array(
        chosen.into_iter().map(|image| Image::new(&session, image)),
    ))
}

/// Brings an image from its registry. Options: `platform`, `progress`.
fn pull(context: &NativeCallContext<'_>, name: &str, map: Map) -> Outcome<Image> {
    let session = session(context);
    let mut options = Options::new("pull", map, &["platform", "progress"])?;
    let platform = options.text("platform")?;
    let mode = super::builds::progress(options.text("progress")?)?;
    let image = raise(crate::commands::pull::execute(
        &session,
        name,
        platform.as_deref(),
        mode.unwrap_or(Mode::Auto),
    ))?;
    Ok(Image::new(&session, image))
}

/// Removes an image or a name of it. Options: `force`. Returns what was removed, one line each.
fn rmi(context: &NativeCallContext<'_>, image: &Dynamic, map: Map) -> Outcome<Array> {
    let mut options = Options::new("rmi", map, &["force"])?;
    let force = options.flag("force")?;
    let removed = raise(raise(session(context).engine())?.rmi(&name(image), force))?;
    Ok(texts(removed))
}

fn layers(session: &Session, image: &str) -> Outcome<Dynamic> {
    let layers = raise(raise(session.engine())?.layers(image))?;
    Ok(array(
        layers
            .into_iter()
            .map(|info| Layer::new(session, image, info)),
    ))
}

/// Writes images to an archive. Options: `format`, "docker" or "oci".
fn save(context: NativeCallContext<'_>, images: Dynamic, path: &str, map: Map) -> Outcome<()> {
    let mut options = Options::new("save", map, &["format"])?;
    let format = match options.text("format")?.as_deref() {
        None | Some("docker") => SaveFormat::Docker,
        Some("oci") => SaveFormat::Oci,
        Some(other) => {
            return raise(Err(crate::error::CommandError::invalid(format!(
                "save: format `{other}` is neither docker nor oci"
            ))));
        }
    };
    let names: Vec<String> = match images.read_lock::<Array>() {
        Some(images) => images.iter().map(name).collect(),
        None => vec![name(&images)],
    };
    raise(raise(session(&context).engine())?.save(&names, Some(Path::new(path)), format))
}

/// Makes a base image of programs of this machine.
fn base(context: &NativeCallContext<'_>, tag: &str, programs: &Array) -> Outcome<Image> {
    let session = session(context);
    let programs: Vec<String> = programs.iter().map(ToString::to_string).collect();
    let image = raise(raise(session.engine())?.base(tag, &programs))?;
    Ok(Image::new(&session, image))
}

fn image_type(engine: &mut Engine) {
    engine.register_type_with_name::<Image>("Image");
    engine.register_get("id", |i: &mut Image| i.id());
    engine.register_get("digest", |i: &mut Image| i.image.digest.to_string());
    engine.register_get("tags", |i: &mut Image| texts(&i.image.names));
    engine.register_get("size", |i: &mut Image| Size(i.image.size));
    engine.register_get("created", |i: &mut Image| {
        option(i.image.created.map(rfc3339))
    });
    engine.register_get("os", |i: &mut Image| i.image.os.clone());
    engine.register_get("arch", |i: &mut Image| i.image.architecture.clone());
    engine.register_get("env", |i: &mut Image| -> Map {
        let pairs = i
            .image
            .config
            .config
            .env
            .iter()
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs
            .map(|(name, value)| (name.into(), Dynamic::from(value.to_owned())))
            .collect()
    });
    engine.register_get("labels", |i: &mut Image| -> Map {
        i.image
            .config
            .config
            .labels
            .iter()
            .map(|(k, v)| (k.as_str().into(), Dynamic::from(v.clone())))
            .collect()
    });
    engine.register_get("entrypoint", |i: &mut Image| {
        option(i.image.config.config.entrypoint.as_ref().map(texts))
    });
    engine.register_get("cmd", |i: &mut Image| {
        option(i.image.config.config.cmd.as_ref().map(texts))
    });
    engine.register_get("workdir", |i: &mut Image| {
        i.image.config.config.working_dir.clone()
    });
    engine.register_get("user", |i: &mut Image| i.image.config.config.user.clone());
    engine.register_get("ports", |i: &mut Image| {
        texts(i.image.config.config.exposed_ports.keys())
    });
    engine.register_get("volumes", |i: &mut Image| {
        texts(i.image.config.config.volumes.keys())
    });
    engine.register_get("config", |i: &mut Image| {
        super::value::from_json(&json::inspect(&i.image)["Config"])
    });
    engine.register_get("history", |i: &mut Image| {
        texts(i.image.config.history.iter().map(|entry| &entry.created_by))
    });
    engine.register_get("layers", |i: &mut Image| -> Outcome<Dynamic> {
        layers(&i.session, &i.id())
    });
    engine.register_fn("tag", |i: &mut Image, to: &str| -> Outcome<()> {
        raise(raise(i.session.engine())?.tag(&i.id(), to))
    });
    engine.register_fn("untag", |i: &mut Image, tag: &str| -> Outcome<()> {
        raise(raise(i.session.engine())?.rmi(tag, false)).map(drop)
    });
    engine.register_fn("rm", |i: &mut Image| -> Outcome<Array> {
        Ok(texts(raise(
            raise(i.session.engine())?.rmi(&i.id(), false),
        )?))
    });
    engine.register_fn("save", |i: &mut Image, path: &str| -> Outcome<()> {
        raise(raise(i.session.engine())?.save(&[i.id()], Some(Path::new(path)), SaveFormat::Docker))
    });
    engine.register_fn("to_json", |i: &mut Image| json::image(&i.image).to_string());
    engine.register_fn("to_map", |i: &mut Image| {
        super::value::from_json(&json::image(&i.image))
    });
    engine.register_fn("==", |a: Image, b: Image| a.image.id == b.image.id);
    for name in ["to_string", "to_debug"] {
        engine.register_fn(name, |i: &mut Image| {
            let names = if i.image.names.is_empty() {
                "<none>".to_owned()
            } else {
                i.image.names.join(", ")
            };
            format!("{names} ({}) {}", short_id(&i.id()), Size(i.image.size))
        });
    }
}

fn layer_type(engine: &mut Engine) {
    engine
        .register_type_with_name::<Layer>("Layer")
        .register_type_with_name::<File>("FileEntry");
    engine.register_get("index", |l: &mut Layer| l.info.index as INT);
    engine.register_get("diff_id", |l: &mut Layer| l.info.diff_id.clone());
    engine.register_get("size", |l: &mut Layer| Size(l.info.size));
    engine.register_get("file_count", |l: &mut Layer| l.info.files as INT);
    engine.register_get("created_by", |l: &mut Layer| l.info.created_by.clone());
    engine.register_get("files", |l: &mut Layer| -> Outcome<Dynamic> {
        let files = raise(raise(l.session.engine())?.files(&l.image, l.info.index))?;
        Ok(array(files.into_iter().map(File)))
    });
    engine.register_fn("to_json", |l: &mut Layer| json::layer(&l.info).to_string());
    engine.register_fn("to_map", |l: &mut Layer| {
        super::value::from_json(&json::layer(&l.info))
    });
    engine.register_get("path", |f: &mut File| f.0.path.clone());
    engine.register_get("kind", |f: &mut File| f.0.kind.clone());
    engine.register_get("size", |f: &mut File| Size(f.0.size));
    engine.register_get("mode", |f: &mut File| INT::from(f.0.mode));
    engine.register_get("uid", |f: &mut File| INT::from(f.0.uid));
    engine.register_get("gid", |f: &mut File| INT::from(f.0.gid));
    engine.register_get("link", |f: &mut File| option(f.0.link.clone()));
    engine.register_fn("to_map", |f: &mut File| {
        super::value::from_json(&json::file(&f.0))
    });
    for name in ["to_string", "to_debug"] {
        engine.register_fn(name, |l: &mut Layer| {
            format!(
                "{}  {}  {}",
                l.info.index,
                Size(l.info.size),
                l.info.created_by
            )
        });
        engine.register_fn(name, |f: &mut File| f.0.path.clone());
    }
}
