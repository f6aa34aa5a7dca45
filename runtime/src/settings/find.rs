//! Which settings files apply to a Dockerfile.

use super::{
    COOPERAGE, HADOLINT, Hadolint, Settings, SettingsFile, parse_cooperage, parse_hadolint,
    read_bytes,
};
use crate::settings::cooperage::Cooperage;
use cooperage_lang::diagnostic::Diagnostic;
use std::collections::HashMap;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Bytes of a settings file that are read at most.
const LIMIT: u64 = 1 << 20;

/// Which files are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// Those in the Dockerfile's folder and above, up to the root of the repository.
    #[default]
    Search,
    /// This one alone; one whose name ends in `.yaml` or `.yml` is hadolint's.
    File(PathBuf),
    /// None.
    Nothing,
}

/// Finds settings and remembers what it read: each file is read once however many Dockerfiles it applies to.
#[derive(Debug, Default)]
pub struct Finder {
    choice: Choice,
    folders: Mutex<Folders>,
}

#[derive(Debug, Default)]
struct Folders {
    known: HashMap<PathBuf, Known>,
    /// Everything that was read, in that order.
    read: Vec<Arc<Project>>,
    /// How often all was forgotten.
    forgotten: u64,
}

#[derive(Clone, Debug)]
struct Known {
    project: Arc<Project>,
    stamp: Stamp,
}

/// By what a change of a folder's settings files shows: when each was written, and its size.
type Stamp = [Option<(SystemTime, u64)>; 1 + HADOLINT.len()];

fn stamp(folder: &Path) -> Stamp {
    let mut names = std::iter::once(COOPERAGE).chain(HADOLINT);
    std::array::from_fn(|_| {
        let file = std::fs::metadata(folder.join(names.next()?)).ok()?;
        Some((file.modified().ok()?, file.len()))
    })
}

/// The settings files that apply to the Dockerfiles of a folder.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// Our own.
    pub cooperage: Option<Arc<SettingsFile<Cooperage>>>,
    /// hadolint's. What ours says goes before what it says.
    pub hadolint: Option<Arc<SettingsFile<Hadolint>>>,
}

/// A settings file with mistakes.
pub struct Faulty {
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub source: Vec<u8>,
    /// Its mistakes.
    pub problems: Vec<Diagnostic>,
}

impl Project {
    /// What applies to the Dockerfile at `path`, which is absolute as far as the finder's paths are.
    pub fn settings(&self, path: &Path) -> Settings {
        let mut settings = Settings::default();
        if let Some(file) = &self.hadolint {
            settings.apply_hadolint(&file.values);
        }
        if let Some(file) = &self.cooperage {
            let folder = folder(&file.path);
            settings.apply_cooperage(&file.values, folder, below(path, folder));
        }
        settings
    }

    /// Tells whether the settings leave that file or folder alone.
    pub fn excludes(&self, path: &Path) -> bool {
        let Some(file) = &self.cooperage else {
            return false;
        };
        let below = below(path, folder(&file.path));
        let mut patterns = file.values.exclude.iter().flatten();
        patterns.any(|pattern| pattern.fits(below))
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

fn below<'p>(path: &'p Path, folder: &Path) -> &'p Path {
    path.strip_prefix(folder).unwrap_or(path)
}

impl Finder {
    /// One that looks for the chosen files.
    ///
    /// # Errors
    /// The one file that is chosen cannot be read.
    pub fn new(choice: Choice) -> std::io::Result<Self> {
        let finder = Self {
            choice,
            folders: Mutex::default(),
        };
        if let Choice::File(path) = &finder.choice {
            let project = chosen(path)?;
            finder.folders().read.push(Arc::new(project));
        }
        Ok(finder)
    }

    /// The settings files for the Dockerfiles in `folder`.
    pub fn project(&self, folder: &Path) -> Arc<Project> {
        match self.choice {
            Choice::Nothing => Arc::default(),
            Choice::File(_) => self.folders().read.first().cloned().unwrap_or_default(),
            Choice::Search => {
                let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
                self.search(&folder)
            }
        }
    }

    /// What applies to the Dockerfile at `path`.
    pub fn settings(&self, path: &Path) -> Settings {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.project(folder(&path)).settings(&path)
    }

