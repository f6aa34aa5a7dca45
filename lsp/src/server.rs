//! Routing: which request is answered by what. Documents are owned here.

use crate::convert::{self, Text};
use crate::document::Document;
use crate::hints::{self, Forecasted};
use crate::hover;
use crate::transport::{self, Leave};
use cooperage_lang::instructions;
use cooperage_runtime::engine::{Engine, EngineOptions};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::BufReader;
use tokio::sync::watch;
use tower_lsp::jsonrpc::Result;
use tower_lsp::lsp_types as lsp;
use tower_lsp::lsp_types::notification::Notification;
use tower_lsp::{Client, LanguageServer, LspService, Server};

/// Edits closer together than this give one forecast.
const QUIET: Duration = Duration::from_millis(30);

/// A request for hints waits this long for the forecast of its version, then gets none.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers still under way when the client leaves have this long.
const FAREWELL: Duration = Duration::from_millis(200);

/// Bytes of messages between the program's input and the protocol library.
const PIPE: usize = 64 * 1024;

/// Speaks the protocol on standard input and output until the client says `exit` or closes them.
///
/// # Errors
/// No store folder can be chosen, the runtime cannot start, or the client says `exit` without `shutdown`.
pub fn serve(root: Option<PathBuf>) -> anyhow::Result<()> {
    let engine = Engine::open(EngineOptions {
        root,
        read_only: true,
        ..EngineOptions::default()
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let leave = runtime.block_on(async {
        let (service, socket) = LspService::new(|client| Backend::new(client, engine));
        let (passed, input) = tokio::io::duplex(PIPE);
        // Handlers do their part of an edit before they first wait, so edits stay in order; a request that waits for a
        // forecast must not hold up the edits behind it.
        let served = tokio::spawn(
            Server::new(input, tokio::io::stdout(), socket)
                .concurrency_level(64)
                .serve(service),
        );
        let leave = transport::relay(BufReader::new(tokio::io::stdin()), passed).await;
        // Who does not answer in time has nobody to answer to.
        let _ = tokio::time::timeout(FAREWELL, served).await;
        leave
    });
    // A forecast of a huge context may still run; nobody wants it any more.
    runtime.shutdown_background();
    anyhow::ensure!(
        leave? != Leave::Abrupt,
        "the client said `exit` without `shutdown`"
    );
    Ok(())
}

struct Backend {
    client: Client,
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    documents: Mutex<HashMap<lsp::Url, Document>>,
    /// Counts finished forecasts, for requests that wait.
    forecasts: watch::Sender<u64>,
    /// Held by whoever publishes diagnostics: they leave in the order of the versions, and only the newest ones.
    publishing: tokio::sync::Mutex<()>,
    /// The client wants the forecast as diagnostics of level hint too, for editors that show nothing else.
    hint_diagnostics: AtomicBool,
}

impl Shared {
    fn documents(&self) -> MutexGuard<'_, HashMap<lsp::Url, Document>> {
        // Documents are replaced whole: a panic elsewhere cannot leave one half-changed.
        self.documents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn document(&self, uri: &lsp::Url) -> Option<Document> {
        self.documents().get(uri).cloned()
    }

    /// Forecasts the current version of a document and keeps the result, unless the text moved on.
    fn forecast(&self, uri: &lsp::Url) {
        let Some(document) = self.document(uri) else {
            return;
        };
        let forecast = self.engine.forecast(&document.request());
        if let Ok(forecast) = forecast
            && let Some(current) = self.documents().get_mut(uri)
            && Arc::ptr_eq(&current.text, &document.text)
        {
            current.forecast = Some(Arc::new(Forecasted {
                text: document.text,
                forecast,
            }));
        }
        self.forecasts.send_modify(|n| *n += 1);
    }

    /// Whether a document is still the open one, unedited.
    fn is_current(&self, document: &Document) -> bool {
        self.documents()
            .get(&document.uri)
            .is_some_and(|current| Arc::ptr_eq(&current.text, &document.text))
    }

    fn diagnostics(&self, document: &Document) -> Vec<lsp::Diagnostic> {
        let of_text;
        let planned;
        let found = if let Ok(result) = self.engine.plan(&document.request()) {
            planned = result;
            &planned.plan.diagnostics
        } else {
            // Nothing to plan, an empty text for example: what the text itself has to say.
            of_text = instructions::parse(document.text.as_str().as_bytes());
            &of_text.diagnostics
        };
        let found = found.iter().map(|d| convert::diagnostic(&document.text, d));
        let forecast = self
            .document(&document.uri)
            .and_then(|document| document.forecast)
            .filter(|_| self.hint_diagnostics.load(Ordering::Relaxed));
        let hints = forecast
            .iter()
            .flat_map(|f| hints::diagnostics(&document.text, &f.forecast));
        found.chain(hints).collect()
    }
}

/// Publishes the diagnostics of a version, unless the text has moved on when its turn comes.
async fn publish(shared: Arc<Shared>, client: Client, document: Document) {
    let _turn = shared.publishing.lock().await;
    if !shared.is_current(&document) {
        return;
    }
    let (uri, version) = (document.uri.clone(), document.version);
    let worker = shared.clone();
    let found = tokio::task::spawn_blocking(move || worker.diagnostics(&document)).await;
    if let Ok(found) = found {
        client.publish_diagnostics(uri, found, Some(version)).await;
    }
}

impl Backend {
    fn new(client: Client, engine: Engine) -> Self {
        let (forecasts, _) = watch::channel(0);
        Self {
            client,
            shared: Arc::new(Shared {
                engine,
                documents: Mutex::default(),
                forecasts,
                publishing: tokio::sync::Mutex::default(),
                hint_diagnostics: AtomicBool::default(),
            }),
        }
    }

    /// Starts what a new version brings: its diagnostics, then its forecast.
    fn changed(&self, document: Document) {
        // With the forecast among them, the diagnostics wait for it.
        if !self.shared.hint_diagnostics.load(Ordering::Relaxed) {
            let (shared, client) = (self.shared.clone(), self.client.clone());
            tokio::spawn(publish(shared, client, document.clone()));
        }
        self.start_forecast(document);
    }

    fn start_forecast(&self, document: Document) {
        let (shared, client) = (self.shared.clone(), self.client.clone());
        tokio::spawn(async move {
            tokio::time::sleep(QUIET).await;
            if !shared.is_current(&document) {
                return;
            }
            let (worker, uri) = (shared.clone(), document.uri.clone());
            let forecast = tokio::task::spawn_blocking(move || worker.forecast(&uri));
            if forecast.await.is_ok() {
                if shared.hint_diagnostics.load(Ordering::Relaxed) {
                    publish(shared, client.clone(), document).await;
                }
                // A client without these requests answers with an error, which changes nothing.
                let _ = client.inlay_hint_refresh().await;
                let _ = client.code_lens_refresh().await;
            }
        });
    }

    /// The document with a forecast of its version, waiting a little for it.
    async fn forecasted(&self, uri: &lsp::Url) -> Option<(Document, Arc<Forecasted>)> {
        let mut finished = self.shared.forecasts.subscribe();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let document = self.shared.document(uri)?;
            if let Some(forecast) = document.forecast.clone()
                && Arc::ptr_eq(&forecast.text, &document.text)
            {
                return Some((document, forecast));
            }
            finished.mark_unchanged();
            if tokio::time::timeout_at(deadline, finished.changed())
                .await
                .is_err()
            {
                return None;
            }
        }
    }
}

#[tower_lsp::async_trait]
impl LanguageServer for Backend {
    async fn initialize(&self, params: lsp::InitializeParams) -> Result<lsp::InitializeResult> {
        let wanted = params
            .initialization_options
            .is_some_and(|options| options["hintDiagnostics"] == true);
        self.shared
            .hint_diagnostics
            .store(wanted, Ordering::Relaxed);
        let sync = lsp::TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(lsp::TextDocumentSyncKind::INCREMENTAL),
            save: Some(lsp::TextDocumentSyncSaveOptions::Supported(true)),
            ..lsp::TextDocumentSyncOptions::default()
        };
        Ok(lsp::InitializeResult {
            capabilities: lsp::ServerCapabilities {
                text_document_sync: Some(lsp::TextDocumentSyncCapability::Options(sync)),
                inlay_hint_provider: Some(lsp::OneOf::Left(true)),
                hover_provider: Some(lsp::HoverProviderCapability::Simple(true)),
                code_lens_provider: Some(lsp::CodeLensOptions {
                    resolve_provider: Some(false),
                }),
                ..lsp::ServerCapabilities::default()
            },
            server_info: Some(lsp::ServerInfo {
                name: "cooper".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
        })
    }

    async fn initialized(&self, _: lsp::InitializedParams) {
        let options = lsp::DidChangeWatchedFilesRegistrationOptions {
            watchers: vec![lsp::FileSystemWatcher {
                glob_pattern: lsp::GlobPattern::String("**/*".to_owned()),
                kind: None,
            }],
        };
        let registration = lsp::Registration {
            id: "context".to_owned(),
            method: lsp::notification::DidChangeWatchedFiles::METHOD.to_owned(),
            register_options: serde_json::to_value(options).ok(),
        };
        // A client that cannot watch says so; saves still refresh the forecast.
        let _ = self.client.register_capability(vec![registration]).await;
    }

    async fn did_open(&self, params: lsp::DidOpenTextDocumentParams) {
        let lsp::TextDocumentItem {
            uri, version, text, ..
        } = params.text_document;
        let document = Document {
            uri: uri.clone(),
            version,
            text: Arc::new(Text::new(text)),
            forecast: None,
        };
        self.shared.documents().insert(uri, document.clone());
        self.changed(document);
    }

    async fn did_change(&self, params: lsp::DidChangeTextDocumentParams) {
        let lsp::VersionedTextDocumentIdentifier { uri, version } = params.text_document;
        let document = {
            let mut documents = self.shared.documents();
            let Some(document) = documents.get_mut(&uri) else {
                return;
            };
            for change in params.content_changes {
                document.text = Arc::new(document.text.edited(change));
            }
            document.version = version;
            document.clone()
        };
        self.changed(document);
    }

    async fn did_close(&self, params: lsp::DidCloseTextDocumentParams) {
        let uri = params.text_document.uri;
        self.shared.documents().remove(&uri);
        // Behind diagnostics that are on their way.
        let _turn = self.shared.publishing.lock().await;
        self.client.publish_diagnostics(uri, Vec::new(), None).await;
    }

    async fn did_save(&self, _: lsp::DidSaveTextDocumentParams) {
        self.refresh();
    }

    async fn did_change_watched_files(&self, _: lsp::DidChangeWatchedFilesParams) {
        self.refresh();
    }

    async fn inlay_hint(
        &self,
        params: lsp::InlayHintParams,
    ) -> Result<Option<Vec<lsp::InlayHint>>> {
        let Some((document, forecast)) = self.forecasted(&params.text_document.uri).await else {
            return Ok(None);
        };
        Ok(Some(hints::inlay_hints(
            &document.text,
            &forecast.forecast,
            params.range,
        )))
    }

    async fn code_lens(&self, params: lsp::CodeLensParams) -> Result<Option<Vec<lsp::CodeLens>>> {
        let Some((document, forecast)) = self.forecasted(&params.text_document.uri).await else {
            return Ok(None);
        };
        Ok(Some(hints::lenses(&document.text, &forecast.forecast)))
    }

    async fn hover(&self, params: lsp::HoverParams) -> Result<Option<lsp::Hover>> {
        let lsp::TextDocumentPositionParams {
            text_document,
            position,
        } = params.text_document_position_params;
        let Some(document) = self.shared.document(&text_document.uri) else {
            return Ok(None);
        };
        let forecast = self.forecasted(&text_document.uri).await;
        // The forecast may be of a text that was typed since.
        let document = forecast
            .as_ref()
            .map_or(document, |(newer, _)| newer.clone());
        let forecast = forecast.as_ref().map(|(_, forecast)| &forecast.forecast);
        Ok(hover::at(&document.text, forecast, position))
    }

    async fn shutdown(&self) -> Result<()> {
        Ok(())
    }
}

impl Backend {
    /// Forecasts every open document again: something on disk changed.
    fn refresh(&self) {
        let open: Vec<Document> = self.shared.documents().values().cloned().collect();
        for document in open {
            self.start_forecast(document);
        }
    }
}
