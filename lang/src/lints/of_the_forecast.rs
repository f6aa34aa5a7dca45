//! Rules about what the next build will do. The runtime finds, which has the records, the layers and the context.

use super::{Level, Lint, Run};

/// What the rules have in common.
const EACH: Lint = Lint {
    run: Run::Forecast,
    ..Lint::OWN
};

/// `COPY` of the context takes no litter.
pub const CONTEXT_LITTER: Lint = Lint {
    name: "ContextLitter",
    description: "COPY of the context should leave out repositories, dependencies and caches",
    docs: include_str!("../../docs/lints/context-litter.md"),
    level: Level::Warning,
    ..EACH
};

/// Layers hold nothing that is deleted again.
pub const LAYER_WASTE: Lint = Lint {
    name: "LayerWaste",
    description: "Files should be deleted by the step that makes them",
    docs: include_str!("../../docs/lints/layer-waste.md"),
    level: Level::Info,
    ..EACH
};

/// What came from the network is not too old.
pub const STALE_STEP: Lint = Lint {
    name: "StaleStep",
    description: "Steps that fetch from the network should not be served from an old record",
    docs: include_str!("../../docs/lints/stale-step.md"),
    level: Level::Info,
    ..EACH
};

/// What changes often stands below what is slow.
pub const STEP_ORDER: Lint = Lint {
    name: "StepOrder",
    description: "Slow steps that need no file of the context should stand above COPY",
    docs: include_str!("../../docs/lints/step-order.md"),
    level: Level::Info,
    ..EACH
};