    /// The files with mistakes among all that were read, each once.
    pub fn faulty(&self) -> Vec<Faulty> {
        let mut faulty: Vec<Faulty> = Vec::new();
        let mut add = |path: &Path, source: &[u8], problems: &[Diagnostic]| {
            if !problems.is_empty() && faulty.iter().all(|known| known.path != path) {
                faulty.push(Faulty {
                    path: path.to_owned(),
                    source: source.to_owned(),
                    problems: problems.to_owned(),
                });
            }
        };
        for project in &self.folders().read {
            if let Some(file) = &project.hadolint {
                add(&file.path, &file.source, &file.problems);
            }
            if let Some(file) = &project.cooperage {
                add(&file.path, &file.source, &file.problems);
            }
        }
        faulty.sort_by(|a, b| a.path.cmp(&b.path));
        faulty
    }

    /// Forgets what was read, since files have changed.
    pub fn forget(&self) {
        if self.choice == Choice::Search {
            let mut folders = self.folders();
            *folders = Folders {
                forgotten: folders.forgotten + 1,
                ..Folders::default()
            };
        }
    }

    /// Whether files that were read for the Dockerfile at `path` are others by now.
    pub fn has_changed(&self, path: &Path) -> bool {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let known = |folder: &Path| Some(self.folders().known.get(folder)?.stamp);
        let mut folders = folder(&path).ancestors().map_while(|folder| {
            let known = known(folder)?;
            Some((folder, known))
        });
        folders.any(|(folder, known)| stamp(folder) != known)
    }

    /// The files in `folder` and, of the kinds that are not there, those of the folders above. Nobody else waits while a
    /// disk is read.
    fn search(&self, folder: &Path) -> Arc<Project> {
        let forgotten = {
            let folders = self.folders();
            if let Some(known) = folders.known.get(folder) {
                return known.project.clone();
            }
            folders.forgotten
        };
        let stamp = stamp(folder);
        let own = Project {
            cooperage: read_file(&folder.join(COOPERAGE), parse_cooperage).map(Arc::new),
            hadolint: HADOLINT
                .iter()
                .find_map(|name| read_file(&folder.join(name), parse_hadolint))
                .map(Arc::new),
        };
        let read_here = own.cooperage.is_some() || own.hadolint.is_some();
        let above = folder.parent().filter(|_| !folder.join(".git").exists());
        let project = match above.map(|above| self.search(above)) {
            Some(above) if !read_here => above,
            Some(above) => Arc::new(Project {
                cooperage: own.cooperage.or_else(|| above.cooperage.clone()),
                hadolint: own.hadolint.or_else(|| above.hadolint.clone()),
            }),
            None => Arc::new(own),
        };
        let mut folders = self.folders();
        if folders.forgotten == forgotten {
            if read_here {
                folders.read.push(project.clone());
            }
            let known = Known {
                project: project.clone(),
                stamp,
            };
            folders.known.insert(folder.to_owned(), known);
        }
        project
    }

    fn folders(&self) -> MutexGuard<'_, Folders> {
        // Only finished values are put into it.
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file that is looked for; `None` when it is not there. One that cannot be read has that as its only mistake.
fn read_file<T: Default>(
    path: &Path,
    parse: fn(&str) -> (T, Vec<Diagnostic>),
) -> Option<SettingsFile<T>> {
    match read(path) {
        Ok(source) => Some(read_bytes(path.to_owned(), source, parse)),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => None,
            _ => Some(unreadable(path, &error)),
        },
    }
}

fn unreadable<T: Default>(path: &Path, error: &std::io::Error) -> SettingsFile<T> {
    let mut reader = super::Reader::new("", false);
    let place = cooperage_lang::text::TextRange::default();
    reader.problem(place, format!("the file cannot be read: {error}"));
    SettingsFile {
        path: path.to_owned(),
        problems: reader.problems,
        ..SettingsFile::default()
    }
}

fn chosen(path: &Path) -> std::io::Result<Project> {
    let source = read(path)?;
    let path = std::path::absolute(path)?;
    let is_yaml = path
        .extension()
        .is_some_and(|end| end == "yaml" || end == "yml");
    let mut project = Project::default();
    if is_yaml {
        project.hadolint = Some(Arc::new(read_bytes(path, source, parse_hadolint)));
    } else {
        project.cooperage = Some(Arc::new(read_bytes(path, source, parse_cooperage)));
    }
    Ok(project)
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    // A pipe of that name would have us wait for ever.
    if !std::fs::metadata(path)?.is_file() {
        return Err(ErrorKind::IsADirectory.into());
    }
    let mut source = Vec::new();
    let read = std::fs::File::open(path)?
        .take(LIMIT + 1)
        .read_to_end(&mut source)?;
    if read as u64 > LIMIT {
        let problem = format!("it is larger than {} KiB", LIMIT >> 10);
        return Err(std::io::Error::other(problem));
    }
    Ok(source)
}
