//! Cases about single values: expansion, ignore patterns, references, platforms, ports.

use bstr::BString;
use cooperage_lang::model::expand::{EnvList, Lexer, pattern_to_regex, reverse_pattern};
use cooperage_lang::model::ignore::{MatchKind, Patterns, read_lines};
use cooperage_lang::model::pattern::clean;
use cooperage_lang::model::platform::Platform;
use cooperage_lang::model::port;
use cooperage_lang::model::reference::{
    AnyReference, DigestError, RawReference, Reference, ReferenceError, is_domain, is_identifier,
    split_name, split_reference,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

type Check = fn(&Value) -> Result<(), String>;

/// The kinds of cases this module answers.
pub(crate) fn kinds() -> Vec<(&'static str, Check)> {
    vec![
        ("word", word),
        ("words", words),
        ("fuzz_words", fuzz_words),
        ("glob_regex", glob_regex),
        ("glob_reverse", glob_reverse),
        ("ignore_match", ignore_match),
        ("ignore_file", ignore_file),
        ("glob_match", glob_match),
        ("glob_compile", glob_compile),
        ("fuzz_ignore", fuzz_ignore),
        ("reference", reference),
        ("reference_match", reference_match),
        ("reference_regex", reference_regex),
        ("fuzz_reference", fuzz_reference),
        ("fuzz_platform", fuzz_platform),
        ("ports", ports),
    ]
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: found {found:?}, expected {expected:?}"))
    }
}

/// The text at `key`; a missing one is empty.
fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_default()
}

fn flag(case: &Value, key: &str) -> bool {
    case[key].as_bool().unwrap_or(false)
}

fn list(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|v| v.as_str().map(str::to_owned))
        .collect()
}

/// Compares a result with a case's `error` (text, true, or absent) and `error_contains`.
fn same_error<T: std::fmt::Debug, E: std::fmt::Display>(
    case: &Value,
    found: Result<T, E>,
) -> Result<Option<T>, String> {
    let wanted = &case["error"];
    let part = text(case, "error_contains");
    let fails = !part.is_empty() || wanted.is_string() || wanted == &json!(true);
    match found {
        Ok(value) if fails => Err(format!(
            "found {value:?}, expected the error {wanted} {part}"
        )),
        Ok(value) => Ok(Some(value)),
        Err(error) if !fails => Err(format!("unexpected error {error}")),
        Err(error) => {
            let error = error.to_string();
            let exact = wanted.as_str().is_none_or(|w| w == error);
            if exact && error.contains(part) {
                Ok(None)
            } else {
                Err(format!("error {error:?}, expected {wanted} {part}"))
            }
        }
    }
}

fn lexer(case: &Value) -> Lexer {
    let mut lexer = Lexer::new(text(case, "escape").chars().next().unwrap_or('\\'));
    lexer.raw_quotes = flag(case, "raw_quotes");
    lexer.raw_escapes = flag(case, "raw_escapes");
    lexer.skip_process_quotes = flag(case, "skip_process_quotes");
    lexer.skip_unset = flag(case, "skip_unset_env");
    lexer.ignore_case = text(case, "platform") == "windows";
    lexer
}

fn env(case: &Value) -> EnvList {
    let mut env = EnvList::new();
    for (name, value) in case["env"].as_object().into_iter().flatten() {
        env.set(name, value.as_str().unwrap_or_default());
    }
    env
}

fn names(case: &Value, key: &str, found: &BTreeSet<String>) -> Result<(), String> {
    if case[key].is_array() {
        same(key, found, &list(&case[key]).into_iter().collect())
    } else {
        Ok(())
    }
}

fn word(case: &Value) -> Result<(), String> {
    let found = lexer(case).word(text(case, "word").as_bytes(), &env(case));
    let Some(found) = same_error(case, found)? else {
        return Ok(());
    };
    same("result", &found.text.as_str(), &text(case, "result"))?;
    names(case, "matched", &found.matched)?;
    names(case, "unmatched", &found.unmatched)
}

fn words(case: &Value) -> Result<(), String> {
    let found = lexer(case).words(text(case, "word").as_bytes(), &env(case));
    let Some(found) = same_error(case, found)? else {
        return Ok(());
    };
    same("words", &found.words, &list(&case["words"]))
}

fn fuzz_words(case: &Value) -> Result<(), String> {
    let (lexer, env, word, expect) = (
        lexer(case),
        env(case),
        text(case, "word").as_bytes(),
        &case["expect"],
    );
    if let Some(found) = same_error(expect, lexer.words(word, &env))? {
        same("words", &found.words, &list(&expect["words"]))?;
    }
    let Some(found) = same_error(expect, lexer.word(word, &env))? else {
        return Ok(());
    };
    same("result", &found.text.as_str(), &text(expect, "result"))?;
    names(expect, "matched", &found.matched)?;
    names(expect, "unmatched", &found.unmatched)
}

