//! Here documents as files of their own, for tools that know their language and nothing of Dockerfiles.

use super::File;
use crate::syntax::{Keyword, Node, heredoc};
use crate::text::TextRange;
use bstr::ByteSlice;

/// The file that a here document is or becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// A name whose ending tells the language: that of the file it becomes, else one made up of the document's name.
    pub name: String,
    /// Its lines.
    pub body: TextRange,
}

/// Endings of files that a program reads.
const ENDINGS: &[(&str, &str)] = &[
    ("ash", "sh"),
    ("awk", "awk"),
    ("bash", "bash"),
    ("bun", "ts"),
    ("dash", "sh"),
    ("deno", "ts"),
    ("gawk", "awk"),
    ("ksh", "ksh"),
    ("lua", "lua"),
    ("node", "js"),
    ("nodejs", "js"),
    ("perl", "pl"),
    ("php", "php"),
    ("psql", "sql"),
    ("pypy", "py"),
    ("python", "py"),
    ("ruby", "rb"),
    ("sh", "sh"),
    ("sqlite", "sql"),
    ("zsh", "zsh"),
];

/// The here documents of a file, in order.
///
/// ```
/// use cooperage_lang::ide::{File, embedded::{embedded, text}};
/// let file = File::new(b"FROM a\nCOPY <<E /app/main.py\nprint(1)\nE\n".to_vec());
/// let found = embedded(&file);
/// assert_eq!(found[0].name, "main.py");
/// assert_eq!(text(&file, &found[0]), "\n\nprint(1)\n");
/// ```
pub fn embedded(file: &File) -> Vec<Embedded> {
    let mut found = Vec::new();
    for node in file.parse().nodes() {
        let heredocs = file.parse().heredocs(node);
        for (number, heredoc) in heredocs.iter().enumerate() {
            found.push(Embedded {
                name: name(file, node, number),
                body: heredoc.body,
            });
        }
    }
    found
}

/// The text of a here document where it stands in the file: the lines in front of it are empty, so that lines and columns
/// are the same.
pub fn text(file: &File, document: &Embedded) -> String {
    let (line, _) = file.lines().line_column(document.body.start);
    let mut text = "\n".repeat(line as usize);
    text.push_str(&file.text(document.body).to_str_lossy());
    text
}

/// The name of a here document of an instruction, as in [`Embedded::name`].
pub(super) fn name(file: &File, node: &Node, number: usize) -> String {
    let heredoc = &file.parse().heredocs(node)[number];
    let inner = file.parse().sub(node).unwrap_or(node);
    let own = heredoc.name.to_str_lossy();
    let body = file.text(heredoc.body);
    let shebang = body
        .strip_prefix(b"#!")
        .and_then(|rest| rest.lines().next());
    let by_shebang = shebang.and_then(|line| line.fields().find_map(ending_of));
    if inner.known == Some(Keyword::Run) {
        let ending = match by_shebang {
            Some(ending) => Some(ending),
            // A first line of another program is not the shell's.
            None if shebang.is_some() => None,
            None => reader(file, inner, number),
        };
        return format!("{own}.{}", ending.unwrap_or("txt"));
    }
    let target = file.parse().piece_texts(file.source(), &inner.args).last();
    let target = target.map_or(String::new(), |target| target.to_str_lossy().into_owned());
    let base = match target.rsplit('/').next().unwrap_or_default() {
        // It keeps its name in a folder.
        "" | "." | ".." => own.to_string(),
        base => base.to_owned(),
    };
    let by_own_name = || own.rsplit_once('.').map(|(_, ending)| ending);
    match by_shebang.or_else(by_own_name) {
        Some(ending) if !base.contains('.') => format!("{base}.{ending}"),
        _ => base,
    }
}

/// The ending for a document that a line of `RUN` hands to a program, or to the shell when there is none.
fn reader(file: &File, run: &Node, number: usize) -> Option<&'static str> {
    let line = file.parse().text(file.source(), run.argument_text);
    let opener = heredoc::openers(line).ok()?.into_iter().nth(number)?;
    let mark = line[..opener.written.start].rfind("<<")?;
    let start = line[..mark].rfind_byteset(b"&;|(").map_or(0, |at| at + 1);
    match line[start..mark].fields().next() {
        Some(program) => ending_of(program),
        None => Some("sh"),
    }
}

/// The ending for what a program reads; versions behind its name do not matter.
fn ending_of(path: &[u8]) -> Option<&'static str> {
    let name = path.rsplit(|b| *b == b'/').next()?;
    let name = name.trim_end_with(|c| c.is_ascii_digit() || c == '.');
    let known = ENDINGS
        .iter()
        .find(|(program, _)| program.as_bytes() == name);
    known.map(|(_, ending)| *ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str) -> Vec<String> {
        let file = File::new(source.as_bytes().to_vec());
        let found = embedded(&file).into_iter();
        found.map(|document| document.name).collect()
    }

    #[test]
    fn names_tell_the_language() {
        for (line, body, name) in [
            ("RUN <<E", "echo", "E.sh"),
            ("RUN <<E", "#!/usr/bin/env python3", "E.py"),
            ("RUN <<E", "#!/usr/bin/expect", "E.txt"),
            ("RUN bash -e <<E", "echo", "E.bash"),
            ("RUN apk add x && python3.12 - <<'E'", "print()", "E.py"),
            ("RUN cat <<E >/etc/x", "y", "E.txt"),
            ("RUN --mount=type=cache,target=/c <<-E", "\techo", "E.sh"),
            ("ONBUILD RUN <<E", "echo", "E.sh"),
            ("COPY <<E /app/main.py", "print()", "main.py"),
            (
                "COPY --chmod=755 <<E /usr/bin/tool",
                "#!/bin/bash",
                "tool.bash",
            ),
            ("COPY <<nginx.conf /etc/nginx/", "http {}", "nginx.conf"),
            ("ADD <<E .", "x", "E"),
            ("ADD <<a.rb /bin/a", "x", "a.rb"),
            ("RUN echo $((1<<4)) && python3 <<E", "print()", "E.py"),
            ("RUN echo '<<' && node <<'E'", "1", "E.js"),
        ] {
            assert_eq!(
                names(&format!("FROM a\n{line}\n{body}\nE\nnginx.conf\na.rb\n")),
                [name],
                "{line}"
            );
        }
        assert_eq!(names("FROM a\nCOPY <<A <<B /c/\n1\nA\n2\nB\n"), ["A", "B"]);
        assert_eq!(
            names("FROM a\nRUN node <<A && ruby <<B\n1\nA\n2\nB\n"),
            ["A.js", "B.rb"]
        );
    }

    #[test]
    fn places_are_the_same() {
        let source = "FROM a\r\nRUN <<A <<B\r\n\u{e4}\r\nA\r\nb\nB\n";
        let file = File::new(source.as_bytes().to_vec());
        for document in embedded(&file) {
            let text = text(&file, &document);
            let word = source[document.body.start as usize..]
                .chars()
                .next()
                .unwrap();
            let place = |text: &str| {
                let lines = text.lines().enumerate();
                let mut found = lines.filter_map(|(n, line)| Some((n, line.find(word)?)));
                found.find(|(n, _)| *n >= 2)
            };
            assert_eq!(place(&text), place(source));
        }
    }
}
