//! Records batches of results, and updates states and summaries.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::{
    error::OperationError,
    row::{JoinedState, checks_with_states, host_ids, state_columns},
    summary::Counts,
    write::Write,
};
use crate::{
    model::{CheckId, CheckResult, CheckState, HostId},
    store::{
        StoreError, StoreEvent,
        sql::{to_json, to_word},
    },
};

fn whole(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Results as the columns of an `UNNEST`: the ones that history and states share.
#[derive(Default, Debug)]
struct ResultArrays {
    check_ids: Vec<Uuid>,
    details: Vec<String>,
    latencies: Vec<i32>,
    checked_at: Vec<DateTime<Utc>>,
    revisions: Vec<i64>,
    reasons: Vec<String>,
    sources: Vec<String>,
    observer_faults: Vec<bool>,
    endpoints: Vec<Option<String>>,
    epochs: Vec<i64>,
}

impl ResultArrays {
    fn push(&mut self, result: &CheckResult) -> Result<(), StoreError> {
        self.check_ids.push(result.check_id.as_uuid());
        self.details.push(result.detail.as_str().to_owned());
        self.latencies.push(whole(result.latency_ms));
        self.checked_at.push(result.checked_at);
        self.revisions.push(result.revision);
        self.reasons.push(result.reason.as_str().to_owned());
        self.sources.push(to_word("result", &result.source)?);
        self.observer_faults.push(result.observer_fault);
        let endpoint = result.endpoint.as_ref();
        self.endpoints.push(endpoint.map(|endpoint| to_json("endpoint", endpoint)).transpose()?);
        self.epochs.push(result.epoch.number());
        Ok(())
    }
}

/// An enabled check with its state. Its host's schedule row is locked, so neither changes before this
/// transaction ends.
#[derive(Debug)]
struct KnownCheck {
    host_id: HostId,
    revision: i64,
    state: Option<CheckState>,
    stored: bool,
    moved: bool,
}

impl KnownCheck {
    fn takes(&self, host: HostId, result: &CheckResult) -> bool {
        self.host_id == host && result.host_id == host && self.revision == result.revision
    }
}

#[derive(FromRow, Debug)]
struct KnownRow {
    check_id: Uuid,
    host_id: Uuid,
    revision: i64,
    #[sqlx(flatten)]
    state: JoinedState,
}

/// The outcome of recording results.
#[derive(Default, Debug)]
pub(super) struct Recorded {
    /// The number of dropped results.
    pub(super) dropped: u64,
    /// The new counts of each host's enabled checks.
    pub(super) counts: BTreeMap<HostId, Counts>,
}

impl Write<'_> {
    /// Records results by the rules of `ResultStore`. Each result comes with the host whose lease or gate
    /// covers it. `hosts` are those with a locked schedule row; results of other hosts are dropped.
    pub(super) async fn record(
        &mut self,
        hosts: &[HostId],
        results: &[(HostId, &CheckResult)],
    ) -> Result<Recorded, OperationError> {
        if hosts.is_empty() {
            return Ok(Recorded::default());
        }
        let mut checks = self.known_checks(hosts).await?;
        let takes = |(host, result): &&(HostId, &CheckResult)| {
            checks.get(&result.check_id).is_some_and(|check| check.takes(*host, result))
        };
        let kept: Vec<&CheckResult> =
            results.iter().filter(takes).map(|(_, result)| *result).collect();
        if !kept.is_empty() {
            self.insert_results(&kept).await?;
            self.move_states(&kept, &mut checks).await?;
        }
        let mut counts: BTreeMap<HostId, Counts> = BTreeMap::new();
        for check in checks.values() {
            let counts = counts.entry(check.host_id).or_default();
            counts.add(check.revision, check.state.as_ref());
        }
        let dropped = u64::try_from(results.len() - kept.len()).unwrap_or(0);
        Ok(Recorded { dropped, counts })
    }

    /// Returns the enabled checks of these hosts, ordered by id like the keys of results and states.
    async fn known_checks(
        &mut self,
        hosts: &[HostId],
    ) -> Result<BTreeMap<CheckId, KnownCheck>, OperationError> {
        let rows: Vec<KnownRow> = sqlx::query_as(concat!(
            "select c.revision, ",
            state_columns!(),
            checks_with_states!(),
            // Skips a check that is being deleted instead of waiting: its deletion may wait for other
            // checks that are locked here (F229).
            " and c.enabled for key share of c skip locked",
        ))
        .bind(host_ids(hosts))
        .fetch_all(&mut *self.connection)
        .await?;
        let known = |row: KnownRow| {
            let host_id = HostId::from_uuid(row.host_id);
            let (revision, stored) = (row.revision, row.state.is_stored());
            let state = row.state.into_state();
            let check = KnownCheck { host_id, revision, state, stored, moved: false };
            (CheckId::from_uuid(row.check_id), check)
        };
        Ok(rows.into_iter().map(known).collect())
    }

    /// Inserts results into the history. Equal check and instant mean the same result (L6);
    /// [`CheckResult::outranks`] decides which one stays.
    async fn insert_results(&mut self, results: &[&CheckResult]) -> Result<(), OperationError> {
        let (mut rows, mut ids, mut healthy) = (ResultArrays::default(), Vec::new(), Vec::new());
        // One statement cannot write a row twice.
        let mut kept: BTreeMap<(CheckId, DateTime<Utc>), &CheckResult> = BTreeMap::new();
        for result in results {
            let place = kept.entry((result.check_id, result.checked_at)).or_insert(result);
            if result.outranks(place) {
                *place = result;
            }
        }
        for result in kept.values() {
            rows.push(result)?;
            ids.push(Uuid::now_v7());
            healthy.push(result.healthy());
        }
        sqlx::query(
            "insert into host_health_check_results as stored (id, check_id, healthy, detail, \
             latency_ms, checked_at, revision, reason, source, observer_fault, endpoint, epoch) \
             select id, check_id, healthy, detail, latency_ms, checked_at, revision, reason, source, \
             observer_fault, endpoint::jsonb, epoch from unnest($1::uuid[], $2::uuid[], $3::bool[], \
             $4::text[], $5::int[], $6::timestamptz[], $7::bigint[], $8::text[], $9::text[], \
             $10::bool[], $11::text[], $12::bigint[]) as r (id, check_id, healthy, detail, \
             latency_ms, checked_at, revision, reason, source, observer_fault, endpoint, epoch) \
             on conflict (check_id, checked_at) do update set healthy = excluded.healthy, \
             detail = excluded.detail, latency_ms = excluded.latency_ms, \
             revision = excluded.revision, reason = excluded.reason, source = excluded.source, \
             observer_fault = excluded.observer_fault, endpoint = excluded.endpoint, \
             epoch = excluded.epoch \
             where (excluded.epoch, not excluded.healthy) > (stored.epoch, not stored.healthy)",
        )
        .bind(ids)
        .bind(rows.check_ids)
        .bind(healthy)
        .bind(rows.details)
        .bind(rows.latencies)
        .bind(rows.checked_at)
        .bind(rows.revisions)
        .bind(rows.reasons)
        .bind(rows.sources)
        .bind(rows.observer_faults)
        .bind(rows.endpoints)
        .bind(rows.epochs)
        .execute(&mut *self.connection)
        .await
        .map_err(OperationError::of_recording)?;
        Ok(())
    }

    /// Updates the states of the checks with these results.
    async fn move_states(
        &mut self,
        results: &[&CheckResult],
        checks: &mut BTreeMap<CheckId, KnownCheck>,
    ) -> Result<(), OperationError> {
        // Reads the clock only if it matters: if a result is older than the stored state (F01).
        let behind = results.iter().any(|result| {
            let state = checks.get(&result.check_id).and_then(|check| check.state.as_ref());
            state.is_some_and(|state| state.latest.checked_at > result.checked_at)
        });
        let now = if behind { self.now().await? } else { DateTime::<Utc>::MAX_UTC };
        for result in results {
            let Some(check) = checks.get_mut(&result.check_id) else { continue };
            let before = check.state.as_ref();
            let state = CheckState::after(before, result, now, self.damping);
            if before == Some(&state) {
                continue;
            }
            if let Some(event) = StoreEvent::of_state(before, &state) {
                self.tell(event);
            }
            (check.state, check.moved) = (Some(state), true);
        }
        let moved = checks.values().filter(|check| check.moved);
        let (old, mut new): (Vec<_>, Vec<_>) = moved.partition(|check| check.stored);
        // Keeps a host's states next to each other while updates stay within their pages.
        new.sort_by_key(|check| check.host_id);
        for (statement, checks) in [(UPDATE_STATES, old), (INSERT_STATES, new)] {
            let states = checks.into_iter().filter_map(|check| check.state.as_ref());
            self.save_states(statement, StateArrays::of(states)?).await?;
        }
        Ok(())
    }

    async fn save_states(
        &mut self,
        statement: &'static str,
        states: StateArrays,
    ) -> Result<(), OperationError> {
        if states.statuses.is_empty() {
            return Ok(());
        }
        sqlx::query(statement)
            .bind(states.latest.check_ids)
            .bind(states.host_ids)
            .bind(states.latest.revisions)
            .bind(states.latest.reasons)
            .bind(states.latest.details)
            .bind(states.latest.latencies)
            .bind(states.latest.checked_at)
            .bind(states.latest.sources)
            .bind(states.latest.observer_faults)
            .bind(states.latest.endpoints)
            .bind(states.statuses)
            .bind(states.since)
            .bind(states.in_a_row)
            .bind(states.latest.epochs)
            .execute(&mut *self.connection)
            .await
            .map_err(OperationError::of_recording)?;
        Ok(())
    }
}

