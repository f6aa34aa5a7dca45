//! Findings for people: each with the lines it is about, then what there is in all.

use super::place::{Lines, Place};
use crate::error;
use crate::render::{Paint, diagnostic, text};
use crate::value::{LintView, Treatment};
use cooperage_lang::diagnostic::{Diagnostic, Severity};
use cooperage_lang::lints::{self, Level, Lint};
use cooperage_runtime::dockerfiles::Checked;

/// Lines of a long instruction that are read for its excerpt.
const EXCERPT: u32 = 11;

/// Columns of a line that are shown.
const WIDTH: usize = 300;

pub(super) fn text(view: &LintView, paint: Paint) -> String {
    let mut shown = String::new();
    for (path, error) in &view.failed {
        shown += &format!("{}: cannot read {path}: {error}\n", paint.red("error"));
    }
    for file in &view.files {
        fixed(&mut shown, file, view.treatment, paint);
    }
    if view.treatment == Treatment::Diff {
        for file in &view.files {
            shown +=
                &crate::render::diff::of(&file.name, file.before.as_deref(), &file.source, paint);
        }
        return shown;
    }
    shown += &faulty(&view.files, paint);
    shown += &format!("{}\n", summary(view));
    shown
}

/// The mistakes of some files alone.
pub fn faulty(files: &[Checked], paint: Paint) -> String {
    let of = |file: &Checked| {
        let lines = Lines::of(file);
        let list = file.findings.iter();
        list.map(|finding| one(file, &lines, finding, paint))
            .collect::<String>()
    };
    files.iter().map(of).collect()
}

fn fixed(shown: &mut String, file: &Checked, treatment: Treatment, paint: Paint) {
    let verb = match treatment {
        Treatment::DryRun => "would fix",
        Treatment::Check | Treatment::Diff => return,
        Treatment::Fix | Treatment::Filter => "fixed",
    };
    for done in &file.fixed {
        *shown += &format!(
            "{} {}:{} {}: {}\n",
            paint.green(verb),
            text::strip(&file.name),
            done.line,
            done.code,
            text::strip(&done.title)
        );
    }
}

/// With an empty line behind it: of a hundred the eye has to find the beginning of each.
fn one(file: &Checked, lines: &Lines<'_>, finding: &Diagnostic, paint: Paint) -> String {
    let message = paint.bold(&text::strip(&finding.message));
    let mut shown = format!("{}: {message}\n", label(finding, paint));
    diagnostic::excerpt(&mut shown, &excerpt(file, lines, finding), paint);
    if let Some(fix) = &finding.fix {
        let title = text::strip(&fix.title);
        let how = finding.sure_fix().map_or("", |_| " (`--fix` does it)");
        shown += &format!("  {} {title}{how}\n", paint.green("help:"));
    }
    shown.push('\n');
    shown
}

/// `warning[MaintainerDeprecated, DL4000]`.
fn label(finding: &Diagnostic, paint: Paint) -> String {
    let codes = codes(finding);
    match finding.severity {
        Severity::Error => paint.red(&format!("error[{codes}]")),
        Severity::Warning => paint.yellow(&format!("warning[{codes}]")),
        Severity::Info => paint.blue(&format!("info[{codes}]")),
        Severity::Hint => paint.blue(&format!("hint[{codes}]")),
    }
}

/// The code of a finding with what hadolint and ShellCheck call it, by which people know it.
pub(super) fn codes(finding: &Diagnostic) -> String {
    let aliases = lints::find(finding.code).map_or(&[][..], |lint| lint.aliases);
    let known = aliases
        .iter()
        .filter(|alias| alias.starts_with("DL") || alias.starts_with("SC"));
    let all: Vec<&str> = std::iter::once(finding.code)
        .chain(known.copied())
        .collect();
    all.join(", ")
}

fn excerpt(file: &Checked, lines: &Lines<'_>, finding: &Diagnostic) -> error::Place {
    let Place {
        line,
        column,
        end_line,
        end_column,
    } = lines.place(finding.range);
    let one_line = line == end_line;
    let read = lines.text(line, end_line.min(line + EXCERPT));
    let cut = |(number, text): (u32, String)| (number, text::cut(&text, WIDTH));
    error::Place {
        file: text::strip(&file.name),
        line,
        end_line,
        column: if one_line || column > 1 { column } else { 0 },
        end_column: if one_line { end_column } else { 0 },
        excerpt: if file.source.is_empty() {
            Vec::new()
        } else {
            read.into_iter().map(cut).collect()
        },
        note: None,
    }
}

/// `3 findings (1 error, 2 warnings) in 2 of 14 files; `--fix` mends 2`.
fn summary(view: &LintView) -> String {
    let files = view.files.len();
    let excluded = match view.excluded {
        0 => String::new(),
        count => format!("; {count} excluded by the settings"),
    };
    if files == 0 && view.failed.is_empty() {
        return format!("no Dockerfiles found{excluded}");
    }
    let findings: Vec<&Diagnostic> = view.files.iter().flat_map(|file| &file.findings).collect();
    if findings.is_empty() {
        return format!("{}, no findings{excluded}", count(files, "file"));
    }
    let with = view
        .files
        .iter()
        .filter(|file| !file.findings.is_empty())
        .count();
    let fixable = findings
        .iter()
        .filter(|finding| finding.sure_fix().is_some())
        .count();
    let mends = match (fixable, view.treatment) {
        (0, _) | (_, Treatment::Fix | Treatment::Filter | Treatment::DryRun) => String::new(),
        (some, Treatment::Check | Treatment::Diff) => format!("; `--fix` mends {some}"),
    };
    format!(
        "{} ({}) in {with} of {}{mends}{excluded}",
        count(findings.len(), "finding"),
        by_severity(&findings),
        count(files, "file"),
    )
}

fn by_severity(findings: &[&Diagnostic]) -> String {
    let kinds = [
        (Severity::Error, "error"),
        (Severity::Warning, "warning"),
        (Severity::Info, "info"),
        (Severity::Hint, "hint"),
    ];
    let parts: Vec<String> = kinds
        .iter()
        .map(|(severity, name)| {
            let found = findings
                .iter()
                .filter(|finding| finding.severity == *severity);
            (found.count(), *name)
        })
        .filter(|(found, _)| *found > 0)
        .map(|(found, name)| count(found, name))
        .collect();
    parts.join(", ")
}

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 || what == "info" {
        ""
    } else {
        "s"
    };
    format!("{number} {what}{plural}")
}

/// What there is to say about a rule: its page, and how it is switched.
pub fn rule_page(lint: &Lint) -> String {
    let mut page = lint.docs.trim_end().to_owned();
    page += "\n\n";
    if !lint.aliases.is_empty() {
        page += &format!("Also called {}. ", lint.aliases.join(", "));
    }
    page += &match (lint.level, lint.hadolint) {
        (Level::Off, Level::Off) => "Off unless it is switched on.".to_owned(),
        (Level::Off, set) => format!(
            "Off unless it, or hadolint's set ({}), is switched on.",
            set.name()
        ),
        (level, _) if lint.experimental => {
            format!(
                "Default level: {}, in files whose `# check=experimental=` names it.",
                level.name()
            )
        }
        (level, _) => format!("Default level: {}.", level.name()),
    };
    if lint.fixable {
        page += " `cooper lint --fix` mends it.";
    }
    if !lint.url.is_empty() {
        page += &format!("\n\n{}", lint.url);
    }
    page += "\n";
    page
}
