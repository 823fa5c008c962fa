//! The application's sources for gates: the window of each job on each host, and the application's
//! conditions.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use chrono::DateTime;
use healthgate::{
    gate::{
        ConditionSource, Freeze, FreezeSource, OverrideRights, SourceError, WindowSource,
        decide::{Condition, WindowAnswer},
        recurrence::follow,
    },
    model::{GateRecord, HostId, JobId, Role},
    store::Store,
};

use crate::{
    config::ConfiguredFreeze,
    database::{Database, JobRow, WindowChoice},
};

/// Provides the windows of jobs, from the current jobs and maintenance windows.
#[derive(Debug)]
pub(crate) struct JobWindows {
    database: Database,
    store: Arc<dyn Store>,
}

impl JobWindows {
    pub(crate) fn new(database: Database, store: Arc<dyn Store>) -> Self {
        Self { database, store }
    }
}

#[async_trait]
impl WindowSource for JobWindows {
    async fn windows(&self, gates: &[&GateRecord]) -> Result<Vec<WindowAnswer>, SourceError> {
        let failed = |error| SourceError::new("windows", error);
        let mut ids: Vec<JobId> = gates.iter().map(|gate| gate.job_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let jobs = self.database.jobs_by_id(&ids).await.map_err(failed)?;
        let jobs: HashMap<JobId, JobRow> = jobs.into_iter().map(|job| (job.id, job)).collect();
        let by_maintenance = |gate: &&&GateRecord| {
            jobs.get(&gate.job_id).is_some_and(|job| job.window == WindowChoice::Maintenance)
        };
        let hosts: Vec<HostId> =
            gates.iter().filter(by_maintenance).map(|gate| gate.host_id).collect();
        let (recurrences, now) = if hosts.is_empty() {
            (HashMap::new(), DateTime::UNIX_EPOCH)
        } else {
            let recurrences = self.database.recurrences_of(&hosts).await.map_err(failed)?;
            let now = self.store.now().await;
            (recurrences, now.map_err(|error| SourceError::new("windows", error))?)
        };
        let answer = |gate: &&GateRecord| match jobs.get(&gate.job_id) {
            None => WindowAnswer::Withdrawn,
            Some(job) if job.cancelled_at.is_some() => WindowAnswer::JobCancelled,
            Some(job) => match job.window {
                WindowChoice::Explicit(window) | WindowChoice::Immediate(window) => {
                    WindowAnswer::Open(window)
                }
                WindowChoice::Maintenance => {
                    let recurrences = recurrences.get(&gate.host_id).map_or(&[][..], Vec::as_slice);
                    follow(recurrences, gate.window, now)
                        .map_or(WindowAnswer::Withdrawn, WindowAnswer::Open)
                }
            },
        };
        Ok(gates.iter().map(answer).collect())
    }
}

/// A condition of the application: no job touches a paused host.
#[derive(Clone, Debug)]
pub(crate) struct Pauses {
    database: Database,
}

impl Pauses {
    pub(crate) const fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl ConditionSource for Pauses {
    async fn conditions(&self, gates: &[&GateRecord]) -> Result<Vec<Vec<Condition>>, SourceError> {
        let ids: Vec<HostId> = gates.iter().map(|gate| gate.host_id).collect();
        let hosts = self.database.hosts(&ids).await;
        let hosts = hosts.map_err(|error| SourceError::new("paused hosts", error))?;
        let conditions = |gate: &&GateRecord| {
            let host = hosts.get(&gate.host_id)?;
            let reason = host.paused_reason.as_ref()?;
            let by = host.paused_by.as_deref().unwrap_or("somebody");
            Some(Condition::unmet("not paused", "paused", format!("paused by {by}: {reason}")))
        };
        Ok(gates.iter().map(|gate| conditions(gate).into_iter().collect()).collect())
    }
}

/// Provides the freezes of hosts, by their current groups.
#[derive(Clone, Debug)]
pub(crate) struct GroupFreezes {
    database: Database,
    freezes: Arc<[ConfiguredFreeze]>,
}

impl GroupFreezes {
    pub(crate) const fn new(database: Database, freezes: Arc<[ConfiguredFreeze]>) -> Self {
        Self { database, freezes }
    }
}

#[async_trait]
impl FreezeSource for GroupFreezes {
    async fn freezes(&self, gates: &[&GateRecord]) -> Result<Vec<Vec<Arc<Freeze>>>, SourceError> {
        let groups = if self.freezes.iter().all(|one| one.groups.is_empty()) {
            HashMap::new()
        } else {
            let ids: Vec<HostId> = gates.iter().map(|gate| gate.host_id).collect();
            let groups = self.database.groups_of_hosts(&ids).await;
            groups.map_err(|error| SourceError::new("freezes", error))?
        };
        let of_gate = |gate: &&GateRecord| {
            let own = groups.get(&gate.host_id).map_or(&[][..], Vec::as_slice);
            let applies = |one: &&ConfiguredFreeze| {
                one.groups.is_empty() || one.groups.iter().any(|group| own.contains(group))
            };
            self.freezes.iter().filter(applies).map(|one| one.freeze.clone()).collect()
        };
        Ok(gates.iter().map(of_gate).collect())
    }
}

/// Tells whether the author of an override is still an administrator (G26).
#[derive(Clone, Debug)]
pub(crate) struct Administrators {
    database: Database,
}

impl Administrators {
    pub(crate) const fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl OverrideRights for Administrators {
    async fn may_override(&self, gates: &[&GateRecord]) -> Result<Vec<bool>, SourceError> {
        let mut answers = Vec::with_capacity(gates.len());
        let mut known: HashMap<&str, bool> = HashMap::new();
        for gate in gates {
            let Some(exception) = &gate.exception else {
                answers.push(false);
                continue;
            };
            let actor = exception.actor.as_str();
            let may = match known.get(actor) {
                Some(may) => *may,
                None => {
                    let user = self.database.user(actor).await;
                    let user = user.map_err(|error| SourceError::new("users", error))?;
                    let may = user.is_some_and(|user| user.role == Role::Admin);
                    known.insert(actor, may);
                    may
                }
            };
            answers.push(may);
        }
        Ok(answers)
    }
}
