//! What ShellCheck says of the shell in `RUN`, where somebody has asked it: which texts it is given, and what becomes of
//! its comments. The program itself is not run here.
//!
//! **Source:** ShellCheck's manual, `--shell` and the format `json1`; which of its rules make no sense for a `RUN`: what
//! hadolint leaves out, and what rules of ours know better, for they see the Dockerfile around the text.

use super::base_shell::{Families, Family};
use super::{Config, Level, find_called};
use crate::diagnostic::{Diagnostic, Fix, Severity};
use crate::ide::File;
use crate::shell::{Dialect, Snippet};
use crate::syntax::Keyword;
use crate::text::{LineIndex, TextRange};
use bstr::ByteSlice;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Rules that are not listened to, by what they are about.
const LEFT_OUT: &[&[u16]] = &[FOLLOWING, VARIABLES, SHEBANG, SUBSHELLS];

/// Files that are read: none can be followed from here.
const FOLLOWING: &[u16] = &[1090, 1091];

/// Variables that are never set, which ARG and ENV may do (`VariableUnassigned` sees them), or never read, which programs
/// that are started may do.
const VARIABLES: &[u16] = &[2034, 2153, 2154];

/// The first line of a file that names its shell, which the text is none of.
const SHEBANG: &[u16] = &[1008, 1071, 2148, 2187, 2239];

/// What is set in one part of a chain is gone in the next: in a `RUN` nobody waits for it.
const SUBSHELLS: &[u16] = &[2030, 2031];

/// A shell text for ShellCheck.
#[derive(Clone, Copy, Debug)]
pub struct ShellText<'f> {
    /// The text as the shell gets it.
    pub text: &'f str,
    /// For `--shell`.
    pub dialect: &'static str,
    snippet: &'f Snippet,
}

/// Something that ShellCheck says of a text. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Where it begins.
    pub start: (u32, u32),
    /// Where it ends.
    pub end: (u32, u32),
    /// How much ShellCheck thinks it matters.
    pub severity: Severity,
    /// `2086`, without `SC`.
    pub code: u16,
    /// One sentence.
    pub message: String,
    /// What it would write instead.
    pub fix: Vec<Replacement>,
}

/// A part of the fix of a [`Comment`]. Nothing is replaced where it begins and ends at the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// Where it begins.
    pub start: (u32, u32),
    /// Where it ends.
    pub end: (u32, u32),
    /// An insertion that belongs to what stands in front of it: a closing quote.
    pub behind: bool,
    /// The new text.
    pub text: String,
}

/// The texts of a file that ShellCheck can read: those of `RUN` for a POSIX shell, in order.
pub fn texts<'f>(file: &'f File, config: &Config) -> Vec<ShellText<'f>> {
    let mut families = None;
    let runs = file.scripts().iter();
    let runs = runs.filter(|snippet| snippet.keyword == Keyword::Run && !snippet.exec);
    let texts = runs.filter_map(|snippet| {
        let mut family = || {
            let families = families.get_or_insert_with(|| Families::of(file));
            families.shell(snippet)
        };
        let dialect = match snippet.interpreter.dialect {
            Dialect::Sh => match family() {
                Family::Dash | Family::Ash => "dash",
                Family::Unknown if config.hadolint => "sh",
                // While nobody knows the shell, nothing is said to be unknown to it.
                Family::Unknown | Family::Bash => "bash",
            },
            Dialect::Dash | Dialect::Ash => "dash",
            Dialect::Bash => "bash",
            Dialect::Ksh => "ksh",
            Dialect::Zsh | Dialect::Foreign => return None,
        };
        Some(ShellText {
            text: snippet.script.text().to_str().ok()?,
            dialect,
            snippet,
        })
    });
    texts.collect()
}

