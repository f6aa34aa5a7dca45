//! `ARG`: build-time variables.

use super::line::part;
use super::{ArgItem, Form, Keyword, Kind, Line, Part, Problem, Spec};
use crate::text::Word;
use bstr::ByteSlice;

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Arg,
    summary: "Declares a variable whose value can be given when building.",
    forms: &[
        Form {
            text: "ARG name",
            parts: &[Part {
                text: "name",
                doc: "Name of the variable; its value is given when building.",
            }],
        },
        Form {
            text: "ARG name=default",
            parts: &[
                Part {
                    text: "name",
                    doc: "Name of the variable.",
                },
                Part {
                    text: "default",
                    doc: "Value when none is given. Variables in it are expanded.",
                },
            ],
        },
    ],
    snippets: &["ARG ${1:name}", "ARG ${1:name}=${2:default}"],
    flags: &[],
    docs: include_str!("../../docs/instructions/arg.md"),
    source: "Dockerfile reference, section \"ARG\"; BuildKit `instructions/parse.go`, `parseArg`",
    lower,
};

fn lower(line: Line<'_>) -> Result<Kind, Problem> {
    line.at_least_one()?;
    let items = line
        .args
        .iter()
        .map(|word| item(&line, word))
        .collect::<Result<_, _>>()?;
    Ok(Kind::Arg(items))
}

fn item(line: &Line<'_>, word: &Word) -> Result<ArgItem, Problem> {
    let (name, value) = match word.text.find_byte(b'=') {
        Some(0) => {
            return Err(Problem::new(
                "blank-name",
                "ARG names can not be blank",
                word.range,
            ));
        }
        Some(at) => (part(word, 0, at), Some(part(word, at + 1, word.text.len()))),
        None => (word.clone(), None),
    };
    let doc = line.doc(&name.text);
    Ok(ArgItem { name, value, doc })
}
