//! What is under the cursor: manual pages, values of variables, what is known of images and stages.

use super::File;
use super::cursor::{self, Comment, Line, Part, Place, Span, directive_name};
use super::facts;
use super::mount::Typed;
use super::names::{Occurrence, OccurrenceId, Role, Stage, SymbolKind, Variable};
use super::surroundings::Surroundings;
use crate::instructions::flags::Flag;
use crate::instructions::{Kind, spec};
use crate::lints::{self, Lint};
use crate::model;
use crate::model::mount::{MOUNT_KEYS, MountKey};
use crate::model::signal::Signal;
use crate::model::{argument, label, platform, port};
use crate::syntax::{Keyword, directive};
use crate::text::TextRange;
use bstr::{BString, ByteSlice};
use std::borrow::Cow;

/// What a place is about.
#[derive(Clone, Debug)]
pub struct Hover {
    /// The text it is about.
    pub range: TextRange,
    /// What that is.
    pub subject: Subject,
    /// Markdown.
    pub text: Cow<'static, str>,
}

/// What a [`Hover`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An instruction, of which this is the keyword.
    Instruction(Keyword),
    /// A parser directive.
    Directive(directive::Name),
    /// A flag.
    Flag,
    /// Something a flag may be set to.
    FlagValue,
    /// A key of a mount.
    MountKey,
    /// A variable with its value, as far as the text tells.
    Variable {
        /// `None` when only the build knows it.
        value: Option<String>,
    },
    /// A stage.
    Stage,
    /// An image.
    Image,
    /// A check rule.
    Lint,
    /// Something of one build: a here document, the id of a secret, an agent or a cache.
    Id,
    /// A word of an argument: a port, a signal, a label.
    Word,
}

/// What is at `offset`; `None` when there is nothing to say.
///
/// ```
/// use cooperage_lang::ide::{File, hover::{Subject, hover}, surroundings::Nowhere};
/// let file = File::new(b"FROM a\nENV PORT=80\nEXPOSE $PORT\n".to_vec());
/// let found = hover(&file, 27, &Nowhere).unwrap();
/// assert_eq!(found.subject, Subject::Variable { value: Some("80".to_owned()) });
/// ```
pub fn hover(file: &File, offset: u32, around: &dyn Surroundings) -> Option<Hover> {
    let offset = offset.min(file.source().len() as u32);
    let found = match cursor::find(file, offset) {
        Place::Comment(comment) => in_comment(&comment),
        Place::Heredoc(_) => name(file, offset, around),
        Place::Line(line) => in_line(file, &line, around),
        Place::Nothing => None,
    };
    // A continuation in front of a word belongs to the line, but the word is not there.
    found.filter(|hover| hover.range.start <= offset && offset <= hover.range.end)
}

fn in_line(file: &File, line: &Line<'_>, around: &dyn Surroundings) -> Option<Hover> {
    let part = line.part();
    if part == Part::Keyword {
        return keyword(line);
    }
    if let Some(found) = name(file, line.offset, around) {
        return Some(found);
    }
    match part {
        Part::Flag(index) => flag(line, index, around),
        Part::Word(index) => word(line, index, around),
        Part::Keyword | Part::Gap(_) => None,
    }
}

fn keyword(line: &Line<'_>) -> Option<Hover> {
    let known = line.known?;
    Some(Hover {
        range: line.range(&line.keyword),
        subject: Subject::Instruction(known),
        text: spec(known).page(),
    })
}

/// A name that the file gives something: a variable, a stage, a mount's id.
fn name(file: &File, offset: u32, around: &dyn Surroundings) -> Option<Hover> {
    let names = file.names();
    let id = names.at(offset)?;
    let found = names.get(id);
    let symbol = names.symbol_of(found);
    match symbol.kind {
        SymbolKind::Variable => variable(file, id, found),
        SymbolKind::Stage => stage(file, found),
        SymbolKind::Source => image(file, found.range, None, around),
        SymbolKind::Heredoc | SymbolKind::Secret | SymbolKind::Ssh | SymbolKind::Cache => {
            Some(id_of_mount(file, found))
        }
    }
}

