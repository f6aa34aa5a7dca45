//! Sizes with a unit: `10m`, `1g`. **Source:** `docker/go-units`, `RAMInBytes`.

/// Parses a size in bytes with an optional binary unit (`b k m g t p`, `kb`, `kib`, any case; `1.5g` allowed).
///
/// ```
/// use cooperage_lang::model::bytes;
/// assert_eq!(bytes::parse("1.5k"), Ok(1536));
/// assert_eq!(bytes::parse("32 MiB"), Ok(32 << 20));
/// assert_eq!(bytes::parse("1x"), Err("invalid suffix: 'x'".to_owned()));
/// ```
///
/// # Errors
/// The official text: `invalid size: '…'`, `invalid suffix: '…'`, or what is wrong with the number.
pub fn parse(text: &str) -> Result<i64, String> {
    let invalid = || format!("invalid size: '{text}'");
    let last = text
        .rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ')
        .ok_or_else(invalid)?;
    let suffix = &text[last + 1..];
    let number = if text.as_bytes()[last] == b' ' {
        &text[..last]
    } else {
        &text[..=last]
    };
    let size: f64 = number.parse().map_err(|_| {
        format!(
            "strconv.ParseFloat: parsing {}: invalid syntax",
            crate::quote::quote(number.as_bytes())
        )
    })?;
    if size < 0.0 {
        return Err(invalid());
    }
    // The cast cuts the fraction and saturates.
    Ok((size * multiplier(suffix)?) as i64)
}

fn multiplier(suffix: &str) -> Result<f64, String> {
    let lower = suffix.to_lowercase();
    // The reference lowers a suffix only when it is short enough to be one.
    let invalid = || {
        format!(
            "invalid suffix: '{}'",
            if suffix.len() > 3 { suffix } else { &lower }
        )
    };
    let power = match lower.as_bytes() {
        [] | [b'b'] => return Ok(1.0),
        [unit] | [unit, b'b'] | [unit, b'i', b'b'] => b"kmgtp".iter().position(|u| u == unit),
        _ => None,
    };
    let power = power.ok_or_else(invalid)?;
    Ok([
        1024.0,
        1_048_576.0,
        1_073_741_824.0,
        1_099_511_627_776.0,
        1_125_899_906_842_624.0,
    ][power])
}
