//! Where logins are kept: Docker's and the containers tools' files, and credential helpers.
//!
//! Secrets live in [`Hidden`], so that no debug output can show them; they are handed to a helper or a server and to
//! nobody else. Nothing here is read before a registry asks for a login.

use super::endpoint::server_of;
use super::error::RegistryError;
use super::transport::Hidden;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longest credential file and helper answer, bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Longest time a helper may take: some ask the user.
const HELPER_TIME: Duration = Duration::from_secs(60);

/// The key of Docker Hub in Docker's file.
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// A login for one registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// User name and password.
    Basic { user: String, password: Hidden },
    /// A refresh token, to be exchanged at the token server.
    Identity { token: Hidden },
    /// A token the registry takes as it is.
    Registry { token: Hidden },
}

/// Files that may hold logins, the first that has one wins.
#[derive(Clone, Debug, Default)]
pub struct CredentialFiles(pub Vec<PathBuf>);

impl CredentialFiles {
    /// The files of this environment: `REGISTRY_AUTH_FILE` alone when set, else `$DOCKER_CONFIG/config.json` (or
    /// `~/.docker/config.json`), `$XDG_RUNTIME_DIR/containers/auth.json` and `~/.config/containers/auth.json`.
    ///
    /// **Source:** `containers-auth.json(5)`; Docker CLI, configuration files.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|v| !v.is_empty());
        if let Some(file) = set("REGISTRY_AUTH_FILE") {
            return Self(vec![file.into()]);
        }
        let mut files = Vec::new();
        let home = set("HOME").map(PathBuf::from);
        match set("DOCKER_CONFIG") {
            Some(folder) => files.push(PathBuf::from(folder).join("config.json")),
            None => files.extend(home.as_ref().map(|h| h.join(".docker/config.json"))),
        }
        files.extend(set("XDG_RUNTIME_DIR").map(|d| PathBuf::from(d).join("containers/auth.json")));
        let config = set("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| home.map(|h| h.join(".config")));
        files.extend(config.map(|c| c.join("containers/auth.json")));
        Self(files)
    }

