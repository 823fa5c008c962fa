//! The databases that lives are lived on.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use healthgate::{
    clock::Clock,
    store::{
        Change, Refusal, Store,
        sqlite::{SqliteStore, SqliteTxHook},
    },
};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::crash::point::{Point, Trigger};

/// A database that outlives its workers.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    /// This file.
    Sqlite(PathBuf),
    /// The database of this URL.
    #[cfg(feature = "postgres")]
    Postgres(String),
}

impl Database {
    /// As a worker is told of it.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Sqlite(file) => file.to_str().unwrap().to_owned(),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => url.clone(),
        }
    }

    pub(crate) fn of_text(text: &str) -> Self {
        match text {
            #[cfg(feature = "postgres")]
            url if url.starts_with("postgres:") => Self::Postgres(url.to_owned()),
            file => Self::Sqlite(file.into()),
        }
    }

    /// Opens the store, with something that is told of each change before it is committed. The clock
    /// is that of a store without one of its own.
    pub(crate) async fn open(&self, clock: Arc<dyn Clock>, trigger: Arc<Trigger>) -> Opened {
        match self {
            Self::Sqlite(file) => {
                let store = SqliteStore::open(file).await.unwrap();
                let store = store.with_clock(clock).with_hook(Arc::new(Watch(trigger)));
                store.migrate().await.unwrap();
                Opened { store: Arc::new(store.clone()), handle: Handle::Sqlite(store) }
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => {
                use healthgate::store::postgres::{PgStore, pool_options, session_options};
                let options = session_options(url.parse().unwrap());
                let pool = pool_options(4).connect_with(options).await.unwrap();
                let store = PgStore::new(pool.clone()).with_hook(Arc::new(Watch(trigger)));
                store.migrate().await.unwrap();
                Opened { store: Arc::new(store), handle: Handle::Postgres(pool) }
            }
        }
    }

    /// Whether the database is sound in itself.
    pub(crate) async fn is_sound(&self) -> Result<(), String> {
        match self {
            Self::Sqlite(file) => {
                let options = SqliteConnectOptions::new().filename(file);
                let mut file = SqliteConnection::connect_with(&options).await.unwrap();
                let sound: String = sqlx::query_scalar("pragma integrity_check")
                    .fetch_one(&mut file)
                    .await
                    .unwrap();
                let orphans =
                    sqlx::query("pragma foreign_key_check").fetch_all(&mut file).await.unwrap();
                let (counted, results): (i64, i64) = sqlx::query_as(
                    "select (select coalesce(sum(results), 0) from health_result_hours), \
                     (select count(*) from host_health_check_results)",
                )
                .fetch_one(&mut file)
                .await
                .unwrap();
                if (sound.as_str(), orphans.len(), counted) == ("ok", 0, results) {
                    return Ok(());
                }
                let orphans = orphans.len();
                Err(format!("{sound}, {orphans} orphans, {results} results of {counted} counted"))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Lets leases expire and hosts become due, where the database's clock cannot be shifted; and
    /// waits until the server has noticed that the worker is gone.
    pub(crate) async fn let_time_pass(&self) {
        match self {
            Self::Sqlite(_) => {}
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => {
                let mut server = sqlx::PgConnection::connect(url).await.unwrap();
                let others = "select count(*) from pg_stat_activity \
                              where datname = current_database() and pid <> pg_backend_pid()";
                while sqlx::query_scalar::<_, i64>(others).fetch_one(&mut server).await.unwrap() > 0
                {
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                }
                let past = "update health_schedule set lease_until = lease_until - interval '1 day', \
                            next_due = next_due - interval '1 day'; \
                            update health_gate_leases set lease_until = lease_until - interval '1 day';";
                sqlx::raw_sql(past).execute(&mut server).await.unwrap();
            }
        }
    }
}

/// An open store.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    handle: Handle,
}

enum Handle {
    Sqlite(SqliteStore),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
}

impl Opened {
    pub(crate) async fn close(self) {
        match self.handle {
            Handle::Sqlite(store) => store.close().await,
            #[cfg(feature = "postgres")]
            Handle::Postgres(pool) => pool.close().await,
        }
    }
}

#[derive(Debug)]
struct Watch(Arc<Trigger>);

#[async_trait]
impl SqliteTxHook for Watch {
    async fn before_commit(
        &self,
        _: &mut SqliteConnection,
        change: &Change<'_>,
    ) -> Result<(), Refusal> {
        self.0.happens(Point::of_change(change));
        Ok(())
    }
}

#[cfg(feature = "postgres")]
#[async_trait]
impl healthgate::store::postgres::PgTxHook for Watch {
    async fn before_commit(
        &self,
        _: &mut sqlx::PgConnection,
        change: &Change<'_>,
    ) -> Result<(), Refusal> {
        self.0.happens(Point::of_change(change));
        Ok(())
    }
}
