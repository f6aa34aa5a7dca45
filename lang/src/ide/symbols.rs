//! The outline of a file: directives, global arguments, and stages with their steps.

use super::File;
use crate::syntax::{Keyword, Node, directive, heredoc};
use crate::text::TextRange;
use bstr::ByteSlice;

/// An entry of the outline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What is shown: a stage's name, or the instruction cut short.
    pub name: String,
    /// More about it, in one line.
    pub detail: Option<String>,
    /// What it is.
    pub kind: EntryKind,
    /// All of it.
    pub range: TextRange,
    /// What is selected when it is picked; lies in `range`.
    pub selection: TextRange,
    /// What belongs to it.
    pub children: Vec<Entry>,
}

/// What an entry of the outline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// `# escape=`, `# syntax=`, `# check=`.
    Directive,
    /// From a `FROM` to the next.
    Stage,
    /// An instruction; `None` when the keyword is none.
    Instruction(Option<Keyword>),
}

impl Entry {
    /// Tells whether the language advises against it.
    pub fn is_deprecated(&self) -> bool {
        self.kind == EntryKind::Instruction(Some(Keyword::Maintainer))
    }
}

/// Longest name of an instruction, characters.
const WIDTH: usize = 60;

/// The outline of a file.
///
/// ```
/// use cooperage_lang::ide::{File, symbols::outline};
/// let file = File::new(b"FROM a AS b\nRUN --network=none make \\\n  install\n".to_vec());
/// let [stage] = outline(&file).try_into().unwrap();
/// let steps: Vec<_> = stage.children.iter().map(|s| s.name.as_str()).collect();
/// assert_eq!((stage.name.as_str(), steps), ("b", vec!["FROM a AS b", "RUN make install"]));
/// ```
pub fn outline(file: &File) -> Vec<Entry> {
    let mut entries = directives(file);
    let nodes = file.parse().nodes();
    let stages = file.names().stages();
    let first = stages
        .first()
        .map_or(nodes.len(), |s| s.nodes.start as usize);
    entries.extend(nodes[..first].iter().map(|node| instruction(file, node)));
    for stage in stages {
        let from = &nodes[stage.nodes.start as usize];
        let base = file.parse().piece_texts(file.source(), &from.args).next();
        let base = base.unwrap_or_default().to_str_lossy().into_owned();
        let name = file.names().stage_name(stage).map(ToString::to_string);
        let name_range = stage.name.map(|name| file.names().get(name).range);
        let steps = &nodes[stage.nodes.start as usize..stage.nodes.end as usize];
        let detail = name.is_some().then(|| base.clone());
        let shown = name.unwrap_or(base);
        entries.push(Entry {
            name: if shown.is_empty() {
                "FROM".to_owned()
            } else {
                shown
            },
            detail: detail.filter(|detail| !detail.is_empty()),
            kind: EntryKind::Stage,
            range: stage.range,
            selection: name_range.unwrap_or(from.keyword.range),
            children: steps.iter().map(|node| instruction(file, node)).collect(),
        });
    }
    entries
}

/// Entries whose name holds the characters of `query` in order, whatever their case, with what they belong to; those
/// of the outline without its levels.
pub fn matching(file: &File, query: &str) -> Vec<(Entry, Option<String>)> {
    let mut found = Vec::new();
    let mut take = |entry: Entry, of: Option<&str>| {
        if holds(&entry.name, query) {
            found.push((entry, of.map(str::to_owned)));
        }
    };
    for mut entry in outline(file) {
        let children = std::mem::take(&mut entry.children);
        let name = entry.name.clone();
        take(entry, None);
        for child in children {
            take(child, Some(&name));
        }
    }
    found
}

fn holds(name: &str, query: &str) -> bool {
    let mut name = name.chars().flat_map(char::to_lowercase);
    query
        .chars()
        .flat_map(char::to_lowercase)
        .all(|wanted| name.any(|c| c == wanted))
}

/// The directives, and a line that will be one when its value is typed.
fn directives(file: &File) -> Vec<Entry> {
    let entry = |line: u32, name: TextRange, value: TextRange| Entry {
        name: file.text(name).to_str_lossy().into_owned(),
        detail: (!value.is_empty()).then(|| file.text(value).to_str_lossy().into_owned()),
        kind: EntryKind::Directive,
        range: file.lines().line_range(line),
        selection: name,
        children: Vec::new(),
    };
    let known = file.parse().directives();
    let mut found: Vec<_> = known
        .iter()
        .map(|d| entry(d.line, d.name_range, d.value_range))
        .collect();
    let next = known.last().map_or(1, |d| d.line + 1);
    if let Some(name) = unfinished_directive(file, next) {
        found.push(entry(next, name, TextRange::new(name.end, name.end)));
    }
    found
}

