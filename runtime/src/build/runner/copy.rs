//! COPY, ADD and WORKDIR: files into a new layer.

use super::{Session, State, views};
use crate::build::error::{BuildError, Problem};
use crate::build::exec::Ran;
use crate::build::ops;
use crate::store::{CommitOptions, LayerDraft};
use cooperage_lang::plan::{Copy, Mkdir, Plan, Step};

impl Session<'_> {
    pub(super) fn run_copy(
        &self,
        plan: &Plan,
        step: &Step,
        copy: &Copy,
        states: &[State],
    ) -> Result<Ran, BuildError> {
        let trees = self.source_trees(plan, copy, states)?;
        let root = self.root_stack(step, states)?;
        let draft = self.draft()?;
        let options = self.copy_options();
        let copied = ops::copy(copy, &root, &views(&trees), draft.fs(), &options)
            .map_err(|e| self.copy_failed(e, step))?;
        for path in &copied.changed {
            tracing::warn!(%path, "changed while it was copied; the step will run again");
        }
        let ran = self.commit(draft)?;
        Ok(Ran {
            cacheable: copied.changed.is_empty(),
            ..ran
        })
    }

    fn copy_failed(&self, error: ops::CopyError, step: &Step) -> BuildError {
        BuildError::from(Problem::Copy(error)).at(
            &self.planned.name,
            &self.planned.source,
            step.range,
        )
    }

    pub(super) fn run_mkdir(
        &self,
        step: &Step,
        mkdir: &Mkdir,
        states: &[State],
    ) -> Result<Ran, BuildError> {
        let root = self.root_stack(step, states)?;
        let draft = self.draft()?;
        ops::mkdir(mkdir, &root, draft.fs(), &self.copy_options())
            .map_err(|e| self.copy_failed(e, step))?;
        self.commit(draft)
    }

    pub(super) fn root_stack(
        &self,
        step: &Step,
        states: &[State],
    ) -> Result<std::sync::Arc<super::LayerStack>, BuildError> {
        let root = step.root.expect("every step that runs has a root");
        match &states[root.0 as usize] {
            State::Ready { snapshot, .. } => self.stack(snapshot),
            State::Pending { .. } => unreachable!("a step runs after its root"),
        }
    }

    fn copy_options(&self) -> ops::CopyOptions {
        ops::CopyOptions {
            epoch: self.source_date_epoch(),
            ..ops::CopyOptions::default()
        }
    }

    fn draft(&self) -> Result<LayerDraft, BuildError> {
        self.store()?
            .draft_layer(self.lease()?)
            .map_err(|e| Problem::Store(e.to_string()).into())
    }

    fn commit(&self, draft: LayerDraft) -> Result<Ran, BuildError> {
        if self.cancel.is_canceled() {
            return Err(Problem::Canceled.into());
        }
        let options = CommitOptions {
            clamp_mtime: self.source_date_epoch(),
        };
        let layer = draft
            .commit_with(&options)
            .map_err(|e| Problem::Store(e.to_string()))?;
        Ok(Ran {
            layer: layer.diff_id,
            size: layer.size,
            cacheable: true,
        })
    }
}
