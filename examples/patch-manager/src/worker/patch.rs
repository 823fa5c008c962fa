//! The simulated patching.

use std::{
    collections::HashSet,
    fmt::Debug,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use healthgate::model::{HostId, JobId, PassId};

/// Patches hosts.
///
/// The pass's id identifies the patch: a second call with the same one, after a worker died, continues
/// instead of starting over.
#[async_trait]
pub(crate) trait Patcher: Debug + Send + Sync + 'static {
    /// Patches a host. The error is a sentence for people.
    async fn patch(&self, job: JobId, host: HostId, pass: Option<PassId>) -> Result<(), String>;
}

/// Waits a few seconds and changes nothing, or fails if told to.
#[derive(Debug)]
pub(crate) struct SimulatedPatcher {
    takes: Duration,
    failing: Mutex<HashSet<HostId>>,
}

impl SimulatedPatcher {
    /// Creates a patcher whose patches take this long.
    pub(crate) fn new(takes: Duration) -> Self {
        Self { takes, failing: Mutex::default() }
    }

    /// Sets whether patches of a host fail.
    #[cfg(feature = "demo")]
    pub(crate) fn set_failing(&self, host: HostId, failing: bool) {
        let mut hosts = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        if failing {
            hosts.insert(host);
        } else {
            hosts.remove(&host);
        }
    }

    /// Returns whether patches of a host fail.
    pub(crate) fn fails(&self, host: HostId) -> bool {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).contains(&host)
    }
}

#[async_trait]
impl Patcher for SimulatedPatcher {
    async fn patch(&self, _: JobId, host: HostId, _: Option<PassId>) -> Result<(), String> {
        tokio::time::sleep(self.takes).await;
        if self.fails(host) {
            return Err("the package manager ended with status 100".to_owned());
        }
        Ok(())
    }
}
