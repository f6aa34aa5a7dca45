//! Runs a check on random inputs for some time: `fuzz TARGET SECONDS FOLDER…`, `FUZZ_SEED` for other inputs.

#![expect(clippy::print_stderr, reason = "the program has no other way to tell")]

use cooperage_fuzz::mutate::{Random, input};
use cooperage_fuzz::{TARGETS, Target};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(run) = Run::new(&args) else {
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("usage: fuzz {} SECONDS FOLDER…", names.join("|"));
        return ExitCode::from(2);
    };
    match run.search() {
        Ok(count) => {
            eprintln!("{}: {count} inputs, none failed", run.name);
            ExitCode::SUCCESS
        }
        Err(failed) => {
            eprintln!("{}: the input in {} fails", run.name, failed.display());
            ExitCode::FAILURE
        }
    }
}

struct Run {
    name: &'static str,
    target: Target,
    time: Duration,
    files: Vec<Vec<u8>>,
}

impl Run {
    fn new(args: &[String]) -> Option<Self> {
        let [name, seconds, folders @ ..] = args else {
            return None;
        };
        let (name, target) = TARGETS.iter().find(|(known, _)| known == name)?;
        let mut files = Vec::new();
        for folder in folders {
            read(Path::new(folder), &mut files);
        }
        Some(Self {
            name,
            target: *target,
            time: Duration::from_secs(seconds.parse().ok()?),
            files,
        })
    }

    /// Runs until the time is over; the file with the first input that fails.
    fn search(&self) -> Result<u64, PathBuf> {
        let seed = std::env::var("FUZZ_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let mut random = Random::new(seed.unwrap_or(1));
        let begin = Instant::now();
        let mut count = 0;
        while begin.elapsed() < self.time {
            let input = input(&mut random, &self.files);
            if std::panic::catch_unwind(|| (self.target)(&input)).is_err() {
                let file = std::env::temp_dir().join(format!("fuzz-{}-{count}", self.name));
                // Without the file the message of the panic is all there is.
                let _ = std::fs::write(&file, &input);
                return Err(file);
            }
            count += 1;
        }
        Ok(count)
    }
}

/// Reads every file below a folder; what cannot be read is left out.
fn read(path: &Path, files: &mut Vec<Vec<u8>>) {
    if let Ok(entries) = std::fs::read_dir(path) {
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in &paths {
            read(path, files);
        }
    } else {
        files.extend(std::fs::read(path));
    }
}
