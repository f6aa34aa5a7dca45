//! Variables that nothing sets.

use super::runs::{flags, is_template, runs};
use super::variables::{Variables, assigned_in};
use super::{Finding, Level, Lint, Run, Subject};
use crate::ide::mount::mounts;
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

/// Set by every shell, login or builder. **Source:** POSIX, "Shell Variables"; Dockerfile reference, "Predefined ARGs".
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
    "ALL_PROXY",
    "FTP_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "all_proxy",
    "ftp_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let mut variables = None;
    for snippet in runs(subject).filter(|snippet| !snippet.exec) {
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
            let is_set = |name: &BStr| {
                GIVEN.iter().any(|given| name == *given)
                    || secrets.contains(&name)
                    || assigned.contains(&name)
                    || variables.is_visible(name, subject, snippet)
            };
            if is_set(name) {
                continue;
            }
            let known = variables.names().chain(assigned.iter().copied());
            let known = known.chain(GIVEN.iter().map(|given| BStr::new(*given)));
            let near = known
                .filter(|known| is_one_slip(name, known) && is_set(known))
                .min();
            if near.is_some() || is_lower(name) {
                let place = (subject, snippet);
                out.push(finding(place, name, range, near));
            }
        }
    }
}

fn finding(
    (subject, snippet): (&Subject<'_>, &Snippet),
    name: &BStr,
    range: TextRange,
    near: Option<&BStr>,
) -> Finding {
    let hint = near.map(|near| format!(", is `{near}` meant?"));
    let message = format!("`{name}` has no value here{}", hint.unwrap_or_default());
    let finding = Finding::in_script(&LINT, subject, snippet, range, message);
    let place = finding.range;
    match near {
        Some(near) => finding.with_fix(format!("use `{near}`"), vec![(place, near.to_string())]),
        None => finding,
    }
}

/// Images set no variables in lower case by themselves.
fn is_lower(name: &BStr) -> bool {
    let lower = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_';
    name.iter().all(lower)
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
        let named = name.first().is_some_and(u8::is_ascii_alphabetic);
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
    let fields = mounts(flags(subject, snippet)).flatten();
    fields
        .filter(|(key, _)| key == "env")
        .map(|(_, value)| BStr::new(value))
        .collect()
}

/// One letter more, less, other, or two swapped.
fn is_one_slip(name: &[u8], known: &[u8]) -> bool {
    if name.len().abs_diff(known.len()) > 1 || name.len() < 4 || known.len() < 4 {
        return false;
    }
    let front = name.iter().zip(known).take_while(|(a, b)| a == b).count();
    let (name, known) = (&name[front..], &known[front..]);
    let ends = name.iter().rev().zip(known.iter().rev());
    let back = ends.take_while(|(a, b)| a == b).count();
    match (&name[..name.len() - back], &known[..known.len() - back]) {
        // A number tells two names apart on purpose.
        ([other], [] | [_]) | ([], [other]) => !other.is_ascii_digit(),
        ([first, second], swapped) => swapped == [*second, *first],
        _ => false,
    }
}
