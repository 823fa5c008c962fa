//! In which order attempts of gates take places, where there are too few.

use std::time::Duration;

use healthgate::{
    checks::Capacity,
    clock::Clock,
    model::{EndReason, GateRequest, JobId, ReasonCode},
};
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, Script, World};

/// Four places and 30 dead hosts that are tried again every minute do not keep a healthy host that
/// closes last from its first attempt.
#[test]
fn f137_retries_of_dead_hosts_do_not_keep_a_healthy_one_from_its_attempt() {
    for (dead, healthy) in [(30_u128, 1_u128), (30, 5), (60, 3)] {
        let mut world = World::new();
        (world.policy.retry, world.policy.live_only) = (MINUTE, true);
        let runner = world.gates().with_capacity(Capacity::split(4, 4));
        world.play(runner.run(CancellationToken::new()), async {
            let mut requests = Vec::new();
            for number in 1..=dead {
                let host = world.host(number);
                let check = world.check(host, "a").await;
                let timeout = Duration::from_secs(10);
                world.script_as(&check, Script::Answer(ReasonCode::TimeoutHead, timeout));
                let window = world.window(Duration::ZERO, MINUTE * 20);
                let request = GateRequest::new(JobId::generate(), host, window);
                world.gate().open(request.clone()).await.unwrap();
                requests.push(request);
            }
            // They are older, and close earlier.
            world.clock.sleep(MINUTE * 3).await;
            for number in 1..=healthy {
                let host = world.host(1_000 + number);
                world.check(host, "a").await;
                let request = world.request(host, MINUTE * 30);
                world.gate().open(request.clone()).await.unwrap();
                requests.push(request);
            }
            world.clock.sleep(MINUTE * 2).await;
            for request in &requests[usize::try_from(dead).unwrap()..] {
                let record = world.record(request).await;
                assert!(record.pass.is_some(), "{dead} dead: {}", record.detail);
            }
            // Nor do first attempts keep retries from theirs.
            world.clock.sleep(MINUTE * 15 + Duration::from_secs(5)).await;
            for request in &requests[..usize::try_from(dead).unwrap()] {
                let record = world.record(request).await;
                assert!(record.attempts >= 2, "{} attempts", record.attempts);
                assert_eq!(record.end_reason, Some(EndReason::WindowClosed));
            }
        });
    }
}
