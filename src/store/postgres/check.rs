//! `CheckStore` over Postgres.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;
use sqlx::PgConnection;

use super::{
    PgStore,
    error::OperationError,
    row::{CheckRow, check_columns, host_ids},
    settings::microseconds,
    write::Write,
};
use crate::{
    model::{AuditEntry, CheckId, HealthCheck, HostId, SealedSecret, StoredCheck},
    store::{
        Change, CheckInsert, CheckStore, CheckUpdate, FirstRun, SecretChange, StoreError,
        StoreEvent,
    },
};

/// Returns all checks of these hosts, ordered by host and then by creation time.
pub(super) async fn checks_of(
    connection: &mut PgConnection,
    hosts: &[HostId],
) -> Result<Vec<HealthCheck>, OperationError> {
    let rows: Vec<CheckRow> = sqlx::query_as(concat!(
        "select ",
        check_columns!(),
        " from host_health_checks c where host_id = any($1)",
    ))
    .bind(host_ids(hosts))
    .fetch_all(connection)
    .await?;
    let mut checks: Vec<HealthCheck> = rows.into_iter().map(CheckRow::into_check).collect();
    // Cheaper than sorting the wide rows in the database.
    checks.sort_by_key(|check| (check.host_id, check.created_at, check.id));
    Ok(checks)
}

async fn find(
    connection: &mut PgConnection,
    host: HostId,
    id: CheckId,
) -> Result<Option<HealthCheck>, OperationError> {
    let row: Option<CheckRow> = sqlx::query_as(concat!(
        "select ",
        check_columns!(),
        " from host_health_checks c where id = $1 and host_id = $2",
    ))
    .bind(id.as_uuid())
    .bind(host.as_uuid())
    .fetch_optional(connection)
    .await?;
    Ok(row.map(CheckRow::into_check))
}

