//! What every document of a session shares: the engine, the agreement with the client, the settings, the folders.

use crate::checker::Checker;
use crate::client::Features;
use crate::convert::{self, Encoding, Text};
use crate::document::Forecasted;
use crate::settings::Settings;
use cooperage_lang::diagnostic::Diagnostic;
use cooperage_lang::ide::File;
use cooperage_runtime::build::forecast::Forecast;
use cooperage_runtime::build::request::{BuildRequest, ContextSource, DockerfileSource};
use cooperage_runtime::cancel::Cancel;
use cooperage_runtime::dockerfiles;
use cooperage_runtime::engine::{BuildError, Engine, Planned};
use cooperage_runtime::settings::{self, Declared, Finder};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tower_lsp::lsp_types as lsp;

/// Replaced as a whole when something of it changes, so that whoever works with one sees one.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) engine: Engine,
    pub(crate) checker: Checker,
    /// `--root`, for the programs that are started.
    pub(crate) root: Option<PathBuf>,
    pub(crate) features: Features,
    pub(crate) encoding: Encoding,
    /// What the client said of settings when it started; the rest is by default.
    pub(crate) begun_with: Settings,
    pub(crate) settings: Settings,
    /// The projects' own settings.
    pub(crate) finder: Arc<Finder>,
    /// Folders of the workspace.
    pub(crate) folders: Vec<PathBuf>,
    /// What was selected by command, by document.
    pub(crate) choices: BTreeMap<String, Choice>,
}

/// What the user selected for one document; the rest is as the settings have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// One of the builds that compose and bake files declare.
    pub(crate) declared: Option<Declared>,
    pub(crate) target: Option<String>,
    pub(crate) platform: Option<String>,
    pub(crate) build_args: BTreeMap<String, String>,
}

impl Setup {
    /// The build that the unsaved text of a document would be: the context is the file's folder. The text itself is not
    /// in it; who builds has it already.
    pub(crate) fn request(&self, uri: &lsp::Url) -> BuildRequest {
        let path = convert::path(uri);
        let folder = path.as_ref().and_then(|p| p.parent()).map(PathBuf::from);
        let name = path.as_ref().and_then(|p| p.file_name()).map_or_else(
            || "Dockerfile".to_owned(),
            |n| n.to_string_lossy().into_owned(),
        );
        let choice = self.choices.get(uri.as_str()).cloned().unwrap_or_default();
        let settings = &self.settings;
        let mut build_args = settings.build_args.clone();
        build_args.extend(choice.build_args);
        let project = self.project(uri).build;
        let project = match choice.declared {
            Some(declared) => declared.build.over(project),
            None => project,
        };
        let mut request = BuildRequest {
            context: folder.map_or(ContextSource::Empty, |folder| project.context_or(&folder)),
            dockerfile: DockerfileSource::Text {
                text: Vec::new(),
                name,
                path,
            },
            target: choice.target.or_else(|| settings.target.clone()),
            platform: choice.platform.or_else(|| settings.platform.clone()),
            build_args,
            ..BuildRequest::default()
        };
        project.complete(&mut request);
        request
    }

    /// What the project's settings files say of a document.
    pub(crate) fn project(&self, uri: &lsp::Url) -> settings::Settings {
        convert::path(uri).map_or_else(settings::Settings::default, |path| {
            self.finder.settings(&path)
        })
    }

    /// Forgets the projects' settings when files of those that apply to a document are others by now; tells whether.
    pub(crate) fn forget_old_settings(&self, uri: &lsp::Url) -> bool {
        let changed = convert::path(uri).is_some_and(|path| self.finder.has_changed(&path));
        if changed {
            self.finder.forget();
        }
        changed
    }

    /// The folder that a document's build copies from.
    pub(crate) fn context_folder(&self, uri: &lsp::Url) -> Option<PathBuf> {
        match self.request(uri).context {
            ContextSource::Folder(folder) => Some(folder),
            ContextSource::Empty | ContextSource::Url(_) | ContextSource::Archive(_) => None,
        }
    }

    /// What there is to say about a text, all of its stages; with its forecast what that gives reason to say too.
    pub(crate) fn findings(
        &self,
        uri: &lsp::Url,
        text: &Text,
        forecast: Option<&Forecasted>,
    ) -> Vec<Diagnostic> {
        let advice = forecast.iter().flat_map(|f| &f.advice).cloned().collect();
        self.findings_by(uri, text.file(), self.request(uri), advice)
    }

    /// The text of a document after all fixes, and those of what is found then.
    pub(crate) fn mended(&self, uri: &lsp::Url, text: &Text) -> Vec<u8> {
        let check = |file: &File| self.findings_by(uri, file, self.request(uri), Vec::new());
        let (file, ..) = dockerfiles::mend(text.source().to_vec(), check);
        file.into_source()
    }

    /// The same of a file that nobody has opened. The target of the settings is that of the file one works on: it need
    /// not be in each.
    pub(crate) fn findings_of_closed(&self, uri: &lsp::Url, text: &Text) -> Vec<Diagnostic> {
        let request = BuildRequest {
            target: None,
            ..self.request(uri)
        };
        self.findings_by(uri, text.file(), request, Vec::new())
    }

    fn findings_by(
        &self,
        uri: &lsp::Url,
        file: &File,
        request: BuildRequest,
        mut said: Vec<Diagnostic>,
    ) -> Vec<Diagnostic> {
        let project = self.project(uri);
        let plan = |request: &BuildRequest| {
            let rules = Some(&project.lint);
            self.engine.plan_read(file.dockerfile(), request, rules)
        };
        let plan = plan(&request).or_else(|error| {
            // What the build would stop at, and what there is to say of the text without its options.
            said.push(dockerfiles::unplaced(error.to_string()));
            plan(&BuildRequest {
                dockerfile: request.dockerfile.clone(),
                ..BuildRequest::default()
            })
        });
        let Ok(plan) = plan else {
            return said;
        };
        if self.asks_shellcheck(&project) {
            said.extend(self.checker.known(file, &project.lint));
        }
        dockerfiles::findings(file, plan, &project.lint, said)
    }

    /// Has ShellCheck look at the text of an open document, when it is wanted and installed.
    pub(crate) fn order_shellcheck(&self, uri: &lsp::Url, text: &Arc<Text>, heard: u64) {
        let project = self.project(uri);
        if self.asks_shellcheck(&project) {
            self.checker.order(uri, text, project.lint, heard);
        }
    }

    fn asks_shellcheck(&self, project: &settings::Settings) -> bool {
        self.settings.shellcheck && project.shellcheck != Some(false)
    }

    /// What the next build will do.
    pub(crate) fn forecast(
        &self,
        uri: &lsp::Url,
        text: &Text,
        cancel: &Cancel,
    ) -> Result<Forecast, BuildError> {
        let request = self.request(uri);
        let plan = self
            .engine
            .plan_read(text.file().dockerfile(), &request, None)?;
        let DockerfileSource::Text { name, path, .. } = &request.dockerfile else {
            unreachable!("an editor's text is a text")
        };
        let planned = Planned {
            source: text.source().to_vec(),
            name: name.clone(),
            path: path.clone(),
            plan: Arc::new(plan),
        };
        self.engine
            .forecast_until(&request, &planned, cancel.clone())
    }
}
