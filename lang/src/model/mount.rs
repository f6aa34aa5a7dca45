//! `RUN --mount=…`.

/// One parsed `--mount` value. Paths are as written: the caller joins `target` to the working directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountSpec {
    pub kind: MountType,
    /// Stage or image name; empty for none.
    pub from: String,
    /// Empty when not given.
    pub source: String,
    /// Empty when not given.
    pub target: String,
    /// Defaults applied: true for bind, secret, ssh unless `rw`.
    pub read_only: bool,
    /// tmpfs, bytes; 0 when not given.
    pub size: i64,
    /// `id=` as given; empty when not.
    pub id: String,
    /// Of a cache; `None` elsewhere.
    pub sharing: Option<crate::plan::Sharing>,
    pub required: bool,
    /// Variable of a secret.
    pub env: Option<String>,
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
}

/// `type=` of a mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MountType {
    #[default]
    Bind,
    Cache,
    Tmpfs,
    Secret,
    Ssh,
}

impl MountSpec {
    /// Parses a value, each field's value expanded by `expand`, checked in the order of the fields.
    ///
    /// # Errors
    /// The official text, or what `expand` failed with.
    pub fn parse(value: &[u8], expand: &mut dyn FnMut(&str) -> Result<String, String>) -> Result<Self, String> {
        let _ = (value, expand);
        todo!()
    }

    /// The check of step 2, on the value as written: `from` must not hold a variable.
    ///
    /// # Errors
    /// The official text.
    pub fn check(value: &[u8]) -> Result<(), String> {
        let _ = value;
        todo!()
    }
}
