//! `docs/lints.md`, made from the table.

use super::{LINTS, Level, Lint};
use std::fmt::Write as _;

/// Numbers of hadolint 2.15.1's own rules.
const HADOLINT: [&[u16]; 3] = [
    &[1001],
    &[
        3000, 3001, 3002, 3003, 3004, 3006, 3007, 3008, 3009, 3010, 3011, 3012, 3013, 3014, 3015,
        3016, 3018, 3019, 3020, 3021, 3022, 3023, 3024, 3025, 3026, 3027, 3028, 3029, 3030, 3032,
        3033, 3034, 3035, 3036, 3037, 3038, 3040, 3041, 3042, 3043, 3044, 3045, 3046, 3047, 3048,
        3049, 3050, 3051, 3052, 3053, 3054, 3055, 3056, 3057, 3058, 3059, 3060, 3061, 3062, 3063,
        3064, 3065, 3066, 3067,
    ],
    &[4000, 4001, 4003, 4004, 4005, 4006],
];

const HEAD: &str = "\
# Check rules

What `cooper lint`, `cooper build --check` and the editor find besides errors. A rule is switched by its name or by what
another linter calls it, in `cooperage.toml`, in `.hadolint.yaml` or in a comment:

```dockerfile
# check=skip=StageNameCasing
# hadolint ignore=DL3006
# tally ignore=MaintainerDeprecated
# shellcheck disable=SC2086
# dockerfile-utils: ignore
```

Above an instruction each of these silences rules there; `# hadolint global ignore=…`, `# tally global ignore=…` and a
`# check=` at the head of the file do so for the whole file, `# hadolint stage ignore=…` for a stage. By default an
ordinary Dockerfile gets no finding; hadolint's rules run where a `.hadolint.yaml` is found or `extend = [\"hadolint\"]` is
set, at the levels of the column *hadolint*. `cooper lint --explain RULE` shows a rule's page.
";

#[test]
fn the_page_of_rules_is_current() {
    // UPDATE_EXPECT=1 cargo test -p cooperage-lang the_page_of_rules
    expect_test::expect_file!["../../../docs/lints.md"].assert_eq(&page());
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    let official = LINTS.iter().filter(|lint| lint.is_official()).count();
    let numbers = HADOLINT.iter().copied().flatten();
    let (known, all) = numbers.fold((0, 0), |(known, all), number| {
        let alias = format!("DL{number}");
        (
            known + usize::from(super::find_called(&alias).is_some()),
            all + 1,
        )
    });
    let shell = LINTS
        .iter()
        .filter(|lint| lint.aliases.iter().any(|a| a.starts_with("SC")))
        .count();
    let fixable = LINTS.iter().filter(|lint| lint.fixable).count();
    writeln!(
        page,
        "\n{} rules: BuildKit's {official} of 22, hadolint's {known} of {all}, {shell} of ShellCheck's; {fixable} with a fix.\n",
        LINTS.len()
    )
    .expect("writing to a string does not fail");
    page.push_str("| rule | also called | default | hadolint | fix | what it asks for |\n|---|---|---|---|---|---|\n");
    for lint in LINTS {
        row(&mut page, lint);
    }
    page
}

fn row(page: &mut String, lint: &Lint) {
    let name = match lint.url {
        "" => lint.name.to_owned(),
        url => format!("[{}]({url})", lint.name),
    };
    let fix = if lint.fixable { "yes" } else { "" };
    let level = if lint.experimental {
        "experimental"
    } else {
        level(lint.level)
    };
    let text = lint.description.replace('|', "\\|");
    let hadolint = match lint.hadolint {
        Level::Off => "",
        level => self::level(level),
    };
    writeln!(
        page,
        "| {name} | {} | {level} | {hadolint} | {fix} | {text} |",
        lint.aliases.join(", ")
    )
    .expect("writing to a string does not fail");
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Off => "off",
        Level::Hint => "hint",
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}
