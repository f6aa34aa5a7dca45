//! No secrets in `ARG` and `ENV`.

use super::{Finding, Lint};
use crate::instructions::Instruction;
use crate::quote::quote;
use crate::text::Word;

pub(super) const LINT: Lint = Lint {
    name: "SecretsUsedInArgOrEnv",
    description: "Sensitive data should not be used in the ARG or ENV commands",
    url: "https://docs.docker.com/go/dockerfile/rule/secrets-used-in-arg-or-env/",
    docs: include_str!("../../docs/lints/secrets-used-in-arg-or-env.md"),
    twin: Some("SensitiveName"),
    ..Lint::OFFICIAL
};

const SECRET: [&str; 10] = [
    "apikey",
    "auth",
    "credential",
    "credentials",
    "key",
    "password",
    "pword",
    "passwd",
    "secret",
    "token",
];

const HARMLESS: [&str; 3] = ["public", "file", "version"];

/// Looks at a name given by `ARG` or `ENV` (`keyword`, always upper case).
pub(crate) fn check(
    instruction: &Instruction,
    word: &Word,
    keyword: &str,
    name: &str,
) -> Option<Finding> {
    if !is_secret_name(name) {
        return None;
    }
    let message = format!(
        "Do not use ARG or ENV instructions for sensitive data ({keyword} {})",
        quote(name.as_bytes())
    );
    Some(Finding::new(&LINT, instruction, word.range, message))
}

/// Whether a variable's name says that its value is nobody's business.
pub fn is_secret_name(name: &str) -> bool {
    has_part(name, &SECRET) && !has_part(name, &HARMLESS)
}

fn has_part(name: &str, words: &[&str]) -> bool {
    name.split('_')
        .any(|part| words.iter().any(|word| part.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_between_underscores_count() {
        for (name, secret) in [
            ("api_KEY", true),
            ("GPG_KEY", true),
            ("KEYS", false),
            ("PUBLIC_KEY", false),
            ("TOKEN_FILE", false),
        ] {
            assert_eq!(is_secret_name(name), secret, "{name}");
        }
    }
}
