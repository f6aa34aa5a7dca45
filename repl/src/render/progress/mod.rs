//! Progress of builds and pulls on standard error: BuildKit's plain lines, a live region, or JSON lines.

mod json;
mod live;
mod plain;

use super::Terminal;
use cooperage_runtime::build::events::{BuildEvent, Events};
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// `--progress`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// `tty` on a terminal, else `plain`
    #[default]
    Auto,
    /// A live region that is wiped to a summary
    Tty,
    /// One line an event, as BuildKit prints them
    Plain,
    /// One JSON object a line
    #[value(alias = "rawjson")]
    Json,
    /// Nothing
    #[value(alias = "quiet")]
    None,
}

/// How a build ended, for the last lines of its progress.
#[derive(Clone, Debug)]
pub enum Outcome<'a> {
    /// It made an image.
    Done {
        steps: usize,
        cached: usize,
        ran: usize,
        took: Duration,
    },
    /// It failed.
    Failed(&'a crate::error::CommandError),
}

/// Turns events into output. Called with one event at a time.
trait Style: Send {
    fn event(&mut self, event: &BuildEvent, out: &mut dyn Write) -> std::io::Result<()>;
    fn tick(&mut self, _: &mut dyn Write) -> std::io::Result<()> {
        Ok(())
    }
    fn finish(&mut self, outcome: &Outcome<'_>, out: &mut dyn Write) -> std::io::Result<()>;
    /// Leaves nothing unfinished behind.
    fn close(&mut self, _: &mut dyn Write) -> std::io::Result<()> {
        Ok(())
    }
}

struct Sink {
    style: Box<dyn Style>,
    out: Box<dyn Write + Send>,
    new_bytes: u64,
    finished: bool,
}

/// The events of one build on their way to the terminal.
pub struct Progress {
    sink: Arc<(Mutex<Sink>, Condvar)>,
    live: bool,
    ticker: OnceLock<JoinHandle<()>>,
}

/// Time between two drawings of a live region.
const FRAME: Duration = Duration::from_millis(100);

impl Progress {
    /// Progress in `mode` on standard error.
    pub fn new(mode: Mode, terminal: Terminal) -> Self {
        Self::to(mode, terminal, Box::new(std::io::stderr()))
    }

    /// Progress in `mode` to any writer.
    pub fn to(mode: Mode, terminal: Terminal, out: Box<dyn Write + Send>) -> Self {
        let mode = match mode {
            Mode::Auto if terminal.stderr => Mode::Tty,
            Mode::Auto => Mode::Plain,
            mode => mode,
        };
        let style: Box<dyn Style> = match mode {
            Mode::Tty => Box::new(live::Live::new(terminal)),
            Mode::Plain | Mode::Auto => Box::new(plain::Plain::default()),
            Mode::Json => Box::new(json::Stream::default()),
            Mode::None => Box::new(Nothing),
        };
        let sink = Sink {
            style,
            out,
            new_bytes: 0,
            finished: false,
        };
        Self {
            sink: Arc::new((Mutex::new(sink), Condvar::new())),
            live: mode == Mode::Tty,
            ticker: OnceLock::new(),
        }
    }

    /// Writes the end and returns the bytes of all layers that were made.
    pub fn finish(self, outcome: &Outcome<'_>) -> u64 {
        self.end(Some(outcome))
    }

    /// Ends the progress of a transfer, which has no outcome of its own.
    pub fn close(self) {
        self.end(None);
    }

    fn end(self, outcome: Option<&Outcome<'_>>) -> u64 {
        let new_bytes = {
            let sink = &mut *lock(&self.sink.0);
            sink.finished = true;
            // Progress that cannot be written must not fail a build.
            let _ = match outcome {
                Some(outcome) => sink.style.finish(outcome, &mut *sink.out),
                None => sink.style.close(&mut *sink.out),
            };
            let _ = sink.out.flush();
            sink.new_bytes
        };
        self.sink.1.notify_all();
        if let Some(ticker) = self.ticker.into_inner() {
            let _ = ticker.join();
        }
        new_bytes
    }

    /// Redraws the live region while steps run. Started by the first step that runs, so that a build without work stays
    /// free of threads.
    fn start_ticker(&self) {
        self.ticker.get_or_init(|| {
            let sink = Arc::clone(&self.sink);
            std::thread::spawn(move || {
                let mut guard = lock(&sink.0);
                while !guard.finished {
                    guard = sink
                        .1
                        .wait_timeout(guard, FRAME)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                    if !guard.finished {
                        let sink = &mut *guard;
                        let _ = sink.style.tick(&mut *sink.out);
                    }
                }
            })
        });
    }
}

fn lock(sink: &Mutex<Sink>) -> MutexGuard<'_, Sink> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Events for Progress {
    fn event(&self, event: BuildEvent) {
        if self.live
            && matches!(
                event,
                BuildEvent::Running { .. } | BuildEvent::Transfer { .. }
            )
        {
            self.start_ticker();
        }
        let sink = &mut *lock(&self.sink.0);
        if let BuildEvent::Done { bytes, .. } = event {
            sink.new_bytes += bytes;
        }
        let _ = sink
            .style
            .event(&event, &mut *sink.out)
            .and_then(|()| sink.out.flush());
    }
}

/// `--progress=none`.
struct Nothing;

