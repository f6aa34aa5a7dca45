//! Checkstyle's XML: a `file` for each Dockerfile, an `error` for each finding.

use super::place::Lines;
use super::xml;
use crate::value::LintView;
use cooperage_lang::diagnostic::Severity;

pub(super) fn text(view: &LintView) -> String {
    let mut shown =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<checkstyle version=\"4.3\">\n".to_owned();
    for (path, error) in &view.failed {
        shown += &format!(
            "  <file name=\"{}\">\n    <error line=\"1\" severity=\"error\" message=\"{}\" source=\"cooper.unreadable\"/>\n  </file>\n",
            xml(path),
            xml(error)
        );
    }
    for file in &view.files {
        shown += &format!("  <file name=\"{}\">\n", xml(&file.name));
        let lines = Lines::of(file);
        for finding in &file.findings {
            let at = lines.place(finding.range);
            shown += &format!(
                "    <error line=\"{}\" column=\"{}\" severity=\"{}\" message=\"{}\" source=\"cooper.{}\"/>\n",
                at.line,
                at.column,
                severity(finding.severity),
                xml(&finding.message),
                xml(finding.code)
            );
        }
        shown += "  </file>\n";
    }
    shown + "</checkstyle>\n"
}

/// **Source:** Checkstyle, `SeverityLevel`: ignore, info, warning, error.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info | Severity::Hint => "info",
    }
}
