//! `ADD`: copies files, archives and downloads.

use super::flags::{Flag, FlagKind};
use super::{Copy, FLAGS, Form, Keyword, Kind, Line, Part, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Add,
    summary: "Copies files from the build context, a URL or a git repository, and unpacks local archives.",
    forms: &[
        Form {
            text: "ADD [flags] source ... destination",
            parts: &[
                FLAGS,
                Part {
                    text: "source",
                    doc: "Path in the build context, a URL or a git repository.",
                },
                Part {
                    text: "...",
                    doc: "More sources.",
                },
                Part {
                    text: "destination",
                    doc: "Where the files go: absolute, or below the working directory. `/` at its end says it is a folder.",
                },
            ],
        },
        Form {
            text: r#"ADD [flags] ["source", ..., "destination"]"#,
            parts: &[
                FLAGS,
                Part {
                    text: "[",
                    doc: "Begins a JSON array; for names with spaces.",
                },
                Part {
                    text: r#""source""#,
                    doc: "Path in the build context, a URL or a git repository.",
                },
                Part {
                    text: "...",
                    doc: "More sources.",
                },
                Part {
                    text: r#""destination""#,
                    doc: "Where the files go: absolute, or below the working directory. `/` at its end says it is a folder.",
                },
                Part {
                    text: "]",
                    doc: "Ends the array.",
                },
            ],
        },
    ],
    snippets: &[
        "ADD ${1:source} ${2:destination}",
        "ADD --checksum=${1:sha256:hex} ${2:https://example.com/file} ${3:destination}",
    ],
    flags: &[
        Flag {
            name: "keep-git-dir",
            kind: FlagKind::Bool,
            value: "true|false",
            example: "",
            choices: &["true", "false"],
            doc: "Keeps the `.git` folder of a git source.",
        },
        Flag {
            name: "checksum",
            kind: FlagKind::Text,
            value: "algorithm:hex",
            example: "sha256:hex",
            choices: &[],
            doc: "Digest the download must have; one HTTP or git source only.",
        },
        Flag {
            name: "chown",
            kind: FlagKind::Text,
            value: "user[:group]",
            example: "user:group",
            choices: &[],
            doc: "Owner of the copied files; names are looked up in the files of the stage.",
        },
        Flag {
            name: "chmod",
            kind: FlagKind::Text,
            value: "mode",
            example: "755",
            choices: &[],
            doc: "Permissions of the copied files, octal (`755`) or symbolic (`u=rwX,go-w`).",
        },
        Flag {
            name: "link",
            kind: FlagKind::Bool,
            value: "true|false",
            example: "",
            choices: &["true", "false"],
            doc: "Makes an own layer that does not depend on the files below it, so it stays cached when they change.",
        },
        Flag {
            name: "unpack",
            kind: FlagKind::Bool,
            value: "true|false",
            example: "",
            choices: &["true", "false"],
            doc: "Unpacks archives: on by default for local files, off for downloads.",
        },
        Flag {
            name: "exclude",
            kind: FlagKind::List,
            value: "pattern",
            example: "pattern",
            choices: &[],
            doc: "Leaves out files that match an ignore pattern; may be repeated.",
        },
    ],
    docs: include_str!("../../docs/instructions/add.md"),
    source: "Dockerfile reference, section \"ADD\"; BuildKit `instructions/parse.go`, `parseAdd`",
    lower,
};

fn lower(line: Line<'_>) -> Result<Kind, Problem> {
    let (sources, heredocs, dest, flags) = super::copy::operands(line)?;
    Ok(Kind::Add(Box::new(Copy {
        sources,
        heredocs,
        dest,
        chown: flags.non_empty("chown"),
        chmod: flags.non_empty("chmod"),
        link: flags.bool("link").unwrap_or(false),
        exclude: flags.list("exclude"),
        checksum: flags.non_empty("checksum"),
        keep_git_dir: flags.bool("keep-git-dir"),
        unpack: flags.bool("unpack"),
        ..Copy::default()
    })))
}
