//! Which part of an instruction is being typed: its forms, with the part at the cursor.

use super::File;
use super::cursor::{self, Comment, Line, Part, Place, directive_name};
use super::json;
use super::mount::Typed;
use crate::instructions::flags::Flag;
use crate::instructions::{Form, spec};
use crate::model::mount::MOUNT_KEYS;
use crate::syntax::Keyword;
use crate::syntax::directive::Name;
use bstr::ByteSlice;
use std::borrow::Cow;
use std::ops::Range;

/// One way to write what is at the cursor.
#[derive(Clone, Debug)]
pub struct Signature {
    /// All of it.
    pub label: Cow<'static, str>,
    /// Markdown.
    pub documentation: Cow<'static, str>,
    /// Its parts in order.
    pub parameters: Vec<Parameter>,
    /// Index of the part at the cursor.
    pub active: usize,
}

/// A part of a [`Signature`].
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Bytes of the label.
    pub label: Range<usize>,
    /// Markdown.
    pub documentation: Cow<'static, str>,
}

/// The ways to write what is at `offset`, the likeliest first; none where nothing has parts.
///
/// ```
/// use cooperage_lang::ide::{File, signature::signatures};
/// let file = File::new(b"FROM a\nCOPY app /srv/\n".to_vec());
/// let found = &signatures(&file, 16)[0];
/// assert_eq!(found.label, "COPY [flags] source ... destination");
/// assert_eq!(&found.label[found.parameters[found.active].label.clone()], "destination");
/// ```
pub fn signatures(file: &File, offset: u32) -> Vec<Signature> {
    match cursor::find(file, offset) {
        Place::Comment(comment) => directive(&comment).into_iter().collect(),
        Place::Heredoc(_) | Place::Nothing => Vec::new(),
        Place::Line(line) => of_line(line),
    }
}

fn directive(comment: &Comment<'_>) -> Option<Signature> {
    let (name, span) = directive_name(comment.text).filter(|_| comment.head)?;
    (comment.cursor >= span.start).then(|| {
        let row = Name::spec(name);
        let label = format!("{}={}", name.text(), row.value);
        let value = name.text().len() + 1..label.len();
        let values: Vec<_> = row
            .values
            .iter()
            .map(|(v, doc)| format!("- `{v}`: {doc}"))
            .collect();
        Signature {
            label: label.into(),
            documentation: row.docs.into(),
            parameters: vec![Parameter {
                label: value,
                documentation: values.join("\n").into(),
            }],
            active: 0,
        }
    })
}

fn of_line(mut line: Line<'_>) -> Vec<Signature> {
    if line.known.is_some_and(|known| spec(known).flags.is_empty()) {
        line.take_flags_as_words();
    }
    let (line, part) = (&line, line.part());
    if part == Part::Keyword {
        return if line.trigger {
            forms(Keyword::Onbuild, |_| Some(0))
        } else {
            Vec::new()
        };
    }
    let Some(keyword) = line.known else {
        return Vec::new();
    };
    if let Part::Flag(index) = part {
        return match flag_value(line, keyword, index) {
            Some(signature) => vec![signature],
            None => forms(keyword, |form| index_of(form, "[flags]")),
        };
    }
    let flag_follows = line.flags.iter().any(|flag| line.cursor < flag.start);
    if flag_follows {
        return forms(keyword, |form| index_of(form, "[flags]"));
    }
    match keyword {
        Keyword::Healthcheck => healthcheck(line, part),
        Keyword::Arg => argument(line, part),
        Keyword::Env | Keyword::Label => pairs(line, keyword, part),
        Keyword::From => from(line, part),
        Keyword::User => user(line),
        Keyword::Maintainer | Keyword::Stopsignal | Keyword::Workdir => forms(keyword, |_| Some(0)),
        Keyword::Onbuild => Vec::new(),
        Keyword::Add
        | Keyword::Cmd
        | Keyword::Copy
        | Keyword::Entrypoint
        | Keyword::Expose
        | Keyword::Run
        | Keyword::Shell
        | Keyword::Volume => list(line, keyword, part),
    }
}

