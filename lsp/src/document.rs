//! An open Dockerfile and what is known of it.

use crate::convert::Text;
use crate::hints::Forecasted;
use cooperage_runtime::build::request::{BuildRequest, ContextSource, DockerfileSource};
use std::path::PathBuf;
use std::sync::Arc;
use tower_lsp::lsp_types::Url;

/// One version of an open document. Replaced whole at every edit, so whoever holds it sees one version.
#[derive(Clone)]
pub(crate) struct Document {
    pub(crate) uri: Url,
    /// The editor's version number.
    pub(crate) version: i32,
    pub(crate) text: Arc<Text>,
    /// The last forecast, of this version or an older one.
    pub(crate) forecast: Option<Arc<Forecasted>>,
}

impl Document {
    /// The build that the unsaved text would be: the context is the file's folder.
    pub(crate) fn request(&self) -> BuildRequest {
        let path = self.uri.to_file_path().ok();
        let folder = path.as_ref().and_then(|p| p.parent()).map(PathBuf::from);
        let name = path.as_ref().and_then(|p| p.file_name()).map_or_else(
            || "Dockerfile".to_owned(),
            |n| n.to_string_lossy().into_owned(),
        );
        let text = self.text.as_str().as_bytes().to_vec();
        BuildRequest {
            context: folder.map_or(ContextSource::Empty, ContextSource::Folder),
            dockerfile: DockerfileSource::Text { text, name, path },
            ..BuildRequest::default()
        }
    }
}
