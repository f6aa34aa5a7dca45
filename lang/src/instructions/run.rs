//! `RUN`: runs a command.

use super::flags::{Flag, FlagKind};
use super::{
    Device, FLAGS, Form, Keyword, Kind, Line, NetworkMode, Part, Problem, Run, SecurityMode, Spec,
};
use crate::model::device;
use crate::quote::quote;
use crate::rune;
use crate::text::Word;
use bstr::ByteSlice;

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Run,
    summary: "Runs a command in a new layer on top of the current files.",
    forms: &[
        Form {
            text: "RUN [flags] command argument ...",
            parts: &[
                FLAGS,
                Part {
                    text: "command",
                    doc: "Command for the shell.",
                },
                Part {
                    text: "argument",
                    doc: "First argument of the command.",
                },
                Part {
                    text: "...",
                    doc: "More shell text.",
                },
            ],
        },
        Form {
            text: r#"RUN [flags] ["program", "argument", ...]"#,
            parts: &[
                FLAGS,
                Part {
                    text: "[",
                    doc: "Begins a JSON array: no shell is involved.",
                },
                Part {
                    text: r#""program""#,
                    doc: "Program to start, found in `PATH` or by its path.",
                },
                Part {
                    text: r#""argument""#,
                    doc: "First argument of the program.",
                },
                Part {
                    text: "...",
                    doc: "More arguments.",
                },
                Part {
                    text: "]",
                    doc: "Ends the array.",
                },
            ],
        },
        Form {
            text: "RUN [flags] <<NAME",
            parts: &[
                FLAGS,
                Part {
                    text: "<<NAME",
                    doc: "Begins a here document; its lines are the script.",
                },
            ],
        },
    ],
    snippets: &["RUN ${1:command}", "RUN <<EOF\nset -e\n$0\nEOF"],
    flags: &[
        Flag {
            name: "mount",
            kind: FlagKind::List,
            value: "type=bind|cache|tmpfs|secret|ssh,...",
            example: "type=cache,target=/path",
            choices: &[],
            doc: "Mounts files, a cache, memory, a secret or an agent socket while the command runs; may be repeated.",
        },
        Flag {
            name: "network",
            kind: FlagKind::Text,
            value: "default|none|host",
            example: "none",
            choices: &["default", "none", "host"],
            doc: "Network the command sees.",
        },
        Flag {
            name: "security",
            kind: FlagKind::Text,
            value: "sandbox|insecure",
            example: "insecure",
            choices: &["sandbox", "insecure"],
            doc: "Whether the command runs with raised privileges.",
        },
        Flag {
            name: "device",
            kind: FlagKind::List,
            value: "vendor/class=name[,required]",
            example: "vendor/class=name",
            choices: &[],
            doc: "Gives the command a device by its CDI name; may be repeated.",
        },
    ],
    docs: include_str!("../../docs/instructions/run.md"),
    source: "Dockerfile reference, section \"RUN\"; BuildKit `instructions/parse.go`, `parseRun`",
    lower,
};

fn lower(line: Line<'_>) -> Result<Kind, Problem> {
    let flags = line.flags()?;
    let devices = flags
        .list("device")
        .iter()
        .map(read_device)
        .collect::<Result<_, _>>()?;
    let mounts = flags.list("mount");
    mounts.iter().try_for_each(check_mount)?;
    Ok(Kind::Run(Box::new(Run {
        heredocs: line.heredocs(),
        command: line.command(),
        mounts,
        network: flags.text("network").map(network).transpose()?,
        security: flags.text("security").map(security).transpose()?,
        devices,
    })))
}

fn read_device(value: &Word) -> Result<Device, Problem> {
    device::parse(&value.text).map_err(|message| Problem::new("bad-device", message, value.range))
}

/// The one check of mounts at this step: `from` takes no variables. Everything else waits for their values.
fn check_mount(value: &Word) -> Result<(), Problem> {
    let fields = device::csv_fields(&value.text).map_err(|e| {
        Problem::new(
            "bad-mount",
            format!("failed to parse csv mounts: {e}"),
            value.range,
        )
    })?;
    for field in &fields {
        let Some((key, from)) = field.split_once_str("=") else {
            continue;
        };
        // A dollar sign at the very end is no variable.
        let variable = from.find_byte(b'$').is_some_and(|at| at + 1 < from.len());
        if variable && rune::lower(key) == "from" {
            let message = "'from' doesn't support variable expansion, define alias stage instead";
            return Err(Problem::new("mount-from-variable", message, value.range));
        }
    }
    Ok(())
}

fn network(value: &Word) -> Result<NetworkMode, Problem> {
    match value.text.as_bytes() {
        b"default" => Ok(NetworkMode::Default),
        b"none" => Ok(NetworkMode::None),
        b"host" => Ok(NetworkMode::Host),
        other => {
            let message = format!("invalid network mode {}", quote(other));
            Err(Problem::new("bad-network", message, value.range))
        }
    }
}

fn security(value: &Word) -> Result<SecurityMode, Problem> {
    match value.text.as_bytes() {
        b"sandbox" => Ok(SecurityMode::Sandbox),
        b"insecure" => Ok(SecurityMode::Insecure),
        other => {
            let message = format!("security {} is not valid", quote(other));
            Err(Problem::new("bad-security", message, value.range))
        }
    }
}
