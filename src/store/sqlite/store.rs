//! The store's handle, and how it runs an operation.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::{
    FutureExt,
    future::BoxFuture,
    stream::{self, StreamExt},
};
use sqlx::{Connection, Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};
use tokio::{
    sync::{Mutex, Semaphore},
    time::{Instant, timeout, timeout_at},
};

use super::{
    MigrateError, SqliteOptions, SqliteTxHook,
    error::{OperationError, is_error_of_sql},
    migrate,
    write::{Write, read_time},
};
use crate::{
    clock::{Clock, SystemClock},
    model::{ClockEpoch, Damping, StoreTime},
    store::{Feed, PruneGuard, StoreBase, StoreError, StoreEvent, Subscription},
};

/// How often a subscription checks whether another process has written.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a call waits until it can begin.
const DEFAULT_PATIENCE: Duration = Duration::from_secs(5);
/// The time after which an operation is abandoned.
const DEFAULT_BOUND: Duration = Duration::from_secs(30);

/// Implements all store traits over a SQLite file.
///
/// Cloning returns another handle on the same store. Call [`migrate`](Self::migrate) once at start.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    pub(super) inner: Arc<Inner>,
}

#[derive(Clone, Debug)]
pub(super) struct Inner {
    writer: SqlitePool,
    readers: SqlitePool,
    /// The writer's turn. Callers queue here in order before they hold any resource.
    turn: Arc<Semaphore>,
    /// How long a call waits for turn, connection and lock together.
    patience: Duration,
    /// The time after which an operation is abandoned and its connection closed.
    bound: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) hook: Option<Arc<dyn SqliteTxHook>>,
    pub(super) damping: Damping,
    pub(super) feed: Feed,
    pub(super) pruning: Arc<PruneGuard>,
    /// The last `data_version` of the writer's connection. It changes when another connection commits.
    seen: Arc<Mutex<Option<i64>>>,
}

impl SqliteStore {
    /// Opens the file with [`SqliteOptions::new`], and creates it if it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the file cannot be created or opened;
    /// [`StoreError::Corrupt`] if it is not a database.
    pub async fn open(path: impl Into<std::path::PathBuf>) -> Result<Self, StoreError> {
        Self::open_with(&SqliteOptions::new(path)).await
    }

    /// Opens a file, and creates it if it does not exist.
    ///
    /// # Errors
    /// Fails like [`open`](Self::open).
    pub async fn open_with(options: &SqliteOptions) -> Result<Self, StoreError> {
        let (writer, readers) = options.pools().await?;
        Ok(Self::from_pools(writer, readers).with_busy_timeout(options.busy_timeout))
    }

