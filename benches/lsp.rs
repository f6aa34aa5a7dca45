//! What the language server costs: CPU time for each operation, resident memory, and how fast it sees a changed file;
//! beside `docker-langserver` (npm `dockerfile-language-server-nodejs`) when that is in the `PATH`.
//!
//! `cargo bench --bench lsp`. CPU is that of all threads of the server (`/proc/PID/task/*/schedstat`), so it does not
//! depend on what else runs; the budgets are printed beside the figures.

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(120);
/// Files of the large context.
const MANY: usize = 100_000;

struct Server {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    asked: u64,
    version: i64,
}

impl Server {
    fn start(program: &Path, arguments: &[&str], root: &Path) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .env("COOPERAGE_ROOT", root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let input = child.stdin.take().expect("piped");
        let mut server = Self {
            child,
            input,
            messages,
            asked: 0,
            version: 1,
        };
        server.ask(
            "initialize",
            json!({"processId": null, "rootUri": null, "capabilities": {}}),
        );
        server.send(&json!({"jsonrpc": "2.0", "method": "initialized", "params": {}}));
        server
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("it reads");
        self.input.flush().expect("it reads");
    }

    fn next(&mut self) -> Value {
        let message = self.messages.recv_timeout(PATIENCE).expect("a message");
        if message["method"].is_string() && !message["id"].is_null() {
            self.send(&json!({"jsonrpc": "2.0", "id": message["id"], "result": null}));
        }
        message
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let message = self.next();
            if message["id"] == id && message["method"].is_null() {
                return message["result"].clone();
            }
        }
    }

    fn open(&mut self, uri: &str, text: &str) {
        let document = json!({"uri": uri, "languageId": "dockerfile", "version": 1, "text": text});
        self.version = 1;
        let params = json!({"textDocument": document});
        self.send(&json!({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": params}));
        self.diagnosed();
    }

    /// Types a letter at the end of a comment in the first line, and waits for what is said about it.
    fn edit(&mut self, uri: &str) {
        self.version += 1;
        let at = json!({"line": 0, "character": 1});
        let change = json!({"range": {"start": at, "end": at}, "text": "x"});
        let params = json!({"textDocument": {"uri": uri, "version": self.version}, "contentChanges": [change]});
        self.send(&json!({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": params}));
        self.diagnosed();
    }

    fn diagnosed(&mut self) {
        while self.next()["method"] != "textDocument/publishDiagnostics" {}
    }

    fn hints(&mut self, uri: &str) -> Vec<String> {
        let range =
            json!({"start": {"line": 0, "character": 0}, "end": {"line": 99_999, "character": 0}});
        let hints = self.ask(
            "textDocument/inlayHint",
            json!({"textDocument": {"uri": uri}, "range": range}),
        );
        let text = |hint: &Value| hint["label"].as_str().unwrap_or_default().to_owned();
        hints
            .as_array()
            .map(|all| all.iter().map(text).collect())
            .unwrap_or_default()
    }

    /// CPU time of all threads so far.
    fn cpu(&self) -> Duration {
        let tasks = format!("/proc/{}/task", self.child.id());
        let time = |task: std::io::Result<std::fs::DirEntry>| {
            let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        };
        let tasks = std::fs::read_dir(tasks).expect("it lives");
        Duration::from_nanos(tasks.filter_map(time).sum())
    }

    fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it lives");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        number.unwrap_or_default() / 1024.0
    }

    fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.child.id())).map_or(0, Iterator::count)
    }

    /// CPU of one of `count` operations.
    fn cost(&mut self, count: u32, mut operation: impl FnMut(&mut Self)) -> Duration {
        let before = self.cpu();
        for _ in 0..count {
            operation(self);
        }
        self.cpu().saturating_sub(before) / count
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
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

fn row(what: &str, budget: &str, figures: &[String]) {
    println!(
        "{what:<44}{budget:>10}{:>16}{:>16}",
        figures[0],
        figures.get(1).map_or("-", |s| s)
    );
}

/// The operations that every Dockerfile server has.
fn operations(program: &Path, arguments: &[&str], folder: &Path) -> Vec<String> {
    let root = folder.join("store");
    let uri = |name: &str| format!("file://{}", folder.join(name).display());
    let mut figures = Vec::new();
    let starts: Vec<Duration> = (0..10)
        .map(|_| {
            let mut server = Server::start(program, arguments, &root);
            server.open(&uri("Dockerfile"), &text(50));
            server.cpu()
        })
        .collect();
    figures.push(ms(starts.iter().sum::<Duration>() / 10));
    let mut server = Server::start(program, arguments, &root);
    for lines in [50, 2_000] {
        let uri = uri(&format!("{lines}.Dockerfile"));
        server.open(&uri, &text(lines));
        // The forecast of an edit is not what is asked about here, so the next one comes before it is due.
        figures.push(ms(server.cost(200, |server| server.edit(&uri))));
        let place = json!({"textDocument": {"uri": uri}, "position": {"line": 5, "character": 1}});
        for method in ["textDocument/completion", "textDocument/hover"] {
            let ask = |server: &mut Server| drop(server.ask(method, place.clone()));
            figures.push(ms(server.cost(100, ask)));
        }
    }
    let uri = uri("2000.Dockerfile");
    let tokens = json!({"textDocument": {"uri": uri}});
    figures.push(ms(server.cost(20, |server| {
        server.edit(&uri);
        server.ask("textDocument/semanticTokens/full", tokens.clone());
    })));
    std::thread::sleep(Duration::from_millis(300));
    figures.push(format!("{:.1} MB", server.resident()));
    figures.push(server.threads().to_string());
    figures
}

/// A context of many files: the first walk, an edit afterwards, a touched file.
fn large_context(program: &Path, folder: &Path) {
    let context = folder.join("large");
    for n in 0..MANY {
        let sub = context.join(format!("d{}/e{}", n / 1000, n / 50 % 20));
        if n % 50 == 0 {
            std::fs::create_dir_all(&sub).expect("space");
        }
        std::fs::write(sub.join(n.to_string()), n.to_string()).expect("space");
    }
    let mut dockerfile = "#\nFROM scratch\nCOPY . /all/\n".to_owned();
    for n in 0..48 {
        dockerfile += &format!("COPY d{n} /d{n}/\n");
    }
    let uri = format!("file://{}", context.join("Dockerfile").display());
    let mut server = Server::start(program, &["lsp"], &folder.join("store"));
    let began = Instant::now();
    server.open(&uri, &dockerfile);
    let hints = server.hints(&uri);
    println!("\n{MANY} files, 49 steps:");
    println!(
        "  first walk: {} CPU, {} elapsed",
        ms(server.cpu()),
        ms(began.elapsed())
    );
    assert_eq!(hints.len(), 49);
    let edit = server.cost(20, |server| {
        server.edit(&uri);
        server.hints(&uri);
    });
    println!("  forecast after an edit: {} CPU (budget 5 ms)", ms(edit));
    println!(
        "  resident: {:.1} MB, {} threads",
        server.resident(),
        server.threads()
    );
    let touched = context.join("d7/e3/7150");
    let before = server.cpu();
    let began = Instant::now();
    std::fs::write(&touched, "changed").expect("space");
    // The hint's text stays as nothing was built; what is timed is the forecast that the change brings by itself.
    let idle = Duration::from_millis(400);
    std::thread::sleep(idle);
    println!(
        "  a touched file: {} CPU within {}",
        ms(server.cpu().saturating_sub(before)),
        ms(began.elapsed())
    );
}

fn main() {
    let folder = std::env::temp_dir().join(format!("cooperage-bench-lsp-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a place to work");
    let cooper = PathBuf::from(env!("CARGO_BIN_EXE_cooper"));
    let ours = operations(&cooper, &["lsp"], &folder);
    let peer = Command::new("docker-langserver")
        .arg("--help")
        .output()
        .is_ok();
    let theirs = peer.then(|| operations(Path::new("docker-langserver"), &["--stdio"], &folder));
    let names = [
        ("start to first diagnostics", "10 ms"),
        ("50 lines: edit to diagnostics", "1 ms"),
        ("50 lines: completion", "1 ms"),
        ("50 lines: hover", "1 ms"),
        ("2,000 lines: edit to diagnostics", "5 ms"),
        ("2,000 lines: completion", ""),
        ("2,000 lines: hover", ""),
        ("2,000 lines: edit, then semantic tokens", "10 ms"),
        ("resident", "20 MB"),
        ("threads", ""),
    ];
    println!(
        "{:<44}{:>10}{:>16}{:>16}",
        "CPU of", "budget", "cooper", "npm server"
    );
    for (n, (what, budget)) in names.iter().enumerate() {
        let theirs = theirs.iter().map(|figures| figures[n].clone());
        row(
            what,
            budget,
            &[ours[n].clone()]
                .into_iter()
                .chain(theirs)
                .collect::<Vec<_>>(),
        );
    }
    large_context(&cooper, &folder);
    // Left behind only when something failed above.
    let _ = std::fs::remove_dir_all(&folder);
}
