//! Annotations of GitHub's workflows: a command on a line for each finding.
//!
//! **Source:** GitHub documentation, *Workflow commands for GitHub Actions*; escapes as in `actions/toolkit`.

use super::place::Lines;
use crate::value::LintView;
use cooperage_lang::diagnostic::Severity;

pub(super) fn text(view: &LintView) -> String {
    let mut shown = String::new();
    for (path, error) in &view.failed {
        shown += &format!("::error file={}::{}\n", property(path), data(error));
    }
    for file in &view.files {
        let lines = Lines::of(file);
        for finding in &file.findings {
            let at = lines.place(finding.range);
            let command = match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info | Severity::Hint => "notice",
            };
            // Columns are shown for places on one line only.
            let columns = if at.line == at.end_line {
                format!(",col={},endColumn={}", at.column, at.end_column)
            } else {
                String::new()
            };
            shown += &format!(
                "::{command} file={},line={},endLine={}{columns},title={}::{}\n",
                property(&file.name),
                at.line,
                at.end_line,
                property(finding.code),
                data(&finding.message)
            );
        }
    }
    shown
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_message_cannot_end_its_command() {
        assert_eq!(super::data("50%\n::error::x"), "50%25%0A::error::x");
        assert_eq!(super::property("a:b,c"), "a%3Ab%2Cc");
    }
}
