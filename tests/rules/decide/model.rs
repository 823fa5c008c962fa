//! The whole decision, said once more as a list of rules, and held against the real one over wide scenes.

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    checks::schedule::phase,
    gate::{
        NoChecks,
        decide::{Action, Condition, Decision, Streak, Verdict, WaitReason, WindowAnswer},
    },
    model::{
        CheckResult, EndReason, GateId, GateState, Hold, HoldCause, HostId, PassKind, ReasonCode,
        StoreTime,
    },
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::decide::{
    config,
    properties::given,
    scene::{SECOND, Scene, requirement, result, scene},
};

/// From, until (as seconds after now), whether it is met, and whether it spares exempt jobs.
type Spell = (Option<i64>, Option<i64>, bool, bool);

fn spell() -> impl Strategy<Value = Spell> {
    let bound = || proptest::option::of(prop_oneof![2 => -1_i64..=1, 1 => -50_i64..400]);
    (bound(), bound(), proptest::bool::weighted(0.6), any::<bool>())
}

prop_compose! {
    /// A scene with everything that a decision depends on.
    fn wide()(
        scene in scene(),
        spells in proptest::collection::vec(spell(), 0..3),
        streaks in proptest::collection::vec(
            (0_u8..8, any::<prop::sample::Index>(), 1_u32..5, proptest::bool::weighted(0.2)), 0..6),
        (healthy_after, live_only) in (1_u32..4, proptest::bool::weighted(0.2)),
        (unknown, unchecked, block) in (
            proptest::bool::weighted(0.05), proptest::bool::weighted(0.1), any::<bool>()),
        pass in proptest::option::weighted(0.2, (-2_i64..=2, 0_u8..4)),
        lead in prop_oneof![4 => Just(0_i64), 1 => Just(-5), 1 => Just(2_000_000)],
        hold in proptest::option::weighted(0.2, proptest::option::of(-1_i64..400)),
        (no_room, id, state) in (any::<bool>(), any::<u128>(), 0_u8..40),
        // The gate's own time, a little ahead of the clock.
        ahead in proptest::option::weighted(0.3, 1..60 * SECOND),
        void_at_attempt in proptest::bool::weighted(0.2),
        // Long ago, on the present reading of the clock or next to it, or ahead of it.
        opened in prop_oneof![2 => Just(None), 2 => (-1_i64..=1).prop_map(Some), 1 => (0..100 * SECOND).prop_map(Some)],
    ) -> Scene {
        let mut scene = scene;
        if let Some(micros) = ahead {
            scene.gate_time = scene.now + TimeDelta::microseconds(micros);
            scene.gate.high_water = scene.gate.high_water.min(scene.now);
        }
        let (now, effective) = (scene.now, scene.effective());
        let instant = |seconds: i64| now + TimeDelta::seconds(seconds);
        let condition = |(number, (from, until, met, spares_exempt)): (usize, &Spell)| {
            let name = format!("condition {number}");
            let mut one =
                if *met { Condition::met(name) } else { Condition::unmet(name, "unmet", "") };
            if let Some(seconds) = from {
                one = one.with_from(effective + TimeDelta::seconds(*seconds));
            }
            if let Some(seconds) = until {
                one = one.with_until(instant(*seconds));
            }
            assert_eq!(one.from.is_some(), from.is_some());
            assert_eq!(one.until, until.map(instant));
            if *spares_exempt { one.with_exemption() } else { one }
        };
        scene.conditions = spells.iter().enumerate().map(condition).collect();
        scene.streaks = streaks.into_iter().filter_map(|(off, pick, runs, disturbed)| {
            let count = scene.observations.len();
            let run = scene.observations.get((count > 0).then(|| pick.index(count))?)?;
            let mut newest = run.started();
            newest.at += TimeDelta::microseconds(i64::from(off == 0));
            Some(Streak { check_id: run.check_id, newest, runs, disturbed })
        }).collect();
        (scene.policy.healthy_after, scene.policy.live_only) = (healthy_after, live_only);
        (scene.no_room, scene.gate.clock_offset_us) = (no_room, lead);
        scene.gate.id = GateId::from_uuid(Uuid::from_u128(id));
        // Results are void from the very start of the newest attempt: it counts.
        if void_at_attempt && let Some(last) = scene.gate.last_attempt_at {
            let started = last - (effective - now);
            scene.gate.void_before = Some(started).filter(|started| *started <= now);
        }
        if let Some(micros) = opened {
            scene.gate.opened_at = now + TimeDelta::microseconds(micros);
        }
        if unknown {
            scene.answer = WindowAnswer::Unknown;
        }
        if unchecked {
            scene.requirements.clear();
        }
        if block {
            scene.policy.no_checks = NoChecks::Block;
        }
        scene.hold = hold.map(|until| Hold {
            cause: HoldCause::Slot,
            detail: "held".to_owned(),
            until: until.map(instant),
        });
        if let Some((micros, how)) = pass {
            let valid_until = effective - TimeDelta::microseconds(lead.max(0) + micros);
            scene.gate.pass = Some(given(&scene, valid_until));
            // Some passes are of before, and the gate waits again.
            if how > 0 {
                scene.gate.state = GateState::Passed;
            }
        }
        if state == 0 {
            scene.gate.state = GateState::Failed;
        }
        scene
    }
}

