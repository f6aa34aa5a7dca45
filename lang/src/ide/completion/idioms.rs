//! Commands one writes again and again: packages installed and cleaned up after, or with a cache that stays.

use super::{Entry, ItemKind, Menu, Slot, Style};
use crate::ide::cursor::Line;
use bstr::ByteSlice;

/// A command for a `RUN`.
struct Idiom {
    /// What the menu shows.
    label: &'static str,
    /// Flags and command.
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

/// **Source:** Docker's documentation, "Building best practices" and "Optimize cache usage"; the manuals of the tools
/// for where they keep their caches.
const IDIOMS: &[Idiom] = &[
    Idiom {
        label: "apt-get install, cleaned up",
        template: "apt-get update \\\\\n    && apt-get install -y --no-install-recommends ${1:package} \\\\\n    && rm -rf /var/lib/apt/lists/*",
        doc: "Lists are fetched, used and deleted in one layer.",
        bases: DEBIAN,
    },
    Idiom {
        label: "apt-get install with cache mounts",
        template: "--mount=type=cache,target=/var/cache/apt,sharing=locked \\\\\n    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \\\\\n    rm -f /etc/apt/apt.conf.d/docker-clean \\\\\n    && apt-get update \\\\\n    && apt-get install -y --no-install-recommends ${1:package}",
        doc: "Lists and packages stay outside the image, for the next build.",
        bases: DEBIAN,
    },
    Idiom {
        label: "apk add",
        template: "apk add --no-cache ${1:package}",
        doc: "The index is fetched and not kept.",
        bases: &["alpine"],
    },
    Idiom {
        label: "apk add with cache mount",
        template: "--mount=type=cache,target=/etc/apk/cache \\\\\n    apk add ${1:package}",
        doc: "Packages stay outside the image, for the next build.",
        bases: &["alpine"],
    },
    Idiom {
        label: "dnf install, cleaned up",
        template: "dnf install -y --setopt=install_weak_deps=False ${1:package} \\\\\n    && dnf clean all",
        doc: "Only what is needed, without what was downloaded for it.",
        bases: FEDORA,
    },
    Idiom {
        label: "dnf install with cache mount",
        template: "--mount=type=cache,target=/var/cache/libdnf5,sharing=locked \\\\\n    dnf install -y --setopt=install_weak_deps=False --setopt=keepcache=True ${1:package}",
        doc: "Packages stay outside the image, for the next build. dnf 4 keeps them in `/var/cache/dnf`.",
        bases: FEDORA,
    },
    Idiom {
        label: "pip install, nothing kept",
        template: "pip install --no-cache-dir ${1:-r requirements.txt}",
        doc: "What was downloaded does not stay in the layer.",
        bases: &["python"],
    },
    Idiom {
        label: "pip install with cache mount",
        template: "--mount=type=cache,target=/root/.cache/pip \\\\\n    pip install ${1:-r requirements.txt}",
        doc: "What was downloaded and built stays outside the image, for the next build.",
        bases: &["python"],
    },
    Idiom {
        label: "uv sync with cache mount",
        template: "--mount=type=cache,target=/root/.cache/uv \\\\\n    uv sync --locked --no-dev",
        doc: "The packages of the lock file; downloads stay outside the image.",
        bases: &["python"],
    },
    Idiom {
        label: "npm ci, nothing kept",
        template: "npm ci --omit=dev && npm cache clean --force",
        doc: "Exactly what the lock file says, without what was downloaded for it.",
        bases: &["node"],
    },
    Idiom {
        label: "npm ci with cache mount",
        template: "--mount=type=cache,target=/root/.npm \\\\\n    npm ci${1: --omit=dev}",
        doc: "Exactly what the lock file says; downloads stay outside the image.",
        bases: &["node"],
    },
    Idiom {
        label: "yarn install with cache mount",
        template: "--mount=type=cache,target=/usr/local/share/.cache/yarn \\\\\n    yarn install --frozen-lockfile",
        doc: "Exactly what the lock file says; downloads stay outside the image. For yarn 1.",
        bases: &["node"],
    },
    Idiom {
        label: "pnpm install with cache mount",
        template: "--mount=type=cache,target=/root/.local/share/pnpm/store \\\\\n    pnpm install --frozen-lockfile",
        doc: "Exactly what the lock file says; the store stays outside the image.",
        bases: &["node"],
    },
    Idiom {
        label: "go build with cache mounts",
        template: "--mount=type=cache,target=/go/pkg/mod \\\\\n    --mount=type=cache,target=/root/.cache/go-build \\\\\n    CGO_ENABLED=0 go build -o ${1:/app} ${2:.}",
        doc: "Modules and compiled packages stay outside the image, for the next build.",
        bases: &["golang"],
    },
    Idiom {
        label: "go mod download with cache mount",
        template: "--mount=type=cache,target=/go/pkg/mod \\\\\n    go mod download",
        doc: "Fetches the modules of `go.mod`; they stay outside the image.",
        bases: &["golang"],
    },
    Idiom {
        label: "cargo build with cache mounts",
        template: "--mount=type=cache,target=/usr/local/cargo/registry \\\\\n    --mount=type=cache,target=${1:/src}/target,sharing=locked \\\\\n    cargo build --release && cp target/release/${2:name} /usr/local/bin/",
        doc: "Crates and compiled code stay outside the image; so what was built is copied out of `target`.",
        bases: &["rust"],
    },
    Idiom {
        label: "mvn package with cache mount",
        template: "--mount=type=cache,target=/root/.m2 \\\\\n    mvn -B package${1: -DskipTests}",
        doc: "The local repository stays outside the image, for the next build.",
        bases: &["maven", "temurin", "openjdk"],
    },
    Idiom {
        label: "composer install with cache mount",
        template: "--mount=type=cache,target=/tmp/cache \\\\\n    COMPOSER_CACHE_DIR=/tmp/cache composer install --no-dev --no-interaction",
        doc: "Packages stay outside the image, for the next build.",
        bases: &["php", "composer"],
    },
    Idiom {
        label: "bundle install with cache mount",
        template: "--mount=type=cache,target=/usr/local/bundle/cache \\\\\n    bundle install",
        doc: "Gems as downloaded stay outside the image, for the next build.",
        bases: &["ruby"],
    },
    Idiom {
        label: "user without privileges (useradd)",
        template: "useradd --system --no-create-home --uid ${1:10001} ${2:app}",
        doc: "A user for `USER`, where Debian's or Fedora's tools are.",
        bases: &[],
    },
    Idiom {
        label: "user without privileges (adduser)",
        template: "adduser -S -D -H -u ${1:10001} ${2:app}",
        doc: "A user for `USER`, where BusyBox's tools are, as in Alpine.",
        bases: &[],
    },
    Idiom {
        label: "git clone with SSH",
        template: "--mount=type=ssh \\\\\n    git clone ${1:git@example.com:owner/name.git}",
        doc: "The agent of whoever builds lends its keys; none reaches a layer.",
        bases: &[],
    },
];

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
    for idiom in IDIOMS {
        let fits_base = idiom.bases.iter().any(|part| base.contains(part));
        // Behind flags only a command may follow.
        if idiom.template.starts_with("--") && prefix.is_empty() && !line.takes_flag() {
            continue;
        }
        let mut template = format!("{prefix}{}", idiom.template);
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
