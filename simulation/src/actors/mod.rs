//! The actors of the world.

pub(crate) mod auditor;
pub(crate) mod executor;
pub(crate) mod keeper;
pub(crate) mod misfortune;
pub(crate) mod operator;
pub(crate) mod planner;
pub(crate) mod weather;
pub(crate) mod worker;
