//! The language server with what nobody should give it: huge texts, bytes that are no text, a store and a context that go
//! away. It answers, in time, and lives on.

use crate::lsp::{TEXT, built};
use crate::lsp_client::Client;
use crate::sandbox::Sandbox;
use rustix::fs::{FlockOperation, fcntl_lock};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// A debug build on a busy machine takes a quarter of it.
const HANG: Duration = Duration::from_secs(120);

/// Asks everything that costs by the length of a text; nothing may be an error.
fn ask_all(client: &mut Client, uri: &str) {
    for method in [
        "documentSymbol",
        "foldingRange",
        "documentLink",
        "semanticTokens/full",
        "codeLens",
    ] {
        let answer = client.about(&format!("textDocument/{method}"), uri);
        assert!(answer["code"].is_null(), "{method}: {answer}");
    }
    for method in ["hover", "completion", "definition", "documentHighlight"] {
        let answer = client.at(&format!("textDocument/{method}"), uri, 1, 6);
        assert!(answer["code"].is_null(), "{method}: {answer}");
    }
    let hints = client.request_hints(uri);
    let hints = client.answer(hints);
    assert!(hints["code"].is_null(), "{hints}");
    let options = json!({"tabSize": 4, "insertSpaces": true});
    let edits = client.ask(
        "textDocument/formatting",
        json!({"textDocument": {"uri": uri}, "options": options}),
    );
    assert!(edits["code"].is_null(), "{edits}");
}

#[test]
fn huge_texts_are_answered() {
    let ten_megabytes = |line: &str| line.repeat(10_000_000 / line.len());
    let texts = [
        (
            "one line",
            format!("FROM a\nRUN echo {}\n", ten_megabytes("x y ")),
        ),
        (
            "comments",
            format!("FROM a\n{}RUN x\n", ten_megabytes("# of a few words\n")),
        ),
        (
            "a heredoc",
            format!(
                "FROM a\nRUN <<E\n{}E\n",
                ten_megabytes("echo a && make -j b\n")
            ),
        ),
        (
            "50,000 steps",
            format!("FROM scratch\n{}", "COPY a /a\n".repeat(50_000)),
        ),
    ];
    let (sandbox, uri) = built();
    for (what, text) in texts {
        let began = Instant::now();
        let mut client = Client::new(&sandbox, &json!({}));
        client.open(&uri, &text);
        client.diagnostics(&uri, 1);
        ask_all(&mut client, &uri);
        client.edit(&uri, 2, 0, (0, 0), "#\n");
        client.diagnostics(&uri, 2);
        // Another text is not kept waiting.
        let other = format!("{uri}.web");
        client.open(&other, TEXT);
        client.diagnostics(&other, 1);
        assert!(began.elapsed() < HANG, "{what}: {:?}", began.elapsed());
    }
}

#[test]
fn bytes_that_are_no_text_are_read() {
    let sandbox = Sandbox::new();
    let file = sandbox.work().join("Dockerfile");
    std::fs::write(&file, b"FROM scratch AS \xff\nCCOPY \xfe /\n\x00\n").unwrap();
    std::fs::write(sandbox.work().join("cooperage.toml"), b"[lint]\n\xff = 1\n").unwrap();
    std::fs::write(sandbox.work().join(".dockerignore"), b"\xff\n!\xfe\n").unwrap();
    sandbox.write("web.Dockerfile", "FROM scratch\nCOPY . /\n");
    let root = format!("file://{}", sandbox.work().display());
    let more = json!({
        "capabilities": {"textDocument": {"diagnostic": {}}},
        "workspaceFolders": [{"uri": root, "name": "work"}],
    });
    let mut client = Client::with(&sandbox, more);
    let all = client.ask("workspace/diagnostic", json!({"previousResultIds": []}));
    let items = all["items"].as_array().unwrap();
    let of = |name: &str| {
        let found = items
            .iter()
            .find(|item| item["uri"].as_str().unwrap().ends_with(name));
        found.unwrap_or_else(|| panic!("{name}: {all}"))["items"].to_string()
    };
    assert!(of("/Dockerfile").contains("unknown-instruction"), "{all}");
    let symbols = client.ask("workspace/symbol", json!({"query": ""}));
    assert!(symbols.is_array(), "{symbols}");
    let web = format!("{root}/web.Dockerfile");
    client.open(&web, "FROM scratch\nCOPY . /\n");
    assert_eq!(client.hints(&web).len(), 1);
    let path = client.at("textDocument/completion", &web, 1, 5);
    assert!(path["items"].is_array(), "{path}");
}

