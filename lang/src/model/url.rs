//! Sources of `ADD` that are not paths: HTTP URLs and git repositories.

/// What a source word of `ADD` or `COPY` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A path or wildcard in the context.
    Path,
    /// One file over HTTP.
    Http,
    /// A git repository.
    Git(GitRef),
}

/// A git repository, a commit-ish and a folder in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitRef {
    /// URL to clone, without fragment and query.
    pub remote: String,
    /// Branch, tag or commit; empty for the default branch.
    pub reference: String,
    /// Folder to use; empty for the root.
    pub subdir: String,
    /// Commit that `reference` must resolve to (a prefix is enough); empty for any.
    pub checksum: String,
    pub keep_git_dir: Option<bool>,
    pub submodules: Option<bool>,
    /// Modification times: `checkout` or `commit`; empty for the default.
    pub mtime: String,
    /// `fetch-by-commit=` or similar is not among the things a remote may lack.
    pub fetch_by_commit: Option<bool>,
    /// No scheme or an unencrypted one was given.
    pub indistinguishable_from_local: bool,
    pub unencrypted_tcp: bool,
    /// Last path element without `.git`.
    pub short_name: String,
}

/// Classifies a source word.
///
/// # Errors
/// The official text for a git URL with a bad query.
pub fn classify(source: &str) -> Result<SourceKind, String> {
    let _ = source;
    todo!()
}

/// Tells whether `source` begins with `http://` or `https://`.
pub fn is_http(source: &str) -> bool {
    source.starts_with("http://") || source.starts_with("https://")
}

/// Name of the file an HTTP source becomes: the last element of the URL's path, or `__unnamed__`.
pub fn http_file_name(url: &str) -> String {
    let _ = url;
    todo!()
}
