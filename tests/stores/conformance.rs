//! The conformance suite on each store.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::Utc;
use healthgate::{
    clock::ManualClock,
    store::{Change, MemoryHook, MemoryStore, Refusal, Store, conformance::Fixture},
};

#[derive(Debug, Default)]
struct AuditSwitch(AtomicBool);

impl MemoryHook for AuditSwitch {
    fn before_commit(&self, change: &Change<'_>) -> Result<(), Refusal> {
        match change {
            Change::Audited(_) if self.0.load(Ordering::Relaxed) => {
                Err(Refusal::Failed("told to fail".into()))
            }
            _ => Ok(()),
        }
    }
}

struct Memory {
    clock: ManualClock,
    store: Arc<MemoryStore>,
    switch: Arc<AuditSwitch>,
}

impl Memory {
    fn fresh() -> Self {
        let (clock, switch) = (ManualClock::new(Utc::now()), Arc::new(AuditSwitch::default()));
        let store = MemoryStore::new(Arc::new(clock.clone())).with_hook(switch.clone());
        Self { clock, store: Arc::new(store), switch }
    }
}

#[async_trait]
impl Fixture for Memory {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    async fn elapse(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    async fn leap(&self, by: Duration) -> bool {
        self.clock.step_wall(chrono::TimeDelta::from_std(by).expect("short"));
        true
    }

    fn fail_audit(&self, failing: bool) {
        self.switch.0.store(failing, Ordering::Relaxed);
    }
}

mod memory {
    use super::Memory;

    healthgate::conformance_tests!(Memory::fresh());
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };
    use std::time::Duration;

    use async_trait::async_trait;
    use chrono::Utc;
    use healthgate::{
        clock::ManualClock,
        store::{
            Change, Refusal, Store,
            conformance::Fixture,
            sqlite::{SqliteStore, SqliteTxHook},
        },
    };
    use sqlx::SqliteConnection;
    use tempfile::TempDir;

    #[derive(Debug, Default)]
    struct AuditSwitch(AtomicBool);

    #[async_trait]
    impl SqliteTxHook for AuditSwitch {
        async fn before_commit(
            &self,
            _: &mut SqliteConnection,
            change: &Change<'_>,
        ) -> Result<(), Refusal> {
            match change {
                Change::Audited(_) if self.0.load(Ordering::Relaxed) => {
                    Err(Refusal::Failed("told to fail".into()))
                }
                _ => Ok(()),
            }
        }
    }

    /// A real file, in a folder of its own that goes with the fixture.
    struct File {
        clock: ManualClock,
        store: Arc<SqliteStore>,
        switch: Arc<AuditSwitch>,
        _folder: TempDir,
    }

    impl File {
        async fn fresh() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let (clock, switch) = (ManualClock::new(Utc::now()), Arc::new(AuditSwitch::default()));
            let store = SqliteStore::open(folder.path().join("health.db"))
                .await
                .expect("opened")
                .with_clock(Arc::new(clock.clone()))
                .with_hook(switch.clone());
            store.migrate().await.expect("migrated");
            Self { clock, store: Arc::new(store), switch, _folder: folder }
        }
    }

    #[async_trait]
    impl Fixture for File {
        fn store(&self) -> Arc<dyn Store> {
            self.store.clone()
        }

        async fn elapse(&self, duration: Duration) {
            self.clock.advance(duration);
        }

        async fn leap(&self, by: Duration) -> bool {
            self.clock.step_wall(chrono::TimeDelta::from_std(by).expect("short"));
            true
        }

        fn fail_audit(&self, failing: bool) {
            self.switch.0.store(failing, Ordering::Relaxed);
        }

        async fn clean_up(&self) {
            self.store.close().await;
        }
    }

    healthgate::conformance_tests!(File::fresh().await);
}

/// On a real server that the tests start themselves; each case in a schema of its own.
#[cfg(all(feature = "postgres", unix))]
mod postgres {
    use std::{
        sync::{
            Arc, OnceLock,
            atomic::{AtomicBool, AtomicU32, Ordering},
        },
        time::Duration,
    };

    use async_trait::async_trait;
    use healthgate::store::{
        Change, Refusal, Store,
        conformance::Fixture,
        postgres::{PgStore, PgTxHook},
    };
    use sqlx::{AssertSqlSafe, PgConnection, postgres::PgPoolOptions};

    #[derive(Debug, Default)]
    struct AuditSwitch(AtomicBool);

    #[async_trait]
    impl PgTxHook for AuditSwitch {
        async fn before_commit(
            &self,
            _connection: &mut PgConnection,
            change: &Change<'_>,
        ) -> Result<(), Refusal> {
            match change {
                Change::Audited(_) if self.0.load(Ordering::Relaxed) => {
                    Err(Refusal::Failed("told to fail".into()))
                }
                _ => Ok(()),
            }
        }
    }

    struct Postgres {
        store: PgStore,
        schema: String,
        switch: Arc<AuditSwitch>,
    }

    impl Postgres {
        async fn fresh() -> Self {
            static DATABASE: OnceLock<String> = OnceLock::new();
            static CASES: AtomicU32 = AtomicU32::new(0);
            let server = healthgate_testkit::Postgres::shared();
            let database = DATABASE.get_or_init(|| server.create_database().expect("made"));
            let schema = format!("case_{}", CASES.fetch_add(1, Ordering::Relaxed));
            let options = PgPoolOptions::new().max_connections(10);
            let pool = options.connect(&server.url(database)).await.expect("connected");
            let switch = Arc::new(AuditSwitch::default());
            let store = PgStore::new(pool)
                .with_schema(schema.parse().expect("a name"))
                .with_hook(switch.clone());
            store.migrate().await.expect("migrated");
            Self { store, schema, switch }
        }
    }

    #[async_trait]
    impl Fixture for Postgres {
        fn store(&self) -> Arc<dyn Store> {
            Arc::new(self.store.clone())
        }

        async fn elapse(&self, duration: Duration) {
            tokio::time::sleep(duration).await;
        }

        fn fail_audit(&self, failing: bool) {
            self.switch.0.store(failing, Ordering::Relaxed);
        }

        async fn clean_up(&self) {
            let drop = AssertSqlSafe(format!("drop schema {} cascade", self.schema));
            sqlx::raw_sql(drop).execute(self.store.pool()).await.expect("dropped");
        }
    }

    healthgate::conformance_tests!(Postgres::fresh().await);
}
