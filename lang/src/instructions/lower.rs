//! Nodes to typed instructions and stages.

use super::line::{self, Line, Problem};
use super::{Dockerfile, From, INSTRUCTIONS, Instruction, Kind, Stage, spec};
use crate::diagnostic::{Diagnostic, Fix, OfficialError, Phase, Severity};
use crate::model::suggest;
use crate::rune;
use crate::syntax::{self, EmptyContinuation, Keyword, Node, Parse, directive};
use crate::text::{LineSpan, TextRange, Word};

/// Reads a Dockerfile: both first steps of the official pipeline.
///
/// ```
/// let file = cooperage_lang::instructions::parse(b"FROM alpine AS base\nRUNN ls\nUSER me\n");
/// assert_eq!(file.stages[0].instructions.len(), 1);
/// let error = file.official_error.unwrap();
/// assert_eq!(error.message, "dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)");
/// ```
pub fn parse(source: &[u8]) -> Dockerfile {
    lower(source, &syntax::parse(source))
}

/// Gives every node its type. Goes on behind errors and remembers the one the official front end stops at.
pub fn lower(source: &[u8], parse: &Parse) -> Dockerfile {
    let mut lowering = Lowering {
        source,
        parse,
        file: Dockerfile::default(),
        stage_missing: false,
    };
    lowering.file.escape = parse.escape();
    lowering.file.diagnostics = parse.errors().to_vec();
    let empty = parse.empty_continuations().iter().map(empty_continuation);
    lowering.file.diagnostics.extend(empty);
    lowering.file.official_error = parse.official_error().cloned();
    lowering.file.syntax = early(source, directive::Name::Syntax, true);
    lowering.file.check = early(source, directive::Name::Check, false);
    for node in parse.nodes() {
        lowering.node(node);
    }
    lowering
        .file
        .diagnostics
        .sort_by_key(|d| (d.range.start, d.range.end));
    lowering.file
}

/// Reads one trigger of an `ONBUILD`. Places count in `text`.
///
/// # Errors
/// What the official front end says; without lines, since it reports the `FROM` that fires the trigger.
///
/// **Source:** `spec` section 10.6.
pub fn parse_trigger(text: &[u8], escape: char) -> Result<Instruction, OfficialError> {
    let fail = |message: String| OfficialError {
        phase: Phase::Build,
        message,
        at: Vec::new(),
    };
    let parse = syntax::parse_with_escape(text, escape);
    if let Some(error) = parse.official_error() {
        return Err(fail(error.message.clone()));
    }
    let [node] = parse.nodes() else {
        return Err(fail("onbuild trigger should be a single expression".into()));
    };
    let kind = typed(text, &parse, node).map_err(|problem| fail(problem.message))?;
    if let Kind::From(_) = kind {
        return Err(fail("*instructions.Stage is not a command type".into()));
    }
    Ok(instruction(text, &parse, node, kind))
}

/// The instruction that an `ONBUILD` holds back, with its place in the file; `None` when there is none or it is wrong.
pub(crate) fn trigger(source: &[u8], parse: &Parse, onbuild: &Node) -> Option<Instruction> {
    let node = parse.sub(onbuild)?;
    let kind = typed(source, parse, node).ok()?;
    Some(Instruction {
        lines: onbuild.lines,
        ..instruction(source, parse, node, kind)
    })
}

/// The check rule's finding: only the parser sees the lines that a continuation drops.
fn empty_continuation(found: &EmptyContinuation) -> Diagnostic {
    Diagnostic {
        code: "NoEmptyContinuation",
        severity: Severity::Warning,
        range: found.empty[0],
        lines: vec![LineSpan::new(found.line, found.line)],
        message: "Empty continuation line".to_owned(),
        fix: Some(Fix {
            title: match found.empty.len() {
                1 => "remove the empty line".to_owned(),
                count => format!("remove the {count} empty lines"),
            },
            edits: (found.empty.iter())
                .map(|line| (*line, String::new()))
                .collect(),
        }),
    }
}

struct Lowering<'a> {
    source: &'a [u8],
    parse: &'a Parse,
    file: Dockerfile,
    /// An instruction before any stage was reported; one report is enough.
    stage_missing: bool,
}

