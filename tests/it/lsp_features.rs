//! Each request of the language server once, from message to answer. What the answers should be in detail is tested
//! with the language; here it is that they arrive.

use crate::lsp::{TEXT, built};
use crate::lsp_client::Client;
use crate::sandbox::Sandbox;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const STAGES: &str = "FROM scratch AS base\nARG V=1\nCOPY a /a\n\nFROM base AS last\nENV W=$V.2\nCOPY --from=base /a /b\nRUN echo $W && echo done\n";

fn opened(text: &str, capabilities: Value) -> (Sandbox, String, Client) {
    let (sandbox, uri) = built();
    let mut client = Client::with(&sandbox, json!({"capabilities": capabilities}));
    client.open(&uri, text);
    (sandbox, uri, client)
}

fn labels(completion: &Value) -> Vec<&str> {
    let items = completion["items"].as_array().expect("a list");
    items
        .iter()
        .map(|item| item["label"].as_str().unwrap())
        .collect()
}

#[test]
fn completion_knows_the_place_and_the_folder() {
    let capabilities = json!({"textDocument": {"completion": {"completionItem": {
        "resolveSupport": {"properties": ["documentation"]},
    }}}});
    let (_sandbox, uri, mut client) = opened(
        "FROM scratch AS base\nFROM base\nCOPY --from=\nCOPY \nW",
        capabilities,
    );
    let found = client.at("textDocument/completion", &uri, 2, 12);
    assert!(labels(&found).contains(&"base"), "{found}");
    let found = client.at("textDocument/completion", &uri, 3, 5);
    assert!(
        labels(&found).contains(&"a") && labels(&found).contains(&"b"),
        "{found}"
    );
    let found = client.at("textDocument/completion", &uri, 4, 1);
    let item = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["label"].as_str().unwrap().starts_with("WORKDIR"));
    let item = item.expect("an instruction");
    assert!(item["documentation"].is_null(), "it comes when asked for");
    let resolved = client.ask("completionItem/resolve", item.clone());
    let docs = resolved["documentation"]["value"].as_str().unwrap();
    assert!(docs.contains("WORKDIR"), "{docs}");
}

#[test]
fn completion_knows_what_was_built_while_one_types() {
    let text = "FROM scratch AS s\nCOPY a /made\nFROM scratch\nCOPY --from=s /made /x\n";
    let (sandbox, uri) = built();
    sandbox.write("Dockerfile", text);
    sandbox.cooper(&["build", "-q", "."]).ok();
    let mut client = Client::new(&sandbox, &json!({}));
    client.open(&uri, text);
    client.hints(&uri);
    for (version, start) in (2..).zip([18_usize, 17, 16]) {
        client.edit(&uri, version, 3, (start, start + 1), "");
        let found = client.at("textDocument/completion", &uri, 3, start as u64);
        assert!(labels(&found).contains(&"made"), "{found}");
    }
}

#[test]
fn names_lead_to_their_definitions() {
    let (sandbox, uri, mut client) = opened(STAGES, json!({}));
    let line = |found: &Value| found["range"]["start"]["line"].as_u64().unwrap();
    let found = client.at("textDocument/definition", &uri, 6, 13);
    assert_eq!(line(&found[0]), 0, "{found}");
    let file = client.at("textDocument/definition", &uri, 2, 5);
    let expected = format!("file://{}", sandbox.work().join("a").display());
    assert_eq!(file[0]["uri"], expected, "{file}");
    let position = json!({"line": 0, "character": 17});
    let params = json!({"textDocument": {"uri": &uri}, "position": position, "context": {"includeDeclaration": true}});
    let found = client.ask("textDocument/references", params);
    let lines: Vec<u64> = found.as_array().unwrap().iter().map(line).collect();
    assert_eq!(lines, [0, 4, 6]);
    let found = client.at("textDocument/documentHighlight", &uri, 0, 17);
    assert_eq!(found.as_array().unwrap().len(), 3, "{found}");
    let found = client.at("textDocument/linkedEditingRange", &uri, 0, 17);
    assert_eq!(found["ranges"].as_array().unwrap().len(), 3, "{found}");
}

