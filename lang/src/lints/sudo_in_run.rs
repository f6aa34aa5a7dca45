//! `sudo` in a build.

use super::image_name::ImageName;
use super::runs::commands;
use super::stages::parents;
use super::subject::is_root;
use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::Kind;
use crate::shell::{Command, Snippet};
use crate::text::TextRange;
use std::collections::HashMap;

pub(super) const LINT: Lint = Lint {
    name: "SudoInRun",
    aliases: &["DL3004"],
    description: "USER switches the user of a build, sudo is for people",
    docs: include_str!("../../docs/lints/sudo-in-run.md"),
    level: Level::Warning,
    hadolint: Level::Error,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let mut roots = None;
    for (snippet, command) in commands(subject) {
        let words = || command.words.iter().take(command.wrapper().len() + 1);
        let Some(sudo) = words().find(|word| word.is("sudo") || word.is("/usr/bin/sudo")) else {
            continue;
        };
        let roots = roots.get_or_insert_with(|| Roots::of(subject));
        let is_root = roots.at(subject.file.parse().nodes()[snippet.node].range.start);
        let options = command.wrapper().iter().take_while(|word| !word.is("--"));
        let as_another = || options.clone().any(|word| is_user_option(&word.text));
        let message = if as_another() {
            "sudo behaves unexpectedly in a build, choose the user with USER instead"
        } else if is_root {
            "this runs as root already, leave sudo out"
        } else {
            "sudo behaves unexpectedly in a build, become root with USER instead"
        };
        let finding = Finding::in_script(&LINT, subject, snippet, sudo.range, message);
        out.push(match command.words.get(1) {
            // Without options `sudo` can go; what they mean would be lost.
            Some(next) if is_root && is_plain(snippet, command) => {
                let start = snippet.source_range(sudo.range).start;
                let end = snippet.source_range(next.range).start;
                let edit = (TextRange::new(start, end), String::new());
                finding.with_fix("remove `sudo`", vec![edit])
            }
            _ => finding,
        });
    }
}

/// `-u`, alone, in a cluster (`-Eu`) or long.
fn is_user_option(word: &[u8]) -> bool {
    let short = word.starts_with(b"-") && !word.starts_with(b"--") && word.contains(&b'u');
    short || word.starts_with(b"--user")
}

/// `sudo program …` of a shell text.
fn is_plain(snippet: &Snippet, command: &Command) -> bool {
    let only_sudo = command.wrapper().len() == 1 && command.words[0].is("sudo");
    only_sudo && !snippet.exec && !snippet.trigger
}

/// Official images that set no user.
const ROOT_IMAGES: &[&str] = &[
    "almalinux",
    "alpine",
    "amazonlinux",
    "archlinux",
    "busybox",
    "debian",
    "fedora",
    "golang",
    "node",
    "php",
    "python",
    "rockylinux",
    "ruby",
    "rust",
    "ubuntu",
];

/// From which offsets on instructions are known to run as root, or not.
struct Roots(Vec<(u32, bool)>);

impl Roots {
    fn of(subject: &Subject<'_>) -> Self {
        let parents = parents(subject.file);
        let mut ended: HashMap<usize, bool> = HashMap::new();
        let mut roots = Vec::new();
        for line in &subject.lines {
            let root = match &line.instruction.kind {
                Kind::From(from) => parents
                    .get(&line.stage)
                    .and_then(|parent| ended.get(parent).copied())
                    .unwrap_or_else(|| is_root_image(&from.base.text)),
                Kind::User(user) => is_root(&user.text),
                _ => continue,
            };
            ended.insert(line.stage, root);
            roots.push((line.instruction.range.start, root));
        }
        Self(roots)
    }

    fn at(&self, offset: u32) -> bool {
        let behind = self.0.partition_point(|(start, _)| *start < offset);
        behind.checked_sub(1).is_some_and(|at| self.0[at].1)
    }
}

fn is_root_image(text: &[u8]) -> bool {
    let image = ImageName::parse(text);
    image.registry.is_none() && ROOT_IMAGES.iter().any(|name| image.name == name.as_bytes())
}
