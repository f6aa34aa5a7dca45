//! The config document of an image made here.

use crate::store::DiffId;
use cooperage_lang::model::platform::Platform;
use cooperage_lang::plan::config::ImageConfig;
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The config as bytes: the same arguments give the same bytes.
///
/// **Source:** OCI image specification, `config.md`; field order as BuildKit writes it.
pub fn document(
    platform: &Platform,
    config: &ImageConfig,
    created: Option<SystemTime>,
    layers: &[DiffId],
) -> Vec<u8> {
    let mut out = Map::new();
    out.insert("architecture".to_owned(), json!(platform.architecture));
    if !config.author.is_empty() {
        out.insert("author".to_owned(), json!(config.author));
    }
    out.insert("config".to_owned(), json!(config.config));
    if let Some(created) = created {
        out.insert("created".to_owned(), json!(rfc3339(created)));
    }
    if !config.history.is_empty() {
        out.insert("history".to_owned(), json!(config.history));
    }
    out.insert("os".to_owned(), json!(platform.os));
    if !platform.os_version.is_empty() {
        out.insert("os.version".to_owned(), json!(platform.os_version));
    }
    out.insert(
        "rootfs".to_owned(),
        json!({ "type": "layers", "diff_ids": layers }),
    );
    if !platform.variant.is_empty() {
        out.insert("variant".to_owned(), json!(platform.variant));
    }
    serde_json::to_vec(&Value::Object(out)).expect("texts and numbers have a JSON form")
}

/// A time as images write it: UTC, fractions only when there are any.
pub fn rfc3339(time: SystemTime) -> String {
    let (seconds, nanos) = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (after.as_secs() as i64, after.subsec_nanos()),
        Err(before) => {
            let before: Duration = before.duration();
            let up = i64::from(before.subsec_nanos() > 0);
            (
                -(before.as_secs() as i64) - up,
                (1_000_000_000 - before.subsec_nanos()) % 1_000_000_000,
            )
        }
    };
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(day);
    let fraction = match nanos {
        0 => String::new(),
        n => format!(".{n:09}").trim_end_matches('0').to_owned(),
    };
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
fn civil(day: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day is the last of its year.
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, of_year - (153 * march_month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_images_write_them() {
        let at = |seconds: u64, nanos: u32| rfc3339(UNIX_EPOCH + Duration::new(seconds, nanos));
        assert_eq!(at(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(at(1_577_836_800, 0), "2020-01-01T00:00:00Z");
        assert_eq!(at(951_782_399, 500_000_000), "2000-02-28T23:59:59.5Z");
        assert_eq!(at(951_782_400, 0), "2000-02-29T00:00:00Z");
        assert_eq!(at(4_107_542_399, 1), "2100-02-28T23:59:59.000000001Z");
        assert_eq!(
            rfc3339(UNIX_EPOCH - Duration::from_millis(1500)),
            "1969-12-31T23:59:58.5Z"
        );
    }

    #[test]
    fn the_document_has_the_fields_of_the_specification() {
        let bytes = document(
            &Platform::new("linux", "arm64", "v8"),
            &ImageConfig::default(),
            Some(UNIX_EPOCH),
            &[],
        );
        let value: Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(value["os"], "linux");
        assert_eq!(value["architecture"], "arm64");
        assert_eq!(value["rootfs"], json!({ "type": "layers", "diff_ids": [] }));
        assert_eq!(value["created"], "1970-01-01T00:00:00Z");
    }
}
