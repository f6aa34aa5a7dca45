//! `COPY` and `ADD`: sources, destination, owner and mode.

use super::command::Command;
use super::steps::Label;
use super::{Planner, path, text};
use crate::instructions::Copy as Words;
use crate::lints;
use crate::model::expand::Lexer;
use crate::model::mode::ModeChange;
use crate::model::reference::Digest;
use crate::model::url::{GitRef, SourceKind, classify, http_file_name};
use crate::plan::{Copy, CopySource, Op, Source, StepId};
use crate::quote::quote;
use crate::text::{TextRange, Word};
use bstr::BString;
use std::collections::BTreeSet;

/// The words after expansion.
struct Expanded {
    chown: String,
    chmod: String,
    checksum: String,
    sources: Vec<String>,
    dest: String,
    documents: Vec<BString>,
    /// Every variable that was asked for.
    names: BTreeSet<String>,
}

impl<'a> Planner<'a> {
    pub(super) fn copy(&mut self, stage: usize, command: &Command<'a>, words: &Words, add: bool) {
        let expanded = self.expand_copy(stage, command, words);
        let from = command.sources.first().copied();
        if let Some(from) = from {
            self.check_order(stage, command, words, from);
        }
        let paths = self.paths(stage);
        let directory = &self.states[stage].live.directory;
        let dest = paths
            .destination(directory, &expanded.dest)
            .unwrap_or_else(|error| {
                self.error(command, "bad-path", command.place.word(&words.dest), error);
                expanded.dest.clone()
            });
        self.check_flags(command, words, &expanded);
        let shown = self.shown(stage, &command.instruction.original);
        let label = self.label(stage, command.place.trigger, shown);
        let mut sources = Vec::new();
        for (word, source) in words.sources.iter().zip(&expanded.sources) {
            sources.extend(self.copy_source_step(
                stage,
                command,
                words,
                &expanded,
                (word, source, add),
                &label,
            ));
        }
        sources.extend(
            words
                .heredocs
                .iter()
                .zip(&expanded.documents)
                .map(|(heredoc, content)| CopySource::Inline {
                    name: text::lossy(&heredoc.name),
                    content: content.clone(),
                }),
        );
        let history = history(words, &expanded, add);
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let copy = Copy {
            add,
            sources,
            dest: path::absolute(&dest, true),
            chown: some(&expanded.chown),
            chmod: some(&expanded.chmod),
            // With --chmod the flag has no effect, as in the original.
            link: words.link && expanded.chmod.is_empty(),
            parents: words.parents,
            exclude: words
                .exclude
                .iter()
                .map(|word| text::lossy(&word.text))
                .collect(),
            unpack: words.unpack,
        };
        let variables = self.states[stage].live.variables.of(&expanded.names);
        self.step(
            stage,
            Op::Copy(Box::new(copy)),
            command.place,
            label,
            variables,
        );
        self.states[stage].history(history, true);
    }

    fn expand_copy(&mut self, stage: usize, command: &Command<'a>, words: &Words) -> Expanded {
        let lexer = self.lexer.clone();
        let mut names = BTreeSet::new();
        let mut one = |planner: &mut Self, lexer: &Lexer, word: &Word| {
            let expanded = planner.expand(stage, command, lexer, word);
            let variables = &planner.states[stage].live.variables;
            let unset = expanded
                .unmatched
                .into_iter()
                .filter(|name| variables.is_declared(name));
            names.extend(expanded.matched.into_iter().chain(unset));
            expanded.text
        };
        let mut flag = |planner: &mut Self, word: &Option<Word>| match word {
            Some(word) => one(planner, &lexer, word),
            None => String::new(),
        };
        let chown = flag(self, &words.chown);
        let chmod = flag(self, &words.chmod);
        let checksum = flag(self, &words.checksum);
        let sources = words
            .sources
            .iter()
            .map(|word| one(self, &lexer, word))
            .collect();
        let dest = one(self, &lexer, &words.dest);
        let documents = words
            .heredocs
            .iter()
            .map(|heredoc| {
                let document = heredoc.text();
                if !heredoc.expand {
                    return document;
                }
                let lexer = Lexer {
                    skip_process_quotes: true,
                    ..Lexer::new('\\')
                };
                one(self, &lexer, &Word::new(document, heredoc.range)).into()
            })
            .collect();
        Expanded {
            chown,
            chmod,
            checksum,
            sources,
            dest,
            documents,
            names,
        }
    }

    /// A stage can only be copied from when all of it stands above.
    fn check_order(&mut self, stage: usize, command: &Command<'_>, words: &Words, from: usize) {
        let state = &self.states[from];
        if state.from.is_none() || state.dispatched {
            return;
        }
        let Some(word) = &words.from else { return };
        let message = format!(
            "cannot copy from stage {}, it needs to be defined before current stage {}",
            quote(&word.text),
            quote(self.states[stage].name.as_bytes())
        );
        self.error(
            command,
            "stage-defined-later",
            command.place.word(word),
            message,
        );
    }

    fn check_flags(&mut self, command: &Command<'_>, words: &Words, expanded: &Expanded) {
        if let Some(word) = words.chmod.as_ref().filter(|_| !expanded.chmod.is_empty())
            && let Err(error) = ModeChange::parse(&expanded.chmod)
        {
            self.error(command, "bad-chmod", command.place.word(word), error);
        }
        let Some(word) = words
            .checksum
            .as_ref()
            .filter(|_| !expanded.checksum.is_empty())
        else {
            return;
        };
        let remote = |source: &String| match classify(source) {
            Ok(kind) => kind != SourceKind::Path,
            // A bad query of a git URL has an error of its own.
            Err(_) => true,
        };
        let message = match expanded.sources.as_slice() {
            [one] if remote(one) => return,
            [_] => "checksum requires HTTP(S) or Git sources",
            _ => "checksum can't be specified for multiple sources",
        };
        self.error(command, "bad-checksum", command.place.word(word), message);
    }

