//! Commands one writes again and again: packages installed and cleaned up after, or with a cache that stays.

use super::{Entry, ItemKind, Menu, Slot, Style};
use crate::ide::cursor::Line;
use crate::shell::packages::{self, Cache};
use bstr::ByteSlice;

/// A command for a `RUN`.
struct Idiom {
    /// What the menu shows.
    label: &'static str,
    /// Folders that stay for the next build, each in a mount in front of the command.
    caches: &'static [Cache],
    /// The command, further flags in front.
    template: &'static str,
    /// One sentence.
    doc: &'static str,
    /// Parts of names of base images it belongs to; none for those that fit any.
    bases: &'static [&'static str],
}

const DEBIAN: &[&str] = &[
    "debian", "ubuntu", "slim", "bookworm", "trixie", "noble", "jammy",
];
const FEDORA: &[&str] = &[
    "fedora",
    "almalinux",
    "rocky",
    "centos",
    "ubi",
    "oraclelinux",
];

/// **Source:** Docker's documentation, "Building best practices" and "Optimize cache usage".
static IDIOMS: [Idiom; 22] = [
    Idiom {
        label: "apt-get install, cleaned up",
        caches: &[],
        template: "apt-get update \\\\\n    && apt-get install -y --no-install-recommends ${1:package} \\\\\n    && rm -rf /var/lib/apt/lists/*",
        doc: "Lists are fetched, used and deleted in one layer.",
        bases: DEBIAN,
    },
    Idiom {
        label: "apt-get install with cache mounts",
        caches: packages::APT_GET.caches,
        template: "rm -f /etc/apt/apt.conf.d/docker-clean \\\\\n    && apt-get update \\\\\n    && apt-get install -y --no-install-recommends ${1:package}",
        doc: "Lists and packages stay outside the image, for the next build.",
        bases: DEBIAN,
    },
    Idiom {
        label: "apk add",
        caches: &[],
        template: "apk add --no-cache ${1:package}",
        doc: "The index is fetched and not kept.",
        bases: &["alpine"],
    },
    Idiom {
        label: "apk add with cache mount",
        caches: packages::APK.caches,
        template: "apk add ${1:package}",
        doc: "Packages stay outside the image, for the next build.",
        bases: &["alpine"],
    },
    Idiom {
        label: "dnf install, cleaned up",
        caches: &[],
        template: "dnf install -y --setopt=install_weak_deps=False ${1:package} \\\\\n    && dnf clean all",
        doc: "Only what is needed, without what was downloaded for it.",
        bases: FEDORA,
    },
    Idiom {
        label: "dnf install with cache mount",
        caches: &[packages::DNF5_PACKAGES],
        template: "dnf install -y --setopt=install_weak_deps=False --setopt=keepcache=True ${1:package}",
        doc: "Packages stay outside the image, for the next build. dnf 4 keeps them in `/var/cache/dnf`.",
        bases: FEDORA,
    },
    Idiom {
        label: "pip install, nothing kept",
        caches: &[],
        template: "pip install --no-cache-dir ${1:-r requirements.txt}",
        doc: "What was downloaded does not stay in the layer.",
        bases: &["python"],
    },
    Idiom {
        label: "pip install with cache mount",
        caches: packages::PIP.caches,
        template: "pip install ${1:-r requirements.txt}",
        doc: "What was downloaded and built stays outside the image, for the next build.",
        bases: &["python"],
    },
    Idiom {
        label: "uv sync with cache mount",
        caches: packages::UV.caches,
        template: "uv sync --locked --no-dev",
        doc: "The packages of the lock file; downloads stay outside the image.",
        bases: &["python"],
    },
    Idiom {
        label: "npm ci, nothing kept",
        caches: &[],
        template: "npm ci --omit=dev && npm cache clean --force",
        doc: "Exactly what the lock file says, without what was downloaded for it.",
        bases: &["node"],
    },
    Idiom {
        label: "npm ci with cache mount",
        caches: packages::NPM.caches,
        template: "npm ci${1: --omit=dev}",
        doc: "Exactly what the lock file says; downloads stay outside the image.",
        bases: &["node"],
    },
    Idiom {
        label: "yarn install with cache mount",
        caches: packages::YARN.caches,
        template: "yarn install --frozen-lockfile",
        doc: "Exactly what the lock file says; downloads stay outside the image. For yarn 1.",
        bases: &["node"],
    },
    Idiom {
        label: "pnpm install with cache mount",
        caches: packages::PNPM.caches,
        template: "pnpm install --frozen-lockfile",
        doc: "Exactly what the lock file says; the store stays outside the image.",
        bases: &["node"],
    },
    Idiom {
        label: "go build with cache mounts",
        caches: packages::GO.caches,
        template: "CGO_ENABLED=0 go build -o ${1:/app} ${2:.}",
        doc: "Modules and compiled packages stay outside the image, for the next build.",
        bases: &["golang"],
    },
    Idiom {
        label: "go mod download with cache mount",
        caches: &[packages::GO_MODULES],
        template: "go mod download",
        doc: "Fetches the modules of `go.mod`; they stay outside the image.",
        bases: &["golang"],
    },
    Idiom {
        label: "cargo build with cache mounts",
        caches: packages::CARGO.caches,
        template: "--mount=type=cache,target=${1:/src}/target,sharing=locked \\\\\n    cargo build --release && cp target/release/${2:name} /usr/local/bin/",
        doc: "Crates and compiled code stay outside the image; so what was built is copied out of `target`.",
        bases: &["rust"],
    },
    Idiom {
        label: "mvn package with cache mount",
        caches: packages::MAVEN.caches,
        template: "mvn -B package${1: -DskipTests}",
        doc: "The local repository stays outside the image, for the next build.",
        bases: &["maven", "temurin", "openjdk"],
    },
    Idiom {
        label: "composer install with cache mount",
        caches: &[],
        template: "--mount=type=cache,target=/tmp/cache \\\\\n    COMPOSER_CACHE_DIR=/tmp/cache composer install --no-dev --no-interaction",
        doc: "Packages stay outside the image, for the next build.",
        bases: &["php", "composer"],
    },
    Idiom {
        label: "bundle install with cache mount",
        caches: packages::BUNDLE.caches,
        template: "bundle install",
        doc: "Gems as downloaded stay outside the image, for the next build.",
        bases: &["ruby"],
    },
    Idiom {
        label: "user without privileges (useradd)",
        caches: &[],
        template: "useradd --system --no-create-home --uid ${1:10001} ${2:app}",
        doc: "A user for `USER`, where Debian's or Fedora's tools are.",
        bases: &[],
    },
    Idiom {
        label: "user without privileges (adduser)",
        caches: &[],
        template: "adduser -S -D -H -u ${1:10001} ${2:app}",
        doc: "A user for `USER`, where BusyBox's tools are, as in Alpine.",
        bases: &[],
    },
    Idiom {
        label: "git clone with SSH",
        caches: &[],
        template: "--mount=type=ssh \\\\\n    git clone ${1:git@example.com:owner/name.git}",
        doc: "The agent of whoever builds lends its keys; none reaches a layer.",
        bases: &[],
    },
];

