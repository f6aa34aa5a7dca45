//! Builds that an editor asks for: this program again, in a process of its own, over the text as it is typed.

use cooperage_runtime::build::request::{BuildRequest, ContextSource, DockerfileSource, source_of};
use cooperage_runtime::cancel::Cancel;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A build that was asked to stop has this long to leave nothing behind.
const GRACE: Duration = Duration::from_secs(5);

/// What to build.
pub(crate) struct Job {
    pub(crate) root: Option<PathBuf>,
    pub(crate) source: Vec<u8>,
    pub(crate) request: BuildRequest,
}

/// How far a build is.
pub(crate) struct News {
    pub(crate) message: String,
    pub(crate) percentage: Option<u32>,
}

/// A finished build.
#[derive(Debug)]
pub(crate) struct Built {
    /// The image's id.
    pub(crate) image: String,
    /// `2 of 9 ran, 4.2 s`.
    pub(crate) summary: String,
}

/// The program and the options that lead it to our store.
pub(crate) fn program(root: Option<&Path>) -> Vec<String> {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("cooper"));
    let program = program.display().to_string();
    // So the kernel names a file in whose place there is a newer one.
    let program = program.strip_suffix(" (deleted)").unwrap_or(&program);
    let mut words = vec![program.to_owned()];
    if let Some(root) = root {
        words.extend(["--root".to_owned(), root.display().to_string()]);
    }
    words
}

/// Builds; tells the news. Blocks until the end.
///
/// # Errors
/// What the build said.
pub(crate) fn run(job: &Job, cancel: &Cancel, news: &dyn Fn(News)) -> Result<Built, String> {
    let mut command = Command::new("/proc/self/exe");
    command.args(program(job.root.as_deref()).into_iter().skip(1));
    command.args(arguments(&job.request));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| format!("cannot start a build: {error}"))?;
    let process = rustix::process::pidfd_open(Pid::from_child(&child), PidfdFlags::empty());
    let _stop = process
        .ok()
        .map(|process| cancel.on_cancel(move || stop(process)));
    let result = follow(&mut child, &job.source, news);
    let status = child
        .wait()
        .map_err(|error| format!("the build was lost: {error}"))?;
    let (image, outcome) = result;
    if status.success() && !image.is_empty() {
        Ok(Built {
            image,
            summary: outcome.summary,
        })
    } else {
        Err(outcome.error())
    }
}

fn arguments(request: &BuildRequest) -> Vec<String> {
    // The request is complete: it has what the project's settings say, unless that was not wanted.
    let mut words: Vec<String> = ["--quiet", "build", "--progress", "json", "--no-config"]
        .map(str::to_owned)
        .into();
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    if let DockerfileSource::Text {
        path: Some(path), ..
    } = &request.dockerfile
    {
        option("--text-of", path.display().to_string());
    }
    if let Some(target) = &request.target {
        option("--target", target.clone());
    }
    if let Some(platform) = &request.platform {
        option("--platform", platform.clone());
    }
    for (name, value) in &request.build_args {
        option("--build-arg", format!("{name}={value}"));
    }
    for (name, context) in &request.contexts {
        option("--build-context", format!("{name}={}", source_of(context)));
    }
    let place = match &request.context {
        ContextSource::Folder(folder) | ContextSource::Archive(folder) => {
            folder.display().to_string()
        }
        ContextSource::Url(url) => url.clone(),
        // A text without a file has no files beside it, and is all there is.
        ContextSource::Empty => "-".to_owned(),
    };
    if place != "-" {
        option("--file", "-".to_owned());
    }
    words.push(place);
    words
}

/// Gives the text and reads what comes back, to the end.
fn follow(child: &mut Child, source: &[u8], news: &dyn Fn(News)) -> (String, Outcome) {
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A build that ends early says why itself.
            let _ = input.map(|mut input| input.write_all(source));
        });
        let image = scope.spawn(move || {
            let mut image = String::new();
            let _ = output.map(|mut output| output.read_to_string(&mut image));
            image.trim().to_owned()
        });
        let mut outcome = Outcome::default();
        let mut errors = BufReader::new(errors.expect("asked for when it was started"));
        let mut line = Vec::new();
        while matches!(errors.read_until(b'\n', &mut line), Ok(1..)) {
            outcome.take(String::from_utf8_lossy(&line).trim_end(), news);
            line.clear();
        }
        (image.join().unwrap_or_default(), outcome)
    })
}

/// What a build said so far.
#[derive(Default)]
struct Outcome {
    steps: u64,
    done: u64,
    summary: String,
    failure: Vec<String>,
    said: Vec<String>,
}

impl Outcome {
    fn take(&mut self, line: &str, news: &dyn Fn(News)) {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            self.said.push(line.to_owned());
            return;
        };
        let line = event["line"].as_u64();
        match (event["t"].as_str(), event["state"].as_str()) {
            (Some("plan"), _) => self.steps = event["steps"].as_u64().unwrap_or(0),
            (Some("step"), Some("started")) => {
                // What has no number, such as a download, has no line of its own.
                if let Some(line) = line {
                    self.tell(format!("line {line}"), news);
                }
            }
            (Some("step"), Some("cached" | "done")) if line.is_some() => {
                self.done += 1;
                self.tell(format!("{} of {}", self.done, self.steps), news);
            }
            (Some("step"), Some("failed")) => {
                let place = line.map_or_else(String::new, |line| format!("line {line}: "));
                let message = event["message"].as_str().unwrap_or("failed");
                self.failure.push(format!("{place}{message}"));
            }
            (Some("progress"), _) => {
                let task = event["task"].as_str().unwrap_or("transfer");
                self.tell(task.to_owned(), news);
            }
            (Some("done"), _) if event["ok"] == true => {
                let seconds = event["ms"].as_f64().unwrap_or(0.0) / 1000.0;
                let (ran, cached) = (&event["ran"], &event["cached"]);
                self.summary = format!("{ran} ran, {cached} cached, {seconds:.1} s");
            }
            _ => {}
        }
    }

    fn tell(&self, message: String, news: &dyn Fn(News)) {
        let percentage = (self.steps > 0).then(|| (100 * self.done / self.steps).min(100) as u32);
        news(News {
            message,
            percentage,
        });
    }

    /// Why it failed: in the step's words, else in those of the program.
    fn error(self) -> String {
        let words = if self.failure.is_empty() {
            self.said
        } else {
            self.failure
        };
        if words.is_empty() {
            "the build failed without a word".to_owned()
        } else {
            words.join("\n")
        }
    }
}

/// Asks a build to stop, as Ctrl-C does, and makes it stop when it does not.
fn stop(process: OwnedFd) {
    // Fails only when it has ended.
    let _ = rustix::process::pidfd_send_signal(&process, Signal::INT);
    std::thread::spawn(move || {
        let limit = Timespec::try_from(GRACE).ok();
        let mut ended = [PollFd::new(&process, PollFlags::IN)];
        if matches!(rustix::event::poll(&mut ended, limit.as_ref()), Ok(0)) {
            let _ = rustix::process::pidfd_send_signal(&process, Signal::KILL);
        }
    });
}
