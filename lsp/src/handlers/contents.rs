//! Here documents as documents of their own, for other language servers: `workspace/textDocumentContent` of protocol 3.18,
//! which the library does not know yet, and a request of ours that lists them.

use super::About;
use crate::jobs::{Answer, Fault};
use crate::session::{Session, Snapshot};
use cooperage_lang::ide::embedded::{Embedded, embedded, text};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use tower_lsp::jsonrpc::{Id, Response};
use tower_lsp::lsp_types as lsp;

/// Scheme of the documents' URIs: the path ends in the number of the document and a file name, the query is the URI of the
/// Dockerfile.
const SCHEME: &str = "cooper-heredoc";

/// Parameters of `workspace/textDocumentContent` and its `refresh`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ContentParams {
    pub(crate) uri: lsp::Url,
}

/// Result of `workspace/textDocumentContent`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Content {
    text: String,
}

/// `workspace/textDocumentContent/refresh`.
enum Refresh {}

impl lsp::request::Request for Refresh {
    type Params = ContentParams;
    type Result = ();
    const METHOD: &'static str = "workspace/textDocumentContent/refresh";
}

/// Parameters of `cooper/heredocs`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListParams {
    pub(crate) text_document: lsp::TextDocumentIdentifier,
}

impl About for ListParams {
    fn uri(&self) -> &lsp::Url {
        &self.text_document.uri
    }
}

/// A here document in the result of `cooper/heredocs`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Listed {
    uri: lsp::Url,
    /// Its lines in the Dockerfile, which are its own.
    range: lsp::Range,
}

/// Hashes of the documents that the client has, as it has them.
#[derive(Default)]
pub(crate) struct LastContents(Mutex<BTreeMap<lsp::Url, u64>>);

/// Adds to the answer to `initialize` what the library has no place for.
pub(crate) fn announced(answer: Response) -> Response {
    let (id, mut result): (Id, Result<Value, _>) = answer.into_parts();
    let capabilities = result.as_mut().ok();
    let workspace = capabilities.and_then(|result| result.pointer_mut("/capabilities/workspace"));
    if let Some(workspace) = workspace {
        workspace["textDocumentContent"] = json!({"schemes": [SCHEME]});
    }
    Response::from_parts(id, result)
}

/// The Dockerfile that a document is in.
pub(crate) fn dockerfile_of(document: &lsp::Url) -> Option<lsp::Url> {
    let query = Some(document)
        .filter(|uri| uri.scheme() == SCHEME)?
        .query()?;
    // The URI was made one word of the query.
    let encoded = format!("a:?{query}").parse::<lsp::Url>().ok()?;
    let (_, dockerfile) = encoded.query_pairs().find(|(name, _)| name == "of")?;
    dockerfile.parse().ok()
}

/// `workspace/textDocumentContent`.
pub(crate) fn answer(snapshot: &Snapshot, params: ContentParams) -> Answer<Option<Content>> {
    let found = documents(snapshot).into_iter();
    let mut found = found.filter(|(uri, _)| *uri == params.uri);
    let Some((uri, document)) = found.next() else {
        return Err(Fault::Invalid("there is no such document any more".into()));
    };
    let text = text(snapshot.file(), &document);
    let last = &snapshot.sent.contents.0;
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    last.insert(uri, hash(&text));
    Ok(Some(Content { text }))
}

/// `cooper/heredocs`.
pub(crate) fn list(snapshot: &Snapshot, _: ListParams) -> Answer<Option<Vec<Listed>>> {
    let listed = |(uri, document): (lsp::Url, Embedded)| Listed {
        uri,
        range: snapshot.text.range(document.body),
    };
    Ok(Some(documents(snapshot).into_iter().map(listed).collect()))
}

/// Tells a client which of the documents that it has are others now.
pub(crate) fn refresh(session: &Session, snapshot: &Snapshot) {
    let last = &snapshot.sent.contents.0;
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_empty() {
        return;
    }
    let now: BTreeMap<_, _> = documents(snapshot).into_iter().collect();
    last.retain(|uri, known| {
        let Some(document) = now.get(uri) else {
            return false;
        };
        let hash = hash(&text(snapshot.file(), document));
        if std::mem::replace(known, hash) != hash {
            session.ask::<Refresh>(ContentParams { uri: uri.clone() }, |_, _| {});
        }
        true
    });
}

/// The here documents of a Dockerfile with their URIs.
fn documents(snapshot: &Snapshot) -> Vec<(lsp::Url, Embedded)> {
    let found = embedded(snapshot.file()).into_iter().enumerate();
    let with_uri = |(number, document): (usize, Embedded)| {
        let uri = uri(&snapshot.uri, number, &document.name)?;
        Some((uri, document))
    };
    found.filter_map(with_uri).collect()
}

fn uri(dockerfile: &lsp::Url, number: usize, name: &str) -> Option<lsp::Url> {
    let mut uri: lsp::Url = format!("{SCHEME}:///").parse().ok()?;
    let folders = dockerfile.path_segments().into_iter().flatten();
    let number = number.to_string();
    uri.path_segments_mut()
        .ok()?
        .pop()
        .extend(folders)
        .extend([&*number, name]);
    uri.query_pairs_mut().append_pair("of", dockerfile.as_str());
    Some(uri)
}

fn hash(text: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    text.hash(&mut hash);
    hash.finish()
}
