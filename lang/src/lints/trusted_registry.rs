//! Images come from trusted registries.

use super::image_name::ImageName;
use super::subject::unquoted;
use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::{Instruction, Kind};
use crate::model::device::csv_fields;
use crate::text::Word;
use bstr::ByteSlice;
use std::collections::HashSet;

pub(super) const LINT: Lint = Lint {
    name: "TrustedRegistry",
    aliases: &["DL3026"],
    description: "Images should come from the registries that the project trusts",
    docs: include_str!("../../docs/lints/trusted-registry.md"),
    level: Level::Error,
    hadolint: Level::Error,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at every image that a file names, when the project says which registries it trusts.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let trusted = &subject.config.trusted_registries;
    if trusted.is_empty() {
        return;
    }
    let mut stages: HashSet<Vec<u8>> = HashSet::new();
    for line in &subject.lines {
        let instruction = line.inner();
        for (name, place) in images(instruction) {
            let is_stage = stages.contains(&name.to_ascii_lowercase())
                || (!matches!(instruction.kind, Kind::From(_))
                    && name.iter().all(u8::is_ascii_digit));
            if !is_stage && !is_trusted(&name, trusted) {
                let message = format!(
                    "`{}` is not from a trusted registry ({})",
                    name.to_str_lossy(),
                    trusted.join(", ")
                );
                found.push(Finding::new(&LINT, instruction, place.range, message));
            }
        }
        if let Kind::From(from) = &line.instruction.kind {
            stages.extend(from.name.as_ref().map(|name| name.text.to_vec()));
        }
    }
}

/// Names of images or stages in an instruction, and where they stand.
fn images(instruction: &Instruction) -> Vec<(Vec<u8>, &Word)> {
    match &instruction.kind {
        Kind::From(from) => vec![named(&from.base)],
        Kind::Copy(copy) => copy.from.iter().map(named).collect(),
        Kind::Run(run) => {
            let mounts = run.mounts.iter();
            mounts
                .filter_map(|mount| Some((mounted(mount)?, mount)))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn named(word: &Word) -> (Vec<u8>, &Word) {
    (unquoted(&word.text).to_vec(), word)
}

/// What `from=` of a mount names.
fn mounted(mount: &Word) -> Option<Vec<u8>> {
    let fields = csv_fields(&mount.text).ok()?;
    fields.iter().find_map(|field| {
        let (key, value) = field.split_once_str("=")?;
        key.eq_ignore_ascii_case(b"from").then(|| value.to_vec())
    })
}

fn is_trusted(image: &[u8], trusted: &[String]) -> bool {
    let image = ImageName::parse(image);
    let matches = |registry: &[u8]| trusted.iter().any(|pattern| is_like(pattern, registry));
    match image.registry {
        Some(registry) => matches(registry),
        None => image.name == b"scratch" || matches(b"docker.io") || matches(b"hub.docker.com"),
    }
}

/// A `*` at either end of a pattern stands for anything.
fn is_like(pattern: &str, registry: &[u8]) -> bool {
    if let Some(end) = pattern.strip_prefix('*') {
        registry.ends_with(end.as_bytes())
    } else if let Some(start) = pattern.strip_suffix('*') {
        registry.starts_with(start.as_bytes())
    } else {
        registry == pattern.as_bytes()
    }
}