impl Style for Nothing {
    fn event(&mut self, _: &BuildEvent, _: &mut dyn Write) -> std::io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _: &Outcome<'_>, _: &mut dyn Write) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cooperage_lang::plan::{Op, Plan, Prefix, Source, StageInfo, Step, StepId};
    use cooperage_lang::text::{LineSpan, TextRange};
    use cooperage_runtime::build::cache::{Culprit, MissKind, MissReason};
    use cooperage_runtime::build::events::Stream;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn step(id: u32, number: (u32, u32), text: &str, line: u32) -> Step {
        Step {
            id: StepId(id),
            op: Op::Source(Source::Scratch),
            root: None,
            inputs: vec![],
            stage: Some(0),
            range: TextRange::default(),
            lines: LineSpan::new(line, line),
            number: Some(number),
            text: text.into(),
            prefix: Some(Prefix {
                stage: Arc::default(),
                number,
            }),
            variables: Arc::default(),
        }
    }

    fn plan() -> Arc<Plan> {
        Arc::new(Plan {
            steps: vec![
                step(0, (1, 3), "FROM busybox", 1),
                step(1, (2, 3), "RUN make", 2),
                step(2, (3, 3), "RUN false", 3),
            ],
            stages: vec![StageInfo {
                name: "stage-0".into(),
                named: false,
                index: 0,
                range: TextRange::default(),
                from_range: TextRange::default(),
                last: Some(StepId(2)),
            }],
            ..Plan::default()
        })
    }

    fn events() -> Vec<BuildEvent> {
        let ms = Duration::from_millis;
        let reason = MissReason {
            kind: MissKind::FilesChanged,
            culprits: vec![Culprit {
                what: "a.c (content)".into(),
                before: None,
                after: None,
            }],
        };
        let log = |bytes: &[u8], at| BuildEvent::Log {
            step: StepId(1),
            stream: Stream::Stdout,
            at: ms(at),
            bytes: bytes.into(),
        };
        vec![
            BuildEvent::Planned {
                plan: plan(),
                steps: 3,
                cached: 1,
                estimate: Some(ms(41_000)),
            },
            BuildEvent::Started { step: StepId(0) },
            BuildEvent::Cached {
                step: StepId(0),
                saved: None,
            },
            BuildEvent::Started { step: StepId(1) },
            BuildEvent::Running {
                step: StepId(1),
                reason: Some(reason),
            },
            log(b"comp", 120),
            log(b"iling\nlink\x1b[1mi\x1b[0mng\nlast", 123),
            BuildEvent::Done {
                step: StepId(1),
                took: ms(140),
                bytes: 512,
            },
            BuildEvent::Started { step: StepId(2) },
            BuildEvent::Running {
                step: StepId(2),
                reason: None,
            },
            BuildEvent::Failed {
                step: StepId(2),
                took: ms(10),
                message: "exit status 1".into(),
            },
        ]
    }

    fn render(mode: Mode) -> (String, u64) {
        let out = Shared::default();
        let progress = Progress::to(
            mode,
            Terminal {
                width: Some(40),
                ..Terminal::default()
            },
            Box::new(out.clone()),
        );
        for event in events() {
            progress.event(event);
        }
        let mut error = crate::error::CommandError::new(
            crate::error::Kind::StepFailed,
            "RUN false exited with status 1",
        );
        error.place = Some(crate::error::Place {
            line: 3,
            ..crate::error::Place::default()
        });
        let bytes = progress.finish(&Outcome::Failed(&error));
        let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        (text, bytes)
    }

    #[test]
    fn plain_lines_read_like_those_of_buildkit() {
        let (text, bytes) = render(Mode::Plain);
        assert_eq!(
            text,
            "#1 [1/3] FROM busybox\n\
             #1 CACHED\n\
             \n\
             #2 [2/3] RUN make\n\
             #2 0.120 compiling\n\
             #2 0.123 linking\n\
             #2 0.123 last\n\
             #2 DONE 0.1s\n\
             \n\
             #3 [3/3] RUN false\n\
             #3 ERROR: exit status 1\n"
        );
        assert_eq!(bytes, 512);
    }

    #[test]
    fn the_stream_is_one_object_a_line() {
        let (text, _) = render(Mode::Json);
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(
            lines[0],
            serde_json::json!({"t": "plan", "steps": 3, "cached": 1, "estimate_ms": 41000})
        );
        assert_eq!(
            lines[1],
            serde_json::json!({"t": "step", "n": 1, "stage": "stage-0", "line": 1, "state": "cached", "cache": "hit"})
        );
        assert_eq!(
            lines[2],
            serde_json::json!({"t": "step", "n": 2, "stage": "stage-0", "line": 2, "state": "started", "cache": "miss",
                "reason": "files-changed", "culprits": ["a.c (content)"]})
        );
        assert_eq!(
            lines[3],
            serde_json::json!({"t": "log", "n": 2, "stream": "stdout", "text": "compiling"})
        );
        let last = lines.last().unwrap();
        assert_eq!(
            *last,
            serde_json::json!({"t": "done", "ok": false, "error": {"kind": "StepFailed", "line": 3}})
        );
    }

    #[test]
    fn a_live_region_is_wiped_at_the_end_and_never_wider_than_the_terminal() {
        let (text, _) = render(Mode::Tty);
        assert!(text.ends_with("\x1b[J"), "{text:?}");
        assert!(text.contains("RUN make"));
        for line in text.lines() {
            assert!(
                super::super::text::width(&super::super::text::strip(line)) <= 40,
                "{line:?}"
            );
        }
        assert!(
            !text.contains("\x1b[1mi"),
            "sequences of a step's output must not reach the terminal"
        );
    }

    #[test]
    fn a_finished_build_leaves_one_line() {
        let out = Shared::default();
        let progress = Progress::to(Mode::Tty, Terminal::default(), Box::new(out.clone()));
        progress.finish(&Outcome::Done {
            steps: 7,
            cached: 5,
            ran: 2,
            took: Duration::from_millis(3100),
        });
        let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "[+] 7/7 steps   5 cached   2 ran   3.1 s\n");
    }
}
