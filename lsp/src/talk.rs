//! The talk with one client: everything that comes in is taken in the order in which it comes, by one thread.
//!
//! The protocol library routes requests, knows in which state the talk is and cancels; its transport is not used, see
//! [`frames`](crate::frames).

use crate::client::Output;
use crate::frames::{self, Message};
use crate::handlers::contents;
use crate::jobs::guarded;
use crate::server::{Backend, Greeting};
use crate::session::Session;
use crate::setup::Setup;
use cooperage_runtime::engine::{Changed, Engine, EngineOptions};
use cooperage_runtime::sys::memory;
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use std::future::{Future, poll_fn};
use std::io::{BufReader, BufWriter, stdin, stdout};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tower_lsp::jsonrpc::{Request, Response};
use tower_lsp::{ClientSocket, ExitedError, LspService};
use tower_service::Service;

/// Answers still under way when the client leaves have this long.
const FAREWELL: Duration = Duration::from_millis(200);

/// A server that had nothing to do for that long gives back the memory it does not need.
const REST: Duration = Duration::from_secs(1);

/// Something for the owner of the session.
pub(crate) enum Event {
    /// The client said who it is; what is wrong with its settings.
    Begin(Box<Setup>, Vec<String>),
    /// What is to be done with a request, with news, or with finished work.
    Done(Box<dyn FnOnce(&mut Session) + Send>),
    /// Files or the store changed.
    Changed(Changed),
}

/// The way to the owner.
pub(crate) type Events = UnboundedSender<Event>;

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
    // One thread that never computes: requests are worked on by threads of the session.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let (bodies, to_write) = mpsc::channel();
    let written = spawn("write", move || write_all(&to_write))?;
    let (received, incoming) = unbounded_channel();
    spawn("read", move || read_all(&received))?;
    let (sender, events) = unbounded_channel();
    let greeting = Greeting::default();
    let said = greeting.clone();
    let (service, socket) =
        LspService::build(|client| Backend::new(client, sender.clone(), said, engine, root))
            .custom_method("window/workDoneProgress/cancel", Backend::progress_cancel)
            .custom_method("workspace/textDocumentContent", Backend::content)
            .custom_method("cooper/heredocs", Backend::heredocs)
            .finish();
    let talk = Talk {
        service,
        greeting,
        session: None,
        bodies,
        sender,
        runtime: runtime.handle().clone(),
        answers: JoinSet::new(),
        shut_down: false,
    };
    let leave = runtime.block_on(talk.run(socket, incoming, events));
    // A forecast of a huge context may still run; nobody wants it any more.
    runtime.shutdown_background();
    // A client that does not read its answers in time has nobody to answer to.
    let _ = written.recv_timeout(FAREWELL);
    anyhow::ensure!(
        leave != Leave::Abrupt,
        "the client said `exit` without `shutdown`"
    );
    Ok(())
}

/// Starts a thread; what comes back tells when it has ended.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<mpsc::Receiver<()>> {
    let (sender, ended) = mpsc::channel();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            work();
            // Nobody may be left to hear it.
            let _ = sender.send(());
        })?;
    Ok(ended)
}

/// Reads to the end of the input; an error of it is its end.
fn read_all(received: &UnboundedSender<Message>) {
    let mut input = BufReader::new(stdin());
    while let Ok(Some(body)) = frames::read(&mut input) {
        if received.send(Message::parse(&body)).is_err() {
            return;
        }
    }
}

