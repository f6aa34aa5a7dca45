//! Typed instructions: what the second step of the official pipeline makes of parsed lines.
//!
//! One file per keyword holds its row of [`INSTRUCTIONS`] and its `lower`. Variables are not expanded here.

mod add;
mod arg;
mod cmd;
mod copy;
mod entrypoint;
mod env;
mod expose;
pub mod flags;
mod from;
mod healthcheck;
mod label;
mod line;
mod lower;
mod maintainer;
mod onbuild;
mod run;
mod shell;
mod stopsignal;
mod user;
mod volume;
mod workdir;

pub(crate) use lower::trigger;
pub use lower::{lower, parse, parse_trigger};

use crate::diagnostic::{Diagnostic, OfficialError};
use crate::syntax::Keyword;
use crate::text::{LineSpan, TextRange, Word};
use bstr::BString;
use flags::Flag;
use line::{Line, Problem};
use std::borrow::Cow;
use std::time::Duration;

/// Every instruction, in the order of the reference manual.
pub static INSTRUCTIONS: [&Spec; 18] = [
    &add::SPEC,
    &arg::SPEC,
    &cmd::SPEC,
    &copy::SPEC,
    &entrypoint::SPEC,
    &env::SPEC,
    &expose::SPEC,
    &from::SPEC,
    &healthcheck::SPEC,
    &label::SPEC,
    &maintainer::SPEC,
    &onbuild::SPEC,
    &run::SPEC,
    &shell::SPEC,
    &stopsignal::SPEC,
    &user::SPEC,
    &volume::SPEC,
    &workdir::SPEC,
];

/// The row of a keyword.
pub fn spec(keyword: Keyword) -> &'static Spec {
    INSTRUCTIONS[keyword as usize]
}

/// What an instruction is, accepts and means: the one source for hover, completion, help and manual.
pub struct Spec {
    /// The keyword.
    pub keyword: Keyword,
    /// One sentence.
    pub summary: &'static str,
    /// Ways to write it, without continuation lines.
    pub forms: &'static [Form],
    /// Lines to start from, the usual one first; places to fill in are written `${1:name}`, `$0` is the last.
    pub snippets: &'static [&'static str],
    /// Flags in the order of the manual.
    pub flags: &'static [Flag],
    /// Manual page, Markdown.
    pub docs: &'static str,
    /// Where the rules come from.
    pub source: &'static str,
    /// Checks a line and gives it its type.
    lower: fn(Line<'_>) -> Result<Kind, Problem>,
}

impl Spec {
    /// The manual page with its flags, Markdown.
    pub fn page(&self) -> Cow<'static, str> {
        let Some((rules, examples)) = self.docs.split_once("## Examples") else {
            return self.docs.into();
        };
        if self.flags.is_empty() {
            return self.docs.into();
        }
        let mut page = format!("{rules}## Flags\n\n");
        for flag in self.flags {
            page += &format!("- `--{}={}`: {}\n", flag.name, flag.value, flag.doc);
        }
        page += "\n## Examples";
        page += examples;
        page.into()
    }
}

/// A way to write an instruction, with the parts an editor points at while it is typed.
#[derive(Debug)]
pub struct Form {
    /// All of it: `COPY [flags] source ... destination`.
    pub text: &'static str,
    /// Its parts, each found in `text` behind the one before.
    pub parts: &'static [Part],
}

/// A part of a [`Form`].
#[derive(Debug)]
pub struct Part {
    /// As written in the form.
    pub text: &'static str,
    /// One sentence, Markdown.
    pub doc: &'static str,
}

/// The part of forms that take flags.
const FLAGS: Part = Part {
    text: "[flags]",
    doc: "Flags, each `--name=value`, in front of everything else.",
};

impl std::fmt::Debug for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spec")
            .field("keyword", &self.keyword)
            .finish_non_exhaustive()
    }
}

