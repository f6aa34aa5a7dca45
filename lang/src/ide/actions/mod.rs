//! Code actions: what can be done at a place of a file, as replacements.
//!
//! One file holds one action. An action is offered only when its result is sure to be well formed; what it changes
//! about the build is said in its title or in its file.

mod chain;
mod correct;
mod extract_stage;
mod fix;
mod heredoc;
mod inline_arg;
mod merge_runs;
mod mount_cache;
mod move_copy;
mod notation;
mod pin_image;
mod sort_packages;
mod split_run;
mod suppress;

use super::File;
use crate::diagnostic::Diagnostic;
use crate::instructions::Instruction;
use crate::model::reference::{Digest, Reference};
use crate::shell::Snippet;
use crate::syntax::{Keyword, Node};
use crate::text::TextRange;
use bstr::ByteSlice;

/// Something that can be done to a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Menu entry.
    pub title: String,
    /// Which menu.
    pub kind: ActionKind,
    /// Replacements in source order, without overlap.
    pub edits: Vec<(TextRange, String)>,
    /// Index of the diagnostic that it mends or silences, in [`Request::diagnostics`].
    pub diagnostic: Option<usize>,
    /// The one to take without asking.
    pub preferred: bool,
}

impl Action {
    fn new(kind: ActionKind, title: impl Into<String>, edits: Vec<(TextRange, String)>) -> Self {
        Self {
            title: title.into(),
            kind,
            edits,
            diagnostic: None,
            preferred: false,
        }
    }
}

/// The kinds of actions that editors know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActionKind {
    QuickFix,
    Extract,
    Inline,
    Move,
    Rewrite,
    FixAll,
}

impl ActionKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::QuickFix,
        Self::Extract,
        Self::Inline,
        Self::Move,
        Self::Rewrite,
        Self::FixAll,
    ];

    /// The name that editors know it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::QuickFix => "quickfix",
            Self::Extract => "refactor.extract",
            Self::Inline => "refactor.inline",
            Self::Move => "refactor.move",
            Self::Rewrite => "refactor.rewrite",
            Self::FixAll => "source.fixAll",
        }
    }
}

/// What is known about images; never waits for a network.
pub trait Images {
    /// The digest that an image's name stands for now, when that is known.
    fn digest(&self, reference: &Reference) -> Option<Digest>;
}

/// A place, and what is known about it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The file.
    pub file: &'a File,
    /// The selection; the cursor when it is empty.
    pub range: TextRange,
    /// What was found in this version of the file.
    pub diagnostics: &'a [Diagnostic],
    /// Ranges of findings that are meant too, wherever the place is: of its line, say.
    pub named: &'a [TextRange],
    /// What is known about images.
    pub images: &'a dyn Images,
}

/// Finds what one action offers at a place.
type Offer = fn(&Cursor<'_>, &mut Vec<Action>);

/// Every action, fixes first.
const ACTIONS: &[Offer] = &[
    fix::offer,
    correct::offer,
    suppress::offer,
    pin_image::offer,
    split_run::offer,
    merge_runs::offer,
    notation::offer,
    heredoc::offer,
    mount_cache::offer,
    sort_packages::offer,
    move_copy::offer,
    extract_stage::offer,
    inline_arg::offer,
];

/// What can be done at a place.
///
/// ```
/// # use cooperage_lang::{ide::{File, actions::{Images, Request, actions}}, model::reference::{Digest, Reference}};
/// # struct Nothing;
/// # impl Images for Nothing { fn digest(&self, _: &Reference) -> Option<Digest> { None } }
/// use cooperage_lang::text::TextRange;
/// let file = File::new(b"FROM a\nRUN b && c\n".to_vec());
/// let range = TextRange::new(12, 12);
/// let found = actions(&Request { file: &file, range, diagnostics: &[], named: &[], images: &Nothing });
/// assert!(found.iter().any(|action| action.title == "split this RUN into 2"));
/// ```
pub fn actions(request: &Request<'_>) -> Vec<Action> {
    let cursor = Cursor::new(*request);
    // What a rewriting moves has to be text, as replacements are.
    let is_text = request.file.source().to_str().is_ok();
    let offers = if is_text { ACTIONS } else { &ACTIONS[..1] };
    let mut found = Vec::new();
    for offer in offers {
        offer(&cursor, &mut found);
    }
    found
}

/// The request with the instruction that it is about.
struct Cursor<'a> {
    request: Request<'a>,
    file: &'a File,
    /// Index of the instruction at the start of the range, in [`crate::syntax::Parse::nodes`].
    index: Option<usize>,
}

impl<'a> Cursor<'a> {
    fn new(request: Request<'a>) -> Self {
        let offset = request.range.start;
        let nodes = request.file.parse().nodes();
        let behind = nodes.partition_point(|node| node.range.start <= offset);
        let index = behind
            .checked_sub(1)
            .filter(|i| offset <= nodes[*i].range.end);
        Self {
            request,
            file: request.file,
            index,
        }
    }

    /// The findings at the place and those that are named, with their indexes.
    fn findings(&self) -> impl Iterator<Item = (usize, &'a Diagnostic)> + use<'a> {
        let Request {
            range,
            diagnostics,
            named,
            ..
        } = self.request;
        let meant = move |found: &Diagnostic| {
            let touched = found.range.start <= range.end && range.start <= found.range.end;
            touched || named.contains(&found.range)
        };
        let all = diagnostics.iter().enumerate();
        all.filter(move |(_, found)| meant(found))
    }

    /// Index and node of the instruction, when it is understood.
    fn node(&self) -> Option<(usize, &'a Node)> {
        let index = self.index?;
        let node = &self.file.parse().nodes()[index];
        (node.known.is_some() && !node.broken).then_some((index, node))
    }

    fn node_of(&self, keyword: Keyword) -> Option<(usize, &'a Node)> {
        self.node().filter(|(_, node)| node.known == Some(keyword))
    }

    fn instruction(&self) -> Option<&'a Instruction> {
        let (_, node) = self.node()?;
        instruction_of(self.file, node)
    }

