//! Package managers: which words make them install, which flags take a value, how a version is written, what stays on
//! disk and how it is cleaned up. The one table; rules, code actions and completion read it.

use super::{Command, Value, Word};
use bstr::{BStr, ByteSlice};

/// A program that fetches and installs packages.
#[derive(Debug)]
pub(crate) struct Manager {
    programs: &'static [&'static str],
    /// Digits behind its name (`pip3.12`) are a version, and `python -m` runs it too.
    of_python: bool,
    /// It installs packages of a distribution.
    of_distribution: bool,
    /// Words that may stand in front of the verb: `dnf module install`.
    groups: &'static [&'static str],
    /// Verbs that install what is named behind them.
    pub(crate) installs: &'static [&'static str],
    /// Verbs that download what is named elsewhere: newer versions, the packages of a lock file.
    fetches: &'static [&'static str],
    /// Verbs that throw away what was downloaded.
    cleans: &'static [&'static str],
    flags: Flags,
    /// What stands behind `--` is for another program.
    passes_on: bool,
    /// Packages may stand in any order.
    pub(crate) sortable: bool,
    /// Folders that it would find again in the next build.
    pub(crate) caches: &'static [Cache],
    /// Command that lets an image keep downloads which it is set up to delete.
    pub(crate) keeps: Option<&'static str>,
    /// Flags that keep it from using them.
    pub(crate) no_cache: &'static [&'static str],
    /// Folders whose removal cleans up as well as a verb does.
    pub(crate) leftovers: &'static [&'static str],
    /// Parts of paths where a mount keeps them out of the layer.
    pub(crate) mounts: &'static [&'static str],
    pub(crate) question: Question,
    pub(crate) pin: Pin,
}

/// How its flags are written.
#[derive(Clone, Copy, Debug)]
enum Flags {
    /// Of these, without dashes, the next word is the value.
    Valued(&'static [&'static str]),
    /// Long flags have one dash; of these, with it, the next word is the value.
    OneDash(&'static [&'static str]),
    /// The next word is the value of any flag but these.
    ValuedBut(&'static [&'static str]),
}

/// A folder with what a program downloaded or compiled.
#[derive(Debug)]
pub(crate) struct Cache {
    pub(crate) target: &'static str,
    /// Only one process at a time may use it.
    locked: bool,
    /// Below the home of root, so nowhere else for another user.
    pub(crate) home: bool,
}

/// When it waits for a yes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    /// Verbs that ask.
    verbs: &'static [&'static str],
    /// The command line has the answer.
    is_answered: fn(&Command) -> bool,
}

/// How a version is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pin {
    /// What to write.
    pub(crate) form: &'static str,
    /// A verb whose first operand is a package; the others are for that.
    runs: &'static str,
    /// Versions come from a file or a flag, or nothing that is named has one.
    is_elsewhere: fn(&Command) -> bool,
    is_pinned: fn(&Package<'_>) -> bool,
}

/// A package as a command names it.
pub(crate) struct Package<'a> {
    pub(crate) word: &'a Word,
    pub(crate) command: &'a Command,
    /// The Dockerfile gives that variable a value.
    pub(crate) is_declared: &'a dyn Fn(&BStr) -> bool,
}

impl Package<'_> {
    fn has_one_of(&self, signs: &[u8]) -> bool {
        self.word.text.iter().any(|b| signs.contains(b))
    }
}

/// A command line of a manager.
#[derive(Clone, Copy, Debug)]
pub struct Call<'c> {
    pub(crate) manager: &'static Manager,
    pub(crate) command: &'c Command,
    /// Words behind the name, behind that of the module when Python runs it.
    args: &'c [Word],
    verb: Option<&'c Word>,
}

/// The manager that a command calls and where its words stand in the command: found once, as rules ask often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Called {
    /// Index in [`MANAGERS`].
    manager: usize,
    args: usize,
    verb: Option<usize>,
}

