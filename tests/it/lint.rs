//! `cooper lint`: formats, exit statuses, settings, fixes, and many files at once.

use crate::lsp_client::Client;
use crate::sandbox::{Ran, Sandbox, repository};
use serde_json::Value as Json;

const GOOD: &str = "FROM scratch AS base\nCOPY a /a\n";
const BAD: &str = "FROM scratch AS Base\nMAINTAINER me@example.com\nCOPY a /a\n";
const BROKEN: &str = "FROM scratch\nCOPPY a /a\n";

fn lint(sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    let arguments: Vec<&str> = ["lint"].iter().chain(arguments).copied().collect();
    sandbox.cooper(&arguments)
}

fn json(ran: &Ran) -> Vec<Json> {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}{}", ran.stdout, ran.stderr))
}

fn codes(found: &[Json]) -> Vec<(&str, &str, u64)> {
    found
        .iter()
        .map(|f| {
            (
                f["file"].as_str().unwrap(),
                f["code"].as_str().unwrap(),
                f["line"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[test]
fn findings_are_shown_with_their_lines_and_end_with_3() {
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", BAD);
    let ran = lint(&sandbox, &[]);
    assert_eq!((ran.status, ran.stderr.as_str()), (3, ""));
    for part in [
        "warning[StageNameCasing]: Stage name 'Base' should be lowercase\n  --> Dockerfile:1:17\n",
        "1 | FROM scratch AS Base\n    |                 ^^^^\n",
        "help: make the stage name lowercase (`--fix` does it)",
        "warning[MaintainerDeprecated, DL4000]",
        "2 findings (2 warnings) in 1 of 1 file; `--fix` mends 2\n",
    ] {
        assert!(ran.stdout.contains(part), "{part}\n{}", ran.stdout);
    }
    sandbox.write("Dockerfile", GOOD);
    let ran = lint(&sandbox, &[]);
    assert_eq!(
        (ran.status, ran.stdout.as_str()),
        (0, "1 file, no findings\n")
    );
    assert!(!sandbox.store().exists(), "no store is opened");
}

#[test]
fn the_threshold_decides_the_exit_status() {
    let sandbox = Sandbox::new();
    sandbox.write("warns/Dockerfile", BAD);
    sandbox.write("fails/Dockerfile", BROKEN);
    for (path, threshold, status) in [
        ("warns", "warning", 3),
        ("warns", "info", 3),
        ("warns", "error", 0),
        ("fails", "error", 3),
        ("fails", "never", 0),
        ("nothing", "never", 1),
    ] {
        let ran = lint(&sandbox, &["--fail-on", threshold, path]);
        assert_eq!(ran.status, status, "{path} {threshold}: {}", ran.stdout);
    }
    assert_eq!(lint(&sandbox, &["--fail-on", "bad"]).status, 2);
}

#[test]
fn rules_are_switched_by_name_and_by_alias() {
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", BAD);
    let found = |arguments: &[&str]| {
        let ran = lint(&sandbox, &[&["--format=json"], arguments].concat());
        let list = json(&ran);
        list.iter()
            .map(|f| {
                format!(
                    "{} {}",
                    f["code"].as_str().unwrap(),
                    f["severity"].as_str().unwrap()
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        found(&[]),
        ["StageNameCasing warning", "MaintainerDeprecated warning"]
    );
    assert_eq!(found(&["--ignore", "DL4000"]), ["StageNameCasing warning"]);
    assert_eq!(
        found(&["--only", "StageNameCasing"]),
        ["StageNameCasing warning"]
    );
    assert_eq!(
        found(&["--rule", "StageNameCasing=off,dl4000=info"]),
        ["MaintainerDeprecated info"]
    );
    let ran = lint(&sandbox, &["--ignore", "StageNameCasin"]);
    assert_eq!(ran.status, 2);
    assert!(
        ran.stderr.contains("did you mean `StageNameCasing`?"),
        "{}",
        ran.stderr
    );
}

#[test]
fn rules_are_listed_and_explained() {
    let sandbox = Sandbox::new();
    let ran = lint(&sandbox, &["--list-rules", "--json"]);
    let rules = json(&ran);
    let names: Vec<&str> = rules
        .iter()
        .map(|rule| rule["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"StageNameCasing") && names.len() >= 22,
        "{names:?}"
    );
    let table = lint(&sandbox, &["--list-rules", "--ignore", "StageNameCasing"]).ok();
    let row = table
        .lines()
        .find(|line| line.starts_with("StageNameCasing"))
        .unwrap();
    assert!(row.contains(" off "), "{row}");
    let page = lint(&sandbox, &["--explain", "DL4000"]).ok();
    assert!(page.starts_with("# MaintainerDeprecated\n"), "{page}");
    assert!(
        page.contains("## Bad") && page.contains("Also called DL4000"),
        "{page}"
    );
    let ran = lint(&sandbox, &["--explain", "DL400"]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("DL4000"), "{}", ran.stderr);
}

#[test]
fn folders_are_searched_as_git_would() {
    let sandbox = Sandbox::new();
    for path in [
        "Dockerfile",
        "api/Containerfile",
        "web/Dockerfile.dev",
        "web/prod.Dockerfile",
        ".devcontainer/Dockerfile",
        "ignored/Dockerfile",
        "vendor/x/Dockerfile",
        ".git/Dockerfile",
        "web/Dockerfile.dockerignore",
        "web/readme.txt",
    ] {
        sandbox.write(path, BAD);
    }
    sandbox.write(".gitignore", "ignored/\n");
    sandbox.write("cooperage.toml", "exclude = [\"vendor/**\"]\n");
    std::os::unix::fs::symlink("loop", sandbox.work().join("loop")).unwrap();
    std::os::unix::fs::symlink("..", sandbox.work().join("web/up")).unwrap();
    let ran = lint(&sandbox, &["-q"]);
    let files = [
        ".devcontainer/Dockerfile",
        "Dockerfile",
        "api/Containerfile",
        "web/Dockerfile.dev",
        "web/prod.Dockerfile",
    ];
    assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), files);
    // A file that is named is looked at whatever it is called and whatever git ignores, unless the settings exclude it.
    let ran = lint(
        &sandbox,
        &[
            "-q",
            "ignored/Dockerfile",
            "web/readme.txt",
            "vendor/x/Dockerfile",
            "web",
            "./web/prod.Dockerfile",
        ],
    );
    let files = [
        "ignored/Dockerfile",
        "web/Dockerfile.dev",
        "web/prod.Dockerfile",
        "web/readme.txt",
    ];
    assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), files);
}

#[test]
fn standard_input_stands_for_a_file() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "app/cooperage.toml",
        "[lint]\nignore = [\"StageNameCasing\"]\n",
    );
    let ran = sandbox.cooper_with_input(&["lint", "--format=gnu", "-"], BAD);
    assert_eq!(ran.status, 3);
    assert!(
        ran.stdout.starts_with("<stdin>:1:17: warning: "),
        "{}",
        ran.stdout
    );
    let arguments = [
        "lint",
        "--format=gnu",
        "--stdin-filename",
        "app/Dockerfile",
        "-",
    ];
    let ran = sandbox.cooper_with_input(&arguments, BAD);
    assert!(
        ran.stdout.starts_with("app/Dockerfile:2:1: warning: "),
        "{}",
        ran.stdout
    );
    let ran = sandbox.cooper_with_input(&["lint", "--fix", "-"], BAD);
    assert_eq!(
        ran.stdout,
        "FROM scratch AS base\nLABEL org.opencontainers.image.authors=\"me@example.com\"\nCOPY a /a\n"
    );
    assert!(
        ran.stderr.contains("fixed <stdin>:1 StageNameCasing"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.status, 0);
    assert_eq!(sandbox.cooper_with_input(&["lint", "-", "x"], "").status, 2);
}

#[test]
fn fixes_are_made_until_there_is_none_and_modes_stay() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", BAD);
    let path = sandbox.work().join("Dockerfile");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("Dockerfile", sandbox.work().join("Dockerfile.link")).unwrap();
    let ran = lint(&sandbox, &["--fix", "--dry-run", "Dockerfile"]);
    assert_eq!(ran.status, 3);
    assert!(
        ran.stdout
            .contains("would fix Dockerfile:1 StageNameCasing"),
        "{}",
        ran.stdout
    );
    let ran = lint(&sandbox, &["--diff", "Dockerfile"]);
    assert_eq!(ran.status, 3);
    assert!(
        ran.stdout
            .starts_with("--- Dockerfile\n+++ Dockerfile\n@@ ")
            && ran.stdout.contains("\n-FROM scratch AS Base\n")
            && ran.stdout.contains("\n+FROM scratch AS base\n"),
        "{}",
        ran.stdout
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), BAD);
    let ran = lint(&sandbox, &["--fix", "Dockerfile.link"]);
    assert_eq!(ran.status, 0, "{}", ran.stdout);
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .starts_with("FROM scratch AS base\nLABEL "),
    );
    let meta = std::fs::metadata(&path).unwrap();
    assert_eq!(meta.permissions().mode() & 0o777, 0o640);
    assert!(sandbox.work().join("Dockerfile.link").is_symlink());
    let names: Vec<_> = std::fs::read_dir(sandbox.work()).unwrap().collect();
    assert_eq!(names.len(), 2, "nothing is left beside the file");
}

#[test]
fn a_file_and_links_to_it_are_one_file() {
    let sandbox = Sandbox::new();
    sandbox.write("a/Dockerfile", BAD);
    sandbox.write("b/Dockerfile", "FROM scratch\nCOPY a /a\n");
    let work = sandbox.work();
    for name in [
        "Dockerfile",
        "a/Containerfile",
        "a/Dockerfile.prod",
        "z.Dockerfile",
    ] {
        std::os::unix::fs::symlink(work.join("a/Dockerfile"), work.join(name)).unwrap();
    }
    let ran = lint(&sandbox, &["--format=gnu"]);
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    assert!(
        ran.stdout
            .lines()
            .all(|line| line.starts_with("a/Dockerfile:")),
        "{}",
        ran.stdout
    );
    // The link is what was named, and the file is not there under another name.
    let ran = lint(&sandbox, &["--format=gnu", "Dockerfile", "b"]);
    assert!(ran.stdout.starts_with("Dockerfile:1:"), "{}", ran.stdout);
    let ran = lint(&sandbox, &["--fix", ".", "Dockerfile", "a"]);
    assert_eq!(
        (ran.status, ran.stderr.contains("error")),
        (0, false),
        "{}",
        ran.stderr
    );
    let text = std::fs::read_to_string(work.join("z.Dockerfile")).unwrap();
    assert!(text.starts_with("FROM scratch AS base\nLABEL "), "{text}");
    assert_eq!(std::fs::read_dir(work.join("a")).unwrap().count(), 3);
}

#[test]
fn mistakes_in_settings_are_findings_of_the_settings_file() {
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", BAD);
    sandbox.write(
        "cooperage.toml",
        "[lint]\nfail-onn = \"never\"\nignore = [\"StageNameCasing\", \"DL40000\"]\n",
    );
    sandbox.write(".hadolint.yaml", "ignored:\n  - DL4000\noverrides: {}\n");
    let ran = lint(&sandbox, &["--format=gnu"]);
    assert_eq!(
        ran.stdout,
        ".hadolint.yaml:3:1: error: unknown key `overrides`, did you mean `override`? [settings]\n\
         cooperage.toml:2:1: error: unknown key `fail-onn`, did you mean `fail-on`? [settings]\n\
         cooperage.toml:3:30: error: unknown rule `DL40000`, did you mean `DL4000`? [settings]\n"
    );
    assert_eq!(ran.status, 3);
    let ran = lint(&sandbox, &["--no-config"]);
    assert!(ran.stdout.contains("2 findings"), "{}", ran.stdout);
    sandbox.write("other.toml", "[lint]\nfail-on = \"never\"\n");
    assert_eq!(lint(&sandbox, &["--config", "other.toml"]).status, 0);
    assert_eq!(lint(&sandbox, &["--config", "nothing.toml"]).status, 1);
}

#[test]
fn json_has_places_and_fixes() {
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", BAD);
    for arguments in [&["--json"], &["--format=json"]] {
        let ran = lint(&sandbox, arguments);
        assert_eq!(ran.status, 3);
        let found = json(&ran);
        assert_eq!(
            codes(&found),
            [
                ("Dockerfile", "StageNameCasing", 1),
                ("Dockerfile", "MaintainerDeprecated", 2)
            ]
        );
        let place = |key: &str| found[0][key].as_u64().unwrap();
        assert_eq!(["column", "end_line", "end_column"].map(place), [17, 1, 21]);
        assert_eq!(found[0]["fix"]["edits"][0]["text"], "base");
    }
}

#[test]
fn sarif_has_what_code_scanning_reads() {
    let sandbox = Sandbox::new();
    sandbox.write("a b/Dockerfile", BAD);
    sandbox.write("Dockerfile", BROKEN);
    let ran = lint(&sandbox, &["--format=sarif", ".", "nothing"]);
    assert_eq!(ran.status, 1);
    let log: Json = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "cooper");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    for result in results {
        let index = result["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    let casing = results
        .iter()
        .find(|r| r["ruleId"] == "StageNameCasing")
        .unwrap();
    let place = &casing["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b/Dockerfile");
    assert_eq!(place["region"]["startColumn"], 17);
    let change = &casing["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!(change["insertedContent"]["text"], "base");
    assert_eq!(change["deletedRegion"]["byteOffset"], 16);
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
}

#[test]
fn reports_for_ci_are_well_formed() {
    let sandbox = Sandbox::new();
    sandbox.write("a&b/Dockerfile", BAD);
    sandbox.write("Dockerfile", GOOD);
    let text = |format: &str| {
        let ran = lint(&sandbox, &["--format", format]);
        assert_eq!(ran.status, 3);
        ran.stdout
    };
    let checkstyle = text("checkstyle");
    assert!(
        checkstyle.contains("<file name=\"a&amp;b/Dockerfile\">\n    <error line=\"1\" column=\"17\" severity=\"warning\""),
        "{checkstyle}"
    );
    let junit = text("junit");
    assert!(
        junit.contains("tests=\"3\" failures=\"2\" errors=\"0\""),
        "{junit}"
    );
    let github = text("github");
    assert!(
        github.starts_with(
            "::warning file=a&b/Dockerfile,line=1,endLine=1,col=17,endColumn=21,title=StageNameCasing::Stage name"
        ),
        "{github}"
    );
    let gitlab: Vec<Json> = serde_json::from_str(&text("gitlab")).unwrap();
    assert_eq!(gitlab.len(), 2);
    for issue in &gitlab {
        for key in [
            "description",
            "check_name",
            "fingerprint",
            "severity",
            "location",
        ] {
            assert!(!issue[key].is_null(), "{key}: {issue}");
        }
    }
    // Lines that come before a finding do not make it another one.
    sandbox.write("a&b/Dockerfile", &format!("# syntax=x\n\n{BAD}"));
    let moved: Vec<Json> = serde_json::from_str(&text("codeclimate")).unwrap();
    assert_eq!(moved[0]["fingerprint"], gitlab[0]["fingerprint"]);
    assert_ne!(moved[0]["fingerprint"], moved[1]["fingerprint"]);
}

#[test]
fn any_bytes_get_an_answer() {
    let sandbox = Sandbox::new();
    let work = sandbox.work();
    std::fs::write(
        work.join("Dockerfile.bytes"),
        b"FROM \xff\xfe\nRUN \x00\x1b[31m \xc3\n# hadolint ignore=\xff\n",
    )
    .unwrap();
    std::fs::write(work.join("Dockerfile.empty"), b"").unwrap();
    std::fs::write(
        work.join("Dockerfile.long"),
        [b"FROM scratch\nRUN ".to_vec(), vec![b'x'; 1 << 20]].concat(),
    )
    .unwrap();
    std::fs::write(work.join("Dockerfile.zeros"), vec![0; 4096]).unwrap();
    std::fs::create_dir(work.join("Dockerfile")).unwrap();
    for format in [
        "human",
        "gnu",
        "json",
        "sarif",
        "checkstyle",
        "codeclimate",
        "junit",
        "github",
    ] {
        let ran = lint(&sandbox, &["--format", format]);
        assert_eq!(ran.status, 3, "{format}: {}", ran.stderr);
        assert!(!ran.stdout.contains('\x1b'), "{format}");
        assert!(ran.stdout.contains("Dockerfile.empty"), "{format}");
    }
    assert_eq!(lint(&sandbox, &["--fix"]).status, 3);
}

#[test]
fn thousands_of_files_are_checked_in_order() {
    let sandbox = Sandbox::new();
    for n in 0..3000 {
        let text = if n % 10 == 0 { BAD } else { GOOD };
        sandbox.write(&format!("d{:02}/s{n:04}/Dockerfile", n % 40), text);
    }
    let began = std::time::Instant::now();
    let ran = lint(&sandbox, &["--json"]);
    let took = began.elapsed();
    let found = json(&ran);
    let files: Vec<&str> = found.iter().map(|f| f["file"].as_str().unwrap()).collect();
    assert_eq!(files.len(), 600);
    assert!(files.is_sorted());
    assert!(took.as_secs() < 10, "{took:?}");
    let ran = lint(&sandbox, &["--fix", "-q"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (0, ""));
}

#[test]
fn scripts_and_the_prompt_lint_too() {
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", BAD);
    let script = "let found = lint(\".\"); print(`${found.len} ${found[0].code}`);";
    assert_eq!(
        sandbox.cooper_with_input(&[], script).ok(),
        "2 StageNameCasing\n"
    );
    let script = "print(format_text(\"from  scratch\\n\"));";
    assert_eq!(
        sandbox.cooper_with_input(&[], script).ok(),
        "FROM scratch\n\n"
    );
    assert_eq!(sandbox.cooper(&["-c", "lint -q ."]).stdout, "Dockerfile\n");
}

#[test]
fn the_action_passes_its_inputs_on_and_nothing_else() {
    let sandbox = Sandbox::new();
    sandbox.write("a b/Dockerfile", BAD);
    sandbox.write("$(touch pwned)/Dockerfile", BROKEN);
    let run = |inputs: &[(&str, &str)]| {
        let action = repository().join("editors/github-action/lint");
        let mut command = sandbox.command(action.as_os_str());
        command.env("COOPER", env!("CARGO_BIN_EXE_cooper"));
        command.envs(inputs.iter().copied());
        Ran::from(command.output().unwrap())
    };
    let ran = run(&[
        ("COOPER_PATHS", "a b\n\n$(touch pwned)\n"),
        ("COOPER_FAIL_ON", "error"),
    ]);
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("::warning file=a b/Dockerfile,line=1"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("::error file=$(touch pwned)/Dockerfile,line=2"),
        "{}",
        ran.stdout
    );
    assert!(!sandbox.work().join("pwned").exists());
    let inputs = [
        ("COOPER_PATHS", "a b"),
        ("COOPER_FORMAT", "sarif"),
        ("COOPER_OUTPUT", "lint.sarif"),
        ("COOPER_FAIL_ON", "never"),
        ("COOPER_ARGUMENTS", "--ignore=DL4000"),
    ];
    let ran = run(&inputs);
    assert_eq!((ran.status, ran.stdout.as_str()), (0, ""));
    let log = std::fs::read_to_string(sandbox.work().join("lint.sarif")).unwrap();
    assert!(log.contains("StageNameCasing") && !log.contains("MaintainerDeprecated"));
    sandbox.write("ugly/Dockerfile", "from scratch\ncopy a /a\n");
    let ran = run(&[("COOPER_PATHS", "ugly"), ("COOPER_CHECK_FORMAT", "true")]);
    assert_eq!(ran.status, 3, "{}", ran.stdout);
    let ran = run(&[("COOPER", "no-such-program")]);
    assert_eq!(ran.status, 1);
    assert!(ran.stdout.contains("is not installed"), "{}", ran.stdout);
}

#[test]
fn hooks_call_commands_that_there_are() {
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", GOOD);
    let hooks = std::fs::read_to_string(repository().join(".pre-commit-hooks.yaml")).unwrap();
    let entries: Vec<&str> = hooks
        .lines()
        .filter_map(|line| line.trim().strip_prefix("entry: cooper "))
        .collect();
    assert_eq!(entries.len(), hooks.matches("- id: ").count());
    for entry in entries {
        let words: Vec<&str> = entry.split(' ').chain(["Dockerfile"]).collect();
        assert_eq!(sandbox.cooper(&words).status, 0, "{entry}");
    }
}

#[test]
fn shellcheck_is_asked_when_that_is_wanted() {
    if !crate::sandbox::have(&["shellcheck"]) {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write(
        "Dockerfile",
        "FROM scratch\nRUN echo \\\n  `id`\nRUN echo $x\n",
    );
    let lint = |more: &[&str]| {
        let arguments = [&["lint", "--format", "gnu", "--fail-on", "never"], more].concat();
        let text = sandbox.cooper(&arguments).ok();
        let found = text.lines().filter(|line| line.contains(" [SC"));
        found.map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(lint(&[]).is_empty());
    let found = lint(&["--shellcheck"]);
    assert!(
        found.len() == 4 && found[0].starts_with("Dockerfile:3:3:"),
        "{found:?}"
    );
    assert_eq!(lint(&["--shellcheck", "--ignore", "SC2046"]).len(), 3);
    assert_eq!(lint(&["--shellcheck", "--only", "SC2006"]).len(), 1);
    // What it would write is shown, and written by nobody who was not asked.
    let shown = sandbox.cooper(&["lint", "--shellcheck", "--fail-on", "never"]);
    assert!(shown.ok().contains("help: write `$(id)`\n"));
    let fix = ["lint", "--shellcheck", "--fix", "--fail-on", "never"];
    sandbox.cooper(&fix).ok();
    let text = std::fs::read_to_string(sandbox.work().join("Dockerfile")).unwrap();
    assert!(text.contains("`id`"), "{text}");
    sandbox.write(
        "cooperage.toml",
        "[lint]\nshellcheck = true\nlevels = { SC2006 = 'error' }\n",
    );
    let found = lint(&[]);
    assert!(found.iter().any(|line| line.contains("error")), "{found:?}");
    assert!(lint(&["--no-shellcheck"]).is_empty());
}

#[test]
fn a_base_image_made_here_for_another_platform_is_told() {
    let sandbox = Sandbox::new();
    let (here, other) = if cfg!(target_arch = "aarch64") {
        ("arm64", "amd64")
    } else {
        ("amd64", "arm64")
    };
    sandbox.write("base/Dockerfile", "FROM scratch\nWORKDIR /a\n");
    sandbox.write("Dockerfile", "FROM example.com/base:1\nWORKDIR /b\n");
    lint(&sandbox, &[]).ok();
    assert!(!sandbox.store().exists(), "a check makes no store");
    let platform = format!("linux/{other}");
    let build = [
        "build",
        "-q",
        "--platform",
        &platform,
        "-t",
        "example.com/base:1",
        "base",
    ];
    sandbox.cooper(&build).ok();
    let found = json(&lint(&sandbox, &["--format", "json", "Dockerfile"]));
    assert_eq!(
        codes(&found),
        [("Dockerfile", "InvalidBaseImagePlatform", 1)]
    );
    assert_eq!(
        found[0]["message"],
        format!(
            "Base image example.com/base:1 was pulled with platform \"linux/{other}\", expected \"linux/{here}\" for current build"
        )
    );
    let uri = format!("file://{}", sandbox.work().join("Dockerfile").display());
    let mut client = Client::new(&sandbox, &serde_json::json!({}));
    client.open(&uri, "FROM example.com/base:1\nWORKDIR /b\n");
    let shown = client.diagnostics(&uri, 1);
    assert_eq!(shown[0]["code"], "InvalidBaseImagePlatform", "{shown:?}");

    sandbox.write(
        "cooperage.toml",
        &format!("[build]\nplatform = \"{platform}\"\n"),
    );
    lint(&sandbox, &["Dockerfile"]).ok();
}