/// What ShellCheck's comments say of a file; [`report`](super::report) gives them their levels.
pub fn findings(file: &File, text: &ShellText<'_>, comments: &[Comment]) -> Vec<Diagnostic> {
    let heard = comments
        .iter()
        .filter(|comment| !LEFT_OUT.iter().any(|codes| codes.contains(&comment.code)));
    let lines = LineIndex::new(text.text.as_bytes());
    let instruction = file.parse().nodes()[text.snippet.node].lines;
    let finding = |comment: &Comment| {
        let start = offset(text.text, &lines, comment.start);
        let end = offset(text.text, &lines, comment.end).max(start);
        Some(Diagnostic {
            code: code(comment.code)?,
            severity: comment.severity,
            range: text.snippet.source_range(TextRange::new(start, end)),
            lines: vec![instruction],
            message: in_our_words(&comment.message),
            fix: fix(file, text, &lines, &comment.fix),
        })
    };
    heard.filter_map(finding).collect()
}

/// The replacements in the file; none that break a line, as the Dockerfile would read it in another way.
fn fix(
    file: &File,
    text: &ShellText<'_>,
    lines: &LineIndex,
    replacements: &[Replacement],
) -> Option<Fix> {
    let mut edits = Vec::new();
    for new in replacements {
        let start = offset(text.text, lines, new.start);
        let end = offset(text.text, lines, new.end).max(start);
        let around = |start, end| text.snippet.source_range(TextRange::new(start, end));
        let range = if start < end {
            around(start, end)
        } else if new.behind {
            // A line that continues may lie in between.
            let at = around(start.checked_sub(1)?, start).end;
            TextRange::new(at, at)
        } else {
            let at = around(start, start + 1).start;
            TextRange::new(at, at)
        };
        edits.push((range, new.text.clone()));
    }
    edits.sort_by_key(|(range, _)| *range);
    let apart = |pair: &[(TextRange, String)]| {
        let [(first, _), (second, _)] = pair else {
            return true;
        };
        first.end <= second.start && first != second
    };
    let breaks = |(range, new): &(TextRange, String)| {
        new.contains('\n') || file.text(*range).contains(&b'\n')
    };
    if !edits.windows(2).all(apart) || edits.iter().any(breaks) {
        return None;
    }
    Some(Fix {
        title: title(file, &edits)?,
        edits,
    })
}

/// "write `"$a"`", with what stands there afterwards when that is short.
fn title(file: &File, edits: &[(TextRange, String)]) -> Option<String> {
    const LONGEST: usize = 40;
    let (first, _) = edits.first()?;
    let (mut new, mut at) = (Vec::new(), first.start);
    for (range, text) in edits {
        new.extend_from_slice(file.text(TextRange::new(at, range.start)));
        new.extend_from_slice(text.as_bytes());
        at = range.end;
    }
    let is_told = new.len() <= LONGEST && !new.contains(&b'\n');
    Some(match new.to_str() {
        Ok(new) if is_told => format!("write `{}`", new.trim()),
        _ => "write what ShellCheck proposes".to_owned(),
    })
}

/// The byte at a line and column; beyond the end of the line its end.
fn offset(text: &str, lines: &LineIndex, (line, column): (u32, u32)) -> u32 {
    let line = lines.line_range(line);
    let (start, skipped) = (line.start as usize, column.saturating_sub(1) as usize);
    let content = text[start..line.end as usize].trim_end_matches(['\n', '\r']);
    let inside = if content.is_ascii() {
        skipped.min(content.len())
    } else {
        let mut starts = content.char_indices().map(|(at, _)| at);
        starts.nth(skipped).unwrap_or(content.len())
    };
    (start + inside) as u32
}

/// A sentence as ours are: without a full stop, unless several follow each other.
fn in_our_words(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let bare = line.strip_suffix('.').unwrap_or(line);
    bare.to_owned()
}

/// `SC2086`. The names that were met are kept: there are a few hundred, and no number above 9999 is one.
fn code(number: u16) -> Option<&'static str> {
    static MET: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    if !(1000..10_000).contains(&number) {
        return None;
    }
    let name = format!("SC{number}");
    let mut met = MET.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = met.get(name.as_str()) {
        return Some(known);
    }
    let name: &'static str = Box::leak(name.into_boxed_str());
    met.insert(name);
    Some(name)
}

