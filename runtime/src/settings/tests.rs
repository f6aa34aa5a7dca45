use super::*;
use cooperage_lang::diagnostic::Severity;
use cooperage_lang::lints::config::LabelKind;
use cooperage_lang::text::LineIndex;
use expect_test::{Expect, expect};
use std::fs;

/// Mistakes as `line:column message`, with what a fix would write.
fn shown(text: &str, problems: &[Diagnostic]) -> String {
    let lines = LineIndex::new(text.as_bytes());
    let one = |problem: &Diagnostic| {
        let (line, column) = lines.line_column(problem.range.start);
        let fix = problem
            .fix
            .as_ref()
            .map_or(String::new(), |fix| format!(" -> {}", fix.edits[0].1));
        let marked = &text[problem.range.start as usize..problem.range.end as usize];
        format!(
            "{}:{} `{marked}` {}{fix}\n",
            line + 1,
            column + 1,
            problem.message
        )
    };
    problems.iter().map(one).collect()
}

fn check_toml(text: &str, expected: Expect) -> Cooperage {
    let (values, problems) = parse_cooperage(text);
    expected.assert_eq(&shown(text, &problems));
    values
}

fn check_yaml(text: &str, expected: Expect) -> Hadolint {
    let (values, problems) = parse_hadolint(text);
    expected.assert_eq(&shown(text, &problems));
    values
}

const WHOLE: &str = r#"
exclude = ["vendor/**"]

[lint]
extend = ["hadolint"]
ignore = ["DL3008", "SC2086"]
fail-on = "error"
pragmas = false
trusted-registries = ["docker.io", "*.example.com"]
strict-labels = true
levels.MaintainerDeprecated = "error"
labels.maintainer = "email"

[format]
indent = 2

[build]
context = "."
target = "app"
platform = "linux/arm64"
args = { VERSION = 1.0, COUNT = 3, NAME = "x" }
contexts.base = "docker-image://debian:12"
contexts.shared = "../shared"

[[override]]
files = ["tests/**", "*.dev"]
lint.ignore = ["StageNameCasing"]
build.target = "test"
"#;

#[test]
fn every_key_is_read() {
    let (values, problems) = parse_cooperage(&WHOLE.replace("1.0", "\"1.0\""));
    assert_eq!(problems, []);
    let lint = values.lint.unwrap();
    assert_eq!(lint.extend, Some(vec![Set::Hadolint]));
    assert_eq!(lint.fail_on, Some(FailOn::Least(Severity::Error)));
    assert_eq!(lint.labels.unwrap()["maintainer"], LabelKind::Email);
    assert_eq!(values.build.unwrap().args.unwrap().len(), 3);
    assert_eq!(values.overrides.unwrap().len(), 1);
}

