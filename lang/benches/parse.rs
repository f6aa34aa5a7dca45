//! Speed of reading and checking over the corpus of real Dockerfiles, and over one large file.
//!
//! Reads `$COOPERAGE_CASES/corpus/dockerfiles` (default `../shared`) and prints megabytes a second, best of several rounds.

#![expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]

use cooperage_lang::ide::File;
use cooperage_lang::lints::{self, Config};
use cooperage_lang::{instructions, syntax};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const ROUNDS: usize = 15;

fn main() {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("COOPERAGE_CASES").map_or(default, PathBuf::from);
    let Ok(folder) = std::fs::read_dir(shared.join("corpus/dockerfiles")) else {
        println!("no corpus; set COOPERAGE_CASES to the folder of the case data");
        return;
    };
    let files: Vec<Vec<u8>> = folder
        .flatten()
        .filter_map(|f| std::fs::read(f.path()).ok())
        .collect();
    report("corpus", &files);
    let mut lines = b"FROM alpine\n".to_vec();
    for i in 0..10_000 {
        lines.extend_from_slice(
            format!("RUN echo {i} && make -j4 PREFIX=/usr install \\\n  && rm -rf /tmp/x{i}\n")
                .as_bytes(),
        );
    }
    report("20,000 lines", &[lines]);
}

fn report(name: &str, files: &[Vec<u8>]) {
    measure(&format!("{name}: nodes"), files, |source| {
        drop(black_box(syntax::parse(source)));
    });
    measure(&format!("{name}: nodes and tree"), files, |source| {
        drop(black_box(syntax::parse(source).tree(source)));
    });
    measure(&format!("{name}: instructions"), files, |source| {
        drop(black_box(instructions::parse(source)));
    });
    measure(&format!("{name}: scripts"), files, |source| {
        black_box(File::new(source.to_vec()).scripts());
    });
    measure(&format!("{name}: file rules"), files, |source| {
        let file = File::new(source.to_vec());
        drop(black_box(lints::check(&file, &Config::default())));
    });
}

/// Runs `work` over all files several times and prints the best round.
fn measure(name: &str, files: &[Vec<u8>], work: impl Fn(&[u8])) {
    let bytes: usize = files.iter().map(Vec::len).sum();
    let round = || {
        let start = Instant::now();
        for source in files {
            work(source);
        }
        start.elapsed()
    };
    let best = (0..ROUNDS).map(|_| round()).min().unwrap_or(Duration::ZERO);
    let speed = bytes as f64 / 1e6 / best.as_secs_f64();
    println!("{name:32} {bytes:>9} bytes {best:>12.3?} {speed:>8.0} MB/s");
}
