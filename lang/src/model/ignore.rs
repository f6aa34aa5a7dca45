//! Ignore patterns of `.dockerignore` and `--exclude`.

/// A compiled, ordered list of patterns.
#[derive(Clone, Debug, Default)]
pub struct Patterns {}
