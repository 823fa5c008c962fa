//! An account of what happened, kept beside the library, and the rules that it is held against.
//!
//! It learns what people did, what the targets answered and which calls of the store took effect. It
//! uses none of the library's decisions.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{gate::GatePolicy, model::*, store::*};

use crate::turns::TaskId;

/// The account.
#[derive(Debug)]
pub(crate) struct Ledger {
    policy: GatePolicy,
    /// The store's clock.
    pub(crate) now: DateTime<Utc>,
    pub(crate) checks: BTreeMap<CheckId, KnownCheck>,
    /// `None` where the window is withdrawn.
    pub(crate) windows: BTreeMap<JobId, Option<Window>>,
    /// When a window was moved last: no gate can have ended by it before.
    pub(crate) moved: BTreeMap<JobId, DateTime<Utc>>,
    pub(crate) cancelled: Vec<JobId>,
    /// The author of overrides still has the right to give them.
    pub(crate) right: bool,
    pub(crate) overrides: BTreeMap<HostId, GateOverride>,
    /// Runs of checks that were healthy.
    healthy_runs: Vec<HealthyRun>,
    newest_runs: BTreeMap<CheckId, NewestRun>,
    /// What each task has read last of what it decides by.
    views: BTreeMap<TaskId, View>,
    gates: BTreeMap<GateId, KnownGate>,
    gate_leases: BTreeMap<WorkerId, DateTime<Utc>>,
    host_leases: BTreeMap<HostId, HostLease>,
    pub(crate) changes: Vec<KnownChange>,
    pub(crate) rollout: Option<KnownRollout>,
    pub(crate) group: Option<AvailabilityGroup>,
    /// Whether a step was ever fenced.
    pub(crate) fenced: bool,
    pub(crate) violation: Option<String>,
}

/// A check as its operator knows it.
#[derive(Clone, Debug)]
pub(crate) struct KnownCheck {
    pub(crate) host: HostId,
    pub(crate) revision: i64,
    pub(crate) enabled: bool,
    pub(crate) changed_at: DateTime<Utc>,
}

#[derive(Debug)]
struct HealthyRun {
    check: CheckId,
    revision: i64,
    started_at: DateTime<Utc>,
}

/// The newest run of a check, and since when its runs come out the same.
#[derive(Debug)]
struct NewestRun {
    started_at: DateTime<Utc>,
    reason: ReasonCode,
    since: DateTime<Utc>,
}

/// The newest stored result of each check: its revision, its start, and whether it is healthy.
pub(crate) type StoredResults = BTreeMap<CheckId, (i64, DateTime<Utc>, bool)>;

/// What a task has read of the world before a decision.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    checks: BTreeMap<CheckId, KnownCheck>,
    windows: BTreeMap<JobId, Option<Window>>,
    right: bool,
    overrides: BTreeMap<HostId, GateOverride>,
    stored: StoredResults,
    /// When the last change of each host ended.
    ends: BTreeMap<HostId, DateTime<Utc>>,
}

#[derive(Debug, Default)]
struct KnownGate {
    owner: Option<(WorkerId, i64)>,
    newest_token: i64,
    last_start: Option<DateTime<Utc>>,
    void_before: Option<DateTime<Utc>>,
    spent: bool,
}

#[derive(Debug)]
struct HostLease {
    worker: WorkerId,
    token: i64,
    /// `None` once it is given back.
    until: Option<DateTime<Utc>>,
    /// Whether a check of the host has changed since the claim.
    changed: bool,
}

/// A change of a host, from the spending of its pass.
#[derive(Debug)]
pub(crate) struct KnownChange {
    pub(crate) job: JobId,
    pub(crate) host: HostId,
    pub(crate) pass: GatePass,
    end: Option<(DateTime<Utc>, ChangeEnd)>,
    verdict: Option<(VerificationState, DateTime<Utc>)>,
}

