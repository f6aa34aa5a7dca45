//! What changes often stands below what is slow. Found by the forecast, which knows how long steps take.

use super::{Level, Lint, Run};

pub(super) const LINT: Lint = Lint {
    name: "StepOrder",
    description: "Slow steps that need no file of the context should stand above COPY",
    docs: include_str!("../../docs/lints/step-order.md"),
    level: Level::Info,
    run: Run::Forecast,
    ..Lint::OWN
};
