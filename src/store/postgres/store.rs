//! The store's handle, and how it runs an operation.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::NaiveDate;
use futures_util::{FutureExt, future::BoxFuture};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, PgPool, Postgres, Transaction, pool::PoolConnection,
    postgres::PgConnectOptions,
};
use tokio::{
    task::JoinHandle,
    time::{error::Elapsed, timeout},
};
use uuid::Uuid;

use super::{
    HostsTable, MigrateError, MigrationReport, PgFault, PgTxHook, SchemaName,
    due::DueFloor,
    error::{OperationError, is_contended, is_stale},
    feed::Listening,
    migrate,
    settings::transaction_settings,
    write::{Write, read_clock},
};
use crate::{
    model::{ClockEpoch, Damping, StoreTime},
    store::{PruneGuard, StoreBase, StoreError, StoreEvent, Subscription},
};

/// The maximum number of repetitions of a transaction that meets a conflict (F58).
const MOST_REPETITIONS: u32 = 5;
/// The time after which an operation is abandoned and its connection closed.
const DEFAULT_BOUND: Duration = Duration::from_secs(30);

/// Implements all store traits over a Postgres database, version 14 or newer.
///
/// A clone is another handle to the same store. Call [`migrate`](Self::migrate) once at start,
/// from any number of processes.
#[derive(Clone, Debug)]
pub struct PgStore {
    pub(super) inner: Arc<Inner>,
}

#[derive(Clone, Debug)]
pub(super) struct Inner {
    pub(super) pool: PgPool,
    pub(super) schema: Option<SchemaName>,
    pub(super) hosts: HostsTable,
    pub(super) hook: Option<Arc<dyn PgTxHook>>,
    pub(super) damping: Damping,
    pub(super) bound: Duration,
    /// The server's own address, if the pool connects through a pooler.
    pub(super) direct: Option<PgConnectOptions>,
    pub(super) pruning: Arc<PruneGuard>,
    pub(super) listening: Arc<Listening>,
    pub(super) due: Arc<DueFloor>,
    /// The days known to have a partition.
    pub(super) days: Arc<std::sync::Mutex<BTreeSet<NaiveDate>>>,
}

impl PgStore {
    /// Creates a store over a pool, in the first schema of the search path of its sessions.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        let inner = Inner {
            pool,
            schema: None,
            hosts: HostsTable::default(),
            hook: None,
            damping: Damping::default(),
            bound: DEFAULT_BOUND,
            direct: None,
            pruning: Arc::default(),
            listening: Arc::default(),
            due: Arc::default(),
            days: Arc::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Sets the schema of the tables.
    #[must_use]
    pub fn with_schema(self, schema: SchemaName) -> Self {
        self.with(|inner| inner.schema = Some(schema))
    }

    /// Sets the table of hosts, instead of the one that [`HostsTable::Detect`] finds. Only
    /// [`migrate`](Self::migrate) uses it.
    #[must_use]
    pub fn with_hosts_table(self, hosts: HostsTable) -> Self {
        self.with(|inner| inner.hosts = hosts)
    }

    /// Sets the damping of statuses.
    #[must_use]
    pub fn with_damping(self, damping: Damping) -> Self {
        self.with(|inner| inner.damping = damping)
    }

    /// Sets the application's hook into transactions.
    #[must_use]
    pub fn with_hook(self, hook: Arc<dyn PgTxHook>) -> Self {
        self.with(|inner| inner.hook = Some(hook))
    }

    /// Sets the time limit of one operation, 30 s by default. After that the store closes the connection.
    /// This covers a server or a network that does not even answer with a timeout.
    #[must_use]
    pub fn with_operation_timeout(self, bound: Duration) -> Self {
        self.with(|inner| inner.bound = bound)
    }

    /// Configures the store for a pool behind a transaction pooler, such as PgBouncer in transaction mode. Every
    /// operation is then a transaction with the settings of [`session_options`](super::session_options), and leaves
    /// nothing in the session.
    ///
    /// `direct` connects to the server itself, with the same database and schema. The store uses it for
    /// operations that a pooler cannot carry: listening for changes, migrating, and detaching partitions.
    /// Create the pool with [`pooler_options`](super::pooler_options).
    #[must_use]
    pub fn with_pooler(self, direct: PgConnectOptions) -> Self {
        self.with(|inner| inner.direct = Some(direct))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        let inner = Arc::make_mut(&mut self.inner);
        change(inner);
        // Another schema has other partitions and due times, and another channel.
        (inner.listening, inner.due, inner.days) = Default::default();
        self
    }

