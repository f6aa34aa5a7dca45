//! `ONBUILD` triggers of base images and base stages, which run before a stage's own instructions.

use super::command::{Command, Held};
use super::{Place, Planner};
use crate::instructions::{Kind, parse_trigger};

impl Planner<'_> {
    /// Puts the triggers that await a stage in front of its instructions; tells whether they need further stages.
    pub(super) fn take_triggers(&mut self, stage: usize) -> bool {
        let mut triggers = std::mem::take(&mut self.states[stage].live.config.config.on_build);
        if let Some(base) = self.states[stage].base
            && !std::mem::replace(&mut self.states[stage].triggers_taken, true)
        {
            triggers.extend(self.states[base].commands.iter().filter_map(|c| {
                match &c.instruction.kind {
                    Kind::Onbuild(text) => Some(text.to_str_lossy().into_owned()),
                    _ => None,
                }
            }));
        }
        let Some(from) = self.states[stage].from.filter(|_| !triggers.is_empty()) else {
            return false;
        };
        let place = Place {
            trigger: true,
            ..Place::of(from)
        };
        let mut commands = Vec::new();
        for trigger in &triggers {
            match parse_trigger(trigger.as_bytes(), '\\') {
                Ok(instruction) => {
                    commands.push(self.command(stage, Held::Trigger(instruction.into()), place));
                }
                Err(error) => {
                    self.report
                        .error("bad-trigger", place.range, &[place.lines], error.message);
                }
            }
        }
        let more = commands.iter().any(|c: &Command<'_>| !c.sources.is_empty());
        self.states[stage].total += commands.len() as u32;
        commands.append(&mut self.states[stage].commands);
        self.states[stage].commands = commands;
        more
    }
}
