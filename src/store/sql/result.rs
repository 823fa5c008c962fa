//! Stores a result as columns.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::{from_json, from_word, unreadable_words};
use crate::{
    model::{CheckId, CheckResult, ClockEpoch, Detail, HostId, ReasonCode, ResultSource},
    store::StoreError,
};

const RESULT: &str = "result";

/// The columns of a result, except for its instant: each database has its own type for it.
#[derive(FromRow, Debug)]
pub(in crate::store) struct ResultColumns {
    check_id: Uuid,
    host_id: Uuid,
    #[sqlx(rename = "result_revision")]
    revision: i64,
    reason: String,
    detail: String,
    latency_ms: i64,
    source: String,
    observer_fault: bool,
    endpoint: Option<String>,
    #[sqlx(rename = "result_epoch")]
    epoch: i64,
}

impl ResultColumns {
    /// Returns the result of these columns, or a result that reports that it cannot be read (F221).
    pub(in crate::store) fn into_result_or_fault(
        mut self,
        checked_at: DateTime<Utc>,
    ) -> CheckResult {
        let (check_id, host_id) =
            (CheckId::from_uuid(self.check_id), HostId::from_uuid(self.host_id));
        let (revision, epoch) = (self.revision, ClockEpoch::new(self.epoch));
        let (source, observer_fault) = (std::mem::take(&mut self.source), self.observer_fault);
        let known_source = from_word(RESULT, &source).unwrap_or(ResultSource::Poll);
        self.source = source;
        self.into_result(checked_at).unwrap_or_else(|error| CheckResult {
            check_id,
            host_id,
            revision,
            reason: ReasonCode::Internal,
            detail: Detail::new(unreadable_words(&error)),
            latency_ms: 0,
            checked_at,
            epoch,
            source: known_source,
            observer_fault,
            endpoint: None,
        })
    }

    /// Returns the result of these columns.
    pub(in crate::store) fn into_result(
        self,
        checked_at: DateTime<Utc>,
    ) -> Result<CheckResult, StoreError> {
        let endpoint = self.endpoint.map(|endpoint| from_json(RESULT, &endpoint)).transpose()?;
        Ok(CheckResult {
            check_id: CheckId::from_uuid(self.check_id),
            host_id: HostId::from_uuid(self.host_id),
            revision: self.revision,
            reason: self.reason.parse().map_err(|error| StoreError::corrupt(RESULT, error))?,
            detail: Detail::from(self.detail),
            latency_ms: u32::try_from(self.latency_ms)
                .map_err(|error| StoreError::corrupt(RESULT, error))?,
            checked_at,
            epoch: ClockEpoch::new(self.epoch),
            source: from_word(RESULT, &self.source)?,
            observer_fault: self.observer_fault,
            endpoint,
        })
    }
}