impl Called {
    /// Looks for it.
    pub(super) fn find(command: &Command) -> Option<Self> {
        let program = command.program();
        let mut managers = MANAGERS.iter().enumerate();
        managers.find_map(|(index, manager)| {
            let words = manager.args(program, command)?;
            let args = command.words.len() - words.len();
            let place = |verb: &Word| words.iter().position(|word| std::ptr::eq(word, verb));
            Some(Self {
                manager: index,
                args,
                verb: manager
                    .verb(words)
                    .and_then(place)
                    .map(|place| args + place),
            })
        })
    }
}

/// The call that a command is, of whatever manager.
pub fn call(command: &Command) -> Option<Call<'_>> {
    let called = command.called?;
    Some(Call {
        manager: MANAGERS[called.manager],
        command,
        args: &command.words[called.args..],
        verb: called.verb.map(|verb| &command.words[verb]),
    })
}

impl Manager {
    /// What it is to do.
    fn verb<'c>(&self, args: &'c [Word]) -> Option<&'c Word> {
        let is_group = |word: &Word| {
            // `cargo +nightly`
            word.text.starts_with(b"+") || self.groups.iter().any(|group| word.is(group))
        };
        let mut operands = self.operands(args);
        // What a variable in front of the verb holds are flags.
        operands.find(|word| word.constant().is_some() && !is_group(word))
    }

    fn args<'c>(&self, program: &BStr, command: &'c Command) -> Option<&'c [Word]> {
        let is_called = |name: &[u8]| self.programs.iter().any(|own| name == own.as_bytes());
        if is_called(program) {
            return Some(command.args());
        }
        if !self.of_python {
            return None;
        }
        let (program, args) = (unversioned(program), command.args());
        if is_called(program) {
            return Some(args);
        }
        if program != b"python" {
            return None;
        }
        let module = |pair: &[Word]| pair[0].is("-m") && is_called(&pair[1].text);
        args.get(args.windows(2).position(module)? + 2..)
    }

    fn operands<'c>(&self, args: &'c [Word]) -> impl Iterator<Item = &'c Word> + use<'c> {
        let flags = &self.flags;
        let (valued, one_dash, alone) = match flags {
            Flags::Valued(names) => (*names, &[][..], None),
            Flags::OneDash(words) => (&[][..], *words, None),
            Flags::ValuedBut(words) => (&[][..], &[][..], Some(*words)),
        };
        let takes_next = move |word: &Word| match alone {
            Some(alone) => !word.text.contains(&b'=') && !alone.iter().any(|flag| word.is(flag)),
            None => word.takes_next(valued) || one_dash.iter().any(|flag| word.is(flag)),
        };
        let passes_on = self.passes_on;
        let own = args
            .iter()
            .take_while(move |word| !(passes_on && word.is("--")));
        super::command::operands(own, takes_next)
    }
}

impl<'c> Call<'c> {
    /// Tells whether packages are downloaded: named ones, newer ones, those of a lock file.
    pub fn fetches(&self) -> bool {
        self.install().is_some() || self.does(self.manager.fetches).is_some()
    }

    /// Tells whether the packages are those of a distribution.
    pub fn is_of_distribution(&self) -> bool {
        self.manager.of_distribution
    }

    /// The verb when named packages are installed.
    pub(crate) fn install(&self) -> Option<&'c Word> {
        self.does(self.manager.installs)
    }

    /// Tells whether what was downloaded is thrown away.
    pub(crate) fn cleans(&self) -> bool {
        self.does(self.manager.cleans).is_some()
    }

    /// The verb when the program asks and nobody answers.
    pub(crate) fn asks(&self) -> Option<&'c Word> {
        let question = &self.manager.question;
        self.does(question.verbs)
            .filter(|_| !(question.is_answered)(self.command))
    }

    /// The verb when it is one of `verbs`.
    pub(crate) fn does(&self, verbs: &[&str]) -> Option<&'c Word> {
        self.verb
            .filter(|verb| verbs.iter().any(|known| verb.is(known)))
    }

    /// Operands behind the verb.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &'c Word> + use<'c> {
        let start = self.verb.map_or(u32::MAX, |verb| verb.range.start);
        let operands = self.manager.operands(self.args);
        operands.filter(move |word| word.range.start > start)
    }

    /// Packages that get whatever version there is.
    pub(crate) fn unpinned(&self, is_declared: &dyn Fn(&BStr) -> bool) -> Vec<&'c Word> {
        let pin = &self.manager.pin;
        let runs = self.does(&[pin.runs]).is_some();
        if !(runs || self.install().is_some()) || (pin.is_elsewhere)(self.command) {
            return Vec::new();
        }
        let count = if runs { 1 } else { usize::MAX };
        let loose = |word: &&Word| {
            !(pin.is_pinned)(&Package {
                word,
                command: self.command,
                is_declared,
            })
        };
        self.packages().take(count).filter(loose).collect()
    }
}

