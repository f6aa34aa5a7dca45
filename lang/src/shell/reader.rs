//! Nodes to commands.

use super::command::{
    Assignment, Command, Expansion, Joint, Pipeline, Place, Redirection, RedirectionKind, Scopes,
    Value, Word,
};
use super::grammar::{Kind, Nodes};
use super::unquote::unquote;
use crate::text::TextRange;
use bstr::{BStr, BString, ByteSlice};

/// Deepest nesting that is read. What lies deeper is not worth a stack overflow.
const MAX_DEPTH: u32 = 200;

/// What was read from the nodes.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) commands: Vec<Command>,
    pub(super) pipelines: Vec<Pipeline>,
    /// Names that loops set.
    pub(super) loop_names: Vec<BString>,
    /// Words that belong to no command: lists of `for`, subjects of `case`.
    pub(super) other_words: Vec<Word>,
}

/// What is known of a statement from the outside.
#[derive(Clone, Copy, Debug, Default)]
struct Frame {
    before: Joint,
    after: Joint,
    scopes: Scopes,
    depth: u32,
}

impl Frame {
    fn within(self, scopes: Scopes) -> Self {
        Self {
            scopes: self.scopes.with(scopes),
            depth: self.depth + 1,
            ..self
        }
    }

    fn between(self, before: Joint, after: Joint) -> Self {
        Self {
            before,
            after,
            depth: self.depth + 1,
            ..self
        }
    }
}

/// A piece of `a | b >x && ! c || d`.
enum Part {
    /// A statement; behind `!` or not.
    Statement { node: usize, negated: bool },
    /// Redirections of the statement in front, or of none.
    Redirections(Vec<usize>),
    /// `|`.
    Pipe,
    /// `&&` or `||`.
    Joint(Joint),
}

/// A statement of a pipeline.
struct Member {
    node: Option<usize>,
    negated: bool,
    redirections: Vec<usize>,
}

/// Reads the statements of a text.
pub(super) fn read(text: &[u8], nodes: &Nodes) -> Reading {
    let mut reader = Reader {
        text,
        nodes,
        out: Reading::default(),
    };
    if let Some(root) = nodes.root() {
        reader.statement(root, Frame::default());
    }
    // A command inside another's argument was finished before it.
    reader
        .out
        .commands
        .sort_by_key(|c| (c.range.start, c.range.end));
    reader.out
}

struct Reader<'t> {
    text: &'t [u8],
    nodes: &'t Nodes,
    out: Reading,
}

impl<'t> Reader<'t> {
    fn kind(&self, node: usize) -> Kind {
        self.nodes.get(node).kind
    }

    fn range(&self, node: usize) -> TextRange {
        self.nodes.get(node).range
    }