impl KnownChange {
    /// How it came out, where that is known, and when.
    fn outcome(&self) -> Option<(bool, DateTime<Utc>)> {
        match (&self.end, &self.verdict) {
            (_, Some((state, at))) => {
                let failed = [VerificationState::Regressed, VerificationState::Unverified];
                Some((!failed.contains(state), *at))
            }
            (Some((at, ChangeEnd::Failed)), None) => Some((false, *at)),
            (Some((at, ChangeEnd::Done)), None) => Some((true, *at)),
            (Some((_, ChangeEnd::Verify(_))) | None, None) => None,
        }
    }

    pub(crate) const fn is_running(&self) -> bool {
        self.end.is_none()
    }
}

/// The rollout of the job.
#[derive(Debug)]
pub(crate) struct KnownRollout {
    pub(crate) job: JobId,
    pub(crate) hosts: u32,
    pub(crate) policy: RolloutPolicy,
    pub(crate) stage: u32,
    pub(crate) forgiven: usize,
}

impl Ledger {
    pub(crate) fn new(policy: GatePolicy, now: DateTime<Utc>) -> Self {
        Self {
            policy,
            now,
            checks: BTreeMap::new(),
            windows: BTreeMap::new(),
            moved: BTreeMap::new(),
            cancelled: Vec::new(),
            right: true,
            overrides: BTreeMap::new(),
            healthy_runs: Vec::new(),
            newest_runs: BTreeMap::new(),
            views: BTreeMap::new(),
            gates: BTreeMap::new(),
            gate_leases: BTreeMap::new(),
            host_leases: BTreeMap::new(),
            changes: Vec::new(),
            rollout: None,
            group: None,
            fenced: false,
            violation: None,
        }
    }

    /// Notes that a rule is broken. The first one is kept.
    pub(crate) fn broken(&mut self, rule: &str, what: impl AsRef<str>) {
        self.violation.get_or_insert_with(|| format!("{rule}: {}", what.as_ref()));
    }

    fn hold(&mut self, holds: bool, rule: &str, what: &str) {
        if !holds {
            self.broken(rule, what);
        }
    }

    /// Forgets what a task that is gone has read.
    pub(crate) fn task_ended(&mut self, task: TaskId) {
        self.views.remove(&task);
    }

    // What people and targets do.

    pub(crate) fn check_written(&mut self, check: &HealthCheck) {
        let known = KnownCheck {
            host: check.host_id,
            revision: check.revision,
            enabled: check.definition.enabled,
            changed_at: check.updated_at,
        };
        self.check_known(check.id, known);
    }

    pub(crate) fn check_known(&mut self, id: CheckId, known: KnownCheck) {
        let host = known.host;
        self.checks.insert(id, known);
        self.host_changed(host);
    }

    pub(crate) fn check_deleted(&mut self, id: CheckId) {
        if let Some(known) = self.checks.remove(&id) {
            self.host_changed(known.host);
        }
    }

    fn host_changed(&mut self, host: HostId) {
        let mut own = self.checks.values().filter(|check| check.host == host);
        let runs = own.any(|check| check.enabled);
        if let Some(lease) = self.host_leases.get_mut(&host) {
            lease.changed = true;
            // A host without an enabled check has no row in the queue, and no lease.
            lease.until = lease.until.filter(|_| runs);
        }
    }

    /// Notes what a run of a check has come to.
    pub(crate) fn ran(
        &mut self,
        check: CheckId,
        revision: i64,
        started_at: DateTime<Utc>,
        reason: ReasonCode,
    ) {
        if reason == ReasonCode::Ok {
            self.healthy_runs.push(HealthyRun { check, revision, started_at });
        }
        let since = match self.newest_runs.get(&check) {
            Some(before) if before.reason == reason => before.since,
            _ => started_at,
        };
        self.newest_runs.insert(check, NewestRun { started_at, reason, since });
    }