    /// Returns the pool.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.inner.pool
    }

    /// Creates the tables, adopts existing tables of checks and results with all rows, or updates an older
    /// schema. Any number of processes may call it, repeatedly and at the same time.
    ///
    /// It never locks a table in use for long: it builds an index over adopted results concurrently with
    /// writers, and a later call continues an interrupted one. It needs the privilege to create in the
    /// schema, and in the database if the schema does not exist yet.
    ///
    /// # Errors
    /// Fails with [`MigrateError::Newer`] if a newer version of this library has changed the schema (F63),
    /// or with [`MigrateError::HostsTable`] if the checks cannot refer to the named table.
    pub async fn migrate(&self) -> Result<MigrationReport, MigrateError> {
        let inner = Arc::clone(&self.inner);
        let joined = tokio::spawn(async move { migrate::migrate(&inner).await }).await;
        joined.unwrap_or_else(|error| Err(MigrateError::Database(sqlx::Error::Io(error.into()))))
    }

    /// Runs a write as one transaction, to its end even if the caller is dropped, and repeats it after a
    /// conflict.
    pub(super) async fn write<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> Fn(&'c mut Write<'_>) -> BoxFuture<'c, Result<T, OperationError>>
            + Send
            + Sync
            + 'static,
    {
        let inner = Arc::clone(&self.inner);
        finish(tokio::spawn(async move {
            let (mut repetitions, mut fresh) = (0, false);
            loop {
                match inner.transact(&operation, fresh).await {
                    Err(error) if is_stale(&error) && !fresh => fresh = true,
                    Err(error) if is_contended(&error) && repetitions < MOST_REPETITIONS => {
                        repetitions += 1;
                        tokio::time::sleep(pause(repetitions)).await;
                    }
                    done => return done,
                }
            }
        }))
        .await
    }

    /// Runs reads to their end even if the caller is dropped, and repeats them once if the connection was
    /// stale.
    pub(super) async fn read<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> Fn(&'c mut PgConnection) -> BoxFuture<'c, Result<T, OperationError>>
            + Send
            + Sync
            + 'static,
    {
        let inner = Arc::clone(&self.inner);
        finish(tokio::spawn(async move {
            match inner.look(&operation, false).await {
                Err(error) if is_stale(&error) => inner.look(&operation, true).await,
                done => done,
            }
        }))
        .await
    }
}

/// Returns a pause that grows with each repetition and is random, so that two conflicting transactions do
/// not meet again.
fn pause(repetition: u32) -> Duration {
    let longest = 10 * (1_u64 << repetition);
    let random = u64::try_from(Uuid::new_v4().as_u128() & 0xffff_ffff).unwrap_or(0);
    Duration::from_millis(longest / 2 + random % longest)
}

pub(super) async fn finish<T>(task: JoinHandle<Result<T, StoreError>>) -> Result<T, StoreError> {
    task.await.unwrap_or_else(|error| Err(StoreError::unavailable(error)))
}

/// The outcome of work on a connection. An inner error leaves the connection usable. After an outer error
/// it is closed.
type Done<T> = Result<Result<T, StoreError>, OperationError>;

/// The start of each transaction behind a pooler, after the settings. It deallocates statements that another
/// client left prepared in this session, because their names would clash with new ones.
const POOLED: &str = "; do $$ declare left_behind text; begin \
     for left_behind in select name from pg_prepared_statements where name like 'sqlx\\_s\\_%' \
     loop execute format('deallocate %I', left_behind); end loop; end $$";

impl Inner {
    /// Opens a connection to the server outside the pool, because its session gets its own settings.
    pub(super) async fn own_connection(&self) -> Result<PgConnection, sqlx::Error> {
        match &self.direct {
            Some(direct) => PgConnection::connect_with(direct).await,
            None => Ok(self.pool.acquire().await?.detach()),
        }
    }

    /// Returns the options of a separate connection.
    fn own_options(&self) -> PgConnectOptions {
        let pooled = || self.pool.connect_options().as_ref().clone();
        self.direct.clone().unwrap_or_else(pooled)
    }

