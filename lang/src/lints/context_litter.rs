//! `COPY` of the context takes no litter. Found by the forecast, which has the files.

use super::{Level, Lint, Run};

pub(super) const LINT: Lint = Lint {
    name: "ContextLitter",
    description: "COPY of the context should leave out repositories, dependencies and caches",
    docs: include_str!("../../docs/lints/context-litter.md"),
    level: Level::Warning,
    run: Run::Forecast,
    ..Lint::OWN
};
