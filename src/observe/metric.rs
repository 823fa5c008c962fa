//! The table of all metrics.

/// The type of a metric.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MetricKind {
    /// A value that only grows.
    Counter,
    /// A value that can go up and down.
    Gauge,
    /// The distribution of many measurements.
    Histogram,
}

impl MetricKind {
    /// Returns the kind as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// The unit of a metric, always a base unit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Unit {
    /// Seconds, with fractions.
    Seconds,
    /// A number of items.
    Count,
}

impl Unit {
    /// Returns the unit as a word.
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
    /// The name.
    pub name: &'static str,
    /// The type.
    pub kind: MetricKind,
    /// The unit.
    pub unit: Unit,
    /// The labels. The values of each label form a closed set.
    pub labels: &'static [&'static str],
    /// The meaning, in a phrase for people.
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
        "Runs of checks, by check type, outcome and runner";
    CHECK_DURATION = Histogram Seconds "healthgate_check_duration_seconds" ["type", "source"]
        "The duration of a run of a check";
    POLL_LAG = Histogram Seconds "healthgate_poll_lag_seconds" []
        "The delay of a host's run after its due time";
    POLL_CHECKS_IN_FLIGHT = Gauge Count "healthgate_poll_checks_in_flight" []
        "Checks in flight for the poller";
    POLL_HOSTS_CLAIMED = Counter Count "healthgate_poll_hosts_claimed_total" []
        "Hosts that the poller has claimed";
    POLL_BACKLOG = Gauge Count "healthgate_poll_backlog_hosts" []
        "Due hosts that no worker has claimed, in the whole store";
    POLL_BACKLOG_AGE = Gauge Seconds "healthgate_poll_backlog_age_seconds" []
        "How long the oldest unclaimed host has been due";
    POLL_BUFFERED = Gauge Count "healthgate_poll_buffered_results" []
        "Results that are not written yet";
    POLL_WAITING = Gauge Count "healthgate_poll_waiting_hosts" []
        "Hosts with checks that wait for a busy agent";
    POLL_RESULTS_DROPPED = Counter Count "healthgate_poll_results_dropped_total" ["cause"]
        "Results that were not recorded";
    RESULTS_PRUNED = Counter Count "healthgate_results_pruned_total" []
        "Results deleted because of their age";
    PRUNE_PAUSED = Gauge Count "healthgate_prune_paused" []
        "1 while pruning is paused because the store's clock has leapt ahead";
    LEASES_LOST = Counter Count "healthgate_leases_lost_total" ["part", "cause"]
        "Leases of hosts and gates that this process lost";
    STORE_ERRORS = Counter Count "healthgate_store_errors_total" ["part"]
        "Failed calls of the store, the directory or a gate's sources";
    OBSERVER_FAULT = Gauge Count "healthgate_observer_fault" []
        "Above 0 while most hosts are unreachable, probably because of a fault of this machine";
    QUARANTINED_HOSTS = Gauge Count "healthgate_quarantined_hosts" []
        "Hosts in quarantine, because several workers in a row crashed while running their checks";
    QUARANTINES = Counter Count "healthgate_quarantines_total" []
        "Times that a host was put into quarantine";
    CLOCK_OFFSET = Gauge Seconds "healthgate_clock_offset_seconds" ["part"]
        "The lead of this machine's clock over the store's";
    GATES_WAITING = Gauge Count "healthgate_gates_waiting" []
        "Gates that wait in this process";
    GATE_OLDEST_WAIT = Gauge Seconds "healthgate_gate_oldest_wait_seconds" []
        "How long the oldest waiting gate in this process has been waiting";
    GATE_ATTEMPTS = Counter Count "healthgate_gate_attempts_total" ["outcome"]
        "Attempts of gates that have ended";
    GATE_CHECKS_IN_FLIGHT = Gauge Count "healthgate_gate_checks_in_flight" []
        "Checks in flight for attempts of gates";
    GATE_OUT_OF_ROOM = Counter Count "healthgate_gate_out_of_room_total" []
        "Due attempts that found no capacity";
    OVERRIDES_REFUSED = Counter Count "healthgate_gate_overrides_refused_total" []
        "Overrides that did not count because their author had lost the right to give them";
    VERIFICATIONS = Counter Count "healthgate_verifications_total" ["state"]
        "Ended verifications of changed hosts, by verdict";
    TIME_ZONE_DATA = Gauge Count "healthgate_time_zone_data" ["version"]
        "1, with the version of the time-zone data used for windows";
    GATE_OUTCOMES = Counter Count "healthgate_gate_outcomes_total" ["state", "why"]
        "Gates that passed, failed or were cancelled, with the kind of the pass or the reason of the end";
}
