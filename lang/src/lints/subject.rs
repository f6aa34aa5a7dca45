//! What a rule that looks at a whole file is given.

use super::runs::{Ran, runs_of, within};
use super::{Config, Pragmas};
use crate::ide::File;
use crate::instructions::{self, Instruction, Kind};
use crate::text::TextRange;

/// A file and what the project wants, ready for the rules.
#[derive(Debug)]
pub struct Subject<'a> {
    pub(crate) file: &'a File,
    pub(crate) config: &'a Config,
    pub(crate) pragmas: Pragmas,
    pub(crate) lines: Vec<Line<'a>>,
    /// Every command that `RUN` instructions run, those in texts for other shells included; many rules go through them.
    pub(super) commands: Vec<Ran<'a>>,
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
            pragmas: Pragmas::read(file, config),
            lines: lines.collect(),
            commands: runs_of(file).flat_map(within).map(Ran::of).collect(),
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

    /// Instructions of the same kind as an earlier one of their stage, each with the one before.
    pub(crate) fn repeated(
        &self,
        wanted: impl Fn(&Kind) -> bool,
    ) -> impl Iterator<Item = (&Instruction, &Instruction)> {
        self.stages().flat_map(move |stage| {
            let same: Vec<&Instruction> = stage
                .iter()
                .map(|line| line.instruction)
                .filter(|instruction| wanted(&instruction.kind))
                .collect();
            let later = same.clone().into_iter().skip(1);
            same.into_iter().zip(later).collect::<Vec<_>>()
        })
    }

    /// The whole lines of an instruction, line end included: what to cut when it is to go.
    pub(crate) fn whole_lines(&self, instruction: &Instruction) -> TextRange {
        self.file.lines().span_range(instruction.lines)
    }
}

/// The text without the quotes around it.
pub(crate) fn unquoted(text: &[u8]) -> &[u8] {
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'');
    let Some(start) = text.iter().position(|byte| !is_quote(byte)) else {
        return &[];
    };
    let end = text
        .iter()
        .rposition(|byte| !is_quote(byte))
        .map_or(0, |at| at + 1);
    &text[start..end]
}

/// The operand of `USER` names root, with or without a group.
pub(crate) fn is_root(user: &[u8]) -> bool {
    let name = user.split(|b| *b == b':').next();
    matches!(name, Some(b"root" | b"0"))
}

/// A path that does not depend on the working directory, or may not: it begins with a variable.
pub(crate) fn is_absolute(path: &[u8]) -> bool {
    let path = unquoted(path);
    let drive = matches!(path, [letter, b':', ..] if letter.is_ascii_alphabetic());
    drive || path.starts_with(b"/") || path.starts_with(b"$")
}

fn trigger(file: &File, instruction: &Instruction) -> Option<Instruction> {
    let Kind::Onbuild(_) = instruction.kind else {
        return None;
    };
    let nodes = file.parse().nodes();
    let at = nodes.partition_point(|node| node.range.start < instruction.range.start);
    instructions::trigger(file.source(), file.parse(), nodes.get(at)?)
}
