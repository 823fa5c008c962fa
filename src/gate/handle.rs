//! The handle on gates.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use thiserror::Error;
use tracing::warn;

use super::{
    decide::WindowAnswer,
    opening::Opening,
    policy::GatePolicy,
    rights::{AllowOverrides, OverrideRights},
    source::{HealthSource, HostHealth, SourceError, WindowSource, ask},
    spend::SeenPasses,
};
use crate::{
    ConfigError,
    checks::Nudge,
    clock::Clock,
    model::{
        EvidenceReason, GatePass, GateRecord, GateRequest, GateState, HostChange, HostId, JobId,
        ReasonCode, ViolationCode, Violations, instant,
    },
    store::{JobStore, StoreError},
};

/// The application's handle on gates: opens and awaits them, spends their passes, and previews their
/// decisions.
///
/// A [`GateRunner`](super::GateRunner), in this process or another, serves the gates while they wait.
#[derive(Clone, Debug)]
pub struct Gate {
    pub(super) store: Arc<dyn JobStore>,
    pub(super) health: Arc<dyn HealthSource>,
    pub(super) windows: Arc<dyn WindowSource>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) policy: GatePolicy,
    pub(super) rights: Arc<dyn OverrideRights>,
    pub(super) seen: Arc<SeenPasses>,
    pub(super) look_every: Duration,
    patience: Duration,
    source_timeout: Duration,
    nudge: Option<Nudge>,
}

impl Gate {
    /// Creates a handle over a store. Give it the health source, windows, clock and policy of the runner.
    ///
    /// # Errors
    /// Fails if a value of the policy is out of bounds or differs from that of the health source.
    pub fn new(
        store: Arc<dyn JobStore>,
        health: Arc<dyn HealthSource>,
        windows: Arc<dyn WindowSource>,
        clock: Arc<dyn Clock>,
        policy: GatePolicy,
    ) -> Result<Self, ConfigError> {
        policy.validate()?;
        policy.validate_with_source(health.check_timeout())?;
        Ok(Self {
            store,
            health,
            windows,
            clock,
            policy,
            rights: Arc::new(AllowOverrides),
            seen: Arc::default(),
            look_every: Duration::from_secs(1),
            patience: Duration::from_secs(300),
            source_timeout: Duration::from_secs(5),
            nudge: None,
        })
    }

    /// Sets the source of override rights. [`spend`](Self::spend) asks it whether the author of an override
    /// that the pass needs still has the right (G26). Give the handle and the runner the same rights.
    #[must_use]
    pub fn with_override_rights(self, rights: Arc<dyn OverrideRights>) -> Self {
        Self { rights, ..self }
    }

    /// Wakes a runner in the same process when a gate is opened or overridden.
    #[must_use]
    pub fn with_nudge(self, nudge: Nudge) -> Self {
        Self { nudge: Some(nudge), ..self }
    }

    /// Sets how often [`wait`](Self::wait) and [`wait_verified`](Self::wait_verified) read the store. The
    /// default is every second.
    #[must_use]
    pub fn with_poll_interval(self, look_every: Duration) -> Self {
        Self { look_every, ..self }
    }

    /// Sets how long [`wait`](Self::wait) and [`wait_verified`](Self::wait_verified) tolerate that no runner
    /// looks at the gate or the host. The default is 5 minutes. They log a warning after a fifth of it.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Sets the maximum time that a call waits for a source. The default is 5 seconds.
    #[must_use]
    pub fn with_source_timeout(self, source_timeout: Duration) -> Self {
        Self { source_timeout, ..self }
    }

    /// Opens a gate, or returns the gate that this job already has on this host.
    ///
    /// # Errors
    /// [`GateError::Invalid`] if the closing margin leaves nothing of the window.
    /// [`StoreError::GateBusy`] if another job's gate on this host is unfinished;
    /// [`open_all`](Self::open_all) handles that case.
    pub async fn open(&self, request: GateRequest) -> Result<GateRecord, GateError> {
        if let Some(refusal) = self.refusal_of(&request) {
            // A gate that was opened before is returned in any case.
            let opened = self.store.gate(request.job_id, request.host_id).await?;
            let mut violations = Violations::new();
            violations.push("window", ViolationCode::TooShort, refusal);
            return opened.ok_or(GateError::Invalid(violations));
        }
        let record = self.store.open_gate(request).await?;
        self.nudge();
        Ok(record)
    }

