//! `COPY --from` names an earlier stage.

use super::did_you_mean;
use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::{Instruction, Kind};
use crate::model::suggest::closest;
use crate::text::Word;
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "CopyFromUndefinedStage",
    aliases: &["DL3022"],
    description: "COPY --from should name an earlier stage of the file",
    docs: include_str!("../../docs/lints/copy-from-undefined-stage.md"),
    hadolint: Level::Warning,
    fixable: true,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at names that are neither an earlier stage, nor its number, nor an image with a tag.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let mut names: Vec<String> = Vec::new();
    let mut count = 0;
    for line in &subject.lines {
        if let Kind::From(from) = &line.instruction.kind {
            names.extend(
                from.name
                    .as_ref()
                    .map(|name| name.to_str_lossy().into_owned()),
            );
            count += 1;
        }
        if let Kind::Copy(copy) = &line.inner().kind
            && let Some(from) = &copy.from
            && !is_known(from, &names, count)
        {
            found.push(unknown(line.inner(), from, &names));
        }
    }
}

fn is_known(from: &Word, names: &[String], count: usize) -> bool {
    let number = from
        .text
        .to_str()
        .ok()
        .and_then(|text| text.parse::<usize>().ok());
    from.text.contains(&b':')
        || number.is_some_and(|number| number < count)
        || names
            .iter()
            .any(|name| from.text.eq_ignore_ascii_case(name.as_bytes()))
}

fn unknown(instruction: &Instruction, from: &Word, names: &[String]) -> Finding {
    let near = closest(&from.text, names.iter().map(String::as_str), false);
    let message = format!(
        "`{}` is no earlier stage, so it is taken for an image{}",
        from.to_str_lossy(),
        did_you_mean(near.as_deref(), "")
    );
    let finding = Finding::new(&LINT, instruction, from.range, message);
    match near {
        Some(near) => finding.with_fix(format!("use `{near}`"), vec![(from.range, near)]),
        None => finding,
    }
}
