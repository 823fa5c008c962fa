//! Recurring windows: their definitions and their occurrences.

mod calendar;
mod definitions;
mod properties;
