//! Which program `/bin/sh` is in the images that stages are made from, as far as their names tell.

use super::image_name::ImageName;
use super::stages::{froms, parents};
use crate::ide::File;
use crate::instructions::Kind;
use crate::shell::{Dialect, Snippet};
use bstr::ByteSlice;
use std::collections::HashMap;

/// What a shell understands beyond POSIX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Next to nothing: Debian's.
    Dash,
    /// Some of it: BusyBox's.
    Ash,
    /// All of it.
    Bash,
    /// Nobody can tell.
    Unknown,
}

/// Images of Debian and Ubuntu by name, when their tag does not say otherwise.
const DEBIAN: &[&str] = &[
    "buildpack-deps",
    "debian",
    "eclipse-temurin",
    "gcc",
    "golang",
    "httpd",
    "nginx",
    "node",
    "perl",
    "php",
    "postgres",
    "python",
    "redis",
    "ruby",
    "rust",
    "ubuntu",
];

/// Parts of names and tags.
const MARKS: &[(&str, Family)] = &[
    ("alpine", Family::Ash),
    ("busybox", Family::Ash),
    ("bookworm", Family::Dash),
    ("bullseye", Family::Dash),
    ("buster", Family::Dash),
    ("trixie", Family::Dash),
    ("focal", Family::Dash),
    ("jammy", Family::Dash),
    ("noble", Family::Dash),
    ("alma", Family::Bash),
    ("amazonlinux", Family::Bash),
    ("archlinux", Family::Bash),
    ("centos", Family::Bash),
    ("fedora", Family::Bash),
    ("opensuse", Family::Bash),
    ("oraclelinux", Family::Bash),
    ("redhat", Family::Bash),
    ("rhel", Family::Bash),
    ("rocky", Family::Bash),
    ("ubi", Family::Bash),
];

/// The family of each stage's `/bin/sh`.
pub(super) struct Families(HashMap<usize, Family>);

impl Families {
    pub(super) fn of(file: &File) -> Self {
        let parents = parents(file);
        let mut families = HashMap::new();
        for (stage, instruction) in froms(file) {
            let Kind::From(from) = &instruction.kind else {
                continue;
            };
            let parent = parents.get(&stage).and_then(|stage| families.get(stage));
            let own = || of_image(&from.base.text.to_ascii_lowercase());
            let family = parent.copied().unwrap_or_else(own);
            families.insert(stage, family);
        }
        Self(families)
    }

    /// The family of the shell that reads a script.
    pub(super) fn shell(&self, snippet: &Snippet) -> Family {
        match snippet.interpreter.dialect {
            Dialect::Sh => self
                .0
                .get(&snippet.stage)
                .copied()
                .unwrap_or(Family::Unknown),
            Dialect::Dash => Family::Dash,
            Dialect::Ash => Family::Ash,
            Dialect::Bash | Dialect::Ksh | Dialect::Zsh => Family::Bash,
            Dialect::Foreign => Family::Unknown,
        }
    }
}

fn of_image(text: &[u8]) -> Family {
    let image = ImageName::parse(text);
    if image.is_variable() {
        return Family::Unknown;
    }
    let own = image.name.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let parts = [own, image.tag.unwrap_or_default()];
    let marked = MARKS
        .iter()
        .find(|(mark, _)| parts.iter().any(|part| part.contains_str(mark)));
    if let Some((_, family)) = marked {
        return *family;
    }
    let official =
        image.registry.is_none_or(|host| host == b"docker.io") && own.len() == image.name.len();
    let library = image.name.strip_prefix(b"library/") == Some(own);
    if (official || library) && DEBIAN.iter().any(|name| own == name.as_bytes()) {
        Family::Dash
    } else {
        Family::Unknown
    }
}
