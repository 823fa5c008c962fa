//! The decision of a gate held against the invariants G1 to G38, with instants aimed at the borders.

mod explain;
mod freezes;
mod model;
mod properties;
mod rollouts;
mod scene;
mod sources;
mod trace;
mod verdicts;
mod verifying;
mod vocabulary;

pub(crate) use self::properties::config;
