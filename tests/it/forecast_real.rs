//! A forecast is never contradicted by the build that follows: the same promise as in `forecast.rs`, kept by the whole
//! program on real files and in real containers.

use crate::containers;
use crate::sandbox::Sandbox;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

/// One line of a generated stage.
#[derive(Clone, Debug)]
enum Line {
    Write(u8, u8),
    Append(u8),
    Stamp,
    ShowArgument,
    ReadContext(u8),
    Copy(u8, bool),
    CopyFolder(bool),
    CopyFrom(bool),
    Workdir(u8),
    Env(u8),
    Argument,
    Fail,
}

fn line() -> impl Strategy<Value = Line> {
    prop_oneof![
        3 => (0..3u8, 0..2u8).prop_map(|(p, v)| Line::Write(p, v)),
        2 => (0..3u8).prop_map(Line::Append),
        1 => Just(Line::Stamp),
        1 => Just(Line::ShowArgument),
        1 => (0..2u8).prop_map(Line::ReadContext),
        2 => (0..2u8, any::<bool>()).prop_map(|(f, l)| Line::Copy(f, l)),
        2 => any::<bool>().prop_map(Line::CopyFolder),
        3 => any::<bool>().prop_map(Line::CopyFrom),
        1 => (0..2u8).prop_map(Line::Workdir),
        1 => (0..2u8).prop_map(Line::Env),
        1 => Just(Line::Argument),
        1 => Just(Line::Fail),
    ]
}

type Stage = Vec<Line>;

/// The Dockerfile's text: a stage stands on the base; the last one copies from the first.
fn dockerfile(stages: &[Stage], fail: bool) -> String {
    let mut text = String::new();
    for (n, lines) in stages.iter().enumerate() {
        writeln!(text, "FROM host:base AS s{n}\nRUN echo 0 > /w0").unwrap();
        for line in lines {
            let link = |link: bool| if link { "--link " } else { "" };
            match line {
                Line::Write(path, value) => writeln!(text, "RUN echo {value} > /w{path}"),
                Line::Append(path) => writeln!(text, "RUN echo more >> /w{path}"),
                Line::Stamp => writeln!(text, "RUN cat /proc/sys/kernel/random/uuid > /w0"),
                Line::ShowArgument => writeln!(text, "RUN echo \"$A $E\" > /shown"),
                Line::ReadContext(file) => writeln!(
                    text,
                    "RUN --mount=type=bind,target=/context cat /context/c{file} > /read"
                ),
                Line::Copy(file, l) => writeln!(text, "COPY {}c{file} /to/", link(*l)),
                Line::CopyFolder(l) => writeln!(text, "COPY {}d /to/d/", link(*l)),
                Line::CopyFrom(l) if n > 0 => {
                    writeln!(text, "COPY --from=s{} {}/w* /from/", n - 1, link(*l))
                }
                Line::Workdir(folder) => writeln!(text, "WORKDIR /folder{folder}"),
                Line::Env(value) => writeln!(text, "ENV E={value}"),
                Line::Argument => writeln!(text, "ARG A"),
                Line::Fail if fail => writeln!(text, "RUN false"),
                // A copy in the first stage, a failure that was not asked for.
                Line::CopyFrom(_) | Line::Fail => Ok(()),
            }
            .unwrap();
        }
    }
    text
}

/// What happens before a build.
#[derive(Clone, Debug)]
enum Edit {
    Nothing,
    Context(u8, u8),
    Mode(bool),
    Replace(u8, u8, Line),
    Insert(u8, u8, Line),
    Remove(u8, u8),
}

#[derive(Clone, Debug)]
struct Build {
    edit: Edit,
    argument: Option<u8>,
    filter: bool,
    no_cache: bool,
    target: bool,
    fail: bool,
}

fn build() -> impl Strategy<Value = Build> {
    let edit = prop_oneof![
        Just(Edit::Nothing),
        (0..3u8, 0..3u8).prop_map(|(f, v)| Edit::Context(f, v)),
        any::<bool>().prop_map(Edit::Mode),
        (0..3u8, 0..6u8, line()).prop_map(|(s, l, new)| Edit::Replace(s, l, new)),
        (0..3u8, 0..6u8, line()).prop_map(|(s, l, new)| Edit::Insert(s, l, new)),
        (0..3u8, 0..6u8).prop_map(|(s, l)| Edit::Remove(s, l)),
    ];
    let rarely = prop::bool::weighted;
    (
        edit,
        prop::option::weighted(0.3, 0..2u8),
        rarely(0.2),
        rarely(0.05),
        rarely(0.15),
        rarely(0.15),
    )
        .prop_map(|(edit, argument, filter, no_cache, target, fail)| Build {
            edit,
            argument,
            filter,
            no_cache,
            target,
            fail,
        })
}

