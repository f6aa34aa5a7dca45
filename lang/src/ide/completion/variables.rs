//! Variables behind `$` and `${`, and the operators behind a name.

use super::{Entry, ItemKind, Menu, Slot, Style};
use crate::ide::File;
use crate::ide::cursor::{Body, Line, Part};
use crate::ide::json;
use crate::ide::mount::Typed;
use crate::model::argument::{ARGUMENTS, Reach};
use crate::model::variable::KNOWN_VARIABLES;
use crate::syntax::Keyword;
use crate::text::TextRange;
use bstr::ByteSlice;

/// A reference that is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reference {
    /// Where the dollar sign is.
    dollar: usize,
    /// Where the name starts.
    name: usize,
    /// Where it ends, when an operator is being typed.
    operator: Option<usize>,
}

impl Reference {
    /// The reference that ends at the end of `text`; an escaped dollar sign begins none.
    fn read(text: &[u8], escape: u8) -> Option<Self> {
        let in_name = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_';
        let tail = text.iter().rev().take_while(in_name).count();
        let before = &text[..text.len() - tail];
        if tail == 0
            && let Some(head) = before.strip_suffix(b":")
        {
            return Self::operator(head, escape);
        }
        let dollar = match before {
            [.., b'$', b'{'] => before.len() - 2,
            [.., b'$'] => before.len() - 1,
            _ => return None,
        };
        let free = !is_escaped(before, dollar, escape);
        free.then_some(Self {
            dollar,
            name: before.len(),
            operator: None,
        })
    }

    /// `${name` at the end of a text, with something behind it.
    fn operator(text: &[u8], escape: u8) -> Option<Self> {
        let in_name = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_';
        let len = text.iter().rev().take_while(in_name).count();
        let name = text.len() - len;
        let dollar = text[..name].ends_with(b"${").then(|| name - 2)?;
        (len > 0 && !is_escaped(text, dollar, escape)).then_some(Self {
            dollar,
            name,
            operator: Some(text.len()),
        })
    }
}

/// An odd number of escape characters stands in front.
fn is_escaped(text: &[u8], at: usize, escape: u8) -> bool {
    let escapes = text[..at].iter().rev().take_while(|b| **b == escape);
    escapes.count() % 2 == 1
}

/// Offers variables of a line; false when none is being typed.
pub(super) fn offer(menu: &mut Menu<'_>, line: &Line<'_>, keyword: Keyword) -> bool {
    let file = line.file();
    let typed = &line.all()[..line.cursor];
    let Some(found) = Reference::read(typed, escape(file)) else {
        return false;
    };
    let Some(reads) = Reads::of(line, keyword, found.dollar) else {
        return true;
    };
    let closed = is_closed(&line.all()[line.cursor..]);
    if let Some(end) = found.operator {
        offer_operators(menu, &Slot::of(line, end), reads, closed);
        return true;
    }
    let slot = Slot::of(line, found.dollar);
    let shape = Shape::of(&slot.typed, closed);
    offer_names(menu, file, line.offset, keyword, &slot, shape);
    let name = line.typed(found.name).to_str_lossy();
    if matches!(shape, Shape::Braces { .. }) && is_known(file, line.offset, &name) {
        offer_operators(menu, &Slot::of(line, line.cursor), reads, closed);
    }
    true
}

/// Offers variables in a here document; false when none is being typed.
pub(super) fn offer_in_body(menu: &mut Menu<'_>, file: &File, body: &Body<'_>) -> bool {
    let Some(found) = Reference::read(&body.line[..body.cursor], b'\\') else {
        return false;
    };
    let slot = |from: usize| Slot {
        edit: TextRange::new(body.start + from as u32, body.start + body.cursor as u32),
        typed: body.line[from..body.cursor].to_str_lossy().into_owned(),
        carried: 0,
    };
    let keyword = body.keyword.unwrap_or(Keyword::Copy);
    let closed = is_closed(&body.line[body.cursor..]);
    if let Some(end) = found.operator {
        let reads = match keyword {
            Keyword::Run => Reads::Shell,
            _ => Reads::Builder,
        };
        offer_operators(menu, &slot(end), reads, closed);
        return true;
    }
    let slot = slot(found.dollar);
    let offset = body.start + body.cursor as u32;
    let shape = Shape::of(&slot.typed, closed);
    offer_names(menu, file, offset, keyword, &slot, shape);
    true
}