impl Lowering<'_> {
    fn node(&mut self, node: &Node) {
        if node.broken {
            if node.known == Some(Keyword::From) {
                self.open_stage(self.partial_from(node));
            }
            return;
        }
        match typed(self.source, self.parse, node) {
            Ok(kind) => {
                let instruction = instruction(self.source, self.parse, node, kind);
                self.add(node, instruction);
            }
            Err(problem) => {
                let prefix = format!("dockerfile parse error on line {}: ", node.lines.start);
                self.report(node, problem, &prefix);
                match node.known {
                    Some(Keyword::From) => self.open_stage(self.partial_from(node)),
                    Some(Keyword::Maintainer) => self.deprecated(node),
                    _ => {}
                }
            }
        }
    }

    /// The check rule's finding, which the official front end raises before it looks at the arguments. Of lines
    /// without error planning raises it.
    fn deprecated(&mut self, node: &Node) {
        self.file.diagnostics.push(Diagnostic {
            code: "MaintainerDeprecated",
            severity: Severity::Warning,
            range: node.range,
            lines: vec![node.lines],
            message: "Maintainer instruction is deprecated in favor of using label".to_owned(),
            fix: None,
        });
    }

    fn add(&mut self, node: &Node, instruction: Instruction) {
        if matches!(instruction.kind, Kind::From(_)) {
            self.open_stage(instruction);
        } else if let Some(stage) = self.file.stages.last_mut() {
            stage.instructions.push(instruction);
        } else if matches!(instruction.kind, Kind::Arg(_)) {
            self.file.global_args.push(instruction);
        } else {
            if !std::mem::replace(&mut self.stage_missing, true) {
                let problem = Problem::new(
                    "no-stage",
                    "no build stage in current context",
                    instruction.keyword.range,
                );
                self.report(node, problem, "");
            }
            self.file.strays.push(instruction);
        }
    }

    fn open_stage(&mut self, from: Instruction) {
        self.file.stages.push(Stage {
            from,
            instructions: Vec::new(),
        });
    }

    /// A `FROM` that is wrong still begins a stage, or every line below would be reported.
    fn partial_from(&self, node: &Node) -> Instruction {
        let pieces = self.parse.pieces(&node.args).iter();
        let words: Vec<Word> = pieces
            .map(|p| line::word(self.source, self.parse, p))
            .collect();
        let name = words.get(2).filter(|_| words.len() == 3);
        let end = TextRange::new(node.keyword.range.end, node.keyword.range.end);
        let from = From {
            base: words.first().cloned().unwrap_or_else(|| Word::new("", end)),
            name: name.map(|n| Word::new(rune::lower(&n.text), n.range)),
            name_as_written: name.map(|n| n.text.clone()),
            as_keyword: words.get(1).filter(|_| words.len() >= 3).cloned(),
            platform: None,
            doc: None,
        };
        instruction(self.source, self.parse, node, Kind::From(Box::new(from)))
    }

    fn report(&mut self, node: &Node, problem: Problem, prefix: &str) {
        if self.file.official_error.is_none() {
            self.file.official_error = Some(OfficialError {
                phase: Phase::Instructions,
                message: format!("{prefix}{}", problem.message),
                at: vec![node.lines],
            });
        }
        self.file.diagnostics.push(Diagnostic {
            code: problem.code,
            severity: Severity::Error,
            range: problem.range,
            lines: vec![node.lines],
            message: problem.message,
            fix: None,
        });
    }
}

fn early(source: &[u8], name: directive::Name, any_format: bool) -> Option<Word> {
    let found = directive::detect(source, name, any_format)?;
    let end = (found.range.start + found.value.len() as u32).min(found.range.end);
    Some(Word::new(
        found.value,
        TextRange::new(found.range.start, end),
    ))
}

/// Checks a node and gives it its type.
fn typed(source: &[u8], parse: &Parse, node: &Node) -> Result<Kind, Problem> {
    let Some(keyword) = node.known else {
        let written = parse.text(source, node.keyword.text);
        let hint = suggest::hint(
            written,
            INSTRUCTIONS.iter().map(|s| s.keyword.upper()),
            false,
        );
        let message = format!("unknown instruction: {}{hint}", rune::to_string(written));
        return Err(Problem::new(
            "unknown-instruction",
            message,
            node.keyword.range,
        ));
    };
    (spec(keyword).lower)(Line::new(source, parse, node, keyword))
}

fn instruction(source: &[u8], parse: &Parse, node: &Node, kind: Kind) -> Instruction {
    let line = Line {
        source,
        parse,
        node,
        keyword: Keyword::From,
        args: Vec::new(),
    };
    Instruction {
        kind,
        keyword: line::word(source, parse, &node.keyword),
        lines: node.lines,
        range: node.range,
        flags: line.flag_words(),
        original: parse.text(source, node.original).into(),
        comments: line.comments(),
    }
}
