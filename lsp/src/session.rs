//! The session: open documents and everything that is under way for them. One thread owns it and takes messages and
//! finished work in the order in which they come; everybody else works on [`Snapshot`]s.

use crate::client::{Output, Questions};
use crate::convert::{self, Text};
use crate::document::{Document, Forecasted, is_ours};
use crate::forecaster::{Forecaster, Order};
use crate::handlers::{configuration, diagnostics};
use crate::jobs::{Answer, Fault, Pool, guarded};
use crate::rpc::{self, Id};
use crate::sent::Sent;
use crate::server::{Event, Events};
use crate::settings::Settings;
use crate::setup::Setup;
use cooperage_lang::diagnostic::Diagnostic;
use cooperage_lang::ide::File;
use cooperage_runtime::build::forecast::Forecast;
use cooperage_runtime::cancel::Cancel;
use cooperage_runtime::engine::Changed;
use lsp_types as lsp;
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Edits closer together than this give one forecast.
const QUIET: Duration = Duration::from_millis(30);
/// Changes on disk come in bursts; this long after the first of one is early enough to be seen.
const SETTLE: Duration = Duration::from_millis(10);
/// A request that needs the forecast of its text waits this long, then goes without.
const PATIENCE: Duration = Duration::from_secs(5);

/// One version of a document, with what it stands among. Everything in it stays as it is.
#[derive(Clone)]
pub(crate) struct Snapshot {
    pub(crate) uri: lsp::Uri,
    pub(crate) version: i32,
    pub(crate) text: Arc<Text>,
    /// The forecast of this very text, when there is one yet.
    pub(crate) forecast: Option<Arc<Forecasted>>,
    pub(crate) sent: Arc<Sent>,
    pub(crate) setup: Arc<Setup>,
    /// The client has no use for the answer any more.
    pub(crate) cancel: Cancel,
}

impl Snapshot {
    /// What the language reads in the text.
    pub(crate) fn file(&self) -> &File {
        self.text.file()
    }

    /// What there is to say about the text.
    pub(crate) fn findings(&self) -> Vec<Diagnostic> {
        self.setup.findings(&self.uri, &self.text)
    }
}

/// A request that waits for the forecast of its text.
struct Parked {
    id: Id,
    uri: lsp::Uri,
    until: Instant,
    kind: Parts,
    go: Box<dyn FnOnce(&mut Session)>,
}

/// What a waiting request shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parts {
    Hints,
    Lenses,
}

/// A request under way.
struct Running {
    cancel: Cancel,
    /// The text it is about: when that changes, its answer is void.
    text: Option<(String, Arc<Text>)>,
}

/// Everything the owner holds.
pub(crate) struct Session {
    pub(crate) setup: Arc<Setup>,
    pub(crate) output: Output,
    pub(crate) builds: HashMap<lsp::ProgressToken, Cancel>,
    events: Events,
    documents: HashMap<String, Document>,
    questions: Questions,
    jobs: Pool,
    forecaster: Forecaster,
    running: HashMap<Id, Running>,
    parked: Vec<Parked>,
    watching: bool,
    numbers: u64,
    /// Settings files with mistakes, as the client was told of them.
    faulty: Vec<(lsp::Uri, Vec<lsp::Diagnostic>)>,
}

impl Session {
    pub(crate) fn new(setup: Setup, output: Output, events: Events) -> Self {
        Self {
            setup: Arc::new(setup),
            output,
            builds: HashMap::new(),
            documents: HashMap::new(),
            questions: Questions::default(),
            jobs: Pool::default(),
            forecaster: Forecaster::new(events.clone()),
            running: HashMap::new(),
            parked: Vec::new(),
            watching: false,
            numbers: 0,
            faulty: Vec::new(),
            events,
        }
    }

    /// The way for finished work to the owner.
    pub(crate) fn events(&self) -> Events {
        self.events.clone()
    }