    /// Notes that the checks of a host are about to run for a worker.
    pub(crate) fn run_starts(&mut self, host: HostId, started_at: DateTime<Utc>) {
        let newest = self.changes.iter().rev().find(|change| change.host == host);
        let settled = newest.and_then(|change| match change.end {
            Some((end, ChangeEnd::Verify(policy))) if change.verdict.is_none() => {
                Some(end + delta(policy.settle))
            }
            _ => None,
        });
        let early = settled.is_some_and(|settled| started_at < settled);
        self.hold(!early, "V1", "a run started while its host settles");
    }

    // What tasks read.

    /// Notes what a task has read of the checks and windows.
    pub(crate) fn viewed(&mut self, task: TaskId, stored: &[CheckState]) {
        let stored = stored.iter().map(|state| {
            let latest = &state.latest;
            (latest.check_id, (latest.revision, latest.checked_at, latest.healthy()))
        });
        let view = self.view(stored.collect());
        self.views.insert(task, view);
    }

    /// What can be read of the world now, with these stored results.
    pub(crate) fn view(&self, stored: StoredResults) -> View {
        View {
            checks: self.checks.clone(),
            windows: self.windows.clone(),
            right: self.right,
            overrides: self.overrides.clone(),
            stored,
            ends: self.ends(),
        }
    }

    /// Notes the windows that a task has read.
    pub(crate) fn viewed_windows(&mut self, task: TaskId) {
        let windows = self.windows.clone();
        self.views.entry(task).or_default().windows = windows;
    }

    // Leases (L1 to L10, G29).

    pub(crate) fn claimed(&mut self, worker: WorkerId, lease: Duration, claims: &GateClaims) {
        let now = self.now;
        let valid = |until: &DateTime<Utc>| now < *until;
        if !self.gate_leases.get(&worker).is_some_and(valid) {
            self.free_gates_of(worker, &[]);
        }
        for claim in &claims.gates {
            let leases = &self.gate_leases;
            let gate = self.gates.entry(claim.record.id).or_default();
            let held = gate.owner.is_some_and(|(owner, _)| leases.get(&owner).is_some_and(valid));
            let again = claim.token <= gate.newest_token;
            gate.owner = Some((worker, claim.token));
            gate.newest_token = gate.newest_token.max(claim.token);
            self.hold(!held, "L10", "a claim took a gate that another worker holds");
            self.hold(!again, "L1", "a token of a gate was given twice");
        }
        self.gate_leases.insert(worker, now + delta(lease));
    }

    pub(crate) fn watched(
        &mut self,
        task: TaskId,
        worker: WorkerId,
        extend: Option<GateExtension<'_>>,
        watch: &GateWatch,
    ) {
        let valid = self.gate_leases.get(&worker).is_some_and(|until| self.now < *until);
        self.hold(valid || !watch.leased, "L10", "a lease that had ended was called valid");
        // It answers with the overrides as they are now.
        let overrides = self.overrides.clone();
        self.views.entry(task).or_default().overrides = overrides;
        if let Some(GateExtension { gates, lease }) = extend.filter(|_| watch.leased) {
            self.gate_leases.insert(worker, self.now + delta(lease));
            self.free_gates_of(worker, gates);
        }
    }

    fn free_gates_of(&mut self, worker: WorkerId, except: &[GateId]) {
        for (id, gate) in &mut self.gates {
            if gate.owner.is_some_and(|(owner, _)| owner == worker) && !except.contains(id) {
                gate.owner = None;
            }
        }
    }

    fn holds_gate(&self, worker: WorkerId, gate: GateId, token: i64) -> bool {
        let leased = self.gate_leases.get(&worker).is_some_and(|until| self.now < *until);
        leased && self.gates.get(&gate).is_some_and(|known| known.owner == Some((worker, token)))
    }

    pub(crate) fn released(&mut self, worker: WorkerId, gates: &[(GateId, i64)]) {
        for (id, token) in gates {
            if self.holds_gate(worker, *id, *token)
                && let Some(gate) = self.gates.get_mut(id)
            {
                gate.owner = None;
            }
        }
    }