    /// The login for repository `path` at `domain`.
    ///
    /// # Errors
    /// A file that cannot be understood, a helper that fails.
    pub async fn find(
        &self,
        domain: &str,
        path: &str,
    ) -> Result<Option<Credential>, RegistryError> {
        for file in &self.0 {
            let Some(parsed) = read(file)? else { continue };
            if let Some(found) = look_up(&parsed, domain, path, file).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    auths: BTreeMap<String, Entry>,
    #[serde(rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

fn read(path: &Path) -> Result<Option<File>, RegistryError> {
    let unreadable = |why: String| RegistryError::CredentialFile {
        file: path.display().to_string(),
        why,
    };
    match std::fs::metadata(path) {
        Ok(meta) if meta.len() > MAX_BYTES => {
            return Err(unreadable(format!("larger than {MAX_BYTES} bytes")));
        }
        Ok(_) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unreadable(e.to_string())),
    }
    let bytes = std::fs::read(path).map_err(|e| unreadable(e.to_string()))?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    // serde's message could quote a piece of the file; its place is enough.
    let parsed = serde_json::from_slice(&bytes).map_err(|e| {
        unreadable(format!(
            "not the expected JSON, line {} column {}",
            e.line(),
            e.column()
        ))
    })?;
    Ok(Some(parsed))
}

async fn look_up(
    file: &File,
    domain: &str,
    path: &str,
    name: &Path,
) -> Result<Option<Credential>, RegistryError> {
    for key in registry_keys(domain) {
        if let Some(helper) = file.helpers.get(key) {
            return ask_helper(helper, key).await;
        }
    }
    if let Some(entry) = entry_for(file, domain, path) {
        let found = from_entry(entry).map_err(|why| RegistryError::CredentialFile {
            file: name.display().to_string(),
            why: why.to_owned(),
        })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    let Some(store) = file.store.as_deref().filter(|s| !s.is_empty()) else {
        return Ok(None);
    };
    for key in registry_keys(domain) {
        if let Some(found) = ask_helper(store, key).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Names under which a registry may be entered.
fn registry_keys(domain: &str) -> Vec<&str> {
    if server_of(domain) == "registry-1.docker.io" {
        vec![
            HUB_KEY,
            "docker.io",
            "index.docker.io",
            "registry-1.docker.io",
        ]
    } else {
        vec![domain]
    }
}

/// The most specific entry: `host/name/space`, then the host alone, then old spellings with scheme and version path.
fn entry_for<'f>(file: &'f File, domain: &str, path: &str) -> Option<&'f Entry> {
    for host in registry_keys(domain) {
        let mut scope = path;
        while !scope.is_empty() {
            if let Some(entry) = file.auths.get(&format!("{host}/{scope}")) {
                return Some(entry);
            }
            scope = scope.rfind('/').map_or("", |at| &scope[..at]);
        }
        if let Some(entry) = file.auths.get(host) {
            return Some(entry);
        }
    }
    let keys = registry_keys(domain);
    file.auths
        .iter()
        .find(|(key, _)| keys.contains(&host_of_key(key)))
        .map(|(_, entry)| entry)
}

/// `https://host/v1/` -> `host`.
fn host_of_key(key: &str) -> &str {
    let rest = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"));
    rest.map_or("", |r| r.split('/').next().unwrap_or(r))
}

fn from_entry(entry: &Entry) -> Result<Option<Credential>, &'static str> {
    let given = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
    if let Some(token) = given(&entry.identitytoken) {
        return Ok(Some(Credential::Identity {
            token: Hidden::new(token),
        }));
    }
    if let Some(token) = given(&entry.registrytoken) {
        return Ok(Some(Credential::Registry {
            token: Hidden::new(token),
        }));
    }
    if let Some(auth) = given(&entry.auth) {
        let bytes = STANDARD
            .decode(auth.trim())
            .map_err(|_| "`auth` is not base64")?;
        let text = String::from_utf8(bytes).map_err(|_| "`auth` is not a text")?;
        let (user, password) = text.split_once(':').ok_or("`auth` has no colon")?;
        // Docker pads the decoded text with NUL bytes in old files.
        return Ok(Some(basic(user, password.trim_end_matches('\0'))));
    }
    match (given(&entry.username), given(&entry.password)) {
        (Some(user), Some(password)) => Ok(Some(basic(&user, &password))),
        _ => Ok(None),
    }
}

fn basic(user: &str, password: &str) -> Credential {
    Credential::Basic {
        user: user.to_owned(),
        password: Hidden::new(password),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// Runs `docker-credential-<helper> get` with the registry on standard input.
///
/// **Source:** docker-credential-helpers protocol; user name `<token>` means an identity token.
async fn ask_helper(helper: &str, key: &str) -> Result<Option<Credential>, RegistryError> {
    let failed = |why: String| RegistryError::CredentialHelper {
        helper: helper.to_owned(),
        why,
    };
    if helper.is_empty()
        || !helper
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    {
        return Err(failed("its name is not a plain word".to_owned()));
    }
    let mut child = tokio::process::Command::new(format!("docker-credential-{helper}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| failed(e.to_string()))?;
    let mut stdin = child.stdin.take().expect("stdin was asked for");
    let stdout = child.stdout.take().expect("stdout was asked for");
    let talk = async {
        // A helper that does not read its input may still answer.
        let _ = stdin.write_all(key.as_bytes()).await;
        drop(stdin);
        let mut answer = Vec::new();
        stdout.take(MAX_BYTES).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>((child.wait().await?, answer))
    };
    let (status, answer) = tokio::time::timeout(HELPER_TIME, talk)
        .await
        .map_err(|_| failed("no answer in time".to_owned()))?
        .map_err(|e| failed(e.to_string()))?;
    if !status.success() {
        let text = String::from_utf8_lossy(&answer);
        // The protocol's words for "nothing stored"; anything else is a failure.
        if text.contains("credentials not found") {
            return Ok(None);
        }
        return Err(failed(format!("{status}")));
    }
    let parsed: HelperAnswer = serde_json::from_slice(&answer)
        .map_err(|_| failed("its answer is not the expected JSON".to_owned()))?;
    if parsed.username == "<token>" {
        return Ok(Some(Credential::Identity {
            token: Hidden::new(parsed.secret),
        }));
    }
    if parsed.username.is_empty() && parsed.secret.is_empty() {
        return Ok(None);
    }
    Ok(Some(basic(&parsed.username, &parsed.secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(json: &str, domain: &str, path: &str) -> Option<Credential> {
        let file: File = serde_json::from_str(json).expect("a file");
        entry_for(&file, domain, path).and_then(|e| from_entry(e).expect("an entry"))
    }

    #[test]
    fn logins_are_found_under_every_spelling() {
        let auth = STANDARD.encode("u:p:q");
        let json = |key: &str| format!(r#"{{"auths":{{"{key}":{{"auth":"{auth}"}}}}}}"#);
        let expected = Some(basic("u", "p:q"));
        assert_eq!(
            find(&json("localhost:5000"), "localhost:5000", "a"),
            expected
        );
        assert_eq!(
            find(&json(HUB_KEY), "docker.io", "library/debian"),
            expected
        );
        assert_eq!(
            find(&json("https://quay.io/v2/"), "quay.io", "a/b"),
            expected
        );
        assert_eq!(find(&json("quay.io/a/b"), "quay.io", "a/b"), expected);
        assert_eq!(find(&json("quay.io/a"), "quay.io", "a/b"), expected);
        assert_eq!(find(&json("quay.io/a"), "quay.io", "ab/b"), None);
        assert_eq!(find(&json("quay.io:443"), "quay.io", "a"), None);
    }

    #[test]
    fn the_files_of_an_environment() {
        let env = |pairs: &'static [(&str, &str)]| {
            move |name: &str| {
                pairs
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, v)| (*v).to_owned())
            }
        };
        let files = CredentialFiles::from_env(env(&[("HOME", "/h"), ("XDG_RUNTIME_DIR", "/r")])).0;
        let expected = [
            "/h/.docker/config.json",
            "/r/containers/auth.json",
            "/h/.config/containers/auth.json",
        ];
        assert_eq!(files, expected.map(PathBuf::from));
        let files =
            CredentialFiles::from_env(env(&[("HOME", "/h"), ("REGISTRY_AUTH_FILE", "/f")])).0;
        assert_eq!(files, [PathBuf::from("/f")]);
    }

    #[test]
    fn secrets_do_not_show() {
        let shown = format!("{:?}", basic("user", "hunter2"));
        assert!(shown.contains("***") && !shown.contains("hunter2"));
    }
}