impl Write<'_> {
    async fn insert_check(
        &mut self,
        insert: &CheckInsert,
        audit: &AuditEntry,
    ) -> Result<HealthCheck, OperationError> {
        self.lock_host(insert.host_id).await?;
        let present: i64 =
            sqlx::query_scalar("select count(*) from host_health_checks where host_id = $1")
                .bind(insert.host_id.as_uuid())
                .fetch_one(&mut *self.connection)
                .await?;
        if present >= i64::from(insert.limit) {
            return Err(StoreError::LimitReached { limit: insert.limit }.into());
        }
        let columns = StoredCheck::of(&insert.definition);
        let (ciphertext, nonce, format) = secret_columns(insert.secret.as_ref());
        let row: CheckRow = sqlx::query_as(concat!(
            "insert into host_health_checks as c (id, host_id, name, check_type, enabled, service_name, \
             target_host_id, url, expected_body, ignore_cert_errors, basic_auth_user, \
             basic_auth_pass_encrypted, basic_auth_pass_nonce, secret_format, created_at, updated_at, \
             updated_epoch) \
             select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, at, at, \
             (select clock_epoch from health_installation) from clock_timestamp() at returning ",
            check_columns!(),
        ))
        .bind(insert.id.as_uuid())
        .bind(insert.host_id.as_uuid())
        .bind(columns.name)
        .bind(columns.check_type)
        .bind(columns.enabled)
        .bind(columns.service_name)
        .bind(columns.target_host_id.map(|host| host.as_uuid()))
        .bind(columns.url)
        .bind(columns.expected_body)
        .bind(columns.ignore_cert_errors)
        .bind(columns.basic_auth_user)
        .bind(ciphertext)
        .bind(nonce)
        .bind(format)
        .fetch_one(&mut *self.connection)
        .await?;
        let check = row.into_check();
        self.written(&check, insert.first_run, audit).await?;
        Ok(check)
    }

    async fn update_check(
        &mut self,
        update: &CheckUpdate,
        audit: &AuditEntry,
    ) -> Result<HealthCheck, OperationError> {
        self.lock_host(update.host_id).await?;
        let before = self.locked(update.host_id, update.id).await?;
        if before.revision != update.expected_revision {
            return Err(StoreError::Conflict { current: before.revision }.into());
        }
        let columns = StoredCheck::of(&update.definition);
        let (ciphertext, nonce, format) = secret_columns(match &update.secret {
            SecretChange::Keep => before.secret.as_ref(),
            SecretChange::Remove => None,
            SecretChange::Replace(secret) => Some(secret),
        });
        // Follows `HealthCheck::next_update`.
        let row: CheckRow = sqlx::query_as(concat!(
            "update host_health_checks c set name = $2, check_type = $3, enabled = $4, \
             service_name = $5, target_host_id = $6, url = $7, expected_body = $8, \
             ignore_cert_errors = $9, basic_auth_user = $10, basic_auth_pass_encrypted = $11, \
             basic_auth_pass_nonce = $12, secret_format = $13, revision = revision + 1, \
             updated_at = case when updated_epoch = clock_epoch \
             and isfinite(updated_at) \
             then greatest(clock_timestamp(), updated_at + interval '1 microsecond') \
             else clock_timestamp() end, updated_epoch = clock_epoch \
             from (select clock_epoch from health_installation) clock \
             where id = $1 returning ",
            check_columns!(),
        ))
        .bind(update.id.as_uuid())
        .bind(columns.name)
        .bind(columns.check_type)
        .bind(columns.enabled)
        .bind(columns.service_name)
        .bind(columns.target_host_id.map(|host| host.as_uuid()))
        .bind(columns.url)
        .bind(columns.expected_body)
        .bind(columns.ignore_cert_errors)
        .bind(columns.basic_auth_user)
        .bind(ciphertext)
        .bind(nonce)
        .bind(format)
        .fetch_one(&mut *self.connection)
        .await?;
        let check = row.into_check();
        self.written(&check, update.first_run, audit).await?;
        Ok(check)
    }

    async fn delete_check(
        &mut self,
        host: HostId,
        id: CheckId,
        expected_revision: Option<i64>,
        audit: &AuditEntry,
    ) -> Result<(), OperationError> {
        self.lock_host(host).await?;
        let check = self.locked(host, id).await?;
        if expected_revision.is_some_and(|expected| expected != check.revision) {
            return Err(StoreError::Conflict { current: check.revision }.into());
        }
        // The schema's cascade deletes its results and state.
        sqlx::query("delete from host_health_checks where id = $1")
            .bind(id.as_uuid())
            .execute(&mut *self.connection)
            .await?;
        self.reschedule(host, None).await?;
        self.ask(&Change::CheckDeleted(&check)).await?;
        self.audit(audit).await?;
        Ok(())
    }

    async fn forget_host(&mut self, host: HostId) -> Result<(), OperationError> {
        self.lock_host(host).await?;
        for statement in [
            "delete from host_health_checks where host_id = $1",
            "delete from health_schedule where host_id = $1",
        ] {
            sqlx::query(statement).bind(host.as_uuid()).execute(&mut *self.connection).await?;
        }
        Ok(())
    }

    /// Locks a check of a host against results and other changes, and returns it.
    async fn locked(&mut self, host: HostId, id: CheckId) -> Result<HealthCheck, OperationError> {
        let row: Option<CheckRow> = sqlx::query_as(concat!(
            "select ",
            check_columns!(),
            " from host_health_checks c where id = $1 and host_id = $2 for update",
        ))
        .bind(id.as_uuid())
        .bind(host.as_uuid())
        .fetch_optional(&mut *self.connection)
        .await?;
        row.map(CheckRow::into_check).ok_or(StoreError::NotFound.into())
    }

    /// Does the work that follows every written check.
    async fn written(
        &mut self,
        check: &HealthCheck,
        first_run: FirstRun,
        audit: &AuditEntry,
    ) -> Result<(), OperationError> {
        self.reschedule(check.host_id, Some(first_run)).await?;
        self.ask(&Change::CheckWritten(check)).await?;
        self.audit(audit).await?;
        self.tell(StoreEvent::of_change(check.host_id, check.id));
        Ok(())
    }

    /// Updates the schedule row of a host whose checks have changed. Keeps the row's lease, and invalidates
    /// its summary. `None` leaves its due time.
    async fn reschedule(
        &mut self,
        host: HostId,
        first_run: Option<FirstRun>,
    ) -> Result<(), OperationError> {
        let enabled: bool = sqlx::query_scalar(
            "select exists (select from host_health_checks where host_id = $1 and enabled)",
        )
        .bind(host.as_uuid())
        .fetch_one(&mut *self.connection)
        .await?;
        // A new row's token starts from the current time, so that a worker with a claim of an earlier row
        // stays fenced.
        let query = if enabled {
            sqlx::query(
                "insert into health_schedule as stored (host_id, next_due, token) select $1, \
                 now + coalesce($2, 0) * interval '1 microsecond', \
                 (extract(epoch from now) * 1000000)::bigint from clock_timestamp() now \
                 on conflict (host_id) do update set next_due = case \
                     when $2 is null then stored.next_due \
                     when $2 = 0 then excluded.next_due \
                     when stored.next_due <= clock_timestamp() \
                         and (stored.lease_until > clock_timestamp() \
                              or (stored.parked_at <= clock_timestamp() \
                                  and stored.parked_until > clock_timestamp())) \
                     then excluded.next_due \
                     else least(stored.next_due, excluded.next_due) end, \
                 config_seq = stored.config_seq + 1, lost_leases = 0, parked_at = null, \
                 parked_until = null, total = null",
            )
            .bind(host.as_uuid())
            .bind(first_run.map(|run| microseconds(run.wait())))
        } else {
            sqlx::query("delete from health_schedule where host_id = $1").bind(host.as_uuid())
        };
        query.execute(&mut *self.connection).await?;
        Ok(())
    }
}

