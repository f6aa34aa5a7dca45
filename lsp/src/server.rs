//! Routing: which message is answered by what.

use crate::checker::Checker;
use crate::client::Features;
use crate::convert::{self, Encoding};
use crate::handlers::contents::{self, Content, ContentParams, ListParams, Listed};
use crate::handlers::{self, About};
use crate::jobs::{Answer, Fault};
use crate::session::{Parts, Reply, Session, Snapshot, Workspace};
use crate::settings::Settings;
use crate::setup::Setup;
use crate::talk::{Event, Events};
use cooperage_runtime::cancel::Cancel;
use cooperage_runtime::engine::Engine;
use cooperage_runtime::settings::Finder;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tokio::sync::oneshot;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::lsp_types as lsp;
use tower_lsp::{Client, LanguageServer};

/// What the client said of itself, as it said it: the library's types leave out what they do not know.
#[derive(Clone, Default)]
pub(crate) struct Greeting(Arc<OnceLock<Value>>);

impl Greeting {
    /// Keeps the parameters of the first `initialize`.
    pub(crate) fn hear(&self, params: Option<&Value>) {
        // A second one is refused by the library.
        let _ = self.0.set(params.cloned().unwrap_or_default());
    }
}

/// The routes. What has to be in order is posted to the owner of the session before a method first waits.
pub(crate) struct Backend {
    pub(crate) client: Client,
    events: Events,
    greeting: Greeting,
    engine: Engine,
    root: Option<PathBuf>,
}

/// Gives the work up when nobody waits for it any more.
struct GiveUp(Cancel);

impl Drop for GiveUp {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Backend {
    pub(crate) fn new(
        client: Client,
        events: Events,
        greeting: Greeting,
        engine: Engine,
        root: Option<PathBuf>,
    ) -> Self {
        Self {
            client,
            events,
            greeting,
            engine,
            root,
        }
    }

    /// Has the owner do something.
    fn tell(&self, work: impl FnOnce(&mut Session) + Send + 'static) {
        // The owner is gone only when the client is.
        let _ = self.events.send(Event::Done(Box::new(work)));
    }

    /// Has the owner see to an answer, and waits for it.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Session, Reply<T>) + Send + 'static,
    ) -> Result<T> {
        let (to, answer) = oneshot::channel();
        let cancel = Cancel::new();
        let _give_up = GiveUp(cancel.clone());
        self.tell(move |session| work(session, Reply { to, cancel }));
        match answer.await {
            Ok(answer) => answer.map_err(Error::from),
            // Its work came to an end without a word.
            Err(_) => {
                Err(Fault::Panicked("a mistake of the server, please report it".into()).into())
            }
        }
    }

    async fn document<P: About + Send + 'static, T: Send + 'static>(
        &self,
        params: P,
        answer: fn(&Snapshot, P) -> Answer<Option<T>>,
    ) -> Result<Option<T>> {
        let uri = params.uri().clone();
        self.ask(move |session, reply| session.about_document(&uri, params, answer, reply))
            .await
    }

    /// For what is asked while somebody types.
    async fn cursor<P: About + Send + 'static, T: Send + 'static>(
        &self,
        params: P,
        answer: fn(&Snapshot, P) -> Answer<Option<T>>,
    ) -> Result<Option<T>> {
        let uri = params.uri().clone();
        self.ask(move |session, reply| session.about_cursor(&uri, params, answer, reply))
            .await
    }

    async fn forecast<P: About + Send + 'static, T: Send + 'static>(
        &self,
        parts: Parts,
        params: P,
        answer: fn(&Snapshot, P) -> Answer<Option<T>>,
    ) -> Result<Option<T>> {
        let uri = params.uri().clone();
        self.ask(move |session, reply| session.about_forecast(&uri, params, parts, answer, reply))
            .await
    }

    async fn workspace<P: Send + 'static, T: Send + 'static>(
        &self,
        params: P,
        answer: fn(&Workspace, P) -> Answer<T>,
    ) -> Result<T> {
        self.ask(move |session, reply| session.about_workspace(params, answer, reply))
            .await
    }

    /// `workspace/textDocumentContent`.
    pub(crate) async fn content(&self, params: ContentParams) -> Result<Content> {
        let unknown = || Error::invalid_params("no open Dockerfile has such a document");
        let dockerfile = contents::dockerfile_of(&params.uri).ok_or_else(unknown)?;
        let found = self
            .ask(move |session, reply| {
                session.about_document(&dockerfile, params, contents::answer, reply);
            })
            .await?;
        found.ok_or_else(unknown)
    }

    /// `cooper/heredocs`.
    pub(crate) async fn heredocs(&self, params: ListParams) -> Result<Option<Vec<Listed>>> {
        self.document(params, contents::list).await
    }

    /// `window/workDoneProgress/cancel`.
    #[expect(clippy::unused_async, reason = "the library takes futures only")]
    pub(crate) async fn progress_cancel(&self, params: lsp::WorkDoneProgressCancelParams) {
        self.tell(move |session| handlers::commands::cancel(session, &params));
    }
}

