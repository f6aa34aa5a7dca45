//! Sizes, durations and times as people read them and as programs do.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A number of bytes. Prints as `61.4 MB`: decimal units, one digit behind the point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

/// A span of time. Prints as `3.1 s`, `51 s`, `2 min 5 s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

const SIZE_UNITS: [(&str, u64); 5] = [
    ("PB", 1_000_000_000_000_000),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
];

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A value that would round up to 1000.0 of a unit is shown in the next one: 999,950 bytes are 1.0 MB.
        let unit = SIZE_UNITS
            .iter()
            .find(|(_, bytes)| self.0 as f64 / *bytes as f64 >= 0.99995);
        let text = match unit {
            Some((name, bytes)) if self.0 >= 1000 => {
                format!("{:.1} {name}", self.0 as f64 / *bytes as f64)
            }
            _ => format!("{} B", self.0),
        };
        f.pad(&text)
    }
}

/// A text that is no size or no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}; write it like {example}")]
pub struct UnitError {
    text: String,
    what: &'static str,
    example: &'static str,
}

/// Splits `12.5 MB` into number and unit; both may have blanks around them.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim()))
}

impl FromStr for Size {
    type Err = UnitError;

    /// Reads `100MB`, `1.5 GB`, `4096`, `64KiB`. Decimal units unless the `i` says otherwise.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError {
            text: text.to_owned(),
            what: "size",
            example: "`100MB`",
        };
        let (number, unit) = number_and_unit(text).ok_or_else(error)?;
        let unit = unit.to_ascii_lowercase();
        let power = |letters: &str| match letters {
            "" => Some(0),
            "k" => Some(1),
            "m" => Some(2),
            "g" => Some(3),
            "t" => Some(4),
            "p" => Some(5),
            _ => None,
        };
        let letters = unit.strip_suffix('b').unwrap_or(&unit);
        let factor = match letters.strip_suffix('i') {
            Some(l) if !l.is_empty() => 1024f64.powi(power(l).ok_or_else(error)?),
            _ => 1000f64.powi(power(letters).ok_or_else(error)?),
        };
        Ok(Self((number * factor).round() as u64))
    }
}

/// Reads a size as `--shm-size` takes it: `64m`, `1g`, plain bytes; units are powers of 1024.
pub fn binary_size(text: &str) -> Result<u64, UnitError> {
    let error = || UnitError {
        text: text.to_owned(),
        what: "size",
        example: "`64m`",
    };
    let (number, unit) = number_and_unit(text).ok_or_else(error)?;
    let power = match unit
        .to_ascii_lowercase()
        .trim_end_matches('b')
        .trim_end_matches('i')
    {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return Err(error()),
    };
    Ok((number * 1024f64.powi(power)) as u64)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        let whole = seconds.round() as u64;
        let text = if seconds < 0.000_999_5 {
            format!("{:.1} ms", seconds * 1e3)
        } else if seconds < 0.999_5 {
            format!("{:.0} ms", seconds * 1e3)
        } else if seconds < 9.95 {
            format!("{seconds:.1} s")
        } else if whole < 60 {
            format!("{whole} s")
        } else if whole < 3600 {
            match whole % 60 {
                0 => format!("{} min", whole / 60),
                rest => format!("{} min {rest} s", whole / 60),
            }
        } else {
            match whole % 3600 / 60 {
                0 => format!("{} h", whole / 3600),
                minutes => format!("{} h {minutes} min", whole / 3600),
            }
        };
        f.pad(&text)
    }
}

impl FromStr for Span {
    type Err = UnitError;

    /// Reads `30s`, `1.5 min`, `250ms`, `2h`, `7d`, `1m30s`; a bare number means seconds.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError {
            text: text.to_owned(),
            what: "duration",
            example: "`30s`",
        };
        let mut rest = text.trim();
        let mut seconds = 0.0;
        if rest.is_empty() {
            return Err(error());
        }
        while !rest.is_empty() {
            let (number, unit) = number_and_unit(rest).ok_or_else(error)?;
            let end = unit
                .find(|c: char| c.is_ascii_digit())
                .unwrap_or(unit.len());
            seconds += number
                * match unit[..end].trim() {
                    "" | "s" | "sec" => 1.0,
                    "ms" => 1e-3,
                    "m" | "min" => 60.0,
                    "h" => 3600.0,
                    "d" => 86400.0,
                    _ => return Err(error()),
                };
            rest = &unit[end..];
        }
        Duration::try_from_secs_f64(seconds)
            .map(Self)
            .map_err(|_| error())
    }
}