    /// Asks the client; `then` gets its answer.
    pub(crate) fn ask<R: lsp::request::Request>(
        &mut self,
        params: &R::Params,
        then: impl FnOnce(&mut Self, Result<Value, rpc::Error>) + 'static,
    ) {
        let id = self.questions.keep(Box::new(then));
        self.output.send(rpc::request(&id, R::METHOD, params));
    }

    /// Takes the client's answer to a question of ours.
    pub(crate) fn answered(&mut self, answer: rpc::Response) {
        if let Some(then) = self.questions.take(&answer) {
            then(self, answer.result);
        }
    }
}

/// Documents.
impl Session {
    pub(crate) fn open(&mut self, item: lsp::TextDocumentItem) {
        if !is_ours(&item.uri, &item.language_id) {
            return;
        }
        let text = Text::new(item.text.into_bytes(), self.setup.encoding);
        let document = Document {
            uri: item.uri.clone(),
            version: item.version,
            text: Arc::new(text),
            forecast: None,
            hopeless: None,
            sent: Arc::default(),
        };
        let key = item.uri.as_str().to_owned();
        self.void(&key);
        if let Some(before) = self.documents.insert(key, document) {
            before.text.supersede();
        }
        self.text_changed(&item.uri, Instant::now());
        self.watch();
    }

    /// Applies edits at once, so that whatever comes behind them sees the new text.
    pub(crate) fn edit(&mut self, params: lsp::DidChangeTextDocumentParams) {
        let lsp::VersionedTextDocumentIdentifier { uri, version } = params.text_document;
        let Some(document) = self.documents.get_mut(uri.as_str()) else {
            return;
        };
        let text = document.text.edited(params.content_changes);
        std::mem::replace(&mut document.text, Arc::new(text)).supersede();
        document.version = version;
        self.void(uri.as_str());
        self.text_changed(&uri, Instant::now() + QUIET);
    }

    pub(crate) fn close(&mut self, uri: &lsp::Uri) {
        let Some(document) = self.documents.remove(uri.as_str()) else {
            return;
        };
        document.text.supersede();
        self.void(uri.as_str());
        self.forecaster.forget(uri);
        if !self.setup.features.pull_diagnostics {
            self.publish(uri, None, Vec::new());
        }
    }

    /// Answers everything that waits for the forecast of a text which is no more.
    fn void(&mut self, key: &str) {
        for parked in self.unpark(|parked| parked.uri.as_str() == key) {
            self.refuse(&parked.id, &Fault::Stale);
        }
    }

    fn unpark(&mut self, which: impl Fn(&Parked) -> bool) -> Vec<Parked> {
        self.parked.extract_if(.., |parked| which(parked)).collect()
    }

    fn text_changed(&mut self, uri: &lsp::Uri, due: Instant) {
        self.diagnose(uri);
        self.forecast(uri, due);
    }

    fn snapshot(&self, key: &str, cancel: Cancel) -> Option<Snapshot> {
        let document = self.documents.get(key)?;
        Some(Snapshot {
            uri: document.uri.clone(),
            version: document.version,
            text: document.text.clone(),
            forecast: document.current_forecast().cloned(),
            sent: document.sent.clone(),
            setup: self.setup.clone(),
            cancel,
        })
    }

    /// Snapshots of all open documents.
    pub(crate) fn snapshots(&self) -> Vec<Snapshot> {
        self.documents
            .keys()
            .filter_map(|key| self.snapshot(key, Cancel::new()))
            .collect()
    }

    /// A snapshot of one open document.
    pub(crate) fn snapshot_of(&self, uri: &str) -> Option<Snapshot> {
        self.snapshot(uri, Cancel::new())
    }

    fn is_current(&self, key: &str, text: &Arc<Text>) -> bool {
        self.documents
            .get(key)
            .is_some_and(|document| Arc::ptr_eq(&document.text, text))
    }
}

