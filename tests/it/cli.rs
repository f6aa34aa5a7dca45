//! The command line: what goes to standard output, what to standard error, and the exit status.

use crate::sandbox::{Sandbox, repository};

#[test]
fn help_and_version_go_to_standard_output() {
    let sandbox = Sandbox::new();
    assert!(sandbox.cooper(&["--help"]).ok().contains("  build "));
    assert!(
        sandbox
            .cooper(&["build", "--help"])
            .ok()
            .contains("--build-context")
    );
    assert!(sandbox.cooper(&["--version"]).ok().starts_with("cooper "));
}

#[test]
fn wrong_usage_ends_with_2_and_tells_the_next_thing_to_type() {
    let sandbox = Sandbox::new();
    let ran = sandbox.cooper(&["biuld", "-t", "blog", "."]);
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
    assert!(
        ran.stderr
            .contains("did you mean `cooper build -t blog .`?"),
        "{}",
        ran.stderr
    );
    let ran = sandbox.cooper(&["build", "--tagg", "x", "."]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("--tag"), "{}", ran.stderr);
    assert_eq!(sandbox.cooper(&["run"]).status, 125);
    assert_eq!(sandbox.cooper(&["build", "no/such/folder"]).status, 1);
}

#[test]
fn errors_are_one_json_object_when_asked_for() {
    let sandbox = Sandbox::new();
    let ran = sandbox.cooper(&["--json", "inspect", "nothing:here"]);
    let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(
        (ran.status, error["error"]["kind"].as_str()),
        (1, Some("NotFound"))
    );
}

#[test]
fn an_empty_store_lists_nothing() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.cooper(&["images", "--json"]).ok().trim(), "[]");
    assert_eq!(sandbox.cooper(&["images", "-q"]).ok(), "");
}

#[test]
fn scripts_come_from_files_lines_and_standard_input() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "a.rhai",
        "#!/usr/bin/env -S cooper script\nprint(args()[0] + \"!\"); exit(4);",
    );
    let ran = sandbox.cooper(&["script", "a.rhai", "hello"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (4, "hello!\n"));
    assert_eq!(sandbox.cooper(&["-c", "1 + 1"]).ok(), "2\n");
    assert_eq!(sandbox.cooper_with_input(&[], "print(6 * 7);").ok(), "42\n");
    sandbox.write("b.rhai", "let x = 1;\nprint(y);");
    let ran = sandbox.cooper(&["script", "b.rhai"]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("b.rhai:2"), "{}", ran.stderr);
}

#[test]
fn a_forecast_is_what_the_build_then_does() {
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", "FROM scratch\nCOPY a /a\nCOPY b /b\n");
    sandbox.write("a", "1\n");
    sandbox.write("b", "1\n");
    let plan = |sandbox: &Sandbox| -> serde_json::Value {
        serde_json::from_str(&sandbox.cooper(&["plan", "--json", "."]).ok()).unwrap()
    };
    assert_eq!(plan(&sandbox)["cached"], 0);
    let id = sandbox.cooper(&["build", "-q", "."]).ok();
    assert!(id.starts_with("sha256:") && id.lines().count() == 1, "{id}");
    let again = plan(&sandbox);
    assert_eq!(again["cached"], again["total"]);
    assert_eq!(sandbox.cooper(&["plan", "--fail-on-miss", "."]).status, 0);
    sandbox.write("b", "2\n");
    assert_eq!(sandbox.cooper(&["plan", "--fail-on-miss", "."]).status, 3);
    let ran = sandbox.cooper(&["build", "--progress=plain", "."]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let numbers: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| line.ends_with(" CACHED"))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let of = |text: &str| {
        let line = ran
            .stderr
            .lines()
            .find(|line| line.ends_with(text))
            .unwrap_or_else(|| panic!("{}", ran.stderr));
        line.split(' ').next().unwrap()
    };
    assert!(
        numbers.contains(&of("COPY a /a")) && !numbers.contains(&of("COPY b /b")),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_build_is_given_what_the_settings_say_unless_the_line_says_otherwise() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "app/Dockerfile",
        "ARG NAME=x\nFROM scratch AS one\nFROM scratch AS two\nARG NAME\nCOPY $NAME /\nFROM scratch AS three\n",
    );
    sandbox.write(
        "cooperage.toml",
        "[build]\ntarget = \"two\"\nargs = { NAME = \"file\" }\nplatfrom = 1\n",
    );
    let plan = |arguments: &[&str]| {
        let ran = sandbox.cooper(&[&["plan"], arguments, &["app"]].concat());
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        ran
    };
    sandbox.write("app/file", "");
    let ran = plan(&[]);
    assert!(ran.stdout.contains("COPY file /"), "{}", ran.stdout);
    assert!(
        ran.stderr
            .contains("unknown key `platfrom`, did you mean `platform`?"),
        "{}",
        ran.stderr
    );
    sandbox.write("app/other", "");
    let ran = plan(&["--build-arg", "NAME=other"]);
    assert!(ran.stdout.contains("COPY other /"), "{}", ran.stdout);
    let json = |ran: crate::sandbox::Ran| -> serde_json::Value {
        serde_json::from_str(&ran.stdout).unwrap()
    };
    assert_eq!(json(plan(&["--json", "--target", "one"]))["target"], "one");
    assert_eq!(json(plan(&["--json", "--no-config"]))["target"], "three");
}

#[test]
fn a_mistake_in_the_dockerfile_is_shown_with_its_line() {
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", "FROM scratch\nCOPPY a /a\n");
    let ran = sandbox.cooper(&["build", "."]);
    assert_eq!(ran.status, 1);
    for part in ["Dockerfile:2", "COPPY a /a", "unknown instruction"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    assert_eq!(ran.stdout, "");
}

#[test]
fn the_tour_runs_offline() {
    let sandbox = Sandbox::new();
    let script = repository().join("examples/tour.rhai");
    let example = repository().join("examples/blog");
    let ran = sandbox.cooper(&[
        "script",
        script.to_str().unwrap(),
        example.to_str().unwrap(),
    ]);
    assert_eq!(ran.status, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("12 of 12 cached"), "{}", ran.stdout);
    assert!(ran.stdout.contains("articles/oak.txt"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("<h1>The Cooper's Blog</h1>"),
        "{}",
        ran.stdout
    );
}
