//! The language server's manners: what is agreed at the beginning, settings, cancellation, and clients that have none.

use crate::lsp::{TEXT, built};
use crate::lsp_client::Client;
use crate::sandbox::Sandbox;
use serde_json::{Value, json};

fn diagnostics_of(client: &mut Client, uri: &str, previous: &Value) -> Value {
    let params = json!({"textDocument": {"uri": uri}, "previousResultId": previous});
    client.ask("textDocument/diagnostic", params)
}

#[test]
fn nothing_is_answered_before_the_greeting_and_after_the_farewell() {
    let sandbox = Sandbox::new();
    let mut client = Client::start(&sandbox);
    let early = client.about("textDocument/hover", "file:///Dockerfile");
    assert_eq!(early["code"], -32002, "{early}");
    client.ask("initialize", json!({"capabilities": {}}));
    assert!(client.ask("shutdown", Value::Null).is_null());
    let late = client.about("textDocument/hover", "file:///Dockerfile");
    assert_eq!(late["code"], -32600, "{late}");
}

#[test]
fn columns_are_counted_as_agreed() {
    let (sandbox, uri) = built();
    let text = "FROM scratch\nENV A=1\nENV C=\u{1F433} B=$A\n";
    for (offered, chosen, column) in [
        (json!(["utf-8", "utf-16"]), "utf-8", 14),
        (json!(["utf-16"]), "utf-16", 12),
    ] {
        let capabilities = json!({"general": {"positionEncodings": offered}});
        let mut client = Client::with(&sandbox, json!({"capabilities": capabilities}));
        assert_eq!(client.can["positionEncoding"], chosen);
        client.open(&uri, text);
        let found = client.at("textDocument/definition", &uri, 2, column);
        let start = &found[0]["range"]["start"];
        assert_eq!(
            (&start["line"], &start["character"]),
            (&json!(1), &json!(4)),
            "{found}"
        );
    }
}

