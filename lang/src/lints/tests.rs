//! What holds of every rule: its row, its page with examples, its fixes.

use super::config::LabelKind;
use super::*;
use crate::ide::File;
use crate::model::ignore::Patterns;
use crate::model::platform::Platform;
use crate::model::reference::Reference;
use crate::plan::PlanOptions;
use crate::plan::config::ImageConfig;
use crate::plan::lower::plan;
use crate::world::{Known, World};
use std::collections::HashSet;
use std::sync::Arc;

#[test]
fn rules_are_sorted_and_named_once() {
    assert_eq!(LINTS.iter().filter(|lint| lint.is_official()).count(), 22);
    assert!(LINTS.windows(2).all(|w| w[0].name < w[1].name));
    let mut seen = HashSet::new();
    for name in LINTS.iter().flat_map(Lint::names) {
        assert!(seen.insert(name.to_ascii_lowercase()), "{name} twice");
    }
}

#[test]
fn rules_are_documented_and_linked() {
    for lint in LINTS {
        let name = lint.name;
        assert!(lint.docs.starts_with(&format!("# {name}\n")), "{name}");
        for part in ["## Bad", "## Good"] {
            assert!(lint.docs.contains(part), "{name}: no {part}");
        }
        let page = format!("/rule/{}/", kebab(name));
        assert!(lint.url.is_empty() || lint.url.ends_with(&page), "{name}");
        let full_stop = lint.description.ends_with('.') && !lint.is_official();
        assert!(!lint.description.is_empty() && !full_stop, "{name}");
    }
}

#[test]
fn what_is_in_hadolints_set_has_its_number() {
    for lint in LINTS.iter().filter(|lint| lint.hadolint != Level::Off) {
        let numbered = |name: &&str| name.starts_with("DL") || name.starts_with("SC");
        assert!(lint.aliases.iter().any(numbered), "{}", lint.name);
    }
}

#[test]
fn of_twins_the_official_one_is_shown_and_silenced() {
    for (head, want) in [
        ("", "JSONArgsRecommended"),
        ("# hadolint global ignore=DL3025\n", ""),
    ] {
        let source = format!("{head}FROM a\nCMD a\n");
        let file = File::new(source.clone().into_bytes());
        let config = Config::default().with_level("ExecForm", Level::Warning);
        let found = report(&file, &planned(&source), &config);
        let codes: Vec<_> = found.iter().map(|d| d.code).collect();
        assert_eq!(codes.join(" "), want);
    }
    for lint in LINTS {
        let back = lint.twin.and_then(|twin| find(twin).unwrap().twin);
        assert!(back.is_none_or(|back| back == lint.name), "{}", lint.name);
    }
}

#[test]
fn a_fault_is_told_once() {
    let hadolint = Config {
        hadolint: true,
        ..Config::default()
    };
    let off = hadolint.clone().with_level("DL4003", Level::Off);
    for (config, source, want) in [
        // The earlier of two has no effect; hadolint tells it at the later one.
        (
            &hadolint,
            "CMD [\"a\"]\nCMD [\"b\"]\n",
            "MultipleInstructionsDisallowed 2 Warning",
        ),
        (
            &hadolint,
            "ENTRYPOINT [\"a\"]\nENTRYPOINT [\"b\"]\n",
            "MultipleInstructionsDisallowed 2 Error",
        ),
        (
            &hadolint,
            "CMD [\"a\"]\n# hadolint ignore=DL4003\nCMD [\"b\"]\n",
            "",
        ),
        (&off, "CMD [\"a\"]\nCMD [\"b\"]\n", ""),
        (
            &off,
            "CMD [\"a\"]\nCMD [\"b\"]\nENTRYPOINT [\"c\"]\nENTRYPOINT [\"d\"]\n",
            "MultipleInstructionsDisallowed 4 Error",
        ),
        (
            &hadolint,
            "# check=skip=MultipleInstructionsDisallowed\nCMD [\"a\"]\nCMD [\"b\"]\n",
            "",
        ),
    ] {
        let source = format!("FROM a:1\n{source}");
        let file = File::new(source.clone().into_bytes());
        let found = report(&file, &planned(&source), config);
        let found: Vec<_> = found
            .iter()
            .map(|d| format!("{} {} {:?}", d.code, d.lines[0].start, d.severity))
            .collect();
        assert_eq!(found.join(", "), want, "{source}");
    }
}

