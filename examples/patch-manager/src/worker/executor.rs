//! The job executor: opens a gate for each host of each job, patches the hosts whose gates pass, has them
//! verified, and ends them with the verdict.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;
use healthgate::{
    gate::{Gate, GateError, Opening},
    model::{
        Actor, GateRecord, GateRequest, GateState, HostChange, JobId, PassId, VerificationState,
        VerifyPolicy, WorkerId,
    },
    store::{Refusal, Spend, Store, StoreError, StoreEvent, Subscription},
};
use thiserror::Error;
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{dry_run::dry_run, patch::Patcher};
use crate::{
    announce,
    app::App,
    database::{Database, DatabaseError, JobHostRow, JobKind, JobRow, Stage},
};

/// Advances jobs, together with the executors of other workers.
pub(crate) struct Executor {
    database: Database,
    store: Arc<dyn Store>,
    gate: Gate,
    patcher: Arc<dyn Patcher>,
    worker: WorkerId,
    retry: Duration,
    verify: VerifyPolicy,
    wake: Arc<Notify>,
}

/// The interval between looks without an earlier event.
const TICK: Duration = Duration::from_secs(1);
/// The maximum number of hosts that one worker patches at once.
const PATCHES: usize = 64;
/// The maximum number of dry-run hosts whose checks one worker runs at once.
const DRY_RUNS: usize = 32;
/// How long a dry-run host is reserved for the worker that has taken it. Longer than any run.
const DRY_RUN_HELD: TimeDelta = TimeDelta::minutes(2);
/// The maximum number of queued hosts whose gates are opened in one step.
const OPENED_AT_ONCE: i64 = 500;
/// The maximum number of waiting hosts that are read in one step.
const LOOKED_AT_ONCE: i64 = 20_000;
/// How long patches may continue after the shutdown began.
const GRACE: Duration = Duration::from_secs(10);

#[derive(Debug, Error)]
enum StepError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Gate(#[from] GateError),
}

impl Executor {
    pub(crate) fn new(app: &App, gate: Gate, patcher: Arc<dyn Patcher>) -> Self {
        Self {
            database: app.workers.database.clone(),
            store: app.workers.store.clone(),
            gate,
            patcher,
            worker: app.worker,
            retry: app.policy.retry,
            verify: app.figures.verify,
            wake: app.job_wake.clone(),
        }
    }

