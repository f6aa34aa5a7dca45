//! Which fixes of findings can be made together.

use crate::diagnostic::Diagnostic;
use crate::text::TextRange;
use std::collections::BTreeMap;

/// The edits of the fixes that can be made together, in source order, and the indices of their findings. A fix that
/// touches an earlier one is left for another round.
///
/// ```
/// use cooperage_lang::lints::fix;
/// use cooperage_lang::{instructions, plan, text};
///
/// let source = b"FROM scratch AS Base\nCOPY a /a\n";
/// let file = instructions::parse(source);
/// # struct Nothing;
/// # impl cooperage_lang::world::World for Nothing {
/// #     fn image(&self, _: &cooperage_lang::model::reference::Reference, _: &cooperage_lang::model::platform::Platform)
/// #         -> cooperage_lang::world::Known<std::sync::Arc<plan::config::ImageConfig>> {
/// #         cooperage_lang::world::Known::Unknown
/// #     }
/// #     fn layout_image(&self, _: &str, _: &cooperage_lang::model::platform::Platform)
/// #         -> cooperage_lang::world::Known<std::sync::Arc<plan::config::ImageConfig>> {
/// #         cooperage_lang::world::Known::Unknown
/// #     }
/// # }
/// let found = plan::lower::plan(&file, &plan::PlanOptions::default(), &Nothing).diagnostics;
/// let (edits, made) = fix::together(&found);
/// assert_eq!(text::apply(source, &edits), b"FROM scratch AS base\nCOPY a /a\n");
/// assert_eq!(found[made[0]].code, "StageNameCasing");
/// ```
pub fn together(found: &[Diagnostic]) -> (Vec<(TextRange, String)>, Vec<usize>) {
    let mut edits = Edits::default();
    let mut made = Vec::new();
    for (index, finding) in found.iter().enumerate() {
        let Some(fix) = &finding.fix else { continue };
        if !fix.edits.is_empty() && fix.edits.iter().all(|(range, _)| edits.is_free(*range)) {
            for (range, text) in &fix.edits {
                edits.0.insert(range.start, (range.end, text.clone()));
            }
            made.push(index);
        }
    }
    let list = edits.0.into_iter();
    let list = list.map(|(start, (end, text))| (TextRange::new(start, end), text));
    (list.collect(), made)
}

/// Replacements by where they start.
#[derive(Default)]
struct Edits(BTreeMap<u32, (u32, String)>);

impl Edits {
    /// Tells whether nothing at or beside these bytes is replaced yet.
    fn is_free(&self, range: TextRange) -> bool {
        let before = self.0.range(..=range.end).next_back();
        before.is_none_or(|(_, (end, _))| *end < range.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Fix, Severity};
    use crate::text::apply;

    fn finding(edits: &[(u32, u32, &str)]) -> Diagnostic {
        let edit = |(start, end, text): &(u32, u32, &str)| {
            (TextRange::new(*start, *end), (*text).to_owned())
        };
        Diagnostic {
            code: "X",
            severity: Severity::Warning,
            range: TextRange::default(),
            lines: Vec::new(),
            message: String::new(),
            fix: Some(Fix {
                title: String::new(),
                edits: edits.iter().map(edit).collect(),
            }),
        }
    }

    #[test]
    fn fixes_that_touch_wait_for_another_round() {
        for (first, second, text, together_made) in [
            (&[(0, 1, "A")][..], &[(2, 3, "C")][..], "AbCdef", true),
            (&[(2, 4, "X")], &[(3, 5, "Y")], "abXef", false),
            (&[(2, 2, "+")], &[(2, 2, "-")], "ab+cdef", false),
            (&[(4, 5, "")], &[(0, 1, "x"), (5, 6, "y")], "abcdf", false),
            (&[(4, 5, ""), (0, 1, "")], &[(2, 3, "x")], "bxdf", true),
        ] {
            let (edits, made) = together(&[finding(first), finding(second)]);
            assert_eq!(apply(b"abcdef", &edits), text.as_bytes());
            assert_eq!(made.len() == 2, together_made);
        }
        assert_eq!(together(&[finding(&[])]), (Vec::new(), Vec::new()));
    }
}
