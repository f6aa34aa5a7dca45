//! The session: open documents and everything that is under way for them. One thread owns it and takes messages and
//! finished work in the order in which they come; everybody else works on [`Snapshot`]s.

use crate::client::Output;
use crate::convert::{self, Text};
use crate::document::{Document, Forecasted, is_ours};
use crate::forecaster::{Forecaster, Order};
use crate::handlers::{configuration, contents, diagnostics};
use crate::jobs::{Answer, Fault, Pool, guarded};
use crate::sent::Sent;
use crate::settings::Settings;
use crate::setup::Setup;
use crate::talk::{Event, Events};
use cooperage_lang::diagnostic::Diagnostic;
use cooperage_lang::ide::File;
use cooperage_runtime::cancel::Cancel;
use cooperage_runtime::engine::Changed;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tower_lsp::jsonrpc;
use tower_lsp::lsp_types as lsp;

/// Edits closer together than this give one forecast.
const QUIET: Duration = Duration::from_millis(30);
/// Changes on disk come in bursts; this long after the first of one is early enough to be seen.
const SETTLE: Duration = Duration::from_millis(10);
/// Whoever waits for news of the whole workspace gets them when nothing has changed for this long,
const PAUSE: Duration = Duration::from_millis(500);
/// and this long after the first of them, when something changes all the time.
const LONGEST: Duration = Duration::from_secs(3);
/// In whose name work for the whole workspace is done.
const WORKSPACE: &str = "workspace";
/// A request that needs the forecast of its text waits this long, then goes without.
const PATIENCE: Duration = Duration::from_secs(5);

/// One version of a document, with what it stands among. Everything in it stays as it is.
#[derive(Clone)]
pub(crate) struct Snapshot {
    pub(crate) uri: lsp::Url,
    pub(crate) version: i32,
    pub(crate) text: Arc<Text>,
    /// The forecast of this very text, when there is one yet.
    pub(crate) forecast: Option<Arc<Forecasted>>,
    /// The last forecast, of this text or an older one.
    pub(crate) last_forecast: Option<Arc<Forecasted>>,
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

    /// Whether the text has moved on.
    pub(crate) fn is_stale(&self) -> bool {
        self.text.is_superseded()
    }

    /// What there is to say about the text.
    pub(crate) fn findings(&self) -> Vec<Diagnostic> {
        let forecast = self.forecast.as_deref();
        self.setup.findings(&self.uri, &self.text, forecast)
    }
}

/// Goes on with a request, or refuses it.
pub(crate) type Go = Box<dyn FnOnce(&mut Session, Answer<()>) + Send>;

/// A request that waits for the forecast of its text.
struct Parked {
    uri: lsp::Url,
    until: Instant,
    /// What it is for, when the client shows it and is to ask again after changes.
    kind: Option<Parts>,
    go: Go,
}

/// A request for news of the whole workspace that waits for some.
struct Patient {
    params: lsp::WorkspaceDiagnosticParams,
    reply: Reply<lsp::WorkspaceDiagnosticReportResult>,
    /// When it is to be answered, once there are news, and when at the latest.
    due: Option<(Instant, Instant)>,
}

/// What a waiting request shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parts {
    Hints,
    Lenses,
}

/// The one who waits for an answer, and may cease to.
pub(crate) struct Reply<T> {
    pub(crate) to: oneshot::Sender<Answer<T>>,
    /// Nobody waits any more.
    pub(crate) cancel: Cancel,
}

impl<T> Reply<T> {
    /// Answers.
    pub(crate) fn give(self, answer: Answer<T>) {
        // Who does not wait any more does not want it.
        let _ = self.to.send(answer);
    }
}

/// Everything the owner holds.
pub(crate) struct Session {
    pub(crate) setup: Arc<Setup>,
    pub(crate) output: Output,
    pub(crate) builds: HashMap<lsp::ProgressToken, Cancel>,
    events: Events,
    documents: HashMap<String, Document>,
    jobs: Pool,
    forecaster: Forecaster,
    parked: Vec<Parked>,
    watching: bool,
    numbers: u64,
    /// Changes so far of what there is to say of the workspace, and how many of them its last report knew.
    changes: u64,
    told: u64,
    /// That report was about no file at all, so the client has nothing to name when it asks again.
    told_nothing: bool,
    /// A client that knows the last report, and waits for another.
    patient: Option<Patient>,
    /// What is wrong with the settings the client began with.
    problems: Vec<String>,
    /// Settings files with mistakes, as the client was told of them.
    faulty: Vec<(lsp::Url, Vec<lsp::Diagnostic>)>,
}

