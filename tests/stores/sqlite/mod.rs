//! The store in a SQLite file: what is beyond the contract that every store keeps.

mod epochs;
mod faults;
mod figures;
mod file;
mod hooks;
mod scale;
mod support;
mod turns;
mod unreadable;
