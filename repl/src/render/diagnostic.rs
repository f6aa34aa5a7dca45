//! Errors and warnings with their place: the lines of the Dockerfile or script, what is wrong, what to type next.

use super::{Paint, text};
use crate::error::{CommandError, Kind, Place};
use cooperage_lang::diagnostic::{Diagnostic, Severity};
use cooperage_lang::text::LineIndex;
use serde_json::json;

/// Lines of a long instruction that are shown.
const EXCERPT: usize = 10;

/// An error as text for people.
pub fn error(error: &CommandError, paint: Paint) -> String {
    let head = match error.kind {
        Kind::Usage | Kind::RunUsage => "error".to_owned(),
        kind => format!("error[{}]", kind.name()),
    };
    let mut shown = format!("{}: {}\n", paint.red(&head), paint.bold(&error.message));
    for frame in &error.frames {
        excerpt(&mut shown, frame, paint);
    }
    if let Some(place) = &error.place {
        excerpt(&mut shown, place, paint);
    }
    if !error.log.is_empty() {
        shown += &format!("  {} last lines of its output:\n", paint.blue("="));
        for line in &error.log {
            shown += &format!("    {}\n", text::strip(line));
        }
    }
    for hint in &error.hints {
        shown += &format!("  {} {hint}\n", paint.green("help:"));
    }
    shown
}

/// `--> file:line:column` and the lines, the marked part underlined or, over several lines, marked with `>`.
pub(super) fn excerpt(shown: &mut String, place: &Place, paint: Paint) {
    let mut at = place.file.clone();
    if place.line > 0 {
        at += &format!(":{}", place.line);
        if place.column > 0 {
            at += &format!(":{}", place.column);
        }
    }
    *shown += &format!("  {} {at}\n", paint.blue("-->"));
    let lines = &place.excerpt[..place.excerpt.len().min(EXCERPT)];
    if let Some((last, _)) = lines.last() {
        let digits = last.to_string().len();
        let gutter = |label: &str| paint.blue(&format!("{label:>digits$} |"));
        *shown += &format!("  {}\n", gutter(""));
        for (number, line) in lines {
            let shown_line = text::strip(line);
            let marked = (place.line..=place.end_line).contains(number);
            let several = place.end_line > place.line;
            let sign = if several && marked {
                paint.red(">")
            } else {
                " ".to_owned()
            };
            let row = format!("{sign} {} {shown_line}", gutter(&number.to_string()));
            *shown += &format!("{}\n", row.trim_end());
            if marked && !several {
                *shown += &format!(
                    "  {} {}\n",
                    gutter(""),
                    paint.red(&underline(line, place.column, place.end_column))
                );
            }
        }
        if place.excerpt.len() > EXCERPT {
            *shown += &format!(
                "  {} … {} more lines\n",
                gutter(""),
                place.excerpt.len() - EXCERPT
            );
        }
    }
    if let Some(note) = &place.note {
        *shown += &format!("  {} {note}\n", paint.blue("="));
    }
}

/// Marks the letters from `column` to `end_column` (1-based), the word at `column` when there is no end, or the whole line
/// for column 0. The line is as in the file; the marks are for what is shown of it.
fn underline(line: &str, column: u32, end_column: u32) -> String {
    let width = |text: &str| text::width(&text::strip(text));
    if column == 0 {
        let indent = &line[..line.len() - line.trim_start().len()];
        return marks(width(indent), width(line.trim()));
    }
    let start = column as usize - 1;
    let before: String = line.chars().take(start).collect();
    let rest = line.chars().skip(start);
    let marked: String = if end_column > 0 {
        rest.take(end_column.saturating_sub(column) as usize)
            .collect()
    } else {
        rest.take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    marks(width(&before), width(&marked))
}

/// Blanks, then at least one mark.
fn marks(blanks: usize, marks: usize) -> String {
    format!("{}{}", " ".repeat(blanks), "^".repeat(marks.max(1)))
}

/// An error as one JSON object, for `--json`.
pub fn error_json(error: &CommandError) -> serde_json::Value {
    let place = |p: &Place| json!({"file": p.file, "line": p.line, "column": p.column});
    json!({"error": {
        "kind": error.kind.name(),
        "message": error.message,
        "script": error.frames.iter().map(place).collect::<Vec<_>>(),
        "dockerfile": error.place.as_ref().map(place),
        "hints": error.hints,
        "exit_code": error.exit_code,
        "log": error.log,
    }})
}

/// One finding of a check as a line: `warning[StageNameCasing]: … (Dockerfile:3)`.
pub fn finding(finding: &Diagnostic, file: &str, source: &[u8], paint: Paint) -> String {
    let label = match finding.severity {
        Severity::Error => paint.red(&format!("error[{}]", finding.code)),
        Severity::Warning => paint.yellow(&format!("warning[{}]", finding.code)),
        Severity::Info => paint.blue(&format!("info[{}]", finding.code)),
        Severity::Hint => paint.blue(&format!("hint[{}]", finding.code)),
    };
    let line = line_of(finding, source);
    format!(
        "{label}: {}\n  {} {file}:{line}\n",
        finding.message,
        paint.blue("-->")
    )
}

/// The line a finding is on: the one reported, else that of its range.
pub fn line_of(finding: &Diagnostic, source: &[u8]) -> u32 {
    match finding.lines.first() {
        Some(span) => span.start,
        None => {
            LineIndex::new(source)
                .line_column(finding.range.start.min(source.len() as u32))
                .0
                + 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_shows_its_line_its_output_and_the_next_thing_to_type() {
        let mut e = CommandError::new(Kind::StepFailed, "RUN npm ci exited with status 1")
            .hint("`cooper why` tells what ran");
        e.place = Some(Place {
            file: "site/Dockerfile".into(),
            line: 9,
            end_line: 9,
            column: 0,
            end_column: 0,
            excerpt: vec![(8, "COPY . .".into()), (9, "RUN npm ci".into())],
            note: Some("stage `deps`".into()),
        });
        e.log = vec!["npm error \u{1b}[31mcode\u{1b}[0m ERESOLVE".into()];
        assert_eq!(
            error(&e, Paint(false)),
            "error[StepFailed]: RUN npm ci exited with status 1\n\
             \x20 --> site/Dockerfile:9\n\
             \x20   |\n\
             \x20 8 | COPY . .\n\
             \x20 9 | RUN npm ci\n\
             \x20   | ^^^^^^^^^^\n\
             \x20 = stage `deps`\n\
             \x20 = last lines of its output:\n\
             \x20   npm error code ERESOLVE\n\
             \x20 help: `cooper why` tells what ran\n"
        );
    }

    #[test]
    fn a_column_marks_the_word_at_it() {
        assert_eq!(
            underline("let img = build(\"site\");", 11, 0),
            "          ^^^^^"
        );
        assert_eq!(underline("  x", 0, 0), "  ^");
        assert_eq!(underline("FROM 日本 AS b", 6, 8), "     ^^^^");
        assert_eq!(underline("\tRUN", 2, 5), "    ^^^");
        assert_eq!(underline("RUN", 9, 9), "   ^");
    }
}
