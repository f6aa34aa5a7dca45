//! A region of the terminal with a row for every running step and its last lines of output, drawn again at most ten
//! times a second and wiped to a summary at the end.

use super::{FRAME, Outcome, Style};
use crate::render::{Paint, Terminal, text};
use crate::units::{Size, Span};
use cooperage_lang::plan::{Plan, StepId};
use cooperage_runtime::build::events::BuildEvent;
use std::collections::VecDeque;
use std::io::{Result, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Lines of output shown below a running step.
const TAIL: usize = 4;

/// The state of the region.
pub(super) struct Live {
    paint: Paint,
    width: usize,
    height: usize,
    plan: Option<Arc<Plan>>,
    steps: usize,
    cached: usize,
    done: usize,
    estimate: Option<Duration>,
    began: Instant,
    running: Vec<Row>,
    /// What is pulled, before the steps or beside them.
    transfer: Option<String>,
    /// Lines on the screen that belong to the region.
    drawn: usize,
    last_frame: Option<Instant>,
}

struct Row {
    step: StepId,
    began: Instant,
    tail: VecDeque<String>,
    partial: Vec<u8>,
}

impl Live {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self {
            paint: Paint(terminal.color_err),
            width: terminal.width.unwrap_or(80).max(20),
            height: terminal.height.unwrap_or(24).max(5),
            plan: None,
            steps: 0,
            cached: 0,
            done: 0,
            estimate: None,
            began: Instant::now(),
            running: Vec::new(),
            transfer: None,
            drawn: 0,
            last_frame: None,
        }
    }

    fn row(&mut self, step: StepId) -> &mut Row {
        let at = self
            .running
            .iter()
            .position(|row| row.step == step)
            .unwrap_or_else(|| {
                self.running.push(Row {
                    step,
                    began: Instant::now(),
                    tail: VecDeque::new(),
                    partial: Vec::new(),
                });
                self.running.len() - 1
            });
        &mut self.running[at]
    }

    fn remove(&mut self, step: StepId) {
        self.running.retain(|row| row.step != step);
    }

    fn numbered(&self, step: StepId) -> bool {
        self.plan
            .as_ref()
            .is_some_and(|plan| plan.step(step).number.is_some())
    }

    /// Goes back to the first line of the region and clears all below.
    fn wipe(&mut self, out: &mut dyn Write) -> Result<()> {
        if self.drawn > 0 {
            write!(out, "\x1b[{}A\r\x1b[J", self.drawn)?;
            self.drawn = 0;
        }
        Ok(())
    }

    fn lines(&self) -> Vec<String> {
        let mut head = format!(
            "[+] {}/{} steps   {} cached   {}",
            self.done,
            self.steps,
            self.cached,
            Span(self.began.elapsed())
        );
        if let Some(estimate) = self.estimate {
            head += &format!(" of about {}", Span(estimate));
        }
        let mut lines = vec![self.paint.bold(&text::cut(&head, self.width))];
        // The more steps run, the fewer lines of output each may show.
        let room = self.height.saturating_sub(2 + self.running.len());
        let tail = (room / self.running.len().max(1)).min(TAIL);
        for row in self.running.iter().take(self.height.saturating_sub(2)) {
            let name = self.plan.as_ref().map_or_else(String::new, |plan| {
                text::one_line(&plan.step(row.step).name())
            });
            let time = Span(row.began.elapsed()).to_string();
            let name = text::cut(
                &format!(" => {name}"),
                self.width.saturating_sub(time.len() + 1),
            );
            let gap = " ".repeat(
                self.width
                    .saturating_sub(text::width(&name) + time.len())
                    .max(1),
            );
            lines.push(format!("{}{gap}{time}", self.paint.yellow(&name)));
            for line in row.tail.iter().skip(row.tail.len().saturating_sub(tail)) {
                lines.push(
                    self.paint
                        .dim(&text::cut(&format!("    {line}"), self.width)),
                );
            }
        }
        if let Some(transfer) = &self.transfer {
            lines.push(self.paint.yellow(&text::cut(transfer, self.width)));
        }
        lines.truncate(self.height - 1);
        lines
    }

    fn draw(&mut self, out: &mut dyn Write) -> Result<()> {
        if self.last_frame.is_some_and(|at| at.elapsed() < FRAME) {
            return Ok(());
        }
        self.last_frame = Some(Instant::now());
        // One write a frame: a half-drawn region would flicker.
        let mut frame = Vec::new();
        self.wipe(&mut frame)?;
        let lines = self.lines();
        self.drawn = lines.len();
        for line in lines {
            writeln!(frame, "{line}")?;
        }
        out.write_all(&frame)
    }
}

impl Style for Live {
    fn event(&mut self, event: &BuildEvent, out: &mut dyn Write) -> Result<()> {
        match event {
            BuildEvent::Planned {
                plan,
                steps,
                estimate,
                ..
            } => {
                self.plan = Some(Arc::clone(plan));
                self.steps = *steps;
                self.estimate = *estimate;
                // Nothing is drawn yet: a build without work ends before a frame is due.
                return Ok(());
            }
            BuildEvent::Started { .. } => return Ok(()),
            BuildEvent::Cached { step, .. } => {
                if self.numbered(*step) {
                    self.cached += 1;
                    self.done += 1;
                }
                self.remove(*step);
                return Ok(());
            }
            BuildEvent::Running { step, .. } => {
                self.row(*step);
            }
            BuildEvent::Log { step, bytes, .. } => {
                let row = self.row(*step);
                row.partial.extend_from_slice(bytes);
                while let Some(end) = row.partial.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = row.partial.drain(..=end).collect();
                    row.tail.push_back(text::printable(&line));
                    if row.tail.len() > TAIL {
                        row.tail.pop_front();
                    }
                }
            }
            BuildEvent::Transfer {
                task,
                what,
                done,
                total,
            } => {
                let (task, what) = (text::strip(task), text::strip(what));
                self.transfer = Some(format!(
                    " => {task}  {what} {} / {}",
                    Size(*done),
                    Size(*total)
                ));
            }
            BuildEvent::Done { step, .. } => {
                self.done += usize::from(self.numbered(*step));
                self.remove(*step);
            }
            BuildEvent::Failed { step, .. } | BuildEvent::Canceled { step } => self.remove(*step),
            BuildEvent::Note(note) => {
                self.wipe(out)?;
                writeln!(out, "{}", text::cut(&text::strip(note), self.width))?;
                self.last_frame = None;
            }
            BuildEvent::Export { .. } => {
                self.transfer = None;
                return Ok(());
            }
        }
        self.draw(out)
    }

    fn tick(&mut self, out: &mut dyn Write) -> Result<()> {
        self.draw(out)
    }

    fn close(&mut self, out: &mut dyn Write) -> Result<()> {
        self.wipe(out)
    }

    fn finish(&mut self, outcome: &Outcome<'_>, out: &mut dyn Write) -> Result<()> {
        self.wipe(out)?;
        if let Outcome::Done {
            steps,
            cached,
            ran,
            took,
        } = outcome
        {
            writeln!(
                out,
                "[+] {steps}/{steps} steps   {cached} cached   {ran} ran   {}",
                Span(*took)
            )?;
        }
        Ok(())
    }
}