fn context_file(n: u8) -> String {
    if n < 2 {
        format!("context/c{n}")
    } else {
        "context/d/inner/x".to_owned()
    }
}

fn apply(edit: &Edit, stages: &mut [Stage], sandbox: &Sandbox) {
    let count = stages.len();
    match edit {
        Edit::Nothing => {}
        Edit::Context(file, value) => sandbox.write(&context_file(*file), &value.to_string()),
        Edit::Mode(open) => {
            let mode = if *open { 0o755 } else { 0o750 };
            let folder = sandbox.work().join("context/d/inner");
            std::fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
        }
        Edit::Replace(stage, at, new) => {
            let lines = &mut stages[usize::from(*stage) % count];
            let at = usize::from(*at) % lines.len().max(1);
            lines.splice(at..(at + 1).min(lines.len()), [new.clone()]);
        }
        Edit::Insert(stage, at, new) => {
            let lines = &mut stages[usize::from(*stage) % count];
            lines.insert(usize::from(*at) % (lines.len() + 1), new.clone());
        }
        Edit::Remove(stage, at) => {
            let lines = &mut stages[usize::from(*stage) % count];
            if !lines.is_empty() {
                lines.remove(usize::from(*at) % lines.len());
            }
        }
    }
}

/// The outcomes that the last build reports, by line and text; several where steps of different stages are alike.
fn outcomes(sandbox: &Sandbox) -> BTreeMap<(u64, String), Vec<String>> {
    let why: Value =
        serde_json::from_str(&sandbox.cooper(&["why", "--json", "context"]).ok()).unwrap();
    let mut outcomes: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for step in why["steps"].as_array().unwrap() {
        outcomes
            .entry(name(step))
            .or_default()
            .push(step["outcome"].as_str().unwrap().to_owned());
    }
    outcomes
}

fn name(step: &Value) -> (u64, String) {
    let text = step["text"].as_str().unwrap().to_owned();
    (step["line"].as_u64().unwrap(), text)
}

fn forecast_then_build(
    sandbox: &Sandbox,
    arguments: &[&str],
    text: &str,
) -> Result<(), TestCaseError> {
    let plan = [&["plan", "--json"], arguments].concat();
    let plan: Value = serde_json::from_str(&sandbox.cooper(&plan).ok()).unwrap();
    let ran = sandbox.cooper(&[&["build", "--progress=plain"], arguments].concat());
    let failed = ran.status != 0;
    prop_assert!(
        !failed || text.contains("RUN false"),
        "{}\n{}",
        text,
        ran.stderr
    );
    let outcomes = outcomes(sandbox);
    for step in plan["steps"].as_array().unwrap() {
        let state = step["cache"]["state"].as_str().unwrap();
        let happened = outcomes.get(&name(step));
        for outcome in happened.into_iter().flatten() {
            let agrees = match (state, outcome.as_str()) {
                (_, "not-reached") => failed,
                ("hit", outcome) => outcome == "cached",
                ("miss" | "never", outcome) => outcome != "cached",
                _ => true,
            };
            prop_assert!(
                agrees,
                "{:?} {:?}: forecast {}, then {}\n{}\n{}",
                arguments,
                name(step),
                state,
                outcome,
                text,
                ran.stderr
            );
        }
        prop_assert!(happened.is_some(), "{step} is not in the report\n{text}");
    }
    Ok(())
}

fn rounds() -> u32 {
    std::env::var("COOPERAGE_REAL_ROUNDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(12)
}

#[test]
fn a_real_build_never_contradicts_its_forecast() {
    let Some(sandbox) = containers::sandbox() else {
        return;
    };
    let stages = prop::collection::vec(prop::collection::vec(line(), 0..4), 2..4);
    let builds = prop::collection::vec(build(), 3..7);
    let mut runner = TestRunner::new(Config {
        cases: rounds(),
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::default()
    });
    runner
        .run(&(stages, builds), |(mut stages, builds)| {
            for n in 0..3 {
                sandbox.write(&context_file(n), "0");
            }
            for build in builds {
                apply(&build.edit, &mut stages, &sandbox);
                let text = dockerfile(&stages, build.fail);
                sandbox.write("context/Dockerfile", &text);
                sandbox.write("context/.dockerignore", "Dockerfile\n.dockerignore\n");
                let argument = build.argument.map(|value| format!("A={value}"));
                let mut arguments = Vec::new();
                if let Some(argument) = &argument {
                    arguments.extend(["--build-arg", argument]);
                }
                if build.filter {
                    arguments.extend(["--no-cache-filter", "s0"]);
                }
                if build.no_cache {
                    arguments.push("--no-cache");
                }
                if build.target {
                    arguments.extend(["--target", "s1"]);
                }
                arguments.push("context");
                forecast_then_build(&sandbox, &arguments, &text)?;
            }
            Ok(())
        })
        .unwrap();
}
