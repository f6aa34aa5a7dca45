//! Labels whose meaning is agreed on.

/// A label with an agreed meaning.
#[derive(Debug)]
pub struct KnownLabel {
    /// Its name.
    pub name: &'static str,
    /// A usual value, to start from.
    pub example: &'static str,
    /// One sentence, Markdown.
    pub doc: &'static str,
}

/// Every such label, the usual ones first.
///
/// **Source:** OCI image specification, `annotations.md`, "Pre-Defined Annotation Keys".
pub const KNOWN_LABELS: &[KnownLabel] = &[
    label(
        "org.opencontainers.image.source",
        "https://example.com/repository",
        "Where the source code is.",
    ),
    label("org.opencontainers.image.title", "name", "Name for people."),
    label(
        "org.opencontainers.image.description",
        "text",
        "What the image contains, for people.",
    ),
    label(
        "org.opencontainers.image.licenses",
        "MIT",
        "Licences of the content, as an SPDX expression.",
    ),
    label(
        "org.opencontainers.image.version",
        "1.0.0",
        "Version of the packaged software.",
    ),
    label(
        "org.opencontainers.image.revision",
        "commit",
        "Revision of the source code.",
    ),
    label(
        "org.opencontainers.image.created",
        "2030-01-31T12:00:00Z",
        "When the image was built, RFC 3339.",
    ),
    label(
        "org.opencontainers.image.authors",
        "name <name@example.com>",
        "Who to ask about the image.",
    ),
    label(
        "org.opencontainers.image.vendor",
        "name",
        "Who distributes the image.",
    ),
    label(
        "org.opencontainers.image.url",
        "https://example.com",
        "Where to read more.",
    ),
    label(
        "org.opencontainers.image.documentation",
        "https://example.com/docs",
        "Where the documentation is.",
    ),
    label(
        "org.opencontainers.image.base.name",
        "registry/name:tag",
        "Reference of the base image.",
    ),
    label(
        "org.opencontainers.image.base.digest",
        "sha256:hex",
        "Digest of the base image.",
    ),
    label(
        "org.opencontainers.image.ref.name",
        "name",
        "Name of the reference of the image.",
    ),
];

const fn label(name: &'static str, example: &'static str, doc: &'static str) -> KnownLabel {
    KnownLabel { name, example, doc }
}

/// The label called `name`.
pub fn known(name: &str) -> Option<&'static KnownLabel> {
    KNOWN_LABELS.iter().find(|label| label.name == name)
}
