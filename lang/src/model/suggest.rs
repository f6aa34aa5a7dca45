//! "Did you mean …?": the closest known word.

use crate::rune;

/// How many single-character edits still count as a slip.
const CLOSE: usize = 3;

/// The candidate fewer than three edits away from `value`; `None` when there is none or `value` is itself one.
///
/// Without regard to case the answer takes the case of a value that is all lower or all upper. Among equally close
/// candidates the first one wins (the reference has no order there). **Source:** BuildKit `util/suggest`.
pub fn closest<'c>(
    value: &[u8],
    candidates: impl IntoIterator<Item = &'c str>,
    case_sensitive: bool,
) -> Option<String> {
    let fold = |text: &[u8]| {
        if case_sensitive {
            rune::to_string(text)
        } else {
            rune::lower(text)
        }
    };
    let wanted: Vec<char> = fold(value).chars().collect();
    let mut best = None;
    let mut best_distance = CLOSE;
    for candidate in candidates {
        // Every character more or less is an edit.
        if candidate.chars().count().abs_diff(wanted.len()) >= CLOSE {
            continue;
        }
        let folded: Vec<char> = fold(candidate.as_bytes()).chars().collect();
        let distance = distance(&wanted, &folded);
        if distance == 0 {
            return None;
        }
        if distance < best_distance {
            best_distance = distance;
            best = Some(candidate);
        }
    }
    let best = best?;
    let bytes = best.as_bytes();
    Some(match case_sensitive {
        true => best.to_owned(),
        false if rune::upper(value).as_bytes() == value => rune::upper(bytes),
        false => rune::lower(bytes),
    })
}

/// The suggestion as it is appended to a message: ` (did you mean X?)`, or nothing.
pub fn hint<'c>(
    value: &[u8],
    candidates: impl IntoIterator<Item = &'c str>,
    case_sensitive: bool,
) -> String {
    closest(value, candidates, case_sensitive)
        .map_or_else(String::new, |best| format!(" (did you mean {best}?)"))
}

/// Number of insertions, deletions and replacements between two names (Levenshtein distance). Takes the product of their
/// lengths in time.
pub fn distance<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_in_the_case_of_the_question() {
        let known = ["copy", "run"];
        assert_eq!(closest(b"COPYY", known, false).as_deref(), Some("COPY"));
        assert_eq!(closest(b"copyy", known, false).as_deref(), Some("copy"));
        assert_eq!(closest(b"Copyy", known, false).as_deref(), Some("copy"));
        assert_eq!(closest(b"COPY", known, false), None);
        assert_eq!(closest(b"COPYY", known, true), None);
        assert_eq!(closest(b"entrypoint", known, false), None);
    }
}
