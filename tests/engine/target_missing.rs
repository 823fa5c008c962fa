//! A check that asks another host, under the poller and the real runner.

use std::{sync::Arc, time::Duration};

use healthgate::{
    checks::{CheckRunner, HttpClient, HttpClientConfig, Poller, PollerConfig},
    clock::Clock,
    crypto::{InstallId, MissingKey, OpenCause},
    model::{CheckStatus, GateState, ReasonCode},
    store::ResultStore,
    testing::ScriptedAgents,
};
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, World};

const INTERVAL: Duration = Duration::from_secs(300);

/// A check whose target host is gone says so and blocks; it asks nobody in its place.
#[test]
fn a_check_whose_target_host_is_gone_says_so_and_blocks() {
    // The runner's own deadlines are tokio's; nothing here comes near them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _context = runtime.enter();
    let world = World::new();
    let agents = ScriptedAgents::new(Arc::new(world.clock.clone()));
    let runner = CheckRunner::new(
        Arc::new(agents.clone()),
        HttpClient::new(HttpClientConfig::default()).unwrap(),
        Arc::new(MissingKey::new(OpenCause::KeyMissing)),
        InstallId::from_bytes([7; 16]),
    );
    let poller = Poller::new(
        world.store.clone(),
        Arc::new(runner),
        world.directory.clone(),
        Arc::new(world.clock.clone()),
        PollerConfig::default(),
    );
    let (poller, gates) = (poller.unwrap(), world.gates());
    let stop = CancellationToken::new();
    let both = async {
        tokio::join!(poller.run(stop.clone()), gates.run(stop.clone()));
    };
    world.play(both, async {
        let (host, target) = (world.host(1), world.host(2));
        let own = world.check(host, "own").await;
        let redundant = world.check_of(host, "redundant", Some(target)).await;
        world.clock.sleep(MINUTE).await;
        let reason = async |id| {
            let views = world.memory.views(&[host], INTERVAL * 2).await.unwrap();
            let view = views.into_iter().find(|view| view.check.id == id).unwrap();
            (view.last_result.unwrap().reason, view.status)
        };
        assert_eq!(reason(redundant.id).await, (ReasonCode::Ok, CheckStatus::Healthy));
        assert_eq!(agents.asked().len(), 2);

        world.directory.remove(target);
        world.script(&redundant, ReasonCode::TargetMissing);
        world.clock.sleep(INTERVAL).await;
        let missing = (ReasonCode::TargetMissing, CheckStatus::Unhealthy);
        assert_eq!(reason(redundant.id).await, missing);
        assert_eq!(reason(own.id).await, (ReasonCode::Ok, CheckStatus::Healthy));
        let asked: Vec<String> = agents.asked().into_iter().map(|(_, unit)| unit).collect();
        let count = |unit: &str| asked.iter().filter(|asked| *asked == unit).count();
        assert_eq!((count("own"), count("redundant")), (2, 1), "nobody else is asked for it");

        let request = world.request(host, MINUTE * 20);
        world.gate().open(request.clone()).await.unwrap();
        world.clock.sleep(MINUTE * 2).await;
        let record = world.record(&request).await;
        assert_eq!(record.state, GateState::Waiting);
    });
}
