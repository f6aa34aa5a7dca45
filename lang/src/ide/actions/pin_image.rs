//! An image's name gets the digest that it stands for now.

use super::{Action, ActionKind, Cursor};
use crate::instructions::Kind;
use crate::model::reference::Reference;
use crate::text::{TextRange, Word};
use bstr::ByteSlice;

pub(super) fn offer(cursor: &Cursor<'_>, out: &mut Vec<Action>) {
    let Some(instruction) = cursor.instruction() else {
        return;
    };
    match &instruction.kind {
        Kind::From(from) => offer_for(cursor, &from.base, out),
        Kind::Copy(copy) => {
            if let Some(from) = &copy.from {
                offer_for(cursor, from, out);
            }
        }
        _ => {}
    }
}

fn offer_for(cursor: &Cursor<'_>, name: &Word, out: &mut Vec<Action>) {
    let Some(reference) = image(cursor, name) else {
        return;
    };
    if let Some(digest) = cursor.request.images.digest(&reference) {
        let end = TextRange::new(name.range.end, name.range.end);
        let short = &digest.hex()[..12];
        let title = format!("pin `{}` to {}:{short}", name.text, digest.algorithm());
        let edits = vec![(end, format!("@{digest}"))];
        out.push(Action::new(ActionKind::Rewrite, title, edits));
    }
}

/// The image that a word names when it names neither a stage nor one by a variable, and has no digest yet.
fn image(cursor: &Cursor<'_>, name: &Word) -> Option<Reference> {
    let text = name.text.to_str().ok()?;
    let as_written = name.range.len() as usize == text.len();
    let is_index = text.bytes().all(|b| b.is_ascii_digit());
    let is_stage = cursor.file.dockerfile().stages.iter().any(|stage| {
        matches!(&stage.from.kind, Kind::From(from)
            if from.name.as_ref().is_some_and(|n| n.text.eq_ignore_ascii_case(text.as_bytes())))
    });
    if !as_written || is_index || is_stage || text == "scratch" || text.contains(['$', '@', '\\']) {
        return None;
    }
    Reference::parse_docker(text).ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{after, check_not};

    #[test]
    fn images_are_pinned_and_stages_are_not() {
        let pinned = after("FROM node:‸20 AS a\n", "pin `node:20` to sha256:0123").unwrap();
        assert!(
            pinned.starts_with("FROM node:20@sha256:0123456789") && pinned.ends_with(" AS a\n")
        );
        let pinned = after("FROM a\nCOPY --from=b‸ /x /\n", "pin").unwrap();
        assert!(pinned.contains("--from=b@sha256:0123"));
        for source in [
            "FROM a AS b\nFROM b‸\n",
            "FROM ‸scratch\n",
            "FROM $X‸\n",
            "FROM a‸@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
            "FROM a\nCOPY --from=0‸ /x /\n",
        ] {
            check_not("pin", source);
        }
    }
}
