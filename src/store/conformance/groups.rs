//! Cases of [`GroupStore`](crate::store::GroupStore), and of spendings in groups.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chrono::TimeDelta;
use futures_util::future::join_all;

use super::{Fixture, make};
use crate::{
    model::{
        AvailabilityGroup, ChangeEnd, GatePass, GateRequest, GroupStatus, HealthCheck, HostId,
        ReasonCode, VerificationState, VerifyPolicy, WorkerId, is_unavailable,
    },
    store::{Spend, SpendRefusal, Store, VerificationStep, transition},
};

const VALID: Duration = Duration::from_secs(600);
const STALE_AFTER: Duration = Duration::from_secs(3_600);

fn group(name: &str, max_unavailable: u32, members: &[HostId]) -> AvailabilityGroup {
    AvailabilityGroup {
        name: name.to_owned(),
        max_unavailable,
        stale_after: STALE_AFTER,
        members: members.iter().copied().collect(),
    }
}

fn hosts<const N: usize>() -> [HostId; N] {
    std::array::from_fn(|_| HostId::generate())
}

async fn spend(store: &Arc<dyn Store>, pass: &GatePass) -> Result<(), SpendRefusal> {
    match store.spend_pass(pass.id).await.expect("answered") {
        Spend::Spent(_) => Ok(()),
        Spend::Refused(refusal) => Err(refusal),
    }
}

async fn names(store: &Arc<dyn Store>, hosts: &[HostId]) -> Vec<String> {
    let groups = store.groups_of(hosts).await.expect("read");
    groups.into_iter().map(|group| group.name).collect()
}

/// Replacing the groups removes missing groups and members, and updates the others.
pub async fn groups_are_replaced_as_a_whole(fixture: &dyn Fixture) {
    let (store, [one, two, other]) = (fixture.store(), hosts());
    assert!(names(&store, &[one]).await.is_empty());
    let groups =
        vec![group("web", 1, &[one, two]), group("Zürich", 2, &[one]), group("db", 1, &[])];
    store.put_groups(groups).await.expect("put");
    assert_eq!(names(&store, &[one, other]).await, ["Zürich", "web"]);
    assert_eq!(names(&store, &[two]).await, ["web"]);
    let groups = vec![group("web", 3, &[two, other]), group("db", 1, &[other])];
    store.put_groups(groups).await.expect("put again");
    assert!(names(&store, &[one]).await.is_empty());
    let found = store.groups_of(&[one, two, other]).await.expect("read");
    let web = GroupStatus {
        name: "web".to_owned(),
        max_unavailable: 3,
        members: BTreeSet::from([two, other]),
        unavailable: BTreeSet::new(),
        passed: BTreeSet::new(),
    };
    assert_eq!(found.last(), Some(&web));
    assert_eq!(found.len(), 2);
    store.put_groups(Vec::new()).await.expect("put none");
    assert!(names(&store, &[two, other]).await.is_empty());
}

