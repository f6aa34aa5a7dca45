//! What answers each request: one file each, a thin shell over the language and the engine.

pub(crate) mod commands;
pub(crate) mod configuration;
pub(crate) mod diagnostics;
pub(crate) mod hints;
pub(crate) mod hover;
pub(crate) mod lenses;
pub(crate) mod tokens;

use crate::convert::Encoding;
use lsp_types as lsp;

/// Parameters that are about one document.
pub(crate) trait About {
    /// The document.
    fn uri(&self) -> &lsp::Uri;
}

macro_rules! about {
    ($($params:ident: $($field:ident).+;)*) => {
        $(impl About for lsp::$params {
            fn uri(&self) -> &lsp::Uri {
                &self.$($field).+.uri
            }
        })*
    };
}

about! {
    CodeActionParams: text_document;
    CodeLensParams: text_document;
    CompletionParams: text_document_position.text_document;
    DocumentDiagnosticParams: text_document;
    DocumentFormattingParams: text_document;
    DocumentHighlightParams: text_document_position_params.text_document;
    DocumentLinkParams: text_document;
    DocumentOnTypeFormattingParams: text_document_position.text_document;
    DocumentRangeFormattingParams: text_document;
    DocumentSymbolParams: text_document;
    FoldingRangeParams: text_document;
    GotoDefinitionParams: text_document_position_params.text_document;
    HoverParams: text_document_position_params.text_document;
    InlayHintParams: text_document;
    InlineValueParams: text_document;
    LinkedEditingRangeParams: text_document_position_params.text_document;
    ReferenceParams: text_document_position.text_document;
    RenameParams: text_document_position.text_document;
    SelectionRangeParams: text_document;
    SemanticTokensDeltaParams: text_document;
    SemanticTokensParams: text_document;
    SemanticTokensRangeParams: text_document;
    SignatureHelpParams: text_document_position_params.text_document;
    TextDocumentPositionParams: text_document;
}

/// What the server says it can do.
pub(crate) fn capabilities(encoding: Encoding) -> lsp::ServerCapabilities {
    let sync = lsp::TextDocumentSyncOptions {
        open_close: Some(true),
        change: Some(lsp::TextDocumentSyncKind::INCREMENTAL),
        save: Some(lsp::TextDocumentSyncSaveOptions::Supported(true)),
        ..lsp::TextDocumentSyncOptions::default()
    };
    let folders = lsp::WorkspaceFoldersServerCapabilities {
        supported: Some(true),
        change_notifications: Some(lsp::OneOf::Left(true)),
    };
    lsp::ServerCapabilities {
        position_encoding: Some(encoding.kind()),
        text_document_sync: Some(lsp::TextDocumentSyncCapability::Options(sync)),
        inlay_hint_provider: Some(lsp::OneOf::Left(true)),
        hover_provider: Some(lsp::HoverProviderCapability::Simple(true)),
        code_lens_provider: Some(lsp::CodeLensOptions {
            resolve_provider: Some(false),
        }),
        diagnostic_provider: Some(lsp::DiagnosticServerCapabilities::Options(
            lsp::DiagnosticOptions {
                identifier: Some("cooper".to_owned()),
                workspace_diagnostics: true,
                ..lsp::DiagnosticOptions::default()
            },
        )),
        execute_command_provider: Some(lsp::ExecuteCommandOptions {
            commands: commands::names(),
            ..lsp::ExecuteCommandOptions::default()
        }),
        workspace: Some(lsp::WorkspaceServerCapabilities {
            workspace_folders: Some(folders),
            ..lsp::WorkspaceServerCapabilities::default()
        }),
        ..lsp::ServerCapabilities::default()
    }
}
