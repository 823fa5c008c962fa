//! What a recorder of metrics sees of a poller and of gates at work.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use healthgate::{
    checks::PollerConfig,
    clock::Clock,
    model::ReasonCode,
    observe::{METRICS, MetricKind},
    testing::Fault,
};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, Script, World};

/// Everything that was measured, by name and labels.
#[derive(Debug, Default)]
struct SentMetrics {
    cells: Mutex<BTreeMap<String, (MetricKind, Arc<Cell>)>>,
    described: Mutex<BTreeMap<String, Option<Unit>>>,
}

/// One series: its sum or level, and how many measurements it is made of.
#[derive(Debug, Default)]
struct Cell(Mutex<(f64, usize)>);

impl Cell {
    fn change(&self, change: impl FnOnce(f64) -> f64) {
        let mut cell = self.0.lock().unwrap();
        *cell = (change(cell.0), cell.1 + 1);
    }
}

impl CounterFn for Cell {
    fn increment(&self, value: u64) {
        self.change(|sum| sum + value as f64);
    }

    fn absolute(&self, value: u64) {
        self.change(|_| value as f64);
    }
}

impl GaugeFn for Cell {
    fn increment(&self, value: f64) {
        self.change(|level| level + value);
    }

    fn decrement(&self, value: f64) {
        self.change(|level| level - value);
    }

    fn set(&self, value: f64) {
        self.change(|_| value);
    }
}

impl HistogramFn for Cell {
    fn record(&self, value: f64) {
        self.change(|sum| sum + value);
    }
}

impl SentMetrics {
    fn cell(&self, key: &Key, kind: MetricKind) -> Arc<Cell> {
        let labels = key.labels().map(|label| format!("{}={}", label.key(), label.value()));
        let name =
            std::iter::once(key.name().to_owned()).chain(labels).collect::<Vec<_>>().join(" ");
        let mut cells = self.cells.lock().unwrap();
        let (before, cell) = cells.entry(name).or_insert((kind, Arc::default()));
        assert_eq!(*before, kind);
        Arc::clone(cell)
    }

    fn describe(&self, key: &KeyName, unit: Option<Unit>) {
        self.described.lock().unwrap().insert(key.as_str().to_owned(), unit);
    }

    /// The value of one series and how many measurements it is made of.
    fn value(&self, series: &str) -> (f64, usize) {
        let cells = self.cells.lock().unwrap();
        let (_, cell) = cells.get(series).unwrap_or_else(|| panic!("no {series} in {cells:?}"));
        *cell.0.lock().unwrap()
    }
}

impl Recorder for SentMetrics {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&key, unit);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&key, unit);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&key, unit);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key, MetricKind::Counter))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key, MetricKind::Gauge))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key, MetricKind::Histogram))
    }
}