/// The name in `# name=` without value.
fn unfinished_directive(file: &File, line: u32) -> Option<TextRange> {
    let range = file.lines().line_range(line);
    let text = file.text(range);
    let mark = text
        .find_not_byteset(b" \t")
        .filter(|at| text[*at] == b'#')?;
    let rest = text[mark + 1..].trim_end().strip_suffix(b"=")?.trim_end();
    let name = rest.trim_start();
    directive::Name::find(name)?;
    let end = range.start + (mark + 1 + rest.len()) as u32;
    Some(TextRange::new(end - name.len() as u32, end))
}

fn instruction(file: &File, node: &Node) -> Entry {
    let (parse, source) = (file.parse(), file.source());
    let keyword = parse.text(source, node.keyword.text).to_str_lossy();
    let flags: Vec<_> = parse
        .piece_texts(source, &node.flags)
        .map(|flag| flag.to_str_lossy())
        .collect();
    let name = shortened(&format!("{keyword} {}", argument(file, node)));
    Entry {
        // A continuation alone is an instruction without any text.
        name: if name.is_empty() {
            "…".to_owned()
        } else {
            name
        },
        detail: (!flags.is_empty()).then(|| shortened(&flags.join(" "))),
        kind: EntryKind::Instruction(node.known),
        range: node.range,
        selection: node.keyword.range,
        children: Vec::new(),
    }
}

/// What the instruction is about: its text, or the first line of the script that it is.
fn argument(file: &File, node: &Node) -> String {
    let text = file.parse().text(file.source(), node.argument_text);
    let document = file.parse().heredocs(node).first();
    let is_script = matches!(heredoc::opener(text), Ok(Some(_)));
    let Some(document) = document.filter(|_| is_script) else {
        let text = match node.known {
            Some(Keyword::Run) if !node.json => without_shell_options(text),
            _ => text,
        };
        return text.to_str_lossy().into_owned();
    };
    let is_code =
        |line: &&[u8]| !line.is_empty() && !line.starts_with(b"#") && !line.starts_with(b"set ");
    let line = file
        .text(document.body)
        .lines()
        .map(ByteSlice::trim)
        .find(is_code);
    line.unwrap_or_default().to_str_lossy().into_owned()
}

/// The commands behind a `set -eux` at the front, which so many scripts begin with.
fn without_shell_options(script: &[u8]) -> &[u8] {
    let Some(rest) = script.strip_prefix(b"set -") else {
        return script;
    };
    let end = rest.find_byteset(b";&\n").unwrap_or(0);
    let behind = rest[end..].trim_start_with(|c| matches!(c, ';' | '&' | ' ' | '\t' | '\n'));
    if end == 0 || behind.is_empty() {
        script
    } else {
        behind
    }
}

/// One line of words, cut at a word when it is long.
fn shortened(text: &str) -> String {
    let mut out = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > WIDTH {
            out.push_str(" …");
            break;
        }
        if width > 0 {
            out.push(' ');
        }
        if length > WIDTH {
            out.extend(word.chars().take(WIDTH));
            out.push('…');
            break;
        }
        out.push_str(word);
        width += length + 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_named_after_what_they_do() {
        let text = concat!(
            "# Escape=\\\n",
            "arg V=1\n",
            "FROM a\n",
            "RUN apt-get update && \\\n    apt-get install -y curl ca-certificates git openssh-client jq\n",
            "RUN <<E\nset -e\n# why\n  make all\nE\n",
            "RUN set -eux; \\\n  make test\n",
            "RUN set -e\n",
            "MAINTAINER me\n",
        );
        let file = File::new(text.as_bytes().to_vec());
        let outline = outline(&file);
        let names: Vec<_> = outline.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["Escape", "arg V=1", "a"]);
        let steps: Vec<_> = outline[2]
            .children
            .iter()
            .map(|e| e.name.as_str())
            .collect();
        assert_eq!(
            steps,
            [
                "FROM a",
                "RUN apt-get update && apt-get install -y curl …",
                "RUN make all",
                "RUN make test",
                "RUN set -e",
                "MAINTAINER me",
            ]
        );
        assert!(outline[2].children[5].is_deprecated());
    }

    #[test]
    fn a_query_finds_its_characters_in_order() {
        let file = File::new(b"FROM a AS builder\nRUN make install\n".to_vec());
        let found = |query: &str| -> Vec<(String, Option<String>)> {
            let found = matching(&file, query).into_iter();
            found.map(|(entry, of)| (entry.name, of)).collect()
        };
        assert_eq!(
            found("MkIn"),
            [("RUN make install".to_owned(), Some("builder".to_owned()))]
        );
        assert_eq!(found("bldr").len(), 2);
        assert!(found("xyz").is_empty());
    }
}