/// The brace behind a name is there, maybe behind more of the name.
fn is_closed(behind: &[u8]) -> bool {
    let in_name = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_';
    let rest = behind.iter().find(|b| !in_name(b));
    rest == Some(&b'}')
}

/// A variable of exactly that name is set at `offset`.
fn is_known(file: &File, offset: u32, name: &str) -> bool {
    file.names()
        .variables(file, offset)
        .iter()
        .any(|variable| variable.name == name)
}

/// How a reference is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// `$name`.
    Plain,
    /// `${name}`; when it is `closed`, the last brace is there already.
    Braces { closed: bool },
}

impl Shape {
    /// Goes on as it was begun; a lone dollar sign gets braces, which are never wrong.
    fn of(typed: &str, brace_behind: bool) -> Self {
        if typed == "$" {
            Self::Braces { closed: false }
        } else if typed.starts_with("${") {
            Self::Braces {
                closed: brace_behind,
            }
        } else {
            Self::Plain
        }
    }

    /// An item for a name.
    fn entry(self, name: &str) -> Entry {
        let label = match self {
            Self::Plain => format!("${name}"),
            Self::Braces { .. } => format!("${{{name}}}"),
        };
        let entry = Entry::new(ItemKind::Variable, label);
        match self {
            Self::Braces { closed: true } => entry.text(format!("${{{name}")),
            Self::Braces { closed: false } | Self::Plain => entry,
        }
    }
}

fn offer_names(
    menu: &mut Menu<'_>,
    file: &File,
    offset: u32,
    keyword: Keyword,
    slot: &Slot,
    shape: Shape,
) {
    let names = file.names();
    for variable in names.variables(file, offset) {
        let set = names.get(variable.set);
        let line = file.lines().line_column(set.range.start).0 + 1;
        let value = variable.value.as_deref().unwrap_or_default();
        let entry = shape
            .entry(&variable.name)
            .detail(value.to_owned())
            .doc(format!(
                "`{}` of line {line}{}",
                variable.keyword.upper(),
                described(variable.value.as_deref())
            ));
        if !menu.has(&entry.label) {
            menu.offer(slot, entry.rank(3));
        }
    }
    let in_from = keyword == Keyword::From || names.stage_at(offset).is_none();
    for known in ARGUMENTS {
        let usable = match known.reach {
            Reach::Global => in_from,
            Reach::Commands => keyword == Keyword::Run,
            Reach::Setting => false,
        };
        let entry = shape.entry(known.name).doc(known.doc);
        if usable && !menu.has(&entry.label) {
            menu.offer(slot, entry.rank(6));
        }
    }
    let of_image: &[&str] = match keyword {
        Keyword::From => &[],
        Keyword::Run | Keyword::Cmd | Keyword::Entrypoint | Keyword::Healthcheck => {
            &["PATH", "HOME"]
        }
        _ => &["PATH"],
    };
    for known in KNOWN_VARIABLES
        .iter()
        .filter(|v| of_image.contains(&v.name))
    {
        let entry = shape.entry(known.name).doc(known.doc);
        if !menu.has(&entry.label) {
            menu.offer(slot, entry.rank(6));
        }
    }
}

fn described(value: Option<&str>) -> String {
    value.map_or_else(
        || ": its value is given when building.".to_owned(),
        |value| format!(": `{}`", value.replace('`', "'")),
    )
}

/// Who replaces a variable.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    Builder,
    Shell,
}

impl Reads {
    /// Who replaces a variable whose dollar sign is at `dollar`; nobody where it stays as it is.
    ///
    /// **Source:** Dockerfile reference, section "Environment replacement"; BuildKit `instructions/commands.go`, the
    /// `Expand` methods.
    fn of(line: &Line<'_>, keyword: Keyword, dollar: usize) -> Option<Self> {
        if let Part::Flag(index) = line.part() {
            return is_expanded(line, index).then_some(Self::Builder);
        }
        match keyword {
            Keyword::Maintainer | Keyword::Shell => None,
            Keyword::Run | Keyword::Cmd | Keyword::Entrypoint | Keyword::Healthcheck => {
                json::at_cursor(line).is_none().then_some(Self::Shell)
            }
            Keyword::Add
            | Keyword::Arg
            | Keyword::Copy
            | Keyword::Env
            | Keyword::Expose
            | Keyword::From
            | Keyword::Label
            | Keyword::Onbuild
            | Keyword::Stopsignal
            | Keyword::User
            | Keyword::Volume
            | Keyword::Workdir => {
                let before = &line.all()[line.arguments.start.min(dollar)..dollar];
                (!ends_in_single_quotes(before, escape(line.file()))).then_some(Self::Builder)
            }
        }
    }
}

