//! The other side of the conversation: what it can do, and what is sent to it.

use cooperage_lang::ide::folding::FoldOptions;
use serde_json::Value;
use std::task::{Context, Waker};
use tokio::runtime::Handle;
use tower_lsp::lsp_types as lsp;
use tower_lsp::{Client, jsonrpc};

/// What a client says it can do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Features {
    pub(crate) pull_diagnostics: bool,
    pub(crate) refresh_diagnostics: bool,
    pub(crate) refresh_hints: bool,
    pub(crate) refresh_lenses: bool,
    /// It can have here documents as documents of their own.
    pub(crate) refresh_contents: bool,
    pub(crate) configuration: bool,
    pub(crate) register_configuration: bool,
    pub(crate) register_files: bool,
    pub(crate) progress: bool,
    pub(crate) snippets: bool,
    /// It asks for the documentation of an item when it shows it.
    pub(crate) later_documentation: bool,
    /// It has Visual Studio Code's command for opening the menu again.
    pub(crate) suggest_again: bool,
    pub(crate) definition_links: bool,
    pub(crate) versioned_edits: bool,
    pub(crate) folding: FoldOptions,
    pub(crate) nested_symbols: bool,
    /// It opens a terminal when told so by the request `cooper/terminal`.
    pub(crate) terminal: bool,
    /// It lets the user pick from a list when asked so by the request `cooper/pick`.
    pub(crate) pick: bool,
    /// It shows a text when told so by the notification `cooper/show`.
    pub(crate) show_text: bool,
}

impl Features {
    /// From `ClientCapabilities`. What is missing or of a wrong type is something the client cannot do.
    pub(crate) fn new(capabilities: &Value) -> Self {
        let can = |path: &str| capabilities.pointer(path) == Some(&Value::Bool(true));
        let has = |path: &str| capabilities.pointer(path).is_some_and(Value::is_object);
        Self {
            pull_diagnostics: has("/textDocument/diagnostic"),
            refresh_diagnostics: can("/workspace/diagnostics/refreshSupport")
                || can("/workspace/diagnostic/refreshSupport"),
            refresh_hints: can("/workspace/inlayHint/refreshSupport"),
            refresh_lenses: can("/workspace/codeLens/refreshSupport"),
            refresh_contents: has("/workspace/textDocumentContent"),
            configuration: can("/workspace/configuration"),
            register_configuration: can("/workspace/didChangeConfiguration/dynamicRegistration"),
            register_files: can("/workspace/didChangeWatchedFiles/dynamicRegistration"),
            progress: can("/window/workDoneProgress"),
            later_documentation: capabilities
                .pointer("/textDocument/completion/completionItem/resolveSupport/properties")
                .and_then(Value::as_array)
                .is_some_and(|all| all.iter().any(|one| one == "documentation")),
            suggest_again: can("/experimental/cooper/suggestAgain"),
            definition_links: can("/textDocument/definition/linkSupport"),
            versioned_edits: can("/workspace/workspaceEdit/documentChanges"),
            folding: FoldOptions {
                limit: capabilities
                    .pointer("/textDocument/foldingRange/rangeLimit")
                    .and_then(Value::as_u64)
                    .and_then(|limit| usize::try_from(limit).ok()),
                whole_lines: can("/textDocument/foldingRange/lineFoldingOnly"),
            },
            snippets: can("/textDocument/completion/completionItem/snippetSupport"),
            nested_symbols: can("/textDocument/documentSymbol/hierarchicalDocumentSymbolSupport"),
            terminal: can("/experimental/cooper/terminal"),
            pick: can("/experimental/cooper/pick"),
            show_text: can("/experimental/cooper/show"),
        }
    }
}

/// A way to the client that any thread may use. What is sent goes out in the order in which it was sent.
#[derive(Clone)]
pub(crate) struct Output {
    client: Client,
    runtime: Handle,
}

impl Output {
    pub(crate) fn new(client: Client, runtime: Handle) -> Self {
        Self { client, runtime }
    }

    pub(crate) fn notify<N: lsp::notification::Notification<Params: Send + 'static>>(
        &self,
        params: N::Params,
    ) {
        let client = self.client.clone();
        self.begin(async move { client.send_notification::<N>(params).await });
    }

    /// Asks the client; `then` gets its answer, on a thread that must not be kept.
    pub(crate) fn ask<R: lsp::request::Request<Params: Send + 'static>>(
        &self,
        params: R::Params,
        then: impl FnOnce(jsonrpc::Result<R::Result>) + Send + 'static,
    ) {
        let client = self.client.clone();
        self.begin(async move { then(client.send_request::<R>(params).await) });
    }

    /// A message for people.
    pub(crate) fn show(&self, typ: lsp::MessageType, message: impl Into<String>) {
        self.notify::<lsp::notification::ShowMessage>(lsp::ShowMessageParams {
            typ,
            message: message.into(),
        });
    }

    /// A line for whoever looks for a fault.
    pub(crate) fn log(&self, message: String) {
        self.notify::<lsp::notification::LogMessage>(lsp::LogMessageParams {
            typ: lsp::MessageType::WARNING,
            message,
        });
    }

    /// Does the first part of a task here and now, which puts its message into the queue; the rest whenever it can go on.
    fn begin(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut task = Box::pin(task);
        let mut context = Context::from_waker(Waker::noop());
        if task.as_mut().poll(&mut context).is_pending() {
            self.runtime.spawn(task);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_client_can_what_it_says_and_no_more() {
        let features = Features::new(&json!({
            "workspace": {"configuration": true, "inlayHint": {"refreshSupport": "yes"}},
            "textDocument": {"diagnostic": {}},
        }));
        assert!(features.configuration && features.pull_diagnostics);
        assert!(!features.refresh_hints && !features.register_files);
        assert!(!Features::new(&Value::Null).configuration);
    }
}
