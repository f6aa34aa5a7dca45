//! What happens during a build, as values: progress lines, the JSON stream, the editor and scripts all read these.

use crate::build::cache::MissReason;
use cooperage_lang::plan::{Plan, StepId};
use std::sync::Arc;
use std::time::Duration;

/// Something that happened. Sent in order of happening; steps of different stages interleave.
#[derive(Clone, Debug)]
pub enum BuildEvent {
    /// Planning is done: `cached` of `steps` numbered steps will not run, as far as is known now.
    Planned {
        plan: Arc<Plan>,
        steps: usize,
        cached: usize,
        estimate: Option<Duration>,
    },
    /// A step was taken up.
    Started { step: StepId },
    /// A step needs no work: its result is here.
    Cached {
        step: StepId,
        saved: Option<Duration>,
    },
    /// A step has to run, because of `reason`.
    Running {
        step: StepId,
        reason: Option<MissReason>,
    },
    /// Output of a step; whole lines where possible, any bytes.
    Log {
        step: StepId,
        stream: Stream,
        at: Duration,
        bytes: Vec<u8>,
    },
    /// Progress of a transfer (a layer that is pulled) that belongs to the [`BuildEvent::Export`] named `task`: bytes
    /// done, bytes in all.
    Transfer {
        task: String,
        what: String,
        done: u64,
        total: u64,
    },
    /// A step ran; `bytes` is the size of its new layer.
    Done {
        step: StepId,
        took: Duration,
        bytes: u64,
    },
    /// A step failed.
    Failed {
        step: StepId,
        took: Duration,
        message: String,
    },
    /// A step was given up because another failed or the user asked to stop.
    Canceled { step: StepId },
    /// Something worth telling that belongs to no step.
    Note(String),
    /// Work after the last step: writing the image, exporting. The same text twice: begin and end.
    Export {
        what: String,
        done: Option<Duration>,
    },
}

/// Which output a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Receives events; called from several threads.
pub trait Events: Send + Sync {
    /// Takes one event.
    fn event(&self, event: BuildEvent);
}

/// Drops everything.
pub struct Silent;

impl Events for Silent {
    fn event(&self, _: BuildEvent) {}
}

impl<F: Fn(BuildEvent) + Send + Sync> Events for F {
    fn event(&self, event: BuildEvent) {
        self(event);
    }
}
