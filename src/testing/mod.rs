//! Test helpers for applications (feature `testing`).
//!
//! | for | use |
//! | --- | --- |
//! | clock, store, hosts and answers at once | [`World`] |
//! | time | [`ManualClock`](crate::clock::ManualClock), which needs no feature |
//! | scripted answers of checks | [`ScriptedRunner`], or [`ScriptedAgents`] with the real runner |
//! | a store that fails on demand | [`FaultyStore`] over any store |
//! | hosts, checks, windows, gates | [`fixtures`] |
//! | expectations on calls | [`MockAgentTransport`], [`MockAgentLink`], [`MockCheckStore`], [`MockClock`], [`MockHealthSource`], [`MockWindowSource`], from mockall |
//! | reproducible runs | [`SeededIds`] |

mod agents;
mod faulty_store;
pub mod fixtures;
// Not for other projects.
#[cfg(feature = "http")]
#[doc(hidden)]
pub mod hostile;
mod mocks;
mod runner;
mod script;
mod world;

pub use self::{
    agents::ScriptedAgents,
    faulty_store::{Fault, FaultRule, FaultyStore, Moment, Operation},
    mocks::{MockHealthSource, MockWindowSource},
    runner::{RunRecord, ScriptedRunner},
    script::Answer,
    world::World,
};
pub use crate::{
    checks::{MockAgentLink, MockAgentTransport},
    clock::MockClock,
    model::SeededIds,
    store::MockCheckStore,
};
