//! What changed between two texts.

use super::Paint;
use similar::TextDiff;

/// A unified diff of a file, as `patch` reads it; nothing when nothing changed. Bytes that are not UTF-8 are shown as
/// U+FFFD.
pub fn of(name: &str, before: Option<&[u8]>, after: &[u8], paint: Paint) -> String {
    let Some(before) = before else {
        return String::new();
    };
    let (before, after) = (
        String::from_utf8_lossy(before),
        String::from_utf8_lossy(after),
    );
    let diff = TextDiff::from_lines(before.as_ref(), after.as_ref());
    let text = diff.unified_diff().header(name, name).to_string();
    if !paint.0 {
        return text;
    }
    let painted = text.split_inclusive('\n').map(|line| {
        let (text, end) = line.split_at(line.trim_end_matches('\n').len());
        let text = match text.as_bytes() {
            [b'-', b'-', b'-', ..] | [b'+', b'+', b'+', ..] => paint.bold(text),
            [b'-', ..] => paint.red(text),
            [b'+', ..] => paint.green(text),
            [b'@', ..] => paint.blue(text),
            _ => text.to_owned(),
        };
        text + end
    });
    painted.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_can_be_given_to_patch() {
        let diff = of(
            "a/Dockerfile",
            Some(b"FROM a AS B\nRUN x\n"),
            b"FROM a AS b\nRUN x\n",
            Paint(false),
        );
        assert_eq!(
            diff,
            "--- a/Dockerfile\n+++ a/Dockerfile\n@@ -1,2 +1,2 @@\n-FROM a AS B\n+FROM a AS b\n RUN x\n"
        );
        assert_eq!(of("x", None, b"a", Paint(true)), "");
    }
}
