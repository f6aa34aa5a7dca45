//! Text of unknown origin made safe to show, and cut to a width.

/// One line of a program's output without anything a terminal would obey: escape sequences and control characters are
/// taken out, of what a carriage return overwrote only the last state stays, invalid UTF-8 is replaced.
pub fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches(['\n', '\r']);
    let last = text
        .rsplit('\r')
        .find(|part| !part.is_empty())
        .unwrap_or_default();
    strip(last)
}

/// Takes escape sequences and control characters out; tabs become blanks.
pub fn strip(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\x1b' => skip_sequence(&mut letters),
            '\u{9b}' => skip_control(&mut letters),
            '\t' => clean.push_str("    "),
            // Direction overrides can make a line read as another one.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => {}
            c => clean.push(c),
        }
    }
    clean
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Skips what follows an escape character. **Source:** ECMA-48, sections 5.3 to 5.6.
fn skip_sequence(letters: &mut Letters<'_>) {
    match letters.next() {
        Some('[') => skip_control(letters),
        // Operating system command, device control, privacy message, application command, string: up to BEL or ST.
        Some(']' | 'P' | '^' | '_' | 'X') => {
            while let Some(letter) = letters.next() {
                if letter == '\x07' {
                    break;
                }
                if letter == '\x1b' {
                    letters.next_if_eq(&'\\');
                    break;
                }
            }
        }
        // Intermediate bytes, then one final byte.
        Some(' '..='/') => {
            while letters.next_if(|c| (' '..='/').contains(c)).is_some() {}
            letters.next();
        }
        _ => {}
    }
}

/// Skips parameters and the final byte of a control sequence.
fn skip_control(letters: &mut Letters<'_>) {
    while letters.next_if(|c| (' '..='?').contains(c)).is_some() {}
    letters.next_if(|c| ('@'..='~').contains(c));
}

/// Columns a text takes: wide letters count twice, combining ones nothing.
pub fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// Columns of one letter, by the blocks that matter.
fn char_width(letter: char) -> usize {
    match letter as u32 {
        0x0300..=0x036f | 0x200b..=0x200f | 0x20d0..=0x20ff | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// Cuts a text to `columns`; the last one is `…` when something was cut.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut used = 0;
    let mut short: String = text
        .chars()
        .take_while(|c| {
            used += char_width(*c);
            used < columns
        })
        .collect();
    if columns > 0 {
        short.push('…');
    }
    short
}

/// The first line of a text, with ` …` when there are more: a step with a heredoc in one row.
pub fn one_line(text: &str) -> String {
    let mut lines = text.lines();
    let first = strip(lines.next().unwrap_or_default());
    if lines.next().is_some() {
        format!("{first} …")
    } else {
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_of_programs_cannot_drive_the_terminal() {
        for (bytes, shown) in [
            (&b"\x1b[31mred\x1b[0m"[..], "red"),
            (b"\x1b]0;title\x07text", "text"),
            (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
            (b"10%\r50%\r100%\r\n", "100%"),
            (b"a\x1b[2J\x1b[Hb", "ab"),
            (b"\x1b(Bplain", "plain"),
            (b"bell\x07 back\x08space", "bell backspace"),
            (b"bad \xff byte", "bad \u{fffd} byte"),
            (b"tab\there", "tab    here"),
            (b"cut \x1b[", "cut "),
            ("\u{202e}drow".as_bytes(), "drow"),
        ] {
            assert_eq!(printable(bytes), shown);
        }
    }

    #[test]
    fn texts_are_cut_to_columns() {
        assert_eq!(cut("RUN make all", 8), "RUN mak…");
        assert_eq!(cut("RUN make", 8), "RUN make");
        assert_eq!(width("日本"), 4);
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(one_line("RUN <<EOF\nmake\nEOF"), "RUN <<EOF …");
    }
}
