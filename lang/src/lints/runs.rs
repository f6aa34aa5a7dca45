//! What the rules about `RUN` share: the commands of a file, what surrounds them, and edits of shell text.

use super::{Finding, Lint, Subject};
use crate::ide::File;
use crate::ide::mount::mounts;
use crate::shell::packages::{self, Call, Manager};
use crate::shell::{Command, Joint, Scopes, Snippet, Token, TokenKind, Word};
use crate::syntax::Keyword;
use crate::text::TextRange;
use bstr::{BStr, ByteSlice};

/// A replacement in the source.
pub(super) type Edit = (TextRange, String);

/// A command that a `RUN` instruction runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ran<'a> {
    pub(super) snippet: &'a Snippet,
    pub(super) command: &'a Command,
}

impl<'a> Ran<'a> {
    pub(super) fn of((snippet, command): (&'a Snippet, &'a Command)) -> Self {
        Self { snippet, command }
    }

    /// The command as a call of one of `managers`.
    pub(super) fn call(&self, managers: &[&'static Manager]) -> Option<Call<'a>> {
        let is_one = |call: &Call<'_>| {
            let mut wanted = managers.iter();
            wanted.any(|manager| std::ptr::eq(*manager, call.manager))
        };
        packages::call(self.command).filter(is_one)
    }
}

impl Finding {
    /// A finding at `range` of a script, without fix.
    pub(super) fn in_script(
        lint: &'static Lint,
        subject: &Subject<'_>,
        snippet: &Snippet,
        range: TextRange,
        message: impl Into<String>,
    ) -> Self {
        let lines = subject.file.parse().nodes()[snippet.node].lines;
        Self {
            mendable: snippet.is_exact(),
            ..Self::at(lint, lines, snippet.source_range(range), message)
        }
    }
}

/// The scripts of `RUN`, those below `ONBUILD` included.
pub(super) fn runs<'a>(subject: &'a Subject<'_>) -> impl Iterator<Item = &'a Snippet> {
    runs_of(subject.file)
}

/// The same of a file.
pub(super) fn runs_of(file: &File) -> impl Iterator<Item = &Snippet> {
    let scripts = file.scripts().iter();
    scripts.filter(|snippet| snippet.keyword == Keyword::Run)
}

/// Every command that `RUN` instructions run, those in texts for other shells included.
pub(super) fn commands<'a>(
    subject: &'a Subject<'_>,
) -> impl Iterator<Item = (&'a Snippet, &'a Command)> {
    let ran = subject.commands.iter();
    ran.map(|ran| (ran.snippet, ran.command))
}

/// Those of them that are calls of one of `managers`.
pub(super) fn calls<'a>(
    subject: &'a Subject<'_>,
    managers: &'a [&'static Manager],
) -> impl Iterator<Item = (&'a Snippet, Call<'a>)> {
    let ran = subject.commands.iter();
    ran.filter_map(|ran| Some((ran.snippet, ran.call(managers)?)))
}

/// Every command, instruction by instruction. The first command of each is one of its own text.
pub(super) fn steps<'s, 'a>(subject: &'s Subject<'a>) -> impl Iterator<Item = &'s [Ran<'a>]> {
    let is_same = |a: &Ran<'_>, b: &Ran<'_>| a.snippet.node == b.snippet.node;
    subject.commands.chunk_by(is_same)
}

/// The commands of a script in order, each followed by those of the text that it hands to another shell.
pub(super) fn within(snippet: &Snippet) -> Box<dyn Iterator<Item = (&Snippet, &Command)> + '_> {
    let commands = snippet.script.commands();
    if snippet.nested.is_empty() {
        return Box::new(commands.iter().map(move |command| (snippet, command)));
    }
    let mut nested = snippet.nested.iter().peekable();
    Box::new(
        commands
            .iter()
            .enumerate()
            .flat_map(move |(index, command)| {
                let is_host =
                    |nested: &&Snippet| nested.host.is_some_and(|host| host.command == index);
                let inside = nested.next_if(is_host).into_iter().flat_map(own);
                std::iter::once((snippet, command)).chain(inside)
            }),
    )
}