/// Concurrent spendings of many jobs stay within the limit of each group. The end of a change frees a slot.
pub async fn racing_spendings_keep_the_limits_of_groups(fixture: &dyn Fixture) {
    let (store, hosts) = (fixture.store(), hosts::<12>());
    let (left, right) = (&hosts[..8], &hosts[4..]);
    store.put_groups(vec![group("left", 2, left), group("right", 3, right)]).await.expect("put");
    let mut passes = Vec::new();
    for host in hosts {
        passes.push(make::passed(&store, host, VALID).await);
    }
    let racers = passes.clone().into_iter().map(|pass| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { (pass.host_id, spend(&store, &pass).await) })
    });
    let mut changing = BTreeSet::new();
    for raced in join_all(racers).await {
        match raced.expect("joined") {
            (host, Ok(())) => drop(changing.insert(host)),
            (_, Err(refusal)) => assert_eq!(refusal, SpendRefusal::GroupAtLimit),
        }
    }
    let among = |some: &[HostId]| some.iter().filter(|host| changing.contains(host)).count();
    assert!(among(left) <= 2 && among(right) <= 3, "{changing:?}");
    let full = |some: &[HostId], most| among(some) == most;
    for pass in passes.iter().filter(|pass| !changing.contains(&pass.host_id)) {
        let held = left.contains(&pass.host_id) && full(left, 2)
            || right.contains(&pass.host_id) && full(right, 3);
        assert!(held, "refused although a slot was free: {changing:?}");
    }
    let ended = passes.iter().find(|pass| changing.contains(&pass.host_id)).expect("one went");
    store.end_host_change(ended.id, ChangeEnd::Done).await.expect("ended");
    let mut refused = 0;
    for pass in passes.iter().filter(|pass| !changing.contains(&pass.host_id)) {
        if spend(&store, pass).await.is_ok() {
            let group = if left.contains(&ended.host_id) { left } else { right };
            assert!(group.contains(&pass.host_id));
            return;
        }
        refused += 1;
    }
    // The host whose change ended was in both groups. Each of the others is in a group that is still full.
    assert!(left.contains(&ended.host_id) && right.contains(&ended.host_id), "{refused}");
}

/// A group's limit applies to exempt gates as well.
pub async fn an_exempt_gate_is_held_by_its_group(fixture: &dyn Fixture) {
    let (store, [one, two]) = (fixture.store(), hosts());
    store.put_groups(vec![group("web", 1, &[one, two])]).await.expect("put");
    let first = make::passed(&store, one, VALID).await;
    spend(&store, &first).await.expect("spent");
    let request = GateRequest { exempt: true, ..make::request(&store, two).await };
    store.open_gate(request).await.expect("opened");
    let worker = WorkerId::generate();
    let gates = make::claim_gates(&store, worker, make::LONG_LEASE).await;
    let exempt = gates.iter().find(|gate| gate.record.exempt).expect("claimed");
    let pass = make::pass(&store, worker, exempt, VALID).await;
    assert_eq!(spend(&store, &pass).await, Err(SpendRefusal::GroupAtLimit));
    let status = store.groups_of(&[two]).await.expect("read").remove(0);
    assert_eq!(status.unavailable, BTreeSet::from([one]));
    assert_eq!(status.passed, BTreeSet::from([two]));
    store.end_host_change(first.id, ChangeEnd::Done).await.expect("ended");
    spend(&store, &pass).await.expect("spent");
}

/// A group of hosts with checks, and the model's record of them.
struct Scene {
    store: Arc<dyn Store>,
    hosts: Vec<HostId>,
    checks: Vec<HealthCheck>,
    passes: BTreeMap<HostId, GatePass>,
    changing: Vec<GatePass>,
}

impl Scene {
    /// Returns the unavailable members, by the rules and from the store's data of each member.
    async fn unavailable(&self) -> BTreeSet<HostId> {
        let changes = self.store.host_changes(&self.hosts).await.expect("read");
        let now = self.store.now().await.expect("the time");
        let views = self.store.views(&self.hosts, STALE_AFTER).await.expect("read");
        let is_down = |host: &HostId| {
            let own = views.iter().filter(|view| view.check.host_id == *host);
            is_unavailable(own, changes.iter().find(|change| change.host_id == *host), now)
        };
        self.hosts.iter().copied().filter(is_down).collect()
    }

    /// Records a result of a check, dated now or too old to count.
    async fn result(&self, check: &HealthCheck, reason: ReasonCode, old: bool) {
        let now = self.store.now().await.expect("the time");
        let at = if old { now - TimeDelta::hours(2) } else { now };
        let worker = WorkerId::generate();
        let claim = make::claim_named(&self.store, worker, check.host_id).await;
        let results = vec![make::result(check, reason, at)];
        let completion = make::completion(&claim, now, results);
        let completed = self.store.complete_hosts(worker, vec![completion]).await;
        assert!(completed.expect("completed").fenced.is_empty());
    }

