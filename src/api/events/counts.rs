//! How many event streams each user has open.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The open streams of each user. No user may have all that there are (F254).
#[derive(Debug)]
pub(super) struct StreamCounts {
    most: usize,
    counts: Mutex<HashMap<String, usize>>,
}

/// An open stream of a user's, which counts until this is dropped.
#[derive(Debug)]
pub(super) struct CountedStream {
    user: String,
    counts: Arc<StreamCounts>,
}

impl StreamCounts {
    /// So many for each user.
    pub(super) fn new(most: usize) -> Self {
        Self { most, counts: Mutex::default() }
    }

    /// One more stream of a user's; `None` where they have as many as they may.
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
        // No code under this lock panics half way through a change.
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
