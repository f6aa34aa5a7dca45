//! No names that sound secret in `ARG` and `ENV`.

use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::Kind;
use crate::quote::quote;
use crate::text::Word;

pub(super) const LINT: Lint = Lint {
    name: "SensitiveName",
    aliases: &["DL3064"],
    description: "ARG and ENV should not have names of secrets",
    docs: include_str!("../../docs/lints/sensitive-name.md"),
    hadolint: Level::Warning,
    twin: Some("SecretsUsedInArgOrEnv"),
    run: Run::File(check),
    ..Lint::OWN
};

/// Variables of well-known services, beyond what [`SUSPICIOUS`] covers.
const KNOWN: [&str; 13] = [
    "APPLICATION_KEY",
    "AWS_ACCESS_KEY_ID",
    "CI_DEPLOY_USER",
    "DOCKER_EMAIL",
    "FACEBOOK_APP_ID",
    "HEROKU_API_USER",
    "OKTA_AUTHN_GROUPID",
    "OKTA_CLIENT_ORGURL",
    "OKTA_OAUTH2_CLIENTID",
    "STRIPE_DEVICE_NAME",
    "TRAVIS_OS_NAME",
    "TRAVIS_SECURE_ENV_VARS",
    "TRAVIS_SUDO",
];

/// Parts that make a name suspicious, in lower case.
const SUSPICIOUS: [&str; 7] = [
    "api_key",
    "client_key",
    "password",
    "private",
    "secret",
    "token",
    "username",
];

/// Looks at the names that `ARG` and `ENV` give.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for instruction in subject.inner() {
        let names: Vec<&Word> = match &instruction.kind {
            Kind::Arg(items) => items.iter().map(|item| &item.name).collect(),
            Kind::Env(pairs) => pairs.pairs.iter().map(|(name, _)| name).collect(),
            _ => continue,
        };
        if let Some(name) = names
            .into_iter()
            .find(|name| is_sensitive(&name.to_str_lossy()))
        {
            let message = format!(
                "{} sounds like a secret, and everyone who has the image can read it; use RUN --mount=type=secret",
                quote(&name.text)
            );
            found.push(Finding::new(&LINT, instruction, name.range, message));
        }
    }
}

fn is_sensitive(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name))
        || SUSPICIOUS.iter().any(|part| lower.contains(part))
}