/// A whole Dockerfile as typed instructions. Always made, however broken the text is: what could not be
/// understood is missing from here and present in [`Dockerfile::diagnostics`].
#[derive(Clone, Debug, Default)]
pub struct Dockerfile {
    /// `ARG`s before the first `FROM`.
    pub global_args: Vec<Instruction>,
    /// The stages in file order.
    pub stages: Vec<Stage>,
    /// Other instructions before the first `FROM`: the build fails on them, an editor reads them all the same.
    pub strays: Vec<Instruction>,
    /// Escape character: `\` or a backquote.
    pub escape: char,
    /// Every problem of the first two steps, in source order, check rules included.
    pub diagnostics: Vec<Diagnostic>,
    /// What the official front end would stop at in its first two steps; `None` when they succeed.
    pub official_error: Option<OfficialError>,
    /// `# check=` at the head of the file.
    pub check: Option<Word>,
    /// `# syntax=` at the head of the file.
    pub syntax: Option<Word>,
}

impl Dockerfile {
    /// Every instruction in file order; lines that could not be understood are missing.
    pub fn instructions(&self) -> impl Iterator<Item = &Instruction> {
        let mut globals = self.global_args.iter().peekable();
        let mut strays = self.strays.iter().peekable();
        let head = std::iter::from_fn(move || match (globals.peek(), strays.peek()) {
            (Some(global), Some(stray)) if stray.range.start < global.range.start => strays.next(),
            (None, _) => strays.next(),
            (Some(_), _) => globals.next(),
        });
        let stages = self.stages.iter();
        head.chain(stages.flat_map(|s| std::iter::once(&s.from).chain(&s.instructions)))
    }
}

/// From a `FROM` to the next.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The `FROM` line; its kind is always [`Kind::From`].
    pub from: Instruction,
    /// The instructions below it.
    pub instructions: Vec<Instruction>,
}

/// One instruction with its place.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// What it says.
    pub kind: Kind,
    /// Keyword as written.
    pub keyword: Word,
    /// Lines from the keyword to the last line, heredoc bodies and terminators included.
    pub lines: LineSpan,
    /// Bytes of the same, without the last line end.
    pub range: TextRange,
    /// Flags as written (`--mount=type=cache,target=/x`), in order.
    pub flags: Vec<Word>,
    /// The joined logical line (leading space cut, continuations joined), without heredoc bodies.
    pub original: BString,
    /// Pending comment lines above it, `#` and surrounding space cut.
    pub comments: Vec<BString>,
}

/// The instruction's own content; boxed where it is large, since instructions are moved about.
#[derive(Clone, Debug)]
pub enum Kind {
    From(Box<From>),
    Arg(Vec<ArgItem>),
    Env(KeyValues),
    Label(KeyValues),
    Run(Box<Run>),
    Cmd(CommandLine),
    Entrypoint(CommandLine),
    Copy(Box<Copy>),
    Add(Box<Copy>),
    /// Port words, sorted bytewise.
    Expose(Vec<Word>),
    User(Word),
    Workdir(Word),
    Volume(Vec<Word>),
    StopSignal(Word),
    Shell(Vec<Word>),
    Healthcheck(Box<Healthcheck>),
    /// The trigger's text, heredoc bodies and names included.
    Onbuild(Word),
    Maintainer(Word),
}

/// `FROM [--platform=p] base [AS name]`.
#[derive(Clone, Debug)]
pub struct From {
    pub base: Word,
    /// Lowercased name; the range is that of the name as written.
    pub name: Option<Word>,
    /// The name as written.
    pub name_as_written: Option<BString>,
    /// The `AS` keyword as written.
    pub as_keyword: Option<Word>,
    /// Value of `--platform`; `None` when absent or empty.
    pub platform: Option<Word>,
    /// Doc comment of a named stage.
    pub doc: Option<BString>,
}

/// `NAME` or `NAME=value` of an `ARG`.
#[derive(Clone, Debug)]
pub struct ArgItem {
    pub name: Word,
    /// Raw value, quotes and escapes kept; absent differs from empty.
    pub value: Option<Word>,
    pub doc: Option<BString>,
}