fn write_all(bodies: &mpsc::Receiver<Vec<u8>>) {
    let mut output = BufWriter::new(stdout());
    while let Ok(body) = bodies.recv() {
        if frames::write(&mut output, &body).is_err() {
            return;
        }
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Option<Response>, ExitedError>> + Send>>;

struct Talk {
    service: LspService<Backend>,
    greeting: Greeting,
    /// Once the client has said who it is.
    session: Option<Session>,
    bodies: mpsc::Sender<Vec<u8>>,
    sender: Events,
    runtime: tokio::runtime::Handle,
    /// Requests that are worked on.
    answers: JoinSet<()>,
    shut_down: bool,
}

impl Talk {
    async fn run(
        mut self,
        socket: ClientSocket,
        mut incoming: UnboundedReceiver<Message>,
        mut events: UnboundedReceiver<Event>,
    ) -> Leave {
        let (mut questions, mut replies) = socket.split();
        let mut rest = None;
        loop {
            let alarm = self.session.as_ref().and_then(Session::alarm);
            // What a message brought about is done before the next one is looked at.
            tokio::select! {
                biased;
                Some(event) = events.recv() => self.event(event),
                Some(question) = questions.next() => send(&self.bodies, &question),
                message = incoming.recv() => match message {
                    None => {
                        self.farewell(&mut events).await;
                        return Leave::Closed;
                    }
                    Some(Message::Exit) if self.shut_down => return Leave::Orderly,
                    Some(Message::Exit) => return Leave::Abrupt,
                    // Fails only after `exit`.
                    Some(Message::Response(reply)) => {
                        let _ = replies.send(reply).await;
                    }
                    Some(Message::Broken(answer)) => {
                        let _ = self.bodies.send(answer);
                    }
                    Some(Message::Request(request)) => self.request(request).await,
                },
                Some(_) = self.answers.join_next() => {}
                () = until(alarm) => self.session.iter_mut().for_each(Session::ring),
                () = until(rest) => {
                    rest = None;
                    if !self.session.as_ref().is_some_and(Session::is_busy) {
                        memory::rest();
                    }
                    continue;
                }
            }
            rest = Some(Instant::now() + REST);
        }
    }

    /// Begins to answer a request: the part of it that has to be in order is done when this returns.
    async fn request(&mut self, request: Request) {
        self.shut_down |= request.method() == "shutdown";
        let is_greeting = request.method() == "initialize";
        if is_greeting {
            self.greeting.hear(request.params());
        }
        let mut answering: Answering = self.service.call(request);
        if is_greeting {
            answering = Box::pin(async { Ok(answering.await?.map(contents::announced)) });
        }
        let first = poll_fn(|context| Poll::Ready(answering.as_mut().poll(context))).await;
        let bodies = self.bodies.clone();
        match first {
            Poll::Ready(answer) => answered(&bodies, answer),
            Poll::Pending => {
                let answer = async move { answered(&bodies, answering.await) };
                self.answers.spawn(answer);
            }
        }
    }

    fn event(&mut self, event: Event) {
        match (event, &mut self.session) {
            (Event::Begin(setup, problems), None) => {
                let client = self.service.inner().client.clone();
                let output = Output::new(client, self.runtime.clone());
                let session = Session::new(*setup, problems, output, self.sender.clone());
                self.session = Some(session);
            }
            (Event::Done(work), Some(session)) => {
                // A panic here is a mistake of ours with one message; the others are none the worse.
                let _ = guarded(|| {
                    work(session);
                    Ok(())
                });
            }
            (Event::Changed(changed), Some(session)) => session.world_changed(changed),
            // The library lets nobody greet twice, and nothing happens before.
            (Event::Begin(..), Some(_)) | (Event::Done(_) | Event::Changed(_), None) => {}
        }
    }

    /// Sends the answers that are under way, as far as they come soon.
    async fn farewell(&mut self, events: &mut UnboundedReceiver<Event>) {
        let until = tokio::time::Instant::now() + FAREWELL;
        while !self.answers.is_empty() {
            tokio::select! {
                Some(event) = events.recv() => self.event(event),
                Some(_) = self.answers.join_next() => {}
                () = tokio::time::sleep_until(until) => return,
            }
        }
    }
}

async fn until(alarm: Option<Instant>) {
    match alarm {
        Some(alarm) => tokio::time::sleep_until(alarm.into()).await,
        None => std::future::pending().await,
    }
}

fn answered(bodies: &mpsc::Sender<Vec<u8>>, answer: Result<Option<Response>, ExitedError>) {
    if let Ok(Some(answer)) = answer {
        send(bodies, &answer);
    }
}

fn send(bodies: &mpsc::Sender<Vec<u8>>, message: &impl Serialize) {
    let body = serde_json::to_vec(message).expect("string keys only");
    // A client that is gone gets nothing, and the end of its input ends the server.
    let _ = bodies.send(body);
}
