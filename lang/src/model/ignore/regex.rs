//! The regular expressions that ignore patterns turn into, and their matching.
//!
//! The reference rewrites a pattern into a Go regular expression, character by character and blind to brackets, so
//! odd patterns mean what that expression happens to mean (`[^a]` matches `/`, `\d` a digit, an unescaped `^` never
//! matches inside). To agree in all of them this module reads the same expression text. Only what can occur in such
//! a text is understood: literals, classes, escapes, `^`, `$`, `.*`, `x*` of a class, and `(.*/)?`.

use crate::rune;
use bstr::ByteSlice;

/// A compiled expression.
#[derive(Clone, Debug)]
pub(super) struct Regex {
    nodes: Vec<Node>,
    /// Bytes every match begins with.
    prefix: Vec<u8>,
    /// Bytes every match ends with.
    suffix: Vec<u8>,
    /// Bytes every match holds somewhere: the longest run of literals.
    needle: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Node {
    One(Set),
    /// Any number of characters of the set.
    Many(Set),
    /// Goes on behind the next node without it, or with it. In front of [`Node::ThroughSlash`].
    Maybe,
    /// Characters but LF, ending in a `/`.
    ThroughSlash,
    Start,
    End,
    WordBoundary(bool),
}

/// A set of characters.
#[derive(Clone, Debug)]
enum Set {
    Char(char),
    NotLf,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// Reads the expression `text`; `None` when Go would refuse it.
pub(super) fn compile(text: &str) -> Option<Regex> {
    let mut parser = Parser {
        chars: text.chars().collect(),
        at: 0,
        nodes: Vec::new(),
    };
    parser.parse()?;
    let nodes = parser.nodes;
    let literal = |node: &Node| match node {
        // U+FFFD also stands for invalid bytes, so it has no fixed bytes.
        Node::One(Set::Char(c)) if *c != char::REPLACEMENT_CHARACTER => Some(*c),
        _ => None,
    };
    let prefix: String = nodes
        .iter()
        .skip_while(|n| matches!(n, Node::Start))
        .map_while(literal)
        .collect();
    let anchored = matches!(nodes.last(), Some(Node::End));
    let body = nodes.iter().rev().skip(1);
    let suffix: Vec<char> = if anchored {
        body.map_while(literal).collect()
    } else {
        Vec::new()
    };
    let suffix: String = suffix.into_iter().rev().collect();
    let runs = nodes.split(|node| literal(node).is_none());
    let needle = runs
        .map(|run| run.iter().filter_map(literal).collect::<String>())
        .max_by_key(String::len);
    let (prefix, suffix, needle) = (
        prefix.into(),
        suffix.into(),
        needle.unwrap_or_default().into(),
    );
    Some(Regex {
        nodes,
        prefix,
        suffix,
        needle,
    })
}

impl Regex {
    pub(super) fn is_match(&self, path: &[u8]) -> bool {
        let possible = path.starts_with(&self.prefix)
            && path.ends_with(&self.suffix)
            && path.contains_str(&self.needle);
        if !possible {
            return false;
        }
        let mut run = Run::new(&self.nodes);
        run.add(0, None, rune::decode(path).map(|(c, _)| c));
        let mut rest = path;
        while let Some((c, width)) = rune::decode(rest) {
            if run.accepted || run.current.is_empty() {
                break;
            }
            rest = &rest[width..];
            run.step(c, rune::decode(rest).map(|(c, _)| c));
        }
        run.accepted
    }

    /// Tells whether some path that begins with `start` may match.
    pub(super) fn may_match_below(&self, start: &[u8]) -> bool {
        let mut run = Run::new(&self.nodes);
        // A word boundary at the end is judged by a character nobody knows; a letter or none are both tried there.
        run.add(0, None, rune::decode(start).map(|(c, _)| c));
        let mut rest = start;
        while let Some((c, width)) = rune::decode(rest) {
            if run.accepted {
                return true;
            }
            rest = &rest[width..];
            if rest.is_empty()
                && self
                    .nodes
                    .iter()
                    .any(|n| matches!(n, Node::WordBoundary(_)))
            {
                return true;
            }
            // The character behind the start is unknown: `$` must not hold there.
            let next = rune::decode(rest).map_or('/', |(c, _)| c);
            run.step(c, Some(next));
        }
        run.accepted || !run.current.is_empty()
    }
}

/// The nodes that can read the next character.
struct Run<'a> {
    nodes: &'a [Node],
    current: Vec<usize>,
    seen: Vec<bool>,
    accepted: bool,
}

impl<'a> Run<'a> {
    fn new(nodes: &'a [Node]) -> Self {
        Self {
            nodes,
            current: Vec::new(),
            seen: vec![false; nodes.len() + 1],
            accepted: false,
        }
    }

