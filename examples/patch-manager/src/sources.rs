//! What gates ask the application for: the window of each job on each host, and conditions of the
//! application's own.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use healthgate::{
    gate::{
        ConditionSource, OverrideRights, SourceError, WindowSource,
        decide::{Condition, WindowAnswer},
        recurrence::{Recurrence, current_or_next},
    },
    model::{Detail, GateRecord, HostId, JobId, Role, Window},
    store::Store,
};

use crate::database::{Database, JobRow, WindowChoice};

/// The windows of jobs, as jobs and maintenance windows stand now.
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
                    occurrence(recurrences, gate.window, now)
                        .map_or(WindowAnswer::Withdrawn, WindowAnswer::Open)
                }
            },
        };
        Ok(gates.iter().map(answer).collect())
    }
}

/// Which window a gate has that was opened for `known`, where the host's windows may have changed
/// since. Before it opens, the gate follows the windows wherever they move. Once it has opened, the
/// gate keeps to that occurrence, shortened, extended or moved as it may be, and never rolls over to
/// the next one: it ends with it.
fn occurrence(recurrences: &[Recurrence], known: Window, now: DateTime<Utc>) -> Option<Window> {
    if now < known.opens_at() {
        return current_or_next(recurrences, now);
    }
    let found = current_or_next(recurrences, known.opens_at())?;
    (found.opens_at() < known.closes_at()).then_some(found)
}

/// A condition of the application's own: a host that somebody has paused is not patched.
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
            Some(Condition {
                name: "not paused".into(),
                met: false,
                reason: "paused".into(),
                detail: Detail::new(format!("paused by {by}: {reason}")),
            })
        };
        Ok(gates.iter().map(|gate| conditions(gate).into_iter().collect()).collect())
    }
}

/// Whether whoever gave an override is still an administrator (G26).
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

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use healthgate::gate::recurrence::RecurrenceSpec;

    use super::*;

    fn daily(start: &str, minutes: i64) -> Recurrence {
        let spec = RecurrenceSpec {
            recurrence: Some("daily".to_owned()),
            time_zone: Some("UTC".to_owned()),
            start_time: Some(start.to_owned()),
            first_date: Some("2026-01-01".to_owned()),
            duration_minutes: Some(minutes),
            ..RecurrenceSpec::default()
        };
        spec.resolve().expect("valid")
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    #[test]
    fn an_open_gate_keeps_to_its_occurrence_and_never_rolls_over() {
        let (opens, closes) = (at("2026-03-01T22:00:00Z"), at("2026-03-02T02:00:00Z"));
        let known = Window::new(opens, closes).expect("valid");
        let night = opens + TimeDelta::hours(1);
        let moved = |recurrences: &[Recurrence], now| {
            occurrence(recurrences, known, now)
                .map(|window| (window.opens_at(), window.closes_at()))
        };
        assert_eq!(moved(&[daily("22:00", 240)], night), Some((opens, closes)));
        assert_eq!(
            moved(&[daily("22:00", 30)], night),
            Some((opens, opens + TimeDelta::minutes(30))),
            "shortened: it is over"
        );
        assert_eq!(
            moved(&[daily("23:30", 60)], night),
            Some((at("2026-03-01T23:30:00Z"), at("2026-03-02T00:30:00Z"))),
            "moved within the night"
        );
        assert_eq!(moved(&[daily("09:00", 60)], night), None, "moved to another time: withdrawn");
        assert_eq!(moved(&[], night), None, "deleted: withdrawn");
        let after = closes + TimeDelta::minutes(1);
        assert_eq!(
            moved(&[daily("22:00", 240)], after),
            Some((opens, closes)),
            "over, not tomorrow"
        );
    }

    #[test]
    fn a_gate_whose_window_lies_ahead_follows_it() {
        let now = at("2026-03-01T12:00:00Z");
        let known =
            Window::lasting(at("2026-03-01T22:00:00Z"), TimeDelta::hours(4)).expect("valid");
        let found = occurrence(&[daily("09:00", 60)], known, now).expect("the next one");
        assert_eq!(found.opens_at(), at("2026-03-02T09:00:00Z"));
        assert_eq!(occurrence(&[], known, now), None);
    }
}
