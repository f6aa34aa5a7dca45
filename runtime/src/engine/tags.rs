//! Tags of images, as their registries list them: asked in the background and remembered, so that whoever types never
//! waits. What a registry said is kept for an hour, for every process that uses the store.

use super::Engine;
use crate::registry::{RegistryError, tags_blocking};
use cooperage_lang::model::reference::Reference;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// A list older than this is asked for again.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// A registry that did not answer or refused is left alone for this long.
const LEFT_ALONE: Duration = Duration::from_secs(5 * 60);

/// Registries asked at once; a list that is wanted meanwhile is asked for with the next keystroke.
const AT_ONCE: usize = 4;

/// What is known of the tags of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// The tags, the likely ones first.
    pub names: Arc<[String]>,
    /// The registry is being asked: there may be more in a moment.
    pub asking: bool,
}

/// What registries said, by repository.
#[derive(Default)]
pub(super) struct KnownTags(Mutex<HashMap<String, Known>>);

#[derive(Clone, Default)]
struct Known {
    names: Arc<[String]>,
    /// When to ask again; at once when absent.
    good_until: Option<SystemTime>,
    asking: bool,
}

/// A list as it is on disk.
#[derive(Deserialize, Serialize)]
struct Kept {
    /// `docker.io/library/debian`.
    repository: String,
    tags: Vec<String>,
}

impl Engine {
    /// The tags of an image that are known now. When they are not known, or for long, its registry is asked in the
    /// background: asking again brings them. A registry that does not answer says nothing and is left alone for a while.
    pub fn tags(&self, name: &str) -> Tags {
        let Some(reference) = repository(name) else {
            return Tags::default();
        };
        let now = SystemTime::now();
        let repository = reference.name();
        let file = kept_in(&self.paths().tags(), &repository);
        let mut known = self.inner.tags.lock();
        let asked = known.values().filter(|known| known.asking).count();
        let entry = known
            .entry(repository)
            .or_insert_with_key(|repository| read(&file, repository).unwrap_or_default());
        let is_good = entry.good_until.is_some_and(|until| now < until);
        if !entry.asking && !is_good && asked < AT_ONCE {
            entry.asking = self.ask(reference, file);
        }
        Tags {
            names: entry.names.clone(),
            asking: !is_good,
        }
    }

    /// Asks the registry, in a thread of its own; tells whether there is one.
    fn ask(&self, reference: Reference, file: PathBuf) -> bool {
        let known = self.inner.tags.clone();
        let insecure = self.options().insecure_registries.clone();
        // A store that is not there is not made for a list of tags.
        let keep = self.paths().root().is_dir();
        let asking = move || {
            let answer = tags_blocking(&insecure, &reference).map(likely_first);
            let repository = reference.name();
            if let (Ok(tags), true) = (&answer, keep) {
                // Without it the list is asked for once more by another process.
                let _ = write(&file, &repository, tags);
            }
            known.answered(repository, answer);
        };
        let thread = std::thread::Builder::new().name("tags".to_owned());
        thread.spawn(asking).is_ok()
    }
}

