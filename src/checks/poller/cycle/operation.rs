//! Waiting for optional operations.

use std::{
    future::{Future, pending},
    pin::Pin,
    time::Duration,
};

use crate::clock::Clock;

/// A running call of the store.
pub(super) type Operation<T> = Option<Pin<Box<dyn Future<Output = T> + Send>>>;

/// Waits for a running operation, or forever if there is none. Dropping the wait leaves the operation
/// running, so that a call of the store always completes.
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

/// Sleeps for this duration, or forever.
pub(super) async fn sleep(clock: &dyn Clock, duration: Option<Duration>) {
    match duration {
        Some(duration) => clock.sleep(duration).await,
        None => pending().await,
    }
}