    /// Acquires a connection of the pool. A `fresh` one has no prepared statements: after one stale
    /// connection, every idle one may be stale.
    async fn connection(&self, fresh: bool) -> Result<PoolConnection<Postgres>, OperationError> {
        let mut connection = self.pool.acquire().await?;
        if fresh {
            let cleared = timeout(self.bound, connection.clear_cached_statements()).await;
            if let Err(error) = cleared.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
                connection.close_on_drop();
                return Err(error.into());
            }
        }
        Ok(connection)
    }

    async fn transact<T, F>(&self, operation: &F, fresh: bool) -> Result<T, StoreError>
    where
        T: Send,
        F: for<'c> Fn(&'c mut Write<'_>) -> BoxFuture<'c, Result<T, OperationError>> + Sync,
    {
        let mut connection = self.connection(fresh).await?;
        let done = timeout(self.bound, self.attempt(&mut connection, operation)).await;
        settle(connection, done)
    }

    async fn attempt<T, F>(&self, connection: &mut PgConnection, operation: &F) -> Done<T>
    where
        T: Send,
        F: for<'c> Fn(&'c mut Write<'_>) -> BoxFuture<'c, Result<T, OperationError>> + Sync,
    {
        let mut transaction = self.begin(connection).await?;
        let mut write = Write::new(self, &mut transaction);
        let value = match operation(&mut write).await {
            Ok(value) => write.tell_all().await.map(|()| value),
            Err(error) => Err(error),
        };
        match value {
            Ok(value) => {
                transaction.commit().await?;
                Ok(Ok(value))
            }
            // Reports the first error, not a failed rollback.
            Err(error) => match transaction.rollback().await {
                Ok(()) => Ok(Err(error.into())),
                Err(_) => Err(error),
            },
        }
    }

    async fn look<T, F>(&self, operation: &F, fresh: bool) -> Result<T, StoreError>
    where
        F: for<'c> Fn(&'c mut PgConnection) -> BoxFuture<'c, Result<T, OperationError>>,
    {
        let mut connection = self.connection(fresh).await?;
        let done = timeout(self.bound, self.attempt_to_look(&mut connection, operation)).await;
        settle(connection, done)
    }

    async fn attempt_to_look<T, F>(&self, connection: &mut PgConnection, operation: &F) -> Done<T>
    where
        F: for<'c> Fn(&'c mut PgConnection) -> BoxFuture<'c, Result<T, OperationError>>,
    {
        if self.schema.is_none() && self.direct.is_none() {
            return match operation(connection).await.map_err(StoreError::from) {
                // A missing or unreadable record is still an answer from the database.
                Err(error @ StoreError::Unavailable { .. }) => Err(error.into()),
                done => Ok(done),
            };
        }
        let mut transaction = self.begin(connection).await?;
        let value = operation(&mut transaction).await;
        match transaction.rollback().await {
            Ok(()) => Ok(value.map_err(StoreError::from)),
            Err(error) => Err(value.err().unwrap_or_else(|| error.into())),
        }
    }

    async fn begin<'c>(
        &self,
        connection: &'c mut PgConnection,
    ) -> Result<Transaction<'c, Postgres>, sqlx::Error> {
        if self.schema.is_none() && self.direct.is_none() {
            return connection.begin().await;
        }
        let mut begin = "begin".to_owned();
        if self.direct.is_some() {
            begin.push_str(&transaction_settings());
            begin.push_str(POOLED);
        }
        if let Some(schema) = &self.schema {
            // A schema name contains nothing that could end the literal.
            begin = format!(
                "{begin}; select set_config('search_path', \
                 '{schema}, ' || current_setting('search_path'), true)"
            );
        }
        connection.begin_with(AssertSqlSafe(begin)).await
    }

    /// Returns the channel on which this store's processes notify each other of changes.
    pub(super) fn channel(&self) -> String {
        match &self.schema {
            None => "healthgate".to_owned(),
            Some(schema) => format!("healthgate_{schema}"),
        }
    }
}

/// Returns a connection to its pool, or closes it.
fn settle<T>(
    mut connection: PoolConnection<Postgres>,
    done: Result<Done<T>, Elapsed>,
) -> Result<T, StoreError> {
    let done = done.unwrap_or_else(|_| Err(PgFault::TooSlow.into_error().into()));
    match done.map_err(StoreError::from) {
        Ok(Err(error)) | Err(error) if is_stale(&error) => {
            connection.close_on_drop();
            Err(error)
        }
        Ok(done) => done,
        Err(error) => {
            connection.close_on_drop();
            Err(error)
        }
    }
}

#[async_trait]
impl StoreBase for PgStore {
    async fn read_clock(&self) -> Result<StoreTime, StoreError> {
        self.read(|connection| read_clock(connection).boxed()).await
    }

    async fn begin_epoch(&self, seen: ClockEpoch) -> Result<ClockEpoch, StoreError> {
        self.write(move |write| write.begin_epoch(seen).boxed()).await
    }

    fn is_durable(&self) -> bool {
        true
    }

    /// The first call takes one connection of the pool. It listens for all subscriptions while the store
    /// lives.
    async fn subscribe(&self) -> Result<Subscription, StoreError> {
        let inner = &self.inner;
        inner.listening.subscribe(&inner.pool, inner.own_options(), inner.channel()).await
    }

    async fn announce(&self, event: StoreEvent) -> Result<(), StoreError> {
        self.write(move |write| {
            write.tell(event.clone());
            std::future::ready(Ok(())).boxed()
        })
        .await
    }
}