/// Variables in the flag at the cursor are replaced.
fn is_expanded(line: &Line<'_>, index: usize) -> bool {
    let span = &line.flags[index];
    let text = line.text(span);
    let equals = text.find_byte(b'=').unwrap_or(text.len());
    match &text[2.min(equals)..equals] {
        b"platform" | b"chown" | b"chmod" | b"checksum" => true,
        b"mount" => {
            let value = (span.start + equals + 1).min(span.end)..span.end;
            let typed = Typed::new(line.all(), value, line.cursor);
            typed.field().is_some_and(|field| field.key != "from")
        }
        _ => false,
    }
}

/// A single quote is open at the end of a text, where variables are plain text.
fn ends_in_single_quotes(text: &[u8], escape: u8) -> bool {
    let mut quote = None;
    let mut bytes = text.iter();
    while let Some(b) = bytes.next() {
        match quote {
            _ if *b == escape && quote != Some(b'\'') => {
                bytes.next();
            }
            Some(open) if open == *b => quote = None,
            None if matches!(b, b'\'' | b'"') => quote = Some(*b),
            Some(_) | None => {}
        }
    }
    quote == Some(b'\'')
}

fn escape(file: &File) -> u8 {
    // It is a backslash or a backquote.
    file.parse().escape() as u8
}

/// **Source:** Dockerfile reference, section "Environment replacement"; POSIX shell, section 2.6.2.
const OPERATORS: &[(&str, &str, &str)] = &[
    (":-", "word", "`word` when it is unset or empty."),
    (
        ":+",
        "word",
        "`word` when it is set and not empty, else nothing.",
    ),
    (
        ":?",
        "message",
        "Fails with `message` when it is unset or empty.",
    ),
    ("-", "word", "`word` when it is unset."),
    ("+", "word", "`word` when it is set, else nothing."),
    ("?", "message", "Fails with `message` when it is unset."),
    (
        "#",
        "pattern",
        "Without the shortest beginning that matches `pattern`.",
    ),
    (
        "##",
        "pattern",
        "Without the longest beginning that matches `pattern`.",
    ),
    (
        "%",
        "pattern",
        "Without the shortest end that matches `pattern`.",
    ),
    (
        "%%",
        "pattern",
        "Without the longest end that matches `pattern`.",
    ),
    (
        "/",
        "pattern",
        "The first match of `pattern` replaced: `/pattern/text`.",
    ),
    (
        "//",
        "pattern",
        "Every match of `pattern` replaced: `//pattern/text`.",
    ),
];

fn offer_operators(menu: &mut Menu<'_>, slot: &Slot, reads: Reads, closed: bool) {
    let end = if closed { "" } else { "\\}" };
    for (i, (operator, word, doc)) in OPERATORS.iter().enumerate() {
        // Only some shells replace.
        let rank = match reads {
            Reads::Shell if operator.starts_with('/') => 8,
            Reads::Shell | Reads::Builder => 2 + i as u8 / 3,
        };
        let entry = match menu.style {
            Style::Snippets => {
                Entry::template(ItemKind::Operator, format!("{operator}${{1:{word}}}{end}"))
            }
            Style::Plain => Entry::new(ItemKind::Operator, *operator),
        };
        menu.offer(slot, entry.label(*operator).doc(*doc).rank(rank));
    }
    let close = Entry::new(ItemKind::Operator, "}").doc("Ends the reference.");
    if slot.typed.is_empty() && !closed {
        menu.offer(slot, close.rank(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_seen_while_they_are_typed() {
        let read = |text: &str| {
            Reference::read(text.as_bytes(), b'\\').map(|r| (r.dollar, r.name, r.operator))
        };
        assert_eq!(read("a $"), Some((2, 3, None)));
        assert_eq!(read("a ${b"), Some((2, 4, None)));
        assert_eq!(read("$b:"), None);
        assert_eq!(read("${b:"), Some((0, 2, Some(3))));
        assert_eq!(read("\\$b"), None);
        assert_eq!(read("\\\\$b"), Some((2, 3, None)));
        assert_eq!(read("ab"), None);
        assert_eq!(read(""), None);
    }
}