/// How long ago `then` was at `now`: `just now`, `5 s ago`, `3 min ago`, `2 h ago`, `4 days ago`, `6 years ago`.
pub fn ago(then: SystemTime, now: SystemTime) -> String {
    let seconds = now.duration_since(then).unwrap_or_default().as_secs();
    let days = seconds / 86400;
    match seconds {
        0 => "just now".to_owned(),
        1..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86400 => format!("{} h ago", seconds / 3600),
        _ if days == 1 => "1 day ago".to_owned(),
        _ if days < 61 => format!("{days} days ago"),
        _ if days < 730 => format!("{} months ago", days * 10 / 304),
        _ => format!("{} years ago", days * 100 / 36524),
    }
}

/// A point in time as RFC 3339 in UTC: `2026-11-07T12:00:00Z`, with a fraction only when there is one.
///
/// **Source:** RFC 3339, section 5.6; the form image configurations hold.
pub fn rfc3339(time: SystemTime) -> String {
    let c = Civil::of(time);
    let fraction = match c.nanosecond {
        0 => String::new(),
        n => format!(".{n:09}").trim_end_matches('0').to_owned(),
    };
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{fraction}Z",
        c.year, c.month, c.day, c.hour, c.minute, c.second
    )
}

/// A time like `2024-05-01T12:00:00.5Z`. **Source:** RFC 3339, section 5.6.
pub fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    let number = |range: std::ops::Range<usize>| {
        let digits = text.get(range)?;
        digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse::<i64>().ok())
            .flatten()
    };
    let marks = text.get(4..5)? == "-"
        && text.get(7..8)? == "-"
        && text.get(13..14)? == ":"
        && text.get(16..17)? == ":";
    if !marks || !matches!(text.get(10..11)?, "T" | "t" | " ") {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut nanos = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction
            .bytes()
            .position(|b| !b.is_ascii_digit())
            .unwrap_or(fraction.len());
        let digits: String = fraction[..end]
            .chars()
            .chain("000000000".chars())
            .take(9)
            .collect();
        nanos = digits.parse::<u64>().ok()?;
        rest = &fraction[end..];
    }
    let offset = match rest.as_bytes() {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let two = |a: u8, b: u8| {
                (a.is_ascii_digit() && b.is_ascii_digit())
                    .then(|| i64::from(a - b'0') * 10 + i64::from(b - b'0'))
            };
            let minutes = two(*h1, *h2)? * 60 + two(*m1, *m2)?;
            if *sign == b'+' {
                minutes * 60
            } else {
                -minutes * 60
            }
        }
        _ => return None,
    };
    // Days since 1970 with the year starting in March, so that the leap day is the last of a year.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset;
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let base = if seconds < 0 {
        UNIX_EPOCH.checked_sub(whole)?
    } else {
        UNIX_EPOCH.checked_add(whole)?
    };
    base.checked_add(Duration::from_nanos(nanos))
}

/// A point in time by the fields of the calendar, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    pub year: i64,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    pub nanosecond: u32,
}

