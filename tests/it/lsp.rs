//! The language server over its standard input and output, as an editor talks to it.

use crate::sandbox::Sandbox;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Longest wait for one message.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client with one conversation.
struct Client {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    asked: u64,
    answers: HashMap<u64, Value>,
    /// The newest diagnostics by document: version and findings.
    diagnostics: HashMap<String, (i64, Vec<Value>)>,
}

impl Client {
    fn new(sandbox: &Sandbox, options: &Value) -> Self {
        let mut child = sandbox
            .command(env!("CARGO_BIN_EXE_cooper").as_ref())
            .arg("lsp")
            .spawn()
            .unwrap();
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
        let mut client = Self {
            input: child.stdin.take(),
            child,
            messages,
            asked: 0,
            answers: HashMap::new(),
            diagnostics: HashMap::new(),
        };
        let asked = json!({"processId": null, "rootUri": null, "capabilities": {}, "initializationOptions": options});
        let answer = client.ask("initialize", asked);
        assert!(answer["capabilities"].is_object(), "{answer}");
        client.tell("initialized", json!({}));
        client
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        let input = self.input.as_mut().expect("open until the test's end");
        write!(input, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        input.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request and returns its number.
    fn request(&mut self, method: &str, params: Value) -> u64 {
        self.asked += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params}));
        self.asked
    }

    /// The result of a request, or its error.
    fn answer(&mut self, number: u64) -> Value {
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

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let number = self.request(method, params);
        self.answer(number)
    }

    fn receive(&mut self) {
        let message = self.messages.recv_timeout(PATIENCE).expect("a message");
        match (message["method"].as_str(), message["id"].as_u64()) {
            (None, Some(id)) => {
                self.answers.insert(id, message);
            }
            (Some(_), Some(id)) => {
                self.send(&json!({"jsonrpc": "2.0", "id": id, "result": null}));
            }
            (Some("textDocument/publishDiagnostics"), None) => {
                let params = &message["params"];
                let uri = params["uri"].as_str().unwrap().to_owned();
                let version = params["version"].as_i64().unwrap_or(0);
                let found = params["diagnostics"].as_array().unwrap().clone();
                let before = self.diagnostics.insert(uri, (version, found));
                assert!(
                    before.is_none_or(|(older, _)| older <= version || version == 0),
                    "diagnostics go back to {version}"
                );
            }
            _ => {}
        }
    }

    fn open(&mut self, uri: &str, text: &str) {
        let document = json!({"uri": uri, "languageId": "dockerfile", "version": 1, "text": text});
        self.tell("textDocument/didOpen", json!({"textDocument": document}));
    }

    /// Replaces a range of a line: columns in UTF-16 units.
    fn edit(&mut self, uri: &str, version: i64, line: usize, columns: (usize, usize), text: &str) {
        let range = json!({"start": {"line": line, "character": columns.0}, "end": {"line": line, "character": columns.1}});
        self.tell(
            "textDocument/didChange",
            json!({"textDocument": {"uri": uri, "version": version}, "contentChanges": [{"range": range, "text": text}]}),
        );
    }

    fn request_hints(&mut self, uri: &str) -> u64 {
        let range =
            json!({"start": {"line": 0, "character": 0}, "end": {"line": 99999, "character": 0}});
        self.request(
            "textDocument/inlayHint",
            json!({"textDocument": {"uri": uri}, "range": range}),
        )
    }

    /// Line (from 1) and text of every hint.
    fn hints(&mut self, uri: &str) -> Vec<(u64, String)> {
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

    /// Diagnostics of a version, when they have come.
    fn diagnostics(&mut self, uri: &str, version: i64) -> Vec<Value> {
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

fn built() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", TEXT);
    sandbox.write("a", "1\n");
    sandbox.write("b", "1\n");
    sandbox.cooper(&["build", "-q", "."]).ok();
    let uri = format!("file://{}", sandbox.work().join("Dockerfile").display());
    (sandbox, uri)
}

const TEXT: &str = "FROM scratch\nCOPY a /a\nCOPY b /b\nWORKDIR /c\n";

#[test]
fn hints_follow_what_is_typed_and_what_is_saved_beside_it() {
    let (sandbox, uri) = built();
    let mut client = Client::new(&sandbox, &json!({}));
    client.open(&uri, TEXT);
    let hints = client.hints(&uri);
    assert_eq!(
        hints.iter().map(|(line, _)| *line).collect::<Vec<_>>(),
        [2, 3, 4]
    );
    assert!(
        hints.iter().all(|(_, text)| text.starts_with("cached")),
        "{hints:?}"
    );

    client.edit(&uri, 2, 2, (7, 9), "/bb");
    let hints = client.hints(&uri);
    assert!(hints[0].1.starts_with("cached"), "{hints:?}");
    assert!(
        hints[1].1.starts_with("reruns: instruction changed"),
        "{hints:?}"
    );
    assert!(hints[2].1.starts_with("reruns: line 3"), "{hints:?}");
    let hover = client.ask(
        "textDocument/hover",
        json!({"textDocument": {"uri": &uri}, "position": {"line": 2, "character": 1}}),
    );
    let shown = hover["contents"]["value"].as_str().unwrap();
    assert!(
        shown.contains("`COPY b /b` -> `COPY b /bb`") && shown.contains("# COPY"),
        "{shown}"
    );
    let lenses = client.ask(
        "textDocument/codeLens",
        json!({"textDocument": {"uri": &uri}}),
    );
    let title = lenses[0]["command"]["title"].as_str().unwrap();
    assert!(title.starts_with("next build: 1 of 3 cached"), "{title}");

    client.edit(&uri, 3, 2, (7, 10), "/b");
    sandbox.write("a", "22\n");
    client.tell(
        "textDocument/didSave",
        json!({"textDocument": {"uri": &uri}}),
    );
    let changed = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        client.hints(&uri)[0].1.starts_with("reruns: a (content)")
    });
    assert!(changed, "{:?}", client.hints(&uri));
}