#[test]
fn fixes_write_what_a_person_would() {
    let hadolint = Config {
        hadolint: true,
        ..Config::default()
    };
    for (source, want) in [
        (
            "CMD exec java -jar a.jar\n",
            "CMD [\"java\", \"-jar\", \"a.jar\"]\n",
        ),
        // Commands of the shell are no programs.
        ("CMD cd /x\n", "CMD cd /x\n"),
        ("CMD . /x\n", "CMD . /x\n"),
        ("CMD exec -a b c\n", "CMD exec -a b c\n"),
        ("CMD exec\n", "CMD exec\n"),
        // Once for all steps of a stage, above the comments of the first.
        (
            "RUN b\n# c\n# d\nRUN e | f\nRUN g | h\nCMD [\"i\"]\n",
            "RUN b\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\n# c\n# d\nRUN e | f\nRUN g | h\nCMD [\"i\"]\n",
        ),
    ] {
        let source = format!("FROM debian:12\n{source}");
        let file = File::new(source.clone().into_bytes());
        let found = report(&file, &planned(&source), &hadolint);
        let of_rule =
            |found: &&Diagnostic| ["JSONArgsRecommended", "PipefailMissing"].contains(&found.code);
        let fixes = found.iter().filter(of_rule);
        let edits = crate::diagnostic::merged(fixes.filter_map(Diagnostic::sure_fix));
        let mended = crate::text::apply(source.as_bytes(), &edits);
        assert_eq!(mended, format!("FROM debian:12\n{want}").into_bytes());
    }
}

#[test]
fn an_instruction_that_goes_takes_its_lines_along() {
    for (source, want) in [
        ("CMD [\"a\"]\nCMD [\"b\"]\n", "CMD [\"b\"]\n"),
        (
            "CMD [\"a\", \\\r\n  \"b\"] \r\n# c\r\nCMD [\"d\"]",
            "# c\r\nCMD [\"d\"]",
        ),
    ] {
        let source = format!("FROM a:1\n{source}");
        let file = File::new(source.clone().into_bytes());
        let found = report(&file, &planned(&source), &Config::default());
        let fixes = found.iter().filter_map(|found| found.fix.as_ref());
        let edits = crate::diagnostic::merged(fixes);
        let mended = crate::text::apply(source.as_bytes(), &edits);
        assert_eq!(mended, format!("FROM a:1\n{want}").into_bytes());
    }
}

#[test]
fn beside_an_error_at_the_same_place_no_rule_speaks() {
    let source = "RUN a\n";
    let file = File::new(source.into());
    let errors = crate::instructions::parse(source.as_bytes()).diagnostics;
    let config = Config {
        hadolint: true,
        ..Config::default()
    };
    let codes: Vec<_> = report(&file, &errors, &config)
        .iter()
        .map(|d| d.code)
        .collect();
    assert_eq!(codes, ["no-stage"]);
}

/// Every image is for amd64, `*.env` is ignored.
struct Examples;

impl World for Examples {
    fn image(&self, _: &Reference, _: &Platform) -> Known<Arc<ImageConfig>> {
        Known::Yes(Arc::new(ImageConfig::default()))
    }

    fn layout_image(&self, _: &str, _: &Platform) -> Known<Arc<ImageConfig>> {
        Known::Unknown
    }

    fn image_platform(&self, _: &Reference, _: &Platform) -> Option<Platform> {
        Some(Platform::new("linux", "amd64", ""))
    }

    fn ignore_patterns(&self) -> Option<Arc<Patterns>> {
        Patterns::new(&["*.env"]).ok().map(Arc::new)
    }
}

/// The project of the examples: each says in its page which setting it needs.
fn example_config(lint: &Lint) -> Config {
    let schema = [
        ("title", LabelKind::Text),
        ("created", LabelKind::Rfc3339),
        ("version", LabelKind::Semver),
        ("source", LabelKind::Url),
        ("revision", LabelKind::Hash),
        ("licenses", LabelKind::Spdx),
        ("contact", LabelKind::Email),
    ];
    let config = Config {
        trusted_registries: vec!["registry.example.com".to_owned()],
        label_schema: schema.map(|(name, kind)| (name.to_owned(), kind)).into(),
        strict_labels: true,
        ..Config::default()
    };
    config.with_level(lint.name, Level::Warning)
}

fn planned(source: &str) -> Vec<Diagnostic> {
    let options = PlanOptions {
        build_platform: Platform::new("linux", "amd64", ""),
        all_stages: true,
        ..PlanOptions::default()
    };
    let file = crate::instructions::parse(source.as_bytes());
    plan(&file, &options, &Examples).diagnostics
}

fn findings(source: &str, lint: &Lint) -> Vec<Diagnostic> {
    if let Run::File(_) = lint.run {
        let file = File::new(source.as_bytes().to_vec());
        let found = check(&file, &example_config(lint)).into_iter();
        return found.filter(|d| d.code == lint.name).collect();
    }
    let source = format!("# check=experimental=all\n{source}");
    let found = planned(&source).into_iter().filter(|d| d.code == lint.name);
    // Ranges count without the directive above.
    let head = (source.len() - source.split_once('\n').unwrap().1.len()) as u32;
    let moved = found.map(|mut found| {
        for (range, _) in found.fix.iter_mut().flat_map(|f| &mut f.edits) {
            *range = TextRange::new(range.start - head, range.end - head);
        }
        found
    });
    moved.collect()
}

