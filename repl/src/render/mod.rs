//! Values, progress and errors as text: the only place that writes to the terminal.

pub mod diagnostic;
pub mod diff;
pub mod fmt;
pub use cooperage_runtime::build::words as forecast;
pub mod json;
pub mod lint;
pub mod progress;
pub mod table;
pub mod text;

use std::io::{IsTerminal, Write};

/// What the program's outputs are connected to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal {
    /// Standard output is a terminal.
    pub stdout: bool,
    /// Standard error is a terminal.
    pub stderr: bool,
    /// Standard input is a terminal.
    pub stdin: bool,
    /// Columns, when one of them is a terminal.
    pub width: Option<usize>,
    /// Lines, likewise.
    pub height: Option<usize>,
    /// Colour on standard output.
    pub color_out: bool,
    /// Colour on standard error.
    pub color_err: bool,
}

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    #[default]
    Auto,
    Always,
    Never,
}

impl Terminal {
    /// Asks the system, and the environment for `NO_COLOR` and `CLICOLOR_FORCE`.
    pub fn detect(color: ColorChoice) -> Self {
        let (stdout, stderr) = (
            std::io::stdout().is_terminal(),
            std::io::stderr().is_terminal(),
        );
        let size = rustix::termios::tcgetwinsize(std::io::stdout())
            .or_else(|_| rustix::termios::tcgetwinsize(std::io::stderr()))
            .ok()
            .filter(|size| size.ws_col > 0);
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let paint = |terminal: bool| match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                !set("NO_COLOR")
                    && (std::env::var_os("CLICOLOR_FORCE")
                        .is_some_and(|v| v != "0" && !v.is_empty())
                        || terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"))
            }
        };
        Self {
            stdout,
            stderr,
            stdin: std::io::stdin().is_terminal(),
            width: size.map(|size| size.ws_col.into()),
            height: size.map(|size| size.ws_row.into()),
            color_out: paint(stdout),
            color_err: paint(stderr),
        }
    }
}

/// Writes bytes to standard output as they are. A reader that went away (`cooper images | head -1`) is no error.
pub fn out_bytes(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}

/// Writes to standard output.
pub fn out(text: &str) {
    out_bytes(text.as_bytes());
}

/// Writes to standard error.
pub fn err(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Colours, or none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Paint(pub bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// Headings.
    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// Things of less weight.
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// Errors.
    pub fn red(self, text: &str) -> String {
        self.with("1;31", text)
    }

    /// Things that run, warnings.
    pub fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }

    /// Things that are done or cached.
    pub fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    /// Places and names.
    pub fn blue(self, text: &str) -> String {
        self.with("34", text)
    }
}
