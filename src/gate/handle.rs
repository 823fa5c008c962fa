//! A gate as one call.

use std::{sync::Arc, time::Duration};

use thiserror::Error;

use super::{
    decide::WindowAnswer,
    opening::Opening,
    policy::GatePolicy,
    source::{HealthSource, HostHealth, SourceError, WindowSource},
};
use crate::{
    checks::Nudge,
    clock::Clock,
    model::{GateRecord, GateRequest, GateState, Violations},
    store::{Store, StoreError},
};

/// The application's handle on gates: opens and awaits them, spends their passes, and says what they
/// would do. The waiting itself is done by a [`GateRunner`](super::GateRunner), in this process or
/// another.
#[derive(Clone, Debug)]
pub struct Gate {
    pub(super) store: Arc<dyn Store>,
    pub(super) health: Arc<dyn HealthSource>,
    pub(super) windows: Arc<dyn WindowSource>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) policy: GatePolicy,
    look_every: Duration,
    nudge: Option<Nudge>,
}

impl Gate {
    /// A gate over a store; health, windows, clock and policy are those of the runner.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        health: Arc<dyn HealthSource>,
        windows: Arc<dyn WindowSource>,
        clock: Arc<dyn Clock>,
        policy: GatePolicy,
    ) -> Self {
        let look_every = Duration::from_secs(1);
        Self { store, health, windows, clock, policy, look_every, nudge: None }
    }

    /// Lets a runner in the same process look at once when a gate is opened or overridden.
    #[must_use]
    pub fn with_nudge(self, nudge: Nudge) -> Self {
        Self { nudge: Some(nudge), ..self }
    }

    /// How often [`wait`](Self::wait) looks at its gate; every second by default.
    #[must_use]
    pub fn with_poll_interval(self, look_every: Duration) -> Self {
        Self { look_every, ..self }
    }

    /// Opens a gate, or answers with the one that this job has on this host.
    ///
    /// # Errors
    /// [`StoreError::GateBusy`] where another job's gate on this host is unfinished;
    /// [`open_all`](Self::open_all) makes more of that.
    pub async fn open(&self, request: GateRequest) -> Result<GateRecord, StoreError> {
        let record = self.store.open_gate(request).await?;
        self.nudge();
        Ok(record)
    }

    /// Opens a gate and waits until it has passed or ended. Where another job holds the host, opening
    /// is tried again until the window ends, and then the gate fails as `gate_busy`.
    ///
    /// Dropping the call stops the waiting alone: the gate goes on, and the same request finds it
    /// again.
    ///
    /// # Errors
    /// An error of the store that is not [`StoreError::Unavailable`]; that one is waited out.
    pub async fn wait(&self, mut request: GateRequest) -> Result<GateRecord, GateError> {
        loop {
            let opened = self.open_all(std::slice::from_ref(&request)).await;
            // What was opened anew is waited for, and not opened anew again.
            let open = |openings: &Vec<Opening>| matches!(openings[..], [Opening::Open(_)]);
            request.retry &= !opened.as_ref().is_ok_and(open);
            match opened {
                Ok(openings) => match openings.into_iter().next() {
                    Some(Opening::Open(record)) if record.state != GateState::Waiting => {
                        return Ok(record);
                    }
                    Some(Opening::Ended(record)) => return Ok(record),
                    Some(Opening::Open(_)) | None => self.clock.sleep(self.look_every).await,
                    // The window is read again at least as often as a runner does.
                    Some(Opening::Busy { .. }) => {
                        self.clock.sleep(self.policy.retry.min(self.look_every * 5)).await;
                    }
                },
                Err(GateError::Store(StoreError::Unavailable { .. })) => {
                    self.clock.sleep(self.look_every).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Lets the runner of this process look at its gates now.
    pub(super) fn nudge(&self) {
        if let Some(nudge) = &self.nudge {
            nudge.nudge();
        }
    }

    /// What is known of these gates' hosts: one answer each.
    pub(super) async fn health_of_all(
        &self,
        gates: &[&GateRecord],
    ) -> Result<Vec<HostHealth>, SourceError> {
        let health = self.health.health(gates).await?;
        if health.len() != gates.len() {
            return Err(SourceError::new("health", "it did not answer for every gate"));
        }
        Ok(health)
    }

    /// What is known of this gate's host.
    pub(super) async fn health_of(&self, gate: &GateRecord) -> Result<HostHealth, SourceError> {
        Ok(self.health_of_all(&[gate]).await?.pop().unwrap_or_default())
    }

    /// The windows of these gates: one answer each.
    pub(super) async fn windows_of(
        &self,
        gates: &[&GateRecord],
    ) -> Result<Vec<WindowAnswer>, SourceError> {
        let windows = self.windows.windows(gates).await?;
        if windows.len() != gates.len() {
            return Err(SourceError::new("windows", "it did not answer for every gate"));
        }
        Ok(windows)
    }

    /// This gate's window.
    pub(super) async fn window_of(&self, gate: &GateRecord) -> Result<WindowAnswer, SourceError> {
        Ok(self.windows_of(&[gate]).await?.pop().unwrap_or(WindowAnswer::Withdrawn))
    }
}

/// Why a gate cannot be asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GateError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A source cannot tell.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What was asked for is invalid: every violation.
    #[error(transparent)]
    Invalid(#[from] Violations),
}
