//! Seeded ids for simulations.

use std::{cell::Cell, marker::PhantomData};

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

thread_local! {
    static SEEDED: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
}

/// Makes every id that is generated on this thread come from a seed, until it is dropped.
///
/// The ids have ascending order. A simulation is then reproducible: the spread of attempts and the jitter of
/// back-offs depend on ids.
#[derive(Debug)]
pub struct SeededIds {
    before: Option<(u64, u64)>,
    /// Keeps the guard on its thread.
    not_send: PhantomData<*const ()>,
}

impl SeededIds {
    /// Starts generating ids from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { before: SEEDED.replace(Some((seed, 0))), not_send: PhantomData }
    }
}

impl Drop for SeededIds {
    fn drop(&mut self) {
        SEEDED.set(self.before);
    }
}

/// Returns the next id.
pub(super) fn next() -> Uuid {
    let Some((seed, count)) = SEEDED.get() else { return Uuid::now_v7() };
    SEEDED.set(Some((seed, count + 1)));
    let digest = Sha256::new().chain_update(seed.to_be_bytes()).chain_update(count.to_be_bytes());
    let mut random = [0; 10];
    random.copy_from_slice(&digest.finalize()[..10]);
    Builder::from_unix_timestamp_millis(count, &random).into_uuid()
}