fn glob_regex(case: &Value) -> Result<(), String> {
    let found = pattern_to_regex(
        text(case, "pattern"),
        flag(case, "greedy"),
        flag(case, "anchored"),
    );
    let Some(found) = same_error(case, found)? else {
        return Ok(());
    };
    same("regex", &found.as_str(), &text(case, "regex"))
}

fn glob_reverse(case: &Value) -> Result<(), String> {
    same(
        "reversed",
        &reverse_pattern(text(case, "pattern")).as_str(),
        &text(case, "reversed"),
    )
}

/// The entry of the reference that takes a list of patterns cleans the path and never excludes the root.
fn matches_cleaned(patterns: &[String], path: &str) -> Result<bool, String> {
    let patterns = Patterns::new(patterns).map_err(|e| e.to_string())?;
    let path = clean(path.as_bytes());
    if path == b"." {
        return Ok(false);
    }
    patterns.matches(&path).map_err(|e| e.to_string())
}

fn ignore_match(case: &Value) -> Result<(), String> {
    let (patterns, path) = (list(&case["patterns"]), text(case, "path"));
    let found = if flag(case, "legacy_matches_api") {
        matches_cleaned(&patterns, path)
    } else {
        Patterns::new(&patterns)
            .and_then(|p| p.matches(path.as_bytes()))
            .map_err(|e| e.to_string())
    };
    let Some(found) = same_error(case, found)? else {
        return Ok(());
    };
    same("match", &found, &flag(case, "match"))
}

fn glob_match(case: &Value) -> Result<(), String> {
    let found = matches_cleaned(&[text(case, "pattern").to_owned()], text(case, "path"));
    let Some(found) = same_error(case, found)? else {
        return Ok(());
    };
    same("match", &found, &flag(case, "match"))
}

fn glob_compile(case: &Value) -> Result<(), String> {
    let patterns = Patterns::new(&[text(case, "pattern")]).map_err(|e| e.to_string())?;
    let pattern = &patterns.patterns()[0];
    let kind = match pattern.kind() {
        MatchKind::Exact => "exactMatch",
        MatchKind::Prefix => "prefixMatch",
        MatchKind::Suffix => "suffixMatch",
        MatchKind::Regex => "regexpMatch",
    };
    same("kind", &kind, &text(case, "match_kind"))?;
    same("regex", &pattern.regex(), &text(case, "regex"))
}

/// The patterns of an ignore file. The text is the case's own string, the patterns its list.
fn ignore_file(case: &Value) -> Result<(), String> {
    let fields = || {
        case.as_object()
            .into_iter()
            .flatten()
            .filter(|(key, _)| !matches!(key.as_str(), "id" | "origin"))
    };
    let file = fields()
        .find_map(|(key, v)| v.as_str().filter(|_| key != "error"))
        .unwrap_or_default();
    let Some(found) = same_error(case, read_lines(file.as_bytes()))? else {
        return Ok(());
    };
    let expected = fields()
        .find_map(|(_, v)| v.is_array().then(|| list(v)))
        .unwrap_or_default();
    same(
        "patterns",
        &found,
        &expected.into_iter().map(BString::from).collect(),
    )
}

fn fuzz_ignore(case: &Value) -> Result<(), String> {
    let (expect, file) = (&case["expect"], text(case, "file").as_bytes());
    let lines = read_lines(file).map_err(|e| e.to_string())?;
    same(
        "patterns",
        &lines,
        &list(&expect["patterns"])
            .into_iter()
            .map(BString::from)
            .collect(),
    )?;
    let found = Patterns::parse_file(file).and_then(|p| p.matches(text(case, "path").as_bytes()));
    let Some(found) = same_error(expect, found)? else {
        return Ok(());
    };
    same("match", &found, &flag(expect, "match"))
}

fn error_name(error: &ReferenceError) -> &'static str {
    match error {
        ReferenceError::InvalidFormat => "ErrReferenceInvalidFormat",
        ReferenceError::NameContainsUppercase => "ErrNameContainsUppercase",
        ReferenceError::NameEmpty => "ErrNameEmpty",
        ReferenceError::NameTooLong => "ErrNameTooLong",
        ReferenceError::NameNotCanonical => "ErrNameNotCanonical",
        ReferenceError::Digest(DigestError::InvalidLength) => "digest.ErrDigestInvalidLength",
        ReferenceError::Digest(DigestError::InvalidFormat) => "digest.ErrDigestInvalidFormat",
        ReferenceError::Digest(DigestError::Unsupported) => "digest.ErrDigestUnsupported",
        ReferenceError::MustBeLowercase(_) | ReferenceError::Identifier(_) => "",
    }
}