/// The name without a version behind it: `pip` of `pip3.12`.
fn unversioned(program: &BStr) -> &[u8] {
    let is_version = |b: &u8| b.is_ascii_digit() || *b == b'.';
    let end = program.iter().rposition(|b| !is_version(b));
    &program[..end.map_or(0, |end| end + 1)]
}

/// Tells whether a command does nothing but throw downloads away.
pub(crate) fn only_cleans(command: &Command) -> bool {
    if !command.runs("rm") {
        return call(command).is_some_and(|call| call.cleans());
    }
    let is_leftover = |word: &Word| {
        let mut all = MANAGERS.iter().flat_map(|manager| manager.leftovers);
        all.any(|folder| word.text.starts_with(folder.as_bytes()))
    };
    command.operands().next().is_some() && command.operands().all(is_leftover)
}

impl Cache {
    /// The value of a `--mount` flag that keeps the folder.
    pub(crate) fn mount(&self) -> String {
        let sharing = if self.locked { ",sharing=locked" } else { "" };
        format!("type=cache,target={}{sharing}", self.target)
    }
}

const fn locked(target: &'static str) -> Cache {
    Cache {
        target,
        locked: true,
        home: false,
    }
}

const fn shared(target: &'static str) -> Cache {
    Cache {
        target,
        locked: false,
        home: false,
    }
}

const fn home(target: &'static str) -> Cache {
    Cache {
        target,
        locked: false,
        home: true,
    }
}

/// A manager of which nothing is known.
const NONE: Manager = Manager {
    programs: &[],
    of_python: false,
    of_distribution: false,
    groups: &[],
    installs: &[],
    fetches: &[],
    cleans: &[],
    flags: Flags::Valued(&[]),
    passes_on: false,
    sortable: false,
    caches: &[],
    keeps: None,
    no_cache: &[],
    leftovers: &[],
    mounts: &[],
    question: Question {
        verbs: &[],
        is_answered: |_| true,
    },
    pin: PIN,
};

const PIN: Pin = Pin {
    form: "package=version",
    runs: "",
    is_elsewhere: |_| false,
    is_pinned: |_| true,
};

/// Tells whether one of `words` is an argument.
fn has_word(command: &Command, words: &[&str]) -> bool {
    let is_one = |word: &Word| words.iter().any(|wanted| word.is(wanted));
    command.args().iter().any(is_one)
}

/// All of them.
///
/// **Source:** the manuals of the programs; where caches are, also Docker's documentation of `RUN --mount=type=cache`.
static MANAGERS: [&Manager; 18] = [
    &APT_GET, &APT, &APK, &DNF, &MICRODNF, &YUM, &ZYPPER, &PIP, &PIPX, &UV, &NPM, &YARN, &PNPM,
    &GEM, &BUNDLE, &CARGO, &GO, &MAVEN,
];

pub(crate) static APT_GET: Manager = Manager {
    programs: &["apt-get"],
    of_distribution: true,
    installs: &["install"],
    fetches: &[
        "upgrade",
        "dist-upgrade",
        "full-upgrade",
        "build-dep",
        "satisfy",
        "source",
        "download",
    ],
    cleans: &["clean", "autoclean", "dist-clean", "distclean"],
    flags: Flags::Valued(&[
        "a",
        "c",
        "o",
        "t",
        "config-file",
        "default-release",
        "host-architecture",
        "option",
        "target-release",
    ]),
    sortable: true,
    caches: &[locked("/var/cache/apt"), locked("/var/lib/apt")],
    keeps: Some("rm -f /etc/apt/apt.conf.d/docker-clean"),
    leftovers: &["/var/lib/apt/lists", "/var/cache/apt"],
    question: Question {
        verbs: &["install"],
        is_answered: apt_is_answered,
    },
    pin: Pin {
        // `name=version`, `name/release` or a file.
        is_pinned: |package| package.has_one_of(b"=/") || package.word.text.ends_with(b".deb"),
        ..PIN
    },
    ..NONE
};