#[test]
fn mistakes_are_told_with_place_and_near_name_and_the_rest_is_used() {
    let values = check_toml(
        "[lnit]\n\
         [lint]\nfail-onn = 'error'\nignore = ['DL3O08', 3, 'StageNameCasin', 'sc2086']\nextend = ['hadolnt']\n\
         pragmas = 'yes'\n[lint.levels]\nStageNameCasing = 'eror'\nNoSuchRule = 'off'\nUndefinedVar = 'hint'\n",
        expect![[r#"
            1:2 `lnit` unknown key `lnit`, did you mean `lint`? -> lint
            3:1 `fail-onn` unknown key `fail-onn`, did you mean `fail-on`? -> fail-on
            4:11 `'DL3O08'` unknown rule `DL3O08`, did you mean `DL3008`? -> "DL3008"
            4:21 `3` expected text, found a number
            4:24 `'StageNameCasin'` unknown rule `StageNameCasin`, did you mean `StageNameCasing`? -> "StageNameCasing"
            5:11 `'hadolnt'` unknown set of rules `hadolnt`, did you mean `hadolint`? -> "hadolint"
            6:11 `'yes'` expected true or false, found text
            8:19 `'eror'` unknown level `eror`, did you mean `error`? -> "error"
            9:1 `NoSuchRule` unknown rule `NoSuchRule`
        "#]],
    );
    assert_eq!(values.lint.unwrap().ignore.unwrap().len(), 1);
}

#[test]
fn values_of_the_wrong_kind_are_told() {
    let values = check_toml(
        "exclude = 'x'\nformat = 3\n[build]\nplatform = 'a/b/c/d/e'\ntarget = 1\nargs = { A = 1.5, B = '2' }\n\
         contexts = { x = 'docker-image://UPPER', y = 'docker-image://ok' }\n[[override]]\nfiles = ['a[']\n",
        expect![[r#"
            1:11 `'x'` expected a list, found text
            2:10 `3` expected a table, found a number
            4:12 `'a/b/c/d/e'` "d/e" is an invalid component of "a/b/c/d/e": platform specifier component must match "^[A-Za-z0-9_.-]+$": invalid argument
            5:10 `1` expected text, found a number
            6:14 `1.5` expected text, found a float or a time
            7:18 `'docker-image://UPPER'` `docker-image://UPPER`: invalid reference format: repository name (library/UPPER) must be lowercase
            9:10 `'a['` `a[` is no pattern of paths: unclosed character class; missing ']'
        "#]],
    );
    let build = values.build.unwrap();
    assert_eq!(build.args.unwrap().len(), 1);
    assert_eq!(build.contexts.unwrap().len(), 1);
}

#[test]
fn mistakes_of_spelling_do_not_hide_the_rest() {
    let values = check_toml(
        "x = = 3\n[lint]\nstrict-labels = true\nstrict-labels = false\nextend = ['hadolnt']\n[build\ntarget = 'a'\n",
        expect![[r#"
            1:5 `=` extra `=`, expected nothing
            4:1 `strict-labels` duplicate key
            5:11 `'hadolnt'` unknown set of rules `hadolnt`, did you mean `hadolint`? -> "hadolint"
            6:7 `` unclosed table, expected `]`
            7:1 `target` unknown key `target`; known are exclude, lint, format, build, override
        "#]],
    );
    assert_eq!(values.lint.unwrap().strict_labels, Some(true));
}

#[test]
fn hadolints_keys_are_read() {
    let values = check_yaml(
        "failure-threshold: error\nno-fail: false\nignored:\n  - DL3008\n  - SC2086\n\
         override:\n  error: [DL3001]\n  style:\n    - DL3059\ntrustedRegistries: docker.io\n\
         label-schema:\n  author: text\n  created: rfc3339\nstrict-labels: true\ndisable-ignore-pragma: true\n\
         format: sarif\nno-color: true\n",
        expect![""],
    );
    assert_eq!(values.ignored.unwrap().0.len(), 2);
    assert_eq!(values.trusted_registries.unwrap().0, ["docker.io"]);
    assert_eq!(values.severities.unwrap().style.unwrap().0.len(), 1);
    assert_eq!(values.label_schema.unwrap().len(), 2);
}

#[test]
fn mistakes_in_hadolints_file_are_told() {
    let values = check_yaml(
        "ignore:\n- DL3008\nignored: [DL3008, 3, 'DL30']\nfailure-threshold: eror\noverride:\n  warn: [DL3001]\n\
         label-schema: {ä: nothing}\nno-fail: \"true\"\nno-fail: true\n",
        expect![[r#"
            1:1 `ignore` unknown key `ignore`, did you mean `ignored`? -> ignored
            3:19 `3` expected text, found a number
            3:22 `'DL30'` `DL30` is no rule of hadolint: those are DL and SC with four digits
            4:20 `eror` unknown severity `eror`, did you mean `error`? -> error
            6:3 `warn` unknown key `warn`; known are error, warning, info, style
            7:20 `nothing` unknown kind of label `nothing`; known are text, rfc3339, semver, url, hash, spdx, email
            8:10 `"true"` expected true or false, found text
            9:1 `no-fail` the key `no-fail` stands here twice
        "#]],
    );
    assert_eq!(values.ignored.unwrap().0.len(), 1);
}

#[test]
fn no_yaml_fills_the_memory() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let names = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb += &format!("a{n}: &a{n} [{names}]\n");
    }
    let (_, problems) = parse_hadolint(&bomb);
    assert!(
        problems
            .iter()
            .any(|p| p.message.contains("more than 10000 values"))
    );
    for text in [
        "[".repeat(100_000),
        "- ".repeat(10_000),
        "{".repeat(10_000),
        "? ".repeat(10_000),
        "a: *nothing\n".to_owned(),
        "\u{feff}ignored: []\n---\nignored: [x]\n".to_owned(),
        "%YAML 1.2\n---\n!!str a: !!map\n".to_owned(),
        "\t- x\0".to_owned(),
    ] {
        let _ = parse_hadolint(&text);
        let _ = parse_cooperage(&text);
    }
    let (_, problems) = parse_cooperage(&format!("a = {}", "[".repeat(100_000)));
    assert!(!problems.is_empty());
}

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("cooper-settings-{}-{count}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        for (path, text) in files {
            let path = folder.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn level(settings: &Settings, rule: &str) -> Level {
    settings.lint.level(lints::find_called(rule).unwrap())
}

#[test]
fn the_nearest_file_of_each_kind_counts_up_to_the_repository() {
    let folder = Folder::new(&[
        ("cooperage.toml", "[build]\ntarget = 'outside'\n"),
        ("repo/.git/HEAD", ""),
        ("repo/.hadolint.yaml", "override:\n  info: [DL4000]\n"),
        (
            "repo/a/cooperage.toml",
            "[lint]\nlevels.UndefinedVar = 'hint'\n[build]\ntarget = 'a'\n",
        ),
        ("repo/a/b/Dockerfile", ""),
        ("repo/c/Dockerfile", ""),
    ]);
    let finder = Finder::new(Choice::Search).unwrap();
    let deep = finder.settings(&folder.0.join("repo/a/b/Dockerfile"));
    assert_eq!(level(&deep, "UndefinedVar"), Level::Hint);
    assert_eq!(level(&deep, "MaintainerDeprecated"), Level::Info);
    assert!(deep.lint.hadolint);
    assert_eq!(deep.build.target.as_deref(), Some("a"));
    let other = finder.settings(&folder.0.join("repo/c/Dockerfile"));
    assert_eq!(other.build.target, None);
    assert_eq!(level(&other, "UndefinedVar"), Level::Warning);
}

#[test]
fn overrides_exclusions_and_folders_are_below_their_file() {
    let folder = Folder::new(&[("cooperage.toml", &WHOLE.replace("1.0", "'1.0'"))]);
    let finder = Finder::new(Choice::Search).unwrap();
    let plain = finder.settings(&folder.0.join("app/Dockerfile"));
    assert_eq!(plain.build.context.as_deref(), Some(&*folder.0.join(".")));
    assert_eq!(plain.build.target.as_deref(), Some("app"));
    assert_eq!(level(&plain, "StageNameCasing"), Level::Warning);
    for path in ["tests/a/Dockerfile", "Dockerfile.dev"] {
        let settings = finder.settings(&folder.0.join(path));
        assert_eq!(level(&settings, "StageNameCasing"), Level::Off, "{path}");
        assert_eq!(settings.build.target.as_deref(), Some("test"));
    }
    let project = finder.project(&folder.0);
    assert!(project.excludes(&folder.0.join("vendor/x/Dockerfile")));
    assert!(!project.excludes(&folder.0.join("app/Dockerfile")));
    let shared = folder.0.join("../shared").display().to_string();
    assert!(
        plain
            .build
            .contexts
            .contains(&("shared".to_owned(), NamedContext::Local(shared)))
    );
}

#[test]
fn a_request_keeps_what_it_says_itself() {
    let (values, _) = parse_cooperage(
        "[build]\ntarget = 'a'\nplatform = 'linux/arm64'\nargs = { A = '1', B = '2' }\n",
    );
    let mut defaults = BuildDefaults::default();
    defaults.apply(&values.build.unwrap(), Path::new("/x"));
    let mut request = BuildRequest {
        target: Some("b".to_owned()),
        build_args: [("A".to_owned(), "9".to_owned())].into(),
        ..BuildRequest::default()
    };
    defaults.complete(&mut request);
    assert_eq!(request.target.as_deref(), Some("b"));
    assert_eq!(request.platform.as_deref(), Some("linux/arm64"));
    assert_eq!(request.build_args.values().collect::<Vec<_>>(), ["9", "2"]);
}

#[test]
fn files_that_cannot_be_read_are_told_and_say_nothing() {
    let folder = Folder::new(&[("a/Dockerfile", "")]);
    fs::write(
        folder.0.join("cooperage.toml"),
        b"[lint]\n# \xff\nfail-on = 'never'\n",
    )
    .unwrap();
    fs::write(folder.0.join(".hadolint.yml"), vec![b' '; 2 << 20]).unwrap();
    let finder = Finder::new(Choice::Search).unwrap();
    let settings = finder.settings(&folder.0.join("a/Dockerfile"));
    assert_eq!(settings.fail_on, FailOn::default());
    let faulty = finder.faulty();
    let messages: Vec<&str> = faulty
        .iter()
        .flat_map(|f| &f.problems)
        .map(|p| &*p.message)
        .collect();
    assert_eq!(
        messages,
        [
            "the file cannot be read: it is larger than 1024 KiB",
            "the file is not UTF-8 from here on, and is not used",
        ]
    );
    assert!(Finder::new(Choice::File(folder.0.join("nothing.toml"))).is_err());
    let nothing = Finder::new(Choice::Nothing).unwrap();
    assert_eq!(
        nothing.settings(&folder.0.join("a/Dockerfile")),
        Settings::default()
    );
}

#[test]
fn the_command_line_chooses_rules_above_all() {
    let mut config = Config::default().with_level("DL4000", Level::Hint);
    let choice = RuleChoice {
        only: vec!["MaintainerDeprecated".to_owned()],
        levels: vec![("DL4000".to_owned(), Level::Error)],
    };
    choice.apply(&mut config);
    for lint in lints::LINTS {
        let expected = if lint.name == "MaintainerDeprecated" {
            Level::Error
        } else {
            Level::Off
        };
        assert_eq!(config.level(lint), expected, "{}", lint.name);
    }
}

#[test]
fn the_schema_is_the_one_for_editors() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../editors/cooperage.schema.json");
    let made = format!("{:#}\n", schema());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &made).unwrap();
    }
    assert!(
        fs::read_to_string(&path).is_ok_and(|kept| kept == made),
        "editors/cooperage.schema.json differs from the keys; \
         `UPDATE_EXPECT=1 cargo test -p cooperage-runtime schema` writes it anew"
    );
}
