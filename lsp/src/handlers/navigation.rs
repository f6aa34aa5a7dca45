//! From a name to the other places where it stands, and from a source of COPY to its file.

use super::links;
use crate::convert;
use crate::jobs::Answer;
use crate::session::Snapshot;
use cooperage_lang::ide::navigation::{self, Access, Definition};
use cooperage_lang::text::TextRange;
use tower_lsp::lsp_types as lsp;

/// `textDocument/definition`.
pub(crate) fn definition(
    snapshot: &Snapshot,
    params: lsp::GotoDefinitionParams,
) -> Answer<Option<lsp::GotoDefinitionResponse>> {
    let position = params.text_document_position_params.position;
    let offset = snapshot.text.offset(position);
    let links = match navigation::definition(snapshot.file(), offset) {
        Some(found) => in_text(snapshot, &found),
        None => to_file(snapshot, offset).into_iter().collect(),
    };
    if links.is_empty() {
        return Ok(None);
    }
    if snapshot.setup.features.definition_links {
        return Ok(Some(links.into()));
    }
    let places: Vec<lsp::Location> = links
        .into_iter()
        .map(|link| lsp::Location::new(link.target_uri, link.target_selection_range))
        .collect();
    Ok(Some(places.into()))
}

fn in_text(snapshot: &Snapshot, found: &Definition) -> Vec<lsp::LocationLink> {
    let link = |target: &navigation::Target| lsp::LocationLink {
        origin_selection_range: Some(snapshot.text.range(found.origin)),
        target_uri: snapshot.uri.clone(),
        target_range: snapshot.text.range(target.range),
        target_selection_range: snapshot.text.range(target.name),
    };
    found.targets.iter().map(link).collect()
}

/// The file of the context that the source at `offset` names.
fn to_file(snapshot: &Snapshot, offset: u32) -> Option<lsp::LocationLink> {
    let (range, path) = links::file_at(snapshot, offset)?;
    let start = lsp::Range::default();
    Some(lsp::LocationLink {
        origin_selection_range: Some(snapshot.text.range(range)),
        target_uri: convert::uri(&path)?,
        target_range: start,
        target_selection_range: start,
    })
}

/// `textDocument/references`.
pub(crate) fn references(
    snapshot: &Snapshot,
    params: lsp::ReferenceParams,
) -> Answer<Option<Vec<lsp::Location>>> {
    let offset = snapshot.text.offset(params.text_document_position.position);
    let with_definitions = params.context.include_declaration;
    let places = navigation::references(snapshot.file(), offset, with_definitions);
    let location =
        |range: TextRange| lsp::Location::new(snapshot.uri.clone(), snapshot.text.range(range));
    Ok(Some(places.into_iter().map(location).collect()))
}

/// `textDocument/documentHighlight`.
pub(crate) fn highlights(
    snapshot: &Snapshot,
    params: lsp::DocumentHighlightParams,
) -> Answer<Option<Vec<lsp::DocumentHighlight>>> {
    let position = params.text_document_position_params.position;
    let found = navigation::highlights(snapshot.file(), snapshot.text.offset(position));
    let highlight = |found: navigation::Highlight| lsp::DocumentHighlight {
        range: snapshot.text.range(found.range),
        kind: Some(match found.access {
            Access::Read => lsp::DocumentHighlightKind::READ,
            Access::Write => lsp::DocumentHighlightKind::WRITE,
        }),
    };
    Ok(Some(found.into_iter().map(highlight).collect()))
}

/// `textDocument/linkedEditingRange`.
pub(crate) fn linked(
    snapshot: &Snapshot,
    params: lsp::LinkedEditingRangeParams,
) -> Answer<Option<lsp::LinkedEditingRanges>> {
    let position = params.text_document_position_params.position;
    let found = navigation::linked(snapshot.file(), snapshot.text.offset(position));
    Ok(found.map(|linked| lsp::LinkedEditingRanges {
        ranges: linked
            .ranges
            .into_iter()
            .map(|r| snapshot.text.range(r))
            .collect(),
        word_pattern: Some(linked.pattern.to_owned()),
    }))
}