/// A here document, or the id of a mount, and where else it is used.
fn id_of_mount(file: &File, found: &Occurrence) -> Hover {
    let names = file.names();
    let symbol = names.symbol_of(found);
    let name = symbol.name.to_str_lossy().replace('`', "'");
    let mut text = match symbol.kind {
        SymbolKind::Heredoc => format!("Here document, up to the line `{name}`."),
        SymbolKind::Secret => {
            format!("Secret `{name}`, given when building: `--secret id={name},src=FILE`.")
        }
        SymbolKind::Ssh => format!("Agent `{name}`, given when building: `--ssh {name}`."),
        SymbolKind::Cache => format!("Cache `{name}`, kept between builds."),
        SymbolKind::Stage | SymbolKind::Variable | SymbolKind::Source => String::new(),
    };
    let lines = |o: &Occurrence| file.lines().line_column(o.range.start).0 + 1;
    let here = lines(found);
    let mut others: Vec<String> = names
        .occurrences_of(found.symbol)
        .map(lines)
        .filter(|line| *line != here)
        .map(|line| line.to_string())
        .collect();
    others.dedup();
    if symbol.kind != SymbolKind::Heredoc && !others.is_empty() {
        text += &format!(" Also on line {}.", others.join(", "));
    }
    Hover {
        range: found.whole,
        subject: Subject::Id,
        text: text.into(),
    }
}

fn variable(file: &File, id: OccurrenceId, found: &Occurrence) -> Option<Hover> {
    let names = file.names();
    let name = names.symbol_of(found).name.to_str_lossy().into_owned();
    let range = found.whole;
    let known = match found.role {
        Role::Definition => names.defined(file, id),
        Role::Use | Role::Indirect if is_open(file, found) => return None,
        Role::Use | Role::Indirect => names
            .variables(file, found.range.start)
            .into_iter()
            .find(|v| v.name == name),
    };
    let mut text = match &known {
        Some(variable) => described(file, variable),
        None => String::new(),
    };
    let meaning = argument::find(&name)
        .map(|known| known.doc)
        .or_else(|| model::variable::known(&name).map(|known| known.doc));
    if let Some(meaning) = meaning {
        if !text.is_empty() {
            text += "\n\n";
        }
        text += &format!("`{name}`: {meaning}");
    }
    (!text.is_empty()).then(|| Hover {
        range,
        subject: Subject::Variable {
            value: known.and_then(|v| v.value),
        },
        text: text.into(),
    })
}

/// `${name` whose brace is never closed: no reference the builder would accept.
fn is_open(file: &File, found: &Occurrence) -> bool {
    let whole = file.text(found.whole);
    if !whole.starts_with(b"${") || whole.ends_with(b"}") {
        return false;
    }
    let node = &file.parse().nodes()[found.node as usize];
    let behind = TextRange::new(found.whole.end, node.range.end.max(found.whole.end));
    !file.text(behind).contains(&b'}')
}

/// A variable with its value, where that comes from and how sure it is.
fn described(file: &File, variable: &Variable) -> String {
    let set = file.names().get(variable.set);
    let line = file.lines().line_column(set.range.start).0 + 1;
    let keyword = variable.keyword.upper();
    let name = &variable.name;
    let (shown, note) = match (&variable.value, variable.keyword) {
        (None, Keyword::Arg) => (
            format!("{keyword} {name}"),
            format!("Declared on line {line}; its value is given when building."),
        ),
        (None, _) => (
            format!("{keyword} {name}"),
            format!("Set on line {line}, to a value that cannot be read yet."),
        ),
        (Some(value), Keyword::Arg) => (
            format!("{keyword} {name}={value}"),
            format!("Default of line {line}; a build argument replaces it."),
        ),
        (Some(value), _) => (
            format!("{keyword} {name}={value}"),
            format!("Set on line {line}."),
        ),
    };
    let open = if variable.complete || variable.value.is_none() {
        ""
    } else {
        " Variables in it get their values when building."
    };
    format!("{}\n\n{note}{open}", facts::fenced("dockerfile", &shown))
}