#[test]
fn settings_are_asked_for_and_wrong_ones_named() {
    let (sandbox, uri) = built();
    let capabilities = json!({"workspace": {
        "configuration": true,
        "didChangeConfiguration": {"dynamicRegistration": true},
        "didChangeWatchedFiles": {"dynamicRegistration": true},
    }});
    let mut client = Client::with(&sandbox, json!({"capabilities": capabilities}));
    client.settings = json!({"hintDiagnostics": true, "buildArgs": [1]});
    let registered = client.news_of("client/registerCapability");
    let methods: Vec<_> = registered["params"]["registrations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["method"].as_str().unwrap())
        .collect();
    assert_eq!(
        methods,
        [
            "workspace/didChangeWatchedFiles",
            "workspace/didChangeConfiguration"
        ]
    );
    let told = client.news_of("window/showMessage");
    let message = told["params"]["message"].as_str().unwrap();
    assert!(
        message.contains("`cooper.buildArgs` should be an object of strings"),
        "{message}"
    );
    client.open(&uri, TEXT);
    while client.diagnostics(&uri, 1).len() < 3 {
        client.receive();
    }
    client.settings = json!({"hintDiagnostics": false});
    client.tell(
        "workspace/didChangeConfiguration",
        json!({"settings": null}),
    );
    while !client.diagnostics(&uri, 1).is_empty() {
        client.receive();
    }
}

/// As lsp-mode of Emacs answers for a section it knows nothing of.
#[test]
fn a_client_that_answers_nothing_keeps_what_it_began_with() {
    let (sandbox, uri) = built();
    let mut client = Client::with(
        &sandbox,
        json!({
            "capabilities": {"workspace": {"configuration": true}},
            "initializationOptions": {"hintDiagnostics": true},
        }),
    );
    client.settings = json!({});
    client.open(&uri, TEXT);
    client.news_of("workspace/configuration");
    while client.diagnostics(&uri, 1).len() < 3 {
        client.receive();
    }
}

#[test]
fn diagnostics_that_are_asked_for_have_names() {
    let (sandbox, uri) = built();
    sandbox.write("sub/web.Dockerfile", "FROM scratch\nCCOPY a /\n");
    sandbox.write("sub/notes.txt", "FROM scratch\nCCOPY a /\n");
    let root = format!("file://{}", sandbox.work().display());
    let more = json!({
        "capabilities": {"textDocument": {"diagnostic": {}}},
        "workspaceFolders": [{"uri": root, "name": "work"}],
    });
    let mut client = Client::with(&sandbox, more);
    client.open(&uri, "FROM scratch\nCCOPY a /\n");
    let report = diagnostics_of(&mut client, &uri, &Value::Null);
    assert_eq!(report["kind"], "full", "{report}");
    assert_eq!(
        report["items"][0]["code"], "unknown-instruction",
        "{report}"
    );
    let again = diagnostics_of(&mut client, &uri, &report["resultId"]);
    assert_eq!(again["kind"], "unchanged", "{again}");
    assert!(
        client.diagnostics.is_empty(),
        "nothing is sent to one who asks"
    );

    let all = client.ask("workspace/diagnostic", json!({"previousResultIds": []}));
    let mut names: Vec<String> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            item["uri"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    names.sort();
    assert_eq!(names, ["Dockerfile", "web.Dockerfile"]);
    let mut known: Vec<Value> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| json!({"uri": item["uri"], "value": item["resultId"]}))
        .collect();
    let gone = uri.replace("/Dockerfile", "/gone.Dockerfile");
    known.push(json!({"uri": gone, "value": "1"}));
    // Nothing has changed: the answer comes when something has.
    let waiting = client.request("workspace/diagnostic", json!({"previousResultIds": known}));
    client.edit(&uri, 2, 1, (0, 1), "");
    let again = client.answer(waiting);
    let kind = |name: &str| {
        let items = again["items"].as_array().unwrap();
        let item = items
            .iter()
            .find(|item| item["uri"].as_str().unwrap().ends_with(name));
        item.unwrap()["kind"].clone()
    };
    assert_eq!(
        (kind("/Dockerfile"), kind("web.Dockerfile")),
        (json!("full"), json!("unchanged")),
        "{again}"
    );
    let mut items = again["items"].as_array().unwrap().iter();
    let gone = items.find(|item| item["uri"] == gone).unwrap();
    assert_eq!(
        (&gone["items"], &gone["resultId"]),
        (&json!([]), &Value::Null)
    );
}

#[test]
fn that_there_is_no_file_is_reported_once() {
    let sandbox = Sandbox::new();
    let root = format!("file://{}", sandbox.work().display());
    let more = json!({
        "capabilities": {"textDocument": {"diagnostic": {}}},
        "workspaceFolders": [{"uri": root, "name": "work"}],
    });
    let mut client = Client::with(&sandbox, more);
    let none = json!({"previousResultIds": []});
    let all = client.ask("workspace/diagnostic", none.clone());
    assert_eq!(all["items"], json!([]));
    // Nothing has changed: the answer comes when something has.
    let waiting = client.request("workspace/diagnostic", none);
    client.open(&format!("{root}/Dockerfile"), TEXT);
    let again = client.answer(waiting);
    assert_eq!(again["items"].as_array().unwrap().len(), 1, "{again}");
}

#[test]
fn an_option_that_is_not_valid_is_an_error_beside_the_findings() {
    let sandbox = Sandbox::new();
    let text = "FROM scratch as a\nCOPY b /\n";
    sandbox.write(".dockerignore", "[\n");
    let uri = format!("file://{}/Dockerfile", sandbox.work().display());
    let mut client = Client::new(&sandbox, &json!({}));
    client.open(&uri, text);
    let found = client.diagnostics(&uri, 1);
    let shown: Vec<_> = found
        .iter()
        .map(|d| (d["code"].as_str().unwrap(), d["message"].as_str().unwrap()))
        .collect();
    assert_eq!(shown.len(), 2, "{found:?}");
    assert_eq!(shown[0].0, "build");
    assert!(shown[0].1.contains(".dockerignore"), "{found:?}");
    assert_eq!(shown[1].0, "FromAsCasing");
}

#[test]
fn a_workspace_has_the_files_and_findings_of_lint() {
    let sandbox = Sandbox::new();
    let described = "# is the first\nFROM scratch AS Base\nCOPY a /\n";
    for path in [
        "Dockerfile",
        ".devcontainer/Dockerfile",
        "vendor/it/Containerfile",
        "target/x.Dockerfile",
        "ignored/Dockerfile",
        "left/Dockerfile",
    ] {
        sandbox.write(path, described);
    }
    sandbox.write("empty/Dockerfile", "");
    sandbox.write("wrong/Dockerfile", "FROM scratch\nCOPY --from=7 a /\n");
    sandbox.write(".gitignore", "ignored\n");
    sandbox.write(
        "cooperage.toml",
        "exclude = [\"left\"]\n[lint.levels]\nInvalidDefinitionDescription = \"warning\"\n",
    );
    std::os::unix::fs::symlink("Dockerfile", sandbox.work().join("Dockerfile.link")).unwrap();

    let ran = sandbox.cooper(&["lint", "--format=json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let mut told: Vec<(String, String, u64)> = (told.as_array().unwrap().iter())
        .map(|found| {
            let text = |key: &str| found[key].as_str().unwrap().to_owned();
            (text("file"), text("code"), found["line"].as_u64().unwrap())
        })
        .collect();
    told.sort();
    let experimental = |(_, code, _): &&(_, String, _)| code == "InvalidDefinitionDescription";
    assert_eq!(told.iter().filter(experimental).count(), 4, "{told:?}");

    let root = format!("file://{}", sandbox.work().display());
    let more = json!({
        "capabilities": {"textDocument": {"diagnostic": {}}},
        // That of the file one works on.
        "initializationOptions": {"target": "elsewhere"},
        "workspaceFolders": [{"uri": root, "name": "work"}],
    });
    let mut client = Client::with(&sandbox, more);
    let all = client.ask("workspace/diagnostic", json!({"previousResultIds": []}));
    let mut shown = Vec::new();
    for report in all["items"].as_array().unwrap() {
        let uri = report["uri"].as_str().unwrap();
        let file = uri.strip_prefix(&format!("{root}/")).unwrap();
        for item in report["items"].as_array().unwrap() {
            let line = item["range"]["start"]["line"].as_u64().unwrap() + 1;
            let code = item["code"].as_str().unwrap();
            shown.push((file.to_owned(), code.to_owned(), line));
        }
    }
    shown.sort();
    assert_eq!(shown, told);
}

#[test]
fn folders_come_and_go() {
    let sandbox = Sandbox::new();
    sandbox.write("one/Dockerfile", "FROM scratch AS first\n");
    sandbox.write("two/Containerfile", "FROM scratch AS second\n");
    let folder = |name: &str| {
        let uri = format!("file://{}", sandbox.work().join(name).display());
        json!({"uri": uri, "name": name})
    };
    let mut client = Client::with(&sandbox, json!({"workspaceFolders": [folder("one")]}));
    let stages = |client: &mut Client| {
        let found = client.ask("workspace/symbol", json!({"query": "s"}));
        let mut names: Vec<String> = found
            .as_array()
            .unwrap()
            .iter()
            .map(|symbol| symbol["name"].as_str().unwrap().to_owned())
            .filter(|name| !name.starts_with("FROM"))
            .collect();
        names.sort();
        names
    };
    assert_eq!(stages(&mut client), ["first"]);
    let event = json!({"added": [folder("two")], "removed": [folder("one")]});
    client.tell(
        "workspace/didChangeWorkspaceFolders",
        json!({"event": event}),
    );
    assert_eq!(stages(&mut client), ["second"]);
}

#[test]
fn requests_can_be_canceled_and_go_stale() {
    let (sandbox, uri) = built();
    let mut client = Client::new(&sandbox, &json!({}));
    client.open(&uri, TEXT);
    client.hints(&uri);
    // The forecast of a new text takes a moment, for which requests wait.
    client.edit(&uri, 2, 0, (0, 0), "#\n");
    let canceled = client.request_hints(&uri);
    client.tell("$/cancelRequest", json!({"id": canceled}));
    assert_eq!(client.answer(canceled)["code"], -32800);
    let stale = client.request_hints(&uri);
    client.edit(&uri, 3, 0, (0, 0), "#");
    assert_eq!(client.answer(stale)["code"], -32801);
    client.tell("$/cancelRequest", json!({"id": "never asked"}));
    assert_eq!(client.hints(&uri).len(), 3);
}

#[test]
fn a_client_without_manners_does_no_harm() {
    let (sandbox, uri) = built();
    let mut client = Client::new(&sandbox, &json!({"hintDiagnostics": "perhaps"}));
    for body in [
        "",
        "{",
        "[]",
        "{\"jsonrpc\":\"2.0\"}",
        "{\"id\":1.5,\"method\":\"x\"}",
        "\u{fffd}",
    ] {
        client.send_raw(body);
    }
    client.tell(
        "textDocument/didChange",
        json!({"textDocument": {"uri": &uri, "version": 1}, "contentChanges": []}),
    );
    client.tell(
        "textDocument/didClose",
        json!({"textDocument": {"uri": &uri}}),
    );
    client.tell("textDocument/didOpen", json!({"textDocument": 5}));
    client.tell("no/such/news", json!([1]));
    client.send_raw(&json!({"jsonrpc": "2.0", "id": 99999, "result": 1}).to_string());
    assert_eq!(client.ask("no/such/request", json!({}))["code"], -32601);
    assert_eq!(
        client.ask("textDocument/hover", json!({"x": 1}))["code"],
        -32602
    );
    let again = client.ask("initialize", json!({"capabilities": {}}));
    assert_eq!(again["code"], -32600, "{again}");
    client.open(&uri, TEXT);
    client.open(&uri, TEXT);
    client.edit(&uri, 1, 4_000_000, (4_000_000, 7), "\u{1F433}");
    client.edit(&uri, -5, 4, (1, 1), "x");
    let hover = client.at("textDocument/hover", &uri, 4_294_967_295, 4_294_967_295);
    assert!(hover["code"].is_null(), "{hover}");
    let command = json!({"command": "cooper.build", "arguments": ["file:///nowhere"]});
    let refused = client.ask("workspace/executeCommand", command);
    assert_eq!(refused["code"], -32602, "{refused}");
    assert!(client.hints(&uri).len() >= 3);
}
