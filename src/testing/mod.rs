//! What other projects' test suites need (feature `testing`).
//!
//! | for | take |
//! | --- | --- |
//! | all of it at once: clock, store, hosts, answers | [`World`] |
//! | time | [`ManualClock`](crate::clock::ManualClock), which needs no feature |
//! | checks that answer as you like | [`ScriptedRunner`]; [`ScriptedAgents`] where the runner is real |
//! | a store that breaks | [`FaultyStore`] over any store |
//! | hosts, checks, windows, gates | [`fixtures`] |
//! | a call that must or must not happen | [`MockAgentTransport`], [`MockCheckStore`], [`MockClock`], by mockall |
//! | runs that are the same every time | [`SeededIds`] |

mod agents;
mod faulty_store;
pub mod fixtures;
// Not for other projects.
#[cfg(feature = "http")]
#[doc(hidden)]
pub mod hostile;
mod runner;
mod script;
mod world;

pub use self::{
    agents::ScriptedAgents,
    faulty_store::{Fault, FaultRule, FaultyStore, Moment, Operation},
    runner::{RunRecord, ScriptedRunner},
    script::Answer,
    world::World,
};
pub use crate::{
    checks::MockAgentTransport, clock::MockClock, model::SeededIds, store::MockCheckStore,
};