/// A stage: its `FROM` line, what its author says of it, and how much there is of it.
fn stage(file: &File, found: &Occurrence) -> Option<Hover> {
    let stages = file.names().stages();
    let called_so = |stage: &Stage| stage.symbol == found.symbol;
    // Of several with one name the nearest above is meant.
    let index = stages
        .iter()
        .rposition(|stage| called_so(stage) && stage.range.start <= found.range.start)
        .or_else(|| stages.iter().position(called_so))?;
    let stage = &stages[index];
    let line = file.lines().line_column(stage.from.start).0 + 1;
    let mut text = facts::fenced("dockerfile", &file.text(stage.from).to_str_lossy());
    if let Some(description) = description(file, stage) {
        text += &format!("\n\n{}", description.to_str_lossy());
    }
    text += &match stage.nodes.len() - 1 {
        1 => format!("\n\nStage {index}, line {line}, 1 instruction"),
        steps => format!("\n\nStage {index}, line {line}, {steps} instructions"),
    };
    if let Some(base) = stage.base {
        text += &format!(", continues stage {base}");
    }
    text.push('.');
    Some(Hover {
        range: found.whole,
        subject: Subject::Stage,
        text: text.into(),
    })
}

/// What the comment above a stage says of it.
fn description<'f>(file: &'f File, stage: &Stage) -> Option<&'f BString> {
    let read = &file.dockerfile().stages;
    let typed = read.iter().find(|s| s.from.range == stage.from)?;
    match &typed.from.kind {
        Kind::From(from) => from.doc.as_ref(),
        _ => None,
    }
}

/// An image: what the surroundings know of it.
fn image(
    file: &File,
    range: TextRange,
    platform: Option<&str>,
    around: &dyn Surroundings,
) -> Option<Hover> {
    let reference = file.names().expanded(file, file.text(range), range.start)?;
    let text = if reference == "scratch" {
        "**scratch**\n\nNo image: the stage begins empty.".to_owned()
    } else {
        facts::image(&*around.image(&reference, platform)?)
    };
    Some(Hover {
        range,
        subject: Subject::Image,
        text: text.into(),
    })
}

/// A flag: at its name what it is for, at its value what that means, else what it is for too.
fn flag(line: &Line<'_>, index: usize, around: &dyn Surroundings) -> Option<Hover> {
    let span = &line.flags[index];
    let text = line.text(span);
    let equals = span.start + text.find_byte(b'=').unwrap_or(text.len());
    let name = span.start + 2..equals.max(span.start + 2);
    let flags = spec(line.known?).flags;
    let flag = flags
        .iter()
        .find(|f| f.name.as_bytes() == line.text(&name))?;
    let page = |at: &Span| Hover {
        range: line.range(at),
        subject: Subject::Flag,
        text: flag_page(flag).into(),
    };
    if line.cursor < name.start {
        return Some(page(&(span.start..name.end)));
    }
    if line.cursor <= name.end {
        return Some(page(&name));
    }
    let value = equals + 1..span.end;
    Some(flag_value(line, flag, &value, around).unwrap_or_else(|| page(&value)))
}

fn flag_value(
    line: &Line<'_>,
    flag: &Flag,
    value: &Span,
    around: &dyn Surroundings,
) -> Option<Hover> {
    let written = line.text(value).to_str_lossy();
    let text = match flag.name {
        "mount" => return mount(line, value),
        "from" => return image(line.file(), line.range(value), None, around),
        "platform" => {
            let (name, machines) = platform::USUAL.iter().find(|(name, _)| *name == written)?;
            format!("`{name}`: {machines}.")
        }
        _ => {
            let choice = flag.choices.iter().find(|choice| **choice == written)?;
            format!("`--{}={choice}`: {}", flag.name, flag.doc)
        }
    };
    Some(Hover {
        range: line.range(value),
        subject: Subject::FlagValue,
        text: text.into(),
    })
}

