//! A gate as one call.

use std::{sync::Arc, time::Duration};

use thiserror::Error;
use tracing::debug;

use super::{
    decide::WindowAnswer,
    policy::GatePolicy,
    source::{SourceError, WindowSource},
};
use crate::{
    checks::Nudge,
    clock::Clock,
    model::{EndReason, GatePass, GateRecord, GateRequest, GateState},
    store::{Spend, SpendRefusal, Store, StoreError},
};

/// Opens gates, awaits them, and spends their passes. The waiting itself is done by a
/// [`GateRunner`](super::GateRunner), in this process or another.
#[derive(Clone, Debug)]
pub struct Gate {
    store: Arc<dyn Store>,
    windows: Arc<dyn WindowSource>,
    clock: Arc<dyn Clock>,
    policy: GatePolicy,
    look_every: Duration,
    nudge: Option<Nudge>,
}

impl Gate {
    /// A gate over a store; windows, clock and policy are those of the runner.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        windows: Arc<dyn WindowSource>,
        clock: Arc<dyn Clock>,
        policy: GatePolicy,
    ) -> Self {
        let look_every = Duration::from_secs(1);
        Self { store, windows, clock, policy, look_every, nudge: None }
    }

    /// Lets a runner in the same process look at once when a gate is opened.
    #[must_use]
    pub fn nudging(self, nudge: Nudge) -> Self {
        Self { nudge: Some(nudge), ..self }
    }

    /// How often [`wait`](Self::wait) looks at its gate; every second by default.
    #[must_use]
    pub fn looking_every(self, look_every: Duration) -> Self {
        Self { look_every, ..self }
    }

    /// Opens a gate, or answers with the one that this job has on this host.
    ///
    /// # Errors
    /// [`StoreError::GateBusy`] where another job's gate on this host is unfinished.
    pub async fn open(&self, request: GateRequest) -> Result<GateRecord, StoreError> {
        let record = self.store.open_gate(request).await?;
        if let Some(nudge) = &self.nudge {
            nudge.nudge();
        }
        Ok(record)
    }

    /// Opens a gate and waits until it has passed or ended. Where another job holds the host, opening
    /// is tried again at each retry until the window ends, and then the gate fails as `gate_busy`.
    ///
    /// Dropping the call stops the waiting alone: the gate goes on, and the same request finds it
    /// again.
    ///
    /// # Errors
    /// An error of the store that is not [`StoreError::Unavailable`]; that one is waited out.
    pub async fn wait(&self, request: GateRequest) -> Result<GateRecord, GateError> {
        loop {
            let found = match self.open(request.clone()).await {
                Err(StoreError::GateBusy { holder }) => {
                    debug!(%holder, host = %request.host_id, "another job holds the host");
                    self.busy(&request).await?
                }
                found => found.map(Some),
            };
            match found {
                Ok(Some(record)) if record.state != GateState::Waiting => return Ok(record),
                Ok(Some(_)) | Err(StoreError::Unavailable { .. }) => {
                    self.clock.sleep(self.look_every).await;
                }
                // The window is read again at least as often as a runner does.
                Ok(None) => self.clock.sleep(self.policy.retry.min(self.look_every * 5)).await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Spends a pass: asks for the window once more, then takes the one conditional step (G17). Go
    /// ahead with [`Spend::Spent`] alone.
    ///
    /// # Errors
    /// Where the window cannot be read or the store cannot be written: do not go ahead.
    pub async fn spend(&self, pass: &GatePass) -> Result<Spend, GateError> {
        let Some(record) = self.store.gate(pass.job_id, pass.host_id).await? else {
            return Ok(Spend::Refused(SpendRefusal::Superseded));
        };
        let answers = self.windows.windows(&[&record]).await?;
        let now = self.store.now().await?;
        let refused = match answers.first() {
            Some(WindowAnswer::Open(window))
                if window.opens_at() <= now && now < self.policy.end_of(*window) =>
            {
                None
            }
            Some(WindowAnswer::JobCancelled) => Some(SpendRefusal::Cancelled),
            _ => Some(SpendRefusal::Expired),
        };
        match refused {
            // A pass that was spent before is told apart from one that is merely too late.
            Some(_) if record.state == GateState::Spent => {
                Ok(Spend::Refused(SpendRefusal::AlreadySpent))
            }
            Some(refusal) => Ok(Spend::Refused(refusal)),
            None => Ok(self.store.spend_pass(pass).await?),
        }
    }

    /// What becomes of a request whose host is held by another job: `None` to try again.
    async fn busy(
        &self,
        request: &GateRequest,
    ) -> Result<Result<Option<GateRecord>, StoreError>, GateError> {
        let now = match self.store.now().await {
            Ok(now) => now,
            Err(error) => return Ok(Err(error)),
        };
        let asked = GateRecord::open(crate::model::GateId::generate(), request, now);
        let reason = match self.windows.windows(&[&asked]).await?.first() {
            Some(WindowAnswer::Open(window)) if now < self.policy.end_of(*window) => {
                return Ok(Ok(None));
            }
            Some(WindowAnswer::Open(_)) | None => EndReason::GateBusy,
            Some(WindowAnswer::Withdrawn) => EndReason::WindowWithdrawn,
            Some(WindowAnswer::JobCancelled) => EndReason::JobCancelled,
            Some(WindowAnswer::HostGone) => EndReason::HostDeleted,
        };
        let detail = "another job's gate held the host until the window ended".to_owned();
        Ok(self.store.open_ended_gate(request.clone(), reason, detail).await.map(Some))
    }
}

/// Why a gate cannot be awaited or its pass not be spent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GateError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source of windows cannot tell.
    #[error(transparent)]
    Source(#[from] SourceError),
}