/// A reference as the case's fields name its parts.
fn described(reference: &Reference) -> Value {
    json!({
        "string": reference.to_string(), "familiar": reference.familiar(), "repository": reference.name(),
        "name": reference.path, "domain": reference.domain, "path": reference.path,
        "tag": reference.tag.clone().unwrap_or_default(),
        "digest": reference.digest.as_ref().map(ToString::to_string).unwrap_or_default(),
    })
}

fn reference(case: &Value) -> Result<(), String> {
    let input = text(case, "input");
    let found: Result<Value, ReferenceError> = match text(case, "api") {
        "raw" => RawReference::parse(input).map(|r| {
            json!({
                "repository": r.name(), "domain": r.domain, "path": r.path, "tag": r.tag.unwrap_or_default(),
                "digest": r.digest.map(|d| d.to_string()).unwrap_or_default(),
            })
        }),
        "normalized" => Reference::parse_normalized(input).map(|r| described(&r)),
        "docker_ref" => Reference::parse_docker(input).map(|r| described(&r)),
        "canonical_only" => Reference::parse_canonical(input).map(|r| described(&r)),
        "any" => AnyReference::parse(input).map(|r| json!({ "string": r.to_string() })),
        other => return Err(format!("unknown api {other}")),
    };
    same("ok", &found.is_ok(), &flag(case, "ok"))?;
    match found {
        Err(error) => match text(case, "error") {
            "" => Ok(()),
            name => same("error", &error_name(&error), &name),
        },
        Ok(found) => {
            for key in [
                "string",
                "familiar",
                "repository",
                "domain",
                "path",
                "tag",
                "digest",
                "name",
            ] {
                // The origin of the `canonical_only` cases leaves `name` empty where it did not look at it.
                let unknown = key == "name" && text(case, key).is_empty();
                if let (Some(expected), false) = (case[key].as_str(), unknown) {
                    same(key, &text(&found, key), &expected)?;
                }
            }
            Ok(())
        }
    }
}

fn reference_match(case: &Value) -> Result<(), String> {
    let reference = AnyReference::parse(text(case, "reference")).map_err(|e| e.to_string())?;
    let AnyReference::Named(reference) = reference else {
        return Err("a digest".to_owned());
    };
    let Some(found) = same_error(case, reference.matches(text(case, "pattern")))? else {
        return Ok(());
    };
    same("match", &found, &flag(case, "match"))
}

fn reference_regex(case: &Value) -> Result<(), String> {
    let input = text(case, "input");
    let found: Option<Vec<&str>> = match text(case, "regex") {
        "domain" => is_domain(input).then(Vec::new),
        "identifier" => is_identifier(input).then(Vec::new),
        "fullname" => split_name(input).map(|(domain, path)| vec![domain, path]),
        "reference" => split_reference(input).map(|p| vec![p.name, p.tag, p.digest]),
        other => return Err(format!("unknown regex {other}")),
    };
    same("match", &found.is_some(), &flag(case, "match"))?;
    let expected = list(&case["groups"]);
    if expected.is_empty() {
        return Ok(());
    }
    same(
        "groups",
        &found.unwrap_or_default(),
        &expected.iter().map(String::as_str).collect(),
    )
}

fn fuzz_reference(case: &Value) -> Result<(), String> {
    let expect = &case["expect"];
    let Some(found) = same_error(expect, Reference::parse_normalized(text(case, "input")))? else {
        return Ok(());
    };
    same(
        "string",
        &found.to_string().as_str(),
        &text(expect, "string"),
    )?;
    same(
        "familiar",
        &found.familiar().as_str(),
        &text(expect, "familiar"),
    )?;
    same("domain", &found.domain.as_str(), &text(expect, "domain"))?;
    same("path", &found.path.as_str(), &text(expect, "path"))?;
    same(
        "tag_name_only",
        &found.with_default_tag().to_string().as_str(),
        &text(expect, "tag_name_only"),
    )
}

fn fuzz_platform(case: &Value) -> Result<(), String> {
    // The reference ran on this platform.
    let host = Platform::new("linux", "amd64", "");
    let expect = &case["expect"];
    let Some(found) = same_error(expect, Platform::parse(text(case, "input"), &host))? else {
        return Ok(());
    };
    same(
        "format",
        &found.format_all().as_str(),
        &text(expect, "format"),
    )?;
    let platform = &expect["platform"];
    let parts = [
        &found.os,
        &found.architecture,
        &found.variant,
        &found.os_version,
    ]
    .map(String::as_str);
    same(
        "platform",
        &parts,
        &["os", "arch", "variant", "osversion"].map(|k| text(platform, k)),
    )
}

fn ports(case: &Value) -> Result<(), String> {
    let Some(found) = same_error(case, port::parse_all(&list(&case["spec"])))? else {
        return Ok(());
    };
    same("ports", &found, &list(&case["ports"]))
}
