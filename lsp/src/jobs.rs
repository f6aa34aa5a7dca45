//! Work beside the owner of the session: a few threads that take requests in turn, and the net under each piece of work.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tower_lsp::jsonrpc::{Error, ErrorCode};

/// Threads that take requests at once. More than one only so that a request that waits for a disk does not hold up the
/// others.
const USUAL: usize = 4;

/// When all of them wait this long for a disk that hangs, there is one more.
const LONG: Duration = Duration::from_millis(50);

/// Threads at most.
const MOST: usize = 256;

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

type Job = Box<dyn FnOnce() + Send>;

/// The threads and what waits for them.
#[derive(Clone, Default)]
pub(crate) struct Pool(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    more: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    threads: usize,
    idle: usize,
    /// A thread waits whether the others get on.
    relief: bool,
    /// Jobs that were begun so far.
    taken: u64,
}

impl Pool {
    /// Runs a job when a thread is free; jobs begin in the order in which they came.
    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) {
        let mut queue = self.0.lock();
        queue.waiting.push_back(Box::new(job));
        if queue.waiting.len() > queue.idle {
            self.0.begin_thread(&mut queue);
        }
        drop(queue);
        self.0.more.notify_one();
    }
}

impl Shared {
    /// Begins a thread when there are not yet enough; then one at a time that first sees whether it is needed.
    fn begin_thread(self: &Arc<Self>, queue: &mut Queue) {
        let is_relief = queue.threads >= USUAL;
        if queue.threads >= MOST || (is_relief && queue.relief) {
            return;
        }
        let shared = self.clone();
        let worker = std::thread::Builder::new().name("worker".to_owned());
        let begun = worker.spawn(move || {
            if !is_relief || shared.is_needed() {
                shared.work();
            }
        });
        if begun.is_ok() {
            queue.threads += 1;
            queue.relief |= is_relief;
        }
    }

    /// Whether the other threads got nothing done for long although there is work. Then there will be the next to see.
    fn is_needed(self: &Arc<Self>) -> bool {
        let before = self.lock().taken;
        std::thread::sleep(LONG);
        let mut queue = self.lock();
        queue.relief = false;
        let needed = queue.taken == before && !queue.waiting.is_empty();
        if !needed {
            queue.threads -= 1;
        }
        if !queue.waiting.is_empty() {
            self.begin_thread(&mut queue);
        }
        needed
    }

    fn work(&self) {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.waiting.pop_front() {
                queue.taken += 1;
                drop(queue);
                // Jobs answer for their own panics; one that escapes must not cost the thread.
                let _ = catch_unwind(AssertUnwindSafe(job));
                queue = self.lock();
            } else if queue.threads > USUAL {
                // The hang is over.
                queue.threads -= 1;
                return;
            } else {
                queue.idle += 1;
                queue = self
                    .more
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                queue.idle -= 1;
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
    fn jobs_that_hang_hold_up_no_other() {
        let pool = Pool::default();
        let (release, hung) = channel::<()>();
        let hung = Arc::new(Mutex::new(hung));
        for _ in 0..3 * USUAL {
            let hung = hung.clone();
            // All wait for the lock, one for what is never sent.
            pool.run(move || assert!(hung.lock().unwrap().recv().is_err()));
        }
        let (sender, receiver) = channel();
        pool.run(move || sender.send(1).unwrap());
        let patience = Duration::from_secs(30);
        assert_eq!(receiver.recv_timeout(patience), Ok(1));
        assert!(pool.0.lock().threads > USUAL);
        drop(release);
        let (sender, receiver) = channel();
        pool.run(move || sender.send(2).unwrap());
        assert_eq!(receiver.recv_timeout(patience), Ok(2));
    }

    #[test]
    fn threads_outlive_the_panics_of_their_jobs() {
        let pool = Pool::default();
        let (sender, receiver) = channel();
        for n in 0..100 {
            let sender = sender.clone();
            pool.run(move || {
                assert!(n % 2 == 0, "odd");
                sender.send(n).unwrap();
            });
        }
        drop(sender);
        assert_eq!(receiver.iter().count(), 50);
        assert!(pool.0.lock().threads <= MOST);
    }
}
