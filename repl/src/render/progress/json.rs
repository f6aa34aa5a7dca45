//! The build's events as JSON lines, for programs.

use super::{Outcome, Style};
use crate::render::json::millis;
use crate::render::text;
use cooperage_lang::plan::{Plan, StepId};
use cooperage_runtime::build::cache::CacheStatus;
use cooperage_runtime::build::events::{BuildEvent, Stream as Output};
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;
use std::io::{Result, Write};
use std::sync::Arc;

/// The state of the stream.
#[derive(Default)]
pub(super) struct Stream {
    plan: Option<Arc<Plan>>,
    /// Output behind the last line end, by step and stream.
    partial: HashMap<(StepId, bool), Vec<u8>>,
}

impl Stream {
    /// A step's number (its place in the plan, from 1), stage and line.
    fn step(&self, step: StepId, state: &str) -> Map<String, Json> {
        let mut object = Map::new();
        object.insert("t".into(), json!("step"));
        object.insert("n".into(), json!(step.0 + 1));
        if let Some(plan) = &self.plan {
            let planned = plan.step(step);
            if let Some(stage) = planned.stage {
                object.insert("stage".into(), json!(plan.stages[stage].name));
            }
            if planned.number.is_some() {
                object.insert("line".into(), json!(planned.lines.start));
            }
        }
        object.insert("state".into(), json!(state));
        object
    }

    fn flush(&mut self, step: StepId, out: &mut dyn Write) -> Result<()> {
        for error in [false, true] {
            if let Some(bytes) = self.partial.remove(&(step, error)) {
                line(out, &log(step, error, &bytes))?;
            }
        }
        Ok(())
    }
}

fn log(step: StepId, error: bool, bytes: &[u8]) -> Json {
    let stream = if error { "stderr" } else { "stdout" };
    json!({"t": "log", "n": step.0 + 1, "stream": stream, "text": text::printable(bytes)})
}

fn line(out: &mut dyn Write, value: &Json) -> Result<()> {
    writeln!(out, "{value}")
}

impl Style for Stream {
    fn event(&mut self, event: &BuildEvent, out: &mut dyn Write) -> Result<()> {
        match event {
            BuildEvent::Planned {
                plan,
                steps,
                cached,
                estimate,
            } => {
                self.plan = Some(Arc::clone(plan));
                line(
                    out,
                    &json!({"t": "plan", "steps": steps, "cached": cached, "estimate_ms": estimate.map(millis)}),
                )
            }
            BuildEvent::Started { .. } => Ok(()),
            BuildEvent::Cached { step, saved } => {
                let mut object = self.step(*step, "cached");
                object.insert("cache".into(), json!("hit"));
                if let Some(saved) = saved {
                    object.insert("saved_ms".into(), json!(millis(*saved)));
                }
                line(out, &Json::Object(object))
            }
            BuildEvent::Running { step, reason } => {
                let mut object = self.step(*step, "started");
                match reason {
                    Some(reason) => {
                        let status = CacheStatus::Miss(reason.clone());
                        object.insert(
                            "cache".into(),
                            json!(crate::render::forecast::state(&status)),
                        );
                        object.insert(
                            "reason".into(),
                            json!(crate::render::forecast::reason(&status)),
                        );
                        let culprits: Vec<String> =
                            reason.culprits.iter().map(ToString::to_string).collect();
                        object.insert("culprits".into(), json!(culprits));
                    }
                    None => {
                        object.insert("cache".into(), json!("never"));
                    }
                }
                line(out, &Json::Object(object))
            }
            BuildEvent::Log {
                step,
                stream,
                bytes,
                ..
            } => {
                let error = *stream == Output::Stderr;
                let mut pending = self.partial.remove(&(*step, error)).unwrap_or_default();
                for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                    pending.extend_from_slice(piece);
                    if piece.ends_with(b"\n") {
                        line(out, &log(*step, error, &pending))?;
                        pending.clear();
                    }
                }
                if !pending.is_empty() {
                    self.partial.insert((*step, error), pending);
                }
                Ok(())
            }
            BuildEvent::Transfer {
                task,
                what,
                done,
                total,
            } => line(
                out,
                &json!({"t": "progress", "task": task, "what": what, "done": done, "total": total}),
            ),
            BuildEvent::Done { step, took, bytes } => {
                self.flush(*step, out)?;
                let mut object = self.step(*step, "done");
                object.insert("ms".into(), json!(millis(*took)));
                object.insert("bytes".into(), json!(bytes));
                line(out, &Json::Object(object))
            }
            BuildEvent::Failed {
                step,
                took,
                message,
            } => {
                self.flush(*step, out)?;
                let mut object = self.step(*step, "failed");
                object.insert("message".into(), json!(message));
                object.insert("ms".into(), json!(millis(*took)));
                line(out, &Json::Object(object))
            }
            BuildEvent::Canceled { step } => line(out, &Json::Object(self.step(*step, "canceled"))),
            BuildEvent::Note(note) => line(out, &json!({"t": "note", "text": note})),
            BuildEvent::Export { what, done } => line(
                out,
                &json!({"t": "export", "what": what, "ms": done.map(millis)}),
            ),
        }
    }

    fn finish(&mut self, outcome: &Outcome<'_>, out: &mut dyn Write) -> Result<()> {
        match outcome {
            Outcome::Done {
                cached, ran, took, ..
            } => line(
                out,
                &json!({"t": "done", "ok": true, "cached": cached, "ran": ran, "ms": millis(*took)}),
            ),
            Outcome::Failed(error) => {
                let at = error.place.as_ref().map(|place| place.line);
                line(
                    out,
                    &json!({"t": "done", "ok": false, "error": {"kind": error.kind.name(), "line": at}}),
                )
            }
        }
    }
}
