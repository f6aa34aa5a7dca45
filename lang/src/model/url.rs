//! Sources of `ADD` that are not paths: HTTP URLs and git repositories.
//!
//! **Source:** BuildKit `frontend/dockerfile/dfgitutil`, `util/gitutil`, `util/sshutil`.

use super::pattern;
use crate::quote::quote;
use crate::rune;

/// What a source word of `ADD` or `COPY` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A path or wildcard in the context.
    Path,
    /// One file over HTTP.
    Http,
    /// A git repository.
    Git(Box<GitRef>),
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
    /// `keep-git-dir=`.
    pub keep_git_dir: Option<bool>,
    /// `submodules=`.
    pub submodules: Option<bool>,
    /// `mtime=`: times of the files, `checkout` or `commit`; empty for the default.
    pub mtime: String,
    /// `fetch-by-commit=`.
    pub fetch_by_commit: Option<bool>,
    /// `git://` or `http://`: anybody on the way can read and change the content.
    pub unencrypted: bool,
    /// Last path element without `.git`.
    pub short_name: String,
}

/// Classifies a source word. `github.com/x/y` without a scheme is a path.
///
/// ```
/// use cooperage_lang::model::url::{SourceKind, classify};
/// let Ok(SourceKind::Git(git)) = classify("https://github.com/moby/buildkit.git#v0.12.0:docs") else { panic!() };
/// assert_eq!((git.reference.as_str(), git.subdir.as_str()), ("v0.12.0", "docs"));
/// assert_eq!(classify("https://example.com/a.tar"), Ok(SourceKind::Http));
/// assert_eq!(classify("app/*.rs"), Ok(SourceKind::Path));
/// ```
///
/// # Errors
/// The official text for a git URL with a bad query.
pub fn classify(source: &str) -> Result<SourceKind, String> {
    if let Some(git) = GitRef::parse(source) {
        return git.map(|git| SourceKind::Git(Box::new(git)));
    }
    Ok(if is_http(source) {
        SourceKind::Http
    } else {
        SourceKind::Path
    })
}

/// Tells whether `source` begins with `http://` or `https://`.
pub fn is_http(source: &str) -> bool {
    source.starts_with("http://") || source.starts_with("https://")
}

/// Name of the file an HTTP source becomes: the last element of the URL's path, or `__unnamed__`.
///
/// ```
/// use cooperage_lang::model::url::http_file_name;
/// assert_eq!(http_file_name("https://example.com/a/b%20c.txt?x=1"), "b c.txt");
/// assert_eq!(http_file_name("https://example.com/"), "__unnamed__");
/// ```
pub fn http_file_name(url: &str) -> String {
    let path = Url::split(url)
        .and_then(|url| percent_decode(url.path, false).ok())
        .unwrap_or_default();
    match pattern::base(&path) {
        "." | "/" => "__unnamed__".to_owned(),
        name => name.to_owned(),
    }
}

impl GitRef {
    /// Parses a git URL; `None` when `source` is none.
    fn parse(source: &str) -> Option<Result<Self, String>> {
        if source.starts_with("./") || source.starts_with("../") {
            return None;
        }
        let (remote, query, fragment, unencrypted) = if let Some(url) = Url::split(source) {
            let scheme = url.scheme.to_lowercase();
            let path = percent_decode(url.path, false).ok()?;
            let known = match scheme.as_str() {
                "http" | "https" => path.strip_suffix(".git").is_some(),
                "git" | "ssh" => true,
                _ => false,
            };
            if !known || url.authority.contains(char::is_whitespace) {
                return None;
            }
            let remote = format!("{scheme}://{}{}", url.authority, url.path);
            let fragment = percent_decode(url.fragment, false).ok()?;
            (
                remote,
                url.query,
                fragment,
                matches!(scheme.as_str(), "http" | "git"),
            )
        } else {
            let (remote, query, fragment) = split_scp(source)?;
            (remote.to_owned(), query, fragment.to_owned(), false)
        };
        let (reference, subdir) = fragment.split_once(':').unwrap_or((&fragment, ""));
        let short_name = remote.rsplit('/').next().unwrap_or(&remote);
        let git = Self {
            reference: reference.to_owned(),
            subdir: subdir.to_owned(),
            short_name: short_name
                .strip_suffix(".git")
                .unwrap_or(short_name)
                .to_owned(),
            remote,
            unencrypted,
            ..Self::default()
        };
        Some(git.with_query(query))
    }

    fn with_query(mut self, query: &str) -> Result<Self, String> {
        let (mut tag, mut branch) = (String::new(), String::new());
        for (key, values) in parse_query(query) {
            let name = quote(key.as_bytes());
            let [value] = &values[..] else {
                return Err(format!("query {name} has multiple values"));
            };
            let is_switch = matches!(
                key.as_str(),
                "submodules" | "keep-git-dir" | "fetch-by-commit"
            );
            if value.is_empty() && !is_switch {
                return Err(format!("query {name} has no value"));
            }
            let switch = || match value.as_str() {
                "" => Ok(Some(true)),
                _ => parse_bool(value)
                    .map(Some)
                    .ok_or_else(|| format!("invalid {key} value: {}", quote(value.as_bytes()))),
            };
            match key.as_str() {
                "ref" => set("ref", &mut self.reference, value)?,
                "subdir" => set("subdir", &mut self.subdir, value)?,
                "tag" => tag.clone_from(value),
                "branch" => branch.clone_from(value),
                "checksum" | "commit" => self.checksum.clone_from(value),
                "keep-git-dir" => self.keep_git_dir = switch()?,
                "submodules" => self.submodules = switch()?,
                "fetch-by-commit" => self.fetch_by_commit = switch()?,
                "mtime" if matches!(value.as_str(), "checkout" | "commit") => {
                    self.mtime.clone_from(value);
                }
                "mtime" => return Err(format!("invalid mtime value: {}", quote(value.as_bytes()))),
                _ => return Err(format!("unexpected query {name}")),
            }
        }
        if !tag.is_empty() {
            set("ref", &mut self.reference, &with_prefix("refs/tags/", &tag))?;
        }
        if !branch.is_empty() {
            if !tag.is_empty() {
                return Err("branch conflicts with tag".to_owned());
            }
            set(
                "ref",
                &mut self.reference,
                &with_prefix("refs/heads/", &branch),
            )?;
        }
        if self.reference.is_empty() {
            self.reference.clone_from(&self.checksum);
        }
        Ok(self)
    }
}

