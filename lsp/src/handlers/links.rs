//! Links to what a text points at: pages of images, URLs, files of the build context.

use crate::convert;
use crate::jobs::Answer;
use crate::session::Snapshot;
use cooperage_lang::ide::links::{Link, LinkTarget, links};
use cooperage_lang::text::TextRange;
use std::path::PathBuf;
use tower_lsp::lsp_types as lsp;

/// `textDocument/documentLink`.
pub(crate) fn answer(
    snapshot: &Snapshot,
    _: lsp::DocumentLinkParams,
) -> Answer<Option<Vec<lsp::DocumentLink>>> {
    let link = |link: Link| {
        let target = match &link.target {
            LinkTarget::Url(url) => url.parse().ok()?,
            LinkTarget::ContextPath(path) => convert::uri(&context_file(snapshot, path)?)?,
        };
        Some(lsp::DocumentLink {
            range: snapshot.text.range(link.range),
            target: Some(target),
            tooltip: None,
            data: None,
        })
    };
    let found = links(snapshot.file());
    Ok(Some(found.into_iter().filter_map(link).collect()))
}

/// The file that a path of the context names, when it is there.
fn context_file(snapshot: &Snapshot, path: &str) -> Option<PathBuf> {
    let folder = snapshot.setup.context_folder(&snapshot.uri)?;
    let file = folder.join(path);
    file.is_file().then_some(file)
}

/// The file of the context that is named at `offset`, and where.
pub(super) fn file_at(snapshot: &Snapshot, offset: u32) -> Option<(TextRange, PathBuf)> {
    links(snapshot.file())
        .into_iter()
        .filter(|link| link.range.start <= offset && offset <= link.range.end)
        .find_map(|link| match &link.target {
            LinkTarget::ContextPath(path) => Some((link.range, context_file(snapshot, path)?)),
            LinkTarget::Url(_) => None,
        })
}
