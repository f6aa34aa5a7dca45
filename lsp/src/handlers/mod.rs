//! What answers each request: one file each, a thin shell over the language and the engine.

#![expect(
    clippy::unnecessary_wraps,
    reason = "all handlers have one signature, also those that cannot fail today"
)]

pub(crate) mod actions;
pub(crate) mod commands;
pub(crate) mod completion;
pub(crate) mod configuration;
pub(crate) mod contents;
pub(crate) mod diagnostics;
pub(crate) mod formatting;
pub(crate) mod hints;
pub(crate) mod hover;
pub(crate) mod lenses;
pub(crate) mod links;
pub(crate) mod navigation;
pub(crate) mod rename;
pub(crate) mod signature;
pub(crate) mod structure;
pub(crate) mod symbols;
pub(crate) mod tokens;
pub(crate) mod values;

use crate::convert::Encoding;
use crate::session::Snapshot;
use cooperage_lang::text::TextRange;
use tower_lsp::lsp_types as lsp;

/// Parameters that are about one document.
pub(crate) trait About {
    /// The document.
    fn uri(&self) -> &lsp::Url;
}

macro_rules! about {
    ($($params:ident: $($field:ident).+;)*) => {
        $(impl About for lsp::$params {
            fn uri(&self) -> &lsp::Url {
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

/// Documentation, unless there is none.
fn markdown(text: &str) -> Option<lsp::Documentation> {
    (!text.is_empty()).then(|| {
        lsp::Documentation::MarkupContent(lsp::MarkupContent {
            kind: lsp::MarkupKind::Markdown,
            value: text.to_owned(),
        })
    })
}

/// Edits of one version of a document; a client that knows versions refuses them for another.
fn workspace_edit(snapshot: &Snapshot, edits: Vec<(TextRange, String)>) -> lsp::WorkspaceEdit {
    let edits = edits.into_iter().map(|edit| snapshot.text.edit(edit));
    if !snapshot.setup.features.versioned_edits {
        return lsp::WorkspaceEdit::new([(snapshot.uri.clone(), edits.collect())].into());
    }
    let text_document = lsp::OptionalVersionedTextDocumentIdentifier {
        uri: snapshot.uri.clone(),
        version: Some(snapshot.version),
    };
    let edit = lsp::TextDocumentEdit {
        text_document,
        edits: edits.map(lsp::OneOf::Left).collect(),
    };
    lsp::WorkspaceEdit {
        document_changes: Some(lsp::DocumentChanges::Edits(vec![edit])),
        ..lsp::WorkspaceEdit::default()
    }
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
        completion_provider: Some(lsp::CompletionOptions {
            resolve_provider: Some(true),
            trigger_characters: Some(completion::TRIGGERS.map(str::to_owned).into()),
            ..lsp::CompletionOptions::default()
        }),
        signature_help_provider: Some(lsp::SignatureHelpOptions {
            trigger_characters: Some(signature::TRIGGERS.map(str::to_owned).into()),
            ..lsp::SignatureHelpOptions::default()
        }),
        definition_provider: Some(lsp::OneOf::Left(true)),
        references_provider: Some(lsp::OneOf::Left(true)),
        document_highlight_provider: Some(lsp::OneOf::Left(true)),
        linked_editing_range_provider: Some(lsp::LinkedEditingRangeServerCapabilities::Simple(
            true,
        )),
        rename_provider: Some(lsp::OneOf::Right(lsp::RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: lsp::WorkDoneProgressOptions::default(),
        })),
        document_symbol_provider: Some(lsp::OneOf::Left(true)),
        workspace_symbol_provider: Some(lsp::OneOf::Left(true)),
        folding_range_provider: Some(lsp::FoldingRangeProviderCapability::Simple(true)),
        selection_range_provider: Some(lsp::SelectionRangeProviderCapability::Simple(true)),
        document_link_provider: Some(lsp::DocumentLinkOptions {
            resolve_provider: Some(false),
            work_done_progress_options: lsp::WorkDoneProgressOptions::default(),
        }),
        document_formatting_provider: Some(lsp::OneOf::Left(true)),
        document_range_formatting_provider: Some(lsp::OneOf::Left(true)),
        document_on_type_formatting_provider: Some(lsp::DocumentOnTypeFormattingOptions {
            first_trigger_character: formatting::TRIGGERS.0.to_owned(),
            more_trigger_character: Some(formatting::TRIGGERS.1.map(str::to_owned).into()),
        }),
        code_action_provider: Some(lsp::CodeActionProviderCapability::Options(
            lsp::CodeActionOptions {
                code_action_kinds: Some(actions::kinds()),
                ..lsp::CodeActionOptions::default()
            },
        )),
        semantic_tokens_provider: Some(
            lsp::SemanticTokensServerCapabilities::SemanticTokensOptions(
                lsp::SemanticTokensOptions {
                    legend: tokens::legend(),
                    range: Some(true),
                    full: Some(lsp::SemanticTokensFullOptions::Delta { delta: Some(true) }),
                    ..lsp::SemanticTokensOptions::default()
                },
            ),
        ),
        inline_value_provider: Some(lsp::OneOf::Left(true)),
        workspace: Some(lsp::WorkspaceServerCapabilities {
            workspace_folders: Some(folders),
            ..lsp::WorkspaceServerCapabilities::default()
        }),
        ..lsp::ServerCapabilities::default()
    }
}
