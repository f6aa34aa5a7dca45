//! Labels of kind `url` are URLs.

use super::config::LabelKind;
use super::labels::misfits;
use super::{Finding, Level, Lint, Run, Subject};

pub(super) const LINT: Lint = Lint {
    name: "LabelUrl",
    aliases: &["DL3052"],
    description: "Labels of kind url should be URLs",
    docs: include_str!("../../docs/lints/label-url.md"),
    level: Level::Warning,
    hadolint: Level::Warning,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at labels that the schema says to be of that kind.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    misfits(&LINT, LabelKind::Url, is_url, "a URL", subject, found);
}

/// **Source:** RFC 3986, `URI`: a scheme, a colon, and characters that a URL may have.
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let letter_first = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    let in_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    letter_first && scheme.chars().all(in_scheme) && is_rest(rest)
}

fn is_rest(rest: &str) -> bool {
    let mut hexes = 0;
    let allowed = rest.chars().all(|c| {
        if hexes > 0 {
            hexes -= 1;
            return c.is_ascii_hexdigit();
        }
        hexes = if c == '%' { 2 } else { 0 };
        c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c)
    });
    allowed && hexes == 0 && rest.matches('#').count() <= 1
}
