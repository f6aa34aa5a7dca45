//! Constructs of bash in a text for sh.

use super::base_shell::{Families, Family};
use super::runs::{runs, subcommand};
use super::{Finding, Level, Lint, Run, Subject};
use crate::shell::{Command, Expansion, RedirectionKind, Script, TokenKind, Value, Word};
use crate::text::TextRange;
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "Bashism",
    aliases: &[
        "SC3001", "SC3003", "SC3006", "SC3009", "SC3010", "SC3011", "SC3014", "SC3020", "SC3024",
        "SC3028", "SC3030", "SC3037", "SC3040", "SC3044", "SC3046", "SC3050", "SC3053", "SC3054",
        "SC3057", "SC3059", "SC3060",
    ],
    description: "A text for sh uses nothing that only bash knows",
    docs: include_str!("../../docs/lints/bashism.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    run: Run::File(run),
    ..Lint::OWN
};

/// Something that POSIX does not have.
struct Construct {
    /// How it is named in a message.
    name: &'static str,
    /// What to write instead.
    instead: &'static str,
    /// BusyBox has it.
    in_ash: bool,
}

const fn construct(name: &'static str, instead: &'static str, in_ash: bool) -> Construct {
    Construct {
        name,
        instead,
        in_ash,
    }
}

const DOUBLE_BRACKETS: Construct = construct("`[[ … ]]`", "`[ … ]`", true);
const DOUBLE_EQUALS: Construct = construct("`==` in a test", "`=`", true);
const SOURCE: Construct = construct("`source`", "`.`", true);
const ECHO_FLAG: Construct = construct("`echo -e`", "printf", true);
const PUSHD: Construct = construct("`pushd` and `popd`", "a subshell", false);
const DECLARE: Construct = construct("`declare`", "a plain assignment", false);
const PIPEFAIL: Construct = construct("`set -o pipefail`", "a file in between", true);
const BOTH: Construct = construct("`&>`", "`>file 2>&1`", true);
const HERE_STRING: Construct = construct("`<<<`", "a here document", false);
const PROCESS: Construct = construct("`<( … )`", "a file in between", false);
const ARRAY: Construct = construct("an array", "positional parameters", false);
const APPEND: Construct = construct("`+=`", "`x=\"$x…\"`", false);
const ANSI: Construct = construct("`$'…'`", "printf", true);
const REPLACE: Construct = construct("`${x/a/b}`", "sed", true);
const SUBSTRING: Construct = construct("`${x:1:2}`", "cut", true);
const CASE: Construct = construct("`${x^^}`", "tr", false);
const INDIRECT: Construct = construct("`${!x}`", "eval", false);
const RANDOM: Construct = construct("`$RANDOM`", "shuf", true);
const OWN_VARIABLE: Construct = construct("a variable of bash", "a program such as id", false);
const BUILT_IN: Construct = construct("a command of bash", "a program", false);
const PRINTF_QUOTE: Construct = construct("`printf %q`", "quotes of your own", false);
const ARITHMETIC: Construct = construct("`(( … ))`", "`[ $((…)) -ne 0 ]`", false);
const FUNCTION: Construct = construct("`function`", "`name() { … }`", true);
const BRACES: Construct = construct("`{1..3}`", "seq", false);
const BRACE_LIST: Construct = construct("`{a,b}`", "both words", false);

/// Variables that bash sets by itself. **Source:** bash's manual, *Bash Variables*; ShellCheck, SC3028.
const OF_BASH: &[&str] = &[
    "BASHPID",
    "BASH_SOURCE",
    "BASH_VERSION",
    "DIRSTACK",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "MACHTYPE",
    "OSTYPE",
    "PIPESTATUS",
    "SECONDS",
    "SHELLOPTS",
    "SHLVL",
    "UID",
];

fn run(subject: &Subject<'_>, out: &mut Vec<Finding>) {
    let mut families = None;
    for snippet in runs(subject).filter(|snippet| !snippet.exec) {
        let found = constructs(&snippet.script);
        if found.is_empty() {
            continue;
        }
        let families = families.get_or_insert_with(|| Families::of(subject.file));
        let family = families.shell(snippet);
        let mut seen: Vec<&str> = Vec::new();
        for (range, construct) in found {
            let (unknown, shell) = match family {
                Family::Dash => (true, "the sh of this image"),
                Family::Ash => (!construct.in_ash, "the sh of this image"),
                Family::Unknown => (subject.config.hadolint, "POSIX sh"),
                Family::Bash => (false, ""),
            };
            // Once for each script is enough to choose another shell.
            if !unknown || seen.contains(&construct.name) {
                continue;
            }
            seen.push(construct.name);
            let message = format!(
                "{} is unknown to {shell}, use {} or choose bash with SHELL",
                construct.name, construct.instead
            );
            out.push(Finding::in_script(&LINT, subject, snippet, range, message));
        }
    }
}