    /// Opens a gate and waits until it has a valid pass or has ended.
    ///
    /// If another job holds the host, `wait` tries again until the window ends; the gate then fails with
    /// `gate_busy`.
    ///
    /// `wait` never returns a pass that expired or was refused: the gate waits again. Dropping the call only
    /// stops the waiting: the gate stays open, and the same request finds it again.
    ///
    /// # Errors
    /// [`GateError::Unattended`] if no runner looks at the gate for the
    /// [patience](Self::with_patience) after a look was due. [`StoreError::Unavailable`] if the store is
    /// unavailable for that long after the window has opened. Any other store error ends the call.
    pub async fn wait(&self, mut request: GateRequest) -> Result<GateRecord, GateError> {
        let mut watch = Unattended::new(self, &request);
        loop {
            let progress = self.progress(&request).await;
            // A retry that has been opened is awaited, not opened once more.
            request.retry &= !matches!(progress, Ok(Progress::Done(_) | Progress::Waiting { .. }));
            let pause = match progress {
                Ok(Progress::Done(record)) => {
                    self.seen.note(&record, self.clock.as_ref());
                    return Ok(*record);
                }
                Ok(Progress::Waiting { overdue_since }) => {
                    watch.judge(overdue_since)?;
                    self.look_every
                }
                // Read the window again at least as often as a runner does.
                Ok(Progress::Busy) => {
                    watch.judge(None)?;
                    self.policy.retry.min(self.look_every * 5)
                }
                Err(GateError::Store(error)) if error.may_pass() => {
                    watch.unreachable(error)?;
                    self.look_every
                }
                Err(error) => return Err(error),
            };
            self.clock.sleep(pause).await;
        }
    }

    /// Opens or finds a gate, and returns its progress.
    async fn progress(&self, request: &GateRequest) -> Result<Progress, GateError> {
        let record = match self.open_all(std::slice::from_ref(request)).await?.pop() {
            Some(Opening::Open(record)) if !record.state.is_terminal() => record,
            Some(Opening::Open(record) | Opening::Ended(record)) => {
                return Ok(Progress::Done(Box::new(record)));
            }
            Some(Opening::Busy { .. }) | None => return Ok(Progress::Busy),
        };
        let now = self.store.now().await?;
        let live = |pass: &GatePass| now < pass.valid_until;
        if record.state == GateState::Passed
            && !record.cancel_requested
            && record.pass.as_ref().is_some_and(live)
        {
            return Ok(Progress::Done(Box::new(record)));
        }
        let due_at = due_at(&record);
        Ok(Progress::Waiting { overdue_since: (due_at < now).then_some(due_at) })
    }

    /// Waits until it is time to look at a gate again.
    pub(super) async fn pause(&self) {
        self.clock.sleep(self.look_every).await;
    }

    /// Wakes the runner of this process.
    pub(super) fn nudge(&self) {
        if let Some(nudge) = &self.nudge {
            nudge.nudge();
        }
    }

    /// Returns the health of these gates' hosts, one answer for each gate.
    pub(super) async fn health_of_all(
        &self,
        gates: &[&GateRecord],
    ) -> Result<Vec<HostHealth>, SourceError> {
        let (clock, time) = (self.clock.as_ref(), self.source_timeout);
        ask(clock, time, "health", gates.len(), self.health.health(gates)).await
    }

    /// Returns the health of this gate's host.
    pub(super) async fn health_of(&self, gate: &GateRecord) -> Result<HostHealth, SourceError> {
        let health = self.health_of_all(&[gate]).await?.pop().unwrap_or_default();
        match &health.unknown {
            Some(why) => Err(SourceError::new("health", why.as_str())),
            None => Ok(health),
        }
    }

    /// Returns the windows of these gates, one answer for each gate.
    pub(super) async fn windows_of(
        &self,
        gates: &[&GateRecord],
    ) -> Result<Vec<WindowAnswer>, SourceError> {
        let (clock, time) = (self.clock.as_ref(), self.source_timeout);
        ask(clock, time, "windows", gates.len(), self.windows.windows(gates)).await
    }

    /// Returns whether the overrides of these gates still count, one answer for each gate.
    pub(super) async fn rights_of(&self, gates: &[&GateRecord]) -> Result<Vec<bool>, SourceError> {
        let (clock, time) = (self.clock.as_ref(), self.source_timeout);
        ask(clock, time, "rights", gates.len(), self.rights.may_override(gates)).await
    }

    /// Returns this gate's window.
    pub(super) async fn window_of(&self, gate: &GateRecord) -> Result<WindowAnswer, SourceError> {
        Ok(self.windows_of(&[gate]).await?.pop().unwrap_or(WindowAnswer::Unknown))
    }
}

