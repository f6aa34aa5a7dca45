//! Code actions: fixes, silencing, refactorings.

use super::{diagnostics, workspace_edit};
use crate::jobs::Answer;
use crate::session::Snapshot;
use bstr::ByteSlice;
use cooperage_lang::ide::actions::{self, Action, ActionKind, Images};
use cooperage_lang::model::reference::{Digest, Reference};
use cooperage_lang::text::TextRange;
use cooperage_runtime::engine::Engine;
use tower_lsp::lsp_types as lsp;

/// The names of all kinds, for editors that ask for some.
pub(super) fn kinds() -> Vec<lsp::CodeActionKind> {
    ActionKind::ALL
        .iter()
        .map(|kind| kind.name().into())
        .collect()
}

/// Digests of the images in the store.
struct Stored<'a>(&'a Engine);

impl Images for Stored<'_> {
    fn digest(&self, reference: &Reference) -> Option<Digest> {
        Some(self.0.image(&reference.familiar()).ok()?.digest)
    }
}

/// `textDocument/codeAction`.
pub(crate) fn answer(
    snapshot: &Snapshot,
    params: lsp::CodeActionParams,
) -> Answer<Option<lsp::CodeActionResponse>> {
    let found = snapshot.findings();
    // Neovim names all findings of the line that the cursor is on.
    let named = params.context.diagnostics.iter();
    let named: Vec<_> = named
        .map(|named| snapshot.text.text_range(named.range))
        .collect();
    let request = actions::Request {
        file: snapshot.file(),
        range: snapshot.text.text_range(params.range),
        diagnostics: &found,
        named: &named,
        images: &Stored(&snapshot.setup.engine),
    };
    let wanted = |action: &Action| match &params.context.only {
        Some(only) => only
            .iter()
            .any(|wanted| includes(wanted.as_str(), action.kind.name())),
        // Only those who ask for it get what changes the whole file at once.
        None => action.kind != ActionKind::FixAll,
    };
    let found_here = |action: &Action| {
        let found = found.get(action.diagnostic?)?;
        Some(vec![diagnostics::diagnostic(&snapshot.text, found)])
    };
    let action = |mut action: Action| {
        if action.kind == ActionKind::FixAll {
            // A fix may give reason for another one, as on the command line.
            let mended = snapshot.setup.mended(&snapshot.uri, &snapshot.text);
            if mended == snapshot.text.source() {
                // What there is would leave an error.
                return None;
            }
            action.edits = vec![difference(snapshot.text.source(), &mended)];
        }
        Some(lsp::CodeActionOrCommand::CodeAction(lsp::CodeAction {
            kind: Some(action.kind.name().into()),
            diagnostics: found_here(&action),
            edit: Some(workspace_edit(snapshot, action.edits)),
            is_preferred: action.preferred.then_some(true),
            title: action.title,
            ..lsp::CodeAction::default()
        }))
    };
    let offered = actions::actions(&request).into_iter().filter(wanted);
    Ok(Some(offered.filter_map(action).collect()))
}

/// The lines that are other ones in `new`, as one replacement.
fn difference(old: &[u8], new: &[u8]) -> (TextRange, String) {
    let lines = |text| <[u8]>::lines_with_terminator(text);
    let pairs = lines(old).zip(lines(new));
    let same = pairs.take_while(|(old, new)| old == new);
    let start: usize = same.map(|(line, _)| line.len()).sum();
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let pairs = lines(old_rest).rev().zip(lines(new_rest).rev());
    let same = pairs.take_while(|(old, new)| old == new);
    let behind: usize = same.map(|(line, _)| line.len()).sum();
    let range = TextRange::new(start as u32, (old.len() - behind) as u32);
    let text = &new_rest[..new_rest.len() - behind];
    (range, text.to_str_lossy().into_owned())
}

/// Whether a kind is `wanted` or one of those below it: `refactor` holds `refactor.inline`.
fn includes(wanted: &str, kind: &str) -> bool {
    kind.strip_prefix(wanted)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || wanted.is_empty())
}