#[test]
fn renaming_changes_every_place_or_says_why_not() {
    let versions = json!({"workspace": {"workspaceEdit": {"documentChanges": true}}});
    let (_sandbox, uri, mut client) = opened(STAGES, versions);
    let prepared = client.at("textDocument/prepareRename", &uri, 0, 17);
    assert_eq!(prepared["placeholder"], "base");
    let rename = |client: &mut Client, name: &str| {
        let position = json!({"line": 0, "character": 17});
        client.ask(
            "textDocument/rename",
            json!({"textDocument": {"uri": &uri}, "position": position, "newName": name}),
        )
    };
    let edit = rename(&mut client, "root");
    let change = &edit["documentChanges"][0];
    assert_eq!(change["textDocument"]["version"], 1);
    assert_eq!(change["edits"].as_array().unwrap().len(), 3, "{edit}");
    let refused = rename(&mut client, "last");
    assert_eq!(refused["code"], -32803, "{refused}");
    assert!(
        refused["message"].as_str().unwrap().contains("line 5"),
        "{refused}"
    );
}

#[test]
fn folds_count_lines_as_the_protocol_does() {
    let text = "# a\rb\nFROM a\nRUN b\\\n c\n";
    let (_sandbox, uri, mut client) = opened(text, json!({}));
    let folds = client.about("textDocument/foldingRange", &uri);
    let lines: Vec<_> = folds
        .as_array()
        .unwrap()
        .iter()
        .map(|fold| (fold["startLine"].as_u64(), fold["endLine"].as_u64()))
        .collect();
    assert_eq!(lines, [(Some(2), Some(4)), (Some(3), Some(4))], "{folds}");
}

#[test]
fn the_text_has_a_structure() {
    let nested =
        json!({"textDocument": {"documentSymbol": {"hierarchicalDocumentSymbolSupport": true}}});
    let (_sandbox, uri, mut client) = opened(STAGES, nested);
    let symbols = client.about("textDocument/documentSymbol", &uri);
    let names: Vec<_> = symbols
        .as_array()
        .unwrap()
        .iter()
        .map(|s| &s["name"])
        .collect();
    assert_eq!(names, ["base", "last"]);
    assert_eq!(symbols[0]["children"].as_array().unwrap().len(), 3);
    let folds = client.about("textDocument/foldingRange", &uri);
    assert_eq!(
        (&folds[0]["startLine"], &folds[0]["endLine"]),
        (&json!(0), &json!(2)),
        "{folds}"
    );
    let positions = json!([{"line": 2, "character": 6}]);
    let grown = client.ask(
        "textDocument/selectionRange",
        json!({"textDocument": {"uri": &uri}, "positions": positions}),
    );
    assert!(grown[0]["parent"]["parent"].is_object(), "{grown}");
    let links = client.about("textDocument/documentLink", &uri);
    assert!(
        links[1]["target"].as_str().unwrap().ends_with("/a"),
        "{links}"
    );
}