impl Idiom {
    /// Flags and command, each on a line of its own.
    fn text(&self) -> String {
        let mounts = self.caches.iter().map(Cache::mount);
        let flags = mounts.map(|mount| format!("--mount={mount} \\\\\n    "));
        flags.chain([self.template.to_owned()]).collect()
    }
}

/// Offers whole lines where an instruction may begin.
pub(super) fn offer_lines(menu: &mut Menu<'_>, line: &Line<'_>, slot: &Slot) {
    // Only for who has begun to type: the list is long.
    if !slot.typed.is_empty() {
        offer(menu, line, slot, "RUN ");
    }
}

/// Offers flags and command behind `RUN`.
pub(super) fn offer_commands(menu: &mut Menu<'_>, line: &Line<'_>, slot: &Slot) {
    offer(menu, line, slot, "");
}

fn offer(menu: &mut Menu<'_>, line: &Line<'_>, slot: &Slot, prefix: &str) {
    if menu.style == Style::Plain {
        return;
    }
    let base = base(line);
    for idiom in &IDIOMS {
        let fits_base = idiom.bases.iter().any(|part| base.contains(part));
        let text = idiom.text();
        // Behind flags only a command may follow.
        if text.starts_with("--") && prefix.is_empty() && !line.takes_flag() {
            continue;
        }
        let mut template = format!("{prefix}{text}");
        if line.file().parse().escape() == '`' {
            template = template.replace("\\\\\n", "`\n");
        }
        let shown = crate::ide::template::plain(&template);
        let entry = Entry::template(ItemKind::Snippet, template)
            .label(format!("{prefix}{}", idiom.label))
            .by_label()
            .detail(idiom.doc)
            .doc(format!("{}\n\n```dockerfile\n{shown}\n```", idiom.doc));
        menu.offer(slot, entry.rank(if fits_base { 5 } else { 8 }));
    }
}

/// Name of the image the stage is based on, as written.
fn base(line: &Line<'_>) -> String {
    let file = line.file();
    let names = file.names();
    let Some(stage) = names.stage_at(line.source(0)) else {
        return String::new();
    };
    let from = names.stages()[stage].from;
    file.text(from).to_str_lossy().to_ascii_lowercase()
}