    pub(crate) fn claimed_hosts(&mut self, worker: WorkerId, lease: Duration, claims: &Claims) {
        for claim in &claims.hosts {
            let before = self.host_leases.get(&claim.host_id);
            let now = self.now;
            let held = before.is_some_and(|before| before.until.is_some_and(|until| now < until));
            let again = before.is_some_and(|before| claim.token <= before.token);
            self.hold(!held, "L5", "a claim took a host that another worker holds");
            self.hold(!again, "L1", "a token of a host was given twice");
            let until = Some(now + delta(lease));
            let lease = HostLease { worker, token: claim.token, until, changed: false };
            self.host_leases.insert(claim.host_id, lease);
        }
    }

    /// Notes that a completion took effect; `due_at` is when the host is due since.
    pub(crate) fn completed_host(
        &mut self,
        worker: WorkerId,
        done: &HostCompletion,
        due_at: Option<DateTime<Utc>>,
    ) {
        let now = self.now;
        let Some(lease) = self.host_leases.get_mut(&done.host_id) else { return };
        let held = (lease.worker, lease.token) == (worker, done.token)
            && lease.until.is_some_and(|until| now < until);
        let changed = lease.changed;
        lease.until = None;
        self.hold(held, "L5", "a completion counted without the lease");
        if let Some(due_at) = due_at {
            let as_planned = due_at == done.next_due_at;
            self.hold(changed || as_planned, "L7", "a host that was run is not due as planned");
            self.hold(!changed || due_at <= now, "L5", "a changed host is not due at once");
        }
    }

    // Steps of gates (G10, G14, G16, G29).

    pub(crate) fn gate_settled(&mut self, task: TaskId, worker: WorkerId, step: &GateStep) {
        let held = self.holds_gate(worker, step.gate_id, step.token);
        self.hold(held, "G29", "a step was written by a worker that does not hold the gate");
        if let Some(AttemptWrite::Start { started_at, .. }) = step.attempt {
            self.attempt_started(step.gate_id, started_at, step.window);
        }
        match &step.transition {
            Some(GateTransition::Pass(pass)) => {
                self.passed(task, pass);
                self.freed(step.gate_id);
            }
            Some(GateTransition::End(_)) => self.freed(step.gate_id),
            Some(GateTransition::Renew) | None => {}
        }
    }

    pub(crate) fn attempt_started(
        &mut self,
        gate: GateId,
        started_at: DateTime<Utc>,
        window: Window,
    ) {
        let gap = delta(self.policy.min_gap());
        let gate = self.gates.entry(gate).or_default();
        let crowds = gate.last_start.is_some_and(|last| started_at - last < gap);
        gate.last_start = Some(started_at);
        self.hold(!crowds, "G14", "two attempts follow each other too closely");
        let inside = window.contains(started_at);
        self.hold(inside, "G10", "an attempt started outside the window");
    }

    fn freed(&mut self, gate: GateId) {
        if let Some(known) = self.gates.get_mut(&gate) {
            known.owner = None;
        }
    }

    /// Notes that a pass was taken back or has run out: what was seen until then does not count.
    pub(crate) fn pass_voided(&mut self, gate: GateId) {
        let now = self.now;
        self.gates.entry(gate).or_default().void_before = Some(now);
    }

    fn passed(&mut self, task: TaskId, pass: &GatePass) {
        let view = self.views.get(&task).cloned();
        self.passed_on(view.as_slice(), pass);
    }