    /// Creates a store over the application's own pools. Create their connections with
    /// [`SqliteOptions::connect_options`]. Both may be the same pool.
    ///
    /// The store uses one connection of `writer` at a time. If the application writes its own tables
    /// through the same one-connection pool, its writes and the store's never wait for each other's locks,
    /// and [`StoreBase::subscribe`] does not mistake its commits for those of another process.
    #[must_use]
    pub fn from_pools(writer: SqlitePool, readers: SqlitePool) -> Self {
        let inner = Inner {
            writer,
            readers,
            turn: Arc::new(Semaphore::new(1)),
            patience: DEFAULT_PATIENCE,
            bound: DEFAULT_BOUND,
            clock: Arc::new(SystemClock),
            hook: None,
            damping: Damping::default(),
            feed: Feed::new(),
            pruning: Arc::default(),
            seen: Arc::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Replaces the machine's clock, for tests.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        self.with(|inner| inner.clock = clock)
    }

    /// Sets how long a call waits before it can begin, 5 s by default: for its turn, for a connection, and
    /// for writers of other processes. After that it fails with [`StoreError::Unavailable`] and has no
    /// effect.
    #[must_use]
    pub fn with_busy_timeout(self, patience: Duration) -> Self {
        self.with(|inner| inner.patience = patience)
    }

    /// Sets the time limit of one operation after it has begun, hooks included, 30 s by default. After that
    /// the store rolls it back, and it fails with [`StoreError::Unavailable`].
    #[must_use]
    pub fn with_operation_timeout(self, bound: Duration) -> Self {
        self.with(|inner| inner.bound = bound)
    }

    /// Sets the damping of statuses.
    #[must_use]
    pub fn with_damping(self, damping: Damping) -> Self {
        self.with(|inner| inner.damping = damping)
    }

    /// Sets the application's hook into transactions.
    #[must_use]
    pub fn with_hook(self, hook: Arc<dyn SqliteTxHook>) -> Self {
        self.with(|inner| inner.hook = Some(hook))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.inner));
        self
    }

    /// Migrates the file's schema to the current version. Several processes may call it repeatedly and at
    /// the same time.
    ///
    /// # Errors
    /// Fails with [`MigrateError::Newer`] if a newer version of this library has written the file.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        let pool = self.inner.writer.clone();
        let work = async move {
            let mut connection = pool.acquire().await.map_err(MigrateError::Database)?;
            migrate::migrate(&mut connection).await
        };
        let joined = tokio::spawn(work).await;
        joined.unwrap_or_else(|error| Err(MigrateError::Database(sqlx::Error::Io(error.into()))))
    }

    /// Closes the file: waits for running operations, and lets SQLite checkpoint its write-ahead log.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        self.inner.writer.close().await;
    }

    /// Runs a write as one transaction, to its end even if the caller is dropped. Publishes the changes
    /// after the commit.
    pub(super) async fn write<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Write<'_>) -> BoxFuture<'c, Result<T, OperationError>>
            + Send
            + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let until = Instant::now() + inner.patience;
        let turn =
            timeout_at(until, Arc::clone(&inner.turn).acquire_owned()).await.map_err(|_| busy())?;
        finish(tokio::spawn(async move {
            let _turn = turn.map_err(StoreError::unavailable)?;
            let mut connection = inner.acquire(&inner.writer, until).await?;
            let work = inner.transact(&mut connection, until, operation);
            let done = timeout(inner.bound, work).await.unwrap_or_else(|_| Err(too_slow().into()));
            let done = name_the_schema(&mut connection, done).await;
            inner.give_back(connection, done)
        }))
        .await
    }

    /// Runs a read to its end.
    pub(super) async fn read<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, OperationError>>
            + Send
            + 'static,
    {
        let inner = Arc::clone(&self.inner);
        finish(tokio::spawn(async move {
            let until = Instant::now() + inner.patience;
            let mut connection = inner.acquire(&inner.readers, until).await?;
            let work = operation(&mut connection);
            let done = timeout(inner.bound, work).await.unwrap_or_else(|_| Err(too_slow().into()));
            let done = name_the_schema(&mut connection, done).await;
            inner.give_back(connection, done)
        }))
        .await
    }

    pub(super) fn time(&self) -> DateTime<Utc> {
        self.inner.clock.now()
    }
}

/// Translates the error of an operation, and detects that nobody has migrated the file. SQLite has no
/// separate code for a missing table.
async fn name_the_schema<T>(
    connection: &mut SqliteConnection,
    done: Result<T, OperationError>,
) -> Result<T, StoreError> {
    match done.map_err(StoreError::from) {
        Err(StoreError::Unavailable { source }) if is_error_of_sql(source.as_ref()) => {
            match migrate::is_current(connection).await {
                Ok(false) => Err(StoreError::NotMigrated {
                    migrate: "SqliteStore::migrate",
                    source: Some(source),
                }),
                Ok(true) | Err(_) => Err(StoreError::Unavailable { source }),
            }
        }
        done => done,
    }
}

async fn finish<T>(task: tokio::task::JoinHandle<Result<T, StoreError>>) -> Result<T, StoreError> {
    task.await.unwrap_or_else(|error| Err(StoreError::unavailable(error)))
}

/// Creates the error of a call that did not get its turn in time.
fn busy() -> StoreError {
    StoreError::unavailable("other writers of the file were busy for too long")
}

/// Creates the error of an operation that took too long.
fn too_slow() -> StoreError {
    StoreError::unavailable("the operation, with the application's hook, took too long")
}

impl Inner {
    async fn acquire(
        &self,
        pool: &SqlitePool,
        until: Instant,
    ) -> Result<PoolConnection<Sqlite>, OperationError> {
        let acquired = timeout_at(until, pool.acquire()).await;
        Ok(acquired.map_err(|_| busy())??)
    }

