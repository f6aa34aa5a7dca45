//! JSON has double quotes.

use super::{Finding, Level, Lint, Run, Subject};
use crate::syntax::{Keyword, Node};
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "JsonInSingleQuotes",
    aliases: &["JSON_IN_SINGLE_QUOTES"],
    description: "JSON arrays should be written with double quotes",
    docs: include_str!("../../docs/lints/json-in-single-quotes.md"),
    level: Level::Warning,
    fixable: true,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at arguments that would be a JSON array, were their quotes double ones.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let parse = subject.file.parse();
    for node in parse.nodes() {
        let inner = parse.sub(node).unwrap_or(node);
        if !takes_json(inner) {
            continue;
        }
        let text = parse.text(subject.file.source(), inner.argument_text);
        let Some(json) = text.to_str().ok().and_then(with_double_quotes) else {
            continue;
        };
        let range = parse.text_range(inner.argument_text);
        let finding = Finding::at(
            &LINT,
            node.lines,
            range,
            "this is no JSON, so it is taken as plain text; write double quotes",
        );
        found.push(finding.with_fix("use double quotes", vec![(range, json)]));
    }
}

fn takes_json(node: &Node) -> bool {
    let keyword = matches!(
        node.known,
        Some(
            Keyword::Add
                | Keyword::Cmd
                | Keyword::Copy
                | Keyword::Entrypoint
                | Keyword::Run
                | Keyword::Shell
                | Keyword::Volume
        )
    );
    keyword && !node.json
}

/// `['a', 'b']` with other quotes; `None` when the text is not like that.
fn with_double_quotes(text: &str) -> Option<String> {
    let mut rest = text
        .trim()
        .strip_prefix('[')?
        .strip_suffix(']')?
        .trim_start();
    let mut words = Vec::new();
    while let Some(word) = rest.strip_prefix('\'') {
        let (word, behind) = word.split_once('\'')?;
        words.push(format!(
            "\"{}\"",
            word.replace('\\', "\\\\").replace('"', "\\\"")
        ));
        rest = behind.trim_start();
        match rest.strip_prefix(',') {
            Some(behind) => rest = behind.trim_start(),
            None => break,
        }
    }
    (rest.is_empty() && !words.is_empty()).then(|| format!("[{}]", words.join(", ")))
}