    /// Holds a pass against what its giver has read, which is one of these.
    pub(crate) fn passed_on(&mut self, views: &[View], pass: &GatePass) {
        let longest = pass.granted_at + delta(self.policy.pass_ttl);
        self.hold(pass.valid_until <= longest, "G16", "a pass is valid for too long");
        self.holds_on_one(views, |ledger, view| {
            let Some(window) = view.windows.get(&pass.job_id).copied().flatten() else {
                return Some("G10: a pass was given without a window".to_owned());
            };
            if !window.contains(pass.granted_at) {
                return Some("G10: a pass was given outside the window".to_owned());
            }
            if pass.valid_until > window.closes_at() {
                return Some("G16: a pass is valid beyond the close".to_owned());
            }
            let given = view.overrides.get(&pass.host_id);
            let given = given.filter(|_| pass.kind == PassKind::Overridden);
            if given.is_some_and(|given| pass.valid_until > given.expires_at) {
                return Some("G26: a pass outlives the override that it needs".to_owned());
            }
            ledger.lack_of_evidence(view, pass)
        });
    }

    /// Notes what is wrong, unless nothing is on one of the views.
    fn holds_on_one(&mut self, views: &[View], fault: impl Fn(&Self, &View) -> Option<String>) {
        let faults: Option<Vec<String>> = views.iter().map(|view| fault(self, view)).collect();
        match faults.as_deref() {
            None => {}
            Some([]) => self.broken("G2", "a pass was given or spent by one that read nothing"),
            Some([.., newest]) => self.broken("a pass is not good", newest),
        }
    }

    /// What a pass lacks by what its giver, or its spender, has read (G2, G5, G9, G16, G26, G35).
    fn lack_of_evidence(&self, view: &View, pass: &GatePass) -> Option<String> {
        let required = || {
            let of_host = |(_, check): &(&CheckId, &KnownCheck)| check.host == pass.host_id;
            view.checks.iter().filter(of_host).filter(|(_, check)| check.enabled)
        };
        let overridden = |id: CheckId, check: &KnownCheck| {
            let given = view.overrides.get(&pass.host_id);
            view.right
                && given.is_some_and(|given| {
                    let named = OverriddenCheck { check_id: id, revision: check.revision };
                    pass.granted_at < given.expires_at && given.checks.contains(&named)
                })
        };
        match pass.kind {
            PassKind::Exempt | PassKind::ReportOnly => None,
            PassKind::NoChecks => {
                required().next().map(|_| "G9: it passed without checks, and has one".to_owned())
            }
            PassKind::Healthy => {
                required().find_map(|(id, check)| self.unproven(view, pass, *id, check))
            }
            PassKind::Overridden => required()
                .filter(|(id, check)| !overridden(**id, check))
                .find_map(|(id, check)| self.unproven(view, pass, *id, check)),
        }
    }

    /// Why a check is not proven to be healthy by the evidence of a pass.
    fn unproven(
        &self,
        view: &View,
        pass: &GatePass,
        id: CheckId,
        check: &KnownCheck,
    ) -> Option<String> {
        let entry = pass.evidence.iter().find(|entry| entry.check_id == Some(id));
        let Some((entry, at)) = entry.and_then(|entry| Some((entry, entry.checked_at?))) else {
            return Some("G2: a check has no result".to_owned());
        };
        if !entry.healthy {
            return Some("G2: a check is not healthy".to_owned());
        }
        let ran = self
            .healthy_runs
            .iter()
            .any(|run| (run.check, run.revision, run.started_at) == (id, check.revision, at));
        if !ran {
            return Some("G2: no run of the present revision was healthy".to_owned());
        }
        if at < check.changed_at {
            return Some("G5: the run started before the check was changed".to_owned());
        }
        if pass.granted_at - at > delta(self.policy.max_age) {
            return Some("G5: the result is too old".to_owned());
        }
        let void = self.gates.get(&pass.gate_id).and_then(|gate| gate.void_before);
        if void.is_some_and(|void| at < void) {
            return Some("G16: the run started before an earlier pass ran out".to_owned());
        }
        if view.ends.get(&pass.host_id).is_some_and(|end| at < *end) {
            return Some("G35: the run started before a change of the host ended".to_owned());
        }
        let newer = view.stored.get(&id).filter(|(revision, started_at, healthy)| {
            *revision == check.revision && *started_at > at && !healthy
        });
        newer.map(|_| "G2: a newer result is not healthy".to_owned())
    }

