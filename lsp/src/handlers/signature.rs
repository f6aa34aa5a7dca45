//! Signature help: the ways to write an instruction, and which part of it is being typed.

use crate::convert::Encoding;
use crate::jobs::Answer;
use crate::session::Snapshot;
use cooperage_lang::ide::signature::{Parameter, Signature, signatures};
use tower_lsp::lsp_types as lsp;

/// Characters that open the help by themselves.
pub(super) const TRIGGERS: [&str; 6] = [" ", "=", ",", "[", "\"", "\\"];

/// `textDocument/signatureHelp`.
pub(crate) fn answer(
    snapshot: &Snapshot,
    params: lsp::SignatureHelpParams,
) -> Answer<Option<lsp::SignatureHelp>> {
    let position = params.text_document_position_params.position;
    let found = signatures(snapshot.file(), snapshot.text.offset(position));
    let Some(first) = found.first() else {
        return Ok(None);
    };
    Ok(Some(lsp::SignatureHelp {
        active_signature: Some(0),
        active_parameter: Some(first.active as u32),
        signatures: found.iter().map(information).collect(),
    }))
}

fn information(signature: &Signature) -> lsp::SignatureInformation {
    let parameter = |parameter: &Parameter| lsp::ParameterInformation {
        label: lsp::ParameterLabel::LabelOffsets([
            units(signature, parameter.label.start),
            units(signature, parameter.label.end),
        ]),
        documentation: super::markdown(&parameter.documentation),
    };
    lsp::SignatureInformation {
        label: signature.label.to_string(),
        documentation: super::markdown(&signature.documentation),
        parameters: Some(signature.parameters.iter().map(parameter).collect()),
        active_parameter: Some(signature.active as u32),
    }
}

/// Offsets in a label count UTF-16, whatever was agreed for documents. **Source:** protocol, *ParameterInformation*.
fn units(signature: &Signature, byte: usize) -> u32 {
    let before = signature.label.get(..byte).unwrap_or(&signature.label);
    Encoding::Utf16.columns(before.as_bytes())
}
