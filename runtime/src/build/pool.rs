//! Work that makes more work, done by several threads: walking a tree, writing one.

use super::tree::threads;
use std::sync::{Condvar, Mutex, PoisonError};

struct Queue<T> {
    tasks: Vec<T>,
    working: usize,
}

/// Work this small is done before a thread has started.
const ALONE: usize = 8;

/// Runs `step` for every task and for every task that steps add. The newest is taken first, so few stay open at a time.
pub(crate) fn run<T: Send>(tasks: Vec<T>, step: impl Fn(T, &mut Vec<T>) + Sync) {
    let mut tasks = tasks;
    for _ in 0..ALONE {
        let Some(task) = tasks.pop() else { return };
        step(task, &mut tasks);
    }
    if tasks.is_empty() {
        return;
    }
    let queue = Mutex::new(Queue { tasks, working: 0 });
    let changed = Condvar::new();
    std::thread::scope(|scope| {
        for _ in 1..threads() {
            scope.spawn(|| work(&queue, &changed, &step));
        }
        work(&queue, &changed, &step);
    });
}

fn work<T>(queue: &Mutex<Queue<T>>, changed: &Condvar, step: &impl Fn(T, &mut Vec<T>)) {
    let mut more = Vec::new();
    let mut locked = queue.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(task) = locked.tasks.pop() {
            locked.working += 1;
            drop(locked);
            // Told of also when the step panics, or the others would wait for ever.
            let done = Done { queue, changed };
            step(task, &mut more);
            locked = done.finish(&mut more);
        } else if locked.working == 0 {
            return;
        } else {
            locked = changed.wait(locked).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct Done<'a, T> {
    queue: &'a Mutex<Queue<T>>,
    changed: &'a Condvar,
}

impl<'a, T> Done<'a, T> {
    fn finish(self, more: &mut Vec<T>) -> std::sync::MutexGuard<'a, Queue<T>> {
        let mut locked = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        locked.working -= 1;
        if more.len() > 1 || locked.working == 0 {
            self.changed.notify_all();
        }
        locked.tasks.append(more);
        std::mem::forget(self);
        locked
    }
}

impl<T> Drop for Done<'_, T> {
    fn drop(&mut self) {
        let mut locked = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        locked.working -= 1;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn every_task_runs_once() {
        let sum = AtomicU32::new(0);
        run(vec![12], |n: u32, more| {
            sum.fetch_add(1, Ordering::Relaxed);
            if n > 0 {
                more.extend([n - 1, n - 1]);
            }
        });
        assert_eq!(sum.into_inner(), (1 << 13) - 1);
    }
}
