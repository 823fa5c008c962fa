//! Checks liveness: gates pass and fail in time (G31, G33), and no check is forgotten. Only applies while
//! nothing disturbs the workers.

use std::time::Duration;

use chrono::{DateTime, Utc};
use healthgate::{
    checks::run_bound,
    gate::{NoChecks, decide::WindowAnswer},
    model::{GateRecord, GateState, HostId},
    store::GateStep,
};

use super::{
    Check, Checker,
    gates::GateAccount,
    runs::{CheckAccount, Enabled},
};

/// After a disturbance, leases expire (60 s), distrust of clocks ends (30 s), and back-offs end (30 s).
const SETTLING: Duration = Duration::from_secs(130);

/// How long a host is not run after several workers have died with it.
const QUARANTINE: Duration = crate::actors::worker::QUARANTINE;

/// A stopped worker ends after its grace period (12 s) and its last writes and releases.
const STOPPING: Duration = Duration::from_secs(120);

/// How often a gate reads its window before the opening.
const UNOPENED: Duration = Duration::from_secs(60);

/// The time for a few looks and calls.
const SLACK: Duration = Duration::from_secs(5);

impl Checker {
    /// Returns for how long everything has been settled, or `None` while there is a disturbance.
    fn settled_for(&self) -> Option<Duration> {
        self.at().checked_sub(self.calm_since? + SETTLING)
    }

    /// Returns since when a gate has its current window.
    fn window_since(&self, record: &GateRecord) -> Duration {
        self.windows.get(&(record.job_id, record.host_id)).map_or(Duration::ZERO, |it| it.since)
    }

    /// Checks that a gate failed at the end of its window: not too late (G33), and not although it could
    /// have passed (G31).
    pub(super) fn end_was_due(&mut self, step: &GateStep) {
        let (at, now) = (self.at(), self.now());
        let Some(settled) = self.settled_for() else { return };
        let gate = &self.gates[&step.gate_id];
        let name = gate.named();
        let end = self.settings.policy.end_of(step.window, gate.record.window_kind);
        let since_end = (now - end).to_std().unwrap_or_default();
        let changed = at.saturating_sub(self.window_since(&gate.record).max(gate.opened));
        let late = since_end.min(changed).min(self.pass_over_for(gate, now));
        // A pass that was taken back held the gate until then.
        let late = late.min(at.saturating_sub(gate.unsettled));
        if late < settled && late > Duration::from_secs(5) + self.settings.gate_tick {
            self.broken("G33: a gate fails within 5 s of its end", format!("{name}: {late:?}"));
            return;
        }
        // Rollouts and groups may hold back hosts that nothing else blocks.
        let host = gate.record.host_id;
        if self.rollouts.contains_key(&gate.record.job_id) || !self.groups_with(host).is_empty() {
            return;
        }
        let open = (end - step.window.opens_at().max(gate.record.opened_at)).to_std();
        let needed = self.time_to_pass();
        let quiet = settled
            .min(changed)
            .min(at.saturating_sub(gate.unsettled))
            .min(open.unwrap_or_default())
            .min(self.good_for(gate.record.host_id));
        let recent = quiet + since_end + SLACK;
        let passed = gate.passed_at.is_some_and(|passed| at.saturating_sub(passed) <= recent);
        if quiet > needed + since_end && !passed {
            let what = format!("{name}: nothing was in its way for {quiet:?}");
            self.broken("G31: a healthy host passes", what);
        }
    }

    /// Returns the maximum time to pass once every check is healthy.
    fn time_to_pass(&self) -> Duration {
        let policy = &self.settings.policy;
        let round = policy.retry + run_bound(policy.timeout) + self.settings.gate_tick * 2;
        round * policy.healthy_after
            + policy.spread
            + policy.min_gap()
            + self.others_turns()
            + SLACK
    }

    /// Returns how long the runs of other hosts may come first, if capacity is scarce or many checks ask
    /// one agent.
    fn others_turns(&self) -> Duration {
        let settings = &self.settings;
        let hosts = u32::try_from(settings.hosts).unwrap_or(u32::MAX);
        let turn = run_bound(settings.policy.timeout) + settings.gate_tick;
        if settings.crowded { turn * hosts } else { Duration::ZERO }
    }

    /// Returns for how long all checks of a host have been healthy, reachable and unchanged.
    fn good_for(&self, host: HostId) -> Duration {
        let at = self.at();
        let moved = self.hosts.values().map(|host| host.since).max().unwrap_or_default();
        let (mut enabled, mut since) = (0, moved.max(self.undisturbed_since(host)));
        if let Some(pause) = self.pauses.get(&host) {
            if pause.is {
                return Duration::ZERO;
            }
            since = since.max(pause.since);
        }
        for account in self.checks.values().filter(|account| account.check.host_id == host) {
            since = since.max(account.changed);
            since = since.max(self.undisturbed_since(account.check.asked_host()));
            if account.deleted || !account.check.enabled() {
                continue;
            }
            enabled += 1;
            let Some(well) = self.well_since(account) else { return Duration::ZERO };
            since = since.max(well);
        }
        if enabled == 0 && self.settings.policy.no_checks == NoChecks::Block {
            return Duration::ZERO;
        }
        at.saturating_sub(since)
    }

