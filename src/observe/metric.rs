//! Every metric, in one table.

/// What a metric is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// The distribution of many measurements.
    Histogram,
}

impl MetricKind {
    /// The kind as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// The unit of a metric: always a base unit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Unit {
    /// Seconds, with fractions.
    Seconds,
    /// A number of things.
    Count,
}

impl Unit {
    /// The unit as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Count => "count",
        }
    }
}

/// One metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// Its unit.
    pub unit: Unit,
    /// Its labels; the values of each are a closed set.
    pub labels: &'static [&'static str],
    /// What it means, in a sentence for people.
    pub meaning: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $kind:ident $unit:ident $name:literal [$($label:literal),*] $meaning:literal;)*) => {
        $(pub(crate) const $constant: &Metric = &Metric {
            name: $name,
            kind: MetricKind::$kind,
            unit: Unit::$unit,
            labels: &[$($label),*],
            meaning: $meaning,
        };)*

        /// Every metric of the library, in the order of `docs/operations.md`.
        pub const METRICS: &[&Metric] = &[$($constant,)*];
    };
}

metrics! {
    CHECK_RUNS = Counter Count "healthgate_check_runs_total" ["type", "reason", "source"]
        "Runs of checks, by the type of the check, how it came out, and who ran it";
    CHECK_DURATION = Histogram Seconds "healthgate_check_duration_seconds" ["type", "source"]
        "How long a run of a check took";
    POLL_LAG = Histogram Seconds "healthgate_poll_lag_seconds" []
        "How long after it was due a host's run began";
    POLL_CHECKS_IN_FLIGHT = Gauge Count "healthgate_poll_checks_in_flight" []
        "Checks that run for the poller now";
    POLL_HOSTS_CLAIMED = Counter Count "healthgate_poll_hosts_claimed_total" []
        "Hosts taken from the queue";
    POLL_BACKLOG = Gauge Count "healthgate_poll_backlog_hosts" []
        "Hosts that are due and that nobody has taken, in the whole store";
    POLL_BACKLOG_AGE = Gauge Seconds "healthgate_poll_backlog_age_seconds" []
        "How long the one that waits longest has been due";
    POLL_BUFFERED = Gauge Count "healthgate_poll_buffered_results" []
        "Results that wait to be written";
    POLL_WAITING = Gauge Count "healthgate_poll_waiting_hosts" []
        "Hosts of which some checks wait for their turn at an agent that is busy";
    POLL_RESULTS_DROPPED = Counter Count "healthgate_poll_results_dropped_total" ["cause"]
        "Results that were not recorded";
    RESULTS_PRUNED = Counter Count "healthgate_results_pruned_total" []
        "Results deleted for their age";
    PRUNE_PAUSED = Gauge Count "healthgate_prune_paused" []
        "1 while pruning is paused, since the store's clock has leapt ahead";
    LEASES_LOST = Counter Count "healthgate_leases_lost_total" ["part", "cause"]
        "Leases of hosts and gates that this process lost";
    STORE_ERRORS = Counter Count "healthgate_store_errors_total" ["part"]
        "Calls of the store, of the directory or of a gate's sources that failed";
    OBSERVER_FAULT = Gauge Count "healthgate_observer_fault" []
        "Above 0 while most hosts are unreachable by what is probably this machine's own fault";
    QUARANTINED_HOSTS = Gauge Count "healthgate_quarantined_hosts" []
        "Hosts that are not run now, since worker after worker was lost to them";
    QUARANTINES = Counter Count "healthgate_quarantines_total" []
        "Hosts put into quarantine, each time anew";
    CLOCK_OFFSET = Gauge Seconds "healthgate_clock_offset_seconds" ["part"]
        "How far this machine's clock is ahead of the store's";
    GATES_WAITING = Gauge Count "healthgate_gates_waiting" []
        "Gates that wait in this process";
    GATE_OLDEST_WAIT = Gauge Seconds "healthgate_gate_oldest_wait_seconds" []
        "How long the gate that waits longest in this process has been waiting";
    GATE_ATTEMPTS = Counter Count "healthgate_gate_attempts_total" ["outcome"]
        "Attempts of gates that are over";
    GATE_CHECKS_IN_FLIGHT = Gauge Count "healthgate_gate_checks_in_flight" []
        "Checks that run for attempts of gates now";
    GATE_OUT_OF_ROOM = Counter Count "healthgate_gate_out_of_room_total" []
        "Times that an attempt was due and found no room";
    OVERRIDES_REFUSED = Counter Count "healthgate_gate_overrides_refused_total" []
        "Overrides that did not count, since their giver had lost the right";
    VERIFICATIONS = Counter Count "healthgate_verifications_total" ["state"]
        "Verifications of changed hosts that ended, and how";
    TIME_ZONE_DATA = Gauge Count "healthgate_time_zone_data" ["version"]
        "1, with the version of the time-zone data that windows are judged by";
    GATE_OUTCOMES = Counter Count "healthgate_gate_outcomes_total" ["state", "why"]
        "Gates that passed, failed or were cancelled, and the kind of the pass or the reason of the end";
}