/// States as the columns of an `UNNEST`.
#[derive(Default, Debug)]
struct StateArrays {
    latest: ResultArrays,
    host_ids: Vec<Uuid>,
    statuses: Vec<String>,
    since: Vec<DateTime<Utc>>,
    in_a_row: Vec<i32>,
}

impl StateArrays {
    fn of<'s>(states: impl Iterator<Item = &'s CheckState>) -> Result<Self, StoreError> {
        let mut arrays = Self::default();
        for state in states {
            arrays.latest.push(&state.latest)?;
            arrays.host_ids.push(state.latest.host_id.as_uuid());
            arrays.statuses.push(to_word("check state", &state.status)?);
            arrays.since.push(state.since);
            arrays.in_a_row.push(whole(state.in_a_row));
        }
        Ok(arrays)
    }
}

/// The rows of [`StateArrays`] as alias `n`.
macro_rules! given_states {
    () => {
        "unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::int[], \
         $7::timestamptz[], $8::text[], $9::bool[], $10::text[], $11::text[], $12::timestamptz[], \
         $13::int[], $14::bigint[]) as n (check_id, host_id, revision, reason, detail, latency_ms, \
         checked_at, source, observer_fault, endpoint, status, since, in_a_row, epoch)"
    };
}

const UPDATE_STATES: &str = concat!(
    "update health_states s set host_id = n.host_id, revision = n.revision, reason = n.reason, \
     detail = n.detail, latency_ms = n.latency_ms, checked_at = n.checked_at, source = n.source, \
     observer_fault = n.observer_fault, endpoint = n.endpoint::jsonb, status = n.status, \
     since = n.since, in_a_row = n.in_a_row, epoch = n.epoch from ",
    given_states!(),
    " where s.check_id = n.check_id",
);

const INSERT_STATES: &str = concat!(
    "insert into health_states (check_id, host_id, revision, reason, detail, latency_ms, \
     checked_at, source, observer_fault, endpoint, status, since, in_a_row, epoch) \
     select check_id, host_id, revision, reason, detail, latency_ms, checked_at, source, \
     observer_fault, endpoint::jsonb, status, since, in_a_row, epoch from ",
    given_states!(),
);