    async fn end_a_verification(&self, state: VerificationState) {
        let claims = self.store.claim_verifications(1, Duration::ZERO).await.expect("claimed");
        for claim in claims.claims {
            let mut verification = claim.change.verification.expect("the change is verified");
            verification.end(state, "judged", self.store.now().await.expect("the time"));
            let (pass_id, token) = (claim.change.pass_id, claim.token);
            let step = VerificationStep { pass_id, token, verification, results: Vec::new() };
            assert!(self.store.settle_verification(step).await.expect("answered"));
        }
    }
}

/// For any order of check results and changes, the store judges availability by the rules, and a pass is
/// spent exactly if the rules admit it.
pub async fn unavailable_members_are_those_of_the_rules(fixture: &dyn Fixture) {
    let store = fixture.store();
    let mut random = make::Random::new();
    let seed = random.seed;
    let mut below = |bound: usize| usize::try_from(random.below(bound as u64)).expect("small");
    let hosts = hosts::<4>().to_vec();
    let most = u32::try_from(1 + below(3)).expect("small");
    store.put_groups(vec![group("all", most, &hosts)]).await.expect("put");
    let mut checks = Vec::new();
    // The last host has no check.
    for (host, count) in hosts.iter().zip([1, 1, 2, 0]) {
        for number in 0..count {
            checks.push(make::check(&store, *host, &format!("check {number}")).await);
        }
    }
    let (passes, changing) = (BTreeMap::new(), Vec::new());
    let mut scene = Scene { store: Arc::clone(&store), hosts, checks, passes, changing };
    for turn in 0..150 {
        let place = format!("seed {seed}, turn {turn}");
        match below(8) {
            0..=2 => {
                let check = &scene.checks[below(scene.checks.len())];
                let reasons = [ReasonCode::Status, ReasonCode::Dns, ReasonCode::Ok];
                if check.definition.enabled {
                    scene.result(check, reasons[below(8).min(2)], below(8) == 0).await;
                }
            }
            3 => {
                let index = below(scene.checks.len());
                let enabled = below(3) > 0;
                let changed = make::edit(&store, &scene.checks[index], |check| {
                    check.enabled = enabled;
                    check.ignore_cert_errors = !check.ignore_cert_errors;
                });
                scene.checks[index] = changed.await;
            }
            4 | 5 => {
                let host = scene.hosts[below(scene.hosts.len())];
                let pass = match scene.passes.get(&host) {
                    Some(pass) => pass.clone(),
                    None => make::passed(&store, host, VALID).await,
                };
                scene.passes.insert(host, pass.clone());
                let before = store.groups_of(&[host]).await.expect("read");
                let busy = scene.changing.iter().any(|pass| pass.host_id == host);
                let admitted = transition::admit_to_groups(&before, host);
                let expected = admitted.or(busy.then_some(SpendRefusal::HostBusy));
                let said = spend(&store, &pass).await.err();
                assert_eq!(said, expected, "{place}: {before:?}");
                if said.is_none() {
                    scene.passes.remove(&host);
                    scene.changing.push(pass);
                }
            }
            6 if !scene.changing.is_empty() => {
                let pass = scene.changing.remove(below(scene.changing.len()));
                let end = match below(3) {
                    0 => ChangeEnd::Failed,
                    1 => ChangeEnd::Done,
                    _ => ChangeEnd::Verify(VerifyPolicy::default()),
                };
                store.end_host_change(pass.id, end).await.expect("ended");
            }
            _ => {
                let states = [VerificationState::Verified, VerificationState::Regressed];
                scene.end_a_verification(states[below(2)]).await;
            }
        }
        let status = store.groups_of(&scene.hosts).await.expect("read").remove(0);
        assert_eq!(status.unavailable, scene.unavailable().await, "{place}");
        let passed: BTreeSet<HostId> = scene.passes.keys().copied().collect();
        assert_eq!(status.passed, passed, "{place}");
        let over = scene.changing.len() > most as usize;
        assert!(!over, "{place}: {} are under change", scene.changing.len());
    }
}