/// Pairs of `ENV` and `LABEL`, quotes and escapes kept.
#[derive(Clone, Debug)]
pub struct KeyValues {
    pub pairs: Vec<(Word, Word)>,
    /// `ENV name value` without `=`.
    pub legacy: bool,
}

/// Arguments of `CMD` and `ENTRYPOINT`, and the command of `RUN`.
#[derive(Clone, Debug, Default)]
pub struct CommandLine {
    /// Shell form: one word, the whole text (or none when empty). JSON form: the elements.
    pub args: Vec<Word>,
    /// True for the text form, which the shell runs.
    pub shell: bool,
}

/// `RUN`.
#[derive(Clone, Debug, Default)]
pub struct Run {
    pub command: CommandLine,
    /// Heredocs of the line, in order. When the whole text is one heredoc word, the builder runs its body.
    pub heredocs: Vec<Heredoc>,
    /// Raw values of `--mount`, not yet expanded or parsed.
    pub mounts: Vec<Word>,
    pub network: Option<NetworkMode>,
    pub security: Option<SecurityMode>,
    pub devices: Vec<Device>,
}

/// `RUN --network`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NetworkMode {
    Default,
    None,
    Host,
}

/// `RUN --security`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecurityMode {
    Sandbox,
    Insecure,
}

/// `RUN --device`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// CDI name, `vendor/class[=device]`.
    pub name: String,
    pub required: bool,
}

/// A here document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heredoc {
    pub name: BString,
    pub fd: u32,
    /// False when the name was quoted: the body is literal.
    pub expand: bool,
    /// `<<-`: leading TABs of every line are cut on use.
    pub chomp: bool,
    /// The body as written, TABs kept.
    pub content: BString,
    /// Bytes of the body in the source.
    pub range: TextRange,
}

impl Heredoc {
    /// The body as `COPY` and `ADD` use it: of `<<-` the leading TABs of every line are cut.
    pub fn text(&self) -> BString {
        if self.chomp {
            crate::syntax::heredoc::chomp(&self.content)
        } else {
            self.content.clone()
        }
    }
}

/// `COPY` and `ADD`.
#[derive(Clone, Debug, Default)]
pub struct Copy {
    /// Sources that are paths or URLs, in order; heredoc sources are not among them.
    pub sources: Vec<Word>,
    /// Sources that are heredocs: resolved by name, the last one wins.
    pub heredocs: Vec<Heredoc>,
    pub dest: Word,
    /// `--from`, COPY only; `None` when absent or empty.
    pub from: Option<Word>,
    pub chown: Option<Word>,
    pub chmod: Option<Word>,
    pub link: bool,
    pub parents: bool,
    pub exclude: Vec<Word>,
    /// ADD only.
    pub checksum: Option<Word>,
    /// ADD only; unset differs from false.
    pub keep_git_dir: Option<bool>,
    /// ADD only; unset differs from false.
    pub unpack: Option<bool>,
}