    fn step(&mut self, c: char, next: Option<char>) {
        let before = std::mem::take(&mut self.current);
        self.seen.fill(false);
        for node in before {
            match &self.nodes[node] {
                Node::One(set) if set.contains(c) => self.add(node + 1, Some(c), next),
                Node::Many(set) if set.contains(c) => self.add(node, Some(c), next),
                Node::ThroughSlash => {
                    if c == '/' {
                        self.add(node + 1, Some(c), next);
                    }
                    if c != '\n' {
                        self.add(node, Some(c), next);
                    }
                }
                _ => {}
            }
        }
    }

    /// Adds `first` and all that is reached from it without reading, between the characters `last` and `next`.
    fn add(&mut self, first: usize, last: Option<char>, next: Option<char>) {
        let mut open = vec![first];
        while let Some(node) = open.pop() {
            if std::mem::replace(&mut self.seen[node], true) {
                continue;
            }
            match self.nodes.get(node) {
                None => self.accepted = true,
                Some(Node::One(_) | Node::ThroughSlash) => self.current.push(node),
                Some(Node::Many(_)) => {
                    self.current.push(node);
                    open.push(node + 1);
                }
                Some(Node::Maybe) => open.extend([node + 1, node + 2]),
                Some(Node::Start) => open.extend(last.is_none().then_some(node + 1)),
                Some(Node::End) => open.extend(next.is_none().then_some(node + 1)),
                Some(Node::WordBoundary(wanted)) => {
                    let word =
                        |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
                    open.extend(((word(last) != word(next)) == *wanted).then_some(node + 1));
                }
            }
        }
    }
}

impl Set {
    fn contains(&self, c: char) -> bool {
        match self {
            Self::Char(own) => *own == c,
            Self::NotLf => c != '\n',
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    nodes: Vec<Node>,
}

impl Parser {
    fn parse(&mut self) -> Option<()> {
        while let Some(c) = self.next() {
            match c {
                '^' => self.nodes.push(Node::Start),
                '$' => self.nodes.push(Node::End),
                '.' => self.push_set(Set::NotLf),
                // Only the text of `**` has a bare parenthesis.
                '(' => {
                    self.at += ".*/)?".len();
                    self.nodes.extend([Node::Maybe, Node::ThroughSlash]);
                }
                '[' => {
                    let class = self.class()?;
                    self.push_set(class);
                }
                '\\' => self.escape()?,
                _ => self.push_set(Set::Char(c)),
            }
        }
        Some(())
    }

    /// Adds a set with the star that may follow it. Only sets whose text comes from `*` are starred, never twice.
    fn push_set(&mut self, set: Set) {
        if self.peek() == Some('*') {
            self.at += 1;
            self.nodes.push(Node::Many(set));
        } else {
            self.nodes.push(Node::One(set));
        }
    }

    fn escape(&mut self) -> Option<()> {
        let c = self.next()?;
        match c {
            'A' => self.nodes.push(Node::Start),
            'z' => self.nodes.push(Node::End),
            'b' | 'B' => self.nodes.push(Node::WordBoundary(c == 'b')),
            'Q' => self.literal_run(),
            _ => {
                let set = match perl_class(c) {
                    Some((negated, ranges)) => Set::Class {
                        negated,
                        ranges: ranges.to_vec(),
                    },
                    None => Set::Char(self.escaped_char(c)?),
                };
                self.push_set(set);
            }
        }
        Some(())
    }

    /// Everything up to `\E` or the end is literal.
    fn literal_run(&mut self) {
        while let Some(c) = self.next() {
            if c == '\\' && self.peek() == Some('E') {
                self.at += 1;
                return;
            }
            self.nodes.push(Node::One(Set::Char(c)));
        }
    }

    /// The character that `\` and `c` stand for. **Source:** Go `regexp/syntax`, `parseEscape`.
    fn escaped_char(&mut self, c: char) -> Option<char> {
        match c {
            '1'..='7' if !matches!(self.peek(), Some('0'..='7')) => None,
            '0'..='7' => {
                let mut code = c.to_digit(8)?;
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|d| d.to_digit(8)) else {
                        break;
                    };
                    self.at += 1;
                    code = code * 8 + digit;
                }
                char::from_u32(code)
            }
            'x' => {
                let high = self.next()?.to_digit(16)?;
                let low = self.next()?.to_digit(16)?;
                char::from_u32(high * 16 + low)
            }
            'a' => Some('\x07'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0b'),
            _ if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(c),
            _ => None,
        }
    }

    /// Reads a class behind its `[`. **Source:** Go `regexp/syntax`, `parseClass`.
    fn class(&mut self) -> Option<Set> {
        let negated = self.peek() == Some('^');
        self.at += usize::from(negated);
        let mut ranges: Vec<(char, char)> = Vec::new();
        let mut first = true;
        loop {
            let c = self.next()?;
            if c == ']' && !first {
                return Some(Set::Class { negated, ranges });
            }
            first = false;
            if c == '['
                && self.peek() == Some(':')
                && let Some(posix) = self.posix_class()
            {
                let (negated, set) = posix?;
                extend(&mut ranges, negated, set);
                continue;
            }
            if c == '\\'
                && let Some((negated, set)) = self.peek().and_then(perl_class)
            {
                self.at += 1;
                extend(&mut ranges, negated, set);
                continue;
            }
            let low = self.class_char(c)?;
            let mut high = low;
            if self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|c| *c != ']') {
                self.at += 1;
                let c = self.next()?;
                high = self.class_char(c)?;
                if high < low {
                    return None;
                }
            }
            ranges.push((low, high));
        }
    }