fn constructs(script: &Script) -> Vec<(TextRange, &'static Construct)> {
    let mut found = Vec::new();
    for command in script.commands() {
        of_command(command, &mut found);
        let redirections = command.redirections.iter();
        found.extend(redirections.filter_map(|r| match r.kind {
            RedirectionKind::WriteBoth => Some((r.range, &BOTH)),
            RedirectionKind::HereString => Some((r.range, &HERE_STRING)),
            _ => None,
        }));
        for assignment in &command.assignments {
            if assignment.array {
                found.push((assignment.range, &ARRAY));
            } else if script.slice(assignment.range)[assignment.name.len()..].starts_with(b"+=") {
                found.push((assignment.range, &APPEND));
            }
        }
        found.extend(
            command
                .words
                .iter()
                .filter_map(|word| of_word(script, word)),
        );
    }
    // Those of loops; here documents behind them have lines.
    let others = script.other_words().iter();
    let others = others.filter(|word| !script.slice(word.range).contains(&b'\n'));
    found.extend(others.filter_map(|word| of_word(script, word)));
    for expansion in script.words().flat_map(|word| &word.expansions) {
        found.extend(of_expansion(script, expansion).map(|c| (expansion.range, c)));
    }
    found.extend(script.tokens().iter().filter_map(|token| {
        let construct = match (token.kind, script.slice(token.range).as_bytes()) {
            (TokenKind::Keyword, b"function") => &FUNCTION,
            (TokenKind::Operator, b"((") => &ARITHMETIC,
            _ => return None,
        };
        Some((token.range, construct))
    }));
    found.sort_by_key(|(range, _)| (range.start, range.end));
    found
}

fn of_command(command: &Command, found: &mut Vec<(TextRange, &'static Construct)>) {
    let Some(first) = command.words.first() else {
        return;
    };
    let mut add = |construct| found.push((first.range, construct));
    match command.program().as_bytes() {
        b"[[" => add(&DOUBLE_BRACKETS),
        b"source" => add(&SOURCE),
        b"pushd" | b"popd" => add(&PUSHD),
        b"declare" | b"typeset" => add(&DECLARE),
        b"shopt" | b"disown" | b"caller" | b"enable" | b"complete" | b"compgen" => add(&BUILT_IN),
        b"echo"
            if first.is("echo")
                && command
                    .args()
                    .first()
                    .is_some_and(|w| w.is("-e") || w.is("-ne") || w.is("-en")) =>
        {
            add(&ECHO_FLAG);
        }
        b"printf"
            if command
                .args()
                .first()
                .is_some_and(|w| w.text.contains_str("%q")) =>
        {
            add(&PRINTF_QUOTE);
        }
        b"set" if subcommand(command, &["pipefail"]).is_some() => add(&PIPEFAIL),
        b"[" | b"test" => {
            let equals = command.words.iter().find(|w| w.is("==") && !w.quoted);
            found.extend(equals.map(|word| (word.range, &DOUBLE_EQUALS)));
        }
        _ => {}
    }
}

fn of_word(script: &Script, word: &Word) -> Option<(TextRange, &'static Construct)> {
    let text = script.slice(word.range).as_bytes();
    if text.starts_with(b"$'") {
        return Some((word.range, &ANSI));
    }
    if word.quoted || !word.expansions.is_empty() {
        return None;
    }
    let open = text.find_byte(b'{')?;
    let close = open + text[open..].find_byte(b'}')?;
    let inside = &text[open + 1..close];
    // `{}` of find, and what stands in a pattern, is left alone.
    if inside.contains_str("..") {
        Some((word.range, &BRACES))
    } else {
        (inside.contains(&b',') && !text.contains(&b'\\')).then_some((word.range, &BRACE_LIST))
    }
}

fn of_expansion(script: &Script, expansion: &Expansion) -> Option<&'static Construct> {
    match &expansion.value {
        Value::Process => Some(&PROCESS),
        Value::Variable { name, .. } if name == "RANDOM" => Some(&RANDOM),
        Value::Variable { name, .. } if OF_BASH.iter().any(|own| name == own) => {
            Some(&OWN_VARIABLE)
        }
        Value::Variable {
            name,
            name_range,
            changed: true,
        } => {
            let text = script.slice(expansion.range);
            let behind = text.get((name_range.end - expansion.range.start) as usize..)?;
            let indirect = text.starts_with(b"${!") && !name.is_empty() && name != "!";
            match behind {
                _ if indirect => Some(&INDIRECT),
                [b'[', ..] => Some(&ARRAY),
                [b'/', ..] => Some(&REPLACE),
                [b'^' | b',', ..] => Some(&CASE),
                [b':', b'0'..=b'9' | b' ', ..] => Some(&SUBSTRING),
                _ => None,
            }
        }
        Value::Variable { .. } | Value::Command | Value::Arithmetic => None,
    }
}
