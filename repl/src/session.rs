//! What commands, scripts and the prompt share: the engine, the terminal, the options in force and the interrupt.

use crate::error::CommandError;
use crate::render::{self, ColorChoice, Terminal, diagnostic};
use crate::value::Value;
use cooperage_runtime::cancel::Cancel;
use cooperage_runtime::engine::{Engine, EngineOptions};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Options that stand before or behind every command.
#[derive(Clone, Debug, Default)]
pub struct Globals {
    /// `--root DIR`.
    pub root: Option<PathBuf>,
    /// `--json`.
    pub json: bool,
    /// `--quiet`.
    pub quiet: bool,
    /// `--color`.
    pub color: ColorChoice,
}

/// Front ends that other crates bring, so that this one does not depend on them.
#[derive(Clone, Copy)]
pub struct Services {
    /// Serves the language server protocol on standard input and output until the client leaves; the store is at the
    /// given root, or where it usually is.
    pub lsp: fn(Option<PathBuf>) -> anyhow::Result<()>,
}

/// A session. Clones share the engine and the interrupt; each has its own options.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
    /// Options in force.
    pub globals: Globals,
    /// What the outputs are connected to.
    pub terminal: Terminal,
    /// At the prompt: things that stay until the end may be cached, the program does not end by an interrupt.
    pub interactive: bool,
    /// Inside a script or an expression: nothing but progress is printed by commands.
    pub scripted: bool,
}

struct Shared {
    engine: OnceLock<Engine>,
    services: Services,
    line: Mutex<Line>,
    listening: OnceLock<()>,
}

/// The line that runs.
struct Line {
    cancel: Cancel,
    interrupted: Option<Instant>,
    survives: bool,
}

/// A second interrupt within this time ends the program, or at the prompt stops waiting for an orderly end.
const IMPATIENCE: Duration = Duration::from_secs(2);

impl Session {
    /// A session with these options.
    pub fn new(globals: Globals, services: Services) -> Self {
        let terminal = Terminal::detect(globals.color);
        let line = Line {
            cancel: Cancel::new(),
            interrupted: None,
            survives: false,
        };
        let shared = Shared {
            engine: OnceLock::new(),
            services,
            line: Mutex::new(line),
            listening: OnceLock::new(),
        };
        Self {
            shared: Arc::new(shared),
            globals,
            terminal,
            interactive: false,
            scripted: false,
        }
    }

    /// The same session with other options; one for another store opens its own engine.
    #[must_use]
    pub fn with_globals(&self, globals: Globals) -> Self {
        let mut session = self.clone();
        if globals.root != self.globals.root {
            session = Self {
                interactive: self.interactive,
                scripted: self.scripted,
                ..Self::new(globals.clone(), self.services())
            };
        }
        if globals.color != self.globals.color {
            session.terminal = Terminal::detect(globals.color);
        }
        session.globals = globals;
        session
    }

    /// The engine, opened on first use.
    pub fn engine(&self) -> Result<&Engine, CommandError> {
        if let Some(engine) = self.shared.engine.get() {
            return Ok(engine);
        }
        let options = EngineOptions {
            root: self.globals.root.clone(),
            ..EngineOptions::default()
        };
        let engine = Engine::open(options)?;
        Ok(self.shared.engine.get_or_init(|| engine))
    }

    /// Front ends of other crates.
    pub fn services(&self) -> Services {
        self.shared.services
    }

    /// The token of the line that runs. From now on an interrupt of the user cancels it instead of ending the program.
    pub fn cancel(&self) -> Cancel {
        self.listen();
        self.line().cancel.clone()
    }

    /// Begins a line at the prompt: a new token, which an interrupt cancels.
    pub fn begin_line(&self) -> Cancel {
        let mut line = self.line();
        line.cancel = Cancel::new();
        line.interrupted = None;
        line.survives = true;
        drop(line);
        self.cancel()
    }

    /// Tells whether a prompt goes on after this line.
    pub fn at_prompt(&self) -> bool {
        self.line().survives
    }

    /// Tells whether the user interrupted the line.
    pub fn interrupted(&self) -> bool {
        self.line().cancel.is_canceled()
    }

    fn line(&self) -> std::sync::MutexGuard<'_, Line> {
        self.shared
            .line
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the thread that turns SIGINT into a cancellation. Commands that end at once never come here, so they start
    /// no thread and keep the system's default.
    fn listen(&self) {
        self.shared.listening.get_or_init(|| {
            let shared = Arc::clone(&self.shared);
            let (ready, wait) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
                    .enable_io()
                    .build()
                else {
                    return;
                };
                runtime.block_on(async {
                    let interrupt =
                        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
                    let _ = ready.send(());
                    let Ok(mut interrupt) = interrupt else { return };
                    while interrupt.recv().await.is_some() {
                        shared.interrupt();
                    }
                });
            });
            // Only from here on does an interrupt no longer kill us. A closed channel means it always will: fine.
            let _ = wait.recv();
        });
    }

    /// Shows a value as the options ask for.
    pub fn show(&self, value: &Value) {
        if self.globals.json {
            render::out(&value.json_text());
        } else if let Some(bytes) = value.bytes() {
            render::out_bytes(bytes);
        } else if self.globals.quiet && !value.has_own_format() {
            render::out(
                &value
                    .ids()
                    .iter()
                    .map(|id| format!("{id}\n"))
                    .collect::<String>(),
            );
        } else {
            render::out(&value.text(self.terminal));
        }
    }

    /// Shows an error on standard error.
    pub fn show_error(&self, error: &CommandError) {
        let text = if self.globals.json {
            format!("{}\n", diagnostic::error_json(error))
        } else {
            diagnostic::error(error, render::Paint(self.terminal.color_err))
        };
        render::err(&text);
    }

    /// Says something on standard error, unless only answers are wanted.
    pub fn note(&self, text: &str) {
        if !self.globals.quiet && !self.globals.json {
            render::err(text);
        }
    }

    /// A session for commands inside scripts: they answer values and print nothing.
    #[must_use]
    pub fn for_scripts(&self) -> Self {
        let mut inner = self.clone();
        inner.scripted = true;
        inner
    }
}

impl Shared {
    fn interrupt(&self) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let again = line.interrupted.is_some_and(|at| at.elapsed() < IMPATIENCE);
        line.interrupted = Some(Instant::now());
        line.cancel.cancel();
        if again && !line.survives {
            // The user insists; what is left behind the next process collects.
            std::process::exit(130);
        }
    }
}