impl KnownTags {
    fn answered(&self, repository: String, answer: Result<Vec<String>, RegistryError>) {
        let mut known = self.lock();
        let entry = known.entry(repository).or_default();
        entry.asking = false;
        let good_for = match answer {
            Ok(tags) => {
                entry.names = tags.into();
                KEPT
            }
            Err(error) => {
                tracing::debug!(%error, "no list of tags");
                LEFT_ALONE
            }
        };
        entry.good_until = Some(SystemTime::now() + good_for);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        // Entries are changed as a whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The repository that a name without tag means, unless the name may be the host of a longer one that is still being
/// typed, up to the colon of its port: no registry has to know which hosts others have.
fn repository(name: &str) -> Option<Reference> {
    let is_host = !name.contains('/') && (name.contains('.') || name == "localhost");
    let reference = Reference::parse_normalized(name).ok()?;
    let is_bare = reference.tag.is_none() && reference.digest.is_none();
    (is_bare && !is_host).then_some(reference)
}

/// The file that has the tags of a repository.
fn kept_in(folder: &Path, repository: &str) -> PathBuf {
    let mut name = String::new();
    for byte in &Sha256::digest(repository.as_bytes())[..16] {
        let _ = write!(name, "{byte:02x}");
    }
    folder.join(name + ".json")
}

/// What was kept of a repository's tags. A file of the future is as old as one can be.
fn read(file: &Path, repository: &str) -> Option<Known> {
    let written = std::fs::metadata(file).and_then(|meta| meta.modified());
    let written = written.ok().filter(|at| *at <= SystemTime::now());
    let kept: Kept = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    (kept.repository == repository).then(|| Known {
        names: kept.tags.into(),
        good_until: written.map(|at| at + KEPT),
        asking: false,
    })
}

/// Keeps tags: whole, or not at all.
fn write(file: &Path, repository: &str, tags: &[String]) -> std::io::Result<()> {
    let kept = Kept {
        repository: repository.to_owned(),
        tags: tags.to_vec(),
    };
    let folder = file.parent().unwrap_or(file);
    std::fs::create_dir_all(folder)?;
    let temporary = file.with_extension(std::process::id().to_string());
    std::fs::write(&temporary, serde_json::to_vec(&kept)?)?;
    std::fs::rename(&temporary, file)
}

/// Tags as one looks for them: `latest`, versions with the newest first, then words; of two the plainer one first.
fn likely_first(mut tags: Vec<String>) -> Vec<String> {
    tags.sort_by(|a, b| {
        let group = |tag: &str| {
            (
                tag != "latest",
                !tag.starts_with(|c: char| c.is_ascii_digit()),
            )
        };
        group(a).cmp(&group(b)).then_with(|| by_parts(a, b))
    });
    tags.dedup();
    tags
}

/// Compares texts in which numbers count as numbers, the greater first, and everything else by the alphabet.
fn by_parts(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (first, second) = (part(&mut a), part(&mut b));
        let order = match (number(first), number(second)) {
            (Some(one), Some(other)) => Reverse(one).cmp(&Reverse(other)),
            _ => first.cmp(second),
        };
        if order != Ordering::Equal || first.is_empty() {
            return order;
        }
    }
}

/// Takes the digits, or what is none of them, from the beginning of a text.
fn part<'t>(text: &mut &'t str) -> &'t str {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits);
    let (part, rest) = text.split_at(end.unwrap_or(text.len()));
    *text = rest;
    part
}

/// A number by its length and digits, so that none is too long.
fn number(part: &str) -> Option<(usize, &str)> {
    let digits = part.trim_start_matches('0');
    part.starts_with(|c: char| c.is_ascii_digit())
        .then_some((digits.len(), digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first() {
        let order =
            |tags: &str| likely_first(tags.split(' ').map(str::to_owned).collect()).join(" ");
        assert_eq!(
            order("bookworm 9 12-slim 3.9 3.21 latest 12 sid 12.10 12.9 12"),
            "latest 12 12-slim 12.10 12.9 9 3.21 3.9 bookworm sid"
        );
        assert_eq!(
            order("v1 v2 1 01 20240101 99999999999999999999"),
            "99999999999999999999 20240101 1 01 v2 v1"
        );
    }

    #[test]
    fn hosts_that_are_being_typed_are_no_repositories() {
        let name = |text: &str| repository(text).map(|found| found.name());
        assert_eq!(name("debian").as_deref(), Some("docker.io/library/debian"));
        assert_eq!(name("ghcr.io/a/b").as_deref(), Some("ghcr.io/a/b"));
        assert_eq!(
            name("localhost:5000/a").as_deref(),
            Some("localhost:5000/a")
        );
        for no in [
            "localhost",
            "registry.example.com",
            "debian:12",
            "A",
            "${X}",
            "",
        ] {
            assert_eq!(name(no), None, "{no}");
        }
    }

    #[test]
    fn lists_are_kept_whole_and_for_their_repository() {
        let folder = std::env::temp_dir().join(format!("cooper-tags-{}", std::process::id()));
        let file = kept_in(&folder, "example.com/a");
        write(&file, "example.com/a", &["1".to_owned()]).unwrap();
        let known = read(&file, "example.com/a").unwrap();
        assert_eq!(*known.names, ["1"]);
        assert!(known.good_until.unwrap() > SystemTime::now());
        assert!(read(&file, "example.com/b").is_none());
        std::fs::write(&file, "{\"repository\"").unwrap();
        assert!(read(&file, "example.com/a").is_none());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
