//! `HEALTHCHECK`: how a container is tested.

use super::flags::Flags;
use super::flags::{Flag, FlagKind};
use super::{FLAGS, Form, Healthcheck, Keyword, Kind, Line, Part, Problem, Spec};
use crate::model::duration;
use crate::quote::quote;
use crate::rune;
use bstr::BString;
use std::time::Duration;

pub(super) static SPEC: Spec = Spec {
    keyword: Keyword::Healthcheck,
    summary: "Tells how to find out whether a container still works.",
    forms: &[
        Form {
            text: "HEALTHCHECK [flags] CMD command",
            parts: &[
                FLAGS,
                Part {
                    text: "CMD",
                    doc: "A command follows.",
                },
                Part {
                    text: "command",
                    doc: "Text for the shell or a JSON array. Exit status 0 means healthy, 1 unhealthy.",
                },
            ],
        },
        Form {
            text: "HEALTHCHECK NONE",
            parts: &[Part {
                text: "NONE",
                doc: "Switches off the test of the base image.",
            }],
        },
    ],
    snippets: &[
        r#"HEALTHCHECK --interval=${1:30s} --timeout=${2:30s} --start-period=${3:5s} --retries=${4:3} CMD ["${5:program}"]"#,
        "HEALTHCHECK CMD ${1:command}",
        "HEALTHCHECK NONE",
    ],
    flags: &[
        Flag {
            name: "interval",
            kind: FlagKind::Text,
            value: "duration",
            example: "30s",
            choices: &[],
            doc: "Time between two tests (30s).",
        },
        Flag {
            name: "timeout",
            kind: FlagKind::Text,
            value: "duration",
            example: "30s",
            choices: &[],
            doc: "Time after which a test counts as failed (30s).",
        },
        Flag {
            name: "start-period",
            kind: FlagKind::Text,
            value: "duration",
            example: "5s",
            choices: &[],
            doc: "Time to start up, during which failed tests do not count (0s).",
        },
        Flag {
            name: "start-interval",
            kind: FlagKind::Text,
            value: "duration",
            example: "5s",
            choices: &[],
            doc: "Time between two tests during the start period (5s).",
        },
        Flag {
            name: "retries",
            kind: FlagKind::Text,
            value: "number",
            example: "3",
            choices: &[],
            doc: "Failed tests in a row that make a container unhealthy (3).",
        },
    ],
    docs: include_str!("../../docs/instructions/healthcheck.md"),
    source: "Dockerfile reference, section \"HEALTHCHECK\"; BuildKit `instructions/parse.go`, `parseHealthcheck`",
    lower,
};

fn lower(line: Line<'_>) -> Result<Kind, Problem> {
    let Some((kind, args)) = line.args.split_first() else {
        return Err(line.missing("at least one argument"));
    };
    let name = rune::upper(&kind.text);
    if name == "NONE" {
        if !args.is_empty() {
            return Err(Problem::new(
                "healthcheck-none",
                "HEALTHCHECK NONE takes no arguments",
                args[0].range,
            ));
        }
        return Ok(Kind::Healthcheck(Box::new(Healthcheck {
            test: vec![name.into()],
            ..Healthcheck::default()
        })));
    }
    let flags = line.flags()?;
    if name != "CMD" {
        let message = format!(
            "Unknown type {} in HEALTHCHECK (try CMD)",
            quote(name.as_bytes())
        );
        return Err(Problem::new("healthcheck-type", message, kind.range));
    }
    // `CMD` without text is text too: an empty one is no command only when there is no argument at all.
    if args.is_empty() {
        return Err(Problem::new(
            "healthcheck-command",
            "Missing command after HEALTHCHECK CMD",
            kind.range,
        ));
    }
    let mut test: Vec<BString> = vec![if line.node.json { "CMD" } else { "CMD-SHELL" }.into()];
    test.extend(args.iter().map(|word| word.text.clone()));
    Ok(Kind::Healthcheck(Box::new(Healthcheck {
        test,
        interval: interval(&flags, "interval")?,
        timeout: interval(&flags, "timeout")?,
        start_period: interval(&flags, "start-period")?,
        start_interval: interval(&flags, "start-interval")?,
        retries: retries(&flags)?,
    })))
}

/// Value of a duration flag; zero when absent. The reference refuses less than a millisecond, but not zero.
fn interval(flags: &Flags, name: &str) -> Result<Duration, Problem> {
    let Some(value) = flags.non_empty(name) else {
        return Ok(Duration::ZERO);
    };
    let duration = duration::parse(&value.text)
        .map_err(|message| Problem::new("bad-duration", message, value.range))?;
    if duration.negative || (!duration.size.is_zero() && duration.size < Duration::from_millis(1)) {
        let message = format!(
            "Interval {} cannot be less than 1ms",
            quote(name.as_bytes())
        );
        return Err(Problem::new("short-interval", message, value.range));
    }
    Ok(duration.size)
}

/// Value of `--retries`; zero when absent. **Source:** Go `strconv.ParseInt` with 32 bits.
fn retries(flags: &Flags) -> Result<u32, Problem> {
    let Some(value) = flags.non_empty("retries") else {
        return Ok(0);
    };
    let fail = |what: &str| {
        let message = format!("strconv.ParseInt: parsing {}: {what}", quote(&value.text));
        Err(Problem::new("bad-retries", message, value.range))
    };
    let digits = value
        .text
        .strip_prefix(b"-")
        .or_else(|| value.text.strip_prefix(b"+"))
        .unwrap_or(&value.text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return fail("invalid syntax");
    }
    let size = digits.iter().fold(0_i64, |n, d| {
        n.saturating_mul(10).saturating_add(i64::from(d - b'0'))
    });
    let number = if value.text.starts_with(b"-") {
        -size
    } else {
        size
    };
    match i32::try_from(number) {
        Err(_) => fail("value out of range"),
        Ok(n) if n < 0 => Err(Problem::new(
            "bad-retries",
            format!("--retries cannot be negative ({n})"),
            value.range,
        )),
        Ok(n) => Ok(n.unsigned_abs()),
    }
}
