//! Text and world to plan, as one line a step: id, inputs, name.

use crate::diagnostic::Severity;
use crate::model::platform::Platform;
use crate::model::reference::Reference;
use crate::plan::config::ImageConfig;
use crate::plan::lower::plan;
use crate::plan::{CopySource, MountKind, NamedContext, Op, Plan, PlanOptions};
use crate::world::{Known, World};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::sync::Arc;

/// Images by name: `onbuild` has triggers, `shell` has an own shell, `missing` is known not to exist, `remote` is
/// not known, all others are empty.
struct Images;

impl World for Images {
    fn image(&self, reference: &Reference, _: &Platform) -> Known<Arc<ImageConfig>> {
        let mut config = ImageConfig::default();
        match reference.path.rsplit('/').next() {
            Some("onbuild") => {
                let triggers = [
                    "COPY . /app",
                    "RUN --mount=from=tools,target=/t make $X",
                    "ENV A=1",
                ];
                config.config.on_build = triggers.map(str::to_owned).to_vec();
            }
            Some("shell") => config.config.shell = vec!["bash".to_owned(), "-c".to_owned()],
            Some("missing") => return Known::No("not found".to_owned()),
            Some("remote") => return Known::Unknown,
            _ => {}
        }
        Known::Yes(Arc::new(config))
    }

    fn layout_image(&self, _: &str, _: &Platform) -> Known<Arc<ImageConfig>> {
        Known::Unknown
    }
}

fn options() -> PlanOptions {
    let linux = Platform {
        os: "linux".into(),
        architecture: "amd64".into(),
        ..Platform::default()
    };
    PlanOptions {
        target_platform: Some(linux.clone()),
        build_platform: linux,
        ..PlanOptions::default()
    }
}

fn planned(source: &str, options: &PlanOptions) -> Plan {
    plan(
        &crate::instructions::parse(source.as_bytes()),
        options,
        &Images,
    )
}

fn show(plan: &Plan) -> String {
    let mut out = String::new();
    for step in &plan.steps {
        let reads: Vec<_> = step
            .root
            .iter()
            .chain(&step.inputs)
            .map(|id| id.0.to_string())
            .collect();
        let arrow = if reads.is_empty() {
            String::new()
        } else {
            format!(" <- {}", reads.join(" "))
        };
        writeln!(out, "{}{arrow}: {}", step.id.0, step.name()).unwrap();
    }
    for found in &plan.diagnostics {
        let lines: Vec<_> = found.lines.iter().map(|l| l.start.to_string()).collect();
        writeln!(
            out,
            "{} at {}: {}",
            found.code,
            lines.join(" "),
            found.message
        )
        .unwrap();
    }
    out
}

#[expect(clippy::needless_pass_by_value, reason = "as expect-test is used")]
fn check(source: &str, options: &PlanOptions, expect: Expect) {
    expect.assert_eq(&show(&planned(source, options)));
}