/// A day in short: runs, an outage, a fault of the network, a quarantine, gates that pass and fail.
fn story(world: &World, seen: &SentMetrics) {
    let poller = world.poller(PollerConfig {
        retention: MINUTE * 5,
        prune_every: Duration::from_secs(10),
        ..PollerConfig::default()
    });
    let gates = world.gates();
    let stop = CancellationToken::new();
    let both = async {
        tokio::join!(poller.run(stop.clone()), gates.run(stop.clone()));
    };
    world.play(both, async {
        let bad = world.check(world.host(1), "bad").await;
        world.script(&bad, ReasonCode::ServiceUnhealthy);
        let good = world.check(world.host(2), "good").await;
        world.script_as(&good, Script::Answer(ReasonCode::Ok, Duration::from_secs(2)));
        world.clock.sleep(Duration::from_secs(1)).await;
        assert_eq!(seen.value("healthgate_poll_checks_in_flight").0, 1.0);
        world.edit(&good, json!({"name": "better"})).await;
        world.clock.sleep(MINUTE).await;
        assert_eq!(seen.value("healthgate_poll_checks_in_flight").0, 0.0);
        assert_eq!(seen.value("healthgate_poll_results_dropped_total cause=changed").0, 1.0);
        let runs = |reason: &str, source: &str| {
            let labels = format!(" type=service reason={reason} source={source}");
            seen.value(&format!("healthgate_check_runs_total{labels}")).0
        };
        assert_eq!((runs("ok", "poll"), runs("service_unhealthy", "poll")), (2.0, 1.0));
        let took = seen.value("healthgate_check_duration_seconds type=service source=poll");
        assert_eq!((took.0, took.1), (4.01, 3));

        let (passes, fails) = (world.request(world.host(2), MINUTE * 10), bad.host_id);
        let fails = world.request(fails, MINUTE * 10);
        world.gate().open(passes.clone()).await.unwrap();
        world.gate().open(fails).await.unwrap();
        world.clock.sleep(Duration::from_secs(30)).await;
        let pass = world.record(&passes).await.pass.unwrap();
        world.gate().spend(&pass).await.unwrap();
        world.clock.sleep(MINUTE * 5 - Duration::from_secs(30)).await;
        assert_eq!(seen.value("healthgate_gates_waiting").0, 1.0);
        let oldest = seen.value("healthgate_gate_oldest_wait_seconds").0;
        assert!((295.0..=300.0).contains(&oldest), "{oldest}");
        world.clock.sleep(MINUTE * 6).await;
        let outcome = |labels| seen.value(&format!("healthgate_gate_outcomes_total {labels}")).0;
        assert_eq!(outcome("state=passed why=healthy"), 1.0);
        assert_eq!(outcome("state=failed why=window_closed"), 1.0);
        assert!(seen.value("healthgate_gate_attempts_total outcome=finished").0 >= 2.0);
        assert!(runs("service_unhealthy", "gate") >= 2.0);
        assert_eq!(seen.value("healthgate_gate_checks_in_flight").0, 0.0);
        assert!(seen.value("healthgate_results_pruned_total").0 > 0.0);
        assert_eq!(seen.value("healthgate_prune_paused").0, 0.0);

        world.store.fail(Fault::Before);
        world.clock.sleep(MINUTE * 8).await;
        assert!(seen.value("healthgate_store_errors_total part=poll").0 > 5.0);
        assert!(seen.value("healthgate_store_errors_total part=gate").0 > 5.0);
        world.store.heal();
        world.clock.sleep(MINUTE).await;
        assert_eq!(seen.value("healthgate_poll_backlog_hosts").0, 0.0);
        stop.cancel();
        world.clock.sleep(MINUTE).await;
    });
}

#[test]
fn a_recorder_sees_what_the_table_promises_and_nothing_else() {
    let seen = SentMetrics::default();
    let world = World::new();
    metrics::with_local_recorder(&seen, || story(&world, &seen));
    let cells = seen.cells.lock().unwrap();
    for (series, (kind, _)) in cells.iter() {
        let mut parts = series.split(' ');
        let name = parts.next().unwrap();
        let metric = METRICS.iter().find(|metric| metric.name == name);
        let metric = metric.unwrap_or_else(|| panic!("{name} is in no table"));
        let labels: Vec<&str> = parts.map(|label| label.split('=').next().unwrap()).collect();
        assert_eq!((metric.kind, metric.labels), (*kind, &labels[..]), "{series}");
    }
}

/// F46, F68, F04: what people are alarmed by.
#[test]
fn alarms_are_told_as_metrics_and_taken_back() {
    let seen = SentMetrics::default();
    metrics::with_local_recorder(&seen, || {
        let world = World::new();
        let poisoned = world.host(1);
        world.clock.drive(async { world.check(poisoned, "a").await });
        assert_eq!(crate::poller_guards::workers_lost_to(&world, poisoned), 3);
        let poller = world.poller(PollerConfig::default());
        world.play(poller.run(CancellationToken::new()), async {
            // The worker that put it there is gone, and took its figure with it.
            assert_eq!(seen.value("healthgate_quarantined_hosts").0, 0.0);
            assert_eq!(seen.value("healthgate_quarantines_total").0, 1.0);
            let mut checks = Vec::new();
            for number in 2..=200 {
                checks.push(world.check(world.host(number), "a").await);
            }
            world.clock.sleep(MINUTE * 10).await;
            checks.iter().for_each(|check| world.script(check, ReasonCode::Connect));
            world.clock.sleep(MINUTE).await;
            assert_eq!(seen.value("healthgate_observer_fault").0, 1.0);
            checks.iter().for_each(|check| world.script(check, ReasonCode::Ok));
            world.clock.sleep(MINUTE).await;
            assert_eq!(seen.value("healthgate_observer_fault").0, 0.0);
            assert_eq!(seen.value("healthgate_clock_offset_seconds part=poll").0, 0.0);
        });
    });
}

#[test]
fn every_metric_is_described_with_its_unit() {
    let seen = SentMetrics::default();
    metrics::with_local_recorder(&seen, healthgate::observe::describe);
    let described = seen.described.lock().unwrap();
    assert_eq!(described.len(), METRICS.len());
    for metric in METRICS {
        let unit = described[metric.name].unwrap();
        assert_eq!(unit.as_str(), metric.unit.as_str(), "{}", metric.name);
    }
}
