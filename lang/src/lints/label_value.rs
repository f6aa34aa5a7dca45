//! Labels whose value the project's schema says to be of some kind: a rule for each kind.

use super::config::LabelKind;
use super::labels::Label;
use super::{Finding, Level, Lint, Run, Subject};
use crate::model::expand::Lexer;

/// What the rules have in common.
const EACH: Lint = Lint {
    level: Level::Warning,
    hadolint: Level::Warning,
    ..Lint::OWN
};

pub(super) const EMAIL: Lint = Lint {
    name: "LabelEmail",
    aliases: &["DL3058"],
    description: "Labels of kind email should be mail addresses",
    docs: include_str!("../../docs/lints/label-email.md"),
    run: Run::File(|subject, out| misfits(&EMAIL, &EMAIL_FORM, subject, out)),
    ..EACH
};

const EMAIL_FORM: Form = Form {
    kind: LabelKind::Email,
    fits: is_email,
    wanted: "a mail address",
};

pub(super) const HASH: Lint = Lint {
    name: "LabelHash",
    aliases: &["DL3055"],
    description: "Labels of kind hash should be commit hashes of git",
    docs: include_str!("../../docs/lints/label-hash.md"),
    run: Run::File(|subject, out| misfits(&HASH, &HASH_FORM, subject, out)),
    ..EACH
};

const HASH_FORM: Form = Form {
    kind: LabelKind::Hash,
    fits: is_hash,
    wanted: "a commit hash of 7 or 40 digits",
};

pub(super) const LICENSE: Lint = Lint {
    name: "LabelLicense",
    aliases: &["DL3054"],
    description: "Labels of kind spdx should be SPDX licence identifiers",
    docs: include_str!("../../docs/lints/label-license.md"),
    run: Run::File(|subject, out| misfits(&LICENSE, &LICENSE_FORM, subject, out)),
    ..EACH
};

const LICENSE_FORM: Form = Form {
    kind: LabelKind::Spdx,
    fits: is_license,
    wanted: "an SPDX licence identifier",
};

pub(super) const TIME: Lint = Lint {
    name: "LabelTime",
    aliases: &["DL3053"],
    description: "Labels of kind rfc3339 should be times as in RFC 3339",
    docs: include_str!("../../docs/lints/label-time.md"),
    run: Run::File(|subject, out| misfits(&TIME, &TIME_FORM, subject, out)),
    ..EACH
};

const TIME_FORM: Form = Form {
    kind: LabelKind::Rfc3339,
    fits: is_time,
    wanted: "a time like 2026-01-31T12:00:00Z",
};

pub(super) const URL: Lint = Lint {
    name: "LabelUrl",
    aliases: &["DL3052"],
    description: "Labels of kind url should be URLs",
    docs: include_str!("../../docs/lints/label-url.md"),
    run: Run::File(|subject, out| misfits(&URL, &URL_FORM, subject, out)),
    ..EACH
};

const URL_FORM: Form = Form {
    kind: LabelKind::Url,
    fits: is_url,
    wanted: "a URL",
};

pub(super) const VERSION: Lint = Lint {
    name: "LabelVersion",
    aliases: &["DL3056"],
    description: "Labels of kind semver should be semantic versions",
    docs: include_str!("../../docs/lints/label-version.md"),
    run: Run::File(|subject, out| misfits(&VERSION, &VERSION_FORM, subject, out)),
    ..EACH
};

const VERSION_FORM: Form = Form {
    kind: LabelKind::Semver,
    fits: is_version,
    wanted: "a semantic version like 1.2.3",
};

/// What values of a kind look like.
struct Form {
    kind: LabelKind,
    fits: fn(&str) -> bool,
    wanted: &'static str,
}

/// Finds labels of one kind of the schema whose value is not like that.
fn misfits(lint: &'static Lint, form: &Form, subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let schema = &subject.config.label_schema;
    if !schema.values().any(|of| *of == form.kind) {
        return;
    }
    let lexer = Lexer::new(subject.file.dockerfile().escape);
    for label in Label::all(subject).filter(|label| schema.get(&label.key) == Some(&form.kind)) {
        let Some(value) = label.value(&lexer).filter(|value| !(form.fits)(value)) else {
            continue;
        };
        let message = format!("label `{}` is `{value}`, not {}", label.key, form.wanted);
        let range = label.value_word.range;
        found.push(Finding::new(lint, label.instruction, range, message));
    }
}

/// **Source:** RFC 5322, `addr-spec`.
fn is_email(text: &str) -> bool {
    email_address::EmailAddress::is_valid(text)
}

/// The whole hash or its usual short form.
fn is_hash(text: &str) -> bool {
    matches!(text.len(), 7 | 40)
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// An identifier of the list, or an expression of several.
fn is_license(text: &str) -> bool {
    spdx::Expression::parse(text).is_ok()
}

/// **Source:** Semantic Versioning 2.0.0.
fn is_version(text: &str) -> bool {
    semver::Version::parse(text).is_ok()
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

/// **Source:** RFC 3339, `date-time`.
fn is_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else {
        return false;
    };
    let Some(zone) = time.find(['Z', 'z', '+', '-']) else {
        return false;
    };
    let (clock, zone) = time.split_at(zone);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    is_date(date)
        && numbers(clock, ':', [2, 2, 2]).is_some_and(|[h, m, s]| h < 24 && m < 60 && s <= 60)
        && is_number(fraction)
        && is_zone(zone)
}

fn is_date(text: &str) -> bool {
    let Some([year, month, day]) = numbers(text, '-', [4, 2, 2]) else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (1..=12).contains(&month) && (1..=days).contains(&day)
}

fn is_zone(text: &str) -> bool {
    if matches!(text, "Z" | "z") {
        return true;
    }
    let offset = text
        .strip_prefix(['+', '-'])
        .and_then(|offset| numbers(offset, ':', [2, 2]));
    offset.is_some_and(|[hours, minutes]| hours < 24 && minutes < 60)
}

/// Numbers of exactly so many digits between separators.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[u32; N]> {
    let mut out = [0; N];
    let mut parts = text.split(separator);
    for (number, digits) in out.iter_mut().zip(digits) {
        let part = parts
            .next()
            .filter(|part| part.len() == digits && is_number(part))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(out)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