    // Spending (G10, G16, G17, G25 to G27, R1, R2, R7).

    pub(crate) fn spent(&mut self, task: TaskId, record: &GateRecord, stored: &[CheckState]) {
        let view = self.views.get(&task).cloned();
        self.spent_on(view.as_slice(), record);
        self.had_a_place_in_groups(record.host_id, stored);
    }

    /// Holds a spending against what the spender has read, which is one of these.
    pub(crate) fn spent_on(&mut self, views: &[View], record: &GateRecord) {
        let now = self.now;
        let Some(pass) = record.pass.clone() else {
            return self.broken("G17", "a gate was spent without a pass");
        };
        let gate = self.gates.entry(record.id).or_default();
        let again = std::mem::replace(&mut gate.spent, true);
        gate.owner = None;
        self.hold(!again, "G17", "a pass was spent twice");
        self.hold(!self.cancelled.contains(&record.job_id), "G25", "a cancelled job went ahead");
        self.hold(now < pass.valid_until, "G16", "a pass was spent that had run out");
        // A change of the host that ended since the spender has looked counts too.
        let ends = self.ends();
        self.holds_on_one(views, |ledger, view| {
            match view.windows.get(&record.job_id).copied().flatten() {
                None => return Some("G10: a pass was spent without a window".to_owned()),
                Some(window) if now < window.opens_at() => {
                    return Some("G10: a pass was spent before the opening".to_owned());
                }
                Some(window) if now >= window.closes_at() => {
                    return Some("G10: a pass was spent at the close or after it".to_owned());
                }
                Some(_) => {}
            }
            let view = View { ends: ends.clone(), ..view.clone() };
            ledger.lack_of_evidence(&view, &pass)
        });
        if pass.kind == PassKind::Overridden {
            let given = self.overrides.contains_key(&record.host_id);
            self.hold(given, "G26", "a pass was spent whose override was taken back");
        }
        let mut same_host = self.changes.iter().filter(|change| change.host == record.host_id);
        let busy = same_host.any(KnownChange::is_running);
        self.hold(!busy, "G27", "two jobs change a host at once");
        self.had_a_place(record);
        // The next change of a host ends the verification of the one before (V4).
        for earlier in self.changes.iter_mut().filter(|change| change.host == record.host_id) {
            if matches!(earlier.end, Some((_, ChangeEnd::Verify(_)))) {
                earlier.verdict.get_or_insert((VerificationState::Unverified, now));
            }
        }
        self.changes.push(KnownChange {
            job: record.job_id,
            host: record.host_id,
            pass,
            end: None,
            verdict: None,
        });
    }

    /// When the last change of each host ended.
    fn ends(&self) -> BTreeMap<HostId, DateTime<Utc>> {
        let mut ends = BTreeMap::new();
        for change in &self.changes {
            if let Some((end, _)) = &change.end {
                let last = ends.entry(change.host).or_insert(*end);
                *last = (*last).max(*end);
            }
        }
        ends
    }

    fn failures(&self, job: JobId) -> usize {
        let own = self.changes.iter().filter(|change| change.job == job);
        own.filter(|change| change.outcome().is_some_and(|(good, _)| !good)).count()
    }

    fn had_a_place(&mut self, record: &GateRecord) {
        let Some(rollout) = &self.rollout else { return };
        if rollout.job != record.job_id || record.exempt {
            return;
        }
        let own = || self.changes.iter().filter(|change| change.job == rollout.job);
        let in_flight = own().filter(|change| change.outcome().is_none()).count();
        let free = in_flight < rollout.policy.max_in_flight.of(rollout.hosts) as usize;
        let stage = rollout.policy.admitted(rollout.stage, rollout.hosts) as usize;
        let in_stage = own().count() < stage;
        let failed = self.failures(rollout.job).saturating_sub(rollout.forgiven);
        let within = failed <= rollout.policy.failure_budget.of(rollout.hosts) as usize;
        self.hold(free, "R1", "more changes are in flight than allowed");
        self.hold(in_stage, "R1", "a stage has more hosts than it may have");
        self.hold(within, "R2", "a halted rollout lets a host go");
    }

