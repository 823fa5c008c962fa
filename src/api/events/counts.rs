//! Counts the open event streams of each user.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The open streams of each user. No user may take all of them (F254).
#[derive(Debug)]
pub(super) struct StreamCounts {
    most: usize,
    counts: Mutex<HashMap<String, usize>>,
}

/// A user's open stream. It counts until it is dropped.
#[derive(Debug)]
pub(super) struct CountedStream {
    user: String,
    counts: Arc<StreamCounts>,
}

impl StreamCounts {
    /// Creates counts with this maximum per user.
    pub(super) fn new(most: usize) -> Self {
        Self { most, counts: Mutex::default() }
    }

    /// Counts one more stream of a user, or returns `None` if the user has the maximum.
    pub(super) fn open(self: &Arc<Self>, user: &str) -> Option<CountedStream> {
        let mut counts = self.lock();
        let count = counts.entry(user.to_owned()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(CountedStream { user: user.to_owned(), counts: Arc::clone(self) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        // No code under this lock panics halfway through a change.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CountedStream {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        if let Some(count) = counts.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.user);
            }
        }
    }
}
