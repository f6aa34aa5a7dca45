//! Variables that nothing sets.

use super::runs::{Variables, assigned_in, flags, is_template, runs};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Command, Script, Snippet, Value};
use crate::text::TextRange;
use bstr::{BStr, ByteSlice};
use std::collections::HashSet;

pub(super) const LINT: Lint = Lint {
    name: "VariableUnassigned",
    aliases: &["SC2154", "SC2153"],
    description: "A variable of a script has got a value",
    docs: include_str!("../../docs/lints/variable-unassigned.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    fixable: true,
    run: Run::File(run),
    ..Lint::OWN
};

/// Set by every shell, login or builder.
const GIVEN: &[&str] = &[
    "HOME",
    "HOSTNAME",
    "IFS",
    "LANG",
    "LOGNAME",
    "OLDPWD",
    "OPTARG",
    "OPTIND",
    "PATH",
    "PPID",
    "PS1",
    "PWD",
    "SHELL",
    "SHLVL",
    "TERM",
    "TMPDIR",
    "UID",
    "USER",
    "all_proxy",
    "ftp_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let mut variables = None;
    for snippet in runs(subject).filter(|snippet| !snippet.exec && !snippet.trigger) {
        let used = used(&snippet.script);
        // What is read from elsewhere can set anything.
        let open = snippet.script.commands().iter().any(reads_script) || is_template(snippet);
        if used.is_empty() || open {
            continue;
        }
        let assigned = assigned_in(snippet);
        let secrets = secrets(subject, snippet);
        let variables = variables.get_or_insert_with(|| Variables::of(subject));
        for (name, range) in used {
            let given = GIVEN.iter().any(|given| name == *given) || secrets.contains(&name);
            if given || assigned.contains(name) || variables.is_visible(name, subject, snippet) {
                continue;
            }
            let near = variables
                .visible_names(subject, snippet)
                .chain(assigned.iter().copied())
                .find(|known| is_one_slip(name, known));
            let lower = name
                .iter()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_');
            if near.is_none() && !lower {
                continue;
            }
            let hint = near
                .map(|near| format!(", is `{near}` meant?"))
                .unwrap_or_default();
            let message = format!("`{name}` has no value here{hint}");
            let finding = Finding::in_script(&LINT, subject, snippet, range, message);
            let place = finding.range;
            out.push(match near {
                Some(near) => {
                    finding.with_fix(format!("use `{near}`"), vec![(place, near.to_string())])
                }
                None => finding,
            });
        }
    }
}

/// Variables that are used without a default, with their first place.
fn used(script: &Script) -> Vec<(&BStr, TextRange)> {
    let mut seen = HashSet::new();
    let mut used = Vec::new();
    for expansion in script.words().flat_map(|word| &word.expansions) {
        let Value::Variable {
            name, name_range, ..
        } = &expansion.value
        else {
            continue;
        };
        let named = name.first().is_some_and(|b| b.is_ascii_alphabetic());
        let text = script.slice(expansion.range);
        let behind = text.get((name_range.end - expansion.range.start) as usize);
        let tested =
            text.starts_with(b"${") && matches!(behind, Some(b':' | b'-' | b'=' | b'+' | b'?'));
        let indirect = text.starts_with(b"${!");
        if named && !tested && !indirect && seen.insert(name.as_bstr()) {
            used.push((name.as_bstr(), *name_range));
        }
    }
    used
}

fn reads_script(command: &Command) -> bool {
    matches!(command.program().as_bytes(), b"." | b"source" | b"eval")
}

/// Variables that secret mounts set.
fn secrets<'a>(subject: &'a Subject<'_>, snippet: &Snippet) -> HashSet<&'a BStr> {
    let flags = flags(subject, snippet).into_iter();
    let mounts = flags.filter_map(|flag| flag.strip_prefix(b"--mount="));
    let fields = mounts.flat_map(|mount| mount.split(|b| *b == b','));
    fields
        .filter_map(|field| field.strip_prefix(b"env="))
        .map(BStr::new)
        .collect()
}

/// One letter more, less, other, or two swapped.
fn is_one_slip(a: &[u8], b: &[u8]) -> bool {
    if a.len().abs_diff(b.len()) > 1 || a.len() < 4 || b.len() < 4 {
        return false;
    }
    let front = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[front..], &b[front..]);
    let back = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    match (&a[..a.len() - back], &b[..b.len() - back]) {
        // A number at the end tells two names apart on purpose.
        ([x], [] | [_]) | ([], [x]) => !x.is_ascii_digit(),
        ([x, y], [u, v]) => x == v && y == u,
        _ => false,
    }
}
