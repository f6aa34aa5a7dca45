//! What the language server learns from outside the text: from registries and from programs of the machine.

use crate::lsp::built;
use crate::lsp_client::Client;
use crate::registry::Registry;
use crate::sandbox::{Sandbox, have};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Texts offered at the end of a document's only line, and whether there may be more.
fn offered(client: &mut Client, uri: &str, column: usize) -> (Vec<String>, bool) {
    let answer = client.at("textDocument/completion", uri, 0, column as u64);
    let text = |item: &Value| item["label"].as_str().unwrap().to_owned();
    let items = answer["items"].as_array().expect("a list").iter();
    (items.map(text).collect(), answer["isIncomplete"] == true)
}

/// What is offered when nothing more is to come.
fn offered_at_last(client: &mut Client, uri: &str, column: usize) -> Vec<String> {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        match offered(client, uri, column) {
            (found, false) => return found,
            (found, true) => assert!(Instant::now() < until, "still more to come than {found:?}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn in_sandbox(sandbox: &Sandbox, options: Value, text: &str) -> (Client, String) {
    let uri = format!("file://{}", sandbox.work().join("Dockerfile").display());
    let mut client = Client::new(sandbox, &options);
    client.open(&uri, text);
    (client, uri)
}

#[test]
fn tags_come_from_the_registry_without_waiting_for_it() {
    if !have(&["docker-registry", "skopeo"]) {
        return;
    }
    let (sandbox, _) = built();
    let registry = Registry::start(&sandbox);
    let tag = format!("{}/app:here", registry.host);
    sandbox.cooper(&["build", "-q", "-t", &tag, "."]).ok();
    let output = "type=oci,dest=layout,tar=false";
    sandbox.cooper(&["build", "-q", "-o", output, "."]).ok();
    for name in ["app:1.9", "app:1.10", "app:latest"] {
        registry.push(&sandbox.work().join("layout"), name);
    }
    let text = format!("FROM {}/app:", registry.host);
    let all = ["here", "latest", "1.10", "1.9"].map(|tag| format!("{}/app:{tag}", registry.host));

    let (mut client, uri) = in_sandbox(&sandbox, json!({}), &text);
    let (first, more) = offered(&mut client, &uri, text.len());
    assert!(more && first == all[..1], "{first:?}");
    assert_eq!(offered_at_last(&mut client, &uri, text.len()), all);

    // Another server of the same store has them at once, also when the registry is gone.
    drop(registry);
    let (mut client, uri) = in_sandbox(&sandbox, json!({}), &text);
    assert_eq!(
        offered(&mut client, &uri, text.len()),
        (all.to_vec(), false)
    );

    let (mut client, uri) = in_sandbox(&sandbox, json!({"registryTags": false}), &text);
    let (found, more) = offered(&mut client, &uri, text.len());
    assert!(!more && found == all[..1], "{found:?}");
}

#[test]
fn a_registry_that_is_not_there_is_asked_once_and_not_spoken_of() {
    let (sandbox, _) = built();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!("FROM {}/app:", listener.local_addr().unwrap());
    // Whoever connects is hung up on, and counted.
    let (count, counted) = std::sync::mpsc::channel();
    std::thread::spawn(move || listener.incoming().try_for_each(|_| count.send(())));
    let (mut client, uri) = in_sandbox(&sandbox, json!({}), &text);
    assert_eq!(offered_at_last(&mut client, &uri, text.len()), [""; 0]);
    let asked = counted.try_iter().count();
    assert!(asked > 0);
    assert_eq!(offered(&mut client, &uri, text.len()), (Vec::new(), false));
    assert_eq!(counted.try_iter().count(), 0);
    let said = |news: &Value| news["method"].as_str().unwrap().starts_with("window/");
    assert!(!client.news.iter().any(said), "{:?}", client.news);
}

#[test]
fn a_target_of_a_bake_file_is_forecast_and_its_mistakes_are_said() {
    let sandbox = Sandbox::new();
    let text = "FROM scratch AS base\nARG V\nCOPY $V /v\nFROM base\nCOPY b /b\n";
    sandbox.write("Dockerfile", text);
    sandbox.write("1.2", "");
    sandbox.write("b", "");
    let bake = "variable \"V\" { default = \"1.2\" }\ntarget \"lib\" {\n  target = lower(\"BASE\")\n  args = { V = V, X = nowhere }\n}\n";
    sandbox.write("docker-bake.hcl", bake);
    let given = ["build", "-q", "--target=base", "--build-arg=V=1.2", "."];
    sandbox.cooper(&given).ok();
    let (mut client, uri) = in_sandbox(&sandbox, json!({}), text);
    assert_eq!(client.hints(&uri).len(), 2);
    let choose = json!({"command": "cooper.selectBuild", "arguments": [&uri, {"name": "lib"}]});
    assert_eq!(client.ask("workspace/executeCommand", choose), "lib");
    let said = client.news_of("window/showMessage")["params"]["message"].clone();
    let mistake = "docker-bake.hcl: `lib`: `args.X`: there is no variable `nowhere`";
    assert!(said.as_str().unwrap().ends_with(mistake), "{said}");
    let hints = client.hints(&uri);
    assert!(hints[0].1.starts_with("cached"), "{hints:?}");
    assert_eq!(hints[1..], [(4, "not needed".to_owned())]);
    // One that there is not leaves what was chosen.
    let wrong = json!({"command": "cooper.selectBuild", "arguments": [&uri, {"name": "lob"}]});
    let refused = client.ask("workspace/executeCommand", wrong);
    assert!(refused["code"].is_number(), "{refused}");
    assert_eq!(client.hints(&uri), hints);
}

/// A client in a sandbox with a Dockerfile that ShellCheck has something to say of.
fn shellchecked(options: Value, more: &str) -> (Sandbox, Client, String) {
    let sandbox = Sandbox::new();
    sandbox.write("cooperage.toml", more);
    let text =
        "FROM scratch\nRUN echo a \\\n # why\n && rm -f `which x` && [ $y = z ]\nRUN [\"a\"]\n";
    let (client, uri) = in_sandbox(&sandbox, options, text);
    (sandbox, client, uri)
}

fn codes(found: &[Value]) -> Vec<&str> {
    found.iter().map(|d| d["code"].as_str().unwrap()).collect()
}

/// The diagnostics once ShellCheck's are among them.
fn with_shellcheck(client: &mut Client, uri: &str) -> Vec<Value> {
    loop {
        client.receive();
        let found = client
            .diagnostics
            .get(uri)
            .map_or(&[][..], |(_, found)| found);
        if found.iter().any(|d| d["source"] == "shellcheck") {
            return found.to_vec();
        }
    }
}

#[test]
fn an_installed_shellcheck_is_listened_to_after_the_own_findings() {
    if !have(&["shellcheck"]) {
        return;
    }
    let (_sandbox, mut client, uri) = shellchecked(json!({}), "");
    let own = client.diagnostics(&uri, 1);
    assert!(own.iter().all(|d| d["source"] == "cooper"), "{own:?}");
    let found = with_shellcheck(&mut client, &uri);
    let backticks = found.iter().find(|d| d["code"] == "SC2006");
    let backticks = backticks.unwrap_or_else(|| panic!("{found:?}"));
    let range = json!({"start": {"line": 3, "character": 10}, "end": {"line": 3, "character": 19}});
    assert_eq!(backticks["range"], range);
    assert_eq!(backticks["severity"], 4);
    assert_eq!(
        backticks["codeDescription"]["href"],
        "https://www.shellcheck.net/wiki/SC2006"
    );
    // Our own rule says it, with a fix.
    assert!(
        !codes(&found).contains(&"SC2086") && codes(&found).contains(&"WordSplitting"),
        "{found:?}"
    );

    // Silenced as any other rule.
    client.edit(&uri, 2, 1, (0, 0), "# hadolint ignore=SC2006\n");
    let found = client.diagnostics(&uri, 2);
    assert!(!codes(&found).contains(&"SC2006"), "{found:?}");
}

#[test]
fn shellcheck_can_be_switched_off() {
    if !have(&["shellcheck"]) {
        return;
    }
    let off = "[lint]\nshellcheck = false\n";
    for (options, project) in [(json!({"shellcheck": false}), ""), (json!({}), off)] {
        let (_sandbox, mut client, uri) = shellchecked(options, project);
        client.diagnostics(&uri, 1);
        // Longer than it takes to ask where it is on.
        std::thread::sleep(Duration::from_secs(1));
        client.hints(&uri);
        let (_, found) = &client.diagnostics[&uri];
        assert!(found.iter().all(|d| d["source"] == "cooper"), "{found:?}");
    }
}

#[test]
fn here_documents_can_be_had_as_documents() {
    let sandbox = Sandbox::new();
    let uri = format!("file://{}", sandbox.work().join("Dockerfile").display());
    let capabilities = json!({"workspace": {"textDocumentContent": {"dynamicRegistration": true}}});
    let mut client = Client::with(&sandbox, json!({"capabilities": capabilities}));
    let scheme = &client.can["workspace"]["textDocumentContent"]["schemes"][0];
    assert_eq!(scheme, "cooper-heredoc");
    client.open(
        &uri,
        "FROM a\nRUN <<E\necho \u{e4}\nE\nCOPY <<E /app/main.py\nimport os\nE\n",
    );
    let listed = client.about("cooper/heredocs", &uri);
    let listed = listed.as_array().unwrap().clone();
    let lines = |n: usize| {
        let range = &listed[n]["range"];
        (range["start"]["line"].clone(), range["end"]["line"].clone())
    };
    assert_eq!(
        (lines(0), lines(1)),
        ((json!(2), json!(3)), (json!(5), json!(6)))
    );
    let path = |n: usize| {
        listed[n]["uri"]
            .as_str()
            .unwrap()
            .split('?')
            .next()
            .unwrap()
    };
    assert!(path(0).starts_with("cooper-heredoc:///") && path(0).ends_with("/0/E.sh"));
    assert!(path(1).ends_with("/Dockerfile/1/main.py"));

    let content = |client: &mut Client, n: usize| {
        client.ask(
            "workspace/textDocumentContent",
            json!({"uri": listed[n]["uri"]}),
        )
    };
    assert_eq!(content(&mut client, 0)["text"], "\n\necho \u{e4}\n");
    assert_eq!(content(&mut client, 1)["text"], "\n\n\n\n\nimport os\n");
    // Of what did not change the client hears nothing.
    client.edit(&uri, 2, 5, (7, 9), "sys");
    let refreshed = client.news_of("workspace/textDocumentContent/refresh");
    assert_eq!(refreshed["params"]["uri"], listed[1]["uri"]);
    assert_eq!(content(&mut client, 1)["text"], "\n\n\n\n\nimport sys\n");
    client.edit(&uri, 3, 0, (6, 6), "\n");
    for n in [0, 1] {
        let refreshed = client.news_of("workspace/textDocumentContent/refresh");
        assert_eq!(refreshed["params"]["uri"], listed[n]["uri"]);
    }
    client.tell(
        "textDocument/didClose",
        json!({"textDocument": {"uri": &uri}}),
    );
    for odd in [
        &listed[0]["uri"],
        &json!("file:///x"),
        &json!("cooper-heredoc:///x?of=%%"),
    ] {
        let answer = client.ask("workspace/textDocumentContent", json!({"uri": odd}));
        assert_eq!(answer["code"], -32602, "{answer}");
    }
}
