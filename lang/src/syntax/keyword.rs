//! The keywords and the shape of the text behind each.

use crate::rune;

/// A known instruction keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Keyword {
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
}

/// How the text behind keyword and flags is split into arguments. **Source:** `spec` section 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// The whole text is the one argument.
    Text,
    /// Words separated by blanks.
    List,
    /// A JSON array of strings, else words separated by blanks.
    JsonOrList,
    /// A JSON array of strings, else the whole text.
    JsonOrText,
    /// `name=value` pairs, or the legacy `name value`.
    Pairs,
    /// Words that keep their quotes and escapes.
    Words,
    /// A word, then a JSON array or text.
    TypeThenJsonOrText,
    /// Another instruction.
    Instruction,
}

impl Keyword {
    /// Every keyword in alphabetic order.
    pub const ALL: [Self; 18] = [
        Self::Add,
        Self::Arg,
        Self::Cmd,
        Self::Copy,
        Self::Entrypoint,
        Self::Env,
        Self::Expose,
        Self::From,
        Self::Healthcheck,
        Self::Label,
        Self::Maintainer,
        Self::Onbuild,
        Self::Run,
        Self::Shell,
        Self::Stopsignal,
        Self::User,
        Self::Volume,
        Self::Workdir,
    ];

    /// The keyword spelled by `word` in any case; `None` when there is none.
    ///
    /// ```
    /// use cooperage_lang::syntax::Keyword;
    /// assert_eq!(Keyword::find(b"From"), Some(Keyword::From));
    /// assert_eq!(Keyword::find(b"FRO"), None);
    /// ```
    pub fn find(word: &[u8]) -> Option<Self> {
        if !word.is_ascii() {
            // U+212A (Kelvin) and U+0130 become ASCII letters in lower case.
            let lower = rune::lower(word);
            return lower
                .is_ascii()
                .then(|| Self::find(lower.as_bytes()))
                .flatten();
        }
        Self::with_length(word.len())
            .iter()
            .copied()
            .find(|k| k.upper().as_bytes().eq_ignore_ascii_case(word))
    }

    /// Keywords of that length, the frequent ones first.
    const fn with_length(len: usize) -> &'static [Self] {
        match len {
            3 => &[Self::Run, Self::Env, Self::Arg, Self::Cmd, Self::Add],
            4 => &[Self::Copy, Self::From, Self::User],
            5 => &[Self::Label, Self::Shell],
            6 => &[Self::Expose, Self::Volume],
            7 => &[Self::Workdir, Self::Onbuild],
            10 => &[Self::Entrypoint, Self::Maintainer, Self::Stopsignal],
            11 => &[Self::Healthcheck],
            _ => &[],
        }
    }

    /// The keyword in capitals.
    pub const fn upper(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Arg => "ARG",
            Self::Cmd => "CMD",
            Self::Copy => "COPY",
            Self::Entrypoint => "ENTRYPOINT",
            Self::Env => "ENV",
            Self::Expose => "EXPOSE",
            Self::From => "FROM",
            Self::Healthcheck => "HEALTHCHECK",
            Self::Label => "LABEL",
            Self::Maintainer => "MAINTAINER",
            Self::Onbuild => "ONBUILD",
            Self::Run => "RUN",
            Self::Shell => "SHELL",
            Self::Stopsignal => "STOPSIGNAL",
            Self::User => "USER",
            Self::Volume => "VOLUME",
            Self::Workdir => "WORKDIR",
        }
    }

    /// The shape of its text.
    pub const fn form(self) -> Form {
        match self {
            Self::Maintainer | Self::Stopsignal | Self::User | Self::Workdir => Form::Text,
            Self::Expose | Self::From => Form::List,
            Self::Add | Self::Copy | Self::Volume => Form::JsonOrList,
            Self::Cmd | Self::Entrypoint | Self::Run | Self::Shell => Form::JsonOrText,
            Self::Env | Self::Label => Form::Pairs,
            Self::Arg => Form::Words,
            Self::Healthcheck => Form::TypeThenJsonOrText,
            Self::Onbuild => Form::Instruction,
        }
    }

    /// Tells whether `<<NAME` on its line starts a here document.
    pub const fn takes_heredocs(self) -> bool {
        matches!(self, Self::Run | Self::Copy | Self::Add)
    }
}
