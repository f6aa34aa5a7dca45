//! Definitions. The recorded place has to be among ours: where a variable is set more than once the recorded answer
//! is the first setting, ours begins with the one in force. A recorded null has to stay one.

use super::{Case, Kind};
use cooperage_lang::ide::navigation::definition;

pub(super) const KIND: Kind = Kind {
    name: "definition",
    bar: 98.0,
    check,
};

fn check(case: &Case<'_>) -> Result<(), String> {
    let targets = definition(&case.file, case.offset()).map_or(Vec::new(), |found| found.targets);
    let places: Vec<_> = targets.iter().map(|t| t.name).collect();
    let agrees = if case.expected().is_null() {
        places.is_empty()
    } else {
        places.contains(&case.range(&case.expected()["range"]))
    };
    if agrees {
        return Ok(());
    }
    let found: Vec<_> = places.iter().map(|p| case.positions.show(*p)).collect();
    Err(format!(
        "found {found:?}, recorded {}",
        case.expected()["range"]
    ))
}
