//! No address and no host port in `EXPOSE`.

use super::{Finding, Lint};
use crate::instructions::Instruction;
use crate::text::Word;

pub(super) const LINT: Lint = Lint {
    name: "ExposeInvalidFormat",
    description: "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release",
    url: "https://docs.docker.com/go/dockerfile/rule/expose-invalid-format/",
    docs: include_str!("../../docs/lints/expose-invalid-format.md"),
    fixable: true,
    ..Lint::OFFICIAL
};

/// Looks at one port of `EXPOSE` after expansion (`spec`), which was written as `word`.
pub(crate) fn check(instruction: &Instruction, word: &Word, spec: &str) -> Option<Finding> {
    let (host, container) = spec.rsplit_once(':')?;
    let (port, proto) = container.split_once('/').unwrap_or((container, ""));
    let known = ["", "tcp", "udp", "sctp"].contains(&&*proto.to_lowercase());
    // An empty address and an empty host port (`:80`, `::80`) are as good as none.
    if port.is_empty() || !known || host.is_empty() || host == ":" {
        return None;
    }
    let message = format!(
        "EXPOSE instruction should not define an IP address or host-port mapping, found '{spec}'"
    );
    let finding = Finding::new(&LINT, instruction, word.range, message);
    Some(if word.text == spec {
        finding.with_fix(
            "expose the container's port only",
            vec![(word.range, container.to_owned())],
        )
    } else {
        finding
    })
}
