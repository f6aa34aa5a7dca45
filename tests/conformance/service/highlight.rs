//! Highlights. Every recorded place has to be among ours, read or written as recorded. Where nothing was recorded,
//! nothing is to be found.

use super::{Case, Kind};
use cooperage_lang::ide::navigation::{Access, highlights};

pub(super) const KIND: Kind = Kind {
    name: "highlight",
    bar: 98.0,
    check,
};

fn check(case: &Case<'_>) -> Result<(), String> {
    let number = |access| match access {
        Access::Read => 2,
        Access::Write => 3,
    };
    let found = highlights(&case.file, case.offset());
    let found: Vec<_> = found.iter().map(|h| (h.range, number(h.access))).collect();
    let recorded: Vec<_> = case
        .expected()
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| {
            (
                case.range(&item["range"]),
                item["kind"].as_u64().unwrap_or(1),
            )
        })
        .collect();
    let agrees = recorded.iter().all(|place| found.contains(place))
        && recorded.is_empty() == found.is_empty();
    if agrees {
        return Ok(());
    }
    let show = |places: &[(_, u64)]| -> Vec<String> {
        let show = |(range, kind): &(_, u64)| format!("{}/{kind}", case.positions.show(*range));
        places.iter().map(show).collect()
    };
    Err(format!(
        "found {:?}, recorded {:?}",
        show(&found),
        show(&recorded)
    ))
}
