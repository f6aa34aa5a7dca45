//! What an editor asks of one file, as plain data: byte offsets and ranges, no protocol types, no I/O.
//!
//! Every feature is a function of a [`File`], which is made once for each version of a text.

pub mod actions;
pub mod completion;
mod cursor;
pub mod embedded;
mod facts;
pub mod folding;
pub mod hover;
mod json;
pub mod links;
pub(crate) mod mount;
pub mod names;
pub mod navigation;
pub mod rename;
pub mod selection;
pub mod signature;
pub mod surroundings;
pub mod symbols;
mod template;
pub mod tokens;
pub mod values;

use crate::instructions::{self, Dockerfile, Instruction};
use crate::shell::{self, Script, Snippet};
use crate::syntax::{self, Parse, Tree};
use crate::text::{LineIndex, TextRange};
use bstr::ByteSlice as _;
use names::Names;
use std::sync::{Arc, OnceLock};

/// A text with everything that is read from it. Immutable: an edit makes a new one.
#[derive(Debug)]
pub struct File {
    source: Vec<u8>,
    parse: Parse,
    dockerfile: Dockerfile,
    lines: LineIndex,
    tree: OnceLock<Tree>,
    names: OnceLock<Names>,
    scripts: OnceLock<Vec<Snippet>>,
    /// Scripts of the version before, to be taken over where a text is the same.
    known_scripts: Vec<Arc<Script>>,
}

impl File {
    /// Reads a text.
    ///
    /// ```
    /// let file = cooperage_lang::ide::File::new(b"FROM a\nRUN b\n".to_vec());
    /// assert_eq!(file.instruction_at(9).unwrap().keyword.text, "RUN");
    /// ```
    pub fn new(source: Vec<u8>) -> Self {
        let parse = syntax::parse(&source);
        let dockerfile = instructions::lower(&source, &parse);
        let lines = LineIndex::new(&source);
        Self {
            source,
            parse,
            dockerfile,
            lines,
            tree: OnceLock::new(),
            names: OnceLock::new(),
            scripts: OnceLock::new(),
            known_scripts: Vec::new(),
        }
    }

    /// Reads the text that an edit made of this one; what did not change is not read again where that is slow.
    #[must_use]
    pub fn edited(&self, source: Vec<u8>) -> Self {
        let scripts = self.scripts.get().map(|snippets| {
            // The words of an exec form were not read from a text.
            let texts = snippets.iter().filter(|snippet| !snippet.exec);
            texts.map(|snippet| Arc::clone(&snippet.script)).collect()
        });
        Self {
            known_scripts: scripts.unwrap_or_else(|| self.known_scripts.clone()),
            ..Self::new(source)
        }
    }

    /// The text.
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// The text alone.
    pub fn into_source(self) -> Vec<u8> {
        self.source
    }

    /// Its nodes.
    pub fn parse(&self) -> &Parse {
        &self.parse
    }

    /// Its typed instructions.
    pub fn dockerfile(&self) -> &Dockerfile {
        &self.dockerfile
    }

    /// Its lines.
    pub fn lines(&self) -> &LineIndex {
        &self.lines
    }

    /// Its tokens; cut when first asked for.
    pub fn tree(&self) -> &Tree {
        self.tree.get_or_init(|| self.parse.tree(&self.source))
    }

    /// Its names; resolved when first asked for.
    pub fn names(&self) -> &Names {
        self.names.get_or_init(|| Names::new(self))
    }

    /// Its shell texts; read when first asked for.
    pub fn scripts(&self) -> &[Snippet] {
        self.scripts
            .get_or_init(|| shell::snippets(&self.source, &self.parse, &self.known_scripts))
    }

    /// The shell text of the instruction with that index in [`Parse::nodes`].
    pub fn script_of(&self, node: usize) -> Option<&Snippet> {
        let scripts = self.scripts();
        let found = scripts.binary_search_by_key(&node, |snippet| snippet.node);
        found.ok().map(|index| &scripts[index])
    }

    /// Bytes of a range.
    pub fn text(&self, range: TextRange) -> &[u8] {
        &self.source[range.start as usize..range.end as usize]
    }

    /// From the start of the line of `range` to behind its last line end.
    pub(crate) fn whole_lines(&self, range: TextRange) -> TextRange {
        let lines = self.lines();
        let line = |offset| lines.line_range(lines.line_column(offset).0 + 1);
        TextRange::new(line(range.start).start, line(range.end).end)
    }

    /// The same, from the first of the comment lines that stand on it. Directives stay where they are.
    pub(crate) fn lines_with_comments(&self, range: TextRange) -> TextRange {
        let mut whole = self.whole_lines(range);
        let mut number = self.lines().line_column(whole.start).0;
        while number > 0 {
            // That number counts from 0, and there lines count from 1: the line above.
            let above = self.lines().line_range(number);
            let mut directives = self.parse().directives().iter();
            let is_directive = directives.any(|directive| directive.line == number);
            if is_directive || !self.text(above).trim_start().starts_with(b"#") {
                break;
            }
            whole.start = above.start;
            number -= 1;
        }
        whole
    }

    /// Every typed instruction, in file order; lines that could not be understood are missing.
    pub fn instructions(&self) -> impl Iterator<Item = &Instruction> {
        self.dockerfile.instructions()
    }

    /// The typed instruction whose range covers `offset`, its end included.
    pub fn instruction_at(&self, offset: u32) -> Option<&Instruction> {
        self.instructions()
            .find(|found| found.range.start <= offset && offset <= found.range.end)
    }
}
