//! An open Dockerfile, and what is known of it.

use crate::convert::{self, Text};
use crate::sent::Sent;
use cooperage_lang::diagnostic::Diagnostic;
use cooperage_runtime::build::forecast::Forecast;
use std::path::Path;
use std::sync::Arc;
use tower_lsp::lsp_types as lsp;

/// An open document. The owner of the session alone has it; others get [`Snapshot`](crate::session::Snapshot)s.
pub(crate) struct Document {
    pub(crate) uri: lsp::Url,
    /// The client's version number.
    pub(crate) version: i32,
    pub(crate) text: Arc<Text>,
    /// The last forecast, of this text or an older one.
    pub(crate) forecast: Option<Arc<Forecasted>>,
    /// The forecast that was last spoken of gave reason to say something.
    pub(crate) advised: bool,
    /// Number of the diagnosis that was sent last; an older one that took longer is not sent after it.
    pub(crate) published: u64,
    /// The text of which there is no forecast, as an option is not valid.
    pub(crate) hopeless: Option<Arc<Text>>,
    /// What was sent and may be asked about again.
    pub(crate) sent: Arc<Sent>,
}

/// A forecast with the text it is of.
pub(crate) struct Forecasted {
    pub(crate) text: Arc<Text>,
    pub(crate) forecast: Forecast,
    /// What the forecast gives reason to say.
    pub(crate) advice: Vec<Diagnostic>,
}

impl Document {
    /// Whether the forecast of this text is still to come.
    pub(crate) fn awaits_forecast(&self) -> bool {
        let is_hopeless = |text: &Arc<Text>| Arc::ptr_eq(text, &self.text);
        self.current_forecast().is_none() && !self.hopeless.as_ref().is_some_and(is_hopeless)
    }

    /// The forecast of exactly this text.
    pub(crate) fn current_forecast(&self) -> Option<&Arc<Forecasted>> {
        self.forecast
            .as_ref()
            .filter(|forecast| Arc::ptr_eq(&forecast.text, &self.text))
    }
}

/// Whether the client gave us a Dockerfile: by its language, else by its name.
pub(crate) fn is_ours(uri: &lsp::Url, language: &str) -> bool {
    let language = language.to_ascii_lowercase();
    if language.contains("dockerfile") || language.contains("containerfile") {
        return true;
    }
    let known_otherwise = !matches!(language.as_str(), "" | "plaintext" | "text" | "unknown");
    !known_otherwise && convert::path(uri).is_some_and(|path| is_dockerfile(&path))
}

/// Whether a file is a Dockerfile by its name.
pub(crate) fn is_dockerfile(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(cooperage_runtime::dockerfiles::is_dockerfile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockerfiles_are_known_by_name() {
        let yes = [
            "Dockerfile",
            "/a/dockerfile",
            "Containerfile",
            "Dockerfile.dev",
            "web.Dockerfile",
            "web.dockerfile",
            "Containerfile.x",
        ];
        let no = [
            "Dockerfile.dockerignore",
            "MyDockerfile",
            "Dockerfiles",
            "Dockerfile-dev",
            "a/",
            ".dockerignore",
        ];
        assert!(yes.iter().all(|name| is_dockerfile(Path::new(name))));
        assert!(!no.iter().any(|name| is_dockerfile(Path::new(name))));
    }

    #[test]
    fn the_language_goes_before_the_name() {
        let uri = |text: &str| text.parse::<lsp::Url>().unwrap();
        assert!(is_ours(&uri("untitled:1"), "dockerfile"));
        assert!(is_ours(&uri("file:///x/Dockerfile"), ""));
        assert!(!is_ours(&uri("file:///x/Dockerfile.py"), "python"));
        assert!(!is_ours(&uri("file:///x/compose.yaml"), "yaml"));
    }
}