/// For people, with the same words.
pub(crate) static APT: Manager = Manager {
    programs: &["apt", "aptitude"],
    ..APT_GET
};

/// `-y` and its spellings; quiet twice means yes, and who only looks is not asked. **Source:** `apt-get(8)`.
fn apt_is_answered(command: &Command) -> bool {
    let twice = |name: &str| command.flags().filter(|flag| flag.name == name).count() >= 2;
    let looks_only = [
        "s",
        "simulate",
        "just-print",
        "dry-run",
        "recon",
        "no-act",
        "print-uris",
    ];
    command.has_flag(&["y", "yes", "assume-yes"])
        || command.has_flag(&looks_only)
        || twice("q")
        || twice("quiet")
        || has_word(command, &["-q=2", "APT::Get::Assume-Yes=true"])
}

pub(crate) static APK: Manager = Manager {
    programs: &["apk"],
    of_distribution: true,
    installs: &["add"],
    fetches: &["upgrade"],
    flags: Flags::Valued(&[
        "X",
        "p",
        "t",
        "arch",
        "cache-dir",
        "keys-dir",
        "repositories-file",
        "repository",
        "root",
        "virtual",
    ]),
    sortable: true,
    // The program keeps what it downloads when this folder exists.
    caches: &[locked("/etc/apk/cache")],
    no_cache: &["--no-cache"],
    leftovers: &["/var/cache/apk"],
    mounts: &["/var/cache/apk", "/etc/apk/cache"],
    pin: Pin {
        // A bound, or a file.
        is_pinned: |package| package.has_one_of(b"=~><") || package.word.text.ends_with(b".apk"),
        ..PIN
    },
    ..NONE
};

pub(crate) static DNF: Manager = Manager {
    programs: &["dnf"],
    of_distribution: true,
    groups: &["group", "module"],
    installs: &["install", "in"],
    fetches: &[
        "upgrade",
        "up",
        "update",
        "upgrade-minimal",
        "up-min",
        "reinstall",
        "rei",
    ],
    cleans: &["clean"],
    flags: Flags::Valued(&[
        "c",
        "x",
        "config",
        "disablerepo",
        "enablerepo",
        "exclude",
        "installroot",
        "releasever",
        "repo",
        "repoid",
        "setopt",
    ]),
    sortable: true,
    caches: &[locked("/var/cache/dnf")],
    leftovers: &["/var/cache/dnf", "/var/cache/yum", "/var/cache/libdnf5"],
    mounts: &["/var/cache/libdnf5", ".cache/libdnf5", "/var/cache/dnf"],
    question: Question {
        verbs: &["install", "in", "groupinstall", "localinstall"],
        is_answered: |command| command.has_flag(&["y", "assumeyes"]),
    },
    pin: Pin {
        form: "package-version",
        is_elsewhere: |command| has_word(command, &["group"]),
        is_pinned: rpm_is_pinned,
        ..PIN
    },
    ..NONE
};

/// Where its version 5 has its packages.
pub(crate) const DNF5_PACKAGES: Cache = locked("/var/cache/libdnf5");

pub(crate) static MICRODNF: Manager = Manager {
    programs: &["microdnf"],
    caches: &[locked("/var/cache/yum")],
    ..DNF
};

pub(crate) static YUM: Manager = Manager {
    programs: &["yum"],
    caches: &[locked("/var/cache/yum")],
    leftovers: &["/var/cache/yum", "/var/cache/dnf"],
    mounts: &["/var/cache/yum"],
    ..DNF
};