fn flag_page(flag: &Flag) -> String {
    let form = if flag.example.is_empty() {
        format!("--{0}\n--{0}={1}", flag.name, flag.value)
    } else {
        format!("--{}={}", flag.name, flag.value)
    };
    let mut page = format!("{}\n\n{}", facts::fenced("dockerfile", &form), flag.doc);
    if flag.name == "mount" {
        for (kind, doc) in MOUNT_KEYS[0].choices {
            page += &format!("\n- `type={kind}`: {doc}");
        }
    }
    page
}

/// A key or a value of `--mount`.
fn mount(line: &Line<'_>, value: &Span) -> Option<Hover> {
    let typed = Typed::new(line.all(), value.clone(), line.cursor);
    let field = typed.field()?;
    let key = MountKey::find(&field.key)?;
    let Some(value) = typed.value() else {
        let end = field.whole.start + field.key.len();
        return Some(Hover {
            range: line.range(&(field.whole.start..end)),
            subject: Subject::MountKey,
            text: key_page(key).into(),
        });
    };
    let written = line.text(&value);
    let mut choices = key.choices.iter();
    let (choice, doc) =
        choices.find(|(choice, _)| written.eq_ignore_ascii_case(choice.as_bytes()))?;
    Some(Hover {
        range: line.range(&value),
        subject: Subject::FlagValue,
        text: format!("`{}={choice}`: {doc}", key.name).into(),
    })
}

fn key_page(key: &MountKey) -> String {
    let types: Vec<&str> = key.types.iter().map(|kind| kind.name()).collect();
    let mut text = format!("`{}`", key.name);
    for alias in key.aliases {
        text += &format!(", `{alias}`");
    }
    text += &format!(": {}\n\nFor mounts of type {}.", key.doc, types.join(", "));
    for (choice, doc) in key.choices {
        text += &format!("\n- `{choice}`: {doc}");
    }
    text
}

/// A word of the arguments that means something by itself.
fn word(line: &Line<'_>, index: usize, around: &dyn Surroundings) -> Option<Hover> {
    let span = line.words[index].clone();
    let text = line.text(&span).to_str_lossy();
    match line.known? {
        Keyword::From if index == 0 => {
            let platform = line.flags.iter().find_map(|f| {
                line.text(f)
                    .strip_prefix(b"--platform=")
                    .map(|p| p.to_str_lossy().into_owned())
            });
            image(line.file(), line.range(&span), platform.as_deref(), around)
        }
        Keyword::From if index == 1 => part(line, &span, "AS"),
        Keyword::Healthcheck if index == 0 => part(line, &span, &text.to_ascii_uppercase()),
        Keyword::Expose => {
            let number = text.split('/').next()?.parse().ok()?;
            let service = port::service(number)?;
            Some(word_hover(
                line,
                &span,
                format!("Port {number}: {service}."),
            ))
        }
        Keyword::Stopsignal => {
            let signal = Signal::parse(&text).ok()?;
            let name = signal.name()?;
            let meaning = signal.meaning().unwrap_or_default();
            let text = format!("`SIG{name}`, {}. {meaning}", signal.number());
            Some(word_hover(line, &span, text.trim_end().to_owned()))
        }
        Keyword::Label => {
            let name = text.split('=').next()?;
            if line.cursor > span.start + name.len() {
                return None;
            }
            let known = label::known(name.trim_matches(['"', '\'']))?;
            let name = span.start..span.start + name.len();
            Some(word_hover(
                line,
                &name,
                format!("`{}`: {}", known.name, known.doc),
            ))
        }
        _ => None,
    }
}

/// A fixed word of a form.
fn part(line: &Line<'_>, span: &Span, word: &str) -> Option<Hover> {
    let mut parts = spec(line.known?).forms.iter().flat_map(|form| form.parts);
    let found =
        parts.find(|part| part.text == word && word.bytes().all(|b| b.is_ascii_uppercase()))?;
    Some(word_hover(line, span, format!("`{word}`: {}", found.doc)))
}

fn word_hover(line: &Line<'_>, span: &Span, text: String) -> Hover {
    Hover {
        range: line.range(span),
        subject: Subject::Word,
        text: text.into(),
    }
}

