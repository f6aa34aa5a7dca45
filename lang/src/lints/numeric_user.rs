//! `USER` by number.

use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::Kind;
use crate::text::Word;
use bstr::ByteSlice;

pub(super) const LINT: Lint = Lint {
    name: "NumericUser",
    aliases: &["DL3066"],
    description: "USER should be a number",
    docs: include_str!("../../docs/lints/numeric-user.md"),
    hadolint: Level::Info,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at users that are neither numbers nor given by an `ARG`.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let mut args: Vec<&Word> = Vec::new();
    for instruction in subject.inner() {
        match &instruction.kind {
            Kind::Arg(items) => args.extend(items.iter().map(|item| &item.name)),
            Kind::User(user) if !is_number(user) && !is_given(user, &args) => {
                let message = format!(
                    "`{}` is a name that only this image knows; a host can check a number",
                    user.to_str_lossy()
                );
                found.push(Finding::new(&LINT, instruction, user.range, message));
            }
            _ => {}
        }
    }
}

fn is_number(user: &Word) -> bool {
    let name = user
        .text
        .split(|byte| *byte == b':')
        .next()
        .unwrap_or_default();
    name.iter().all(u8::is_ascii_digit)
}

/// The user is, or holds, the value of an `ARG`.
fn is_given(user: &Word, args: &[&Word]) -> bool {
    args.iter().any(|arg| {
        let name = &arg.text;
        let plain = [b"$", name.as_slice()].concat();
        let braced = [b"${", name.as_slice(), b"}"].concat();
        user.text.contains_str(plain) || user.text.contains_str(braced)
    })
}
