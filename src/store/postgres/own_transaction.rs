//! What the library does inside a transaction of the application.

use sqlx::PgConnection;

use super::{PgStore, error::OperationError, write::Write};
use crate::{
    model::{AuditEntry, AuditRecord, GatePass},
    store::{Spend, StoreError},
};

impl PgStore {
    /// Writes an audit record inside a transaction of the application, so that a change of its tables
    /// and the record of it are one. The store's hook is asked, as with every record. The transaction
    /// stays open: nothing has happened until the application commits it.
    ///
    /// # Errors
    /// As [`AuditLog::append_audit`](crate::store::AuditLog::append_audit); the transaction is to be rolled back
    /// then.
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

    /// Spends a pass inside a transaction of the application, so that its job goes ahead if and only if the pass
    /// is spent. The store's hook is asked, as with every spending.
    ///
    /// Ask [`Gate::spend`](crate::gate::Gate::spend)'s questions before: this asks no source and no right. Spend
    /// last, and commit at once: only the commit makes the answer true. Programs on other drivers call the SQL
    /// function `health_spend_pass`, which decides here too.
    ///
    /// # Errors
    /// As [`GateStore::spend_pass`](crate::store::GateStore::spend_pass); the transaction is to be rolled back then.
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

    /// Lets the transaction look for tables in the store's schema first; returns where it looked before.
    async fn enter(&self, connection: &mut PgConnection) -> Result<Option<String>, OperationError> {
        let Some(schema) = &self.inner.schema else { return Ok(None) };
        let path: String = sqlx::query_scalar("select current_setting('search_path')")
            .fetch_one(&mut *connection)
            .await?;
        search_in(connection, &format!("{schema}, {path}")).await?;
        Ok(Some(path))
    }
}

/// Lets the transaction look for tables where it did before.
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