    fn had_a_place_in_groups(&mut self, host: HostId, stored: &[CheckState]) {
        let Some(group) = self.group.clone().filter(|group| group.members.contains(&host)) else {
            return;
        };
        let is_down = |member: &&HostId| {
            let mut own = self.changes.iter().filter(|change| change.host == **member);
            if own.any(|change| change.outcome().is_none()) {
                return true;
            }
            let own = self.changes.iter().filter(|change| change.host == **member);
            let end = own.filter_map(|change| Some(change.end.as_ref()?.0)).max();
            let mut checks = self.checks.iter();
            checks.any(|(id, check)| {
                let latest = stored.iter().map(|state| &state.latest);
                let up = latest.filter(|result| result.check_id == *id).any(|result| {
                    result.healthy()
                        && result.revision == check.revision
                        && self.now - result.checked_at <= delta(group.stale_after)
                        && end.is_none_or(|end| result.checked_at >= end)
                });
                check.host == **member && check.enabled && !up
            })
        };
        let others = group.members.iter().filter(|member| **member != host);
        let down = others.filter(is_down).count();
        let place = down < group.max_unavailable as usize;
        self.hold(place, "R7", "more members of a group are unavailable than allowed");
    }

    pub(crate) fn rollout_stepped(&mut self, job: JobId, step: &RolloutStep) {
        let RolloutStep::Advance { stage } = step else { return };
        let Some(rollout) = self.rollout.as_mut().filter(|rollout| rollout.job == job) else {
            return;
        };
        let before = std::mem::replace(&mut rollout.stage, *stage);
        let own = || self.changes.iter().filter(|change| change.job == job);
        let outcomes: Option<Vec<_>> = own().map(KnownChange::outcome).collect();
        let admitted = rollout.policy.admitted(before, rollout.hosts) as usize;
        let soak = rollout.policy.stages.get(before as usize).map(|stage| delta(stage.soak));
        let last = outcomes.iter().flatten().map(|(_, at)| *at).max();
        let soaked = last.is_none_or(|last| last + soak.unwrap_or_default() <= self.now);
        let full = own().count() >= admitted;
        let over = outcomes.is_some();
        self.hold(full, "R1", "a stage began before the one before was full");
        self.hold(over, "R1", "a stage began while hosts of the one before are under way");
        self.hold(soaked, "R1", "a stage began before the soak of the one before was over");
    }

    pub(crate) fn rollout_resumed(&mut self) {
        let Some(job) = self.rollout.as_ref().map(|rollout| rollout.job) else { return };
        let failures = self.failures(job);
        if let Some(rollout) = &mut self.rollout {
            rollout.forgiven = failures;
        }
    }

    // Changes and verifications (V1 to V6).

    pub(crate) fn change_ended(&mut self, pass: PassId, end: ChangeEnd) {
        let now = self.now;
        let change = self.changes.iter_mut().find(|change| change.pass.id == pass);
        if let Some(change) = change.filter(|change| change.end.is_none()) {
            change.end = Some((now, end));
        }
    }

