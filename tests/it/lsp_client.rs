//! A client of the language server, as an editor is one: over the server's standard input and output.

use crate::sandbox::Sandbox;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Longest wait for one message.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client with one conversation.
pub(crate) struct Client {
    pub(crate) child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    asked: u64,
    answers: HashMap<u64, Value>,
    /// The newest diagnostics by document: version and findings.
    pub(crate) diagnostics: HashMap<String, (i64, Vec<Value>)>,
    /// Everything else that came, in order.
    pub(crate) news: Vec<Value>,
    /// What is answered when the server asks for the settings.
    pub(crate) settings: Value,
    /// What the user picks when asked to.
    pub(crate) picks: Value,
    /// What the server said it can do.
    pub(crate) can: Value,
}

impl Client {
    pub(crate) fn new(sandbox: &Sandbox, options: &Value) -> Self {
        Self::with(sandbox, json!({"initializationOptions": options}))
    }

    /// A client with more to say at the beginning: fields of `initialize`.
    pub(crate) fn with(sandbox: &Sandbox, more: Value) -> Self {
        let mut client = Self::start(sandbox);
        client.greet(&more);
        client
    }

    /// Says `initialize`, with fields of its own, and `initialized`.
    pub(crate) fn greet(&mut self, more: &Value) {
        let mut asked = json!({"processId": null, "rootUri": null, "capabilities": {}});
        for (name, value) in more.as_object().unwrap() {
            asked[name] = value.clone();
        }
        let answer = self.ask("initialize", asked);
        assert!(answer["capabilities"].is_object(), "{answer}");
        self.can = answer["capabilities"].clone();
        self.tell("initialized", json!({}));
    }

    /// A server that was not greeted yet.
    pub(crate) fn start(sandbox: &Sandbox) -> Self {
        let mut command = sandbox.command(env!("CARGO_BIN_EXE_cooper").as_ref());
        command.arg("lsp");
        Self::of(command)
    }

    /// The server that a command with piped input and output starts.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut output = output;
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            messages,
            asked: 0,
            answers: HashMap::new(),
            diagnostics: HashMap::new(),
            news: Vec::new(),
            settings: Value::Null,
            picks: Value::Null,
            can: Value::Null,
        }
    }

    fn send(&mut self, message: &Value) {
        self.send_raw(&message.to_string());
    }

    /// Sends a body that may be no message.
    pub(crate) fn send_raw(&mut self, body: &str) {
        let input = self.input.as_mut().expect("open until the test's end");
        write!(input, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        input.flush().unwrap();
    }

    pub(crate) fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request and returns its number.
    pub(crate) fn request(&mut self, method: &str, params: Value) -> u64 {
        self.asked += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params}));
        self.asked
    }

    /// The result of a request, or its error.
    pub(crate) fn answer(&mut self, number: u64) -> Value {
        loop {
            if let Some(answer) = self.answers.remove(&number) {
                return if answer["error"].is_null() {
                    answer["result"].clone()
                } else {
                    answer["error"].clone()
                };
            }
            self.receive();
        }
    }

    /// Waits for an answer, without taking it.
    pub(crate) fn await_answer(&mut self, number: u64) {
        while !self.answers.contains_key(&number) {
            self.receive();
        }
    }

    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        let number = self.request(method, params);
        self.answer(number)
    }

    pub(crate) fn receive(&mut self) {
        let message = self.messages.recv_timeout(PATIENCE).expect("a message");
        match (message["method"].as_str(), message["id"].as_u64()) {
            (None, Some(id)) => {
                self.answers.insert(id, message);
            }
            (Some(method), Some(id)) => {
                let result = match method {
                    "workspace/configuration" => json!([self.settings]),
                    "cooper/pick" => self.picks.clone(),
                    _ => Value::Null,
                };
                self.send(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
                self.news.push(message);
            }
            (Some("textDocument/publishDiagnostics"), None) => {
                let params = &message["params"];
                let uri = params["uri"].as_str().unwrap().to_owned();
                let version = params["version"].as_i64().unwrap_or(0);
                let found = params["diagnostics"].as_array().unwrap().clone();
                let before = self.diagnostics.insert(uri, (version, found));
                assert!(
                    before.is_none_or(|(older, _)| older <= version || version <= 0),
                    "diagnostics go back to {version}"
                );
            }
            _ => self.news.push(message),
        }
    }

    pub(crate) fn open(&mut self, uri: &str, text: &str) {
        let document = json!({"uri": uri, "languageId": "dockerfile", "version": 1, "text": text});
        self.tell("textDocument/didOpen", json!({"textDocument": document}));
    }

    /// Replaces a range of a line: columns in UTF-16 units.
    pub(crate) fn edit(
        &mut self,
        uri: &str,
        version: i64,
        line: usize,
        columns: (usize, usize),
        text: &str,
    ) {
        let range = json!({"start": {"line": line, "character": columns.0}, "end": {"line": line, "character": columns.1}});
        self.tell(
            "textDocument/didChange",
            json!({"textDocument": {"uri": uri, "version": version}, "contentChanges": [{"range": range, "text": text}]}),
        );
    }

    pub(crate) fn request_hints(&mut self, uri: &str) -> u64 {
        let range =
            json!({"start": {"line": 0, "character": 0}, "end": {"line": 99999, "character": 0}});
        self.request(
            "textDocument/inlayHint",
            json!({"textDocument": {"uri": uri}, "range": range}),
        )
    }

    /// Line (from 1) and text of every hint.
    pub(crate) fn hints(&mut self, uri: &str) -> Vec<(u64, String)> {
        let number = self.request_hints(uri);
        let answer = self.answer(number);
        let hint = |hint: &Value| {
            (
                hint["position"]["line"].as_u64().unwrap() + 1,
                hint["label"].as_str().unwrap().to_owned(),
            )
        };
        answer.as_array().unwrap().iter().map(hint).collect()
    }

    /// The first news of that kind, when it has come.
    pub(crate) fn news_of(&mut self, method: &str) -> Value {
        loop {
            if let Some(at) = self.news.iter().position(|news| news["method"] == method) {
                return self.news.remove(at);
            }
            self.receive();
        }
    }

    /// Asks about a place in a document: line and column from 0.
    pub(crate) fn at(&mut self, method: &str, uri: &str, line: u64, character: u64) -> Value {
        let position = json!({"line": line, "character": character});
        self.ask(
            method,
            json!({"textDocument": {"uri": uri}, "position": position}),
        )
    }

    /// Asks about a whole document.
    pub(crate) fn about(&mut self, method: &str, uri: &str) -> Value {
        self.ask(method, json!({"textDocument": {"uri": uri}}))
    }

    /// Diagnostics of a version, when they have come.
    pub(crate) fn diagnostics(&mut self, uri: &str, version: i64) -> Vec<Value> {
        loop {
            if let Some((have, found)) = self.diagnostics.get(uri)
                && *have == version
            {
                return found.clone();
            }
            self.receive();
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