fn with_prefix(prefix: &str, name: &str) -> String {
    if name.starts_with(prefix) {
        name.to_owned()
    } else {
        format!("{prefix}{name}")
    }
}

/// Sets a value that may be given twice only when both agree.
fn set(what: &str, place: &mut String, value: &str) -> Result<(), String> {
    if !place.is_empty() && place != value {
        return Err(format!(
            "{what} conflicts: {} vs {}",
            quote(place.as_bytes()),
            quote(value.as_bytes())
        ));
    }
    value.clone_into(place);
    Ok(())
}

/// A truth value in Go's spellings. **Source:** Go `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// The parts of `scheme://authority/path?query#fragment`, as written.
struct Url<'a> {
    scheme: &'a str,
    authority: &'a str,
    path: &'a str,
    query: &'a str,
    fragment: &'a str,
}

impl<'a> Url<'a> {
    fn split(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Some(Self {
            scheme,
            authority,
            path,
            query,
            fragment,
        })
    }
}

/// Splits `user@host:path[?query][#fragment]` into remote, query and fragment.
fn split_scp(text: &str) -> Option<(&str, &str, &str)> {
    let (user, rest) = text.split_once('@')?;
    let (host, path) = rest.split_once(':')?;
    let user_ok = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let host_ok = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if user.is_empty()
        || host.is_empty()
        || !user.bytes().all(user_ok)
        || !host.bytes().all(host_ok)
    {
        return None;
    }
    let (path, fragment) = path.split_once('#').unwrap_or((path, ""));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let remote = &text[..user.len() + 1 + host.len() + 1 + path.len()];
    Some((remote, query, fragment))
}

/// Keys in order with all their values; pairs that are not well formed are left out. **Source:** Go `url.ParseQuery`.
fn parse_query(query: &str) -> Vec<(String, Vec<String>)> {
    let mut out: Vec<(String, Vec<String>)> = Vec::new();
    for pair in query
        .split('&')
        .filter(|p| !p.is_empty() && !p.contains(';'))
    {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (Ok(key), Ok(value)) = (percent_decode(key, true), percent_decode(value, true)) else {
            continue;
        };
        match out.iter_mut().find(|(k, _)| *k == key) {
            Some((_, values)) => values.push(value),
            None => out.push((key, vec![value])),
        }
    }
    out
}

/// Decodes `%41`, and `+` as space when `form` is set.
///
/// # Errors
/// The bytes of a broken escape.
pub(crate) fn percent_decode(text: &str, form: bool) -> Result<String, Vec<u8>> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'%' => {
                let digit = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
                let (Some(high), Some(low)) = (digit(i + 1), digit(i + 2)) else {
                    return Err(bytes[i..bytes.len().min(i + 3)].to_vec());
                };
                out.push((high * 16 + low) as u8);
                i += 3;
            }
            b => {
                out.push(if form && b == b'+' { b' ' } else { b });
                i += 1;
            }
        }
    }
    Ok(rune::to_string(&out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(source: &str) -> GitRef {
        match classify(source) {
            Ok(SourceKind::Git(git)) => *git,
            other => panic!("{source}: {other:?}"),
        }
    }

    #[test]
    fn git_sources_are_recognised() {
        assert_eq!(
            git("git@github.com:foo/bar.git").remote,
            "git@github.com:foo/bar.git"
        );
        assert_eq!(git("git://host/repo").short_name, "repo");
        assert!(git("git://host/repo").unencrypted && !git("ssh://git@host/repo.git").unencrypted);
        let tagged = git("https://host/r.git?tag=v1&keep-git-dir&subdir=a%2Fb");
        assert_eq!(
            (tagged.reference.as_str(), tagged.subdir.as_str()),
            ("refs/tags/v1", "a/b")
        );
        assert_eq!(
            (tagged.remote.as_str(), tagged.keep_git_dir),
            ("https://host/r.git", Some(true))
        );
        assert_eq!(git("https://host/r.git?commit=abc").reference, "abc");
        for path in [
            "github.com/foo/bar.git",
            "./a@b:c",
            "a/b",
            "ftp://x/y.git",
            "a:b",
        ] {
            assert_eq!(classify(path), Ok(SourceKind::Path), "{path}");
        }
    }

    #[test]
    fn bad_queries_are_refused() {
        for (query, error) in [
            ("x=1", "unexpected query \"x\""),
            ("ref=a&ref=b", "query \"ref\" has multiple values"),
            ("tag=", "query \"tag\" has no value"),
            ("tag=a&branch=b", "branch conflicts with tag"),
            ("submodules=no", "invalid submodules value: \"no\""),
        ] {
            assert_eq!(
                classify(&format!("https://h/r.git?{query}")),
                Err(error.to_owned())
            );
        }
        let conflict = classify("https://h/r.git?ref=b#a");
        assert_eq!(conflict, Err("ref conflicts: \"a\" vs \"b\"".to_owned()));
    }
}
