//! The state of the routes.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    authorize::{Authorizer, JobDirectory},
    events::EventHub,
    preview::UpcomingWindows,
    refusals::Refusals,
};
use crate::{
    checks::{CheckManager, RunBudget},
    clock::Clock,
    directory::HostDirectory,
    gate::Gate,
    model::AuditEntry,
    store::Store,
};

/// The API's state. A clone is another handle to the same state.
#[derive(Clone, Debug)]
pub struct Api(pub(super) Arc<Parts>);

#[derive(Debug)]
pub(super) struct Parts {
    pub(super) store: Arc<dyn Store>,
    pub(super) checks: CheckManager,
    pub(super) directory: Arc<dyn HostDirectory>,
    pub(super) authorizer: Arc<dyn Authorizer>,
    pub(super) jobs: Option<Arc<dyn JobDirectory>>,
    pub(super) gate: Gate,
    pub(super) windows: Option<Arc<dyn UpcomingWindows>>,
    pub(super) stale_after: Duration,
    pub(super) budget: RunBudget,
    pub(super) refusals: Refusals,
    pub(super) events: EventHub,
}

impl Api {
    /// Creates a builder over these parts, with defaults for the rest. [`ApiBuilder::build`] completes it.
    #[must_use]
    pub fn builder(
        store: Arc<dyn Store>,
        checks: CheckManager,
        gate: Gate,
        directory: Arc<dyn HostDirectory>,
        authorizer: Arc<dyn Authorizer>,
        clock: Arc<dyn Clock>,
    ) -> ApiBuilder {
        ApiBuilder {
            store,
            checks,
            gate,
            directory,
            authorizer,
            clock,
            jobs: None,
            windows: None,
            stale_after: Duration::from_secs(600),
            tests_per_minute: (60, 60),
            streams: EventHub::DEFAULT_STREAMS,
        }
    }

    /// Feeds the event streams and records refusals until `shutdown` is cancelled. Run one such future per
    /// process; without it there are no events. It spawns nothing: dropping it stops it.
    pub async fn run(&self, shutdown: CancellationToken) {
        let events = self.0.events.run(shutdown.clone());
        tokio::join!(events, self.0.refusals.run(shutdown));
    }

    /// Notes that the application refused an operation for a missing right, like the library's own routes
    /// do. Equal refusals of a user within a minute become one record with a count, and the number of
    /// records per user is bounded. The outcome of `entry` is ignored.
    pub fn note_refusal(&self, entry: AuditEntry) {
        self.0.refusals.note(entry);
    }

    /// Returns the budget of all immediate runs against targets. An application uses it for its own runs,
    /// such as dry runs ([`RunBudget::start_runs`]).
    #[must_use]
    pub fn run_budget(&self) -> &RunBudget {
        &self.0.budget
    }

    /// Returns the source of the event streams, for an application with its own streams.
    #[must_use]
    pub fn events(&self) -> &EventHub {
        &self.0.events
    }
}

/// Builds an [`Api`].
#[derive(Clone, Debug)]
pub struct ApiBuilder {
    store: Arc<dyn Store>,
    checks: CheckManager,
    gate: Gate,
    directory: Arc<dyn HostDirectory>,
    authorizer: Arc<dyn Authorizer>,
    clock: Arc<dyn Clock>,
    jobs: Option<Arc<dyn JobDirectory>>,
    windows: Option<Arc<dyn UpcomingWindows>>,
    stale_after: Duration,
    tests_per_minute: (u32, u32),
    streams: usize,
}

impl ApiBuilder {
    /// Adds a directory of jobs, for jobs that have no gate yet.
    #[must_use]
    pub fn with_jobs(self, jobs: Arc<dyn JobDirectory>) -> Self {
        Self { jobs: Some(jobs), ..self }
    }

    /// Adds the windows of hosts, for previews that name none.
    #[must_use]
    pub fn with_windows(self, windows: Arc<dyn UpcomingWindows>) -> Self {
        Self { windows: Some(windows), ..self }
    }

    /// Sets the age after which a result no longer counts, 10 minutes by default. Use two poll intervals.
    #[must_use]
    pub fn with_stale_after(self, stale_after: Duration) -> Self {
        Self { stale_after, ..self }
    }

    /// Sets the [`RunBudget`]: the number of manual tests, dry runs and first runs of changed checks per
    /// minute, for each user and for each host, 60 each by default. 0 means no limit.
    #[must_use]
    pub fn with_tests_per_minute(self, per_user: u32, per_host: u32) -> Self {
        Self { tests_per_minute: (per_user, per_host), ..self }
    }

    /// Sets the maximum number of concurrently open event streams, [`EventHub::DEFAULT_STREAMS`] by
    /// default.
    #[must_use]
    pub fn with_event_streams(self, streams: usize) -> Self {
        Self { streams, ..self }
    }

    /// Builds the API.
    #[must_use]
    pub fn build(self) -> Api {
        let (per_user, per_host) = self.tests_per_minute;
        let clock = self.clock;
        let budget = RunBudget::per_minute(clock.clone(), per_user, per_host)
            .with_longest_wait(self.stale_after / 2);
        Api(Arc::new(Parts {
            checks: self.checks.with_run_budget(budget.clone()),
            budget,
            refusals: Refusals::new(self.store.clone(), clock.clone()),
            events: EventHub::new(self.store.clone(), clock, self.streams),
            store: self.store,
            gate: self.gate,
            directory: self.directory,
            authorizer: self.authorizer,
            jobs: self.jobs,
            windows: self.windows,
            stale_after: self.stale_after,
        }))
    }
}
