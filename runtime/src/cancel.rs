//! Asking work to stop, from any thread.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A request to stop that travels with a piece of work. Clones are the same request.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    canceled: bool,
    next: u64,
    callbacks: Vec<(u64, Box<dyn FnOnce() + Send>)>,
}

/// Takes the callback back when dropped.
pub struct OnCancel {
    cancel: Cancel,
    id: u64,
}

impl Cancel {
    /// A request that nobody made yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the request; runs every callback once, on this thread. Calling it again does nothing.
    pub fn cancel(&self) {
        let callbacks = {
            let mut state = self.lock();
            state.canceled = true;
            std::mem::take(&mut state.callbacks)
        };
        self.0.changed.notify_all();
        for (_, callback) in callbacks {
            callback();
        }
    }

    /// Tells whether the request was made.
    pub fn is_canceled(&self) -> bool {
        self.lock().canceled
    }

    /// Runs `callback` when the request is made, or at once if it was, until the guard is dropped.
    #[must_use]
    pub fn on_cancel(&self, callback: impl FnOnce() + Send + 'static) -> OnCancel {
        let mut state = self.lock();
        let id = state.next;
        state.next += 1;
        if state.canceled {
            drop(state);
            callback();
        } else {
            state.callbacks.push((id, Box::new(callback)));
        }
        OnCancel {
            cancel: self.clone(),
            id,
        }
    }

    /// Waits until the request is made, at most `limit`; tells whether it was.
    pub fn wait(&self, limit: Duration) -> bool {
        let state = self.lock();
        let (state, _) = self
            .0
            .changed
            .wait_timeout_while(state, limit, |s| !s.canceled)
            .unwrap_or_else(PoisonError::into_inner);
        state.canceled
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is a flag and a list: a panic elsewhere cannot leave it half-changed.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OnCancel {
    fn drop(&mut self) {
        self.cancel
            .lock()
            .callbacks
            .retain(|(id, _)| *id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn callbacks_run_once_and_not_after_their_guard() {
        let cancel = Cancel::new();
        let count = Arc::new(AtomicU32::new(0));
        let add = |n| {
            let count = count.clone();
            move || {
                count.fetch_add(n, Ordering::SeqCst);
            }
        };
        let _kept = cancel.on_cancel(add(1));
        drop(cancel.on_cancel(add(10)));
        cancel.cancel();
        cancel.cancel();
        assert_eq!(count.load(Ordering::SeqCst), 1);
        let _late = cancel.on_cancel(add(100));
        assert_eq!(count.load(Ordering::SeqCst), 101);
        assert!(cancel.wait(Duration::from_secs(60)));
    }
}
