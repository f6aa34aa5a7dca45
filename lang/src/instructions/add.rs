//! `ADD`: copies files, archives and downloads.

use super::flags::{Flag, FlagKind};
use super::{Copy, Keyword, Kind, Line, Problem, Spec};

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Add,
    summary: "Copies files from the build context, a URL or a git repository, and unpacks local archives.",
    forms: &[
        r"ADD [flags] source... destination",
        r#"ADD [flags] ["source", "destination"]"#,
    ],
    flags: &[
        Flag {
            name: "keep-git-dir",
            kind: FlagKind::Bool,
            value: "true|false",
            doc: "Keeps the `.git` folder of a git source.",
        },
        Flag {
            name: "checksum",
            kind: FlagKind::Text,
            value: "algorithm:hex",
            doc: "Digest the download must have; one HTTP or git source only.",
        },
        Flag {
            name: "chown",
            kind: FlagKind::Text,
            value: "user[:group]",
            doc: "Owner of the copied files; names are looked up in the files of the stage.",
        },
        Flag {
            name: "chmod",
            kind: FlagKind::Text,
            value: "mode",
            doc: "Permissions of the copied files, octal (`755`) or symbolic (`u=rwX,go-w`).",
        },
        Flag {
            name: "link",
            kind: FlagKind::Bool,
            value: "true|false",
            doc: "Makes an own layer that does not depend on the files below it, so it stays cached when they change.",
        },
        Flag {
            name: "unpack",
            kind: FlagKind::Bool,
            value: "true|false",
            doc: "Unpacks archives: on by default for local files, off for downloads.",
        },
        Flag {
            name: "exclude",
            kind: FlagKind::List,
            value: "pattern",
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
