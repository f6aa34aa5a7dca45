//! Protocols in lowercase.

use super::{Finding, Lint};
use crate::instructions::Instruction;
use crate::text::Word;

pub(super) const LINT: Lint = Lint {
    name: "ExposeProtoCasing",
    description: "Protocol in EXPOSE instruction should be lowercase",
    url: "https://docs.docker.com/go/dockerfile/rule/expose-proto-casing/",
    docs: include_str!("../../docs/lints/expose-proto-casing.md"),
    fixable: true,
    ..Lint::OFFICIAL
};

/// Looks at one port of `EXPOSE` after expansion (`spec`), which was written as `word`.
pub(crate) fn check(instruction: &Instruction, word: &Word, spec: &str) -> Option<Finding> {
    let (port, proto) = spec.rsplit(':').next()?.split_once('/')?;
    let lower = proto.to_lowercase();
    if port.is_empty() || lower == proto || !["tcp", "udp", "sctp"].contains(&&*lower) {
        return None;
    }
    let message = format!("Defined protocol '{spec}' in EXPOSE instruction should be lowercase");
    let finding = Finding::new(&LINT, instruction, word.range, message);
    Some(if word.text == spec {
        let fixed = format!("{}{lower}", &spec[..spec.len() - proto.len()]);
        finding.with_fix("make the protocol lowercase", vec![(word.range, fixed)])
    } else {
        finding
    })
}