#[test]
fn mistakes_are_told_for_the_newest_text() {
    let (sandbox, uri) = built();
    let mut client = Client::new(&sandbox, &json!({"hintDiagnostics": true}));
    client.open(&uri, TEXT);
    let found = client.diagnostics(&uri, 1);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(
        found
            .iter()
            .all(|hint| hint["severity"] == 4 && hint["code"] == "forecast")
    );
    client.edit(&uri, 2, 1, (0, 4), "CCOPY");
    let found = client.diagnostics(&uri, 2);
    let error = found.iter().find(|found| found["severity"] == 1).unwrap();
    assert_eq!(error["range"]["start"]["line"], 1);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("unknown instruction")
    );
    client.tell(
        "textDocument/didClose",
        json!({"textDocument": {"uri": &uri}}),
    );
    assert_eq!(client.diagnostics(&uri, 0), [Value::Null; 0]);
}

#[test]
fn two_thousand_edits_leave_what_their_text_says() {
    let (sandbox, uri) = built();
    let mut client = Client::new(&sandbox, &json!({}));
    client.open(&uri, TEXT);
    let mut lines: Vec<String> = TEXT.lines().map(str::to_owned).collect();
    let mut random = 88_172_645_463_325_252_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize % below
    };
    let units = |text: &str| text.encode_utf16().count();
    let mut asked = Vec::new();
    for version in 2..2002 {
        let at = next(lines.len());
        let letters: Vec<char> = lines[at].chars().collect();
        let start = next(letters.len() + 1);
        let end = (start + next(3)).min(letters.len());
        let (before, after): (String, String) = (
            letters[..start].iter().collect(),
            letters[end..].iter().collect(),
        );
        let cut: String = letters[start..end].iter().collect();
        let columns = (units(&before), units(&before) + units(&cut));
        let text = [
            "a",
            " ",
            "é",
            "\u{1F433}",
            "\\",
            "\nRUN x",
            "\nFROM a",
            "\nCOPY a /",
        ][next(8)];
        client.edit(&uri, version, at, columns, text);
        let all = format!("{before}{text}{after}");
        lines.splice(at..=at, all.split('\n').map(str::to_owned));
        if version % 25 == 0 {
            asked.push(client.request_hints(&uri));
        }
    }
    let found = client.diagnostics(&uri, 2001);
    for number in asked {
        assert!(client.answer(number).is_array());
    }
    let hints = client.hints(&uri);
    let fresh = format!("{uri}.fresh");
    client.open(&fresh, &format!("{}\n", lines.join("\n")));
    assert_eq!(client.hints(&fresh), hints);
    assert_eq!(client.diagnostics(&fresh, 1), found);
}

#[test]
fn odd_documents_and_positions_do_no_harm() {
    let sandbox = Sandbox::new();
    let uri = format!("file://{}", sandbox.work().join("Dockerfile").display());
    let mut client = Client::new(&sandbox, &json!(null));
    client.open(&uri, "");
    assert!(client.hints(&uri).is_empty());
    assert_eq!(client.diagnostics(&uri, 1).len(), 1);
    client.edit(&uri, 2, 99, (7, 3), "FROM scratch\nCOPY a /\n");
    assert_eq!(client.hints(&uri).len(), 1);
    client.edit(&uri, 3, 0, (500, 2), "");
    client.open("untitled:1", "FROM scratch\nRUN x\n");
    assert_eq!(client.hints("untitled:1").len(), 1);
    let number = client.request_hints("file:///nowhere");
    assert!(client.answer(number).is_null());
    assert!(!sandbox.store().exists(), "the server only reads");
}

#[test]
fn exit_ends_the_server_with_its_input_still_open() {
    let sandbox = Sandbox::new();
    for (orderly, status) in [(true, 0), (false, 1)] {
        let mut client = Client::new(&sandbox, &json!({}));
        if orderly {
            assert!(client.ask("shutdown", Value::Null).is_null());
        }
        client.tell("exit", Value::Null);
        let ended = (0..500).find_map(|_| {
            std::thread::sleep(Duration::from_millis(20));
            client.child.try_wait().unwrap()
        });
        assert_eq!(ended.and_then(|status| status.code()), Some(status));
    }
}
