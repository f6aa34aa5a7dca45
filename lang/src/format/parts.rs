//! Which bytes of an instruction are its parts, so that white space between them only separates.

use crate::ide::File;
use crate::syntax::{Form, Keyword, Node, Piece};
use crate::text::TextRange;
use bstr::ByteSlice;

/// The stretches of an instruction that nothing may be changed in. White space between them only separates.
pub(super) struct Parts {
    ranges: Vec<TextRange>,
    /// The arguments are an array whose strings are parts.
    pub(super) json: bool,
    /// Text for a shell; empty when there is none.
    pub(super) shell: TextRange,
}

impl Parts {
    pub(super) fn new(file: &File, node: &Node) -> Self {
        let mut parts = Self {
            ranges: vec![node.keyword.range],
            json: false,
            shell: TextRange::default(),
        };
        if opens_heredoc_between_quotes(file, node) {
            parts.opaque(file, node, true);
            return parts;
        }
        let flags = file.parse().pieces(&node.flags);
        parts.ranges.extend(flags.iter().map(|flag| flag.range));
        let args = file.parse().pieces(&node.args);
        match node.known.map(Keyword::form) {
            Some(Form::TypeThenJsonOrText) if node.json => {
                if let Some((kind, strings)) = args.split_first() {
                    parts.ranges.push(kind.range);
                    parts.strings(file, node, strings);
                }
            }
            _ if node.json => parts.strings(file, node, args),
            Some(Form::Pairs) => parts.pairs(args),
            Some(Form::Instruction) | None => parts.through_the_end(file, node),
            Some(Form::JsonOrText | Form::TypeThenJsonOrText) => {
                parts.ranges.extend(args.iter().map(|arg| arg.range));
                parts.shell = args.last().map_or(TextRange::default(), |text| text.range);
            }
            Some(Form::Text | Form::List | Form::JsonOrList | Form::Words) => {
                parts.ranges.extend(args.iter().map(|arg| arg.range));
            }
        }
        parts
    }

    /// Everything behind the keyword is one part; with or without the flags.
    fn opaque(&mut self, file: &File, node: &Node, with_flags: bool) {
        let mut range = file.parse().text_range(node.argument_text);
        if with_flags && let Some(flag) = file.parse().pieces(&node.flags).first() {
            range = range.cover(flag.range);
        }
        self.ranges.push(range);
    }

    /// Everything behind the keyword is one part, blanks at the end included: a trigger is stored with them.
    fn through_the_end(&mut self, file: &File, node: &Node) {
        let start = file.parse().text_range(node.argument_text).start;
        let end = file.parse().text_range(node.original).end;
        self.ranges.push(TextRange::new(start.min(end), end));
    }

    /// Strings of a JSON array, with their quotes. One whose quotes are on another line is not taken apart.
    fn strings(&mut self, file: &File, node: &Node, strings: &[Piece]) {
        let source = file.source();
        let quoted = strings.iter().map(|string| {
            let TextRange { start, end } = string.range;
            let before = start.checked_sub(1)?;
            let quotes = [source.get(before as usize)?, source.get(end as usize)?];
            let one_line = file.text(string.range).find_byte(b'\n').is_none();
            (quotes == [&b'"', &b'"'] && one_line).then_some(TextRange::new(before, end + 1))
        });
        match quoted.collect::<Option<Vec<_>>>() {
            Some(ranges) => {
                self.ranges.extend(ranges);
                self.json = true;
            }
            None => self.opaque(file, node, false),
        }
    }

    /// `name=value` is one part, `name value` of the old form are two.
    fn pairs(&mut self, args: &[Piece]) {
        for pair in args.chunks_exact(3) {
            let [name, value, separator] = [pair[0].range, pair[1].range, pair[2].range];
            if separator.is_empty() {
                self.ranges.extend([name, value]);
            } else {
                self.ranges.push(name.cover(separator).cover(value));
            }
        }
    }

    /// Tells whether a byte belongs to a part.
    pub(super) fn hold(&self, offset: u32) -> bool {
        let behind = self.ranges.partition_point(|range| range.start <= offset);
        behind > 0 && offset < self.ranges[behind - 1].end
    }

    /// Tells whether a part begins in front of an offset and ends behind it.
    pub(super) fn go_on_at(&self, offset: u32) -> bool {
        let behind = self.ranges.partition_point(|range| range.start < offset);
        behind > 0 && offset < self.ranges[behind - 1].end
    }
}

/// The words that open here documents are found by other rules than the arguments, so that white space between two
/// arguments may be inside a quoted name.
fn opens_heredoc_between_quotes(file: &File, node: &Node) -> bool {
    let text = file.parse().text(file.source(), node.original);
    node.known.is_some_and(Keyword::takes_heredocs)
        && text.find(b"<<").is_some()
        && text.find_byteset(b"'\"\\`").is_some()
}