    async fn transact<T, F>(
        &self,
        connection: &mut SqliteConnection,
        until: Instant,
        operation: F,
    ) -> Result<T, OperationError>
    where
        F: for<'c> FnOnce(&'c mut Write<'_>) -> BoxFuture<'c, Result<T, OperationError>>,
    {
        let begun = timeout_at(until, connection.begin_with("begin immediate")).await;
        let mut transaction = begun.map_err(|_| busy())??;
        self.note_others(&mut transaction).await?;
        let mut write = Write::new(self, &mut transaction);
        let value = operation(&mut write).await;
        let events = write.into_events();
        match value {
            Ok(value) => {
                transaction.commit().await?;
                events.into_iter().for_each(|event| self.feed.publish(event));
                Ok(value)
            }
            Err(error) => {
                // SQLite may have rolled back by itself. The connection is then closed.
                let lost = transaction.rollback().await.err();
                match (StoreError::from(error), lost) {
                    (error @ (StoreError::Unavailable { .. } | StoreError::Corrupt { .. }), _)
                    | (error, None) => Err(error.into()),
                    (_, Some(lost)) => Err(lost.into()),
                }
            }
        }
    }

    /// Returns a connection to its pool, or closes it after an error: its state is then unknown, and
    /// opening another one is cheap.
    fn give_back<T>(
        &self,
        mut connection: PoolConnection<Sqlite>,
        done: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if matches!(done, Err(StoreError::Unavailable { .. } | StoreError::Corrupt { .. })) {
            connection.close_on_drop();
        }
        done
    }

    /// Publishes a resync if another process has written since the last look. Call it on the writer's
    /// connection, because a connection's own commits do not change its `data_version`.
    async fn note_others(&self, connection: &mut SqliteConnection) -> Result<(), OperationError> {
        let version: i64 = sqlx::query_scalar("pragma data_version").fetch_one(connection).await?;
        let before = self.seen.lock().await.replace(version);
        if before.is_some_and(|before| before != version) {
            self.feed.publish(StoreEvent::Resync);
        }
        Ok(())
    }

    async fn look_for_others(&self) -> Result<(), StoreError> {
        let until = Instant::now() + self.patience;
        let turn = timeout_at(until, self.turn.acquire()).await.map_err(|_| busy())?;
        let _turn = turn.map_err(StoreError::unavailable)?;
        let mut connection = self.acquire(&self.writer, until).await?;
        Ok(self.note_others(&mut connection).await?)
    }
}

#[async_trait]
impl StoreBase for SqliteStore {
    async fn read_clock(&self) -> Result<StoreTime, StoreError> {
        let clock = Arc::clone(&self.inner.clock);
        self.read(move |connection| {
            async move { read_time(connection, clock.as_ref()).await }.boxed()
        })
        .await
    }

    async fn begin_epoch(&self, seen: ClockEpoch) -> Result<ClockEpoch, StoreError> {
        self.write(move |write| write.begin_epoch(seen).boxed()).await
    }

    fn is_durable(&self) -> bool {
        true
    }

    /// Changes by other processes on the same file appear as [`StoreEvent::Resync`] within a second.
    async fn subscribe(&self) -> Result<Subscription, StoreError> {
        let feed = self.inner.feed.subscribe();
        self.inner.look_for_others().await?;
        let inner = Arc::clone(&self.inner);
        let events = stream::unfold((feed, inner), |(mut feed, inner)| async move {
            loop {
                // Both futures are safe to drop: the feed loses no event, and the look repeats.
                tokio::select! {
                    biased;
                    event = feed.next() => return event.map(|event| (event, (feed, inner))),
                    () = tokio::time::sleep(LOOK_EVERY) => {
                        // Runs in its own task: a reader that stops polling this stream must not keep the
                        // writer's turn.
                        let look = Arc::clone(&inner);
                        let looked = tokio::spawn(async move { look.look_for_others().await }).await;
                        if let Ok(Err(error)) = looked {
                            tracing::debug!(%error, "cannot tell whether another process has written");
                        }
                    }
                }
            }
        });
        Ok(Subscription::new(events.boxed()))
    }

    /// Other processes on the same file do not receive the event.
    async fn announce(&self, event: StoreEvent) -> Result<(), StoreError> {
        self.inner.feed.publish(event);
        Ok(())
    }
}
