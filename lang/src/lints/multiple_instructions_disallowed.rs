//! One `CMD`, `ENTRYPOINT` and `HEALTHCHECK` a stage.

use super::{Finding, Lint};
use crate::instructions::Instruction;

pub(super) const LINT: Lint = Lint {
    name: "MultipleInstructionsDisallowed",
    description: "Multiple instructions of the same type should not be used in the same stage",
    url: "https://docs.docker.com/go/dockerfile/rule/multiple-instructions-disallowed/",
    docs: include_str!("../../docs/lints/multiple-instructions-disallowed.md"),
    aliases: &["MULTIPLE_INSTRUCTIONS"],
    fixable: true,
    ..Lint::OFFICIAL
};

/// Reports the earlier of two instructions, which has no effect; the message shows the later one's keyword.
pub(crate) fn check(earlier: &Instruction, later: &Instruction) -> Finding {
    let message = format!(
        "Multiple {} instructions should not be used in the same stage because only the last one will be used",
        later.keyword.to_str_lossy()
    );
    Finding::new(&LINT, earlier, earlier.range, message).with_fix(
        "remove the instruction without effect",
        vec![(earlier.range, String::new())],
    )
}