/// The commands of a nested text, without those that the shell around has run before, which are among its own.
fn own(nested: &Snippet) -> impl Iterator<Item = (&Snippet, &Command)> {
    let expanded = nested.host.is_some_and(|host| host.expanded);
    let is_done =
        move |command: &Command| expanded && command.place.scopes.has(Scopes::SUBSTITUTION);
    within(nested).filter(move |(_, command)| !is_done(command))
}

/// The commands of the instructions' own texts, for rules about how a text is written: others have rules of their own.
pub(super) fn written<'a>(
    subject: &'a Subject<'_>,
) -> impl Iterator<Item = (&'a Snippet, &'a Command)> {
    runs(subject).flat_map(|snippet| {
        let commands = snippet.script.commands().iter();
        commands.map(move |command| (snippet, command))
    })
}

/// Place of a command's name, for findings about the command as a whole.
pub(super) fn name_range(command: &Command) -> TextRange {
    command.name().map_or(command.range, |name| name.range)
}

/// The argument that names what the program is to do, when it is one of `names`.
pub(super) fn subcommand<'c>(command: &'c Command, names: &[&str]) -> Option<&'c Word> {
    let is_one = |word: &&Word| names.iter().any(|name| word.is(name));
    command.args().iter().find(is_one)
}

/// The edit that puts a word behind another one, in a shell text or in a JSON array.
pub(super) fn insert_behind(snippet: &Snippet, word: &Word, text: &str) -> Edit {
    let end = snippet.source_range(word.range).end;
    let text = if snippet.exec {
        format!("\", \"{text}")
    } else {
        format!(" {text}")
    };
    (TextRange::new(end, end), text)
}

/// The edit that makes a script end with one more command; `None` where that would change what the others mean.
pub(super) fn append_command(
    subject: &Subject<'_>,
    snippet: &Snippet,
    command: &str,
) -> Option<Edit> {
    let last = snippet
        .script
        .commands()
        .iter()
        .max_by_key(|c| c.range.end)?;
    if !ends_with(snippet, last) {
        return None;
    }
    let stops = snippet.interpreter.errexit || exits_on_error(snippet, last);
    let is_written_in_lines = snippet.script.text().contains(&b'\n');
    if is_written_in_lines && !stops {
        // The step would succeed whatever failed above.
        return None;
    }
    let end = snippet.source_range(last.range).end;
    let lines = subject.file.lines();
    let start = snippet.source_range(TextRange::new(0, 1)).start;
    let (first_line, _) = lines.line_column(start);
    let (last_line, _) = lines.line_column(end);
    // That of the line where the last command begins; those below it may be indented as a list is.
    let (own_line, _) = lines.line_column(snippet.source_range(last.range).start);
    let line = subject.file.text(lines.line_range(own_line + 1));
    let indent = match &line[..line.len() - line.trim_start().len()] {
        b"" if own_line == first_line && first_line != last_line => b"    ",
        indent => indent,
    };
    let indent = indent.to_str_lossy();
    let escape = subject.file.parse().escape();
    let joint = if last.place.before == Joint::Then && stops {
        ";"
    } else {
        " &&"
    };
    let text = if is_written_in_lines {
        format!("\n{indent}{command}")
    } else if first_line == last_line {
        format!("{joint} {command}")
    } else if line.trim_start().starts_with(b"&&") {
        format!(" {escape}\n{indent}&& {command}")
    } else {
        format!("{joint} {escape}\n{indent}{command}")
    };
    Some((TextRange::new(end, end), text))
}