/// Requests.
impl Session {
    /// Answers a request about an open document on a worker; null for a document that is not open.
    pub(crate) fn about_document<R>(
        &mut self,
        id: Id,
        uri: &lsp::Uri,
        params: R::Params,
        answer: fn(&Snapshot, R::Params) -> Answer<R::Result>,
    ) where
        R: lsp::request::Request,
        R::Params: Send + 'static,
    {
        let cancel = Cancel::new();
        let key = uri.as_str().to_owned();
        let Some(snapshot) = self.snapshot(&key, cancel.clone()) else {
            return self.output.send(rpc::answer(&id, Ok(&Value::Null)));
        };
        let text = Some((key, snapshot.text.clone()));
        self.run(id, Running { cancel, text }, move || {
            answer(&snapshot, params)
        });
    }

    /// As [`Session::about_document`], once the forecast of the document's text is there, or did not come in time.
    pub(crate) fn about_forecast<R>(
        &mut self,
        id: Id,
        uri: &lsp::Uri,
        params: R::Params,
        kind: Parts,
        answer: fn(&Snapshot, R::Params) -> Answer<R::Result>,
    ) where
        R: lsp::request::Request,
        R::Params: Send + 'static,
    {
        let waits = self
            .documents
            .get(uri.as_str())
            .is_some_and(Document::awaits_forecast);
        if !waits {
            return self.about_document::<R>(id, uri, params, answer);
        }
        let (number, document) = (id.clone(), uri.clone());
        self.parked.push(Parked {
            id,
            uri: uri.clone(),
            until: Instant::now() + PATIENCE,
            kind,
            go: Box::new(move |session| {
                session.about_document::<R>(number, &document, params, answer);
            }),
        });
    }

    /// Answers a request about the whole workspace on a worker.
    pub(crate) fn about_workspace<R>(
        &mut self,
        id: Id,
        params: R::Params,
        answer: fn(&Workspace, R::Params) -> Answer<R::Result>,
    ) where
        R: lsp::request::Request,
        R::Params: Send + 'static,
    {
        let cancel = Cancel::new();
        let workspace = Workspace {
            open: self.snapshots(),
            setup: self.setup.clone(),
            cancel: cancel.clone(),
        };
        self.run(id, Running { cancel, text: None }, move || {
            answer(&workspace, params)
        });
    }

    fn run<T: Serialize>(
        &mut self,
        id: Id,
        running: Running,
        work: impl FnOnce() -> Answer<T> + Send + 'static,
    ) {
        let cancel = running.cancel.clone();
        let text = running.text.as_ref().map(|(_, text)| text.clone());
        self.running.insert(id.clone(), running);
        let events = self.events.clone();
        self.jobs.run(move || {
            let answer = if cancel.is_canceled() {
                Err(Fault::Canceled)
            } else if text.is_some_and(|text| text.is_superseded()) {
                Err(Fault::Stale)
            } else {
                guarded(work)
            };
            let body = match &answer {
                Ok(result) => rpc::answer(&id, Ok(result)),
                Err(fault) => rpc::answer(&id, Err::<&(), _>(&fault.error())),
            };
            // The owner is gone only when nobody waits for answers.
            let _ = events.send(Event::Done(Box::new(move |session| {
                session.finish(&id, body);
            })));
        });
    }

    /// Notes a request that is worked on elsewhere, so that it can be canceled.
    pub(crate) fn under_way(&mut self, id: Id, cancel: Cancel) {
        self.running.insert(id, Running { cancel, text: None });
    }

    /// The end of [`Session::under_way`].
    pub(crate) fn no_longer_under_way(&mut self, id: &Id) {
        self.running.remove(id);
    }

    /// A number that was not given before.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Sends the answer of a finished request, unless it is void by now.
    fn finish(&mut self, id: &Id, body: Vec<u8>) {
        let Some(running) = self.running.remove(id) else {
            return;
        };
        let stale = running
            .text
            .is_some_and(|(key, text)| !self.is_current(&key, &text));
        if running.cancel.is_canceled() {
            self.refuse(id, &Fault::Canceled);
        } else if stale {
            self.refuse(id, &Fault::Stale);
        } else {
            self.output.send(body);
        }
    }

