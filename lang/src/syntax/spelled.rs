//! Texts that remember where each of their bytes was written: what continuation lines, quotes and escapes take apart
//! in the source is one name for the language.

use super::{Node, Parse, Piece, Place, Segment, Text, json, parser, source_range};
use crate::text::TextRange;
use std::borrow::Cow;
use std::ops::Range;

/// A text as the language reads it, with the source place of every byte.
///
/// ```
/// let source = b"FROM a\nUSER $po\\\nrt\n";
/// let parse = cooperage_lang::syntax::parse(source);
/// let user = &parse.nodes()[1];
/// let text = parse.spelled_argument(source, user, &parse.pieces(&user.args)[0]);
/// assert_eq!(text.bytes(), b"$port");
/// let name = text.range(1..5);
/// assert_eq!(&source[name.start as usize..name.end as usize], b"po\\\nrt");
/// ```
#[derive(Clone, Debug)]
pub struct Spelled<'a> {
    bytes: Cow<'a, [u8]>,
    places: Places<'a>,
}

#[derive(Clone, Debug)]
enum Places<'a> {
    /// The text stands in the source as it is, from this offset on.
    Source(u32),
    /// The text is part of the joined lines, from `start` on.
    Joined { segments: &'a [Segment], start: u32 },
    /// Every byte has its own offset.
    Bytes(Vec<u32>),
}

impl Spelled<'_> {
    /// The text.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The source bytes of a part of the text.
    pub fn range(&self, part: Range<usize>) -> TextRange {
        let (start, end) = (part.start as u32, part.end as u32);
        match &self.places {
            Places::Source(from) => TextRange::new(from + start, from + end),
            Places::Joined {
                segments,
                start: from,
            } => source_range(segments, from + start, from + end),
            Places::Bytes(places) => {
                let at = |index: usize| places.get(index).copied();
                match part.end.checked_sub(1).and_then(at) {
                    Some(last) if !part.is_empty() => {
                        TextRange::new(at(part.start).unwrap_or(last), last + 1)
                    }
                    last => {
                        let place = at(part.start).or(last.map(|l| l + 1)).unwrap_or_default();
                        TextRange::new(place, place)
                    }
                }
            }
        }
    }
}

impl Parse {
    /// The bytes `range` of the source as they are.
    pub fn spelled_source<'a>(&self, source: &'a [u8], range: TextRange) -> Spelled<'a> {
        Spelled {
            bytes: Cow::Borrowed(&source[range.start as usize..range.end as usize]),
            places: Places::Source(range.start),
        }
    }

    /// A text that was at most joined, such as [`Node::original`].
    pub fn spelled<'a>(&'a self, source: &'a [u8], text: Text) -> Spelled<'a> {
        Spelled {
            bytes: Cow::Borrowed(self.text(source, text)),
            places: match text.place {
                Place::Source | Place::Cooked => Places::Source(text.start),
                Place::Joined => Places::Joined {
                    segments: &self.segments,
                    start: text.start,
                },
            },
        }
    }

    /// An argument of a node: a string of a JSON array without its escapes, else as written.
    pub fn spelled_argument<'a>(
        &'a self,
        source: &'a [u8],
        node: &Node,
        argument: &Piece,
    ) -> Spelled<'a> {
        if argument.text.place != Place::Cooked {
            return self.spelled(source, argument.text);
        }
        let written = self.spelled(source, self.written(node, argument.range));
        if node.json {
            let (bytes, places) = json::unescape_with_places(written.bytes());
            return written.mapped(bytes, &places);
        }
        written
    }

    /// A flag of a node without its quotes and escapes.
    pub fn spelled_flag<'a>(&'a self, source: &'a [u8], node: &Node, flag: &Piece) -> Spelled<'a> {
        if flag.text.place != Place::Cooked {
            return self.spelled(source, flag.text);
        }
        let written = self.spelled(source, self.written(node, flag.range));
        let kept = parser::flag_bytes(written.bytes(), self.escape);
        let (places, bytes): (Vec<u32>, Vec<u8>) = kept.map(|(at, b)| (at as u32, b)).unzip();
        written.mapped(bytes, &places)
    }

    /// The text at a range of a node's logical line, joined when the line was.
    fn written(&self, node: &Node, range: TextRange) -> Text {
        if node.original.place != Place::Joined {
            return Text::source(range.start as usize, range.end as usize);
        }
        let at = |offset: u32| {
            let i = self.segments.partition_point(|s| s.source <= offset).max(1) - 1;
            let segment = self.segments.get(i);
            segment.map_or(offset, |s| s.joined + (offset - s.source))
        };
        let start = at(range.start);
        let end = if range.is_empty() {
            start
        } else {
            at(range.end - 1) + 1
        };
        Text {
            place: Place::Joined,
            start,
            end,
        }
    }
}

impl<'a> Spelled<'a> {
    /// The text that remains of this one when each byte stands at an offset in it.
    fn mapped(&self, bytes: Vec<u8>, offsets: &[u32]) -> Spelled<'a> {
        let place = |offset: &u32| {
            let at = *offset as usize;
            self.range(at..at + 1).start
        };
        Spelled {
            bytes: Cow::Owned(bytes),
            places: Places::Bytes(offsets.iter().map(place).collect()),
        }
    }
}
