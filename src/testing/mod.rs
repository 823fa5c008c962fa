//! What other projects' test suites need: a store that fails when it is told to.
//!
//! The clock that moves by hand is [`clock::ManualClock`](crate::clock::ManualClock), and needs no
//! feature.

mod faulty_store;

pub use self::faulty_store::{Fault, FaultRule, FaultyStore, Operation};
