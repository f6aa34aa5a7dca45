//! The fields of a `--mount` value at their places.

use bstr::ByteSlice;
use std::ops::Range;

/// `key=value`, or `key` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
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