    /// Returns since when nothing of its own delays a check: it is healthy, and its agent exists and
    /// answers quickly. Returns `None` while something does.
    fn well_since(&self, account: &CheckAccount) -> Option<Duration> {
        let asked = account.check.asked_host();
        let host = self.hosts.get(&asked).filter(|host| host.is.is_some())?;
        let agent = self.agents.get(&asked);
        if !account.good.is || agent.is_some_and(|agent| !agent.is) {
            return None;
        }
        let agent = agent.map_or(Duration::ZERO, |agent| agent.since);
        Some(account.changed.max(account.good.since).max(host.since).max(agent))
    }

    /// Checks all liveness rules once.
    pub(crate) fn audit(&mut self) {
        let Some(settled) = self.settled_for() else { return };
        self.nobody_waits_for_another(settled);
        self.every_worker_stops(settled);
        self.no_check_is_lost(settled);
        self.no_gate_is_lost(settled);
    }

    fn no_check_is_lost(&mut self, settled: Duration) {
        let at = self.at();
        let pause = self.settings.poll_tick
            + run_bound(self.settings.policy.timeout) * 2
            + self.others_turns()
            + SLACK;
        let longest = self.settings.interval + pause + QUARANTINE;
        let lost = self.checks.values().find_map(|account| {
            let check = &account.check;
            if account.deleted || !check.enabled() {
                return None;
            }
            let last = self.queue.get(&check.host_id).and_then(|host| host.last_run);
            let idle = at.saturating_sub(last.unwrap_or_default()).min(settled);
            let changed = at.saturating_sub(account.changed);
            if changed > longest && idle > longest {
                return Some(format!("{} was not run for {idle:?}", Check(check.id)));
            }
            let seen = account.asked == Some(check.revision);
            let unseen = changed > pause && changed < settled && !seen;
            unseen.then(|| {
                format!("{} was not run since its change, {changed:?} ago", Check(check.id))
            })
        });
        if let Some(what) = lost {
            self.broken("3.4, 3.6: no check is lost", what);
        }
    }

    /// Checks 3.3: a check that nothing of its own delays is recorded in time, whatever happens to other
    /// hosts, other agents, and other checks of its host.
    fn nobody_waits_for_another(&mut self, settled: Duration) {
        let at = self.at();
        // A host that workers died with may be skipped until its quarantine ends.
        let Some(settled) = settled.checked_sub(QUARANTINE) else { return };
        let run = self.settings.poll_tick + run_bound(self.settings.policy.timeout) * 2 + SLACK;
        let longest = self.settings.interval * 2 + run + self.others_turns();
        let late = self.checks.values().find_map(|account| {
            let well = self.well_since(account)?;
            if account.deleted || !account.check.enabled() {
                return None;
            }
            let idle = at.saturating_sub(account.recorded_at.max(well)).min(settled);
            (idle > longest)
                .then(|| format!("{} was not recorded for {idle:?}", Check(account.check.id)))
        });
        if let Some(what) = late {
            self.broken("3.3: no host waits for another's fault", what);
        }
    }

    /// Checks 3.7: a stopped worker ends, however long a source hangs.
    fn every_worker_stops(&mut self, settled: Duration) {
        let at = self.at();
        let longest = self.stopping.values().map(|told| at.saturating_sub(*told)).max();
        if let Some(longest) = longest.filter(|longest| longest.min(&settled) > &STOPPING) {
            self.broken("3.7: a worker stops when it is told to", format!("{longest:?} ago"));
        }
    }

    fn no_gate_is_lost(&mut self, settled: Duration) {
        let (at, now) = (self.at(), self.now());
        let patience = Duration::from_secs(5) + self.settings.gate_tick * 2 + SLACK;
        let lost =
            self.gates.values().filter(|gate| !gate.record.state.is_terminal()).find(|gate| {
                let changed = at.saturating_sub(self.window_since(&gate.record).max(gate.opened));
                let over = self.over_for(gate, now).min(changed).min(settled);
                let over = over.min(self.pass_over_for(gate, now));
                let over = over.min(at.saturating_sub(gate.unsettled));
                // Before the opening, a gate reads its window once a minute.
                let opened = (now - gate.record.window.opens_at()).to_std().unwrap_or_default();
                over.min(opened.max(over.saturating_sub(UNOPENED))) > patience
            });
        if let Some(gate) = lost {
            let what = format!("{} is still {:?}", gate.named(), gate.record.state);
            self.broken("G33: a gate ends with its window", what);
        }
    }

    /// Returns how long ago a gate's pass expired. Until then the gate is left alone, and the pass cannot
    /// be spent outside the window.
    fn pass_over_for(&self, gate: &GateAccount, now: DateTime<Utc>) -> Duration {
        match &gate.pass {
            Some(pass) if gate.record.state == GateState::Passed => {
                (now - pass.valid_until).to_std().unwrap_or_default()
            }
            _ => Duration::MAX,
        }
    }

    /// Returns for how long a gate's window has been over or replaced.
    fn over_for(&self, gate: &GateAccount, now: DateTime<Utc>) -> Duration {
        let told = self.windows.get(&(gate.record.job_id, gate.record.host_id));
        match told.map(|told| told.is) {
            Some(WindowAnswer::Open(window)) => (now
                - self.settings.policy.end_of(window, gate.record.window_kind))
            .to_std()
            .unwrap_or_default(),
            None => (now
                - self.settings.policy.end_of(gate.record.window, gate.record.window_kind))
            .to_std()
            .unwrap_or_default(),
            Some(_) => Duration::MAX,
        }
    }
}

/// Whether all work is done.
impl Checker {
    /// Returns whether every gate has ended.
    pub(crate) fn all_ended(&self) -> bool {
        self.gates.values().all(|gate| gate.record.state.is_terminal())
    }
}
