//! A gate as one call.

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

/// The application's handle on gates: opens and awaits them, spends their passes, and says what they
/// would do. The waiting itself is done by a [`GateRunner`](super::GateRunner), in this process or
/// another.
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
    /// Creates a gate over a store; health, windows, clock and policy are those of the runner.
    ///
    /// # Errors
    /// A figure of the policy that is out of its bounds, or that is not the one of the source.
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

    /// Asks, when a pass that needs an override is spent, whether whoever gave the override still may
    /// (G26). Give it the rights that the runner asks.
    #[must_use]
    pub fn with_override_rights(self, rights: Arc<dyn OverrideRights>) -> Self {
        Self { rights, ..self }
    }

    /// Lets a runner in the same process look at once when a gate is opened or overridden.
    #[must_use]
    pub fn with_nudge(self, nudge: Nudge) -> Self {
        Self { nudge: Some(nudge), ..self }
    }

    /// How often [`wait`](Self::wait) and [`wait_verified`](Self::wait_verified) look; every second by default.
    #[must_use]
    pub fn with_poll_interval(self, look_every: Duration) -> Self {
        Self { look_every, ..self }
    }

    /// Sets how long [`wait`](Self::wait) and [`wait_verified`](Self::wait_verified) go on although nobody
    /// looks at the gate or the host. The default is
    /// 5 minutes; a fifth of it is logged.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Sets the longest time that a call waits for the answer of a source. The default is 5 seconds.
    #[must_use]
    pub fn with_source_timeout(self, source_timeout: Duration) -> Self {
        Self { source_timeout, ..self }
    }

    /// Opens a gate, or returns the one that this job has on this host.
    ///
    /// # Errors
    /// [`GateError::Invalid`] if the closing margin leaves nothing of the window.
    /// [`StoreError::GateBusy`] if another job's gate on this host is unfinished;
    /// [`open_all`](Self::open_all) makes more of that.
    pub async fn open(&self, request: GateRequest) -> Result<GateRecord, GateError> {
        if let Some(refusal) = self.refusal_of(&request) {
            // One that was opened before is answered with all the same.
            let opened = self.store.gate(request.job_id, request.host_id).await?;
            let mut violations = Violations::new();
            violations.push("window", ViolationCode::TooShort, refusal);
            return opened.ok_or(GateError::Invalid(violations));
        }
        let record = self.store.open_gate(request).await?;
        self.nudge();
        Ok(record)
    }

    /// Opens a gate and waits until it has a pass that can be spent, or has ended. Where another job
    /// holds the host, opening is tried again until the window ends, and then the gate fails as
    /// `gate_busy`.
    ///
    /// A pass that ran out or was refused is never returned: the gate waits again. Dropping the call
    /// stops the waiting alone: the gate goes on, and the same request finds it again.
    ///
    /// # Errors
    /// [`GateError::Unattended`] if nobody looks at the gate for long after that was due: no runner
    /// works on this store. [`StoreError::Unavailable`] is waited out for as long, counted from the
    /// opening of the window. Any other error of the store ends the call.
    pub async fn wait(&self, mut request: GateRequest) -> Result<GateRecord, GateError> {
        let mut watch = Unattended::new(self, &request);
        loop {
            let progress = self.progress(&request).await;
            // What was opened anew is waited for, and not opened anew again.
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
                // The window is read again at least as often as a runner does.
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

    /// Opens a gate or finds it, and tells how far it is.
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
        let (clock, time) = (self.clock.as_ref(), self.source_timeout);
        ask(clock, time, "health", gates.len(), self.health.health(gates)).await
    }

    /// What is known of this gate's host.
    pub(super) async fn health_of(&self, gate: &GateRecord) -> Result<HostHealth, SourceError> {
        let health = self.health_of_all(&[gate]).await?.pop().unwrap_or_default();
        match &health.unknown {
            Some(why) => Err(SourceError::new("health", why.as_str())),
            None => Ok(health),
        }
    }

    /// The windows of these gates: one answer each.
    pub(super) async fn windows_of(
        &self,
        gates: &[&GateRecord],
    ) -> Result<Vec<WindowAnswer>, SourceError> {
        let (clock, time) = (self.clock.as_ref(), self.source_timeout);
        ask(clock, time, "windows", gates.len(), self.windows.windows(gates)).await
    }

    /// Whether the overrides of these gates still count: one answer each.
    pub(super) async fn rights_of(&self, gates: &[&GateRecord]) -> Result<Vec<bool>, SourceError> {
        let (clock, time) = (self.clock.as_ref(), self.source_timeout);
        ask(clock, time, "rights", gates.len(), self.rights.may_override(gates)).await
    }

    /// This gate's window.
    pub(super) async fn window_of(&self, gate: &GateRecord) -> Result<WindowAnswer, SourceError> {
        Ok(self.windows_of(&[gate]).await?.pop().unwrap_or(WindowAnswer::Unknown))
    }
}

