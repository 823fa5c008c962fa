//! `SecretStore` over SQLite.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures_util::{FutureExt, TryFutureExt};
use sqlx::{FromRow, SqliteConnection};

use super::{SqliteStore, error::OperationError, record::CheckRow, write::Write};
use crate::{
    crypto::{Canary, InstallId, KeyId, key_id_of},
    model::{AuditEntry, CheckId, SealedSecret},
    store::{KeyUse, SealedRow, SecretStore, StoreError},
};

#[derive(FromRow)]
struct CanaryRow {
    key_id: Vec<u8>,
    nonce: Vec<u8>,
    ciphertext: Vec<u8>,
}

impl CanaryRow {
    fn into_canary(self) -> Result<Canary, StoreError> {
        let key_id: [u8; KeyId::BYTES] = self
            .key_id
            .try_into()
            .map_err(|_| StoreError::corrupt("key canary", "its key id is not 8 bytes long"))?;
        let key_id = KeyId::from_bytes(key_id);
        Ok(Canary { key_id, nonce: self.nonce, ciphertext: self.ciphertext })
    }
}

async fn install_id(
    connection: &mut SqliteConnection,
) -> Result<Option<InstallId>, OperationError> {
    let stored: Option<Vec<u8>> =
        sqlx::query_scalar("select install_id from health_meta").fetch_one(connection).await?;
    let read = |bytes: Vec<u8>| {
        let bytes = bytes.try_into();
        bytes
            .map(InstallId::from_bytes)
            .map_err(|_| StoreError::corrupt("installation id", "it is not 16 bytes long"))
    };
    Ok(stored.map(read).transpose()?)
}

async fn canaries(connection: &mut SqliteConnection) -> Result<Vec<Canary>, OperationError> {
    let rows: Vec<CanaryRow> =
        sqlx::query_as("select key_id, nonce, ciphertext from health_key_canaries order by number")
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().map(CanaryRow::into_canary).collect::<Result<_, _>>()?)
}

async fn sealed_page(
    connection: &mut SqliteConnection,
    after: Option<CheckId>,
    limit: u32,
) -> Result<Vec<CheckRow>, sqlx::Error> {
    sqlx::query_as(
        "select * from host_health_checks where basic_auth_pass_encrypted is not null \
         and id > coalesce(?, x'') order by id limit ?",
    )
    .bind(after.map(|id| id.as_uuid()))
    .bind(limit)
    .fetch_all(connection)
    .await
}

impl Write<'_> {
    async fn install_id(&mut self) -> Result<InstallId, OperationError> {
        if let Some(id) = install_id(self.connection).await? {
            return Ok(id);
        }
        let id = InstallId::generate().map_err(StoreError::unavailable)?;
        sqlx::query("update health_meta set install_id = ?")
            .bind(&id.as_bytes()[..])
            .execute(&mut *self.connection)
            .await?;
        Ok(id)
    }

    async fn insert_canary(
        &mut self,
        canary: Canary,
        known: Vec<Canary>,
        audit: AuditEntry,
    ) -> Result<bool, OperationError> {
        if canaries(self.connection).await? != known {
            return Ok(false);
        }
        sqlx::query("insert into health_key_canaries (key_id, nonce, ciphertext) values (?, ?, ?)")
            .bind(&canary.key_id.as_bytes()[..])
            .bind(canary.nonce)
            .bind(canary.ciphertext)
            .execute(&mut *self.connection)
            .await?;
        self.audit(audit).await?;
        Ok(true)
    }

    async fn replace_secret(
        &mut self,
        check: CheckId,
        old: SealedSecret,
        new: SealedSecret,
        audit: AuditEntry,
    ) -> Result<bool, OperationError> {
        let replaced = sqlx::query(
            "update host_health_checks set secret_format = ?, basic_auth_pass_nonce = ?, \
             basic_auth_pass_encrypted = ? where id = ? and secret_format = ? \
             and coalesce(basic_auth_pass_nonce, x'') = ? and basic_auth_pass_encrypted = ?",
        )
        .bind(new.format)
        .bind(new.nonce)
        .bind(new.ciphertext)
        .bind(check.as_uuid())
        .bind(old.format)
        .bind(old.nonce)
        .bind(old.ciphertext)
        .execute(&mut *self.connection)
        .await?
        .rows_affected();
        if replaced == 0 {
            return Ok(false);
        }
        self.audit(audit).await?;
        Ok(true)
    }
}

#[async_trait]
impl SecretStore for SqliteStore {
    async fn install_id(&self) -> Result<InstallId, StoreError> {
        match self.read(|connection| install_id(connection).boxed()).await? {
            Some(id) => Ok(id),
            None => self.write(|write| write.install_id().boxed()).await,
        }
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
        let known = known.to_vec();
        self.write(move |write| write.insert_canary(canary, known, audit).boxed()).await
    }

    async fn sealed_page(
        &self,
        after: Option<CheckId>,
        limit: u32,
    ) -> Result<Vec<SealedRow>, StoreError> {
        let rows = self
            .read(move |connection| sealed_page(connection, after, limit).err_into().boxed())
            .await?;
        let mut sealed = Vec::with_capacity(rows.len());
        for row in rows {
            let check = row.into_check();
            if let Some(secret) = check.secret.clone() {
                sealed.push(SealedRow { check, secret });
            }
        }
        Ok(sealed)
    }

    async fn replace_secret(
        &self,
        check: CheckId,
        old: &SealedSecret,
        new: SealedSecret,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let old = old.clone();
        self.write(move |write| write.replace_secret(check, old, new, audit).boxed()).await
    }

    async fn key_uses(&self) -> Result<Vec<KeyUse>, StoreError> {
        let rows: Vec<(i16, Option<Vec<u8>>, Vec<u8>)> = self
            .read(|connection| {
                sqlx::query_as(
                    "select secret_format, basic_auth_pass_nonce, basic_auth_pass_encrypted \
                         from host_health_checks where basic_auth_pass_encrypted is not null",
                )
                .fetch_all(connection)
                .err_into()
                .boxed()
            })
            .await?;
        let mut uses: BTreeMap<_, u64> = BTreeMap::new();
        for (format, nonce, ciphertext) in rows {
            let nonce = nonce.unwrap_or_default();
            *uses.entry(key_id_of(&SealedSecret { format, nonce, ciphertext })).or_default() += 1;
        }
        Ok(uses.into_iter().map(|(key_id, secrets)| KeyUse { key_id, secrets }).collect())
    }
}
