//! Work beside the owner of the session: a few threads that take requests in turn, and the net under each piece of work.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use tower_lsp::jsonrpc::{Error, ErrorCode};

/// Threads at most. More than one only so that a request that waits for a disk does not hold up the others.
const MOST: usize = 8;
/// A thread without work ends after this time, and what it kept in memory is free for all.
const REST: Duration = Duration::from_millis(500);
/// Threads at most that work for one document, whose disk may never answer.
const EACH: usize = 2;

/// **Source:** language server protocol 3.17, *ErrorCodes*.
const REQUEST_FAILED: i64 = -32803;

/// Why a request has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The text moved on.
    Stale,
    /// The client does not want it any more.
    Canceled,
    /// The request itself is wrong.
    Invalid(String),
    /// It cannot be done; the sentence is for people.
    Failed(String),
    /// A mistake of ours.
    Panicked(String),
}

/// What a handler gives.
pub(crate) type Answer<T> = Result<T, Fault>;

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let (code, message) = match fault {
            Fault::Stale => (
                ErrorCode::ContentModified,
                "the text has changed since".into(),
            ),
            Fault::Canceled => (ErrorCode::RequestCancelled, "canceled".into()),
            Fault::Invalid(why) => (ErrorCode::InvalidParams, why.into()),
            Fault::Failed(why) => (ErrorCode::ServerError(REQUEST_FAILED), why.into()),
            Fault::Panicked(why) => (ErrorCode::InternalError, why.into()),
        };
        Self {
            code,
            message,
            data: None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Error::from(self.clone()).message)
    }
}

/// Runs a piece of work; a panic in it is an answer like any other.
///
/// What the work touches is made of values that are replaced as a whole, so nothing is left half-changed.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Answer<T>) -> Answer<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(Fault::Panicked(format!(
            "a mistake of the server, please report it: {said}"
        )))
    })
}

struct Job {
    whose: String,
    work: Box<dyn FnOnce() + Send>,
}

/// The threads and what waits for them.
#[derive(Clone, Default)]
pub(crate) struct Pool(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    /// How many jobs are worked on, by whose they are.
    running: HashMap<String, usize>,
    threads: usize,
    /// Threads without work. The last one gets the next job: what it touched is still in the caches of its processor, and
    /// the memory that it gave back is its own.
    idle: Vec<Thread>,
}

impl Queue {
    /// The first job whose owner has a thread left.
    fn next(&mut self) -> Option<Job> {
        let has_one_left = |job: &Job| self.running.get(&job.whose).is_none_or(|n| *n < EACH);
        let at = self.waiting.iter().position(has_one_left)?;
        let job = self.waiting.remove(at)?;
        *self.running.entry(job.whose.clone()).or_default() += 1;
        Some(job)
    }

    fn finished(&mut self, whose: &str) {
        if let Some(running) = self.running.get_mut(whose) {
            *running -= 1;
            if *running == 0 {
                self.running.remove(whose);
            }
        }
    }
}

impl Pool {
    /// Runs a job for a document, or whatever else it is for, when a thread is free; jobs for the same begin in the order
    /// in which they came.
    pub(crate) fn run(&self, whose: &str, work: impl FnOnce() + Send + 'static) {
        let mut queue = self.0.lock();
        queue.waiting.push_back(Job {
            whose: whose.to_owned(),
            work: Box::new(work),
        });
        if let Some(idle) = queue.idle.pop() {
            idle.unpark();
        } else if queue.threads < MOST {
            let shared = self.0.clone();
            let worker = thread::Builder::new().name("worker".to_owned());
            if worker.spawn(move || shared.work()).is_ok() {
                queue.threads += 1;
            }
        }
    }
}

impl Shared {
    fn work(&self) {
        let own = thread::current();
        let mut queue = self.lock();
        loop {
            while let Some(Job { whose, work }) = queue.next() {
                drop(queue);
                // Jobs answer for their own panics; one that escapes must not cost the thread.
                let _ = catch_unwind(AssertUnwindSafe(work));
                queue = self.lock();
                queue.finished(&whose);
            }
            queue.idle.push(own.clone());
            let until = Instant::now() + REST;
            // Whoever has work for this thread takes it off the list first.
            while let Some(at) = queue.idle.iter().position(|idle| idle.id() == own.id()) {
                let rest = until.saturating_duration_since(Instant::now());
                if rest.is_zero() {
                    queue.idle.remove(at);
                    queue.threads -= 1;
                    return;
                }
                drop(queue);
                thread::park_timeout(rest);
                queue = self.lock();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Counters and a list of whole jobs.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn a_panic_is_an_error_answer() {
        let empty: Vec<u8> = Vec::new();
        let answer = guarded(|| Ok(empty[0]));
        let Err(Fault::Panicked(why)) = answer else {
            panic!("{answer:?}")
        };
        assert!(why.contains("index out of bounds"), "{why}");
        assert_eq!(guarded(|| Ok(1)), Ok(1));
    }

    #[test]
    fn threads_outlive_the_panics_of_their_jobs() {
        let pool = Pool::default();
        let (sender, receiver) = channel();
        for n in 0..100 {
            let sender = sender.clone();
            pool.run("a", move || {
                assert!(n % 2 == 0, "odd");
                sender.send(n).unwrap();
            });
        }
        drop(sender);
        assert_eq!(receiver.iter().count(), 50);
        assert!(pool.0.lock().threads <= MOST);
    }

    #[test]
    fn threads_end_without_work_and_begin_again() {
        let pool = Pool::default();
        for _ in 0..2 {
            let (sender, receiver) = channel();
            pool.run("a", move || sender.send(()).unwrap());
            receiver.recv().unwrap();
            while pool.0.lock().threads > 0 {
                std::thread::sleep(REST / 10);
            }
        }
    }

    #[test]
    fn who_never_ends_holds_up_only_its_own() {
        let pool = Pool::default();
        let (never, ending) = channel::<()>();
        let ending = Arc::new(Mutex::new(ending));
        let (sender, receiver) = channel();
        for _ in 0..20 {
            let ending = ending.clone();
            pool.run("stuck", move || {
                let _ = ending.lock().unwrap().recv();
            });
        }
        pool.run("fine", move || sender.send(1).unwrap());
        assert_eq!(receiver.recv(), Ok(1));
        drop(never);
    }
}