#[test]
fn tokens_come_whole_in_part_and_as_differences() {
    let (_sandbox, uri, mut client) = opened(STAGES, json!({}));
    let legend = &client.can["semanticTokensProvider"]["legend"];
    assert_eq!(legend["tokenTypes"][0], "keyword", "{legend}");
    let all = client.about("textDocument/semanticTokens/full", &uri);
    let count = all["data"].as_array().unwrap().len();
    assert_eq!(
        all["data"].as_array().unwrap()[..3],
        [json!(0), json!(0), json!(4)]
    );
    let range = json!({"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 0}});
    let part = client.ask(
        "textDocument/semanticTokens/range",
        json!({"textDocument": {"uri": &uri}, "range": range}),
    );
    assert!((1..count).contains(&part["data"].as_array().unwrap().len()));
    client.edit(&uri, 2, 7, (4, 8), "ls");
    let known = json!({"textDocument": {"uri": &uri}, "previousResultId": all["resultId"]});
    let difference = client.ask("textDocument/semanticTokens/full/delta", known.clone());
    assert_eq!(
        difference["edits"].as_array().unwrap().len(),
        1,
        "{difference}"
    );
    let forgotten = client.ask("textDocument/semanticTokens/full/delta", known);
    assert!(forgotten["data"].is_array(), "{forgotten}");
}

#[test]
fn formatting_and_actions_give_edits() {
    let (_sandbox, uri, mut client) =
        opened("from scratch\nCOPY  a /a\nMAINTAINER me\n", json!({}));
    let options = json!({"tabSize": 4, "insertSpaces": true});
    let edits = client.ask(
        "textDocument/formatting",
        json!({"textDocument": {"uri": &uri}, "options": options}),
    );
    assert!(
        edits
            .as_array()
            .unwrap()
            .iter()
            .any(|edit| edit["newText"] == "FROM"),
        "{edits}"
    );
    let part = json!({"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 9}});
    let edits = client.ask(
        "textDocument/rangeFormatting",
        json!({"textDocument": {"uri": &uri}, "range": part, "options": options}),
    );
    assert_eq!(edits.as_array().unwrap().len(), 1, "{edits}");
    assert_eq!(edits[0]["range"]["start"]["line"], 1, "{edits}");
    let continued = format!("{uri}.continued");
    client.open(&continued, "FROM scratch\nRUN a \\\nb\n");
    let edits = client.ask(
        "textDocument/onTypeFormatting",
        json!({"textDocument": {"uri": &continued}, "position": {"line": 2, "character": 0}, "ch": "\n", "options": options}),
    );
    assert_eq!(edits[0]["newText"], "    ", "{edits}");
    let range = json!({"start": {"line": 2, "character": 0}, "end": {"line": 2, "character": 0}});
    let ask = |client: &mut Client, only: Value| {
        let context = json!({"diagnostics": [], "only": only});
        client.ask(
            "textDocument/codeAction",
            json!({"textDocument": {"uri": &uri}, "range": range, "context": context}),
        )
    };
    let fixes = ask(&mut client, json!(["quickfix"]));
    let fix = fixes
        .as_array()
        .unwrap()
        .iter()
        .find(|fix| fix["isPreferred"] == true);
    let fix = fix.unwrap_or_else(|| panic!("{fixes}"));
    assert_eq!(fix["diagnostics"][0]["code"], "MaintainerDeprecated");
    assert!(fix["edit"]["changes"][&uri].is_array(), "{fix}");
    let all = ask(&mut client, json!(["source.fixAll"]));
    assert!(
        all.as_array()
            .unwrap()
            .iter()
            .all(|action| action["kind"] == "source.fixAll"),
        "{all}"
    );
}

/// The fixes of two rules for one line leave it with a finding again.
#[test]
fn fix_all_goes_on_until_nothing_is_found() {
    let text = "from scratch AS f\nCOPY a /\nCOPY b /\n";
    let (_sandbox, uri, mut client) = opened(text, json!({}));
    let start = json!({"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}});
    let context = json!({"diagnostics": [], "only": ["source.fixAll"]});
    let params = json!({"textDocument": {"uri": &uri}, "range": start, "context": context});
    let all = client.ask("textDocument/codeAction", params);
    let edit = json!([{
        "range": {"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 0}},
        "newText": "FROM scratch AS f\n",
    }]);
    assert_eq!(all[0]["edit"]["changes"][&uri], edit, "{all}");
}

/// Neovim asks at the cursor, and names all findings of its line.
#[test]
fn a_fix_is_offered_for_a_finding_that_is_named() {
    let (_sandbox, uri, mut client) = opened("FROM scratch as x\nCOPY a /a\n", json!({}));
    let start = json!({"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}});
    let named = client.diagnostics(&uri, 1);
    assert_eq!(named[0]["code"], "FromAsCasing", "{named:?}");
    for (diagnostics, count) in [(json!([]), 0), (json!(named), 3)] {
        let context = json!({"diagnostics": diagnostics, "only": ["quickfix"]});
        let params = json!({"textDocument": {"uri": &uri}, "range": start, "context": context});
        let fixes = client.ask("textDocument/codeAction", params);
        assert_eq!(fixes.as_array().unwrap().len(), count, "{fixes}");
    }
}

#[test]
fn help_and_values_stand_beside_the_text() {
    let (_sandbox, uri, mut client) = opened(STAGES, json!({}));
    let help = client.at("textDocument/signatureHelp", &uri, 2, 8);
    assert!(
        help["signatures"][0]["label"]
            .as_str()
            .unwrap()
            .starts_with("COPY"),
        "{help}"
    );
    let range = json!({"start": {"line": 0, "character": 0}, "end": {"line": 9, "character": 0}});
    let context = json!({"frameId": 0, "stoppedLocation": range});
    let values = client.ask(
        "textDocument/inlineValue",
        json!({"textDocument": {"uri": &uri}, "range": range, "context": context}),
    );
    assert!(
        values
            .as_array()
            .unwrap()
            .iter()
            .any(|value| value["text"] == "1.2"),
        "{values}"
    );
    let hover = client.at("textDocument/hover", &uri, 7, 10);
    assert!(
        hover["contents"]["value"].as_str().unwrap().contains("1.2"),
        "{hover}"
    );
}

#[test]
fn a_build_from_the_editor_turns_the_hints() {
    let capabilities = json!({"window": {"workDoneProgress": true}, "experimental": {"cooper": {"terminal": true, "show": true}}});
    let (sandbox, uri, mut client) = opened(TEXT, capabilities);
    // Not saved: the build is of what is shown.
    client.edit(&uri, 2, 1, (7, 9), "/aa");
    let hints = client.hints(&uri);
    assert!(
        hints.iter().all(|(_, hint)| !hint.starts_with("cached")),
        "{hints:?}"
    );
    let lenses = client.about("textDocument/codeLens", &uri);
    let lens = lenses
        .as_array()
        .unwrap()
        .iter()
        .find(|lens| lens["command"]["title"] == "build to here");
    let command = &lens.expect("a lens at each step")["command"];
    assert!(lenses.to_string().contains("shell here"), "{lenses}");
    let built = client.ask(
        "workspace/executeCommand",
        json!({"command": command["command"], "arguments": command["arguments"]}),
    );
    assert!(
        built["image"]
            .as_str()
            .is_some_and(|id| id.starts_with("sha256:")),
        "{built}"
    );
    let began = Instant::now();
    while !client.hints(&uri)[0].1.starts_with("cached") {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "the store's change shows by itself"
        );
    }
    assert!(
        !client.hints(&uri)[1].1.starts_with("cached"),
        "only the first step was built"
    );
    let begin = client.news_of("$/progress");
    assert_eq!(begin["params"]["value"]["kind"], "begin", "{begin}");

    let explain = json!({"command": "cooper.explain", "arguments": [&uri, {"line": 2}]});
    let said = client.ask("workspace/executeCommand", explain);
    assert!(
        said["text"].as_str().unwrap().contains("`COPY b /b`"),
        "{said}"
    );
    assert_eq!(
        client.news_of("cooper/show")["params"]["text"],
        said["text"]
    );
    let lenses = client.about("textDocument/codeLens", &uri);
    assert!(lenses.to_string().contains("layer files"), "{lenses}");
    let files = json!({"command": "cooper.layerFiles", "arguments": [&uri, {"line": 1}]});
    let files = client.ask("workspace/executeCommand", files);
    assert!(files["text"].as_str().unwrap().contains("/aa"), "{files}");
    drop(client);
    assert!(sandbox.store().exists());
}

#[test]
fn a_stage_is_explained_by_its_own_steps() {
    let (_sandbox, uri, mut client) = opened(STAGES, json!({}));
    // The forecast is not there yet, so it is waited for.
    for (line, own, other) in [
        (0, "Cached or in the store: lines 3.", "line 7"),
        (4, "line 7: `COPY --from=base /a /b`", "lines 3"),
    ] {
        let explain = json!({"command": "cooper.explain", "arguments": [&uri, {"line": line}]});
        let said = client.ask("workspace/executeCommand", explain);
        let text = said["text"].as_str().unwrap();
        assert!(text.contains(own) && !text.contains(other), "{text}");
    }
}

#[test]
fn a_target_can_be_chosen() {
    let (_sandbox, uri, mut client) = opened(STAGES, json!({}));
    let spared = |hints: &[(u64, String)]| hints.iter().any(|(_, hint)| hint == "not needed");
    assert!(!spared(&client.hints(&uri)));
    let choose = json!({"command": "cooper.selectTarget", "arguments": [&uri, {"target": "base"}]});
    assert_eq!(client.ask("workspace/executeCommand", choose), "base");
    assert!(spared(&client.hints(&uri)));
}

#[test]
fn a_target_can_be_picked_from_a_list() {
    let list = json!({"experimental": {"cooper": {"pick": true}}});
    let (_sandbox, uri, mut client) = opened(STAGES, list);
    let choose = json!({"command": "cooper.selectTarget", "arguments": [&uri]});
    for (picks, chosen) in [
        (json!("base"), json!("base")),
        (Value::Null, Value::Null),
        (json!("the last stage"), Value::Null),
    ] {
        client.picks = picks;
        assert_eq!(
            client.ask("workspace/executeCommand", choose.clone()),
            chosen
        );
        let asked = client.news_of("cooper/pick");
        assert_eq!(
            asked["params"]["items"],
            json!(["base", "last", "the last stage"])
        );
    }
}

#[test]
fn build_arguments_and_a_platform_can_be_chosen() {
    let text = "FROM scratch\nARG FILE=a TARGETARCH\nCOPY $FILE /$TARGETARCH\n";
    let (_sandbox, uri, mut client) = opened(text, json!({}));
    let step = |client: &mut Client| {
        // Hover waits for no forecast, hints do.
        client.hints(&uri);
        client.at("textDocument/hover", &uri, 2, 1).to_string()
    };
    assert!(step(&mut client).contains("COPY a /"));
    for (command, argument, said) in [
        ("setBuildArgs", json!({"args": {"FILE": "b"}}), "COPY b /"),
        (
            "setPlatform",
            json!({"platform": "linux/s390x"}),
            "COPY b /s390x",
        ),
        ("setBuildArgs", json!({"args": null}), "COPY a /s390x"),
    ] {
        let choose = json!({"command": format!("cooper.{command}"), "arguments": [&uri, argument]});
        assert!(client.ask("workspace/executeCommand", choose).is_null());
        let now = step(&mut client);
        assert!(now.contains(said), "{command}: {now}");
    }
}

#[test]
fn a_build_from_the_editor_is_the_one_that_was_forecast() {
    let sandbox = Sandbox::new();
    sandbox.write("lib/a", "a");
    sandbox.write("app/b", "b");
    sandbox.write(
        "app/cooperage.toml",
        "[build]\ntarget = 'app'\n[build.contexts]\nlib = '../lib'\n",
    );
    let text = "FROM scratch AS base\n  COPY --from=lib a /\nFROM base AS app\nCOPY b /\nFROM app AS last\nCOPY none /\n";
    let uri = format!(
        "file://{}",
        sandbox.work().join("app/api.Dockerfile").display()
    );
    let mut client = Client::new(&sandbox, &json!({}));
    client.open(&uri, text);
    client.diagnostics(&uri, 1);
    let mut run = |command: &str, more: Value| {
        let call = json!({"command": command, "arguments": [uri, more]});
        client.ask("workspace/executeCommand", call)
    };
    // To a line that is indented, in a stage that is not the project's target.
    let built = run("cooper.buildTo", json!({"line": 1}));
    assert!(built["image"].is_string(), "{built}");
    // The target of the project, whose last stage could not be built.
    let built = run("cooper.build", Value::Null);
    assert!(built["image"].is_string(), "{built}");
    let began = Instant::now();
    while !client
        .hints(&uri)
        .iter()
        .take(2)
        .all(|(_, hint)| hint.starts_with("cached"))
    {
        let hints = client.hints(&uri);
        assert!(began.elapsed() < Duration::from_secs(20), "{hints:?}");
    }
}

#[test]
fn changed_settings_of_the_project_are_noticed_without_the_client() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "a");
    sandbox.write("cooperage.toml", "[build]\ntarget = 'one'\n");
    let text = "FROM scratch AS one\nCOPY a /\nFROM scratch AS two\nCOPY a /b\n";
    let uri = format!("file://{}", sandbox.work().join("Dockerfile").display());
    let refresh = json!({"capabilities": {"workspace": {"inlayHint": {"refreshSupport": true}}}});
    let mut client = Client::with(&sandbox, refresh);
    client.open(&uri, text);
    let needed = |client: &mut Client| {
        let hints = client.hints(&uri).into_iter();
        let needed = hints.filter(|(_, hint)| hint != "not needed");
        needed.map(|(line, _)| line).collect::<Vec<_>>()
    };
    assert_eq!(needed(&mut client), [2]);
    sandbox.write("cooperage.toml", "[build]\ntarget = 'two'\n\n");
    while needed(&mut client) != [4] {
        client.news_of("workspace/inlayHint/refresh");
    }
}

#[test]
fn a_build_can_be_canceled() {
    let sandbox = Sandbox::new();
    sandbox.base();
    sandbox.write("Dockerfile", "");
    let uri = format!("file://{}", sandbox.work().join("Dockerfile").display());
    let progress = json!({"capabilities": {"window": {"workDoneProgress": true}}});
    let mut client = Client::with(&sandbox, progress);
    client.open(&uri, "FROM host:base\nRUN sleep 600\n");
    let build = json!({"command": "cooper.build", "arguments": [&uri]});
    let build = client.request("workspace/executeCommand", build);
    // Once the step runs.
    let token = loop {
        let news = client.news_of("$/progress");
        let message = news["params"]["value"]["message"].as_str();
        if message.is_some_and(|message| message.contains("line 2")) {
            break news["params"]["token"].clone();
        }
    };
    client.tell("window/workDoneProgress/cancel", json!({"token": token}));
    assert_eq!(client.answer(build)["code"], -32800);
    let ended = loop {
        let news = client.news_of("$/progress");
        if news["params"]["value"]["kind"] == "end" {
            break news["params"]["value"]["message"].clone();
        }
    };
    assert_eq!(ended, "canceled");
}

#[test]
fn facts_are_of_the_image_for_the_platform_that_is_asked_for() {
    let (sandbox, uri) = crate::lsp::built();
    sandbox
        .cooper(&["build", "-q", "--platform=linux/arm64", "-t", "own", "."])
        .ok();
    let mut client = Client::new(&sandbox, &json!({}));
    for (number, platform, fits) in [
        (1, "linux/arm64", true),
        (2, "linux/aarch64", true),
        (3, "arm64", true),
        (4, "linux/arm", false),
        (5, "linux/amd64", false),
        (6, "$BUILDPLATFORM", true),
    ] {
        let (uri, text) = (
            format!("{uri}.{number}"),
            format!("FROM --platform={platform} own\n"),
        );
        client.open(&uri, &text);
        let hover = client.at("textDocument/hover", &uri, 0, text.len() as u64 - 3);
        let facts = hover["contents"]["value"].as_str().unwrap_or_default();
        assert_eq!(facts.contains("linux/arm64"), fits, "{platform}: {hover}");
    }
}