impl Session {
    pub(crate) fn new(setup: Setup, problems: Vec<String>, output: Output, events: Events) -> Self {
        Self {
            setup: Arc::new(setup),
            output,
            builds: HashMap::new(),
            documents: HashMap::new(),
            jobs: Pool::default(),
            forecaster: Forecaster::new(events.clone()),
            parked: Vec::new(),
            watching: false,
            numbers: 0,
            changes: 0,
            told: 0,
            told_nothing: false,
            patient: None,
            problems,
            faulty: Vec::new(),
            events,
        }
    }

    /// The way for finished work to the owner.
    pub(crate) fn events(&self) -> Events {
        self.events.clone()
    }

    /// Asks the client; `then` gets its answer, as the owner.
    pub(crate) fn ask<R: lsp::request::Request<Params: Send + 'static, Result: Send + 'static>>(
        &self,
        params: R::Params,
        then: impl FnOnce(&mut Self, jsonrpc::Result<R::Result>) + Send + 'static,
    ) {
        let events = self.events.clone();
        self.output.ask::<R>(params, move |answer| {
            // The owner is gone only when the client is.
            let _ = events.send(Event::Done(Box::new(move |session| then(session, answer))));
        });
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
            advised: false,
            published: 0,
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

    pub(crate) fn close(&mut self, uri: &lsp::Url) {
        let Some(document) = self.documents.remove(uri.as_str()) else {
            return;
        };
        document.text.supersede();
        self.void(uri.as_str());
        self.change();
        self.forecaster.forget(uri);
        if !self.setup.features.pull_diagnostics {
            self.publish(uri, None, Vec::new());
        }
    }

    /// Answers everything that waits for the forecast of a text which is no more.
    fn void(&mut self, key: &str) {
        for parked in self.unpark(|parked| parked.uri.as_str() == key) {
            (parked.go)(self, Err(Fault::Stale));
        }
    }

    fn unpark(&mut self, which: impl Fn(&Parked) -> bool) -> Vec<Parked> {
        self.parked.extract_if(.., |parked| which(parked)).collect()
    }

    fn text_changed(&mut self, uri: &lsp::Url, due: Instant) {
        self.change();
        self.diagnose(uri);
        self.forecast(uri, due);
        if self.setup.features.refresh_contents
            && let Some(snapshot) = self.snapshot_of(uri.as_str())
        {
            contents::refresh(self, &snapshot);
        }
    }

    fn snapshot(&self, key: &str, cancel: Cancel) -> Option<Snapshot> {
        let document = self.documents.get(key)?;
        Some(Snapshot {
            uri: document.uri.clone(),
            version: document.version,
            text: document.text.clone(),
            forecast: document.current_forecast().cloned(),
            last_forecast: document.forecast.clone(),
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
}

/// Requests.
impl Session {
    /// Answers a request about an open document on a worker; with nothing for a document that is not open, and not
    /// for a text that has moved on.
    pub(crate) fn about_document<P: Send + 'static, T: Send + 'static>(
        &mut self,
        uri: &lsp::Url,
        params: P,
        answer: fn(&Snapshot, P) -> Answer<Option<T>>,
        reply: Reply<Option<T>>,
    ) {
        self.about_text(uri, params, answer, reply, Snapshot::is_stale);
    }

    /// The same for what is asked while somebody types: clients fit the answer to what was typed since, and would
    /// show nothing if they got none.
    pub(crate) fn about_cursor<P: Send + 'static, T: Send + 'static>(
        &mut self,
        uri: &lsp::Url,
        params: P,
        answer: fn(&Snapshot, P) -> Answer<Option<T>>,
        reply: Reply<Option<T>>,
    ) {
        self.about_text(uri, params, answer, reply, |_| false);
    }

    fn about_text<P: Send + 'static, T: Send + 'static>(
        &mut self,
        uri: &lsp::Url,
        params: P,
        answer: fn(&Snapshot, P) -> Answer<Option<T>>,
        reply: Reply<Option<T>>,
        too_late: fn(&Snapshot) -> bool,
    ) {
        let Some(snapshot) = self.snapshot(uri.as_str(), reply.cancel.clone()) else {
            return reply.give(Ok(None));
        };
        let work = move || {
            let answer = if snapshot.cancel.is_canceled() {
                Err(Fault::Canceled)
            } else if too_late(&snapshot) {
                Err(Fault::Stale)
            } else {
                guarded(|| answer(&snapshot, params))
            };
            (snapshot, answer)
        };
        // The owner knows whether the text is still the same.
        self.work(uri.as_str(), work, move |_, (snapshot, answer)| {
            let late = too_late(&snapshot);
            reply.give(if late { Err(Fault::Stale) } else { answer });
        });
    }

    /// As [`Session::about_document`], once the forecast of the document's text is there, or did not come in time.
    pub(crate) fn about_forecast<P: Send + 'static, T: Send + 'static>(
        &mut self,
        uri: &lsp::Url,
        params: P,
        kind: Parts,
        answer: fn(&Snapshot, P) -> Answer<Option<T>>,
        reply: Reply<Option<T>>,
    ) {
        let about = uri.clone();
        let go = move |session: &mut Self, now| match now {
            Ok(()) => session.about_document(&about, params, answer, reply),
            Err(fault) => reply.give(Err(fault)),
        };
        self.once_forecast(uri, Some(kind), Box::new(go));
    }

    /// Goes on when the forecast of a document's text is there, or did not come in time.
    pub(crate) fn once_forecast(&mut self, uri: &lsp::Url, kind: Option<Parts>, go: Go) {
        let document = self.documents.get(uri.as_str());
        if !document.is_some_and(Document::awaits_forecast) {
            return go(self, Ok(()));
        }
        self.parked.push(Parked {
            uri: uri.clone(),
            until: Instant::now() + PATIENCE,
            kind,
            go,
        });
    }

    /// Answers a request about the whole workspace on a worker.
    pub(crate) fn about_workspace<P: Send + 'static, T: Send + 'static>(
        &mut self,
        params: P,
        answer: fn(&Workspace, P) -> Answer<T>,
        reply: Reply<T>,
    ) {
        let workspace = self.workspace(reply.cancel.clone());
        self.jobs.run(WORKSPACE, move || {
            let answer = guarded(|| answer(&workspace, params));
            reply.give(answer);
        });
    }

    fn workspace(&self, cancel: Cancel) -> Workspace {
        Workspace {
            open: self.snapshots(),
            setup: self.setup.clone(),
            cancel,
        }
    }

    /// Works on something for a document, or for the workspace; `then` gets the result, as the owner.
    pub(crate) fn work<T: Send + 'static>(
        &self,
        whose: &str,
        work: impl FnOnce() -> T + Send + 'static,
        then: impl FnOnce(&mut Self, T) + Send + 'static,
    ) {
        let events = self.events.clone();
        self.jobs.run(whose, move || {
            let done = work();
            // The owner is gone only when nobody waits any more.
            let _ = events.send(Event::Done(Box::new(move |session| then(session, done))));
        });
    }

    /// `workspace/diagnostic`. Clients ask again as soon as they have an answer; who knows it already gets the next one
    /// when something has changed.
    pub(crate) fn workspace_diagnostics(
        &mut self,
        params: lsp::WorkspaceDiagnosticParams,
        reply: Reply<lsp::WorkspaceDiagnosticReportResult>,
    ) {
        let has_report = self.told_nothing || !params.previous_result_ids.is_empty();
        let knows = has_report && self.told == self.changes;
        if knows {
            let patient = Patient {
                params,
                reply,
                due: None,
            };
            if let Some(before) = self.patient.replace(patient) {
                before.reply.give(Err(Fault::Canceled));
            }
        } else {
            self.report(params, reply);
        }
    }

    /// Reports on the workspace as it is now, and remembers that once the client has it.
    fn report(
        &mut self,
        params: lsp::WorkspaceDiagnosticParams,
        reply: Reply<lsp::WorkspaceDiagnosticReportResult>,
    ) {
        let workspace = self.workspace(reply.cancel.clone());
        let changes = self.changes;
        self.work(
            WORKSPACE,
            move || guarded(|| diagnostics::workspace(&workspace, params)),
            move |session, answer| {
                if let (Ok(report), false) = (&answer, reply.cancel.is_canceled()) {
                    session.told = session.told.max(changes);
                    session.told_nothing = diagnostics::is_about_nothing(report);
                }
                reply.give(answer);
            },
        );
    }

    /// Notes that there may be something else to say; the one who waits for that hears it when nothing more comes.
    pub(crate) fn change(&mut self) {
        self.changes += 1;
        if let Some(patient) = &mut self.patient {
            let now = Instant::now();
            let (_, latest) = patient.due.unwrap_or((now, now + LONGEST));
            patient.due = Some((latest.min(now + PAUSE), latest));
        }
    }

    /// A number that was not given before.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

/// What follows from changes.
impl Session {
    /// Begins to find what there is to say about a document's text. A client that asks for it is told to ask again.
    fn diagnose(&mut self, uri: &lsp::Url) {
        if self.setup.features.pull_diagnostics {
            return;
        }
        let Some(snapshot) = self.snapshot_of(uri.as_str()) else {
            return;
        };
        let number = self.next_number();
        let work = move || {
            if snapshot.text.is_superseded() {
                return (snapshot, Err(Fault::Stale));
            }
            let found = guarded(|| Ok(diagnostics::of_document(&snapshot)));
            (snapshot, found)
        };
        self.work(uri.as_str(), work, move |session, (snapshot, found)| {
            if let Ok(found) = found
                && let Some(document) = session.documents.get_mut(snapshot.uri.as_str())
                && !snapshot.text.is_superseded()
                && document.published < number
            {
                document.published = number;
                session.publish(&snapshot.uri, Some(snapshot.version), found);
            }
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

    fn publish(&self, uri: &lsp::Url, version: Option<i32>, diagnostics: Vec<lsp::Diagnostic>) {
        self.output.notify::<lsp::notification::PublishDiagnostics>(
            lsp::PublishDiagnosticsParams {
                uri: uri.clone(),
                diagnostics,
                version,
            },
        );
    }

    /// Orders the forecast of a document's text.
    fn forecast(&mut self, uri: &lsp::Url, due: Instant) {
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
    pub(crate) fn forecast_is_there(&mut self, order: &Order, done: Answer<Forecasted>) {
        let Order {
            uri, text, setup, ..
        } = order;
        let Some(document) = self.documents.get_mut(uri.as_str()) else {
            return;
        };
        // One of another text or by other settings: the right one is on its way.
        if !Arc::ptr_eq(&document.text, text) || !Arc::ptr_eq(&self.setup, setup) {
            return;
        }
        let advised = document.advised;
        match done {
            Ok(forecast) => {
                document.advised = !forecast.advice.is_empty();
                document.forecast = Some(Arc::new(forecast));
            }
            Err(fault) => {
                document.advised = false;
                document.forecast = None;
                document.hopeless = Some(text.clone());
                let message = format!("no forecast: {fault}");
                self.output.log(message);
            }
        }
        let advised = advised || document.advised;
        // Settings were read for it.
        self.publish_settings();
        let waited = self.unpark(|parked| parked.uri == *uri);
        let waited_for = |kind| waited.iter().any(|parked| parked.kind == Some(kind));
        let features = self.setup.features.clone();
        if features.refresh_hints && !waited_for(Parts::Hints) {
            self.ask::<lsp::request::InlayHintRefreshRequest>((), |_, _| {});
        }
        if features.refresh_lenses && !waited_for(Parts::Lenses) {
            self.ask::<lsp::request::CodeLensRefresh>((), |_, _| {});
        }
        for parked in waited {
            (parked.go)(self, Ok(()));
        }
        if advised || self.setup.settings.hint_diagnostics {
            self.findings_changed(uri);
        }
    }

    /// What is said about a document depends on its forecast too, and on ShellCheck.
    pub(crate) fn findings_changed(&mut self, uri: &lsp::Url) {
        self.change();
        if self.setup.features.pull_diagnostics {
            self.refresh_diagnostics();
        } else {
            self.diagnose(uri);
        }
    }

    fn refresh_diagnostics(&mut self) {
        if self.setup.features.pull_diagnostics && self.setup.features.refresh_diagnostics {
            self.ask::<lsp::request::WorkspaceDiagnosticRefresh>((), |_, _| {});
        }
    }

    /// Something that forecasts are made of has changed outside.
    pub(crate) fn world_changed(&mut self, changed: Changed) {
        let due = Instant::now() + SETTLE;
        // Files of a context change what there is to say of Dockerfiles only by what they are, which the client tells.
        if changed.store || !self.setup.features.register_files {
            self.change();
        }
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
        self.change();
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

    /// When the next request that waits is to be answered.
    pub(crate) fn alarm(&self) -> Option<Instant> {
        let patient = self.patient.as_ref().and_then(|patient| patient.due);
        let patient = patient.map(|(due, _)| due);
        let parked = self.parked.iter().map(|parked| parked.until);
        parked.chain(patient).min()
    }

    /// Whether a forecast is worked on.
    pub(crate) fn is_busy(&self) -> bool {
        self.forecaster.is_busy()
    }

    /// Lets requests go that have waited long enough.
    pub(crate) fn ring(&mut self) {
        let now = Instant::now();
        for parked in self.unpark(|parked| parked.until <= now) {
            (parked.go)(self, Ok(()));
        }
        let is_due = |patient: &mut Patient| patient.due.is_some_and(|(due, _)| due <= now);
        if let Some(Patient { params, reply, .. }) = self.patient.take_if(is_due) {
            self.report(params, reply);
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
        let (events, output) = (self.events.clone(), self.output.clone());
        let thread = std::thread::Builder::new().name("watch".to_owned());
        // Without the thread the client's own news are what is left.
        let _ = thread.spawn(move || {
            loop {
                match watcher.wait() {
                    Ok(changed) if events.send(Event::Changed(changed)).is_err() => return,
                    // The rest of a burst is one change more.
                    Ok(_) => std::thread::sleep(SETTLE),
                    Err(error) => {
                        output.log(format!("files are not watched any more: {error}"));
                        return;
                    }
                }
            }
        });
    }

    /// What to do once the client is ready.
    pub(crate) fn ready(&mut self) {
        for problem in std::mem::take(&mut self.problems) {
            self.output.show(lsp::MessageType::WARNING, problem);
        }
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
