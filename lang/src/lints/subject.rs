//! What a rule that looks at a whole file is given.

use super::Config;
use crate::ide::File;
use crate::instructions::{self, Instruction, Kind};

/// A file and what the project wants, ready for the rules.
#[derive(Debug)]
pub struct Subject<'a> {
    pub(crate) file: &'a File,
    pub(crate) config: &'a Config,
    pub(crate) lines: Vec<Line<'a>>,
}

/// An instruction and where it stands.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) instruction: &'a Instruction,
    /// What an `ONBUILD` holds back.
    pub(crate) trigger: Option<Instruction>,
    /// Counts the `FROM` lines so far: 0 before the first.
    pub(crate) stage: usize,
}

impl Line<'_> {
    /// The instruction, of an `ONBUILD` the one it holds back.
    pub(crate) fn inner(&self) -> &Instruction {
        self.trigger.as_ref().unwrap_or(self.instruction)
    }
}

impl<'a> Subject<'a> {
    pub(crate) fn new(file: &'a File, config: &'a Config) -> Self {
        let mut stage = 0;
        let lines = file.instructions().map(|instruction| {
            stage += usize::from(matches!(instruction.kind, Kind::From(_)));
            Line {
                instruction,
                trigger: trigger(file, instruction),
                stage,
            }
        });
        Self {
            file,
            config,
            lines: lines.collect(),
        }
    }

    /// Every instruction as a build runs it: of `ONBUILD` the one it holds back.
    pub(crate) fn inner(&self) -> impl Iterator<Item = &Instruction> {
        self.lines.iter().map(Line::inner)
    }

    /// The lines of each stage, the `FROM` first; what stands before the first `FROM` is a part of its own.
    pub(crate) fn stages(&self) -> impl Iterator<Item = &[Line<'a>]> {
        self.lines.chunk_by(|a, b| a.stage == b.stage)
    }
}

fn trigger(file: &File, instruction: &Instruction) -> Option<Instruction> {
    let Kind::Onbuild(_) = instruction.kind else {
        return None;
    };
    let nodes = file.parse().nodes();
    let at = nodes.partition_point(|node| node.range.start < instruction.range.start);
    instructions::trigger(file.source(), file.parse(), nodes.get(at)?)
}
