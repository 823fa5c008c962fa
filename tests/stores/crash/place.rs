//! Where a worker finds its database, and what it is told.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::PathBuf,
    process::{Command, Output},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use healthgate::clock::{Clock, SystemClock};
use tempfile::TempDir;

use crate::crash::{database::Database, point::Point};

const FOLDER: &str = "HEALTHGATE_CRASH_FOLDER";
const DATABASE: &str = "HEALTHGATE_CRASH_DATABASE";
const POINT: &str = "HEALTHGATE_CRASH_POINT";
const LATER: &str = "HEALTHGATE_CRASH_LATER";

/// A database, and a log of what workers have done for good.
pub(crate) struct Place {
    pub(crate) database: Database,
    folder: PathBuf,
    _own: Option<TempDir>,
}

impl Place {
    /// A database file in a folder of its own.
    pub(crate) fn on_sqlite() -> Self {
        let own = tempfile::tempdir().unwrap();
        let folder = own.path().to_owned();
        Self { database: Database::Sqlite(folder.join("health.db")), folder, _own: Some(own) }
    }

    /// A database of its own on the server that this program's tests share.
    #[cfg(feature = "postgres")]
    pub(crate) fn on_postgres() -> Self {
        let server = healthgate_testkit::Postgres::shared();
        let database = Database::Postgres(server.url(&server.create_database().unwrap()));
        Self { database, ..Self::on_sqlite() }
    }

    /// The place that this process is told to work in; `None` where it is no worker.
    pub(crate) fn of_worker() -> Option<Self> {
        let folder = std::env::var_os(FOLDER)?.into();
        let database = Database::of_text(&std::env::var(DATABASE).unwrap());
        Some(Self { database, folder, _own: None })
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

    /// Lets more time pass than every lease and pass lasts; answers how far the next worker's clock
    /// is to be ahead for that.
    pub(crate) fn let_two_minutes_pass(&self) -> Duration {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.database.let_time_pass());
        match self.database {
            Database::Sqlite(_) => Duration::from_secs(120),
            #[cfg(feature = "postgres")]
            Database::Postgres(_) => Duration::ZERO,
        }
    }

    /// Runs this program again as a worker of this name, to its end.
    pub(crate) fn run(&self, worker: &str, point: Option<&Point>, later: Duration) -> Output {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", worker, "--ignored", "--nocapture", "--test-threads", "1"]);
        command.env(FOLDER, &self.folder).env(DATABASE, self.database.to_text());
        command.env(LATER, later.as_secs().to_string());
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