/// The progress of a gate that `wait` is waiting for.
enum Progress {
    /// It has a valid pass, or has ended.
    Done(Box<GateRecord>),
    /// It waits. A look has been overdue since the given instant, if any.
    Waiting { overdue_since: Option<DateTime<Utc>> },
    /// Another job holds the host.
    Busy,
}

/// Returns the latest instant at which a runner must look at an unfinished gate.
fn due_at(record: &GateRecord) -> DateTime<Utc> {
    let (opened_at, window) = (record.opened_at, record.window);
    let closes_at = window.closes_at().max(opened_at);
    if let (GateState::Passed, Some(pass)) = (record.state, &record.pass) {
        return if record.cancel_requested { record.high_water } else { pass.valid_until };
    }
    // A gate without a detail has not been looked at yet.
    if record.detail.is_empty() {
        return window.opens_at().max(opened_at);
    }
    // An attempt without capacity stays due.
    let no_room = EvidenceReason::Code(ReasonCode::NotRunCapacity);
    let no_room = record.evidence.iter().any(|entry| entry.reason == no_room);
    record.next_attempt_at.filter(|_| !no_room).map_or(closes_at, |next| next.min(closes_at))
}

/// Detects that no runner looks at a gate or a change that somebody waits for (F154).
pub(super) struct Unattended<'a> {
    gate: &'a Gate,
    job_id: JobId,
    host_id: HostId,
    opens_at: DateTime<Utc>,
    /// The start of the neglect by the monotonic clock: a step of the store's clock makes nothing overdue.
    since: Option<Duration>,
    told: bool,
}

impl<'a> Unattended<'a> {
    fn new(gate: &'a Gate, request: &GateRequest) -> Self {
        let GateRequest { job_id, host_id, .. } = *request;
        let opens_at = request.window.opens_at();
        Self { gate, job_id, host_id, opens_at, since: None, told: false }
    }

    pub(super) fn of_change(gate: &'a Gate, change: &HostChange) -> Self {
        let HostChange { job_id, host_id, started_at: opens_at, .. } = *change;
        Self { gate, job_id, host_id, opens_at, since: None, told: false }
    }

    /// Fails if a look has been overdue for too long.
    pub(super) fn judge(&mut self, overdue_since: Option<DateTime<Utc>>) -> Result<(), GateError> {
        let Some(due_at) = overdue_since else {
            (self.since, self.told) = (None, false);
            return Ok(());
        };
        let waited = self.waited();
        if waited >= self.gate.patience {
            return Err(GateError::Unattended { due_at });
        }
        let (job_id, host_id) = (self.job_id, self.host_id);
        self.tell(waited, || {
            let due_at = instant::in_words(&due_at);
            warn!(job = %job_id, host = %host_id, due_at,
                  "no gate runner looks at this host: is one running on this store?");
        });
        Ok(())
    }

    /// Fails with the error if the store has been unreachable for too long after the window opened.
    pub(super) fn unreachable(&mut self, error: StoreError) -> Result<(), GateError> {
        if self.gate.clock.now() < self.opens_at {
            // An outage before the opening does no harm.
            self.since = None;
        }
        let waited = self.waited();
        if waited >= self.gate.patience {
            return Err(error.into());
        }
        let (job_id, host_id) = (self.job_id, self.host_id);
        self.tell(waited, || {
            let source = std::error::Error::source(&error).map(tracing::field::display);
            warn!(job = %job_id, host = %host_id, %error, source,
                  "a job waits for this host, and the store cannot be reached");
        });
        Ok(())
    }

    fn waited(&mut self) -> Duration {
        let now = self.gate.clock.monotonic();
        now.saturating_sub(*self.since.get_or_insert(now))
    }

    /// Logs once, after a fifth of the patience.
    fn tell(&mut self, waited: Duration, log: impl FnOnce()) {
        if waited >= self.gate.patience / 5 && !std::mem::replace(&mut self.told, true) {
            log();
        }
    }
}

/// The error of a call on a gate.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GateError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A source failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No runner has looked at the gate or the changed host long after a look was due. Run a
    /// [`GateRunner`](super::GateRunner) on this store.
    #[error("no gate runner has looked at the host since {due_at}: run one on this store")]
    Unattended {
        /// The instant at which the look was due, by the store's clock.
        due_at: DateTime<Utc>,
    },
    /// The request is invalid. Holds every violation.
    #[error(transparent)]
    Invalid(#[from] Violations),
}