/// Whether a finding is one of ShellCheck's.
pub fn is_code(code: &str) -> bool {
    let digits = code.strip_prefix("SC");
    digits.is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// The page about a rule of ShellCheck.
pub fn page(code: &str) -> Option<String> {
    is_code(code).then(|| format!("https://www.shellcheck.net/wiki/{code}"))
}

/// The level of a finding: what the project says of that rule, or of ours that looks for the same, else ShellCheck's own.
pub(super) fn severity(found: &Diagnostic, config: &Config) -> Option<Severity> {
    let own = find_called(found.code);
    let said = config.said(found.code).or_else(|| {
        let mut names = own?.names();
        names.find_map(|name| config.said(name))
    });
    said.map_or(Some(found.severity), Level::severity)
}

/// Leaves out what a rule of ours says of the same line.
pub(super) fn drop_doubles(file: &File, shown: &mut Vec<Diagnostic>) {
    let line = |found: &Diagnostic| file.lines().line_column(found.range.start).0;
    let own: BTreeSet<(&str, u32)> = shown
        .iter()
        .filter(|found| !is_code(found.code))
        .map(|found| (found.code, line(found)))
        .collect();
    shown.retain(|found| {
        let same = is_code(found.code)
            .then(|| find_called(found.code))
            .flatten();
        same.is_none_or(|lint| !own.contains(&(lint.name, line(found))))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lints::report;

    fn comment(code: u16, start: (u32, u32), end: (u32, u32)) -> Comment {
        Comment {
            start,
            end,
            severity: Severity::Info,
            code,
            message: "Something to say.".to_owned(),
            fix: Vec::new(),
        }
    }

    /// Code and text of what is shown when ShellCheck says this of the first text.
    fn shown(source: &str, config: &Config, comments: &[Comment]) -> Vec<(&'static str, String)> {
        let file = File::new(source.as_bytes().to_vec());
        let found = findings(&file, &texts(&file, config)[0], comments);
        let shown = report(&file, &found, config).into_iter();
        let shown = shown.filter(|found| is_code(found.code));
        shown
            .map(|found| {
                (
                    found.code,
                    file.text(found.range).to_str_lossy().into_owned(),
                )
            })
            .collect()
    }

    #[test]
    fn places_lead_back_through_continuations_and_comments() {
        let source = "FROM a\nRUN one \\\n  # no\n  && \u{e4} two \\\n  && three\n";
        let file = File::new(source.as_bytes().to_vec());
        let text = texts(&file, &Config::default())[0].text;
        let column = |word: &str| text[..text.find(word).unwrap()].chars().count() as u32 + 1;
        for word in ["one", "two", "three"] {
            let start = column(word);
            let end = (1, start + word.len() as u32);
            let found = shown(
                source,
                &Config::default(),
                &[comment(2999, (1, start), end)],
            );
            assert_eq!(found, [("SC2999", word.to_owned())]);
        }
        let heredoc = "FROM a\nRUN <<E\none\n\ttwo\nE\n";
        let found = shown(
            heredoc,
            &Config::default(),
            &[comment(2999, (2, 2), (2, 5))],
        );
        assert_eq!(found, [("SC2999", "two".to_owned())]);
        let wild = comment(2999, (90, 90), (0, 0));
        assert_eq!(shown(heredoc, &Config::default(), &[wild]).len(), 1);
    }

    #[test]
    fn what_it_would_write_is_a_fix_of_the_place_alone() {
        let source = "FROM a\nRUN one \\\n  `two` \\\n  && three $x\n";
        let file = File::new(source.as_bytes().to_vec());
        let text = texts(&file, &Config::default())[0];
        let at = |word: &str| text.text.find(word).unwrap() as u32 + 1;
        let new = |(from, to): (u32, u32), behind, text: &str| Replacement {
            start: (1, from),
            end: (1, to),
            behind,
            text: text.to_owned(),
        };
        let mended = |fix: Vec<Replacement>| {
            let said = Comment {
                fix,
                ..comment(2999, (1, 1), (1, 4))
            };
            let found = findings(&file, &text, &[said]).remove(0);
            assert_eq!(found.sure_fix(), None);
            let fix = found.fix?;
            let edits = fix.edits.into_iter().rev();
            let mut new = source.to_owned();
            edits.for_each(|(range, text)| {
                new.replace_range(range.start as usize..range.end as usize, &text);
            });
            Some((fix.title, new))
        };
        let (tick, x) = (at("`two"), at("$x"));
        let (title, new_source) = mended(vec![
            new((tick, tick + 1), false, "$("),
            new((tick + 4, tick + 5), true, ")"),
        ])
        .unwrap();
        assert_eq!(title, "write `$(two)`");
        assert_eq!(new_source, source.replace("`two`", "$(two)"));
        let quotes = vec![new((x, x), false, "\""), new((x + 2, x + 2), true, "\"")];
        let (_, new_source) = mended(quotes).unwrap();
        assert_eq!(new_source, source.replace("$x", "\"$x\""));
        // In front of a word that begins a line, and behind one that ends a line.
        let around = vec![
            new((tick, tick), false, "("),
            new((tick + 5, tick + 5), true, ")"),
        ];
        let (_, new_source) = mended(around).unwrap();
        assert_eq!(new_source, source.replace("`two`", "(`two`)"));
        assert_eq!(mended(vec![new((x, x), false, "a\nb")]), None);
        assert_eq!(mended(vec![new((1, x), false, "")]), None);
        assert_eq!(mended(vec![new((x, x), false, "a"); 2]), None);
    }

    #[test]
    fn levels_and_comments_are_those_of_all_rules() {
        let said = [comment(2999, (1, 1), (1, 5)), comment(2034, (1, 1), (1, 5))];
        let source = "FROM a\nRUN echo\n";
        assert_eq!(shown(source, &Config::default(), &said).len(), 1);
        let off = Config::default().with_level("sc2999", Level::Off);
        assert!(shown(source, &off, &said).is_empty());
        let file = File::new(source.as_bytes().to_vec());
        let grave = Config::default().with_level("SC2999", Level::Error);
        let found = findings(&file, &texts(&file, &grave)[0], &said);
        assert_eq!(report(&file, &found, &grave)[0].severity, Severity::Error);
        for pragma in [
            "hadolint ignore=SC2999",
            "check=skip=sc2999",
            "tally ignore=all",
            "shellcheck disable=SC1000,SC2999",
        ] {
            let source = format!("FROM a\n# {pragma}\nRUN echo\n");
            assert!(
                shown(&source, &Config::default(), &said).is_empty(),
                "{pragma}"
            );
        }
    }

    #[test]
    fn what_a_rule_of_ours_says_is_not_said_twice() {
        let source = "FROM a\nRUN cd /x; make $y \\\n  $z\n";
        let said = [comment(2164, (1, 1), (1, 6))];
        assert!(shown(source, &Config::default(), &said).is_empty());
        let off = Config::default().with_level("CdUnchecked", Level::Off);
        assert!(shown(source, &off, &said).is_empty());
        let elsewhere = [comment(2164, (1, 24), (1, 25))];
        assert_eq!(shown(source, &Config::default(), &elsewhere).len(), 1);
    }

    #[test]
    fn the_dialect_is_that_of_the_text() {
        let dialects = |source: &str, hadolint| {
            let file = File::new(source.as_bytes().to_vec());
            let config = Config {
                hadolint,
                ..Config::default()
            };
            let texts = texts(&file, &config);
            texts.iter().map(|text| text.dialect).collect::<Vec<_>>()
        };
        assert_eq!(
            dialects("FROM x\nRUN a\nCMD b\nRUN [\"c\"]\n", false),
            ["bash"]
        );
        assert_eq!(dialects("FROM x\nRUN a\n", true), ["sh"]);
        assert_eq!(
            dialects("FROM debian\nRUN a\nFROM alpine\nRUN b\n", false),
            ["dash"; 2]
        );
        let shells = "FROM x\nSHELL [\"/bin/bash\", \"-c\"]\nRUN a\nSHELL [\"pwsh\"]\nRUN b\n# hadolint shell=ksh\nRUN c\nRUN <<E\n#!/usr/bin/python3\nE\n";
        assert_eq!(dialects(shells, false), ["bash", "ksh"]);
    }
}
