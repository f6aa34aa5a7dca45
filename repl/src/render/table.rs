//! Tables: aligned columns, cut to the terminal's width when there is one.

use super::{Paint, text};

/// Rows under headings, with lines of text around them.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Headings.
    pub columns: Vec<Column>,
    /// One cell a column.
    pub rows: Vec<Vec<String>>,
    /// Lines below: totals, advice.
    pub notes: Vec<String>,
}

/// A heading and how its cells stand.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    name: &'static str,
    right: bool,
    flexible: bool,
}

impl Column {
    /// Cells stand to the left.
    pub const fn left(name: &'static str) -> Self {
        Self {
            name,
            right: false,
            flexible: false,
        }
    }

    /// Cells stand to the right: numbers.
    pub const fn right(name: &'static str) -> Self {
        Self {
            name,
            right: true,
            flexible: false,
        }
    }

    /// Cells stand to the left and give way when the terminal is narrow.
    pub const fn flexible(name: &'static str) -> Self {
        Self {
            name,
            right: false,
            flexible: true,
        }
    }
}

const GAP: usize = 3;
/// What a column that gives way keeps.
const NARROWEST: usize = 12;

impl Table {
    /// An empty table.
    pub fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            ..Self::default()
        }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The table as text; `width` is that of the terminal.
    pub fn render(&self, width: Option<usize>, paint: Paint) -> String {
        let mut text = String::new();
        if !self.columns.is_empty() {
            let widths = self.widths(width);
            let head: Vec<String> = self
                .columns
                .iter()
                .map(|column| column.name.to_owned())
                .collect();
            text += &paint.bold(&self.line(&head, &widths));
            text.push('\n');
            for row in &self.rows {
                text += &self.line(row, &widths);
                text.push('\n');
            }
        }
        for note in &self.notes {
            text += note;
            text.push('\n');
        }
        text
    }

    fn widths(&self, terminal: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = (0..self.columns.len())
            .map(|i| {
                self.rows
                    .iter()
                    .map(|row| text::width(&row[i]))
                    .chain([self.columns[i].name.len()])
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let Some(terminal) = terminal else {
            return widths;
        };
        let mut excess =
            (widths.iter().sum::<usize>() + GAP * (widths.len() - 1)).saturating_sub(terminal);
        // The widest of those that may shrink goes first, so that two long columns share the room.
        while excess > 0 {
            let widest = (0..widths.len())
                .filter(|i| self.columns[*i].flexible && widths[*i] > NARROWEST)
                .max_by_key(|i| widths[*i]);
            let Some(widest) = widest else { break };
            widths[widest] -= 1;
            excess -= 1;
        }
        widths
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (i, (cell, column)) in cells.iter().zip(&self.columns).enumerate() {
            if i > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            let cell = text::cut(cell, widths[i]);
            let blanks = " ".repeat(widths[i] - text::width(&cell));
            if column.right {
                line += &blanks;
                line += &cell;
            } else {
                line += &cell;
                line += &blanks;
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(&[
            Column::left("IMAGE"),
            Column::flexible("STEP"),
            Column::right("SIZE"),
        ]);
        table.row([
            "9f1c".into(),
            "RUN apk add --no-cache nginx".into(),
            "61.4 MB".into(),
        ]);
        table.row(["4be1".into(), "COPY . .".into(), "7 B".into()]);
        table.notes.push("2 steps".into());
        table
    }

    #[test]
    fn columns_are_aligned() {
        let text = sample().render(None, Paint(false));
        assert_eq!(
            text,
            "IMAGE   STEP                              SIZE\n\
             9f1c    RUN apk add --no-cache nginx   61.4 MB\n\
             4be1    COPY . .                           7 B\n\
             2 steps\n"
        );
    }

    #[test]
    fn a_narrow_terminal_cuts_the_column_that_gives_way() {
        let text = sample().render(Some(36), Paint(false));
        assert!(text.lines().all(|line| text::width(line) <= 36), "{text}");
        assert!(
            text.contains("RUN apk add --no…   61.4 MB") || text.contains('…'),
            "{text}"
        );
    }
}