/// `name-version-release`: behind the first dash nothing but what versions are made of, and a part that begins with a
/// digit. A version may be a variable that the file declares. Of a module `name:stream`.
fn rpm_is_pinned(package: &Package<'_>) -> bool {
    let word = package.word;
    if has_word(package.command, &["module"]) {
        return word.text.contains(&b':');
    }
    let mut parts = word.text.split(|b| *b == b'-').skip(1).peekable();
    if parts.peek().is_none() {
        return false;
    }
    if word.text.ends_with(b".rpm") {
        return true;
    }
    if !word.expansions.is_empty() {
        return word.expansions.iter().any(|e| match &e.value {
            Value::Variable { name, .. } => (package.is_declared)(name.as_bstr()),
            Value::Command | Value::Arithmetic | Value::Process => false,
        });
    }
    let valid = |b: &u8| b.is_ascii_alphanumeric() || b".~^_:+".contains(b);
    let mut digit = false;
    parts.all(|part| {
        digit |= part.first().is_some_and(u8::is_ascii_digit);
        part.iter().all(valid)
    }) && digit
}

pub(crate) static ZYPPER: Manager = Manager {
    programs: &["zypper"],
    of_distribution: true,
    installs: &["install", "in"],
    fetches: &["update", "up", "patch"],
    cleans: &["clean", "cc"],
    flags: Flags::Valued(&[
        "D",
        "R",
        "p",
        "r",
        "t",
        "from",
        "plus-repo",
        "repo",
        "reposd-dir",
        "root",
        "type",
    ]),
    sortable: true,
    caches: &[locked("/var/cache/zypp")],
    leftovers: &["/var/cache/zypp"],
    mounts: &["/var/cache/zypp"],
    question: Question {
        verbs: &[
            "install",
            "in",
            "remove",
            "rm",
            "source-install",
            "si",
            "patch",
        ],
        is_answered: |command| command.has_flag(&["non-interactive", "n", "no-confirm", "y"]),
    },
    pin: Pin {
        // A bound, or a file.
        is_pinned: |package| package.has_one_of(b"=><") || package.word.text.ends_with(b".rpm"),
        ..PIN
    },
    ..NONE
};

pub(crate) static PIP: Manager = Manager {
    programs: &["pip"],
    of_python: true,
    groups: &["cache"],
    installs: &["install"],
    fetches: &["download", "wheel"],
    cleans: &["purge"],
    flags: Flags::Valued(&[
        "abi",
        "b",
        "build",
        "c",
        "cache-dir",
        "cert",
        "client-cert",
        "config-settings",
        "constraint",
        "e",
        "editable",
        "extra-index-url",
        "f",
        "find-links",
        "i",
        "implementation",
        "index-url",
        "log",
        "no-binary",
        "only-binary",
        "platform",
        "prefix",
        "progress-bar",
        "proxy",
        "python",
        "python-version",
        "r",
        "report",
        "requirement",
        "retries",
        "root",
        "root-user-action",
        "src",
        "t",
        "target",
        "timeout",
        "trusted-host",
        "upgrade-strategy",
    ]),
    sortable: true,
    caches: &[home("/root/.cache/pip")],
    no_cache: &["--no-cache-dir"],
    leftovers: &["/root/.cache", "~/.cache", "${HOME}/.cache"],
    mounts: &[".cache/pip", "/cache/pip"],
    pin: Pin {
        form: "package==version",
        is_elsewhere: |command| {
            let given = ["-r", "--requirement", "."];
            command.has_flag(&["constraint", "c"]) || has_word(command, &given)
        },
        is_pinned: |package| pip_is_pinned(&package.word.text),
        ..PIN
    },
    ..NONE
};

/// Has a version, is a file, or names a commit of a repository.
fn pip_is_pinned(package: &[u8]) -> bool {
    let repository = ["git", "hg+", "svn", "bzr+"]
        .iter()
        .any(|scheme| package.starts_with(scheme.as_bytes()))
        && package.contains_str("://");
    let bounded = [&b"=="[..], b">", b"<", b"!=", b"~="]
        .iter()
        .any(|sign| package.contains_str(sign));
    let file = package.ends_with(b".whl") || package.ends_with(b".tar.gz");
    bounded
        || file
        || (repository && package.contains(&b'@'))
        || (!repository && package.contains(&b'/'))
}

/// Installs programs of Python, each with a folder of its own.
pub(crate) static PIPX: Manager = Manager {
    programs: &["pipx"],
    of_python: false,
    caches: &[],
    no_cache: &[],
    ..PIP
};