fn example<'d>(lint: &'d Lint, heading: &str) -> &'d str {
    let section = lint.docs.split_once(heading).unwrap().1;
    section
        .split_once("```dockerfile\n")
        .unwrap()
        .1
        .split_once("```")
        .unwrap()
        .0
}

#[test]
fn bad_examples_are_found_and_good_ones_are_not() {
    for lint in LINTS
        .iter()
        .filter(|lint| !matches!(lint.run, Run::Forecast))
    {
        let bad = findings(example(lint, "## Bad"), lint);
        assert!(!bad.is_empty(), "{}", lint.name);
        let good = findings(example(lint, "## Good"), lint);
        assert!(good.is_empty(), "{}: {good:?}", lint.name);
    }
}

#[test]
fn each_fix_mends_a_finding() {
    for lint in LINTS {
        let mut source = example(lint, "## Bad").to_owned();
        let mut found = findings(&source, lint);
        let fixable = found.iter().any(|d| d.fix.is_some());
        assert_eq!(fixable, lint.fixable, "{}", lint.name);
        // The last first, so that places above stay what they are.
        while let Some(fix) = found.iter().rev().find_map(|d| d.fix.clone()) {
            for (range, text) in fix.edits.iter().rev() {
                source.replace_range(range.start as usize..range.end as usize, text);
            }
            let left = findings(&source, lint);
            assert!(left.len() < found.len(), "{}: {source}", lint.name);
            found = left;
        }
    }
}

#[test]
fn fixes_keep_the_line_ends_of_the_file() {
    for lint in LINTS {
        let source = example(lint, "## Bad").replace('\n', "\r\n");
        let file = File::new(source.clone().into_bytes());
        for found in report(&file, &planned(&source), &example_config(lint)) {
            let edits = found.fix.iter().flat_map(|fix| &fix.edits);
            for (_, text) in edits {
                let plain = text.replace("\r\n", "");
                assert!(!plain.contains('\n'), "{}: {text:?}", found.code);
            }
        }
    }
}

#[test]
fn rules_stand_any_text() {
    let all = LINTS.iter().fold(Config::default(), |config, lint| {
        config.with_level(lint.name, Level::Warning)
    });
    for text in [
        &b""[..],
        b"\xff\xfe\0",
        b"FROM \xff AS \xff\nCOPY --from=\xff \xff \xff\nENV \xff=$\xff\nLABEL \xff=\xff",
        b"ONBUILD ONBUILD RUN\nONBUILD COPY a\nFROM\nUSER :\nWORKDIR \"\nENV \"",
    ] {
        check(&File::new(text.to_vec()), &all);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, cases: 64, ..Default::default() })]

    #[test]
    fn places_of_findings_lie_in_the_text(parts in proptest::collection::vec(fragment(), 0..30)) {
        let all = LINTS.iter().fold(example_config(&LINTS[0]), |config, lint| {
            config.with_level(lint.name, Level::Warning)
        });
        let text = parts.concat();
        let len = text.len() as u32;
        for found in check(&File::new(text), &all) {
            let edits = found.fix.iter().flat_map(|fix| fix.edits.iter().map(|(range, _)| *range));
            for range in std::iter::once(found.range).chain(edits) {
                assert!(range.start <= range.end && range.end <= len, "{}: {range:?}", found.code);
            }
        }
    }
}

/// Pieces that together reach every rule.
fn fragment() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    let lines: Vec<Vec<u8>> = LINTS
        .iter()
        .flat_map(|lint| {
            example(lint, "## Bad")
                .lines()
                .map(|line| format!("{line}\n").into_bytes())
        })
        .chain(
            [
                &b"ONBUILD "[..],
                b"\\\n",
                b" ",
                b"\"",
                b"'",
                b"\xff",
                b"$",
                b"# hadolint ignore=DL3006\n",
            ]
            .map(<[u8]>::to_vec),
        )
        .collect();
    proptest::sample::select(lines)
}

#[test]
fn names_are_found_where_they_are_used() {
    let word = crate::text::Word::new("$VERSION-${VER}", TextRange::new(5, 20));
    assert_eq!(reference_to("VER", &word), Some(TextRange::new(16, 19)));
    assert_eq!(reference_to("X", &word), None);
}

fn kebab(name: &str) -> String {
    let mut out = String::new();
    let mut previous_upper = true;
    for (i, c) in name.char_indices() {
        let next_lower = name[i + 1..].starts_with(char::is_lowercase);
        if c.is_uppercase() && i > 0 && (!previous_upper || next_lower) {
            out.push('-');
        }
        previous_upper = c.is_uppercase();
        out.extend(c.to_lowercase());
    }
    out
}