/// Returns the column values of ciphertext, nonce and format.
fn secret_columns(secret: Option<&SealedSecret>) -> (Option<&[u8]>, Option<&[u8]>, i16) {
    match secret {
        Some(secret) => (Some(&secret.ciphertext), Some(&secret.nonce), secret.format),
        None => (None, None, SealedSecret::BOUND),
    }
}

#[async_trait]
impl CheckStore for PgStore {
    async fn insert_check(
        &self,
        insert: CheckInsert,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError> {
        let given = Arc::new((insert, audit));
        self.write(move |write| {
            let given = Arc::clone(&given);
            async move { write.insert_check(&given.0, &given.1).await }.boxed()
        })
        .await
    }

    async fn update_check(
        &self,
        update: CheckUpdate,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError> {
        let given = Arc::new((update, audit));
        self.write(move |write| {
            let given = Arc::clone(&given);
            async move { write.update_check(&given.0, &given.1).await }.boxed()
        })
        .await
    }

    async fn delete_check(
        &self,
        host_id: HostId,
        id: CheckId,
        expected_revision: Option<i64>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let audit = Arc::new(audit);
        self.write(move |write| {
            let audit = Arc::clone(&audit);
            async move { write.delete_check(host_id, id, expected_revision, &audit).await }.boxed()
        })
        .await
    }

    async fn check(&self, host_id: HostId, id: CheckId) -> Result<Option<HealthCheck>, StoreError> {
        self.read(move |connection| find(connection, host_id, id).boxed()).await
    }

    async fn checks_of(&self, hosts: &[HostId]) -> Result<Vec<HealthCheck>, StoreError> {
        let hosts = hosts.to_vec();
        self.read(move |connection| {
            let hosts = hosts.clone();
            async move { checks_of(connection, &hosts).await }.boxed()
        })
        .await
    }

    async fn forget_host(&self, host_id: HostId) -> Result<(), StoreError> {
        self.write(move |write| write.forget_host(host_id).boxed()).await
    }
}