fn std(duration: std::time::Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap()
}

/// The rules of a decision. Instants are the gate's own, and actions name the clock's.
struct Rules<'a> {
    scene: &'a Scene,
    verdicts: &'a [Verdict],
}

impl Rules<'_> {
    fn blocks(&self, one: &Condition) -> bool {
        !(one.met || self.scene.gate.exempt && one.spares_exempt)
    }

    /// The conditions that hold the gate now: they begin by the gate's time and end by the clock (G21, G37).
    fn holding(&self) -> Vec<&Condition> {
        let counts = |one: &&Condition| {
            one.from.is_none_or(|from| self.scene.effective() >= from)
                && one.until.is_none_or(|until| self.scene.now < until)
        };
        self.scene.conditions.iter().filter(counts).filter(|one| self.blocks(one)).collect()
    }

    fn unproven(&self) -> Vec<&Verdict> {
        self.verdicts.iter().filter(|one| !one.met && !one.overridden).collect()
    }

    fn lacks_checks(&self) -> bool {
        self.scene.enabled().is_empty() && self.scene.policy.no_checks == NoChecks::Block
    }

    fn satisfied(&self) -> bool {
        self.holding().is_empty() && self.unproven().is_empty() && !self.lacks_checks()
    }

    fn wait(&self, until: DateTime<Utc>, why: WaitReason) -> Action {
        Action::Wait { next_at: until - self.scene.offset(), why }
    }

    fn pass(&self, kind: PassKind) -> Action {
        let scene = self.scene;
        let mut ends = vec![scene.effective() + std(scene.policy.pass_ttl), scene.end()];
        if kind != PassKind::ReportOnly {
            let coming = scene.conditions.iter().filter(|one| self.blocks(one));
            ends.extend(coming.filter_map(|one| one.from).filter(|at| *at > scene.effective()));
        }
        if kind == PassKind::Overridden {
            ends.push(scene.gate.exception.as_ref().unwrap().expires_at);
        }
        Action::Pass { kind, valid_until: ends.into_iter().min().unwrap() - scene.offset() }
    }

    /// A condition can end before the retry, and then the gate looks again.
    fn wait_for_conditions(&self, end: DateTime<Utc>) -> Action {
        let retry = self.scene.effective() + std(self.scene.policy.retry);
        let holding = self.holding();
        let ends = holding.iter().filter_map(|one| one.until);
        let next = ends.map(|until| until + self.scene.offset()).chain([retry, end]).min();
        self.wait(next.unwrap(), WaitReason::Condition)
    }

    /// Whether the results of the newest attempt are void (G16).
    fn is_void(&self, started: DateTime<Utc>) -> bool {
        let started = started - self.scene.offset();
        self.scene.void_before().is_some_and(|void_before| started < void_before)
    }

    /// When the next attempt is due, if one fits (G12 to G14, F37).
    fn due(&self, end: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (scene, policy) = (self.scene, &self.scene.policy);
        let (gate, opens_at) = (&scene.gate, scene.gate.window.opens_at());
        // The last moment that leaves an attempt its full time.
        let full = end - std(policy.budget());
        let due = match gate.last_attempt_at {
            None => {
                let opened_at = match gate.opened_at > scene.now {
                    true => gate.opened_at - scene.offset(),
                    false => gate.opened_at,
                };
                let first = opened_at.max(opens_at) + scene.offset();
                let is_short = gate.window.length() < TimeDelta::minutes(10);
                let spread = phase(HostId::from_uuid(gate.id.as_uuid()), policy.spread);
                let late = if is_short { first } else { first + std(spread) };
                if late <= full { late } else { first.max(full) }
            }
            Some(last) if scene.dirty || self.is_void(last) => last + std(policy.min_gap()),
            Some(last) if last + std(policy.retry) <= full => last + std(policy.retry),
            // One more, as late as it can be, unless that was the newest.
            Some(last) if last < full => full.max(last + std(policy.min_gap())),
            Some(_) => return None,
        };
        (due.max(scene.effective()) <= end - std(policy.min_useful())).then_some(due)
    }

    fn on_checks(&self, end: DateTime<Utc>) -> Action {
        let (scene, now) = (self.scene, self.scene.effective());
        if self.satisfied() {
            let met = self.verdicts.iter().all(|one| one.met);
            return self.pass(match (self.verdicts.is_empty(), met) {
                (true, _) => PassKind::NoChecks,
                (false, true) => PassKind::Healthy,
                (false, false) => PassKind::Overridden,
            });
        }
        if scene.in_flight {
            let started = scene.gate.last_attempt_at.unwrap_or(now);
            let ends = started + std(scene.policy.budget());
            return self.wait(ends.max(now + TimeDelta::seconds(1)).min(end), WaitReason::InFlight);
        }
        if self.unproven().is_empty() {
            return self.wait_for_conditions(end);
        }
        match self.due(end) {
            None => self.wait(end, WaitReason::End),
            Some(due) if due > now => self.wait(due, WaitReason::NextAttempt),
            Some(_) => Action::Start {
                number: scene.gate.attempts + 1,
                deadline: (now + std(scene.policy.budget())).min(end) - scene.offset(),
                run: self.unproven().iter().map(|one| one.index).collect(),
            },
        }
    }

    fn end_reason(&self) -> EndReason {
        let scene = self.scene;
        if scene.gate.state == GateState::Passed {
            return EndReason::PassNotSpent;
        }
        if scene.hold.is_some() || !self.holding().is_empty() || self.lacks_checks() {
            return EndReason::WindowClosed;
        }
        let reasons: Vec<ReasonCode> = self.unproven().iter().map(|one| one.reason).collect();
        let only = |these: &[ReasonCode]| reasons.iter().all(|reason| these.contains(reason));
        let unseen = [ReasonCode::NoResult, ReasonCode::NotRunCapacity, ReasonCode::Stale];
        if scene.gate.pass.is_some() && only(&unseen) {
            EndReason::PassNotSpent
        } else if scene.no_room && !reasons.is_empty() && only(&[ReasonCode::NotRunCapacity]) {
            EndReason::NotRunCapacity
        } else {
            EndReason::WindowClosed
        }
    }

    fn action(&self) -> Action {
        let (scene, now) = (self.scene, self.scene.effective());
        let (gate, end) = (&scene.gate, scene.end());
        if gate.state.is_terminal() {
            return Action::Ended;
        }
        let abort = |reason| Action::Abort { reason };
        match scene.answer {
            _ if gate.cancel_requested => return abort(EndReason::JobCancelled),
            WindowAnswer::JobCancelled => return abort(EndReason::JobCancelled),
            WindowAnswer::HostGone => return abort(EndReason::HostDeleted),
            WindowAnswer::Withdrawn => return abort(EndReason::WindowWithdrawn),
            WindowAnswer::Open(_) | WindowAnswer::Unknown => {}
        }
        if scene.suspect {
            return Action::Hold { until: scene.now + TimeDelta::seconds(10) };
        }
        if now >= end {
            return Action::Fail { reason: self.end_reason() };
        }
        if gate.state == GateState::Passed {
            let lead = TimeDelta::microseconds(gate.clock_offset_us.max(0));
            let valid_until = gate.pass.as_ref().unwrap().valid_until + lead;
            return match now < valid_until {
                true => self.wait(valid_until.min(end), WaitReason::PassGiven),
                false => Action::Renew,
            };
        }
        if scene.now < gate.window.opens_at() {
            return Action::Wait { next_at: gate.window.opens_at(), why: WaitReason::NotOpen };
        }
        if scene.answer == WindowAnswer::Unknown {
            return self.wait(end, WaitReason::Unknown);
        }
        if let Some(hold) = &scene.hold {
            return self.wait(hold.until.unwrap_or(end).min(end), WaitReason::Held);
        }
        if gate.exempt {
            return match self.holding().is_empty() {
                true => self.pass(PassKind::Exempt),
                false => self.wait_for_conditions(end),
            };
        }
        if gate.report_only {
            // It runs its checks once, while there is time, and then proceeds whatever they say (G34).
            let latest = end - TimeDelta::seconds(10);
            let attempted =
                !scene.in_flight && gate.last_attempt_at.is_some_and(|last| !self.is_void(last));
            let runs = |action: &Action| {
                use WaitReason::{InFlight, NextAttempt};
                matches!(action, Action::Start { .. })
                    || matches!(action, Action::Wait { why: InFlight | NextAttempt, .. })
            };
            let first = self.on_checks(latest);
            let waits = now < latest && !attempted && runs(&first);
            return if waits { first } else { self.pass(PassKind::ReportOnly) };
        }
        self.on_checks(end)
    }
}

