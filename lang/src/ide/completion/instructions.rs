//! Instructions, where one may begin.

use super::{Entry, ItemKind, Menu, Slot, Style, idioms};
use crate::ide::cursor::Line;
use crate::ide::template;
use crate::instructions::{INSTRUCTIONS, Spec};
use crate::syntax::Keyword;

/// Offers the instructions that may stand here.
pub(super) fn offer(menu: &mut Menu<'_>, line: &Line<'_>) {
    let slot = Slot::of(line, line.keyword.start);
    let in_stage = line.stages_above() > 0;
    for spec in INSTRUCTIONS {
        // A trigger acts in the stages of other files.
        if may_stand(spec.keyword, line.trigger, in_stage || line.trigger) {
            offer_instruction(menu, &slot, spec);
        }
    }
    if in_stage {
        idioms::offer_lines(menu, line, &slot);
    }
}

/// **Source:** Dockerfile reference, sections "FROM" and "ONBUILD".
fn may_stand(keyword: Keyword, trigger: bool, in_stage: bool) -> bool {
    match keyword {
        Keyword::From => !trigger,
        Keyword::Arg => true,
        Keyword::Onbuild | Keyword::Maintainer => in_stage && !trigger,
        Keyword::Add
        | Keyword::Cmd
        | Keyword::Copy
        | Keyword::Entrypoint
        | Keyword::Env
        | Keyword::Expose
        | Keyword::Healthcheck
        | Keyword::Label
        | Keyword::Run
        | Keyword::Shell
        | Keyword::Stopsignal
        | Keyword::User
        | Keyword::Volume
        | Keyword::Workdir => in_stage,
    }
}

/// One item a snippet; where nothing can be filled in, one for each different beginning.
fn offer_instruction(menu: &mut Menu<'_>, slot: &Slot, spec: &'static Spec) {
    for (i, snippet) in spec.snippets.iter().enumerate() {
        let mut entry = match menu.style {
            // Only the words that are there in any case are compared with what is typed.
            Style::Snippets => {
                Entry::template(ItemKind::Keyword, *snippet).filter(template::head(snippet))
            }
            Style::Plain => Entry::new(ItemKind::Keyword, template::head(snippet)),
        };
        if menu.style == Style::Plain && menu.has(&entry.label) {
            continue;
        }
        entry.deprecated = spec.keyword == Keyword::Maintainer;
        // The usual way to write an instruction comes before the others.
        let rank = if entry.deprecated {
            9
        } else {
            4 + u8::from(i > 0)
        };
        menu.offer(slot, entry.detail(spec.summary).doc(spec.page()).rank(rank));
    }
}
