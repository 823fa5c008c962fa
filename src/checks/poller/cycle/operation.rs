//! Waiting for what may be under way.

use std::{
    future::{Future, pending},
    pin::Pin,
    time::Duration,
};

use crate::clock::Clock;

/// A call of the store's that is under way.
pub(super) type Operation<T> = Option<Pin<Box<dyn Future<Output = T> + Send>>>;

/// Waits for an operation that is under way, for ever where there is none. Being dropped while it
/// waits leaves the operation as it is, so that a store's call always runs to its end.
pub(super) async fn wait<T>(operation: &mut Operation<T>) -> T {
    match operation {
        Some(future) => {
            let output = future.await;
            *operation = None;
            output
        }
        None => pending().await,
    }
}

/// Sleeps so long, or for ever.
pub(super) async fn sleep(clock: &dyn Clock, duration: Option<Duration>) {
    match duration {
        Some(duration) => clock.sleep(duration).await,
        None => pending().await,
    }
}
