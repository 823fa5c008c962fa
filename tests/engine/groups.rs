//! Availability groups of random fleets: no limit is ever exceeded, whichever jobs change the members, and in
//! the end no host is left that could have been changed (R3, R7, R8).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{FutureExt, future::join};
use healthgate::{
    clock::Clock,
    gate::GateError,
    model::{
        AvailabilityGroup, GateRecord, GateRequest, GateState, HoldCause, HostId, JobId, PassId,
        ReasonCode, VerifyPolicy,
    },
    store::{GateStore, Spend},
};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, World, cases};

const SECOND: Duration = Duration::from_secs(1);

/// What becomes of a host once its pass is spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// It is down, and its checks never let it pass.
    Down,
    Done,
    Verified,
    Failed,
}

/// Hosts with a fate, groups as sets of their places, and patches that last so many seconds.
#[derive(Clone, Debug)]
struct Fleet {
    fates: Vec<Fate>,
    lasts: Vec<u32>,
    exempt: Vec<bool>,
    groups: Vec<(Vec<bool>, u32)>,
}

fn fleet() -> impl Strategy<Value = Fleet> {
    use Fate::{Done, Down, Failed, Verified};
    let fate =
        prop_oneof![1 => Just(Down), 4 => Just(Done), 3 => Just(Verified), 2 => Just(Failed)];
    let host = (fate, 1_u32..120, prop::bool::weighted(0.1));
    let group = (proptest::collection::vec(prop::bool::weighted(0.7), 8), 1_u32..4);
    let hosts = proptest::collection::vec(host, 2..8);
    (hosts, proptest::collection::vec(group, 1..3)).prop_map(|(hosts, groups)| {
        let mut fleet = Fleet { fates: vec![], lasts: vec![], exempt: vec![], groups };
        for (fate, lasts, exempt) in hosts {
            fleet.fates.push(fate);
            fleet.lasts.push(lasts);
            fleet.exempt.push(exempt && fate != Down);
        }
        fleet
    })
}

struct Scene<'a> {
    world: &'a World,
    fates: BTreeMap<HostId, (Fate, u32)>,
    groups: Vec<AvailabilityGroup>,
    jobs: Vec<JobId>,
}

impl<'a> Scene<'a> {
    /// Every second host has a job of its own.
    async fn begin(world: &'a World, fleet: &Fleet) -> Self {
        let hosts: Vec<HostId> = (1..).take(fleet.fates.len()).map(|n| world.host(n)).collect();
        let group = |(index, (chosen, most)): (usize, &(Vec<bool>, u32))| AvailabilityGroup {
            name: format!("group {index}"),
            max_unavailable: *most,
            stale_after: MINUTE * 10,
            members: hosts.iter().zip(chosen).filter(|one| *one.1).map(|one| *one.0).collect(),
        };
        let groups: Vec<_> = fleet.groups.iter().enumerate().map(group).collect();
        world.gate().set_groups(groups.clone()).await.unwrap();
        let (shared, mut jobs, mut fates) = (JobId::generate(), Vec::new(), BTreeMap::new());
        for (index, host) in hosts.iter().enumerate() {
            let (fate, lasts) = (fleet.fates[index], fleet.lasts[index]);
            if fate == Fate::Down {
                let check = world.check(*host, "nginx").await;
                world.script(&check, ReasonCode::ServiceUnhealthy);
            }
            fates.insert(*host, (fate, lasts));
            let job_id = if index % 2 == 0 { shared } else { JobId::generate() };
            jobs.push(job_id);
            let request = world.request(*host, MINUTE * 60 * 20);
            let request = GateRequest { job_id, exempt: fleet.exempt[index], ..request };
            world.gate().open(request).await.unwrap();
        }
        jobs.sort_unstable();
        jobs.dedup();
        Self { world, fates, groups, jobs }
    }

    async fn gates(&self) -> Vec<GateRecord> {
        let mut gates = Vec::new();
        for job in &self.jobs {
            gates.extend(self.world.memory.gates_of(*job).await.unwrap());
        }
        gates
    }

    /// The other members of a group that are down or under change.
    fn others(
        &self,
        group: &AvailabilityGroup,
        host: HostId,
        changing: &BTreeSet<HostId>,
    ) -> usize {
        let others = group.members.iter().filter(|other| **other != host);
        others.filter(|host| changing.contains(host) || self.fates[host].0 == Fate::Down).count()
    }