    fn class_char(&mut self, c: char) -> Option<char> {
        if c != '\\' {
            return Some(c);
        }
        let escaped = self.next()?;
        self.escaped_char(escaped)
    }

    /// `[:alpha:]` behind its `[`: `None` when there is no `:]`, `Some(None)` when the name is unknown.
    #[expect(
        clippy::option_option,
        reason = "absent and wrong are different things here"
    )]
    fn posix_class(&mut self) -> Option<Option<NamedClass>> {
        let rest = &self.chars[self.at + 1..];
        let len = rest.windows(2).position(|w| w == [':', ']'])?;
        let name: String = rest[..len].iter().collect();
        let (negated, name) = name
            .strip_prefix('^')
            .map_or((false, name.as_str()), |n| (true, n));
        let class = POSIX
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, ranges)| (negated, *ranges));
        self.at += len + 3;
        Some(class)
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }
}

fn extend(ranges: &mut Vec<(char, char)>, negated: bool, set: &[(char, char)]) {
    if !negated {
        ranges.extend_from_slice(set);
        return;
    }
    // The gaps between the ASCII ranges, which are in ascending order.
    let mut from = '\0';
    for (low, high) in set {
        if *low > from {
            ranges.push((from, char::from(*low as u8 - 1)));
        }
        from = char::from(*high as u8 + 1);
    }
    ranges.push((from, char::MAX));
}

/// A class with a name, and whether it is negated.
type NamedClass = (bool, &'static [(char, char)]);

const DIGIT: &[(char, char)] = &[('0', '9')];
const SPACE: &[(char, char)] = &[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

fn perl_class(c: char) -> Option<NamedClass> {
    let class = match c.to_ascii_lowercase() {
        'd' => DIGIT,
        's' => SPACE,
        'w' => WORD,
        _ => return None,
    };
    Some((c.is_ascii_uppercase(), class))
}

/// Named classes. **Source:** RE2 syntax, ASCII character classes.
const POSIX: &[(&str, &[(char, char)])] = &[
    ("alnum", &[('0', '9'), ('A', 'Z'), ('a', 'z')]),
    ("alpha", &[('A', 'Z'), ('a', 'z')]),
    ("ascii", &[('\0', '\x7f')]),
    ("blank", &[('\t', '\t'), (' ', ' ')]),
    ("cntrl", &[('\0', '\x1f'), ('\x7f', '\x7f')]),
    ("digit", DIGIT),
    ("graph", &[('!', '~')]),
    ("lower", &[('a', 'z')]),
    ("print", &[(' ', '~')]),
    ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
    ("space", &[('\t', '\r'), (' ', ' ')]),
    ("upper", &[('A', 'Z')]),
    ("word", WORD),
    ("xdigit", &[('0', '9'), ('A', 'F'), ('a', 'f')]),
];
