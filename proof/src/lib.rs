//! Small worlds of gates, searched to their end: every order of the calls of workers and executors,
//! every event at every instant that matters, every call that fails or loses its answer.
//!
//! The worlds run the library itself: [`GateRunner`](healthgate::gate::GateRunner),
//! [`Gate::spend`](healthgate::gate::Gate::spend), the decisions, and the store in memory with
//! [`transition`](healthgate::store::transition). Their tasks wait for a turn before the calls of the store
//! that the configuration names, and `stateright` takes every turn. `docs/proof.md` says what that shows.

mod clock;
mod configuration;
mod digest;
mod ledger;
mod model;
mod shared;
mod store;
mod trace;
mod turns;
mod world;

pub use self::{
    configuration::{Configuration, End, Event, Executor, GatePlan, Sight},
    digest::mix,
    model::{Report, State, replay, search},
    trace::{Change, Traced, replay_trace},
    turns::{Label, Outcome, TaskId},
    world::Action,
};
