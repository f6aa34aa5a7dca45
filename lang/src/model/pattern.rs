//! Wildcards of COPY sources and lexical path cleaning, as Go's `path` has them.

/// A pattern that is not well formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPattern;

impl std::fmt::Display for BadPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("syntax error in pattern")
    }
}

impl std::error::Error for BadPattern {}

/// Tells whether `name` matches the shell pattern as a whole; `*` and `?` do not match `/`.
///
/// # Errors
/// [`BadPattern`] wherever the malformed part is.
pub fn glob_match(pattern: &[u8], name: &[u8]) -> Result<bool, BadPattern> {
    let _ = (pattern, name);
    todo!()
}

/// Tells whether `text` holds a wildcard (`*`, `?`, `[`) that is not escaped.
pub fn has_wildcard(text: &[u8]) -> bool {
    let _ = text;
    todo!()
}

/// Shortest equal path by purely lexical means; the empty path becomes `.`.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let _ = path;
    todo!()
}

/// [`clean`] for text.
pub fn clean_str(path: &str) -> String {
    let _ = path;
    todo!()
}

/// Joins the parts that are not empty with `/` and cleans the result; empty when all are.
pub fn join(parts: &[&str]) -> String {
    let _ = parts;
    todo!()
}

/// Last element of a path: `.` for the empty path, `/` for the root.
pub fn base(path: &str) -> &str {
    let _ = path;
    todo!()
}