/// How far a gate is that somebody waits for.
enum Progress {
    /// It has a pass that can be spent, or has ended.
    Done(Box<GateRecord>),
    /// It waits, and somebody should have looked at it since then.
    Waiting { overdue_since: Option<DateTime<Utc>> },
    /// Another job holds the host.
    Busy,
}

/// Returns when a runner has to look at an unfinished gate, at the latest.
fn due_at(record: &GateRecord) -> DateTime<Utc> {
    let (opened_at, window) = (record.opened_at, record.window);
    let closes_at = window.closes_at().max(opened_at);
    if let (GateState::Passed, Some(pass)) = (record.state, &record.pass) {
        return if record.cancel_requested { record.high_water } else { pass.valid_until };
    }
    // After a look a gate says what it waits for.
    if record.detail.is_empty() {
        return window.opens_at().max(opened_at);
    }
    // An attempt that finds no room stays due.
    let no_room = EvidenceReason::Code(ReasonCode::NotRunCapacity);
    let no_room = record.evidence.iter().any(|entry| entry.reason == no_room);
    record.next_attempt_at.filter(|_| !no_room).map_or(closes_at, |next| next.min(closes_at))
}

/// Tells when a gate or a change that somebody waits for is looked after by nobody (F154).
pub(super) struct Unattended<'a> {
    gate: &'a Gate,
    job_id: JobId,
    host_id: HostId,
    opens_at: DateTime<Utc>,
    /// Since when, by the monotonic clock: a step of the store's clock makes nothing overdue.
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
                  "nobody looks at this host: does a gate runner work on this store?");
        });
        Ok(())
    }

    /// Fails with the error if the store has been out of reach for too long after the window opened.
    pub(super) fn unreachable(&mut self, error: StoreError) -> Result<(), GateError> {
        if self.gate.clock.now() < self.opens_at {
            // Its time has not come: an outage does no harm yet.
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
                  "a host is waited for, and the store cannot be reached");
        });
        Ok(())
    }

    fn waited(&mut self) -> Duration {
        let now = self.gate.clock.monotonic();
        now.saturating_sub(*self.since.get_or_insert(now))
    }

    /// Says it once, after a fifth of the patience.
    fn tell(&mut self, waited: Duration, log: impl FnOnce()) {
        if waited >= self.gate.patience / 5 && !std::mem::replace(&mut self.told, true) {
            log();
        }
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
    /// Nobody has looked at the gate or the changed host for long after that was due. Run a
    /// [`GateRunner`](super::GateRunner) on this store.
    #[error("nobody has looked at the host since {due_at}: run a gate runner on this store")]
    Unattended {
        /// Since when it waits to be looked at, by the store's clock.
        due_at: DateTime<Utc>,
    },
    /// What was asked for is invalid: every violation.
    #[error(transparent)]
    Invalid(#[from] Violations),
}
