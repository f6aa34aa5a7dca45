//! ShellCheck, the program, where it is installed: one text after the other, and what it said of each remembered. One
//! that is missing, hangs or crashes says nothing.

use cooperage_lang::diagnostic::{Diagnostic, Severity};
use cooperage_lang::ide::File;
use cooperage_lang::lints::Config;
use cooperage_lang::lints::shellcheck::{Comment, Replacement, ShellText, findings, texts};
use serde::Deserialize;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longest that one text may take.
const LIMIT: Duration = Duration::from_secs(10);

/// How often somebody who waits looks whether the answer is still wanted.
const GLANCE: Duration = Duration::from_millis(20);

/// Bytes of an answer that are read.
const MOST: u64 = 4 << 20;

/// Answers that are remembered; when there are more, all are forgotten.
const REMEMBERED: usize = 4_096;

/// A program that failed this often in a row is not started any more.
const PATIENCE: u32 = 3;

/// The installed program. Used from any thread.
#[derive(Debug)]
pub struct ShellCheck {
    program: PathBuf,
    known: Mutex<Known>,
    failures: AtomicU32,
    learned: AtomicU64,
}

/// What was said of a text, by dialect.
type Known = HashMap<String, Vec<(&'static str, Arc<[Comment]>)>>;

impl ShellCheck {
    /// The program `shellcheck` of the `PATH`.
    pub fn find() -> Option<Self> {
        let path = std::env::var_os("PATH")?;
        let places = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
        let mut programs = places.map(|folder| folder.join("shellcheck"));
        programs.find(|file| file.is_file()).map(Self::at)
    }

    fn at(program: PathBuf) -> Self {
        Self {
            program,
            known: Mutex::default(),
            failures: AtomicU32::new(0),
            learned: AtomicU64::new(0),
        }
    }

    /// What it is known to say of the texts of a file.
    pub fn known(&self, file: &File, config: &Config) -> Vec<Diagnostic> {
        let known = self.lock();
        if known.is_empty() {
            return Vec::new();
        }
        let said = texts(file, config).into_iter().filter_map(|text| {
            let comments = said_of(&known, &text)?;
            Some(findings(file, &text, comments))
        });
        said.flatten().collect()
    }

    /// How often it had something new to say. The same number twice: nothing new in between.
    pub fn learned(&self) -> u64 {
        self.learned.load(Ordering::Acquire)
    }

    /// Asks about the texts of a file that are not known yet, one after the other, as long as that is wanted.
    pub fn ask(&self, file: &File, config: &Config, wanted: &dyn Fn() -> bool) {
        for text in texts(file, config) {
            if self.is_given_up() || !wanted() {
                break;
            }
            if said_of(&self.lock(), &text).is_some() {
                continue;
            }
            let Some(comments) = self.run(&text, wanted) else {
                continue;
            };
            let is_news = !comments.is_empty();
            let mut known = self.lock();
            if known.len() >= REMEMBERED {
                known.clear();
            }
            let of_text = known.entry(text.text.to_owned()).or_default();
            of_text.push((text.dialect, comments));
            self.learned
                .fetch_add(u64::from(is_news), Ordering::Release);
        }
    }

    fn is_given_up(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= PATIENCE
    }

    /// What it says of one text; nothing of one that it fails at. `None` when the answer is not wanted any more.
    fn run(&self, text: &ShellText<'_>, wanted: &dyn Fn() -> bool) -> Option<Arc<[Comment]>> {
        let answer = match self.start(text) {
            Ok(running) => running.answer(wanted)?,
            Err(_) => None,
        };
        let read = answer.and_then(|bytes| serde_json::from_slice::<Report>(&bytes).ok());
        if let Some(report) = read {
            self.failures.store(0, Ordering::Relaxed);
            Some(report.comments.iter().filter_map(Said::comment).collect())
        } else {
            self.failures.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(program = %self.program.display(), "no answer");
            Some(Arc::default())
        }
    }

    fn start(&self, text: &ShellText<'_>) -> std::io::Result<Running> {
        let mut child = Command::new(&self.program)
            // The project's levels are those of cooperage.toml.
            .args(["--norc", "--format=json1", "--shell", text.dialect, "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (sender, answer) = channel();
        let running = Running { child, answer };
        let text = text.text.to_owned();
        // Neither waits longer than the program lives.
        thread(move || {
            // One that does not want to read on has its reasons.
            let _ = input.map(|mut input| input.write_all(text.as_bytes()));
        })?;
        thread(move || {
            let mut bytes = Vec::new();
            let read = output.map(|output| output.take(MOST).read_to_end(&mut bytes));
            if matches!(read, Some(Ok(_))) {
                // Nobody waits when it is not wanted.
                let _ = sender.send(bytes);
            }
        })?;
        Ok(running)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Whole answers are put in.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn said_of<'k>(known: &'k Known, text: &ShellText<'_>) -> Option<&'k Arc<[Comment]>> {
    let mut of_text = known.get(text.text)?.iter();
    let (_, comments) = of_text.find(|(dialect, _)| *dialect == text.dialect)?;
    Some(comments)
}

fn thread(work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("shellcheck".to_owned());
    thread.spawn(work).map(drop)
}

/// The program at work; ended with the value.
struct Running {
    child: Child,
    answer: Receiver<Vec<u8>>,
}

impl Running {
    /// Waits for its answer: `Some(None)` when it gives none in time, `None` when it is not wanted any more.
    #[expect(clippy::option_option, reason = "not wanted, not given, given")]
    fn answer(self, wanted: &dyn Fn() -> bool) -> Option<Option<Vec<u8>>> {
        let until = Instant::now() + LIMIT;
        loop {
            match self.answer.recv_timeout(GLANCE) {
                Ok(bytes) => return Some(Some(bytes)),
                Err(RecvTimeoutError::Disconnected) => return Some(None),
                Err(RecvTimeoutError::Timeout) if !wanted() => return None,
                Err(RecvTimeoutError::Timeout) if Instant::now() > until => return Some(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended is only waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// **Source:** ShellCheck's format `json1`.
#[derive(Deserialize)]
struct Report {
    comments: Vec<Said>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    line: u32,
    end_line: u32,
    column: u32,
    end_column: u32,
    level: String,
    code: u16,
    message: String,
    fix: Option<Replacements>,
}

#[derive(Deserialize)]
struct Replacements {
    replacements: Vec<Instead>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Instead {
    line: u32,
    end_line: u32,
    column: u32,
    end_column: u32,
    /// `beforeStart` or `afterEnd` of what the program replaces: nothing, most of the time.
    insertion_point: String,
    replacement: String,
}

impl Instead {
    fn replacement(&self) -> Replacement {
        Replacement {
            start: (self.line, self.column),
            end: (self.end_line, self.end_column),
            behind: self.insertion_point == "beforeStart",
            text: self.replacement.clone(),
        }
    }
}

impl Said {
    fn comment(&self) -> Option<Comment> {
        Some(Comment {
            start: (self.line, self.column),
            end: (self.end_line, self.end_column),
            severity: match self.level.as_str() {
                "error" => Severity::Error,
                "warning" => Severity::Warning,
                "info" => Severity::Info,
                "style" => Severity::Hint,
                _ => return None,
            },
            code: self.code,
            message: self.message.clone(),
            fix: (self.fix.iter())
                .flat_map(|fix| &fix.replacements)
                .map(Instead::replacement)
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program in place of the real one: what it does with its input.
    struct Stand(PathBuf);

    impl Stand {
        fn new(name: &str, script: &str) -> Self {
            let file = format!("cooper-shellcheck-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(file);
            // Written by another process: a test that forks meanwhile would keep it from being started.
            let write = "printf '#!/bin/sh\\n%s\\n' \"$1\" >\"$0\" && chmod +x \"$0\"";
            let mut shell = Command::new("sh");
            let status = shell.arg("-c").arg(write).arg(&path).arg(script).status();
            assert!(status.unwrap().success());
            Self(path)
        }
    }

    impl Drop for Stand {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn file(count: usize) -> File {
        let runs = (0..count).map(|i| format!("RUN echo {i}\n"));
        File::new(format!("FROM a\n{}", runs.collect::<String>()).into_bytes())
    }

    #[test]
    fn one_that_crashes_or_babbles_says_nothing_and_is_given_up() {
        for (name, script) in [
            ("crash", "kill -SEGV $$"),
            ("babble", "cat >/dev/null; echo '{\"comments\": [5'"),
            ("deaf", "exec 0<&-; exit 2"),
        ] {
            let program = Stand::new(name, &format!("echo x >> $0.count; {script}"));
            let shellcheck = ShellCheck::at(program.0.clone());
            let (file, config) = (file(20), Config::default());
            shellcheck.ask(&file, &config, &|| true);
            assert!(shellcheck.known(&file, &config).is_empty());
            let count = PathBuf::from(format!("{}.count", program.0.display()));
            assert_eq!(
                std::fs::read_to_string(&count).unwrap().lines().count(),
                3,
                "{name}"
            );
            std::fs::remove_file(count).unwrap();
        }
        let missing = ShellCheck::at("/nowhere/shellcheck".into());
        missing.ask(&file(5), &Config::default(), &|| true);
        assert_eq!(missing.learned(), 0);
    }

    #[test]
    fn one_that_hangs_ends_when_it_is_not_wanted_any_more() {
        let program = Stand::new("hang", "exec sleep 600");
        let shellcheck = ShellCheck::at(program.0.clone());
        let began = Instant::now();
        let wanted = || began.elapsed() < Duration::from_millis(100);
        // More than a pipe holds: whoever writes must not wait either.
        let long = format!("FROM a\nRUN echo {}\n", "x".repeat(1 << 20));
        let long = File::new(long.into_bytes());
        shellcheck.ask(&long, &Config::default(), &wanted);
        assert!(began.elapsed() < LIMIT / 2);
        assert!(shellcheck.lock().is_empty());
    }

    #[test]
    fn an_answer_is_asked_for_once() {
        let said = r#"{"comments":[{"file":"-","line":1,"endLine":1,"column":6,"endColumn":7,"level":"style","code":2999,"message":"No.","fix":null}]}"#;
        let script = format!("cat >/dev/null; echo '{said}'; rm -- \"$0\"");
        let program = Stand::new("once", &script);
        let shellcheck = ShellCheck::at(program.0.clone());
        let (file, config) = (file(1), Config::default());
        assert!(shellcheck.known(&file, &config).is_empty());
        shellcheck.ask(&file, &config, &|| true);
        shellcheck.ask(&file, &config, &|| true);
        assert_eq!(shellcheck.learned(), 1);
        let found = shellcheck.known(&file, &config);
        assert_eq!(
            (found[0].code, found[0].severity),
            ("SC2999", Severity::Hint)
        );
        assert_eq!(file.text(found[0].range), b"0");
    }
}
