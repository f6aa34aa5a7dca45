//! What came from the network is not too old. Found by the forecast, which knows the cache.

use super::{Level, Lint, Run};

pub(super) const LINT: Lint = Lint {
    name: "StaleStep",
    description: "Steps that fetch from the network should not be served from an old record",
    docs: include_str!("../../docs/lints/stale-step.md"),
    level: Level::Info,
    run: Run::Forecast,
    ..Lint::OWN
};