/// A directive, or the name of a rule in a comment that switches rules.
fn in_comment(comment: &Comment<'_>) -> Option<Hover> {
    if let Some((name, span)) = directive_name(comment.text)
        && comment.head
        && span.start <= comment.cursor
        && comment.cursor <= span.end
    {
        return Some(Hover {
            range: within(comment, &span),
            subject: Subject::Directive(name),
            text: name.spec().docs.into(),
        });
    }
    let (span, lint) = rule(comment)?;
    let others = match lint.aliases {
        [] => String::new(),
        aliases => format!("\n\nAlso called {}.", aliases.join(", ")),
    };
    let more = match lint.url {
        "" => String::new(),
        url => format!("\n\n[{url}]({url})"),
    };
    Some(Hover {
        range: within(comment, &span),
        subject: Subject::Lint,
        text: format!("{}{others}{more}", lint.docs.trim_end()).into(),
    })
}

/// The check rule whose name the cursor is at, in a list behind a `=`.
fn rule(comment: &Comment<'_>) -> Option<(Span, &'static Lint)> {
    let in_name = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'-';
    let (before, behind) = comment
        .text
        .split_at(comment.cursor.min(comment.text.len()));
    let start = before.len() - before.iter().rev().take_while(in_name).count();
    let end = before.len() + behind.iter().take_while(in_name).count();
    let head = before[..start].trim_end();
    let listed = head.ends_with(b"=") || (head.ends_with(b",") && head.contains(&b'='));
    let name = comment.text[start..end].to_str().ok()?;
    listed
        .then(|| lints::find_called(name))?
        .map(|lint| (start..end, lint))
}