/// The forms of an instruction for which `active` finds a part.
fn forms(keyword: Keyword, active: impl Fn(&Form) -> Option<usize>) -> Vec<Signature> {
    spec(keyword)
        .forms
        .iter()
        .filter_map(|form| Some(signature(keyword, form, active(form)?)))
        .collect()
}

fn signature(keyword: Keyword, form: &'static Form, active: usize) -> Signature {
    let mut at = 0;
    let parameters = form.parts.iter().map(|part| {
        let start = form.text[at..].find(part.text).map_or(at, |n| at + n);
        at = start + part.text.len();
        Parameter {
            label: start..at,
            documentation: part.doc.into(),
        }
    });
    Signature {
        label: form.text.into(),
        parameters: parameters.collect(),
        documentation: spec(keyword).summary.into(),
        active,
    }
}

fn index_of(form: &Form, part: &str) -> Option<usize> {
    form.parts.iter().position(|p| p.text == part)
}

/// Index of the first part that is no flag.
fn first(form: &Form) -> usize {
    usize::from(form.parts[0].text == "[flags]")
}

fn is_json(form: &Form) -> bool {
    form.parts.iter().any(|part| part.text == "[")
}

fn is_heredoc(form: &Form) -> bool {
    form.parts.iter().any(|part| part.text == "<<NAME")
}

/// The value of a flag that is being typed.
fn flag_value(line: &Line<'_>, keyword: Keyword, index: usize) -> Option<Signature> {
    let span = &line.flags[index];
    let equals = line.text(span).find_byte(b'=')?;
    if line.cursor <= span.start + equals {
        return None;
    }
    let name = line.text(span).get(2..equals)?;
    let flag = spec(keyword)
        .flags
        .iter()
        .find(|f| f.name.as_bytes() == name)?;
    if flag.name == "mount" {
        let value = span.start + equals + 1..span.end;
        return Some(mount(flag, &Typed::new(line.all(), value, line.cursor)));
    }
    Some(flag_signature(flag))
}

/// The keys that a mount of the type being typed takes.
fn mount(flag: &'static Flag, typed: &Typed<'_>) -> Signature {
    let kind = typed.kind();
    let keys: Vec<_> = MOUNT_KEYS
        .iter()
        .filter(|key| key.types.contains(&kind))
        .collect();
    let mut label = format!("--{}=", flag.name);
    let mut parameters = Vec::new();
    for key in &keys {
        if !parameters.is_empty() {
            label.push(',');
        }
        let start = label.len();
        label += key.name;
        match key.name {
            "type" => label += &format!("={kind}"),
            _ if key.bare => {}
            _ => label += &format!("={}", key.example),
        }
        parameters.push(Parameter {
            label: start..label.len(),
            documentation: key.doc.into(),
        });
    }
    let written = typed.field().map_or("", |field| &field.key);
    let active = keys
        .iter()
        .position(|key| key.is_spelled(written))
        .or_else(|| {
            keys.iter()
                .position(|key| key.name.starts_with(written) && !typed.has(key))
        });
    Signature {
        label: label.into(),
        documentation: flag.doc.into(),
        parameters,
        active: active.unwrap_or(0),
    }
}

fn flag_signature(flag: &'static Flag) -> Signature {
    let label = format!("--{}={}", flag.name, flag.value);
    Signature {
        parameters: vec![Parameter {
            label: flag.name.len() + 3..label.len(),
            documentation: flag.doc.into(),
        }],
        label: label.into(),
        documentation: flag.doc.into(),
        active: 0,
    }
}

