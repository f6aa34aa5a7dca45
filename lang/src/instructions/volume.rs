//! `VOLUME`: mount points.

use super::line::trimmed;
use super::{Form, Keyword, Kind, Line, Part, Problem, Spec};
use crate::text::Word;

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Volume,
    summary: "Declares folders whose content is kept outside the container.",
    forms: &[
        Form {
            text: r#"VOLUME ["path", ...]"#,
            parts: &[
                Part {
                    text: "[",
                    doc: "Begins a JSON array; for paths with spaces.",
                },
                Part {
                    text: r#""path""#,
                    doc: "Folder that is kept outside the container.",
                },
                Part {
                    text: "...",
                    doc: "More folders.",
                },
                Part {
                    text: "]",
                    doc: "Ends the array.",
                },
            ],
        },
        Form {
            text: "VOLUME path ...",
            parts: &[
                Part {
                    text: "path",
                    doc: "Folder that is kept outside the container.",
                },
                Part {
                    text: "...",
                    doc: "More folders.",
                },
            ],
        },
    ],
    snippets: &[r#"VOLUME ["${1:/data}"]"#],
    flags: &[],
    docs: include_str!("../../docs/instructions/volume.md"),
    source: "Dockerfile reference, section \"VOLUME\"; BuildKit `instructions/parse.go`, `parseVolume`",
    lower,
};

fn lower(line: Line<'_>) -> Result<Kind, Problem> {
    line.at_least_one()?;
    line.flags()?;
    let volumes: Vec<Word> = line.args.iter().map(trimmed).collect();
    if let Some(empty) = volumes.iter().position(|v| v.text.is_empty()) {
        let message = "VOLUME specified can not be an empty string";
        return Err(Problem::new(
            "empty-volume",
            message,
            line.args[empty].range,
        ));
    }
    Ok(Kind::Volume(volumes))
}
