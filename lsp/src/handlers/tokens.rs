//! Semantic tokens: the whole text, a part of it, or the difference to what was sent last.

use crate::convert::Text;
use crate::jobs::Answer;
use crate::session::Snapshot;
use cooperage_lang::ide::tokens::{Modifiers, SemanticToken, TokenType, delta, tokens};
use cooperage_lang::text::TextRange;
use std::sync::{Mutex, PoisonError};
use tower_lsp::lsp_types as lsp;

/// The tokens that were sent last, with their number.
#[derive(Default)]
pub(crate) struct LastTokens(Mutex<(u64, Vec<lsp::SemanticToken>)>);

impl LastTokens {
    /// Keeps tokens; gives their name and those they take the place of, when these have the name `known`.
    fn replace(
        &self,
        tokens: &[lsp::SemanticToken],
        known: Option<&str>,
    ) -> (String, Option<Vec<lsp::SemanticToken>>) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = known.is_some_and(|known| known == last.0.to_string());
        last.0 += 1;
        let old = std::mem::replace(&mut last.1, tokens.to_vec());
        (last.0.to_string(), same.then_some(old))
    }
}

/// The names of types and modifiers, by their numbers.
pub(super) fn legend() -> lsp::SemanticTokensLegend {
    lsp::SemanticTokensLegend {
        token_types: TokenType::ALL.map(|kind| kind.name().into()).into(),
        token_modifiers: Modifiers::NAMES.map(Into::into).into(),
    }
}

/// `textDocument/semanticTokens/full`.
pub(crate) fn full(
    snapshot: &Snapshot,
    _: lsp::SemanticTokensParams,
) -> Answer<Option<lsp::SemanticTokensResult>> {
    let data = encoded(snapshot, None);
    let (name, _) = snapshot.sent.tokens.replace(&data, None);
    let result_id = Some(name);
    Ok(Some(lsp::SemanticTokens { result_id, data }.into()))
}

/// `textDocument/semanticTokens/full/delta`.
pub(crate) fn difference(
    snapshot: &Snapshot,
    params: lsp::SemanticTokensDeltaParams,
) -> Answer<Option<lsp::SemanticTokensFullDeltaResult>> {
    let data = encoded(snapshot, None);
    let known = Some(params.previous_result_id.as_str());
    let (name, old) = snapshot.sent.tokens.replace(&data, known);
    let result_id = Some(name);
    let Some(old) = old else {
        return Ok(Some(lsp::SemanticTokens { result_id, data }.into()));
    };
    // The protocol counts the numbers that tokens are made of, five each.
    let edit = delta(&old, &data).map(|delta| lsp::SemanticTokensEdit {
        start: 5 * delta.start as u32,
        delete_count: 5 * delta.deleted as u32,
        data: Some(delta.inserted),
    });
    let edits = edit.into_iter().collect();
    Ok(Some(lsp::SemanticTokensDelta { result_id, edits }.into()))
}

/// `textDocument/semanticTokens/range`.
pub(crate) fn range(
    snapshot: &Snapshot,
    params: lsp::SemanticTokensRangeParams,
) -> Answer<Option<lsp::SemanticTokensRangeResult>> {
    let range = snapshot.text.text_range(params.range);
    let data = encoded(snapshot, Some(range));
    let result_id = None;
    Ok(Some(lsp::SemanticTokens { result_id, data }.into()))
}

fn encoded(snapshot: &Snapshot, range: Option<TextRange>) -> Vec<lsp::SemanticToken> {
    encode(&snapshot.text, &tokens(snapshot.file(), range))
}

/// Each token by its distance from the one before it. **Source:** language server protocol 3.17, *Integer Encoding for
/// Tokens*.
fn encode(text: &Text, tokens: &[SemanticToken]) -> Vec<lsp::SemanticToken> {
    let mut last = lsp::Position::default();
    let encode = |token: &SemanticToken| {
        let start = text.position(token.range.start);
        let delta_line = start.line - last.line;
        let from = if delta_line == 0 { last.character } else { 0 };
        last = start;
        lsp::SemanticToken {
            delta_line,
            delta_start: start.character - from,
            length: text.columns(token.range),
            token_type: token.kind as u32,
            token_modifiers_bitset: token.modifiers.bits(),
        }
    };
    tokens.iter().map(encode).collect()
}
