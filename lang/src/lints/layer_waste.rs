//! Layers hold nothing that is deleted again. Found by the forecast, which has the layers.

use super::{Level, Lint, Run};

pub(super) const LINT: Lint = Lint {
    name: "LayerWaste",
    description: "Files should be deleted by the step that makes them",
    docs: include_str!("../../docs/lints/layer-waste.md"),
    level: Level::Info,
    run: Run::Forecast,
    ..Lint::OWN
};