    /// Works until `shutdown` is cancelled. An error does not end it: the next step retries.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut patches = JoinSet::new();
        let mut dry_runs = JoinSet::new();
        let mut events: Option<Subscription> = None;
        let mut failing = false;
        while !shutdown.is_cancelled() {
            if events.is_none() {
                events = self.store.subscribe().await.ok();
            }
            match self.step(&mut patches, &mut dry_runs).await {
                Ok(()) => failing = false,
                Err(error) if failing => debug!(%error, "jobs cannot continue"),
                Err(error) => {
                    failing = true;
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    warn!(%error, cause, "jobs cannot continue and keep waiting");
                }
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => {}
                Some(_) = patches.join_next(), if !patches.is_empty() => {}
                Some(_) = dry_runs.join_next(), if !dry_runs.is_empty() => {}
                () = self.wake.notified() => {}
                alive = gate_moved(&mut events), if events.is_some() => if !alive { events = None },
                () = tokio::time::sleep(TICK) => {}
            }
        }
        let over = async { while patches.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, over).await.is_err() {
            info!("another worker takes over the unfinished patches");
        }
    }

    async fn step(
        &self,
        patches: &mut JoinSet<()>,
        dry_runs: &mut JoinSet<()>,
    ) -> Result<(), StepError> {
        let now = self.store.now().await?;
        if !patches.is_empty() {
            self.database.renew_patches(self.worker, now).await?;
        }
        for host in self.database.abandoned_patches(now).await? {
            if patches.len() < PATCHES
                && self.database.take_over_patch(&host, self.worker, now).await?
            {
                info!(job = %host.job_id, host = %host.host_id, "taking over a patch");
                self.patch(host, patches);
            }
        }
        self.end_verified(now).await?;
        self.take_queued(now, dry_runs).await?;
        self.look_at_waiting(now, patches).await
    }

    /// Opens the gates of queued hosts. A host that another job holds stays queued. A dry run opens no
    /// gate: its hosts' checks run in their own tasks.
    async fn take_queued(
        &self,
        now: DateTime<Utc>,
        dry_runs: &mut JoinSet<()>,
    ) -> Result<(), StepError> {
        let queued = self.database.due_job_hosts(Stage::Queued, now, OPENED_AT_ONCE).await?;
        if queued.is_empty() {
            return Ok(());
        }
        let ids: BTreeSet<JobId> = queued.iter().map(|host| host.job_id).collect();
        let ids: Vec<JobId> = ids.into_iter().collect();
        let jobs = self.database.jobs_by_id(&ids).await?;
        let is_dry =
            |host: &JobHostRow| jobs.iter().any(|job| job.id == host.job_id && job.dry_run);
        let (dry, queued): (Vec<JobHostRow>, Vec<JobHostRow>) =
            queued.into_iter().partition(is_dry);
        for host in dry {
            if dry_runs.len() >= DRY_RUNS {
                break;
            }
            // Until it has ended, or the worker that took it has died.
            let until = now + DRY_RUN_HELD;
            self.database.retry_later(&host, "its checks are being run", until).await?;
            dry_runs.spawn(dry_run(
                self.gate.clone(),
                self.database.clone(),
                self.store.clone(),
                host,
            ));
        }
        let request = |host: &JobHostRow| {
            let job = jobs.iter().find(|job| job.id == host.job_id)?;
            Some((host.clone(), request(job, host)))
        };
        let (hosts, requests): (Vec<_>, Vec<_>) = queued.iter().filter_map(request).unzip();
        let openings = self.gate.open_all(&requests).await?;
        for (host, opening) in hosts.iter().zip(openings) {
            match opening {
                Opening::Open(record) | Opening::Ended(record) => {
                    // If the job was cancelled meanwhile, the gate learns it from its windows.
                    if self.database.begin_waiting(host, record.window).await? {
                        announce::again(&*self.store, &record).await;
                    } else if self.database.is_cancelled(host).await? {
                        // The host alone was cancelled while its gate was being opened.
                        self.gate.cancel(host.job_id, host.host_id, Actor::system()).await?;
                    }
                }
                Opening::Busy { .. } => {
                    let detail = "another job's gate holds this host: trying again at each retry";
                    let at = now + TimeDelta::from_std(self.retry).unwrap_or(TimeDelta::MAX);
                    self.database.retry_later(host, detail, at).await?;
                    // Announced once, because later attempts say the same.
                    if host.detail != detail {
                        announce::row(&*self.store, host, Stage::Queued, Some(at)).await;
                    }
                }
            }
        }
        Ok(())
    }

    /// Handles the gates of waiting hosts.
    async fn look_at_waiting(
        &self,
        now: DateTime<Utc>,
        patches: &mut JoinSet<()>,
    ) -> Result<(), StepError> {
        let waiting = self.database.due_job_hosts(Stage::Waiting, now, LOOKED_AT_ONCE).await?;
        let jobs: BTreeSet<JobId> = waiting.iter().map(|host| host.job_id).collect();
        for job in jobs {
            let gates = self.store.gates_of(job).await?;
            for host in waiting.iter().filter(|host| host.job_id == job) {
                let gate = gates.iter().find(|gate| gate.host_id == host.host_id);
                if let Some(gate) = gate {
                    self.act(host, gate, patches).await?;
                }
            }
        }
        Ok(())
    }

    async fn act(
        &self,
        host: &JobHostRow,
        gate: &GateRecord,
        patches: &mut JoinSet<()>,
    ) -> Result<(), StepError> {
        if gate.window != host.window {
            self.database.note_window(host, gate.window).await?;
        }
        match gate.state {
            GateState::Waiting => {}
            GateState::Failed => self.end(host, gate, Stage::Failed, &gate.detail).await?,
            GateState::Cancelled => {
                self.end(host, gate, Stage::Cancelled, "the job was cancelled").await?;
            }
            GateState::Passed if patches.len() >= PATCHES => {
                debug!(host = %host.host_id, "the maximum number of patches is running");
            }
            GateState::Passed => self.spend(host, gate, patches).await?,
            GateState::Spent => {
                // The host's row changes in the transaction that spends the pass.
                debug!(host = %host.host_id, "a gate was spent while its row was changing");
            }
        }
        Ok(())
    }

    /// Ends a host whose gate has ended.
    async fn end(
        &self,
        host: &JobHostRow,
        gate: &GateRecord,
        to: Stage,
        detail: &str,
    ) -> Result<(), StepError> {
        if self.database.end_job_host(host, Stage::Waiting, to, detail).await? {
            announce::again(&*self.store, gate).await;
        }
        Ok(())
    }

    /// Spends a pass. The store's hook moves the host to `patching` in the same transaction, so that a
    /// crash leaves both or neither.
    async fn spend(
        &self,
        host: &JobHostRow,
        gate: &GateRecord,
        patches: &mut JoinSet<()>,
    ) -> Result<(), StepError> {
        let Some(pass) = &gate.pass else { return Ok(()) };
        match self.gate.spend(pass).await {
            Ok(Spend::Spent(record)) => {
                info!(job = %host.job_id, host = %host.host_id, pass = %pass.id, "patching begins");
                let pass_id = record.pass.as_ref().map(|pass| pass.id);
                self.patch(JobHostRow { pass_id, ..host.clone() }, patches);
            }
            Ok(Spend::Refused(refusal)) => {
                debug!(host = %host.host_id, ?refusal, "a pass was not spent");
            }
            Err(GateError::Store(StoreError::Refused(Refusal::StateMoved))) => {
                debug!(host = %host.host_id, "a pass was not spent: the job's host has changed its stage");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Ends hosts whose verification has ended.
    async fn end_verified(&self, now: DateTime<Utc>) -> Result<(), StepError> {
        let verifying = self.database.due_job_hosts(Stage::Verifying, now, LOOKED_AT_ONCE).await?;
        let jobs: BTreeSet<JobId> = verifying.iter().map(|host| host.job_id).collect();
        for job in jobs {
            let changes = self.store.changes_of(job).await?;
            let changes: HashMap<PassId, &HostChange> =
                changes.iter().map(|change| (change.pass_id, change)).collect();
            for host in verifying.iter().filter(|host| host.job_id == job) {
                let change = host.pass_id.and_then(|pass| changes.get(&pass).copied());
                let Some((to, detail)) = verified(change) else { continue };
                if self.database.end_job_host(host, Stage::Verifying, to, &detail).await? {
                    info!(%job, host = %host.host_id, detail, "a host has ended");
                    tell(&*self.store, host, to).await;
                }
            }
        }
        Ok(())
    }

    /// Patches a host in its own task, and has it verified.
    fn patch(&self, host: JobHostRow, patches: &mut JoinSet<()>) {
        let (patcher, database) = (Arc::clone(&self.patcher), self.database.clone());
        let (gate, store, worker) = (self.gate.clone(), self.store.clone(), self.worker);
        let configured = self.verify;
        patches.spawn(async move {
            let patched = patcher.patch(host.job_id, host.host_id, host.pass_id).await;
            let verify = patched.is_ok().then_some(configured);
            let change = report(&gate, &database, &host, verify).await;
            let (to, detail) = match (patched, change) {
                (Err(words), _) => (Stage::Failed, format!("the patch failed: {words}")),
                (Ok(()), change) => verified(change.as_ref())
                    .unwrap_or((Stage::Verifying, "patched; its checks are being run".to_owned())),
            };
            match database.end_patch(&host, worker, to, &detail).await {
                Ok(true) => {
                    info!(job = %host.job_id, host = %host.host_id, detail, "patching ended");
                    tell(&*store, &host, to).await;
                }
                Ok(false) => warn!(host = %host.host_id, "another worker has taken over the patch"),
                Err(error) => {
                    warn!(host = %host.host_id, %error, "the end of a patch cannot be stored");
                }
            }
        });
    }
}

/// Announces the progress of a host.
async fn tell(store: &dyn Store, host: &JobHostRow, stage: Stage) {
    match store.gate(host.job_id, host.host_id).await {
        Ok(Some(gate)) => announce::again(store, &gate).await,
        _ => announce::row(store, host, stage, None).await,
    }
}

/// Reports the end of a patch, and retries until it is stored: an unreported host counts as under change
/// for half an hour. With `configured` the host is verified, with the job's own settings if it has any.
/// Returns `None` if there is nothing to report.
async fn report(
    gate: &Gate,
    database: &Database,
    host: &JobHostRow,
    configured: Option<VerifyPolicy>,
) -> Option<HostChange> {
    let pass = host.pass_id?;
    let mut told = false;
    loop {
        let error = match report_once(gate, database, host, pass, configured).await {
            Ok(change) => return Some(change),
            Err(error) => error,
        };
        let may_pass = match &error {
            StepError::Database(error) => !matches!(error, DatabaseError::Corrupt { .. }),
            StepError::Store(error) | StepError::Gate(GateError::Store(error)) => error.may_pass(),
            StepError::Gate(_) => false,
        };
        if !may_pass {
            warn!(host = %host.host_id, %error, "the end of a patch cannot be reported");
            return None;
        }
        if !std::mem::replace(&mut told, true) {
            warn!(host = %host.host_id, %error, "the end of a patch cannot be reported yet");
        }
        tokio::time::sleep(TICK).await;
    }
}

async fn report_once(
    gate: &Gate,
    database: &Database,
    host: &JobHostRow,
    pass: PassId,
    configured: Option<VerifyPolicy>,
) -> Result<HostChange, StepError> {
    let Some(configured) = configured else { return Ok(gate.failed(pass).await?) };
    let job = database.jobs_by_id(&[host.job_id]).await?.pop();
    let policy = job.and_then(|job| job.verify).unwrap_or(configured);
    Ok(gate.verify(pass, policy).await?)
}

/// Returns how a patched host ends by its verification, or `None` while that is running.
fn verified(change: Option<&HostChange>) -> Option<(Stage, String)> {
    let Some(verification) = change.and_then(|change| change.verification.as_ref()) else {
        let detail = "patched; its health after the patch is unknown";
        return Some((Stage::Unverified, detail.to_owned()));
    };
    let stage = match verification.state {
        VerificationState::Verifying => return None,
        VerificationState::Verified | VerificationState::NoChecks => Stage::Succeeded,
        VerificationState::Regressed => Stage::Failed,
        VerificationState::Unverified => Stage::Unverified,
    };
    Some((stage, format!("patched; {}", verification.detail)))
}

/// Creates the request for a host's gate.
fn request(job: &JobRow, host: &JobHostRow) -> GateRequest {
    GateRequest {
        window_kind: job.window.kind(),
        report_only: job.report_only,
        // A rollback must not be held back by the fault that it repairs.
        exempt: job.kind == JobKind::Rollback,
        ..GateRequest::new(job.id, host.host_id, host.window)
    }
}

/// Waits until a gate has changed. Returns `false` if the feed has ended.
async fn gate_moved(events: &mut Option<Subscription>) -> bool {
    let Some(events) = events else { return false };
    loop {
        match events.next().await {
            None => return false,
            Some(
                StoreEvent::CheckStatus { .. } | StoreEvent::Gate { state: GateState::Waiting, .. },
            ) => {}
            Some(_) => break,
        }
    }
    // One look covers all events that have arrived meanwhile.
    while let Some(next) = events.next().now_or_never() {
        if next.is_none() {
            return false;
        }
    }
    true
}