    pub(crate) fn verification_settled(&mut self, task: TaskId, step: &VerificationStep) {
        let state = step.verification.state;
        let found = self.changes.iter().position(|change| change.pass.id == step.pass_id);
        let Some(index) = found else {
            return self.broken("V4", "a verification without a change");
        };
        if self.changes[index].verdict.is_some() {
            return self.broken("V4", "a verification that had ended was written");
        }
        if state == VerificationState::Verifying {
            return;
        }
        let change = &self.changes[index];
        let Some((end, ChangeEnd::Verify(policy))) = change.end else {
            return self.broken("V4", "a verification that nobody asked for");
        };
        let checks = self.views.get(&task).map(|view| view.checks.clone()).unwrap_or_default();
        let of_host = |check: &&KnownCheck| check.host == change.host && check.enabled;
        let proven = change.pass.evidence.iter().filter(|entry| entry.healthy);
        let mut counting: Vec<(CheckId, Option<DateTime<Utc>>)> =
            proven.filter_map(|entry| Some((entry.check_id?, entry.checked_at))).collect();
        if counting.is_empty() {
            let enabled = checks.iter().filter(|(_, check)| of_host(check));
            counting = enabled.map(|(id, _)| (*id, None)).collect();
        }
        let newest = |id: &CheckId| self.newest_runs.get(id);
        let soaked = |run: &NewestRun| {
            run.reason == ReasonCode::Ok
                && run.started_at >= end + delta(policy.settle)
                && run.since.max(end + delta(policy.settle)) + delta(policy.soak) <= run.started_at
        };
        let verified = counting.iter().all(|(id, _)| newest(id).is_some_and(soaked));
        let kept = counting.iter().all(|(id, proven)| {
            let check = checks.get(id).filter(of_host);
            check.is_some_and(|check| proven.is_none_or(|proven| check.changed_at <= proven))
        });
        let late = |run: &NewestRun| run.started_at >= end + delta(policy.deadline);
        let waited = counting.iter().any(|(id, _)| newest(id).is_some_and(late))
            || checks.iter().any(|(id, check)| of_host(&check) && newest(id).is_some_and(late))
            // Where no check is left, there is nothing to run.
            || !checks.values().any(|check| of_host(&check)) && self.now >= end + delta(policy.deadline);
        let failing = counting.iter().any(|(id, _)| {
            newest(id).is_some_and(|run| {
                late(run) && run.reason.observed() && run.reason != ReasonCode::Ok
            })
        });
        match state {
            VerificationState::Verified => {
                self.hold(verified, "V2", "a host was verified without healthy runs for the soak");
                self.hold(kept, "V6", "a host was verified by changing a check");
            }
            VerificationState::Regressed => {
                self.hold(waited, "V3", "a host was given up before its deadline");
                self.hold(failing, "V3", "a host regressed whose checks were not seen failing");
            }
            VerificationState::Unverified => {
                self.hold(waited, "V3", "a host was given up before its deadline");
            }
            VerificationState::NoChecks => {
                let any = checks.values().any(|check| of_host(&check));
                self.hold(!any, "V2", "a host with checks was verified without them");
            }
            VerificationState::Verifying => {}
        }
        let now = self.now;
        self.changes[index].verdict = Some((state, now));
    }

    /// Notes a verdict that a trace shows, without what it rests on (V4).
    pub(crate) fn verdict_given(&mut self, pass: PassId, state: VerificationState) {
        let now = self.now;
        let Some(change) = self.changes.iter_mut().find(|change| change.pass.id == pass) else {
            return self.broken("V4", "a verification without a change");
        };
        let asked = matches!(change.end, Some((_, ChangeEnd::Verify(_))));
        let before = change.verdict.get_or_insert((state, now)).0;
        self.hold(asked, "V4", "a verification that nobody asked for");
        self.hold(before == state, "V4", "a verification that had ended was written");
    }

    /// Returns whether a change has the verdict.
    pub(crate) fn has_verdict(&self, wanted: VerificationState) -> bool {
        let verdicts = self.changes.iter().filter_map(|change| change.verdict.as_ref());
        verdicts.into_iter().any(|(state, _)| *state == wanted)
    }

    /// Returns whether a verification goes on.
    pub(crate) fn is_verifying(&self) -> bool {
        self.changes.iter().any(|change| {
            matches!(change.end, Some((_, ChangeEnd::Verify(_)))) && change.verdict.is_none()
        })
    }
}

pub(crate) fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
