//! TOML as values with their places.

use super::document::{DEPTH, Entry, Node, SyntaxError, Value};
use cooperage_lang::text::TextRange;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads a text. What cannot be understood is left out and told.
pub(super) fn read(text: &str) -> (Node, Vec<SyntaxError>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let errors = errors.iter().map(syntax_error).collect();
    let whole = TextRange::new(0, text.len() as u32);
    let value = entries(table.get_ref(), 0);
    (
        Node {
            range: whole,
            value,
        },
        errors,
    )
}

fn syntax_error(error: &toml::de::Error) -> SyntaxError {
    SyntaxError {
        range: error.span().map_or(TextRange::default(), range),
        message: error.message().replace('\n', ", "),
    }
}

fn range(span: Range<usize>) -> TextRange {
    TextRange::new(span.start as u32, span.end as u32)
}

fn entries(table: &DeTable<'_>, depth: usize) -> Value {
    let entry = |(key, value): (&Spanned<_>, _)| Entry {
        key: std::string::ToString::to_string(key.get_ref()),
        range: range(key.span()),
        value: node(value, depth + 1),
    };
    Value::Table(table.iter().map(entry).collect())
}

fn node(value: &Spanned<DeValue<'_>>, depth: usize) -> Node {
    let read = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Other(number.to_string()), Value::Integer),
        DeValue::Array(list) if depth < DEPTH => {
            Value::List(list.iter().map(|item| node(item, depth + 1)).collect())
        }
        DeValue::Table(table) if depth < DEPTH => entries(table, depth),
        DeValue::Array(_) | DeValue::Table(_) => Value::Other("too deep".to_owned()),
        DeValue::Float(number) => Value::Other(number.to_string()),
        DeValue::Datetime(time) => Value::Other(time.to_string()),
    };
    Node {
        range: range(value.span()),
        value: read,
    }
}
