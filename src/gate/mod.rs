//! The gate: whether a job may touch a host now.

pub mod recurrence;
