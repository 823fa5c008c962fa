//! Budgets of instructions and allocations for what runs most often. Valgrind counts both, so the figures do not
//! depend on the load of the machine. `scripts/check-cost` runs it, and fails where a budget is exceeded.
//!
//! A budget is about a tenth above the measured count: compilers and dependencies move it a little. Raise one only
//! for a reason, which the commit names.

// What the macros of gungraun write has no documentation, and long paths.
#![allow(missing_docs, unused_qualifications)]

use std::{hint::black_box, time::Duration};

use gungraun::{
    Callgrind, Dhat, DhatMetric, EventKind, LibraryBenchmarkConfig, library_benchmark,
    library_benchmark_group, main,
};
use healthgate::{
    checks::schedule::next_slot,
    crypto::{KeyRing, SealContext, Sealer},
    gate::decide::decide,
    model::{HostId, Password, ReasonCode, SealedSecret},
};
use healthgate_benches::{BodyScene, GateScene, HostScene, now, secret};
use uuid::Uuid;

/// At most so many instructions and allocated blocks.
fn budget(instructions: u64, blocks: u64) -> LibraryBenchmarkConfig {
    LibraryBenchmarkConfig::default()
        .tool(Callgrind::default().hard_limits([(EventKind::Ir, instructions)]))
        .tool(Dhat::default().hard_limits([(DhatMetric::TotalBlocks, blocks)]))
        .clone()
}

#[library_benchmark(config = budget(1, 1))]
#[bench::healthy(GateScene::new(ReasonCode::Ok))]
#[bench::one_failing(GateScene::new(ReasonCode::ServiceUnhealthy))]
fn decide_five_checks(scene: GateScene) -> GateScene {
    black_box(decide(black_box(&scene.input())));
    scene
}

#[library_benchmark(config = budget(1, 1))]
fn next_slot_of_a_host() {
    let host = HostId::from_uuid(Uuid::from_u128(7));
    black_box(next_slot(black_box(host), Duration::from_secs(300), black_box(now())));
}

#[library_benchmark(config = budget(1, 1))]
#[bench::last(BodyScene::default())]
fn search_of_256_kib(scene: BodyScene) -> BodyScene {
    black_box(black_box(&scene).search());
    scene
}

#[library_benchmark(config = budget(1, 1))]
#[bench::password(secret())]
fn seal(scene: (KeyRing, SealContext, Password)) -> (KeyRing, SealContext, Password) {
    let (ring, context, password) = &scene;
    black_box(ring.seal(black_box(context), black_box(password))).expect("sealed");
    scene
}

fn sealed() -> (KeyRing, SealContext, SealedSecret) {
    let (ring, context, password) = secret();
    let sealed = ring.seal(&context, &password).expect("sealed");
    (ring, context, sealed)
}

#[library_benchmark(config = budget(1, 1))]
#[bench::password(sealed())]
fn open(scene: (KeyRing, SealContext, SealedSecret)) -> (KeyRing, SealContext, SealedSecret) {
    let (ring, context, sealed) = &scene;
    black_box(ring.open(black_box(context), black_box(sealed))).expect("opened");
    scene
}

/// The second run: the first one makes what is made once.
fn warm() -> HostScene {
    let scene = HostScene::default();
    assert_eq!(scene.run(), 5);
    scene
}

#[library_benchmark(config = budget(1, 1))]
#[bench::five_services(warm())]
fn run_of_a_host(scene: HostScene) -> HostScene {
    black_box(black_box(&scene).run());
    scene
}

library_benchmark_group!(
    name = costs;
    benchmarks = decide_five_checks, next_slot_of_a_host, search_of_256_kib, seal, open, run_of_a_host
);

main!(library_benchmark_groups = costs);
