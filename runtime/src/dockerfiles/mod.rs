//! Dockerfiles on disk, many at once: finding them, checking them, mending them. No store is opened for any of it.

mod check;
mod find;
mod replace;

pub use check::{Checked, Fixed, LocalPlatform, check, findings, mend, unplaced};
pub use find::{Found, Limits, find, is_dockerfile};
pub use replace::replace;

use std::sync::{Mutex, PoisonError};

/// Does the same with every item, on several threads; the answers are in the order of the items.
pub fn each<T: Send, A: Send>(items: Vec<T>, work: impl Fn(T) -> A + Sync) -> Vec<A> {
    let answers: Mutex<Vec<(usize, A)>> = Mutex::new(Vec::with_capacity(items.len()));
    let tasks = items.into_iter().enumerate().rev().collect();
    crate::build::pool::run(tasks, |(index, item), _| {
        let answer = work(item);
        answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((index, answer));
    });
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.sort_unstable_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}