#[test]
fn only_what_the_target_needs_is_planned() {
    let source = "\
FROM alpine AS a
RUN one
FROM alpine AS b
RUN two
FROM scratch
COPY --from=a /x /x
";
    check(
        source,
        &options(),
        expect![[r"
            0: [a 1/2] FROM docker.io/library/alpine:latest
            1 <- 0: [a 2/2] RUN one
            2: FROM scratch
            3 <- 2 1: [stage-2 1/1] COPY --from=a /x /x
        "]],
    );
    let target = PlanOptions {
        target: Some("B".to_owned()),
        ..options()
    };
    check(
        source,
        &target,
        expect![[r"
            0: [b 1/2] FROM docker.io/library/alpine:latest
            1 <- 0: [b 2/2] RUN two
        "]],
    );
}

#[test]
fn equal_sources_are_one_step() {
    let source = "FROM alpine AS a\nCOPY a /\nFROM alpine\nCOPY --from=a a /\nCOPY b /\nCOPY --from=alpine c /\n";
    check(
        source,
        &options(),
        expect![[r"
            0: [a 1/2] FROM docker.io/library/alpine:latest
            1: [internal] load build context
            2 <- 0 1: [a 2/2] COPY a /
            3 <- 0 2: [stage-1 2/4] COPY --from=a a /
            4 <- 3 1: [stage-1 3/4] COPY b /
            5 <- 4 0: [stage-1 4/4] COPY --from=alpine c /
        "]],
    );
}

#[test]
fn triggers_of_an_image_run_first_and_may_need_stages() {
    check(
        "FROM alpine AS tools\nRUN install\nFROM onbuild\nRUN own\n",
        &options(),
        expect![[r"
            0: [tools 1/2] FROM docker.io/library/alpine:latest
            1 <- 0: [tools 2/2] RUN install
            2: [stage-1 1/2] FROM docker.io/library/onbuild:latest
            3: [internal] load build context
            4 <- 2 3: [stage-1 2/5] ONBUILD COPY . /app
            5 <- 4 1: [stage-1 3/5] ONBUILD RUN --mount=from=tools,target=/t make $X
            6 <- 5: [stage-1 4/5] RUN own
        "]],
    );
}

#[test]
fn triggers_of_a_stage_run_in_its_child_only() {
    let source = "FROM alpine AS base\nONBUILD RUN early\nRUN base\nFROM base AS child\nRUN child\nFROM child\nRUN last\n";
    check(
        source,
        &options(),
        expect![[r"
            0: [base 1/2] FROM docker.io/library/alpine:latest
            1 <- 0: [base 2/2] RUN base
            2 <- 1: [child 1/2] ONBUILD RUN early
            3 <- 2: [child 2/2] RUN child
            4 <- 3: [stage-2 1/1] RUN last
        "]],
    );
}

#[test]
fn planning_goes_on_behind_errors() {
    let source = "\
FROM ${BASE} AS a
COPY --from=later x /
ENV A=${a:x}
RUN --mount=type=odd true
EXPOSE none
STOPSIGNAL SIGNOPE
FROM missing AS later
COPY --from=9 x /
RUN ok
FROM a
RUN still there
";
    let plan = planned(
        source,
        &PlanOptions {
            all_stages: true,
            ..options()
        },
    );
    let messages: Vec<_> = plan
        .diagnostics
        .iter()
        .filter(|d| d.severity == Severity::Error)
        .map(|d| d.message.as_str())
        .collect();
    assert_eq!(
        messages,
        [
            "base name (${BASE}) should not be blank",
            "cannot copy from stage \"later\", it needs to be defined before current stage \"a\"",
            "failed to process \"${a:x}\": unsupported modifier (:x) in substitution",
            "unsupported mount type \"odd\"",
            "invalid containerPort: none",
            "invalid signal: SIGNOPE",
            "missing: not found",
            "invalid stage index 9",
        ]
    );
    assert_eq!(plan.official_error.unwrap().message, messages[0]);
    assert!(
        plan.steps
            .iter()
            .any(|s| s.name() == "[stage-2 1/1] RUN still there")
    );
}

#[test]
fn images_that_are_not_known_are_assumed() {
    let plan = planned("FROM remote\nRUN x\n", &options());
    assert_eq!(plan.assumed.len(), 1);
    assert_eq!(
        plan.step(plan.assumed[0]).name(),
        "[1/2] FROM docker.io/library/remote:latest"
    );
    assert!(plan.config.config.env[0].starts_with("PATH="));
}

#[test]
fn contexts_take_the_place_of_images_and_stages() {
    let contexts = [
        ("alpine", NamedContext::Local("/src".into())),
        (
            "tools",
            NamedContext::Image(Reference::parse_normalized("debian:12").unwrap()),
        ),
    ];
    let contexts = contexts
        .map(|(name, context)| (name.to_owned(), context))
        .into();
    check(
        "FROM golang AS tools\nRUN never\nFROM alpine:latest\nCOPY --from=tools /t /t\n",
        &PlanOptions {
            contexts,
            ..options()
        },
        expect![[r"
            0: [context alpine] load from client
            1: [context tools] docker.io/library/debian:12
            2 <- 0 1: [stage-1 1/2] COPY --from=tools /t /t
        "]],
    );
}

#[test]
fn a_reference_to_no_name_is_no_mistake_of_ours() {
    check(
        "FROM scratch\nWORKDIR /a${/b/c}\n",
        &options(),
        expect![[r"
            0: FROM scratch
            1 <- 0: [1/1] WORKDIR /a
            UndefinedVar at 2: Usage of undefined variable '$'
        "]],
    );
}

#[test]
fn a_context_may_be_another_stage() {
    let stage = |name: &str, stage: &str| {
        let context = NamedContext::Stage(stage.to_owned());
        PlanOptions {
            contexts: [(name.to_owned(), context)].into(),
            ..options()
        }
    };
    let file = "FROM alpine AS s\nENV V=1\nWORKDIR /w\nFROM base AS end\nCOPY --from=tools /$V b\n";
    check(
        file,
        &stage("base", "s"),
        expect![[r"
            0: [s 1/2] FROM docker.io/library/alpine:latest
            1 <- 0: [s 2/2] WORKDIR /w
            2: FROM docker.io/library/tools:latest
            3 <- 1 2: [end 1/1] COPY --from=tools /1 b
        "]],
    );
    check(
        file,
        &stage("tools", "s"),
        expect![[r"
            0: [s 1/2] FROM docker.io/library/alpine:latest
            1 <- 0: [s 2/2] WORKDIR /w
            2: [end 1/2] FROM docker.io/library/base:latest
            3 <- 2 1: [end 2/2] COPY --from=tools / b
            UndefinedVar at 5: Usage of undefined variable '$V'
        "]],
    );
    check(
        "FROM alpine AS s\nRUN a\nFROM alpine AS other\nRUN never\nFROM other\nRUN b\n",
        &stage("other", "s"),
        expect![[r"
            0: [s 1/2] FROM docker.io/library/alpine:latest
            1 <- 0: [s 2/2] RUN a
            2 <- 1: [stage-2 1/1] RUN b
        "]],
    );
    let plan = planned(
        "FROM base AS a\nFROM alpine AS s\nFROM a\n",
        &stage("base", "s"),
    );
    let error = plan.official_error.unwrap().message;
    assert_eq!(
        error,
        "context base names stage s, which is not defined before it"
    );
}

#[test]
fn the_later_of_env_and_arg_wins_at_run_but_the_image_has_env() {
    let plan = planned("FROM alpine\nENV V=env\nARG V=arg\nRUN x\n", &options());
    let Op::Exec(exec) = &plan.steps[1].op else {
        panic!("RUN is a command")
    };
    assert_eq!(
        exec.env.last().unwrap(),
        &("V".to_owned(), "arg".to_owned())
    );
    assert_eq!(plan.config.config.env[1], "V=env");
    assert_eq!(
        plan.config.history.last().unwrap().created_by,
        "RUN |1 V=arg /bin/sh -c x # buildkit"
    );
    let variable = plan.steps[1].variables.last().unwrap();
    assert_eq!((variable.keyword, variable.name.as_str()), ("ARG", "V"));
}

#[test]
fn proxies_are_seen_but_not_part_of_the_definition() {
    let plain = planned("FROM alpine\nRUN x\n", &options());
    let build_args = [("http_proxy".to_owned(), "http://p".to_owned())].into();
    let proxied = planned(
        "FROM alpine\nRUN x\n",
        &PlanOptions {
            build_args,
            ..options()
        },
    );
    let Op::Exec(exec) = &proxied.steps[1].op else {
        panic!("RUN is a command")
    };
    assert_eq!(exec.proxy_env.len(), 2);
    assert_eq!(plain.steps[1].definition(), proxied.steps[1].definition());
    assert_eq!(plain.config.history, proxied.config.history);
}

#[test]
fn heredocs_become_text_scripts_and_files() {
    let source = "FROM shell\nRUN <<EOF\na\nEOF\nRUN <<-X\n\t#!/bin/x\n\tb\nX\nARG V=1\nCOPY <<F <<'G' /d/\n$V\nF\n$V\nG\n";
    let plan = planned(source, &options());
    let argv = |step: usize| match &plan.steps[step].op {
        Op::Exec(exec) => exec
            .argv
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    assert_eq!(argv(1), ["bash", "-c", "a\n"]);
    assert_eq!(argv(2), ["bash", "-c", "/dev/pipes/X"]);
    let Op::Exec(script) = &plan.steps[2].op else {
        panic!("RUN is a command")
    };
    assert_eq!(script.scripts, [("X".to_owned(), "#!/bin/x\nb\n".into())]);
    let Op::Copy(copy) = &plan.steps[3].op else {
        panic!("COPY is a copy")
    };
    let file = |name: &str, content: &str| CopySource::Inline {
        name: name.into(),
        content: content.into(),
    };
    assert_eq!(copy.sources, [file("F", "1\n"), file("G", "$V\n")]);
}

#[test]
fn mounts_are_resolved() {
    let source = "FROM alpine\nWORKDIR /w\nARG ID=go\nRUN --mount=type=cache,target=c,id=$ID --mount=type=ssh --mount=target=. x\n";
    let plan = planned(source, &options());
    let Op::Exec(exec) = &plan.steps.last().unwrap().op else {
        panic!("RUN is a command")
    };
    let targets: Vec<_> = exec.mounts.iter().map(|m| m.target.as_str()).collect();
    assert_eq!(targets, ["/w/c", "/run/buildkit/ssh_agent.0", "/w"]);
    assert!(matches!(&exec.mounts[0].kind, MountKind::Cache { id, .. } if id == "go"));
    assert_eq!(exec.env.last().unwrap().0, "SSH_AUTH_SOCK");
}

#[test]
fn unknown_targets_are_named() {
    let target = PlanOptions {
        target: Some("buidl".to_owned()),
        ..options()
    };
    let plan = planned("FROM alpine AS build\n", &target);
    let error = plan.official_error.unwrap();
    assert_eq!(
        error.message,
        "target stage \"buidl\" could not be found (did you mean build?)"
    );
}

#[test]
fn findings_fail_the_build_when_asked_to() {
    let plan = planned(
        "# check=error=true\nFROM alpine as a\nMAINTAINER me\n",
        &options(),
    );
    let error = plan.official_error.unwrap();
    assert_eq!(
        error.message,
        "lint violation found for rules: FromAsCasing, MaintainerDeprecated"
    );
    assert_eq!(plan.reported.len(), 2);
}

/// Lines that fit together well enough to reach every part of planning.
fn line() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "ARG V=1",
        "ARG V",
        "FROM alpine AS a",
        "FROM a AS b",
        "FROM scratch",
        "FROM $V",
        "FROM --platform=$V onbuild AS c",
        "FROM remote",
        "ENV A=$V B=${A:-x} C='",
        "LABEL a b",
        "RUN echo $A",
        "RUN []",
        "RUN --mount=from=a,target=/x --mount=type=cache,target=/c,from=b ls",
        "RUN --mount=type=secret ls",
        "COPY --from=a x y /z/",
        "COPY --from=b --link . .",
        "COPY --from=1 --parents a/./b /",
        "COPY --from=c --chmod=9 x /",
        "ADD https://h/f git@h:r.git /",
        "ADD --checksum=x a b /",
        "WORKDIR ../w",
        "USER $V",
        "EXPOSE 80/TcP $V 1:2",
        "VOLUME $X",
        "CMD x",
        "ENTRYPOINT [\"y\"]",
        "ONBUILD COPY --from=a x /",
        "ONBUILD ODD",
        "HEALTHCHECK NONE",
        "SHELL [\"s\"]",
        "STOPSIGNAL $V",
        "COPY <<E /x\n$V\nE",
        "# check=skip=all",
        "NONSENSE",
    ])
}

proptest! {
    /// Whatever the text, steps are numbered, inputs come before their users, and every range lies in the source.
    #[test]
    fn plans_are_well_formed(lines in prop::collection::vec(line(), 0..14), all_stages: bool) {
        let source = lines.join("\n");
        let plan = planned(&source, &PlanOptions { all_stages, ..options() });
        for (index, step) in plan.steps.iter().enumerate() {
            prop_assert_eq!(step.id.0 as usize, index);
            prop_assert!(step.root.iter().chain(&step.inputs).all(|input| input.0 < step.id.0));
            prop_assert!(step.range.end as usize <= source.len());
        }
        prop_assert!(plan.result.is_none_or(|r| (r.0 as usize) < plan.steps.len()));
        prop_assert!(plan.diagnostics.iter().all(|d| d.range.end as usize <= source.len()));
        let errors = plan.diagnostics.iter().any(|d| d.severity == Severity::Error);
        prop_assert_eq!(errors, plan.official_error.is_some());
    }
}
