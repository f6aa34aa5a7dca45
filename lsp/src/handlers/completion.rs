//! Completion, and the documentation of one of its items.

use crate::around::Around;
use crate::jobs::{Answer, Fault};
use crate::session::Snapshot;
use cooperage_lang::ide::completion::{Item, ItemKind, Style, complete};
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use tower_lsp::lsp_types as lsp;

/// Characters that open a menu by themselves.
pub(super) const TRIGGERS: [&str; 9] = ["$", "{", "=", "-", "/", ":", ",", "@", " "];

/// Documentation of the items of the last two answers, with the number of the last: which of two that are worked on at
/// once the client shows nobody knows.
#[derive(Default)]
pub(crate) struct LastDocs(Mutex<(u64, [Vec<String>; 2])>);

/// Where the documentation of an answer is kept.
fn place(number: u64) -> usize {
    usize::from(number % 2 == 1)
}

/// `textDocument/completion`.
pub(crate) fn answer(
    snapshot: &Snapshot,
    params: lsp::CompletionParams,
) -> Answer<Option<lsp::CompletionResponse>> {
    let features = &snapshot.setup.features;
    let style = if features.snippets {
        Style::Snippets
    } else {
        Style::Plain
    };
    let offset = snapshot.text.offset(params.text_document_position.position);
    let mut found = complete(snapshot.file(), offset, &Around::new(snapshot), style);
    let later = features
        .later_documentation
        .then(|| keep(snapshot, &mut found.items));
    let items = found.items.into_iter().enumerate();
    let list = lsp::CompletionList {
        is_incomplete: found.incomplete,
        items: items
            .map(|(index, item)| {
                let data = later.map(
                    |number| json!({"uri": snapshot.uri.as_str(), "list": number, "item": index}),
                );
                self::item(snapshot, item, data)
            })
            .collect(),
    };
    Ok(Some(list.into()))
}

/// Keeps the documentation here, to be asked for item by item; gives the list's number.
fn keep(snapshot: &Snapshot, items: &mut [Item]) -> u64 {
    let docs = items
        .iter_mut()
        .map(|item| std::mem::take(&mut item.documentation).into_owned());
    let docs: Vec<String> = docs.collect();
    let mut last = snapshot
        .sent
        .docs
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    last.0 += 1;
    let number = last.0;
    last.1[place(number)] = docs;
    number
}

fn item(snapshot: &Snapshot, item: Item, data: Option<Value>) -> lsp::CompletionItem {
    let format = if item.snippet {
        lsp::InsertTextFormat::SNIPPET
    } else {
        lsp::InsertTextFormat::PLAIN_TEXT
    };
    let again = item.again.then(|| lsp::Command {
        title: "complete".to_owned(),
        command: "editor.action.triggerSuggest".to_owned(),
        arguments: None,
    });
    lsp::CompletionItem {
        kind: Some(kind(item.kind)),
        sort_text: Some(format!("{:03}{}", item.rank, item.label)),
        filter_text: (item.filter != item.label).then_some(item.filter),
        label: item.label.into_owned(),
        detail: (!item.detail.is_empty()).then(|| item.detail.into_owned()),
        documentation: super::markdown(&item.documentation),
        text_edit: Some(snapshot.text.edit((item.edit, item.text)).into()),
        insert_text_format: Some(format),
        tags: item
            .deprecated
            .then(|| vec![lsp::CompletionItemTag::DEPRECATED]),
        command: again.filter(|_| snapshot.setup.features.suggest_again),
        data,
        ..lsp::CompletionItem::default()
    }
}

fn kind(kind: ItemKind) -> lsp::CompletionItemKind {
    use lsp::CompletionItemKind as To;
    match kind {
        ItemKind::Keyword | ItemKind::Directive => To::KEYWORD,
        ItemKind::Flag => To::FIELD,
        ItemKind::Key => To::PROPERTY,
        ItemKind::Value => To::ENUM_MEMBER,
        ItemKind::Variable => To::VARIABLE,
        ItemKind::Operator => To::OPERATOR,
        ItemKind::Stage | ItemKind::Image => To::MODULE,
        ItemKind::Tag => To::VALUE,
        ItemKind::File => To::FILE,
        ItemKind::Folder => To::FOLDER,
        ItemKind::Account => To::CONSTANT,
        ItemKind::Program => To::FUNCTION,
        ItemKind::Snippet => To::SNIPPET,
        ItemKind::Lint => To::REFERENCE,
    }
}

/// The document that an item is of.
pub(crate) fn uri_of(item: &lsp::CompletionItem) -> Option<lsp::Url> {
    item.data.as_ref()?["uri"].as_str()?.parse().ok()
}

/// `completionItem/resolve`.
pub(crate) fn resolve(
    snapshot: &Snapshot,
    mut item: lsp::CompletionItem,
) -> Answer<Option<lsp::CompletionItem>> {
    let data = item.data.take().unwrap_or_default();
    let last = snapshot
        .sent
        .docs
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let kept = |number: &u64| *number > 0 && last.0 - 1 <= *number && *number <= last.0;
    let Some(number) = data["list"].as_u64().filter(kept) else {
        return Err(Fault::Stale);
    };
    let index = data["item"]
        .as_u64()
        .and_then(|index| usize::try_from(index).ok());
    let docs = index.and_then(|index| last.1[place(number)].get(index));
    item.documentation = docs.and_then(|docs| super::markdown(docs));
    Ok(Some(item))
}
