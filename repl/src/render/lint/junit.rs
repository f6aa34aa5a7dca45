//! JUnit's XML: a suite for each Dockerfile, a failed test for each finding; a file without findings is a test that passed.

use super::place::Lines;
use super::{json, xml};
use crate::value::LintView;
use cooperage_runtime::dockerfiles::Checked;

pub(super) fn text(view: &LintView) -> String {
    let failures: usize = view.files.iter().map(|file| file.findings.len()).sum();
    let tests: usize = view
        .files
        .iter()
        .map(|file| file.findings.len().max(1))
        .sum();
    let errors = view.failed.len();
    let mut shown = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"cooper lint\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\">\n",
        tests + errors
    );
    for (path, error) in &view.failed {
        shown += &format!(
            "  <testsuite name=\"{name}\" tests=\"1\" failures=\"0\" errors=\"1\">\n    \
             <testcase name=\"read\" classname=\"{name}\">\n      <error message=\"{}\"/>\n    </testcase>\n  </testsuite>\n",
            xml(error),
            name = xml(path),
        );
    }
    for file in &view.files {
        suite(&mut shown, file);
    }
    shown + "</testsuites>\n"
}

fn suite(shown: &mut String, file: &Checked) {
    let name = xml(&file.name);
    let findings = file.findings.len();
    *shown += &format!(
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{findings}\" errors=\"0\">\n",
        findings.max(1)
    );
    if findings == 0 {
        *shown += &format!("    <testcase name=\"no findings\" classname=\"{name}\"/>\n");
    }
    let lines = Lines::of(file);
    for finding in &file.findings {
        let at = lines.place(finding.range);
        let message = xml(&finding.message);
        *shown += &format!(
            "    <testcase name=\"{code}:{}:{}\" classname=\"{name}\">\n      \
             <failure type=\"{}\" message=\"{message}\">{name}:{}:{}: {code}: {message}</failure>\n    </testcase>\n",
            at.line,
            at.column,
            json::severity(finding.severity),
            at.line,
            at.column,
            code = xml(finding.code),
        );
    }
    *shown += "  </testsuite>\n";
}
