//! What a forecast gives reason to say, after real builds: told in the editor at the step that it is about.

use crate::containers;
use crate::lsp_client::Client;
use crate::sandbox::Sandbox;
use serde_json::json;

/// The findings of a rule in a built Dockerfile, when there are as many: line (from 1) and words.
fn told(sandbox: &Sandbox, file: &str, text: &str, rule: &str, count: usize) -> Vec<(u64, String)> {
    let uri = format!("file://{}", sandbox.work().join(file).display());
    let mut client = Client::new(sandbox, &json!({}));
    client.open(&uri, text);
    loop {
        let found = client
            .diagnostics
            .get(&uri)
            .map_or(&[][..], |(_, found)| found);
        let mine = found.iter().filter(|found| found["code"] == rule);
        let mine: Vec<_> = mine
            .map(|found| {
                let line = found["range"]["start"]["line"].as_u64().unwrap() + 1;
                (line, found["message"].as_str().unwrap().to_owned())
            })
            .collect();
        if mine.len() == count {
            return mine;
        }
        client.receive();
    }
}

#[test]
fn a_copy_that_changes_with_most_builds_is_told_at_the_slow_step_below() {
    let Some(sandbox) = containers::sandbox() else {
        return;
    };
    sandbox.base();
    // A package manager that takes as long as the context says.
    let text = "FROM host:base\n\
        RUN mkdir -p /usr/bin && printf '#!/bin/sh\\nsleep \"$(cat /srv/delay)\"\\n' > /usr/bin/apt-get && chmod 755 /usr/bin/apt-get\n\
        COPY src /srv/\n\
        RUN apt-get install -y b\n";
    sandbox.write("app/Dockerfile", text);
    for (page, delay) in [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (4, 0), (5, 7)] {
        sandbox.write("app/src/page", &format!("{page}\n"));
        sandbox.write("app/src/delay", &format!("{delay}\n"));
        sandbox.cooper(&["build", "-q", "app"]).ok();
    }
    let found = told(&sandbox, "app/Dockerfile", text, "StepOrder", 1);
    let [(4, message)] = found.as_slice() else {
        panic!("{found:?}");
    };
    let start =
        "`COPY src /srv/` changed in 5 of the last 6 builds and each time this runs again (7";
    assert!(message.starts_with(start), "{message}");
    assert!(
        message.contains("save about 5") || message.contains("save about 6"),
        "{message}"
    );
}

#[test]
fn layers_tell_what_later_ones_undo() {
    let Some(sandbox) = containers::sandbox() else {
        return;
    };
    sandbox.base();
    let text = "FROM host:base\n\
        RUN mkdir /data && head -c 12000000 /dev/zero > /data/deleted && head -c 20000000 /dev/zero > /data/kept\n\
        RUN head -c 15000000 /dev/zero > /data/replaced\n\
        RUN rm /data/deleted && echo new > /data/replaced\n\
        RUN head -c 11000000 /dev/zero > /data/own && rm /data/own\n";
    sandbox.write("app/Dockerfile", text);
    sandbox.cooper(&["build", "-q", "app"]).ok();
    let words = "of this layer are deleted or replaced by later steps and stored all the same; delete them in this step";
    assert_eq!(
        told(&sandbox, "app/Dockerfile", text, "LayerWaste", 2),
        [
            (2, format!("12.0 MB {words}")),
            (3, format!("15.0 MB {words}"))
        ]
    );
}