/// Instructions whose arguments are a list, as words or as a JSON array.
fn list(line: &Line<'_>, keyword: Keyword, part: Part) -> Vec<Signature> {
    if let Some(spot) = json::at_cursor(line) {
        // Behind the bracket and a space the array is no array any more: it becomes text.
        let behind = spot.closed && line.all()[..line.cursor].last() != Some(&b']');
        if !behind {
            return forms(keyword, |form| is_json(form).then(|| in_array(form, spot)));
        }
    }
    let at_start = match part {
        Part::Gap(0) => true,
        Part::Word(0) => line.cursor == line.words[0].start && line.word(0).starts_with(b"["),
        Part::Word(_) | Part::Gap(_) | Part::Keyword | Part::Flag(_) => false,
    };
    if at_start
        && line
            .words
            .first()
            .is_none_or(|word| line.text(word).starts_with(b"["))
    {
        return forms(keyword, |form| Some(first(form)));
    }
    let heredoc = document_form(line, keyword);
    forms(keyword, |form| {
        let fits = heredoc.is_none_or(|heredoc| is_heredoc(form) == heredoc);
        (!is_json(form) && fits).then(|| in_words(form, line, part))
    })
}

/// Tells whether the form with a here document is meant; `None` for a command that reads one, where all forms fit.
fn document_form(line: &Line<'_>, keyword: Keyword) -> Option<bool> {
    let opens = |word: &cursor::Span| line.text(word).starts_with(b"<<");
    let found = line.words.iter().position(opens);
    match found.filter(|_| keyword.takes_heredocs()) {
        Some(1..) if keyword == Keyword::Run => None,
        found => Some(found.is_some()),
    }
}

/// The part of a JSON form at the cursor.
fn in_array(form: &Form, spot: json::Spot) -> usize {
    let end = form.parts.len() - 1;
    if spot.closed {
        return end;
    }
    let first = index_of(form, "[").map_or(0, |at| at + 1);
    by_index(form, first, end - 1, spot.index, spot.is_last)
}

/// The part of a form of words at the cursor.
fn in_words(form: &Form, line: &Line<'_>, part: Part) -> usize {
    let (index, is_last) = match part {
        Part::Word(index) => (index, index + 1 == line.words.len()),
        Part::Gap(index) => (index, index == line.words.len()),
        Part::Keyword | Part::Flag(_) => (0, true),
    };
    by_index(form, first(form), form.parts.len() - 1, index, is_last)
}

/// The part for the element with that index, of those between `first` and `last`. A form that ends in `...` repeats
/// it; in one with something behind that, the last element is it.
fn by_index(form: &Form, first: usize, last: usize, index: usize, is_last: bool) -> usize {
    let repeats = form.parts[last].text == "...";
    if index == 0 || repeats {
        return (first + index).min(last);
    }
    if is_last {
        last
    } else {
        (first + index).min(last - 1)
    }
}

fn healthcheck(line: &Line<'_>, part: Part) -> Vec<Signature> {
    let keyword = Keyword::Healthcheck;
    let kind = line.word(0).to_ascii_uppercase();
    let none = !kind.is_empty() && b"NONE".starts_with(kind.as_slice());
    match part {
        Part::Gap(0) if kind.is_empty() => forms(keyword, |form| Some(first(form))),
        Part::Gap(0) => forms(keyword, |form| index_of(form, "[flags]")),
        Part::Word(0) if none => forms(keyword, |form| index_of(form, "NONE")),
        Part::Word(0) => forms(keyword, |form| index_of(form, "CMD")),
        _ if kind == b"NONE" => Vec::new(),
        // What looks like a flag there is the command, but its value is no part of one.
        _ if in_value_of_flag(line) => Vec::new(),
        _ => forms(keyword, |form| index_of(form, "command")),
    }
}