/// What columns count: bytes when the client can, for that needs no counting.
fn encoding(capabilities: &Value) -> Encoding {
    let offered = capabilities.pointer("/general/positionEncodings");
    let has = |name: &str| {
        offered
            .and_then(Value::as_array)
            .is_some_and(|all| all.iter().any(|one| one == name))
    };
    if has("utf-8") {
        Encoding::Utf8
    } else {
        Encoding::Utf16
    }
}

/// The folders of the workspace: the list, or one root in one of two older ways.
fn folders(params: &Value) -> Vec<PathBuf> {
    let path = |uri: &Value| convert::path(&uri.as_str()?.parse().ok()?);
    if let Some(folders) = params["workspaceFolders"].as_array() {
        return folders
            .iter()
            .filter_map(|folder| path(&folder["uri"]))
            .collect();
    }
    let by_path = || params["rootPath"].as_str().map(PathBuf::from);
    path(&params["rootUri"])
        .or_else(by_path)
        .into_iter()
        .collect()
}

#[tower_lsp::async_trait]
impl LanguageServer for Backend {
    async fn initialize(&self, _: lsp::InitializeParams) -> Result<lsp::InitializeResult> {
        let nothing = Value::Null;
        let params = self.greeting.0.get().unwrap_or(&nothing);
        let capabilities = &params["capabilities"];
        let encoding = encoding(capabilities);
        let options = match &params["initializationOptions"]["cooper"] {
            Value::Null => &params["initializationOptions"],
            section => section,
        };
        let (settings, problems) = Settings::default().with(options);
        let setup = Setup {
            engine: self.engine.clone(),
            checker: Checker::new(self.events.clone()),
            root: self.root.clone(),
            features: Features::new(capabilities),
            encoding,
            begun_with: settings.clone(),
            settings,
            finder: Arc::new(Finder::default()),
            folders: folders(params),
            choices: BTreeMap::new(),
        };
        let _ = self.events.send(Event::Begin(Box::new(setup), problems));
        Ok(lsp::InitializeResult {
            capabilities: handlers::capabilities(encoding),
            server_info: Some(lsp::ServerInfo {
                name: "cooper".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
        })
    }

    async fn initialized(&self, _: lsp::InitializedParams) {
        self.tell(Session::ready);
    }

    async fn shutdown(&self) -> Result<()> {
        Ok(())
    }

    async fn did_open(&self, params: lsp::DidOpenTextDocumentParams) {
        self.tell(move |session| session.open(params.text_document));
    }

    async fn did_change(&self, params: lsp::DidChangeTextDocumentParams) {
        self.tell(move |session| session.edit(params));
    }

    async fn did_close(&self, params: lsp::DidCloseTextDocumentParams) {
        self.tell(move |session| session.close(&params.text_document.uri));
    }

    // What was saved, and what the client saw change, may be where no watch of ours reaches.
    async fn did_save(&self, params: lsp::DidSaveTextDocumentParams) {
        let uris = vec![params.text_document.uri];
        self.tell(move |session| handlers::configuration::files_changed(session, &uris));
    }

    async fn did_change_watched_files(&self, params: lsp::DidChangeWatchedFilesParams) {
        let uris: Vec<_> = params.changes.into_iter().map(|file| file.uri).collect();
        self.tell(move |session| handlers::configuration::files_changed(session, &uris));
    }

    async fn did_change_configuration(&self, params: lsp::DidChangeConfigurationParams) {
        self.tell(move |session| handlers::configuration::changed(session, &params.settings));
    }

    async fn did_change_workspace_folders(&self, params: lsp::DidChangeWorkspaceFoldersParams) {
        self.tell(move |session| handlers::configuration::folders(session, &params));
    }

    async fn hover(&self, params: lsp::HoverParams) -> Result<Option<lsp::Hover>> {
        self.document(params, handlers::hover::answer).await
    }

    async fn completion(
        &self,
        params: lsp::CompletionParams,
    ) -> Result<Option<lsp::CompletionResponse>> {
        self.cursor(params, handlers::completion::answer).await
    }

    async fn completion_resolve(&self, item: lsp::CompletionItem) -> Result<lsp::CompletionItem> {
        // One that is not ours, or came complete, is what it is.
        let Some(uri) = handlers::completion::uri_of(&item) else {
            return Ok(item);
        };
        let ours = item.clone();
        let resolved = self
            .ask(move |session, reply| {
                session.about_document(&uri, ours, handlers::completion::resolve, reply);
            })
            .await?;
        Ok(resolved.unwrap_or(item))
    }

    async fn signature_help(
        &self,
        params: lsp::SignatureHelpParams,
    ) -> Result<Option<lsp::SignatureHelp>> {
        self.cursor(params, handlers::signature::answer).await
    }

    async fn goto_definition(
        &self,
        params: lsp::GotoDefinitionParams,
    ) -> Result<Option<lsp::GotoDefinitionResponse>> {
        self.document(params, handlers::navigation::definition)
            .await
    }

    async fn references(&self, params: lsp::ReferenceParams) -> Result<Option<Vec<lsp::Location>>> {
        self.document(params, handlers::navigation::references)
            .await
    }

    async fn document_highlight(
        &self,
        params: lsp::DocumentHighlightParams,
    ) -> Result<Option<Vec<lsp::DocumentHighlight>>> {
        self.document(params, handlers::navigation::highlights)
            .await
    }

    async fn linked_editing_range(
        &self,
        params: lsp::LinkedEditingRangeParams,
    ) -> Result<Option<lsp::LinkedEditingRanges>> {
        self.document(params, handlers::navigation::linked).await
    }

    async fn prepare_rename(
        &self,
        params: lsp::TextDocumentPositionParams,
    ) -> Result<Option<lsp::PrepareRenameResponse>> {
        self.document(params, handlers::rename::prepare).await
    }

    async fn rename(&self, params: lsp::RenameParams) -> Result<Option<lsp::WorkspaceEdit>> {
        self.document(params, handlers::rename::answer).await
    }

    async fn document_symbol(
        &self,
        params: lsp::DocumentSymbolParams,
    ) -> Result<Option<lsp::DocumentSymbolResponse>> {
        self.document(params, handlers::symbols::document).await
    }

    async fn symbol(
        &self,
        params: lsp::WorkspaceSymbolParams,
    ) -> Result<Option<Vec<lsp::SymbolInformation>>> {
        self.workspace(params, handlers::symbols::workspace).await
    }

    async fn folding_range(
        &self,
        params: lsp::FoldingRangeParams,
    ) -> Result<Option<Vec<lsp::FoldingRange>>> {
        self.document(params, handlers::structure::folding).await
    }

    async fn selection_range(
        &self,
        params: lsp::SelectionRangeParams,
    ) -> Result<Option<Vec<lsp::SelectionRange>>> {
        self.document(params, handlers::structure::selections).await
    }

    async fn document_link(
        &self,
        params: lsp::DocumentLinkParams,
    ) -> Result<Option<Vec<lsp::DocumentLink>>> {
        self.document(params, handlers::links::answer).await
    }

    async fn semantic_tokens_full(
        &self,
        params: lsp::SemanticTokensParams,
    ) -> Result<Option<lsp::SemanticTokensResult>> {
        self.document(params, handlers::tokens::full).await
    }

    async fn semantic_tokens_full_delta(
        &self,
        params: lsp::SemanticTokensDeltaParams,
    ) -> Result<Option<lsp::SemanticTokensFullDeltaResult>> {
        self.document(params, handlers::tokens::difference).await
    }

    async fn semantic_tokens_range(
        &self,
        params: lsp::SemanticTokensRangeParams,
    ) -> Result<Option<lsp::SemanticTokensRangeResult>> {
        self.document(params, handlers::tokens::range).await
    }

    async fn formatting(
        &self,
        params: lsp::DocumentFormattingParams,
    ) -> Result<Option<Vec<lsp::TextEdit>>> {
        self.document(params, handlers::formatting::document).await
    }

    async fn range_formatting(
        &self,
        params: lsp::DocumentRangeFormattingParams,
    ) -> Result<Option<Vec<lsp::TextEdit>>> {
        self.document(params, handlers::formatting::range).await
    }

    async fn on_type_formatting(
        &self,
        params: lsp::DocumentOnTypeFormattingParams,
    ) -> Result<Option<Vec<lsp::TextEdit>>> {
        self.document(params, handlers::formatting::typed).await
    }

    async fn code_action(
        &self,
        params: lsp::CodeActionParams,
    ) -> Result<Option<lsp::CodeActionResponse>> {
        self.document(params, handlers::actions::answer).await
    }

    async fn inlay_hint(
        &self,
        params: lsp::InlayHintParams,
    ) -> Result<Option<Vec<lsp::InlayHint>>> {
        self.forecast(Parts::Hints, params, handlers::hints::answer)
            .await
    }

    async fn code_lens(&self, params: lsp::CodeLensParams) -> Result<Option<Vec<lsp::CodeLens>>> {
        self.forecast(Parts::Lenses, params, handlers::lenses::answer)
            .await
    }

    async fn inline_value(
        &self,
        params: lsp::InlineValueParams,
    ) -> Result<Option<Vec<lsp::InlineValue>>> {
        self.document(params, handlers::values::answer).await
    }

    async fn diagnostic(
        &self,
        params: lsp::DocumentDiagnosticParams,
    ) -> Result<lsp::DocumentDiagnosticReportResult> {
        let found = self
            .document(params, handlers::diagnostics::document)
            .await?;
        Ok(found.unwrap_or_else(handlers::diagnostics::nothing))
    }

    async fn workspace_diagnostic(
        &self,
        params: lsp::WorkspaceDiagnosticParams,
    ) -> Result<lsp::WorkspaceDiagnosticReportResult> {
        self.ask(move |session, reply| session.workspace_diagnostics(params, reply))
            .await
    }

    async fn execute_command(&self, params: lsp::ExecuteCommandParams) -> Result<Option<Value>> {
        let answer = self
            .ask(move |session, reply| handlers::commands::execute(session, params, reply))
            .await?;
        Ok(Some(answer).filter(|answer| *answer != json!(null)))
    }
}
