//! Every image has a `HEALTHCHECK`.

use super::image_name::ImageName;
use super::{Finding, Lint, Run, Subject};
use crate::instructions::Kind;
use std::collections::HashMap;

pub(super) const LINT: Lint = Lint {
    name: "HealthcheckMissing",
    aliases: &["DL3057"],
    description: "Images should have a HEALTHCHECK",
    docs: include_str!("../../docs/lints/healthcheck-missing.md"),
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at stages that neither have a `HEALTHCHECK` nor continue one that has, nor are continued by one that has.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let stages: Vec<_> = subject
        .stages()
        .filter(|stage| stage[0].stage > 0)
        .collect();
    let mut names: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut bases: Vec<Option<usize>> = Vec::new();
    let mut healthy: Vec<bool> = Vec::new();
    for (at, stage) in stages.iter().enumerate() {
        let Kind::From(from) = &stage[0].instruction.kind else {
            continue;
        };
        let base = names
            .get(&ImageName::parse(&from.base.text).name.to_ascii_lowercase())
            .copied();
        let own = stage
            .iter()
            .any(|line| matches!(line.instruction.kind, Kind::Healthcheck(_)));
        healthy.push(own || base.is_some_and(|base| healthy[base]));
        bases.push(base);
        if let Some(name) = &from.name {
            names.insert(name.text.to_vec(), at);
        }
    }
    // From the last to the first, so that a healthy stage reaches those it is built on.
    for at in (0..healthy.len()).rev() {
        if let (true, Some(base)) = (healthy[at], bases[at]) {
            healthy[base] = true;
        }
    }
    for (stage, _) in stages.iter().zip(healthy).filter(|(_, healthy)| !healthy) {
        let from = stage[0].instruction;
        let message =
            "nothing tells whether the container works; add a HEALTHCHECK, or HEALTHCHECK NONE";
        found.push(Finding::new(&LINT, from, from.keyword.range, message));
    }
}