/// All runs of the scene as those of one check, most of which count and are healthy. Each bit of the flags has
/// something otherwise.
fn in_rows(mut scene: Scene, flags: u32) -> Scene {
    let flag = |bit: usize| flags >> (bit % 32) & 1 == 1;
    scene.requirements = vec![requirement(0)];
    for (index, run) in scene.observations.iter_mut().enumerate() {
        let sound = result(0, ReasonCode::Ok, run.checked_at);
        if flag(index) || flag(index + 8) {
            *run = sound;
        } else {
            run.check_id = sound.check_id;
        }
    }
    let newest = scene.observations.iter().map(CheckResult::started).max();
    for (index, streak) in scene.streaks.iter_mut().enumerate() {
        streak.check_id = scene.requirements[0].check_id;
        streak.newest = newest.filter(|_| flag(index + 16)).unwrap_or(streak.newest);
    }
    scene.policy.live_only = flag(24) && flag(25);
    if flag(26) || flag(27) {
        scene.gate.void_before = None;
    }
    scene
}

/// Whether a check is freshly healthy, with runs in a row where the policy asks for them (G2 to G9, F39).
fn is_proven(scene: &Scene, number: usize) -> bool {
    let check = &scene.requirements[number];
    let wanted = usize::try_from(scene.policy.healthy_after).unwrap();
    let live = |at: StoreTime, checked_at: DateTime<Utc>| {
        let gate = &scene.gate;
        let opened = StoreTime::new(gate.opened_epoch, gate.opened_at);
        let is_open = matches!(scene.answer, WindowAnswer::Open(_));
        !scene.policy.live_only || is_open && checked_at >= gate.window.opens_at() && at >= opened
    };
    if !scene.may_pass(check) {
        return false;
    }
    let own: Vec<_> =
        scene.observations.iter().filter(|one| one.check_id == check.check_id).collect();
    let newest = own.iter().map(|one| one.started()).max().unwrap();
    if !own.iter().filter(|one| one.started() == newest).all(|one| live(newest, one.checked_at)) {
        return false;
    }
    let streaks: Vec<_> = scene
        .streaks
        .iter()
        .filter(|one| one.check_id == check.check_id && one.newest == newest)
        .collect();
    if streaks.iter().any(|one| usize::try_from(one.runs).unwrap() < wanted) {
        return false;
    }
    if wanted == 1 {
        return true;
    }
    // The newest runs at hand: of one start, the worse result counts.
    let mut starts: Vec<StoreTime> = own.iter().map(|one| one.started()).collect();
    starts.sort();
    starts.dedup();
    let void = scene.gate.void_before.map(|at| StoreTime::new(scene.gate.void_epoch, at));
    let healthy = |start: &&StoreTime| {
        own.iter().filter(|one| one.started() == **start).all(|one| {
            one.reason == ReasonCode::Ok
                && one.revision == check.revision
                && one.endpoint == check.endpoint
                && one.epoch == crate::decide::scene::EPOCH
                && **start >= check.changed()
                && void.is_none_or(|void| **start >= void)
                && live(**start, one.checked_at)
        })
    };
    if starts.iter().rev().take_while(healthy).count() >= wanted {
        return true;
    }
    let counts = !scene.policy.live_only && scene.gate.void_before.is_none();
    counts && !streaks.is_empty() && streaks.iter().all(|one| !one.disturbed)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn g02_g10_g12_g21_g34_a_decision_is_what_its_rules_say(scene in wide()) {
        let decision = scene.decide();
        let rules = Rules { scene: &scene, verdicts: &decision.verdicts };
        prop_assert_eq!(&decision.action, &rules.action(), "{:?}", scene);
        prop_assert_eq!(decision.satisfied, rules.satisfied());
        let Decision { gate_time, clock_offset, .. } = decision;
        prop_assert_eq!((gate_time, clock_offset), (scene.effective(), scene.offset()));
        // What a gate that blocks would have done, on the same evidence.
        let reports = matches!(decision.action, Action::Pass { kind: PassKind::ReportOnly, .. });
        let would_have = reports.then(|| rules.on_checks(scene.end()).outlook());
        prop_assert_eq!(decision.would_have, would_have);
    }

    #[test]
    fn g02_f39_a_check_is_met_where_its_runs_prove_it(
        scene in wide(), rows in any::<bool>(), flags in any::<u32>(),
    ) {
        let scene = if rows { in_rows(scene, flags) } else { scene };
        let enabled: Vec<usize> = (0..scene.requirements.len())
            .filter(|number| scene.requirements[*number].enabled).collect();
        let verdicts = scene.decide().verdicts;
        prop_assert_eq!(verdicts.iter().map(|one| one.index).collect::<Vec<_>>(), enabled);
        for one in &verdicts {
            let check = &scene.requirements[one.index];
            prop_assert_eq!(one.met, is_proven(&scene, one.index), "{:?}", one);
            prop_assert_eq!(one.met, one.reason == ReasonCode::Ok);
            // F38: what has not been seen was not run for want of room, if there was none.
            let unseen = matches!(one.reason, ReasonCode::NoResult | ReasonCode::Stale);
            prop_assert!(!(unseen && scene.no_room));
            if one.reason == ReasonCode::NotRunCapacity && !scene.no_room {
                let said = one.observation.map(|index| scene.observations[index].reason);
                prop_assert_eq!(said, Some(one.reason));
            }
            prop_assert_eq!(one.overridden, !one.met && scene.overridden(check));
            // The newest result is named, and of one start an unhealthy one.
            let own = |run: &&CheckResult| run.check_id == check.check_id;
            let newest = scene.observations.iter().filter(own).map(CheckResult::started).max();
            let named = one.observation.map(|index| &scene.observations[index]);
            prop_assert_eq!(named.map(CheckResult::started), newest);
            prop_assert!(named.is_none_or(|run| run.check_id == check.check_id));
        }
    }

    /// G4 to G7, F168: why a result alone does not count, in the order of the rules.
    #[test]
    fn g04_g05_a_result_that_does_not_count_says_why(scene in scene(), no_agent in any::<bool>()) {
        let mut scene = scene;
        scene.requirements.truncate(1);
        if scene.requirements.is_empty() {
            scene.requirements.push(requirement(0));
        }
        scene.requirements[0].enabled = true;
        scene.observations.truncate(1);
        let check = scene.requirements[0].clone();
        for run in &mut scene.observations {
            run.check_id = check.check_id;
            if no_agent {
                run.endpoint = None;
            }
        }
        let verdict = scene.decide().verdicts[0];
        let Some(run) = scene.observations.first() else {
            prop_assert_eq!(verdict.reason, ReasonCode::NoResult);
            return Ok(());
        };
        let future = run.checked_at > scene.now || run.finished_at() > scene.now;
        let expected = if run.epoch != crate::decide::scene::EPOCH {
            ReasonCode::Stale
        } else if future {
            ReasonCode::Clock
        } else if run.reason == ReasonCode::Ok {
            if scene.may_pass(&check) { ReasonCode::Ok } else { ReasonCode::Stale }
        } else {
            let mut healthy = scene.clone();
            let one = &mut healthy.observations[0];
            (one.reason, one.observer_fault) = (ReasonCode::Ok, false);
            // A run that failed before it knew its agent is of the present one (G24).
            one.endpoint = one.endpoint.take().or_else(|| check.endpoint.clone());
            let counts = healthy.may_pass(&check);
            if counts { run.reason } else { ReasonCode::Stale }
        };
        prop_assert_eq!(verdict.reason, expected);
    }
}