#[test]
fn a_store_that_goes_away_takes_the_forecast_only() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 3] = [
        ("no database", |store| {
            std::fs::remove_file(store.join("cooperage.db-wal")).unwrap();
            std::fs::write(store.join("cooperage.db"), "this is no database").unwrap();
        }),
        ("a file in its place", |store| {
            std::fs::remove_dir_all(store).unwrap();
            std::fs::write(store, "").unwrap();
        }),
        ("gone", |store| std::fs::remove_dir_all(store).unwrap()),
    ];
    for (what, harm) in harms {
        let (sandbox, uri) = built();
        let mut early = Client::new(&sandbox, &json!({}));
        early.open(&uri, TEXT);
        assert_eq!(early.hints(&uri).len(), 3);
        harm(&sandbox.store());
        let late = Client::new(&sandbox, &json!({}));
        for (mut client, version) in [(early, 2), (late, 1)] {
            if version == 1 {
                client.open(&uri, TEXT);
            }
            client.edit(&uri, version + 1, 1, (0, 4), "CCOPY");
            let found = client.diagnostics(&uri, version + 1);
            assert_eq!(found[0]["code"], "unknown-instruction", "{what}");
            let hover = client.at("textDocument/hover", &uri, 0, 1);
            let hover = hover["contents"]["value"].as_str().unwrap_or_default();
            assert!(hover.contains("# FROM"), "{what}: {hover}");
            client.edit(&uri, version + 2, 1, (0, 5), "COPY");
            let hints = client.request_hints(&uri);
            let hints = client.answer(hints);
            assert!(hints.is_null() || hints.is_array(), "{what}: {hints}");
        }
    }
}

#[test]
fn a_locked_store_is_waited_for_by_the_forecast_only() {
    let (sandbox, uri) = built();
    let database = sandbox.store().join("cooperage.db");
    let options = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(database);
    let database = options.unwrap();
    // As another process locks it that changes it all.
    fcntl_lock(&database, FlockOperation::LockExclusive).unwrap();
    let mut client = Client::new(&sandbox, &json!({}));
    client.open(&uri, "FROM scratch\nCCOPY a /a\n");
    let began = Instant::now();
    let hints = client.request_hints(&uri);
    assert_eq!(
        client.diagnostics(&uri, 1)[0]["code"],
        "unknown-instruction"
    );
    let symbols = client.about("textDocument/documentSymbol", &uri);
    assert!(symbols.is_array(), "{symbols}");
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "nothing else waits"
    );
    client.edit(&uri, 2, 1, (0, 5), "COPY");
    client.answer(hints);
    drop(database);
    // What is typed next is forecast.
    client.edit(&uri, 3, 1, (9, 9), " ");
    let began = Instant::now();
    let cached = |hints: Vec<(u64, String)>| {
        hints
            .first()
            .is_some_and(|(_, hint)| hint.starts_with("cached"))
    };
    while !cached(client.hints(&uri)) {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "the forecast comes with the lock"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_context_may_vanish_and_come_back() {
    let (sandbox, uri) = built();
    let mut client = Client::new(&sandbox, &json!({}));
    client.open(&uri, TEXT);
    assert!(
        client
            .hints(&uri)
            .iter()
            .all(|(_, hint)| hint.starts_with("cached"))
    );
    let (here, there) = (sandbox.work(), sandbox.work().with_file_name("elsewhere"));
    std::fs::rename(&here, &there).unwrap();
    let fails = |client: &mut Client| client.hints(&uri)[0].1.starts_with("fails: ");
    let began = Instant::now();
    while !fails(&mut client) {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{:?}",
            client.hints(&uri)
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    let path = client.at("textDocument/completion", &uri, 1, 5);
    assert!(path["items"].is_array(), "{path}");
    std::fs::rename(&there, &here).unwrap();
    client.tell(
        "textDocument/didSave",
        json!({"textDocument": {"uri": &uri}}),
    );
    let began = Instant::now();
    while fails(&mut client) {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{:?}",
            client.hints(&uri)
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn thousands_of_stages_upon_each_other_are_followed() {
    let (sandbox, uri) = built();
    let chain: String = (1..10_000)
        .map(|stage| format!("FROM s{} AS s{stage}\n", stage - 1))
        .collect();
    let text = format!("FROM scratch AS s0\n{chain}RUN c\nUSER \n");
    let mut client = Client::new(&sandbox, &json!({}));
    client.open(&uri, &text);
    // The programs and the users of the image that all of them stand on.
    for (line, character) in [(10_000, 5), (10_001, 5)] {
        let offered = client.at("textDocument/completion", &uri, line, character);
        assert!(offered["items"].is_array(), "{offered}");
    }
}