fn within(comment: &Comment<'_>, span: &Span) -> TextRange {
    let at = |n: usize| comment.range.start + n as u32;
    TextRange::new(at(span.start), at(span.end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ide::surroundings::{ImageFacts, Memory, Nowhere};
    use crate::plan::config::{ContainerConfig, ImageConfig};
    use std::sync::Arc;

    /// The first line of the text at `|` that is not a fence, and what it is about.
    fn at(marked: &str) -> Option<(String, Subject)> {
        let offset = marked.find('|').unwrap();
        let file = File::new(marked.replacen('|', "", 1).into_bytes());
        let found = hover(&file, offset as u32, &Nowhere)?;
        let line = found.text.lines().find(|line| !line.starts_with("```"))?;
        Some((line.to_owned(), found.subject))
    }

    fn text(marked: &str) -> String {
        at(marked).map(|(text, _)| text).unwrap_or_default()
    }

    /// The last line of the text at `|`.
    fn last(marked: &str) -> String {
        let offset = marked.find('|').unwrap();
        let file = File::new(marked.replacen('|', "", 1).into_bytes());
        let found = hover(&file, offset as u32, &Nowhere);
        let line = found.and_then(|found| found.text.lines().last().map(str::to_owned));
        line.unwrap_or_default()
    }

    #[test]
    fn every_part_has_its_page() {
        for (marked, want) in [
            ("FR|OM a", "# FROM"),
            ("FROM a\nONBUILD RU|N b", "# RUN"),
            (
                "FROM a\nRUN --mo|unt=type=cache b",
                "--mount=type=bind|cache|tmpfs|secret|ssh,...",
            ),
            ("FROM a\nCOPY |--chown=b c d", "--chown=user[:group]"),
            ("FROM a\nCOPY --chown=ro|ot c d", "--chown=user[:group]"),
            ("# esc|ape=`\nFROM a", "# escape"),
            ("FROM a\nCOPY --fr|om=b c d", "--from=stage|image|context"),
            (
                "FROM a\nCOPY --link=tr|ue c d",
                "`--link=true`: Makes an own layer that does not depend on the files below it, so it stays cached when they change.",
            ),
            (
                "FROM --platform=linux/arm|64 a",
                "`linux/arm64`: 64-bit ARM: Apple silicon, Graviton, Raspberry Pi 3 and later.",
            ),
            (
                "FROM a\nRUN --mount=type=cache,shar|ing=locked b",
                "`sharing`: What happens when several builds want the cache.",
            ),
            (
                "FROM a\nRUN --mount=type=cache,sharing=lock|ed b",
                "`sharing=locked`: A second build waits for the first; for `apt` and others that lock.",
            ),
            (
                "FROM a\nRUN --mount=type=secret,id=tok|en b",
                "Secret `token`, given when building: `--secret id=token,src=FILE`.",
            ),
            ("FROM a\nEXPOSE 543|2/tcp", "Port 5432: PostgreSQL."),
            (
                "FROM a\nSTOPSIGNAL SIGQU|IT",
                "`SIGQUIT`, 3. Quit; nginx and php-fpm finish open requests.",
            ),
            (
                "FROM a\nLABEL org.opencontainers.image.tit|le=x",
                "`org.opencontainers.image.title`: Name for people.",
            ),
            (
                "FROM a\nHEALTHCHECK NO|NE",
                "`NONE`: Switches off the test of the base image.",
            ),
            ("FROM scr|atch", "**scratch**"),
            ("# check=skip=Undefined|Var\nFROM a", "# UndefinedVar"),
            (
                "FROM a\n# hadolint ignore=DL3006,DL40|00\nRUN b",
                "# MaintainerDeprecated",
            ),
            ("FROM a\nRUN ec|ho", ""),
            ("FROM a\n# a com|ment, that=is all\nRUN b", ""),
        ] {
            assert_eq!(text(marked), want, "{marked}");
        }
    }

    #[test]
    fn variables_tell_value_and_origin() {
        let found = at("ARG V=1\nFROM a AS b\nARG V\nENV W=$V.2\nFROM b\nRUN echo $W|").unwrap();
        let value = Some("1.2".to_owned());
        assert_eq!(found, ("ENV W=1.2".to_owned(), Subject::Variable { value }));
        assert_eq!(text("FROM a\nARG TARGET|ARCH"), "ARG TARGETARCH");
        assert_eq!(text("FROM a\nENV V=\"b \"\nUSER $V|"), "ENV V=b ");
        assert!(last("FROM a\nARG V|").contains("when building"));
        for unread in ["FROM a\nENV V|=\"b c", "FROM a\nENV V|"] {
            assert!(last(unread).contains("cannot be read"), "{unread}");
        }
        assert_eq!(
            text("FROM --platform=$BUILD|PLATFORM a"),
            "`BUILDPLATFORM`: Platform of the machine that builds."
        );
        assert_eq!(at("FROM a\nUSER ${V|"), None);
    }

    #[test]
    fn stages_show_how_they_begin() {
        let text =
            "# build makes the program\nFROM a AS build\nRUN b\nFROM c\nCOPY --from=bui|ld /x /";
        let offset = text.find('|').unwrap();
        let file = File::new(text.replace('|', "").into_bytes());
        let found = hover(&file, offset as u32, &Nowhere).unwrap();
        let want = "```dockerfile\nFROM a AS build\n```\n\nmakes the program\n\nStage 0, line 2, 1 instruction.";
        assert_eq!((&*found.text, found.subject), (want, Subject::Stage));
    }

    #[test]
    fn images_show_what_is_known_of_them() {
        let config = ContainerConfig {
            user: "app".to_owned(),
            cmd: Some(vec!["sh".to_owned()]),
            ..ContainerConfig::default()
        };
        let facts = ImageFacts {
            reference: "alpine:3".to_owned(),
            digest: "sha256:ab".to_owned(),
            size: "8.5 MB".to_owned(),
            config: Arc::new(ImageConfig {
                config,
                ..ImageConfig::default()
            }),
            ..ImageFacts::default()
        };
        let around = Memory {
            facts: Some(Arc::new(facts)),
            ..Memory::default()
        };
        let file = File::new(b"ARG V=3\nFROM alpine:$V".to_vec());
        let found = hover(&file, 16, &around).unwrap();
        let want = "**alpine:3**\n\n- digest: `sha256:ab`\n- size: 8.5 MB\n- user: `app`\n- command: `[\"sh\"]`";
        assert_eq!((&*found.text, found.subject), (want, Subject::Image));
    }
}
