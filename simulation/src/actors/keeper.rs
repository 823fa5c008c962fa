//! Operators who limit groups of hosts, and change the limits.

use std::time::Duration;

use healthgate::{model::AvailabilityGroup, store::GroupStore, testing::fixtures};

use crate::{rng::Rng, world::World};

/// Longer than the hosts' polling interval, and shorter than most silences.
const STALE_AFTER: Duration = Duration::from_secs(720);

/// Sets groups, some of which share hosts, and replaces them after some hours.
pub(crate) async fn keep_groups(world: World, mut rng: Rng) {
    while !world.is_evening() {
        let count = rng.below(2) + 1;
        let mut group = |number: u64| {
            let hosts = (1..=world.settings.hosts).map(fixtures::host);
            let members = hosts.filter(|_| rng.chance(700)).collect();
            let max_unavailable = if rng.chance(600) { 1 } else { 2 };
            let name = format!("group {number}");
            AvailabilityGroup { name, max_unavailable, stale_after: STALE_AFTER, members }
        };
        let groups: Vec<_> = (1..=count).map(&mut group).collect();
        let (store, eyes) = world.store(&world.store_clock);
        while store.put_groups(groups.clone()).await.is_err() {
            world.sleep(rng.seconds(1, 30)).await;
        }
        world.checker().close(eyes);
        world.sleep(rng.minutes(120, 900)).await;
    }
}
