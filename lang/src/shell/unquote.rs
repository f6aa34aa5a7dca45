//! Words without their quotes and escapes.
//!
//! **Source:** POSIX shell command language, section 2.2 (quoting); bash manual, ANSI-C quoting.

use super::command::{Expansion, Value};
use crate::text::TextRange;
use bstr::BString;

/// How the bytes at a place are quoted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
    /// `$'…'`.
    Ansi,
}

/// The text of a word, and whether any of it stood in quotes. `expansions` lie in the word, in order.
pub(super) fn unquote(text: &[u8], range: TextRange, expansions: &[Expansion]) -> (BString, bool) {
    let mut out = Vec::with_capacity(range.len() as usize);
    let mut quote = Quote::None;
    let mut quoted = false;
    let mut expansions = expansions.iter().peekable();
    let (mut at, end) = (range.start as usize, range.end as usize);
    while at < end {
        if let Some(expansion) = expansions.next_if(|e| e.range.start as usize == at) {
            write_expansion(&mut out, &expansion.value);
            at = expansion.range.end as usize;
            continue;
        }
        let byte = text[at];
        let next = text[..end].get(at + 1).copied();
        at += 1;
        match (quote, byte) {
            (Quote::None, b'$') if next == Some(b'\'') => {
                quote = Quote::Ansi;
                quoted = true;
                at += 1;
            }
            (Quote::None, b'$') if next == Some(b'"') => {}
            (Quote::None, b'\'') => (quote, quoted) = (Quote::Single, true),
            (Quote::None, b'"') => (quote, quoted) = (Quote::Double, true),
            (Quote::Single | Quote::Ansi, b'\'') | (Quote::Double, b'"') => quote = Quote::None,
            (Quote::None, b'\\') => {
                at += 1;
                // An escaped line end joins two lines.
                out.extend(next.filter(|b| *b != b'\n'));
            }
            (Quote::Double, b'\\') => match next {
                Some(b @ (b'$' | b'`' | b'"' | b'\\')) => {
                    at += 1;
                    out.push(b);
                }
                Some(b'\n') => at += 1,
                _ => out.push(byte),
            },
            (Quote::Ansi, b'\\') => {
                at += 1;
                out.extend(next.map(ansi_escape));
            }
            (Quote::None | Quote::Single | Quote::Double | Quote::Ansi, _) => out.push(byte),
        }
    }
    (out.into(), quoted)
}

fn write_expansion(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Variable { name, .. } => {
            out.extend_from_slice(b"${");
            out.extend_from_slice(name);
            out.push(b'}');
        }
        Value::Command | Value::Arithmetic | Value::Process => out.extend_from_slice(b"$()"),
    }
}

/// The character behind a backslash in `$'…'`; numeric escapes are not decoded, no rule needs them.
fn ansi_escape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'e' | b'E' => 0x1b,
        other => other,
    }
}
