//! Where a worker finds its database, and what it is told.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::PathBuf,
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    clock::{Clock, SystemClock},
    store::{
        Change, Refusal,
        sqlite::{SqliteStore, SqliteTxHook},
    },
};
use sqlx::SqliteConnection;
use tempfile::TempDir;

use crate::point::{Point, Trigger};

const FOLDER: &str = "HEALTHGATE_CRASH_FOLDER";
const POINT: &str = "HEALTHGATE_CRASH_POINT";
const LATER: &str = "HEALTHGATE_CRASH_LATER";

/// A folder with a database file, and a log of what workers have done for good.
pub(crate) struct Place {
    folder: PathBuf,
    _own: Option<TempDir>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder: folder.path().to_owned(), _own: Some(folder) }
    }

    /// The place that this process is told to work in; `None` where it is no worker.
    pub(crate) fn of_worker() -> Option<Self> {
        std::env::var_os(FOLDER).map(|folder| Self { folder: folder.into(), _own: None })
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("health.db")
    }

    /// Opens the store by a clock, with something that is told of each change before it is committed.
    pub(crate) async fn open(&self, clock: Arc<dyn Clock>, trigger: Arc<Trigger>) -> SqliteStore {
        let store = SqliteStore::open(self.file()).await.unwrap();
        let store = store.with_clock(clock).with_hook(Arc::new(Watch(trigger)));
        store.migrate().await.unwrap();
        store
    }

    /// Writes down what has happened for good.
    pub(crate) fn log(&self, line: &str) {
        let log = OpenOptions::new().create(true).append(true).open(self.folder.join("log"));
        log.unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// What has happened for good.
    pub(crate) fn logged(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// Runs this program again as a worker of this name, to its end.
    pub(crate) fn run(&self, worker: &str, point: Option<&Point>, later: Duration) -> Output {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", worker, "--ignored", "--nocapture", "--test-threads", "1"]);
        command.env(FOLDER, &self.folder).env(LATER, later.as_secs().to_string());
        if let Some(point) = point {
            command.env(POINT, point.to_string());
        }
        command.output().unwrap()
    }
}

/// The point at which this worker dies.
pub(crate) fn point_of_worker() -> Option<Point> {
    std::env::var(POINT).ok().map(|point| point.parse().unwrap())
}

/// The clock of this worker.
pub(crate) fn clock_of_worker() -> ShiftedClock {
    let later = std::env::var(LATER).unwrap().parse().unwrap();
    ShiftedClock(Duration::from_secs(later))
}

/// The system's clock, so much ahead: what would take minutes need not be waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShiftedClock(pub(crate) Duration);

#[async_trait]
impl Clock for ShiftedClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::from_std(self.0).unwrap()
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
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
