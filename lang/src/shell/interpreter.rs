//! Which program reads a shell text, and how it was told to treat failures.

use bstr::{BStr, ByteSlice};

/// The language of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `/bin/sh`, whatever that is in the image.
    #[default]
    Sh,
    /// Debian's shell.
    Dash,
    /// BusyBox's shell.
    Ash,
    /// Bash.
    Bash,
    /// Korn shells.
    Ksh,
    /// Z shell.
    Zsh,
    /// No POSIX shell: PowerShell, `cmd`, Python, …
    Foreign,
}

/// The program that reads a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interpreter {
    /// Its language.
    pub dialect: Dialect,
    /// `-e`: the first failure ends the script.
    pub errexit: bool,
    /// `-o pipefail`: a failure in a pipeline is one of the pipeline.
    pub pipefail: bool,
    /// Named by `SHELL`, `#!` or a pragma.
    pub chosen: bool,
}

impl Interpreter {
    /// Reads a command line such as that of `SHELL`. Programs in front of the shell (`env`, `conda run`) are passed
    /// over.
    pub fn new<'a>(args: impl IntoIterator<Item = &'a BStr> + Clone) -> Self {
        let dialect = args
            .clone()
            .into_iter()
            .map(dialect)
            .find(|dialect| *dialect != Dialect::Foreign);
        let mut interpreter = Self {
            dialect: dialect.unwrap_or(Dialect::Foreign),
            chosen: true,
            ..Self::default()
        };
        let mut option_next = false;
        for arg in args {
            if std::mem::take(&mut option_next) {
                interpreter.pipefail |= arg == "pipefail";
                interpreter.errexit |= arg == "errexit";
            } else if let Some(letters) = short_flags(arg) {
                interpreter.errexit |= letters.contains(&b'e');
                option_next = letters.contains(&b'o');
            }
        }
        interpreter
    }

    /// Index of the text that a shell with these arguments reads, that behind `-c`; `None` of one that reads a file. What
    /// an argument is may not be known.
    pub(super) fn text_at<'a>(args: impl IntoIterator<Item = Option<&'a BStr>>) -> Option<usize> {
        let mut is_value = false;
        for (at, arg) in args.into_iter().enumerate() {
            if std::mem::take(&mut is_value) {
                continue;
            }
            match short_flags(arg?) {
                Some(letters) if letters.contains(&b'c') => return Some(at + 1),
                Some(letters) => is_value = letters.contains(&b'o'),
                None if arg?.starts_with(b"--") => {}
                None => return None,
            }
        }
        None
    }

    /// Reads the first line of a script behind `#!`.
    pub fn of_shebang(line: &[u8]) -> Self {
        let words = line.split(|b| matches!(b, b' ' | b'\t' | b'\r'));
        Self::new(words.filter(|w| !w.is_empty()).map(BStr::new))
    }

    /// The dialect called `name`, as in a pragma.
    pub fn named(name: &[u8]) -> Self {
        Self {
            dialect: dialect(name.as_bstr()),
            chosen: true,
            ..Self::default()
        }
    }

    /// Tells whether its texts are read.
    pub fn is_shell(self) -> bool {
        self.dialect != Dialect::Foreign
    }
}

fn short_flags(arg: &BStr) -> Option<&[u8]> {
    arg.strip_prefix(b"-")
        .filter(|rest| !rest.starts_with(b"-"))
}

fn dialect(program: &BStr) -> Dialect {
    let name = program.rsplit(|b| matches!(b, b'/' | b'\\')).next();
    match name.unwrap_or_default() {
        b"sh" => Dialect::Sh,
        b"dash" => Dialect::Dash,
        b"ash" => Dialect::Ash,
        b"bash" => Dialect::Bash,
        b"ksh" | b"mksh" | b"oksh" => Dialect::Ksh,
        b"zsh" => Dialect::Zsh,
        _ => Dialect::Foreign,
    }
}