    fn bytes(&self, range: TextRange) -> &'t BStr {
        self.text[range.start as usize..range.end as usize].as_bstr()
    }

    fn statement(&mut self, node: usize, frame: Frame) {
        if frame.depth > MAX_DEPTH {
            return;
        }
        match self.kind(node) {
            Kind::Command
            | Kind::Declaration
            | Kind::Test
            | Kind::Assignment
            | Kind::Assignments
            | Kind::Redirected
            | Kind::List
            | Kind::Pipeline
            | Kind::Negated => self.and_or(node, frame),
            Kind::Program | Kind::Error => {
                self.parts(node, frame.between(Joint::Edge, frame.after));
            }
            Kind::Subshell => self.parts(node, frame.within(Scopes::SUBSHELL)),
            Kind::Function => self.parts(node, frame.within(Scopes::FUNCTION)),
            Kind::CommandSubstitution | Kind::ProcessSubstitution => {
                let inside = frame.between(Joint::Edge, Joint::Edge);
                self.parts(node, inside.within(Scopes::SUBSTITUTION));
            }
            Kind::If | Kind::Elif => self.branches(node, frame),
            Kind::Else => self.parts(node, frame.within(Scopes::BRANCH)),
            Kind::Case => self.case(node, frame),
            Kind::CaseItem => self.case_item(node, frame),
            Kind::While => self.while_loop(node, frame),
            Kind::For => self.for_loop(node, frame),
            Kind::ForArithmetic => self.parts(node, frame.within(Scopes::LOOP)),
            Kind::Word
            | Kind::Number
            | Kind::Concatenation
            | Kind::String
            | Kind::RawString
            | Kind::Variable
            | Kind::Expansion
            | Kind::Arithmetic
            | Kind::Pattern => {
                let word = self.word(node, frame);
                self.out.other_words.push(word);
            }
            // Groups; and where the grammar gave up anything can stand anywhere.
            Kind::Group
            | Kind::Do
            | Kind::CommandName
            | Kind::VariableName
            | Kind::Subscript
            | Kind::Array
            | Kind::FileRedirect
            | Kind::HeredocRedirect
            | Kind::HereString
            | Kind::Descriptor
            | Kind::HeredocStart
            | Kind::HeredocBody
            | Kind::HeredocText
            | Kind::HeredocEnd
            | Kind::Compound
            | Kind::TestOperator
            | Kind::Keyword
            | Kind::And
            | Kind::Or
            | Kind::Pipe
            | Kind::Bang
            | Kind::End
            | Kind::Background
            | Kind::Quote
            | Kind::Operator
            | Kind::Comment => self.parts(node, frame),
        }
    }

    /// The statements among the children of a node, one after the other.
    fn parts(&mut self, node: usize, frame: Frame) {
        let children: Vec<usize> = self.nodes.children(node).collect();
        self.sequence(&children, frame);
    }

    fn sequence(&mut self, children: &[usize], frame: Frame) {
        let mut before = frame.before;
        for (i, child) in children.iter().enumerate() {
            if let Some(joint) = self.terminator(*child) {
                before = joint;
            } else if self.is_statement(*child) {
                let rest = &children[i + 1..];
                let more = rest.iter().any(|c| self.is_statement(*c));
                let after = match rest.first().and_then(|c| self.terminator(*c)) {
                    Some(joint) if more || joint == Joint::Background => joint,
                    _ if more => Joint::Then,
                    _ => frame.after,
                };
                self.statement(
                    *child,
                    Frame {
                        depth: frame.depth + 1,
                        ..Frame {
                            before,
                            after,
                            ..frame
                        }
                    },
                );
                before = Joint::Then;
            }
        }
    }

    fn terminator(&self, node: usize) -> Option<Joint> {
        match self.kind(node) {
            Kind::End => Some(Joint::Then),
            Kind::Background => Some(Joint::Background),
            Kind::And => Some(Joint::And),
            Kind::Or => Some(Joint::Or),
            _ => None,
        }
    }

    /// Anything that may hold commands; tokens and comments do not.
    fn is_statement(&self, node: usize) -> bool {
        !matches!(
            self.kind(node),
            Kind::Keyword
                | Kind::And
                | Kind::Or
                | Kind::Pipe
                | Kind::Bang
                | Kind::End
                | Kind::Background
                | Kind::Quote
                | Kind::Operator
                | Kind::Comment
                | Kind::Descriptor
                | Kind::HeredocStart
                | Kind::HeredocText
                | Kind::HeredocEnd
                | Kind::VariableName
        )
    }

    /// Pipelines joined by `&&` and `||`. The grammar nests them to the left and hangs a redirection on all that stands
    /// in front of it (`a && b >c | d` is a pipeline of a list there); to a shell `|` binds closest.
    fn and_or(&mut self, node: usize, frame: Frame) {
        let mut before = frame.before;
        let mut members: Vec<Member> = Vec::new();
        for part in self.flat(node) {
            match part {
                Part::Statement { node, negated } => members.push(Member {
                    node: Some(node),
                    negated,
                    redirections: Vec::new(),
                }),
                Part::Redirections(redirections) => match members.last_mut() {
                    Some(last) => last.redirections.extend(redirections),
                    None => members.push(Member {
                        node: None,
                        negated: false,
                        redirections,
                    }),
                },
                Part::Pipe => {}
                Part::Joint(joint) => {
                    self.pipeline(&members, frame.between(before, joint));
                    members.clear();
                    before = joint;
                }
            }
        }
        self.pipeline(&members, frame.between(before, frame.after));
    }

    /// The parts of a list in source order.
    fn flat(&self, node: usize) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut open = vec![Part::Statement {
            node,
            negated: false,
        }];
        while let Some(part) = open.pop() {
            let Part::Statement { node, negated } = part else {
                parts.push(part);
                continue;
            };
            let mut inside = self.inside(node, negated);
            if inside.is_empty() {
                parts.push(part);
            }
            inside.reverse();
            open.append(&mut inside);
        }
        parts
    }

    /// What a node is made of when it only joins others; nothing for any other one.
    fn inside(&self, node: usize, negated: bool) -> Vec<Part> {
        let part = |node| Part::Statement { node, negated };
        let joined = |child: usize| match self.terminator(child) {
            Some(joint) => Some(Part::Joint(joint)),
            None if self.kind(child) == Kind::Pipe => Some(Part::Pipe),
            None => self.is_statement(child).then(|| part(child)),
        };
        let children = self.nodes.children(node);
        match self.kind(node) {
            Kind::List | Kind::Pipeline => children.filter_map(joined).collect(),
            Kind::Negated => children
                .filter(|child| self.is_statement(*child))
                .map(|node| Part::Statement {
                    node,
                    negated: true,
                })
                .collect(),
            Kind::Redirected => {
                let (redirections, mut parts): (Vec<usize>, Vec<usize>) =
                    children.partition(|child| self.is_redirection(*child));
                let behind = redirections.iter().flat_map(|r| self.behind_document(*r));
                let behind: Vec<Part> = behind.collect();
                let body = parts.drain(..).map(part);
                body.chain([Part::Redirections(redirections)])
                    .chain(behind)
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    fn is_redirection(&self, node: usize) -> bool {
        matches!(
            self.kind(node),
            Kind::FileRedirect | Kind::HeredocRedirect | Kind::HereString
        )
    }

    /// What stands behind `<<NAME` on its line: `| next` or `&& next`.
    fn behind_document(&self, redirection: usize) -> Vec<Part> {
        if self.kind(redirection) != Kind::HeredocRedirect {
            return Vec::new();
        }
        let part = |node| Part::Statement {
            node,
            negated: false,
        };
        let mut parts = Vec::new();
        for child in self.nodes.children(redirection) {
            match (self.kind(child), self.terminator(child)) {
                (Kind::Pipeline, _) => {
                    let members = self.nodes.children(child).filter(|c| self.is_statement(*c));
                    parts.extend(members.flat_map(|member| [Part::Pipe, part(member)]));
                }
                (_, Some(joint @ (Joint::And | Joint::Or))) => parts.push(Part::Joint(joint)),
                _ if !parts.is_empty()
                    && self.is_statement(child)
                    && self.kind(child) != Kind::HeredocBody =>
                {
                    parts.push(part(child));
                }
                _ => {}
            }
        }
        parts
    }

    fn pipeline(&mut self, members: &[Member], frame: Frame) {
        let nodes = members
            .iter()
            .flat_map(|m| m.node.iter().chain(&m.redirections));
        let Some(range) = nodes.map(|node| self.range(*node)).reduce(TextRange::cover) else {
            return;
        };
        let pipeline = self.new_pipeline(range, members.len() as u32);
        for (position, member) in (0..).zip(members) {
            let scopes = if member.negated {
                frame.scopes.with(Scopes::CONDITION)
            } else {
                frame.scopes
            };
            let place = Place {
                pipeline,
                position,
                before: frame.before,
                after: frame.after,
                scopes,
            };
            self.member(member, place, Frame { scopes, ..frame });
        }
    }

    fn member(&mut self, member: &Member, place: Place, frame: Frame) {
        let simple = member.node.filter(|node| self.is_simple(*node));
        let mut command = Command {
            place,
            ..Command::default()
        };
        if let Some(node) = simple {
            command.range = self.range(node);
            self.command_parts(node, &mut command, frame);
        } else if let Some(node) = member.node {
            self.statement(node, frame);
        } else if let Some(first) = member.redirections.first() {
            let start = self.range(*first).start;
            command.range = TextRange::new(start, start);
        }
        self.redirections(&member.redirections, &mut command, frame);
        if simple.is_some() || member.node.is_none() {
            let redirections = command.redirections.iter().map(|r| r.range);
            command.range = redirections.fold(command.range, TextRange::cover);
            command.find_name();
            self.out.commands.push(command);
        } else {
            // Those of a loop or a group belong to no command.
            let targets = command.redirections.into_iter().map(|r| r.target);
            self.out.other_words.extend(targets);
        }
    }

    fn new_pipeline(&mut self, range: TextRange, len: u32) -> u32 {
        self.out.pipelines.push(Pipeline { range, len });
        self.out.pipelines.len() as u32 - 1
    }

    /// Everything up to `then` is the condition.
    fn branches(&mut self, node: usize, frame: Frame) {
        let children: Vec<usize> = self.nodes.children(node).collect();
        let then = |c: &usize| self.bytes(self.range(*c)) == "then";
        let middle = children.iter().position(then).unwrap_or(children.len());
        let (condition, body) = children.split_at(middle);
        let condition_frame = frame.between(Joint::Edge, Joint::Edge);
        self.sequence(condition, condition_frame.within(Scopes::CONDITION));
        let inside = frame
            .between(Joint::Edge, frame.after)
            .within(Scopes::BRANCH);
        let nodes = self.nodes;
        for part in body.split(|c| nodes.get(*c).kind == Kind::Keyword) {
            self.sequence(part, inside);
        }
    }

    fn while_loop(&mut self, node: usize, frame: Frame) {
        let (body, condition): (Vec<usize>, Vec<usize>) = self
            .nodes
            .children(node)
            .partition(|c| self.kind(*c) == Kind::Do);
        let inside = frame.between(Joint::Edge, Joint::Edge);
        self.sequence(&condition, inside.within(Scopes::CONDITION));
        self.sequence(&body, inside.within(Scopes::LOOP));
    }

    fn for_loop(&mut self, node: usize, frame: Frame) {
        let inside = frame.between(Joint::Edge, Joint::Edge).within(Scopes::LOOP);
        for child in self.nodes.children(node) {
            if self.kind(child) == Kind::VariableName {
                self.out
                    .loop_names
                    .push(self.bytes(self.range(child)).into());
            } else if self.is_statement(child) {
                self.statement(child, inside);
            }
        }
    }

    fn case(&mut self, node: usize, frame: Frame) {
        let inside = frame
            .between(Joint::Edge, frame.after)
            .within(Scopes::BRANCH);
        for child in self.nodes.children(node) {
            if self.is_statement(child) {
                self.statement(child, inside);
            }
        }
    }

    /// Patterns stand in front of the parenthesis, statements behind it.
    fn case_item(&mut self, node: usize, frame: Frame) {
        let children: Vec<usize> = self.nodes.children(node).collect();
        let close = |c: &usize| self.bytes(self.range(*c)) == ")";
        let behind = children.iter().position(close).map_or(0, |i| i + 1);
        self.sequence(&children[behind..], frame.between(Joint::Edge, frame.after));
    }

    fn is_simple(&self, node: usize) -> bool {
        matches!(
            self.kind(node),
            Kind::Command | Kind::Declaration | Kind::Test | Kind::Assignment | Kind::Assignments
        )
    }

    fn redirections(&mut self, children: &[usize], command: &mut Command, frame: Frame) {
        for child in children {
            match self.kind(*child) {
                Kind::FileRedirect => self.file_redirect(*child, command, frame),
                Kind::HereString => self.here_string(*child, command, frame),
                Kind::HeredocRedirect => self.heredoc(*child, command, frame),
                _ => {}
            }
        }
    }

    fn command_parts(&mut self, node: usize, command: &mut Command, frame: Frame) {
        if self.kind(node) == Kind::Assignment {
            self.assignment(node, command, frame);
            return;
        }
        if self.kind(node) == Kind::Test {
            self.test_words(node, command, frame);
            return;
        }
        let children: Vec<usize> = self.nodes.children(node).collect();
        for child in &children {
            match self.kind(*child) {
                Kind::CommandName => {
                    let start = self.range(*child).start;
                    command.words.extend(self.escaped_space_before(start));
                    let name = self.nodes.children(*child).next();
                    let word = self.word(name.unwrap_or(*child), frame);
                    command.words.push(word);
                }
                Kind::Assignment => {
                    if self.kind(node) == Kind::Declaration {
                        let word = self.word_without_commands(*child);
                        command.words.push(word);
                    }
                    self.assignment(*child, command, frame);
                }
                Kind::FileRedirect | Kind::HereString => {
                    self.redirections(&[*child], command, frame);
                }
                Kind::Subshell => self.statement(*child, frame),
                Kind::Comment => {}
                _ => {
                    let word = self.word(*child, frame);
                    command.words.push(word);
                }
            }
        }
    }

    /// The grammar takes an escaped space for layout. To a shell it is a word, and in front of a name it is the name.
    fn escaped_space_before(&self, start: u32) -> Option<Word> {
        let before = &self.text[..start as usize];
        let end = before.trim_end_with(|c| c == ' ' || c == '\t').len();
        let escapes = before[..end].iter().rev().take_while(|b| **b == b'\\');
        let escaped = end < before.len() && escapes.count() % 2 == 1;
        escaped.then(|| Word {
            text: before[end..=end].into(),
            range: TextRange::new(end as u32 - 1, end as u32 + 1),
            ..Word::default()
        })
    }

    /// `[ … ]` and `[[ … ]]`: operands and operators are words, as they are for the shell.
    fn test_words(&mut self, node: usize, command: &mut Command, frame: Frame) {
        let mut next = node + 1;
        let end = self.nodes.get(node).behind as usize;
        while next < end {
            let child = *self.nodes.get(next);
            let whole = child.kind.is_literal() || child.kind == Kind::TestOperator;
            if whole || child.behind as usize == next + 1 {
                if !child.range.is_empty() {
                    let word = self.word(next, frame);
                    command.words.push(word);
                }
                next = child.behind as usize;
            } else {
                next += 1;
            }
        }
    }

    fn assignment(&mut self, node: usize, command: &mut Command, frame: Frame) {
        let mut name = None;
        let mut value = None;
        let mut array = false;
        for child in self.nodes.children(node) {
            match self.kind(child) {
                Kind::VariableName => name = Some(child),
                Kind::Subscript => {
                    name = self.nodes.child(child, Kind::VariableName);
                    array = true;
                }
                Kind::Array => {
                    array = true;
                    self.parts(child, frame);
                }
                kind if kind.is_literal() => value = Some(self.word(child, frame)),
                _ => {}
            }
        }
        let range = self.range(node);
        let name_range = name.map_or(TextRange::new(range.start, range.start), |n| self.range(n));
        let end = TextRange::new(range.end, range.end);
        command.assignments.push(Assignment {
            range,
            name: self.bytes(name_range).into(),
            name_range,
            value: value.unwrap_or_else(|| Word {
                range: end,
                ..Word::default()
            }),
            array,
        });
    }

    /// More than one literal behind the operator: the first is the target, the others are arguments.
    fn file_redirect(&mut self, node: usize, command: &mut Command, frame: Frame) {
        let mut descriptor = None;
        let mut kind = RedirectionKind::Write;
        let mut target = None;
        let mut end = self.range(node).end;
        for child in self.nodes.children(node) {
            let range = self.range(child);
            match self.kind(child) {
                Kind::Descriptor => {
                    descriptor = self.bytes(range).to_str().ok().and_then(|n| n.parse().ok());
                }
                Kind::Operator => kind = redirection_kind(self.bytes(range)),
                _ => {
                    let word = self.word(child, frame);
                    if target.is_none() {
                        end = range.end;
                        target = Some(word);
                    } else {
                        command.words.push(word);
                    }
                }
            }
        }
        command.redirections.push(Redirection {
            range: TextRange::new(self.range(node).start, end),
            kind,
            descriptor,
            target: target.unwrap_or_default(),
        });
    }

    fn here_string(&mut self, node: usize, command: &mut Command, frame: Frame) {
        let literal = self
            .nodes
            .children(node)
            .find(|c| self.kind(*c).is_literal());
        let target = literal.map(|c| self.word(c, frame)).unwrap_or_default();
        command.redirections.push(Redirection {
            range: self.range(node),
            kind: RedirectionKind::HereString,
            descriptor: None,
            target,
        });
    }

    fn heredoc(&mut self, node: usize, command: &mut Command, frame: Frame) {
        let start = self.range(node).start;
        let mut opener = TextRange::new(start, start);
        let mut body = None;
        let children: Vec<usize> = self.nodes.children(node).collect();
        for child in children {
            match self.kind(child) {
                Kind::HeredocStart => opener.end = self.range(child).end,
                Kind::HeredocBody => body = Some(child),
                Kind::FileRedirect | Kind::HereString => {
                    self.redirections(&[child], command, frame);
                }
                Kind::Pipeline | Kind::And | Kind::Or => break,
                kind if kind.is_literal() => {
                    let word = self.word(child, frame);
                    command.words.push(word);
                }
                _ => {}
            }
        }
        if body.is_none() {
            body = self.nodes.child(node, Kind::HeredocBody);
        }
        if let Some(body) = body {
            self.commands_inside(body, frame);
        }
        let target = body.map(|body| Word {
            text: self.bytes(self.range(body)).into(),
            range: self.range(body),
            expansions: self.expansions(body, true),
            quoted: true,
        });
        command.redirections.push(Redirection {
            range: opener,
            kind: RedirectionKind::Heredoc,
            descriptor: None,
            target: target.unwrap_or_default(),
        });
    }

    /// The word that a node makes, with what it expands; commands inside are read too.
    fn word(&mut self, node: usize, frame: Frame) -> Word {
        self.commands_inside(node, frame);
        self.word_without_commands(node)
    }

    fn word_without_commands(&self, node: usize) -> Word {
        let range = self.range(node);
        let expansions = self.expansions(node, false);
        let (text, quoted) = unquote(self.text, range, &expansions);
        Word {
            text,
            range,
            expansions,
            quoted,
        }
    }

    /// The outermost expansions at or below a node.
    fn expansions(&self, node: usize, quoted: bool) -> Vec<Expansion> {
        let mut found = Vec::new();
        let mut string_end = if quoted { usize::MAX } else { 0 };
        let mut next = node;
        let end = self.nodes.get(node).behind as usize;
        while next < end {
            let child = *self.nodes.get(next);
            if child.kind == Kind::String {
                string_end = string_end.max(child.behind as usize);
            }
            let Some(value) = self.value(next) else {
                next += 1;
                continue;
            };
            found.push(Expansion {
                range: child.range,
                value,
                quoted: next < string_end,
            });
            next = child.behind as usize;
        }
        found
    }

    fn value(&self, node: usize) -> Option<Value> {
        Some(match self.kind(node) {
            Kind::Variable | Kind::Expansion => {
                let range = self.range(node);
                let name = self
                    .nodes
                    .below(node)
                    .find(|c| self.kind(*c) == Kind::VariableName)
                    .map_or(TextRange::new(range.start, range.start), |c| self.range(c));
                // `${` name `}`
                let changed = self.kind(node) == Kind::Expansion && name.len() + 3 != range.len();
                Value::Variable {
                    name: self.bytes(name).into(),
                    name_range: name,
                    changed,
                }
            }
            Kind::CommandSubstitution => Value::Command,
            Kind::ProcessSubstitution => Value::Process,
            Kind::Arithmetic => Value::Arithmetic,
            _ => return None,
        })
    }

    /// Reads the commands of the substitutions at or below a node.
    fn commands_inside(&mut self, node: usize, frame: Frame) {
        let mut next = node;
        let end = self.nodes.get(node).behind as usize;
        while next < end {
            let child = *self.nodes.get(next);
            if matches!(
                child.kind,
                Kind::CommandSubstitution | Kind::ProcessSubstitution
            ) {
                self.statement(
                    next,
                    Frame {
                        depth: frame.depth + 1,
                        ..frame
                    },
                );
                next = child.behind as usize;
            } else {
                next += 1;
            }
        }
    }
}

fn redirection_kind(operator: &[u8]) -> RedirectionKind {
    match operator {
        b"<" => RedirectionKind::Read,
        b">>" => RedirectionKind::Append,
        b"&>" | b"&>>" => RedirectionKind::WriteBoth,
        b"<&" | b">&" | b"<&-" | b">&-" => RedirectionKind::Duplicate,
        _ => RedirectionKind::Write,
    }
}
