//! What the client is asked and tells about itself: settings, folders, files that changed.

use crate::convert;
use crate::document;
use crate::session::Session;
use cooperage_runtime::engine::Changed;
use cooperage_runtime::settings::{self, Declared};
use serde_json::{Value, json};
use std::path::Path;
use tower_lsp::lsp_types as lsp;
use tower_lsp::lsp_types::notification::Notification;

/// Files whose change is always of interest, and everything else a context may hold.
const FILES: &str = "**/*";

/// Asks for news of files and settings, from a client that gives them when asked.
pub(crate) fn register(session: &Session) {
    let features = &session.setup.features;
    let mut registrations = Vec::new();
    if features.register_files {
        let method = lsp::notification::DidChangeWatchedFiles::METHOD;
        let watchers = json!({"watchers": [{"globPattern": FILES}]});
        registrations.push(registration("files", method, watchers));
    }
    if features.register_configuration {
        let method = lsp::notification::DidChangeConfiguration::METHOD;
        registrations.push(registration(
            "settings",
            method,
            json!({"section": "cooper"}),
        ));
    }
    if !registrations.is_empty() {
        // A client that says no is one that tells nothing; our own watch stays.
        session.ask::<lsp::request::RegisterCapability>(
            lsp::RegistrationParams { registrations },
            |_, _| {},
        );
    }
}

fn registration(id: &str, method: &str, options: Value) -> lsp::Registration {
    lsp::Registration {
        id: id.to_owned(),
        method: method.to_owned(),
        register_options: Some(options),
    }
}

/// Asks for the settings.
pub(crate) fn pull(session: &Session) {
    if !session.setup.features.configuration {
        return;
    }
    let item = lsp::ConfigurationItem {
        scope_uri: None,
        section: Some("cooper".to_owned()),
    };
    let params = lsp::ConfigurationParams { items: vec![item] };
    session.ask::<lsp::request::WorkspaceConfiguration>(params, |session, answer| {
        // One that cannot tell leaves us with what it said at the beginning.
        let section = answer.unwrap_or_default().into_iter().next();
        if let Some(section) = section.filter(|section| !section.is_null()) {
            use_settings(session, &section);
        }
    });
}

/// `workspace/didChangeConfiguration`: the settings, or only that there are new ones.
pub(crate) fn changed(session: &mut Session, settings: &Value) {
    if session.setup.features.configuration {
        pull(session);
    } else if !settings.is_null() {
        let section = settings.get("cooper").unwrap_or(settings);
        use_settings(session, section);
    }
}

/// What a section does not name stays as it was at the beginning: lsp-mode of Emacs sends an empty one to say nothing.
fn use_settings(session: &mut Session, section: &Value) {
    let settings = session.setup.begun_with.clone();
    session.set_settings(settings.with(section));
}

/// `workspace/didChangeWorkspaceFolders`.
pub(crate) fn folders(session: &mut Session, params: &lsp::DidChangeWorkspaceFoldersParams) {
    let paths = |folders: &[lsp::WorkspaceFolder]| -> Vec<_> {
        folders
            .iter()
            .filter_map(|folder| convert::path(&folder.uri))
            .collect()
    };
    let (added, removed) = (paths(&params.event.added), paths(&params.event.removed));
    session.set_up(|setup| {
        setup.folders.retain(|folder| !removed.contains(folder));
        setup.folders.extend(added);
    });
}

/// Files were saved or changed, as the client saw it. What is known of them is forgotten by a worker, as there may be many
/// and their disk may be slow.
pub(crate) fn files_changed(session: &mut Session, uris: &[lsp::Url]) {
    let changed: Vec<_> = uris.iter().filter_map(convert::path).collect();
    if changed.iter().any(|path| settings::is_settings_file(path)) {
        session.setup.finder.forget();
        session.set_up(|_| {});
    }
    if changed.iter().any(|path| is_of_the_workspace(path)) {
        session.change();
    }
    let may_declare = changed.iter().any(|path| settings::may_declare(path));
    let setup = session.setup.clone();
    let work = move || {
        setup.engine.files_changed(&changed);
        let selected = setup.choices.iter().filter(|_| may_declare);
        let selected = selected.filter_map(|(key, choice)| {
            let old = choice.declared.clone()?;
            let new = read_again(&old);
            (new.as_ref() != Some(&old)).then(|| (key.clone(), old, new))
        });
        selected.collect::<Vec<_>>()
    };
    session.work("files", work, |session, selected| {
        if !selected.is_empty() {
            session.set_up(|setup| {
                for (key, old, new) in selected {
                    let choice = setup.choices.get_mut(&key);
                    // The user may have selected another one meanwhile.
                    if let Some(choice) = choice.filter(|c| c.declared.as_ref() == Some(&old)) {
                        choice.declared = new;
                    }
                }
            });
        }
        session.world_changed(Changed {
            files: true,
            store: false,
        });
    });
}

/// What reports on the workspace depend on: Dockerfiles, and which files count.
fn is_of_the_workspace(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let is_ignore_file = name.is_some_and(|name| name.ends_with("ignore"));
    is_ignore_file || document::is_dockerfile(path)
}

/// A selected build whose file may have changed; one that is gone is selected no more.
fn read_again(old: &Declared) -> Option<Declared> {
    let builds = settings::declared(&old.dockerfile).builds.into_iter();
    let mut of_file = builds.filter(|new| new.file == old.file);
    of_file.find(|new| new.name == old.name)
}
