//! `rm -r` of the system.

use super::runs::{commands, removes_folders};
use super::{Finding, Level, Lint, Run, Subject};

pub(super) const LINT: Lint = Lint {
    name: "SystemFolderRemoved",
    aliases: &["SC2114"],
    description: "rm -r spares the folders of the system",
    docs: include_str!("../../docs/lints/system-folder-removed.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

const FOLDERS: &[&str] = &[
    "/",
    "/*",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/proc",
    "/sbin",
    "/sys",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/sbin",
    "/var",
    "/var/lib",
];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    for (snippet, command) in commands(subject).filter(|(_, command)| removes_folders(command)) {
        for word in command.operands().filter(|word| is_system(&word.text)) {
            let message = format!("nothing runs without `{}`, name what is to go", word.text);
            out.push(Finding::in_script(
                &LINT, subject, snippet, word.range, message,
            ));
        }
    }
}

fn is_system(path: &[u8]) -> bool {
    let path = match path {
        b"/" => path,
        _ => path.strip_suffix(b"/").unwrap_or(path),
    };
    FOLDERS.iter().any(|folder| path == folder.as_bytes())
}
