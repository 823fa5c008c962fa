//! `CheckStore` over SQLite.

use async_trait::async_trait;
use futures_util::{FutureExt, TryFutureExt};
use sqlx::SqliteConnection;

use super::{
    SqliteStore,
    error::OperationError,
    poll::micros_of,
    record::{CheckRow, find_check, hosts_list, micros},
    write::Write,
};
use crate::{
    model::{AuditEntry, CheckId, HealthCheck, HostId, SealedSecret, StoredCheck},
    store::{
        Change, CheckInsert, CheckStore, CheckUpdate, FirstRun, SecretChange, StoreError,
        StoreEvent,
    },
};

impl Write<'_> {
    async fn insert_check(
        &mut self,
        insert: CheckInsert,
        audit: AuditEntry,
    ) -> Result<HealthCheck, OperationError> {
        let present: i64 =
            sqlx::query_scalar("select count(*) from host_health_checks where host_id = ?")
                .bind(insert.host_id.as_uuid())
                .fetch_one(&mut *self.connection)
                .await?;
        if present >= i64::from(insert.limit) {
            return Err(StoreError::LimitReached { limit: insert.limit }.into());
        }
        let epoch = self.epoch().await?;
        let check = HealthCheck {
            id: insert.id,
            host_id: insert.host_id,
            definition: insert.definition,
            secret: insert.secret,
            created_at: self.now,
            updated_at: self.now,
            updated_epoch: epoch,
            revision: 1,
        };
        let columns = StoredCheck::of(&check.definition);
        let secret = check.secret.as_ref();
        sqlx::query(
            "insert into host_health_checks (id, host_id, name, check_type, enabled, service_name, \
             target_host_id, url, expected_body, ignore_cert_errors, basic_auth_user, \
             basic_auth_pass_encrypted, basic_auth_pass_nonce, secret_format, created_at, updated_at, \
             updated_epoch, revision) \
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(check.id.as_uuid())
        .bind(check.host_id.as_uuid())
        .bind(columns.name)
        .bind(columns.check_type)
        .bind(columns.enabled)
        .bind(columns.service_name)
        .bind(columns.target_host_id.map(|host| host.as_uuid()))
        .bind(columns.url)
        .bind(columns.expected_body)
        .bind(columns.ignore_cert_errors)
        .bind(columns.basic_auth_user)
        .bind(secret.map(|secret| &secret.ciphertext))
        .bind(secret.map(|secret| &secret.nonce))
        .bind(secret.map_or(SealedSecret::BOUND, |secret| secret.format))
        .bind(micros(check.created_at))
        .bind(micros(check.updated_at))
        .bind(check.updated_epoch.number())
        .bind(check.revision)
        .execute(&mut *self.connection)
        .await?;
        self.written(&check, insert.first_run, audit).await?;
        Ok(check)
    }

    async fn update_check(
        &mut self,
        update: CheckUpdate,
        audit: AuditEntry,
    ) -> Result<HealthCheck, OperationError> {
        let row = find_check(self.connection, update.host_id, update.id).await?;
        let row = row.ok_or(StoreError::NotFound)?;
        let number = row.number;
        let before = row.into_check();
        if before.revision != update.expected_revision {
            return Err(StoreError::Conflict { current: before.revision }.into());
        }
        let now = self.time().await?;
        let check = HealthCheck {
            updated_at: before.next_update(now),
            updated_epoch: now.epoch,
            definition: update.definition,
            secret: match update.secret {
                SecretChange::Keep => before.secret,
                SecretChange::Remove => None,
                SecretChange::Replace(secret) => Some(secret),
            },
            revision: before.revision + 1,
            ..before
        };
        let columns = StoredCheck::of(&check.definition);
        let secret = check.secret.as_ref();
        sqlx::query(
            "update host_health_checks set name = ?, check_type = ?, enabled = ?, service_name = ?, \
             target_host_id = ?, url = ?, expected_body = ?, ignore_cert_errors = ?, \
             basic_auth_user = ?, basic_auth_pass_encrypted = ?, basic_auth_pass_nonce = ?, \
             secret_format = ?, updated_at = ?, updated_epoch = ?, revision = ? where number = ?",
        )
        .bind(columns.name)
        .bind(columns.check_type)
        .bind(columns.enabled)
        .bind(columns.service_name)
        .bind(columns.target_host_id.map(|host| host.as_uuid()))
        .bind(columns.url)
        .bind(columns.expected_body)
        .bind(columns.ignore_cert_errors)
        .bind(columns.basic_auth_user)
        .bind(secret.map(|secret| &secret.ciphertext))
        .bind(secret.map(|secret| &secret.nonce))
        .bind(secret.map_or(SealedSecret::BOUND, |secret| secret.format))
        .bind(micros(check.updated_at))
        .bind(check.updated_epoch.number())
        .bind(check.revision)
        .bind(number)
        .execute(&mut *self.connection)
        .await?;
        self.written(&check, update.first_run, audit).await?;
        Ok(check)
    }

    /// Does the work that follows a created or updated check.
    async fn written(
        &mut self,
        check: &HealthCheck,
        first_run: FirstRun,
        audit: AuditEntry,
    ) -> Result<(), OperationError> {
        self.reschedule(check.host_id, Some(first_run)).await?;
        self.ask(&Change::CheckWritten(check)).await?;
        self.audit(audit).await?;
        self.tell(StoreEvent::of_change(check.host_id, check.id));
        Ok(())
    }

    async fn delete_check(
        &mut self,
        host: HostId,
        id: CheckId,
        expected_revision: Option<i64>,
        audit: AuditEntry,
    ) -> Result<(), OperationError> {
        let row = find_check(self.connection, host, id).await?.ok_or(StoreError::NotFound)?;
        let number = row.number;
        let check = row.into_check();
        if expected_revision.is_some_and(|expected| expected != check.revision) {
            return Err(StoreError::Conflict { current: check.revision }.into());
        }
        // The schema's cascade deletes its results and state.
        sqlx::query("delete from host_health_checks where number = ?")
            .bind(number)
            .execute(&mut *self.connection)
            .await?;
        self.reschedule(host, None).await?;
        self.ask(&Change::CheckDeleted(&check)).await?;
        self.audit(audit).await?;
        Ok(())
    }

    /// Updates the schedule row of a host whose checks have changed. `None` leaves its due time.
    async fn reschedule(
        &mut self,
        host: HostId,
        first_run: Option<FirstRun>,
    ) -> Result<(), OperationError> {
        let now = self.now_micros();
        // A new row's token starts from the current time, so that a worker with a claim of an earlier row
        // stays fenced.
        sqlx::query(
            "insert into health_schedule (host_id, due_at, config_seq, lost_leases, token) \
             select ?1, ?2 + coalesce(?3, 0), 1, 0, ?2 where exists \
             (select 1 from host_health_checks where host_id = ?1 and enabled) \
             on conflict (host_id) do update \
             set due_at = case when ?3 is null then due_at when ?3 = 0 then ?2 \
                 when due_at <= ?2 and (lease_until > ?2 or (parked_at <= ?2 and parked_until > ?2)) \
                 then excluded.due_at else min(due_at, excluded.due_at) end, \
             config_seq = config_seq + 1, lost_leases = 0, \
             parked_at = null, parked_until = null",
        )
        .bind(host.as_uuid())
        .bind(now)
        .bind(first_run.map(|run| micros_of(run.wait())))
        .execute(&mut *self.connection)
        .await?;
        sqlx::query(
            "delete from health_schedule where host_id = ?1 and not exists \
             (select 1 from host_health_checks where host_id = ?1 and enabled)",
        )
        .bind(host.as_uuid())
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    async fn forget_host(&mut self, host: HostId) -> Result<(), OperationError> {
        for statement in [
            "delete from host_health_checks where host_id = ?",
            "delete from health_schedule where host_id = ?",
        ] {
            sqlx::query(statement).bind(host.as_uuid()).execute(&mut *self.connection).await?;
        }
        Ok(())
    }
}

/// Returns the checks of hosts, in the order of `hosts` and then by creation time.
pub(super) async fn checks_of(
    connection: &mut SqliteConnection,
    hosts: &[HostId],
) -> Result<Vec<CheckRow>, sqlx::Error> {
    sqlx::query_as(
        "select c.* from json_each(?) as wanted \
         cross join host_health_checks c on c.host_id = unhex(wanted.value) \
         order by wanted.key, c.number",
    )
    .bind(hosts_list(hosts))
    .fetch_all(connection)
    .await
}

#[async_trait]
impl CheckStore for SqliteStore {
    async fn insert_check(
        &self,
        insert: CheckInsert,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError> {
        self.write(move |write| write.insert_check(insert, audit).boxed()).await
    }

    async fn update_check(
        &self,
        update: CheckUpdate,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError> {
        self.write(move |write| write.update_check(update, audit).boxed()).await
    }

    async fn delete_check(
        &self,
        host_id: HostId,
        id: CheckId,
        expected_revision: Option<i64>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        self.write(move |write| write.delete_check(host_id, id, expected_revision, audit).boxed())
            .await
    }

    async fn check(&self, host_id: HostId, id: CheckId) -> Result<Option<HealthCheck>, StoreError> {
        let row = self
            .read(move |connection| find_check(connection, host_id, id).err_into().boxed())
            .await?;
        Ok(row.map(CheckRow::into_check))
    }

    async fn checks_of(&self, hosts: &[HostId]) -> Result<Vec<HealthCheck>, StoreError> {
        let hosts = hosts.to_vec();
        let rows = self
            .read(move |connection| async move { Ok(checks_of(connection, &hosts).await?) }.boxed())
            .await?;
        Ok(rows.into_iter().map(CheckRow::into_check).collect())
    }

    async fn forget_host(&self, host_id: HostId) -> Result<(), StoreError> {
        self.write(move |write| write.forget_host(host_id).boxed()).await
    }
}
