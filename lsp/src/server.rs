//! Routing: which message is answered by what. One loop takes everything in the order in which it comes.

use crate::client::{Features, Output};
use crate::convert::{self, Encoding};
use crate::handlers;
use crate::jobs::{Answer, Fault, guarded};
use crate::rpc::{self, Id, Message, Notification, Request, code};
use crate::session::{Parts, Session, Snapshot, Workspace};
use crate::settings::Settings;
use crate::setup::Setup;
use cooperage_runtime::engine::{Changed, Engine, EngineOptions};
use cooperage_runtime::settings::Finder;
use lsp_types as lsp;
use lsp_types::notification::Notification as _;
use lsp_types::request::Request as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufReader, BufWriter, stdin, stdout};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Answers still under way when the client leaves have this long.
const FAREWELL: Duration = Duration::from_millis(200);

/// Something for the owner of the session.
pub(crate) enum Event {
    Message(Message),
    /// The client closed our input.
    Closed,
    /// Finished work; what is to be done with it.
    Done(Box<dyn FnOnce(&mut Session) + Send>),
    /// Files or the store changed.
    Changed(Changed),
}

/// The way to the owner.
pub(crate) type Events = Sender<Event>;

/// How a client took its leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leave {
    /// `exit` after `shutdown`.
    Orderly,
    /// `exit` alone; the protocol wants a failing status for it.
    Abrupt,
    /// It closed our input.
    Closed,
}

/// Speaks the protocol on standard input and output until the client says `exit` or closes them.
///
/// # Errors
/// No store folder can be chosen, or the client says `exit` without `shutdown`.
pub fn serve(root: Option<PathBuf>) -> anyhow::Result<()> {
    let engine = Engine::open(EngineOptions {
        root: root.clone(),
        read_only: true,
        ..EngineOptions::default()
    })?;
    let (events, received) = channel();
    let (bodies, to_write) = channel();
    let written = spawn("write", move || write_all(&to_write))?;
    let reader = events.clone();
    spawn("read", move || read_all(&reader))?;
    let server = Server {
        state: State::New(engine, root),
        output: Output::new(bodies),
        events,
    };
    let leave = server.run(&received);
    // A client that does not read its answers in time has nobody to answer to.
    let _ = written.recv_timeout(FAREWELL);
    anyhow::ensure!(
        leave != Leave::Abrupt,
        "the client said `exit` without `shutdown`"
    );
    Ok(())
}

/// Starts a thread; what comes back tells when it has ended.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<Receiver<()>> {
    let (sender, ended) = channel();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            work();
            // Nobody may be left to hear it.
            let _ = sender.send(());
        })?;
    Ok(ended)
}

fn read_all(events: &Events) {
    let mut input = BufReader::new(stdin());
    // An error of the input is its end.
    while let Ok(Some(body)) = rpc::read(&mut input) {
        if events.send(Event::Message(Message::parse(&body))).is_err() {
            return;
        }
    }
    let _ = events.send(Event::Closed);
}

fn write_all(bodies: &Receiver<Vec<u8>>) {
    let mut output = BufWriter::new(stdout());
    while let Ok(body) = bodies.recv() {
        if rpc::write(&mut output, &body).is_err() {
            return;
        }
    }
}

struct Server {
    state: State,
    output: Output,
    events: Events,
}

/// Where the conversation stands.
enum State {
    /// Before `initialize`.
    New(Engine, Option<PathBuf>),
    Running(Box<Session>),
    /// After `shutdown`.
    Down,
}