    /// The shell text at the cursor, when all of it is understood.
    fn script(&self) -> Option<&'a Snippet> {
        let (index, _) = self.node()?;
        script_of(self.file, index)
    }
}

/// The typed form of a node.
fn instruction_of<'f>(file: &'f File, node: &Node) -> Option<&'f Instruction> {
    file.instruction_at(node.range.start)
        .filter(|found| found.range.start == node.range.start)
}

/// The shell text of an instruction in the shell form, when all of it is understood.
fn script_of(file: &File, index: usize) -> Option<&Snippet> {
    let snippet = file.script_of(index)?;
    let is_text = !snippet.exec && !snippet.in_json;
    let understood = is_text && snippet.script.mistakes().is_empty();
    understood.then_some(snippet)
}

/// The flags of an instruction as they are written, one blank behind each.
fn flags(file: &File, node: &Node) -> String {
    let flags = file.parse().pieces(&node.flags).iter();
    flags
        .map(|flag| format!("{} ", file.text(flag.range).to_str_lossy()))
        .collect()
}

/// Whole comment lines inside a range, without indentation.
fn comments_in(file: &File, range: TextRange) -> Vec<String> {
    use crate::syntax::token::TokenKind;
    file.tree()
        .tokens_in(range)
        .filter(|token| token.kind == TokenKind::Comment)
        .map(|token| file.text(token.range).to_str_lossy().into_owned())
        .collect()
}

/// The line end that the file uses.
fn line_end(file: &File) -> &'static str {
    crate::format::line_end(file)
}

/// Escape character, line end and indentation: what parts two lines of an instruction.
fn line_break(file: &File) -> String {
    format!("{}{}{INDENT}", file.parse().escape(), line_end(file))
}

/// Indentation of continuation lines.
const INDENT: &str = "    ";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::platform::Platform;
    use crate::plan::config::ImageConfig;
    use crate::plan::lower::plan;
    use crate::plan::{Plan, PlanOptions, Step};
    use crate::text;
    use crate::world::{Known, World};
    use std::sync::Arc;

    /// Every image has the same digest and config.
    struct Stand;

    impl Images for Stand {
        fn digest(&self, _: &Reference) -> Option<Digest> {
            format!("sha256:{}", "0123456789abcdef".repeat(4))
                .parse()
                .ok()
        }
    }

    impl World for Stand {
        fn image(&self, _: &Reference, _: &Platform) -> Known<Arc<ImageConfig>> {
            let mut config = ImageConfig::default();
            config.config.env.push("PATH=/bin".to_owned());
            Known::Yes(Arc::new(config))
        }

        fn layout_image(&self, _: &str, _: &Platform) -> Known<Arc<ImageConfig>> {
            Known::Unknown
        }
    }

    /// Takes the two or one `|` out that mark the selection.
    fn marked(source: &str) -> (String, TextRange) {
        let start = source.find('‸').expect("the cursor is marked");
        let end = source.rfind('‸').expect("the cursor is marked");
        let mark = '‸'.len_utf8();
        let end = if end == start { start } else { end - mark };
        let range = TextRange::new(start as u32, end as u32);
        (source.replace('‸', ""), range)
    }

    pub(super) fn offered(source: &str) -> (String, Vec<Action>) {
        let (source, range) = marked(source);
        let file = File::new(source.clone().into_bytes());
        let found = plan_of(&source).diagnostics;
        let request = Request {
            file: &file,
            range,
            diagnostics: &found,
            named: &[],
            images: &Stand,
        };
        let actions = actions(&request);
        (source, actions)
    }

    /// The text after the one action whose title begins with `title`; `‸` marks cursor or selection.
    pub(super) fn after(source: &str, title: &str) -> Option<String> {
        let (source, actions) = offered(source);
        let action = actions.into_iter().find(|a| a.title.starts_with(title))?;
        let edits = &action.edits;
        assert!(
            edits.windows(2).all(|w| w[0].0.end <= w[1].0.start),
            "{edits:?}"
        );
        let text = text::apply(source.as_bytes(), edits);
        Some(String::from_utf8(text).expect("replacements are text"))
    }

    #[track_caller]
    pub(super) fn check(title: &str, source: &str, expected: &str) {
        assert_eq!(after(source, title).as_deref(), Some(expected));
    }

    #[track_caller]
    pub(super) fn check_not(title: &str, source: &str) {
        assert_eq!(after(source, title), None);
    }

    fn plan_of(source: &str) -> Plan {
        let options = PlanOptions {
            build_platform: Platform::new("linux", "amd64", ""),
            all_stages: true,
            ..PlanOptions::default()
        };
        plan(
            &crate::instructions::parse(source.as_bytes()),
            &options,
            &Stand,
        )
    }

    /// The action changes the text but nothing that is built.
    #[track_caller]
    pub(super) fn check_same_build(title: &str, source: &str, expected: &str) {
        check(title, source, expected);
        let (source, _) = marked(source);
        let (before, after) = (plan_of(&source), plan_of(expected));
        let steps = |plan: &Plan| plan.steps.iter().map(Step::definition).collect::<Vec<_>>();
        assert_eq!(steps(&before), steps(&after));
        assert_eq!(before.config.config, after.config.config);
    }
}
