//! Every `WORKDIR` is absolute.

use super::subject::is_absolute;
use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::{Instruction, Kind};
use crate::text::Word;
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "AbsoluteWorkdir",
    aliases: &["DL3000", "WORKDIR_IS_NOT_ABSOLUTE"],
    description: "WORKDIR should be an absolute path",
    docs: include_str!("../../docs/lints/absolute-workdir.md"),
    hadolint: Level::Error,
    fixable: true,
    twin: Some("WorkdirRelativePath"),
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at each `WORKDIR`, also where an earlier one of the stage makes a relative path definite.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for stage in subject.stages() {
        let mut folder: Option<String> = None;
        for instruction in stage.iter().map(super::subject::Line::inner) {
            let Kind::Workdir(path) = &instruction.kind else {
                continue;
            };
            if is_absolute(&path.text) {
                folder = Some(path.to_str_lossy().into_owned());
                continue;
            }
            folder = joined(folder.as_deref(), path);
            found.push(relative(instruction, path, folder.as_deref()));
        }
    }
}

fn relative(instruction: &Instruction, path: &Word, meant: Option<&str>) -> Finding {
    let message = format!(
        "`{}` is relative; write the whole path",
        path.to_str_lossy()
    );
    let finding = Finding::new(&LINT, instruction, path.range, message);
    match meant {
        Some(meant) => finding.with_fix(
            format!("use `{meant}`"),
            vec![(path.range, meant.to_owned())],
        ),
        None => finding,
    }
}

/// The two paths as one; `None` when either is not plain.
fn joined(folder: Option<&str>, path: &Word) -> Option<String> {
    let plain = |text: &str| text.starts_with('/') && !text.contains(['$', '"', '\'', '\\', '`']);
    let path = path.text.to_str().ok()?;
    let whole = format!("{}/{path}", folder?.trim_end_matches('/'));
    (plain(&whole) && !path.split('/').any(|part| part == "." || part == "..")).then_some(whole)
}
