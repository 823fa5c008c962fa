//! Counts work in progress by key.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Counts of work in progress, with a limit that applies to each key.
#[derive(Debug)]
pub(crate) struct Counts<K> {
    limit: usize,
    counts: Mutex<HashMap<K, usize>>,
}

/// Counts for its key until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted<K: Eq + Hash> {
    key: K,
    counts: Arc<Counts<K>>,
}

impl<K: Eq + Hash + Clone> Counts<K> {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, counts: Mutex::default() })
    }

    /// Counts one more for a key, or returns `None` if the key is at its limit.
    pub(crate) fn begin(self: &Arc<Self>, key: K) -> Option<Counted<K>> {
        let mut counts = self.lock();
        let count = counts.entry(key.clone()).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Counted { key, counts: Arc::clone(self) })
    }
}

impl<K> Counts<K> {
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        // No code under this lock panics halfway through a change.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Counted<K> {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}