    fn copy_source_step(
        &mut self,
        stage: usize,
        command: &Command<'a>,
        words: &Words,
        expanded: &Expanded,
        (word, source, add): (&Word, &str, bool),
        label: &Label,
    ) -> Option<CopySource> {
        let range = command.place.word(word);
        let kind = match classify(source) {
            Ok(kind) => kind,
            Err(error) => {
                self.error(command, "bad-git-url", range, error);
                return None;
            }
        };
        match kind {
            SourceKind::Git(_) if !add => {
                self.error(
                    command,
                    "git-in-copy",
                    range,
                    "source can't be a git ref for COPY",
                );
                None
            }
            SourceKind::Http if !add => {
                self.error(
                    command,
                    "url-in-copy",
                    range,
                    "source can't be a URL for COPY",
                );
                None
            }
            SourceKind::Git(git) => {
                self.git(command, words, expanded, (source, range, &git), label)
            }
            SourceKind::Http => self.http(command, expanded, (source, range), label),
            SourceKind::Path => self.copied_path(stage, command, words, (source, range, add)),
        }
    }

    fn git(
        &mut self,
        command: &Command<'_>,
        words: &Words,
        expanded: &Expanded,
        (source, range, git): (&str, TextRange, &GitRef),
        label: &Label,
    ) -> Option<CopySource> {
        if let (Some(flag), Some(query)) = (words.keep_git_dir, git.keep_git_dir)
            && flag != query
        {
            self.error(
                command,
                "bad-git-url",
                range,
                "inconsistent keep-git-dir configuration",
            );
            return None;
        }
        if !expanded.checksum.is_empty()
            && !git.checksum.is_empty()
            && expanded.checksum != git.checksum
        {
            let (flag, query) = (
                quote(expanded.checksum.as_bytes()),
                quote(git.checksum.as_bytes()),
            );
            self.error(
                command,
                "bad-checksum",
                range,
                format!("checksum mismatch {flag} != {query}"),
            );
            return None;
        }
        let checksum = if git.checksum.is_empty() {
            &expanded.checksum
        } else {
            &git.checksum
        };
        let source = Source::Git {
            url: source.to_owned(),
            keep_git_dir: git.keep_git_dir.or(words.keep_git_dir).unwrap_or(false),
            checksum: (!checksum.is_empty()).then(|| checksum.clone()),
        };
        Some(CopySource::Git {
            from: self.remote(command, source, label),
        })
    }

    fn http(
        &mut self,
        command: &Command<'_>,
        expanded: &Expanded,
        (url, range): (&str, TextRange),
        label: &Label,
    ) -> Option<CopySource> {
        let checksum = (!expanded.checksum.is_empty()).then(|| expanded.checksum.clone());
        if let Some(Err(error)) = checksum.as_deref().map(str::parse::<Digest>) {
            self.error(command, "bad-checksum", range, error.to_string());
            return None;
        }
        let source = Source::Http {
            url: url.to_owned(),
            checksum,
        };
        Some(CopySource::Http {
            from: self.remote(command, source, label),
            name: http_file_name(url),
        })
    }

    fn remote(&mut self, command: &Command<'_>, source: Source, label: &Label) -> StepId {
        self.source(
            source,
            None,
            command.place,
            Label {
                number: None,
                ..label.clone()
            },
        )
    }

    fn copied_path(
        &mut self,
        stage: usize,
        command: &Command<'a>,
        words: &Words,
        (source, range, add): (&str, TextRange, bool),
    ) -> Option<CopySource> {
        let from = command.sources.first().copied();
        if from.is_none()
            && let Some(patterns) = self.world.ignore_patterns()
        {
            let found =
                lints::copy_ignored_file(&command.instruction, range, add, source, &patterns);
            self.findings(command, found);
        }
        let paths = self.paths(stage);
        let normalized = if words.parents {
            let (parent, below) = source.split_once("/./").unwrap_or(("/", source));
            paths.normalize("/", below, false).and_then(|below| {
                let parent = path::absolute(&paths.normalize("/", parent, false)?, false);
                let below = path::absolute(&below, false);
                Ok(format!("{}/.{below}", parent.trim_end_matches('/')))
            })
        } else {
            paths
                .normalize("/", source, false)
                .map(|path| path::absolute(&path, false))
        };
        let path = match normalized {
            Ok(path) => path,
            Err(error) => {
                self.error(
                    command,
                    "bad-path",
                    range,
                    format!("removing drive letter: {error}"),
                );
                return None;
            }
        };
        let from = match from {
            Some(state) => self.root_of(state),
            None => self.main_context(command.place),
        };
        Some(CopySource::Path { from, path })
    }
}

/// `COPY --chown=… a b /x # buildkit`.
fn history(words: &Words, expanded: &Expanded, add: bool) -> String {
    let sources: usize = expanded.sources.iter().map(|source| source.len() + 1).sum();
    let mut out = String::with_capacity(sources + expanded.dest.len() + 32);
    out.push_str(if add { "ADD" } else { "COPY" });
    if words.parents {
        out.push_str(" --parents");
    }
    for (flag, value) in [("chown", &expanded.chown), ("chmod", &expanded.chmod)] {
        if !value.is_empty() {
            out.extend([" --", flag, "=", value]);
        }
    }
    for source in &expanded.sources {
        out.push(' ');
        out.push_str(source);
    }
    for heredoc in &words.heredocs {
        out.push_str(" <<");
        out.push_str(&text::lossy(&heredoc.name));
    }
    out.push(' ');
    out.push_str(&expanded.dest);
    out.push_str(" # buildkit");
    out
}