/// `HEALTHCHECK`. Zero durations mean unset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", text]`.
    pub test: Vec<BString>,
    pub interval: Duration,
    pub timeout: Duration,
    pub start_period: Duration,
    pub start_interval: Duration,
    pub retries: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn files(folder: &str) -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let stem =
            |path: std::path::PathBuf| path.file_stem().map(|s| s.to_string_lossy().into_owned());
        let entries = std::fs::read_dir(folder).expect("the folder is part of the crate");
        entries.flatten().filter_map(|e| stem(e.path())).collect()
    }

    #[test]
    fn every_keyword_has_a_row_a_file_and_a_page() {
        let rows: Vec<Keyword> = INSTRUCTIONS.iter().map(|s| s.keyword).collect();
        assert_eq!(rows, Keyword::ALL);
        let names: BTreeSet<String> = rows.iter().map(|k| k.upper().to_lowercase()).collect();
        assert_eq!(files("docs/instructions"), names);
        let shared = ["flags", "line", "lower", "mod"].map(String::from);
        assert_eq!(
            files("src/instructions"),
            names.union(&shared.into()).cloned().collect()
        );
    }

    #[test]
    fn pages_name_what_they_describe() {
        for spec in INSTRUCTIONS {
            let heading = format!("# {}\n", spec.keyword.upper());
            assert!(spec.docs.starts_with(&heading), "{heading}");
            assert!((20..=60).contains(&spec.docs.lines().count()), "{heading}");
            assert!(spec.flags.iter().all(|f| f.doc.ends_with('.')), "{heading}");
            let page = spec.page();
            assert!(spec.flags.iter().all(|f| page.contains(f.doc)), "{heading}");
        }
    }

    #[test]
    fn forms_have_their_parts_in_order() {
        for spec in INSTRUCTIONS {
            for form in spec.forms {
                let mut rest = form.text;
                for part in form.parts {
                    let (_, behind) = rest.split_once(part.text).expect(form.text);
                    rest = behind;
                    assert!(part.doc.ends_with('.'), "{}: {}", form.text, part.text);
                }
            }
            for snippet in spec.snippets {
                assert!(snippet.starts_with(spec.keyword.upper()), "{snippet}");
            }
        }
    }

    #[test]
    fn triggers_are_one_instruction() {
        let message = |text: &str| {
            parse_trigger(text.as_bytes(), '\\')
                .map_err(|e| e.message)
                .err()
        };
        assert_eq!(message("RUN ls"), None);
        assert_eq!(message("COPY <<E /x\na\nE"), None);
        assert_eq!(
            message("RUN ls\nRUN ls").as_deref(),
            Some("onbuild trigger should be a single expression")
        );
        assert_eq!(
            message("FOO ls").as_deref(),
            Some("unknown instruction: FOO (did you mean FROM?)")
        );
        assert!(message("FROM a").is_some());
        assert_eq!(
            message("COPY a").map(|m| m.starts_with("COPY requires")),
            Some(true)
        );
    }

    /// Message of the official first error, without its prefix.
    fn error(line: &str) -> String {
        let file = parse(format!("FROM a\n{line}\n").as_bytes());
        let message = file.official_error.map(|e| e.message).unwrap_or_default();
        message
            .trim_start_matches("dockerfile parse error on line 2: ")
            .to_owned()
    }

    #[test]
    fn checks_follow_the_official_order() {
        assert_eq!(
            error("ADD --x a"),
            "ADD requires at least two arguments, but only one was provided. Destination could not be determined"
        );
        assert_eq!(error("LABEL --x"), "unknown flag: --x");
        assert_eq!(error("ARG --x a"), "");
        assert_eq!(error("STOPSIGNAL --x 9"), "");
        assert_eq!(error("HEALTHCHECK --x NONE"), "");
        assert_eq!(
            error("HEALTHCHECK --interval=1us CMD a"),
            "Interval \"interval\" cannot be less than 1ms"
        );
        assert_eq!(
            error("HEALTHCHECK --retries=-1 CMD a"),
            "--retries cannot be negative (-1)"
        );
        assert_eq!(
            error("HEALTHCHECK --retries=x CMD a"),
            "strconv.ParseInt: parsing \"x\": invalid syntax"
        );
        assert_eq!(
            error("HEALTHCHECK cmd"),
            "Missing command after HEALTHCHECK CMD"
        );
        assert_eq!(
            error("RUN --security=x --network=y ls"),
            "invalid network mode \"y\""
        );
        assert_eq!(error("RUN --security=x ls"), "security \"x\" is not valid");
        assert_eq!(error("COPY --link= a b"), "missing a value on flag: --link");
        assert_eq!(
            error("COPY --link=x a b"),
            "expecting boolean value for flag --link, not: x"
        );
        assert_eq!(error("ADD --exclude=a --exclude=b c d"), "");
        assert_eq!(
            error("VOLUME [\" \"]"),
            "VOLUME specified can not be an empty string"
        );
        assert_eq!(error("ARG =a"), "ARG names can not be blank");
        assert_eq!(error("CMD --x"), "unknown flag: --x");
        assert_eq!(error("CMD"), "");
    }
}
