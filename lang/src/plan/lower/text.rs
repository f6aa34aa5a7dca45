//! The spellings that names and history entries of the official front end have, which are those of Go.

use crate::rune;
use bstr::ByteSlice;
use std::time::Duration;

/// Text as it arrives in JSON: every byte that is not UTF-8 is one U+FFFD.
pub(super) use crate::rune::to_string as lossy;

/// `[a b]`, a list under `%v`.
pub(super) fn list<S: AsRef<str>>(items: &[S]) -> String {
    let items: Vec<_> = items.iter().map(AsRef::as_ref).collect();
    format!("[{}]", items.join(" "))
}

/// `["a" "b"]`, a list under `%q`.
pub(super) fn quoted_list<S: AsRef<str>>(items: &[S]) -> String {
    let items: Vec<_> = items
        .iter()
        .map(|i| crate::quote::quote(i.as_ref().as_bytes()))
        .collect();
    format!("[{}]", items.join(" "))
}

/// `1h2m3.5s`, `1.5ms`, `0s`.
///
/// **Source:** Go `time.Duration.String`.
pub(super) fn duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    for (unit, size) in [("ns", 1), ("µs", 1_000), ("ms", 1_000_000)] {
        if nanos < size * 1_000 {
            return format!("{}{unit}", decimal(nanos, size));
        }
    }
    let (hours, rest) = (nanos / 3_600_000_000_000, nanos % 3_600_000_000_000);
    let (minutes, rest) = (rest / 60_000_000_000, rest % 60_000_000_000);
    let seconds = decimal(rest, 1_000_000_000);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

fn decimal(value: u128, unit: u128) -> String {
    let (whole, part) = (value / unit, value % unit);
    if part == 0 {
        return whole.to_string();
    }
    let digits = unit.ilog10() as usize;
    format!(
        "{whole}.{}",
        format!("{part:0digits$}").trim_end_matches('0')
    )
}

/// The text with its first word, up to the first space, in upper case.
pub(super) fn uppercase_first_word(mut text: String) -> String {
    let end = text.find(' ').unwrap_or(text.len());
    let (word, rest) = text.split_at_mut(end);
    if !word.is_ascii() {
        return rune::upper(word.as_bytes()) + rest;
    }
    word.make_ascii_uppercase();
    text
}

/// First line of a heredoc, with `...` when there are more.
pub(super) fn summary(document: &[u8]) -> String {
    let text = document.trim();
    let mut lines = text.split_str("\n");
    let first = lines.next().unwrap_or_default();
    let more = lines.next().is_some();
    let first = if more {
        first.strip_suffix(b"\r").unwrap_or(first)
    } else {
        first
    };
    format!("{}{}", lossy(first), if more { "..." } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_spelled_as_go_does() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (2_000_000, "2ms"),
            (30_000_000_000, "30s"),
            (61_500_000_000, "1m1.5s"),
            (3_600_000_000_000, "1h0m0s"),
        ] {
            assert_eq!(duration(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn summaries_show_the_first_line() {
        assert_eq!(summary(b"\n  a\r\nb\n"), "a...");
        assert_eq!(summary(b"a\n"), "a");
    }

    #[test]
    fn the_first_word_is_raised() {
        assert_eq!(uppercase_first_word("run echo a".to_owned()), "RUN echo a");
        assert_eq!(uppercase_first_word("copy\ta b".to_owned()), "COPY\tA b");
    }
}
