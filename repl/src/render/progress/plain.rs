//! BuildKit's plain progress: `#7 [2/3] RUN make`, `#7 CACHED`, `#7 0.123 output`, `#7 DONE 0.1s`.
//!
//! **Source:** BuildKit `util/progress/progressui/printer.go`; programs that read builds parse these lines.

use super::{Outcome, Style};
use crate::render::text;
use crate::units::Size;
use cooperage_lang::plan::{Plan, StepId};
use cooperage_runtime::build::events::BuildEvent;
use std::collections::HashMap;
use std::io::{Result, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The state of the lines.
#[derive(Default)]
pub(super) struct Plain {
    plan: Option<Arc<Plan>>,
    /// Number of a step or an export, in order of appearance.
    numbers: HashMap<Task, u32>,
    /// The task the last line belongs to.
    current: Option<u32>,
    /// Output of a step behind its last line end, with the time of its first byte.
    partial: HashMap<StepId, (Duration, Vec<u8>)>,
    /// When transfer progress of a task was last shown.
    shown: HashMap<u32, Instant>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Task {
    Step(StepId),
    Export(String),
}

impl Plain {
    /// Turns to a task: its heading when the last line belonged to another. Returns its number.
    fn turn_to(&mut self, task: Task, out: &mut dyn Write) -> Result<u32> {
        let next = self.numbers.len() as u32 + 1;
        let number = *self.numbers.entry(task.clone()).or_insert(next);
        if self.current != Some(number) {
            if self.current.is_some() {
                writeln!(out)?;
            }
            let name = match &task {
                Task::Step(id) => self
                    .plan
                    .as_ref()
                    .map_or_else(String::new, |plan| text::one_line(&plan.step(*id).name())),
                Task::Export(what) => what.clone(),
            };
            writeln!(out, "#{number} {name}")?;
            self.current = Some(number);
        }
        Ok(number)
    }

    fn step(&mut self, step: StepId, out: &mut dyn Write, line: &str) -> Result<()> {
        let number = self.turn_to(Task::Step(step), out)?;
        writeln!(out, "#{number} {line}")
    }

    fn log(&mut self, step: StepId, at: Duration, bytes: &[u8], out: &mut dyn Write) -> Result<()> {
        let number = self.turn_to(Task::Step(step), out)?;
        let (mut since, mut pending) = self.partial.remove(&step).unwrap_or((at, Vec::new()));
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if pending.is_empty() {
                since = at;
            }
            pending.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                writeln!(
                    out,
                    "#{number} {:.3} {}",
                    since.as_secs_f64(),
                    text::printable(&pending)
                )?;
                pending.clear();
            }
        }
        if !pending.is_empty() {
            self.partial.insert(step, (since, pending));
        }
        Ok(())
    }

    /// Writes what stands behind the last line end of a step that is over.
    fn flush(&mut self, step: StepId, out: &mut dyn Write) -> Result<()> {
        match self.partial.remove(&step) {
            Some((at, bytes)) => self.step(
                step,
                out,
                &format!("{:.3} {}", at.as_secs_f64(), text::printable(&bytes)),
            ),
            None => Ok(()),
        }
    }

    fn transfer(
        &mut self,
        task: &str,
        what: &str,
        done: u64,
        total: u64,
        out: &mut dyn Write,
    ) -> Result<()> {
        let number = self.turn_to(Task::Export(task.to_owned()), out)?;
        let recent = self
            .shown
            .get(&number)
            .is_some_and(|at| at.elapsed() < Duration::from_secs(1));
        if recent && total != done {
            return Ok(());
        }
        self.shown.insert(number, Instant::now());
        writeln!(out, "#{number} {what} {} / {}", Size(done), Size(total))
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1}s", time.as_secs_f64())
}

impl Style for Plain {
    fn event(&mut self, event: &BuildEvent, out: &mut dyn Write) -> Result<()> {
        match event {
            BuildEvent::Planned { plan, .. } => self.plan = Some(Arc::clone(plan)),
            BuildEvent::Started { step } | BuildEvent::Running { step, .. } => {
                self.turn_to(Task::Step(*step), out)?;
            }
            BuildEvent::Cached { step, .. } => self.step(*step, out, "CACHED")?,
            BuildEvent::Log {
                step, at, bytes, ..
            } => self.log(*step, *at, bytes, out)?,
            BuildEvent::Transfer {
                task,
                what,
                done,
                total,
            } => self.transfer(task, what, *done, *total, out)?,
            BuildEvent::Done { step, took, .. } => {
                self.flush(*step, out)?;
                self.step(*step, out, &format!("DONE {}", seconds(*took)))?;
            }
            BuildEvent::Failed { step, message, .. } => {
                self.flush(*step, out)?;
                self.step(*step, out, &format!("ERROR: {}", text::strip(message)))?;
            }
            BuildEvent::Canceled { step } => {
                self.flush(*step, out)?;
                self.step(*step, out, "CANCELED")?;
            }
            BuildEvent::Note(note) => writeln!(out, "{}", text::strip(note))?,
            BuildEvent::Export { what, done } => {
                let number = self.turn_to(Task::Export(what.clone()), out)?;
                if let Some(took) = done {
                    writeln!(out, "#{number} DONE {}", seconds(*took))?;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, _: &Outcome<'_>, _: &mut dyn Write) -> Result<()> {
        Ok(())
    }
}
