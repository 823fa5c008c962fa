//! Code that both databases share: conversion between columns and values.

mod attempt;
mod audit;
mod check;
mod gate;
mod host_change;
mod json;
mod result;
mod rollout;
mod summary;
mod unreadable;

pub(super) use self::{
    attempt::read_attempt,
    audit::{AuditWords, read_audit},
    check::CheckColumns,
    gate::{GateColumns, GateTimes, StoredGate, sound},
    host_change::{outcome_word, with_verification},
    json::{from_json, from_word, to_json, to_word},
    result::ResultColumns,
    rollout::{RolloutColumns, host_count},
    summary::SummaryColumns,
    unreadable::{readable, unreadable_words},
};
