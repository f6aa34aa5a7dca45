//! Durations in Go's syntax: `1h2m3.5s`.

use std::fmt::Write;
use std::time::Duration;

/// The largest value, in nanoseconds, plus one; its negative is still a duration.
const LIMIT: u64 = 1 << 63;

/// A signed duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Below zero.
    pub negative: bool,
    /// Distance from zero.
    pub size: Duration,
}

/// Reads a duration.
///
/// # Errors
/// The official text, for example `time: missing unit in duration "1"`.
///
/// **Source:** Go `time.ParseDuration`.
///
/// ```
/// use cooperage_lang::model::duration::parse;
/// assert_eq!(parse(b"1h0.5s").unwrap().size.as_millis(), 3_600_500);
/// ```
pub fn parse(text: &[u8]) -> Result<Signed, String> {
    let (negative, rest) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let invalid = || format!("time: invalid duration {}", quote(text));
    if rest == b"0" {
        return Ok(Signed {
            negative: false,
            size: Duration::ZERO,
        });
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut rest = rest;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (value, behind) = term(rest, text)?;
        rest = behind;
        total = total
            .checked_add(value)
            .filter(|t| *t <= LIMIT)
            .ok_or_else(invalid)?;
    }
    if !negative && total == LIMIT {
        return Err(invalid());
    }
    Ok(Signed {
        negative: negative && total > 0,
        size: Duration::from_nanos(total),
    })
}

/// Reads one number with its unit; gives nanoseconds and what follows.
fn term<'t>(text: &'t [u8], whole: &[u8]) -> Result<(u64, &'t [u8]), String> {
    let invalid = || format!("time: invalid duration {}", quote(whole));
    let int_len = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut value: u64 = 0;
    for digit in &text[..int_len] {
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(u64::from(digit - b'0')))
            .filter(|v| *v <= LIMIT)
            .ok_or_else(invalid)?;
    }
    let mut rest = &text[int_len..];
    let (mut fraction, mut scale, mut fraction_len) = (0, 1.0, 0);
    if let Some(behind) = rest.strip_prefix(b".") {
        fraction_len = behind.iter().take_while(|b| b.is_ascii_digit()).count();
        (fraction, scale) = leading_fraction(&behind[..fraction_len]);
        rest = &behind[fraction_len..];
    }
    if int_len + fraction_len == 0 {
        return Err(invalid());
    }
    let unit_len = rest
        .iter()
        .take_while(|b| **b != b'.' && !b.is_ascii_digit())
        .count();
    let (name, rest) = rest.split_at(unit_len);
    if name.is_empty() {
        return Err(format!("time: missing unit in duration {}", quote(whole)));
    }
    let unit = unit(name).ok_or_else(|| {
        format!(
            "time: unknown unit {} in duration {}",
            quote(name),
            quote(whole)
        )
    })?;
    let mut nanos = value
        .checked_mul(unit)
        .filter(|n| *n <= LIMIT)
        .ok_or_else(invalid)?;
    if fraction > 0 {
        // Floating point as in the reference, so that results agree to the nanosecond.
        nanos += (fraction as f64 * (unit as f64 / scale)) as u64;
        if nanos > LIMIT {
            return Err(invalid());
        }
    }
    Ok((nanos, rest))
}

/// Digits behind the point as an integer and the power of ten it is divided by; digits beyond 63 bits are dropped.
fn leading_fraction(digits: &[u8]) -> (u64, f64) {
    let mut value: u64 = 0;
    let mut scale = 1.0;
    for digit in digits {
        if value > (LIMIT - 1) / 10 {
            break;
        }
        let next = value * 10 + u64::from(digit - b'0');
        if next > LIMIT {
            break;
        }
        value = next;
        scale *= 10.0;
    }
    (value, scale)
}

/// Nanoseconds of a unit.
fn unit(name: &[u8]) -> Option<u64> {
    Some(match std::str::from_utf8(name).ok()? {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// Quotes as Go's package `time` does: every byte that is not plain ASCII in hexadecimal.
fn quote(text: &[u8]) -> String {
    let mut out = String::from('"');
    for &b in text {
        match b {
            b'"' | b'\\' => out.extend(['\\', char::from(b)]),
            b' '..=0x7f => out.push(char::from(b)),
            // Writing into a string cannot fail.
            _ => drop(write!(out, "\\x{b:02x}")),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(text: &str) -> Result<i128, String> {
        parse(text.as_bytes()).map(|d| {
            let size = d.size.as_nanos() as i128;
            if d.negative { -size } else { size }
        })
    }

    #[test]
    fn reads_go_durations() {
        assert_eq!(nanos("1h2m3.5s"), Ok(3_723_500_000_000));
        assert_eq!(nanos("-1.5h"), Ok(-5_400_000_000_000));
        assert_eq!(nanos("1\u{b5}s"), Ok(1_000));
        assert_eq!(nanos(".5s"), Ok(500_000_000));
        assert_eq!(nanos("+0"), Ok(0));
        assert_eq!(nanos("9223372036854775807ns"), Ok(i128::from(i64::MAX)));
        assert_eq!(nanos("-9223372036854775808ns"), Ok(i128::from(i64::MIN)));
        assert_eq!(nanos("0.3333333333333333333h"), Ok(1_200_000_000_000));
    }

    #[test]
    fn explains_what_is_wrong() {
        assert_eq!(
            nanos("1"),
            Err("time: missing unit in duration \"1\"".into())
        );
        assert_eq!(
            nanos("1x"),
            Err("time: unknown unit \"x\" in duration \"1x\"".into())
        );
        for text in [
            "",
            "-",
            ".s",
            "s",
            "1s x",
            "9223372036854775808ns",
            "3000000h",
        ] {
            assert!(nanos(text).is_err(), "{text}");
        }
        assert_eq!(
            nanos("\u{e9}"),
            Err("time: invalid duration \"\\xc3\\xa9\"".into())
        );
    }
}