/// Tells whether a shell text ends with `last` and nothing around it, so that another command can follow.
fn ends_with(snippet: &Snippet, last: &Command) -> bool {
    let around = Scopes::CONDITION
        .with(Scopes::BRANCH)
        .with(Scopes::LOOP)
        .with(Scopes::FUNCTION);
    let script = &snippet.script;
    let behind =
        |token: &Token| token.range.end > last.range.end || token.kind == TokenKind::Comment;
    let read = !snippet.exec && script.mistakes().is_empty();
    read && !last.place.scopes.has(around) && !script.tokens().last().is_none_or(behind)
}

/// Tells whether a cache or a file system in memory is mounted at a path that contains `fragment`.
pub(super) fn has_scratch_mount(subject: &Subject<'_>, snippet: &Snippet, fragment: &str) -> bool {
    mounts(flags(subject, snippet)).any(|fields| {
        let is_scratch = |(key, value): &(String, &[u8])| {
            key == "type"
                && [&b"cache"[..], b"tmpfs"]
                    .iter()
                    .any(|kind| value.eq_ignore_ascii_case(kind))
        };
        let is_at = |(key, value): &(String, &[u8])| {
            matches!(key.as_str(), "target" | "dst" | "destination") && covers(value, fragment)
        };
        fields.iter().any(is_scratch) && fields.iter().any(is_at)
    })
}

/// The path contains the fragment, or is the folder of caches that the fragment lies in.
fn covers(path: &[u8], fragment: &str) -> bool {
    let all_caches = path
        .strip_suffix(b"/")
        .unwrap_or(path)
        .ends_with(b"/.cache");
    path.contains_str(fragment) || (all_caches && fragment.starts_with(".cache/"))
}

/// Flags of the instruction as written.
pub(super) fn flags<'a>(subject: &'a Subject<'_>, snippet: &Snippet) -> Vec<&'a BStr> {
    let parse = subject.file.parse();
    let node = &parse.nodes()[snippet.node];
    let inner = parse.sub(node).unwrap_or(node);
    parse
        .piece_texts(subject.file.source(), &inner.flags)
        .collect()
}

/// Tells whether a command removes folders with all that is in them.
pub(super) fn removes_folders(command: &Command) -> bool {
    command.runs("rm") && command.has_flag(&["r", "R", "recursive"])
}

/// Tells whether a command removes one of `folders` or what is in it.
fn removes(command: &Command, folders: &[&str]) -> bool {
    let one = |word: &Word| {
        folders
            .iter()
            .any(|folder| word.text.starts_with(folder.as_bytes()))
    };
    let all = |word: &Word| word.is("/var/cache/*") || word.is("/var/cache");
    removes_folders(command) && command.operands().any(|word| one(word) || all(word))
}

/// Tells whether a command throws away what one of `managers` downloaded.
pub(super) fn cleans(ran: &Ran<'_>, managers: &[&'static Manager]) -> bool {
    let removes = |manager: &&Manager| removes(ran.command, manager.leftovers);
    ran.call(managers).is_some_and(|call| call.cleans()) || managers.iter().any(removes)
}

/// Tells whether `set -e` stands above a command.
pub(super) fn exits_on_error(snippet: &Snippet, command: &Command) -> bool {
    let above = snippet.script.commands().iter();
    above
        .take_while(|other| other.range.start < command.range.start)
        .filter(|other| other.runs("set"))
        .any(|set| set.has_flag(&["e"]) || subcommand(set, &["errexit"]).is_some())
}

/// Tells whether the text is to be filled in by another program first.
pub(super) fn is_template(snippet: &Snippet) -> bool {
    snippet.script.text().contains_str("{{")
}

#[cfg(test)]
mod tests {
    use crate::ide::File;
    use crate::lints::{self, Config, LINTS, Level};
    use crate::text::TextRange;
    use proptest::prelude::*;

