//! YAML as values with their places.
//!
//! Values are made of the parser's events and not by a loader, because those copy what an alias names without limit: a
//! file of a few lines could fill the memory.

use super::document::{DEPTH, Entry, Node, SyntaxError, Value};
use cooperage_lang::text::{LineIndex, TextRange};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};
use std::collections::HashMap;

/// Values that are made at most, those behind aliases among them.
const LIMIT: usize = 10_000;

/// Reads the first document of a text; nothing of it when there is a mistake in its syntax.
pub(super) fn read(text: &str) -> (Node, Vec<SyntaxError>) {
    let mut reader = Reader::new(text);
    let nothing = Node {
        range: TextRange::new(0, 0),
        value: Value::Null,
    };
    match reader.document() {
        Ok(root) => (root.unwrap_or(nothing), reader.errors),
        Err(error) => {
            reader.errors.push(error);
            (nothing, reader.errors)
        }
    }
}

/// A list or table that is not closed yet.
struct Open {
    anchor: usize,
    start: u32,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Table {
        entries: Vec<Entry>,
        /// The key whose value comes next.
        key: Option<(String, TextRange)>,
    },
}

struct Reader<'t> {
    text: &'t str,
    lines: LineIndex,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    made: usize,
    errors: Vec<SyntaxError>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            lines: LineIndex::new(text.as_bytes()),
            open: Vec::new(),
            anchors: HashMap::new(),
            made: 0,
            errors: Vec::new(),
        }
    }

    fn document(&mut self) -> Result<Option<Node>, SyntaxError> {
        for event in Parser::new_from_str(self.text) {
            let (event, span) = event.map_err(|error| self.scan_error(&error))?;
            if let Some(root) = self.take(event, span)? {
                return Ok(Some(root));
            }
        }
        Ok(None)
    }

    /// Takes an event; returns the root when it is complete.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<Option<Node>, SyntaxError> {
        let range = self.range(span);
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let value = scalar(&text, style);
                self.put(anchor, Node { range, value })
            }
            Event::Alias(anchor) => {
                let named = self.anchors.get(&anchor).cloned();
                let value = named.map_or(Value::Null, |node| node.value);
                self.made += size(&value);
                self.put(0, Node { range, value })
            }
            Event::SequenceStart(anchor, _) => {
                self.begin(anchor, range, OpenKind::List(Vec::new()))
            }
            Event::MappingStart(anchor, _) => {
                let entries = Vec::new();
                self.begin(anchor, range, OpenKind::Table { entries, key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(range),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(None),
        }
    }

    fn begin(
        &mut self,
        anchor: usize,
        range: TextRange,
        kind: OpenKind,
    ) -> Result<Option<Node>, SyntaxError> {
        if self.open.len() >= DEPTH {
            return Err(SyntaxError {
                range,
                message: format!("values are nested more than {DEPTH} levels deep"),
            });
        }
        let start = range.start;
        self.open.push(Open {
            anchor,
            start,
            kind,
        });
        Ok(None)
    }

    fn end(&mut self, range: TextRange) -> Result<Option<Node>, SyntaxError> {
        let Some(open) = self.open.pop() else {
            return Ok(None);
        };
        let value = match open.kind {
            OpenKind::List(list) => Value::List(list),
            OpenKind::Table { entries, .. } => Value::Table(entries),
        };
        let range = TextRange::new(open.start, range.end.max(open.start));
        self.put(open.anchor, Node { range, value })
    }

    /// Puts a finished value into what is open; returns it when nothing is.
    fn put(&mut self, anchor: usize, node: Node) -> Result<Option<Node>, SyntaxError> {
        self.made += 1;
        if self.made > LIMIT {
            return Err(SyntaxError {
                range: node.range,
                message: format!("there are more than {LIMIT} values"),
            });
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            return Ok(Some(node));
        };
        match &mut open.kind {
            OpenKind::List(list) => list.push(node),
            OpenKind::Table { entries, key } => match key.take() {
                None => *key = Some((key_text(node.value), node.range)),
                Some((name, range)) if entries.iter().any(|entry| entry.key == name) => {
                    let message = format!("the key `{name}` stands here twice");
                    self.errors.push(SyntaxError { range, message });
                }
                Some((key, range)) => entries.push(Entry {
                    key,
                    range,
                    value: node,
                }),
            },
        }
        Ok(None)
    }

    fn scan_error(&self, error: &ScanError) -> SyntaxError {
        let at = self.offset(error.marker());
        SyntaxError {
            range: TextRange::new(at, at),
            message: error.info().to_owned(),
        }
    }

    fn range(&self, span: Span) -> TextRange {
        let start = self.offset(&span.start);
        TextRange::new(start, self.offset(&span.end).max(start))
    }

    /// Byte offset of a marker, which counts lines from 1 and letters from 0.
    fn offset(&self, marker: &Marker) -> u32 {
        let line = self.lines.line_range(marker.line() as u32);
        let text = &self.text[line.start as usize..line.end as usize];
        let column = text.char_indices().nth(marker.col());
        line.start + column.map_or(text.len(), |(at, _)| at) as u32
    }
}

/// Values in a value, itself included.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::List(list) => list.iter().map(|node| size(&node.value)).sum(),
        Value::Table(entries) => entries.iter().map(|entry| size(&entry.value.value)).sum(),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Text(_) | Value::Other(_) => 0,
    }
}

/// A plain scalar by YAML's core schema; a quoted one is text. **Source:** YAML 1.2.2, section 10.3.2.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => text
            .parse()
            .map_or_else(|_| Value::Text(text.to_owned()), Value::Integer),
    }
}

fn key_text(value: Value) -> String {
    match value {
        Value::Text(text) | Value::Other(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::List(_) | Value::Table(_) => String::new(),
    }
}