    /// Spends every pass that is there and reports every patch that is over, until nothing moves. Answers
    /// with the hosts that went.
    async fn patch_all(&self) -> BTreeSet<HostId> {
        let gate = self.world.gate();
        let mut running: Vec<(DateTime<Utc>, PassId, HostId)> = Vec::new();
        let mut verifying: Vec<(JobId, HostId)> = Vec::new();
        let (mut quiet, mut went) = (0, BTreeSet::new());
        // Longer than a retry and a verification.
        while quiet < 20 * 60 {
            quiet += 1;
            let now = self.world.now();
            let mut still = Vec::new();
            for (job, host) in verifying.drain(..) {
                let changes = self.world.memory.host_changes(&[host]).await.unwrap();
                if changes[0].is_being_verified() {
                    still.push((job, host));
                }
            }
            verifying = still;
            for record in self.gates().await {
                if record.state != GateState::Passed {
                    continue;
                }
                let changing: BTreeSet<HostId> = running.iter().map(|one| one.2).collect();
                let verified = verifying.iter().map(|one| one.1);
                let changing: BTreeSet<HostId> = changing.into_iter().chain(verified).collect();
                let spend = gate.spend(record.pass.as_ref().unwrap()).await.unwrap();
                let Spend::Spent(spent) = spend else { continue };
                quiet = 0;
                let host = spent.host_id;
                for group in self.groups.iter().filter(|group| group.members.contains(&host)) {
                    let others = self.others(group, host, &changing);
                    assert!(others < group.max_unavailable as usize, "R7: {others}: {group:?}");
                }
                went.insert(host);
                let lasts = TimeDelta::seconds(self.fates[&host].1.into());
                running.push((now + lasts, spent.pass.unwrap().id, host));
            }
            let (over, still): (Vec<_>, Vec<_>) = running.into_iter().partition(|one| one.0 <= now);
            running = still;
            for (_, pass, host) in over {
                quiet = 0;
                match self.fates[&host].0 {
                    Fate::Failed => drop(gate.failed(pass).await.unwrap()),
                    Fate::Verified => {
                        let policy =
                            VerifyPolicy { settle: SECOND * 20, ..VerifyPolicy::default() };
                        let change = gate.verify(pass, policy).await.unwrap();
                        verifying.push((change.job_id, host));
                    }
                    Fate::Done | Fate::Down => drop(gate.finished(pass).await.unwrap()),
                }
            }
            self.world.clock.sleep(SECOND).await;
        }
        went
    }

    /// Who is left is down itself, or in a group that has as many down as it allows.
    async fn settled(&self, went: &BTreeSet<HostId>) {
        let none = BTreeSet::new();
        for record in self.gates().await {
            let host = record.host_id;
            let full = |group: &&AvailabilityGroup| {
                group.members.contains(&host)
                    && self.others(group, host, &none) >= group.max_unavailable as usize
            };
            let held = self.groups.iter().find(full);
            let down = self.fates[&host].0 == Fate::Down;
            assert_eq!(went.contains(&host), held.is_none() && !down, "R7: {record:?}");
            if let Some(group) = held {
                assert_eq!(record.hold, Some(HoldCause::Group), "R3: {record:?}");
                assert!(record.detail.starts_with("waiting for its group: "), "{}", record.detail);
                assert!(record.detail.contains(&group.name), "{}: {group:?}", record.detail);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(150), failure_persistence: None, ..ProptestConfig::default() })]

    /// Two runners and many jobs keep the limits of the groups, and leave nobody who could go.
    #[test]
    fn r3_r7_groups_keep_their_limits_and_let_everybody_else_go(fleet in fleet()) {
        let world = World::new();
        let runners = join(
            async { world.gates().run(CancellationToken::new()).await },
            async { world.gates().run(CancellationToken::new()).await },
        );
        world.play(runners.map(|_| ()), async {
            let scene = Scene::begin(&world, &fleet).await;
            let went = scene.patch_all().await;
            scene.settled(&went).await;
        });
    }
}

/// Groups that make no sense are refused, and nothing of them is stored.
#[test]
fn groups_that_make_no_sense_are_refused() {
    let world = World::new();
    world.play(async {}, async {
        let group = |name: &str, most| AvailabilityGroup {
            name: name.to_owned(),
            max_unavailable: most,
            stale_after: MINUTE,
            members: [world.host(1)].into(),
        };
        let long = "x".repeat(256);
        for groups in [
            vec![group("web", 0)],
            vec![group("", 1)],
            vec![group(&long, 1)],
            vec![group("a\0b", 1)],
            vec![group("web", 1), group("web", 2)],
            vec![AvailabilityGroup { stale_after: Duration::ZERO, ..group("web", 1) }],
        ] {
            let refused = world.gate().set_groups(groups.clone()).await;
            assert!(matches!(refused, Err(GateError::Invalid(_))), "{groups:?}");
        }
        assert!(world.gate().groups_of(&[world.host(1)]).await.unwrap().is_empty());
    });
}
