//! Signature help: for every recorded form ours has the same one, at the same part.
//!
//! Forms are compared by their parts, since words and blanks differ: `baseImage` is `image` here, `parameter` is
//! `argument`, and so on ([`WORDS`]); examples of values (`30s`, `\`) are placeholders here. Ours may have more parts
//! (flags of `RUN` and `FROM`, `...` behind pairs, `command` behind `CMD`) and more forms.
//!
//! Not followed on purpose: a space behind `ARG name=value` begins another name, since `ARG` takes several.

use super::{Case, Kind};
use cooperage_lang::ide::signature::{Signature, signatures};
use serde_json::Value;

pub(super) const KIND: Kind = Kind {
    name: "signatures",
    bar: 98.0,
    check,
};

/// Recorded words of parts, and ours.
const WORDS: &[(&str, &str)] = &[
    ("dest", "destination"),
    ("\"dest\"", "\"destination\""),
    ("executable", "program"),
    ("\"executable\"", "\"program\""),
    ("parameter", "argument"),
    ("\"parameter\"", "\"argument\""),
    ("\"parameter2\"", "\"argument\""),
    ("\"command\"", "\"program\""),
    ("baseImage", "image"),
    ("stage", "name"),
    ("key", "name"),
    ("key2", "name2"),
    ("defaultValue", "default"),
    ("INSTRUCTION", "instruction"),
    ("/vol", "path"),
    ("\"/vol\"", "\"path\""),
    ("/the/workdir/path", "path"),
];

fn check(case: &Case<'_>) -> Result<(), String> {
    let ours = signatures(&case.file, case.offset());
    let expected = case.expected();
    let wanted = expected["signatures"].as_array().map_or(&[][..], |all| all);
    if wanted.is_empty() && !ours.is_empty() {
        return Err(format!("{} where none is", ours[0].label));
    }
    let active = expected["activeParameter"].as_u64();
    for form in wanted {
        if !ours.iter().any(|own| is_same(own, form, active)) {
            let shown: Vec<_> = ours.iter().map(|s| (&*s.label, part(s))).collect();
            return Err(format!("no {} at {active:?}, but {shown:?}", form["label"]));
        }
    }
    Ok(())
}

fn is_same(ours: &Signature, wanted: &Value, active: Option<u64>) -> bool {
    let label = wanted["label"].as_str().unwrap_or_default();
    let parts: Vec<&str> = wanted["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|p| p["label"].as_str().unwrap_or_default())
        .collect();
    let active = active.and_then(|i| parts.get(i as usize).copied());
    // A flag or a directive: the name is what is in front of its value.
    if let [value] = parts[..]
        && let Some(head) = label.split(value).next()
        && let Some(name) = head.split(' ').find(|word| word.ends_with('='))
    {
        return ours.label.starts_with(name) && ours.active == 0;
    }
    let keyword = label.split(' ').next();
    if ours.label.split(' ').next() != keyword
        || Some(part(ours)) != active.map(our_word) && !is_command(ours, active)
    {
        return false;
    }
    let mut rest = ours.parameters.iter().map(|p| &ours.label[p.label.clone()]);
    parts
        .iter()
        .filter(|part| !part.is_empty())
        .all(|part| rest.any(|own| own == our_word(part) || (*part == "..." && own == "command")))
}

/// What follows `CMD` of a health check is called `...` there.
fn is_command(ours: &Signature, active: Option<&str>) -> bool {
    part(ours) == "command" && active == Some("...")
}

/// Our part at the cursor.
fn part(ours: &Signature) -> &str {
    &ours.label[ours.parameters[ours.active].label.clone()]
}

fn our_word(word: &str) -> &str {
    WORDS
        .iter()
        .find(|(recorded, _)| *recorded == word)
        .map_or(word, |(_, own)| own)
}