    /// Names of the rules that find something in a stage of `image` with these lines, at their default levels.
    fn found(image: &str, lines: &str) -> Vec<&'static str> {
        let file = File::new(format!("FROM {image}\n{lines}\n").into_bytes());
        let found = lints::check(&file, &Config::default());
        found.iter().map(|diagnostic| diagnostic.code).collect()
    }

    #[test]
    fn good_scripts_have_no_findings() {
        for (image, lines) in [
            (
                "debian:12",
                "RUN set -eux; apt-get update; apt-get install -y --no-install-recommends a; apt-get dist-clean",
            ),
            (
                "debian:12",
                "RUN apt-get update \\\n && apt-get install -y a \\\n && rm -rf /var/lib/apt/lists/*",
            ),
            (
                "debian:12",
                "RUN --mount=type=cache,target=/var/lib/apt --mount=type=cache,target=/var/cache/apt apt-get update && apt-get install -y a",
            ),
            (
                "alpine:3.22",
                "RUN apk add --no-cache a && [[ -f b ]] && echo -e 'a\\nb'",
            ),
            ("debian:12", "RUN ! case $(uname) in a|b) c;; esac"),
            (
                "debian:12",
                "RUN printf 'a\\n' | tee b >/dev/null 2>&1 && cat <<-EOF >c\n\t$HOME\n\tEOF",
            ),
            (
                "debian:12",
                "RUN arch=$(uname -m); case \"$arch\" in a|b) c ;; *) exit 1 ;; esac; for f in *.c; do cc \"$f\"; done",
            ),
            (
                "debian:12",
                "RUN cd /src && make 2>&1 >/dev/null | grep -v x || true",
            ),
            ("debian:12", "RUN <<EOF\nset -e\ncd /src\nmake\nEOF"),
            (
                "debian:12",
                "ENV DIR=/opt/a\nRUN rm -rf $DIR/* && if [ $DIR = x ]; then a; fi",
            ),
            (
                "debian:12",
                "RUN --mount=type=secret,id=t,env=token a \"$token\" && read -r x <f && echo \"$x\"",
            ),
            (
                "debian:12",
                "SHELL [\"/bin/bash\", \"-c\"]\nRUN [[ a == $b ]] && source c && x=(1 2) && echo ${x[0]}",
            ),
            ("debian:12", "RUN <<EOF bash\n[[ -f a ]] && source b\nEOF"),
            (
                "fedora:42",
                "RUN [[ -f a ]] && dnf install -y b && dnf clean all",
            ),
            (
                "mcr.microsoft.com/windows/nanoserver",
                "RUN cd src; if exist a del a",
            ),
            (
                "debian:12",
                "RUN --mount=type=cache,target=/root/.cache pip install a",
            ),
            (
                "debian:12",
                "RUN --mount=type=cache,target=/cache/pip PIP_CACHE_DIR=/cache/pip pip install a",
            ),
            ("debian:12", "RUN yes | apt-get install a"),
            (
                "debian:12",
                "RUN apt-get install --no-install-recommends -s a",
            ),
            ("debian:12", "RUN apt-get -q --print-uris install b"),
            (
                "ubi9/ubi-minimal",
                "RUN microdnf install a && microdnf clean all",
            ),
            ("centos:7", "RUN yum install -y a && dnf clean all"),
            (
                "alpine",
                "RUN apk update && apk add a && rm -rf /var/cache/apk/*",
            ),
            (
                "alpine",
                "RUN --mount=type=cache,target=/etc/apk/cache apk add a",
            ),
            ("alpine", "RUN apk add a\nFROM scratch"),
            ("python:3", "ENV PIP_NO_CACHE_DIR=off\nRUN pip install a"),
            ("python:3", "ARG PIP_NO_CACHE_DIR=1\nRUN pip install a"),
            ("python:3", "RUN pip install a && pip cache purge"),
            ("python:3", "RUN pip install a && rm -rf ~/.cache/pip"),
            (
                "python:3",
                "ENV PIP_CACHE_DIR=/c\nRUN --mount=type=cache,target=/c pip install a",
            ),
            (
                "debian:12",
                "RUN apt-get update -y && apt-get install -y a && apt-get clean && rm -f /var/lib/apt/lists/*_*",
            ),
            (
                "debian:12 AS a",
                "RUN apt-get update\nFROM a AS b\nFROM scratch",
            ),
            (
                "fedora:42",
                "RUN bash -c 'dnf install -y a' && dnf clean all",
            ),
            (
                "debian:12",
                "RUN chroot /a apt-get update && rm -rf /a/var/lib/apt/lists/*",
            ),
            (
                "debian:12",
                "RUN sh -c \"echo $(cat a)\" && bash -c '[[ -f a ]]'",
            ),
            ("debian:12", "RUN find . -name x | xargs rm && yes | cp a b"),
            ("debian:12", "RUN echo {{ .x }} if"),
            ("debian:12", "RUN [\"sh\", \"-c\", \"cd /src && make\"]"),
        ] {
            assert_eq!(found(image, lines), [""; 0], "{lines}");
        }
    }

    #[test]
    fn mistakes_in_scripts_are_found() {
        for (image, lines, rule) in [
            ("debian:12", "RUN cd /src; make", "CdUnchecked"),
            (
                "debian:12",
                "RUN for d in *; do cd $d; make; done",
                "CdUnchecked",
            ),
            ("debian:12", "RUN if [[ -f a ]]; then b; fi", "Bashism"),
            ("debian:12", "RUN [ a == \"$b\" ] && c", "Bashism"),
            ("python:3.13", "RUN diff <(a) <(b)", "Bashism"),
            ("alpine", "RUN a=(1 2)", "Bashism"),
            ("alpine", "RUN ((a > 1)) && b", "Bashism"),
            ("debian:12", "RUN printf %q a", "Bashism"),
            ("debian:12", "RUN function a { b; }; a", "Bashism"),
            ("debian:12", "RUN echo ${a:-b} {1..3}", "Bashism"),
            ("debian:12", "RUN echo -e 'a\\tb'", "Bashism"),
            ("debian AS a", "FROM a\nRUN source b", "Bashism"),
            ("alpine", "RUN echo 'a\\nb' >c", "EchoEscapes"),
            ("alpine", "RUN echo '\\033[1mb'", "EchoEscapes"),
            ("debian:12", "RUN for x in {1..3}; do y; done", "Bashism"),
            ("debian:12", "RUN useradd -u $UID x", "Bashism"),
            ("debian:12", "RUN shopt -s b", "Bashism"),
            ("a", "RUN if ! { sudo b; }; then c; fi", "SudoInRun"),
            ("a", "RUN ! for b in c; do sudo d; done", "SudoInRun"),
            ("a", "RUN time { sudo b; }", "SudoInRun"),
            ("a", "RUN echo $lower", "VariableUnassigned"),
            (
                "a",
                "ARG NODE_VERSION\nRUN echo $NODE_VERSON",
                "VariableUnassigned",
            ),
            ("a", "ARG X\nRUN [ $X = b ] && c", "WordSplitting"),
            ("a", "ARG X\nRUN rm -rf \"$X\"/*", "RmVariablePath"),
            ("a", "RUN rm -rf /usr/", "SystemFolderRemoved"),
            ("a", "RUN b 2>&1 >c", "RedirectionOrder"),
            ("a", "RUN b 2>1", "RedirectionToNumber"),
            ("a", "RUN sort b | uniq >b", "FileReadAndWritten"),
            ("a", "RUN find . | rm", "PipeIntoNonReader"),
            ("a", "RUN [ \"b\" = c ] && d", "ConstantTest"),
            ("a", "RUN [-f b ] && c", "TestSpacing"),
            ("a", "RUN b = c", "AssignmentSpelling"),
            ("a", "RUN $b=c", "AssignmentSpelling"),
            ("a", "RUN b && \\\n -c d", "FlagAsCommand"),
            ("a", "RUN if b; then c", "ShellSyntax"),
            ("a", "RUN for b in c; do d done", "ShellSyntax"),
            ("a", "RUN echo \"b", "ShellSyntax"),
            ("a", "RUN b && \\\n  c &&", "ShellSyntax"),
            ("a", "RUN b && && c", "ShellSyntax"),
            ("a", "RUN b |", "ShellSyntax"),
            ("a", "RUN [\"bash\", \"-c\", \"cd b; c\"]", "CdUnchecked"),
            ("a", "ONBUILD RUN apt-get install b", "AptYesMissing"),
            (
                "a",
                "RUN env A=b /usr/bin/apt-get install b",
                "AptYesMissing",
            ),
        ] {
            let found = found(image, lines);
            assert!(found.contains(&rule), "{lines}: {found:?}");
        }
    }

    /// What the first finding of a rule is at.
    fn place(lines: &str, rule: &str) -> String {
        let file = File::new(format!("FROM a\n{lines}\n").into_bytes());
        let config = Config {
            hadolint: true,
            ..Config::default()
        };
        let found = lints::check(&file, &config);
        let mine = found.iter().find(|diagnostic| diagnostic.code == rule);
        mine.map_or_else(String::new, |d| {
            String::from_utf8_lossy(file.text(d.range)).into_owned()
        })
    }

    #[test]
    fn hadolints_set_looks_where_hadolint_does() {
        for (lines, rule, want) in [
            ("RUN yum install -y b\nFROM b\nRUN c", "YumCacheKept", "yum"),
            ("RUN yarn install\nFROM b\nRUN c", "YarnCacheKept", ""),
            (
                "FROM a AS b\nRUN yarn install\nFROM b\nFROM c\nRUN d",
                "YarnCacheKept",
                "yarn",
            ),
            (
                "ONBUILD WORKDIR /b\nCOPY c d",
                "RelativeCopyDestination",
                "d",
            ),
            (
                "FROM a AS b\nONBUILD WORKDIR /c\nFROM b\nCOPY d e",
                "RelativeCopyDestination",
                "",
            ),
            (
                "ONBUILD ENV PIP_NO_CACHE_DIR=1\nRUN pip install b==1",
                "PipCacheKept",
                "pip install",
            ),
            ("ADD $B /c", "CopyInsteadOfAdd", "$B"),
            ("ADD $B.tar /c", "CopyInsteadOfAdd", ""),
            ("RUN b && && c", "PipefailMissing", ""),
            ("RUN b | c", "PipefailMissing", "b | c"),
        ] {
            assert_eq!(place(lines, rule), want, "{lines}");
        }
    }

    #[test]
    fn commands_in_texts_for_other_shells_are_found_where_they_stand() {
        let (yes, version) = ("AptYesMissing", "AptVersionUnpinned");
        for (lines, rule, want) in [
            (
                "RUN bash -exc 'a; apt-get install b'",
                yes,
                "apt-get install",
            ),
            (
                "RUN sh -c \"apt-get \\\n  install b\"",
                yes,
                "apt-get \\\n  install",
            ),
            (
                "RUN bash -c \"echo \\\"a\\\" && apt-get install b\"",
                version,
                "b",
            ),
            ("RUN bash -c \"x='$y' && apt-get install c\"", version, "c"),
            ("RUN su a -c 'pip install b'", "PipVersionUnpinned", "b"),
            (
                "RUN [\"sh\", \"/b\", \"-c\", \"apt-get install c\"]",
                yes,
                "",
            ),
            ("RUN sh /b --sync 'apt-get install c'", yes, ""),
            (
                "RUN bash --norc -eo pipefail -c 'apt-get install c'",
                yes,
                "apt-get install",
            ),
            ("RUN eval 'npm i a'", "NpmVersionUnpinned", "a"),
            (
                "RUN sudo -u a sh -c 'sh -c \"gem i b\"'",
                "GemVersionUnpinned",
                "b",
            ),
            (
                "RUN bash -o pipefail -c 'yum install b'",
                "YumYesMissing",
                "yum install",
            ),
            (
                "RUN chroot --userspec=a /b dnf install c",
                "DnfYesMissing",
                "dnf install",
            ),
            ("RUN a | xargs -n 1 -r sudo b", "SudoInRun", "sudo"),
            (
                "RUN nice -n 5 time -p env -i A=b timeout 3 wget c",
                "WgetProgressBar",
                "wget",
            ),
            (
                "RUN runuser -u a -- useradd -u 999999 b",
                "UseraddHighUid",
                "useradd",
            ),
            (
                "RUN <<E\nbash -c '\n  wget a\n'\nE",
                "WgetProgressBar",
                "wget",
            ),
            // Where escapes hide the place it is the whole word.
            (
                "RUN bash -c $'a\\napt-get install b'",
                yes,
                "$'a\\napt-get install b'",
            ),
            (
                "RUN [\"sh\", \"-c\", \"echo \\\"a\\\"; apt-get install b\"]",
                yes,
                "echo \\\"a\\\"; apt-get install b",
            ),
            // The shell around has run it.
            (
                "RUN sh -c \"a $(apt-get install b)\"",
                yes,
                "apt-get install",
            ),
            ("RUN \"$(sh -c 'sh -c \"')", yes, ""),
        ] {
            assert_eq!(place(lines, rule), want, "{lines}");
        }
        let twice = found("debian:12", "RUN sh -c \"a $(apt-get install b)\"");
        assert_eq!(twice.iter().filter(|code| **code == yes).count(), 1);
    }

    /// The text after the first fix of a rule.
    fn fixed(lines: &str, rule: &str) -> String {
        let mut source = format!("FROM a\n{lines}");
        let file = File::new(source.clone().into_bytes());
        let config = Config::default().with_level(rule, Level::Warning);
        let found = lints::check(&file, &config);
        let mine = found.into_iter().find(|diagnostic| diagnostic.code == rule);
        let edits = mine
            .and_then(|d| d.fix)
            .map(|fix| fix.edits)
            .unwrap_or_default();
        for (TextRange { start, end }, text) in edits.iter().rev() {
            source.replace_range(*start as usize..*end as usize, text);
        }
        source["FROM a\n".len()..].to_owned()
    }

    #[test]
    fn fixes_are_written_as_the_script_is() {
        for (lines, want) in [
            (
                "RUN apt-get update && apt-get install -y a",
                "RUN apt-get update && apt-get install -y a && rm -rf /var/lib/apt/lists/*",
            ),
            (
                "RUN apt-get update \\\n  && apt-get install -y a",
                "RUN apt-get update \\\n  && apt-get install -y a \\\n  && rm -rf /var/lib/apt/lists/*",
            ),
            (
                "RUN apt-get update && \\\n    apt-get install -y a >b",
                "RUN apt-get update && \\\n    apt-get install -y a >b && \\\n    rm -rf /var/lib/apt/lists/*",
            ),
            // As the commands are indented, not as the list of packages.
            (
                "RUN apt-get update && apt-get install -y \\\n        a \\\n        b",
                "RUN apt-get update && apt-get install -y \\\n        a \\\n        b && \\\n    rm -rf /var/lib/apt/lists/*",
            ),
            (
                "RUN apt-get update \\\n  && apt-get install -y \\\n        a",
                "RUN apt-get update \\\n  && apt-get install -y \\\n        a \\\n  && rm -rf /var/lib/apt/lists/*",
            ),
            // What fails goes on failing the step.
            (
                "RUN apt-get update; apt-get install -y a",
                "RUN apt-get update; apt-get install -y a && rm -rf /var/lib/apt/lists/*",
            ),
            (
                "RUN <<E\n  apt-get update\n  apt-get install -y a\nE",
                "RUN <<E\n  apt-get update\n  apt-get install -y a\nE",
            ),
            (
                "RUN <<E\n  set -e\n  apt-get update\n  apt-get install -y a\nE",
                "RUN <<E\n  set -e\n  apt-get update\n  apt-get install -y a\n  rm -rf /var/lib/apt/lists/*\nE",
            ),
            // Nothing would be left of what it does.
            ("RUN apt-get update", "RUN apt-get update"),
            // The user may not remove them.
            (
                "RUN sudo apt-get update && sudo apt-get install -y a",
                "RUN sudo apt-get update && sudo apt-get install -y a",
            ),
            (
                "RUN apt-get update && apt-get install -y {{ a }}",
                "RUN apt-get update && apt-get install -y {{ a }}",
            ),
            // A later instruction needs the lists.
            (
                "RUN apt-get update\nRUN apt-get install -y a",
                "RUN apt-get update\nRUN apt-get install -y a",
            ),
            // Where more would change what is there, nothing is offered.
            (
                "RUN if a; then apt-get update; fi",
                "RUN if a; then apt-get update; fi",
            ),
            (
                "RUN [\"apt-get\", \"update\"]",
                "RUN [\"apt-get\", \"update\"]",
            ),
        ] {
            assert_eq!(fixed(lines, "AptListsKept"), want);
        }
        assert_eq!(
            fixed("RUN [\"apt-get\", \"install\", \"a\"]", "AptYesMissing"),
            "RUN [\"apt-get\", \"install\", \"-y\", \"a\"]"
        );
        assert_eq!(
            fixed(
                "RUN bash -c \"echo \\\"a\\\"; apt-get install b\"",
                "AptYesMissing"
            ),
            "RUN bash -c \"echo \\\"a\\\"; apt-get install -y b\""
        );
        assert_eq!(
            fixed(
                "RUN [\"sh\", \"-c\", \"\\\"a\\\"; apt-get install b\"]",
                "AptYesMissing"
            ),
            "RUN [\"sh\", \"-c\", \"\\\"a\\\"; apt-get install b\"]"
        );
        let sudo = |lines: &str| fixed(lines, "SudoInRun");
        assert_eq!(sudo("USER root\nRUN sudo b"), "USER root\nRUN b");
        assert_eq!(sudo("USER c\nRUN sudo b"), "USER c\nRUN sudo b");
        assert_eq!(
            fixed("RUN a\n# note\nRUN b", "ConsecutiveRuns"),
            "RUN a\n# note\nRUN b"
        );
        assert_eq!(
            fixed("RUN a\n\nRUN b c\n", "ConsecutiveRuns"),
            "RUN a \\\n && b c\n"
        );
    }

    /// Fragments of commands that rules look at.
    fn fragment() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "apt-get ",
            "install ",
            "update ",
            "-y ",
            "-",
            "--",
            "pip ",
            "rm -rf ",
            "$x",
            "${y:-",
            "}/",
            "/*",
            "cd ",
            "; ",
            " && ",
            " | ",
            "\\\n",
            "\n",
            "[ ",
            " ]",
            "[[ ",
            "=",
            "==",
            "echo -e ",
            ">",
            "2>&1",
            "<<E\nE\n",
            "\"",
            "'",
            "useradd -u ",
            "go run ",
            "\u{e9}",
            "ln ",
            "/bin/sh",
            "tar x",
            "if ",
            "fi",
            "(",
            ")",
            "RUN ",
            "ONBUILD RUN ",
            "sh -c \"",
            "bash -c '",
            "\\\"",
            "eval ",
            "COPY a.tgz /\n",
            "[\"a\", \"b\"]",
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn rules_and_their_fixes_stay_in_the_text(parts in prop::collection::vec(fragment(), 0..30)) {
            let source = format!("FROM a\nRUN {}", parts.concat());
            let all = LINTS.iter().fold(Config::default(), |config, lint| config.with_level(lint.name, Level::Warning));
            let file = File::new(source.clone().into_bytes());
            for diagnostic in lints::check(&file, &all) {
                let edits = diagnostic.fix.iter().flat_map(|fix| &fix.edits);
                for range in edits.map(|(range, _)| *range).chain([diagnostic.range]) {
                    prop_assert!(source.get(range.start as usize..range.end as usize).is_some(), "{}", diagnostic.code);
                }
            }
        }
    }
}
