//! The language server over its standard input and output, as an editor talks to it: texts, forecasts, the end.

use crate::lsp_client::Client;
use crate::sandbox::Sandbox;
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) fn built() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.write("Dockerfile", TEXT);
    sandbox.write("a", "1\n");
    sandbox.write("b", "1\n");
    sandbox.cooper(&["build", "-q", "."]).ok();
    let uri = format!("file://{}", sandbox.work().join("Dockerfile").display());
    (sandbox, uri)
}

pub(crate) const TEXT: &str = "FROM scratch\nCOPY a /a\nCOPY b /b\nWORKDIR /c\n";

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
    // Findings come first, and again with the forecast.
    let mut found = client.diagnostics(&uri, 1);
    while found.is_empty() {
        client.receive();
        found = client.diagnostics(&uri, 1);
    }
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
            let about = json!({"textDocument": {"uri": &uri}});
            let symbols = client.request("textDocument/documentSymbol", about.clone());
            let tokens = client.request("textDocument/semanticTokens/full", about);
            let hints = client.request_hints(&uri);
            if version % 200 == 0 {
                // Now and then somebody waits for the answer.
                client.await_answer(tokens);
            }
            asked.push((format!("{}\n", lines.join("\n")), symbols, tokens, hints));
        }
    }
    let found = client.diagnostics(&uri, 2001);
    let hints = client.hints(&uri);
    let fresh = format!("{uri}.fresh.Dockerfile");
    client.open(&fresh, &format!("{}\n", lines.join("\n")));
    assert_eq!(client.hints(&fresh), hints);
    assert_eq!(client.diagnostics(&fresh, 1), found);

    // What was answered on the way is of exactly the text at that time, or refused because the text moved on.
    let is_stale = |answer: &Value| answer["code"] == -32801;
    let mut compared = 0;
    for (n, (text, symbols, tokens, hints)) in asked.into_iter().enumerate() {
        let then = format!("{uri}.{n}.Dockerfile");
        client.open(&then, &text);
        let answer = client.answer(symbols);
        if !is_stale(&answer) {
            let expected = client.about("textDocument/documentSymbol", &then);
            let moved = expected.to_string().replace(&then, &uri);
            assert_eq!(answer.to_string(), moved);
            compared += 1;
        }
        let answer = client.answer(tokens);
        if !is_stale(&answer) {
            let expected = client.about("textDocument/semanticTokens/full", &then);
            assert_eq!(answer["data"], expected["data"]);
            compared += 1;
        }
        let answer = client.answer(hints);
        assert!(answer.is_array() || is_stale(&answer), "{answer}");
    }
    assert!(compared >= 10, "only {compared} answers were not refused");
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