/// Tells whether the cursor is in the value of what looks like a flag behind `CMD`.
fn in_value_of_flag(line: &Line<'_>) -> bool {
    line.words.get(1).is_some_and(|word| {
        let equals = line.text(word).find_byte(b'=');
        line.text(word).starts_with(b"--")
            && line.cursor <= word.end
            && equals.is_some_and(|at| line.cursor > word.start + at)
    })
}

fn argument(line: &Line<'_>, part: Part) -> Vec<Signature> {
    let Part::Word(index) = part else {
        return forms(Keyword::Arg, |_| Some(0));
    };
    let word = &line.words[index];
    match line.text(word).find_byte(b'=') {
        None => forms(Keyword::Arg, |_| Some(0)),
        Some(equals) => {
            let active = usize::from(line.cursor > word.start + equals);
            forms(Keyword::Arg, |form| {
                (form.parts.len() > 1).then_some(active)
            })
        }
    }
}

/// Forms of `ENV` and `LABEL`: the old one, one pair, several pairs.
fn pairs(line: &Line<'_>, keyword: Keyword, part: Part) -> Vec<Signature> {
    let [old, one, many] = spec(keyword).forms else {
        return Vec::new();
    };
    let of = |list: &[(&'static Form, usize)]| {
        let signature = |(form, active): &(&'static Form, usize)| signature(keyword, form, *active);
        list.iter().map(signature).collect::<Vec<_>>()
    };
    let Some(word) = line.words.first() else {
        return of(&[(old, 0), (one, 0), (many, 0)]);
    };
    let single = line.words.len() == 1;
    let inside = line.cursor <= word.end;
    let Some(equals) = line.text(word).find_byte(b'=') else {
        return match (single, inside) {
            (true, true) => of(&[(old, 0), (one, 0), (many, 0)]),
            (_, inside) => of(&[(old, usize::from(!inside))]),
        };
    };
    let in_value = usize::from(line.cursor > word.start + equals);
    if inside && single {
        return of(&[(one, in_value), (many, in_value)]);
    }
    if inside {
        return of(&[(many, in_value)]);
    }
    let active = match part {
        Part::Word(index) => {
            let word = &line.words[index];
            let equals = line.text(word).find_byte(b'=');
            2 + usize::from(equals.is_some_and(|at| line.cursor > word.start + at))
        }
        Part::Gap(_) | Part::Keyword | Part::Flag(_) => 2,
    };
    of(&[(many, active)])
}

fn from(line: &Line<'_>, part: Part) -> Vec<Signature> {
    let base = line.word(0);
    let digest = base.find_byte(b'@');
    let name = base.rfind_byte(b'/').map_or(0, |at| at + 1);
    let tag = base[name..].find_byte(b':').map(|at| name + at);
    let separator = digest.or(tag);
    let only = match (digest, tag) {
        (Some(_), _) => Some("digest"),
        (None, Some(_)) => Some("tag"),
        (None, None) => None,
    };
    let named = line.words.len() > 1 || matches!(part, Part::Gap(1..));
    let wanted = match part {
        Part::Word(0) | Part::Gap(0) => {
            let behind = |at: usize| line.cursor > line.words[0].start + at;
            match (only, separator) {
                (Some(part), Some(at)) if behind(at) => part,
                _ => "image",
            }
        }
        Part::Word(1) | Part::Gap(1) => "AS",
        Part::Word(_) | Part::Gap(_) | Part::Keyword | Part::Flag(_) => "name",
    };
    forms(Keyword::From, |form| {
        let fits = only.is_none_or(|part| index_of(form, part).is_some());
        let fits = fits && (!named || index_of(form, "AS").is_some());
        index_of(form, wanted).filter(|_| fits)
    })
}

fn user(line: &Line<'_>) -> Vec<Signature> {
    let text = line.text(&line.arguments);
    match text.find_byte(b':') {
        None => forms(Keyword::User, |_| Some(0)),
        Some(colon) => {
            let active = usize::from(line.cursor > line.arguments.start + colon);
            forms(Keyword::User, |form| {
                (form.parts.len() > 1).then_some(active)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Forms at `|` with the part in brackets that is being typed.
    fn at(marked: &str) -> Vec<String> {
        let offset = marked.find('|').unwrap();
        let file = File::new(marked.replacen('|', "", 1).into_bytes());
        let show = |s: Signature| {
            let part = s.parameters[s.active].label.clone();
            let label = &s.label;
            format!(
                "{}«{}»{}",
                &label[..part.start],
                &label[part.clone()],
                &label[part.end..]
            )
        };
        signatures(&file, offset as u32)
            .into_iter()
            .map(show)
            .collect()
    }

    #[test]
    fn forms_with_a_document_are_those_of_instructions_that_take_one() {
        for (marked, want) in [
            (
                "RUN cat| <<E > /a",
                &["RUN [flags] «command» argument ...", "RUN [flags] «<<NAME»"][..],
            ),
            ("RUN <<E|", &["RUN [flags] «<<NAME»"]),
            ("EXPOSE <<E|", &["EXPOSE «port» ..."]),
            ("ENTRYPOINT <<E|", &["ENTRYPOINT «program» argument ..."]),
        ] {
            assert_eq!(at(marked), want, "{marked}");
        }
    }

    #[test]
    fn the_part_at_the_cursor_is_told() {
        for (marked, want) in [
            ("COPY a |", "COPY [flags] source ... «destination»"),
            ("COPY --from=b| c d", "--from=«stage|image|context»"),
            ("COPY --li| c d", "COPY «[flags]» source ... destination"),
            (
                "COPY [\"a\", \"b|\", \"c\"]",
                "COPY [flags] [\"source\", «...», \"destination\"]",
            ),
            ("COPY <<E /x|", "COPY [flags] <<NAME «destination»"),
            ("ADD a b| c", "ADD [flags] source «...» destination"),
            ("RUN a b c|", "RUN [flags] command argument «...»"),
            ("RUN [ -f a| ]", "RUN [flags] command argument «...»"),
            ("FROM a:b| AS c", "FROM [flags] image:«tag» AS name"),
            (
                "FROM localhost:5000/a A|S c",
                "FROM [flags] image «AS» name",
            ),
            (
                "RUN --mount=type=tmpfs,si|",
                "--mount=type=tmpfs,target=/path,readonly,readwrite,«size=64m»",
            ),
            (
                "RUN --mount=type=ssh,|",
                "--mount=type=ssh,«id=name»,target=/path,required,readonly,readwrite,mode=0400,uid=1000,gid=1000",
            ),
            ("ENV a=b c=d|", "ENV name=value name2=«value2» ..."),
            ("ARG a=|", "ARG name=«default»"),
            ("USER a:b|", "USER user:«group»"),
            ("CMD --x| y", "CMD «program» argument ..."),
            ("LABEL --x=|", "LABEL name=«value»"),
            ("STOPSIGNAL --x|", "STOPSIGNAL «signal»"),
            ("HEALTHCHECK --retries=|", "--retries=«number»"),
            ("HEALTHCHECK CMD a|", "HEALTHCHECK [flags] CMD «command»"),
            (
                "HEALTHCHECK CMD --retries|=1",
                "HEALTHCHECK [flags] CMD «command»",
            ),
            ("ONBUILD | RUN a", "ONBUILD «instruction»"),
            ("# escape=|", "escape=«character»"),
            ("#esc|ape=`", "escape=«character»"),
        ] {
            assert_eq!(
                at(marked).first().map(String::as_str),
                Some(want),
                "{marked}"
            );
        }
        for none in [
            "|FROM a",
            "RUN <<E\na|\nE\n",
            "# a|",
            "FOO a|",
            "HEALTHCHECK CMD --a=|",
            "",
        ] {
            let marked = if none.is_empty() { "|" } else { none };
            assert!(at(marked).is_empty(), "{marked}");
        }
    }
}
