//! `RUN --device`, and the comma-separated record that its value and that of `--mount` are.

use crate::instructions::Device;
use crate::model::suggest;
use crate::rune;
use bstr::{BString, ByteSlice};

/// Reads the value of `--device`: `vendor/class=name`, `name=…`, `required[=bool]`.
///
/// # Errors
/// The official text.
///
/// **Source:** BuildKit `instructions/commands_rundevice.go`, `ParseDevice`.
pub fn parse(value: &[u8]) -> Result<Device, String> {
    let fields = csv_fields(value).map_err(|e| format!("failed to parse csv devices: {e}"))?;
    let mut name: Option<String> = None;
    let mut required = false;
    for field in &fields {
        let (key, value) = match field.split_once_str("=") {
            Some((key, value)) => (key, Some(value)),
            None => (field.as_bytes(), None),
        };
        match (rune::lower(key).as_str(), value) {
            ("required", None) => required = true,
            ("required", Some(value)) => required = bool_value(value)?,
            ("name", Some(value)) => set_name(&mut name, value)?,
            _ if name.is_none() => name = Some(rune::to_string(field)),
            (key, Some(_)) => {
                let hint = suggest::hint(key.as_bytes(), ["name", "required"], false);
                return Err(format!(
                    "unexpected key '{key}' in '{}'{hint}",
                    rune::to_string(field)
                ));
            }
            (_, None) => {
                return Err(format!(
                    "invalid field '{}' must be a key=value pair",
                    rune::to_string(field)
                ));
            }
        }
    }
    Ok(Device {
        name: name.unwrap_or_default(),
        required,
    })
}

fn set_name(name: &mut Option<String>, value: &[u8]) -> Result<(), String> {
    if let Some(old) = name {
        return Err(format!("device name already set to {old}"));
    }
    *name = Some(rune::to_string(value));
    Ok(())
}

fn bool_value(value: &[u8]) -> Result<bool, String> {
    match value {
        b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True" => Ok(true),
        b"0" | b"f" | b"F" | b"false" | b"FALSE" | b"False" => Ok(false),
        _ => Err(format!(
            "invalid value for required: {}",
            rune::to_string(value)
        )),
    }
}

/// Splits one record at commas; `"a,b"` protects a comma and `""` inside stands for one quote.
///
/// # Errors
/// The text of Go's CSV reader, with the 1-based byte column.
///
/// **Source:** RFC 4180 as read by Go `encoding/csv`.
///
/// ```
/// use cooperage_lang::model::device::csv_fields;
/// assert_eq!(csv_fields(br#"a,"b,c",d"#).unwrap(), ["a", "b,c", "d"]);
/// ```
pub fn csv_fields(record: &[u8]) -> Result<Vec<BString>, String> {
    let error =
        |at: usize, what: &str| Err(format!("parse error on line 1, column {}: {what}", at + 1));
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        if record.get(at) == Some(&b'"') {
            at += 1;
            let mut field = Vec::new();
            loop {
                let Some(quote) = record[at..].find_byte(b'"') else {
                    return error(record.len(), QUOTE);
                };
                field.extend_from_slice(&record[at..at + quote]);
                at += quote + 1;
                match record.get(at) {
                    Some(b'"') => {
                        field.push(b'"');
                        at += 1;
                    }
                    None | Some(b',') => break,
                    Some(_) => return error(at - 1, QUOTE),
                }
            }
            fields.push(field.into());
        } else {
            let end = record[at..]
                .find_byte(b',')
                .map_or(record.len(), |n| at + n);
            if let Some(quote) = record[at..end].find_byte(b'"') {
                return error(at + quote, "bare \" in non-quoted-field");
            }
            fields.push(record[at..end].into());
            at = end;
        }
        if at == record.len() {
            return Ok(fields);
        }
        at += 1;
    }
}

const QUOTE: &str = "extraneous or missing \" in quoted-field";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_requirement() {
        let device = |name: &str, required| {
            Ok(Device {
                name: name.into(),
                required,
            })
        };
        assert_eq!(
            parse(b"vendor/class=dev,required"),
            device("vendor/class=dev", true)
        );
        assert_eq!(
            parse(b"required=false,name=vendor/class"),
            device("vendor/class", false)
        );
        assert_eq!(
            parse(b"a/b=c,name=d/e"),
            Err("device name already set to a/b=c".into())
        );
        assert_eq!(
            parse(b"a/b,required=maybe"),
            Err("invalid value for required: maybe".into())
        );
    }

    #[test]
    fn records_follow_rfc_4180() {
        assert_eq!(csv_fields(b"").map(|f| f.len()), Ok(1));
        assert_eq!(csv_fields(b"a,,\"b\"\"c\"").unwrap(), ["a", "", "b\"c"]);
        assert!(csv_fields(b"a\"b").is_err());
        assert!(csv_fields(b"\"a\"b").is_err());
        assert!(csv_fields(b"\"a").is_err());
    }
}
