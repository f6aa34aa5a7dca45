//! What lies around a text: images, the build context, the files of a stage. Completion and hover ask for it.
//!
//! Like [`World`](crate::world::World), but for suggestions: answers come from what is known here and now, may be
//! incomplete, and never wait for a disk that sleeps or a network.

use crate::plan::config::ImageConfig;
use std::sync::Arc;

/// Answers what the text alone does not tell. Every method may say "nothing known".
pub trait Surroundings {
    /// Images in the local store.
    fn images(&self) -> Listing<ImageName> {
        Listing::unknown()
    }

    /// Tags of the image called `name`, as written and without tag, as far as known: first those of the local store.
    fn tags(&self, name: &str) -> Listing<Tag> {
        let _ = name;
        Listing::unknown()
    }

    /// The image that `reference` names, for `platform` when one is given, as they are written.
    fn image(&self, reference: &str, platform: Option<&str>) -> Option<Arc<ImageFacts>> {
        let _ = (reference, platform);
        None
    }

    /// Entries of the folder at `path` in `files`; `path` is relative to the root of the files, `""` is the root
    /// itself. What an ignore file excludes is not part of the context.
    fn entries(&self, files: Files<'_>, path: &str) -> Listing<Entry> {
        let _ = (files, path);
        Listing::unknown()
    }

    /// Users of `files`.
    fn users(&self, files: Files<'_>) -> Listing<Account> {
        let _ = files;
        Listing::unknown()
    }

    /// Groups of `files`.
    fn groups(&self, files: Files<'_>) -> Listing<Account> {
        let _ = files;
        Listing::unknown()
    }

    /// Names of the programs in the `PATH` of `files`, each once.
    fn programs(&self, files: Files<'_>) -> Listing<String> {
        let _ = files;
        Listing::unknown()
    }

    /// Names of the contexts that the build is given besides the main one.
    fn contexts(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Knows nothing: for texts without a place, and where only the text matters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Surroundings for Nowhere {}

/// Which files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Files<'a> {
    /// The build context, without what is ignored.
    Context,
    /// The stage with the instruction at this offset of the text, as that instruction finds it.
    Before(u32),
    /// What a name in `--from=` means that is no stage: a named context or an image.
    Named(&'a str),
    /// The finished stage with that index.
    Stage(usize),
}

/// Some things, and whether these are all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T> {
    /// The things, the likely ones first.
    pub items: Vec<T>,
    /// Asking again later would bring no more.
    pub complete: bool,
}

impl<T> Listing<T> {
    /// All there is.
    pub const fn of(items: Vec<T>) -> Self {
        Self {
            items,
            complete: true,
        }
    }

    /// Nothing, and nothing to come.
    pub const fn unknown() -> Self {
        Self::of(Vec::new())
    }
}

/// An image of the local store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    /// As one would write it: `debian:12`, `registry.example.com/app:1`.
    pub name: String,
    /// One line: size, age.
    pub detail: String,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The tag.
    pub name: String,
    /// The image is in the local store.
    pub local: bool,
}

/// A file or folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its own name.
    pub name: String,
    /// It is a folder.
    pub folder: bool,
}

/// A user or group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its number.
    pub id: u32,
}

/// What is known of an image.
#[derive(Clone, Debug, Default)]
pub struct ImageFacts {
    /// In normal form: `docker.io/library/debian:12`.
    pub reference: String,
    /// Of the manifest, `sha256:…`.
    pub digest: String,
    /// Platform, `linux/amd64`.
    pub platform: String,
    /// Platforms the name has, as far as known.
    pub platforms: Vec<String>,
    /// Unpacked size, for people: `61.4 MB`.
    pub size: String,
    /// When it was made, for people: `2024-05-01, 3 weeks ago`.
    pub created: String,
    /// Its config.
    pub config: Arc<ImageConfig>,
}

/// Surroundings made of values, for tests.
#[cfg(test)]
#[derive(Default)]
pub(super) struct Memory {
    pub(super) images: Vec<&'static str>,
    pub(super) tags: Vec<(&'static str, &'static [&'static str])>,
    pub(super) facts: Option<Arc<ImageFacts>>,
    /// Paths; folders end in `/`. Those of an image begin with its name and a colon.
    pub(super) paths: Vec<&'static str>,
    pub(super) users: Vec<(&'static str, u32)>,
    pub(super) programs: Vec<&'static str>,
}

#[cfg(test)]
impl Surroundings for Memory {
    fn images(&self) -> Listing<ImageName> {
        let name = |name: &&str| ImageName {
            name: (*name).to_owned(),
            detail: "1.0 MB".to_owned(),
        };
        Listing::of(self.images.iter().map(name).collect())
    }

    fn tags(&self, name: &str) -> Listing<Tag> {
        let tags = self.tags.iter().find(|(n, _)| *n == name);
        let tag = |tag: &&str| Tag {
            name: (*tag).to_owned(),
            local: true,
        };
        Listing {
            items: tags.map_or_else(Vec::new, |(_, tags)| tags.iter().map(tag).collect()),
            complete: false,
        }
    }

    fn image(&self, reference: &str, _: Option<&str>) -> Option<Arc<ImageFacts>> {
        self.facts
            .clone()
            .filter(|facts| facts.reference == reference)
    }

    fn entries(&self, files: Files<'_>, path: &str) -> Listing<Entry> {
        let root = match files {
            Files::Context => String::new(),
            Files::Before(_) => "before:".to_owned(),
            Files::Named(name) => format!("{name}:"),
            Files::Stage(index) => format!("{index}:"),
        };
        let folder = if path.is_empty() {
            root
        } else {
            format!("{root}{path}/")
        };
        let mut entries: Vec<Entry> = Vec::new();
        for rest in self.paths.iter().filter_map(|p| p.strip_prefix(&folder)) {
            let (name, deeper) = rest
                .split_once('/')
                .map_or((rest, false), |(n, _)| (n, true));
            if !name.contains(':') && !name.is_empty() && entries.iter().all(|e| e.name != name) {
                entries.push(Entry {
                    name: name.to_owned(),
                    folder: deeper,
                });
            }
        }
        Listing::of(entries)
    }

    fn users(&self, _: Files<'_>) -> Listing<Account> {
        let account = |(name, id): &(&str, u32)| Account {
            name: (*name).to_owned(),
            id: *id,
        };
        Listing::of(self.users.iter().map(account).collect())
    }

    fn groups(&self, files: Files<'_>) -> Listing<Account> {
        self.users(files)
    }

    fn programs(&self, _: Files<'_>) -> Listing<String> {
        Listing::of(self.programs.iter().map(|p| (*p).to_owned()).collect())
    }
}