    pub(crate) fn refuse(&self, id: &Id, fault: &Fault) {
        self.output
            .send(rpc::answer(id, Err::<&(), _>(&fault.error())));
    }

    /// `$/cancelRequest`. A request that is worked on answers when the work notices.
    pub(crate) fn cancel(&mut self, id: &Id) {
        for parked in self.unpark(|parked| parked.id == *id) {
            self.refuse(&parked.id, &Fault::Canceled);
        }
        if let Some(running) = self.running.get(id) {
            running.cancel.cancel();
        }
    }
}

/// What follows from changes.
impl Session {
    /// Begins to find what there is to say about a document's text. A client that asks for it is told to ask again.
    fn diagnose(&mut self, uri: &lsp::Uri) {
        if self.setup.features.pull_diagnostics {
            return;
        }
        let Some(snapshot) = self.snapshot_of(uri.as_str()) else {
            return;
        };
        let forecast = self
            .documents
            .get(uri.as_str())
            .and_then(|document| document.forecast.clone());
        let events = self.events.clone();
        self.jobs.run(move || {
            if snapshot.text.is_superseded() {
                return;
            }
            let found = guarded(|| Ok(diagnostics::of_document(&snapshot, forecast.as_deref())));
            let _ = events.send(Event::Done(Box::new(move |session| {
                if let Ok(found) = found
                    && session.is_current(snapshot.uri.as_str(), &snapshot.text)
                {
                    session.publish(&snapshot.uri, Some(snapshot.version), found);
                }
            })));
        });
    }

    /// Sends what is wrong with settings files, when that is another thing than before.
    fn publish_settings(&mut self) {
        let found = diagnostics::of_settings(&self.setup);
        let gone = self.faulty.iter().map(|(uri, _)| uri);
        for uri in gone.filter(|uri| found.iter().all(|(now, _)| now != *uri)) {
            self.publish(uri, None, Vec::new());
        }
        for (uri, problems) in found.iter().filter(|file| !self.faulty.contains(file)) {
            self.publish(uri, None, problems.clone());
        }
        self.faulty = found;
    }

    fn publish(&self, uri: &lsp::Uri, version: Option<i32>, diagnostics: Vec<lsp::Diagnostic>) {
        self.output.notify::<lsp::notification::PublishDiagnostics>(
            &lsp::PublishDiagnosticsParams {
                uri: uri.clone(),
                diagnostics,
                version,
            },
        );
    }

    /// Orders the forecast of a document's text.
    fn forecast(&mut self, uri: &lsp::Uri, due: Instant) {
        if let Some(document) = self.documents.get(uri.as_str()) {
            self.forecaster.order(Order {
                uri: document.uri.clone(),
                text: document.text.clone(),
                setup: self.setup.clone(),
                due,
            });
        }
    }

    /// Takes a finished forecast in, and shows it.
    pub(crate) fn forecast_is_there(
        &mut self,
        uri: &lsp::Uri,
        text: &Arc<Text>,
        done: Answer<Forecast>,
    ) {
        let Some(document) = self.documents.get_mut(uri.as_str()) else {
            return;
        };
        if !Arc::ptr_eq(&document.text, text) {
            return;
        }
        let text = text.clone();
        match done {
            Ok(forecast) => document.forecast = Some(Arc::new(Forecasted { text, forecast })),
            Err(fault) => {
                document.hopeless = Some(text);
                let message = format!("no forecast: {}", fault.error().message);
                self.output.log(message);
            }
        }
        // Settings were read for it.
        self.publish_settings();
        let waited = self.unpark(|parked| parked.uri == *uri);
        let waited_for = |kind| waited.iter().any(|parked| parked.kind == kind);
        let features = self.setup.features.clone();
        if features.refresh_hints && !waited_for(Parts::Hints) {
            self.ask::<lsp::request::InlayHintRefreshRequest>(&(), |_, _| {});
        }
        if features.refresh_lenses && !waited_for(Parts::Lenses) {
            self.ask::<lsp::request::CodeLensRefresh>(&(), |_, _| {});
        }
        for parked in waited {
            (parked.go)(self);
        }
        self.findings_changed(uri);
    }