impl Civil {
    /// The fields of `time`.
    pub fn of(time: SystemTime) -> Self {
        let (seconds, nanosecond) = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => (since.as_secs() as i64, since.subsec_nanos()),
            Err(before) => {
                let before = before.duration();
                let part = before.subsec_nanos();
                let whole = before.as_secs() as i64 + i64::from(part > 0);
                (-whole, (1_000_000_000 - part) % 1_000_000_000)
            }
        };
        let (days, rest) = (seconds.div_euclid(86400), seconds.rem_euclid(86400));
        // Days are counted in eras of 400 years that start on 1 March, so that leap days come last.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: month as u8,
            day: (day_of_year - (153 * march_month + 2) / 5 + 1) as u8,
            hour: (rest / 3600) as u8,
            minute: (rest % 3600 / 60) as u8,
            second: (rest % 60) as u8,
            nanosecond,
        }
    }

    /// Writes the time by a `strftime` pattern: `%Y %m %d %H %M %S %F %T %%`; others stay as they are.
    pub fn format(&self, pattern: &str) -> String {
        let mut text = String::new();
        let mut letters = pattern.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                text.push(letter);
                continue;
            }
            match letters.next() {
                Some('Y') => text += &format!("{:04}", self.year),
                Some('m') => text += &format!("{:02}", self.month),
                Some('d') => text += &format!("{:02}", self.day),
                Some('H') => text += &format!("{:02}", self.hour),
                Some('M') => text += &format!("{:02}", self.minute),
                Some('S') => text += &format!("{:02}", self.second),
                Some('F') => text += &self.format("%Y-%m-%d"),
                Some('T') => text += &self.format("%H:%M:%S"),
                Some('%') | None => text.push('%'),
                Some(other) => text.extend(['%', other]),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn sizes_print_in_decimal_units() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (61_400_000, "61.4 MB"),
            (999_960, "1.0 MB"),
            (88_100_000, "88.1 MB"),
            (1_500_000_000, "1.5 GB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    #[test]
    fn sizes_are_read_as_written() {
        for (text, bytes) in [
            ("100MB", 100_000_000),
            ("1.5 GB", 1_500_000_000),
            ("4096", 4096),
            ("64KiB", 65536),
            ("5 kB", 5000),
            ("7b", 7),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        assert!("12 parsecs".parse::<Size>().is_err());
        assert!("".parse::<Size>().is_err());
    }

    #[test]
    fn shm_sizes_are_binary() {
        assert_eq!(binary_size("64m"), Ok(64 << 20));
        assert_eq!(binary_size("33554432"), Ok(33_554_432));
        assert!(binary_size("64q").is_err());
    }

    #[test]
    fn spans_print_for_people() {
        for (ms, text) in [
            (123, "123 ms"),
            (3100, "3.1 s"),
            (9960, "10 s"),
            (51_000, "51 s"),
            (125_000, "2 min 5 s"),
            (120_000, "2 min"),
            (3_780_000, "1 h 3 min"),
        ] {
            assert_eq!(Span(Duration::from_millis(ms)).to_string(), text);
        }
        assert_eq!(Span(Duration::from_micros(400)).to_string(), "0.4 ms");
    }

    #[test]
    fn spans_are_read_as_written() {
        for (text, ms) in [
            ("30s", 30_000),
            ("250ms", 250),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
            ("1.5", 1500),
        ] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_millis(ms))), "{text}");
        }
        assert!("soon".parse::<Span>().is_err());
    }

    #[test]
    fn ages_are_told_in_one_unit() {
        let now = at(1_000_000_000);
        for (seconds, text) in [
            (0, "just now"),
            (5, "5 s ago"),
            (200, "3 min ago"),
            (7300, "2 h ago"),
            (90_000, "1 day ago"),
            (400_000, "4 days ago"),
            (60 * 86400, "60 days ago"),
            (61 * 86400, "2 months ago"),
            (729 * 86400, "23 months ago"),
            (731 * 86400, "2 years ago"),
            (2519 * 86400, "6 years ago"),
        ] {
            assert_eq!(ago(at(1_000_000_000 - seconds), now), text);
        }
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(rfc3339(at(0)), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(at(1_577_934_245)), "2020-01-02T03:04:05Z");
        assert_eq!(rfc3339(at(951_782_400)), "2000-02-29T00:00:00Z");
        let half = at(951_782_399) + Duration::from_millis(500);
        assert_eq!(rfc3339(half), "2000-02-28T23:59:59.5Z");
        let late = at(4_107_542_399) + Duration::from_nanos(1);
        assert_eq!(rfc3339(late), "2100-02-28T23:59:59.000000001Z");
        let early = UNIX_EPOCH - Duration::from_millis(1500);
        assert_eq!(rfc3339(early), "1969-12-31T23:59:58.5Z");
        for time in [half, late, early] {
            assert_eq!(parse_rfc3339(&rfc3339(time)), Some(time));
        }
        assert_eq!(
            Civil::of(at(1_577_934_245)).format("%Y%m%d at %T, 100%%"),
            "20200102 at 03:04:05, 100%"
        );
    }
}
