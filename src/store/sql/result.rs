//! A result as columns.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::{from_json, from_word};
use crate::{
    model::{CheckId, CheckResult, ClockEpoch, Detail, HostId},
    store::StoreError,
};

const RESULT: &str = "result";

/// The columns of a result, save for its instant, which each database has in its own type.
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
    /// The result of these columns.
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
