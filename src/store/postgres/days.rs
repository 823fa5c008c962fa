//! Creates the daily partitions of results before a write needs them.

use chrono::{DateTime, NaiveDate, Utc};

use super::{
    PgStore,
    error::{OperationError, lacks_partition},
    store::Inner,
    write::Write,
};
use crate::store::StoreError;

/// The maximum number of days remembered as having a partition.
const MOST_DAYS: usize = 1_000;

impl PgStore {
    /// Runs a write that records results of these instants, after creating their days' partitions. Creates
    /// a partition again if someone has dropped it meanwhile.
    pub(super) async fn recording<T, I, W>(
        &self,
        instants: impl Fn() -> I,
        write: impl Fn() -> W,
    ) -> Result<T, StoreError>
    where
        I: Iterator<Item = DateTime<Utc>>,
        W: Future<Output = Result<T, StoreError>>,
    {
        self.make_partitions(instants().map(|instant| instant.date_naive())).await?;
        match write().await {
            Err(error) if lacks_partition(&error) => {
                self.inner.forget_days();
                self.make_partitions(instants().map(|instant| instant.date_naive())).await?;
                write().await
            }
            done => done,
        }
    }

    async fn make_partitions(
        &self,
        days: impl Iterator<Item = NaiveDate>,
    ) -> Result<(), StoreError> {
        let missing = self.inner.unknown_days(days);
        if missing.is_empty() {
            return Ok(());
        }
        let wanted = missing.clone();
        self.write(move |write| {
            let wanted = wanted.clone();
            Box::pin(async move { write.make_partitions(wanted).await })
        })
        .await?;
        self.inner.remember_days(missing);
        Ok(())
    }
}

impl Inner {
    fn known_days(&self) -> std::sync::MutexGuard<'_, std::collections::BTreeSet<NaiveDate>> {
        self.days.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn unknown_days(&self, days: impl Iterator<Item = NaiveDate>) -> Vec<NaiveDate> {
        let known = self.known_days();
        let mut unknown: Vec<NaiveDate> = days.filter(|day| !known.contains(day)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }

    fn remember_days(&self, days: Vec<NaiveDate>) {
        let mut known = self.known_days();
        if known.len() > MOST_DAYS {
            known.clear();
        }
        known.extend(days);
    }

    fn forget_days(&self) {
        self.known_days().clear();
    }
}

impl Write<'_> {
    async fn make_partitions(&mut self, days: Vec<NaiveDate>) -> Result<(), OperationError> {
        sqlx::query("select health_make_partitions(day, day) from unnest($1::date[]) day")
            .bind(days)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }
}