pub(crate) static UV: Manager = Manager {
    programs: &["uv"],
    groups: &["pip", "tool", "cache"],
    installs: &["install", "add"],
    fetches: &["sync"],
    cleans: &["clean", "prune"],
    caches: &[home("/root/.cache/uv")],
    no_cache: &["--no-cache", "-n"],
    ..PIP
};

pub(crate) static NPM: Manager = Manager {
    programs: &["npm"],
    groups: &["cache"],
    installs: &["install", "i", "add"],
    fetches: &["ci", "clean-install", "update"],
    cleans: &["clean"],
    flags: Flags::Valued(&[
        "cache",
        "include",
        "location",
        "loglevel",
        "omit",
        "prefix",
        "registry",
        "tag",
        "userconfig",
        "w",
        "workspace",
    ]),
    sortable: true,
    caches: &[home("/root/.npm")],
    pin: Pin {
        form: "package@version",
        is_pinned: |package| npm_is_pinned(&package.word.text),
        ..PIN
    },
    ..NONE
};

/// A folder, an archive, a repository at a commit, or a name with a version.
fn npm_is_pinned(package: &[u8]) -> bool {
    let starts = |starts: &[&str]| starts.iter().any(|s| package.starts_with(s.as_bytes()));
    let ends = |ends: &[&str]| ends.iter().any(|e| package.ends_with(e.as_bytes()));
    if starts(&["git://", "git+ssh://", "git+http://", "git+https://"]) {
        return package.contains(&b'#');
    }
    // The first `@` of `@scope/name` belongs to the name.
    let name = match package
        .strip_prefix(b"@")
        .and_then(|p| p.split_once_str("/"))
    {
        Some((_, name)) => name,
        None => package,
    };
    ends(&[".tar", ".tar.gz", ".tgz"]) || starts(&["/", "./", "../", "~/"]) || name.contains(&b'@')
}

/// Version 1, whose folder the official image names; later ones keep theirs below the project.
pub(crate) static YARN: Manager = Manager {
    programs: &["yarn"],
    groups: &["cache", "global"],
    installs: &["add"],
    fetches: &["install"],
    cleans: &["clean"],
    flags: Flags::Valued(&["cwd", "registry"]),
    sortable: true,
    caches: &[shared("/usr/local/share/.cache/yarn")],
    mounts: &[".cache/yarn"],
    ..NONE
};

pub(crate) static PNPM: Manager = Manager {
    programs: &["pnpm"],
    groups: &["store"],
    installs: &["add"],
    fetches: &["install", "i", "fetch", "update", "up"],
    cleans: &["prune"],
    flags: Flags::Valued(&["C", "F", "dir", "filter", "registry", "store-dir"]),
    sortable: true,
    caches: &[home("/root/.local/share/pnpm/store")],
    ..NONE
};

pub(crate) static GEM: Manager = Manager {
    programs: &["gem"],
    installs: &["install", "i"],
    fetches: &["update"],
    flags: Flags::ValuedBut(&[
        "--conservative",
        "--env-shebang",
        "--force",
        "--ignore-dependencies",
        "--local",
        "--minimal-deps",
        "--no-document",
        "--no-rdoc",
        "--no-ri",
        "--no-user-install",
        "--pre",
        "--prerelease",
        "--quiet",
        "--remote",
        "--silent",
        "--user-install",
        "--verbose",
        "--wrappers",
        "-E",
        "-N",
        "-V",
        "-f",
        "-l",
        "-q",
        "-r",
        "-w",
    ]),
    passes_on: true,
    sortable: true,
    pin: Pin {
        form: "gem:version",
        is_elsewhere: |command| command.has_flag(&["version", "v"]),
        is_pinned: |package| package.has_one_of(b":") || package.word.text.ends_with(b".gem"),
        ..PIN
    },
    ..NONE
};

pub(crate) static BUNDLE: Manager = Manager {
    programs: &["bundle", "bundler"],
    fetches: &["install", "update"],
    caches: &[shared("/usr/local/bundle/cache")],
    ..NONE
};