impl Server {
    fn run(mut self, received: &Receiver<Event>) -> Leave {
        loop {
            let event = match self.alarm() {
                None => received.recv().map_err(RecvTimeoutError::from),
                Some(alarm) => {
                    received.recv_timeout(alarm.saturating_duration_since(Instant::now()))
                }
            };
            let leave = match event {
                Ok(event) => {
                    let mut leave = None;
                    // A panic here is a mistake of ours with one message; the others are none the worse.
                    let _ = guarded(|| {
                        leave = self.event(event);
                        Ok(())
                    });
                    leave
                }
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Leave::Closed),
            };
            if let State::Running(session) = &mut self.state {
                session.ring();
            }
            if let Some(leave) = leave {
                self.farewell(received);
                return leave;
            }
        }
    }

    /// Sends the answers that are under way, as far as they come soon.
    fn farewell(&mut self, received: &Receiver<Event>) {
        let until = Instant::now() + FAREWELL;
        while let State::Running(session) = &mut self.state
            && session.is_busy()
            && let Ok(event) =
                received.recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            if let Event::Done(take) = event {
                take(session);
            }
        }
    }

    fn alarm(&self) -> Option<Instant> {
        match &self.state {
            State::Running(session) => session.alarm(),
            State::New(..) | State::Down => None,
        }
    }

    /// Takes one event; tells when the client leaves.
    fn event(&mut self, event: Event) -> Option<Leave> {
        match event {
            Event::Closed => return Some(Leave::Closed),
            Event::Message(Message::Broken(answer)) => self.output.send(answer),
            Event::Message(Message::Request(request)) => self.request(request),
            Event::Message(Message::Notification(news)) if news.method == "exit" => {
                return Some(match self.state {
                    State::Down => Leave::Orderly,
                    State::New(..) | State::Running(_) => Leave::Abrupt,
                });
            }
            Event::Message(Message::Notification(news)) => {
                if let State::Running(session) = &mut self.state {
                    notification(session, news);
                }
            }
            Event::Message(Message::Response(answer)) => {
                if let State::Running(session) = &mut self.state {
                    session.answered(answer);
                }
            }
            Event::Done(take) => {
                if let State::Running(session) = &mut self.state {
                    take(session);
                }
            }
            Event::Changed(changed) => {
                if let State::Running(session) = &mut self.state {
                    session.world_changed(changed);
                }
            }
        }
        None
    }

    fn request(&mut self, request: Request) {
        match (&mut self.state, request.method.as_str()) {
            (State::New(engine, root), "initialize") => {
                let (engine, root) = (engine.clone(), root.take());
                self.initialize(request, engine, root);
            }
            (State::Running(_), "shutdown") => {
                self.state = State::Down;
                self.output.send(rpc::answer(&request.id, Ok(&Value::Null)));
            }
            (State::Running(session), _) => route(session, request),
            (State::New(..), _) => self.refuse(
                &request.id,
                code::NOT_INITIALIZED,
                "the first request is `initialize`",
            ),
            (State::Down, _) => self.refuse(
                &request.id,
                code::INVALID_REQUEST,
                "nothing is answered after `shutdown`",
            ),
        }
    }

    fn refuse(&self, id: &Id, code: i64, message: &str) {
        let error = rpc::Error {
            code,
            message: message.to_owned(),
        };
        self.output.send(rpc::answer(id, Err::<&(), _>(&error)));
    }

    fn initialize(&mut self, request: Request, engine: Engine, root: Option<PathBuf>) {
        let Request { id, params, .. } = request;
        let capabilities = &params["capabilities"];
        let encoding = encoding(capabilities);
        let options = match &params["initializationOptions"]["cooper"] {
            Value::Null => &params["initializationOptions"],
            section => section,
        };
        let (settings, problems) = Settings::read(options);
        let setup = Setup {
            engine,
            root,
            features: Features::new(capabilities),
            encoding,
            settings: settings.clone(),
            finder: Arc::new(Finder::default()),
            folders: folders(&params),
            choices: BTreeMap::new(),
        };
        let result = lsp::InitializeResult {
            capabilities: handlers::capabilities(encoding),
            server_info: Some(lsp::ServerInfo {
                name: "cooper".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
        };
        self.output.send(rpc::answer(&id, Ok(&result)));
        let mut session = Session::new(setup, self.output.clone(), self.events.clone());
        session.set_settings((settings, problems));
        self.state = State::Running(Box::new(session));
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

/// A request with its parameters still to be read.
struct Routed<'s> {
    session: &'s mut Session,
    id: Id,
    params: Value,
}

impl Routed<'_> {
    fn params<P: DeserializeOwned>(&mut self) -> Option<P> {
        match serde_json::from_value(self.params.take()) {
            Ok(params) => Some(params),
            Err(error) => {
                let fault = Fault::Invalid(error.to_string());
                self.session.refuse(&self.id, &fault);
                None
            }
        }
    }

    fn document<R>(mut self, answer: fn(&Snapshot, R::Params) -> Answer<R::Result>)
    where
        R: lsp::request::Request,
        R::Params: handlers::About + Send + 'static,
    {
        if let Some(params) = self.params::<R::Params>() {
            let uri = handlers::About::uri(&params).clone();
            self.session
                .about_document::<R>(self.id, &uri, params, answer);
        }
    }

    fn forecast<R>(mut self, parts: Parts, answer: fn(&Snapshot, R::Params) -> Answer<R::Result>)
    where
        R: lsp::request::Request,
        R::Params: handlers::About + Send + 'static,
    {
        if let Some(params) = self.params::<R::Params>() {
            let uri = handlers::About::uri(&params).clone();
            self.session
                .about_forecast::<R>(self.id, &uri, params, parts, answer);
        }
    }

    fn workspace<R>(mut self, answer: fn(&Workspace, R::Params) -> Answer<R::Result>)
    where
        R: lsp::request::Request,
        R::Params: Send + 'static,
    {
        if let Some(params) = self.params::<R::Params>() {
            self.session.about_workspace::<R>(self.id, params, answer);
        }
    }

    fn owner<R>(mut self, answer: fn(&mut Session, Id, R::Params))
    where
        R: lsp::request::Request,
    {
        if let Some(params) = self.params::<R::Params>() {
            answer(self.session, self.id, params);
        }
    }

    /// `completionItem/resolve`, whose parameters are the item itself.
    fn item(mut self) {
        use lsp::request::ResolveCompletionItem;
        if let Some(item) = self.params::<lsp::CompletionItem>() {
            match handlers::completion::uri_of(&item) {
                Some(uri) => self.session.about_document::<ResolveCompletionItem>(
                    self.id,
                    &uri,
                    item,
                    handlers::completion::resolve,
                ),
                // Not one of ours, or one that came complete.
                None => self.session.output.send(rpc::answer(&self.id, Ok(&item))),
            }
        }
    }

    fn unknown(self, method: &str) {
        let error = rpc::Error {
            code: code::UNKNOWN_METHOD,
            message: format!("there is no request `{method}` here"),
        };
        self.session
            .output
            .send(rpc::answer(&self.id, Err::<&(), _>(&error)));
    }
}

fn route(session: &mut Session, request: Request) {
    use lsp::request as r;
    let Request { id, method, params } = request;
    let to = Routed {
        session,
        id,
        params,
    };
    match method.as_str() {
        r::HoverRequest::METHOD => to.document::<r::HoverRequest>(handlers::hover::answer),
        r::InlayHintRequest::METHOD => {
            to.forecast::<r::InlayHintRequest>(Parts::Hints, handlers::hints::answer);
        }
        r::CodeLensRequest::METHOD => {
            to.forecast::<r::CodeLensRequest>(Parts::Lenses, handlers::lenses::answer);
        }
        r::Completion::METHOD => to.document::<r::Completion>(handlers::completion::answer),
        r::ResolveCompletionItem::METHOD => to.item(),
        r::SignatureHelpRequest::METHOD => {
            to.document::<r::SignatureHelpRequest>(handlers::signature::answer);
        }
        r::GotoDefinition::METHOD => {
            to.document::<r::GotoDefinition>(handlers::navigation::definition);
        }
        r::References::METHOD => to.document::<r::References>(handlers::navigation::references),
        r::DocumentHighlightRequest::METHOD => {
            to.document::<r::DocumentHighlightRequest>(handlers::navigation::highlights);
        }
        r::LinkedEditingRange::METHOD => {
            to.document::<r::LinkedEditingRange>(handlers::navigation::linked);
        }
        r::PrepareRenameRequest::METHOD => {
            to.document::<r::PrepareRenameRequest>(handlers::rename::prepare);
        }
        r::Rename::METHOD => to.document::<r::Rename>(handlers::rename::answer),
        r::DocumentSymbolRequest::METHOD => {
            to.document::<r::DocumentSymbolRequest>(handlers::symbols::document);
        }
        r::WorkspaceSymbolRequest::METHOD => {
            to.workspace::<r::WorkspaceSymbolRequest>(handlers::symbols::workspace);
        }
        r::FoldingRangeRequest::METHOD => {
            to.document::<r::FoldingRangeRequest>(handlers::structure::folding);
        }
        r::SelectionRangeRequest::METHOD => {
            to.document::<r::SelectionRangeRequest>(handlers::structure::selections);
        }
        r::DocumentLinkRequest::METHOD => {
            to.document::<r::DocumentLinkRequest>(handlers::links::answer);
        }
        r::Formatting::METHOD => to.document::<r::Formatting>(handlers::formatting::document),
        r::RangeFormatting::METHOD => {
            to.document::<r::RangeFormatting>(handlers::formatting::range);
        }
        r::OnTypeFormatting::METHOD => {
            to.document::<r::OnTypeFormatting>(handlers::formatting::typed);
        }
        r::CodeActionRequest::METHOD => {
            to.document::<r::CodeActionRequest>(handlers::actions::answer);
        }
        r::SemanticTokensFullRequest::METHOD => {
            to.document::<r::SemanticTokensFullRequest>(handlers::tokens::full);
        }
        r::SemanticTokensFullDeltaRequest::METHOD => {
            to.document::<r::SemanticTokensFullDeltaRequest>(handlers::tokens::difference);
        }
        r::SemanticTokensRangeRequest::METHOD => {
            to.document::<r::SemanticTokensRangeRequest>(handlers::tokens::range);
        }
        r::InlineValueRequest::METHOD => {
            to.document::<r::InlineValueRequest>(handlers::values::answer);
        }
        r::DocumentDiagnosticRequest::METHOD => {
            to.document::<r::DocumentDiagnosticRequest>(handlers::diagnostics::document);
        }
        r::WorkspaceDiagnosticRequest::METHOD => {
            to.workspace::<r::WorkspaceDiagnosticRequest>(handlers::diagnostics::workspace);
        }
        r::ExecuteCommand::METHOD => to.owner::<r::ExecuteCommand>(handlers::commands::execute),
        method => to.unknown(method),
    }
}

fn notification(session: &mut Session, news: Notification) {
    use lsp::notification as n;
    let Notification { method, params } = news;
    match method.as_str() {
        n::Initialized::METHOD => session.ready(),
        n::DidOpenTextDocument::METHOD => {
            tell::<n::DidOpenTextDocument>(session, params, |session, params| {
                session.open(params.text_document);
            });
        }
        n::DidChangeTextDocument::METHOD => {
            tell::<n::DidChangeTextDocument>(session, params, Session::edit);
        }
        n::DidCloseTextDocument::METHOD => {
            tell::<n::DidCloseTextDocument>(session, params, |session, params| {
                session.close(&params.text_document.uri);
            });
        }
        // What was saved, and what the client saw change, may be where no watch of ours reaches.
        n::DidSaveTextDocument::METHOD | n::DidChangeWatchedFiles::METHOD => {
            handlers::configuration::files_changed(session, &params);
        }
        n::DidChangeConfiguration::METHOD => {
            handlers::configuration::changed(session, &params["settings"]);
        }
        n::DidChangeWorkspaceFolders::METHOD => {
            tell::<n::DidChangeWorkspaceFolders>(session, params, handlers::configuration::folders);
        }
        n::WorkDoneProgressCancel::METHOD => {
            tell::<n::WorkDoneProgressCancel>(session, params, handlers::commands::cancel);
        }
        n::Cancel::METHOD => {
            if let Ok(id) = serde_json::from_value(params["id"].clone()) {
                session.cancel(&id);
            }
        }
        // Others are of no use here, and need no answer.
        _ => {}
    }
}

/// Takes news whose parameters can be read; the others are told to whoever looks for the fault.
fn tell<N: lsp::notification::Notification>(
    session: &mut Session,
    params: Value,
    take: fn(&mut Session, N::Params),
) {
    match serde_json::from_value(params) {
        Ok(params) => take(session, params),
        Err(error) => {
            session
                .output
                .notify::<lsp::notification::LogMessage>(&lsp::LogMessageParams {
                    typ: lsp::MessageType::WARNING,
                    message: format!("`{}` cannot be read: {error}", N::METHOD),
                })
        }
    }
}
