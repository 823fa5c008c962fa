//! `SecretStore` over Postgres.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use futures_util::{FutureExt, TryFutureExt};
use sqlx::PgConnection;

use super::{
    PgStore,
    error::OperationError,
    row::{CheckRow, check_columns},
    write::Write,
};
use crate::{
    crypto::{Canary, InstallId, KeyId, key_id_of},
    model::{AuditEntry, CheckId, SealedSecret},
    store::{KeyUse, SealedRow, SecretStore, StoreError},
};

type CanaryRow = (Vec<u8>, Vec<u8>, Vec<u8>);

fn canary((key_id, nonce, ciphertext): CanaryRow) -> Result<Canary, StoreError> {
    let key_id = key_id.as_slice().try_into();
    let key_id = key_id.map_err(|error| StoreError::corrupt("canary", error))?;
    Ok(Canary { key_id: KeyId::from_bytes(key_id), nonce, ciphertext })
}

async fn canaries(connection: &mut PgConnection) -> Result<Vec<Canary>, OperationError> {
    let rows: Vec<CanaryRow> =
        sqlx::query_as("select key_id, nonce, ciphertext from health_key_canaries order by number")
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().map(canary).collect::<Result<_, _>>()?)
}

impl Write<'_> {
    async fn install_id(&mut self, fresh: InstallId) -> Result<InstallId, OperationError> {
        let stored: Vec<u8> = sqlx::query_scalar(
            "update health_installation set install_id = coalesce(install_id, $1) \
             returning install_id",
        )
        .bind(fresh.as_bytes().as_slice())
        .fetch_one(&mut *self.connection)
        .await?;
        let stored = stored.as_slice().try_into();
        let stored = stored.map_err(|error| StoreError::corrupt("installation", error))?;
        Ok(InstallId::from_bytes(stored))
    }

    async fn insert_canary(
        &mut self,
        new: &Canary,
        known: &[Canary],
        audit: &AuditEntry,
    ) -> Result<bool, OperationError> {
        // Readers are not blocked. Other inserts wait.
        sqlx::query("lock table health_key_canaries in share row exclusive mode")
            .execute(&mut *self.connection)
            .await?;
        if canaries(self.connection).await? != known {
            return Ok(false);
        }
        sqlx::query(
            "insert into health_key_canaries (key_id, nonce, ciphertext) values ($1, $2, $3)",
        )
        .bind(new.key_id.as_bytes().as_slice())
        .bind(&new.nonce)
        .bind(&new.ciphertext)
        .execute(&mut *self.connection)
        .await?;
        self.audit(audit).await?;
        Ok(true)
    }

    async fn replace_secret(
        &mut self,
        check: CheckId,
        old: &SealedSecret,
        new: &SealedSecret,
        audit: &AuditEntry,
    ) -> Result<bool, OperationError> {
        let replaced = sqlx::query(
            "update host_health_checks set basic_auth_pass_encrypted = $1, \
             basic_auth_pass_nonce = $2, secret_format = $3 where id = $4 \
             and basic_auth_pass_encrypted = $5 \
             and coalesce(basic_auth_pass_nonce, '') = $6 and secret_format = $7",
        )
        .bind(&new.ciphertext)
        .bind(&new.nonce)
        .bind(new.format)
        .bind(check.as_uuid())
        .bind(&old.ciphertext)
        .bind(&old.nonce)
        .bind(old.format)
        .execute(&mut *self.connection)
        .await?;
        if replaced.rows_affected() == 0 {
            return Ok(false);
        }
        self.audit(audit).await?;
        Ok(true)
    }
}

#[async_trait]
impl SecretStore for PgStore {
    async fn install_id(&self) -> Result<InstallId, StoreError> {
        let fresh = InstallId::generate().map_err(StoreError::unavailable)?;
        self.write(move |write| write.install_id(fresh).boxed()).await
    }

    async fn canaries(&self) -> Result<Vec<Canary>, StoreError> {
        self.read(|connection| canaries(connection).boxed()).await
    }

    async fn insert_canary(
        &self,
        canary: Canary,
        known: &[Canary],
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let given = Arc::new((canary, known.to_vec(), audit));
        self.write(move |write| {
            let given = Arc::clone(&given);
            async move { write.insert_canary(&given.0, &given.1, &given.2).await }.boxed()
        })
        .await
    }

    async fn sealed_page(
        &self,
        after: Option<CheckId>,
        limit: u32,
    ) -> Result<Vec<SealedRow>, StoreError> {
        let rows: Vec<CheckRow> = self
            .read(move |connection| {
                sqlx::query_as(concat!(
                    "select ",
                    check_columns!(),
                    " from host_health_checks c where basic_auth_pass_encrypted is not null \
                     and ($1::uuid is null or id > $1) order by id limit $2",
                ))
                .bind(after.map(|after| after.as_uuid()))
                .bind(i64::from(limit))
                .fetch_all(connection)
                .err_into()
                .boxed()
            })
            .await?;
        let mut page = Vec::with_capacity(rows.len());
        for row in rows {
            let check = row.into_check();
            let secret = check.secret.clone();
            page.extend(secret.map(|secret| SealedRow { check, secret }));
        }
        Ok(page)
    }

    async fn replace_secret(
        &self,
        check: CheckId,
        old: &SealedSecret,
        new: SealedSecret,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let given = Arc::new((old.clone(), new, audit));
        self.write(move |write| {
            let given = Arc::clone(&given);
            async move { write.replace_secret(check, &given.0, &given.1, &given.2).await }.boxed()
        })
        .await
    }

    async fn key_uses(&self) -> Result<Vec<KeyUse>, StoreError> {
        // The key's id is in the first bytes and the length of the secret, so the query need not return
        // whole secrets.
        let rows: Vec<(i16, Vec<u8>, i32, i64)> = self
            .read(|connection| {
                sqlx::query_as(
                    "select secret_format, case when secret_format = 0 then '' \
                     else substr(basic_auth_pass_encrypted, 1, 9) end as head, \
                     octet_length(basic_auth_pass_encrypted) as length, count(*) \
                     from host_health_checks where basic_auth_pass_encrypted is not null \
                     group by 1, 2, 3",
                )
                .fetch_all(connection)
                .err_into()
                .boxed()
            })
            .await?;
        let mut uses: BTreeMap<_, u64> = BTreeMap::new();
        for (format, mut ciphertext, length, secrets) in rows {
            ciphertext.resize(usize::try_from(length).unwrap_or(0), 0);
            let sealed = SealedSecret { format, nonce: Vec::new(), ciphertext };
            *uses.entry(key_id_of(&sealed)).or_default() += u64::try_from(secrets).unwrap_or(0);
        }
        Ok(uses.into_iter().map(|(key_id, secrets)| KeyUse { key_id, secrets }).collect())
    }
}