pub(crate) static CARGO: Manager = Manager {
    programs: &["cargo"],
    installs: &["install"],
    fetches: &[
        "build", "b", "check", "c", "clippy", "fetch", "run", "r", "test", "t",
    ],
    flags: Flags::Valued(&[
        "F",
        "Z",
        "color",
        "config",
        "features",
        "git",
        "index",
        "j",
        "jobs",
        "manifest-path",
        "path",
        "profile",
        "registry",
        "root",
        "target",
        "target-dir",
        "version",
    ]),
    passes_on: true,
    sortable: true,
    caches: &[
        shared("/usr/local/cargo/registry"),
        shared("/usr/local/cargo/git/db"),
    ],
    ..NONE
};

/// What `go mod download` fetches.
pub(crate) const GO_MODULES: Cache = shared("/go/pkg/mod");

pub(crate) static GO: Manager = Manager {
    programs: &["go"],
    groups: &["mod"],
    installs: &["install", "get"],
    fetches: &[
        "build", "download", "generate", "run", "test", "tidy", "vendor", "vet",
    ],
    flags: Flags::OneDash(&[
        "-C",
        "-asmflags",
        "-buildmode",
        "-exec",
        "-gcflags",
        "-ldflags",
        "-mod",
        "-modfile",
        "-o",
        "-p",
        "-pkgdir",
        "-tags",
    ]),
    sortable: true,
    caches: &[GO_MODULES, home("/root/.cache/go-build")],
    pin: Pin {
        form: "package@version",
        runs: "run",
        is_pinned: |package| go_is_pinned(&package.word.text),
        ..PIN
    },
    ..NONE
};

/// Has a version that stays the same, or is a path or a file.
fn go_is_pinned(package: &[u8]) -> bool {
    let moving = package.ends_with(b"@latest") || package.ends_with(b"@none");
    let local = package.starts_with(b".") || package.starts_with(b"/") || package.ends_with(b".go");
    local || (package.contains(&b'@') && !moving)
}

pub(crate) static MAVEN: Manager = Manager {
    programs: &["mvn", "mvnw"],
    groups: &["clean"],
    fetches: &[
        "compile",
        "dependency:go-offline",
        "dependency:resolve",
        "deploy",
        "install",
        "package",
        "test",
        "verify",
    ],
    flags: Flags::Valued(&[
        "P",
        "T",
        "activate-profiles",
        "f",
        "file",
        "pl",
        "projects",
        "s",
        "settings",
        "threads",
    ]),
    caches: &[home("/root/.m2")],
    ..NONE
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::Script;

    /// What a command line is taken for: program, verb of an installation, packages.
    fn read(line: &str) -> String {
        let script = Script::new(line.as_bytes());
        let Some(call) = script.commands().iter().find_map(call) else {
            return String::new();
        };
        let verb = call.install().map(|verb| verb.text.to_string());
        let packages: Vec<_> = call.packages().map(|word| word.text.to_string()).collect();
        let fetches = if call.fetches() { " fetches" } else { "" };
        format!(
            "{}{fetches} {}",
            verb.unwrap_or_default(),
            packages.join(",")
        )
    }

    #[test]
    fn calls_are_read_as_the_programs_do() {
        for (line, want) in [
            (
                "apt-get -qq -o A=b install -t c d e=1",
                "install fetches d,e=1",
            ),
            (
                "sudo apt-get $flags install -oDpkg::Opt a",
                "install fetches a",
            ),
            ("apt-get update", " "),
            ("apk --no-cache add -t .b a", "add fetches a"),
            ("dnf -y module install a:1", "install fetches a:1"),
            ("yum -y update", " fetches "),
            ("pip3.12 install -r a b", "install fetches b"),
            ("/usr/bin/python3 -m pip -q install a", "install fetches a"),
            ("python -m venv install", ""),
            ("pip-compile a", ""),
            ("uv pip install a b", "install fetches a,b"),
            ("npm run install a", " install,a"),
            ("npm --prefix a ci", " fetches "),
            ("gem install -N --source a b -- c", "install fetches b"),
            ("cargo +nightly build --release", " fetches "),
            ("go mod download", " fetches "),
            ("go install -tags a b", "install fetches b"),
            ("make install", ""),
        ] {
            assert_eq!(read(line), want, "{line}");
        }
    }
}