    /// What is said about a document depends on its forecast too.
    fn findings_changed(&mut self, uri: &lsp::Uri) {
        if !self.setup.settings.hint_diagnostics {
            return;
        }
        if self.setup.features.pull_diagnostics {
            self.refresh_diagnostics();
        } else {
            self.diagnose(uri);
        }
    }

    fn refresh_diagnostics(&mut self) {
        if self.setup.features.pull_diagnostics && self.setup.features.refresh_diagnostics {
            self.ask::<lsp::request::WorkspaceDiagnosticRefresh>(&(), |_, _| {});
        }
    }

    /// Something that forecasts are made of has changed outside.
    pub(crate) fn world_changed(&mut self, changed: Changed) {
        let due = Instant::now() + SETTLE;
        for snapshot in self.snapshots() {
            self.forecast(&snapshot.uri, due);
            if changed.store {
                self.diagnose(&snapshot.uri);
            }
        }
        if changed.store {
            self.refresh_diagnostics();
        }
    }

    /// Uses another setup from now on; everything that was found with the old one is found again.
    pub(crate) fn set_up(&mut self, change: impl FnOnce(&mut Setup)) {
        let mut setup = Setup::clone(&self.setup);
        change(&mut setup);
        self.setup = Arc::new(setup);
        for document in self.documents.values_mut() {
            document.forecast = None;
            document.hopeless = None;
        }
        for snapshot in self.snapshots() {
            self.text_changed(&snapshot.uri, Instant::now());
        }
        self.refresh_diagnostics();
    }

    /// Uses other settings, and tells what is wrong with them.
    pub(crate) fn set_settings(&mut self, (settings, problems): (Settings, Vec<String>)) {
        for problem in problems {
            self.output.show(lsp::MessageType::WARNING, problem);
        }
        if settings != self.setup.settings {
            self.set_up(|setup| setup.settings = settings);
        }
    }

    /// Whether somebody waits for an answer.
    pub(crate) fn is_busy(&self) -> bool {
        !(self.running.is_empty() && self.parked.is_empty())
    }

    /// When the next request has waited long enough.
    pub(crate) fn alarm(&self) -> Option<Instant> {
        self.parked.iter().map(|parked| parked.until).min()
    }

    /// Lets requests go that have waited long enough.
    pub(crate) fn ring(&mut self) {
        let now = Instant::now();
        for parked in self.unpark(|parked| parked.until <= now) {
            (parked.go)(self);
        }
    }

    /// Begins to watch files and store; asked when there is something to forecast.
    fn watch(&mut self) {
        if std::mem::replace(&mut self.watching, true) {
            return;
        }
        let Some(mut watcher) = self.setup.engine.watcher() else {
            return;
        };
        let events = self.events.clone();
        let thread = std::thread::Builder::new().name("watch".to_owned());
        // Without the thread the client's own news are what is left.
        let _ = thread.spawn(move || {
            while let Ok(changed) = watcher.wait() {
                if events.send(Event::Changed(changed)).is_err() {
                    return;
                }
                // The rest of a burst is one change more.
                std::thread::sleep(SETTLE);
            }
        });
    }

    /// What to do once the client is ready.
    pub(crate) fn ready(&mut self) {
        configuration::register(self);
        configuration::pull(self);
    }
}

/// The workspace as requests see it that are about no single document.
pub(crate) struct Workspace {
    pub(crate) open: Vec<Snapshot>,
    pub(crate) setup: Arc<Setup>,
    pub(crate) cancel: Cancel,
}

impl Workspace {
    /// Whether a document is open, so that the file on disk does not count.
    pub(crate) fn is_open(&self, path: &Path) -> bool {
        // Clients spell URIs in ways of their own.
        let is_this = |open: &Snapshot| convert::path(&open.uri).is_some_and(|open| open == path);
        self.open.iter().any(is_this)
    }
}
