//! A line for each finding: `Dockerfile:3:6: warning: … [StageNameCasing]`.
//!
//! **Source:** GNU Coding Standards, *Formatting Error Messages*.

use super::human::codes;
use super::json::severity;
use super::place::Lines;
use crate::render::text::strip;
use crate::value::LintView;

pub(super) fn text(view: &LintView) -> String {
    let mut shown = String::new();
    for (path, error) in &view.failed {
        shown += &format!("{}: error: {}\n", strip(path), strip(error));
    }
    for file in &view.files {
        let lines = Lines::of(file);
        for finding in &file.findings {
            let at = lines.place(finding.range);
            shown += &format!(
                "{}:{}:{}: {}: {} [{}]\n",
                strip(&file.name),
                at.line,
                at.column,
                severity(finding.severity),
                strip(&finding.message.replace('\n', " ")),
                codes(finding)
            );
        }
    }
    shown
}
