//! Calls that run inside a transaction of the application.

use sqlx::PgConnection;

use super::{PgStore, error::OperationError, write::Write};
use crate::{
    model::{AuditEntry, AuditRecord, GatePass},
    store::{Spend, StoreError},
};

impl PgStore {
    /// Writes an audit record inside a transaction of the application, so that a change of its tables and
    /// the record are committed together. The store calls its hook, as for every record. The transaction
    /// stays open: nothing is written until the application commits it.
    ///
    /// # Errors
    /// Fails like [`AuditLog::append_audit`](crate::store::AuditLog::append_audit). Roll the transaction
    /// back then.
    pub async fn append_audit_in(
        &self,
        connection: &mut PgConnection,
        entry: &AuditEntry,
    ) -> Result<AuditRecord, StoreError> {
        let path = self.enter(connection).await?;
        let record = Write::new(&self.inner, connection).audit(entry).await?;
        leave(connection, path).await?;
        Ok(record)
    }

    /// Spends a pass inside a transaction of the application, so that its job starts exactly if the pass is
    /// spent. The store calls its hook, as for every spending.
    ///
    /// This checks no source and no right: make the checks of [`Gate::spend`](crate::gate::Gate::spend)
    /// before. Spend last, and commit immediately: the pass is only spent once the transaction commits.
    /// Programs with other drivers call the SQL function `health_spend_pass`, which also decides here.
    ///
    /// # Errors
    /// Fails like [`GateStore::spend_pass`](crate::store::GateStore::spend_pass). Roll the transaction back
    /// then.
    pub async fn spend_in(
        &self,
        connection: &mut PgConnection,
        pass: &GatePass,
    ) -> Result<Spend, StoreError> {
        let path = self.enter(connection).await?;
        let spend = Write::new(&self.inner, connection).spend_pass(pass.id).await?;
        leave(connection, path).await?;
        Ok(spend)
    }

    /// Puts the store's schema first in the transaction's search path, and returns the previous path.
    async fn enter(&self, connection: &mut PgConnection) -> Result<Option<String>, OperationError> {
        let Some(schema) = &self.inner.schema else { return Ok(None) };
        let path: String = sqlx::query_scalar("select current_setting('search_path')")
            .fetch_one(&mut *connection)
            .await?;
        search_in(connection, &format!("{schema}, {path}")).await?;
        Ok(Some(path))
    }
}

/// Restores the transaction's search path.
async fn leave(connection: &mut PgConnection, path: Option<String>) -> Result<(), OperationError> {
    match path {
        Some(path) => search_in(connection, &path).await,
        None => Ok(()),
    }
}

async fn search_in(connection: &mut PgConnection, path: &str) -> Result<(), OperationError> {
    sqlx::query("select set_config('search_path', $1, true)")
        .bind(path)
        .execute(connection)
        .await?;
    Ok(())
}
