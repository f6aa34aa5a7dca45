//! A relative destination needs a `WORKDIR`.

use super::stages::parents;
use super::subject::is_absolute;
use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::Kind;
use std::collections::HashMap;

pub(super) const LINT: Lint = Lint {
    name: "RelativeCopyDestination",
    aliases: &["DL3045"],
    description: "COPY to a relative destination should stand below a WORKDIR",
    docs: include_str!("../../docs/lints/relative-copy-destination.md"),
    hadolint: Level::Warning,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at `COPY` in stages where neither the stage nor one it is built on sets a working directory.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let parents = parents(subject.file);
    let mut stages: HashMap<usize, bool> = HashMap::new();
    for stage in subject.stages() {
        let number = stage[0].stage;
        let parent = parents.get(&number);
        let mut is_set = parent.is_some_and(|parent| stages.get(parent) == Some(&true));
        // By a trigger it is set for those that are built upon the stage.
        let mut is_set_above = false;
        for line in stage {
            let (instruction, is_trigger) = (line.inner(), line.trigger.is_some());
            match &instruction.kind {
                Kind::Workdir(_) if is_trigger => is_set_above = true,
                Kind::Workdir(_) => is_set = true,
                Kind::Copy(copy)
                    if !(is_set || is_absolute(&copy.dest.text) || is_trigger && is_set_above) =>
                {
                    let message = format!(
                        "where `{}` is depends on the base image; set WORKDIR above or write the whole path",
                        copy.dest.to_str_lossy()
                    );
                    found.push(Finding::new(&LINT, instruction, copy.dest.range, message));
                }
                _ => {}
            }
        }
        stages.insert(number, is_set || is_set_above);
    }
}
