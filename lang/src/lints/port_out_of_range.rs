//! Ports end at 65535.

use super::{Finding, Level, Lint, Run, Subject};
use crate::instructions::Kind;
use crate::text::Word;

pub(super) const LINT: Lint = Lint {
    name: "PortOutOfRange",
    aliases: &["DL3011"],
    description: "Ports should lie between 0 and 65535",
    docs: include_str!("../../docs/lints/port-out-of-range.md"),
    hadolint: Level::Error,
    run: Run::File(check),
    ..Lint::OWN
};

/// Looks at the numbers of `EXPOSE`.
fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for instruction in subject.inner() {
        let Kind::Expose(ports) = &instruction.kind else {
            continue;
        };
        if let Some(port) = ports.iter().find(|port| is_too_high(port)) {
            let message = format!(
                "port {} does not exist; the highest is 65535",
                port.to_str_lossy()
            );
            found.push(Finding::new(&LINT, instruction, port.range, message));
        }
    }
}

fn is_too_high(port: &Word) -> bool {
    let numbers = port.text.split(|byte| matches!(byte, b'/' | b'-' | b':'));
    let mut numbers = numbers.filter(|n| !n.is_empty() && n.iter().all(u8::is_ascii_digit));
    numbers.any(|number| {
        let value = std::str::from_utf8(number)
            .ok()
            .and_then(|n| n.parse::<u32>().ok());
        value.is_none_or(|value| value > 65_535)
    })
}
