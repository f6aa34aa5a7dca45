//! `EXPOSE`: ports a container listens on.

use super::{Form, Keyword, Kind, Line, Part, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Expose,
    summary: "Records ports the image listens on; publishes nothing by itself.",
    forms: &[Form {
        text: "EXPOSE port ...",
        parts: &[
            Part {
                text: "port",
                doc: "Port or range, then perhaps `/tcp`, `/udp` or `/sctp`.",
            },
            Part {
                text: "...",
                doc: "More ports.",
            },
        ],
    }],
    snippets: &["EXPOSE ${1:port}"],
    flags: &[],
    docs: include_str!("../../docs/instructions/expose.md"),
    source: "Dockerfile reference, section \"EXPOSE\"; BuildKit `instructions/parse.go`, `parseExpose`",
    lower,
};

fn lower(line: Line<'_>) -> Result<Kind, Problem> {
    line.at_least_one()?;
    line.flags()?;
    let mut ports = line.args;
    ports.sort_by(|a, b| a.text.cmp(&b.text));
    Ok(Kind::Expose(ports))
}
