//! The package managers that actions know: what installs, what keeps a cache, what cleans it.

use crate::shell::{Command, Word};

/// A program that installs packages.
pub(super) struct Manager {
    programs: &'static [&'static str],
    /// What its first operand is when it installs something.
    installs: &'static [&'static str],
    /// Flags whose value is the next word.
    with_value: &'static [&'static str],
    /// Its operands may stand in any order.
    pub(super) sortable: bool,
    /// Folders that it would find again.
    pub(super) caches: &'static [Cache],
    /// Flags that keep it from using them.
    pub(super) no_cache: &'static [&'static str],
}

/// A folder with what a program downloaded or compiled.
pub(super) struct Cache {
    pub(super) target: &'static str,
    /// Only one process at a time may use it.
    pub(super) locked: bool,
    /// Below the home of root, so nowhere else for another user.
    pub(super) home: bool,
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

const PIP: &[&str] = &[
    "r",
    "c",
    "i",
    "t",
    "requirement",
    "constraint",
    "index-url",
    "extra-index-url",
    "target",
    "prefix",
    "root",
    "find-links",
    "f",
    "e",
    "editable",
];

/// **Source:** the manuals of the programs; where caches are, also Docker's documentation of `RUN --mount=type=cache`.
static MANAGERS: &[Manager] = &[
    Manager {
        programs: &["apt-get", "apt"],
        installs: &["install"],
        with_value: &[
            "o",
            "c",
            "t",
            "option",
            "config-file",
            "target-release",
            "default-release",
        ],
        sortable: true,
        caches: &[locked("/var/cache/apt"), locked("/var/lib/apt")],
        no_cache: &[],
    },
    Manager {
        programs: &["apk"],
        installs: &["add"],
        with_value: &["t", "virtual", "X", "repository", "p", "root", "cache-dir"],
        sortable: true,
        // The program keeps what it downloads when this folder exists.
        caches: &[locked("/etc/apk/cache")],
        no_cache: &["--no-cache"],
    },
    Manager {
        programs: &["dnf"],
        installs: &["install"],
        with_value: &["x", "exclude", "enablerepo", "disablerepo", "setopt"],
        sortable: true,
        caches: &[locked("/var/cache/dnf")],
        no_cache: &[],
    },
    Manager {
        programs: &["yum", "microdnf"],
        installs: &["install"],
        with_value: &["x", "exclude", "enablerepo", "disablerepo", "setopt"],
        sortable: true,
        caches: &[locked("/var/cache/yum")],
        no_cache: &[],
    },
    Manager {
        programs: &["zypper"],
        installs: &["install", "in"],
        with_value: &["r", "repo", "t", "type"],
        sortable: true,
        caches: &[locked("/var/cache/zypp")],
        no_cache: &[],
    },
    Manager {
        programs: &["pip", "pip3"],
        installs: &["install"],
        with_value: PIP,
        sortable: true,
        caches: &[home("/root/.cache/pip")],
        no_cache: &["--no-cache-dir"],
    },
    Manager {
        programs: &["npm"],
        installs: &["install", "i", "ci", "add"],
        with_value: &["prefix", "registry", "w", "workspace"],
        sortable: true,
        caches: &[home("/root/.npm")],
        no_cache: &[],
    },
    Manager {
        programs: &["yarn"],
        installs: &["install", "add"],
        with_value: &["cwd", "registry"],
        sortable: true,
        caches: &[shared("/usr/local/share/.cache/yarn")],
        no_cache: &[],
    },
    Manager {
        programs: &["cargo"],
        installs: &["build", "install", "fetch", "test", "b"],
        with_value: &[],
        sortable: false,
        caches: &[
            shared("/usr/local/cargo/registry"),
            shared("/usr/local/cargo/git/db"),
        ],
        no_cache: &[],
    },
    Manager {
        programs: &["go"],
        installs: &["build", "install", "get", "mod", "test"],
        with_value: &[],
        sortable: false,
        caches: &[shared("/go/pkg/mod"), home("/root/.cache/go-build")],
        no_cache: &[],
    },
];

/// The manager that a command installs something with.
pub(super) fn installer(command: &Command) -> Option<&'static Manager> {
    MANAGERS.iter().find(|manager| {
        let known = manager.programs.iter().any(|program| command.runs(program));
        known
            && manager
                .operands(command)
                .next()
                .is_some_and(|word| manager.installs.iter().any(|install| word.is(install)))
    })
}

impl Manager {
    /// What the program is told to do, then with what.
    pub(super) fn operands<'a>(
        &self,
        command: &'a Command,
    ) -> impl Iterator<Item = &'a Word> + use<'a> {
        command.operands_beside(self.with_value)
    }
}

/// Tells whether a command does nothing but throw a cache away.
pub(super) fn cleans(command: &Command) -> bool {
    let words: Vec<&[u8]> = command.args().iter().map(|word| &word.text[..]).collect();
    let is = |name: &str| command.runs(name);
    let first = |word: &[u8]| words.first() == Some(&word);
    if is("rm") {
        let folders = command.operands().map(|word| &word.text[..]);
        let caches: [&[u8]; 5] = [
            b"/var/lib/apt/lists",
            b"/var/cache/apt",
            b"/var/cache/apk",
            b"/var/cache/dnf",
            b"/var/cache/yum",
        ];
        let mut folders = folders.peekable();
        return folders.peek().is_some()
            && folders.all(|folder| caches.iter().any(|cache| folder.starts_with(cache)));
    }
    let cleaners = ["apt-get", "apt", "dnf", "yum", "microdnf", "zypper"];
    let cleaner = cleaners.iter().any(|name| is(name)) && (first(b"clean") || first(b"autoclean"));
    cleaner || (["npm", "yarn"].iter().any(|name| is(name)) && first(b"cache"))
}
