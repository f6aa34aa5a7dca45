//! The fields of a `--mount` value at their places.

use crate::model::mount::{MountKey, MountType};
use bstr::{BStr, ByteSlice};
use std::ops::Range;

/// `key=value`, or `key` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// The key in lower case.
    pub(super) key: String,
    /// All of it, without quotes around.
    pub(super) whole: Range<usize>,
    /// Its value; `None` without `=`.
    pub(super) value: Option<Range<usize>>,
}

/// Cuts `within` of a text at its commas. Unlike [`csv_fields`](crate::model::device::csv_fields) it knows places and
/// goes on behind errors.
pub(super) fn fields(text: &[u8], within: Range<usize>) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut at = within.start;
    while at < within.end {
        let quoted = text[at] == b'"';
        let start = at + usize::from(quoted);
        let stop = if quoted { b'"' } else { b',' };
        let end = text[start..within.end]
            .find_byte(stop)
            .map_or(within.end, |n| start + n);
        let equals = text[start..end].find_byte(b'=').map(|n| start + n);
        let key = &text[start..equals.unwrap_or(end)];
        fields.push(Field {
            key: key.to_str_lossy().to_lowercase(),
            whole: start..end,
            value: equals.map(|equals| equals + 1..end),
        });
        let comma = text[end..within.end].find_byte(b',');
        at = comma.map_or(within.end, |n| end + n + 1);
    }
    fields
}

/// The fields of the mounts among flags as written: keys in lower case and values, empty without one.
pub(crate) fn mounts<'f>(
    flags: impl IntoIterator<Item = &'f BStr>,
) -> impl Iterator<Item = Vec<(String, &'f [u8])>> {
    let values = flags.into_iter().filter_map(|flag| {
        let (name, value) = flag.strip_prefix(b"--")?.split_once_str("=")?;
        name.eq_ignore_ascii_case(b"mount").then_some(value)
    });
    values.map(|value| {
        let fields = fields(value, 0..value.len()).into_iter();
        fields
            .map(|field| {
                (
                    field.key,
                    field.value.map_or(&b""[..], |range| &value[range]),
                )
            })
            .collect()
    })
}

/// A mount that is being typed.
pub(super) struct Typed<'t> {
    text: &'t [u8],
    fields: Vec<Field>,
    cursor: usize,
    /// The field that the cursor touches.
    at: Option<usize>,
}

impl<'t> Typed<'t> {
    /// Reads `within` of a text; the cursor counts in the text.
    pub(super) fn new(text: &'t [u8], within: Range<usize>, cursor: usize) -> Self {
        let fields = fields(text, within);
        let touches = |f: &Field| f.whole.start <= cursor && cursor <= f.whole.end;
        Self {
            at: fields.iter().position(touches),
            text,
            fields,
            cursor,
        }
    }

    /// The field at the cursor.
    pub(super) fn field(&self) -> Option<&Field> {
        self.at.map(|at| &self.fields[at])
    }

    /// The value at the cursor, when the cursor is in one.
    pub(super) fn value(&self) -> Option<Range<usize>> {
        let value = self.field()?.value.clone()?;
        (value.start <= self.cursor).then_some(value)
    }

    /// Where the field at the cursor starts, or would.
    pub(super) fn start(&self) -> usize {
        self.field().map_or(self.cursor, |field| field.whole.start)
    }

    /// The type given, or the one that is meant without.
    pub(super) fn kind(&self) -> MountType {
        self.get("type")
            .and_then(|name| MountType::parse(&name.to_str_lossy().to_lowercase()))
            .unwrap_or_default()
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&'t [u8]> {
        let field = self.fields.iter().find(|field| field.key == key)?;
        Some(&self.text[field.value.clone()?])
    }

    /// Tells whether a key is given, in any spelling, in another field than the one at the cursor.
    pub(super) fn has(&self, key: &MountKey) -> bool {
        let mut others = self.fields.iter().enumerate();
        others.any(|(i, field)| Some(i) != self.at && key.is_spelled(&field.key))
    }

    /// Tells whether another field than the one at the cursor is there.
    pub(super) fn has_others(&self) -> bool {
        self.fields.len() > usize::from(self.at.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_protect_commas() {
        let text = b"TYPE=bind,\"source=a,b\",rw,dst=";
        let found = fields(text, 0..text.len());
        let shown: Vec<_> = found
            .iter()
            .map(|f| (f.key.as_str(), f.value.clone().map(|v| text[v].as_bstr())))
            .collect();
        assert_eq!(
            shown,
            [
                ("type", Some(b"bind".as_bstr())),
                ("source", Some(b"a,b".as_bstr())),
                ("rw", None),
                ("dst", Some(b"".as_bstr())),
            ]
        );
    }
}
